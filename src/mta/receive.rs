//! What the MTA's session receives: which replies are accepted, and what they do.

use super::accept::accept;
use super::event::{EditStatus, Event, Scope, VerdictKind};
use super::session::{Flags, MtaSession};
use crate::error::{ReceiveError, ViolationDetail};
use crate::order::table::{Effect, effect};
use crate::order::{CommandKind, Rule, Stage};
use crate::wire::codes::response;
use crate::wire::{Answer, Assembler, Buffer, DecodeError, Edit, Frame, Response, Steps, Verdict};

impl MtaSession {
    /// Takes the next response from the front of `input`.
    ///
    /// `Ok(None)` means that `input` is empty: read more. Anything after QUIT is ignored.
    ///
    /// While no reply is outstanding, any byte is an error: it would be taken for the reply to the next command. So give what
    /// a read without waiting returns to this function before each command, and before a connection goes back into a
    /// pool.
    ///
    /// # Errors
    /// [`ReceiveError`]: the connection is broken, and every later call returns the same error.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{Assembler, Command, Offer};
    /// use milter_proto::{MtaSession, ReceiveError};
    ///
    /// let (mut session, mut assembler) = (MtaSession::new(), Assembler::new(Vec::new()));
    /// let _ = session.send(Command::Negotiate(Offer::FULL))?;
    /// let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\x01\0\0"; // the answer, and two bytes more
    /// assert!(session.next_event(&mut assembler, &mut input)?.is_some());
    /// assert_eq!(session.next_event(&mut assembler, &mut input), Err(ReceiveError::StrayBytes(2)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event<'s, 'i: 's, B: Buffer>(
        &mut self,
        assembler: &'s mut Assembler<B>,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'s>>, ReceiveError> {
        if self.broken.is_none() && self.conversation.stage() == Stage::Closed {
            // Some filters answer QUIT, which has no reply.
            *input = &[];
            return Ok(None);
        }
        self.ready()?;
        let is_owed = self.conversation.owed.is_some();
        if !is_owed && input.is_empty() && assembler.pending() == 0 {
            return Ok(None);
        }
        if !is_owed && assembler.fill(input) == Ok(false) {
            return match u32::try_from(assembler.pending()).unwrap_or(u32::MAX) {
                0 => Ok(None),
                stray => Err(self.break_off(ReceiveError::StrayBytes(stray))),
            };
        }
        match assembler.next_frame(input) {
            Ok(Some(frame)) => self.receive(frame).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(self.break_off(ReceiveError::of_stream(error))),
        }
    }

    /// Whether [`next_event`](Self::next_event) would return an event or an error for this `input`.
    ///
    /// `false` means that more has to be read, or that the connection is over: see [`turn`](Self::turn). `input` is empty
    /// then, and the first part of a frame is in the assembler. Give `next_event` the same `input`, as it was left here. The
    /// result borrows nothing, so a function that reads in a loop can return the event after the loop:
    /// [`FilterSession::has_event`] has an example.
    ///
    /// Before the next command, ask whether there are bytes that nobody expects, and give them to `next_event`: they break
    /// the session. Left unread, they would answer that command.
    ///
    /// [`FilterSession::has_event`]: crate::FilterSession::has_event
    pub fn has_event<B: Buffer>(&self, assembler: &mut Assembler<B>, input: &mut &[u8]) -> bool {
        if self.broken.is_some() {
            return true;
        }
        if self.conversation.stage() == Stage::Closed {
            *input = &[];
            return false;
        }
        // An error of the stream is for `next_event` to return.
        assembler.fill(input).unwrap_or(true) || self.conversation.owed.is_none() && assembler.pending() > 0
    }

    /// Takes a frame that the caller has cut from the stream.
    ///
    /// A response that nobody waits for breaks the session: it could be mistaken for the reply to the next command.
    /// Process all input before you send a command that gets a reply.
    ///
    /// # Errors
    /// The errors of [`next_event`](Self::next_event).
    pub fn receive<'f>(&mut self, frame: Frame<'f>) -> Result<Event<'f>, ReceiveError> {
        self.ready()?;
        let Some(owed) = self.conversation.owed else {
            return Err(self.fail(frame.code(), Rule::NotOwed, None));
        };
        let (response, deviation) = match Response::parse_as(frame, self.policy.reads()) {
            Ok(decoded) => (decoded.value, decoded.deviation),
            Err(error) => match self.replace_malformed(owed, frame, error) {
                Some(Ok(verdict)) => (Response::Verdict(verdict), Some(error)),
                Some(Err(event)) => return Ok(event),
                None => {
                    let detail = ViolationDetail::Payload(error);
                    return Err(self.fail(frame.code(), Rule::MalformedPayload, Some(detail)));
                }
            },
        };
        let edit = if let Response::Edit(edit) = &response { Some(edit) } else { None };
        if let Err(rule) = self.conversation.judge(&response, |rule| self.policy.tolerates(rule, edit)) {
            let is_ignored =
                rule == Rule::EmptyName && edit.is_some_and(|edit| self.policy.ignores_empty(edit));
            return match deviation.filter(|_| is_ignored && self.count_edit().is_ok()) {
                Some(error) => {
                    self.conversation.note(false);
                    Ok(Event::MalformedEdit { frame, error })
                }
                None => Err(self.fail(frame.code(), rule, None)),
            };
        }
        let event = match response {
            Response::Negotiate(answer) => return self.take_answer(frame.code(), answer),
            Response::Progress => self.take_progress(),
            Response::Edit(edit) => {
                self.take_edit(&edit).map(|status| Event::Edit { edit, status, deviation })
            }
            Response::Verdict(verdict) => self.take_verdict(owed, verdict, deviation),
            Response::MacroList { .. } | Response::Other(_) => Err(Rule::UnknownCode),
        };
        event.map_err(|rule| self.fail(frame.code(), rule, None))
    }

    /// The replacement for a malformed response, if this MTA does not end the session: a verdict for a reply text, or
    /// an event for an edit.
    ///
    /// `milter_reply` and `milter_eom` in sendmail/milter.c: SPEC_NOTES POL-14, POL-15.
    fn replace_malformed<'f>(
        &mut self,
        owed: CommandKind,
        frame: Frame<'f>,
        error: DecodeError,
    ) -> Option<Result<Verdict<'static>, Event<'f>>> {
        if !self.policy.ignores_malformed() || owed == CommandKind::Negotiate {
            return None;
        }
        match frame.code() {
            response::REPLYCODE => Some(Ok(Verdict::Reject)),
            response::ADDHEADER
            | response::INSHEADER
            | response::CHGHEADER
            | response::CHGFROM
            | response::ADDRCPT
            | response::ADDRCPT_PAR
            | response::DELRCPT
            | response::QUARANTINE
                if owed == CommandKind::EndOfMessage =>
            {
                self.count_edit().ok()?;
                self.conversation.note(false);
                Some(Err(Event::MalformedEdit { frame, error }))
            }
            _ => None,
        }
    }

    fn take_answer<'f>(&mut self, code: u8, answer: Answer<'f>) -> Result<Event<'f>, ReceiveError> {
        match accept(self.conversation.offer(), answer, &self.policy) {
            Ok(negotiation) => {
                self.conversation.settle(negotiation.negotiated);
                Ok(Event::Negotiated { answer })
            }
            Err(error) => {
                Err(self.fail(code, Rule::NegotiationFailed, Some(ViolationDetail::Negotiation(error))))
            }
        }
    }

    fn take_progress<'f>(&mut self) -> Result<Event<'f>, Rule> {
        if self.progress >= self.limits.progress {
            return Err(Rule::TooMuchProgress);
        }
        self.progress = self.progress.saturating_add(1);
        self.conversation.note(false);
        Ok(Event::Progress)
    }

    fn count_edit(&mut self) -> Result<(), Rule> {
        if self.edits >= self.limits.edits {
            return Err(Rule::TooManyEdits);
        }
        self.edits = self.edits.saturating_add(1);
        Ok(())
    }

    fn take_edit(&mut self, edit: &Edit<'_>) -> Result<EditStatus, Rule> {
        let is_body = matches!(edit, Edit::ReplaceBody { .. });
        if !is_body {
            self.count_edit()?;
        }
        self.conversation.note(is_body);
        let is_negotiated = self.conversation.agreed().actions.contains(edit.action());
        let rejects = is_body && !is_negotiated && self.policy.rejects_surplus_body();
        if rejects {
            self.flags.set(Flags::SPOILED, true);
        }
        Ok(if self.flags.has(Flags::IGNORES_EDITS) {
            EditStatus::Ignored
        } else if rejects {
            EditStatus::RejectsMessage
        } else if is_negotiated {
            EditStatus::Negotiated
        } else {
            EditStatus::NotNegotiated
        })
    }

    fn take_verdict<'f>(
        &mut self,
        owed: CommandKind,
        verdict: Verdict<'f>,
        deviation: Option<DecodeError>,
    ) -> Result<Event<'f>, Rule> {
        let effect = self.effect(owed, &verdict)?;
        let is_accepted = matches!(verdict, Verdict::Continue | Verdict::Accept);
        let verdict = if self.flags.has(Flags::SPOILED) && is_accepted { Verdict::Tempfail } else { verdict };
        let scope = match effect {
            Effect::NoEffect => Scope::Nothing,
            Effect::RejectRecipient if self.flags.has(Flags::REJECTED_RCPT) => Scope::Nothing,
            Effect::RejectRecipient => Scope::Recipient,
            Effect::EndMessage | Effect::RejectData => Scope::Message,
            Effect::EndConnection => Scope::Connection,
            _ => Scope::Command,
        };
        self.conversation.verdict(effect, &verdict);
        let kind = VerdictKind::from_verdict(&verdict);
        if owed == CommandKind::EndOfMessage {
            self.end_message();
        }
        if scope == Scope::Connection {
            // What Sendmail does with DISCARD to CONNECT is what ACCEPT means there.
            self.decided = Some(if kind == VerdictKind::Discard { VerdictKind::Accept } else { kind });
        } else if scope == Scope::Message && owed != CommandKind::EndOfMessage {
            self.decided = Some(kind);
        }
        Ok(Event::Verdict {
            verdict,
            scope,
            command: owed,
            closes_smtp_session: kind.closes_smtp_session(),
            deviation,
        })
    }

    /// What a verdict does, under this policy.
    fn effect(&mut self, owed: CommandKind, verdict: &Verdict<'_>) -> Result<Effect, Rule> {
        let ends_message = owed == CommandKind::EndOfMessage;
        let effect = effect(owed, verdict);
        match (effect, verdict) {
            (Effect::SkipBody, _) if self.conversation.agreed().steps.contains(Steps::SKIP) => {
                self.skipped = Some(CommandKind::Body);
                Ok(effect)
            }
            (_, Verdict::Skip) if !self.policy.accepts_skip(ends_message) => Err(Rule::SkipNotNegotiated),
            (_, Verdict::Skip) if ends_message => Ok(Effect::EndMessage),
            (_, Verdict::Skip) => {
                let in_content =
                    matches!(owed, CommandKind::Header | CommandKind::EndOfHeaders | CommandKind::Body);
                match (self.policy.parks_on_skip(), in_content) {
                    (true, true) => self.skipped = Some(CommandKind::Body),
                    (true, false) => self.flags.set(Flags::PARKED, true),
                    (false, _) => self.skipped = Some(owed),
                }
                Ok(Effect::Continue)
            }
            (_, Verdict::Shutdown) if !self.policy.accepts_shutdown() => Err(Rule::UnknownCode),
            // CONN_FAIL: the table has no other one that comes so far.
            (Effect::Invalid, _) => Err(Rule::UnknownCode),
            (Effect::NoEffect, Verdict::Discard)
                if owed == CommandKind::Connect && self.policy.stops_on_discard_to_connect() =>
            {
                Ok(Effect::EndConnection)
            }
            _ => Ok(effect),
        }
    }
}
