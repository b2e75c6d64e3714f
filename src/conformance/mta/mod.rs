//! Scenarios for an MTA under test: the run plays the filter, and tells what the SMTP client does.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use super::read::ScenarioFault;
use super::{Action, Event, Input, Outcome, Scenario, ScenarioError};

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Do {}

/// Reads one step.
pub(super) fn read(line: &str) -> Result<Do, ScenarioFault> {
    Err(ScenarioFault::Step(line.to_owned()))
}

/// What the user tells about an MTA under test.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Profile {}

/// Plays the filter in one scenario, for an MTA under test.
#[derive(Debug)]
pub struct MtaRun<'s> {
    scenario: &'s Scenario,
    profile: &'s Profile,
    outcome: Option<Outcome>,
    record: Vec<Event>,
}

impl<'s> MtaRun<'s> {
    /// Prepares a run.
    #[must_use]
    pub const fn new(scenario: &'s Scenario, profile: &'s Profile) -> Self {
        Self { scenario, profile, outcome: None, record: Vec::new() }
    }

    /// Takes what happened, and tells what to do next.
    pub fn advance(&mut self, input: Input<'_>) -> Action {
        let _ = (input, self.scenario, self.profile);
        Action::Finish
    }

    /// The result, once [`advance`](Self::advance) has returned [`Action::Finish`].
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What has happened so far.
    #[must_use]
    pub fn record(&self) -> &[Event] {
        &self.record
    }
}

/// The scenarios of this crate for MTAs.
///
/// # Errors
/// None: a test reads them all.
pub fn mta_scenarios() -> Result<Vec<Scenario>, ScenarioError> {
    super::read::read_tables(&[])
}
