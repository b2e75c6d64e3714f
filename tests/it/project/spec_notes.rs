//! SPEC_NOTES.md, the code and the tests name each other, and what they name is there.

use std::fs;
use std::path::{Path, PathBuf};

use milter_proto::wire::Deviation;

#[cfg(feature = "alloc")]
use crate::support::recorded;

const CHAPTERS: [&str; 17] = [
    "FRM", "CMD", "RSP", "NEG", "MAC", "RPL", "HDR", "BDY", "ORD", "SCP", "EDT", "TIM", "END", "CHN", "POL",
    "TOL", "DEV",
];

#[test]
fn every_rule_stands_once_and_no_number_is_left_out() {
    let mut last = [0_u32; CHAPTERS.len()];
    for rule in rules() {
        let (chapter, number) = rule.split_once('-').unwrap();
        let row = CHAPTERS.iter().position(|known| *known == chapter).unwrap();
        let number = number.parse::<u32>().unwrap();
        assert_eq!(Some(number), last[row].checked_add(1), "{rule}: numbers go up by one");
        last[row] = number;
    }
    assert!(!last.contains(&0), "a chapter has no rule");
}

#[test]
fn every_rule_that_is_cited_exists() {
    let rules = rules();
    for folder in ["src", "tests", "examples", "SPEC_NOTES.md"] {
        for file in files(&root().join(folder), &["rs", "md"]) {
            for id in ids(&fs::read_to_string(&file).unwrap()) {
                assert!(rules.contains(&id), "{} cites {id}", file.display());
            }
        }
    }
}

#[test]
fn the_source_cites_every_chapter_but_the_deviations() {
    let cited: Vec<String> = files(&root().join("src"), &["rs"])
        .iter()
        .flat_map(|file| ids(&fs::read_to_string(file).unwrap()))
        .collect();
    for chapter in CHAPTERS.iter().filter(|chapter| **chapter != "DEV") {
        assert!(cited.iter().any(|id| id.starts_with(chapter)), "no source cites {chapter}");
    }
}

#[test]
fn every_deviation_is_a_rule() {
    let rules = rules();
    for deviation in Deviation::ALL {
        assert_eq!(rules.iter().filter(|rule| *rule == deviation.rule()).count(), 1, "{deviation:?}");
    }
    assert_eq!(rules.iter().filter(|rule| rule.starts_with("TOL-")).count(), Deviation::ALL.len());
}

#[test]
fn every_test_that_is_named_exists() {
    let mut named = 0;
    for name in code_spans(&notes()).iter().filter(|span| span.contains("::")) {
        let Some((module, function)) = name.rsplit_once("::") else { continue };
        // `OutgoingFrame::within` and its like are of the crate, not of the tests.
        if module.starts_with(char::is_uppercase) {
            continue;
        }
        let path = root().join("tests/it").join(module.replace("::", "/")).with_extension("rs");
        let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{name}: no such module"));
        assert!(text.contains(&format!("fn {function}(")), "{name}: no such test");
        named += 1;
    }
    assert!(named > 100, "{named} tests are named");
}

#[test]
fn every_capture_that_is_named_exists() {
    let captures = root().join("tests/captures");
    let mtas: Vec<String> = fs::read_dir(&captures)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let notes = notes();
    let words = notes.split(|c: char| !(c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.')));
    let mut named = 0;
    for word in words.map(|word| word.trim_end_matches('.')) {
        let Some((mta, scenario)) = word.split_once('/') else { continue };
        // `sendmail/milter.c` is a file of Sendmail.
        if !mtas.iter().any(|name| name == mta) || scenario.is_empty() || scenario.ends_with(".c") {
            continue;
        }
        let file = captures.join(mta).join(format!("{scenario}.jsonl"));
        assert!(file.is_file(), "{word}: no such capture");
        named += 1;
    }
    assert!(named > 20, "{named} captures are named");
}

/// NEG-12.
#[cfg(feature = "alloc")]
#[test]
fn the_offers_that_are_listed_are_those_of_the_captures() {
    use milter_proto::wire::{Command, Offer};
    use recorded::capture::Side;

    let sessions = recorded::sessions();
    let frames = sessions.flat_map(|session| session.frames(Side::Mta).0);
    let offers = frames.filter_map(|frame| match Command::parse(frame.as_frame()) {
        Ok(Command::Negotiate(Offer { version, actions, steps, .. })) => {
            Some([version.number(), actions.bits(), steps.bits()])
        }
        _ => None,
    });
    let notes = notes();
    let (_, table) = notes.split_once("**NEG-12**").unwrap();
    let (table, _) = table.split_once("*Source:*").unwrap();
    let rows = table.lines().filter_map(|line| {
        let cells = line.split('|').rev().skip(1).take(3).map(str::trim);
        let mut numbers = cells.map(|cell| match cell.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => cell.parse().ok(),
        });
        let (steps, actions, version) = (numbers.next()??, numbers.next()??, numbers.next()??);
        Some([version, actions, steps])
    });
    assert_eq!(sorted(rows), sorted(offers));
}

#[cfg(feature = "alloc")]
fn sorted(numbers: impl Iterator<Item = [u32; 3]>) -> Vec<[u32; 3]> {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn notes() -> String {
    fs::read_to_string(root().join("SPEC_NOTES.md")).unwrap()
}

/// The ids of the rules, in their order. A rule is a line that begins with `**ID** ` or `| ID |`.
fn rules() -> Vec<String> {
    notes().lines().filter_map(rule).map(str::to_owned).collect()
}

fn rule(line: &str) -> Option<&str> {
    let id = match line.strip_prefix("**") {
        Some(rest) => rest.split_once("** ")?.0,
        None => line.strip_prefix("| ")?.split_once(" |")?.0,
    };
    is_id(id).then_some(id)
}

fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(chapter, number)| {
        CHAPTERS.contains(&chapter) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The ids that a text names, each end of a range included.
fn ids(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| is_id(word))
        .map(str::to_owned)
        .collect()
}

/// What stands between backticks.
fn code_spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The files of a folder and of those within it, or the file itself.
fn files(path: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|known| extension == *known))
        {
            found.push(path);
        }
    }
    found
}
