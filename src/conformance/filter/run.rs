//! Plays the MTA in one scenario.

use alloc::vec::Vec;

use super::super::{Action, Event, Input, Outcome, Scenario};
use super::Profile;

/// Plays the MTA in one scenario, for a filter under test.
#[derive(Debug)]
pub struct FilterRun<'s> {
    scenario: &'s Scenario,
    profile: &'s Profile,
    outcome: Option<Outcome>,
    record: Vec<Event>,
}

impl<'s> FilterRun<'s> {
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
