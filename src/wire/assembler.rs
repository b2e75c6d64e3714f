//! Whole frames from a byte stream that reads have cut anywhere.

use core::{fmt, mem};

use super::buffer::Buffer;
use super::frame::{Frame, FrameError, payload_len};
use crate::Limits;

/// Divides a byte stream into frames, whatever the size of the reads.
///
/// A frame that lies whole in the input is borrowed from it. Only a frame that was cut by reads is collected, and each of
/// its bytes is copied into the storage once. The cost is linear in the bytes even if they arrive one at a time.
///
/// `B` is a `Vec<u8>`, or memory of the caller (`&mut [u8]`, `[u8; N]`). Fixed memory limits the payload: a frame that is
/// larger is an error, even if it lies whole in the input.
///
/// # Memory
/// 64 bytes and the storage. A vector grows to at most [`Limits::max_receive_payload`] bytes, and never beyond twice the
/// bytes that arrived of a frame that was cut: bytes that a length field announces need no memory until they arrive.
/// While it grows, its old and its new memory exist at the same time. It keeps its memory for later frames, until
/// [`release`](Self::release). If the limit changes, the largest one counts.
///
/// # Examples
/// ```
/// use milter_proto::wire::{Assembler, Command, Frame};
///
/// let mut assembler = Assembler::new(Vec::new());
/// let mut input: &[u8] = b"\0\0\0\x03H";
/// assert_eq!(assembler.next_frame(&mut input)?, None); // everything is taken: read more
/// let mut input: &[u8] = b"c\0\0\0\0\x01Q";
/// assert_eq!(assembler.next_frame(&mut input)?, Some(Frame::new(b'H', b"c\0")));
/// assert_eq!(assembler.next_frame(&mut input)?, Some(Frame::new(b'Q', b"")));
/// assert_eq!(assembler.next_frame(&mut input)?, None);
/// # Ok::<(), milter_proto::wire::FrameError>(())
/// ```
///
/// # Source
/// SPEC_NOTES FRM-1 to FRM-8.
pub struct Assembler<B> {
    buffer: B,
    head: [u8; Frame::HEAD_LEN],
    /// Bytes of the head that are held back. 0 once the frame was given out.
    held: usize,
    /// Bytes of payload that are held back after a whole head.
    kept: usize,
    /// Bytes of payload that the held frame will have; known once its length is.
    payload: usize,
    limits: Limits,
    broken: Option<FrameError>,
}

impl<B: Buffer> Assembler<B> {
    /// Starts at the beginning of a stream, with the default limits.
    pub const fn new(buffer: B) -> Self {
        Self::with_limits(buffer, Limits::DEFAULT)
    }

    /// Starts at the beginning of a stream.
    pub const fn with_limits(buffer: B, limits: Limits) -> Self {
        let head = [0; Frame::HEAD_LEN];
        Self { buffer, head, held: 0, kept: 0, payload: 0, limits, broken: None }
    }

    /// Takes the next whole frame from the front of `input`.
    ///
    /// A frame that lies whole in `input` is borrowed from it. A frame that was cut by earlier reads is borrowed from the
    /// storage of the assembler and stays valid until the next call. `Ok(None)` means that `input` is empty: read more and
    /// call again.
    ///
    /// # Errors
    /// [`FrameError`], as soon as the four length bytes are known and before anything of the frame is kept. The position
    /// in the stream is lost then, and every later call returns the same error.
    ///
    /// # Source
    /// `mi_rd_cmd` in libmilter/comm.c. SPEC_NOTES FRM-1, FRM-3, FRM-5.
    #[inline]
    pub fn next_frame<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Frame<'s>>, FrameError> {
        if self.held == 0 {
            if let Ok(Some((frame, rest))) = Frame::split(input, self.limits_in_force()) {
                *input = rest;
                return Ok(Some(frame));
            }
        }
        if !self.collect(input) {
            return self.broken.map_or(Ok(None), Err);
        }
        (self.held, self.kept) = (0, 0);
        let [.., code] = self.head;
        let payload = self.buffer.bytes().get(..self.payload).unwrap_or_default();
        Ok(Some(Frame::new(code, payload)))
    }

    /// Returns whether [`next_frame`](Self::next_frame) would return a frame.
    ///
    /// A frame that lies whole at the front of `input` stays there, so nothing is copied. A frame that was cut by reads is
    /// collected. `Ok(false)` means that `input` is empty: read more and call again.
    ///
    /// The result borrows nothing, so a function that reads in a loop can return what `next_frame` borrows after the loop.
    ///
    /// # Errors
    /// The [`FrameError`] that `next_frame` would return.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{Assembler, Frame};
    ///
    /// let mut assembler = Assembler::new([0; 64]);
    /// let mut input: &[u8] = b"\0\0\0";
    /// assert_eq!(assembler.fill(&mut input), Ok(false));
    /// let mut input: &[u8] = b"\x01Q\0\0\0\x01A";
    /// assert_eq!(assembler.fill(&mut input), Ok(true));
    /// assert_eq!(assembler.next_frame(&mut input), Ok(Some(Frame::new(b'Q', b""))));
    /// assert_eq!(assembler.fill(&mut input), Ok(true));
    /// assert_eq!(input.len(), 5); // it lies whole in the input
    /// ```
    pub fn fill(&mut self, input: &mut &[u8]) -> Result<bool, FrameError> {
        if self.held == 0 && matches!(Frame::split(input, self.limits_in_force()), Ok(Some(_))) {
            return Ok(true);
        }
        if self.collect(input) { Ok(true) } else { self.broken.map_or(Ok(false), Err) }
    }

    /// Adds input to the frame that is held back, and returns whether the frame is whole.
    #[inline(never)]
    fn collect(&mut self, input: &mut &[u8]) -> bool {
        if self.held < Frame::HEAD_LEN && !self.collect_head(input) {
            return false;
        }
        let kept = self.kept;
        let Some((new, rest)) = input.split_at_checked(self.payload.wrapping_sub(kept)) else {
            let new = mem::take(input);
            self.kept = kept.wrapping_add(new.len());
            self.buffer.put(kept, new, self.payload);
            return false;
        };
        *input = rest;
        self.kept = self.payload;
        self.buffer.put(kept, new, self.payload);
        true
    }

    /// Adds input to the head that is held back, and returns whether the head is whole.
    ///
    /// A broken stream never comes further than its length.
    #[inline(never)]
    fn collect_head(&mut self, input: &mut &[u8]) -> bool {
        if self.broken.is_some() {
            return false;
        }
        while let Some(slot) = self.head.get_mut(self.held) {
            let Some((&byte, rest)) = input.split_first() else { return false };
            *slot = byte;
            *input = rest;
            self.held = self.held.saturating_add(1);
            if let (4, Some(&length)) = (self.held, self.head.first_chunk::<4>()) {
                match payload_len(length, self.limits_in_force().max_receive_payload()) {
                    Ok(len) => self.payload = len,
                    Err(error) => {
                        self.broken = Some(error);
                        return false;
                    }
                }
            }
        }
        self.buffer.clear();
        true
    }

    /// The limits, with the storage's own bound taken into account.
    #[inline]
    fn limits_in_force(&self) -> Limits {
        match self.buffer.capacity() {
            Some(room) if room < self.limits.max_receive_payload() => {
                self.limits.with_max_receive_payload(room)
            }
            _ => self.limits,
        }
    }

    /// Changes the limits from the next frame on, for example after a larger data size was negotiated.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Starts at the beginning of another stream, with the same storage.
    ///
    /// It drops an unfinished frame and an error. Call it before you use the assembler for another connection; otherwise
    /// the bytes of two peers would be joined.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{Assembler, Frame};
    ///
    /// let mut assembler = Assembler::new([0; 64]);
    /// assembler.next_frame(&mut &b"\0\0\0\x09Hleft"[..])?;
    /// assembler.reset();
    /// assert_eq!(assembler.pending(), 0);
    /// assert_eq!(assembler.next_frame(&mut &b"\0\0\0\x01Q"[..])?, Some(Frame::new(b'Q', b"")));
    /// # Ok::<(), milter_proto::wire::FrameError>(())
    /// ```
    pub const fn reset(&mut self) {
        (self.held, self.kept, self.payload) = (0, 0, 0);
        self.broken = None;
    }

    /// Frees the storage, unless it holds an unfinished frame.
    ///
    /// Call it when a connection becomes idle: the connection then holds no buffer at all.
    pub fn release(&mut self) {
        if self.held == 0 {
            self.buffer.release(0);
        }
    }

    /// How many bytes of an unfinished frame are stored.
    ///
    /// At the end of a stream, any number but 0 means that the peer stopped in the middle of a frame.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.held.saturating_add(self.kept)
    }

    /// How many bytes are missing at least until the next frame is complete: a hint for how much to read.
    ///
    /// The number is what the peer claims, up to [`Limits::max_receive_payload`], and may be over a megabyte after only four
    /// bytes. Do not allocate that much.
    #[must_use]
    pub const fn missing(&self) -> usize {
        match self.pending() {
            held @ 0..=3 => Frame::HEAD_LEN.saturating_sub(held),
            held => Frame::HEAD_LEN.saturating_add(self.payload).saturating_sub(held),
        }
    }
}

impl<B> fmt::Debug for Assembler<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembler")
            .field("held", &self.held)
            .field("limits", &self.limits)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}
