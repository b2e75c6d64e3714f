//! The sessions, in memory of their own: whole messages, and whatever else comes.

use core::hint::black_box;

use milter_proto::filter::{Options, Support};
use milter_proto::macros::{MacroRequests, MacroStore};
use milter_proto::mta::Sent;
use milter_proto::order::CommandKind;
use milter_proto::wire::{
    Actions, Assembler, Command, Direction, Edit, Frame, MacroLists, MacroStage, Offer, OutgoingFrame, Steps,
    Text, TextList, Verdict,
};
use milter_proto::{FilterSession, Monitor, MtaSession, filter, mta};

use crate::Failed;

/// A filter's side over bytes that the optimiser does not know.
pub fn filter() -> Result<(), Failed> {
    let stream = black_box(&b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x06Mi\0Q\0"[..]);
    for policy in [filter::Policy::DEFAULT, filter::Policy::STRICT, black_box(filter::Policy::LIBMILTER)] {
        let mut session = FilterSession::with_policy(policy);
        let mut assembler = Assembler::new([0; 512]);
        let mut macros = MacroStore::new([0; 512]);
        let options = Options::all_commands().request(Actions::ALL).skip(Support::Optional);
        for mut input in stream.chunks(7) {
            while let Ok(Some(event)) = session.next_event(&mut assembler, &mut input) {
                let _ = black_box(macros.observe(&event));
                if let Command::Negotiate(_) = event.command {
                    if let Ok(sent) = session.negotiate(&options) {
                        black_box((sent.negotiation.step(black_box(Steps::SKIP)), sent.frame.len()));
                    }
                }
                let address = Text::new(black_box(b"<a@b.c>")).unwrap_or_default();
                for response in [Edit::AddRcpt { address }.into(), black_box(Verdict::Continue).into()] {
                    black_box(session.check(&response).is_ok());
                    black_box(session.send(response).map(|outgoing| outgoing.len()).is_ok());
                }
                black_box((session.turn(), session.stage(), session.wait(), session.may_edit(Actions::ALL)));
            }
        }
        black_box(macros.get(black_box("{i}")));
        black_box(session.disconnect(assembler.pending()));
    }
    Ok(())
}

/// Both sides talk about a message, and a monitor has nothing to say against it.
pub fn both() -> Result<(), Failed> {
    let mut mta = MtaSession::with_policy(mta::Policy::STRICT);
    let mut filter = FilterSession::with_policy(filter::Policy::STRICT);
    let mut monitor = Monitor::new();
    let mut storage = [0; 128];
    let schedule = MacroRequests::new(MacroLists::EMPTY);
    let lookup = |_: Text<'_>| Text::new(b"Q1").ok();
    let macros = schedule
        .write_macros(MacroStage::MAIL, b"i", lookup, &mut storage)
        .ok()
        .flatten()
        .ok_or(Failed(100))?;
    let address = Text::new(b"<a@b.c>").map_err(|_| Failed(101))?;
    let envelope = (address, TextList::EMPTY);
    for command in [
        Command::Negotiate(Offer::FULL),
        Command::Helo { name: address },
        Command::Macros(macros),
        Command::MailFrom { address: envelope.0, arguments: envelope.1 },
        Command::RcptTo { address: envelope.0, arguments: envelope.1 },
        Command::Data,
        Command::Header { name: address, value: address },
        Command::EndOfHeaders,
        Command::Body { chunk: b"line\r\n" },
        Command::EndOfMessage { chunk: b"" },
        Command::Quit,
    ] {
        let Sent::Frame(outgoing) = mta.send(command).map_err(|_| Failed(102))? else { continue };
        let mut wire = [0; 256];
        let frame = written(&outgoing, &mut wire)?;
        if monitor.observe(Direction::ToFilter, frame).violations().next().is_some() {
            return Err(Failed(103));
        }
        filter.receive(frame).map_err(|_| Failed(104))?;
        while let filter::Turn::Reply(owed) = filter.turn() {
            let mut wire = [0; 256];
            let outgoing = if owed == CommandKind::Negotiate {
                let options = Options::new([CommandKind::MailFrom, CommandKind::Body]);
                filter.negotiate(&options).map_err(|_| Failed(105))?.frame
            } else {
                filter.send(Verdict::Continue).map_err(|_| Failed(107))?
            };
            let frame = written(&outgoing, &mut wire)?;
            if monitor.observe(Direction::ToMta, frame).violations().next().is_some() {
                return Err(Failed(108));
            }
            mta.receive(frame).map_err(|_| Failed(109))?;
        }
    }
    if (mta.turn(), filter.turn()) == (mta::Turn::Closed, filter::Turn::Closed) {
        Ok(())
    } else {
        Err(Failed(110))
    }
}

fn written<'w>(outgoing: &OutgoingFrame<'_>, wire: &'w mut [u8]) -> Result<Frame<'w>, Failed> {
    let len = outgoing.write_to(wire).map_err(|_| Failed(111))?;
    let bytes = wire.get(..len).ok_or(Failed(112))?;
    Ok(Frame::split(bytes, milter_proto::Limits::DEFAULT).ok().flatten().ok_or(Failed(113))?.0)
}
