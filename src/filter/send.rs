//! What the filter's session sends.

use super::event::{NegotiationSent, Turn, VerdictSent};
use super::options::Options;
use super::policy::Sending;
use crate::error::{Misuse, NegotiateError};
use crate::negotiation::{Negotiated, check_answer};
use crate::order::table::Law;
use crate::order::{CommandKind, Rule};
use crate::wire::codes::response;
use crate::wire::{Edit, Offer, OutgoingFrame, Response, Verdict};
use crate::{FilterSession, Limits};

impl FilterSession {
    /// Sends a reply, an edit or PROGRESS.
    ///
    /// # Errors
    /// [`Misuse`]: nothing changed, and there is nothing to write.
    #[inline]
    pub fn send<'m>(&mut self, response: impl Into<Response<'m>>) -> Result<OutgoingFrame<'m>, Misuse> {
        let response = response.into();
        // Nearly every response is CONTINUE. That is decided where `send` is called; the rest is worth a call.
        let is_continue = matches!(response, Response::Verdict(Verdict::Continue));
        if is_continue && self.conversation.continue_plainly() {
            return Ok(OutgoingFrame::bare(response::CONTINUE));
        }
        self.send_rare(&response).map_err(|rule| self.misuse(response.code(), rule))
    }

    /// Sends anything but a plain CONTINUE.
    // The error is the rule alone. If this function returned what `send` returns, both results would share one place in
    // memory, and a CONTINUE would be written there and read back.
    #[inline(never)]
    fn send_rare<'m>(&mut self, response: &Response<'m>) -> Result<OutgoingFrame<'m>, Rule> {
        self.judge(response)?;
        let outgoing = response.encode();
        if !self.is_within(&outgoing) {
            return Err(Rule::TooLong);
        }
        match response {
            Response::Negotiate(answer) => self.conversation.settle(Negotiated::from_answer(answer)),
            Response::Verdict(verdict) => self.flags.message_ended |= self.conversation.answer(verdict),
            Response::Edit(edit) => self.conversation.note(matches!(edit, Edit::ReplaceBody { .. })),
            _ => self.conversation.note(false),
        }
        Ok(outgoing)
    }

    /// Sends a verdict, or the nearest one that may be sent to the outstanding command.
    ///
    /// This is for libraries and rule files: whoever chooses the verdict may not know what the MTA agreed to, but the MTA has
    /// to get a reply. A verdict that may not be sent is replaced as follows, and [`VerdictSent::misuse`] says why:
    ///
    /// * If the filter promised not to reply to the command: by CONTINUE.
    /// * SKIP that was not negotiated, or in reply to anything but BODY: by CONTINUE. So is ACCEPT to UNKNOWN.
    /// * DISCARD to CONNECT, HELO or UNKNOWN, SHUTDOWN and CONN_FAIL: by TEMPFAIL, so that no message passes.
    /// * A reply that is too long: by REJECT or TEMPFAIL, as its code says.
    ///
    /// # Errors
    /// [`Misuse`]: no reply is outstanding, or that to OPTNEG. Nothing changed, and there is nothing to write.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::FilterSession;
    /// use milter_proto::filter::Options;
    /// use milter_proto::wire::{Frame, Verdict};
    ///
    /// let mut session = FilterSession::new();
    /// session.receive(Frame::new(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"))?;
    /// let _ = session.negotiate(&Options::all_commands())?; // without SKIP
    /// # for (code, payload) in [(b'M', &b"<>\0"[..]), (b'R', b"<a@b>\0"), (b'T', b""), (b'N', b"")] {
    /// #     session.receive(Frame::new(code, payload))?;
    /// #     let _ = session.send(Verdict::Continue)?;
    /// # }
    /// session.receive(Frame::new(b'B', b"a line\r\n"))?;
    /// let sent = session.send_nearest(Verdict::Skip)?;
    /// assert_eq!(sent.verdict, Verdict::Continue);
    /// println!("SKIP was replaced: {}", sent.misuse.unwrap());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_nearest<'v>(&mut self, verdict: impl Into<Verdict<'v>>) -> Result<VerdictSent<'v>, Misuse> {
        let verdict = verdict.into();
        let misuse = match self.send(verdict) {
            Ok(frame) => return Ok(VerdictSent { frame, verdict, misuse: None }),
            Err(misuse) => misuse,
        };
        let nearest = match verdict {
            _ if verdict.lets_pass() => Verdict::Continue,
            Verdict::Reply(reply) if reply.code().class() == 5 => Verdict::Reject,
            _ => Verdict::Tempfail,
        };
        // Where the filter promised not to reply, only CONTINUE is left.
        for verdict in [nearest, Verdict::Continue] {
            if let Ok(frame) = self.send(verdict) {
                return Ok(VerdictSent { frame, verdict, misuse: Some(misuse) });
            }
        }
        Err(misuse)
    }

    /// Sends nothing where a reply is outstanding: the MTA waits for it until its timeout.
    ///
    /// In libmilter a callback that returns `SMFIS_NOREPLY` without a negotiated no-reply step has this effect. Only
    /// [`Sending::Libmilter`](super::Sending::Libmilter) allows it, for bug-compatible bindings.
    ///
    /// # Errors
    /// [`Misuse`]: no reply is outstanding, the answer to OPTNEG is outstanding, or the policy does not allow it.
    ///
    /// # Source
    /// `sendreply` in libmilter/engine.c.
    #[doc(alias = "SMFIS_NOREPLY")]
    pub fn withhold(&mut self) -> Result<(), Misuse> {
        let (code, broken) = match self.turn() {
            Turn::Reply(kind @ CommandKind::Negotiate) => (kind.code(), Some(Rule::Negotiation)),
            Turn::Reply(kind) => {
                (kind.code(), (!self.policy.sends(Rule::ReplyOwed)).then_some(Rule::ReplyOwed))
            }
            Turn::Receive => (response::CONTINUE, Some(Rule::NotOwed)),
            Turn::Closed => (response::CONTINUE, Some(Rule::Closed)),
        };
        if let Some(rule) = broken {
            return Err(self.misuse(code, rule));
        }
        self.flags.message_ended |= self.conversation.answer(&Verdict::Continue);
        Ok(())
    }

    /// Answers OPTNEG with these options, and returns the frame and the outcome of every bit.
    ///
    /// Under [`Receiving::Robust`](super::Receiving::Robust) a command that cannot be declined with this MTA is emulated: it
    /// is an event like any other, and only CONTINUE may be sent for it.
    ///
    /// # Errors
    /// [`NegotiateError::Misuse`] if no answer is outstanding; [`NegotiateError::Failed`] if the offer cannot be
    /// agreed to: close the connection, as libmilter does.
    #[doc(alias = "xxfi_negotiate")]
    pub fn negotiate<'o>(&mut self, options: &Options<'o>) -> Result<NegotiationSent<'o>, NegotiateError> {
        if self.turn() != Turn::Reply(CommandKind::Negotiate) {
            return Err(self.misuse(CommandKind::Negotiate.code(), Rule::Negotiation).into());
        }
        let negotiation = match self.conversation.law() {
            Law::Robust => options.answer_robustly(self.offer())?,
            Law::Strict | Law::Libmilter => options.answer(self.offer())?,
        };
        let frame = self.send(negotiation.answer)?;
        self.conversation.settle(negotiation.negotiated);
        Ok(NegotiationSent { frame, negotiation })
    }

    /// Tests whether [`send`](Self::send) would accept a response, without sending it.
    ///
    /// # Errors
    /// The [`Misuse`] that `send` would return.
    pub fn check(&self, response: &Response<'_>) -> Result<(), Misuse> {
        let size = if self.is_within(&response.encode()) { Ok(()) } else { Err(Rule::TooLong) };
        self.judge(response).and(size).map_err(|rule| self.misuse(response.code(), rule))
    }

    /// Whether a response may be sent now, whatever its size.
    #[inline]
    fn judge(&self, response: &Response<'_>) -> Result<(), Rule> {
        match self.turn() {
            Turn::Reply(_) => {}
            Turn::Receive => return Err(Rule::NotOwed),
            Turn::Closed => return Err(Rule::Closed),
        }
        self.conversation.judge(response, |rule| self.policy.sends(rule))?;
        match response {
            Response::Negotiate(answer) => {
                check_answer(&self.offer(), answer, false).map_err(|_| Rule::NegotiationFailed)
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn is_within(&self, outgoing: &OutgoingFrame<'_>) -> bool {
        let negotiated = self.conversation.max_payload();
        // Like libmilter, which obeys `smfi_setmaxdatasize` alone.
        let is_raised = self.policy.sending() == Sending::Libmilter && self.max_send < u32::MAX;
        let limit = if is_raised { self.max_send } else { self.max_send.min(negotiated) };
        outgoing.is_within(Limits::DEFAULT.with_max_send_payload(limit))
    }

    /// The offer to answer.
    fn offer(&self) -> Offer {
        self.conversation.offer().with_v1_defaults()
    }
}
