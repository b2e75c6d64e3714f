//! A filter under test.

pub(crate) mod first;
pub(crate) mod link;
pub(crate) mod profile;

use std::time::Instant;

use milter_proto::conformance::filter::Profile;
use milter_proto::conformance::{FilterRun, Input, Scenario};

use self::link::Link;
use crate::bench::{Bench, Limits, Played};
use crate::results::Row;
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

impl Bench for FilterBench<'_> {
    fn play<'s>(&self, scenario: &'s Scenario) -> Played<'s> {
        let begun = Instant::now();
        let mut run = FilterRun::new(scenario, &self.profile);
        let mut link = Link::new(self.spec, self.limits);
        let mut action = run.advance(Input::Start);
        let most = self.limits.timeout.saturating_mul(MOST_TIMEOUTS);
        while link.act(action) {
            // Nobody else ends a filter that sends PROGRESS for ever.
            if run.record().len() > MOST_EVENTS || begun.elapsed() > most {
                let row = Row::endless(scenario, run.record().to_vec(), begun.elapsed());
                return Played { row, unreachable: None, has_timed_out: true, has_died: link.has_died };
            }
            action = run.advance(link.input());
        }
        let row = Row::new(scenario, run.outcome(), run.record().to_vec(), begun.elapsed());
        Played {
            row,
            unreachable: link.unreachable,
            has_timed_out: link.has_timed_out,
            has_died: link.has_died,
        }
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
