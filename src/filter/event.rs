//! What the filter's side tells its caller.

use crate::error::Misuse;
use crate::negotiation::Negotiation;
use crate::order::CommandKind;
use crate::wire::{Command, DecodeError, OutgoingFrame, Verdict};

/// Whose turn it is, seen from the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Turn {
    /// The MTA's turn: read the next command.
    Receive,
    /// The filter's turn: send the verdict on this command, or the answer to OPTNEG.
    Reply(CommandKind),
    /// Nobody's turn: close the connection.
    Closed,
}

/// A command from the MTA, and what it means for the message in progress.
///
/// Handle it in three steps: if [`aborts_message`](Self::aborts_message) is set, drop what you know about the message in
/// progress; handle [`command`](Self::command); send a reply if [`FilterSession::turn`] asks for one.
///
/// Under the default policy, treat a command that is out of order like any other. An MTA sends it when its SMTP client
/// sends commands in an unusual order. Do not answer CONTINUE without looking at it: that could accept a recipient
/// nobody checked.
///
/// [`FilterSession::turn`]: crate::FilterSession::turn
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Event<'f> {
    /// The command. Under [`Receiving::Libmilter`](super::Receiving::Libmilter), an ignored command that cannot be
    /// decoded is [`Command::Other`].
    pub command: Command<'f>,
    /// Whether the strict order allows the command here ([`order`](crate::order)).
    pub in_order: bool,
    /// Whether the command ended a message in progress before the filter gave a verdict on it: ABORT does, and HELO,
    /// MAIL, QUIT and others do where an MTA sends no ABORT. It is true at most once for each message.
    #[doc(alias = "xxfi_abort")]
    pub aborts_message: bool,
    /// How the payload deviates from the well-formed one, if it does.
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

    /// The chunk came in one frame with the end of the message.
    pub(crate) const LAST_CHUNK: Self = Self(1 << 2);

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

    /// Whether this chunk of the body came in the same frame as the end of the message, which is the next event.
    ///
    /// Such a chunk gets no reply of its own. A verdict on it is sent in reply to the end of the message: get that event
    /// from `next_event` or from [`FilterSession::rest_of_frame`], and answer it.
    ///
    /// [`FilterSession::rest_of_frame`]: crate::FilterSession::rest_of_frame
    #[must_use]
    pub const fn is_last_chunk(&self) -> bool {
        self.flags.has(Flags::LAST_CHUNK)
    }

    /// Whether libmilter would ignore the command: do nothing, and send no reply. Only under
    /// [`Receiving::Libmilter`](super::Receiving::Libmilter).
    #[must_use]
    pub const fn is_ignored(&self) -> bool {
        self.flags.has(Flags::IGNORED)
    }
}

/// The result of a successful negotiation, and the frame to send.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[must_use = "a frame that is not written leaves the MTA waiting"]
pub struct NegotiationSent<'o> {
    /// The frame to write.
    pub frame: OutgoingFrame<'o>,
    /// What became of every bit.
    pub negotiation: Negotiation<'o>,
}

/// The result of [`FilterSession::send_nearest`]: the frame to send, and whether another verdict replaced the given one.
///
/// [`FilterSession::send_nearest`]: crate::FilterSession::send_nearest
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[must_use = "a frame that is not written leaves the MTA waiting"]
pub struct VerdictSent<'v> {
    /// The frame to write.
    pub frame: OutgoingFrame<'v>,
    /// The verdict in the frame.
    pub verdict: Verdict<'v>,
    /// Why the given verdict could not be sent, if this is another one.
    pub misuse: Option<Misuse>,
}

/// How a connection ended for the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Ending {
    /// The MTA sent QUIT.
    pub clean: bool,
    /// A message was in progress: treat it as aborted.
    pub in_message: bool,
    /// The stream ended in the middle of a frame.
    pub in_frame: bool,
    /// The MTA left before it got the reply to this command.
    pub owed: Option<CommandKind>,
}

#[cfg(feature = "alloc")]
mod owned {
    use core::fmt;

    use super::{Event, Flags};
    use crate::wire::{CommandBuf, DecodeError};

    /// An [`Event`] that owns its command: to store it, to queue it, or to handle it on another thread.
    ///
    /// [`as_event`](Self::as_event) returns the same event, with everything that [`MacroStore`](crate::macros::MacroStore) needs. The session
    /// stays where it is: [`FilterSession::turn`](crate::FilterSession::turn) tells whether a reply is outstanding.
    ///
    /// # Memory
    /// 56 bytes on 64-bit targets, and on the heap the payload of the command, as in a [`CommandBuf`].
    ///
    /// # Examples
    /// ```
    /// use milter_proto::filter::{Event, EventBuf};
    /// use milter_proto::wire::{Command, Text};
    ///
    /// let mut queue = Vec::new();
    /// {
    ///     let name = String::from("mx.example");
    ///     queue.push(EventBuf::from(Event::new(Command::Helo { name: Text::try_from(&*name)? })));
    /// }
    /// let event = queue[0].as_event();
    /// assert!(event.in_order);
    /// assert!(matches!(event.command, Command::Helo { name } if name == "mx.example"));
    /// # Ok::<(), milter_proto::wire::NulInText>(())
    /// ```
    #[derive(Clone, PartialEq, Eq, Hash)]
    pub struct EventBuf {
        command: CommandBuf,
        in_order: bool,
        aborts_message: bool,
        deviation: Option<DecodeError>,
        flags: Flags,
    }

    impl EventBuf {
        /// Returns the stored event. Each call decodes it again.
        #[must_use]
        pub fn as_event(&self) -> Event<'_> {
            let Self { ref command, in_order, aborts_message, deviation, flags } = *self;
            Event { command: command.as_command(), in_order, aborts_message, deviation, flags }
        }
    }

    impl From<Event<'_>> for EventBuf {
        fn from(event: Event<'_>) -> Self {
            let Event { command, in_order, aborts_message, deviation, flags } = event;
            Self { command: command.into(), in_order, aborts_message, deviation, flags }
        }
    }

    impl From<&Event<'_>> for EventBuf {
        fn from(event: &Event<'_>) -> Self {
            Self::from(*event)
        }
    }

    impl<'a> From<&'a EventBuf> for Event<'a> {
        fn from(event: &'a EventBuf) -> Self {
            event.as_event()
        }
    }

    impl fmt::Debug for EventBuf {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.as_event().fmt(f)
        }
    }
}

#[cfg(feature = "alloc")]
pub use owned::EventBuf;
