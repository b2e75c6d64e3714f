//! A third party: it listens in, says what it hears, and judges both sides.

use super::content::content_rule;
use super::conversation::{Conversation, Effect, Law, Passage, effect};
use super::error::{Place, Rule};
use super::negotiation::{Agreed, accept};
use super::policy::Policy;
use super::stage::{CommandKind, Stage};
use crate::debug::debug_fields;
use crate::wire::{
    Answer, Assembler, Command, DecodeError, Direction, Edit, Frame, FrameError, Response, Steps, Storage,
    Tolerance, Verdict,
};

/// Listens to both directions of a connection, and judges them by the strict law.
///
/// It never stops: what breaks a rule is reported, and the monitor takes step again with the frame that
/// did. Frames must be given in the order in which they passed.
///
/// # Memory
/// 64 bytes at most, and nothing beside them, whatever either side sends.
///
/// # Examples
/// ```
/// use milter_proto::session::{Monitor, Rule};
/// use milter_proto::wire::{Direction, Frame};
///
/// let mut monitor = Monitor::new();
/// monitor.observe(Direction::ToFilter, Frame::new(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"));
/// monitor.observe(Direction::ToMta, Frame::new(b'O', b"\0\0\0\x06\0\0\0\x01\0\0\0\0"));
/// let helo = monitor.observe(Direction::ToFilter, Frame::new(b'H', b"mx.example\0"));
/// assert!(helo.violations().eq([Rule::Order])); // CONNECT was not switched off
/// let reply = monitor.observe(Direction::ToMta, Frame::new(b'c', b""));
/// assert_eq!(reply.answers.map(|command| command.to_string()).as_deref(), Some("HELO"));
/// assert_eq!(reply.violations().count(), 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Monitor {
    conversation: Conversation,
    /// The last message ended with CONTINUE, and nothing was said since.
    may_reuse: bool,
}

/// A frame that passed, and what there is to say about it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sighting<'f> {
    /// Which way it travels.
    pub direction: Direction,
    /// The frame.
    pub frame: Frame<'f>,
    /// What it says.
    pub meaning: Meaning<'f>,
    /// How its payload departs from the clean form.
    pub deviation: Option<DecodeError>,
    /// The command that it answers, wholly or in part.
    pub answers: Option<CommandKind>,
    /// Where the conversation stood before it.
    pub place: Place,
    /// The stage that it leads to.
    pub stage: Stage,
    /// The command that has no verdict yet, after it.
    pub owed: Option<CommandKind>,
    /// The message in progress is over, though nobody said ABORT.
    pub ends_message: bool,
    broken: [Option<Rule>; 3],
}

debug_fields!(Sighting<'_> {
    direction, frame, meaning, deviation, answers, place, stage, owed, ends_message, broken
});

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning<'f> {
    /// A command.
    Command(Command<'f>),
    /// A response.
    Response(Response<'f>),
    /// Nothing that can be read.
    Malformed(DecodeError),
}

impl Sighting<'_> {
    /// The rules that it breaks: the first three, if there are more.
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
    /// Starts listening at the beginning of a connection.
    #[must_use]
    pub const fn new() -> Self {
        Self { conversation: Conversation::new(Law::Strict), may_reuse: false }
    }

    /// Takes the next frame of one direction from the front of `input`.
    ///
    /// Each direction has an assembler of its own. `Ok(None)` means that `input` is empty.
    ///
    /// # Errors
    /// [`FrameError`]: this direction cannot be cut any more.
    pub fn next_event<'s, 'i: 's, S: Storage>(
        &mut self,
        direction: Direction,
        assembler: &'s mut Assembler<S>,
        input: &mut &'i [u8],
    ) -> Result<Option<Sighting<'s>>, FrameError> {
        Ok(assembler.next_frame(input)?.map(|frame| self.observe(direction, frame)))
    }

    /// Takes a frame.
    pub fn observe<'f>(&mut self, direction: Direction, frame: Frame<'f>) -> Sighting<'f> {
        let (stage, owed) = (self.conversation.stage(), self.conversation.owed);
        let mut sighting = Sighting {
            direction,
            frame,
            meaning: Meaning::Command(Command::Other(frame)),
            deviation: None,
            answers: None,
            place: self.conversation.place(frame.code()),
            stage,
            owed,
            ends_message: false,
            broken: [None; 3],
        };
        match direction {
            Direction::ToFilter => self.command(&mut sighting),
            Direction::ToMta => self.response(&mut sighting),
        }
        if sighting.deviation.is_some() || matches!(sighting.meaning, Meaning::Malformed(_)) {
            sighting.breaks(Rule::Payload);
        }
        sighting.stage = self.conversation.stage();
        sighting.owed = self.conversation.owed;
        sighting
    }

    fn command(&mut self, sighting: &mut Sighting<'_>) {
        let command = match Command::parse_as(sighting.frame, Tolerance::LENIENT) {
            Ok(decoded) => {
                sighting.deviation = decoded.deviation;
                sighting.meaning = Meaning::Command(decoded.value);
                if let Some(rule) = content_rule(&decoded.value) {
                    sighting.breaks(rule);
                }
                Some(decoded.value)
            }
            Err(error) => {
                sighting.meaning = Meaning::Malformed(error);
                None
            }
        };
        let code = sighting.frame.code();
        let Some(kind) = CommandKind::of_code(code) else {
            sighting.breaks(Rule::Code);
            return;
        };
        if self.conversation.owed.is_some() {
            sighting.breaks(Rule::ReplyOwed);
            self.forget_debt();
        }
        let is_off = kind.off().is_some_and(|off| self.conversation.agreed.effective_steps().contains(off));
        if is_off {
            sighting.breaks(Rule::SwitchedOff);
        }
        let may_reuse = self.may_reuse;
        self.may_reuse &= kind == CommandKind::Macros;
        match self.conversation.command(kind) {
            Ok(_) if kind == CommandKind::QuitNewConnection && !may_reuse => sighting.breaks(Rule::Reuse),
            Ok(passage) => sighting.ends_message = passage == Passage::AfterAbort,
            Err(rule) => {
                sighting.breaks(rule);
                self.conversation.resume(kind);
            }
        }
        if let Some(Command::Negotiate(offer)) = command {
            self.conversation.note_offer(offer);
        }
    }

    fn response(&mut self, sighting: &mut Sighting<'_>) {
        let owed = self.conversation.owed;
        sighting.answers = owed;
        let response = match Response::parse_as(sighting.frame, Tolerance::LENIENT) {
            Ok(decoded) => {
                sighting.deviation = decoded.deviation;
                sighting.meaning = Meaning::Response(decoded.value);
                decoded.value
            }
            Err(error) => {
                sighting.meaning = Meaning::Malformed(error);
                return;
            }
        };
        let Some(owed) = owed else {
            sighting.breaks(Rule::NotOwed);
            return;
        };
        let rule = match response {
            Response::Negotiate(answer) if owed == CommandKind::Negotiate => self.answer(answer),
            Response::Negotiate(_) => Some(Rule::Negotiation),
            _ if owed == CommandKind::Negotiate => {
                self.forget_debt();
                Some(Rule::Negotiation)
            }
            Response::Progress => (owed != CommandKind::EndOfMessage).then_some(Rule::Progress),
            Response::Edit(edit) => self.edit(owed, &edit),
            Response::Verdict(verdict) => self.verdict(owed, &verdict),
            Response::MacroList { .. } | Response::Other(_) => Some(Rule::Code),
        };
        if let Some(rule) = rule {
            sighting.breaks(rule);
        }
    }

    /// Waits for no reply any more. An offer without an answer switches nothing off.
    fn forget_debt(&mut self) {
        if self.conversation.owed.take() == Some(CommandKind::Negotiate) {
            self.conversation.agreed = Agreed::NOTHING;
        }
    }

    fn answer(&mut self, answer: Answer<'_>) -> Option<Rule> {
        let is_accepted = accept(self.conversation.offer(), answer, &Policy::STRICT).is_ok();
        self.conversation.negotiated(Agreed::of(&answer));
        (!is_accepted).then_some(Rule::Refused)
    }

    fn edit(&self, owed: CommandKind, edit: &Edit<'_>) -> Option<Rule> {
        match () {
            () if owed != CommandKind::EndOfMessage => Some(Rule::EditTooEarly),
            () if !self.conversation.agreed.actions.contains(edit.action()) => Some(Rule::EditNotAgreed),
            () => None,
        }
    }

    fn verdict(&mut self, owed: CommandKind, verdict: &Verdict<'_>) -> Option<Rule> {
        let is_agreed = self.conversation.agreed.steps.contains(Steps::SKIP);
        let (effect, rule) = match effect(owed, verdict) {
            // The MTA may go on as if nothing had been said.
            Effect::Skips if !is_agreed => (Effect::GoesOn, Some(Rule::Skip)),
            effect @ Effect::IsNoAnswer if *verdict == Verdict::Skip => (effect, Some(Rule::Skip)),
            effect @ Effect::IsNoAnswer => (effect, Some(Rule::NoAnswer)),
            effect @ Effect::MeansNothing => (effect, Some(Rule::MeansNothing)),
            // Postfix obeys, but no filter is to say so.
            effect if *verdict == Verdict::Shutdown => (effect, Some(Rule::NoAnswer)),
            effect => (effect, None),
        };
        self.conversation.verdict(effect, verdict);
        self.may_reuse = owed == CommandKind::EndOfMessage && *verdict == Verdict::Continue;
        rule
    }

    /// How far the conversation has come.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.conversation.stage()
    }

    /// What was agreed on; `None` before OPTNEG was answered.
    #[must_use]
    pub fn agreed(&self) -> Option<&Agreed> {
        self.conversation.agreed()
    }
}

impl Default for Monitor {
    fn default() -> Self {
        Self::new()
    }
}
