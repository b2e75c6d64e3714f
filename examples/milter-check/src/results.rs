//! The results of all scenarios.

use core::time::Duration;
use std::time::SystemTime;

use milter_proto::conformance::{Event, Level, Outcome, Scenario, Verdict};

use crate::baseline::Change;
use crate::schedule::Stopped;
use crate::transcript::{count as count_of, printable};

/// The result of one scenario.
#[derive(Clone, Debug)]
pub(crate) struct Row<'s> {
    pub(crate) scenario: &'s Scenario,
    pub(crate) verdict: Verdict,
    pub(crate) mismatch: Option<Difference>,
    /// Why it was skipped.
    pub(crate) why: Option<String>,
    pub(crate) record: Vec<Event>,
    pub(crate) time: Duration,
    /// How it differs from the baseline.
    pub(crate) change: Option<Change>,
    /// Whether the run ended before this scenario.
    pub(crate) is_left_out: bool,
}

/// What was expected at a step, and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// From 0; the number of steps if it was after the last one.
    pub(crate) step: usize,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// The rule that the program broke by what it sent.
    pub(crate) rule: Option<&'static str>,
}

impl<'s> Row<'s> {
    pub(crate) fn new(
        scenario: &'s Scenario,
        outcome: Option<&Outcome>,
        record: Vec<Event>,
        time: Duration,
    ) -> Self {
        let Some(outcome) = outcome else {
            return Self { record, time, ..Self::skipped(scenario, "the run ended without a result") };
        };
        let mismatch = outcome.mismatch.as_ref().map(|it| Difference {
            step: it.step,
            expected: printable(&it.expected),
            got: printable(&it.got),
            rule: it.rule,
        });
        let (verdict, why) = (outcome.verdict, outcome.why.clone());
        Self { scenario, verdict, mismatch, why, record, time, change: None, is_left_out: false }
    }

    /// A scenario that the program under test does not let end.
    pub(crate) fn endless(scenario: &'s Scenario, record: Vec<Event>, time: Duration) -> Self {
        let step = record.iter().rev().find_map(|event| match event {
            Event::Step(step) => Some(*step),
            _ => None,
        });
        let got = format!("frame after frame, {} in {:.1} s", record.len(), time.as_secs_f64());
        let expected = "an end of the reply".to_owned();
        Self {
            verdict: if scenario.level == Level::Info { Verdict::NonStrict } else { Verdict::Fail },
            mismatch: Some(Difference { step: step.unwrap_or_default(), expected, got, rule: None }),
            why: None,
            record,
            time,
            ..Self::skipped(scenario, "")
        }
    }

    pub(crate) fn skipped(scenario: &'s Scenario, why: &str) -> Self {
        Self {
            scenario,
            verdict: Verdict::Skipped,
            mismatch: None,
            why: Some(why.to_owned()),
            record: Vec::new(),
            time: Duration::ZERO,
            change: None,
            is_left_out: false,
        }
    }

    /// A scenario that was not run, as the run ended before it.
    pub(crate) fn not_run(scenario: &'s Scenario, why: &str) -> Self {
        Self { is_left_out: true, ..Self::skipped(scenario, why) }
    }

    /// The text of the step at which it was decided.
    pub(crate) fn step(&self) -> Option<&str> {
        let step = self.mismatch.as_ref()?.step;
        self.scenario.steps.get(step).map(|step| step.text.as_str())
    }
}

/// A run of many scenarios.
#[derive(Debug)]
pub(crate) struct Results<'s> {
    /// The name of the program under test, as the user gave it.
    pub(crate) name: Option<String>,
    /// Its address.
    pub(crate) target: String,
    /// The role of the program under test: `filter` or `mta`.
    pub(crate) role: &'static str,
    /// What the first session found out.
    pub(crate) facts: String,
    /// What the first session shows that makes many scenarios fail or not apply, in one sentence.
    pub(crate) warning: Option<String>,
    /// Why the run ended early.
    pub(crate) stopped: Option<Stopped>,
    pub(crate) started: SystemTime,
    pub(crate) time: Duration,
    pub(crate) rows: Vec<Row<'s>>,
}

/// How many scenarios came to which result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) pass: usize,
    pub(crate) non_strict: usize,
    pub(crate) fail: usize,
    pub(crate) skipped: usize,
}

impl Count {
    pub(crate) fn of<'r, 's: 'r>(rows: impl IntoIterator<Item = &'r Row<'s>>) -> Self {
        let mut count = Self::default();
        for row in rows {
            let place = match row.verdict {
                Verdict::Pass => &mut count.pass,
                Verdict::NonStrict => &mut count.non_strict,
                Verdict::Fail => &mut count.fail,
                Verdict::Skipped => &mut count.skipped,
            };
            *place = place.saturating_add(1);
        }
        count
    }

    pub(crate) const fn total(self) -> usize {
        self.pass.saturating_add(self.non_strict).saturating_add(self.fail).saturating_add(self.skipped)
    }
}

impl<'s> Results<'s> {
    pub(crate) fn count(&self) -> Count {
        Count::of(&self.rows)
    }

    /// The chapters in the order of the scenarios, with their results.
    pub(crate) fn chapters(&self) -> Vec<(&'s str, Vec<&Row<'s>>)> {
        let mut chapters: Vec<(&str, Vec<&Row<'s>>)> = Vec::new();
        for row in &self.rows {
            let name = row.scenario.chapter();
            match chapters.iter_mut().find(|(chapter, _)| *chapter == name) {
                Some((_, rows)) => rows.push(row),
                None => chapters.push((name, vec![row])),
            }
        }
        chapters
    }

    pub(crate) fn failed(&self, level: Level) -> usize {
        let is_failed = |row: &&Row<'_>| row.verdict == Verdict::Fail && row.scenario.level == level;
        self.rows.iter().filter(is_failed).count()
    }

    /// The lines at the top of reports: what was found out about the program before the scenarios.
    pub(crate) fn heading(&self) -> Vec<String> {
        let facts = format!("{}: {}", self.target, self.facts);
        [Some(facts), self.warning.clone()].into_iter().flatten().collect()
    }

    /// How far a run got that ended early, and why it did: `164 of 644 scenarios ran: stopped by SIGINT`.
    pub(crate) fn stopped(&self) -> Option<String> {
        let why = self.stopped.as_ref()?;
        Some(if self.all_ran() {
            format!("all {} ran, but not every failure was run again alone: {why}", self.part_that_ran())
        } else {
            format!("{} ran: {why}", self.part_that_ran())
        })
    }

    /// `164 of 644 scenarios`, or `644 scenarios` if all ran.
    pub(crate) fn part_that_ran(&self) -> String {
        let all = count_of(self.rows.len(), "scenario");
        if self.all_ran() { all } else { format!("{} of {all}", self.count_that_ran()) }
    }

    fn count_that_ran(&self) -> usize {
        self.rows.iter().filter(|row| !row.is_left_out).count()
    }

    /// Whether the end of the run left no scenario out.
    fn all_ran(&self) -> bool {
        self.count_that_ran() == self.rows.len()
    }

    /// What it comes down to.
    pub(crate) fn headline(&self) -> String {
        let result = self.result();
        match &self.stopped {
            Some(_) if self.all_ran() => {
                format!("{result}; the run was stopped while it repeated scenarios alone")
            }
            Some(_) => format!("{result}, but only {} ran", self.part_that_ran()),
            None => result,
        }
    }

    fn result(&self) -> String {
        let counts = [(Level::Must, self.failed(Level::Must)), (Level::Should, self.failed(Level::Should))];
        let failed: Vec<_> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(level, count)| format!("{} of level {level}", count_of(*count, "scenario")))
            .collect();
        match failed.as_slice() {
            [] if self.count().total() == self.count().skipped => "no scenario could be run".to_owned(),
            [] => "no scenario failed".to_owned(),
            failed => format!("{} failed", failed.join(" and ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::time::SystemTime;

    use milter_proto::conformance::Scenario;

    use super::{Results, Row};
    use crate::schedule::Stopped;

    #[test]
    fn a_run_that_is_stopped_says_how_far_it_came() {
        let text = "[filter/a/one] must NEG-15\nOne\n> OPTNEG 6 0 0\n< OPTNEG\n";
        let scenarios = Scenario::read_all(text).unwrap();
        let of = |row| Results {
            name: None,
            target: "inet:1".to_owned(),
            role: "filter",
            facts: String::new(),
            warning: None,
            stopped: Some(Stopped::Program("it hangs".to_owned())),
            started: SystemTime::UNIX_EPOCH,
            time: Duration::ZERO,
            rows: vec![row],
        };
        let none = of(Row::not_run(&scenarios[0], "stopped"));
        assert_eq!(none.stopped().unwrap(), "0 of 1 scenario ran: it hangs");
        assert_eq!(none.headline(), "no scenario could be run, but only 0 of 1 scenario ran");
        let all = of(Row::skipped(&scenarios[0], "it does not apply"));
        let told = "all 1 scenario ran, but not every failure was run again alone: it hangs";
        assert_eq!(all.stopped().unwrap(), told);
        assert_eq!(
            all.headline(),
            "no scenario could be run; the run was stopped while it repeated scenarios alone"
        );
    }
}
