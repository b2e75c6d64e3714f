//! Cutting: the same bytes, in whatever pieces, into the same frames.

use milter_proto::Limits;
use milter_proto::wire::{Assembler, Buffer, Frame, FrameBuf, FrameError};

/// What a stream is: its frames, and how it ends.
#[derive(Debug, PartialEq)]
struct Outcome {
    frames: Vec<FrameBuf>,
    end: Result<Rest, FrameError>,
}

/// An unfinished frame at the end of a stream.
#[derive(Debug, PartialEq)]
struct Rest {
    pending: usize,
    missing: usize,
}

/// Two bytes say how the stream is cut, two more bound the payloads (0: as by default), and the rest is
/// the stream.
pub fn assembler(data: &[u8]) {
    let Some((&[one, other, high, low], stream)) = data.split_first_chunk() else { return };
    let limit = match u16::from_be_bytes([high, low]) {
        0 => Limits::DEFAULT.max_receive_payload(),
        limit => limit.into(),
    };
    let limits = Limits::DEFAULT.with_max_receive_payload(limit);
    let expected = reference(stream, limit);
    for seed in [0, one, other] {
        assert_eq!(cut(stream, seed, Assembler::with_limits(Vec::new(), limits)), expected, "seed {seed}");
    }
    by_split(stream, limits, &expected);

    // Fixed storage is a limit of its own, and it counts for frames that need no storage too.
    let expected = reference(stream, limit.min(64));
    let mut storage = [0xaa; 64];
    for seed in [0, one, other] {
        assert_eq!(cut(stream, seed, Assembler::with_limits([0xaa; 64], limits)), expected, "seed {seed}");
        let borrowed = Assembler::with_limits(&mut storage[..], limits);
        assert_eq!(cut(stream, seed, borrowed), expected, "seed {seed}");
    }
}

/// Feeds the stream in pieces that follow from `seed`; 0 is in one piece, 1 is byte by byte.
fn cut<S: Buffer>(stream: &[u8], seed: u8, mut assembler: Assembler<S>) -> Outcome {
    let mut frames = Vec::new();
    let mut state = u32::from(seed);
    let mut rest = stream;
    loop {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let len = match seed {
            0 => rest.len(),
            1 => 1,
            // The sizes of the next frames' parts, and a few beside them.
            _ if seed & 1 == 0 => {
                assembler.missing().saturating_add((state >> 30) as usize).saturating_sub(1)
            }
            _ => 1 + (state >> 16) as usize % (usize::from(seed) / 2),
        };
        let (mut piece, tail) = rest.split_at(len.clamp(1, rest.len().max(1)).min(rest.len()));
        rest = tail;
        loop {
            let before = piece.len();
            match assembler.next_frame(&mut piece) {
                Ok(Some(frame)) => {
                    frames.push(frame.into());
                    assert_eq!((assembler.pending(), assembler.missing()), (0, Frame::HEAD_LEN));
                }
                Ok(None) => break assert!(piece.is_empty(), "{} of {before} bytes are left", piece.len()),
                Err(error) => {
                    // The position is lost for good: whatever follows is refused, and nothing is taken.
                    let mut more: &[u8] = b"\0\0\0\x01Q";
                    assert_eq!(assembler.next_frame(&mut more), Err(error));
                    assert_eq!(more.len(), 5);
                    return Outcome { frames, end: Err(error) };
                }
            }
        }
        if state & 0x300 == 0 {
            assembler.release();
        }
        if rest.is_empty() {
            let end = Rest { pending: assembler.pending(), missing: assembler.missing() };
            return Outcome { frames, end: Ok(end) };
        }
    }
}

/// The same by hand, over the whole stream.
fn reference(stream: &[u8], limit: u32) -> Outcome {
    let mut frames = Vec::new();
    let mut at = 0;
    loop {
        let rest = &stream[at..];
        if rest.len() < 4 {
            return Outcome { frames, end: Ok(Rest { pending: rest.len(), missing: 5 - rest.len() }) };
        }
        let length = rest[..4].iter().fold(0_u64, |length, &byte| length * 256 + u64::from(byte));
        if length == 0 {
            return Outcome { frames, end: Err(FrameError::Empty) };
        }
        if length - 1 > u64::from(limit) {
            // What the length looks like is told from the four bytes alone.
            let error =
                Frame::split(&rest[..4], Limits::DEFAULT.with_max_receive_payload(limit)).unwrap_err();
            let FrameError::TooLong { payload, limit: over, .. } = error else { panic!("{error:?}") };
            assert_eq!((u64::from(payload), over), (length - 1, limit));
            assert!(error.to_string().is_ascii());
            return Outcome { frames, end: Err(error) };
        }
        let end = 4 + length as usize;
        if rest.len() < end {
            let rest = Rest { pending: rest.len(), missing: end.max(5) - rest.len() };
            return Outcome { frames, end: Ok(rest) };
        }
        frames.push(FrameBuf::new(rest[4], rest[5..end].to_vec()));
        at += end;
    }
}

/// `Frame::split` by itself gives the same frames, and each encodes to the bytes that it was cut from.
fn by_split(stream: &[u8], limits: Limits, expected: &Outcome) {
    let mut rest = stream;
    for expected in &expected.frames {
        let (frame, tail) = Frame::split(rest, limits).unwrap().unwrap();
        assert_eq!(frame, expected.as_frame());
        let bytes = &rest[..rest.len() - tail.len()];
        assert!(frame.encode().segments().flatten().eq(bytes));
        rest = tail;
    }
    let end = Frame::split(rest, limits);
    match &expected.end {
        Ok(left) => assert_eq!((end, left.pending), (Ok(None), rest.len())),
        Err(error) => assert_eq!(end, Err(*error)),
    }
}
