//! Each rule of the order, broken once by whom it binds: ORD-1 to ORD-26 of SPEC_NOTES.md.
//!
//! What the other tables of the order hold already is not said again here.

use milter_proto::mta::{EditStatus, Scope, Sent};
use milter_proto::order::{Rule, Stage};
use milter_proto::wire::{
    Actions, Answer, Assembler, Command, Edit, Frame, FrameError, Offer, Response, Steps, Text, Verdict,
    Version,
};
use milter_proto::{FilterSession, Limits, MtaSession, ReceiveError, filter, mta};

use crate::support::sides::{Filter, Mta, command, edit, edits, everyday, payload_of};
use crate::support::text;

fn mta(before: &str) -> Mta {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    mta.go(before);
    mta
}

/// An MTA that waits for the reply to the last command.
fn waiting(policy: mta::Policy, steps: Steps, codes: &str) -> Mta {
    let mut mta = Mta::with(policy, steps);
    let (last, before) = codes.as_bytes().split_last().unwrap();
    mta.go(core::str::from_utf8(before).unwrap());
    mta.send(*last).unwrap();
    mta
}

/// A filter that owes the reply to the last command.
fn asked(policy: filter::Policy, steps: Steps, codes: &str) -> Filter {
    let mut filter = Filter::with(policy, steps);
    let (last, before) = codes.as_bytes().split_last().unwrap();
    filter.go(core::str::from_utf8(before).unwrap());
    filter.gets(*last).unwrap();
    filter
}

fn strict(codes: &str) -> Filter {
    asked(filter::Policy::STRICT, Steps::SKIP, codes)
}

/// The rules, each with something that breaks it, in our own calls or in what the peer sends.
#[rustfmt::skip]
fn broken() -> [(&'static str, Option<Rule>); 28] {
    let none = Steps::EMPTY;
    let few = Answer::new(Version::V6, Actions::EMPTY, none);
    let no_edits = || Mta::answered(MtaSession::with_policy(mta::Policy::STRICT), few);
    let bounds = |limits| {
        let mut mta = Mta::answered(MtaSession::with_limits(mta::Policy::STRICT, limits), Answer::new(Version::V6, Actions::ALL, none));
        mta.go("CHMRTLN");
        mta.send(b'E').unwrap();
        mta
    };
    let emulated = || {
        let mut filter = Filter(FilterSession::with_policy(filter::Policy::STRICT));
        filter.hear(Command::Negotiate(Offer::new(Version::V6, Actions::ALL, Steps::V4))).unwrap();
        let wishes = milter_proto::filter::Options::all_commands().no_reply_to([milter_proto::order::CommandKind::Connect]);
        assert!(filter.0.negotiate(&wishes).is_ok());
        filter.gets(b'C').unwrap();
        filter
    };
    let body = vec![0; 65_536];
    [
        ("ORD-1", mta("CH").send(b'T').err()),
        ("ORD-2", waiting(mta::Policy::STRICT, none, "CH").send(b'M').err()),
        ("ORD-3", mta("CH").rule(b'c', b"")),
        ("ORD-4", Filter::with(filter::Policy::STRICT, Steps::NO_CONNECT | Steps::NO_HELO).rule(b'H', b"x\0")),
        ("ORD-5", strict("CHM").says(Verdict::Shutdown).err()),
        ("ORD-6", strict("C").says(Verdict::Discard).err()),
        ("ORD-7", waiting(mta::Policy::STRICT, none, "CHMRTLNB").rule(b's', b"")),
        ("ORD-8", waiting(mta::Policy::STRICT, none, "CHMRTLNB").rule(b'p', b"")),
        ("ORD-9", waiting(mta::Policy::STRICT, none, "CHMRTLN").rule(b'h', b"X\0y\0")),
        ("ORD-10", { let mut mta = no_edits(); mta.go("CHMRTLN"); mta.send(b'E').unwrap(); mta.rule(b'h', b"X\0y\0") }),
        ("ORD-11", { let mut mta = waiting(mta::Policy::POSTFIX, none, "CHMRTLNE"); mta.rule(b'b', b"x"); mta.rule(b'p', b""); mta.rule(b'b', b"y") }),
        ("ORD-12", { let mut mta = Mta(MtaSession::with_policy(mta::Policy::STRICT)); mta.send(b'O').unwrap(); mta.rule(b'c', b"") }),
        ("ORD-13", waiting(mta::Policy::STRICT, none, "CH").rule(b'?', b"")),
        ("ORD-14", { let mut filter = strict("CHMRTLNB"); filter.says(Verdict::Skip).unwrap(); filter.rule(b'B', b"x") }),
        ("ORD-15", mta("CHQ").send(b'M').err()),
        ("ORD-16", mta("CHMRTLN").say(Command::Body { chunk: b"" }).err()),
        ("ORD-17", mta("CHMRTLN").say(Command::EndOfMessage { chunk: b"x" }).err()),
        ("ORD-18", Filter::with(filter::Policy::STRICT, none).rule(b'C', b"h\x004\0\0::1\0")),
        ("ORD-19", strict("CHMRTLNE").says(Edit::AddRcpt { address: Text::EMPTY }).err()),
        ("ORD-20", mta("CHMRTLN").say(Command::Body { chunk: &body }).err()),
        ("ORD-21", bounds(Limits::DEFAULT.with_max_edits(0)).rule(b'h', b"X\0y\0")),
        ("ORD-22", bounds(Limits::DEFAULT.with_max_progress(0)).rule(b'p', b"")),
        ("ORD-23", mta("CH").send(b'K').err()),
        ("ORD-24", emulated().says(Verdict::Reject).err()),
        ("ORD-25", { let mut mta = Mta(MtaSession::with_policy(mta::Policy::STRICT)); mta.send(b'O').unwrap(); mta.rule(b'O', b"\0\0\0\x07\0\0\0\0\0\0\0\0") }),
        ("ORD-26", Filter::with(filter::Policy::STRICT, none).rule(b'C', b"h\0")),
        ("ORD-37", strict("CHMRTLNE").says(Edit::AddHeader { name: text(b"X-Spam:"), value: text(b"yes") }).err()),
        ("ORD-40", mta("CHM").0.send_rejected(Command::Abort).err().map(|misuse| misuse.rule)),
    ]
}

#[test]
fn every_rule_can_be_broken_and_says_its_id() {
    for (number, (id, rule)) in (1..=26).chain([37, 40]).zip(broken()) {
        assert_eq!(id, format!("ORD-{number}"));
        assert_eq!(rule.map(Rule::id), Some(id));
    }
}

#[test]
fn an_error_names_the_frame_the_stage_the_debt_and_the_rule() {
    let mut mta = mta("CHM");
    let misuse = mta.0.send(command(b'L')).unwrap_err();
    assert_eq!(
        misuse.to_string(),
        "we may not send HEADER at stage Mail: it cannot follow at this stage; expected HELO, \
                 MAIL, RCPT, UNKNOWN, ABORT, QUIT (ORD-1)"
    );
    mta.send(b'R').unwrap();
    let error = mta.0.receive(Frame::new(b'h', b"X\0y\0")).unwrap_err();
    let shown = "the peer sent ADDHEADER at stage Recipients with a reply to RCPT outstanding: an edit may only come \
                 between BODYEOB and its verdict (ORD-9)";
    assert_eq!(error.to_string(), shown);
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    let error = filter.0.receive(Frame::new(b'?', b"")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the peer sent code 0x3f at stage Negotiated: this direction has no such code (ORD-13)"
    );
    let error =
        FilterSession::with_policy(filter::Policy::STRICT).receive(Frame::new(b'O', b"\0")).unwrap_err();
    let shown = "the peer sent OPTNEG at stage Start: the payload is malformed (ORD-26): OPTNEG: version at offset \
                 0 is cut short";
    assert_eq!(error.to_string(), shown);
    let mut mta = MtaSession::with_policy(mta::Policy::STRICT);
    let offer = Offer::new(Version::V6, Actions::ADD_HEADERS, Steps::ALL);
    let Ok(Sent::Frame(_)) = mta.send(Command::Negotiate(offer)) else { panic!("an offer can be sent") };
    let answer = Answer::new(Version::V6, Actions::CHANGE_FROM, Steps::EMPTY);
    let error = mta.receive(Frame::new(b'O', &payload_of(&Response::Negotiate(answer)))).unwrap_err();
    let shown = "the peer sent OPTNEG at stage Negotiated with a reply to OPTNEG outstanding: it makes \
                 the negotiation fail (ORD-25): the filter requires actions CHANGE_FROM; the MTA offered only \
                 ADD_HEADERS";
    assert_eq!(error.to_string(), shown);
    let offer = Offer::new(Version::new(1), Actions::ADD_HEADERS, Steps::ALL);
    let misuse = MtaSession::new().send(Command::Negotiate(offer)).unwrap_err();
    let shown = "we may not send OPTNEG at stage Start: it makes the negotiation fail; expected a version from 2 to \
                 2147483647 (ORD-25)";
    assert_eq!(misuse.to_string(), shown);
    let mut filter = FilterSession::new();
    filter.receive(everyday(b'O')).unwrap();
    let answer = Answer::new(Version::V6, Actions::from_bits(0x200), Steps::EMPTY);
    let misuse = filter.send(answer).unwrap_err();
    let shown = "we may not send OPTNEG at stage Negotiated with a reply to OPTNEG outstanding: it makes the \
                 negotiation fail; expected a version from 2 to the offered one, and only actions and steps that the \
                 MTA offered (ORD-25)";
    assert_eq!(misuse.to_string(), shown);
}

#[test]
fn a_broken_session_says_the_same_for_ever_and_a_misuse_changes_nothing() {
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    let first = filter.gets(b'E').unwrap_err();
    assert!(matches!(first, ReceiveError::Peer(violation) if violation.rule == Rule::Order));
    for code in *b"CHQ" {
        assert_eq!(filter.gets(code).unwrap_err(), first);
    }
    assert_eq!(filter.says(Verdict::Continue), Err(Rule::Closed));
    let mut mta = waiting(mta::Policy::STRICT, Steps::EMPTY, "CHM");
    assert_eq!(mta.rule(b'h', b"X\0y\0"), Some(Rule::EditTooEarly));
    assert_eq!(mta.rule(b'c', b""), Some(Rule::EditTooEarly), "not the rule that is broken now");
    assert_eq!((mta.0.turn(), mta.send(b'Q')), (mta::Turn::Closed, Err(Rule::Closed)));
}

#[test]
fn the_payload_of_an_ignored_command_is_not_read() {
    let malformed = Frame::new(b'C', b"");
    let mut filter = FilterSession::with_policy(filter::Policy::LIBMILTER);
    let event = filter.receive(malformed).expect("CONNECT before OPTNEG is ignored");
    assert_eq!(
        (event.command, (event.in_order, event.aborts_message)),
        (Command::Other(malformed), (false, false))
    );
    assert_eq!(event.deviation.map(|deviation| deviation.code()), Some(b'C'));
    assert_eq!((filter.turn(), filter.stage()), (filter::Turn::Receive, Stage::Greeted));
    filter.receive(Frame::new(b'M', b"<a>\0")).expect("MAIL is taken from there");

    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    let error = filter.0.receive(malformed).unwrap_err();
    assert!(matches!(error, ReceiveError::Peer(violation) if violation.rule == Rule::MalformedPayload));
    let error = FilterSession::with_policy(filter::Policy::STRICT).receive(malformed).unwrap_err();
    assert!(matches!(error, ReceiveError::Peer(violation) if violation.rule == Rule::MalformedPayload));
}

#[test]
fn a_filter_reads_over_what_comes_behind_quit() {
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::EMPTY);
        let mut assembler = Assembler::new([0; 64]);
        let mut input: &[u8] = b"\0\0\0\x01Q\0\0\0\x02H\0GET /";
        let event = filter.0.next_event(&mut assembler, &mut input).unwrap().unwrap();
        assert_eq!(event.command, Command::Quit);
        assert_eq!(filter.0.next_event(&mut assembler, &mut input), Ok(None));
        assert_eq!((input, filter.0.turn()), (&b""[..], filter::Turn::Closed));
    }
}

#[test]
fn an_mta_reads_over_what_comes_behind_quit() {
    let mut mta = mta("CH");
    assert_eq!(mta.send(b'Q'), Ok(None));
    let mut input: &[u8] = b"\0\0\0\x01c\0\0\0";
    assert_eq!(mta.0.next_event(&mut Assembler::new([0; 64]), &mut input), Ok(None));
    assert_eq!(input, b"");
}

#[test]
fn a_stream_that_cannot_be_cut_ends_a_filters_session() {
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    let mut assembler = Assembler::new([0; 64]);
    for _ in 0..2 {
        let error = filter.0.next_event(&mut assembler, &mut &b"\0\0\0\0"[..]).unwrap_err();
        assert_eq!(error, ReceiveError::Stream(FrameError::Empty));
    }
}

#[test]
fn a_command_that_is_switched_off_is_against_the_strict_law_only() {
    let rows = [
        (Steps::NO_CONNECT, "", b'C'),
        (Steps::NO_HELO, "C", b'H'),
        (Steps::NO_MAIL, "CH", b'M'),
        (Steps::NO_RCPT, "CHM", b'R'),
        (Steps::NO_DATA, "CHMR", b'T'),
        (Steps::NO_HEADERS, "CHMRT", b'L'),
        (Steps::NO_END_OF_HEADERS, "CHMRTL", b'N'),
        (Steps::NO_BODY, "CHMRTLN", b'B'),
        (Steps::NO_UNKNOWN, "CH", b'U'),
    ];
    for (step, before, code) in rows {
        let mut filter = Filter::with(filter::Policy::STRICT, step);
        filter.go(before);
        let frame = everyday(code);
        assert_eq!(filter.rule(code, frame.payload()), Some(Rule::Declined), "{step:?}");
        let mut filter = Filter::with(filter::Policy::LIBMILTER, step);
        filter.go(before);
        assert_eq!(filter.rule(code, frame.payload()), None, "libmilter answers CONTINUE: {step:?}");
        assert!(matches!(filter.0.turn(), filter::Turn::Reply(_)));
        let mut mta = Mta::with(mta::Policy::STRICT, step);
        mta.go(before);
        assert!(mta.send(code).unwrap().is_some(), "{step:?}");
    }
}

#[test]
fn an_edit_counts_at_the_end_of_a_message_only() {
    for at in ["C", "CH", "CHM", "CHMR", "CHMRT", "CHMRTL", "CHMRTLN", "CHMRTLNB", "CHU"] {
        for edit in edits() {
            for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
                assert_eq!(
                    asked(policy, Steps::EMPTY, at).says(edit),
                    Err(Rule::EditTooEarly),
                    "{at} {edit:?}"
                );
            }
            for policy in [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX] {
                let mut mta = waiting(policy, Steps::EMPTY, at);
                let is_held = policy == mta::Policy::POSTFIX && matches!(edit, Edit::Quarantine { .. });
                let expected = (!is_held).then_some(Rule::EditTooEarly);
                assert_eq!(mta.rule(edit.code(), &payload_of(&edit.into())), expected, "{policy:?} {at}");
            }
        }
    }
    for edit in edits() {
        assert_eq!(strict("CHMRTLNE").says(edit), Ok(()));
        let mut mta = waiting(mta::Policy::STRICT, Steps::EMPTY, "CHMRTLNE");
        let mut payload = Vec::new();
        assert!(matches!(
            mta.takes(&edit.into(), &mut payload),
            mta::Event::Edit { status: EditStatus::Negotiated, .. }
        ));
    }
}

#[test]
fn each_edit_needs_its_own_action() {
    for edit in edits() {
        for other in edits() {
            let answer = Answer::new(Version::V6, other.action(), Steps::EMPTY);
            let expected =
                if edit.action() == other.action() { Ok(()) } else { Err(Rule::EditNotNegotiated) };
            let mut filter = Filter::offered(filter::Policy::STRICT, Offer::FULL, answer);
            filter.go("CHMRTLN");
            assert!(!filter.0.may_edit(edit.action()), "not yet");
            filter.gets(b'E').unwrap();
            assert_eq!(filter.0.may_edit(edit.action()), expected.is_ok());
            assert_eq!(filter.says(edit), expected, "{edit:?}");
            for (policy, obeys) in
                [(mta::Policy::STRICT, false), (mta::Policy::SENDMAIL, true), (mta::Policy::POSTFIX, true)]
            {
                let mut mta = Mta::answered(MtaSession::with_policy(policy), answer);
                mta.go("CHMRTLN");
                mta.send(b'E').unwrap();
                let rule = mta.rule(edit.code(), &payload_of(&edit.into()));
                assert_eq!(rule.is_none(), obeys || expected.is_ok(), "{policy:?} {edit:?}");
            }
        }
    }
}

#[test]
fn a_new_body_comes_in_one_piece_for_all_but_sendmail() {
    let interruptions: [(u8, &[u8]); 3] = [(b'p', b""), (b'h', b"X\0y\0"), (b'q', b"why\0")];
    for (code, payload) in interruptions {
        for policy in [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX] {
            let mut mta = waiting(policy, Steps::EMPTY, "CHMRTLNE");
            for (code, payload) in [(code, payload), (b'b', b"one"), (b'b', b"two"), (code, payload)] {
                assert_eq!(mta.rule(code, payload), None);
            }
            let expected = (policy != mta::Policy::SENDMAIL).then_some(Rule::BodyInterrupted);
            assert_eq!(mta.rule(b'b', b"three"), expected, "{policy:?} {}", char::from(code));
        }
    }
    let mut mta = waiting(mta::Policy::POSTFIX, Steps::EMPTY, "CHMRTLNE");
    assert_eq!(mta.rule(b'b', b"one"), None);
    mta.scope(b'c');
    mta.go("MRTLN");
    mta.send(b'E').unwrap();
    assert_eq!(mta.rule(b'b', b"two"), None, "the next message has a body of its own");
}

#[test]
fn a_new_body_that_was_begun_is_told_when_the_filter_is_gone() {
    let mut mta = waiting(mta::Policy::STRICT, Steps::EMPTY, "CHMRTLNE");
    let untouched = mta.clone().0.disconnect(0);
    assert!(!untouched.edits_incomplete && !untouched.body_incomplete);
    assert_eq!(mta.rule(b'b', b""), None, "an empty chunk empties the body");
    let ending = mta.clone().0.disconnect(0);
    assert!(ending.edits_incomplete && ending.body_incomplete);
    assert_eq!(mta.rule(b'p', b""), None);
    assert!(mta.0.disconnect(0).body_incomplete, "whatever came behind it");
}

#[test]
fn only_the_answer_to_optneg_answers_optneg() {
    for code in *b"acdfprstq4l" {
        let mut mta = Mta(MtaSession::with_policy(mta::Policy::POSTFIX));
        mta.send(b'O').unwrap();
        let payload: &[u8] = if code == b'q' { b"why\0" } else { b"" };
        assert_eq!(mta.rule(code, payload), Some(Rule::Negotiation), "{}", char::from(code));
    }
    let answer = b"\0\0\0\x06\0\0\0\0\0\0\0\0";
    assert_eq!(waiting(mta::Policy::POSTFIX, Steps::EMPTY, "CH").rule(b'O', answer), Some(Rule::Negotiation));
    let late = Answer::new(Version::V6, Actions::EMPTY, Steps::EMPTY);
    assert_eq!(strict("CH").says(late), Err(Rule::Negotiation));
    for response in [Response::Progress, edit().into(), Verdict::Accept.into()] {
        let mut filter = Filter(FilterSession::with_policy(filter::Policy::LIBMILTER));
        filter.gets(b'O').unwrap();
        assert_eq!(filter.says(response), Err(Rule::Negotiation));
    }
}

#[test]
fn reserved_codes_are_never_sent_and_taken_by_postfix_alone() {
    for verdict in [Verdict::Shutdown, Verdict::ConnectionFail] {
        for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
            assert_eq!(asked(policy, Steps::EMPTY, "CHM").says(verdict), Err(Rule::InvalidVerdict));
        }
    }
    let list = Response::MacroList { payload: b"" };
    assert_eq!(strict("CHM").says(list), Err(Rule::UnknownCode));
    assert_eq!(strict("CHM").says(Response::Other(Frame::new(b'?', b""))), Err(Rule::UnknownCode));
    for (code, postfix) in [(b'4', None), (b'f', Some(Rule::UnknownCode)), (b'l', Some(Rule::UnknownCode))] {
        for policy in [mta::Policy::STRICT, mta::Policy::SENDMAIL] {
            assert_eq!(waiting(policy, Steps::EMPTY, "CHM").rule(code, b""), Some(Rule::UnknownCode));
        }
        assert_eq!(waiting(mta::Policy::POSTFIX, Steps::EMPTY, "CHM").rule(code, b""), postfix);
    }
    let mut mta = waiting(mta::Policy::POSTFIX, Steps::EMPTY, "CHM");
    assert_eq!(mta.scope(b'4'), Scope::Connection, "421, and the end");
    assert!(mta.0.receive(Frame::new(b'c', b"")).is_err());
}

#[test]
fn an_edit_without_a_name_or_address_is_not_sent() {
    let (empty, value) = (Text::EMPTY, text(b"x"));
    for edit in [
        Edit::AddHeader { name: empty, value },
        Edit::InsertHeader { index: 0, name: empty, value },
        Edit::ChangeHeader { index: 1, name: empty, value },
        Edit::ChangeFrom { address: empty, arguments: None },
        Edit::AddRcpt { address: empty },
        Edit::AddRcptWithArguments { address: empty, arguments: None },
        Edit::DeleteRcpt { address: empty },
    ] {
        assert_eq!(strict("CHMRTLNE").says(edit), Err(Rule::EmptyName), "{edit:?}");
    }
    let name = text(b"X");
    for edit in [
        Edit::ChangeHeader { index: 1, name, value: empty },
        Edit::Quarantine { reason: empty },
        Edit::ReplaceBody { chunk: b"" },
        Edit::ChangeFrom { address: text(b"<>"), arguments: Some(empty) },
    ] {
        assert_eq!(strict("CHMRTLNE").says(edit), Ok(()), "{edit:?}");
    }
}

#[test]
fn skip_ends_the_body_for_the_filter_too() {
    let mut filter = strict("CHMRTLNB");
    filter.says(Verdict::Skip).unwrap();
    assert_eq!(filter.go("EMRTLNBE"), "EMRTLNBE", "the next message has a body again");
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let unagreed = asked(policy, Steps::EMPTY, "CHMRTLNB").says(Verdict::Skip);
        assert_eq!(unagreed.is_ok(), policy == filter::Policy::LIBMILTER);
    }
}
