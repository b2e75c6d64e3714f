//! What a stream can make an assembler hold, and macros a store: never more than the table in the
//! documentation of `Limits` says, and nothing for bytes that were announced and did not come.

use allocation_counter::{AllocationInfo, measure};
use milter_proto::macros::MacroStore;
use milter_proto::wire::{Assembler, Command, Frame, MacroStage};
use milter_proto::{Limits, filter};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use proptest::sample::Index;

use crate::support::memory::{STORE, macro_frames, within};
use crate::support::wire;

/// Feeds pieces, and sees after each that memory is within twice what has come of the frame, or of the
/// largest one before it, and within the limit.
fn feed_within<'p>(limits: Limits, pieces: impl IntoIterator<Item = &'p [u8]>) -> usize {
    let mut assembler = Assembler::with_limits(Vec::new(), limits);
    let (mut held, mut largest) = (0_i64, 0_usize);
    for piece in pieces {
        let mut input = piece;
        let mut is_open = true;
        while is_open {
            let before = held;
            let taken = measure(|| match assembler.next_frame(&mut input) {
                Ok(Some(frame)) => largest = largest.max(frame.payload().len()),
                Ok(None) | Err(_) => is_open = false,
            });
            largest = largest.max(assembler.pending().saturating_sub(Frame::HEAD_LEN));
            held += taken.bytes_current;
            let bound = (2 * largest).min(usize::try_from(limits.max_receive_payload()).unwrap());
            assert!(held <= i64::try_from(bound).unwrap(), "{held} bytes for {largest} that came");
            assert!(taken.bytes_max <= u64::try_from(held).unwrap(), "more than is kept: {taken:?}");
            assert!(before <= held, "only release gives back");
        }
    }
    usize::try_from(held).unwrap()
}

#[test]
fn what_a_length_announces_costs_nothing_until_it_comes() {
    for limit in [0, 1, 65_535, 1_048_576, u32::MAX] {
        let limits = Limits::DEFAULT.with_max_receive_payload(limit);
        for announced in [0, 1, 2, 65_536, 65_537, 1_048_577, 1_048_578, 0x4745_5420, u32::MAX] {
            let head = [&announced.to_be_bytes()[..], b"B"].concat();
            for piece in 1..=5 {
                let mut assembler = Assembler::with_limits(Vec::new(), limits);
                let taken = measure(|| {
                    for mut input in head.chunks(piece) {
                        _ = assembler.next_frame(&mut input);
                    }
                });
                assert_eq!(taken, AllocationInfo::default(), "{announced} of {limit} in pieces of {piece}");
            }
        }
    }
}

#[test]
fn a_cut_frame_takes_twice_what_has_come_and_never_over_the_limit() {
    for limit in [0, 1, 100, 65_535, 100_000] {
        let bytes = wire(b'B', &vec![b'x'; usize::try_from(limit).unwrap()]);
        for piece in [1, 7, 1000, 65_536] {
            feed_within(Limits::DEFAULT.with_max_receive_payload(limit), bytes.chunks(piece));
        }
    }
    // The default limit, and one byte less than the whole frame.
    let bytes = wire(b'B', &vec![b'x'; 1_048_576]);
    for piece in [1000, 65_537, 600_000, 1_048_580] {
        assert_eq!(feed_within(Limits::DEFAULT, bytes.chunks(piece)), 1_048_576);
    }
}

#[test]
fn what_fits_exactly_needs_no_new_room() {
    let bytes = wire(b'B', &[b'x'; 5000]);
    let mut assembler = Assembler::new(Vec::new());
    // Behind the head, room for one piece, for two and for four.
    assert_eq!(assembler.next_frame(&mut &bytes[..5]).unwrap(), None);
    let moves = bytes[5..]
        .chunks(1000)
        .take(4)
        .map(|mut piece| measure(|| assert_eq!(assembler.next_frame(&mut piece).unwrap(), None)).count_total);
    assert_eq!(moves.collect::<Vec<_>>(), [1, 1, 1, 0]);
}

#[test]
fn a_cut_at_each_byte_keeps_the_bound() {
    let payloads: [&[u8]; 5] = [b"", b"x", &[b'x'; 100], b"<a@b.c>\0", &[b'x'; 1000]];
    let stream: Vec<u8> = payloads.iter().flat_map(|payload| wire(b'Z', payload)).collect();
    for at in 0..=stream.len() {
        let (front, back) = stream.split_at(at);
        assert!(feed_within(Limits::DEFAULT, [front, back]) <= 1000, "cut at {at}");
        // The peer stops there.
        assert!(feed_within(Limits::DEFAULT, front.chunks(1)) <= 1000, "end at {at}");
    }
}

#[test]
fn a_million_tiny_frames_take_as_much_as_one() {
    let frames = wire(b'B', b"xy").repeat(1000);
    // 7 bytes a frame: a piece of 4099 ends in another place of the frame each time.
    let stream: Vec<_> = frames.iter().copied().cycle().take(4099 * 7).collect();
    let mut assembler = Assembler::new(Vec::new());
    let mut count = 0;
    let taken = measure(|| {
        while count < 1_000_000 {
            for mut input in stream.chunks(4099) {
                while assembler.next_frame(&mut input).unwrap().is_some() {
                    count += 1;
                }
            }
        }
    });
    within(taken, 2, "tiny frames");
    assert!(taken.count_total <= 2, "{taken:?}");
}

#[test]
fn what_a_large_frame_took_goes_with_release() {
    let bytes = wire(b'B', &[b'x'; 10_000]);
    let mut assembler = Assembler::new(Vec::new());
    let taken = measure(|| {
        for mut piece in bytes.chunks(6000) {
            _ = assembler.next_frame(&mut piece).unwrap();
        }
        assembler.release();
    });
    assert_eq!((taken.bytes_current, taken.bytes_max), (0, 10_000 + 5995), "old and new room at once");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stream_however_it_is_cut_keeps_the_bound(
        limit in 0..3000_u32,
        frames in vec((0..4000_usize, any::<bool>()), 0..12),
        cuts in vec(any::<Index>(), 0..40),
    ) {
        // A frame, or the length of one with something else behind it.
        let stream: Vec<u8> = frames.iter().flat_map(|&(len, is_whole)| {
            let bytes = wire(b'B', &vec![b'x'; len]);
            if is_whole { bytes } else { bytes[..4.min(bytes.len())].to_vec() }
        }).collect();
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        ends.extend([0, stream.len()]);
        ends.sort_unstable();
        let pieces = ends.windows(2).map(|ends| &stream[ends[0]..ends[1]]);
        let held = feed_within(Limits::DEFAULT.with_max_receive_payload(limit), pieces);
        prop_assert!(held <= usize::try_from(limit).unwrap());
    }
}

#[test]
fn a_store_of_macros_holds_64_kib_whatever_comes() {
    let frames = macro_frames(65_536);
    let mut store = MacroStore::new(Vec::new());
    let taken = measure(|| {
        for _ in 0..3 {
            let mut rest = &frames[..];
            while let Some((frame, next)) = Frame::split(rest, Limits::DEFAULT).unwrap() {
                _ = store.observe(&filter::Event::new(Command::parse(frame).unwrap()));
                rest = next;
            }
        }
    });
    within(taken, STORE, "macros");
}

#[test]
fn a_store_of_macros_takes_twice_what_came_and_never_over_64_kib() {
    let mut store = MacroStore::new(Vec::new());
    let mut held = 0;
    for len in (0..=65_533).step_by(97).chain([65_533]) {
        let payload = [&b"Mi\0"[..], &vec![b'v'; len], b"\0"].concat();
        let macros = Command::parse(Frame::new(b'D', &payload)).unwrap();
        held += measure(|| store.observe(&filter::Event::new(macros)).unwrap()).bytes_current;
        let bound = (2 * (len + 3)).min(STORE);
        assert!(held <= i64::try_from(bound).unwrap(), "{held} bytes are held for {}", len + 3);
    }
    assert_eq!(store.stage(MacroStage::MAIL).list().as_bytes().len(), STORE);
}
