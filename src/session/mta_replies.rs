//! The MTA's side, as far as replies go: what is taken, and what it does.

use super::conversation::{Effect, effect};
use super::error::{Detail, ReceiveError, Rule};
use super::mta::{MtaSession, Replacement};
use super::negotiation::accept;
use super::reaction::{Reaction, Scope, Standing};
use super::stage::{CommandKind, Stage};
use crate::wire::{Answer, Assembler, DecodeError, Edit, Frame, Response, Steps, Storage, Verdict};

impl MtaSession {
    /// Takes the next response from the front of `input`: bytes in, reactions out.
    ///
    /// `Ok(None)` means that `input` is empty: read more. What comes after QUIT is read over.
    ///
    /// # Errors
    /// [`ReceiveError`]: the connection is broken, and every later call says the same.
    pub fn next_event<'s, 'i: 's, S: Storage>(
        &mut self,
        assembler: &'s mut Assembler<S>,
        input: &mut &'i [u8],
    ) -> Result<Option<Reaction<'s>>, ReceiveError> {
        if self.broken.is_none() && self.conversation.stage() == Stage::Closed {
            // Some filters answer QUIT, which nobody asked them to.
            *input = &[];
            return Ok(None);
        }
        self.ready()?;
        match assembler.next_frame(input)? {
            Some(frame) => self.receive(frame).map(Some),
            None => Ok(None),
        }
    }

    /// Takes a frame. One that nobody owes breaks the session, before it shifts all later verdicts: read
    /// what there is before a command is sent that gets a reply.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event).
    pub fn receive<'f>(&mut self, frame: Frame<'f>) -> Result<Reaction<'f>, ReceiveError> {
        self.ready()?;
        let Some(owed) = self.conversation.owed else {
            return Err(self.fail(frame.code(), Rule::NotOwed, None));
        };
        let decoded = match Response::parse_as(frame, self.policy.tolerance()) {
            Ok(decoded) => decoded,
            Err(error) => {
                return Err(self.fail(frame.code(), Rule::Payload, Some(Detail::Payload(error))));
            }
        };
        let deviation = decoded.deviation;
        let reaction = match decoded.value {
            Response::Negotiate(answer) if owed == CommandKind::Negotiate => {
                return self.take_answer(frame.code(), answer);
            }
            Response::Negotiate(_) => Err(Rule::Negotiation),
            _ if owed == CommandKind::Negotiate => Err(Rule::Negotiation),
            Response::Progress => self.take_progress(owed),
            Response::Edit(edit) => {
                self.take_edit(owed, &edit).map(|standing| Reaction::Edit { edit, standing, deviation })
            }
            Response::Verdict(verdict) => self.take_verdict(owed, verdict, deviation),
            Response::MacroList { .. } | Response::Other(_) => Err(Rule::Code),
        };
        reaction.map_err(|rule| self.fail(frame.code(), rule, None))
    }

    fn take_answer<'f>(&mut self, code: u8, answer: Answer<'f>) -> Result<Reaction<'f>, ReceiveError> {
        match accept(self.conversation.offer(), answer, &self.policy) {
            Ok(decision) => {
                self.conversation.negotiated(decision.agreed);
                Ok(Reaction::Negotiated { answer })
            }
            Err(refusal) => Err(self.fail(code, Rule::Refused, Some(Detail::Negotiation(refusal)))),
        }
    }

    fn take_progress<'f>(&mut self, owed: CommandKind) -> Result<Reaction<'f>, Rule> {
        if owed != CommandKind::EndOfMessage && !self.policy.takes_progress_anywhere() {
            return Err(Rule::Progress);
        }
        if self.progress >= self.limits.progress {
            return Err(Rule::TooMuchProgress);
        }
        self.progress = self.progress.saturating_add(1);
        self.interrupt_body();
        Ok(Reaction::Progress)
    }

    fn take_edit(&mut self, owed: CommandKind, edit: &Edit<'_>) -> Result<Standing, Rule> {
        let is_quarantine = matches!(edit, Edit::Quarantine { .. });
        if owed != CommandKind::EndOfMessage && !(is_quarantine && self.policy.takes_quarantine_anywhere()) {
            return Err(Rule::EditTooEarly);
        }
        let is_agreed = self.conversation.agreed.actions.contains(edit.action());
        if !is_agreed && !self.policy.takes_surplus_edits() {
            return Err(Rule::EditNotAgreed);
        }
        let is_body = matches!(edit, Edit::ReplaceBody { .. });
        if is_body {
            if self.body == Replacement::Interrupted && self.policy.wants_body_in_a_row() {
                return Err(Rule::BodyInterrupted);
            }
            self.body = Replacement::Open;
        } else {
            if self.edits >= self.limits.edits {
                return Err(Rule::TooManyEdits);
            }
            self.edits = self.edits.saturating_add(1);
            self.interrupt_body();
        }
        let spoils = is_body && !is_agreed && self.policy.spoils_surplus_body();
        self.is_spoiled |= spoils;
        Ok(match () {
            () if self.drains => Standing::Drained,
            () if spoils => Standing::Spoils,
            () if is_agreed => Standing::Agreed,
            () => Standing::NotAgreed,
        })
    }

    fn take_verdict<'f>(
        &mut self,
        owed: CommandKind,
        verdict: Verdict<'f>,
        deviation: Option<DecodeError>,
    ) -> Result<Reaction<'f>, Rule> {
        let effect = self.effect(owed, &verdict)?;
        let is_accepted = matches!(verdict, Verdict::Continue | Verdict::Accept);
        let verdict = if self.is_spoiled && is_accepted { Verdict::Tempfail } else { verdict };
        let scope = match effect {
            Effect::MeansNothing => Scope::Nothing,
            Effect::RefusesRecipient if self.is_rejected_rcpt => Scope::Nothing,
            Effect::RefusesRecipient => Scope::Recipient,
            Effect::EndsMessage | Effect::RefusesData => Scope::Message,
            Effect::EndsConnection => Scope::Connection,
            _ => Scope::Command,
        };
        self.conversation.verdict(effect, &verdict);
        if owed == CommandKind::EndOfMessage {
            self.end_message();
            self.may_reuse = verdict == Verdict::Continue;
        } else if scope == Scope::Message {
            self.is_decided = true;
        }
        Ok(Reaction::Verdict { verdict, scope, command: owed, deviation })
    }

    /// What a verdict does, as the policy has it.
    fn effect(&mut self, owed: CommandKind, verdict: &Verdict<'_>) -> Result<Effect, Rule> {
        let ends_message = owed == CommandKind::EndOfMessage;
        let effect = effect(owed, verdict);
        match (effect, verdict) {
            (Effect::Skips, _) if self.conversation.agreed.steps.contains(Steps::SKIP) => {
                self.skipped = Some(CommandKind::Body);
                Ok(effect)
            }
            (_, Verdict::Skip) if !self.policy.takes_skip(ends_message) => Err(Rule::Skip),
            (_, Verdict::Skip) if ends_message => Ok(Effect::EndsMessage),
            (_, Verdict::Skip) => {
                let in_content =
                    matches!(owed, CommandKind::Header | CommandKind::EndOfHeaders | CommandKind::Body);
                match (self.policy.parks_on_skip(), in_content) {
                    (true, true) => self.skipped = Some(CommandKind::Body),
                    (true, false) => self.is_parked = true,
                    (false, _) => self.skipped = Some(owed),
                }
                Ok(Effect::GoesOn)
            }
            (_, Verdict::Shutdown) if !self.policy.takes_shutdown() => Err(Rule::Code),
            // CONN_FAIL: the table has no other one that comes so far.
            (Effect::IsNoAnswer, _) => Err(Rule::Code),
            _ => Ok(effect),
        }
    }

    /// Any other frame ends a run of body chunks.
    fn interrupt_body(&mut self) {
        if self.body == Replacement::Open {
            self.body = Replacement::Interrupted;
        }
    }
}
