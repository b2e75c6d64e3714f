//! Runs one scenario.

use std::time::Instant;

use milter_proto::conformance::filter::Profile;
use milter_proto::conformance::{FilterRun, Input, Scenario};

use crate::link::{Limits, Link};
use crate::results::Row;
use crate::spec::Spec;

/// The result of one scenario, and what it tells about the program under test.
#[derive(Debug)]
pub(crate) struct Played<'s> {
    pub(crate) row: Row<'s>,
    /// Why the program could not be reached at all.
    pub(crate) unreachable: Option<String>,
    /// Whether something that must come did not.
    pub(crate) has_timed_out: bool,
}

/// Runs a scenario for a filter.
pub(crate) fn filter<'s>(
    scenario: &'s Scenario,
    profile: &Profile,
    spec: &Spec,
    limits: Limits,
) -> Played<'s> {
    let begun = Instant::now();
    let mut run = FilterRun::new(scenario, profile);
    let mut link = Link::new(spec, limits);
    let mut action = run.advance(Input::Start);
    while link.act(action) {
        action = run.advance(link.input());
    }
    let row = Row::new(scenario, run.outcome(), run.record().to_vec(), begun.elapsed());
    Played { row, unreachable: link.unreachable, has_timed_out: link.has_timed_out }
}
