//! Exit statuses, and programs that cannot be tested.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::net::TcpListener;
use std::time::Instant;

use crate::filter::{Filter, Kind};
use crate::program::{mixed, run};

#[test]
fn nothing_failed_is_0_and_a_must_is_1() {
    let filter = Filter::start(Kind::Good);
    for (only, status) in
        [("mixed/passes", 0), ("mixed/is-lenient", 0), ("other", 0), ("mixed/fails", 1), ("", 1)]
    {
        let done = mixed(&filter.spec, &["--only", only]);
        assert_eq!(done.status, status, "{only}: {done:?}");
    }
}

#[test]
fn the_filter_of_the_tests_passes_every_scenario() {
    let filter = Filter::start(Kind::Good);
    let done = run(&["filter", &filter.spec, "--quiet-time", "0.1", "--timeout", "5"]);
    assert_eq!(done.status, 0, "{}", done.out);
    // Nobody looks at a bar, as this is no terminal.
    let progress: Vec<_> = done.err.lines().collect();
    assert!(progress.len() >= 5, "{}", done.err);
    for (number, line) in (1..).zip(progress) {
        assert!(line.starts_with(&format!("milter-check: {number}00 of ")), "{line}");
        assert!(line.ends_with(" scenarios: 0 failed"), "{line}");
    }
}

#[test]
fn mistakes_of_the_user_are_2() {
    for arguments in [
        &["filter"][..],
        &["filter", "somewhere"],
        &["filter", "inet:1@127.0.0.1", "--only", "filter/there-is-no-such"],
        &["filter", "inet:1@127.0.0.1", "--profile", "/there/is/no/such"],
        &["filter", "inet:1@127.0.0.1", "--baseline", "/there/is/no/such"],
        &["filter", "inet:1@127.0.0.1", "--scenarios", "/there/is/no/such"],
        &["filter", "inet:1@127.0.0.1", "--format", "pdf"],
        &["filter", "inet:1@127.0.0.1", "--format", "tap", "--format", "json"],
        &["filter", "inet:1@127.0.0.1", "--output", "x"],
        &["filter", "inet:1@127.0.0.1", "--timeout", "0"],
        &["filter", "inet:1@127.0.0.1", "--quiet-time", "soon"],
        &["filter", "inet:1@127.0.0.1", "--jobs", "0"],
        &["filter", "inet:1@127.0.0.1", "--timeout", "-1"],
        &["filter", "inet:1@127.0.0.1", "--timeout", "nan"],
        &["filter", "inet:1@127.0.0.1", "--level", "high"],
        &["filter", "inet:1@127.0.0.1", "--format", "json="],
        &["filter", "inet:1@127.0.0.1", "--scenarios", "."],
        &["filter", "inet:1@127.0.0.1", "--keep-transcripts", "/dev/null"],
        &["fuzz", "filter", "inet:1@127.0.0.1", "--sessions", "0"],
        &["fuzz", "filter", "inet:1@127.0.0.1", "--findings", "0"],
        &["fuzz", "filter", "inet:1@127.0.0.1", "--session", "1"],
        &["mta", "--smtp", "127.0.0.1:1"],
    ] {
        let done = run(arguments);
        assert_eq!(done.status, 2, "{arguments:?}: {done:?}");
        assert!(!done.err.is_empty() && done.out.is_empty(), "{arguments:?}: {done:?}");
    }
}

#[test]
fn a_filter_that_is_not_there_is_one_line_and_3() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let done = mixed(&format!("inet:{port}@127.0.0.1"), &[]);
    assert_eq!(done.status, 3, "{done:?}");
    assert_eq!((done.err.lines().count(), done.out.as_str()), (1, ""), "{done:?}");
    assert!(done.err.contains("cannot connect: Connection refused"), "{done:?}");
}

#[test]
fn a_filter_that_is_silent_is_told_once_and_3() {
    let filter = Filter::start(Kind::SilentFrom(1));
    let done = mixed(&filter.spec, &["--timeout", "0.3"]);
    assert_eq!(done.status, 3, "{done:?}");
    let line = "nothing came within 0.3 s after OPTNEG: is this a milter, and is the port right?";
    assert!(done.err.lines().next().unwrap().ends_with(line), "{done:?}");
    assert!(done.err.contains("> OPTNEG 6"), "it shows what was sent: {done:?}");
    assert_eq!(filter.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_filter_that_dies_stops_the_run_and_names_the_last_scenario() {
    // The first session, then two connections of the first scenario, and one of the second.
    let filter = Filter::start(Kind::DiesAt(4));
    let done = mixed(&filter.spec, &["--jobs", "1", "--format", "tap"]);
    assert_eq!(done.status, 3, "{done:?}");
    assert!(done.err.contains("cannot be reached any more"), "{done:?}");
    assert!(done.err.contains("the last scenario was filter/mixed/fails"), "{done:?}");
    assert_eq!(done.out.matches("# SKIP the filter could not be tested any more").count(), 4, "{done:?}");
    assert!(done.out.contains("\nBail out! "), "{done:?}");
}

#[test]
fn a_filter_that_hangs_stops_the_run_and_names_the_last_scenario() {
    let filter = Filter::start(Kind::SilentFrom(4));
    let done = mixed(&filter.spec, &["--jobs", "1", "--timeout", "0.3"]);
    assert_eq!(done.status, 3, "{done:?}");
    assert!(done.err.contains("does not answer any more"), "{done:?}");
    assert!(done.err.contains("the last scenario was filter/mixed/fails"), "{done:?}");
}

#[test]
fn a_filter_that_dies_stops_all_jobs() {
    let filter = Filter::start(Kind::DiesAt(5));
    let done = mixed(&filter.spec, &["--jobs", "4", "--format", "tap"]);
    assert_eq!(done.status, 3, "{done:?}");
    assert!(done.err.contains("cannot be reached any more"), "{done:?}");
    assert!(done.err.contains("the last scenario"), "{done:?}");
}

#[test]
fn a_filter_that_sends_without_end_is_told() {
    let filter = Filter::start(Kind::Endless);
    let done = mixed(&filter.spec, &["--timeout", "5", "--only", "mixed/passes"]);
    assert_eq!(done.status, 1, "{:.2000}", done.out);
    for part in
        ["expected at `alive`: an end of the reply\n", "got: frame after frame, ", " lines left out\n"]
    {
        assert!(done.out.contains(part), "{part}: {:.5000}", done.out);
    }
    assert!(done.out.lines().count() < 200, "the transcript is shortened");
}

#[test]
fn a_filter_that_is_restarted_is_tested_to_the_end() {
    let filter = Filter::start(Kind::RestartsAt(4));
    let done = mixed(&filter.spec, &["--jobs", "1", "--verbose"]);
    assert_eq!(done.status, 0, "the scenario of the crash cannot be judged: {done:?}");
    assert!(done.out.contains("6 scenarios"), "{done:?}");
}

#[test]
fn several_connections_are_used_if_the_filter_serves_them() {
    // Each of these waits for nothing to come.
    let quiet = ["--only", "mixed/is-lenient", "--only", "other", "--only", "mixed/passes"];
    for kind in [Kind::Good, Kind::Serial] {
        let filter = Filter::start(kind);
        let begun = Instant::now();
        let done = mixed(&filter.spec, &quiet);
        assert_eq!(done.status, 0, "{kind:?}: {done:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{kind:?}");
    }
}

#[test]
fn a_result_does_not_depend_on_the_number_of_jobs() {
    let filter = Filter::start(Kind::Good);
    let lines = |jobs| {
        let done = mixed(&filter.spec, &["--jobs", jobs, "--format", "tap"]);
        assert_eq!(done.status, 1, "{done:?}");
        done.out
    };
    assert_eq!(lines("1"), lines("4"));
}

#[test]
fn scenarios_are_listed_without_a_program() {
    let done = run(&["filter", "--list", "--only", "framing/", "--level", "must"]);
    assert_eq!(done.status, 0, "{done:?}");
    let name = "filter/framing/zero-length-alone-at-mail ";
    let line = done.out.lines().find(|line| line.starts_with(name)).unwrap();
    for part in [" must ", " FRM-3", " A frame of length 0 "] {
        assert!(line.contains(part), "{line}");
    }
    assert!(done.out.lines().all(|line| line.starts_with("filter/framing/")), "{}", done.out);
}
