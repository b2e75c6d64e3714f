//! What messages, edits and answers look like in a log.

use milter_proto::FilterSession;
use milter_proto::message::{
    AnswerReason, ApplyError, Chain, ChainFilter, ChainStep, EditRules, Edits, IgnoreReason, Message,
};
use milter_proto::mta::{EditStatus, Turn};
use milter_proto::negotiation::Negotiated;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Command, Edit, LeadingSpace, Offer, Peer, Response, TextList};

use crate::support::text;

#[test]
fn what_came_of_an_edit_is_a_sentence() {
    let mut edits = Edits::new();
    let (name, value) = (text(b"Subject"), text(b"x"));
    for (edit, status) in [
        (Edit::AddHeader { name, value }, EditStatus::Negotiated),
        (Edit::ChangeHeader { index: 1, name, value }, EditStatus::Negotiated),
        (Edit::ChangeHeader { index: 1, name, value: text(b"") }, EditStatus::Negotiated),
        (Edit::ChangeHeader { index: 9, name, value: text(b"") }, EditStatus::Negotiated),
        (Edit::AddHeader { name, value }, EditStatus::Ignored),
        (Edit::AddHeader { name: text(b"Bcc"), value }, EditStatus::Negotiated),
        (Edit::ChangeFrom { address: text(b"<a@x>, <b@x>"), arguments: None }, EditStatus::Negotiated),
        (Edit::AddRcpt { address: text(b"<a@x>") }, EditStatus::Negotiated),
        (Edit::AddRcpt { address: text(b"<a@x>") }, EditStatus::Negotiated),
        (Edit::AddRcpt { address: text(b",") }, EditStatus::Negotiated),
        (Edit::AddRcpt { address: text(b"") }, EditStatus::Negotiated),
        (
            Edit::AddRcptWithArguments { address: text(b"<b@x>"), arguments: Some(text(b"X=1")) },
            EditStatus::Negotiated,
        ),
        (Edit::DeleteRcpt { address: text(b"<a@x>") }, EditStatus::Negotiated),
        (Edit::DeleteRcpt { address: text(b"<c@x>") }, EditStatus::Negotiated),
        (Edit::ReplaceBody { chunk: b"x" }, EditStatus::Negotiated),
        (Edit::Quarantine { reason: text(b"x") }, EditStatus::Negotiated),
    ] {
        edits.push(edit, status).unwrap();
    }
    let mut message = Message::parse(b"Subject: y\r\n\r\n");
    let outcomes = edits.apply(&mut message, EditRules::SENDMAIL, LeadingSpace::Stripped).unwrap();
    let texts: Vec<_> = outcomes.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "a header was added",
            "a header was changed",
            "a header was deleted",
            "ignored: there is no header of that name and number",
            "ignored: the session ignores this edit",
            "a header was added, but Sendmail does not send this header to other hosts",
            "the sender was changed, but only the first of several addresses counts",
            "a recipient was added",
            "ignored: there is such a recipient already",
            "ignored: there is no address in the text",
            "ignored: the header name or the address is empty",
            "ignored: some of the ESMTP arguments do not count",
            "a recipient was deleted",
            "ignored: there is no such recipient",
            "the body was replaced",
            "the message is held",
        ]
    );
    for (outcome, text) in outcomes.iter().zip(&texts) {
        if let (Some(reason), None) = (outcome.ignored, outcome.effect) {
            assert_eq!(*text, format!("ignored: {reason}"));
        } else if let (Some(effect), None) = (outcome.effect, outcome.ignored) {
            assert_eq!(*text, effect.to_string());
        }
    }
    assert_eq!(IgnoreReason::HeaderNotSent.to_string(), "Sendmail does not send this header to other hosts");
}

#[test]
fn a_message_and_its_parts_are_shown_as_text() {
    let mut message = Message::parse(b"A: 1\r\n\r\nHi\xff\r\n");
    message.add_recipient(text(b"<b@x>"));
    let mut commands = message.commands(&Negotiated::NOTHING);
    let mut shown = Vec::new();
    while let Some(command) = commands.next_command() {
        shown.push(format!("{command:?}"));
    }
    assert_eq!(
        shown,
        [
            r#"MailFrom { address: "<>", arguments: [] }"#,
            r#"RcptTo { address: "<b@x>", arguments: [] }"#,
            "Data",
            r#"Header { name: "A", value: "1" }"#,
            "EndOfHeaders",
            r#"Body { chunk: b"Hi\xff\r\n" }"#,
            r#"EndOfMessage { chunk: b"" }"#,
        ]
    );
    let chunk = Edit::ReplaceBody { chunk: b"\0new\n" };
    assert_eq!(format!("{chunk:?}"), r#"ReplaceBody { chunk: b"\x00new\n" }"#);
    let mut edits = Edits::new();
    edits.push(chunk, EditStatus::Negotiated).unwrap();
    edits.push(Edit::Quarantine { reason: text(b"why\x1b") }, EditStatus::Negotiated).unwrap();
    let shown = format!("{edits:?}");
    assert!(shown.contains(r#"(ReplaceBody { chunk: b"\x00new\n" }, Negotiated)"#), "{shown}");

    edits.apply(&mut message, EditRules::POSTFIX, LeadingSpace::Stripped).unwrap();
    let shown = format!("{message:?}");
    for part in [
        r#"sender: EnvelopeAddress("<>", [])"#,
        r#"headers: [Header(b"A: 1\r\n", Message)], separator: b"\r\n", body: b"\x00new\r\n""#,
        r#"quarantine: Some(b"why\x1b")"#,
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn the_message_and_the_edits_of_a_chain_are_shown_as_text() {
    let mut chain = Chain::new(EditRules::POSTFIX);
    chain.add(ChainFilter::new());
    let answer = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\0\0\0";
    chain.send(Command::Negotiate(Offer::FULL)).unwrap();
    while let ChainStep::Write { .. } = chain.next_step() {}
    chain.receive(0, &mut &answer[..]).unwrap();
    let send = |chain: &mut Chain<'_>| loop {
        match chain.next_step() {
            ChainStep::Read { filter, .. } => chain.receive(filter, &mut &b"\0\0\0\x01c"[..]).unwrap(),
            ChainStep::Done(answer) => break assert!(answer.passes()),
            ChainStep::Write { .. } | ChainStep::Close { .. } => {}
        }
    };
    send(&mut chain);
    let (address, arguments) = (text(b"<a@x>"), TextList::EMPTY);
    let envelope = [
        Command::Connect { host: text(b"x"), peer: Peer::Unknown },
        Command::MailFrom { address, arguments },
        Command::RcptTo { address, arguments },
        Command::Data,
    ];
    for command in envelope {
        chain.send(command).unwrap();
        send(&mut chain);
    }
    chain.send_message(Message::parse(b"A: 123\r\n\r\nHello\r\n")).unwrap();
    while let ChainStep::Write { .. } = chain.next_step() {}
    let shown = format!("{chain:?}");
    // The message, and the value of the header that was sent.
    for part in [r#"body: b"Hello\r\n""#, r#"value: b"123""#, r#"MailFrom { address: "<a@x>""#] {
        assert!(shown.contains(part), "{shown}");
    }
    while chain.session(0).unwrap().turn() != Turn::Receive(CommandKind::EndOfMessage) {
        chain.receive(0, &mut &b"\0\0\0\x01c"[..]).unwrap();
        while let ChainStep::Write { .. } = chain.next_step() {}
    }
    chain.receive(0, &mut &b"\0\0\0\x04bnew"[..]).unwrap();
    let shown = format!("{chain:?}");
    assert!(shown.contains(r#"ReplaceBody { chunk: b"new" }"#), "{shown}");
}

#[test]
fn the_reason_of_an_answer_is_a_sentence() {
    let misuse = FilterSession::new().send(Response::Progress).unwrap_err();
    for (reason, expected) in [
        (AnswerReason::Verdict, "the verdict of the filter".to_owned()),
        (AnswerReason::Failure, "the filter has failed".to_owned()),
        (
            AnswerReason::Edits(ApplyError::BodyInterrupted { edit: 2 }),
            "the filter sent another chunk of a new body after other edits (edit 2), where Postfix expects all chunks in a row"
                .to_owned(),
        ),
        (AnswerReason::NotSendable(misuse), format!("the message cannot be sent to the filter: {misuse}")),
    ] {
        assert_eq!(reason.to_string(), expected);
    }
}
