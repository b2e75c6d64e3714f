//! Bodies in pieces that the peer accepts.

use super::bits::DataSize;

/// The chunks of a body: each of the agreed size but the last, none of them empty.
///
/// An empty body has no chunk: libmilter closes the connection on an empty BODY. The chunks are
/// slices of the body; send each as [`Command::Body`](super::Command::Body) or
/// [`Edit::ReplaceBody`](super::Edit::ReplaceBody).
///
/// # Examples
/// ```
/// use milter_proto::wire::{Chunks, DataSize};
///
/// let body = vec![b'x'; 70_000];
/// assert!(Chunks::new(&body, DataSize::Kib64).map(<[u8]>::len).eq([65_535, 4_465]));
/// assert_eq!(Chunks::new(b"", DataSize::Kib64).next(), None);
/// ```
///
/// # Source
/// `MILTER_CHUNK_SIZE` in libmilter/mfdef.h; both MTAs cut every 65,535 bytes, between CR and LF
/// too, even if more was negotiated. SPEC_NOTES BDY-1 to BDY-3.
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    rest: &'a [u8],
    size: DataSize,
}

impl<'a> Chunks<'a> {
    /// Cuts a body into chunks of that size.
    #[must_use]
    pub const fn new(body: &'a [u8], size: DataSize) -> Self {
        Self { rest: body, size }
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
        (!chunk.is_empty()).then_some(chunk)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.len().div_ceil(self.chunk_len());
        (count, Some(count))
    }
}

impl ExactSizeIterator for Chunks<'_> {}
