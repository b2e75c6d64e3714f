//! An MTA that takes one message through a filter.

use embedded_io::{Read, Write};
use milter_proto::mta::{EditStatus, Scope, Sent};
use milter_proto::wire::{Assembler, Command, MacroStage, Macros, Offer, Peer, Text, TextList, Verdict};
use milter_proto::{MtaSession, mta};

use crate::{BROKEN, Device, Memory, READ};

static CUT: Memory<2048> = Memory::new([0; 2048]);

/// Takes the message through, and says how many edits there are to make.
///
/// The exit code has 128 added if the message was refused.
pub fn mta(device: &mut Device) -> i32 {
    let (Some(cut), Some(read)) = (CUT.try_take(), READ.try_take()) else { return BROKEN };
    match converse(device, cut, read) {
        Some(outcome) => outcome.edits.min(126) + if outcome.is_refused { 128 } else { 0 },
        None => BROKEN,
    }
}

/// What the filter wants of the message.
#[derive(Default)]
struct Outcome {
    edits: i32,
    is_refused: bool,
}

impl Outcome {
    fn note(&mut self, reaction: &mta::Event<'_>) {
        match reaction {
            mta::Event::Edit { status: EditStatus::Negotiated | EditStatus::NotNegotiated, .. } => {
                self.edits = self.edits.saturating_add(1);
            }
            mta::Event::Verdict { verdict, scope: Scope::Message | Scope::Connection, .. } => {
                let is_refusal = matches!(verdict, Verdict::Reject | Verdict::Tempfail | Verdict::Reply(_));
                self.is_refused |= is_refusal;
            }
            _ => {}
        }
    }
}

/// Commands out, replies in. Nothing, if the connection breaks or the filter is wrong.
fn converse(device: &mut Device, cut: &mut [u8], read: &mut [u8]) -> Option<Outcome> {
    let mut session = MtaSession::with_policy(mta::Policy::STRICT);
    let mut assembler = Assembler::new(cut);
    let mut outcome = Outcome::default();
    let mut said = 0;
    loop {
        match session.turn() {
            mta::Turn::Send => {
                if let Sent::Frame(frame) = session.send(command(said)?).ok()? {
                    frame.segments().try_for_each(|piece| write_all(device, piece))?;
                }
                said += 1;
            }
            mta::Turn::Receive(_) => {
                let count = device.read(read).ok().filter(|&count| count > 0)?;
                let mut input = read.get(..count)?;
                while let Some(reaction) = session.next_event(&mut assembler, &mut input).ok()? {
                    outcome.note(&reaction);
                }
            }
            _ => return Some(outcome),
        }
    }
}

fn write_all(device: &mut Device, mut bytes: &[u8]) -> Option<()> {
    while !bytes.is_empty() {
        let count = device.write(bytes).ok().filter(|&count| count > 0)?;
        bytes = bytes.get(count..)?;
    }
    Some(())
}

/// What is said, one after the other.
fn command(number: u32) -> Option<Command<'static>> {
    let text = |text| Text::new(text).unwrap_or_default();
    let list = |list| TextList::new(list).unwrap_or_default();
    Some(match number {
        0 => Command::Negotiate(Offer::FULL),
        1 => Command::Connect {
            host: text(b"mx.example"),
            peer: Peer::Inet { port: 25, address: text(b"192.0.2.1") },
        },
        2 => Command::Helo { name: text(b"mx.example") },
        3 => Command::Macros(Macros::new(MacroStage::MAIL, list(b"i\0Q1\0")).ok()?),
        4 => Command::MailFrom { address: text(b"<a@mail.example>"), arguments: list(b"SIZE=10\0") },
        5 => Command::RcptTo { address: text(b"<b@rcpt.example>"), arguments: TextList::EMPTY },
        6 => Command::Data,
        7 => Command::Header { name: text(b"Subject"), value: text(b"a test") },
        8 => Command::EndOfHeaders,
        9 => Command::Body { chunk: b"text\r\n" },
        10 => Command::EndOfMessage { chunk: b"" },
        11 => Command::Quit,
        _ => return None,
    })
}
