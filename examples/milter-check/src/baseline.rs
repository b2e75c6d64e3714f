//! Known failures.

use core::fmt::Write as _;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use milter_proto::conformance::Verdict;

use crate::near::meant;
use crate::results::Results;
use crate::transcript::count;

/// The most unknown ids that are shown.
const MOST_UNKNOWN: usize = 10;

/// The ids of scenarios that are known to fail: one a line, `#` begins a comment.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    ids: BTreeSet<String>,
}

/// How a result differs from the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It fails, as before.
    KnownFailure,
    /// It fails, and did not.
    NewFailure,
    /// It does not fail any more.
    NewPass,
}

impl Change {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::KnownFailure => "known failure",
            Self::NewFailure => "new failure",
            Self::NewPass => "newly passes",
        }
    }
}

impl Baseline {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        Ok(Self { ids: lines.filter(|line| !line.is_empty()).map(str::to_owned).collect() })
    }

    /// What is wrong if an id of it is that of no scenario: it would never fail, and never be missed.
    pub(crate) fn unknown(&self, known: &[&str]) -> Option<String> {
        let unknown: Vec<_> = self.ids.iter().filter(|id| !known.contains(&id.as_str())).collect();
        let lines = unknown.iter().take(MOST_UNKNOWN).map(|id| {
            let near = meant(id, known.iter().copied());
            format!("no scenario has the id {id}{near}")
        });
        let mut text = lines.collect::<Vec<_>>().join("\n  ");
        if let Some(more) = unknown.len().checked_sub(MOST_UNKNOWN).filter(|more| *more > 0) {
            let _ = write!(text, "\n  and {} like this", count(more, "other id"));
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// Writes the failures of a run. What was not run keeps its place.
    pub(crate) fn write(path: &Path, results: &Results<'_>, known: Option<&Self>) -> io::Result<()> {
        let mut ids = known.map(|known| known.ids.clone()).unwrap_or_default();
        for row in &results.rows {
            match row.verdict {
                Verdict::Fail => ids.insert(row.scenario.id.clone()),
                Verdict::Pass | Verdict::NonStrict => ids.remove(&row.scenario.id),
                Verdict::Skipped => false,
            };
        }
        let mut text = "# Scenarios that are known to fail, for milter-check --baseline.\n".to_owned();
        for id in &ids {
            text.push_str(id);
            text.push('\n');
        }
        fs::write(path, text)
    }

    /// Compares the results with it.
    pub(crate) fn compare(&self, results: &mut Results<'_>) {
        for row in &mut results.rows {
            let is_known = self.ids.contains(&row.scenario.id);
            row.change = match (row.verdict, is_known) {
                (Verdict::Fail, true) => Some(Change::KnownFailure),
                (Verdict::Fail, false) => Some(Change::NewFailure),
                (Verdict::Pass | Verdict::NonStrict, true) => Some(Change::NewPass),
                (Verdict::Pass | Verdict::NonStrict | Verdict::Skipped, _) => None,
            };
        }
    }
}
