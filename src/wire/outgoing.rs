//! A frame on its way out: a few inline bytes, and the rest borrowed.

use core::fmt;

use thiserror::Error;

use super::text::Text;
use crate::Limits;

const MAX_SEGMENTS: usize = 5;

/// One encoded frame: at most [`MAX_SEGMENTS`](Self::MAX_SEGMENTS) pieces, of which only the small
/// ones are copied.
///
/// The head stands inside; names, values, lists and body chunks stay where the caller has them. Write
/// the pieces with one vectored write, or copy them into one buffer, with whatever else the same
/// turn sends: peers that write in pieces lose 40 ms a turn to Nagle's algorithm.
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
pub struct Outgoing<'a> {
    /// Length, code, and up to twelve bytes of fixed fields.
    head: Inline<17>,
    first: &'a [u8],
    /// What stands between the two borrowed pieces: a NUL, or a NUL, family and port.
    middle: Inline<4>,
    second: &'a [u8],
    /// A NUL, or nothing.
    end: &'static [u8],
}

impl<'a> Outgoing<'a> {
    /// The largest number of pieces that a frame consists of.
    pub const MAX_SEGMENTS: usize = MAX_SEGMENTS;

    #[inline]
    pub(super) const fn new(code: u8) -> Self {
        let mut bytes = [0; 17];
        bytes[4] = code;
        Self { head: Inline { bytes, len: 5 }, first: &[], middle: Inline::EMPTY, second: &[], end: &[] }
    }

    /// Adds a fixed field to the head.
    #[inline]
    pub(super) fn fixed(mut self, bytes: &[u8]) -> Self {
        self.head.extend(bytes);
        self
    }

    /// Ends the frame with bytes as they are.
    #[inline]
    pub(super) fn raw(mut self, bytes: &'a [u8]) -> Self {
        if self.middle.len == 0 {
            self.first = bytes;
        } else {
            self.second = bytes;
        }
        self.seal()
    }

    /// Adds a NUL-terminated text, and the fixed fields that follow it.
    #[inline]
    pub(super) fn text(mut self, text: Text<'a>, fixed: &[u8]) -> Self {
        self.first = text.as_bytes();
        self.middle.extend(&[0]);
        self.middle.extend(fixed);
        self
    }

    /// Ends the frame with a NUL-terminated text.
    #[inline]
    pub(super) fn last_text(mut self, text: Text<'a>) -> Self {
        self.end = &[0];
        self.raw(text.as_bytes())
    }

    /// Fills in the length field.
    #[inline]
    pub(super) fn seal(mut self) -> Self {
        // A payload of 4 GiB or more has no length field. No limit admits it, so `within` refuses it.
        let length = u32::try_from(self.len().saturating_sub(4)).unwrap_or(u32::MAX);
        if let Some(field) = self.head.bytes.first_chunk_mut::<4>() {
            *field = length.to_be_bytes();
        }
        self
    }

    /// Bytes of the whole frame.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        let fixed = self.head.len.saturating_add(self.middle.len);
        fixed
            .saturating_add(self.first.len())
            .saturating_add(self.second.len())
            .saturating_add(self.end.len())
    }

    /// Whether the frame has no bytes: never, since it has a head.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the frame back if its payload is within the sending limit.
    ///
    /// # Errors
    /// [`TooLong`], with both sizes.
    pub fn within(self, limits: Limits) -> Result<Self, TooLong> {
        let payload = self.len().saturating_sub(5);
        let limit = limits.send();
        if u32::try_from(payload).is_ok_and(|payload| payload <= limit && payload < u32::MAX) {
            Ok(self)
        } else {
            Err(TooLong { payload, limit })
        }
    }

    /// The pieces in their order, none of them empty.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces().into_iter().filter(|piece| !piece.is_empty())
    }

    #[inline]
    fn pieces(&self) -> [&[u8]; MAX_SEGMENTS] {
        [self.head.as_slice(), self.first, self.middle.as_slice(), self.second, self.end]
    }

    /// Writes the frame to the front of `buffer` and says how many bytes that took.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; nothing was written then.
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
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn append_to(&self, buffer: &mut alloc::vec::Vec<u8>) {
        buffer.reserve(self.len());
        for piece in self.pieces() {
            buffer.extend_from_slice(piece);
        }
    }

    /// Points `slots` at the pieces, for one vectored write, and returns those that are used.
    ///
    /// # Examples
    /// ```
    /// use std::io::{IoSlice, Write};
    /// use milter_proto::wire::{Command, Outgoing};
    ///
    /// let body = Command::Body { chunk: b"line\r\n" }.encode();
    /// let mut slots = [IoSlice::new(&[]); Outgoing::MAX_SEGMENTS];
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

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outgoing(b\"")?;
        for piece in self.segments() {
            write!(f, "{}", piece.escape_ascii())?;
        }
        f.write_str("\")")
    }
}

/// Two frames are equal when they put the same bytes on the wire.
impl PartialEq for Outgoing<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.segments().flatten().eq(other.segments().flatten())
    }
}

impl Eq for Outgoing<'_> {}

/// A few bytes held in place.
#[derive(Clone, Copy)]
struct Inline<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Inline<N> {
    const EMPTY: Self = Self { bytes: [0; N], len: 0 };

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(slot) = self.bytes.get_mut(self.len) {
                *slot = byte;
                self.len = self.len.saturating_add(1);
            }
        }
    }
}

/// The caller's buffer cannot hold the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("{needed} bytes do not fit into a buffer of {available}")]
pub struct BufferTooSmall {
    /// Bytes to be written.
    pub needed: usize,
    /// Bytes that the buffer has.
    pub available: usize,
}

/// A payload is over the limit of what may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("payload of {payload} bytes is over the sending limit of {limit}")]
pub struct TooLong {
    /// Bytes of payload.
    pub payload: usize,
    /// Bytes of payload that may be sent.
    pub limit: u32,
}
