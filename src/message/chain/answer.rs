//! What a chain tells its caller.

use core::fmt;

use crate::message::outcome::ApplyError;
use crate::mta::VerdictKind;
use crate::order::CommandKind;
use crate::wire::{OutgoingFrame, ReplyText, Verdict, VerdictBuf};
use crate::{Misuse, Wait};

/// What to do next for a [`Chain`](super::Chain).
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "an MTA that overlooked one of these would wait for ever")]
pub enum ChainStep<'c> {
    /// Write this frame to this filter. It may wait in a buffer until the next `Read` or `Done`.
    ///
    /// The first frame for each filter is its offer: connect to it then. If that or the writing fails, call
    /// [`Chain::fail`](super::Chain::fail).
    Write {
        /// The number of the filter, as [`Chain::add`](super::Chain::add) returned it.
        filter: usize,
        /// The frame.
        frame: OutgoingFrame<'c>,
    },
    /// Write what is buffered for this filter, read from it, and give the bytes to
    /// [`Chain::receive`](super::Chain::receive). If the connection fails or the wait is over, call
    /// [`Chain::fail`](super::Chain::fail).
    Read {
        /// The number of the filter.
        filter: usize,
        /// What is waited for.
        wait: Wait,
    },
    /// Write what is buffered for this filter and close the connection, if there is one: the filter failed, or the session
    /// with it is over.
    Close {
        /// The number of the filter.
        filter: usize,
    },
    /// The answer to the command or the message. Write what is buffered for all filters.
    Done(ChainAnswer),
}

/// The answer of a [`Chain`](super::Chain) to a command or a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ChainAnswer {
    /// The verdict to act on: CONTINUE if no filter objects.
    pub verdict: VerdictBuf,
    /// The filter that decided. `None` if none objects.
    pub filter: Option<usize>,
    /// Why the verdict is this one: for the log.
    pub reason: AnswerReason,
}

/// Why an answer of a [`Chain`](super::Chain) is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerReason {
    /// It is the verdict of the filter, or no filter objects.
    Verdict,
    /// The filter has failed: its [`FailureAction`](super::FailureAction).
    Failure,
    /// The filter accepts the message, but its edits cannot be applied.
    Edits(ApplyError),
    /// The message cannot be sent to the filter: a header name is longer than a frame may be, for example.
    NotSendable(Misuse),
}

/// For a log.
impl fmt::Display for AnswerReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict => f.write_str("the verdict of the filter"),
            Self::Failure => f.write_str("the filter has failed"),
            Self::Edits(error) => error.fmt(f),
            Self::NotSendable(misuse) => write!(f, "the message cannot be sent to the filter: {misuse}"),
        }
    }
}

impl ChainAnswer {
    pub(super) fn pass() -> Self {
        Self { verdict: Verdict::Continue.into(), filter: None, reason: AnswerReason::Verdict }
    }

    /// Whether no filter objects: the command is accepted, or the message is to be delivered. DISCARD is an objection, too: the
    /// client is told 250, and nothing is delivered.
    #[must_use]
    pub const fn passes(&self) -> bool {
        self.filter.is_none()
    }

    /// The reply for the SMTP client, if the verdict refuses: see [`Verdict::smtp_reply`]. `None` if the client is told of a
    /// success.
    #[must_use]
    pub fn smtp_reply(&self) -> Option<ReplyText<'_>> {
        self.verdict.as_verdict().smtp_reply()
    }

    /// Whether the SMTP session ends, whatever was asked about: 421, 521 and SHUTDOWN.
    #[must_use]
    pub fn closes_smtp_session(&self) -> bool {
        VerdictKind::from_verdict(&self.verdict.as_verdict()).closes_smtp_session()
    }
}

/// Why a [`Chain`](super::Chain) does not take a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The session with a filter does not allow it.
    #[error("filter {filter} cannot be asked about this now, see the order of SMTP commands: {error}")]
    Misuse {
        /// The number of the filter.
        filter: usize,
        /// Why not.
        error: Misuse,
    },
    /// The message was given before DATA, or once more.
    #[error("send_message was called, but DATA has not been sent for this message (filter {filter})")]
    NoData {
        /// The number of the filter.
        filter: usize,
    },
    /// The chain sends macros and content itself.
    #[error("the caller sent {0}, which the chain sends itself: see send_message")]
    SentByChain(CommandKind),
    /// The answer to the last command or message is not there yet.
    #[error("the caller sent a command before next_step returned Done for the last one")]
    NotDone,
}

/// What a filter has against a command or a message.
#[derive(Clone, Debug)]
pub(super) struct Objection {
    pub(super) verdict: VerdictBuf,
    pub(super) reason: AnswerReason,
}

impl Objection {
    pub(super) fn new(verdict: Verdict<'_>, reason: AnswerReason) -> Self {
        Self { verdict: verdict.into(), reason }
    }
}
