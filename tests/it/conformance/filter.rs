//! The scenarios for filters: a sound filter passes all of them, and each one is failed by a broken filter.
//!
//! `UPDATE_BROKEN=1 cargo test --all-features --test it conformance::filter` writes the table of broken filters anew.

mod faults;
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::{env, fs};

use milter_proto::conformance::filter::{Profile, ProfileMessage};
use milter_proto::conformance::{Level, Scenario, Verdict, filter_scenarios};

use self::faults::{FAULTS, Fault};
use self::program::{Wish, run};

const TABLE: &str = "tests/it/conformance/filter/broken.txt";

/// Why a scenario may be skipped in every way of negotiating.
const NEVER_RUN: &[&str] = &[];

fn profile() -> Profile {
    let mut refused = ProfileMessage::default();
    refused.recipients = vec!["<refused@example.net>".into()];
    Profile::default()
        .with_message("edit", ProfileMessage::default())
        .with_message("replace-body", ProfileMessage::default())
        .with_message("macro", ProfileMessage::default())
        .with_message("reject", refused)
}

#[test]
fn a_sound_filter_passes_every_scenario() {
    let (profile, scenarios) = (profile(), filter_scenarios().unwrap());
    let mut wrong = String::new();
    let mut passed = BTreeSet::new();
    let mut skipped: BTreeMap<(Wish, String), usize> = BTreeMap::new();
    for wish in Wish::ALL {
        for scenario in &scenarios {
            let outcome = run(scenario, &profile, wish, Fault::NONE);
            match outcome.verdict {
                Verdict::Pass => _ = passed.insert(&scenario.id),
                Verdict::Skipped => *skipped.entry((wish, outcome.why.unwrap())).or_default() += 1,
                _ => writeln!(wrong, "{wish:?} {}: {:?}", scenario.id, outcome.mismatch.unwrap()).unwrap(),
            }
        }
    }
    assert_eq!(wrong, "", "a sound filter is judged sound");
    let never: Vec<_> = scenarios.iter().map(|it| &it.id).filter(|id| !passed.contains(id)).collect();
    assert_eq!(never, Vec::<&String>::from_iter([]), "every scenario applies to some filter: {NEVER_RUN:?}");
    for ((wish, why), count) in skipped {
        println!("{wish:?} {count} {why}");
    }
}

#[test]
fn every_scenario_is_failed_by_a_broken_filter() {
    let (profile, scenarios) = (profile(), filter_scenarios().unwrap());
    let (mut table, mut failed, mut unfound) = (String::new(), BTreeSet::new(), Vec::new());
    for fault in FAULTS {
        let fails = fails(&scenarios, &profile, *fault);
        writeln!(table, "{}", fault.name).unwrap();
        for id in &fails {
            writeln!(table, "    {id}").unwrap();
        }
        if fails.is_empty() {
            unfound.push(fault.name);
        }
        failed.extend(fails);
    }
    if env::var_os("UPDATE_BROKEN").is_some() {
        fs::write(TABLE, &table).unwrap();
    }
    let known = fs::read_to_string(TABLE).unwrap_or_default();
    let matters = scenarios.iter().filter(|it| it.level > Level::Info).map(|it| &it.id);
    let harmless: Vec<_> = matters.filter(|id| !failed.contains(*id)).collect();
    assert!(unfound.is_empty(), "no scenario finds these faults: {unfound:#?}");
    assert!(harmless.is_empty(), "no broken filter fails these: {harmless:#?}");
    assert!(known == table, "other scenarios fail than {TABLE} says; look at the difference after UPDATE_BROKEN=1");
}

/// The scenarios that a broken filter fails.
fn fails(scenarios: &[Scenario], profile: &Profile, fault: Fault) -> BTreeSet<String> {
    let is_failed = |scenario: &&Scenario| run(scenario, profile, fault.wish, fault).verdict == Verdict::Fail;
    scenarios.iter().filter(is_failed).map(|scenario| scenario.id.clone()).collect()
}
