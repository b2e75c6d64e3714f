//! The filter's session.

use super::event::{Ending, Event, Flags, NegotiationSent, Turn};
use super::options::Options;
use super::policy::Policy;
use crate::Limits;
use crate::error::{Misuse, NegotiateError, ReceiveError, Violation, ViolationDetail};
use crate::negotiation::{Negotiated, check_answer};
use crate::order::state::{Conversation, Passage};
use crate::order::table::Law;
use crate::order::{CommandKind, Rule, Stage, rules};
use crate::timeouts::Wait;
use crate::wire::codes::response;
use crate::wire::{
    Actions, Assembler, Buffer, Command, DecodeError, Edit, Frame, Offer, OutgoingFrame, Response, Steps,
    Verdict,
};

/// The filter's side of one connection: receives commands, sends replies, and keeps the order.
///
/// # Memory
/// At most 64 bytes and no heap memory, whatever the peer sends.
///
/// # Examples
/// ```
/// use milter_proto::FilterSession;
/// use milter_proto::filter::{Options, Turn};
/// use milter_proto::order::CommandKind;
/// use milter_proto::wire::{Actions, Assembler, Edit, Verdict};
///
/// let options = Options::new([CommandKind::MailFrom]).require(Actions::ADD_HEADERS);
/// let mut session = FilterSession::new();
/// let mut assembler = Assembler::new(Vec::new());
/// let mut out = Vec::new();
///
/// let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x07M<a@b>\0";
/// while let Some(event) = session.next_event(&mut assembler, &mut input)? {
///     println!("{:?}", event.command);
///     match session.turn() {
///         Turn::Reply(CommandKind::Negotiate) => session.negotiate(&options)?.frame.append_to(&mut out),
///         Turn::Reply(CommandKind::EndOfMessage) => {
///             session.send(Edit::add_header("X-Seen", "yes")?)?.append_to(&mut out);
///             session.send(Verdict::Continue)?.append_to(&mut out);
///         }
///         Turn::Reply(_) => session.send(Verdict::Continue)?.append_to(&mut out),
///         _ => {}
///     }
/// }
/// assert_eq!(out, b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x01\0\0\x03\x7b\0\0\0\x01c");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "SMFICTX")]
pub struct FilterSession {
    conversation: Conversation,
    policy: Policy,
    max_send: u32,
    flags: Bits,
    broken: Option<ReceiveError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Bits {
    /// A BODYEOB came with bytes, and was given out as a chunk: its end is still to be given out.
    end_follows: bool,
    /// Whether that BODYEOB came in order.
    end_in_order: bool,
    /// A message ended since the last event.
    message_ended: bool,
    has_quit: bool,
    /// The stage that was left when the connection closed.
    last_stage: Stage,
}

impl FilterSession {
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

    /// Starts a connection with another limit on what is sent.
    #[must_use]
    pub const fn with_limits(policy: Policy, limits: Limits) -> Self {
        Self {
            conversation: Conversation::new(policy.law()),
            // The rules of order judge some of what is read.
            policy: policy.with_tolerance(policy.reads()),
            max_send: limits.session_send(),
            flags: Bits {
                end_follows: false,
                end_in_order: true,
                message_ended: false,
                has_quit: false,
                last_stage: Stage::Start,
            },
            broken: None,
        }
    }

    /// Returns the same session with steps that apply before OPTNEG.
    ///
    /// libmilter treats commands without a callback as declined, even if the MTA never sends OPTNEG. Only bug-compatible
    /// filters need this.
    ///
    /// # Source
    /// `fix_stm` in libmilter/engine.c. SPEC_NOTES ORD-39.
    #[must_use]
    pub const fn with_initial_steps(self, steps: Steps) -> Self {
        Self { conversation: self.conversation.with_initial_steps(steps), ..self }
    }

    /// Takes the next command from the front of `input`.
    ///
    /// `Ok(None)` means that `input` is empty: read more, or close if [`turn`](Self::turn) is [`Turn::Closed`].
    /// Anything after QUIT is ignored. The event borrows from `assembler` or from `input`, never from the session,
    /// so you can answer it while you still use it.
    ///
    /// # Errors
    /// [`ReceiveError::ReplyOwed`] if a reply is outstanding; nothing was taken from `input`. After any other error the
    /// connection is broken, and every later call returns the same error. Flush the output before handling the error:
    /// earlier frames of the same read may already have been answered.
    #[inline]
    pub fn next_event<'s, 'i: 's, B: Buffer>(
        &mut self,
        assembler: &'s mut Assembler<B>,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'s>>, ReceiveError> {
        if !self.is_reading() {
            return self.next_without_reading(input);
        }
        match assembler.next_frame(input) {
            Ok(Some(frame)) => self.take(frame),
            Ok(None) => Ok(None),
            Err(error) => Err(self.break_off(ReceiveError::of_stream(error))),
        }
    }

    /// Whether [`next_event`](Self::next_event) would return an event or an error for this `input`.
    ///
    /// `false` means that more has to be read, or that the connection is over: see [`turn`](Self::turn). `input` is empty
    /// then, and the first part of a frame is in the assembler. Give `next_event` the same `input`, as it was left here. The
    /// result borrows nothing, so a function that reads in a loop can return the event after the loop:
    ///
    /// ```
    /// use std::io::{self, Read};
    ///
    /// use milter_proto::FilterSession;
    /// use milter_proto::filter::{Event, Turn};
    /// use milter_proto::wire::Assembler;
    ///
    /// struct Connection<S> {
    ///     session: FilterSession,
    ///     assembler: Assembler<Vec<u8>>,
    ///     stream: S,
    ///     buffer: Vec<u8>,
    ///     /// The part of `buffer` that the session has not used yet.
    ///     unread: std::ops::Range<usize>,
    /// }
    ///
    /// impl<S: Read> Connection<S> {
    ///     fn next(&mut self) -> io::Result<Option<Event<'_>>> {
    ///         loop {
    ///             let mut input = &self.buffer[self.unread.clone()];
    ///             let has_event = self.session.has_event(&mut self.assembler, &mut input);
    ///             self.unread.start = self.unread.end - input.len();
    ///             if has_event {
    ///                 break;
    ///             }
    ///             // After QUIT a peer may send anything, without end.
    ///             if self.session.turn() == Turn::Closed {
    ///                 return Ok(None);
    ///             }
    ///             self.unread = 0..self.stream.read(&mut self.buffer)?;
    ///             if self.unread.is_empty() {
    ///                 return Ok(None);
    ///             }
    ///         }
    ///         let mut input = &self.buffer[self.unread.clone()];
    ///         let event = self.session.next_event(&mut self.assembler, &mut input).map_err(io::Error::other)?;
    ///         self.unread.start = self.unread.end - input.len();
    ///         Ok(event)
    ///     }
    /// }
    /// # let session = FilterSession::new();
    /// # let stream = b"\0\0\0\x01Q".chain(io::repeat(0));
    /// # let (assembler, buffer, unread) = (Assembler::new(Vec::new()), vec![0; 64], 0..0);
    /// # let mut connection = Connection { session, assembler, stream, buffer, unread };
    /// # assert!(connection.next()?.is_some());
    /// # assert!(connection.next()?.is_none());
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn has_event<B: Buffer>(&self, assembler: &mut Assembler<B>, input: &mut &[u8]) -> bool {
        if self.flags.end_follows {
            return true;
        }
        if self.turn() == Turn::Receive {
            // An error of the stream is for `next_event` to return.
            return assembler.fill(input).unwrap_or(true);
        }
        if self.flags.has_quit {
            *input = &[];
        }
        !self.flags.has_quit
    }

    /// Takes a frame that the caller has cut from the stream.
    ///
    /// After the event of a body chunk, ask [`rest_of_frame`](Self::rest_of_frame) for a second event of the same frame.
    ///
    /// # Errors
    /// The errors of [`next_event`](Self::next_event), and [`ReceiveError::RestOfFrame`] if that second event was not taken.
    pub fn receive<'f>(&mut self, frame: Frame<'f>) -> Result<Event<'f>, ReceiveError> {
        if self.flags.end_follows {
            return Err(ReceiveError::RestOfFrame);
        }
        self.ready()?;
        self.take(frame)
    }

    /// Whether the next thing to do is to read a frame.
    #[inline]
    fn is_reading(&self) -> bool {
        self.conversation.owed.is_none() && self.conversation.stage() != Stage::Closed
    }

    /// The next event that needs no more input.
    #[cold]
    #[inline(never)]
    fn next_without_reading(&mut self, input: &mut &[u8]) -> Result<Option<Event<'static>>, ReceiveError> {
        if let Some(end) = self.rest_of_frame() {
            return Ok(Some(end));
        }
        if !self.flags.has_quit {
            return Err(self.not_ready());
        }
        // As libmilter does: SPEC_NOTES END-4.
        *input = &[];
        Ok(None)
    }

    /// Takes a frame, and returns what its callers return, so that they need not move the event.
    ///
    /// Nearly every frame is a command in order that changes only the stage. Everything else is left to
    /// [`take_rare`](Self::take_rare), out of the way of the optimiser.
    #[inline]
    fn take<'f, E: From<Event<'f>>>(&mut self, frame: Frame<'f>) -> Result<E, ReceiveError> {
        let mut event = Event::new(Command::Quit);
        match event.command.read(frame, self.policy.tolerance()) {
            Ok(deviation) => event.deviation = deviation,
            Err(error) => return self.take_unreadable(frame, error).map(E::from),
        }
        let kind = CommandKind::from_code(frame.code());
        let is_plain = self.conversation.law() == Law::Robust
            && !self.flags.message_ended
            && match event.command {
                Command::Macros(macros) => self.conversation.is_plain(macros.stage()),
                _ => kind.is_some_and(|kind| self.conversation.accept_plain(kind)),
            };
        if is_plain {
            return Ok(event.into());
        }
        match kind {
            Some(kind) => self.take_rare(kind, event).map(E::from),
            None => Err(self.fail(frame.code(), Rule::UnknownCode, None)),
        }
    }

    /// Takes a command that has more to it than its stage, or may be refused.
    #[inline(never)]
    fn take_rare<'f>(&mut self, kind: CommandKind, event: Event<'f>) -> Result<Event<'f>, ReceiveError> {
        let mut event = event;
        if let Some(rule) = self.objection(kind, &event.command) {
            return Err(self.fail(kind.code(), rule, None));
        }
        let passage = match event.command {
            Command::Macros(macros) => {
                self.flags.message_ended |= self.conversation.begins_transaction(macros.stage());
                self.conversation.macros(macros.stage())
            }
            _ => self.conversation.command(kind),
        };
        match passage {
            Ok(passage) => self.mark(&mut event, passage),
            Err(rule) => return Err(self.fail(kind.code(), rule, None)),
        }
        if !event.is_ignored() {
            self.take_special(&mut event);
        }
        if core::mem::take(&mut self.flags.message_ended) {
            event.flags = event.flags.with(Flags::MESSAGE_ENDED);
        }
        Ok(event)
    }

    /// Remembers what a command changes besides the stage.
    fn take_special(&mut self, event: &mut Event<'_>) {
        match event.command {
            Command::Negotiate(offer) => self.conversation.note_offer(offer),
            Command::Quit => self.flags.has_quit = true,
            Command::EndOfMessage { chunk: chunk @ [_, ..] } => {
                let is_unwanted =
                    self.conversation.is_body_skipped() || self.conversation.has_declined(CommandKind::Body);
                if is_unwanted {
                    event.command = Command::EndOfMessage { chunk: &[] };
                } else {
                    self.flags.end_follows = true;
                    self.flags.end_in_order = event.in_order;
                    event.command = Command::Body { chunk };
                    event.flags = event.flags.with(Flags::LAST_CHUNK);
                }
            }
            _ => {}
        }
    }

    /// Puts down on an event how the command was accepted.
    #[inline]
    fn mark(&self, event: &mut Event<'_>, passage: Passage) {
        event.in_order = passage.in_order;
        event.aborts_message = passage.aborts_message;
        if !passage.in_order && self.conversation.law() == Law::Libmilter {
            event.flags = event.flags.with(Flags::IGNORED);
        }
        if passage.aborts_message {
            event.flags = event.flags.with(Flags::MESSAGE_ENDED);
        }
    }

    /// Takes a command whose payload cannot be read: an engine that ignores it never looks at the payload.
    #[cold]
    #[inline(never)]
    fn take_unreadable<'f>(
        &mut self,
        frame: Frame<'f>,
        error: DecodeError,
    ) -> Result<Event<'f>, ReceiveError> {
        let code = frame.code();
        let ignored = CommandKind::from_code(code).filter(|&kind| self.ignores(kind));
        match ignored.map(|kind| self.conversation.command(kind)) {
            Some(Ok(passage)) => {
                let mut event = Event { deviation: Some(error), ..Event::new(Command::Other(frame)) };
                self.mark(&mut event, passage);
                Ok(event)
            }
            _ => Err(self.fail(code, Rule::MalformedPayload, Some(ViolationDetail::Payload(error)))),
        }
    }

    /// What the policy has against the content of a command.
    fn objection(&self, kind: CommandKind, command: &Command<'_>) -> Option<Rule> {
        rules::command(command).filter(|&rule| self.policy.refuses_content(rule) && !self.ignores(kind))
    }

    /// Whether libmilter's engine would ignore a command.
    fn ignores(&self, kind: CommandKind) -> bool {
        self.conversation.law() == Law::Libmilter
            && self.conversation.passage(kind).is_ok_and(|passage| !passage.in_order)
    }

    /// Returns the end of the message, if it came in the same frame as the body chunk of the last event.
    #[inline]
    pub fn rest_of_frame(&mut self) -> Option<Event<'static>> {
        if !self.flags.end_follows {
            return None;
        }
        self.flags.end_follows = false;
        let end = Event::new(Command::EndOfMessage { chunk: &[] });
        Some(Event { in_order: self.flags.end_in_order, ..end })
    }

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
        self.send_rare(response)
    }

    #[inline(never)]
    fn send_rare<'m>(&mut self, response: Response<'m>) -> Result<OutgoingFrame<'m>, Misuse> {
        if let Err(rule) = self.judge(&response) {
            return Err(self.misuse(response.code(), rule));
        }
        let outgoing = response.encode();
        if !self.is_within(&outgoing) {
            return Err(self.misuse(response.code(), Rule::TooLong));
        }
        match &response {
            Response::Negotiate(answer) => self.conversation.settle(Negotiated::from_answer(answer)),
            Response::Verdict(verdict) => self.flags.message_ended |= self.conversation.answer(verdict),
            Response::Edit(edit) => self.conversation.note(matches!(edit, Edit::ReplaceBody { .. })),
            _ => self.conversation.note(false),
        }
        Ok(outgoing)
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
        let limit = self.max_send.min(self.conversation.max_payload());
        outgoing.is_within(Limits::DEFAULT.with_max_send_payload(limit))
    }

    /// Ends the session, and returns what was unfinished. Call it once, however the connection ended.
    ///
    /// `pending` is [`Assembler::pending`]. A second call reports that nothing was in progress.
    #[doc(alias = "xxfi_close")]
    pub fn disconnect(&mut self, pending: usize) -> Ending {
        self.close();
        let owed = self.conversation.owed.take();
        let stage = core::mem::replace(&mut self.flags.last_stage, Stage::Closed);
        Ending {
            clean: self.flags.has_quit,
            in_message: stage.is_in_message() || owed == Some(CommandKind::EndOfMessage),
            in_frame: pending > 0,
            owed,
        }
    }

    /// Returns whose turn it is.
    #[must_use]
    #[inline]
    pub fn turn(&self) -> Turn {
        match self.conversation.owed {
            Some(_) if self.flags.end_follows => Turn::Receive,
            // Nothing is owed on a connection that is closed.
            Some(owed) => Turn::Reply(owed),
            None if self.conversation.stage() == Stage::Closed => Turn::Closed,
            None => Turn::Receive,
        }
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

    /// Whether edits that need these actions may be sent now: the end of the message is being answered, and the actions
    /// were negotiated.
    #[must_use]
    pub fn may_edit(&self, actions: Actions) -> bool {
        self.turn() == Turn::Reply(CommandKind::EndOfMessage)
            && self.conversation.agreed().actions.contains(actions)
    }

    /// The class of the current wait: [`Wait::Command`], or `None` while the filter has to send.
    #[must_use]
    pub fn wait(&self) -> Option<Wait> {
        (self.turn() == Turn::Receive).then_some(Wait::Command)
    }

    #[inline]
    fn ready(&self) -> Result<(), ReceiveError> {
        if self.turn() == Turn::Receive { Ok(()) } else { Err(self.not_ready()) }
    }

    #[cold]
    #[inline(never)]
    fn not_ready(&self) -> ReceiveError {
        match self.turn() {
            Turn::Reply(owed) => ReceiveError::ReplyOwed(owed),
            Turn::Receive | Turn::Closed => self.broken.unwrap_or(ReceiveError::Closed),
        }
    }

    /// The offer to answer.
    fn offer(&self) -> Offer {
        self.conversation.offer().with_v1_defaults()
    }

    #[cold]
    #[inline(never)]
    fn misuse(&self, code: u8, rule: Rule) -> Misuse {
        Misuse { rule, context: self.conversation.context(code) }
    }

    #[cold]
    #[inline(never)]
    fn fail(&mut self, code: u8, rule: Rule, detail: Option<ViolationDetail>) -> ReceiveError {
        let violation = Violation { rule, context: self.conversation.context(code), detail };
        self.break_off(violation.into())
    }

    /// Ends the session with an error, which every later call returns.
    #[cold]
    #[inline(never)]
    fn break_off(&mut self, error: ReceiveError) -> ReceiveError {
        self.broken = Some(error);
        self.close();
        error
    }

    fn close(&mut self) {
        let stage = self.conversation.close();
        if stage != Stage::Closed {
            self.flags.last_stage = stage;
        }
        self.flags.end_follows = false;
    }
}

impl Default for FilterSession {
    fn default() -> Self {
        Self::new()
    }
}
