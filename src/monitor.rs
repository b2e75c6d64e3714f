//! Observes both directions of a connection and checks them against the strict law.
#![expect(clippy::wildcard_enum_match_arm, reason = "tables name every case, code names those that differ")]

use crate::debug::debug_fields;
use crate::error::ErrorContext;
use crate::negotiation::{Negotiated, check_answer, check_offer};
use crate::order::state::Conversation;
use crate::order::table::{Effect, Law, effect};
use crate::order::{CommandKind, Rule, Stage, rules};
use crate::wire::{
    Assembler, Buffer, Command, DecodeError, Deviation, Direction, Edit, Frame, FrameError, Response, Steps,
    Tolerance, Verdict,
};

/// Observes both directions of a connection, and reports every rule that a frame breaks.
///
/// It judges by the strict law, but never stops: after a broken rule it follows the connection in the same way as a filter
/// with the default policy. Give it the frames in the order in which they were sent.
///
/// # Memory
/// At most 64 bytes and no heap memory, whatever either side sends.
///
/// # Examples
/// ```
/// use milter_proto::Monitor;
/// use milter_proto::order::Rule;
/// use milter_proto::wire::{Direction, Frame};
///
/// let mut monitor = Monitor::new();
/// monitor.observe(Direction::ToFilter, Frame::new(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"));
/// monitor.observe(Direction::ToMta, Frame::new(b'O', b"\0\0\0\x06\0\0\0\x01\0\0\0\0"));
/// let helo = monitor.observe(Direction::ToFilter, Frame::new(b'H', b"mx.example\0"));
/// assert!(helo.violations().eq([Rule::Order])); // CONNECT was not declined
/// let reply = monitor.observe(Direction::ToMta, Frame::new(b'c', b""));
/// assert_eq!(reply.answers.map(|command| command.to_string()).as_deref(), Some("HELO"));
/// assert_eq!(reply.violations().count(), 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Monitor {
    conversation: Conversation,
}

/// A frame, and what the monitor knows about it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation<'f> {
    /// The direction of the frame.
    pub direction: Direction,
    /// The frame.
    pub frame: Frame<'f>,
    /// Its content.
    pub message: Message<'f>,
    /// How the payload deviates from the well-formed one, if it does.
    pub deviation: Option<DecodeError>,
    /// For a response: the command whose reply it is, or is a part of.
    pub answers: Option<CommandKind>,
    /// The code of the frame, and the state of the connection before it.
    pub context: ErrorContext,
    /// The stage after the frame.
    pub stage: Stage,
    /// The command whose reply is outstanding after the frame.
    pub owed: Option<CommandKind>,
    /// Whether the frame aborted a message in progress: ABORT does, and so do commands that imply it.
    pub aborts_message: bool,
    broken: [Option<Rule>; 3],
}

debug_fields!(Observation<'_> {
    direction, frame, message, deviation, answers, context, stage, owed, aborts_message, broken
});

/// The content of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message<'f> {
    /// A command.
    Command(Command<'f>),
    /// A response.
    Response(Response<'f>),
    /// A payload that cannot be decoded.
    Malformed(DecodeError),
}

impl Observation<'_> {
    /// The rules that the frame breaks: the first three, if there are more.
    pub fn violations(&self) -> impl Iterator<Item = Rule> {
        self.broken.into_iter().flatten()
    }

    fn breaks(&mut self, rule: Rule) {
        if let Some(slot) = self.broken.iter_mut().find(|slot| slot.is_none_or(|other| other == rule)) {
            *slot = Some(rule);
        }
    }
}

impl Monitor {
    /// Starts at the beginning of a connection.
    #[must_use]
    pub const fn new() -> Self {
        Self { conversation: Conversation::new(Law::Robust) }
    }

    /// Takes the next frame of one direction from the front of `input`.
    ///
    /// Each direction has an assembler of its own. `Ok(None)` means that `input` is empty.
    ///
    /// # Errors
    /// [`FrameError`]: the stream of this direction can no longer be divided into frames.
    pub fn next_event<'s, 'i: 's, B: Buffer>(
        &mut self,
        direction: Direction,
        assembler: &'s mut Assembler<B>,
        input: &mut &'i [u8],
    ) -> Result<Option<Observation<'s>>, FrameError> {
        Ok(assembler.next_frame(input)?.map(|frame| self.observe(direction, frame)))
    }

    /// Takes a frame that the caller has cut from the stream.
    pub fn observe<'f>(&mut self, direction: Direction, frame: Frame<'f>) -> Observation<'f> {
        let (stage, owed) = (self.conversation.stage(), self.conversation.owed);
        let mut observation = Observation {
            direction,
            frame,
            message: Message::Command(Command::Other(frame)),
            deviation: None,
            answers: None,
            context: self.conversation.context(frame.code()),
            stage,
            owed,
            aborts_message: false,
            broken: [None; 3],
        };
        match direction {
            Direction::ToFilter => self.command(&mut observation),
            Direction::ToMta => self.response(&mut observation),
        }
        let is_malformed = matches!(observation.message, Message::Malformed(_));
        if is_malformed || observation.deviation.is_some_and(|deviation| !has_own_rule(deviation)) {
            observation.breaks(Rule::MalformedPayload);
        }
        observation.stage = self.conversation.stage();
        observation.owed = self.conversation.owed;
        observation
    }

    fn command(&mut self, observation: &mut Observation<'_>) {
        let command = match Command::parse_as(observation.frame, Tolerance::LENIENT) {
            Ok(decoded) => {
                observation.deviation = decoded.deviation;
                observation.message = Message::Command(decoded.value);
                if let Some(rule) = rules::command(&decoded.value) {
                    observation.breaks(rule);
                }
                Some(decoded.value)
            }
            Err(error) => {
                observation.message = Message::Malformed(error);
                None
            }
        };
        let Some(kind) = CommandKind::from_code(observation.frame.code()) else {
            observation.breaks(Rule::UnknownCode);
            return;
        };
        if self.conversation.owed.is_some() {
            observation.breaks(Rule::ReplyOwed);
            self.conversation.forget_reply();
        }
        if self.conversation.has_declined(kind) {
            observation.breaks(Rule::Declined);
        }
        match self.conversation.objection(kind) {
            Some(rule) => observation.breaks(rule),
            None if kind == CommandKind::QuitNewConnection && !self.conversation.can_reuse() => {
                observation.breaks(Rule::QuitNcNotAllowed);
            }
            None => {}
        }
        let passage = match command {
            Some(Command::Macros(macros)) => self.conversation.macros(macros.stage()),
            _ => self.conversation.command(kind),
        };
        observation.aborts_message = passage.is_ok_and(|passage| passage.aborts_message);
        if let Some(Command::Negotiate(offer)) = command {
            if check_offer(&offer).is_err() {
                observation.breaks(Rule::NegotiationFailed);
            }
            self.conversation.note_offer(offer);
        }
    }

    fn response(&mut self, observation: &mut Observation<'_>) {
        observation.answers = self.conversation.owed;
        let response = match Response::parse_as(observation.frame, Tolerance::LENIENT) {
            Ok(decoded) => {
                observation.deviation = decoded.deviation;
                observation.message = Message::Response(decoded.value);
                decoded.value
            }
            Err(error) => {
                observation.message = Message::Malformed(error);
                // It was meant as the reply: the next command is not to blame.
                if is_final(observation.frame.code()) {
                    self.give_up_reply();
                }
                return;
            }
        };
        if let Err(rule) = self.conversation.judge(&response, |_| false) {
            observation.breaks(rule);
        }
        let Some(owed) = observation.answers else { return };
        match response {
            Response::Negotiate(answer) if owed == CommandKind::Negotiate => {
                if check_answer(&self.conversation.offer(), &answer, false).is_err() {
                    observation.breaks(Rule::NegotiationFailed);
                }
                self.conversation.settle(Negotiated::from_answer(&answer));
            }
            Response::Negotiate(_) => {}
            _ if owed == CommandKind::Negotiate => self.conversation.forget_reply(),
            Response::Edit(edit) => self.conversation.note(matches!(edit, Edit::ReplaceBody { .. })),
            Response::Verdict(verdict) => self.verdict(owed, &verdict),
            _ => self.conversation.note(false),
        }
    }

    fn verdict(&mut self, owed: CommandKind, verdict: &Verdict<'_>) {
        let effect = match effect(owed, verdict) {
            // The MTA may go on as if CONTINUE had been sent.
            Effect::SkipBody if !self.conversation.agreed().steps.contains(Steps::SKIP) => Effect::Continue,
            effect => effect,
        };
        self.conversation.verdict(effect, verdict);
    }

    /// Treats the outstanding reply as CONTINUE.
    fn give_up_reply(&mut self) {
        if self.conversation.owed == Some(CommandKind::Negotiate) {
            self.conversation.forget_reply();
        } else {
            self.conversation.answer(&Verdict::Continue);
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
}

/// Whether a response of this code ends the wait for a reply.
fn is_final(code: u8) -> bool {
    use crate::wire::codes::response;
    matches!(
        code,
        response::OPTNEG
            | response::ACCEPT
            | response::CONTINUE
            | response::DISCARD
            | response::REJECT
            | response::REPLYCODE
            | response::SKIP
            | response::TEMPFAIL
            | response::SHUTDOWN
            | response::CONN_FAIL
    )
}

/// Whether a deviation breaks a rule of its own, which is reported in its place.
fn has_own_rule(error: DecodeError) -> bool {
    [Deviation::EmptyBody, Deviation::EmptyHeaderName, Deviation::EmptyEdit]
        .into_iter()
        .any(|deviation| error.deviation() == Some(deviation))
}

impl Default for Monitor {
    fn default() -> Self {
        Self::new()
    }
}
