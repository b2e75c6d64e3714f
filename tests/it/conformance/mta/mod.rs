//! The scenarios for MTAs, run against a sound MTA in memory, and against deliberately broken ones.

mod fault;
mod server;
mod world;

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

#[test]
fn each_broken_mta_fails_what_names_its_fault() {
    let scenarios = scenarios();
    let mut table = String::new();
    let mut failed = Vec::new();
    for &fault in Fault::ALL.iter().filter(|&&fault| fault != Fault::None) {
        table.push_str(&format!("{fault:?}\n"));
        for scenario in scenarios.iter().filter(|it| it.level != Level::Info) {
            let (outcome, _) = run(scenario, &profile(), fault);
            if outcome.verdict == Verdict::Fail {
                table.push_str(&format!("  {}\n", scenario.id));
                failed.push(scenario.id.clone());
            }
        }
    }
    std::fs::write("/tmp/mta-broken.txt", &table).unwrap();
    let missed: Vec<_> = scenarios
        .iter()
        .filter(|scenario| scenario.level != Level::Info && !failed.contains(&scenario.id))
        .map(|scenario| scenario.id.as_str())
        .collect();
    assert!(
        missed.is_empty(),
        "no broken MTA fails {} of {}:\n{}",
        missed.len(),
        scenarios.len(),
        missed.join("\n")
    );
}
