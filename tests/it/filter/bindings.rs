//! What a library in the shape of libmilter needs beside the usual: `SMFIS_NOREPLY`, two masks, replies as they are given.

use crate::support::sides::command;
use milter_proto::FilterSession;
use milter_proto::filter::{Options, Policy, Receiving, Sending, Support, Turn};
use milter_proto::macros::MacroStore;
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{
    Actions, Command, DataSize, Edit, Frame, ListStage, MacroLists, Offer, ReplyFault, ReplyText, Steps,
    Tolerance, Verdict, Version,
};

/// A session after OPTNEG, with all commands wanted.
fn negotiated(policy: Policy) -> FilterSession {
    let mut session = FilterSession::with_policy(policy);
    receive(&mut session, b'O');
    session.negotiate(&Options::all_commands()).map(drop).unwrap();
    session
}

/// Takes an everyday command of that code.
fn receive(session: &mut FilterSession, code: u8) {
    let mut bytes = Vec::new();
    command(code).encode().append_to(&mut bytes);
    session.receive(Frame::new(bytes[4], &bytes[5..])).map(drop).unwrap();
}

// ORD-42
#[test]
fn a_reply_is_withheld_only_where_libmilter_does_it() {
    let libmilter = Policy::new(Receiving::Robust, Sending::Libmilter);
    for policy in [libmilter, Policy::LIBMILTER] {
        let mut session = negotiated(policy);
        for code in *b"CHMRTLNBE" {
            receive(&mut session, code);
            assert!(matches!(session.turn(), Turn::Reply(_)));
            session.withhold().unwrap();
            assert_eq!(session.turn(), Turn::Receive, "the next command may come");
            assert_eq!(session.withhold().unwrap_err().rule, Rule::NotOwed);
        }
        receive(&mut session, b'M');
        session.send(Verdict::Reject).map(drop).unwrap();
    }
    for policy in [Policy::DEFAULT, Policy::STRICT, Policy::new(Receiving::Libmilter, Sending::Strict)] {
        let mut session = negotiated(policy);
        receive(&mut session, b'C');
        assert_eq!(session.withhold().unwrap_err().rule, Rule::ReplyOwed);
        assert_eq!(session.turn(), Turn::Reply(CommandKind::Connect), "nothing changed");
        session.send(Verdict::Continue).map(drop).unwrap();
    }
    let mut session = FilterSession::with_policy(libmilter);
    receive(&mut session, b'O');
    assert_eq!(session.withhold().unwrap_err().rule, Rule::Negotiation);
    session.disconnect(0);
    assert_eq!(session.withhold().unwrap_err().rule, Rule::Closed);
}

#[test]
fn a_withheld_end_of_message_ends_it_and_its_macros() {
    let mut session = negotiated(Policy::LIBMILTER);
    let mut store = MacroStore::new(Vec::new());
    for code in *b"CHDMRTE" {
        let mut bytes = Vec::new();
        command(code).encode().append_to(&mut bytes);
        let event = session.receive(Frame::new(bytes[4], &bytes[5..])).unwrap();
        store.observe(&event).unwrap();
        if let Turn::Reply(_) = session.turn() {
            session.withhold().unwrap();
        }
    }
    let event = session.receive(Frame::new(b'H', b"other\0")).unwrap();
    assert!(!event.aborts_message, "the message has ended");
    store.observe(&event).unwrap();
    assert_eq!(store.get("i"), None);
}

#[test]
fn the_two_masks_of_the_c_interface_are_options() {
    let steps = Steps::NO_HELO | Steps::NO_REPLY_HEADER | Steps::SKIP;
    let options = Options::from_actions_and_steps(Actions::ADD_HEADERS, steps);
    let answer = options.answer(Offer::FULL).unwrap().answer;
    assert_eq!((answer.actions, answer.steps), (Actions::ADD_HEADERS, steps));

    let old = Offer::new(Version::V2, Actions::V1, Steps::V1);
    let only_replies = Options::from_actions_and_steps(Actions::ADD_HEADERS, Steps::NO_REPLY_HEADER);
    assert_eq!(only_replies.answer(old).unwrap().negotiated.emulated, Steps::NO_REPLY_HEADER);
    options.answer(old).unwrap_err();

    let wanted = [CommandKind::MailFrom, CommandKind::RcptTo];
    let built = Options::new(wanted).require(Actions::CHANGE_BODY).skip(Support::Required);
    let copy = Options::from_actions_and_steps(built.required_actions(), built.required_steps());
    assert_eq!(copy, built);
}

#[test]
fn options_can_be_read_back() {
    let lists = MacroLists::new(b"\0\0\0\x02i\0").unwrap();
    let options = Options::all_commands()
        .require(Actions::ADD_RCPT)
        .request(Actions::QUARANTINE)
        .no_reply_to([CommandKind::Header])
        .data_size(DataSize::Kib256, Support::Optional)
        .macro_lists(lists);
    assert_eq!(options.required_actions(), Actions::ADD_RCPT);
    assert_eq!(options.requested_actions(), Actions::QUARANTINE);
    assert_eq!(options.required_steps(), Steps::NO_REPLY_HEADER);
    assert_eq!(options.requested_steps(), Steps::DATA_SIZE_256K);
    assert_eq!(options.requested_macros().get(ListStage::MAIL), lists.get(ListStage::MAIL));
}

#[test]
fn an_offer_is_acceptable_from_version_2_to_the_largest_signed_number() {
    for (version, is_acceptable) in
        [(0, false), (1, false), (2, true), (6, true), (0x7fff_ffff, true), (1 << 31, false)]
    {
        let offer = Offer::new(Version::new(version), Actions::ALL, Steps::ALL);
        assert_eq!(offer.is_acceptable(), is_acceptable, "{version:#x}");
        assert_eq!(Options::all_commands().answer(offer).is_ok(), is_acceptable, "{version:#x}");
    }
}

#[test]
fn the_last_chunk_is_told_and_answered_with_the_end_of_its_message() {
    let mut session = negotiated(Policy::DEFAULT);
    for code in *b"CMRTLNB" {
        receive(&mut session, code);
        session.send(Verdict::Continue).map(drop).unwrap();
    }
    let chunk = session.receive(Frame::new(b'E', b"bytes")).unwrap();
    assert!(matches!(chunk.command, Command::Body { chunk: b"bytes" }) && chunk.is_last_chunk());
    assert_eq!(session.turn(), Turn::Receive);
    let end = session.rest_of_frame().unwrap();
    assert!(matches!(end.command, Command::EndOfMessage { chunk: [] }) && !end.is_last_chunk());
    session.send(Verdict::Reject).map(drop).unwrap();
}

// TOL-13 to TOL-21
#[test]
fn a_reply_can_be_taken_as_a_program_gave_it() {
    for (bytes, fault) in [
        (&b"554 100% spam"[..], ReplyFault::Class),
        (b"554 all 100% spam", ReplyFault::Percent),
        (b"554 4.7.1 class", ReplyFault::Class),
        (b"554", ReplyFault::Bare),
        (b"554 \x01", ReplyFault::Unprintable),
        (b"554 end\r\n", ReplyFault::LineEnd),
    ] {
        assert_eq!(ReplyText::parse(bytes).unwrap_err().fault, fault);
        let reply = ReplyText::parse_as(bytes, Tolerance::LENIENT).unwrap();
        let sent = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        assert_eq!(reply.as_text().as_bytes(), sent);
        let mut session = negotiated(Policy::DEFAULT);
        receive(&mut session, b'C');
        let mut out = Vec::new();
        session.send(Verdict::Reply(reply)).unwrap().append_to(&mut out);
        assert_eq!(out[5..out.len() - 1], *sent);
    }
    for bytes in [&b"250 good"[..], b"554 a\rb", b"554-a\r\n555 b", b"554 a\0"] {
        ReplyText::parse_as(bytes, Tolerance::LENIENT).unwrap_err();
    }
}

// DEV-65
#[test]
fn no_edit_follows_the_verdict() {
    let actions = Options::all_commands().require(Actions::ADD_HEADERS);
    for policy in [Policy::DEFAULT, Policy::LIBMILTER] {
        let mut session = FilterSession::with_policy(policy);
        receive(&mut session, b'O');
        session.negotiate(&actions).map(drop).unwrap();
        for code in *b"CHMRTLNB" {
            receive(&mut session, code);
            session.send(Verdict::Continue).map(drop).unwrap();
        }
        receive(&mut session, b'E');
        let edit = Edit::add_header("X-Seen", "yes").unwrap();
        session.send(edit).map(drop).unwrap();
        session.send(Verdict::Continue).map(drop).unwrap();
        assert!(!session.may_edit(Actions::ADD_HEADERS));
        assert_eq!(session.send(edit).unwrap_err().rule, Rule::NotOwed);
    }
}
