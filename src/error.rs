//! Errors of the sessions: misuse by the caller, violations by the peer.

use thiserror::Error;

use crate::negotiation::NegotiationError;
use crate::order::rules::Rule;
use crate::order::table::{CommandKind, Law, Stage, next};
use crate::wire::{DecodeError, FrameError, code_name};

/// The frame that broke a rule, and the state of the connection.
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

/// The caller tried to send something that the protocol does not allow. Nothing changed, and there is nothing to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("we may not send {context}: {rule}{}{} ({})", Expected(.rule, .context), Bits(.rule, .context), .rule.id())]
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
    /// The exact reason, if the rule alone does not tell.
    pub detail: Option<ViolationDetail>,
}

/// The exact reason why a frame breaks a rule.
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

/// What could have been sent, where an offer or an answer would make the negotiation fail. For a [`Violation`], the detail
/// tells that.
struct Bits<'e>(&'e Rule, &'e ErrorContext);

impl core::fmt::Display for Bits<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match (self.0, self.1.owed) {
            (Rule::NegotiationFailed, Some(_)) => {
                "; expected a version from 2 to the offered one, and only actions and steps that the MTA offered"
            }
            (Rule::NegotiationFailed, None) => "; expected a version from 2 to 2147483647",
            _ => "",
        })
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
    /// The filter has to reply first. Nothing changed: send the reply, then give the frame again.
    #[error("a reply to {0} is outstanding; send it before the next frame")]
    ReplyOwed(CommandKind),
    /// The last frame was a BODYEOB with a chunk, and its second event was not taken. Nothing changed: call
    /// `rest_of_frame`, then give the frame again.
    #[error("the last frame also ends the message; call rest_of_frame before the next frame")]
    RestOfFrame,
    /// The peer broke a rule; the session is broken.
    #[error(transparent)]
    Peer(#[from] Violation),
    /// The stream cannot be divided into frames; assembler and session are broken.
    #[error("the peer's stream cannot be divided into frames: {0}")]
    Stream(#[from] FrameError),
    /// The filter sent this many bytes of a frame while no reply was outstanding; the session is broken. For a whole frame,
    /// the error is [`Peer`](Self::Peer).
    #[error("the filter sent {0} bytes while no reply was outstanding (ORD-3)")]
    StrayBytes(u32),
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
    /// No answer to OPTNEG is outstanding, or the answer would be too long. Nothing changed.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The offer does not satisfy the options. Nothing was sent: close the connection.
    #[error(transparent)]
    Failed(#[from] NegotiationError),
}
