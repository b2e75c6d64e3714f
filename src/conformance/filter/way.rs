//! How far the conversation with a filter has come, and the legal way on from there.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::outcome::Breach;
use super::commands::{commands, one};
use super::content;
use super::shown::line;
use super::step::Goal;
use super::{Profile, ProfileMessage};
use crate::negotiation::Negotiated;
use crate::order::rules::{Replacement, Reply};
use crate::order::table::effect;
use crate::order::{CommandKind, Effect, Rule, Stage};
use crate::wire::codes::{self, response};
use crate::wire::{
    Answer, Command, Direction, Edit, Frame, FrameBuf, Offer, Response, Steps, Tolerance, Verdict, code_name,
};
use crate::{Monitor, mta};

/// How far the conversation has come.
#[derive(Debug)]
pub(super) struct Way {
    stage: Stage,
    offer: Offer,
    pub(super) negotiated: Option<Negotiated>,
    /// The message in progress.
    message: ProfileMessage,
    /// Commands of the stage that are still to be sent, each with its macros.
    queue: VecDeque<Vec<FrameBuf>>,
    /// A verdict that ended the message or the connection before its end.
    end: Option<(CommandKind, Effect, String)>,
    /// Whether a whole message was sent.
    is_message_sent: bool,
    /// The scenario has sent macros for MAIL itself.
    has_macros: bool,
    is_body_skipped: bool,
    /// The filter has accepted a recipient of the message.
    has_recipient: bool,
    replacement: Replacement,
    edits: Vec<FrameBuf>,
    /// Sees the frames of both directions.
    monitor: Monitor,
    /// The edits of the message before.
    earlier: Vec<FrameBuf>,
    /// The answer to OPTNEG.
    answer: Option<FrameBuf>,
    last_verdict: Option<&'static str>,
}

/// What a frame is as a reply.
pub(super) enum Judged {
    /// An edit or PROGRESS: the verdict has to follow.
    Part,
    /// The verdict or the answer; a rule that it breaks without harm.
    Whole(Option<Breach>),
    Wrong(Breach),
}

/// The most characters of an edit that a result shows.
const MAX_SHOWN: usize = 100;

/// The legal order of commands, and the stage after each.
const WAY: [(CommandKind, Stage); 9] = [
    (CommandKind::Negotiate, Stage::Negotiated),
    (CommandKind::Connect, Stage::Connected),
    (CommandKind::Helo, Stage::Greeted),
    (CommandKind::MailFrom, Stage::Mail),
    (CommandKind::RcptTo, Stage::Recipients),
    (CommandKind::Data, Stage::Data),
    (CommandKind::Header, Stage::Headers),
    (CommandKind::EndOfHeaders, Stage::EndOfHeaders),
    (CommandKind::Body, Stage::Body),
];

impl Way {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            stage: Stage::Start,
            offer: Offer::FULL,
            negotiated: None,
            message: profile.message.clone(),
            queue: VecDeque::new(),
            end: None,
            is_message_sent: false,
            has_macros: false,
            is_body_skipped: false,
            has_recipient: false,
            replacement: Replacement::None,
            edits: Vec::new(),
            monitor: Monitor::new(),
            earlier: Vec::new(),
            answer: None,
            last_verdict: None,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// Whether the filter declined a command.
    pub(super) fn has_declined(&self, kind: CommandKind) -> bool {
        let steps = self.negotiated.map_or(Steps::EMPTY, |agreed| agreed.effective_steps());
        kind.decline_step().is_some_and(|step| steps.contains(step))
    }

    /// Whether the filter replies to a command.
    fn has_reply(&self, kind: CommandKind) -> bool {
        let steps = self.negotiated.map_or(Steps::EMPTY, |agreed| agreed.steps);
        kind.has_reply() && !kind.no_reply_step().is_some_and(|step| steps.contains(step))
    }

    /// What ended the message or the connection.
    pub(super) fn end(&self) -> Option<String> {
        self.end.as_ref().map(|(kind, _, verdict)| format!("the filter answered {kind} with {verdict}"))
    }

    pub(super) fn ends_connection(&self) -> bool {
        self.end.as_ref().is_some_and(|(_, effect, _)| *effect == Effect::EndConnection)
    }

    /// What ended the message, if this command belongs to it.
    pub(super) fn end_before(&self, kind: CommandKind) -> Option<String> {
        if self.refuses_recipient() && kind == CommandKind::RcptTo {
            return None;
        }
        self.end().filter(|_| kind.is_of_message() || self.ends_connection() && kind.has_reply())
    }

    /// Whether an MTA may send this command now.
    pub(super) fn is_in_order(&self, frame: Frame<'_>) -> bool {
        let Some(kind) = CommandKind::from_code(frame.code()) else { return false };
        let is_over = match &self.end {
            Some((_, Effect::RejectRecipient, _)) | None => false,
            Some((_, Effect::EndConnection, _)) => kind.has_reply(),
            Some(_) => kind.is_of_message(),
        };
        let breaks_order = |rule| {
            matches!(
                rule,
                Rule::Order | Rule::Declined | Rule::BodyAfterSkip | Rule::QuitNcNotAllowed | Rule::Closed
            )
        };
        !is_over && !self.monitor.clone().observe(Direction::ToFilter, frame).violations().any(breaks_order)
    }

    /// Whether the last end is that of a recipient alone.
    fn refuses_recipient(&self) -> bool {
        self.end.as_ref().is_some_and(|(_, effect, _)| *effect == Effect::RejectRecipient)
    }

    /// What ended a message whose commands were sent without waiting.
    pub(super) fn end_of_pipeline(&self) -> Option<String> {
        self.end().filter(|_| !self.refuses_recipient())
    }

    /// Whether a recipient was refused, and others follow.
    pub(super) fn has_more_recipients(&self) -> bool {
        let is_rcpt = |frame: &FrameBuf| frame.as_frame().code() == codes::command::RCPT;
        self.refuses_recipient() && self.queue.iter().flatten().any(is_rcpt)
    }

    /// Notes a command. Returns its kind if it gets a reply.
    pub(super) fn sent(&mut self, frame: Frame<'_>) -> Option<CommandKind> {
        self.monitor.observe(Direction::ToFilter, frame);
        let kind = CommandKind::from_code(frame.code()).filter(|_| !self.is_closed())?;
        match kind {
            CommandKind::Negotiate => {
                self.stage = Stage::Negotiated;
                if let Ok(read) = Command::parse_as(frame, Tolerance::LIBMILTER) {
                    if let Command::Negotiate(offer) = read.value {
                        self.offer = offer;
                    }
                }
                self.stage = Stage::Negotiated;
            }
            CommandKind::Macros => {
                self.has_macros |= frame.payload().first() == Some(&codes::command::MAIL);
                return None;
            }
            CommandKind::Quit => self.stage = Stage::Closed,
            CommandKind::Abort if self.stage > Stage::Greeted => self.stage = Stage::Greeted,
            CommandKind::QuitNewConnection => self.stage = Stage::Negotiated,
            CommandKind::EndOfMessage => self.stage = Stage::EndOfMessage,
            CommandKind::Unknown | CommandKind::Abort => {}
            _ => {
                self.stage =
                    WAY.iter().find(|(other, _)| *other == kind).map_or(self.stage, |&(_, stage)| stage);
            }
        }
        if matches!(
            kind,
            CommandKind::MailFrom
                | CommandKind::Helo
                | CommandKind::Connect
                | CommandKind::Abort
                | CommandKind::QuitNewConnection
        ) {
            let begins_session = matches!(kind, CommandKind::Connect | CommandKind::QuitNewConnection);
            if begins_session || !self.ends_connection() {
                self.end = None;
            }
            (self.is_body_skipped, self.has_recipient, self.has_macros) = (false, false, false);
        }
        if kind == CommandKind::EndOfMessage {
            self.edits.clear();
            self.replacement = Replacement::None;
        }
        Some(kind).filter(|&kind| self.has_reply(kind))
    }

    /// Judges a frame as a part of the reply to a command.
    pub(super) fn judge(&mut self, owed: Option<CommandKind>, frame: Frame<'_>) -> Judged {
        self.monitor.observe(Direction::ToMta, frame);
        let Some(owed) = owed else {
            return Judged::Wrong(Breach::new(Rule::NotOwed.id(), format!("{}", Rule::NotOwed)));
        };
        if owed == CommandKind::Negotiate && frame.code() == response::OPTNEG {
            return self.judge_answer(frame);
        }
        let response = match Response::parse(frame) {
            Ok(response) => response,
            Err(error) => {
                return Judged::Wrong(Breach::new(Rule::MalformedPayload.id(), format!("{error}")));
            }
        };
        let agreed = self.negotiated.unwrap_or(Negotiated::NOTHING);
        let reply = Reply { owed, negotiated: &agreed, replacement: self.replacement };
        if let Err(rule) = reply.judge(&response, |_| false) {
            return Judged::Wrong(Breach::new(rule.id(), format!("{rule}")));
        }
        if let Some(wrong) = content::judge(&response, frame, agreed.steps) {
            return Judged::Wrong(wrong);
        }
        match response {
            Response::Verdict(verdict) => {
                self.answered(owed, &verdict, frame);
                Judged::Whole(None)
            }
            Response::Edit(edit) => {
                self.edits.push(frame.into());
                self.replacement = match (edit, self.replacement) {
                    (Edit::ReplaceBody { .. }, _) => Replacement::Open,
                    (_, Replacement::Open) => Replacement::Interrupted,
                    (_, other) => other,
                };
                Judged::Part
            }
            _ => {
                if self.replacement == Replacement::Open {
                    self.replacement = Replacement::Interrupted;
                }
                Judged::Part
            }
        }
    }

    fn judge_answer(&mut self, frame: Frame<'_>) -> Judged {
        let malformed = Response::parse(frame).err().map(|error| format!("{error}"));
        let malformed = malformed.map(|error| Breach::new(Rule::MalformedPayload.id(), error));
        let answer = match Response::parse_as(frame, Tolerance::POSTFIX).map(|read| read.value) {
            Ok(Response::Negotiate(answer)) => answer,
            Ok(_) => return Judged::Wrong(Breach::new(Rule::Negotiation.id(), "it is no OPTNEG")),
            Err(error) => return Judged::Wrong(Breach::new("NEG-14", format!("{error}"))),
        };
        let strict = mta::accept(self.offer, answer, &mta::Policy::STRICT).err();
        if let Err(error) = mta::accept(self.offer, answer, &mta::Policy::POSTFIX) {
            return Judged::Wrong(content::refused(&error));
        }
        if let Some(wrong) = content::judge_answer(self.offer, &answer) {
            return Judged::Wrong(wrong);
        }
        self.negotiated = Some(Negotiated::from_answer(&answer));
        self.answer = Some(frame.into());
        Judged::Whole(malformed.or(strict.as_ref().map(content::refused)))
    }

    /// The answer to OPTNEG.
    pub(super) fn answer(&self) -> Option<Answer<'_>> {
        match Response::parse_as(self.answer.as_ref()?.as_frame(), Tolerance::POSTFIX).ok()?.value {
            Response::Negotiate(answer) => Some(answer),
            _ => None,
        }
    }

    /// Whether OPTNEG was sent, by the scenario or on the way.
    pub(super) fn has_offered(&self) -> bool {
        self.stage >= Stage::Negotiated
    }

    pub(super) const fn last_verdict(&self) -> Option<&str> {
        self.last_verdict
    }

    /// Notes a verdict.
    fn answered(&mut self, owed: CommandKind, verdict: &Verdict<'_>, frame: Frame<'_>) {
        let effect = effect(owed, verdict);
        self.last_verdict = code_name(frame.code());
        if owed == CommandKind::RcptTo && effect == Effect::Continue {
            self.has_recipient = true;
            self.end.take_if(|(_, effect, _)| *effect == Effect::RejectRecipient);
        }
        match effect {
            Effect::SkipBody => self.is_body_skipped = true,
            _ if owed == CommandKind::EndOfMessage => self.message_ended(),
            Effect::RejectRecipient if self.has_recipient => {}
            Effect::EndMessage | Effect::EndConnection | Effect::RejectData | Effect::RejectRecipient => {
                self.end = Some((owed, effect, line(Direction::ToMta, frame)));
            }
            _ => {}
        }
    }

    pub(super) fn message_ended(&mut self) {
        if self.stage > Stage::Greeted && self.stage != Stage::Closed {
            self.stage = Stage::Greeted;
        }
        self.is_message_sent = true;
        self.queue.clear();
    }

    /// Prepares a message. Returns an ABORT if another one is in progress.
    pub(super) fn begin_message(&mut self, message: &ProfileMessage) -> Vec<FrameBuf> {
        self.message = message.clone();
        self.is_message_sent = false;
        (self.is_body_skipped, self.has_recipient) = (false, false);
        if !self.ends_connection() {
            self.end = None;
        }
        self.earlier = core::mem::take(&mut self.edits);
        self.queue.clear();
        if self.stage > Stage::Greeted && self.stage < Stage::Closed {
            return Vec::from([FrameBuf::new(CommandKind::Abort.code(), Vec::new())]);
        }
        Vec::new()
    }

    pub(super) fn shows(&self, text: &[u8]) -> bool {
        let shows = |payload: &[u8]| payload.windows(text.len().max(1)).any(|window| window == text);
        self.edits.iter().any(|edit| shows(edit.as_frame().payload()))
    }

    /// How the edits of the last message differ in kind from those of the message before: expected, and got.
    pub(super) fn differs(&self) -> Option<(String, String)> {
        let kinds = |edits: &[FrameBuf]| {
            let names = edits.iter().map(|edit| code_name(edit.as_frame().code()).unwrap_or_default());
            let names: Vec<_> = names.collect();
            if names.is_empty() { "no edit".into() } else { names.join(", ") }
        };
        let (expected, got) = (kinds(&self.earlier), kinds(&self.edits));
        (expected != got).then_some((expected, got))
    }

    pub(super) fn has_edit(&self, name: Option<&str>) -> bool {
        let is_of = |edit: &FrameBuf| name.is_none() || code_name(edit.as_frame().code()) == name;
        self.edits.iter().any(is_of)
    }

    pub(super) fn edits_as_text(&self) -> String {
        let short =
            |edit: &FrameBuf| line(Direction::ToMta, edit.as_frame()).chars().take(MAX_SHOWN).collect();
        let lines: Vec<String> = self.edits.iter().map(short).collect();
        if lines.is_empty() { "no edit".into() } else { lines.join("; ") }
    }

    /// The next command towards a goal, with its macros. `None`: the goal is reached.
    pub(super) fn next_towards(&mut self, goal: Goal, profile: &Profile) -> Option<Vec<FrameBuf>> {
        let last = match goal {
            Goal::Stage(stage) => stage,
            Goal::Ended if self.is_message_sent => return None,
            Goal::Ended => Stage::EndOfMessage,
        };
        loop {
            if self.is_body_skipped {
                self.queue.retain(|frames| {
                    !frames.iter().any(|frame| frame.as_frame().code() == codes::command::BODY)
                });
            }
            if let Some(frames) = self.queue.pop_front() {
                return Some(frames);
            }
            if self.stage >= last {
                return None;
            }
            let next = WAY.iter().find(|(_, stage)| *stage > self.stage);
            let Some(&(kind, stage)) = next else {
                return Some(one(&Command::EndOfMessage { chunk: &[] }));
            };
            self.stage = stage;
            if !self.has_declined(kind) {
                self.queue = commands(kind, profile, &self.message, self.has_macros);
            }
        }
    }
}
