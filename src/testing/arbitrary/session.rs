//! `Arbitrary` for whole sessions.
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named is not generated")]

use alloc::vec::Vec;

use arbitrary::{Arbitrary, Result, Unstructured};

use super::text;
use crate::order::{CommandKind, Stage};
use crate::testing::session::Agreeable;
use crate::testing::{Misbehaviour, Session};
use crate::wire::{Command, FrameBuf, Macros, Offer, Peer, Text, TextList, TextListBuf};

/// The most commands of a session.
const MOST: usize = 60;

/// Commands in order, and in half of the sessions a fault.
impl<'a> Arbitrary<'a> for Session {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut filter = Agreeable::default();
        let mut commands = Vec::new();
        let mut push = |filter: &mut Agreeable, command: &Command<'_>| {
            let frame = command.encode().to_frame();
            // The order was checked, but a generated payload may break another rule.
            if filter.objection(frame.as_frame()).is_none() {
                filter.observe(frame.as_frame());
                commands.push(frame);
            }
        };
        push(&mut filter, &Command::Negotiate(Offer::FULL));
        for _ in 0..u.int_in_range(0..=MOST)? {
            let possible: Vec<_> = USUAL.into_iter().filter(|&kind| is_possible(&filter, kind)).collect();
            if possible.is_empty() {
                break;
            }
            // Most sessions get somewhere.
            let forward: Vec<_> = possible.iter().copied().filter(|&kind| is_forward(kind)).collect();
            let goes_on = !forward.is_empty() && u.ratio(7, 8)?;
            let kind = *u.choose(if goes_on { &forward } else { &possible })?;
            if u.ratio(1, 4)? {
                let list: TextListBuf = [short(u)?, short(u)?].into_iter().collect();
                if let Ok(macros) = Macros::new(crate::wire::MacroStage::new(kind.code()), list.as_list()) {
                    push(&mut filter, &Command::Macros(macros));
                }
            }
            push(&mut filter, &command(kind, u)?);
        }
        let session =
            Self::new(commands).in_pieces_of(if u.ratio(1, 4)? { u.int_in_range(1..=80)? } else { 0 });
        if u.ratio(1, 2)? {
            let at = u.int_in_range(0..=session.commands.len())?;
            return Ok(session.misbehaving(at, u.arbitrary()?));
        }
        Ok(session)
    }
}

/// The commands of a session after OPTNEG.
const USUAL: [CommandKind; 12] = [
    CommandKind::Connect,
    CommandKind::Helo,
    CommandKind::MailFrom,
    CommandKind::RcptTo,
    CommandKind::Data,
    CommandKind::Header,
    CommandKind::EndOfHeaders,
    CommandKind::Body,
    CommandKind::EndOfMessage,
    CommandKind::Abort,
    CommandKind::Unknown,
    CommandKind::QuitNewConnection,
];

/// Whether a command is in order, and libmilter answers it.
fn is_possible(filter: &Agreeable, kind: CommandKind) -> bool {
    let stage = filter.monitor().stage();
    let is_forgotten = match kind {
        CommandKind::Unknown => stage.is_in_message(),
        CommandKind::EndOfHeaders => stage == Stage::Data,
        CommandKind::Data | CommandKind::RcptTo => stage == Stage::Data,
        CommandKind::MailFrom => stage.is_in_message(),
        _ => false,
    };
    !is_forgotten
        && filter
            .objection(FrameBuf::new(kind.code(), Vec::new()).as_frame())
            .is_none_or(|rule| !is_of_order(rule))
}

/// Whether a command leads towards the end of a message.
fn is_forward(kind: CommandKind) -> bool {
    kind.is_of_message() || matches!(kind, CommandKind::Connect | CommandKind::MailFrom)
}

fn is_of_order(rule: crate::order::Rule) -> bool {
    use crate::order::Rule;
    matches!(rule, Rule::Order | Rule::Closed | Rule::QuitNcNotAllowed | Rule::BodyAfterSkip | Rule::Declined)
}

fn command<'a>(kind: CommandKind, u: &mut Unstructured<'a>) -> Result<Command<'a>> {
    Ok(match kind {
        CommandKind::Connect => Command::Connect { host: short(u)?, peer: Peer::Unknown },
        CommandKind::Helo => Command::Helo { name: short(u)? },
        CommandKind::MailFrom => Command::MailFrom { address: short(u)?, arguments: TextList::EMPTY },
        CommandKind::RcptTo => Command::RcptTo { address: short(u)?, arguments: TextList::EMPTY },
        CommandKind::Data => Command::Data,
        CommandKind::Header => Command::Header { name: name(u)?, value: short(u)? },
        CommandKind::EndOfHeaders => Command::EndOfHeaders,
        CommandKind::Body => Command::Body { chunk: bytes(u, 1)? },
        CommandKind::EndOfMessage => Command::EndOfMessage { chunk: &[] },
        CommandKind::Unknown => Command::Unknown { line: short(u)? },
        CommandKind::QuitNewConnection => Command::QuitNewConnection,
        _ => Command::Abort,
    })
}

/// A text of a few bytes: others would leave nothing for the commands after it.
fn short<'a>(u: &mut Unstructured<'a>) -> Result<Text<'a>> {
    bytes(u, 0).map(text)
}

/// A text that is not empty.
fn name<'a>(u: &mut Unstructured<'a>) -> Result<Text<'a>> {
    let text = short(u)?;
    Ok(if text.is_empty() { Text::from_c_str(c"x") } else { text })
}

/// A few bytes, at least so many.
fn bytes<'a>(u: &mut Unstructured<'a>, least: usize) -> Result<&'a [u8]> {
    let len = u.int_in_range(least..=24)?;
    if len > u.len() { Ok(b"x") } else { u.bytes(len) }
}

impl<'a> Arbitrary<'a> for Misbehaviour {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=7)? {
            0 => Self::Omit,
            1 => Self::Repeat,
            2 => Self::Insert(u.arbitrary::<Command<'a>>()?.encode().to_frame()),
            3 => Self::Insert(u.arbitrary()?),
            4 => Self::Replace(u.arbitrary()?),
            5 => Self::Bytes(u.arbitrary()?),
            6 => Self::CutShort(u.int_in_range(0..=80)?),
            _ => Self::Disconnect,
        })
    }
}
