//! A progress indicator: how much of a long body was sent.

use std::io::{IsTerminal, Write, stderr};

/// Percent of a number of bytes, on one line of standard error that is overwritten.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    done: u64,
    /// The percentage that is shown, if any.
    shown: Option<u64>,
    is_hidden: bool,
}

impl Progress {
    /// Shows nothing.
    pub(crate) const fn hidden() -> Self {
        Self { total: 0, done: 0, shown: None, is_hidden: true }
    }

    /// Shows how much of `total` bytes was sent, if standard error is a terminal.
    pub(crate) fn of(total: usize) -> Self {
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        Self { total, is_hidden: !stderr().is_terminal(), ..Self::hidden() }
    }

    /// Counts bytes.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.done = self.done.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let percent = self.done.saturating_mul(100).checked_div(self.total);
        if !self.is_hidden && self.shown != percent {
            self.shown = percent;
            let _ = write!(stderr(), "\r{:>3} % of {} bytes", percent.unwrap_or(100), self.total);
        }
    }

    /// Clears the line, and starts again at 0.
    pub(crate) fn finish(&mut self) {
        self.done = 0;
        if self.shown.take().is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
