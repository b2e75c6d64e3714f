//! What runs a scenario with a program under test, whichever its role.

use core::time::Duration;

use milter_proto::Wait;
use milter_proto::conformance::{Patience, Scenario};

use crate::results::Row;

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For what must come.
    pub(crate) timeout: Duration,
    /// To find out that nothing comes.
    pub(crate) quiet: Duration,
    /// How long the MTA under test waits for a filter, if that is known.
    pub(crate) mta: Option<MtaTimeouts>,
}

/// How long an MTA waits for a filter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MtaTimeouts {
    /// For the replies to commands before the content.
    pub(crate) command: Duration,
    /// For those to headers and body.
    pub(crate) content: Duration,
    /// For that to the end of the message.
    pub(crate) end_of_message: Duration,
}

impl Limits {
    pub(crate) fn of(self, patience: Patience) -> Duration {
        let timeout = |wait| self.mta.map_or(self.timeout, |timeouts| timeouts.of(wait));
        match patience {
            Patience::Short => self.quiet,
            // An MTA may look at its clock only now and then.
            Patience::Timeout(wait) => timeout(wait).mul_f64(1.2).saturating_add(Duration::from_secs(2)),
            Patience::Almost(wait) => timeout(wait).mul_f64(2.0 / 3.0),
            _ => self.timeout,
        }
    }
}

impl MtaTimeouts {
    const fn of(self, wait: Wait) -> Duration {
        match wait {
            Wait::Content => self.content,
            Wait::EndOfMessage => self.end_of_message,
            _ => self.command,
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
    /// Whether the program died, and may have been started again.
    pub(crate) has_died: bool,
}
