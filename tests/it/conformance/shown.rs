//! A run as text.

use core::ops::ControlFlow;

use milter_proto::conformance::{Action, FilterRun, Input, MtaRun, Scenario, Verdict, filter, mta};

fn scenario(text: &str) -> Scenario {
    Scenario::read_all(text).unwrap().remove(0)
}

/// Runs a scenario with a filter that answers OPTNEG, and closes the connection at anything else.
fn shown(text: &str) -> (String, Verdict) {
    let (scenario, profile) = (scenario(text), filter::Profile::default());
    let mut run = FilterRun::new(&scenario, &profile);
    let outcome = run.in_memory(|| {
        |bytes: &[u8], out: &mut Vec<u8>| {
            if bytes.get(4) != Some(&b'O') {
                return ControlFlow::Break(());
            }
            out.extend(b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\0");
            ControlFlow::Continue(())
        }
    });
    (run.to_string(), outcome.verdict)
}

#[test]
fn every_verdict_is_the_last_line_but_for_its_reason() {
    for (steps, verdict, end) in [
        ("> OPTNEG 6 0x1ff 0x1fffff\n< OPTNEG\n", Verdict::Pass, "\npass"),
        ("need edit REPLBODY\n", Verdict::Skipped, "\nskipped: the filter did not send REPLBODY"),
        (
            ">> 00000000\n< silence ~ close\n",
            Verdict::NonStrict,
            "\nnon-strict\n  expected: nothing\n  got: ",
        ),
        (
            ">> 00000000\n< silence\n",
            Verdict::Fail,
            "\nfail\n  expected: nothing\n  got: the filter closed the connection",
        ),
    ] {
        let (shown, found) = shown(&format!("[filter/a/b] must FRM-3\nTitle\n{steps}"));
        assert_eq!(found, verdict, "{shown}");
        assert!(shown.contains(end), "{shown}");
        assert!(shown.starts_with("filter/a/b (must, FRM-3): Title\n"), "{shown}");
        assert!(shown.contains("\n  # connected\n"), "{shown}");
    }
}

#[test]
fn bytes_that_are_no_frame_are_digits() {
    let (shown, _) = shown("[filter/a/b] must FRM-3\nTitle\n>> 00000000 ff\n< close\n");
    assert!(shown.contains("\n  >> 00000000ff\n"), "{shown}");
}

#[test]
fn long_lines_are_shortened() {
    let text = "x".repeat(50_000);
    let (frame, _) = shown(&format!("[filter/a/b] must FRM-3\nTitle\n> HELO \"{text}\"\n< close\n"));
    assert!(frame.len() < 2000, "{} bytes", frame.len());
    assert!(frame.contains("\n  > HELO \"xxx") && frame.contains(" … 50009 characters in all\n"), "{frame}");
    let (bytes, _) = shown(&format!("[filter/a/b] must FRM-3\nTitle\n>> {}\n< close\n", "00".repeat(9000)));
    assert!(bytes.contains("00 … 9000 bytes in all\n") && bytes.len() < 2000, "{bytes}");
}

#[test]
fn a_run_for_an_mta_shows_smtp_too() {
    let scenario = scenario("[mta/a/b] must ORD-1\nTitle\nsession\n");
    let profile = mta::Profile::default();
    let mut run = MtaRun::new(&scenario, &profile);
    assert_eq!(run.scenario(), &scenario);
    let mut action = run.advance(Input::Start);
    for _ in 0..10 {
        action = match action {
            Action::Client(_) => run.advance(Input::Done),
            Action::Receive(_) => run.advance(Input::SmtpReply("554-no\n554 mail")),
            _ => break,
        };
    }
    let shown = run.to_string();
    assert!(shown.starts_with("mta/a/b (must, ORD-1): Title\n= session\n"), "{shown}");
    assert!(shown.contains("\n  S: 554-no\n  S: 554 mail\n"), "{shown}");
}

#[test]
fn a_run_that_goes_on_has_no_result_yet() {
    let scenario = scenario("[filter/a/b] must FRM-3\nTitle\n>> 00000000\n< close\n");
    let profile = filter::Profile::default();
    let mut run = FilterRun::new(&scenario, &profile);
    run.advance(Input::Start);
    assert!(run.to_string().ends_with("\nnot finished"), "{run}");
}
