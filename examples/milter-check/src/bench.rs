//! What runs a scenario with a program under test, whichever its role.

use core::time::Duration;

use milter_proto::conformance::{Patience, Scenario};

use crate::results::Row;

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For what must come.
    pub(crate) timeout: Duration,
    /// To find out that nothing comes.
    pub(crate) quiet: Duration,
    /// For an MTA to give up a filter that does not answer.
    pub(crate) slow: Duration,
}

impl Limits {
    pub(crate) const fn of(self, patience: Patience) -> Duration {
        match patience {
            Patience::Short => self.quiet,
            Patience::Timeout(_) => self.slow,
            _ => self.timeout,
        }
    }
}

/// A program under test, and the way to it.
pub(crate) trait Bench: Sync {
    /// Runs one scenario.
    fn play<'s>(&self, scenario: &'s Scenario) -> Played<'s>;

    /// Whether the program still answers; if not, why.
    fn probe(&self) -> Result<(), String>;

    /// `filter` or `mta`.
    fn role(&self) -> &'static str;

    /// How the program is called in sentences.
    fn noun(&self) -> &'static str;
}

/// The result of one scenario, and what it tells about the program under test.
#[derive(Debug)]
pub(crate) struct Played<'s> {
    pub(crate) row: Row<'s>,
    /// Why the program could not be reached at all.
    pub(crate) unreachable: Option<String>,
    /// Whether something that must come did not.
    pub(crate) has_timed_out: bool,
}
