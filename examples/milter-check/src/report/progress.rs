//! What is shown while scenarios are run.

use std::collections::HashSet;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use milter_proto::conformance::Verdict;

use super::groups::Cause;
use super::human;
use crate::results::Row;
use crate::schedule::Watcher;

/// A progress bar on a terminal, and a line for what did not pass: of failures with one cause, for the first.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Whether lines are shown: they are a part of the report for humans.
    has_lines: bool,
    is_verbose: bool,
    /// The causes of failures that were shown.
    causes: Mutex<HashSet<Cause>>,
}

impl Progress {
    pub(crate) fn new(total: usize, has_lines: bool, is_verbose: bool) -> Self {
        let target =
            if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(u64::try_from(total).ok(), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left: {msg}") {
            bar.set_style(style);
        }
        Self { bar, has_lines, is_verbose, causes: Mutex::default() }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watcher for Progress {
    fn begins(&self, id: &str) {
        self.bar.set_message(id.to_owned());
    }

    fn ends(&self, row: &Row<'_>) {
        self.bar.inc(1);
        // The report names those that fail alike.
        let is_new = |cause| self.causes.lock().is_ok_and(|mut causes| causes.insert(cause));
        let is_shown =
            self.is_verbose || row.verdict == Verdict::NonStrict || Cause::of(row).is_some_and(is_new);
        if self.has_lines && is_shown {
            self.bar.suspend(|| {
                // Standard output may be closed: the report that follows finds out.
                let _ = writeln!(anstream::stdout(), "{}", human::line(row));
            });
        }
    }
}
