//! Begins the steps of a scenario.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::super::scenario::StepKind;
use super::super::super::{Event, Mismatch};
use super::super::content;
use super::super::step::{Awaited, Do, Goal, Hope, Need};
use super::{FilterRun, Purpose, Task};
use crate::order::{CommandKind, Stage};
use crate::wire::{Direction, FrameBuf};

impl FilterRun<'_> {
    /// Begins a step of the scenario.
    pub(super) fn begin(&mut self, number: usize) {
        let Some(step) = self.scenario.steps.get(number) else { return };
        let StepKind::Filter(step) = &step.kind else { return self.skip("it is a scenario for MTAs") };
        self.step = number;
        self.record.push(Event::Step(number));
        let is_new = !self.talk.was_opened && !matches!(step, Do::Connect | Do::Alive | Do::Cut(_));
        if is_new {
            self.first([Task::Connect(Purpose::Setup), Task::Step(number)]);
            self.record.pop();
            return;
        }
        match step {
            Do::Reach(goal) => self.first([Task::Reach(*goal, Purpose::Setup)]),
            Do::Send(frame, is_forced) => self.send_of_scenario(frame, *is_forced),
            Do::SendInOrder(frame) => {
                if self.talk.is_open() && self.way.is_in_order(frame.as_frame()) {
                    self.send(frame.clone());
                }
            }
            Do::SendBytes(pieces) => self.send_pieces(pieces),
            Do::Pipeline(goal) => self.first([Task::Pipeline(*goal)]),
            Do::Cut(size) => self.cut = *size,
            Do::Await(awaited) => self.first([Task::Flush, Task::Await(awaited.clone(), Purpose::Test)]),
            Do::Message(name) => self.first([Task::Message(name.clone(), Purpose::Message)]),
            Do::Alive => {
                self.first([Task::Flush, Task::Connect(Purpose::Test), Task::Message(None, Purpose::Message)])
            }
            Do::Recover => self.recover(),
            Do::Connect => self.first([Task::Flush, Task::Connect(Purpose::Test)]),
            Do::Shutdown => self.first([Task::Flush, Task::Shutdown]),
            Do::Disconnect => self.first([Task::Flush, Task::Disconnect]),
            Do::Need(need) => self.need(number, need),
            Do::Shows(text) if !self.way.shows(text) => {
                let expected = format!("an edit with \"{}\"", text.escape_ascii());
                self.mismatch(Purpose::Test, Mismatch::new(expected, self.way.edits_as_text()));
            }
            Do::Hides(text) if self.way.shows(text) => {
                let expected = format!("no edit with \"{}\"", text.escape_ascii());
                self.mismatch(Purpose::Test, Mismatch::new(expected, self.way.edits_as_text()));
            }
            Do::Shows(_) | Do::Hides(_) => {}
            Do::Never(name) if self.way.last_verdict() == Some(name) => {
                self.mismatch(Purpose::Test, Mismatch::new("another verdict", *name));
            }
            Do::Never(_) => {}
            Do::Repeats => {
                if let Some((expected, got)) = self.way.differs() {
                    self.mismatch(Purpose::Test, Mismatch::new(expected, got));
                }
            }
            Do::Most(most) => {
                if let Some(got) = self.way.answer().and_then(|answer| content::surplus(*most, &answer)) {
                    let mismatch = Mismatch::new("an answer without anything else", got);
                    self.mismatch(Purpose::Test, mismatch);
                }
            }
            Do::Lists => {
                if let Some(breach) = self.way.answer().and_then(|answer| content::judge_lists(&answer)) {
                    let expected = "macro lists in order, each once, and not empty";
                    self.mismatch(Purpose::Test, Mismatch::broken(expected, &breach));
                }
            }
        }
    }

    fn recover(&mut self) {
        let may_be_closed = self.talk.may_be_closed || self.way.ends_connection();
        if self.talk.is_open() && !self.way.ends_connection() {
            let purpose = if may_be_closed { Purpose::Recover } else { Purpose::Message };
            self.first([Task::Flush, Task::Message(None, purpose)]);
        } else if !may_be_closed {
            let mismatch = Mismatch::new("an open connection", "the filter closed the connection");
            self.mismatch(Purpose::Test, mismatch);
        } else {
            self.first([Task::Connect(Purpose::Test), Task::Message(None, Purpose::Message)]);
        }
    }

    fn need(&mut self, number: usize, need: &Need) {
        if *need == Need::Open && self.talk.was_opened {
            if !self.talk.is_open() {
                self.skip("it needs an open connection, and the filter may close it here");
            }
            return;
        }
        let Some(agreed) = self.way.negotiated else {
            if self.way.has_offered() {
                return self.skip("the filter did not agree to the offer");
            }
            let reach = Task::Reach(Goal::Stage(Stage::Negotiated), Purpose::Setup);
            return self.first([reach, Task::Step(number)]);
        };
        let is_met = match need {
            Need::Action(action, wanted) => agreed.actions.contains(*action) == *wanted,
            Need::Step(step, wanted) => agreed.effective_steps().contains(*step) == *wanted,
            Need::Edit(name) => self.way.has_edit(name.as_deref()),
            Need::Shown(text) => self.way.shows(text),
            Need::Open => true,
            Need::Verdict(name) => self.way.last_verdict() == Some(name),
        };
        if !is_met {
            self.skip(&match need {
                Need::Action(action, true) => format!("the filter did not negotiate {action:?}"),
                Need::Step(step, true) => format!("the filter did not negotiate {step:?}"),
                Need::Action(action, false) => format!("the filter negotiated {action:?}"),
                Need::Step(step, false) => format!("the filter negotiated {step:?}"),
                Need::Edit(None) => "the filter did not edit the message".into(),
                Need::Edit(Some(name)) => format!("the filter did not send {name}"),
                Need::Open => String::new(),
                Need::Verdict(name) => match self.way.last_verdict() {
                    Some(last) => format!("the filter answered {last}, and not {name}"),
                    None => format!("the filter did not answer {name}"),
                },
                Need::Shown(text) => format!("no edit of the filter shows \"{}\"", text.escape_ascii()),
            });
        }
    }

    /// Sends a command that a scenario names.
    fn send_of_scenario(&mut self, frame: &FrameBuf, is_forced: bool) {
        if let Some(kind) = CommandKind::from_code(frame.as_frame().code()) {
            if !is_forced && self.way.has_declined(kind) {
                return self.skip(&format!("the filter declined {kind}"));
            }
            if let Some(end) = self.way.end_before(kind) {
                return self.skip(&end);
            }
        }
        self.send(frame.clone());
    }

    /// Sends bytes of the scenario, with a pause between the pieces.
    fn send_pieces(&mut self, pieces: &[Vec<u8>]) {
        for (number, piece) in pieces.iter().enumerate().rev() {
            self.first([Task::SendBytes(piece.clone())]);
            if number > 0 {
                let silence = Awaited { strict: Vec::from([Hope::Silence]), lenient: Vec::new() };
                self.first([Task::Flush, Task::Await(silence, Purpose::Test)]);
            }
        }
    }

    pub(super) fn send_bytes(&mut self, bytes: &[u8]) {
        self.talk.outgoing.extend_from_slice(bytes);
        self.record.push(Event::Bytes(Direction::ToFilter, bytes.to_vec()));
        for frame in self.talk.sent_raw(bytes) {
            let kind = CommandKind::from_code(frame.as_frame().code());
            if let Some(kind) = kind.filter(|&kind| self.way.has_declined(kind)) {
                return self.skip(&format!("the filter declined {kind}"));
            }
            self.talk.owed.extend(self.way.sent(frame.as_frame()));
        }
    }
}
