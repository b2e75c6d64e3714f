//! What can go wrong, and whose fault it is.

use thiserror::Error;

use super::negotiation::Refusal;
use super::stage::{CommandKind, Stage};
use crate::wire::{DecodeError, FrameError, code_name};

/// A rule of the order that was broken, by us or by the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Rule {
    /// ORD-1: a command where it cannot follow.
    #[error("it cannot follow at this stage")]
    Order,
    /// ORD-2: a frame while a reply is owed.
    #[error("a reply is owed")]
    ReplyOwed,
    /// ORD-3: a response where none is owed.
    #[error("no reply is owed")]
    NotOwed,
    /// ORD-4: a command that was switched off.
    #[error("it was switched off")]
    SwitchedOff,
    /// ORD-5: a verdict that is no answer to this command.
    #[error("it is no answer to this command")]
    NoAnswer,
    /// ORD-6: a verdict that means nothing here, and that MTAs take differently.
    #[error("it means nothing here, and some MTAs take it badly")]
    MeansNothing,
    /// ORD-7: SKIP that was not agreed, or to something else than BODY.
    #[error("SKIP answers BODY only, and only if that was agreed")]
    Skip,
    /// ORD-8: PROGRESS before the end of the message.
    #[error("progress counts at the end of a message only")]
    Progress,
    /// ORD-9: an edit before the end of the message.
    #[error("edits count at the end of a message only")]
    EditTooEarly,
    /// ORD-10: an edit that was not agreed.
    #[error("this edit was not agreed")]
    EditNotAgreed,
    /// ORD-11: more body behind something else, which Postfix refuses.
    #[error("the replacement of the body was interrupted")]
    BodyInterrupted,
    /// ORD-12: anything else than an answer to OPTNEG, or such an answer to anything else.
    #[error("only the answer to OPTNEG answers OPTNEG")]
    Negotiation,
    /// ORD-13: a code that is none of this direction.
    #[error("no such code")]
    Code,
    /// ORD-14: a body chunk after SKIP.
    #[error("SKIP was answered")]
    Skipped,
    /// ORD-15: anything after QUIT, or after the connection broke.
    #[error("the connection is closed")]
    Closed,
    /// ORD-16: BODY without bytes. libmilter closes.
    #[error("an empty BODY makes libmilter close")]
    EmptyBody,
    /// ORD-17: BODYEOB with bytes. libmilter may answer twice.
    #[error("bytes in BODYEOB can make libmilter answer twice")]
    BodyAtEnd,
    /// ORD-18: CONNECT with a text that is no address of its family, or with a unix path of more than 107 bytes.
    /// libmilter closes.
    #[error("the address is none of its family")]
    Address,
    /// ORD-19: an empty header name, or an empty address in an edit.
    #[error("the name or address is empty")]
    EmptyKey,
    /// ORD-20: a payload over the limit.
    #[error("the payload is over the limit")]
    TooLong,
    /// ORD-21: more edits for one message than the limit.
    #[error("too many edits")]
    TooManyEdits,
    /// ORD-22: more PROGRESS for one command than the limit.
    #[error("too much progress")]
    TooMuchProgress,
    /// ORD-23: QUIT_NC anywhere but behind a message that ended with CONTINUE. libmilter falls silent.
    #[error("libmilter falls silent on QUIT_NC here")]
    Reuse,
    /// ORD-24: another verdict than CONTINUE where the filter said that it never answers.
    #[error("only CONTINUE stands in for no reply")]
    Emulated,
    /// ORD-25: an offer or answer that cannot be agreed to.
    #[error("the negotiation failed")]
    Refused,
    /// ORD-26: a payload that is not what its code promises.
    #[error("the payload is malformed")]
    Payload,
}

impl Rule {
    /// The rule's id in SPEC_NOTES.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Order => "ORD-1",
            Self::ReplyOwed => "ORD-2",
            Self::NotOwed => "ORD-3",
            Self::SwitchedOff => "ORD-4",
            Self::NoAnswer => "ORD-5",
            Self::MeansNothing => "ORD-6",
            Self::Skip => "ORD-7",
            Self::Progress => "ORD-8",
            Self::EditTooEarly => "ORD-9",
            Self::EditNotAgreed => "ORD-10",
            Self::BodyInterrupted => "ORD-11",
            Self::Negotiation => "ORD-12",
            Self::Code => "ORD-13",
            Self::Skipped => "ORD-14",
            Self::Closed => "ORD-15",
            Self::EmptyBody => "ORD-16",
            Self::BodyAtEnd => "ORD-17",
            Self::Address => "ORD-18",
            Self::EmptyKey => "ORD-19",
            Self::TooLong => "ORD-20",
            Self::TooManyEdits => "ORD-21",
            Self::TooMuchProgress => "ORD-22",
            Self::Reuse => "ORD-23",
            Self::Emulated => "ORD-24",
            Self::Refused => "ORD-25",
            Self::Payload => "ORD-26",
        }
    }
}

/// Which frame broke a rule, and where the conversation stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Place {
    /// The code byte of the frame.
    pub code: u8,
    /// The stage that was reached.
    pub stage: Stage,
    /// The command that was owed a reply.
    pub owed: Option<CommandKind>,
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match code_name(self.code) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "code {:#04x}", self.code)?,
        }
        write!(f, " at stage {:?}", self.stage)?;
        match self.owed {
            Some(command) => write!(f, " with a reply to {command} owed"),
            None => Ok(()),
        }
    }
}

/// We asked for something that is not to be sent. Nothing changed, and nothing is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("{place}: {rule} ({})", .rule.id())]
pub struct Misuse {
    /// The rule that sending would break.
    pub rule: Rule,
    /// What, and where.
    pub place: Place,
}

/// The peer broke a rule. The session is broken, and every later call says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("the peer sent {place}: {rule} ({}){}", .rule.id(), Behind(*.detail))]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// What, and where.
    pub place: Place,
    /// What is wrong, where the rule alone does not say it.
    pub detail: Option<Detail>,
}

/// What exactly is against a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error(transparent)]
pub enum Detail {
    /// For [`Rule::Payload`]: which field, and where.
    Payload(DecodeError),
    /// For [`Rule::Refused`]: which version or bits.
    Negotiation(Refusal),
}

/// A detail behind the rule that it belongs to.
struct Behind(Option<Detail>);

impl core::fmt::Display for Behind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// We owe a reply. Nothing changed: answer, and give the frame again.
    #[error("a reply to {0} is owed before the next frame is taken")]
    ReplyOwed(CommandKind),
    /// The peer is at fault; the session is broken.
    #[error(transparent)]
    Peer(#[from] Violation),
    /// The stream cannot be cut; the assembler is broken.
    #[error(transparent)]
    Stream(#[from] FrameError),
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

impl ReceiveError {
    // Out of line, as every error: one that is built in line decides how its `Result` is taken apart, also
    // where there is none.
    #[cold]
    #[inline(never)]
    pub(super) fn of_stream(error: FrameError) -> Self {
        Self::Stream(error)
    }
}
