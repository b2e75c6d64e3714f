//! The MTA's session: its state.

use super::event::{Ending, Turn, VerdictKind};
use super::policy::Policy;
use crate::Limits;
use crate::debug::debug_fields;
use crate::error::{Misuse, ReceiveError, Violation, ViolationDetail};
use crate::negotiation::Negotiated;
use crate::order::rules::Replacement;
use crate::order::state::Conversation;
use crate::order::table::Law;
use crate::order::{CommandKind, Rule, Stage};
use crate::timeouts::Wait;
use crate::wire::LeadingSpace;

/// The MTA's side of one connection: sends commands, receives replies, and keeps the order.
///
/// Give every command to [`send`](Self::send), whatever was negotiated and whatever the filter answered before. The
/// session knows which commands must not be written, and returns the reason.
///
/// # Memory
/// At most 64 bytes and no heap memory, whatever the peer sends. More edits than [`Limits::max_edits`], or more PROGRESS
/// than [`Limits::max_progress`], end the session. Chunks of a new body are not counted: if you keep them, limit them
/// yourself.
///
/// # Examples
/// ```
/// use milter_proto::MtaSession;
/// use milter_proto::mta::{Event, Scope, Sent};
/// use milter_proto::wire::{Assembler, Command, Offer, Text, TextList, Verdict};
///
/// let mut session = MtaSession::new();
/// let mut assembler = Assembler::new(Vec::new());
/// let mut out = Vec::new();
/// let Sent::Frame(offer) = session.send(Command::Negotiate(Offer::FULL))? else { panic!() };
/// offer.append_to(&mut out);
///
/// // The filter declines CONNECT and HELO.
/// let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\x03\0\0\0\x01r";
/// session.next_event(&mut assembler, &mut input)?;
/// assert!(matches!(session.send(Command::Helo { name: Text::new(b"mx.example")? })?, Sent::Skipped { .. }));
///
/// let mail = Command::MailFrom { address: Text::new(b"<a@b.c>")?, arguments: TextList::EMPTY };
/// assert!(matches!(session.send(mail)?, Sent::Frame(_)));
/// let event = session.next_event(&mut assembler, &mut input)?;
/// assert!(matches!(event, Some(Event::Verdict { verdict: Verdict::Reject, scope: Scope::Message, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MtaSession {
    pub(super) conversation: Conversation,
    pub(super) policy: Policy,
    pub(super) limits: Bounds,
    pub(super) edits: u16,
    pub(super) progress: u16,
    /// The verdict that settled this message or the connection: the rest of it is not sent.
    pub(super) decided: Option<VerdictKind>,
    /// The kind of command that SKIP was answered to.
    pub(super) skipped: Option<CommandKind>,
    pub(super) flags: Flags,
    pub(super) broken: Option<ReceiveError>,
}

debug_fields!(MtaSession { conversation, policy, limits, edits, progress, decided, skipped, flags, broken });

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bounds {
    pub(super) send: u32,
    pub(super) edits: u16,
    pub(super) progress: u16,
}

/// Facts about a session, a bit each: a session fits into 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flags(u8);

impl Flags {
    /// Sendmail: SKIP too early silences the filter for the whole connection.
    pub(super) const PARKED: Self = Self(1);
    /// The recipient that was sent last was refused by the MTA itself.
    pub(super) const REJECTED_RCPT: Self = Self(1 << 1);
    /// Edits are ignored, after a local error.
    pub(super) const IGNORES_EDITS: Self = Self(1 << 2);
    /// Sendmail: a body came that was not negotiated.
    pub(super) const SPOILED: Self = Self(1 << 3);
    /// Macros of a declined command ended a message: ABORT is due in the place of the command.
    pub(super) const ABORT_DUE: Self = Self(1 << 4);

    pub(super) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    pub(super) const fn set(&mut self, flag: Self, is_set: bool) {
        self.0 = if is_set { self.0 | flag.0 } else { self.0 & !flag.0 };
    }
}

impl MtaSession {
    /// Starts a connection with [`Policy::DEFAULT`].
    #[must_use]
    pub const fn new() -> Self {
        Self::with_policy(Policy::DEFAULT)
    }

    /// Starts a connection.
    #[must_use]
    pub const fn with_policy(policy: Policy) -> Self {
        Self::with_limits(policy, Limits::DEFAULT)
    }

    /// Starts a connection with other limits on what is sent, on edits, and on PROGRESS.
    #[must_use]
    pub const fn with_limits(policy: Policy, limits: Limits) -> Self {
        Self {
            conversation: Conversation::new(Law::Strict),
            policy,
            limits: Bounds {
                send: limits.session_send(),
                edits: limits.max_edits(),
                progress: limits.max_progress(),
            },
            edits: 0,
            progress: 0,
            decided: None,
            skipped: None,
            flags: Flags(0),
            broken: None,
        }
    }

    /// Clears what does not survive a message.
    pub(super) fn end_message(&mut self) {
        self.decided = None;
        self.skipped = None;
        self.edits = 0;
        self.conversation.replacement = Replacement::None;
        self.flags.set(Flags::IGNORES_EDITS, false);
        self.flags.set(Flags::SPOILED, false);
    }

    /// Ignores all further edits of this message.
    ///
    /// Call it after a local error, such as a full disk: the connection stays in sync, and can be used again after the
    /// verdict.
    pub const fn ignore_edits(&mut self) {
        self.flags.set(Flags::IGNORES_EDITS, true);
    }

    /// Ends the session, and returns what was unfinished. Call it once, however the connection ended.
    ///
    /// `pending` is [`Assembler::pending`](crate::wire::Assembler::pending). A second call reports that nothing was
    /// in progress.
    pub fn disconnect(&mut self, pending: usize) -> Ending {
        let stage = self.conversation.close();
        let owed = self.conversation.owed.take();
        let at_end = owed == Some(CommandKind::EndOfMessage);
        let replaces_body = self.conversation.replacement != Replacement::None;
        let clean = self.broken.is_none() && matches!(stage, Stage::Closed | Stage::Decided);
        if !clean {
            self.broken.get_or_insert(ReceiveError::Closed);
        }
        Ending {
            clean,
            owed,
            edits_incomplete: at_end && (self.edits > 0 || replaces_body),
            body_incomplete: at_end && replaces_body,
            in_frame: pending > 0,
        }
    }

    /// Returns whose turn it is.
    #[must_use]
    pub fn turn(&self) -> Turn {
        match self.conversation.owed {
            _ if self.broken.is_some() || self.conversation.stage() == Stage::Closed => Turn::Closed,
            Some(owed) => Turn::Receive(owed),
            None => Turn::Send,
        }
    }

    /// Whether to write what is buffered now: a reply is outstanding, or the connection is over.
    ///
    /// Commands without a reply may wait in the buffer until the next command that has one.
    #[must_use]
    pub fn should_flush(&self) -> bool {
        self.turn() != Turn::Send
    }

    /// The state of the connection.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.conversation.stage()
    }

    /// The result of the negotiation; `None` before OPTNEG was answered.
    #[must_use]
    pub const fn negotiated(&self) -> Option<&Negotiated> {
        self.conversation.settled()
    }

    /// Whether header values include the space after the colon, in both directions.
    ///
    /// They do not before OPTNEG was answered, or without it.
    #[must_use]
    #[doc(alias = "SMFIP_HDR_LEADSPC")]
    pub const fn leading_space(&self) -> LeadingSpace {
        self.conversation.leading_space()
    }

    /// The verdict that decided the message or the connection, if one did: the answer to the commands that are skipped.
    /// The caller has to keep the text of a reply until this is `None`.
    #[must_use]
    pub const fn decided(&self) -> Option<VerdictKind> {
        self.decided
    }

    /// Whether another SMTP session may use this connection, after QUIT_NC: the last message ended with CONTINUE, nothing
    /// was sent since, and the version has QUIT_NC.
    #[must_use]
    pub fn can_reuse(&self) -> bool {
        self.turn() == Turn::Send && self.conversation.can_reuse()
    }

    /// The class of the current wait, if the session waits for a reply.
    #[must_use]
    pub fn wait(&self) -> Option<Wait> {
        match self.turn() {
            Turn::Receive(owed) => owed.wait(),
            Turn::Send | Turn::Closed => None,
        }
    }

    pub(super) fn ready(&self) -> Result<(), ReceiveError> {
        match self.broken {
            Some(error) => Err(error),
            None if self.conversation.stage() == Stage::Closed => Err(ReceiveError::Closed),
            None => Ok(()),
        }
    }

    pub(super) fn misuse(&self, code: u8, rule: Rule) -> Misuse {
        Misuse { rule, context: self.conversation.context(code) }
    }

    pub(super) fn fail(&mut self, code: u8, rule: Rule, detail: Option<ViolationDetail>) -> ReceiveError {
        let violation = Violation { rule, context: self.conversation.context(code), detail };
        self.break_off(violation.into())
    }

    /// Ends the session with an error, which every later call returns.
    pub(super) fn break_off(&mut self, error: ReceiveError) -> ReceiveError {
        self.broken = Some(error);
        error
    }
}

impl Default for MtaSession {
    fn default() -> Self {
        Self::new()
    }
}
