//! How a connection ends, and what a session reports about it.

use milter_proto::order::{CommandKind, Rule, Stage};
use milter_proto::wire::{Frame, Steps};
use milter_proto::{FilterSession, MtaSession, filter, mta};

use crate::support::sides::{Filter, Mta, how, strict};

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

// What the end of the stream means depends on the outstanding reply.
#[test]
fn the_end_of_the_stream_is_told_apart_by_where_it_comes() {
    let mut refused = Mta(MtaSession::with_policy(mta::Policy::STRICT));
    refused.send(b'O').unwrap();
    assert_eq!(refused.0.disconnect(0).owed, Some(CommandKind::Negotiate));

    let mut pending = strict();
    pending.go("C");
    pending.send(b'H').unwrap();
    let ending = pending.0.disconnect(0);
    assert_eq!((ending.owed, ending.clean), (Some(CommandKind::Helo), false));

    let mut idle = strict();
    idle.go("CH");
    let ending = idle.0.clone().disconnect(0);
    assert_eq!((ending.owed, ending.in_frame, ending.clean), (None, false, false));
    assert!(idle.0.disconnect(3).in_frame);
    assert_eq!(idle.send(b'M'), Err(Rule::Closed));

    let mut accepted = strict();
    accepted.hears(b'C', b'a');
    assert!(accepted.0.disconnect(0).clean);
    let mut gone = strict();
    gone.go("CQ");
    assert!(gone.0.disconnect(0).clean);
}

// QUIT and the end of the stream abort a message that is open.
#[test]
fn quit_or_the_end_of_the_stream_in_a_message_is_an_abort_too() {
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::EMPTY);
        filter.go("CHMR");
        assert!(filter.0.stage().is_in_message(), "before QUIT is taken");
        assert!(filter.0.clone().disconnect(0).in_message);
        filter.gets(b'Q').unwrap();
        assert!(filter.0.disconnect(0).clean);
    }
    for (before, passage) in [("CHMR", (true, true)), ("CHMRTLNBE", (true, false))] {
        let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
        filter.go(before);
        assert_eq!(how(filter.gets(b'Q').unwrap()), passage);
    }
}

// libmilter may call close without connect, or twice, and abort for a MAIL that nobody saw.
#[test]
fn the_end_is_told_once_and_aborts_only_what_was_seen() {
    let mut unopened = Filter(FilterSession::with_policy(filter::Policy::LIBMILTER));
    let ending = unopened.0.disconnect(0);
    assert!(!ending.in_message && !ending.clean && !ending.in_frame);
    let mut malformed = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    malformed.go("CH");
    assert_eq!(malformed.rule(b'M', b"<a@b>"), Some(Rule::MalformedPayload));
    assert!(!malformed.0.disconnect(0).in_message, "MAIL was never given out");
    let mut reused = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    reused.go("CHMRTLNBEK");
    assert_eq!(reused.0.stage(), Stage::Reconnecting);
    assert!(!reused.0.disconnect(0).in_message);
}

#[test]
fn a_filter_is_told_that_the_stream_ended_inside_a_frame() {
    for (pending, in_frame) in [(0, false), (1, true), (4096, true)] {
        let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
        assert_eq!(filter.0.disconnect(pending).in_frame, in_frame, "{pending}");
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
        assert_eq!(mta.0.disconnect(pending).in_frame, in_frame, "{pending}");
    }
}
