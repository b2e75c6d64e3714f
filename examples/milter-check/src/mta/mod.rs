//! An MTA under test.

pub(crate) mod first;
pub(crate) mod hub;
pub(crate) mod manual;
pub(crate) mod profile;
mod sink;
mod smtp;

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use milter_proto::conformance::mta::{FailureAction, Profile};
use milter_proto::conformance::{Input, MtaRun, Scenario};

use self::hub::Hub;
use crate::bench::{Bench, Played};
use crate::results::Row;
use crate::signals;

/// An MTA, and what is known about it. It has one filter, so that scenarios are run one after the other.
#[derive(Debug)]
pub(crate) struct MtaBench {
    pub(crate) hub: Mutex<Hub>,
    pub(crate) profile: Profile,
}

impl MtaBench {
    /// Runs one scenario, and tells what the MTA did when the filter failed in it.
    fn play_with_failure<'s>(&self, scenario: &'s Scenario) -> (Played<'s>, FailureAction) {
        let begun = Instant::now();
        let mut hub = self.hub.lock().unwrap_or_else(PoisonError::into_inner);
        let mut run = MtaRun::new(scenario, &self.profile);
        hub.begin();
        let mut action = run.advance(Input::Start);
        while hub.act(action) && signals::caught().is_none() {
            action = hub.tell(|input| run.advance(input));
        }
        let row = Row::new(scenario, run.outcome(), run.record().to_vec(), begun.elapsed());
        let (unreachable, has_timed_out) = (hub.unreachable.take(), hub.has_timed_out);
        (Played { row, unreachable, has_timed_out, has_died: false }, run.failure())
    }
}

impl Bench for MtaBench {
    fn play<'s>(&self, scenario: &'s Scenario) -> Played<'s> {
        self.play_with_failure(scenario).0
    }

    fn probe(&self) -> Result<(), String> {
        first::probe(self)
    }

    fn role(&self) -> &'static str {
        "mta"
    }

    fn noun(&self) -> &'static str {
        "MTA"
    }
}
