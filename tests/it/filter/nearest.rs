//! The nearest verdict: what goes out where the given one may not be sent.

use milter_proto::filter::{Options, Policy, Turn};
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{Actions, Command, Edit, Offer, ReplyText, Steps, Verdict, Version};
use milter_proto::{FilterSession, Limits};

use crate::support::sides::Filter;
use crate::support::{bytes_of, reply, wire};

/// The commands that get a reply, and those that lead there.
const PLACES: [(u8, &str); 10] = [
    (b'C', ""),
    (b'H', "C"),
    (b'M', "CH"),
    (b'R', "CHM"),
    (b'T', "CHMR"),
    (b'L', "CHMRT"),
    (b'N', "CHMRTL"),
    (b'B', "CHMRTLN"),
    (b'E', "CHMRTLNB"),
    (b'U', "CH"),
];

fn verdicts() -> [Verdict<'static>; 10] {
    [
        Verdict::Continue,
        Verdict::Accept,
        Verdict::Reject,
        Verdict::Tempfail,
        Verdict::Discard,
        Verdict::Skip,
        Verdict::Reply(reply(b"550 5.7.1 no")),
        Verdict::Reply(reply(b"450 4.7.1 later")),
        Verdict::Shutdown,
        Verdict::ConnectionFail,
    ]
}

/// Sends a verdict: the one that went out, and the rule that stood in the way of the given one.
fn nearest(session: &mut FilterSession, verdict: Verdict<'static>) -> (Verdict<'static>, Option<Rule>) {
    let checked = session.check(&verdict.into());
    let sent = session.send_nearest(verdict).unwrap();
    assert_eq!(sent.misuse, checked.err(), "it is replaced only if it may not be sent");
    assert_eq!(bytes_of(&sent.frame), bytes_of(&milter_proto::wire::Response::from(sent.verdict).encode()));
    assert!(!matches!(session.turn(), Turn::Reply(_)), "the MTA waits no more");
    (sent.verdict, sent.misuse.map(|misuse| misuse.rule))
}

// ORD-5, ORD-6, ORD-7.
#[test]
fn a_verdict_that_may_not_be_sent_is_replaced_by_one_that_means_the_same_or_refuses() {
    let (fits_nowhere, elsewhere, no_skip) =
        (Some(Rule::InvalidVerdict), Some(Rule::UndefinedVerdict), Some(Rule::SkipNotNegotiated));
    for steps in [Steps::EMPTY, Steps::SKIP] {
        for (code, before) in PLACES {
            for verdict in verdicts() {
                let mut filter = Filter::with(Policy::DEFAULT, steps);
                filter.go(before);
                filter.gets(code).unwrap();
                let is_skipping = steps == Steps::SKIP && code == b'B';
                let expected = match verdict {
                    Verdict::Shutdown | Verdict::ConnectionFail => (Verdict::Tempfail, fits_nowhere),
                    Verdict::Skip if !is_skipping => (Verdict::Continue, no_skip),
                    Verdict::Accept if code == b'U' => (Verdict::Continue, elsewhere),
                    Verdict::Discard if b"CHU".contains(&code) => (Verdict::Tempfail, elsewhere),
                    _ => (verdict, None),
                };
                let place = format!("{verdict:?} to {}, {steps:?}", char::from(code));
                assert_eq!(nearest(&mut filter.0, verdict), expected, "{place}");
            }
        }
    }
}

// ORD-24.
#[test]
fn where_no_reply_was_promised_every_verdict_becomes_continue() {
    for verdict in verdicts() {
        let mut filter = Filter(FilterSession::new());
        filter.hear(Command::Negotiate(Offer::new(Version::V6, Actions::ALL, Steps::V4))).unwrap();
        let options = Options::all_commands().no_reply_to([CommandKind::Header]);
        let _ = filter.0.negotiate(&options).unwrap();
        filter.go("CHMRT");
        filter.gets(b'L').unwrap();
        let broken = (verdict != Verdict::Continue).then_some(Rule::ReplyNotAllowed);
        assert_eq!(nearest(&mut filter.0, verdict), (Verdict::Continue, broken), "{verdict:?}");
    }
}

// ORD-20.
#[test]
fn a_reply_that_is_too_long_keeps_its_class() {
    let limits = Limits::DEFAULT.with_max_send_payload(64);
    for (code, expected) in [(b'5', Verdict::Reject), (b'4', Verdict::Tempfail)] {
        let text = [&[code][..], b"50 ", &[b'x'; 100]].concat();
        let verdict = Verdict::Reply(ReplyText::parse(&text).unwrap());
        let mut filter = Filter(FilterSession::with_limits(Policy::DEFAULT, limits));
        filter.hear(Command::Negotiate(Offer::FULL)).unwrap();
        let _ = filter.0.negotiate(&Options::all_commands()).unwrap();
        filter.gets(b'C').unwrap();
        let sent = filter.0.send_nearest(verdict).unwrap();
        assert_eq!((sent.verdict, sent.misuse.unwrap().rule), (expected, Rule::TooLong));
        assert_eq!(bytes_of(&sent.frame), wire(expected.code(), b""));
    }
}

// FRM-7.
#[test]
fn the_limit_can_be_changed_at_any_time() {
    let mut filter = Filter::with(Policy::DEFAULT, Steps::EMPTY);
    filter.go("CHMRTLN");
    filter.gets(b'E').unwrap();
    let edit = Edit::add_header("X-Seen", "yes").unwrap();
    filter.0.set_limits(Limits::DEFAULT.with_max_send_payload(8));
    assert_eq!(filter.0.send(edit).unwrap_err().rule, Rule::TooLong);
    filter.0.set_limits(Limits::DEFAULT);
    assert_eq!(filter.0.send(edit).unwrap().len(), 5 + 11);
}

// FRM-7.
#[test]
fn libmilter_sends_more_than_was_negotiated_if_its_limit_was_raised() {
    let chunk = vec![b'x'; 65_536];
    let raised = Limits::DEFAULT.with_max_send_payload(65_536);
    for (policy, limits, is_sent) in [
        (Policy::LIBMILTER, raised, true),
        (Policy::LIBMILTER, Limits::DEFAULT, false),
        (Policy::DEFAULT, raised, false),
    ] {
        let mut filter = Filter::with(policy, Steps::EMPTY);
        filter.go("CHMRTLN");
        filter.gets(b'E').unwrap();
        filter.0.set_limits(limits);
        assert_eq!(filter.0.send(Edit::ReplaceBody { chunk: &chunk }).is_ok(), is_sent, "{policy:?}");
    }
}

// A bug-compatible filter sends what libmilter sends, and nothing in its place.
#[test]
fn what_a_policy_allows_is_not_replaced() {
    for verdict in [Verdict::Discard, Verdict::Skip] {
        let mut filter = Filter::with(Policy::LIBMILTER, Steps::EMPTY);
        filter.gets(b'C').unwrap();
        assert_eq!(nearest(&mut filter.0, verdict), (verdict, None));
    }
}

#[test]
fn where_no_verdict_is_outstanding_there_is_no_nearest_one() {
    let mut start = Filter(FilterSession::new());
    start.hear(Command::Negotiate(Offer::FULL)).unwrap();
    let mut idle = Filter::with(Policy::DEFAULT, Steps::EMPTY);
    idle.go("C");
    let mut closed = idle.clone();
    closed.gets(b'Q').unwrap();
    for (filter, rule) in [(start, Rule::Negotiation), (idle, Rule::NotOwed), (closed, Rule::Closed)] {
        for verdict in verdicts() {
            let mut session = filter.0.clone();
            assert_eq!(session.send_nearest(verdict).unwrap_err().rule, rule, "{verdict:?}");
            assert_eq!(session, filter.0, "nothing changed");
        }
    }
}
