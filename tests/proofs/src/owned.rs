//! What needs an allocator.

extern crate alloc;

use alloc::vec::Vec;
use core::hint::black_box;

use milter_proto::filter::{Event, EventBuf};
use milter_proto::macros::MacroStore;
use milter_proto::message::{Chain, ChainFilter, ChainStep, EditRules, Edits, Message};
use milter_proto::mta::EditStatus;
use milter_proto::negotiation::Negotiated;
use milter_proto::transcript::Entry;
use milter_proto::wire::{
    Assembler, Command, Edit, EditBuf, FrameBuf, LeadingSpace, ListStage, MacroListsBuf, Offer, ReplyBuf,
    ReplyCode, Text, TextListBuf, Verdict, VerdictBuf,
};

use crate::checks::{AtStep, Failed, holds};

/// A line of a transcript becomes a frame, that goes over a wire and comes back, and its macros are kept.
pub fn owned() -> Result<(), Failed> {
    let entry: Entry = black_box(r#"> MACRO RCPT "{i}" "Q1""#).parse().at_step(160)?;
    let mut wire = Vec::new();
    entry.frame.as_frame().encode().append_to(&mut wire);
    let (mut assembler, mut macros) = (Assembler::new(Vec::new()), MacroStore::new(Vec::new()));
    for mut piece in black_box(&wire[..]).chunks(3) {
        while let Some(frame) = assembler.next_frame(&mut piece).at_step(161)? {
            holds(FrameBuf::from(frame) == entry.frame, 162)?;
            macros.observe(&Event::new(Command::parse(frame).at_step(163)?)).at_step(164)?;
        }
    }
    let name = Text::new(black_box(b"i")).at_step(165)?;
    holds(macros.get(name).is_some_and(|value| value == "Q1"), 166)?;
    assembler.release();

    let texts: TextListBuf = black_box([name, name]).into_iter().collect();
    holds(texts.as_list().as_bytes() == b"i\0i\0", 167)?;
    let mut lists = MacroListsBuf::new();
    lists.push(ListStage::MAIL, name);
    holds(lists.as_lists().get(ListStage::MAIL) == Some(name), 168)?;
    let code = ReplyCode::new(black_box(450)).at_step(169)?;
    let reply = ReplyBuf::new(code, None, black_box([&b"try 100%"[..]])).at_step(170)?;
    holds(reply.as_reply().as_text() == "450 try 100%%", 171)?;

    let event = Event::new(Command::Helo { name: black_box(name) });
    holds(EventBuf::from(event).as_event() == event, 172)?;
    let edit = Edit::AddHeader { name, value: black_box(Text::EMPTY) };
    holds(EditBuf::from(edit).as_edit() == edit, 173)?;
    let verdict = Verdict::Reply(reply.as_reply());
    holds(VerdictBuf::from(verdict).as_verdict() == verdict, 174)?;
    message()
}

/// A message becomes commands, and edits change it.
fn message() -> Result<(), Failed> {
    let mut message = Message::parse(black_box(b"Subject: one\r\nX: y\r\n\r\nHello\r\n"));
    message.add_recipient(Text::new(black_box(b"<b@example.org>")).at_step(175)?);
    let mut commands = message.commands(&Negotiated::NOTHING);
    let mut count = 0_u32;
    while let Some(command) = commands.next_command() {
        holds(!matches!(command, Command::Other(_)), 176)?;
        count = count.wrapping_add(1);
    }
    holds(count == 8, 177)?;
    for (rules, expected) in [
        (EditRules::POSTFIX, b"A: 1\r\nSubject: two\r\nX: y\r\n\r\nHello\r\n"),
        (EditRules::SENDMAIL, b"A: 1\r\nsubject: two\r\nX: y\r\n\r\nHello\r\n"),
    ] {
        let mut edits = Edits::new();
        for edit in [Edit::change_header(1, "Subject", "two"), Edit::insert_header(0, "A", "1")] {
            edits.push(black_box(edit.at_step(178)?), EditStatus::Negotiated).at_step(179)?;
        }
        let mut message = Message::parse(match rules {
            EditRules::POSTFIX => b"Subject: one\r\nX: y\r\n\r\nHello\r\n",
            _ => b"subject: one\r\nX: y\r\n\r\nHello\r\n",
        });
        edits.apply(&mut message, rules, black_box(LeadingSpace::Stripped)).at_step(180)?;
        holds(message.to_bytes() == expected, 181)?;
    }
    chain()
}

/// A chain asks two filters, of which each adds a header.
fn chain() -> Result<(), Failed> {
    let mut chain = Chain::new(black_box(EditRules::POSTFIX));
    chain.extend([ChainFilter::new(), ChainFilter::new()]);
    let mut message = Message::parse(black_box(b"Subject: one\r\n\r\nHello\r\n"));
    message.add_recipient(Text::new(black_box(b"<b@example.org>")).at_step(182)?);
    chain.send(Command::Negotiate(Offer::FULL)).at_step(183)?;
    ask(&mut chain, b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x01\0\0\x03\x7f", 184)?;
    chain.send(Command::Data).at_step(185)?;
    ask(&mut chain, b"", 186)?;
    chain.send_message(message).at_step(187)?;
    ask(&mut chain, b"\0\0\0\x05hA\x001\0\0\0\0\x01c", 188)?;
    let message = chain.take_message().at_step(189)?;
    holds(message.to_bytes() == b"Subject: one\r\nA: 1\r\nA: 1\r\n\r\nHello\r\n", 190)
}

/// Does what a chain says. Each filter answers with the same.
fn ask(chain: &mut Chain<'_>, answer: &[u8], step: i32) -> Result<(), Failed> {
    loop {
        match chain.next_step() {
            ChainStep::Write { .. } => {}
            ChainStep::Read { filter, .. } => chain.receive(filter, &mut black_box(answer)).at_step(step)?,
            ChainStep::Close { .. } => return Err(Failed(step)),
            ChainStep::Done(answer) => return holds(answer.passes(), step),
        }
    }
}
