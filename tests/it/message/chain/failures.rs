//! Filters that fail, under every failure action.

use milter_proto::message::{AnswerReason, ChainFilter, FailureAction, Message};
use milter_proto::wire::{Command, Offer, Verdict};

use super::filters::{Part, Script};
use super::talk::{BODY, CONNECT, HELO, MAIL, Talk, decision, rcpt};

/// A filter, one that fails under an action, and another filter.
fn with_failing(action: FailureAction, script: Script) -> Talk {
    let failing = ChainFilter::new().with_failure_action(action);
    Talk::with([(Script::new(), ChainFilter::new()), (script, failing), (Script::new(), ChainFilter::new())])
}

fn closes_at(command: &str) -> Script {
    Script::new().with_parts(command, &[Part::Close])
}

/// The answer to the first command that does not pass, or to the message.
fn first_objection(talk: &mut Talk) -> (Option<usize>, Verdict<'static>, bool) {
    let commands = [Command::Negotiate(Offer::FULL), CONNECT, HELO, MAIL, rcpt("<b@x>"), Command::Data];
    let answer = commands.into_iter().map(|it| talk.ask(it)).find(|answer| !answer.passes());
    let answer = answer.unwrap_or_else(|| talk.ask_message(BODY));
    let verdict = match answer.verdict.as_verdict() {
        Verdict::Continue => Verdict::Continue,
        Verdict::Reject => Verdict::Reject,
        Verdict::Tempfail => Verdict::Tempfail,
        Verdict::Shutdown => Verdict::Shutdown,
        other => panic!("{other:?}"),
    };
    (answer.filter, verdict, answer.reason == AnswerReason::Failure)
}

const EVERYWHERE: [&str; 10] = ["O", "C", "H", "M", "R", "T", "L", "N", "B", "E"];

#[test]
fn a_filter_that_fails_refuses_what_it_would_have_been_asked_about() {
    for command in EVERYWHERE {
        for (action, verdict) in [
            (FailureAction::Reject, Verdict::Reject),
            (FailureAction::Tempfail, Verdict::Tempfail),
            (FailureAction::Shutdown, Verdict::Shutdown),
        ] {
            let mut talk = with_failing(action, closes_at(command));
            assert_eq!(first_objection(&mut talk), (Some(1), verdict, true), "{command}");
            // It is not asked again, and keeps to it. The filter before it is asked each time, the one after it is not.
            talk.news();
            if !matches!(command, "O" | "C") {
                talk.ask(Command::Abort);
                talk.news();
                assert_eq!(decision(&talk.ask(MAIL)), (Some(1), verdict), "{command}");
                assert_eq!(talk.news(), ["MA", "", ""], "{command}");
            }
            talk.ask(Command::Quit);
            assert_eq!(talk.news(), ["Q", "", "Q"], "{command}");
        }
    }
}

#[test]
fn the_mail_passes_without_a_filter_that_fails_if_that_was_configured() {
    for command in EVERYWHERE {
        for (action, held) in
            [(FailureAction::Accept, None), (FailureAction::Quarantine, Some(&b"a filter failed"[..]))]
        {
            let mut talk = with_failing(action, closes_at(command));
            assert_eq!(first_objection(&mut talk), (None, Verdict::Continue, false), "{command}");
            assert_eq!(talk.chain.take_message().unwrap().quarantine(), held, "{command}");
            assert_eq!(talk.news()[2], "OCHMRTLNBE", "{command}");
            assert_eq!(talk.deliver(BODY).quarantine(), held, "{command}: the next message");
            assert_eq!(talk.news(), ["MRTLNBE", "", "MRTLNBE"], "{command}");
        }
    }
}

#[test]
fn all_filters_are_negotiated_with_even_if_one_cannot_be_used() {
    let mut talk = with_failing(FailureAction::Tempfail, Script { listens_from: 2, ..Script::new() });
    assert_eq!(decision(&talk.ask(Command::Negotiate(Offer::FULL))), (Some(1), Verdict::Tempfail));
    // The first one that cannot be used answers, and the MTA may go on to CONNECT all the same.
    assert_eq!(decision(&talk.ask(CONNECT)), (Some(1), Verdict::Tempfail));
    assert_eq!(talk.stories(), ["OC", "", "O"]);
    talk.ask(Command::Quit);
    talk.io.assert_left();
}

#[test]
fn no_edit_counts_of_a_filter_that_failed() {
    let edits = ["hX-Half\0 yes\0", "i\0\0\0\0X-Top\0 yes\0", "e<new@x>\0", "-<b@x>\0", "qreason\0"];
    let parts: Vec<_> = edits.iter().map(|edit| Part::Frame(edit.as_bytes().to_vec())).collect();
    let parts = [parts.as_slice(), &[Part::Close]].concat();
    let mut talk = with_failing(FailureAction::Accept, Script::new().with_parts("E", &parts)).greeted();
    let message = talk.deliver(BODY);
    let mut expected = Message::parse(BODY).into_owned();
    expected.set_sender(milter_proto::wire::Text::from_c_str(c"<a@x>"));
    expected.add_recipient(milter_proto::wire::Text::from_c_str(c"<b@x>"));
    assert_eq!(message, expected);
    assert_eq!(talk.stories()[2], "OCHMRTLNBE", "the next filter sees the message as it was");
}

#[test]
fn a_message_whose_new_body_came_in_part_is_not_delivered() {
    for action in [FailureAction::Accept, FailureAction::Quarantine] {
        let parts = [Part::Frame(b"bhalf".to_vec()), Part::Close];
        let mut talk = with_failing(action, Script::new().with_parts("E", &parts)).greeted();
        talk.passes([MAIL, rcpt("<b@x>"), Command::Data]);
        talk.news();
        let answer = talk.ask_message(BODY);
        assert_eq!((decision(&answer), answer.reason), ((Some(1), Verdict::Tempfail), AnswerReason::Failure));
        assert_eq!(talk.news(), ["LNBE", "LNBE", "A"]);
        // The next one passes.
        talk.deliver(BODY);
    }
}

#[test]
fn a_filter_can_be_given_up_at_any_time() {
    let mut talk = with_failing(FailureAction::Tempfail, Script::new()).greeted();
    talk.passes([MAIL]);
    talk.chain.fail(2);
    talk.io.failed[2] = true;
    // The last filter has failed, and is found out when its turn comes.
    assert_eq!(decision(&talk.ask(rcpt("<b@x>"))), (Some(2), Verdict::Tempfail));
    talk.chain.fail(3);
    talk.ask(Command::Quit);
    talk.io.assert_left();
}
