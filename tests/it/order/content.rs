//! Headers and bodies in a session: names, lengths, the leading space, and BODYEOB.

use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{
    Chunks, Command, DataSize, Frame, LeadingSpace, Steps, Text, TextList, Verdict, folds_to_wire,
};
use milter_proto::{Limits, MtaSession, filter, mta};

use crate::support::sides::{Filter, Mta, how, strict};
use crate::support::text;

// A NUL cannot get into a text, and an empty header name not into a session.
#[test]
fn texts_hold_no_nul_and_a_header_has_a_name() {
    assert!(Text::new(b"a\0b").is_err());
    let mut mta = strict();
    mta.go("CH");
    let bounce = Command::MailFrom { address: Text::EMPTY, arguments: TextList::EMPTY };
    assert_eq!(mta.say(bounce), Ok(None), "an empty address is one");
    mta.scope(b'c');
    mta.go("RT");
    let nameless = Command::Header { name: Text::EMPTY, value: text(b"x") };
    assert_eq!(mta.say(nameless), Err(Rule::EmptyName));
}

// libmilter closes on more than 65,535 bytes, in any frame.
#[test]
fn a_header_that_is_too_long_is_refused_with_its_name_and_both_nuls() {
    let value = vec![b'x'; 65_535];
    for (len, expected) in [(65_532, Ok(None)), (65_533, Err(Rule::TooLong))] {
        let mut mta = strict();
        mta.go("CHMRT");
        let header = Command::Header { name: text(b"X"), value: text(&value[..len]) };
        assert_eq!(mta.say(header), expected, "{len}");
    }
    let mut larger =
        Mta(MtaSession::with_limits(mta::Policy::STRICT, Limits::DEFAULT.with_max_send_payload(1000)));
    larger.send(b'O').unwrap();
    larger.rule(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0");
    larger.go("CHMRT");
    for (len, expected) in [(997, Ok(None)), (998, Err(Rule::TooLong))] {
        let header = Command::Header { name: text(b"X"), value: text(&value[..len]) };
        assert_eq!(larger.clone().say(header), expected, "a smaller limit holds: {len}");
    }
}

// The space after the colon of a header.
#[test]
fn one_leading_space_is_the_mtas_unless_it_was_agreed_otherwise() {
    for (steps, to_filter, before) in
        [(Steps::EMPTY, &b" x"[..], &b" "[..]), (Steps::LEADING_SPACE, b"  x", b"")]
    {
        let mta = Mta::with(mta::Policy::STRICT, steps);
        let rule = LeadingSpace::of(mta.0.negotiated().unwrap().steps);
        assert_eq!((rule.to_wire(b"  x"), rule.before()), (to_filter, before));
        assert_eq!(rule.to_wire(b"\tx"), b"\tx", "a tab stays");
    }
}

// libmilter may answer twice if BODYEOB has bytes. A filter gets them anyway.
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

// libmilter closes on an empty BODY.
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

// libmilter answers twice to a refused BODYEOB with bytes. A session here gives a chunk and an end: one answer.
#[test]
fn bytes_in_the_end_of_the_message_are_answered_once() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    mta.go("CHMRTLN");
    assert_eq!(mta.say(Command::EndOfMessage { chunk: b"x" }), Err(Rule::BodyAtEnd));
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("CHMRTLN");
    assert_eq!(filter.0.receive(Frame::new(b'E', b"x")).unwrap().command, Command::Body { chunk: b"x" });
    assert_eq!(filter.says(Verdict::Reject), Err(Rule::NotOwed), "the end is still to be taken");
    assert!(filter.0.rest_of_frame().is_some());
    assert_eq!(filter.says(Verdict::Reject), Ok(()));
    assert_eq!(filter.says(Verdict::Reject), Err(Rule::NotOwed));
}

// Without EOH, and with no header in the message, libmilter loses the body.
#[test]
fn a_message_without_headers_is_no_message_to_libmilter_without_eoh() {
    let steps = Steps::NO_END_OF_HEADERS;
    let mut filter = Filter::with(filter::Policy::LIBMILTER, steps);
    filter.go("CHMRT");
    assert_eq!(how(filter.gets(b'B').unwrap()), (false, true));
    let mut filter = Filter::with(filter::Policy::LIBMILTER, steps | Steps::NO_HEADERS);
    filter.go("CHMRT");
    assert_eq!(how(filter.gets(b'B').unwrap()), (true, false));
    let mut filter = Filter::with(filter::Policy::STRICT, steps);
    assert_eq!(filter.go("CHMRTBE"), "CHMRTBE", "ours reads what both MTAs send");
}

// Folds are LF, line ends of the body CRLF; a CRLF may be cut in two, and a body may hold NUL.
#[test]
fn folds_are_lf_and_bodies_are_any_bytes_cut_anywhere() {
    assert_eq!(folds_to_wire(b"one\r\n\ttwo").collect::<Vec<_>>().concat(), b"one\n\ttwo");
    let mut body = vec![b'x'; 65_534];
    body.extend_from_slice(b"\r\n\0\r");
    let chunks: Vec<_> = Chunks::new(&body, DataSize::Kib64).collect();
    assert!(chunks[0].ends_with(b"\r") && chunks[1] == b"\n\0\r");
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::NO_REPLY_BODY);
    mta.go("CHMRTLN");
    for chunk in chunks {
        assert_eq!(mta.say(Command::Body { chunk }), Ok(None));
    }
}

// Both sides read the same rule from the negotiated steps.
#[test]
fn leading_space_is_one_rule_for_both_directions() {
    for (steps, rule) in
        [(Steps::EMPTY, LeadingSpace::Stripped), (Steps::LEADING_SPACE, LeadingSpace::Preserved)]
    {
        let mta = Mta::with(mta::Policy::STRICT, steps);
        let filter = Filter::with(filter::Policy::STRICT, steps);
        for agreed in [mta.0.negotiated(), filter.0.negotiated()] {
            assert_eq!(LeadingSpace::of(agreed.unwrap().steps), rule);
        }
        assert_eq!([mta.0.leading_space(), filter.0.leading_space()], [rule; 2]);
    }
}

// What is offered is not negotiated yet.
#[test]
fn values_have_no_leading_space_before_the_answer_to_the_offer() {
    let mut mta = Mta(milter_proto::MtaSession::new());
    let mut filter = Filter(milter_proto::FilterSession::new());
    assert_eq!([mta.0.leading_space(), filter.0.leading_space()], [LeadingSpace::Stripped; 2]);
    mta.send(b'O').unwrap();
    filter.gets(b'O').unwrap();
    assert_eq!([mta.0.leading_space(), filter.0.leading_space()], [LeadingSpace::Stripped; 2]);
}

// BODYEOB with a payload is two events and one reply.
#[test]
fn the_last_piece_of_a_body_is_an_event_and_the_end_another_with_one_reply() {
    for steps in [Steps::EMPTY, Steps::NO_REPLY_BODY] {
        let mut filter = Filter::with(filter::Policy::LIBMILTER, steps);
        filter.go("CHMRTLN");
        let mut assembler = milter_proto::wire::Assembler::new([0; 64]);
        let mut input = &b"\0\0\0\x05Elast\0\0\0\x01A"[..];
        let body = filter.0.next_event(&mut assembler, &mut input).unwrap().unwrap();
        assert_eq!(body.command, Command::Body { chunk: b"last" });
        assert_eq!(filter.0.turn(), filter::Turn::Receive, "nothing is owed for the chunk");
        let end = filter.0.next_event(&mut assembler, &mut input).unwrap().unwrap();
        assert_eq!(end.command, Command::EndOfMessage { chunk: b"" });
        assert_eq!(filter.says(Verdict::Reject), Ok(()));
        assert_eq!(filter.0.turn(), filter::Turn::Receive, "one reply, and no second one");
        let abort = filter.0.next_event(&mut assembler, &mut input).unwrap().unwrap();
        assert_eq!(abort.command, Command::Abort);
    }
}
