//! Storage for the bytes of a peer.

/// Storage for bytes: a `Vec<u8>`, or memory of the caller (`&mut [u8]`, `[u8; N]`).
///
/// An [`Assembler`](super::Assembler) stores unfinished frames in it, and a [`MacroStore`](crate::macros::MacroStore) stores
/// macros. This trait is sealed and cannot be implemented outside this crate.
pub trait Buffer: sealed::Buffer {}

impl Buffer for &mut [u8] {}
impl<const N: usize> Buffer for [u8; N] {}
#[cfg(feature = "alloc")]
impl Buffer for alloc::vec::Vec<u8> {}

mod sealed {
    #[expect(unnameable_types, reason = "it seals the public trait")]
    pub trait Buffer {
        /// Bytes that fit, if that is bounded.
        fn capacity(&self) -> Option<u32>;
        /// Writes `new` after the first `kept` bytes. There will be at most `most` bytes.
        fn put(&mut self, kept: usize, new: &[u8], most: usize);
        /// Tries to have `bytes` bytes, but not more than `most`, and returns how many there are.
        fn make_room(&mut self, bytes: usize, most: usize) -> usize;
        /// Forgets the bytes, but keeps the memory.
        fn clear(&mut self) {}
        /// Frees the memory after the first `used` bytes.
        fn release(&mut self, _used: usize) {}
        fn bytes(&self) -> &[u8];
        fn bytes_mut(&mut self) -> &mut [u8];
    }
}

impl sealed::Buffer for &mut [u8] {
    #[inline]
    fn capacity(&self) -> Option<u32> {
        u32::try_from(self.len()).ok()
    }

    #[inline]
    fn put(&mut self, kept: usize, new: &[u8], _most: usize) {
        if let Some(free) = self.get_mut(kept..).and_then(|free| free.get_mut(..new.len())) {
            free.copy_from_slice(new);
        }
    }

    fn make_room(&mut self, _bytes: usize, _most: usize) -> usize {
        self.len()
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl<const N: usize> sealed::Buffer for [u8; N] {
    #[inline]
    fn capacity(&self) -> Option<u32> {
        u32::try_from(N).ok()
    }

    #[inline]
    fn put(&mut self, kept: usize, new: &[u8], most: usize) {
        self.as_mut_slice().put(kept, new, most);
    }

    fn make_room(&mut self, _bytes: usize, _most: usize) -> usize {
        N
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}

#[cfg(feature = "alloc")]
impl sealed::Buffer for alloc::vec::Vec<u8> {
    #[inline]
    fn capacity(&self) -> Option<u32> {
        None
    }

    #[inline]
    fn put(&mut self, kept: usize, new: &[u8], most: usize) {
        match *new {
            // A peer that sends single bytes must not cost a call of memcpy for each.
            [byte] if self.len() < self.capacity() => self.push(byte),
            _ => put_all(self, kept, new, most),
        }
    }

    fn make_room(&mut self, bytes: usize, most: usize) -> usize {
        if bytes > self.len() && bytes <= most {
            reserve(self, bytes, most);
            self.resize(bytes, 0);
        }
        self.len()
    }

    #[inline]
    fn clear(&mut self) {
        Self::clear(self);
    }

    fn release(&mut self, used: usize) {
        self.truncate(used);
        self.shrink_to_fit();
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}

#[cfg(feature = "alloc")]
#[inline(never)]
fn put_all(bytes: &mut alloc::vec::Vec<u8>, kept: usize, new: &[u8], most: usize) {
    reserve(bytes, kept.saturating_add(new.len()), most);
    bytes.extend_from_slice(new);
}

/// Makes room for `needed` bytes: for twice as many as before, but for no more than `most` of them.
#[cfg(feature = "alloc")]
fn reserve(bytes: &mut alloc::vec::Vec<u8>, needed: usize, most: usize) {
    let room = bytes.capacity();
    if room < needed {
        let room = room.saturating_mul(2).min(most).max(needed);
        bytes.reserve_exact(room.saturating_sub(bytes.len()));
    }
}
