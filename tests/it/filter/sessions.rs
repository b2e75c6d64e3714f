//! A filter's session at its edges: after an error, at the end, with a chunk in BODYEOB, before OPTNEG, and what the
//! default policy refuses to send.

use milter_proto::filter::{Options, Policy, Turn};
use milter_proto::order::{CommandKind, Rule, Stage};
use milter_proto::wire::{
    Actions, Answer, Assembler, Command, Edit, Frame, Offer, Steps, Text, Verdict, Version,
};
use milter_proto::{FilterSession, MtaSession, NegotiateError, ReceiveError, filter, mta};

use crate::support::sides::{Filter, Mta, how};
use crate::support::{sides, text};

/// A session at a command that expects a reply, under the default policy.
fn at(steps: Steps, codes: &str) -> Filter {
    let mut filter = Filter::with(Policy::DEFAULT, steps);
    let (last, before) = codes.as_bytes().split_last().unwrap();
    filter.go(core::str::from_utf8(before).unwrap());
    filter.gets(*last).unwrap();
    filter
}

#[test]
fn the_default_sends_what_every_mta_understands_and_says_what_to_send_instead() {
    let header = |name: &'static [u8]| Edit::AddHeader { name: text(name), value: text(b"yes") };
    let names: [&[u8]; 6] = [b"X-Spam:", b"X Spam", b"X-D\r\nX-Injected", b"X\tY", b"X-\xc3\xa4", b"X-\x7f"];
    for name in names {
        let mut filter = at(Steps::EMPTY, "CHMRTLNE");
        assert_eq!(filter.says(header(name)), Err(Rule::InvalidHeaderName), "{}", name.escape_ascii());
    }
    let mut filter = at(Steps::EMPTY, "CHMRTLNE");
    assert_eq!(filter.says(header(b"")), Err(Rule::EmptyName));
    assert_eq!(
        filter.says(header(b"X-Spam!#$%&'*+.^_`|~")),
        Ok(()),
        "every other printable byte may be in a name"
    );
    let rows: [(&str, Verdict<'_>, &str); 5] = [
        ("C", Verdict::Discard, "send CONTINUE, REJECT, TEMPFAIL or a reply"),
        ("CHU", Verdict::Accept, "send CONTINUE, REJECT, TEMPFAIL or a reply"),
        ("CHU", Verdict::Discard, "send CONTINUE, REJECT, TEMPFAIL or a reply"),
        ("CHMRTLNB", Verdict::Skip, "send CONTINUE"),
        ("CHM", Verdict::Shutdown, "expected CONTINUE"),
    ];
    for (codes, verdict, advice) in rows {
        let mut filter = at(Steps::EMPTY, codes);
        let misuse = filter.0.send(verdict).unwrap_err().to_string();
        assert!(misuse.starts_with("we may not send ") && misuse.contains(advice), "{misuse}");
        assert_eq!(filter.says(Verdict::Continue), Ok(()), "nothing changed");
    }
    let mut filter = Filter::offered(
        Policy::DEFAULT,
        Offer::FULL,
        Answer::new(Version::V6, Actions::CHANGE_BODY, Steps::EMPTY),
    );
    filter.go("CHMRTLN");
    filter.gets(b'E').unwrap();
    assert_eq!(filter.says(header(b"X-Seen")), Err(Rule::EditNotNegotiated));
    let chunk = |chunk| Edit::ReplaceBody { chunk };
    assert_eq!(filter.says(chunk(b"one")), Ok(()));
    assert_eq!(filter.says(chunk(b"two")), Ok(()));
    assert_eq!(filter.says(milter_proto::wire::Response::Progress), Ok(()));
    assert_eq!(filter.says(chunk(b"three")), Err(Rule::BodyInterrupted));
    assert_eq!(filter.says(Verdict::Continue), Ok(()));
    filter.go("MRTLN");
    filter.gets(b'E').unwrap();
    assert_eq!(filter.says(chunk(b"one")), Ok(()), "the next message has a body of its own");
}

#[test]
fn a_chunk_in_bodyeob_is_an_event_of_its_own_whatever_is_asked_meanwhile() {
    let mut filter = Filter::with(Policy::DEFAULT, Steps::EMPTY);
    filter.go("CHMRTLN");
    let event = filter.0.receive(Frame::new(b'E', b"tail")).unwrap();
    assert_eq!(event.command, Command::Body { chunk: b"tail" });
    let before = filter.0.clone();
    assert_eq!(filter.0.receive(Frame::new(b'M', b"<a>\0")), Err(ReceiveError::RestOfFrame));
    assert_eq!(filter.0, before, "nothing changed");
    assert_eq!(filter.0.rest_of_frame().unwrap().command, Command::EndOfMessage { chunk: b"" });
    assert_eq!(filter.0.turn(), Turn::Reply(CommandKind::EndOfMessage));
    // There is no event after the end of the connection.
    let mut gone = before.clone();
    let ending = gone.disconnect(0);
    assert_eq!((ending.in_message, ending.owed), (true, Some(CommandKind::EndOfMessage)));
    assert_eq!(gone.rest_of_frame(), None);
    let mut assembler = Assembler::new([0; 64]);
    assert_eq!(gone.next_event(&mut assembler, &mut &b"\0\0\0\x01Q"[..]), Err(ReceiveError::Closed));
}

/// DEV-4. libmilter sends nothing at all, because the reply to the chunk is taken for the one to the end.
#[test]
fn a_chunk_in_bodyeob_gets_one_reply_even_if_body_gets_none() {
    for policy in [Policy::DEFAULT, Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::NO_REPLY_BODY);
        filter.go("CHMRTLN");
        let event = filter.0.receive(Frame::new(b'E', b"tail")).unwrap();
        assert_eq!(event.command, Command::Body { chunk: b"tail" });
        assert_eq!(filter.0.rest_of_frame().unwrap().command, Command::EndOfMessage { chunk: b"" });
        assert_eq!(filter.0.turn(), Turn::Reply(CommandKind::EndOfMessage), "{policy:?}");
        assert_eq!(filter.says(Verdict::Continue), Ok(()));
        assert_eq!(filter.says(Verdict::Continue), Err(Rule::NotOwed), "a second reply");
    }
}

#[test]
fn a_chunk_in_bodyeob_that_nobody_wants_is_not_given_out() {
    let mut filter = at(Steps::SKIP, "CHMRTLNB");
    assert_eq!(filter.says(Verdict::Skip), Ok(()));
    let event = filter.0.receive(Frame::new(b'E', b"tail")).unwrap();
    assert_eq!(event.command, Command::EndOfMessage { chunk: b"" }, "after SKIP");
    for policy in [Policy::DEFAULT, Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::NO_BODY);
        filter.go("CHMRTLN");
        let event = filter.0.receive(Frame::new(b'E', b"tail")).unwrap();
        assert_eq!(event.command, Command::EndOfMessage { chunk: b"" }, "BODY was declined");
        assert_eq!(filter.0.turn(), Turn::Reply(CommandKind::EndOfMessage));
    }
    let mut strict = Filter::with(Policy::STRICT, Steps::SKIP);
    strict.go("CHMRTLN");
    strict.gets(b'B').unwrap();
    assert_eq!(strict.says(Verdict::Skip), Ok(()));
    assert_eq!(strict.rule(b'E', b"tail"), Some(Rule::BodyAtEnd));
}

#[test]
fn an_error_ends_the_session_whatever_kind_it_is() {
    let mut assembler = Assembler::new([0; 64]);
    let mut stream = Filter::with(Policy::DEFAULT, Steps::EMPTY).0;
    let broken = stream.next_event(&mut assembler, &mut &b"\0\0\0\0"[..]).unwrap_err();
    assert!(matches!(broken, ReceiveError::Stream(_)));
    let mut code = Filter::with(Policy::DEFAULT, Steps::EMPTY).0;
    let unknown = code.receive(Frame::new(b'?', b"")).unwrap_err();
    let mut payload = Filter::with(Policy::DEFAULT, Steps::EMPTY).0;
    let malformed = payload.receive(Frame::new(b'C', b"h\0")).unwrap_err();
    for (mut session, error) in [(stream, broken), (code, unknown), (payload, malformed)] {
        assert_eq!(session.turn(), Turn::Closed);
        assert_eq!(session.receive(sides::everyday(b'H')), Err(error));
        assert_eq!(session.next_event(&mut Assembler::new([0; 64]), &mut &b"\0\0\0\x01Q"[..]), Err(error));
        assert_eq!(session.send(Verdict::Continue).unwrap_err().rule, Rule::Closed);
        assert_eq!(session.rest_of_frame(), None);
        assert!(!session.disconnect(0).clean);
    }
}

#[test]
fn the_end_of_a_connection_is_told_once() {
    let mut filter = at(Steps::EMPTY, "CHMR");
    let first = filter.0.disconnect(7);
    assert_eq!((first.clean, first.in_message, first.in_frame), (false, true, true));
    assert_eq!(first.owed, Some(CommandKind::RcptTo));
    let second = filter.0.disconnect(0);
    assert_eq!((second.clean, second.in_message, second.owed), (false, false, None));
    // The message is aborted by QUIT, and not again by the end of the stream.
    let mut filter = Filter::with(Policy::DEFAULT, Steps::EMPTY);
    filter.go("CHM");
    assert!(filter.gets(b'Q').unwrap().aborts_message);
    let ending = filter.0.disconnect(0);
    assert_eq!((ending.clean, ending.in_message), (true, false));
    // A violation in a message leaves a message behind.
    let mut filter = Filter::with(Policy::STRICT, Steps::EMPTY);
    filter.go("CHMR");
    filter.rule(b'E', b"").unwrap();
    assert!(filter.0.disconnect(0).in_message);
    // So does the end of the stream while the reply to the end of a message is outstanding.
    assert!(at(Steps::EMPTY, "CHMRTLNBE").0.disconnect(0).in_message);
}

#[test]
fn nothing_is_negotiated_before_an_answer() {
    let mut filter = Filter(FilterSession::new());
    filter.hear(Command::Negotiate(Offer::FULL)).unwrap();
    assert_eq!(filter.0.negotiated(), None, "an offer is not an agreement");
    filter.0.disconnect(0);
    assert_eq!(filter.0.negotiated(), None);
    let mut filter = Filter(FilterSession::new());
    filter.gets(b'H').unwrap();
    assert_eq!(filter.0.negotiated(), None, "HELO without OPTNEG");
    let mut filter = Filter(FilterSession::new());
    filter.gets(b'Q').unwrap();
    assert_eq!(filter.0.negotiated(), None, "QUIT at once");
    let misuse = filter.0.negotiate(&Options::all_commands()).unwrap_err();
    assert!(matches!(misuse, NegotiateError::Misuse(_)));
    // An offer that cannot be answered is refused whoever answers it.
    let mut filter = Filter(FilterSession::new());
    filter.hear(Command::Negotiate(Offer::new(Version::new(1), Actions::ALL, Steps::ALL))).unwrap();
    assert!(matches!(filter.0.negotiate(&Options::all_commands()), Err(NegotiateError::Failed(_))));
    let answer = Answer::new(Version::V2, Actions::EMPTY, Steps::EMPTY);
    assert_eq!(filter.says(answer), Err(Rule::NegotiationFailed));
    let mut filter = Filter(FilterSession::new());
    filter.hear(Command::Negotiate(Offer::new(Version::new(7), Actions::ALL, Steps::ALL))).unwrap();
    let seven = Answer::new(Version::new(7), Actions::EMPTY, Steps::EMPTY);
    assert_eq!(filter.says(seven), Err(Rule::NegotiationFailed));
}

#[test]
fn a_command_that_cannot_be_declined_is_emulated_by_default() {
    let declines = Options::new([CommandKind::MailFrom]);
    let offer = Offer::new(Version::V6, Actions::ALL, Steps::from_bits(0x42));
    let mut filter = Filter(FilterSession::new());
    filter.hear(Command::Negotiate(offer)).unwrap();
    let sent = filter.0.negotiate(&declines).unwrap();
    assert!(sent.negotiation.negotiated.emulated.contains(Steps::NO_CONNECT | Steps::NO_DATA));
    filter.gets(b'C').unwrap();
    assert_eq!(filter.says(Verdict::Reject), Err(Rule::ReplyNotAllowed));
    assert_eq!(filter.says(Verdict::Continue), Ok(()));
    filter.gets(b'M').unwrap();
    assert_eq!(filter.says(Verdict::Reject), Ok(()), "it asked for MAIL");
    let mut strict = Filter(FilterSession::with_policy(Policy::STRICT));
    strict.hear(Command::Negotiate(offer)).unwrap();
    assert!(matches!(strict.0.negotiate(&declines), Err(NegotiateError::Failed(_))));
}

#[test]
fn steps_can_hold_before_optneg_as_in_libmilter() {
    let without_callbacks = Steps::NO_COMMAND;
    let answered = |steps: Steps, code: u8| {
        let session = FilterSession::with_policy(Policy::LIBMILTER).with_initial_steps(steps);
        let mut filter = Filter(session);
        let event = filter.gets(code).unwrap();
        !event.is_ignored() && matches!(filter.0.turn(), Turn::Reply(_))
    };
    let rows = |steps| b"CHMRTLNBEU".map(|code| answered(steps, code)).map(u8::from);
    assert_eq!(rows(without_callbacks), [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(rows(Steps::EMPTY), [0, 1, 1, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn a_text_that_is_no_address_is_judged_by_the_strict_law_alone() {
    for (address, family) in [(&b"fe80::1%eth0"[..], b'6'), (b"unknown", b'4')] {
        let payload = [b"h\0", &[family][..], b"\0\x19", address, b"\0"].concat();
        let fresh = |policy| Filter::with(policy, Steps::EMPTY);
        assert_eq!(fresh(Policy::STRICT).rule(b'C', &payload), Some(Rule::InvalidAddress));
        for policy in [Policy::DEFAULT, Policy::LIBMILTER] {
            assert_eq!(fresh(policy).rule(b'C', &payload), None);
        }
    }
}

#[test]
fn a_session_is_at_the_same_stage_whoever_refuses_data() {
    let mut ours = at(Steps::EMPTY, "CHMRT");
    assert_eq!(ours.says(Verdict::Reject), Ok(()));
    assert_eq!(ours.0.stage(), Stage::Recipients);
    let mut theirs = at(Steps::EMPTY, "CHMRT");
    assert_eq!(theirs.says(Verdict::Continue), Ok(()));
    theirs.gets(b'R').unwrap();
    assert_eq!(theirs.0.stage(), Stage::Recipients);
    assert_eq!(Text::EMPTY, "");
}

#[test]
fn abort_may_follow_a_verdict_that_settled_the_connection() {
    // milter-manager sends it.
    for policy in [Policy::DEFAULT, Policy::STRICT] {
        let mut filter = Filter::with(policy, Steps::EMPTY);
        filter.gets(b'C').unwrap();
        assert_eq!(filter.says(Verdict::Accept), Ok(()));
        let event = filter.gets(b'A').unwrap();
        assert!(event.in_order && !event.aborts_message, "{policy:?}");
        assert_eq!(filter.0.stage(), Stage::Decided);
        assert_eq!(filter.rule(b'H', b"x\0"), (policy == Policy::STRICT).then_some(Rule::Order));
    }
}

// Nine commands must not be empty. A HELO that says nothing is one NUL.
#[test]
fn empty_payloads_end_a_session_where_libmilter_ends_it() {
    // Where they can come: what libmilter ignores, it does not read.
    let rows = [
        (b'C', ""),
        (b'H', "C"),
        (b'M', "C"),
        (b'R', "CM"),
        (b'L', "CMRT"),
        (b'B', "CMRTN"),
        (b'U', "C"),
        (b'D', ""),
    ];
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        for (code, before) in rows {
            let mut filter = Filter::with(policy, Steps::EMPTY);
            filter.go(before);
            let rule = if code == b'B' { Rule::EmptyBody } else { Rule::MalformedPayload };
            assert_eq!(filter.rule(code, b""), Some(rule), "{}", char::from(code));
            assert_eq!(filter.0.turn(), filter::Turn::Closed);
        }
        assert_eq!(Filter(FilterSession::with_policy(policy)).rule(b'O', b""), Some(Rule::MalformedPayload));
    }
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("C");
    assert_eq!(filter.rule(b'H', b"\0"), None);
}

// libmilter swallows what is out of order, after an implied abort.
#[test]
fn out_of_order_is_ignored_without_a_reply_or_ends_the_connection() {
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("CHM");
    assert_eq!(how(filter.gets(b'T').unwrap()), (false, true));
    assert_eq!(filter.0.turn(), filter::Turn::Receive, "no reply is owed");
    assert_eq!(how(filter.gets(b'R').unwrap()), (false, false));
    assert_eq!(filter.go("MR"), "MR");
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CHM");
    assert_eq!(filter.rule(b'T', b""), Some(Rule::Order));
}

// What comes before OPTNEG makes libmilter ignore OPTNEG.
#[test]
fn without_optneg_first_there_is_no_negotiation() {
    let mut filter = Filter(FilterSession::with_policy(filter::Policy::LIBMILTER));
    assert_eq!(filter.go("H"), "H");
    assert_eq!(how(filter.gets(b'O').unwrap()), (false, false));
    assert_eq!(filter.0.turn(), filter::Turn::Receive);
    assert_eq!(filter.0.negotiated(), None);
    assert_eq!(
        Filter(FilterSession::with_policy(filter::Policy::STRICT)).rule(b'H', b"x\0"),
        Some(Rule::Order)
    );
    assert_eq!(Mta(MtaSession::with_policy(mta::Policy::STRICT)).send(b'H'), Err(Rule::Order));
}
