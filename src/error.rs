//! What can go wrong, and whose fault it is.

use thiserror::Error;

use crate::negotiation::NegotiationError;
use crate::order::rules::Rule;
use crate::order::table::{CommandKind, Law, Stage, next};
use crate::wire::{DecodeError, FrameError, code_name};

/// Which frame broke a rule, and the state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ErrorContext {
    /// The code byte of the frame.
    pub code: u8,
    /// The stage of the connection.
    pub stage: Stage,
    /// The command whose reply was outstanding.
    pub owed: Option<CommandKind>,
}

impl core::fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match code_name(self.code) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "code {:#04x}", self.code)?,
        }
        write!(f, " at stage {:?}", self.stage)?;
        match self.owed {
            Some(command) => write!(f, " with a reply to {command} outstanding"),
            None => Ok(()),
        }
    }
}

/// The caller asked for something that may not be sent. Nothing changed, and nothing is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("we may not send {context}: {rule}{} ({})", Expected(.rule, .context), .rule.id())]
pub struct Misuse {
    /// The rule that sending would break.
    pub rule: Rule,
    /// The frame, and the state of the connection.
    pub context: ErrorContext,
}

/// The peer broke a rule. The session is broken, and every later call returns the same error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error(
    "the peer sent {context}: {rule}{} ({}){}",
    Expected(.rule, .context), .rule.id(), Suffix(*.detail)
)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The frame, and the state of the connection.
    pub context: ErrorContext,
    /// What exactly is wrong, where the rule alone does not tell.
    pub detail: Option<ViolationDetail>,
}

/// What exactly breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error(transparent)]
pub enum ViolationDetail {
    /// For [`Rule::MalformedPayload`]: which field, and where.
    Payload(DecodeError),
    /// For [`Rule::NegotiationFailed`]: which version or bits.
    Negotiation(NegotiationError),
}

/// The commands that could have been sent, where the order was broken.
struct Expected<'e>(&'e Rule, &'e ErrorContext);

impl core::fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if *self.0 != Rule::Order {
            return Ok(());
        }
        let allowed = next(Law::Strict, self.1.stage);
        let mut separator = "; expected ";
        for kind in CommandKind::ALL {
            if kind != CommandKind::Macros && allowed.contains(kind.row()) {
                write!(f, "{separator}{kind}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// A detail, after the rule that it belongs to.
struct Suffix(Option<ViolationDetail>);

impl core::fmt::Display for Suffix {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

/// Why a frame was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// We owe a reply. Nothing changed: answer, and give the frame again.
    #[error("we owe a reply to {0} before the next frame is accepted")]
    ReplyOwed(CommandKind),
    /// A BODYEOB came with bytes, and its end was not taken yet. Nothing changed: call `rest_of_frame`, and give the
    /// frame again.
    #[error(
        "the end of the message, which came with a chunk, must be taken before the next frame is accepted"
    )]
    RestOfFrame,
    /// The peer is at fault; the session is broken.
    #[error(transparent)]
    Peer(#[from] Violation),
    /// The stream cannot be divided into frames; assembler and session are broken.
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
    pub(crate) fn of_stream(error: FrameError) -> Self {
        Self::Stream(error)
    }
}

/// Why OPTNEG was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum NegotiateError {
    /// No answer to OPTNEG is outstanding, or it would be too long. Nothing changed.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The offer and the options cannot be agreed on. Nothing was sent: close the connection.
    #[error(transparent)]
    Failed(#[from] NegotiationError),
}
