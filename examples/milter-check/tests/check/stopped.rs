//! Runs that end early.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::filter::{Filter, Kind};
use crate::program::{Done, Folder, mixed, package, start};

/// Whether all reports say why a run ended early.
fn is_told(folder: &Folder, done: &Done, ran: usize, why: &str) {
    let text = done.out.as_str();
    let stopped = &*format!("{ran} of 6 scenarios ran: {why}");
    let but = format!("but only {ran} of 6 scenarios ran");
    assert!(text.contains(&format!("\n{stopped}\n")), "{text}");
    assert!(text.lines().last().unwrap().contains(&but), "{text}");
    let seconds = format!("({ran} of 6 scenarios in ");
    assert!(text.lines().last().unwrap().contains(&seconds), "{text}");
    assert!(folder.read("tap").ends_with(&format!("\nBail out! {stopped}\n")), "{}", folder.read("tap"));
    assert_eq!(folder.read("tap").matches(" # SKIP ").count(), 5, "{}", folder.read("tap"));
    let json: Value = serde_json::from_str(&folder.read("json")).unwrap();
    assert_eq!(json["stopped"], *stopped);
    let junit = folder.read("junit");
    assert!(junit.contains(&format!("<error message=\"{stopped}\" type=\"stopped\"")), "{junit}");
    assert!(junit.contains(" errors=\"1\""), "{junit}");
    let html = folder.read("html");
    assert!(html.contains(&format!("The run ended early: {stopped}")), "{html:.4000}");
    assert!(html.contains(&format!("<p class=\"verdict bad\">no scenario failed, {but}")), "{html:.4000}");
    assert!(done.err.contains(stopped), "{done:?}");
    let known = folder.path("known");
    assert!(
        done.err.contains(&format!("{known}: no baseline is written, as not all scenarios ran")),
        "{done:?}"
    );
    assert!(!Path::new(&known).exists());
}

fn arguments(folder: &Folder) -> Vec<String> {
    let mut arguments = vec!["--jobs".to_owned(), "1".to_owned()];
    for format in ["tap", "json", "junit", "html"] {
        arguments.extend(["--format".to_owned(), format!("{format}={}", folder.path(format))]);
    }
    arguments.extend(["--write-baseline".to_owned(), folder.path("known")]);
    arguments
}

#[test]
fn a_filter_that_dies_is_told_in_every_report() {
    let (filter, folder) = (Filter::start(Kind::DiesAt(4)), Folder::new("died"));
    let arguments = arguments(&folder);
    let done = mixed(&filter.spec, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(done.status, 3, "{done:?}");
    let why = "the filter cannot be reached any more (Connection refused (os error 111)); \
                   the last scenario was filter/mixed/fails";
    is_told(&folder, &done, 2, why);
}

/// A run that hangs in its second scenario.
fn hanging(arguments: &[String]) -> (Filter, Child) {
    let filter = Filter::start(Kind::SilentFrom(4));
    let scenarios = package("tests/mixed.txt");
    let fixed = ["filter", &filter.spec, "--timeout", "60", "--scenarios", scenarios.to_str().unwrap()];
    let child = start(&[&fixed[..], &arguments.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    let begun = Instant::now();
    while filter.connections.load(Ordering::SeqCst) < 4 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come to the second scenario");
        thread::sleep(Duration::from_millis(20));
    }
    (filter, child)
}

fn send(signal: Signal, child: &Child) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_signal_ends_the_run_with_reports_of_what_ran() {
    for (signal, name, status) in [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 143)] {
        let folder = Folder::new(name);
        let (_filter, child) = hanging(&arguments(&folder));
        let begun = Instant::now();
        send(signal, &child);
        let output = child.wait_with_output().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not wait for the filter");
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        let done = Done { status: output.status.code().unwrap(), out, err };
        assert_eq!(done.status, status, "{done:?}");
        is_told(&folder, &done, 1, &format!("stopped by {name}"));
        assert!(done.out.contains(&format!("     5  the run was stopped by {name}\n")), "{done:?}");
    }
}

#[test]
fn a_signal_in_the_first_session_ends_the_program() {
    let filter = Filter::start(Kind::SilentFrom(1));
    let child = start(&["filter", &filter.spec, "--timeout", "60"]);
    while filter.connections.load(Ordering::SeqCst) < 1 {
        thread::sleep(Duration::from_millis(20));
    }
    send(Signal::INT, &child);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert_eq!(err, "milter-check: stopped by SIGINT before the first scenario\n");
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let folder = Folder::new("twice");
    // The report waits for a reader of the pipe.
    let pipe = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (_filter, mut child) =
        hanging(&["--jobs".into(), "1".into(), "--format".into(), format!("tap={pipe}")]);
    send(Signal::INT, &child);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(child.try_wait().unwrap(), None, "it writes its reports");
    send(Signal::INT, &child);
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::INT.as_raw()), "{status}");
}

#[test]
fn a_signal_ends_an_mta_run() {
    let folder = Folder::new("mta-signal");
    let socket = folder.path("socket");
    // By hand, and nobody types anything: it waits.
    let mut command = Command::new(env!("CARGO_BIN_EXE_milter-check"));
    command.args(["mta", "--listen", &format!("unix:{socket}")]).stdin(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let input = child.stdin.take();
    while !Path::new(&socket).exists() {
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(200));
    send(Signal::TERM, &child);
    let output = child.wait_with_output().unwrap();
    drop(input);
    assert_eq!(output.status.code(), Some(143), "{output:?}");
}

#[test]
fn a_signal_ends_a_search_with_what_was_found() {
    let (filter, folder) = (Filter::start(Kind::SilentFrom(4)), Folder::new("fuzz-signal"));
    let output = folder.path("found");
    let fixed = ["fuzz", "filter", &filter.spec, "--seed", "1", "--timeout", "60", "--output", &output];
    let child = start(&fixed);
    while filter.connections.load(Ordering::SeqCst) < 4 {
        thread::sleep(Duration::from_millis(20));
    }
    send(Signal::INT, &child);
    let output = child.wait_with_output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(130), "{out}{err}");
    assert!(out.contains("\nstopped: SIGINT\n"), "{out}");
    assert!(err.ends_with("played, and stopped by SIGINT\n"), "{err}");
    assert_eq!(folder.read("found"), "");
}
