//! Waits without a clock, the durations of real programs, and bounds on what a peer may send.

use core::time::Duration;

use milter_proto::mta::Scope;
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{Actions, Answer, Edit, Response, Steps, Verdict, Version};
use milter_proto::{FilterSession, Limits, MtaSession, Timeouts, Wait, filter, mta};

use crate::support::sides::{Filter, Mta, edit, strict};

/// For each command the wait for its reply. SPEC_NOTES TIM-1.
const WAITS: [(u8, Option<Wait>); 15] = [
    (b'O', Some(Wait::Negotiation)),
    (b'D', None),
    (b'C', Some(Wait::Reply)),
    (b'H', Some(Wait::Reply)),
    (b'M', Some(Wait::Reply)),
    (b'R', Some(Wait::Reply)),
    (b'T', Some(Wait::Reply)),
    (b'L', Some(Wait::Content)),
    (b'N', Some(Wait::Content)),
    (b'B', Some(Wait::Content)),
    (b'E', Some(Wait::EndOfMessage)),
    (b'U', Some(Wait::Reply)),
    (b'A', None),
    (b'Q', None),
    (b'K', None),
];

fn wait(code: u8) -> Option<Wait> {
    WAITS.iter().find(|row| row.0 == code).unwrap().1
}

#[test]
fn every_command_says_how_its_reply_is_waited_for() {
    for kind in CommandKind::ALL {
        assert_eq!(kind.wait(), wait(kind.code()), "{kind}");
        assert_eq!(kind.has_reply(), kind.wait().is_some(), "{kind}");
    }
}

#[test]
fn an_mta_waits_while_a_reply_is_owed_and_at_no_other_time() {
    let mut mta = Mta(MtaSession::with_policy(mta::Policy::STRICT));
    assert_eq!(mta.0.wait(), None, "nothing was said");
    mta.send(b'O').unwrap();
    assert_eq!(mta.0.wait(), Some(Wait::Negotiation));
    assert_eq!(mta.rule(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0"), None);
    for code in *b"DCUDHDMUDRUDTLDNBBDEADMRAQ" {
        assert_eq!(mta.0.wait(), None, "before {}", char::from(code));
        mta.send(code).unwrap();
        assert_eq!(mta.0.wait(), wait(code), "after {}", char::from(code));
        if wait(code).is_some() {
            mta.scope(b'c');
        }
    }
    assert_eq!(mta.0.wait(), None, "it is over");
}

#[test]
fn a_command_without_a_reply_is_not_waited_for() {
    let quiet = Steps::NO_REPLY;
    let mut mta = Mta::with(mta::Policy::STRICT, quiet);
    for code in *b"CHMRTLNB" {
        mta.send(code).unwrap();
        assert_eq!(mta.0.wait(), None, "{}", char::from(code));
    }
    mta.send(b'E').unwrap();
    assert_eq!(mta.0.wait(), Some(Wait::EndOfMessage), "the end always has a reply");
}

#[test]
fn edits_and_progress_leave_the_wait_for_the_end_running() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    mta.go("CHMRTLNB");
    mta.send(b'E').unwrap();
    let mut payload = Vec::new();
    for _ in 0..3 {
        mta.takes(&edit().into(), &mut payload);
        assert_eq!(mta.0.wait(), Some(Wait::EndOfMessage));
        assert_eq!(mta.rule(b'p', b""), None);
        assert_eq!(mta.0.wait(), Some(Wait::EndOfMessage));
    }
    mta.scope(b'c');
    assert_eq!(mta.0.wait(), None);
}

#[test]
fn a_filter_waits_for_commands_and_not_while_it_owes_an_answer() {
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter(FilterSession::with_policy(policy));
        assert_eq!(filter.0.wait(), Some(Wait::Command), "for OPTNEG");
        filter.gets(b'O').unwrap();
        assert_eq!(filter.0.wait(), None);
        filter.says(Answer::new(Version::V6, Actions::ALL, Steps::EMPTY)).unwrap();
        for code in *b"DCUDHDMDRDTLDNBDEADMRA" {
            assert_eq!(filter.0.wait(), Some(Wait::Command), "before {}", char::from(code));
            filter.gets(code).unwrap();
            let expected = if wait(code).is_some() { None } else { Some(Wait::Command) };
            assert_eq!(filter.0.wait(), expected, "after {}", char::from(code));
            if wait(code).is_some() {
                filter.says(Verdict::Continue).unwrap();
            }
        }
        filter.gets(b'Q').unwrap();
        assert_eq!(filter.0.wait(), None, "it is over");
    }
}

#[test]
fn nobody_waits_on_a_connection_that_is_broken_or_left() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    mta.go("C");
    mta.send(b'H').unwrap();
    let mut left = mta.clone();
    assert_eq!(mta.rule(b'Z', b""), Some(Rule::UnknownCode));
    left.0.disconnect(0);
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    let mut gone = filter.clone();
    assert_eq!(filter.rule(b'Z', b""), Some(Rule::UnknownCode));
    gone.0.disconnect(0);
    assert_eq!([mta.0.wait(), left.0.wait(), filter.0.wait(), gone.0.wait()], [None; 4]);
}

/// Seconds for connect, write, OPTNEG, envelope, content, end, the end in all, command.
/// libmilter/libmilter.h `MI_TIMEOUT`; sendmail/milter.c `milter_setup`; Postfix src/global/mail_params.h.
#[rustfmt::skip]
const PRESETS: [(Timeouts, [u64; 6], Option<u64>, u64); 3] = [
    //                     connect write OPTNEG reply content end    in all     command
    (Timeouts::LIBMILTER, [300,    7210, 10,    10,   10,     10],   Some(300), 7210),
    (Timeouts::SENDMAIL,  [300,    10,   10,    10,   10,     10],   Some(300), 7210),
    (Timeouts::POSTFIX,   [30,     30,   30,    30,   300,    300],  None,      7210),
];

#[test]
fn the_presets_are_the_defaults_of_their_programs() {
    use Wait::{Command, Connect, Content, EndOfMessage, Negotiation, Reply, Write};
    for (preset, seconds, total, command) in PRESETS {
        let waits = [Connect, Write, Negotiation, Reply, Content, EndOfMessage];
        assert_eq!(waits.map(|wait| preset.of(wait)), seconds.map(Duration::from_secs), "{preset:?}");
        assert_eq!(preset.end_of_message_total, total.map(Duration::from_secs), "{preset:?}");
        assert_eq!(preset.of(Command), Duration::from_secs(command), "{preset:?}");
    }
}

#[test]
fn timeouts_are_shown_in_seconds() {
    let shown = format!("{:?}", Timeouts::SENDMAIL);
    assert!(
        shown.starts_with("Timeouts { connect: 300s, write: 10s, negotiation: 10s, reply: 10s, "),
        "{shown}"
    );
    assert!(shown.ends_with("end_of_message_total: Some(300s), command: 7210s }"), "{shown}");
    let mut short = Timeouts::POSTFIX;
    short.connect = Duration::from_millis(1_050);
    assert!(format!("{short:?}").starts_with("Timeouts { connect: 1.050000000s, write: 30s, "));
}

fn bounded(limits: Limits, policy: mta::Policy) -> Mta {
    let answer = Answer::new(Version::V6, Actions::ALL, Steps::EMPTY);
    let mut mta = Mta::answered(MtaSession::with_limits(policy, limits), answer);
    mta.go("CHMRTLNB");
    mta.send(b'E').unwrap();
    mta
}

#[test]
fn edits_are_counted_for_a_message_and_chunks_are_not() {
    for bound in [0, 1, 3] {
        let mut mta = bounded(Limits::DEFAULT.with_max_edits(bound), mta::Policy::STRICT);
        for message in 0..2 {
            let mut payload = Vec::new();
            for _ in 0..bound {
                mta.takes(&edit().into(), &mut payload);
            }
            for _ in 0..20 {
                mta.takes(&Edit::ReplaceBody { chunk: b"x" }.into(), &mut payload);
            }
            assert_eq!(mta.clone().rule(b'h', b"X\0y\0"), Some(Rule::TooManyEdits), "message {message}");
            assert_eq!(mta.scope(b'c'), Scope::Message);
            mta.go("MRTLNB");
            mta.send(b'E').unwrap();
        }
    }
}

#[test]
fn progress_is_counted_for_one_command() {
    let mut mta = bounded(Limits::DEFAULT.with_max_progress(3), mta::Policy::POSTFIX);
    let flood = |mta: &mut Mta| {
        for _ in 0..3 {
            assert_eq!(mta.rule(b'p', b""), None);
        }
        assert_eq!(mta.clone().rule(b'p', b""), Some(Rule::TooMuchProgress));
    };
    flood(&mut mta);
    // An edit between them does not start the count anew.
    assert_eq!(mta.rule(b'h', b"X\0y\0"), None);
    assert_eq!(mta.clone().rule(b'p', b""), Some(Rule::TooMuchProgress));
    mta.scope(b'c');
    for code in *b"MR" {
        mta.send(code).unwrap();
        flood(&mut mta);
        mta.scope(b'c');
    }
}

#[test]
fn what_is_over_a_bound_ends_the_connection() {
    let mut mta = bounded(Limits::DEFAULT.with_max_edits(0), mta::Policy::STRICT);
    assert_eq!(mta.rule(b'h', b"X\0y\0"), Some(Rule::TooManyEdits));
    assert_eq!(mta.0.turn(), mta::Turn::Closed);
    assert!(!mta.0.disconnect(0).clean);
}

#[test]
fn the_default_bounds_are_far_over_what_filters_do() {
    assert_eq!((Limits::DEFAULT.max_edits(), Limits::DEFAULT.max_progress()), (4096, 10_000));
    let mut mta = bounded(Limits::DEFAULT, mta::Policy::STRICT);
    let mut payload = Vec::new();
    for _ in 0..4096 {
        let reaction = mta.takes(&edit().into(), &mut payload);
        assert!(matches!(reaction, mta::Event::Edit { .. }));
    }
    assert_eq!(mta.rule(b'h', b"X\0y\0"), Some(Rule::TooManyEdits));
}

// PROGRESS ends nothing, and a flood of it is bounded.
#[test]
fn progress_restarts_the_wait_and_cannot_go_on_for_ever() {
    let mut mta = Mta(MtaSession::with_limits(mta::Policy::POSTFIX, Limits::DEFAULT.with_max_progress(2)));
    mta.send(b'O').unwrap();
    assert_eq!(mta.rule(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0"), None);
    mta.go("CH");
    mta.send(b'M').unwrap();
    for _ in 0..2 {
        assert_eq!(mta.rule(b'p', b""), None);
        assert_eq!(mta.0.turn(), mta::Turn::Receive(CommandKind::MailFrom));
        assert_eq!(mta.0.wait(), Some(Wait::Reply));
    }
    assert_eq!(mta.clone().rule(b'p', b""), Some(Rule::TooMuchProgress));
    assert_eq!(mta.scope(b'c'), Scope::Command);
    mta.send(b'R').unwrap();
    assert_eq!(mta.rule(b'p', b""), None, "each command has a count of its own");
    assert_eq!(Timeouts::SENDMAIL.end_of_message_total.map(|total| total.as_secs()), Some(300));
}

// No timeout can expire while no reply is outstanding.
#[test]
fn no_timer_runs_while_no_reply_is_owed() {
    let mut mta = strict();
    for code in *b"CHMRTLNBE" {
        assert_eq!(mta.0.wait(), None, "before {}", char::from(code));
        mta.send(code).unwrap();
        assert!(mta.0.wait().is_some(), "after {}", char::from(code));
        mta.scope(b'c');
    }
    mta.go("MA");
    assert_eq!(mta.0.wait(), None, "ABORT has no reply");
}

// PROGRESS before the end is fatal in Sendmail, and stretches no total.
#[test]
fn progress_is_for_the_end_of_the_message_and_stretches_no_total() {
    for (policy, early) in [(mta::Policy::SENDMAIL, Some(Rule::Progress)), (mta::Policy::POSTFIX, None)] {
        let mut mta = Mta::with(policy, Steps::EMPTY);
        mta.go("CHMRTLN");
        mta.send(b'B').unwrap();
        assert_eq!(mta.rule(b'p', b""), early);
    }
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CHMRTLN");
    filter.gets(b'B').unwrap();
    assert_eq!(filter.says(Response::Progress), Err(Rule::Progress));
    for at in ["C", "CH", "CHM", "CHMR", "CHMRTLN", "CHMRTLNBE"] {
        let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
        let (last, before) = at.as_bytes().split_last().unwrap();
        filter.go(core::str::from_utf8(before).unwrap());
        assert_eq!(filter.says(Response::Progress), Err(Rule::NotOwed));
        filter.gets(*last).unwrap();
        assert_eq!(filter.says(Response::Progress), Ok(()), "libmilter looks at nothing: {at}");
        assert_eq!(filter.says(Verdict::Continue), Ok(()), "it answers nothing");
    }
    assert!(Timeouts::SENDMAIL.end_of_message_total.is_some());
    assert_eq!(Timeouts::POSTFIX.end_of_message_total, None);
}
