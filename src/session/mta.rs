//! The MTA's side.

use super::content::content_rule;
use super::conversation::{Conversation, Law, Passage};
use super::error::{Detail, Misuse, ReceiveError, Rule, Violation};
use super::negotiation::Agreed;
use super::policy::Policy;
use super::reaction::{MtaEnding, MtaTurn, Sent, Why};
use super::stage::{CommandKind, Stage};
use super::timing::Wait;
use crate::Limits;
use crate::debug::debug_fields;
use crate::wire::{Command, Steps};

/// The MTA's side of one connection: commands out, replies in, both in their order.
///
/// Every command is handed to [`send`](Self::send), whatever was negotiated and whatever was said
/// before: the session knows which ones are not to be sent, and says why. That keeps the caller's loop
/// uniform.
///
/// # Memory
/// 64 bytes at most, and nothing beside them, whatever the peer sends. Edits and PROGRESS are counted, and
/// end the session at [`Limits::edits`] and [`Limits::progress`]. Chunks of a new body are not: who keeps
/// them has to bound them.
///
/// # Examples
/// ```
/// use milter_proto::session::{MtaSession, MtaTurn, Policy, Reaction, Scope, Sent};
/// use milter_proto::wire::{Assembler, Command, Offer, Text, TextList, Verdict};
///
/// let mut session = MtaSession::new(Policy::STRICT);
/// let mut assembler = Assembler::new(Vec::new());
/// let mut out = Vec::new();
/// let Sent::Frame(offer) = session.send(Command::Negotiate(Offer::FULL))? else { panic!() };
/// offer.append_to(&mut out);
///
/// // The filter wants neither CONNECT nor HELO.
/// let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\x03\0\0\0\x01r";
/// session.next_event(&mut assembler, &mut input)?;
/// assert!(matches!(session.send(Command::Helo { name: Text::new(b"mx.example")? })?, Sent::Suppressed(_)));
///
/// let mail = Command::MailFrom { address: Text::new(b"<a@b.c>")?, arguments: TextList::EMPTY };
/// assert!(matches!(session.send(mail)?, Sent::Frame(_)));
/// let reaction = session.next_event(&mut assembler, &mut input)?;
/// assert!(matches!(reaction, Some(Reaction::Verdict { verdict: Verdict::Reject, scope: Scope::Message, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MtaSession {
    pub(super) conversation: Conversation,
    pub(super) policy: Policy,
    pub(super) limits: Bounds,
    pub(super) edits: u16,
    pub(super) progress: u16,
    /// The verdict on this message is known: the rest of it is not sent.
    pub(super) is_decided: bool,
    /// The kind of command that SKIP was answered to.
    pub(super) skipped: Option<CommandKind>,
    /// Sendmail: SKIP too early silences the filter for good.
    pub(super) is_parked: bool,
    pub(super) body: Replacement,
    /// The recipient that was sent last was refused by the MTA itself.
    pub(super) is_rejected_rcpt: bool,
    /// Edits are read over, after a local error.
    pub(super) drains: bool,
    /// Sendmail: a body came that was not agreed.
    pub(super) is_spoiled: bool,
    /// The last message ended with CONTINUE, and nothing was sent since.
    pub(super) may_reuse: bool,
    pub(super) broken: Option<Violation>,
}

debug_fields!(MtaSession {
    conversation,
    policy,
    limits,
    edits,
    progress,
    is_decided,
    skipped,
    is_parked,
    body,
    is_rejected_rcpt,
    drains,
    is_spoiled,
    may_reuse,
    broken
});

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bounds {
    pub(super) send: u32,
    pub(super) edits: u16,
    pub(super) progress: u16,
}

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Written,
    /// ABORT is written in its place.
    AsAbort,
    Suppressed(Why),
}

/// How far the replacement of a body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Replacement {
    None,
    Open,
    Interrupted,
}

impl MtaSession {
    /// Starts a connection.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self::with_limits(policy, Limits::DEFAULT)
    }

    /// Starts a connection with other bounds on what is sent, and on edits and progress.
    #[must_use]
    pub const fn with_limits(policy: Policy, limits: Limits) -> Self {
        Self {
            conversation: Conversation::new(Law::Strict),
            policy,
            limits: Bounds { send: limits.send(), edits: limits.edits(), progress: limits.progress() },
            edits: 0,
            progress: 0,
            is_decided: false,
            skipped: None,
            is_parked: false,
            body: Replacement::None,
            is_rejected_rcpt: false,
            drains: false,
            is_spoiled: false,
            may_reuse: false,
            broken: None,
        }
    }

    /// Sends a command, or says why it is not to be sent.
    ///
    /// HELO in a message ends it. Where HELO is switched off, ABORT goes out in its place.
    ///
    /// # Errors
    /// [`Misuse`]: the command would make a filter fall silent, close or lose step. Nothing changed, and
    /// nothing is to be written.
    pub fn send<'m>(&mut self, command: Command<'m>) -> Result<Sent<'m>, Misuse> {
        self.send_as(command, false)
    }

    /// Sends a recipient that the MTA itself has refused, if the filter asked for such recipients.
    ///
    /// The reply to it changes nothing for the client; ACCEPT and DISCARD still end the message. Its
    /// macros are `{rcpt_mailer}` = `error`, `{rcpt_host}` = the enhanced code, `{rcpt_addr}` = the text.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_rejected<'m>(&mut self, recipient: Command<'m>) -> Result<Sent<'m>, Misuse> {
        self.send_as(recipient, true)
    }

    fn send_as<'m>(&mut self, command: Command<'m>, is_rejected: bool) -> Result<Sent<'m>, Misuse> {
        let mut next = self.clone();
        let fate = next.advance(&command, is_rejected).map_err(|rule| self.misuse(command.code(), rule))?;
        *self = next;
        Ok(match fate {
            Fate::Written => Sent::Frame(command.encode()),
            Fate::AsAbort => Sent::Frame(Command::Abort.encode()),
            Fate::Suppressed(why) => Sent::Suppressed(why),
        })
    }

    /// Whether [`send`](Self::send) would take it: the same test, without the effect.
    ///
    /// # Errors
    /// [`Misuse`], as `send`.
    pub fn check(&self, command: &Command<'_>) -> Result<(), Misuse> {
        self.clone().advance(command, false).map(drop).map_err(|rule| self.misuse(command.code(), rule))
    }

    /// Takes a command, and says what becomes of it.
    fn advance(&mut self, command: &Command<'_>, is_rejected: bool) -> Result<Fate, Rule> {
        if self.turn() == MtaTurn::Closed {
            return Err(Rule::Closed);
        }
        if self.conversation.owed.is_some() {
            return Err(Rule::ReplyOwed);
        }
        let kind = CommandKind::of(command).ok_or(Rule::Code)?;
        self.judge(command)?;
        // An older version cannot pass it by: CONNECT would come without it.
        let is_known = self.conversation.agreed.version >= kind.since();
        if kind == CommandKind::QuitNewConnection && !(self.may_reuse && is_known) {
            return Err(Rule::Reuse);
        }
        let scope = match command {
            Command::Macros(macros) => CommandKind::of_code(macros.stage().byte()).unwrap_or(kind),
            _ => kind,
        };
        if self.conversation.stage() == Stage::Decided && kind != CommandKind::Quit {
            return Ok(Fate::Suppressed(Why::ConnectionDecided));
        }
        if self.is_decided && scope.is_of_message() {
            return Ok(Fate::Suppressed(Why::MessageDecided));
        }
        if self.conversation.passage(kind) == Err(Rule::Skipped) {
            return Ok(Fate::Suppressed(Why::Skipped));
        }
        let before = self.conversation;
        let passage = self.conversation.command(kind)?;
        let fate = match self.reason_not_to_send(kind, scope, is_rejected) {
            None => Fate::Written,
            // The message is over, and the filter has to hear of it.
            Some(Why::SwitchedOff) if passage == Passage::AfterAbort => Fate::AsAbort,
            Some(why) => Fate::Suppressed(why),
        };
        if fate != Fate::Written {
            // What is passed by counts as said and answered, except a recipient that does not exist.
            self.conversation.owed = None;
            if kind == CommandKind::EndOfMessage {
                self.conversation.enter(Stage::Greeted);
            }
            if is_rejected {
                self.conversation = before;
            }
        }
        self.begin(kind, fate, is_rejected);
        if let Command::Negotiate(offer) = *command {
            self.conversation.note_offer(offer);
        }
        Ok(fate)
    }

    /// What there is against the content of a command, whatever the stage.
    fn judge(&self, command: &Command<'_>) -> Result<(), Rule> {
        if let Some(rule) = content_rule(command) {
            return Err(rule);
        }
        let limit = self.limits.send.max(self.conversation.agreed.data_size().bytes());
        command.encode().within(Limits::DEFAULT.with_send(limit)).map(drop).map_err(|_| Rule::TooLong)
    }

    fn reason_not_to_send(&self, kind: CommandKind, scope: CommandKind, is_rejected: bool) -> Option<Why> {
        let agreed = &self.conversation.agreed;
        let is_macros = kind == CommandKind::Macros;
        match () {
            () if matches!(kind, CommandKind::Negotiate | CommandKind::Quit) => None,
            () if self.is_parked || self.skipped == Some(scope) => Some(Why::Skipped),
            () if scope.since() > agreed.version => Some(Why::Version),
            // Macros are wanted for commands that are switched off, too.
            () if is_macros => None,
            () if kind.off().is_some_and(|off| agreed.steps.contains(off)) => Some(Why::SwitchedOff),
            () if is_rejected && !agreed.steps.contains(Steps::REJECTED_RCPT) => Some(Why::NotWanted),
            () if kind == CommandKind::Unknown
                && self.conversation.stage().is_in_message()
                && agreed.effective_steps().contains(Steps::NO_DATA) =>
            {
                Some(Why::ForgetsMessage)
            }
            () => None,
        }
    }

    /// Clears what does not survive a command.
    fn begin(&mut self, kind: CommandKind, fate: Fate, is_rejected: bool) {
        let is_boundary = matches!(
            kind,
            CommandKind::MailFrom | CommandKind::Helo | CommandKind::Abort | CommandKind::QuitNewConnection
        );
        // One that is switched off begins a message all the same.
        if is_boundary {
            self.end_message();
        }
        if kind == CommandKind::Macros || matches!(fate, Fate::Suppressed(_)) {
            return;
        }
        self.may_reuse = false;
        self.progress = 0;
        self.is_rejected_rcpt = is_rejected;
        if self.skipped.is_some_and(|skipped| skipped != CommandKind::Body && skipped != kind) {
            self.skipped = None;
        }
    }

    /// Clears what does not survive a message.
    pub(super) fn end_message(&mut self) {
        self.is_decided = false;
        self.skipped = None;
        self.edits = 0;
        self.body = Replacement::None;
        self.drains = false;
        self.is_spoiled = false;
    }

    /// Reads over the edits of this message, after a local error: the connection stays in step, and can
    /// be used again after the verdict.
    pub const fn drain(&mut self) {
        self.drains = true;
    }

    /// Ends the session: at the end of the stream, on an I/O error, on a timeout.
    ///
    /// `pending` is [`Assembler::pending`](crate::wire::Assembler::pending).
    pub fn disconnect(&mut self, pending: usize) -> MtaEnding {
        let stage = self.conversation.stage();
        self.conversation.enter(Stage::Closed);
        let owed = self.conversation.owed.take();
        let at_end = owed == Some(CommandKind::EndOfMessage);
        MtaEnding {
            owed,
            edits_incomplete: at_end && (self.edits > 0 || self.body != Replacement::None),
            body_incomplete: at_end && self.body != Replacement::None,
            in_frame: pending > 0,
            is_expected: self.broken.is_none() && matches!(stage, Stage::Closed | Stage::Decided),
        }
    }

    /// Whose turn it is.
    #[must_use]
    pub fn turn(&self) -> MtaTurn {
        match self.conversation.owed {
            _ if self.broken.is_some() || self.conversation.stage() == Stage::Closed => MtaTurn::Closed,
            Some(owed) => MtaTurn::Receive(owed),
            None => MtaTurn::Send,
        }
    }

    /// Whether what is buffered has to be written now: a reply is awaited, or the connection is over.
    ///
    /// Commands without a reply may wait, and go out in one write with the next command that has one.
    #[must_use]
    pub fn must_flush(&self) -> bool {
        self.turn() != MtaTurn::Send
    }

    /// How far the connection has come.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.conversation.stage()
    }

    /// What was agreed on; `None` before OPTNEG was answered.
    #[must_use]
    pub fn agreed(&self) -> Option<&Agreed> {
        self.conversation.agreed()
    }

    /// Whether a command of this kind would be written now, rather than suppressed, if it is in order.
    #[must_use]
    pub fn wants(&self, kind: CommandKind) -> bool {
        let is_late = self.is_decided && kind.is_of_message();
        let is_over = self.conversation.stage() == Stage::Decided && kind != CommandKind::Quit;
        self.turn() == MtaTurn::Send
            && !is_late
            && !is_over
            && self.reason_not_to_send(kind, kind, false).is_none()
    }

    /// The class of the wait that is running, if one is.
    #[must_use]
    pub fn wait(&self) -> Option<Wait> {
        match self.turn() {
            MtaTurn::Receive(owed) => owed.wait(),
            MtaTurn::Send | MtaTurn::Closed => None,
        }
    }

    pub(super) fn ready(&self) -> Result<(), ReceiveError> {
        match self.broken {
            Some(violation) => Err(violation.into()),
            None if self.conversation.stage() == Stage::Closed => Err(ReceiveError::Closed),
            None => Ok(()),
        }
    }

    fn misuse(&self, code: u8, rule: Rule) -> Misuse {
        Misuse { rule, place: self.conversation.place(code) }
    }

    pub(super) fn fail(&mut self, code: u8, rule: Rule, detail: Option<Detail>) -> ReceiveError {
        let violation = Violation { rule, place: self.conversation.place(code), detail };
        self.broken = Some(violation);
        violation.into()
    }
}
