//! Streams: conversations as MTAs have them, and what can go wrong with them.

mod conversation;
mod damage;
mod parts;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::stream::{End, Frame, Stream};
use damage::{Damage, any_damage};

/// Frames that are looked at when one is to be left out. Conversations are seldom longer.
const MOST: usize = 160;

/// Any stream: about half of them in good order.
pub(crate) fn any_stream() -> impl Strategy<Value = Stream> {
    let damages = prop_oneof![
        4 => Just(Vec::new()),
        4 => prop::collection::vec(any_damage(), 1..4),
        1 => prop::collection::vec(any_damage(), 4..12),
    ];
    // A flag that shrinks to `false` takes its frame out: what is left is what matters.
    let kept = prop_oneof![
        3 => prop::collection::vec(prop::bool::weighted(1.0), MOST),
        1 => prop::collection::vec(prop::bool::weighted(0.95), MOST),
    ];
    let frames = (conversation::any_conversation(), damages, kept, prop::bool::weighted(0.6))
        .prop_map(|(frames, damages, kept, is_probed)| arrange(frames, &damages, &kept, is_probed));
    let cuts = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(1_usize..300, 1..30)];
    let missing = prop::option::weighted(0.08, any::<Index>());
    let end = prop_oneof![3 => Just(End::Half), 1 => Just(End::Full)];
    (frames, cuts, missing, end).prop_map(|(frames, cuts, missing, end)| {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.append_to(&mut bytes));
        if let Some(missing) = missing.filter(|_| !bytes.is_empty()) {
            bytes.truncate(missing.index(bytes.len()));
        }
        Stream { bytes, cuts, end }
    })
}

/// Damages a conversation, leaves frames out, and asks at the end whether anybody is still there.
fn arrange(frames: Vec<Frame>, damages: &[Damage], kept: &[bool], is_probed: bool) -> Vec<Frame> {
    let mut frames = frames;
    damages.iter().for_each(|damage| damage.apply_to(&mut frames));
    let mut kept = kept.iter();
    frames.retain(|_| kept.next().copied().unwrap_or(true));
    // libmilter takes UNKNOWN at every stage, so a filter that has closed is told from one that is silent.
    frames.extend(is_probed.then(|| Frame::new(b'U', *b"PROBE\0")));
    frames
}

#[cfg(test)]
mod tests {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::TestRunner;

    use super::any_stream;
    use crate::stream::cut;

    /// Shrinks the first stream for which `matters` holds, and says which codes are left.
    fn shrunk(matters: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut runner = TestRunner::deterministic();
        let mut tree = loop {
            let tree = any_stream().new_tree(&mut runner).unwrap();
            if matters(&tree.current().bytes) {
                break tree;
            }
        };
        while tree.simplify() {
            while !matters(&tree.current().bytes) && tree.complicate() {}
        }
        while !matters(&tree.current().bytes) {
            assert!(tree.complicate(), "what failed once fails again");
        }
        let stream = tree.current();
        assert!(stream.cuts.is_empty(), "{stream:?}");
        cut(&stream.bytes).0.iter().map(|frame| frame.code).collect()
    }

    #[test]
    fn a_difference_is_shrunk_to_the_frames_that_make_it() {
        assert_eq!(shrunk(|bytes| cut(bytes).0.iter().any(|frame| frame.code == b'B')), b"B");
        let has_both = |bytes: &[u8]| {
            let frames = cut(bytes).0;
            let mail = frames.iter().position(|frame| frame.code == b'M');
            let last = frames.iter().rposition(|frame| frame.code == b'A');
            matches!((mail, last), (Some(mail), Some(last)) if mail < last)
        };
        assert_eq!(shrunk(has_both), b"MA");
    }

    #[test]
    fn a_damaged_payload_stays_damaged() {
        let is_open = |bytes: &[u8]| {
            let frames = cut(bytes).0;
            frames.iter().any(|frame| frame.code == b'H' && matches!(frame.payload.last(), Some(1..)))
        };
        assert_eq!(shrunk(is_open), b"H");
    }

    #[test]
    fn streams_reach_the_end_of_messages() {
        let mut runner = TestRunner::deterministic();
        let mut ended = 0;
        for _ in 0..400 {
            let stream = any_stream().new_tree(&mut runner).unwrap().current();
            let codes: Vec<u8> = cut(&stream.bytes).0.iter().map(|frame| frame.code).collect();
            ended += usize::from(codes.starts_with(b"O") && codes.contains(&b'E'));
        }
        assert!(ended > 200, "{ended} of 400");
    }
}
