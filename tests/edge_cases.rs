//! The edge cases of the MTA's side, one test each, by the number of a checklist.
//!
//! Most of them are what libmilter, Sendmail or Postfix were seen to do when driven with bytes; the ids
//! are those of SPEC_NOTES.md. From 17 on
//! they are in more_edge_cases.rs.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the case that it means")]

#[path = "support/sides.rs"]
mod sides;

use milter_proto::Limits;
use milter_proto::macros::MacroRequests;
use milter_proto::mta::{EditStatus, Scope, Sent, SkipReason};
use milter_proto::order::{CommandKind, Rule, Stage};
use milter_proto::wire::{
    Actions, Answer, Chunks, Command, DataSize, MacroLists, MacroStage, Steps, Verdict, Version,
};
use milter_proto::{MtaSession, ReceiveError, Timeouts, Wait, filter, mta};
use sides::{Filter, Mta, command, macros};

const POLICIES: [mta::Policy; 3] = [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX];

fn strict() -> Mta {
    Mta::with(mta::Policy::STRICT, Steps::EMPTY)
}

// 1. libmilter answers nothing to a command that follows a refused one in the same write.
#[test]
fn nothing_follows_a_command_before_its_reply() {
    let mut mta = strict();
    mta.go("CH");
    assert_eq!(mta.send(b'M'), Ok(None));
    assert_eq!(mta.send(b'R'), Err(Rule::ReplyOwed));
    assert_eq!(mta.send(b'A'), Err(Rule::ReplyOwed));
    assert_eq!(mta.scope(b'r'), Scope::Message);
    assert_eq!(mta.send(b'R'), Ok(Some(SkipReason::MessageDecided)));
    assert_eq!(mta.send(b'T'), Ok(Some(SkipReason::MessageDecided)));

    let quiet = Steps::NO_REPLY_MAIL | Steps::NO_REPLY_RCPT;
    let mut mta = Mta::with(mta::Policy::STRICT, quiet);
    mta.go("CH");
    assert_eq!([mta.send(b'M'), mta.send(b'R'), mta.send(b'T')], [Ok(None); 3]);
}

// 2. Postfix once lost what was buffered. ABORT may wait as well: both MTAs leave it in the buffer.
#[test]
fn what_is_buffered_goes_out_with_the_next_command_that_has_a_reply() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::NO_REPLY_MAIL | Steps::NO_REPLY_RCPT);
    mta.go("CH");
    for code in *b"DMRRA" {
        assert_eq!((mta.send(code), mta.0.should_flush()), (Ok(None), false), "{}", char::from(code));
    }
    mta.go("MR");
    assert_eq!((mta.send(b'T'), mta.0.should_flush()), (Ok(None), true));
    assert_eq!(mta.scope(b'c'), Scope::Command);
    assert!(!mta.0.should_flush());
    assert_eq!((mta.send(b'Q'), mta.0.should_flush()), (Ok(None), true));
}

// 3. A reply that nobody waits for would answer the next command, and every later one.
#[test]
fn a_reply_that_nobody_waits_for_ends_the_connection() {
    for policy in POLICIES {
        let mut idle = Mta::with(policy, Steps::EMPTY);
        idle.go("CH");
        let mut after_no_reply = Mta::with(policy, Steps::NO_REPLY_MAIL);
        after_no_reply.go("CHM");
        let mut after_message = Mta::with(policy, Steps::EMPTY);
        after_message.go("CHMRTLNBE");
        for mut mta in [idle, after_no_reply, after_message] {
            assert_eq!(mta.rule(b'c', b""), Some(Rule::NotOwed));
            assert_eq!(mta.0.turn(), mta::Turn::Closed);
            assert_eq!(mta.send(b'M'), Err(Rule::Closed));
        }
        let mut gone = Mta::with(policy, Steps::EMPTY);
        gone.go("CHQ");
        let late = gone.0.receive(sides::everyday(b'A'));
        assert!(matches!(late, Err(ReceiveError::Closed)), "no violation after QUIT: {late:?}");
    }
}

// 4. A real bug of filters: the second answer comes while nothing is owed.
#[test]
fn a_double_reply_is_noticed_at_the_second_one() {
    let mut mta = strict();
    mta.go("CHMRTLNB");
    assert_eq!(mta.send(b'E'), Ok(None));
    assert_eq!(mta.scope(b'y'), Scope::Message);
    assert_eq!(mta.rule(b'r', b""), Some(Rule::NotOwed));

    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("CHMRTLNB");
    filter.gets(b'E').unwrap();
    assert_eq!(filter.says(Verdict::Reject), Ok(()));
    assert_eq!(filter.says(Verdict::Reject), Err(Rule::NotOwed));
}

// 5. Replies carry no number: one command at a time is the only safe design.
#[test]
fn one_command_at_most_waits_for_its_reply() {
    let mut mta = strict();
    mta.go("CH");
    mta.send(b'M').unwrap();
    for code in *b"DCHMRTLNBEUAQK" {
        assert_eq!(mta.send(code), Err(Rule::ReplyOwed), "{}", char::from(code));
    }
    assert_eq!(mta.0.turn(), mta::Turn::Receive(CommandKind::MailFrom));
}

// 6. Macros are of C, H, M, R, T, N and E; they come for commands that are switched off, too.
#[test]
fn macros_come_for_what_is_switched_off_but_not_for_what_cannot_come() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::NO_MAIL);
    mta.go("CH");
    assert_eq!(mta.say(macros(MacroStage::MAIL)), Ok(None));
    assert_eq!(mta.send(b'M'), Ok(Some(SkipReason::Declined)));

    let old = Answer::new(Version::V3, Actions::EMPTY, Steps::EMPTY);
    let mut mta = Mta::answered(MtaSession::with_policy(mta::Policy::STRICT), old);
    mta.go("CHMR");
    assert_eq!(mta.say(macros(MacroStage::DATA)), Ok(Some(SkipReason::Version)));

    let mut mta = strict();
    mta.go("CH");
    assert_eq!(mta.hears(b'M', b'a'), Scope::Message);
    assert_eq!(mta.say(macros(MacroStage::RCPT)), Ok(Some(SkipReason::MessageDecided)));
    assert_eq!(mta.say(macros(MacroStage::MAIL)), Ok(None), "for the next message");

    let schedule = MacroRequests::new(MacroLists::EMPTY);
    let none = schedule.write_macros(MacroStage::HELO, b"{tls_version}", |_| None, &mut []);
    assert_eq!(none, Ok(None), "no macro has a value: no frame");
    assert!(!"LBUA".bytes().any(|code| MacroStage::new(code).is_kept()));
    assert!("CHMRTNE".bytes().all(|code| MacroStage::new(code).is_kept()));
}

// 7. Some filters close on a command that their version does not have.
#[test]
fn a_command_that_is_too_new_is_passed_by_and_the_stage_goes_on() {
    for (version, unknown, data) in [
        (2, Some(SkipReason::Version), Some(SkipReason::Version)),
        (3, None, Some(SkipReason::Version)),
        (4, None, None),
    ] {
        let answer = Answer::new(Version::new(version), Actions::EMPTY, Steps::EMPTY);
        let mut mta = Mta::answered(MtaSession::with_policy(mta::Policy::STRICT), answer);
        mta.go("CH");
        assert_eq!(mta.send(b'U'), Ok(unknown), "version {version}");
        if unknown.is_none() {
            mta.scope(b'c');
        }
        mta.go("MR");
        assert_eq!(mta.send(b'T'), Ok(data), "version {version}");
        assert_eq!(mta.0.stage(), Stage::Data);
        if data.is_none() {
            mta.scope(b'c');
        }
        assert_eq!(mta.go("LNBE"), "LNBE");
    }
}

// 8. libmilter does not answer what follows ACCEPT.
#[test]
fn nothing_of_an_accepted_message_is_written() {
    for at in *b"MRTLNB" {
        let mut mta = strict();
        let codes = "CHMRTLNB";
        mta.go(codes.split(char::from(at)).next().unwrap());
        assert_eq!(mta.hears(at, b'a'), Scope::Message);
        assert_eq!(mta.go("RTLNBE"), "", "after ACCEPT to {}", char::from(at));
        assert_eq!(mta.go("MRTLNBE"), "MRTLNBE", "the next message");
    }
}

// 9. The client vanishes while edits stream in: close, or read over them. Never ABORT.
#[test]
fn edits_can_be_read_over_and_abort_must_not_come_between_them() {
    let mut mta = strict();
    mta.go("CHMRTLNB");
    mta.send(b'E').unwrap();
    let mut payload = Vec::new();
    let first = mta.takes(&sides::edit().into(), &mut payload);
    assert!(matches!(first, mta::Event::Edit { status: EditStatus::Negotiated, .. }));
    assert_eq!(mta.send(b'A'), Err(Rule::ReplyOwed));
    mta.0.ignore_edits();
    let second = mta.takes(&sides::edit().into(), &mut payload);
    assert!(matches!(second, mta::Event::Edit { status: EditStatus::Ignored, .. }));
    assert_eq!(mta.scope(b'c'), Scope::Message);
    assert_eq!(mta.go("MRTLNB"), "MRTLNB");
    mta.send(b'E').unwrap();
    let next = mta.takes(&sides::edit().into(), &mut payload);
    assert!(matches!(next, mta::Event::Edit { status: EditStatus::Negotiated, .. }), "draining is over");
    let ending = mta.0.disconnect(0);
    assert!(ending.edits_incomplete && !ending.body_incomplete && !ending.clean);
}

// 10. The same event means five things.
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

// 11. PROGRESS ends nothing, and a flood of it is bounded.
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

// 12. SKIP is remembered for its kind of command only.
#[test]
fn skip_ends_one_kind_of_command_for_one_message() {
    for policy in POLICIES {
        let mut mta = Mta::with(policy, Steps::SKIP);
        mta.go("CHMRTLN");
        assert_eq!(mta.hears(b'B', b's'), Scope::Command);
        assert_eq!(mta.send(b'B'), Ok(Some(SkipReason::Skipped)), "{policy:?}");
        assert_eq!(mta.go("E"), "E");
        assert_eq!(mta.go("MRTLNBE"), "MRTLNBE", "the next message");
    }
    let mut mta = Mta::with(mta::Policy::POSTFIX, Steps::EMPTY);
    mta.go("CHMRT");
    assert_eq!(mta.hears(b'L', b's'), Scope::Command, "not agreed: taken all the same");
    assert_eq!(mta.go("LLNBE"), "NBE");
    let mut mta = strict();
    mta.go("CHMRTLN");
    mta.send(b'B').unwrap();
    assert_eq!(mta.rule(b's', b""), Some(Rule::SkipNotNegotiated));
}

// 13. libmilter may answer twice if BODYEOB has bytes. A filter gets them all the same.
#[test]
fn body_at_the_end_is_never_sent_and_read_by_all_but_the_strict() {
    let mut mta = strict();
    mta.go("CHMRTLN");
    assert_eq!(mta.say(Command::EndOfMessage { chunk: b"x" }), Err(Rule::BodyAtEnd));
    let mut strict = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    strict.go("CHMRTLN");
    assert_eq!(strict.rule(b'E', b"x"), Some(Rule::BodyAtEnd));
    for policy in [filter::Policy::DEFAULT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::EMPTY);
        filter.go("CHMRTLN");
        let event = filter.0.receive(milter_proto::wire::Frame::new(b'E', b"x")).unwrap();
        assert_eq!(event.command, Command::Body { chunk: b"x" });
        let end = filter.0.rest_of_frame().unwrap();
        assert_eq!(end.command, Command::EndOfMessage { chunk: b"" });
        assert_eq!(filter.0.turn(), filter::Turn::Reply(CommandKind::EndOfMessage));
    }
}

// 14. libmilter closes on an empty BODY.
#[test]
fn an_empty_body_has_no_chunk_and_a_full_one_no_empty_rest() {
    let mut mta = strict();
    mta.go("CHMRTLN");
    assert_eq!(mta.say(Command::Body { chunk: b"" }), Err(Rule::EmptyBody));
    assert_eq!(mta.go("E"), "E", "right behind the headers");
    let body = vec![b'x'; 2 * 65_535];
    assert!(Chunks::new(&body, DataSize::Kib64).map(<[u8]>::len).eq([65_535, 65_535]));
    let mut mta = strict();
    mta.go("CHMRTLN");
    for chunk in Chunks::new(&body, DataSize::Kib64) {
        assert_eq!(mta.say(Command::Body { chunk }), Ok(None));
        mta.scope(b'c');
    }
    assert_eq!(mta.go("E"), "E");
}

// 15. Every recipient was refused: SMTP never comes to DATA.
#[test]
fn a_message_without_recipients_is_aborted() {
    let mut mta = strict();
    mta.go("CHM");
    assert_eq!([mta.hears(b'R', b'r'), mta.hears(b'R', b'y')], [Scope::Recipient; 2]);
    assert_eq!(mta.go("AMR"), "AMR");

    let mut mta = Mta::with(mta::Policy::STRICT, Steps::REJECTED_RCPT);
    mta.go("CHM");
    assert!(matches!(mta.0.send_rejected(command(b'R')), Ok(Sent::Frame(_))));
    assert_eq!(mta.scope(b'r'), Scope::Nothing, "the MTA had refused already");
    assert_eq!(mta.go("AMR"), "AMR");

    let mut mta = strict();
    mta.go("CHM");
    let sent = mta.0.send_rejected(command(b'R')).unwrap();
    assert!(matches!(sent, Sent::Skipped { reason: SkipReason::NotWanted, .. }));
    assert_eq!(mta.send(b'T'), Err(Rule::Order), "there is no recipient");
}

// 16. UNKNOWN before CONNECT, or within the data, makes libmilter silent.
#[test]
fn unknown_comes_after_connect_and_not_within_the_data() {
    let mut mta = strict();
    assert_eq!(mta.send(b'U'), Err(Rule::Order));
    for (before, allowed) in [
        ("C", true),
        ("CH", true),
        ("CHM", true),
        ("CHMR", true),
        // A client can send it after DATA that somebody else refused; libmilter would forget the message.
        ("CHMRT", true),
        ("CHMRTL", false),
        ("CHMRTLN", false),
        ("CHMRTLNB", false),
        ("CHMRTLNBE", true),
    ] {
        let mut mta = strict();
        mta.go(before);
        let stage = mta.0.stage();
        let sent = mta.send(b'U');
        assert_eq!(sent.is_ok(), allowed, "after {before}");
        let is_skipped = sent == Ok(Some(SkipReason::ForgetsMessage));
        assert_eq!(is_skipped, before == "CHMRT", "after {before}");
        assert_eq!(mta.0.stage(), stage, "it leads nowhere");
    }
}
