//! What the MTA's side tells its caller: whose turn it is, what became of a command, what a response
//! comes to.

use super::stage::CommandKind;
use crate::wire::{Answer, DecodeError, Edit, Outgoing, Verdict};

/// Whose turn it is, seen from the MTA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MtaTurn {
    /// Ours: the next command may be sent.
    Send,
    /// The filter's: write out what is buffered, then read. This command has no verdict yet.
    Receive(CommandKind),
    /// Nobody's: write out what is buffered, then close.
    Closed,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a command is sent or not")]
#[must_use = "a frame that is not written leaves the filter waiting"]
pub enum Sent<'m> {
    /// It is to be written.
    Frame(Outgoing<'m>),
    /// It is not to be written. Take it as answered with CONTINUE, unless a verdict is known: then that
    /// verdict answers it, so that refused DATA stays refused however often the client tries.
    Suppressed(Why),
}

/// Why a command is not to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The filter switched it off.
    SwitchedOff,
    /// The version does not have it.
    Version,
    /// SKIP was the answer to the last one.
    Skipped,
    /// The verdict on the message is known.
    MessageDecided,
    /// The verdict on the connection is known.
    ConnectionDecided,
    /// The filter did not ask for recipients that the MTA refused.
    NotWanted,
    /// libmilter forgets the message at an UNKNOWN, unless DATA follows, which is not sent here.
    ForgetsMessage,
}

/// What a response comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reaction<'f> {
    /// The negotiation is over; [`MtaSession::agreed`](super::MtaSession::agreed) has the result.
    Negotiated {
        /// The answer, with the macro lists.
        answer: Answer<'f>,
    },
    /// A change to the message: provisional until the verdict accepts it.
    Edit {
        /// The change.
        edit: Edit<'f>,
        /// Whether it counts.
        standing: Standing,
        /// How the payload departs from the clean form.
        deviation: Option<DecodeError>,
    },
    /// A sign of life: the wait starts anew.
    Progress,
    /// The verdict on a command.
    Verdict {
        /// The verdict.
        verdict: Verdict<'f>,
        /// What it is about.
        scope: Scope,
        /// The command that it answers.
        command: CommandKind,
        /// How the payload departs from the clean form.
        deviation: Option<DecodeError>,
    },
}

/// Whether an edit counts.
///
/// # Source
/// SPEC_NOTES EDT-2 to EDT-4, EDT-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// If the message is accepted.
    Agreed,
    /// If the message is accepted, though it was not agreed: both MTAs obey.
    NotAgreed,
    /// No: this MTA turns acceptance into a temporary refusal for it.
    Spoils,
    /// No: it is read over, after [`MtaSession::drain`](super::MtaSession::drain).
    Drained,
}

/// What a verdict is about.
///
/// # Source
/// SPEC_NOTES SCP-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Scope {
    /// Nothing: it has no meaning here, or the MTA had already refused. Go on.
    Nothing,
    /// This command alone.
    Command,
    /// This recipient alone.
    Recipient,
    /// The message.
    Message,
    /// The connection, until it ends.
    Connection,
}

/// How a connection ended for the MTA.
///
/// # Source
/// SPEC_NOTES END-5, EDT-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MtaEnding {
    /// The filter left without this reply; for OPTNEG that is how libmilter refuses an offer.
    pub owed: Option<CommandKind>,
    /// Edits of a message were seen, and no verdict: none of them counts.
    pub edits_incomplete: bool,
    /// A replacement of the body had begun: even an MTA that goes on without the filter must not use it.
    pub body_incomplete: bool,
    /// The stream ended inside a frame.
    pub in_frame: bool,
    /// QUIT was sent, or the connection had been decided.
    pub is_expected: bool,
}
