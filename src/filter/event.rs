//! What the filter's side tells its caller.

use crate::negotiation::Negotiation;
use crate::order::CommandKind;
use crate::wire::{Command, DecodeError, OutgoingFrame};

/// Whose turn it is, seen from the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Turn {
    /// The MTA's: read.
    Receive,
    /// Ours: a verdict on this command is outstanding, or the answer to OPTNEG.
    Reply(CommandKind),
    /// Nobody's: close the connection.
    Closed,
}

/// A command from the MTA, and what it means for the message in progress.
///
/// Handle it in this order: if [`aborts_message`](Self::aborts_message), drop what was collected about the message
/// in progress; then handle [`command`](Self::command); then answer if [`FilterSession::turn`] says so. A command
/// that is out of order needs no other treatment under the default policy: an MTA sends it when its SMTP client
/// is not polite. Do not answer it with CONTINUE unseen: that would accept, for example, a recipient nobody checked.
///
/// [`FilterSession::turn`]: crate::FilterSession::turn
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Event<'f> {
    /// The command. Under [`Receiving::Libmilter`](super::Receiving::Libmilter), an ignored command that cannot be
    /// decoded is [`Command::Other`].
    pub command: Command<'f>,
    /// Whether the strict law allows the command here.
    pub in_order: bool,
    /// Whether the command ended a message in progress before the filter gave a verdict on it: ABORT does, and HELO,
    /// MAIL, QUIT and others where an MTA sends no ABORT. It is true at most once a message.
    #[doc(alias = "xxfi_abort")]
    pub aborts_message: bool,
    /// How the payload departs from the well-formed one.
    pub deviation: Option<DecodeError>,
    /// What follows, in bits.
    pub(crate) flags: Flags,
}

/// Facts about an event that callers need not look at, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flags(u8);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    /// libmilter's engine ignores the command.
    pub(crate) const IGNORED: Self = Self(1);
    /// A message ended since the last event, or by this one.
    pub(crate) const MESSAGE_ENDED: Self = Self(1 << 1);

    pub(crate) const fn with(self, flag: Self) -> Self {
        Self(self.0 | flag.0)
    }

    #[inline]
    pub(crate) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }
}

impl<'f> Event<'f> {
    /// Makes the event of a command in order: for tests, and for [`MacroStore`](crate::macros::MacroStore)
    /// without a session.
    #[must_use]
    pub const fn new(command: Command<'f>) -> Self {
        Self { command, in_order: true, aborts_message: false, deviation: None, flags: Flags::NONE }
    }

    /// Whether libmilter would ignore the command: nothing is to be done for it, and no reply is owed. Only under
    /// [`Receiving::Libmilter`](super::Receiving::Libmilter).
    #[must_use]
    pub const fn is_ignored(&self) -> bool {
        self.flags.has(Flags::IGNORED)
    }
}

/// A successful negotiation, and the frame that tells the MTA.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[must_use = "a frame that is not written leaves the MTA waiting"]
pub struct NegotiationSent<'o> {
    /// The frame to write.
    pub frame: OutgoingFrame<'o>,
    /// What became of every bit.
    pub negotiation: Negotiation<'o>,
}

/// How a connection ended for the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Ending {
    /// The MTA sent QUIT.
    pub clean: bool,
    /// A message was in progress: treat it as aborted.
    pub in_message: bool,
    /// The stream ended inside a frame.
    pub in_frame: bool,
    /// The MTA left without waiting for this reply.
    pub owed: Option<CommandKind>,
}
