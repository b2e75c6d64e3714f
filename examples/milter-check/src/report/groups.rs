//! Failures that probably have one cause, together: the same was expected, and the same came.

use std::collections::HashMap;

use milter_proto::conformance::{Level, Verdict};
use milter_proto::wire::{Actions, Steps};

use crate::results::{Results, Row};

/// What belongs to every conversation, whatever the scenario tests: it fails for the same cause in scenarios of any rule.
const COMMON: [&str; 6] = [
    "the reply",
    "an answer to OPTNEG",
    "nothing after the last reply",
    "a new connection",
    "an end of the reply",
    "an SMTP connection",
];

/// Failures with one cause.
#[derive(Debug)]
pub(super) struct Group<'r, 's> {
    pub(super) cause: Cause,
    /// In the order of the report, at least one.
    pub(super) rows: Vec<&'r Row<'s>>,
}

/// What was expected and what came, without the values that differ between scenarios.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cause {
    pub(super) expected: String,
    pub(super) got: String,
    /// The first rule of the scenario, if only scenarios of this rule can have the cause.
    pub(super) rule: Option<String>,
}

/// The groups of all failures: those with a failed `must` first, and then large ones before small ones.
pub(super) fn groups<'r, 's>(results: &'r Results<'s>) -> Vec<Group<'r, 's>> {
    let mut groups: Vec<Group<'r, 's>> = Vec::new();
    let mut places: HashMap<Cause, usize> = HashMap::new();
    for row in &results.rows {
        let Some(cause) = Cause::of(row) else { continue };
        let place = *places.entry(cause.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { cause, rows: vec![row] }),
        }
    }
    groups.sort_by_key(|group| core::cmp::Reverse((group.failed(Level::Must) > 0, group.rows.len())));
    groups
}

impl Group<'_, '_> {
    /// How many scenarios of a level are in it.
    pub(super) fn failed(&self, level: Level) -> usize {
        self.rows.iter().filter(|row| row.scenario.level == level).count()
    }

    /// All but the first: the chapters, with the ids without role and chapter.
    pub(super) fn others(&self) -> Vec<(&str, Vec<&str>)> {
        let mut chapters: Vec<(&str, Vec<&str>)> = Vec::new();
        for row in self.rows.iter().skip(1) {
            let (chapter, name) = (row.scenario.chapter(), row.scenario.id.splitn(3, '/').nth(2));
            let name = name.unwrap_or(&row.scenario.id);
            match chapters.last_mut() {
                Some((last, names)) if *last == chapter => names.push(name),
                _ => chapters.push((chapter, vec![name])),
            }
        }
        chapters
    }
}

impl Cause {
    /// The cause of a failure. `None` if it is none.
    pub(super) fn of(row: &Row<'_>) -> Option<Self> {
        if row.verdict != Verdict::Fail {
            return None;
        }
        let (expected, got) = row.mismatch.as_ref().map_or(("", ""), |it| (&*it.expected, &*it.got));
        // The first of the alternatives is what the rule prefers.
        let expected = without_values(expected);
        let expected = expected.split(", or ").next().unwrap_or_default();
        let got = without_values(got);
        let (frame, reason) = match got.split_once(": ") {
            Some((frame, reason)) => (frame, Some(reason)),
            None => (&*got, None),
        };
        // The code of a frame, without its fields.
        let code = frame.split(' ').next().filter(|word| is_code(word)).unwrap_or(frame);
        let (expected, got) = match reason {
            // The reason does not depend on which command is answered.
            Some(reason) if expected.starts_with("the reply to ") => {
                ("the reply", format!("{code}: {reason}"))
            }
            Some(reason) => (expected, format!("{code}: {reason}")),
            None => (expected, code.to_owned()),
        };
        let is_common = reason.is_some() || COMMON.iter().any(|common| expected.starts_with(common));
        let rule = row.scenario.rules.first().filter(|_| !is_common);
        Some(Self { expected: expected.to_owned(), got, rule: rule.cloned() })
    }
}

/// Whether this is the name of a frame, such as `CONTINUE`.
fn is_code(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The text with `…` in place of texts in quotes, numbers, and names of actions and steps. SMTP replies keep their code.
fn without_values(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in unquoted(text).split(' ') {
        let bare = word.trim_end_matches([',', ';', ':', '.']);
        let end = word.get(bare.len()..).unwrap_or_default();
        let is_list = words.len() > 1 && words.last().is_some_and(|last| last == "|");
        match words.as_slice() {
            // A | B
            [.., before, _] if is_list && before == "…" && is_value(bare) => {
                words.pop();
                words.pop();
                words.push(format!("…{end}"));
            }
            _ if is_value(bare) => words.push(format!("…{end}")),
            _ => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}

fn is_value(word: &str) -> bool {
    let number = word.strip_prefix("0x").unwrap_or(word);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let is_bit = Actions::NAMES.iter().any(|(_, name)| *name == word)
        || Steps::NAMES.iter().any(|(_, name)| *name == word && *name != "SKIP");
    is_number && has_digit || is_bit
}

/// The text with `"…"` in place of what is in quotes.
fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        out.push(c);
        if c != '"' {
            continue;
        }
        let mut quoted = String::new();
        while let Some(c) = characters.next().filter(|c| *c != '"') {
            quoted.push(c);
            quoted.extend((c == '\\').then(|| characters.next()).flatten());
        }
        if let Some(code) = quoted.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit())) {
            out.push_str(code);
        }
        out.push_str("…\"");
    }
    out
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::time::SystemTime;

    use milter_proto::conformance::Scenario;

    use super::*;
    use crate::results::Difference;

    /// A failed row for each `(rules, expected, got)`.
    fn grouped(failures: &[(&str, &str, &str)]) -> Vec<(Cause, Vec<usize>)> {
        let text: String = (0..)
            .zip(failures)
            .map(|(at, (rules, ..))| format!("[filter/a/{at}] {rules}\nTitle\n< reply\n"))
            .collect();
        let scenarios = Scenario::read_all(&text).unwrap();
        let rows = scenarios.iter().zip(failures).map(|(scenario, (_, expected, got))| Row {
            verdict: Verdict::Fail,
            mismatch: Some(Difference {
                step: 0,
                expected: (*expected).into(),
                got: (*got).into(),
                rule: None,
            }),
            ..Row::skipped(scenario, "")
        });
        let results = Results {
            name: None,
            target: String::new(),
            role: "filter",
            facts: String::new(),
            warning: None,
            stopped: None,
            started: SystemTime::now(),
            time: Duration::ZERO,
            rows: rows.collect(),
        };
        let place = |row: &&Row<'_>| row.scenario.id.rsplit('/').next().unwrap().parse().unwrap();
        groups(&results)
            .into_iter()
            .map(|group| (group.cause, group.rows.iter().map(place).collect()))
            .collect()
    }

    const CLOSED: &str = "the filter closed the connection";
    const AGREES: &str = "an answer to OPTNEG that agrees with the offer";
    const CLOSE: &str = "the connection closed, without a frame";

    #[test]
    fn failures_with_one_cause_are_one_group() {
        let agrees_or = format!("{AGREES}, or {CLOSE}");
        for failures in [
            // The cause does not depend on what the scenario tests.
            [
                ("must ORD-1", "the reply to BODYEOB", CLOSED),
                ("should FRM-3", "the reply to BODYEOB", CLOSED),
            ],
            [
                (
                    "must NEG-7",
                    AGREES,
                    "OPTNEG 6 0x1 0x0: the filter answers version 6 to an offer of 2; expected 2 to 2",
                ),
                (
                    "must NEG-8",
                    &agrees_or,
                    "OPTNEG 6 0x1 0x0: the filter answers version 6 to an offer of 3; expected 2 to 3",
                ),
            ],
            [
                (
                    "must NEG-7",
                    AGREES,
                    "OPTNEG 6 0x1 0x0: the filter requires actions ADD_HEADERS; the MTA offered only CHANGE_BODY",
                ),
                (
                    "must NEG-7",
                    AGREES,
                    "OPTNEG 6 0x1 0x0: the filter requires actions ADD_HEADERS; the MTA offered only ADD_RCPT | CHANGE_FROM | MACRO_LISTS",
                ),
            ],
            // A reason is enough, whichever command was answered.
            [
                (
                    "must ORD-1",
                    "the reply to MAIL",
                    "ADDHEADER \"X\" \"a: \\\"b\": an edit may only come at the end",
                ),
                (
                    "must ORD-1",
                    "the reply to RCPT",
                    "ADDHEADER \"Y\" \"z\": an edit may only come at the end",
                ),
            ],
            [
                ("must EDT-1", "an edit with \"X-A\"", "ADDHEADER \"X\" \"1\""),
                ("must EDT-1", "an edit with \"X-B\"", "ADDHEADER \"Y\" \"2\""),
            ],
            [
                ("must EDT-1", "2 at CONTENT", "\"451 4.7.1 try again, id 4F2\" at the content"),
                ("must EDT-1", "2 at CONTENT", "\"451 4.7.1 try again, id 5AB\" at the content"),
            ],
        ] {
            let groups = grouped(&failures);
            assert_eq!(groups.len(), 1, "{groups:?}");
            assert_eq!(groups[0].1, [0, 1]);
        }
    }

    #[test]
    fn failures_with_different_causes_are_apart() {
        for failures in [
            [("must ORD-1", "the reply to BODYEOB", CLOSED), ("must ORD-1", "the reply to MAIL", CLOSED)],
            [
                ("must ORD-1", "the reply to MAIL", CLOSED),
                ("must ORD-1", "the reply to MAIL", "nothing in the time"),
            ],
            // What a rule asks for by itself.
            [("must FRM-3", CLOSE, "CONTINUE"), ("must ORD-1", CLOSE, "CONTINUE")],
            [("must FRM-3", CLOSE, "CONTINUE"), ("must FRM-3", CLOSE, "REJECT")],
            [
                ("must ORD-1", "the reply to MAIL", "SKIP: one reason"),
                ("must ORD-1", "the reply to MAIL", "SKIP: another"),
            ],
            [
                ("must EDT-1", "2 at CONTENT", "\"451 4.7.1 try again\" at the content"),
                ("must EDT-1", "2 at CONTENT", "\"550 5.7.1 never\" at the content"),
            ],
        ] {
            assert_eq!(grouped(&failures).len(), 2, "{failures:?}");
        }
    }

    #[test]
    fn a_group_says_what_is_common() {
        let got = "OPTNEG 6 0x1 0x0: the filter requires actions ADD_HEADERS; the MTA offered only CHANGE_BODY | ADD_RCPT";
        let (cause, _) = &grouped(&[("must NEG-7", AGREES, got)])[0];
        assert_eq!(cause.expected, AGREES);
        assert_eq!(cause.got, "OPTNEG: the filter requires actions …; the MTA offered only …");
        assert_eq!(cause.rule, None);
        let (cause, _) = &grouped(&[("must FRM-3, ORD-1", CLOSE, "3 bytes")])[0];
        assert_eq!((&*cause.got, cause.rule.as_deref()), ("… bytes", Some("FRM-3")));
    }

    #[test]
    fn groups_with_a_must_come_first_and_then_large_ones() {
        let failures = [
            ("should FRM-3", "nothing", "REJECT"),
            ("should FRM-3", "nothing", "REJECT"),
            ("must FRM-3", "nothing", "CONTINUE"),
            ("should FRM-1", "nothing", "ACCEPT"),
            ("must FRM-1", "nothing", "ACCEPT"),
            ("must FRM-2", "nothing", "ACCEPT"),
        ];
        let places: Vec<_> = grouped(&failures).into_iter().map(|(_, places)| places).collect();
        assert_eq!(places, [vec![3, 4], vec![2], vec![5], vec![0, 1]]);
    }
}
