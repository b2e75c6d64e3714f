//! Filters with one planted fault each: every one is found, and shown in a few steps.

mod planted;

use core::time::Duration;

use milter_proto::conformance::filter::Profile;
use milter_proto::conformance::{Event, Scenario};
use milter_proto::testing::{Misbehaviour, Session};
use milter_proto::wire::{Direction, FrameBuf};

use super::found::{Found, Kind};
use super::play::{self, Remote};
use super::report;
use super::search::{Finding, Plan, Results, Target, search, sessions_of};
use crate::bench::Limits;
use crate::spec::Spec;
use planted::{Fault, LONG, OverSocket, Planted};

const PLAN: Plan = Plan {
    seed: 1,
    first: 0,
    count: 1000,
    is_ascii: false,
    is_strict: false,
    most_steps: 200,
    most_time: Duration::from_secs(20),
    most_findings: 1,
};

fn find(fault: Fault, plan: &Plan) -> Results {
    let profile = Profile::default();
    let mut peer = Planted::new(fault);
    search(&mut Target { peer: &mut peer, profile: &profile }, plan, &mut |_| {}).unwrap()
}

fn steps(finding: &Finding) -> Vec<&str> {
    finding.scenario.steps.iter().map(|step| step.text.as_str()).collect()
}

/// Every fault, what it is found as, the most sessions until then, and the most steps of its scenario.
const FAULTS: [(Fault, Kind, u32, usize); 14] = [
    (Fault::DiesAtZeroLength, Kind::Crash, 300, 3),
    (Fault::AnswersBodyAtEndTwice, Kind::SecondReply, 100, 4),
    (Fault::DiesAtOddMacros, Kind::Crash, 50, 3),
    (Fault::IgnoresUnknown, Kind::Silence, 20, 6),
    (Fault::SilentAfterAbort, Kind::Silence, 20, 7),
    (Fault::SkipsRecipients, Kind::WrongReply, 20, 8),
    (Fault::EditsTooEarly, Kind::WrongReply, 20, 12),
    (Fault::ClosesAtSecondMessage, Kind::Closed, 50, 16),
    (Fault::DiesAtQuit, Kind::Crash, 5, 2),
    (Fault::HangsAtEndOfStream, Kind::Hang, 50, 4),
    (Fault::RefusesOneConnection, Kind::RefusedConnection, 50, 4),
    (Fault::RepliesToMacros, Kind::SecondReply, 20, 3),
    (Fault::LosesWhatComesInPieces, Kind::Closed, 50, 3),
    (Fault::SendsHalfAFrame, Kind::Closed, 20, 4),
];

#[test]
#[cfg_attr(
    not(target_pointer_width = "64"),
    ignore = "proptest draws lengths as usize: 32 bits have other sessions"
)]
fn every_planted_fault_is_found_and_shown_in_a_few_steps() {
    for (fault, kind, most_sessions, most_steps) in FAULTS {
        let results = find(fault, &PLAN);
        let [finding] = results.findings.as_slice() else { panic!("{fault:?}: {results:?}") };
        println!("{fault:?}: session {} of seed {}, {:?}", finding.number, PLAN.seed, steps(finding));
        assert_eq!((finding.found.kind, finding.is_sure), (kind, true), "{fault:?}: {:?}", finding.found);
        assert!(finding.number < most_sessions, "{fault:?}: only in session {}", finding.number);
        assert!(finding.scenario.steps.len() <= most_steps, "{fault:?}: {:?}", steps(finding));
        // The scenario shows it again, after a way through a file.
        let text = report::scenarios(&results);
        let read = Scenario::read_all(&text).unwrap();
        assert_eq!(read.as_slice(), core::slice::from_ref(&finding.scenario));
        let again = replay(fault, &read[0]).unwrap();
        assert_eq!(again.kind, kind, "{fault:?}: {again:?}");
        // A filter without the fault passes it.
        assert_eq!(replay(Fault::None, &read[0]), None, "{fault:?}: {text}");
    }
}

/// Plays a scenario to a new filter.
fn replay(fault: Fault, scenario: &Scenario) -> Option<Found> {
    let profile = Profile::default();
    play::play_scenario(&mut Planted::new(fault), &profile, scenario.clone()).unwrap().found
}

#[test]
fn a_filter_without_a_fault_has_no_finding_and_no_note() {
    let results = find(Fault::None, &Plan { seed: 2, count: 300, ..PLAN });
    assert!(results.findings.is_empty(), "seed 2: {results:?}");
    assert!(results.notes.is_empty(), "seed 2: {:?}", results.notes);
    assert_eq!((results.played, results.skipped), (300, 0));
    assert!((100..220).contains(&results.legal), "{}", results.legal);
}

#[test]
fn silence_after_a_broken_rule_is_a_finding_only_if_strict() {
    let plan = Plan { count: 150, ..PLAN };
    let lenient = find(Fault::IgnoresWhatIsOutOfOrder, &plan);
    assert!(lenient.findings.is_empty(), "seed 1: {lenient:?}");
    assert!(lenient.notes.get(&Kind::Silence).is_some_and(|&times| times > 10), "{:?}", lenient.notes);
    let strict = find(Fault::IgnoresWhatIsOutOfOrder, &Plan { is_strict: true, ..plan });
    assert_eq!(strict.findings.iter().map(|it| it.found.kind).collect::<Vec<_>>(), [Kind::Silence]);
}

#[test]
fn the_same_seed_gives_the_same_sessions_and_findings() {
    let first: Vec<_> = sessions_of(7).take(50).collect();
    assert_eq!(first, sessions_of(7).take(50).collect::<Vec<_>>());
    assert_ne!(first, sessions_of(8).take(50).collect::<Vec<_>>());
    let scenarios = || report::scenarios(&find(Fault::IgnoresUnknown, &PLAN));
    assert_eq!(scenarios(), scenarios());
}

#[test]
fn a_filter_that_dies_at_other_bytes_than_ascii_can_be_searched_further() {
    let plan = Plan { count: 60, ..PLAN };
    let kinds = |plan: &Plan| find(Fault::DiesAtHelloInLatin1, plan).findings.len();
    assert_eq!((kinds(&plan), kinds(&Plan { is_ascii: true, ..plan })), (1, 0));
}

#[test]
#[cfg_attr(
    not(target_pointer_width = "64"),
    ignore = "proptest draws lengths as usize: 32 bits have other sessions"
)]
fn payloads_become_as_short_and_as_simple_as_possible() {
    let results = find(Fault::DiesAtLongUnknownFrames, &PLAN);
    let steps = steps(&results.findings[0]);
    let frame = steps.iter().find(|step| step.contains("FRAME")).unwrap();
    assert!(frame.ends_with(&format!(" \"{}\"", "a".repeat(LONG))), "{steps:?}");

    let results = find(Fault::DiesAtHelloInLatin1, &PLAN);
    let text = report::text(&results, &PLAN, &"inet:1@127.0.0.1".parse().unwrap());
    let hello = results.findings[0].session.commands.last().unwrap().as_frame();
    let strange = hello.payload().iter().filter(|byte| !byte.is_ascii()).count();
    assert_eq!((hello.code(), hello.payload().len(), strange), (b'H', 2, 1), "{hello:?}");
    assert!(text.contains("    note     texts with bytes that are not ASCII belong to it."), "{text}");
    let plain = find(Fault::IgnoresUnknown, &PLAN);
    let text = report::text(&plain, &PLAN, &"inet:1@127.0.0.1".parse().unwrap());
    assert!(!text.contains("not ASCII"), "{text}");
}

#[test]
fn a_long_frame_is_shortened_for_humans_and_exact_in_the_scenario() {
    // Nothing is played to make it shorter.
    let plan = Plan { most_steps: 0, ..PLAN };
    let results = find(Fault::DiesAtLongUnknownFrames, &plan);
    let mut finding = results.findings.into_iter().next().unwrap();
    let long = FrameBuf::new(b'z', b"\xff\x00x".repeat(10_000));
    finding.session = Session::new([]).misbehaving(0, Misbehaviour::Insert(long.clone()));
    finding.scenario = Scenario::read_all(&finding.session.to_scenario("long")).unwrap().remove(0);
    let mut bytes = Vec::new();
    long.as_frame().encode().append_to(&mut bytes);
    finding.record = vec![Event::Step(0), Event::Bytes(Direction::ToFilter, bytes)];
    let results = Results { findings: vec![finding], ..Results::default() };
    let text = report::text(&results, &plan, &"inet:1@127.0.0.1".parse().unwrap());
    assert!(text.lines().all(|line| line.chars().count() < 200), "{text}");
    assert!(
        text.contains("\n    scenario (long lines are shortened; --output FILE writes it whole):\n"),
        "{text}"
    );
    let read = Scenario::read_all(&report::scenarios(&results)).unwrap();
    assert_eq!(read.as_slice(), core::slice::from_ref(&results.findings[0].scenario));
}

#[test]
fn one_session_is_played_again_by_its_number() {
    let number = find(Fault::DiesAtOddMacros, &PLAN).findings[0].number;
    let results = find(Fault::DiesAtOddMacros, &Plan { first: number, count: 1, ..PLAN });
    assert_eq!((results.played, results.findings.len()), (1, 1));
}

#[test]
fn a_filter_that_dies_and_is_not_started_again_ends_the_search() {
    let profile = Profile::default();
    let mut peer = Planted::new(Fault::DiesAtZeroLength);
    peer.restarts = false;
    let results = search(&mut Target { peer: &mut peer, profile: &profile }, &PLAN, &mut |_| {}).unwrap();
    assert!(results.stopped.is_some_and(|why| why.contains("--start")));
    assert_eq!((results.findings.len(), results.findings[0].steps), (1, None));
}

#[test]
fn findings_are_the_same_over_a_socket() {
    let limits = Limits { timeout: Duration::from_secs(10), quiet: Duration::from_millis(50), mta: None };
    for fault in [Fault::RepliesToMacros, Fault::SkipsRecipients] {
        let server = OverSocket::start(fault);
        let spec: Spec = server.spec().parse().unwrap();
        let profile = Profile::default();
        let mut remote = Remote { spec: &spec, limits, is_in_hurry: false, program: None };
        let plan = Plan { count: 50, ..PLAN };
        let results =
            search(&mut Target { peer: &mut remote, profile: &profile }, &plan, &mut |_| {}).unwrap();
        assert_eq!(report::scenarios(&results), report::scenarios(&find(fault, &plan)), "{fault:?}");
        let text = report::text(&results, &plan, &spec);
        let command =
            format!("milter-check fuzz filter {spec} --seed 1 --session {}", results.findings[0].number);
        assert!(text.contains(&command), "{text}");
    }
}
