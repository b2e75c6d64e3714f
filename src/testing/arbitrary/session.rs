//! `Arbitrary` for whole sessions.
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named is not generated")]

use alloc::vec::Vec;

use arbitrary::{Arbitrary, Result, Unstructured};

use super::{chunk, key};
use crate::order::{CommandKind, Stage};
use crate::testing::session::Agreeable;
use crate::testing::{Misbehaviour, Session};
use crate::wire::{Command, FrameBuf, Macros, Offer, Peer, TextListBuf};

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
            let kind = *u.choose(&possible)?;
            if u.ratio(1, 4)? {
                let list: TextListBuf = [u.arbitrary()?, u.arbitrary()?].into_iter().collect();
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
        _ => false,
    };
    !is_forgotten
        && filter
            .objection(FrameBuf::new(kind.code(), Vec::new()).as_frame())
            .is_none_or(|rule| !is_of_order(rule))
}

fn is_of_order(rule: crate::order::Rule) -> bool {
    use crate::order::Rule;
    matches!(rule, Rule::Order | Rule::Closed | Rule::QuitNcNotAllowed | Rule::BodyAfterSkip | Rule::Declined)
}

fn command<'a>(kind: CommandKind, u: &mut Unstructured<'a>) -> Result<Command<'a>> {
    Ok(match kind {
        CommandKind::Connect => Command::Connect { host: u.arbitrary()?, peer: Peer::Unknown },
        CommandKind::Helo => Command::Helo { name: u.arbitrary()? },
        CommandKind::MailFrom => Command::MailFrom { address: u.arbitrary()?, arguments: u.arbitrary()? },
        CommandKind::RcptTo => Command::RcptTo { address: u.arbitrary()?, arguments: u.arbitrary()? },
        CommandKind::Data => Command::Data,
        CommandKind::Header => Command::Header { name: key(u)?, value: u.arbitrary()? },
        CommandKind::EndOfHeaders => Command::EndOfHeaders,
        CommandKind::Body => Command::Body { chunk: chunk(u)? },
        CommandKind::EndOfMessage => Command::EndOfMessage { chunk: &[] },
        CommandKind::Unknown => Command::Unknown { line: u.arbitrary()? },
        CommandKind::QuitNewConnection => Command::QuitNewConnection,
        _ => Command::Abort,
    })
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
