//! Filters that fail, under every failure action.

use milter_proto::message::{AnswerReason, ChainFilter, FailureAction, Message};
use milter_proto::wire::{Command, Offer, Verdict};

use super::filters::{Part, Script};
use super::talk::{BODY, CONNECT, HELO, MAIL, Talk, decision, rcpt};
use crate::support::text;

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
            assert_eq!([0, 1, 2, 3].map(|filter| talk.chain.has_failed(filter)), [false, true, false, false]);
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
            assert_eq!([0, 1, 2].map(|filter| talk.chain.has_failed(filter)), [false, true, false]);
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
fn the_presets_do_what_the_mtas_do_by_default() {
    // Only Postfix allows PROGRESS in answer to MAIL, and only Sendmail sends the name of the interface with CONNECT.
    let script = || Script::new().with("M", &[b"p", b"c"]).with_parts("R", &[Part::Close]);
    for (filter, fails_at_mail, sends_interface, passes_after_failure) in [
        (ChainFilter::POSTFIX, false, false, false),
        (ChainFilter::new(), false, false, false),
        (ChainFilter::SENDMAIL, true, true, true),
    ] {
        let mut talk = Talk::with([(script(), filter)]);
        talk.chain.macros_mut().set(text(b"{if_name}"), text(b"eth0"));
        let mut talk = talk.greeted();
        let is_sent = |payload: &[u8]| payload == b"C{if_name}\0eth0\0";
        let macros = talk.io.tape.iter().filter(|entry| entry.code == 'D' && is_sent(&entry.payload));
        assert_eq!(macros.count(), usize::from(sends_interface));
        assert!(talk.ask(MAIL).passes());
        assert_eq!(talk.chain.has_failed(0), fails_at_mail);
        assert_eq!(talk.ask(rcpt("<b@x>")).passes(), passes_after_failure);
        assert!(talk.chain.has_failed(0));
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
