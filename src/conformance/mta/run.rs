//! Plays the filter in one scenario, and directs the SMTP client.
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not special is the common case")]

mod judge;

use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::scenario::StepKind;
use super::super::{
    Action, ClientAction, Event, Input, Mismatch, Outcome, Patience, Role, Scenario, Verdict,
};
use super::check::Check;
use super::client::{Smtp, stuffed};
use super::delivery::Deliveries;
use super::expect::{Expected, Got, Place};
use super::link::{Links, Out};
use super::profile::{FailureAction, Profile};
use super::step::{Deed, Do, Hope, Need};
use crate::Wait;

/// Plays the filter in one scenario, for an MTA under test, and directs an SMTP client.
///
/// # Examples
/// ```
/// use milter_proto::conformance::mta::{Profile, mta_scenarios};
/// use milter_proto::conformance::{Action, ClientAction, Input, MtaRun};
///
/// let scenarios = mta_scenarios()?;
/// let profile = Profile::default();
/// let mut run = MtaRun::new(&scenarios[0], &profile);
/// // The client has to connect, which makes the MTA connect to the filter.
/// assert_eq!(run.advance(Input::Start), Action::Client(ClientAction::Connect));
/// assert!(matches!(run.advance(Input::Done), Action::Receive(_)));
/// assert!(matches!(run.advance(Input::Accepted), Action::Receive(_)));
/// # Ok::<(), milter_proto::conformance::ScenarioError>(())
/// ```
#[derive(Debug)]
pub struct MtaRun<'s> {
    scenario: &'s Scenario,
    profile: &'s Profile,
    /// The step that is being done.
    step: usize,
    links: Links,
    /// Where the last `mark` was.
    mark: usize,
    smtp: Smtp,
    deliveries: Deliveries,
    /// What the client still has to do in this step.
    deeds: VecDeque<(Place, ClientAction)>,
    task: Task,
    is_slow: bool,
    timed_out: bool,
    /// Whether nothing has come since the run waited for nothing to come.
    is_settled: bool,
    failure: FailureAction,
    lenient: Option<Mismatch>,
    outcome: Option<Outcome>,
    record: Vec<Event>,
}

/// What the run waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Task {
    /// Nothing: the next step begins.
    Step,
    /// A reply to the client's command at this place. `None` for what is expected: the step goes on by itself.
    Reply(Place, Option<Expected>),
    /// The verdict on a check.
    Check(Check, bool),
    /// All steps are done: the client says QUIT.
    Quit,
    /// Whatever still comes.
    Rest,
}

impl<'s> MtaRun<'s> {
    /// Prepares a run.
    #[must_use]
    pub fn new(scenario: &'s Scenario, profile: &'s Profile) -> Self {
        Self {
            scenario,
            profile,
            step: 0,
            links: Links::new(),
            mark: 0,
            smtp: Smtp::new(profile),
            deliveries: Deliveries::default(),
            deeds: VecDeque::new(),
            task: Task::Step,
            is_slow: false,
            timed_out: false,
            is_settled: false,
            failure: FailureAction::Unknown,
            lenient: None,
            outcome: None,
            record: Vec::new(),
        }
    }

    /// Takes what happened, and tells what to do next.
    pub fn advance(&mut self, input: Input<'_>) -> Action {
        self.take(input);
        loop {
            if self.outcome.is_some() {
                return Action::Finish;
            }
            if let Some(mismatch) = self.links.fault.take() {
                self.fail(mismatch);
                continue;
            }
            if let Some(why) = self.links.why.take() {
                self.skip(why);
                continue;
            }
            match self.links.next_out() {
                Some(Out::Bytes(bytes)) => return Action::Send(bytes),
                Some(Out::Pause) => {
                    let wait = self.links.wait().unwrap_or(Wait::Reply);
                    return Action::Receive(Patience::Almost(wait));
                }
                Some(Out::Close) => return Action::Close,
                None => {}
            }
            if let Some(action) = self.work() {
                return action;
            }
        }
    }

    fn take(&mut self, input: Input<'_>) {
        self.timed_out = false;
        self.is_settled &= matches!(input, Input::Done | Input::Start | Input::TimedOut);
        match input {
            Input::Start => self.start(),
            Input::Done | Input::Connected => {}
            Input::ConnectFailed(why) => self.fail(Mismatch::new("an SMTP connection", why)),
            Input::Accepted => {
                self.note("the MTA opens a Milter connection");
                self.links.accept();
            }
            Input::Received(bytes) => self.links.receive(bytes, self.profile, &mut self.record),
            Input::Closed => {
                self.note("the MTA closes the Milter connection");
                self.links.close();
            }
            Input::SmtpReply(reply) => {
                self.record.push(Event::SmtpReply(reply.to_owned()));
                self.smtp.push(reply);
            }
            Input::SmtpClosed => {
                self.note("the MTA closes the SMTP connection");
                self.smtp.is_open = false;
            }
            Input::Delivered(it) => {
                self.note("the MTA delivers the message");
                self.deliveries.push(it);
            }
            Input::TimedOut => {
                self.timed_out = true;
                self.is_settled = true;
            }
        }
    }

    fn note(&mut self, text: &str) {
        self.record.push(Event::Note(text.to_owned()));
    }

    /// Finds out whether the scenario can be run.
    fn start(&mut self) {
        let has = |is: &dyn Fn(&Do) -> bool| {
            self.scenario.steps.iter().any(|step| matches!(&step.kind, StepKind::Mta(step) if is(step)))
        };
        let looks_at_deliveries =
            has(&|step| matches!(step, Do::Check(Check::Delivered(_) | Check::NothingDelivered, _)));
        let is_slow = has(&|step| matches!(step, Do::Slow));
        if self.scenario.role != Role::Mta {
            self.skip("it is for filters".to_owned());
        } else if let Some(text) = self.profile.unusable_text() {
            self.skip(format!("the profile has {text:?}, which does not fit into every step"));
        } else if looks_at_deliveries && !self.profile.has_sink {
            self.skip("it looks at what is delivered, of which nothing is known".to_owned());
        } else if is_slow && !self.profile.runs_slow {
            self.skip("it waits for a timeout of the MTA, and slow scenarios are off".to_owned());
        }
        self.is_slow = is_slow;
    }

    /// Goes on with the task. `None`: something has changed, try again.
    fn work(&mut self) -> Option<Action> {
        match self.task.clone() {
            Task::Step => self.begin_step(),
            Task::Reply(place, expected) => self.await_reply(place, expected),
            Task::Check(check, is_lenient) => self.await_check(&check, is_lenient),
            Task::Quit => {
                if let Some(reply) = self.smtp.take() {
                    self.fail(Mismatch::new("no further SMTP reply", format!("{reply:?}")));
                    return None;
                }
                self.task = Task::Rest;
                self.deeds.clear();
                self.smtp.is_open.then(|| self.client(ClientAction::Line("QUIT".to_owned())))
            }
            Task::Rest => {
                let is_over = !self.smtp.is_open && !self.links.is_open();
                if self.timed_out || is_over {
                    self.finish(Verdict::Pass);
                    return None;
                }
                Some(Action::Receive(Patience::Short))
            }
        }
    }

    fn begin_step(&mut self) -> Option<Action> {
        let scenario = self.scenario;
        let Some(step) = scenario.steps.get(self.step) else {
            self.task = Task::Quit;
            return None;
        };
        self.record.push(Event::Step(self.step));
        let StepKind::Mta(step) = &step.kind else {
            self.next_step();
            return None;
        };
        match step {
            Do::Slow => {}
            Do::Mark => self.mark = self.links.seen.len(),
            Do::Cut(len) => self.links.cut = *len,
            Do::Content(content) => self.smtp.content.clone_from(content),
            Do::Answer(answer) => self.links.answer = answer.clone(),
            Do::At(at) => self.links.plans.push((at.clone(), 0)),
            Do::Need(need) => self.need(need),
            Do::Check(check, is_lenient) => {
                self.task = Task::Check(check.clone(), *is_lenient);
                return None;
            }
            Do::Client(deed, hope) => return self.begin_deed(deed, hope),
            Do::Session(expected) => {
                self.deeds.push_back((Place::Ehlo, self.line("EHLO $HELO")));
                return self.begin(Place::Connect, ClientAction::Connect, Some(expected.clone()));
            }
            Do::Message(expected) => {
                self.deeds.push_back((Place::Rcpt, self.line("RCPT TO:$RECIPIENT")));
                self.deeds.push_back((Place::Data, self.line("DATA")));
                self.deeds.push_back((Place::Content, ClientAction::Content(stuffed(&self.smtp.content))));
                return self.begin(Place::Mail, self.line("MAIL FROM:$SENDER"), Some(expected.clone()));
            }
        }
        self.next_step();
        None
    }

    fn next_step(&mut self) {
        self.step = self.step.saturating_add(1);
        self.task = Task::Step;
        self.deeds.clear();
    }

    fn line(&self, text: &str) -> ClientAction {
        ClientAction::Line(self.profile.fill(text))
    }

    fn need(&mut self, need: &Need) {
        let why = match need {
            Need::Reply(text) if !self.smtp.last.contains(text.as_str()) => {
                format!("the MTA's reply has no {text:?}")
            }
            Need::Refused if self.profile.refused.is_none() => {
                "the profile names no recipient that the MTA refuses".to_owned()
            }
            Need::Reply(_) | Need::Refused => return,
        };
        self.skip(why);
    }

    fn begin_deed(&mut self, deed: &Deed, hope: &Hope) -> Option<Action> {
        let expected = if let Hope::Reply(expected) = hope { Some(expected.clone()) } else { None };
        if *deed == Deed::Wait {
            self.task = Task::Reply(Place::Other, expected);
            return None;
        }
        let action = match deed {
            Deed::Connect => self.begin(Place::Connect, ClientAction::Connect, expected),
            Deed::Line(place, text) => self.begin(*place, self.line(text), expected),
            Deed::Content => {
                self.begin(Place::Content, ClientAction::Content(stuffed(&self.smtp.content)), expected)
            }
            Deed::Raw(bytes) => self.begin(Place::Content, ClientAction::Content(bytes.clone()), expected),
            Deed::Disconnect | Deed::Wait => self.begin(Place::Other, ClientAction::Disconnect, expected),
        };
        if *hope == Hope::Whatever {
            self.smtp.skip_one();
        }
        action
    }

    /// Lets the client act, and waits for the reply if one is expected.
    fn begin(&mut self, place: Place, action: ClientAction, expected: Option<Expected>) -> Option<Action> {
        if let Some(reply) = self.smtp.take() {
            let expected = "no SMTP reply before the client's next command";
            self.fail(Mismatch::new(expected, format!("{reply:?}")));
            return None;
        }
        match expected {
            Some(expected) => self.task = Task::Reply(place, Some(expected)),
            None => self.next_step(),
        }
        let was_open = self.smtp.is_open;
        match action {
            ClientAction::Connect => self.smtp.is_open = true,
            ClientAction::Disconnect => self.smtp.is_open = false,
            ClientAction::Line(_) | ClientAction::Content(_) => {}
        }
        (was_open || self.smtp.is_open).then(|| self.client(action))
    }

    fn client(&mut self, action: ClientAction) -> Action {
        self.is_settled = false;
        self.record.push(Event::Client(match &action {
            ClientAction::Connect => "(connects)".to_owned(),
            ClientAction::Line(line) => line.clone(),
            ClientAction::Content(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            ClientAction::Disconnect => "(disconnects)".to_owned(),
        }));
        Action::Client(action)
    }

    fn await_reply(&mut self, place: Place, expected: Option<Expected>) -> Option<Action> {
        let got = match self.smtp.take() {
            Some(reply) => Got { place, reply: Some(reply) },
            None if !self.smtp.is_open => Got { place, reply: None },
            None if self.timed_out => {
                let expected = expected.map_or_else(|| "an SMTP reply".to_owned(), |it| it.text);
                self.fail(Mismatch::new(expected, "no SMTP reply came"));
                return None;
            }
            None => return Some(Action::Receive(self.patience())),
        };
        self.smtp.last = got.reply.clone().unwrap_or_default();
        let Some(expected) = expected else {
            self.next_step();
            return None;
        };
        if got.reply.as_ref().is_some_and(|reply| place.is_passed_by(reply)) {
            if let Some((place, action)) = self.deeds.pop_front() {
                return self.begin(place, action, Some(expected));
            }
        }
        self.judge(&expected, got)
    }

    fn patience(&self) -> Patience {
        match self.links.wait() {
            Some(wait) if self.is_slow => Patience::Timeout(wait),
            Some(wait) => Patience::Long(wait),
            None => Patience::Long(Wait::Reply),
        }
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

    /// What the MTA did when the filter failed: put it into [`Profile::failure`]. `Unknown` unless the scenario expects a
    /// failure, as `mta/ending/failure-action` does.
    #[must_use]
    pub const fn failure(&self) -> FailureAction {
        self.failure
    }
}
