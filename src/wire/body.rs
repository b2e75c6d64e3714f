//! Bodies, cut into chunks.

use core::fmt;

use super::bits::DataSize;
use crate::debug::Bytes;

/// Iterates over the chunks of a body: slices of the negotiated size, except for the last.
///
/// An MTA sends the chunks of [`Chunks::new`] as [`Command::Body`](super::Command::Body). An empty body has no chunk,
/// since libmilter closes the connection on an empty BODY. A filter sends the chunks of [`Chunks::replacement`] as
/// [`Edit::ReplaceBody`](super::Edit::ReplaceBody). There an empty body is one empty chunk: without a chunk, the old body
/// would stay.
///
/// # Examples
/// ```
/// use milter_proto::wire::{Chunks, DataSize};
///
/// let body = vec![b'x'; 70_000];
/// assert!(Chunks::new(&body, DataSize::Kib64).map(<[u8]>::len).eq([65_535, 4_465]));
/// assert_eq!(Chunks::new(b"", DataSize::Kib64).next(), None);
/// assert_eq!(Chunks::replacement(b"", DataSize::Kib64).next(), Some(&b""[..]));
/// ```
///
/// # Source
/// `MILTER_CHUNK_SIZE` in libmilter/mfdef.h; both MTAs cut every 65,535 bytes, between CR and LF
/// too, even if more was negotiated. SPEC_NOTES BDY-1 to BDY-4.
#[derive(Clone)]
pub struct Chunks<'a> {
    rest: &'a [u8],
    size: DataSize,
    /// An empty chunk is due: the whole of a new body that is empty.
    has_empty: bool,
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rest, size, has_empty } = self;
        f.debug_struct("Chunks")
            .field("rest", &Bytes(rest))
            .field("size", size)
            .field("has_empty", has_empty)
            .finish()
    }
}

impl<'a> Chunks<'a> {
    /// Cuts a body into chunks of this size. An empty body has no chunk.
    #[must_use]
    pub const fn new(body: &'a [u8], size: DataSize) -> Self {
        Self { rest: body, size, has_empty: false }
    }

    /// Cuts a new body, which replaces the body of a message, into chunks of this size. There is at least one.
    #[must_use]
    #[doc(alias = "smfi_replacebody")]
    pub const fn replacement(body: &'a [u8], size: DataSize) -> Self {
        Self { rest: body, size, has_empty: body.is_empty() }
    }

    fn chunk_len(&self) -> usize {
        // A size that no usize holds is larger than any body.
        usize::try_from(self.size.bytes()).unwrap_or(usize::MAX)
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let len = self.chunk_len().min(self.rest.len());
        let (chunk, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let is_due = core::mem::take(&mut self.has_empty) || !chunk.is_empty();
        is_due.then_some(chunk)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.len().div_ceil(self.chunk_len()).max(self.has_empty.into());
        (count, Some(count))
    }
}

impl ExactSizeIterator for Chunks<'_> {}

/// Reads one chunk of a body: until `buffer` is full, or until the reader ends.
///
/// Short and interrupted reads are continued, so only the last chunk is shorter than the buffer. An empty chunk means the
/// end of the body. The chunk is the front of `buffer`, which must have 1 to [`DataSize::bytes`] bytes, since each chunk
/// becomes one frame.
///
/// # Errors
/// The errors of the reader. The bytes that were read for this chunk are lost then, so use a blocking reader.
/// [`InvalidInput`](std::io::ErrorKind::InvalidInput) if `buffer` is empty: an empty chunk would end the body.
///
/// # Examples
/// ```
/// use milter_proto::wire::{Edit, Response, fill_chunk};
///
/// # let mut file = std::io::Cursor::new(vec![b'x'; 70_000]);
/// // A new body from a file. An empty file is one empty chunk.
/// let mut buffer = vec![0; 65_535];
/// let mut out = Vec::new();
/// loop {
///     let chunk = fill_chunk(&mut file, &mut buffer)?;
///     if chunk.is_empty() && !out.is_empty() {
///         break;
///     }
///     Response::from(Edit::ReplaceBody { chunk }).encode().append_to(&mut out);
/// }
/// assert_eq!(out.len(), (5 + 65_535) + (5 + 4_465));
/// # Ok::<(), std::io::Error>(())
/// ```
#[cfg(feature = "std")]
pub fn fill_chunk<'b>(
    reader: &mut (impl std::io::Read + ?Sized),
    buffer: &'b mut [u8],
) -> std::io::Result<&'b [u8]> {
    if buffer.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "the buffer for a chunk is empty"));
    }
    let mut len = 0_usize;
    loop {
        let free = buffer.get_mut(len..).unwrap_or_default();
        let free_len = free.len();
        if free_len == 0 {
            break;
        }
        match reader.read(free) {
            Ok(0) => break,
            // No more than there was room for, whatever the reader claims.
            Ok(read) => len = len.saturating_add(read.min(free_len)),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(buffer.get(..len).unwrap_or_default())
}
