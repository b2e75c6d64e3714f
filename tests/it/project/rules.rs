//! The rules: each stands once in SPEC_NOTES.md or docs/IMPLEMENTATIONS.md, and docs/rules.toml says where it was
//! found and which tests check it.
//!
//! `UPDATE_NOTES=1 cargo test --all-features --test it project::rules` writes docs/RULES.md, the list of all of that, anew.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use milter_proto::wire::Deviation;
use serde::Deserialize;

use super::documents::{CHAPTERS, Rule, ids, root, rules, split};

/// What docs/rules.toml says about a rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// Programs by file and function, and recorded sessions.
    #[serde(default)]
    source: Vec<String>,
    /// Names of tests of this crate.
    #[serde(default)]
    tests: Vec<String>,
    /// Names of cases of `interop/chain`.
    #[serde(default)]
    chains: Vec<String>,
    /// Why no scenario of `conformance` tests the rule, if none does although it has a MUST.
    no_scenario: Option<String>,
}

fn records() -> BTreeMap<String, Record> {
    toml::from_str(&fs::read_to_string(root().join("docs/rules.toml")).unwrap()).unwrap()
}

#[test]
fn every_rule_stands_once_and_no_number_is_left_out() {
    let mut numbers: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    let rules = rules();
    for rule in &rules {
        let (chapter, number) = split(&rule.id).unwrap();
        numbers.entry(chapter).or_default().push(number);
    }
    assert_eq!(numbers.len(), CHAPTERS.len());
    for (chapter, mut numbers) in numbers {
        numbers.sort_unstable();
        let expected: Vec<u32> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, expected, "{chapter}");
    }
}

#[test]
fn every_rule_that_is_cited_exists() {
    let rules = rules();
    for folder in
        ["src", "tests/it", "examples", "interop", "SPEC_NOTES.md", "SECURITY.md", "README.md", "docs"]
    {
        for file in files(&root().join(folder), &["rs", "md", "toml", "py"]) {
            for id in ids(&fs::read_to_string(&file).unwrap()) {
                assert!(rules.iter().any(|rule| rule.id == id), "{} cites {id}", file.display());
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
        assert_eq!(rules.iter().filter(|rule| rule.id == deviation.rule()).count(), 1, "{deviation:?}");
    }
    assert_eq!(rules.iter().filter(|rule| rule.id.starts_with("TOL-")).count(), Deviation::ALL.len());
}

#[test]
fn every_rule_has_a_record_with_its_source() {
    let records = records();
    let rules = rules();
    for rule in &rules {
        let record = records.get(&rule.id).unwrap_or_else(|| panic!("docs/rules.toml has no {}", rule.id));
        // The others name their program in the text.
        let is_named_elsewhere = ["TOL-", "DEV-", "POL-"].iter().any(|chapter| rule.id.starts_with(chapter));
        assert_eq!(record.source.is_empty(), is_named_elsewhere, "{}: its source", rule.id);
    }
    assert_eq!(records.len(), rules.len());
}

#[test]
fn every_must_is_checked() {
    let records = records();
    for rule in rules() {
        let record = &records[&rule.id];
        let is_checked = !record.tests.is_empty() || !record.chains.is_empty();
        assert!(is_checked || !rule.text.contains("MUST"), "no test checks {}", rule.id);
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let mut named = 0;
    for (id, record) in records() {
        for name in &record.tests {
            let (path, function) = test(name).unwrap_or_else(|| panic!("{id}: {name} is not a test"));
            let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|_| panic!("{id}: no {path}"));
            assert!(text.contains(&format!("fn {function}(")), "{id}: no test {name}");
            named += 1;
        }
    }
    assert!(named > 300, "{named} tests are named");
}

#[test]
fn every_capture_that_is_named_exists() {
    let captures = root().join("tests/captures");
    let mtas: Vec<String> = fs::read_dir(&captures)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let texts = ["docs/rules.toml", "docs/IMPLEMENTATIONS.md", "SPEC_NOTES.md"];
    let text: String = texts.iter().map(|file| fs::read_to_string(root().join(file)).unwrap()).collect();
    let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.')));
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

#[cfg(feature = "conformance")]
#[test]
fn every_must_has_a_scenario_or_a_reason() {
    let (records, scenarios) = (records(), scenarios());
    let mut untested = Vec::new();
    for rule in rules() {
        let reason = &records[&rule.id].no_scenario;
        match scenarios.get(&rule.id) {
            Some(_) => assert!(reason.is_none(), "{} has a scenario, and a reason why it has none", rule.id),
            None if rule.text.contains("MUST") && reason.is_none() => untested.push(rule.id),
            None => {}
        }
    }
    assert!(untested.is_empty(), "no scenario tests {}", untested.join(", "));
    for id in scenarios.keys() {
        assert!(records.contains_key(id), "a scenario names {id}, which is no rule");
    }
}

#[cfg(feature = "conformance")]
#[test]
fn no_scenario_demands_more_than_its_rules() {
    use milter_proto::conformance::{Level, filter_scenarios, mta_scenarios};

    let texts: BTreeMap<String, String> = rules().into_iter().map(|rule| (rule.id, rule.text)).collect();
    let mut wrong = Vec::new();
    for scenario in filter_scenarios().unwrap().into_iter().chain(mta_scenarios().unwrap()) {
        let has = |word: &str| scenario.rules.iter().any(|id| texts[id].contains(word));
        let is_founded = match scenario.level {
            Level::Must => has("MUST"),
            Level::Should => has("MUST") || has("SHOULD"),
            Level::Info => true,
        };
        if !is_founded {
            wrong.push(format!("{} {}: {}", scenario.id, scenario.level, scenario.rules.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "the rules of these scenarios have no such word:\n{}", wrong.join("\n"));
}

#[cfg(feature = "conformance")]
#[test]
fn the_list_of_rules_is_not_stale() {
    let file = root().join("docs/RULES.md");
    let expected = list();
    if std::env::var_os("UPDATE_NOTES").is_some() {
        fs::write(&file, &expected).unwrap();
    }
    let is_fresh = fs::read_to_string(file).unwrap() == expected;
    assert!(
        is_fresh,
        "docs/RULES.md is stale: run UPDATE_NOTES=1 cargo test --all-features --test it project::rules"
    );
}

/// The number of scenarios that test each rule, for filters and for MTAs.
#[cfg(feature = "conformance")]
fn scenarios() -> BTreeMap<String, [usize; 2]> {
    use milter_proto::conformance::{Role, filter_scenarios, mta_scenarios};

    let mut counts: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for scenario in filter_scenarios().unwrap().into_iter().chain(mta_scenarios().unwrap()) {
        let role = usize::from(scenario.role == Role::Mta);
        for rule in scenario.rules {
            counts.entry(rule).or_default()[role] += 1;
        }
    }
    counts
}

/// docs/RULES.md.
#[cfg(feature = "conformance")]
fn list() -> String {
    let mut text = String::from(LIST_HEAD);
    let mut chapter = String::new();
    let (records, scenarios) = (records(), scenarios());
    for Rule { id, document, heading, .. } in rules() {
        if heading != chapter {
            let head = "| rule | source | checked by | scenarios |\n| --- | --- | --- | --- |\n";
            write!(text, "\n## {heading}\n\n{head}").unwrap();
            chapter = heading;
        }
        let record = &records[&id];
        let tests = record.tests.iter().map(|name| {
            let (path, _) = test(name).unwrap();
            format!("[`{name}`](../{path})")
        });
        let chains = record.chains.iter().map(|case| format!("chain \"{case}\""));
        let checked: Vec<String> = tests.chain(chains).collect();
        let played = match scenarios.get(&id) {
            Some([filter, 0]) => format!("filter {filter}"),
            Some([0, mta]) => format!("MTA {mta}"),
            Some([filter, mta]) => format!("filter {filter}, MTA {mta}"),
            None => record.no_scenario.as_ref().map_or(String::new(), |reason| format!("none: {reason}")),
        };
        let link =
            format!("{}#{}", document.strip_prefix("docs/").unwrap_or("../SPEC_NOTES.md"), id.to_lowercase());
        let (source, checked) = (record.source.join("; "), checked.join("<br>"));
        writeln!(text, "| [{id}]({link}) | {source} | {checked} | {played} |").unwrap();
    }
    text
}

#[cfg(feature = "conformance")]
const LIST_HEAD: &str = "\
# Where each rule was found, and what checks it

Made from `rules.toml` and the scenarios by `UPDATE_NOTES=1 cargo test --all-features --test it project::rules`: change
those, not this file.

Programs are named by file and function. libmilter/…, sendmail/… and include/… are of Sendmail's distribution, 8.17.1.9.
Postfix is 3.12-20260821, and 3.7.11 where that is said. Names such as postfix/symlist are recorded sessions under
`tests/captures`. A test is run by `cargo test --test it NAME`; a *chain* is a case of `interop/chain`, which
`interop/run -- -k chain_of_filters` runs with the real MTAs. Rules without a test are facts about others on which nothing
in this crate depends. The rules TOL, DEV and POL name their programs themselves. The last column counts the scenarios of
the module `conformance` that test the rule in other programs.
";

/// The file and the function of a test, from its name `module::function`.
fn test(name: &str) -> Option<(String, &str)> {
    let (module, function) = name.rsplit_once("::")?;
    Some((format!("tests/it/{}.rs", module.replace("::", "/")), function))
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
