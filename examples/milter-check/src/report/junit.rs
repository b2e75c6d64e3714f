//! The XML of JUnit, which most CI systems read.

use milter_proto::conformance::Verdict;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::view;
use crate::baseline::Change;
use crate::results::{Results, Row};
use crate::transcript::{self, Extent};

/// A suite for each chapter, and a case for each scenario.
pub(super) fn report(results: &Results<'_>) -> super::Result<String> {
    let mut report = Report::new("milter-check");
    report.set_timestamp(view::time(results)).set_time(results.time);
    if let Some(why) = results.stopped() {
        report.add_test_suite(stopped(results.role, why));
    }
    for (chapter, rows) in results.chapters() {
        let mut suite = TestSuite::new(format!("{}.{chapter}", results.role));
        suite.add_property(("target", results.target.as_str()));
        suite.add_property(("facts", results.facts.as_str()));
        if let Some(warning) = &results.warning {
            suite.add_property(("warning", warning.as_str()));
        }
        suite.set_time(rows.iter().map(|row| row.time).sum());
        suite.add_test_cases(rows.iter().map(|row| case(row, results.role)));
        report.add_test_suite(suite);
    }
    Ok(report.to_string()?)
}

/// A run that ended early is an error: nobody should take what is skipped for what does not apply.
fn stopped(role: &str, why: String) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(why).set_type("stopped");
    let mut case = TestCase::new("the whole run", status);
    case.set_classname(format!("{role}.run"));
    let mut suite = TestSuite::new(format!("{role}.run"));
    suite.add_test_case(case);
    suite
}

fn case(row: &Row<'_>, role: &str) -> TestCase {
    let scenario = row.scenario;
    let mut case = TestCase::new(scenario.id.as_str(), status(row));
    case.set_classname(format!("{role}.{}", scenario.chapter())).set_time(row.time);
    let properties = [
        ("title", scenario.title.clone()),
        ("level", scenario.level.to_string()),
        ("rules", scenario.rules.join(", ")),
        ("result", row.verdict.name().to_owned()),
    ];
    case.add_properties(properties.into_iter().map(|(name, value)| Property::new(name, value)));
    if matches!(row.verdict, Verdict::Fail | Verdict::NonStrict) {
        let lines = transcript::lines(scenario, &row.record, Extent::Short);
        let difference = row.mismatch.as_ref();
        let difference = difference.map(|it| format!("expected: {}\ngot: {}\n", it.expected, it.got));
        case.set_system_out(format!("{}{}", transcript::text(&lines), difference.unwrap_or_default()));
    }
    case
}

/// What is known to fail is skipped.
fn status(row: &Row<'_>) -> TestCaseStatus {
    let mut status = match (row.verdict, row.change) {
        (Verdict::Pass | Verdict::NonStrict, _) => return TestCaseStatus::success(),
        (Verdict::Skipped, _) | (Verdict::Fail, Some(Change::KnownFailure)) => TestCaseStatus::skipped(),
        (Verdict::Fail, _) => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    let message = match (&row.mismatch, &row.why) {
        (Some(it), _) => format!("expected {}; got {}", it.expected, it.got),
        (None, Some(why)) => why.clone(),
        (None, None) => String::new(),
    };
    let known = if row.change == Some(Change::KnownFailure) { "a known failure: " } else { "" };
    status.set_message(format!("{known}{message}"));
    if row.verdict == Verdict::Fail {
        status.set_type(row.scenario.level.name());
    }
    status
}
