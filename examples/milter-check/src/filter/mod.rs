//! A filter under test.

pub(crate) mod first;
pub(crate) mod link;
pub(crate) mod profile;

use std::time::Instant;

use milter_proto::conformance::filter::Profile;
use milter_proto::conformance::{FilterRun, Input, Scenario};

use self::link::{Last, Link};
use crate::bench::{Bench, Limits, Played};
use crate::results::Row;
use crate::signals;
use crate::spec::Spec;

/// A scenario ends at the latest after so many times the longest wait, and after so many frames.
const MOST_TIMEOUTS: u32 = 20;
const MOST_EVENTS: usize = 200_000;

/// A filter, and what is known about it.
#[derive(Debug)]
pub(crate) struct FilterBench<'t> {
    pub(crate) spec: &'t Spec,
    pub(crate) profile: Profile,
    pub(crate) limits: Limits,
}

impl FilterBench<'_> {
    /// Runs one scenario, and tells what happened last on the connection.
    fn play_to_the_end<'s>(&self, scenario: &'s Scenario) -> (Played<'s>, Last) {
        let begun = Instant::now();
        let mut run = FilterRun::new(scenario, &self.profile);
        let mut link = Link::new(self.spec, self.limits);
        let mut action = run.advance(Input::Start);
        let most = self.limits.timeout.saturating_mul(MOST_TIMEOUTS);
        while link.act(action) && signals::caught().is_none() {
            // Nobody else ends a filter that sends PROGRESS for ever.
            if run.record().len() > MOST_EVENTS || begun.elapsed() > most {
                let row = Row::endless(scenario, run.record().to_vec(), begun.elapsed());
                let has_died = link.has_died;
                return (Played { row, unreachable: None, has_timed_out: true, has_died }, Last::Other);
            }
            action = run.advance(link.input());
        }
        let last = link.last();
        let row = Row::new(scenario, run.outcome(), run.record().to_vec(), begun.elapsed());
        let Link { unreachable, has_timed_out, has_died, .. } = link;
        (Played { row, unreachable, has_timed_out, has_died }, last)
    }
}

impl Bench for FilterBench<'_> {
    fn play<'s>(&self, scenario: &'s Scenario) -> Played<'s> {
        self.play_to_the_end(scenario).0
    }

    fn probe(&self) -> Result<(), String> {
        first::probe(self)
    }

    fn role(&self) -> &'static str {
        "filter"
    }

    fn noun(&self) -> &'static str {
        "filter"
    }
}
