//! The MTA's session: its state, and what it sends.

use super::event::{Ending, Sent, SkipReason, Turn, VerdictKind};
use super::policy::Policy;
use crate::Limits;
use crate::debug::debug_fields;
use crate::error::{Misuse, ReceiveError, Violation, ViolationDetail};
use crate::negotiation::{Negotiated, check_offer};
use crate::order::rules::Replacement;
use crate::order::state::Conversation;
use crate::order::table::Law;
use crate::order::{CommandKind, Rule, Stage, rules};
use crate::timeouts::Wait;
use crate::wire::{Command, MacroStage, Peer, Steps, Text};

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

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Write,
    /// ABORT is written in its place.
    WriteAbort,
    Skip(SkipReason, VerdictKind),
    /// ABORT is written, and the envelope has to be sent again.
    ResendEnvelope,
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

    /// Sends a command, or returns the reason to skip it.
    ///
    /// When the SMTP client resets a transaction, by RSET, HELO or otherwise, send ABORT before the macros of the next
    /// one. HELO and MAIL also end a message in progress, except in libmilter after UNKNOWN; if the filter declined them,
    /// ABORT is written in their place. Send the content of a message when all of it has arrived, as Sendmail and Postfix
    /// do.
    ///
    /// If the address of CONNECT does not belong to its family, the session sends family `U`; an IPv6 address loses its
    /// zone.
    ///
    /// libmilter loses one kind of message, and no MTA can prevent it: a message without headers, if the filter
    /// subscribes to DATA and headers but declines EOH (SPEC_NOTES ORD-29).
    ///
    /// # Errors
    /// [`Misuse`]: the command would make some filters hang, close the connection, or get out of sync. Nothing
    /// changed, and there is nothing to write. An SMTP client alone cannot cause it, except by a header that is over
    /// the limit or has no name.
    pub fn send<'m>(&mut self, command: Command<'m>) -> Result<Sent<'m>, Misuse> {
        self.send_as(with_valid_address(command), false)
    }

    /// Sends RCPT, or its macros, for a recipient that the MTA itself refused, if the filter requested such recipients.
    ///
    /// The client gets the MTA's refusal, whatever the filter replies; but ACCEPT and DISCARD decide the message. The macros
    /// of such a recipient are `{rcpt_mailer}` = `error`, `{rcpt_host}` = the enhanced code, `{rcpt_addr}` = the text.
    ///
    /// # Errors
    /// The errors of [`send`](Self::send), and a [`Misuse`] for any other command.
    pub fn send_rejected<'m>(&mut self, recipient: Command<'m>) -> Result<Sent<'m>, Misuse> {
        let is_recipient = match &recipient {
            Command::RcptTo { .. } => true,
            Command::Macros(macros) => macros.stage() == MacroStage::RCPT,
            _ => false,
        };
        if !is_recipient {
            return Err(self.misuse(recipient.code(), Rule::NotRecipient));
        }
        self.send_as(recipient, true)
    }

    fn send_as<'m>(&mut self, command: Command<'m>, is_rejected: bool) -> Result<Sent<'m>, Misuse> {
        let mut next = self.clone();
        let plan = next.advance(&command, is_rejected).map_err(|rule| self.misuse(command.code(), rule))?;
        *self = next;
        Ok(match plan {
            Plan::Write => Sent::Frame(command.encode()),
            Plan::WriteAbort => Sent::Frame(Command::Abort.encode()),
            Plan::Skip(reason, answer) => Sent::Skipped { reason, answer },
            Plan::ResendEnvelope => Sent::ResendEnvelope(Command::Abort.encode()),
        })
    }

    /// Tests whether [`send`](Self::send) would accept a command, without sending it.
    ///
    /// # Errors
    /// The [`Misuse`] that `send` would return.
    pub fn check(&self, command: &Command<'_>) -> Result<(), Misuse> {
        let command = with_valid_address(*command);
        self.clone().advance(&command, false).map(drop).map_err(|rule| self.misuse(command.code(), rule))
    }

    /// Accepts a command, and returns what to do with it.
    fn advance(&mut self, command: &Command<'_>, is_rejected: bool) -> Result<Plan, Rule> {
        match self.turn() {
            Turn::Send => {}
            Turn::Receive(_) => return Err(Rule::ReplyOwed),
            Turn::Closed => return Err(Rule::Closed),
        }
        let kind = CommandKind::from_command(command).ok_or(Rule::UnknownCode)?;
        self.judge(command)?;
        let scope = match command {
            Command::Macros(macros) => CommandKind::from_code(macros.stage().byte()).unwrap_or(kind),
            _ => kind,
        };
        let plan = self.advance_kind(kind, scope, is_rejected)?;
        if let (Command::Negotiate(offer), Plan::Write) = (*command, plan) {
            self.conversation.note_offer(offer);
        }
        Ok(plan)
    }

    /// Accepts a command whatever its content. `scope` is the command that macros belong to.
    fn advance_kind(
        &mut self,
        kind: CommandKind,
        scope: CommandKind,
        is_rejected: bool,
    ) -> Result<Plan, Rule> {
        // An older version cannot skip it: CONNECT would follow without it.
        if kind == CommandKind::QuitNewConnection && !self.can_reuse() {
            return Err(Rule::QuitNcNotAllowed);
        }
        if let Some(verdict) = self.decided {
            if self.conversation.stage() == Stage::Decided && kind != CommandKind::Quit {
                return Ok(Plan::Skip(SkipReason::ConnectionDecided, verdict));
            }
            if scope.is_of_message() {
                return Ok(Plan::Skip(SkipReason::MessageDecided, verdict));
            }
        }
        if self.conversation.objection(kind) == Some(Rule::BodyAfterSkip) {
            return Ok(Plan::Skip(SkipReason::Skipped, VerdictKind::Continue));
        }
        let before = self.conversation;
        // At Data: was DATA written, or only skipped?
        let in_data = before.stage() == Stage::Data && !before.has_declined(CommandKind::Data);
        let passage = match kind {
            CommandKind::Macros => self.conversation.macros(MacroStage::new(scope.code()))?,
            _ => self.conversation.advance(kind)?,
        };
        let is_abort_due = self.flags.has(Flags::ABORT_DUE);
        if kind == CommandKind::Macros && passage.aborts_message {
            self.flags.set(Flags::ABORT_DUE, true);
        }
        let plan = match self.reason_to_skip(kind, scope, before.stage(), is_rejected) {
            None if in_data && matches!(kind, CommandKind::RcptTo | CommandKind::Data) => {
                Plan::ResendEnvelope
            }
            None => Plan::Write,
            // The message is over, and the filter has to know.
            Some(SkipReason::Declined) if passage.aborts_message || is_abort_due && kind.ends_message() => {
                Plan::WriteAbort
            }
            Some(SkipReason::Skipped) if passage.aborts_message && !self.flags.has(Flags::PARKED) => {
                Plan::WriteAbort
            }
            Some(reason) => Plan::Skip(reason, VerdictKind::Continue),
        };
        match plan {
            Plan::Write => {}
            Plan::ResendEnvelope => {
                self.conversation = before;
                self.conversation.advance(CommandKind::Abort)?;
                self.end_message();
            }
            Plan::WriteAbort | Plan::Skip(..) => {
                // What is skipped counts as sent and answered, except a recipient that does not exist.
                self.conversation.pass_over(before.may_reuse() && plan != Plan::WriteAbort);
                if is_rejected || in_data && kind == CommandKind::RcptTo {
                    self.conversation = before;
                }
            }
        }
        self.begin(kind, plan, passage.aborts_message, is_rejected);
        Ok(plan)
    }

    /// What is wrong with the content of a command, whatever the stage.
    fn judge(&self, command: &Command<'_>) -> Result<(), Rule> {
        if let Some(rule) = rules::command(command) {
            return Err(rule);
        }
        if let Command::Negotiate(offer) = command {
            check_offer(offer).map_err(|_| Rule::NegotiationFailed)?;
        }
        let limit = self.limits.send.min(self.conversation.max_payload());
        command
            .encode()
            .within(Limits::DEFAULT.with_max_send_payload(limit))
            .map(drop)
            .map_err(|_| Rule::TooLong)
    }

    fn reason_to_skip(
        &self,
        kind: CommandKind,
        scope: CommandKind,
        stage: Stage,
        is_rejected: bool,
    ) -> Option<SkipReason> {
        let agreed = self.conversation.agreed();
        if matches!(kind, CommandKind::Negotiate | CommandKind::Quit) {
            return None;
        }
        if self.flags.has(Flags::PARKED) || self.skipped == Some(scope) {
            return Some(SkipReason::Skipped);
        }
        if scope.min_version() > agreed.version {
            return Some(SkipReason::Version);
        }
        // Macros are wanted for commands that were declined, too.
        if kind == CommandKind::Macros {
            return None;
        }
        if kind.decline_step().is_some_and(|step| agreed.steps.contains(step)) {
            return Some(SkipReason::Declined);
        }
        if is_rejected && !agreed.steps.contains(Steps::REJECTED_RCPT) {
            return Some(SkipReason::NotWanted);
        }
        // Only DATA leads libmilter back into the message: SPEC_NOTES ORD-31.
        let has_no_way_back = stage == Stage::Data
            || stage.is_in_message() && self.conversation.has_declined(CommandKind::Data);
        (kind == CommandKind::Unknown && has_no_way_back).then_some(SkipReason::ForgetsMessage)
    }

    /// Clears what does not survive a command.
    fn begin(&mut self, kind: CommandKind, plan: Plan, aborts_message: bool, is_rejected: bool) {
        // One that was declined begins a message anyway.
        if kind.ends_message() || aborts_message {
            self.end_message();
        }
        if kind == CommandKind::Macros || matches!(plan, Plan::Skip(..)) {
            return;
        }
        self.flags.set(Flags::ABORT_DUE, false);
        self.progress = 0;
        self.flags.set(Flags::REJECTED_RCPT, is_rejected);
        if self.skipped.is_some_and(|skipped| skipped != CommandKind::Body && skipped != kind) {
            self.skipped = None;
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

    /// The verdict that decided the message or the connection, if one did: the answer to the commands that are skipped.
    /// The caller has to keep the text of a reply until this is `None`.
    #[must_use]
    pub const fn decided(&self) -> Option<VerdictKind> {
        self.decided
    }

    /// Whether [`send`](Self::send) would return a frame for a command of this kind now.
    #[must_use]
    pub fn wants(&self, kind: CommandKind) -> bool {
        self.turn() == Turn::Send
            && self.clone().advance_kind(kind, kind, false).is_ok_and(|plan| !matches!(plan, Plan::Skip(..)))
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

    fn misuse(&self, code: u8, rule: Rule) -> Misuse {
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

/// The same command, with an address that libmilter does not close on. SPEC_NOTES ORD-18.
fn with_valid_address(command: Command<'_>) -> Command<'_> {
    if rules::command(&command) != Some(Rule::InvalidAddress) {
        return command;
    }
    let Command::Connect { host, peer } = command else { return command };
    let without_zone = match peer {
        Peer::Inet6 { port, address } => {
            let bytes = address.as_bytes().split(|&byte| byte == b'%').next().unwrap_or_default();
            Peer::Inet6 { port, address: Text::new(bytes).unwrap_or_default() }
        }
        _ => Peer::Unknown,
    };
    let command = Command::Connect { host, peer: without_zone };
    if rules::command(&command).is_none() { command } else { Command::Connect { host, peer: Peer::Unknown } }
}
