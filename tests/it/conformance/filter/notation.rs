//! What the steps of scenarios for filters mean.

use core::cell::RefCell;
use core::ops::ControlFlow;

use milter_proto::conformance::filter::{Profile, ProfileMessage};
use milter_proto::conformance::{FilterRun, Outcome, Scenario, ScenarioFault, Verdict};

use crate::support::wire;

/// Runs the steps with a filter that replies as `reply` says: a code for each command that has a reply, `x` to close the
/// connection, and a blank for nothing. The frames that came are added to `seen`.
fn run_seen(steps: &str, profile: &Profile, seen: &RefCell<Vec<Vec<u8>>>, reply: fn(&[u8]) -> u8) -> Outcome {
    let text = format!("[filter/notation/test] must ORD-34\nA test\n{steps}\n");
    let scenarios = Scenario::read_all(&text).unwrap();
    FilterRun::new(&scenarios[0], profile).in_memory(|| {
        let mut buffer = Vec::new();
        move |bytes: &[u8], out: &mut Vec<u8>| {
            buffer.extend_from_slice(bytes);
            while let Some(head) = buffer.first_chunk::<4>() {
                let end = 4 + usize::try_from(u32::from_be_bytes(*head)).unwrap();
                if buffer.len() < end {
                    break;
                }
                let frame: Vec<u8> = buffer.drain(..end).skip(4).collect();
                match (frame[0], reply(&frame)) {
                    (b'O', _) => out.extend(wire(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0")),
                    (_, b'x') => return ControlFlow::Break(()),
                    (b'D' | b'A' | b'Q' | b'K', _) | (_, b' ') => {}
                    (_, code) => out.extend(wire(code, b"")),
                }
                seen.borrow_mut().push(frame);
            }
            ControlFlow::Continue(())
        }
    })
}

fn run(steps: &str, reply: fn(&[u8]) -> u8) -> Verdict {
    run_seen(steps, &Profile::default(), &RefCell::default(), reply).verdict
}

#[test]
fn reach_sends_the_message_of_the_profile() {
    let mut profile = Profile::default();
    profile.message = ProfileMessage::default();
    profile.message.sender = "<other@example.org>".into();
    let seen = RefCell::default();
    let outcome = run_seen("reach mail", &profile, &seen, |_| b'c');
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert!(seen.borrow().iter().any(|frame| frame == b"M<other@example.org>\0"));
}

#[test]
fn commands_after_a_refusal_need_no_reply() {
    let steps = "reach greeted\npipeline rcpt\n< reply";
    assert_eq!(run(steps, |frame| if frame[0] == b'M' { b'r' } else { b' ' }), Verdict::Skipped);
    let silent_at_rcpt = |frame: &[u8]| if frame[0] == b'R' { b' ' } else { b'c' };
    assert_eq!(run(steps, silent_at_rcpt), Verdict::Fail);
}

#[test]
fn a_filter_may_close_only_where_it_may() {
    let closes_at_unknown = |frame: &[u8]| if frame[0] == b'U' { b'x' } else { b'c' };
    let closes_at_abort = |frame: &[u8]| if frame[0] == b'A' { b'x' } else { b'c' };
    assert_eq!(
        run("reach greeted\n> UNKNOWN \"X\"\n< reply | close\nrecover", closes_at_unknown),
        Verdict::Pass
    );
    assert_eq!(
        run("reach greeted\n> UNKNOWN \"X\"\n< reply ~ close\nrecover", closes_at_unknown),
        Verdict::NonStrict
    );
    assert_eq!(run("reach greeted\n> UNKNOWN \"X\"\n< reply\nrecover", closes_at_unknown), Verdict::Fail);
    assert_eq!(run("reach mail\n> ABORT\nrecover", closes_at_abort), Verdict::Fail);
}

#[test]
fn whole_frames_among_bytes_are_commands() {
    let steps = "reach greeted\n>> 00000003 55 / 58 00 00000003 5559 00\n< reply";
    assert_eq!(run(steps, |_| b'c'), Verdict::Pass);
    assert_eq!(run(steps, |frame| if frame == b"UY\0" { b' ' } else { b'c' }), Verdict::Fail);
    // What comes in the pause is an error.
    assert_eq!(run("reach greeted\n>> 00000003 555800 / 00000003 555900\n< reply", |_| b'c'), Verdict::Fail);
}

#[test]
fn a_scenario_that_does_not_apply_is_skipped() {
    let skipped = [
        "need SKIP\n< silence",
        "message none",
        "message\nneed edit",
        "message\nneed verdict ACCEPT",
        "> FRAME 0x5a \"\"\n< close\nneed open\nmessage",
    ];
    for steps in skipped {
        assert_eq!(
            run(steps, |frame| if frame[0] == b'Z' { b'x' } else { b'c' }),
            Verdict::Skipped,
            "{steps}"
        );
    }
    assert_eq!(run("message\nneed verdict CONTINUE\nnever ACCEPT", |_| b'c'), Verdict::Pass);
    assert_eq!(run("message\nnever CONTINUE", |_| b'c'), Verdict::Fail);
}

#[test]
fn a_verdict_on_the_message_ends_it() {
    let at_eoh = |frame: &[u8]| if frame[0] == b'N' { b'a' } else { b'c' };
    assert_eq!(run("message\nmessage", at_eoh), Verdict::Pass);
    assert_eq!(run("reach body", at_eoh), Verdict::Skipped);
    assert_eq!(run("reach eoh\n> BODY \"x\"\n< reply", at_eoh), Verdict::Skipped);
}

#[test]
fn steps_that_cannot_be_read_are_named() {
    let argument = |text: &str| ScenarioFault::Argument(text.into());
    let stage = |name: &str| {
        let stages =
            "start negotiated connected greeted mail rcpt data header eoh body ended".split(' ').collect();
        ScenarioFault::Stage { name: name.into(), stages }
    };
    let bad = [
        ("pipeline nowhere", stage("nowhere")),
        ("reach", stage("")),
        ("most 6 1", argument("6 1")),
        ("need NOTHING", argument("NOTHING")),
        ("cut x", argument("x")),
        (">> 0g", ScenarioFault::Bytes),
        (">> \"a", ScenarioFault::Bytes),
        (">> 00 *99999999999", ScenarioFault::Bytes),
        ("repeats often", ScenarioFault::Step("repeats".into())),
        ("dance", ScenarioFault::Step("dance".into())),
    ];
    for (step, fault) in bad {
        let text = format!("[filter/a/b] must FRM-1\nTitle\n{step}\n");
        let error = Scenario::read_all(&text).unwrap_err();
        assert_eq!((error.line, error.fault), (3, fault), "{step}");
    }
    for step in ["need verdict NOPE", "never NOPE", "< NOPE", "> NOPE"] {
        let text = format!("[filter/a/b] must FRM-1\nTitle\n{step}\n");
        let error = Scenario::read_all(&text).unwrap_err();
        assert!(matches!(error.fault, ScenarioFault::Frame(_)), "{step}: {error}");
    }
}

#[test]
fn a_mismatch_names_the_rule_that_is_broken() {
    let rule = |steps: &str, reply: fn(&[u8]) -> u8| {
        let outcome = run_seen(steps, &Profile::default(), &RefCell::default(), reply);
        (outcome.verdict, outcome.mismatch.unwrap().rule)
    };
    let mail_gets = "reach greeted\n> MAIL \"<a@b.c>\"\n< reply";
    let cases: [(&str, fn(&[u8]) -> u8, Option<&str>); 7] = [
        (mail_gets, |it| if it[0] == b'M' { b'p' } else { b'c' }, Some("ORD-8")),
        (mail_gets, |it| if it[0] == b'M' { b'+' } else { b'c' }, Some("ORD-26")),
        (mail_gets, |it| if it[0] == b'M' { b'!' } else { b'c' }, Some("ORD-13")),
        (mail_gets, |it| if it[0] == b'M' { b' ' } else { b'c' }, None),
        (mail_gets, |it| if it[0] == b'M' { b'x' } else { b'c' }, None),
        ("reach greeted\n> MAIL \"<a@b.c>\"\n< REJECT", |_| b'c', None),
        // The reply to DATA is not awaited.
        ("reach rcpt\n> DATA\n< silence", |_| b'c', None),
    ];
    for (steps, reply, expected) in cases {
        let outcome = rule(steps, reply);
        assert_eq!(outcome, (Verdict::Fail, expected), "{steps}");
    }
}

#[test]
fn a_frame_of_any_kind_can_be_awaited() {
    let steps = "reach greeted\n> MAIL \"<a@b.c>\"\n< frame";
    assert_eq!(run(steps, |_| b'c'), Verdict::Pass);
    assert_eq!(run(steps, |it| if it[0] == b'M' { b'x' } else { b'c' }), Verdict::Fail);
    assert_eq!(run(steps, |it| if it[0] == b'M' { b' ' } else { b'c' }), Verdict::Fail);
}

#[test]
fn a_title_has_blanks_for_the_hyphens_of_a_name() {
    let text = "[filter/mine/{it}] must FRM-3\nA frame {it} ends the connection\neach it: of-length-0 = 00000000\n>> {it}\n< close\n";
    let scenarios = Scenario::read_all(text).unwrap();
    assert_eq!(scenarios[0].id, "filter/mine/of-length-0");
    assert_eq!(scenarios[0].title, "A frame of length 0 ends the connection");
}

#[test]
fn a_need_is_not_met_where_the_answer_to_the_offer_was_not_awaited() {
    for need in ["need SKIP", "need not SKIP", "need edit REPLBODY"] {
        let steps = format!("> OPTNEG 6 0x1ff 0x1fffff\n{need}");
        assert_eq!(run(&steps, |_| b'x'), Verdict::Skipped, "{need}");
    }
}
