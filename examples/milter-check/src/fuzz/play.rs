//! Plays sessions to a filter.

use core::time::Duration;
use std::io;
use std::thread;
use std::time::Instant;

use milter_proto::conformance::filter::Profile;
use milter_proto::conformance::{Event, FilterRun, Input, Scenario, Verdict};
use milter_proto::testing::Session;

use super::found::{Found, Kind, Last};
use super::program::Program;
use crate::bench::Limits;
use crate::filter::link::Link;
use crate::spec::Spec;

/// How long to look whether a filter that refused a connection accepts one again.
const GRACE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);

/// A filter under test.
#[derive(Debug)]
pub(crate) struct Target<'t> {
    pub(crate) spec: &'t Spec,
    pub(crate) profile: &'t Profile,
    pub(crate) limits: Limits,
    /// If it can be started again.
    pub(crate) program: Option<Program>,
}

/// What became of one session.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) found: Option<Found>,
    pub(crate) is_skipped: bool,
    pub(crate) scenario: Scenario,
    pub(crate) record: Vec<Event>,
    /// The filter could not be reached at the beginning: the session before did it.
    pub(crate) unreachable: Option<String>,
}

impl Target<'_> {
    /// Plays one session.
    pub(crate) fn play(&mut self, session: &Session, name: &str) -> Result<Played, String> {
        let scenario = scenario(session, name)?;
        let mut run = FilterRun::new(&scenario, self.profile);
        let mut link = Link::new(self.spec, self.limits);
        let (mut action, mut last) = (run.advance(Input::Start), Last::Other);
        while link.act(action) {
            let input = link.input();
            last = match input {
                Input::ConnectFailed(_) => Last::Refused,
                Input::TimedOut => Last::TimedOut,
                Input::Closed => Last::Closed,
                _ => Last::Other,
            };
            action = run.advance(input);
        }
        let outcome = run.outcome().cloned().ok_or("the run ended without a result")?;
        let unreachable = link.unreachable.clone();
        let mut found = Found::of(&scenario, &outcome, last);
        if let Some(found) = found.as_mut().filter(|found| found.kind == Kind::Crash && self.is_back()) {
            found.kind = Kind::RefusedConnection;
        }
        if found.is_none() && unreachable.is_none() && session.fault.is_none() {
            found = self.has_died();
        }
        let record = run.record().to_vec();
        let is_skipped = outcome.verdict == Verdict::Skipped;
        Ok(Played { found, is_skipped, scenario, record, unreachable })
    }

    /// Whether the filter has died at the end of a session. Scenarios of sessions with a fault find out themselves.
    fn has_died(&self) -> Option<Found> {
        let error = self.spec.connect(self.limits.timeout).err()?;
        Some(Found {
            kind: if self.is_back() { Kind::RefusedConnection } else { Kind::Crash },
            is_note: false,
            after: "QUIT".to_owned(),
            expected: "a new connection".to_owned(),
            got: format!("no connection: {error}"),
        })
    }

    /// Whether the filter accepts connections again.
    fn is_back(&self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < GRACE {
            if self.spec.connect(self.limits.timeout).is_ok() {
                return true;
            }
            thread::sleep(PAUSE);
        }
        false
    }

    /// Starts the filter again, if that is possible.
    pub(crate) fn restart(&mut self) -> io::Result<bool> {
        let Some(program) = &mut self.program else { return Ok(false) };
        program.restart(self.spec).map(|()| true)
    }
}

/// The scenario of a session.
pub(crate) fn scenario(session: &Session, name: &str) -> Result<Scenario, String> {
    let text = session.to_scenario(name);
    let scenarios = Scenario::read_all(&text).map_err(|error| format!("{error} in\n{text}"))?;
    scenarios.into_iter().next().ok_or_else(|| "a session without a step".to_owned())
}
