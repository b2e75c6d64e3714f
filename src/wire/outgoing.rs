//! A frame to be sent: a few inline bytes, and the rest borrowed.

use core::fmt;

use super::error::{BufferTooSmall, TooLong};
use super::text::Text;
use crate::Limits;

/// Bytes before a payload: its length and the code.
pub(super) const HEAD_LEN: usize = 5;

const MAX_SEGMENTS: usize = 5;

/// One encoded frame, in at most [`MAX_SEGMENTS`](Self::MAX_SEGMENTS) pieces.
///
/// The frame contains its head and small fields; names, values, lists and body chunks are borrowed from the caller. Write
/// the pieces with one vectored write, or append them to a buffer, together with all other frames of the same turn:
/// separate small writes can cost 40 ms each because of Nagle's algorithm.
///
/// # Examples
/// ```
/// use milter_proto::wire::{Command, Text};
///
/// let helo = Command::Helo { name: Text::new(b"mx.example")? };
/// let mut buffer = [0; 64];
/// let len = helo.encode().write_to(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"\0\0\0\x0cHmx.example\0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
#[must_use = "a frame that is not written leaves the peer waiting"]
pub struct OutgoingFrame<'a>(Shape<'a>);

/// Most replies are a code and nothing else, and need not be moved around as pieces.
#[derive(Clone, Copy)]
enum Shape<'a> {
    Bare(u8),
    Pieces(Pieces<'a>),
}

impl<'a> OutgoingFrame<'a> {
    /// The largest number of pieces that a frame consists of.
    pub const MAX_SEGMENTS: usize = MAX_SEGMENTS;

    /// A frame without payload.
    #[inline]
    pub(crate) const fn bare(code: u8) -> Self {
        Self(Shape::Bare(code))
    }

    /// A frame of two NUL-terminated texts.
    #[inline]
    pub(super) fn texts(code: u8, first: Text<'a>, second: Text<'a>) -> Self {
        Pieces::new(code).text(first, &[]).last_text(second)
    }

    /// Bytes of the whole frame.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        match &self.0 {
            Shape::Bare(_) => HEAD_LEN,
            Shape::Pieces(pieces) => pieces.len,
        }
    }

    /// Whether the frame has no bytes: never, since it has a head.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the frame if its payload is within the sending limit.
    ///
    /// # Errors
    /// [`TooLong`], with both sizes.
    pub fn within(self, limits: Limits) -> Result<Self, TooLong> {
        if self.is_within(limits) {
            Ok(self)
        } else {
            Err(TooLong { payload: self.len().saturating_sub(5), limit: limits.max_send_payload() })
        }
    }

    #[inline]
    pub(crate) fn is_within(&self, limits: Limits) -> bool {
        let payload = u32::try_from(self.len().saturating_sub(5));
        payload.is_ok_and(|payload| payload <= limits.max_send_payload() && payload < u32::MAX)
    }

    /// The pieces, in order. None of them is empty.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces().into_iter().filter(|piece| !piece.is_empty())
    }

    #[inline]
    fn pieces(&self) -> [&[u8]; MAX_SEGMENTS] {
        match &self.0 {
            Shape::Bare(code) => [&[0, 0, 0, 1], core::slice::from_ref(code), &[], &[], &[]],
            Shape::Pieces(pieces) => pieces.in_order(),
        }
    }

    /// The code, and a copy of the payload.
    #[cfg(feature = "alloc")]
    pub(super) fn to_parts(self) -> (u8, alloc::vec::Vec<u8>) {
        match &self.0 {
            Shape::Bare(code) => (*code, alloc::vec::Vec::new()),
            Shape::Pieces(pieces) => pieces.to_parts(),
        }
    }

    /// Writes the frame to the front of `buffer`, and returns its length.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; nothing was written.
    pub fn write_to(&self, buffer: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let (needed, available) = (self.len(), buffer.len());
        let Some(mut free) = buffer.get_mut(..needed) else {
            return Err(BufferTooSmall { needed, available });
        };
        for piece in self.pieces() {
            let Some((target, rest)) = free.split_at_mut_checked(piece.len()) else { break };
            target.copy_from_slice(piece);
            free = rest;
        }
        Ok(needed)
    }

    /// Appends the frame to `buffer`.
    // Always inline: where the kind of the frame is known, all but one of the branches disappear.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    pub fn append_to(&self, buffer: &mut alloc::vec::Vec<u8>) {
        match &self.0 {
            Shape::Bare(code) => buffer.extend_from_slice(&[0, 0, 0, 1, *code]),
            Shape::Pieces(pieces) => pieces.append_to(buffer),
        }
    }

    /// Points `slots` to the pieces, for one vectored write, and returns the slots that are used.
    ///
    /// # Examples
    /// ```
    /// use std::io::{IoSlice, Write};
    /// use milter_proto::wire::{Command, OutgoingFrame};
    ///
    /// let body = Command::Body { chunk: b"line\r\n" }.encode();
    /// let mut slots = [IoSlice::new(&[]); OutgoingFrame::MAX_SEGMENTS];
    /// let written = Vec::new().write_vectored(body.io_slices(&mut slots))?;
    /// assert_eq!(written, body.len());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn io_slices<'s, 'b>(
        &'s self,
        slots: &'b mut [std::io::IoSlice<'s>; MAX_SEGMENTS],
    ) -> &'b mut [std::io::IoSlice<'s>] {
        let mut used = 0_usize;
        for (slot, piece) in slots.iter_mut().zip(self.segments()) {
            *slot = std::io::IoSlice::new(piece);
            used = used.saturating_add(1);
        }
        slots.get_mut(..used).unwrap_or_default()
    }
}

/// The pieces of a frame that has a payload, while it is put together and after that.
#[derive(Clone, Copy)]
pub(super) struct Pieces<'a> {
    /// Length, code, and up to twelve bytes of fixed fields.
    head: Inline<17>,
    first: &'a [u8],
    /// The bytes between the two borrowed pieces: a NUL, or a NUL, family and port.
    middle: Inline<4>,
    second: &'a [u8],
    /// Whether a NUL ends the frame.
    is_terminated: bool,
    /// Bytes of all of it, once it is sealed.
    len: usize,
}

impl<'a> Pieces<'a> {
    #[inline]
    pub(super) const fn new(code: u8) -> Self {
        let mut bytes = [0; 17];
        bytes[4] = code;
        let head = Inline { bytes, len: 5 };
        Self { head, first: &[], middle: Inline::EMPTY, second: &[], is_terminated: false, len: 5 }
    }

    /// Adds a fixed field to the head.
    #[inline]
    pub(super) fn fixed(mut self, bytes: &[u8]) -> Self {
        self.head.extend(bytes);
        self
    }

    /// Adds a NUL-terminated text, and the fixed fields that follow it.
    #[inline]
    pub(super) fn text(mut self, text: Text<'a>, fixed: &[u8]) -> Self {
        self.first = text.as_bytes();
        self.middle.extend(&[0]);
        self.middle.extend(fixed);
        self
    }

    /// Ends the frame with bytes as they are.
    #[inline]
    pub(super) fn raw(mut self, bytes: &'a [u8]) -> OutgoingFrame<'a> {
        if self.middle.len == 0 {
            self.first = bytes;
        } else {
            self.second = bytes;
        }
        self.seal()
    }

    /// Ends the frame with a NUL-terminated text.
    #[inline]
    pub(super) fn last_text(mut self, text: Text<'a>) -> OutgoingFrame<'a> {
        self.is_terminated = true;
        self.raw(text.as_bytes())
    }

    /// Fills in the length field.
    #[inline]
    pub(super) fn seal(mut self) -> OutgoingFrame<'a> {
        let end = u8::from(self.is_terminated);
        let inline = usize::from(self.head.len.wrapping_add(self.middle.len).wrapping_add(end));
        // Two slices of one address space, and these few bytes, never come near the largest usize.
        self.len = self.first.len().wrapping_add(self.second.len()).wrapping_add(inline);
        // A payload of 4 GiB or more has no length field. No limit admits it, so `within` refuses it.
        let length = u32::try_from(self.len.wrapping_sub(4)).unwrap_or(u32::MAX);
        if let Some(field) = self.head.bytes.first_chunk_mut::<4>() {
            *field = length.to_be_bytes();
        }
        OutgoingFrame(Shape::Pieces(self))
    }

    #[inline]
    fn in_order(&self) -> [&[u8]; MAX_SEGMENTS] {
        let end: &[u8] = if self.is_terminated { &[0] } else { &[] };
        [self.head.as_slice(), self.first, self.middle.as_slice(), self.second, end]
    }

    #[cfg(feature = "alloc")]
    fn to_parts(self) -> (u8, alloc::vec::Vec<u8>) {
        let [.., code] = *self.head.bytes.first_chunk::<HEAD_LEN>().unwrap_or(&[0; HEAD_LEN]);
        let mut payload = alloc::vec::Vec::with_capacity(self.len.saturating_sub(HEAD_LEN));
        let [head, rest @ ..] = self.in_order();
        payload.extend_from_slice(head.get(HEAD_LEN..).unwrap_or_default());
        rest.into_iter().for_each(|piece| payload.extend_from_slice(piece));
        (code, payload)
    }

    #[cfg(feature = "alloc")]
    #[inline(always)]
    fn append_to(&self, buffer: &mut alloc::vec::Vec<u8>) {
        match self.head.bytes.first_chunk::<{ HEAD_LEN }>() {
            // All headers have this form.
            Some(head) if (self.head.len, self.middle.len, self.is_terminated) == (5, 1, true) => {
                buffer.extend_from_slice(head);
                buffer.extend_from_slice(self.first);
                buffer.push(0);
                buffer.extend_from_slice(self.second);
                buffer.push(0);
            }
            _ => self.append_pieces(buffer),
        }
    }

    // By value: with a reference, every frame has to lie in memory, also one without payload.
    #[cfg(feature = "alloc")]
    #[inline(never)]
    fn append_pieces(self, buffer: &mut alloc::vec::Vec<u8>) {
        buffer.reserve(self.len);
        // Pieces of constant length are copied without a call of memcpy.
        match (self.head.len, self.head.bytes.first_chunk::<{ HEAD_LEN }>()) {
            (5, Some(head)) => buffer.extend_from_slice(head),
            _ => buffer.extend_from_slice(self.head.as_slice()),
        }
        buffer.extend_from_slice(self.first);
        match self.middle.len {
            0 => {}
            1 => buffer.push(0),
            _ => buffer.extend_from_slice(self.middle.as_slice()),
        }
        if !self.second.is_empty() {
            buffer.extend_from_slice(self.second);
        }
        if self.is_terminated {
            buffer.push(0);
        }
    }
}

impl fmt::Debug for OutgoingFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutgoingFrame(b\"")?;
        for piece in self.segments() {
            write!(f, "{}", piece.escape_ascii())?;
        }
        f.write_str("\")")
    }
}

/// Two frames are equal when they put the same bytes on the wire.
impl PartialEq for OutgoingFrame<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.segments().flatten().eq(other.segments().flatten())
    }
}

impl Eq for OutgoingFrame<'_> {}

/// A few bytes held in place.
#[derive(Clone, Copy)]
struct Inline<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Inline<N> {
    const EMPTY: Self = Self { bytes: [0; N], len: 0 };

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
                *slot = byte;
                self.len = self.len.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OutgoingFrame, Pieces, Shape};
    use crate::Limits;

    // FRM-2: the length counts the code, too. Nobody has 4 GiB to spare for a real one.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_payload_whose_length_does_not_fit_into_the_head_is_never_within_a_limit() {
        for (len, is_within) in [(0x1_0000_0003, true), (0x1_0000_0004, false), (0x1_0000_0005, false)] {
            let out = OutgoingFrame(Shape::Pieces(Pieces { len, ..Pieces::new(b'B') }));
            assert_eq!(out.is_within(Limits::DEFAULT.with_max_send_payload(u32::MAX)), is_within, "{len:#x}");
        }
    }
}
