//! The report for a terminal.

use core::fmt::Write as _;
use std::collections::HashSet;

use anstyle::{AnsiColor, Style};
use milter_proto::conformance::{Level, Verdict};

use super::groups::{Group, groups};
use crate::baseline::Change;
use crate::results::{Count, Results, Row};
use crate::rules;
use crate::transcript::{self, Extent};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
/// The width to which texts are wrapped, with their indentation.
const WIDTH: usize = 80;
/// The most lines with ids of one chapter.
const MOST_LINES: usize = 3;
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

/// The failures and a summary. Of failures with one cause, only the first is shown whole, unless all are wanted.
pub(crate) fn report(results: &Results<'_>, is_all: bool) -> String {
    let mut out = String::new();
    let mut told = HashSet::new();
    for group in groups(results) {
        heading(&mut out, &group);
        let whole = if is_all { group.rows.len() } else { 1 };
        for row in group.rows.iter().take(whole) {
            failure(&mut out, row, &mut told);
        }
        if !is_all {
            others(&mut out, &group);
        }
    }
    skipped(&mut out, results);
    changes(&mut out, results);
    summary(&mut out, results);
    out
}

/// How many failures have one cause, and what it is.
fn heading(out: &mut String, group: &Group<'_, '_>) {
    if group.rows.len() < 2 {
        return;
    }
    let style = style(Verdict::Fail);
    let (must, should) = (group.failed(Level::Must), group.failed(Level::Should));
    let _ = writeln!(
        out,
        "\n{style}{} fail alike{style:#} ({must} must, {should} should)",
        transcript::count(group.rows.len(), "scenario")
    );
    for (word, text) in [("expected", &group.cause.expected), ("got", &group.cause.got)] {
        paragraph(out, word, &format!(": {text}"));
    }
    if let Some(rule) = &group.cause.rule {
        paragraph(out, "rule", &format!(": {rule}"));
    }
}

/// The other ids of a group, in short.
fn others(out: &mut String, group: &Group<'_, '_>) {
    let left = group.rows.len().saturating_sub(1);
    if left == 0 {
        return;
    }
    let _ = writeln!(out, "  {BOLD}and {left} more{BOLD:#}, which --all shows:");
    for (chapter, names) in group.others() {
        let mut lines = wrapped(&names.join(", "), WIDTH.saturating_sub(6));
        if lines.len() > MOST_LINES {
            lines.truncate(MOST_LINES);
            let shown: usize = lines.iter().map(|line| line.split_whitespace().count()).sum();
            lines.push(format!("… and {} more", names.len().saturating_sub(shown)));
        }
        let _ = writeln!(out, "    {chapter} ({})", names.len());
        for line in lines {
            let _ = writeln!(out, "      {DIM}{line}{DIM:#}");
        }
    }
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

fn failure<'r>(out: &mut String, row: &'r Row<'_>, told: &mut HashSet<&'r str>) {
    let style = style(row.verdict);
    let _ = writeln!(out, "\n{style}{}{style:#} ({})", row.scenario.id, row.scenario.level);
    for line in wrapped(&row.scenario.title, WIDTH.saturating_sub(2)) {
        let _ = writeln!(out, "  {BOLD}{line}{BOLD:#}");
    }
    let lines = transcript::lines(row.scenario, &row.record, Extent::Short);
    for line in transcript::text(&lines).lines() {
        let _ = writeln!(out, "    {line}");
    }
    if let Some(it) = &row.mismatch {
        let step = row.step().map(|step| format!(" at `{step}`")).unwrap_or_default();
        paragraph(out, "expected", &format!("{step}: {}", it.expected));
        paragraph(out, "got", &format!(": {}", it.got));
    }
    for id in &row.scenario.rules {
        let Some(rule) = rules::rule(id) else { continue };
        let _ = write!(out, "  {BOLD}{id}{BOLD:#} {DIM}{}{DIM:#}", rule.address());
        if !told.insert(id) {
            let _ = writeln!(out, ": see above");
            continue;
        }
        out.push('\n');
        for line in wrapped(&rule.plain(), WIDTH.saturating_sub(4)) {
            let _ = writeln!(out, "    {line}");
        }
    }
}

/// A text wrapped to the width, after a word in bold. Lines after the first are indented more.
fn paragraph(out: &mut String, word: &str, text: &str) {
    let mut lines = wrapped(&format!("{word}{text}"), WIDTH.saturating_sub(4)).into_iter();
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(out, "  {BOLD}{word}{BOLD:#}{}", first.strip_prefix(word).unwrap_or(&first));
    for line in lines {
        let _ = writeln!(out, "    {line}");
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
        let _ = writeln!(out, "\n{BOLD}skipped, because they do not apply{BOLD:#}");
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
