//! Plays sessions to a filter.

use core::time::Duration;
use std::io;
use std::thread;
use std::time::Instant;

use milter_proto::conformance::filter::Profile;
use milter_proto::conformance::{Event, FilterRun, Input, Scenario, Verdict};
use milter_proto::testing::Session;

use super::found::{Found, Kind};
use super::program::Program;
use crate::bench::Limits;
use crate::filter::link::{Last, Link};
use crate::signals;
use crate::spec::Spec;

/// How long to look whether a filter that refused a connection accepts one again.
const GRACE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait, in a hurry, for what must come.
const HURRY: Duration = Duration::from_millis(500);

/// A filter under test.
pub(crate) trait Peer {
    /// Plays a run to its end. Returns the last thing that happened, and why there was no connection at all.
    fn run(&mut self, run: &mut FilterRun<'_>) -> (Last, Option<String>);

    /// Why the filter does not accept a connection, if it does not.
    fn refusal(&mut self) -> Option<String>;

    /// Whether the filter accepts connections, or does so again after a short time.
    fn is_back(&mut self) -> bool;

    /// Waits for a shorter time, or as long as the user wants, for what must come.
    fn hurry(&mut self, is_in_hurry: bool);

    /// Starts the filter again, if that is possible.
    fn restart(&mut self) -> io::Result<bool>;
}

/// What became of one session.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) found: Option<Found>,
    pub(crate) is_skipped: bool,
    pub(crate) scenario: Scenario,
    pub(crate) record: Vec<Event>,
    /// The filter could not be reached at the beginning.
    pub(crate) unreachable: Option<String>,
}

/// Plays one session.
pub(crate) fn play(
    peer: &mut dyn Peer,
    profile: &Profile,
    session: &Session,
    name: &str,
) -> Result<Played, String> {
    play_scenario(peer, profile, scenario(session, name)?)
}

/// Plays the scenario of a session.
pub(super) fn play_scenario(
    peer: &mut dyn Peer,
    profile: &Profile,
    scenario: Scenario,
) -> Result<Played, String> {
    let mut run = FilterRun::new(&scenario, profile);
    let (last, unreachable) = peer.run(&mut run);
    let outcome = run.outcome().cloned().ok_or("the run ended without a result")?;
    let mut found = Found::of(&scenario, &outcome, run.record(), last);
    if let Some(found) = found.as_mut().filter(|_| matches!(last, Last::Refused | Last::Closed)) {
        found.kind = match (peer.is_back(), last) {
            (false, _) => Kind::Crash,
            (true, Last::Refused) => Kind::RefusedConnection,
            (true, _) => found.kind,
        };
    }
    if found.is_none() && unreachable.is_none() {
        found = death(peer);
    }
    let record = run.record().to_vec();
    let is_skipped = outcome.verdict == Verdict::Skipped;
    Ok(Played { found, is_skipped, scenario, record, unreachable })
}

/// What is found if the filter has died at the end of a session.
fn death(peer: &mut dyn Peer) -> Option<Found> {
    let why = peer.refusal()?;
    Some(Found {
        kind: if peer.is_back() { Kind::RefusedConnection } else { Kind::Crash },
        is_note: false,
        after: "QUIT".to_owned(),
        expected: "a new connection".to_owned(),
        got: format!("no connection: {why}"),
    })
}

/// The scenario of a session.
fn scenario(session: &Session, name: &str) -> Result<Scenario, String> {
    let text = session.to_scenario(name);
    let scenarios = Scenario::read_all(&text).map_err(|error| format!("{error} in\n{text}"))?;
    scenarios.into_iter().next().ok_or_else(|| "a session without a step".to_owned())
}

/// A filter behind a socket.
#[derive(Debug)]
pub(crate) struct Remote<'t> {
    pub(crate) spec: &'t Spec,
    pub(crate) limits: Limits,
    pub(crate) is_in_hurry: bool,
    /// If it can be started again.
    pub(crate) program: Option<Program>,
}

impl Peer for Remote<'_> {
    fn run(&mut self, run: &mut FilterRun<'_>) -> (Last, Option<String>) {
        let mut limits = self.limits;
        if self.is_in_hurry {
            limits.timeout = limits.timeout.min(HURRY).max(limits.quiet);
        }
        let mut link = Link::new(self.spec, limits);
        let mut action = run.advance(Input::Start);
        while link.act(action) && signals::caught().is_none() {
            action = run.advance(link.input());
        }
        (link.last(), link.unreachable)
    }

    fn refusal(&mut self) -> Option<String> {
        self.spec.connect(self.limits.timeout).err().map(|error| error.to_string())
    }

    fn is_back(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            // The system may close the connections of a process before it refuses new ones.
            thread::sleep(PAUSE);
            let is_back = self.refusal().is_none();
            if is_back || begun.elapsed() > GRACE {
                return is_back;
            }
        }
    }

    fn hurry(&mut self, is_in_hurry: bool) {
        self.is_in_hurry = is_in_hurry;
    }

    fn restart(&mut self) -> io::Result<bool> {
        let Some(program) = &mut self.program else { return Ok(false) };
        program.restart(self.spec).map(|()| true)
    }
}
