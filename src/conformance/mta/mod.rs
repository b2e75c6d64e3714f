//! Scenarios for an MTA under test: the run plays the filter, and tells what the SMTP client does.

mod check;
mod expect;
mod link;
mod profile;
mod run;
mod step;

use alloc::vec::Vec;

pub use profile::{FailureAction, Profile};
pub use run::MtaRun;
pub(super) use step::{Do, read};

use super::{Scenario, ScenarioError};

/// The tables of scenarios, one for each chapter.
const TABLES: &[&str] = &[
    include_str!("framing.txt"),
    include_str!("negotiation.txt"),
    include_str!("order.txt"),
    include_str!("replies.txt"),
    include_str!("texts.txt"),
    include_str!("macros.txt"),
    include_str!("edits.txt"),
    include_str!("body.txt"),
    include_str!("messages.txt"),
    include_str!("ending.txt"),
];

/// The scenarios of this crate for MTAs.
///
/// # Errors
/// None: a test reads them all.
pub fn mta_scenarios() -> Result<Vec<Scenario>, ScenarioError> {
    super::read::read_tables(TABLES)
}
