//! What is shown of findings.

use core::fmt::Write as _;

use super::search::{Finding, Plan, Results, in_ascii};
use crate::spec::Spec;
use crate::transcript::{self, Extent, count};

/// The whole report.
pub(crate) fn text(results: &Results, plan: &Plan, spec: &Spec) -> String {
    let mut out = String::new();
    for (number, finding) in results.findings.iter().enumerate() {
        write_finding(&mut out, number.saturating_add(1), finding, plan, spec);
    }
    for (kind, times) in &results.notes {
        let _ = writeln!(out, "note: {kind} where no reply need be sent, in {}", count(*times, "session"));
    }
    if let Some(why) = &results.stopped {
        let _ = writeln!(out, "stopped: {why}");
    }
    let faulty = results.played.saturating_sub(results.legal);
    let _ = writeln!(
        out,
        "{spec}: {} in {} ({} legal, {faulty} with a fault, {} ended by the filter; seed {})",
        count(results.findings.len(), "finding"),
        count(results.played, "session"),
        results.legal,
        results.skipped,
        plan.seed
    );
    out
}

fn write_finding(out: &mut String, number: usize, finding: &Finding, plan: &Plan, spec: &Spec) {
    let Finding { found, scenario, .. } = finding;
    let _ = writeln!(out, "finding {number}: {}, after {}", found.kind, shortened(&found.after));
    let _ = writeln!(out, "    expected {}", brief(&found.expected));
    let _ = writeln!(out, "    got      {}", brief(&found.got));
    let _ = writeln!(out, "    rule     {}: {}", scenario.rules.join(", "), scenario.title);
    let shrunk = match finding.steps {
        Some(_) if !finding.is_sure => "it did not show when it was played again".to_owned(),
        Some(steps) => {
            format!("shrunk by playing {}", count(usize::try_from(steps).unwrap_or(usize::MAX), "session"))
        }
        None => "not shrunk".to_owned(),
    };
    let _ = writeln!(out, "    seen in  {}; {shrunk}", count(finding.times, "session"));
    if in_ascii(finding.session.clone()) != finding.session {
        out.push_str(
            "    note     texts with bytes that are not ASCII belong to it. Some filters refuse these on purpose:\n             \
             --ascii looks for other findings\n",
        );
    }
    let lines = transcript::lines(scenario, &finding.record, Extent::Brief);
    let _ = writeln!(out, "\n    transcript:\n{}", indented(&transcript::text(&lines)));
    let exact = scenario.to_string();
    let short: String = exact.lines().map(|line| format!("{}\n", brief(line))).collect();
    let whole =
        if short == exact { "" } else { " (long lines are shortened; --output FILE writes it whole)" };
    let _ = writeln!(out, "    scenario{whole}:\n{}", indented(&short));
    let (seed, session) = (plan.seed, finding.number);
    let ascii = if plan.is_ascii { " --ascii" } else { "" };
    let _ = writeln!(
        out,
        "    again:    milter-check fuzz filter {spec} --seed {seed} --session {session}{ascii}\n"
    );
}

/// The scenarios of all findings, as a file for `--scenarios`.
pub(crate) fn scenarios(results: &Results) -> String {
    let mut out = String::new();
    for finding in &results.findings {
        let _ = writeln!(
            out,
            "# {}: expected {}, got {}\n{}",
            finding.found.kind, finding.found.expected, finding.found.got, finding.scenario
        );
    }
    out
}

fn brief(text: &str) -> String {
    transcript::shortened(text.to_owned(), Extent::Brief)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("        {line}\n")).collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
