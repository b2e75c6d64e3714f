//! What the MTA's session sends: which commands are written, and what answers the others.

use super::event::{Sent, SkipReason, Turn, VerdictKind};
use super::session::Flags;
use crate::error::Misuse;
use crate::negotiation::check_offer;
use crate::order::{CommandKind, Rule, Stage, rules};
use crate::wire::{Command, MacroStage, Peer, Steps, Text};
use crate::{Limits, MtaSession};

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

    /// Whether [`send`](Self::send) would return a frame for a command of this kind now.
    #[must_use]
    pub fn wants(&self, kind: CommandKind) -> bool {
        self.turn() == Turn::Send
            && self.clone().advance_kind(kind, kind, false).is_ok_and(|plan| !matches!(plan, Plan::Skip(..)))
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
