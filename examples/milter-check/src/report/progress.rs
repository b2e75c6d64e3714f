//! What is shown while a run goes on.

use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::HashSet;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use milter_proto::conformance::Verdict;

use super::groups::Cause;
use super::human;
use crate::results::Row;
use crate::schedule::Watcher;
use crate::transcript::count;

/// Without a terminal, a line is written after so many parts of a run, or after a tenth of them if that is more.
const LINE_AFTER: u32 = 100;

/// A progress bar on a terminal, and elsewhere a line on standard error now and then.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    noun: &'static str,
    total: u32,
    done: AtomicU32,
    is_terminal: bool,
}

impl Bar {
    /// The noun is what a run consists of: `scenario`.
    pub(crate) fn new(total: u32, noun: &'static str) -> Self {
        let is_terminal = stderr().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total.into()), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left: {msg}") {
            bar.set_style(style);
        }
        Self { bar, noun, total, done: AtomicU32::new(0), is_terminal }
    }

    /// One more part is done. The text says how it stands, for the line.
    pub(crate) fn step(&self, state: &str) {
        self.bar.inc(1);
        let done = self.done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let every = self.total.div_ceil(10).max(LINE_AFTER);
        if !self.is_terminal && done < self.total && done.checked_rem(every) == Some(0) {
            let total = count(usize::try_from(self.total).unwrap_or(usize::MAX), self.noun);
            let _ = writeln!(stderr(), "milter-check: {done} of {total}: {state}");
        }
    }

    /// What is going on, for the bar.
    pub(crate) fn show(&self, message: String) {
        self.bar.set_message(message);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The progress of a run of scenarios: also a line for what did not pass, of failures with one cause for the first.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Bar,
    failed: AtomicU32,
    /// Whether lines are shown: they are a part of the report for humans.
    has_lines: bool,
    is_verbose: bool,
    /// The causes of failures that were shown.
    causes: Mutex<HashSet<Cause>>,
}

impl Progress {
    pub(crate) fn new(total: usize, has_lines: bool, is_verbose: bool) -> Self {
        let bar = Bar::new(u32::try_from(total).unwrap_or(u32::MAX), "scenario");
        Self { bar, failed: AtomicU32::new(0), has_lines, is_verbose, causes: Mutex::default() }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish();
    }
}

impl Watcher for Progress {
    fn begins(&self, id: &str) {
        self.bar.show(id.to_owned());
    }

    fn ends(&self, row: &Row<'_>) {
        if row.verdict == Verdict::Fail {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        // The report names those that fail alike.
        let is_new = |cause| self.causes.lock().is_ok_and(|mut causes| causes.insert(cause));
        let is_shown =
            self.is_verbose || row.verdict == Verdict::NonStrict || Cause::of(row).is_some_and(is_new);
        if self.has_lines && is_shown {
            self.bar.bar.suspend(|| {
                // Standard output may be closed: the report that follows finds out.
                let _ = writeln!(anstream::stdout(), "{}", human::line(row));
            });
        }
        self.bar.step(&format!("{} failed", self.failed.load(Ordering::Relaxed)));
    }
}
