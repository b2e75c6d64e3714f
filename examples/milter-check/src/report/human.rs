//! The report for a terminal.

use core::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use milter_proto::conformance::Verdict;

use crate::baseline::Change;
use crate::results::{Count, Results, Row};
use crate::rules;
use crate::transcript::{self, Extent};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
/// The width to which texts are wrapped.
const WIDTH: usize = 100;
/// The most reasons for skipping that are shown.
const MOST_REASONS: usize = 12;

const fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => AnsiColor::Green.on_default(),
        Verdict::NonStrict => AnsiColor::Yellow.on_default(),
        Verdict::Fail => AnsiColor::Red.on_default().bold(),
        Verdict::Skipped => DIM,
    }
}

/// One line for a scenario.
pub(crate) fn line(row: &Row<'_>) -> String {
    let style = style(row.verdict);
    let mut line = format!(
        "{style}{:<10}{style:#} {:<6} {}: {}",
        row.verdict.name(),
        row.scenario.level,
        row.scenario.id,
        row.scenario.title
    );
    if let Some(why) = &row.why {
        let _ = write!(line, " {DIM}({why}){DIM:#}");
    }
    line
}

/// What is known about the program before any scenario.
pub(crate) fn opening(results: &Results<'_>) -> String {
    let mut out = String::new();
    for line in results.heading() {
        let _ = writeln!(out, "{line}");
    }
    out
}

/// The details of all failures, and a summary.
pub(crate) fn report(results: &Results<'_>) -> String {
    let mut out = String::new();
    let is_failed = |row: &&Row<'_>| row.verdict == Verdict::Fail;
    for row in results.rows.iter().filter(is_failed) {
        out.push('\n');
        failure(&mut out, row);
    }
    skipped(&mut out, results);
    changes(&mut out, results);
    summary(&mut out, results);
    out
}

/// What differs from the baseline.
fn changes(out: &mut String, results: &Results<'_>) {
    let changed = |row: &&Row<'_>| matches!(row.change, Some(Change::NewFailure | Change::NewPass));
    for (index, row) in results.rows.iter().filter(changed).enumerate() {
        if index == 0 {
            out.push('\n');
        }
        let change = row.change.map_or("", Change::name);
        let _ = writeln!(out, "{BOLD}{change}{BOLD:#}: {}", row.scenario.id);
    }
}

fn failure(out: &mut String, row: &Row<'_>) {
    let style = style(row.verdict);
    let _ = writeln!(out, "{style}{}{style:#} ({})", row.scenario.id, row.scenario.level);
    let _ = writeln!(out, "  {BOLD}{}{BOLD:#}", row.scenario.title);
    let lines = transcript::lines(row.scenario, &row.record, Extent::Short);
    for line in transcript::text(&lines).lines() {
        let _ = writeln!(out, "    {line}");
    }
    if let Some(it) = &row.mismatch {
        let step = row.step().map(|step| format!(" at `{step}`")).unwrap_or_default();
        let _ = writeln!(out, "  {BOLD}expected{BOLD:#}{step}: {}", it.expected);
        let _ = writeln!(out, "  {BOLD}got{BOLD:#}: {}", it.got);
    }
    for id in &row.scenario.rules {
        let Some(rule) = rules::rule(id) else { continue };
        let _ = writeln!(out, "  {BOLD}{id}{BOLD:#} {DIM}{}{}{DIM:#}", rules::DOCUMENTS, rule.link);
        for line in wrapped(&rule.plain(), WIDTH) {
            let _ = writeln!(out, "    {line}");
        }
    }
}

/// The lines of a text of several paragraphs. Tables and code keep theirs.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let is_fixed = line.starts_with(['|', ' ', '*', '-']) || line.is_empty();
        if is_fixed {
            lines.push(line.to_owned());
            is_open = false;
            continue;
        }
        for word in line.split_whitespace() {
            match lines.last_mut() {
                Some(last)
                    if is_open && last.chars().count().saturating_add(word.chars().count()) < width =>
                {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
            is_open = true;
        }
    }
    lines
}

/// The reasons for which scenarios were skipped.
fn skipped(out: &mut String, results: &Results<'_>) {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for row in results.rows.iter().filter(|row| row.verdict == Verdict::Skipped) {
        let why = row.why.as_deref().unwrap_or("no reason is known");
        match reasons.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => reasons.push((why, 1)),
        }
    }
    if !reasons.is_empty() {
        let _ = writeln!(out, "\n{BOLD}skipped{BOLD:#}");
    }
    reasons.sort_by_key(|(_, count)| core::cmp::Reverse(*count));
    let (shown, rest) = reasons.split_at(reasons.len().min(MOST_REASONS));
    for (why, count) in shown {
        let _ = writeln!(out, "{count:>6}  {why}");
    }
    if !rest.is_empty() {
        let count: usize = rest.iter().map(|(_, count)| count).sum();
        let reasons = transcript::count(rest.len(), "other reason");
        let _ = writeln!(out, "{count:>6}  {reasons}, which --verbose shows");
    }
}

fn summary(out: &mut String, results: &Results<'_>) {
    let chapters = results.chapters();
    let width = chapters.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max("chapter".len());
    let _ = writeln!(out, "\n{BOLD}{:<width$}   pass  non-strict  fail  skipped{BOLD:#}", "chapter");
    let mut row = |name: &str, count: Count| {
        let cell = |number: usize, verdict| {
            let style = if number == 0 { DIM } else { style(verdict) };
            (style, number)
        };
        let (pass, pass_count) = cell(count.pass, Verdict::Pass);
        let (lax, lax_count) = cell(count.non_strict, Verdict::NonStrict);
        let (fail, fail_count) = cell(count.fail, Verdict::Fail);
        let (skip, skip_count) = cell(count.skipped, Verdict::Skipped);
        let _ = writeln!(
            out,
            "{name:<width$} {pass}{pass_count:>6}{pass:#}  {lax}{lax_count:>10}{lax:#}  \
             {fail}{fail_count:>4}{fail:#}  {skip}{skip_count:>7}{skip:#}"
        );
    };
    for (name, rows) in &chapters {
        row(name, Count::of(rows.iter().copied()));
    }
    row("total", results.count());
    out.push('\n');
    // The beginning may be far above.
    for line in results.warning.iter().chain(&results.stopped()) {
        let _ = writeln!(out, "{BOLD}{line}{BOLD:#}");
    }
    let _ = writeln!(out, "{}", result(results));
}

/// The last line.
fn result(results: &Results<'_>) -> String {
    let (scenarios, seconds) = (results.part_that_ran(), results.time.as_secs_f64());
    format!("{}: {} ({scenarios} in {seconds:.1} s)", results.target, results.headline())
}
