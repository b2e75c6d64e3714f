//! The scenarios for MTAs, run against a sound MTA in memory, and against deliberately broken ones.

mod fault;
mod server;
mod world;

use core::num::NonZero;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;

use milter_proto::conformance::mta::{FailureAction, Profile, mta_scenarios};
use milter_proto::conformance::{Event, Level, Role, Scenario, Verdict};

use fault::Fault;
use world::run;

fn profile() -> Profile {
    Profile::default()
        .with_failure(FailureAction::Tempfail)
        .with_refused(server::REFUSED)
        .with_sink(true)
        .with_slow(true)
}

/// The record of a run, a line for each event.
fn show(record: &[Event]) -> String {
    let lines = record.iter().map(|event| match event {
        Event::Bytes(direction, bytes) => {
            let bytes = bytes.get(..bytes.len().min(100)).unwrap_or_default();
            format!("    {direction:?} \"{}\"", bytes.escape_ascii())
        }
        other => format!("    {other:?}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn scenarios() -> Vec<Scenario> {
    mta_scenarios().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_tables_have_scenarios_of_every_chapter() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 200, "{}", scenarios.len());
    assert!(scenarios.iter().all(|scenario| scenario.role == Role::Mta));
    for chapter in [
        "framing",
        "negotiation",
        "order",
        "replies",
        "texts",
        "macros",
        "edits",
        "body",
        "messages",
        "ending",
    ] {
        assert!(scenarios.iter().any(|scenario| scenario.chapter() == chapter), "{chapter}");
    }
}

#[test]
fn a_sound_mta_fails_nothing() {
    let mut failures = Vec::new();
    for scenario in scenarios() {
        let (outcome, record) = run(&scenario, &profile(), Fault::None);
        let is_fine = match scenario.level {
            Level::Info => outcome.verdict != Verdict::Fail,
            _ => matches!(outcome.verdict, Verdict::Pass | Verdict::NonStrict),
        };
        if !is_fine {
            failures.push(format!("{}: {outcome:?}\n{}", scenario.id, show(&record)));
        }
    }
    assert!(failures.is_empty(), "{} of them:\n{}", failures.len(), failures.join("\n"));
}

/// A fault that fails more scenarios than this breaks nearly every session.
const GENERAL: usize = 100;

/// The broken MTA with each fault, and the scenarios that it fails. `(N)`: it fails so many, as the law is checked in all.
const TABLE: &str = include_str!("broken.txt");

#[test]
fn each_broken_mta_fails_what_names_its_fault() {
    let scenarios: Vec<_> = scenarios().into_iter().filter(|it| it.level != Level::Info).collect();
    let rows = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(1);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some(&fault) = Fault::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let failed = failures_of(fault, &scenarios);
                    rows.lock().unwrap().insert(format!("{fault:?}"), failed);
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap();
    let mut table = String::new();
    let mut proven = BTreeSet::new();
    for (fault, failed) in &rows {
        let is_general = failed.len() > GENERAL;
        table.push_str(&if is_general {
            format!("{fault} ({})\n", failed.len())
        } else {
            format!("{fault}\n")
        });
        for (id, is_named) in failed {
            if !is_general {
                table.push_str(&format!("    {id}\n"));
            }
            if !is_general || *is_named {
                proven.insert(id.as_str());
            }
        }
    }
    let unseen: Vec<_> =
        rows.iter().filter(|(_, failed)| failed.is_empty()).map(|(fault, _)| fault).collect();
    let missed: Vec<_> =
        scenarios.iter().map(|it| it.id.as_str()).filter(|id| !proven.contains(id)).collect();
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/conformance/mta/broken.txt"), &table)
            .unwrap();
    } else {
        let difference = table.lines().zip(TABLE.lines()).find(|(new, old)| new != old);
        assert!(table == TABLE, "broken.txt differs (UPDATE_TABLES=1 writes it): {difference:?}");
    }
    assert!(
        missed.is_empty() && unseen.is_empty(),
        "no scenario finds {unseen:?}; no broken MTA fails {} of {}:\n{}",
        missed.len(),
        scenarios.len(),
        missed.join("\n")
    );
}

/// The scenarios that the MTA with this fault fails, and whether what is wrong names a rule of the scenario.
fn failures_of(fault: Fault, scenarios: &[Scenario]) -> Vec<(String, bool)> {
    let failed = scenarios.iter().filter_map(|scenario| {
        let (outcome, _) = run(scenario, &profile(), fault);
        let mismatch = outcome.mismatch.filter(|_| outcome.verdict == Verdict::Fail)?;
        // ORD-1 is the law, and ORD-27 the table of the commands that it allows.
        let broken = mismatch.rule.map(|rule| if rule == "ORD-1" { ["ORD-1", "ORD-27"] } else { [rule; 2] });
        let is_named = scenario.rules.iter().any(|rule| broken.is_some_and(|it| it.contains(&rule.as_str())));
        Some((scenario.id.clone(), is_named))
    });
    failed.collect()
}
