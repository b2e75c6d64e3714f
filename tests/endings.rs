//! How sessions end, and what they forget at the end of a message.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the case that it means")]

#[path = "support/sides.rs"]
mod sides;

use milter_proto::filter::{Options, Support};
use milter_proto::macros::MacroStore;
use milter_proto::mta::SkipReason;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Command, DataSize, Frame, MacroStage, Offer, Steps, Verdict, Version};
use milter_proto::{FilterSession, filter, mta};
use sides::{Filter, Mta, macros, text};

const POLICIES: [filter::Policy; 3] =
    [filter::Policy::DEFAULT, filter::Policy::STRICT, filter::Policy::LIBMILTER];

#[test]
fn a_connection_that_is_lost_before_the_last_verdict_ends_a_message() {
    for policy in POLICIES {
        let mut filter = Filter::with(policy, Steps::EMPTY);
        filter.go("CHMRTLNB");
        filter.gets(b'E').unwrap();
        let ending = filter.0.disconnect(0);
        assert!(ending.in_message, "{policy:?}");
        assert_eq!(ending.owed, Some(CommandKind::EndOfMessage), "{policy:?}");
        let again = filter.0.disconnect(0);
        assert_eq!((again.in_message, again.owed), (false, None), "it ended once: {policy:?}");
    }
}

#[test]
fn a_violation_in_a_message_ends_it() {
    for policy in POLICIES {
        for before in ["CHM", "CHMR", "CHMRTLNB"] {
            let mut filter = Filter::with(policy, Steps::EMPTY);
            filter.go(before);
            filter.0.receive(Frame::new(b'Z', b"")).unwrap_err();
            let ending = filter.0.disconnect(0);
            assert!(ending.in_message && !ending.clean, "{policy:?} after {before}");
        }
        let mut filter = Filter::with(policy, Steps::EMPTY);
        filter.go("CH");
        filter.0.receive(Frame::new(b'Z', b"")).unwrap_err();
        assert!(!filter.0.disconnect(0).in_message, "{policy:?}");
    }
}

#[test]
fn an_mta_that_was_broken_after_a_verdict_on_the_connection_did_not_end_cleanly() {
    let mut settled = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    settled.hears(b'C', b'a');
    assert!(settled.clone().0.disconnect(0).clean);
    settled.0.receive(Frame::new(b'c', b"")).unwrap_err();
    assert!(!settled.0.disconnect(0).clean);
}

#[test]
fn a_filter_that_sendmail_has_silenced_is_not_sent_macros() {
    let mut mta = Mta::with(mta::Policy::SENDMAIL, Steps::EMPTY);
    mta.go("CHM");
    mta.hears(b'R', b's');
    for stage in [MacroStage::RCPT, MacroStage::MAIL, MacroStage::DATA] {
        assert_eq!(mta.say(macros(stage)), Ok(Some(SkipReason::Skipped)), "{stage:?}");
    }
}

#[test]
fn one_data_size_is_answered_if_both_are_offered() {
    let offer = Offer::new(
        Version::V6,
        Actions::ALL,
        Steps::ALL.union(Steps::DATA_SIZE_256K).union(Steps::DATA_SIZE_1M),
    );
    let both = Steps::DATA_SIZE_256K.union(Steps::DATA_SIZE_1M);
    for (size, expected) in [(DataSize::Mib1, Steps::DATA_SIZE_1M), (DataSize::Kib256, Steps::DATA_SIZE_256K)]
    {
        let options = Options::all_commands().data_size(size, Support::Optional);
        let negotiation = options.answer(offer).unwrap();
        assert_eq!(negotiation.answer.steps.intersection(both), expected);
        assert_eq!(negotiation.negotiated.steps.intersection(both), expected);
        assert_eq!(negotiation.step(Steps::DATA_SIZE_256K).is_some(), size == DataSize::Kib256, "{size:?}");
    }
}

#[test]
fn skip_drops_the_last_chunk_of_its_own_message_only() {
    for policy in [filter::Policy::DEFAULT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::SKIP);
        filter.go("CHMRTLN");
        filter.gets(b'B').unwrap();
        filter.says(Verdict::Skip).unwrap();
        let end = filter.0.receive(Frame::new(b'E', b"tail")).unwrap();
        let is_dropped = policy == filter::Policy::DEFAULT;
        assert_eq!(matches!(end.command, Command::EndOfMessage { chunk: [] }), is_dropped, "{end:?}");
        assert_eq!(filter.0.rest_of_frame().is_none(), is_dropped);
        filter.says(Verdict::Continue).unwrap();
        filter.go("MRTLNB");
        let chunk = filter.0.receive(Frame::new(b'E', b"tail")).unwrap();
        assert!(matches!(chunk.command, Command::Body { chunk: b"tail" }), "{chunk:?}");
    }
}

#[test]
fn macros_sent_for_a_message_that_replaces_another_one_are_kept() {
    let mut session = FilterSession::new();
    let mut store = MacroStore::new([0; 64]);
    let frames: [(u8, &[u8]); 6] = [
        (b'D', b"Mi\0Q1\0"),
        (b'M', b"<a@b.c>\0"),
        (b'R', b"<r@b.c>\0"),
        (b'D', b"Mi\0Q2\0"),
        (b'M', b"<a@b.c>\0"),
        (b'R', b"<r@b.c>\0"),
    ];
    for (code, payload) in frames {
        let event = session.receive(Frame::new(code, payload)).unwrap();
        store.observe(&event).unwrap();
        if session.turn() != filter::Turn::Receive {
            let _ = session.send(Verdict::Continue).unwrap();
        }
    }
    assert_eq!(store.get("i"), Some(text(b"Q2")), "they were sent before their MAIL");
}
