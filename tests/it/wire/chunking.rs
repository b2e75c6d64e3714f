//! A stream gives the same frames, or the same error, however it is cut.

use milter_proto::Limits;
use milter_proto::wire::{Assembler, Buffer, FrameError};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::strategies::frame;
use crate::support::{Owned, feed, wire};

const ROOM: usize = 24;

type Outcome = (Vec<Owned>, Option<FrameError>);

/// What a stream must give: a reader that has all of it and knows no chunks.
fn expected(stream: &[u8], limit: u32) -> Outcome {
    let (mut frames, mut rest) = (Vec::new(), stream);
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let Some(payload) = u32::from_be_bytes(*length).checked_sub(1) else {
            return (frames, Some(FrameError::Empty));
        };
        if payload > limit {
            // Which protocol the bytes look like is not asked here.
            return (frames, Some(FrameError::TooLong { payload, limit, looks_like: None }));
        }
        let payload = usize::try_from(payload).unwrap();
        let (Some((code, tail)), true) = (tail.split_first(), tail.len() > payload) else { break };
        frames.push((*code, tail[..payload].to_vec()));
        rest = &tail[payload..];
    }
    (frames, None)
}

fn without_guess((frames, error): Outcome) -> Outcome {
    let error = error.map(|error| {
        let FrameError::TooLong { payload, limit, .. } = error else { return error };
        FrameError::TooLong { payload, limit, looks_like: None }
    });
    (frames, error)
}

/// The pieces between the cuts.
fn pieces<'a>(stream: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect()
}

fn in_pieces<S: Buffer>(storage: S, limits: Limits, pieces: &[&[u8]]) -> Outcome {
    let mut assembler = Assembler::with_limits(storage, limits);
    let outcome = feed(&mut assembler, pieces.iter().copied());
    if outcome.1.is_none() {
        let taken: usize = pieces.iter().map(|piece| piece.len()).sum();
        let given: usize = outcome.0.iter().map(|(_, payload)| payload.len() + 5).sum();
        assert_eq!(assembler.pending(), taken - given, "every byte is in a frame or pending");
    }
    without_guess(outcome)
}

/// Frames one after the other, perhaps with a length in between that is none, perhaps cut short.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let good = frame().prop_map(|(code, payload)| wire(code, &payload));
    let bad = prop_oneof![
        Just(b"\0\0\0\0".to_vec()),
        Just(b"\xff\xff\xff\xffB".to_vec()),
        Just(b"\x80\0\0\0".to_vec()),
        Just(b"GET / HTTP/1.1\r\n".to_vec()),
        (20..60_u32).prop_map(|length| length.to_be_bytes().to_vec()),
    ];
    let items = vec(prop_oneof![8 => good, 1 => bad], 0..8);
    (items, any::<Index>(), any::<bool>()).prop_map(|(items, cut, is_cut)| {
        let mut stream = items.concat();
        if is_cut {
            stream.truncate(cut.index(stream.len() + 1));
        }
        stream
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    // FRM-1, FRM-8.
    #[test]
    fn any_chunking_gives_the_same_frames_in_caller_memory(stream in stream(), cuts in vec(any::<Index>(), 0..12)) {
        let limits = Limits::DEFAULT;
        let bounded = expected(&stream, u32::try_from(ROOM).unwrap());
        let bytewise: Vec<&[u8]> = stream.chunks(1).collect();
        for pieces in [&[&stream[..]][..], &bytewise, &pieces(&stream, &cuts)] {
            prop_assert_eq!(&in_pieces([0; ROOM], limits, pieces), &bounded);
            prop_assert_eq!(&in_pieces(&mut [0; ROOM][..], limits, pieces), &bounded);
        }
    }

    // FRM-1, FRM-5, FRM-8.
    #[cfg(feature = "alloc")]
    #[test]
    fn any_chunking_gives_the_same_frames_in_a_vec(
        stream in stream(),
        cuts in vec(any::<Index>(), 0..12),
        limit in prop_oneof![Just(1_048_576), 0..40_u32],
    ) {
        let limits = Limits::DEFAULT.with_max_receive_payload(limit);
        let expected = expected(&stream, limit);
        let bytewise: Vec<&[u8]> = stream.chunks(1).collect();
        for pieces in [&[&stream[..]][..], &bytewise, &pieces(&stream, &cuts)] {
            prop_assert_eq!(&in_pieces(Vec::new(), limits, pieces), &expected);
        }
    }

    #[test]
    fn missing_is_never_more_than_what_the_next_frame_takes((code, payload) in frame(), cuts in vec(any::<Index>(), 0..6)) {
        let bytes = wire(code, &payload);
        let mut assembler = Assembler::new([0; 256]);
        let mut left = bytes.len();
        for piece in pieces(&bytes, &cuts) {
            prop_assert!(assembler.missing() <= left || left == 0);
            prop_assert!(assembler.missing() > 0);
            let is_whole = assembler.next_frame(&mut &piece[..]).unwrap().is_some();
            left -= piece.len();
            prop_assert_eq!(is_whole, left == 0 && !piece.is_empty());
            if is_whole {
                break;
            }
        }
    }

    #[test]
    fn releasing_between_any_two_reads_changes_nothing(stream in stream(), cuts in vec(any::<Index>(), 0..12)) {
        let expected = expected(&stream, 256);
        let mut assembler = Assembler::new([0; 256]);
        let mut outcome: Outcome = (Vec::new(), None);
        for piece in pieces(&stream, &cuts) {
            assembler.release();
            let (frames, error) = feed(&mut assembler, [piece]);
            outcome.0.extend(frames);
            outcome.1 = error;
            if error.is_some() {
                break;
            }
        }
        prop_assert_eq!(without_guess(outcome), expected);
    }
}
