//! Plays the MTA in one scenario: works through the steps.

mod steps;

use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::outcome::Breach;
use super::super::{Action, Event, Input, Level, Mismatch, Outcome, Patience, Scenario, Verdict};
use super::step::{Awaited, Goal, Hope};
use super::talk::{Talk, Wanted};
use super::way::Way;
use super::{Profile, ProfileMessage};
use crate::order::{CommandKind, Rule, Stage};
use crate::wire::{Direction, FrameBuf};

/// Plays the MTA in one scenario, for a filter under test.
///
/// # Examples
/// A filter that answers everything with CONTINUE, in memory:
/// ```
/// use milter_proto::conformance::{Action, FilterRun, Input, Scenario, Verdict, filter};
///
/// let scenario = &Scenario::read_all("
/// [filter/mine/helo] must ORD-34
/// HELO gets one reply
/// > OPTNEG 6 0x1ff 0x1fffff
/// < OPTNEG
/// > HELO \"mx.example\"
/// < reply
/// ")?[0];
/// let profile = filter::Profile::default();
/// let mut run = FilterRun::new(scenario, &profile);
/// let (mut action, mut replies) = (run.advance(Input::Start), Vec::new());
/// loop {
///     action = match action {
///         Action::Connect => run.advance(Input::Connected),
///         Action::Send(bytes) => {
///             // Here your filter takes the bytes.
///             replies = match bytes.get(4) {
///                 Some(b'O') => b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\0".to_vec(),
///                 Some(b'H') => b"\0\0\0\x01c".to_vec(),
///                 _ => Vec::new(),
///             };
///             run.advance(Input::Done)
///         }
///         Action::Receive(_) if replies.is_empty() => run.advance(Input::Closed),
///         Action::Receive(_) => run.advance(Input::Received(&std::mem::take(&mut replies))),
///         Action::Finish => break,
///         _ => run.advance(Input::Done),
///     };
/// }
/// assert_eq!(run.outcome().map(|outcome| outcome.verdict), Some(Verdict::Pass));
/// # Ok::<(), milter_proto::conformance::ScenarioError>(())
/// ```
#[derive(Debug)]
pub struct FilterRun<'s> {
    scenario: &'s Scenario,
    profile: &'s Profile,
    /// What is to be done, the next first.
    plan: VecDeque<Task>,
    talk: Talk,
    way: Way,
    /// The step in progress.
    step: usize,
    /// Bytes of each piece that is sent; 0: all at once.
    cut: usize,
    /// What the last action was for.
    doing: Doing,
    /// The first thing that was not strictly as expected.
    non_strict: Option<Mismatch>,
    outcome: Option<Outcome>,
    record: Vec<Event>,
}

/// One thing to do.
#[derive(Clone, Debug)]
enum Task {
    Step(usize),
    Connect(Purpose),
    Reach(Goal, Purpose),
    /// Sends frames of the run's own.
    Send(Vec<FrameBuf>),
    /// Sends bytes of the scenario.
    SendBytes(Vec<u8>),
    Pipeline(Goal),
    Flush,
    Await(Awaited, Purpose),
    /// Looks whether the message goes on after a reply.
    Look(Purpose),
    Message(Option<String>, Purpose),
    Shutdown,
    Disconnect,
    End,
    Drain,
}

/// What a mismatch means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// It is what the scenario tests.
    Test,
    /// The scenario does not apply.
    Setup,
    /// A whole message, which the filter may end before.
    Message,
    /// The same; a closed connection is replaced by a new one.
    Recover,
}

/// What the last action was for.
#[derive(Clone, Debug)]
enum Doing {
    Nothing,
    Connecting(Purpose),
    Awaiting(Awaited, Purpose),
    Draining,
}

impl<'s> FilterRun<'s> {
    /// Prepares a run.
    #[must_use]
    pub fn new(scenario: &'s Scenario, profile: &'s Profile) -> Self {
        let steps = (0..scenario.steps.len()).map(Task::Step);
        let plan = steps.chain([Task::Flush, Task::End]).collect();
        Self {
            scenario,
            profile,
            plan,
            talk: Talk::default(),
            way: Way::new(profile),
            step: 0,
            cut: 0,
            doing: Doing::Nothing,
            non_strict: None,
            outcome: None,
            record: Vec::new(),
        }
    }

    /// Takes what happened, and tells what to do next.
    ///
    /// The first input is [`Input::Start`]. After [`Action::Finish`] every input is ignored.
    pub fn advance(&mut self, input: Input<'_>) -> Action {
        if self.outcome.is_none() {
            self.take(input);
        }
        while self.outcome.is_none() {
            if let Some(action) = self.go_on() {
                return action;
            }
        }
        Action::Finish
    }

    /// The result, once [`advance`](Self::advance) has returned [`Action::Finish`].
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The scenario that is run.
    #[must_use]
    pub const fn scenario(&self) -> &'s Scenario {
        self.scenario
    }

    /// What has happened so far. The [`Display`](core::fmt::Display) form of the run has it as text.
    #[must_use]
    pub fn record(&self) -> &[Event] {
        &self.record
    }

    /// Takes what the last action led to.
    fn take(&mut self, input: Input<'_>) {
        match input {
            Input::Connected => {
                self.talk = Talk::opened();
                self.note("connected");
            }
            Input::ConnectFailed(why) => {
                self.note(&format!("could not connect: {why}"));
                if let Doing::Connecting(purpose) = self.doing {
                    let mismatch = Mismatch::new("a new connection", format!("no connection: {why}"));
                    self.mismatch(purpose, mismatch);
                }
            }
            Input::Received(bytes) => {
                let frames = self.talk.receive(bytes);
                self.record.extend(frames.into_iter().map(|frame| Event::Bytes(Direction::ToMta, frame)));
            }
            Input::Closed if self.talk.is_open() => {
                self.talk.close();
                self.note("the filter closed the connection");
            }
            Input::TimedOut => self.talk.is_timed_out = true,
            _ => {}
        }
        match core::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Awaiting(awaited, purpose) => self.plan.push_front(Task::Await(awaited, purpose)),
            Doing::Draining => self.plan.push_front(Task::Drain),
            Doing::Nothing | Doing::Connecting(_) => {}
        }
    }

    /// Does the next thing. Returns what the caller has to do for it.
    fn go_on(&mut self) -> Option<Action> {
        match self.plan.pop_front()? {
            Task::Step(number) => self.begin(number),
            Task::Connect(purpose) => {
                self.talk = Talk::default();
                self.way = Way::new(self.profile);
                self.doing = Doing::Connecting(purpose);
                return Some(Action::Connect);
            }
            Task::Reach(goal, purpose) => self.reach(goal, purpose),
            Task::Send(frames) => frames.into_iter().for_each(|frame| self.send(frame)),
            Task::SendBytes(bytes) => self.send_bytes(&bytes),
            Task::Pipeline(goal) => {
                while let Some(frames) = self.way.next_towards(goal, self.profile) {
                    frames.into_iter().for_each(|frame| self.send(frame));
                }
            }
            Task::Flush => {
                let piece = self.talk.take_piece(self.cut)?;
                self.plan.push_front(Task::Flush);
                return Some(Action::Send(piece));
            }
            Task::Await(awaited, purpose) => return self.wait_for(awaited, purpose),
            Task::Look(purpose) => self.look(purpose),
            Task::Message(name, purpose) => self.message(name, purpose),
            Task::Shutdown => return Some(Action::Shutdown),
            Task::Disconnect => {
                self.talk.close();
                return Some(Action::Close);
            }
            Task::End => self.end(),
            Task::Drain => return self.drain(),
        }
        None
    }

    /// Sends a frame with the next flush.
    fn send(&mut self, frame: FrameBuf) {
        let mut bytes = Vec::new();
        frame.as_frame().encode().append_to(&mut bytes);
        self.talk.outgoing.extend_from_slice(&bytes);
        self.record.push(Event::Bytes(Direction::ToFilter, bytes));
        if let Some(kind) = self.way.sent(frame.as_frame()) {
            self.talk.owed.push_back(kind);
        }
    }

    /// Goes one command further.
    fn reach(&mut self, goal: Goal, purpose: Purpose) {
        if !self.talk.is_open() && !self.talk.was_opened {
            return self.first([Task::Connect(purpose), Task::Reach(goal, purpose)]);
        }
        if let Some(frames) = self.way.next_towards(goal, self.profile) {
            let reply = Awaited { strict: Vec::from([Hope::Reply]), lenient: Vec::new() };
            let reply = Task::Await(reply, purpose);
            self.first([
                Task::Send(frames),
                Task::Flush,
                reply,
                Task::Look(purpose),
                Task::Reach(goal, purpose),
            ]);
        }
    }

    /// Looks whether a message goes on after a reply to a command on the way.
    fn look(&mut self, purpose: Purpose) {
        let Some(end) = self.way.end() else { return };
        let ends_connection = self.way.ends_connection();
        if self.way.has_more_recipients() {
            return;
        }
        if ends_connection || purpose == Purpose::Setup {
            let hint = if ends_connection { "; a profile can name another client" } else { "" };
            return self.skip(&format!("{end}{hint}"));
        }
        // The filter has decided about the message: the rest of it is not sent.
        self.drop_step();
        self.way.message_ended();
    }

    fn message(&mut self, name: Option<String>, purpose: Purpose) {
        let message = match &name {
            None => Some(&self.profile.message),
            Some(name) => self.profile.messages.get(name),
        };
        let Some(message) = message else {
            return self.skip(&format!("the profile has no message {:?}", name.unwrap_or_default()));
        };
        self.begin_message(message, purpose);
    }

    fn begin_message(&mut self, message: &ProfileMessage, purpose: Purpose) {
        let abort = self.way.begin_message(message);
        self.first([
            Task::Send(abort),
            Task::Reach(Goal::Stage(Stage::Greeted), purpose),
            Task::Reach(Goal::Ended, purpose),
        ]);
    }

    /// Waits until one of these has come.
    fn wait_for(&mut self, awaited: Awaited, purpose: Purpose) -> Option<Action> {
        match self.talk.look_for(&awaited, &mut self.way) {
            Wanted::Met => {}
            Wanted::MetLeniently(mismatch) => {
                if purpose != Purpose::Setup {
                    self.non_strict.get_or_insert(mismatch.at(self.step));
                }
            }
            Wanted::Void(end) => self.skip(&end),
            Wanted::Missed(mismatch) => {
                let is_closed = !self.talk.is_open() && !self.talk.has_input();
                if purpose == Purpose::Recover && is_closed {
                    self.drop_step();
                    self.first([Task::Connect(Purpose::Test), Task::Message(None, Purpose::Message)]);
                } else {
                    self.mismatch(purpose, mismatch);
                }
            }
            Wanted::More(patience) => {
                self.doing = Doing::Awaiting(awaited, purpose);
                return Some(Action::Receive(patience));
            }
        }
        None
    }

    /// The steps are done: QUIT, and then nothing may come.
    fn end(&mut self) {
        if self.talk.is_open() && self.talk.owed.is_empty() && !self.way.is_closed() {
            self.send(FrameBuf::new(CommandKind::Quit.code(), Vec::new()));
            self.step = self.scenario.steps.len();
            self.first([Task::Flush, Task::Drain]);
        } else {
            self.pass();
        }
    }

    fn drain(&mut self) -> Option<Action> {
        let surplus = self.talk.surplus(&self.profile.reply_to_quit);
        if let Some(got) = surplus.filter(|_| !self.talk.is_within_frame()) {
            let breach = Breach::new(Rule::NotOwed.id(), got);
            self.mismatch(Purpose::Test, Mismatch::broken("nothing after the last reply", &breach));
        } else if self.talk.is_open() && !self.talk.is_timed_out {
            self.doing = Doing::Draining;
            return Some(Action::Receive(Patience::Short));
        } else {
            self.pass();
        }
        None
    }

    fn pass(&mut self) {
        let mismatch = self.non_strict.take();
        let verdict = if mismatch.is_some() { Verdict::NonStrict } else { Verdict::Pass };
        self.outcome = Some(Outcome { verdict, mismatch, why: None });
    }

    fn mismatch(&mut self, purpose: Purpose, mismatch: Mismatch) {
        if purpose == Purpose::Setup {
            let Mismatch { expected, got, .. } = mismatch;
            return self.skip(&format!("what it tests was not reached: expected {expected}, got {got}"));
        }
        let verdict = if self.scenario.level == Level::Info { Verdict::NonStrict } else { Verdict::Fail };
        let mismatch = Some(mismatch.at(self.step));
        self.outcome = Some(Outcome { verdict, mismatch, why: None });
    }

    fn skip(&mut self, why: &str) {
        self.outcome.get_or_insert_with(|| Outcome::skipped(why));
    }

    fn note(&mut self, text: &str) {
        self.record.push(Event::Note(text.to_owned()));
    }

    /// Puts tasks before all others.
    fn first<const N: usize>(&mut self, tasks: [Task; N]) {
        tasks.into_iter().rev().for_each(|task| self.plan.push_front(task));
    }

    /// Drops what is left of the step in progress.
    fn drop_step(&mut self) {
        while self.plan.front().is_some_and(|task| !matches!(task, Task::Step(_) | Task::Flush | Task::End)) {
            self.plan.pop_front();
        }
    }
}
