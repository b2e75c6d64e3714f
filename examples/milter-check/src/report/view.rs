//! The results as data: what JSON and HTML show.

use std::collections::HashMap;
use std::time::UNIX_EPOCH;

use chrono::{DateTime, SecondsFormat, Utc};
use milter_proto::conformance::Level;
use serde::Serialize;

use super::groups::{Cause, Group, groups};
use crate::results::{Count, Results, Row};
use crate::rules;
use crate::transcript::{self, Extent};

/// The whole report. The README describes every field.
#[derive(Debug, Serialize)]
pub(super) struct View {
    format: u32,
    tool: Tool,
    role: &'static str,
    target: String,
    name: Option<String>,
    facts: String,
    warning: Option<String>,
    started: String,
    seconds: f64,
    stopped: Option<String>,
    summary: Summary,
    chapters: Vec<Chapter>,
    groups: Vec<GroupView>,
    pub(super) scenarios: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct Summary {
    pass: usize,
    non_strict: usize,
    fail: usize,
    skipped: usize,
}

/// A row of the matrix.
#[derive(Debug, Serialize)]
struct Chapter {
    name: String,
    must: Summary,
    should: Summary,
    info: Summary,
}

/// Failures with one cause.
#[derive(Debug, Serialize)]
struct GroupView {
    expected: String,
    got: String,
    rule: Option<String>,
    must: usize,
    should: usize,
    scenarios: Vec<String>,
}

/// One scenario.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) id: String,
    chapter: String,
    title: String,
    level: &'static str,
    rules: Vec<String>,
    result: &'static str,
    group: Option<usize>,
    why: Option<String>,
    step: Option<usize>,
    expected: Option<String>,
    got: Option<String>,
    baseline: Option<&'static str>,
    seconds: f64,
    steps: Vec<String>,
    transcript: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<String>,
}

/// A rule, for HTML.
#[derive(Debug, Serialize)]
pub(super) struct RuleView {
    id: String,
    html: String,
    place: String,
    /// Where it can be read, if that is known.
    link: Option<String>,
}

impl From<Count> for Summary {
    fn from(count: Count) -> Self {
        let Count { pass, non_strict, fail, skipped } = count;
        Self { pass, non_strict, fail, skipped }
    }
}

impl View {
    pub(super) fn new(results: &Results<'_>, extent: Extent) -> Self {
        let chapters = results.chapters();
        let chapters = chapters.iter().map(|(name, rows)| {
            let of = |level| Count::of(rows.iter().copied().filter(|row| row.scenario.level == level)).into();
            let (must, should, info) = (of(Level::Must), of(Level::Should), of(Level::Info));
            Chapter { name: (*name).to_owned(), must, should, info }
        });
        let groups = groups(results);
        let places = (1_usize..).zip(&groups).map(|(number, group)| (group.cause.clone(), number));
        let places: HashMap<_, _> = places.collect();
        let entry = |row: &Row<'_>| {
            let group = Cause::of(row).and_then(|cause| places.get(&cause)).copied();
            Entry::new(row, group, extent)
        };
        Self {
            format: 1,
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            role: results.role,
            target: results.target.clone(),
            name: results.name.clone(),
            facts: results.facts.clone(),
            warning: results.warning.clone(),
            started: started(results),
            seconds: rounded(results.time.as_secs_f64()),
            stopped: results.stopped(),
            summary: results.count().into(),
            chapters: chapters.collect(),
            groups: groups.iter().map(GroupView::new).collect(),
            scenarios: results.rows.iter().map(entry).collect(),
        }
    }
}

impl GroupView {
    fn new(group: &Group<'_, '_>) -> Self {
        Self {
            expected: group.cause.expected.clone(),
            got: group.cause.got.clone(),
            rule: group.cause.rule.clone(),
            must: group.failed(Level::Must),
            should: group.failed(Level::Should),
            scenarios: group.rows.iter().map(|row| row.scenario.id.clone()).collect(),
        }
    }
}

impl Entry {
    fn new(row: &Row<'_>, group: Option<usize>, extent: Extent) -> Self {
        let scenario = row.scenario;
        let lines = transcript::lines(scenario, &row.record, extent).into_iter().map(|line| Line {
            kind: line.kind.name(),
            text: line.text,
            bytes: line.bytes,
            meaning: line.meaning,
        });
        Self {
            id: scenario.id.clone(),
            chapter: scenario.chapter().to_owned(),
            title: scenario.title.clone(),
            level: scenario.level.name(),
            rules: scenario.rules.clone(),
            result: row.verdict.name(),
            group,
            why: row.why.clone(),
            step: row.mismatch.as_ref().map(|it| it.step),
            expected: row.mismatch.as_ref().map(|it| it.expected.clone()),
            got: row.mismatch.as_ref().map(|it| it.got.clone()),
            baseline: row.change.map(|change| change.name()),
            seconds: rounded(row.time.as_secs_f64()),
            steps: scenario.steps.iter().map(|step| step.text.clone()).collect(),
            transcript: lines.collect(),
        }
    }
}

impl RuleView {
    pub(super) fn new(id: &str) -> Option<Self> {
        let rule = rules::rule(id)?;
        Some(Self { id: id.to_owned(), html: rule.html(), place: rule.place.clone(), link: rule.link() })
    }
}

/// When the run began, as 2026-11-28T14:00:00Z.
fn started(results: &Results<'_>) -> String {
    time(results).to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn time(results: &Results<'_>) -> DateTime<Utc> {
    let since = results.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// Milliseconds are exact enough.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
