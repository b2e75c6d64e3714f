//! The Test Anything Protocol, version 14.

use core::fmt::Write as _;

use milter_proto::conformance::{Level, Verdict};

use crate::baseline::Change;
use crate::results::{Results, Row};

pub(super) fn report(results: &Results<'_>) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", results.rows.len());
    for line in results.heading() {
        let _ = writeln!(out, "# {}", line.replace('\n', " "));
    }
    for (number, row) in (1_usize..).zip(&results.rows) {
        let result = if row.verdict == Verdict::Fail { "not ok" } else { "ok" };
        let name = escaped(&format!("{}: {}", row.scenario.id, row.scenario.title));
        let _ = writeln!(out, "{result} {number} - {name}{}", directive(row));
        if let Some(it) = &row.mismatch {
            let fields = [
                ("result", row.verdict.name()),
                ("level", row.scenario.level.name()),
                ("rules", &row.scenario.rules.join(", ")),
                ("step", row.step().unwrap_or("after the last one")),
                ("expected", &it.expected),
                ("got", &it.got),
            ];
            out.push_str("  ---\n");
            for (name, value) in fields {
                // A string of JSON is one of YAML.
                let _ = writeln!(out, "  {name}: {}", serde_json::Value::from(value));
            }
            out.push_str("  ...\n");
        }
    }
    if let Some(why) = results.stopped() {
        let _ = writeln!(out, "Bail out! {}", escaped(&why));
    }
    out
}

/// What makes a failure count for nothing: `TODO` is for what is known, and for what is no must.
fn directive(row: &Row<'_>) -> String {
    match (row.verdict, row.change) {
        (Verdict::Skipped, _) => {
            format!(" # SKIP {}", escaped(row.why.as_deref().unwrap_or_default()))
        }
        (Verdict::Fail, Some(Change::KnownFailure)) => " # TODO a known failure".to_owned(),
        (Verdict::Fail, None) if row.scenario.level != Level::Must => " # TODO of level should".to_owned(),
        _ => String::new(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('#', "\\#").replace('\n', " ")
}
