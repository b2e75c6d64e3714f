//! The filter's side.

use super::conversation::{Conversation, Effect, Passage, effect};
use super::error::{Detail, Misuse, ReceiveError, Rule, Violation};
use super::negotiation::{Agreed, Decision, Refusal, Wishes, answer};
use super::policy::Policy;
use super::stage::{CommandKind, Stage};
use super::timing::Wait;
use crate::Limits;
use crate::wire::{
    Actions, Answer, Assembler, Command, DecodeError, Edit, Frame, Offer, Outgoing, Response, Steps, Storage,
    Verdict, Version,
};

/// The filter's side of one connection: commands in, replies out, both in their order.
///
/// # Memory
/// 64 bytes at most, and nothing beside them, whatever the peer sends.
///
/// # Examples
/// ```
/// use milter_proto::session::{CommandKind, FilterSession, FilterTurn, Policy, Wishes};
/// use milter_proto::wire::{Actions, Assembler, Edit, Text, Verdict};
///
/// let wishes = Wishes::new([CommandKind::MailFrom]).may(Actions::ADD_HEADERS);
/// let mut session = FilterSession::new(Policy::LIBMILTER);
/// let mut assembler = Assembler::new(Vec::new());
/// let mut out = Vec::new();
///
/// let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x07M<a@b>\0";
/// while let Some(event) = session.next_event(&mut assembler, &mut input)? {
///     println!("{:?}", event.command);
///     match session.turn() {
///         FilterTurn::Reply(CommandKind::Negotiate) => session.negotiate(&wishes)??.1.append_to(&mut out),
///         FilterTurn::Reply(CommandKind::EndOfMessage) => {
///             let (name, value) = (Text::new(b"X-Seen")?, Text::new(b"yes")?);
///             session.send(Edit::AddHeader { name, value })?.append_to(&mut out);
///             session.send(Verdict::Continue)?.append_to(&mut out);
///         }
///         FilterTurn::Reply(_) => session.send(Verdict::Continue)?.append_to(&mut out),
///         _ => {}
///     }
/// }
/// assert_eq!(out, b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x01\0\0\x03\x7b\0\0\0\x01c");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FilterSession {
    conversation: Conversation,
    policy: Policy,
    send_limit: u32,
    /// A BODYEOB came with bytes, and was given out as a chunk: its end is still to be given out.
    end_follows: bool,
    broken: Option<Violation>,
}

/// Whose turn it is, seen from the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FilterTurn {
    /// The MTA's: read.
    Receive,
    /// Ours: a verdict on this command is owed, or the answer to OPTNEG.
    Reply(CommandKind),
    /// Nobody's: close the connection.
    Closed,
}

/// A command from the MTA, and how it passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Event<'f> {
    /// The command. One that is ignored, and whose payload cannot be read, is [`Command::Other`].
    pub command: Command<'f>,
    /// Whether it came in order. Under [`Policy::STRICT`] it did; HELO and QUIT can end a message.
    pub passage: Passage,
    /// How the payload departs from the clean form.
    pub deviation: Option<DecodeError>,
}

/// How a connection ended for the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Ending {
    /// A message was in progress: do what ABORT asks for.
    pub in_message: bool,
    /// The stream ended inside a frame.
    pub in_frame: bool,
    /// The MTA left without waiting for this reply.
    pub owed: Option<CommandKind>,
    /// The MTA said QUIT.
    pub said_quit: bool,
}

impl FilterSession {
    /// Starts a connection.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self::with_limits(policy, Limits::DEFAULT)
    }

    /// Starts a connection with another bound on what is sent. A larger data size raises it by itself.
    #[must_use]
    pub const fn with_limits(policy: Policy, limits: Limits) -> Self {
        Self {
            conversation: Conversation::new(policy.law()),
            policy,
            send_limit: limits.send(),
            end_follows: false,
            broken: None,
        }
    }

    /// Takes the next command from the front of `input`: bytes in, events out.
    ///
    /// `Ok(None)` means that `input` is empty: read more, or close if that is whose
    /// [`turn`](Self::turn) it is. What comes behind QUIT is read over. The event borrows from `assembler`
    /// or from `input`, never from the session, so that it can be answered while it lives.
    ///
    /// # Errors
    /// [`ReceiveError::ReplyOwed`] before anything is taken from `input`; otherwise the connection is
    /// broken, and every later call says the same.
    #[inline]
    pub fn next_event<'s, 'i: 's, S: Storage>(
        &mut self,
        assembler: &'s mut Assembler<S>,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'s>>, ReceiveError> {
        if let Some(event) = self.rest_of_frame() {
            return Ok(Some(event));
        }
        if self.has_quit() {
            // As libmilter does: SPEC_NOTES END-4.
            *input = &[];
            return Ok(None);
        }
        self.ready()?;
        match assembler.next_frame(input) {
            Ok(Some(frame)) => self.take(frame),
            Ok(None) => Ok(None),
            Err(error) => Err(ReceiveError::of_stream(error)),
        }
    }

    /// Takes a frame.
    ///
    /// After the event of a chunk, [`rest_of_frame`](Self::rest_of_frame) may have another one.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event).
    pub fn receive<'f>(&mut self, frame: Frame<'f>) -> Result<Event<'f>, ReceiveError> {
        self.ready()?;
        self.take(frame)
    }

    /// Takes a frame, and returns what its callers return, so that they need not move the event.
    #[inline]
    fn take<'f, E: From<Event<'f>>>(&mut self, frame: Frame<'f>) -> Result<E, ReceiveError> {
        let code = frame.code();
        let kind = CommandKind::of_code(code);
        let mut event = Event { command: Command::Quit, passage: Passage::InOrder, deviation: None };
        match event.command.read(frame, self.policy.tolerance()) {
            Ok(deviation) => event.deviation = deviation,
            Err(error) => {
                let passage = self.pass_unread(frame.code(), error)?;
                (event.command, event.deviation) = (Command::Other(frame), Some(error));
                event.passage = passage;
                return Ok(event.into());
            }
        }
        let Some(kind) = kind else {
            return Err(self.fail(code, Rule::Code, None));
        };
        if let Some(rule) = self.objection(kind) {
            return Err(self.fail(code, rule, None));
        }
        event.passage = match self.conversation.command(kind) {
            Ok(passage) => passage,
            Err(rule) => return Err(self.fail(code, rule, None)),
        };
        if matches!(kind, CommandKind::Negotiate | CommandKind::EndOfMessage) && event.passage.is_taken() {
            match event.command {
                Command::Negotiate(offer) => self.conversation.note_offer(offer),
                Command::EndOfMessage { chunk: chunk @ [_, ..] } => {
                    self.end_follows = true;
                    event.command = Command::Body { chunk };
                }
                _ => {}
            }
        }
        Ok(event.into())
    }

    /// Takes a command whose payload cannot be read: an engine that ignores it never looks at that.
    #[cold]
    #[inline(never)]
    fn pass_unread(&mut self, code: u8, error: DecodeError) -> Result<Passage, ReceiveError> {
        let is_ignored = |kind| self.conversation.passage(kind).is_ok_and(|passage| !passage.is_taken());
        let ignored = CommandKind::of_code(code).filter(|&kind| is_ignored(kind));
        match ignored.map(|kind| self.conversation.command(kind)) {
            Some(Ok(passage)) => Ok(passage),
            _ => Err(self.fail(code, Rule::Payload, Some(Detail::Payload(error)))),
        }
    }

    /// The end of the message, if it came in one frame with the chunk that was given out before.
    #[inline]
    pub fn rest_of_frame(&mut self) -> Option<Event<'static>> {
        if !self.end_follows {
            return None;
        }
        self.end_follows = false;
        let command = Command::EndOfMessage { chunk: &[] };
        Some(Event { command, passage: Passage::InOrder, deviation: None })
    }

    /// Says something to the MTA.
    ///
    /// # Errors
    /// [`Misuse`]: nothing changed, and nothing is to be written.
    pub fn send<'m>(&mut self, response: impl Into<Response<'m>>) -> Result<Outgoing<'m>, Misuse> {
        let response = response.into();
        if let Err(rule) = self.judge(&response) {
            return Err(self.misuse(response.code(), rule));
        }
        let outgoing = response.encode();
        if !self.is_within(&outgoing) {
            return Err(self.misuse(response.code(), Rule::TooLong));
        }
        match &response {
            Response::Negotiate(answer) => self.conversation.negotiated(Agreed::of(answer)),
            Response::Verdict(verdict) => self.conversation.answer(verdict),
            _ => {}
        }
        Ok(outgoing)
    }

    /// Answers OPTNEG with what comes of these wishes, and says what became of every bit.
    ///
    /// # Errors
    /// [`Misuse`] if no answer is owed. Inside, [`Refusal`]: close the connection, as libmilter does.
    pub fn negotiate<'w>(
        &mut self,
        wishes: &Wishes<'w>,
    ) -> Result<Result<(Decision<'w>, Outgoing<'w>), Refusal>, Misuse> {
        let code = CommandKind::Negotiate.code();
        if self.turn() != FilterTurn::Reply(CommandKind::Negotiate) {
            return Err(self.misuse(code, Rule::Negotiation));
        }
        let decision = match answer(self.offer(), wishes) {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let outgoing = self.send(decision.answer)?;
        self.conversation.negotiated(decision.agreed);
        Ok(Ok((decision, outgoing)))
    }

    /// Whether [`send`](Self::send) would send it: the same test, without the effect.
    ///
    /// # Errors
    /// [`Misuse`], as `send`.
    pub fn check(&self, response: &Response<'_>) -> Result<(), Misuse> {
        let size = if self.is_within(&response.encode()) { Ok(()) } else { Err(Rule::TooLong) };
        self.judge(response).and(size).map_err(|rule| self.misuse(response.code(), rule))
    }

    /// Whether a response may come now, whatever its size.
    #[inline]
    fn judge(&self, response: &Response<'_>) -> Result<(), Rule> {
        let owed = match self.turn() {
            FilterTurn::Reply(owed) => Some(owed),
            FilterTurn::Receive => None,
            FilterTurn::Closed => return Err(Rule::Closed),
        };
        match response {
            Response::Negotiate(answer) => self.judge_answer(answer),
            _ if owed == Some(CommandKind::Negotiate) => Err(Rule::Negotiation),
            Response::Verdict(verdict) => self.judge_verdict(owed.ok_or(Rule::NotOwed)?, verdict),
            Response::Edit(edit) => self.judge_edit(edit),
            Response::Progress => match owed {
                None => Err(Rule::NotOwed),
                Some(CommandKind::EndOfMessage) => Ok(()),
                Some(_) if self.policy.takes_progress_anywhere() => Ok(()),
                Some(_) => Err(Rule::Progress),
            },
            Response::MacroList { .. } | Response::Other(_) => Err(Rule::Code),
        }
    }

    #[inline]
    fn is_within(&self, outgoing: &Outgoing<'_>) -> bool {
        let limit = self.send_limit.max(self.conversation.agreed.data_size().bytes());
        outgoing.is_within(Limits::DEFAULT.with_send(limit))
    }

    fn judge_answer(&self, answer: &Answer<'_>) -> Result<(), Rule> {
        if self.conversation.owed != Some(CommandKind::Negotiate) {
            return Err(Rule::Negotiation);
        }
        let offer = self.offer();
        let version = Version::V2..=offer.version.min(Version::CURRENT);
        let is_offered = offer.actions.contains(answer.actions) && offer.steps.contains(answer.steps);
        if version.contains(&answer.version) && is_offered { Ok(()) } else { Err(Rule::Refused) }
    }

    #[inline]
    fn judge_verdict(&self, owed: CommandKind, verdict: &Verdict<'_>) -> Result<(), Rule> {
        let emulated = self.conversation.agreed.emulated;
        if !emulated.is_empty()
            && owed.no_reply().is_some_and(|bit| emulated.contains(bit))
            && *verdict != Verdict::Continue
        {
            return Err(Rule::Emulated);
        }
        if matches!(verdict, Verdict::Shutdown | Verdict::ConnectionFail) {
            return Err(Rule::NoAnswer);
        }
        if self.policy.sends_anything() {
            return Ok(());
        }
        match effect(owed, verdict) {
            Effect::Skips if !self.conversation.agreed.steps.contains(Steps::SKIP) => Err(Rule::Skip),
            // The other verdicts that are no answer were refused above.
            Effect::IsNoAnswer => Err(Rule::Skip),
            Effect::MeansNothing => Err(Rule::MeansNothing),
            _ => Ok(()),
        }
    }

    fn judge_edit(&self, edit: &Edit<'_>) -> Result<(), Rule> {
        if self.conversation.owed != Some(CommandKind::EndOfMessage) {
            return Err(Rule::EditTooEarly);
        }
        if !self.conversation.agreed.actions.contains(edit.action()) {
            return Err(Rule::EditNotAgreed);
        }
        if edit.has_empty_key() { Err(Rule::EmptyKey) } else { Ok(()) }
    }

    /// Ends the session: at the end of the stream, on an I/O error, on a timeout.
    ///
    /// `pending` is [`Assembler::pending`].
    pub fn disconnect(&mut self, pending: usize) -> Ending {
        let stage = self.conversation.stage();
        self.conversation.enter(Stage::Closed);
        let stage = self.broken.map_or(stage, |violation| violation.place.stage);
        Ending {
            in_message: stage.is_in_message() || self.conversation.owed == Some(CommandKind::EndOfMessage),
            in_frame: pending > 0,
            owed: self.conversation.owed.take(),
            said_quit: stage == Stage::Closed,
        }
    }

    /// Whose turn it is.
    #[must_use]
    #[inline]
    pub fn turn(&self) -> FilterTurn {
        match self.conversation.owed {
            _ if self.conversation.stage() == Stage::Closed => FilterTurn::Closed,
            _ if self.end_follows => FilterTurn::Receive,
            Some(owed) => FilterTurn::Reply(owed),
            None => FilterTurn::Receive,
        }
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

    /// Whether edits that need these actions could be sent now.
    #[must_use]
    pub fn may_edit(&self, actions: Actions) -> bool {
        self.turn() == FilterTurn::Reply(CommandKind::EndOfMessage)
            && self.conversation.agreed.actions.contains(actions)
    }

    /// The class of the wait that is running, if one is: for the next command.
    #[must_use]
    pub fn wait(&self) -> Option<Wait> {
        (self.turn() == FilterTurn::Receive).then_some(Wait::Command)
    }

    fn has_quit(&self) -> bool {
        self.conversation.stage() == Stage::Closed && self.broken.is_none()
    }

    #[inline]
    fn ready(&self) -> Result<(), ReceiveError> {
        if self.turn() == FilterTurn::Receive { Ok(()) } else { Err(self.not_ready()) }
    }

    #[cold]
    #[inline(never)]
    fn not_ready(&self) -> ReceiveError {
        match self.turn() {
            FilterTurn::Reply(owed) => ReceiveError::ReplyOwed(owed),
            FilterTurn::Receive | FilterTurn::Closed => {
                self.broken.map_or(ReceiveError::Closed, ReceiveError::Peer)
            }
        }
    }

    /// What there is against a command that libmilter would take.
    fn objection(&self, kind: CommandKind) -> Option<Rule> {
        if self.policy.sends_anything() {
            return None;
        }
        let is_off = kind.off().is_some_and(|off| self.conversation.agreed.effective_steps().contains(off));
        (is_off && self.agreed().is_some()).then_some(Rule::SwitchedOff)
    }

    /// The offer that is to be answered.
    fn offer(&self) -> Offer {
        self.conversation.offer().reading_zeros()
    }

    #[cold]
    #[inline(never)]
    fn misuse(&self, code: u8, rule: Rule) -> Misuse {
        Misuse { rule, place: self.conversation.place(code) }
    }

    #[cold]
    #[inline(never)]
    fn fail(&mut self, code: u8, rule: Rule, detail: Option<Detail>) -> ReceiveError {
        let violation = Violation { rule, place: self.conversation.place(code), detail };
        self.broken = Some(violation);
        self.conversation.enter(Stage::Closed);
        violation.into()
    }
}
