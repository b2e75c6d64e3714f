//! What is sent to both filters: bytes, how they are cut into writes, and how the connection ends.

/// A command as it is written, perhaps with a length that is not its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) code: u8,
    pub(crate) payload: Vec<u8>,
    /// The length that is claimed, if it is a lie.
    pub(crate) length: Option<u32>,
}

impl Frame {
    pub(crate) fn new(code: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { code, payload: payload.into(), length: None }
    }

    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX).saturating_add(1);
        bytes.extend(self.length.unwrap_or(length).to_be_bytes());
        bytes.push(self.code);
        bytes.extend(&self.payload);
    }
}

/// How the MTA's side leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It closes its half, and reads to the end.
    Half,
    /// It reads what there is to read, and closes.
    Full,
}

/// One connection, from the MTA's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    /// Sizes of the first writes. What is left is one more.
    pub(crate) cuts: Vec<usize>,
    pub(crate) end: End,
}

impl Stream {
    /// The bytes as they are written, none of the writes empty.
    pub(crate) fn writes(&self) -> Vec<&[u8]> {
        let mut rest = &self.bytes[..];
        let mut writes = Vec::new();
        for &size in &self.cuts {
            let Some((write, left)) = rest.split_at_checked(size).filter(|(write, _)| !write.is_empty())
            else {
                continue;
            };
            writes.push(write);
            rest = left;
        }
        writes.extend(Some(rest).filter(|rest| !rest.is_empty()));
        writes
    }
}

/// The largest payload that libmilter reads.
const LARGEST: u32 = 65_535;

/// A frame as libmilter cuts it from a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut<'s> {
    /// Where it begins.
    pub(crate) start: usize,
    /// Its length field. 0 and what is negative as an `i32` stand for no payload, and are obeyed.
    pub(crate) length: u32,
    pub(crate) code: u8,
    pub(crate) payload: &'s [u8],
}

/// Cuts a stream as libmilter does, up to a frame that is too long or has not come whole.
///
/// `mi_rd_cmd` in libmilter/comm.c.
pub(crate) fn cut(bytes: &[u8]) -> (Vec<Cut<'_>>, &[u8]) {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some((&[a, b, c, d, code], behind)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes([a, b, c, d]);
        let size = if i32::try_from(length).is_ok() { length.saturating_sub(1) } else { 0 };
        let split = usize::try_from(size).ok().and_then(|size| behind.split_at_checked(size));
        let Some((payload, behind)) = split.filter(|_| size <= LARGEST) else { break };
        frames.push(Cut { start: bytes.len().saturating_sub(rest.len()), length, code, payload });
        rest = behind;
    }
    (frames, rest)
}

#[cfg(test)]
mod tests {
    use super::{Cut, End, Stream, cut};

    #[test]
    fn writes_are_the_bytes_and_none_is_empty() {
        let stream = Stream { bytes: b"abcdef".to_vec(), cuts: vec![2, 0, 1, 9, 3], end: End::Half };
        assert_eq!(stream.writes(), [&b"ab"[..], b"c", b"def"]);
        assert!(Stream { bytes: Vec::new(), ..stream }.writes().is_empty());
    }

    #[test]
    fn lengths_that_are_no_lengths_have_no_payload() {
        let bytes = b"\0\0\0\0Q\xff\xff\xff\xffA\0\0\0\x02Hx\0\x01\0\x01B";
        let (frames, rest) = cut(bytes);
        let frame = |start, length, code, payload| Cut { start, length, code, payload };
        let expected = [frame(0, 0, b'Q', &b""[..]), frame(5, u32::MAX, b'A', b""), frame(10, 2, b'H', b"x")];
        assert_eq!(frames, expected);
        assert_eq!(rest, b"\0\x01\0\x01B");
    }
}
