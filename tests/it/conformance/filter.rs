//! The scenarios for filters: a sound filter passes all of them, and each one is failed by a broken filter.
//!
//! `UPDATE_BROKEN=1 cargo test --all-features --test it conformance::filter` writes the table of broken filters anew.

mod faults;
mod notation;
mod program;

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs};

use milter_proto::conformance::filter::{Profile, ProfileMessage};
use milter_proto::conformance::{Level, Scenario, Verdict, filter_scenarios};

use self::faults::{FAULTS, Fault};
use self::program::{Wish, hits, run};

/// The most scenarios of one fault that the table names: a fault in what every scenario needs fails nearly all.
const MAX_LISTED: usize = 60;

const TABLE: &str = "tests/it/conformance/filter/broken.txt";

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
    assert!(never.is_empty(), "every scenario applies to one of the filters: {never:#?}");
    for ((wish, why), count) in &skipped {
        println!("{wish:?} skipped {count}: {why}");
    }
    let odd: Vec<_> = skipped.keys().filter(|(wish, why)| !may_be_skipped(*wish, why)).collect();
    assert!(odd.is_empty(), "scenarios are skipped only for what the filter declined: {odd:#?}");
}

#[test]
fn every_scenario_is_failed_by_a_broken_filter() {
    let (profile, scenarios) = (profile(), filter_scenarios().unwrap());
    let (mut table, mut failed, mut unfound) = (String::new(), BTreeSet::new(), Vec::new());
    let hits: Vec<Vec<Vec<bool>>> = Wish::ALL
        .map(|wish| scenarios.iter().map(|scenario| hits(scenario, &profile, wish)).collect())
        .to_vec();
    for (number, fault) in FAULTS.iter().enumerate() {
        let hits = &hits[Wish::ALL.iter().position(|wish| *wish == fault.wish).unwrap()];
        // A fault that is never met changes nothing.
        let met = |index: usize| !fault.is_of_frames() || hits[index][number];
        let concerned =
            scenarios.iter().enumerate().filter(|(index, _)| met(*index)).map(|(_, scenario)| scenario);
        let fails: BTreeSet<_> = concerned
            .filter(|scenario| run(scenario, &profile, fault.wish, *fault).verdict == Verdict::Fail)
            .map(|scenario| scenario.id.clone())
            .collect();
        writeln!(table, "{}", fault.name).unwrap();
        table.push_str(&listed(&fails, &scenarios));
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
    assert!(
        unfound.is_empty() && harmless.is_empty(),
        "no scenario finds these faults: {unfound:#?}; no broken filter fails these: {harmless:#?}"
    );
    assert!(
        known == table,
        "other scenarios fail than {TABLE} says; look at the difference after UPDATE_BROKEN=1"
    );
}

/// Scenarios by id; of many, how many there are in each chapter.
fn listed(fails: &BTreeSet<String>, scenarios: &[Scenario]) -> String {
    if fails.len() <= MAX_LISTED {
        return fails.iter().map(|id| format!("    {id}\n")).collect();
    }
    let mut chapters: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for scenario in scenarios {
        let (failed, all) = chapters.entry(scenario.chapter()).or_default();
        *failed += usize::from(fails.contains(&scenario.id));
        *all += 1;
    }
    chapters.iter().map(|(chapter, (failed, all))| format!("    {chapter}: {failed} of {all}\n")).collect()
}

/// Whether a filter may cause a scenario to be skipped for this reason.
fn may_be_skipped(wish: Wish, why: &str) -> bool {
    let is_negotiated = why.starts_with("the filter did not negotiate NO_")
        || why == "the filter did not negotiate REJECTED_RCPT";
    let is_other_verdict = why == "the filter answered CONTINUE, and not SKIP"
        || why == "the filter answered SKIP, and not CONTINUE";
    match wish {
        Wish::Everything | Wish::Skip => is_negotiated || is_other_verdict,
        Wish::Nothing => {
            is_negotiated
                || why.starts_with("the filter declined ")
                || why.starts_with("the filter negotiated NO_")
                || why == "the filter answered CONTINUE, and not REPLYCODE"
        }
        // Without replies there is no SKIP and no refusal.
        Wish::NoReplies => {
            is_negotiated
                || why == "the filter did not answer SKIP"
                || why == "the filter answered CONTINUE, and not REPLYCODE"
        }
    }
}
