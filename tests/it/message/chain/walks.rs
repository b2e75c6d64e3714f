//! Who is asked what: the rules of a chain, one by one.

use milter_proto::macros::MacroDefaults;
use milter_proto::message::{
    AnswerReason, ApplyError, Chain, ChainError, ChainFilter, ChainStep, EditRules, FilterError,
};
use milter_proto::mta::Policy;
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{Command, Offer, ReplyText, Text, Verdict};
use milter_proto::{MtaSession, ReceiveError, Wait};

use super::filters::{Part, Script};
use super::talk::{BODY, CONNECT, HELO, MAIL, Talk, decision, rcpt};
use crate::support::{bytes_of, reply, text};

const NO_MAIL: u32 = 0x4;
const NO_RCPT: u32 = 0x8;
const REJECTED_RCPT: u32 = 0x800;
const NO_REPLY_TO_ENVELOPE: u32 = 0x4000 | 0x8000;
const UNKNOWN: Command<'static> = Command::Unknown { line: Text::from_c_str(c"FOO") };

fn plain() -> Script {
    Script::new()
}

fn says(command: &str, frame: &[u8]) -> Script {
    plain().with(command, &[frame])
}

#[test]
fn helo_and_mail_in_a_message_come_after_an_abort() {
    // The second filter accepted the message, the third does not want MAIL.
    let scripts = [Script::new(), Script::new().with("M", &[b"a"]), Script::new().with_steps(0x04)];
    for again in [HELO, MAIL] {
        let mut talk = Talk::new(scripts.clone()).greeted();
        talk.passes([MAIL, rcpt("<b@x>")]);
        talk.news();
        talk.passes([again]);
        let code = if again == HELO { "H" } else { "M" };
        let third = if again == HELO { "AH" } else { "A" };
        assert_eq!(talk.news(), [&format!("A{code}"), code, third], "{again:?}");
        // Outside of a message nothing comes before them.
        if again == HELO {
            talk.passes([HELO]);
            assert_eq!(talk.news(), ["H"; 3]);
        }
        talk.deliver(BODY);
    }
}

#[test]
fn a_chain_without_filters_lets_everything_pass() {
    let mut talk = Talk::new([]).greeted();
    assert_eq!(talk.deliver(BODY).to_bytes(), BODY);
    assert!(talk.ask(Command::Quit).passes());
}

#[test]
fn a_command_goes_to_the_filters_in_their_order_until_one_objects() {
    let mut talk = Talk::new([plain(), says("R", b"r"), plain()]).greeted();
    talk.passes([MAIL]);
    assert_eq!(decision(&talk.ask(rcpt("<b@x>"))), (Some(1), Verdict::Reject));
    let asked: Vec<_> = talk.io.tape.iter().map(|entry| (entry.code, entry.filter)).collect();
    let in_order = |code| [0, 1, 2].map(|filter| (code, filter));
    let expected = ['O', 'C', 'H', 'M'].map(in_order).concat();
    assert_eq!(asked, [expected.as_slice(), &[('R', 0), ('R', 1)]].concat());
}

#[test]
fn accept_and_skip_concern_one_filter() {
    let mut talk = Talk::new([says("R", b"a"), says("B", b"s").with_steps(0x400), plain()]).greeted();
    let body = [b"A: b\r\n\r\n".as_slice(), &[b'x'; 150_000]].concat();
    talk.news();
    talk.deliver(&body);
    assert_eq!(talk.news(), ["MR", "MRTLNBE", "MRTLNBBBE"]);
    // The next message is for all.
    talk.deliver(BODY);
    assert_eq!(talk.news(), ["MRTLNBE", "MRTLNBE", "MRTLNBE"]);
    // CONNECT: for the connection.
    let mut talk = Talk::new([says("C", b"a"), plain()]).greeted();
    talk.deliver(BODY);
    assert_eq!(talk.news(), ["OC", "OCHMRTLNBE"]);
}

#[test]
fn the_second_filter_sees_the_message_of_the_first_but_not_its_envelope() {
    let lists = vec![(5, "{mail_addr}".to_owned())];
    let edits: [&[u8]; 5] = [b"hX-One\0yes\0", b"bNew\r\n", b"e<new@x>\0", b"+<c@x>\0", b"c"];
    let second = Script { lists, ..says("E", b"c") };
    let mut talk = Talk::new([plain().with("E", &edits), second]).greeted();
    let message = talk.deliver(BODY);
    assert_eq!(message.to_bytes(), b"Subject: one\r\nX-One: yes\r\n\r\nNew\r\n");
    let recipients: Vec<_> = message.recipients().map(|it| it.mailbox().to_vec()).collect();
    assert_eq!(
        (message.sender().mailbox(), recipients),
        (&b"new@x"[..], vec![b"b@x".to_vec(), b"c@x".to_vec()])
    );
    let second: Vec<_> = talk.io.tape.iter().filter(|entry| entry.filter == 1).collect();
    let payloads =
        |code: char| second.iter().filter(move |it| it.code == code).map(|it| it.payload.as_slice());
    assert_eq!(payloads('M').collect::<Vec<_>>(), [b"<a@x>\0"]);
    assert_eq!(payloads('R').collect::<Vec<_>>(), [b"<b@x>\0"]);
    assert_eq!(payloads('L').collect::<Vec<_>>(), [&b"Subject\0one\0"[..], b"X-One\0yes\0"]);
    assert_eq!(payloads('B').collect::<Vec<_>>(), [b"New\r\n"]);
    // Macros are about the envelope that the client sent, too.
    assert_eq!(payloads('D').collect::<Vec<_>>(), [b"E{mail_addr}\0a@x\0"]);
}

#[test]
fn a_message_that_ends_early_is_aborted_for_those_that_know_of_it() {
    // MAIL refused: the filters before.
    let mut talk = Talk::new([plain(), says("M", b"r"), plain()]).greeted();
    talk.news();
    assert_eq!(decision(&talk.ask(MAIL)), (Some(1), Verdict::Reject));
    assert_eq!(talk.news(), ["MA", "M", ""]);
    // Content refused: the filters after. The others have decided.
    let mut talk = Talk::new([plain(), says("N", b"t"), plain()]).greeted();
    talk.passes([MAIL, rcpt("<b@x>"), Command::Data]);
    talk.news();
    assert_eq!(decision(&talk.ask_message(BODY)), (Some(1), Verdict::Tempfail));
    assert_eq!(talk.news(), ["LNBE", "LN", "A"]);
    // Given up by the client: those that have not accepted it.
    let mut talk = Talk::new([says("M", b"a"), plain()]).greeted();
    talk.passes([MAIL, rcpt("<b@x>")]);
    talk.news();
    assert!(talk.ask(Command::Abort).passes());
    assert_eq!(talk.news(), ["", "A"]);
    // No message: nobody.
    assert!(talk.ask(Command::Abort).passes());
    assert_eq!(talk.news(), ["", ""]);
}

#[test]
fn a_refused_recipient_is_no_longer_asked_about_and_the_message_goes_on() {
    let mut talk = Talk::new([plain(), says("R", b"y550 5.1.1 no\0"), plain()]).greeted();
    talk.passes([MAIL]);
    talk.news();
    assert_eq!(decision(&talk.ask(rcpt("<b@x>"))), (Some(1), Verdict::Reply(reply(b"550 5.1.1 no"))));
    talk.passes([rcpt("<c@x>"), Command::Data]);
    assert!(talk.ask_message(BODY).passes());
    assert_eq!(talk.news(), ["RRTLNBE", "RRTLNBE", "RTLNBE"]);
}

#[test]
fn after_discard_nobody_is_asked_about_the_message() {
    for (command, expected) in [
        ("M", ["MA", "M", ""]),
        ("R", ["MRA", "MR", "MA"]),
        ("T", ["MRTA", "MRT", "MRA"]),
        ("L", ["MRTLNBE", "MRTL", "MRTA"]),
        ("E", ["MRTLNBE", "MRTLNBE", "MRTA"]),
    ] {
        let mut talk = Talk::new([plain(), says(command, b"d"), plain()]).greeted();
        talk.news();
        let mut answers: Vec<_> = [MAIL, rcpt("<b@x>"), Command::Data].map(|it| talk.ask(it)).into();
        answers.push(talk.ask_message(BODY));
        assert_eq!(decision(answers.last().unwrap()), (Some(1), Verdict::Discard), "{command}");
        // From the one that discards to the end.
        let count = answers.iter().filter(|answer| !answer.passes()).count();
        assert_eq!(
            count,
            ["E", "T", "R", "M"].iter().position(|it| *it == command).unwrap_or(0) + 1,
            "{command}"
        );
        assert_eq!(talk.news(), expected, "{command}");
        talk.deliver(BODY);
        assert_eq!(talk.news(), ["MRTLNBE"; 3], "{command}: the next message");
    }
    // RSET ends it, too.
    let mut talk = Talk::new([plain(), says("R", b"d"), plain()]).greeted();
    talk.passes([MAIL]);
    assert_eq!(decision(&talk.ask(rcpt("<b@x>"))), (Some(1), Verdict::Discard));
    assert!(talk.ask(Command::Abort).passes());
    assert_eq!(talk.stories(), ["OCHMRA", "OCHMR", "OCHMA"]);
}

#[test]
fn replies_421_and_521_and_shutdown_end_the_smtp_session() {
    for frame in [&b"y421 4.3.2 closing\0"[..], b"y521 5.3.2 closing\0", b"4"] {
        for command in ["C", "H", "M", "R", "T", "N", "E", "U"] {
            let mut talk = Talk::new([plain(), says(command, frame), plain()]);
            talk.passes([Command::Negotiate(Offer::FULL)]);
            let commands = [CONNECT, HELO, MAIL, rcpt("<b@x>"), UNKNOWN, Command::Data];
            let answers = commands.into_iter().map(|it| talk.ask(it)).find(|answer| !answer.passes());
            let answer = answers.unwrap_or_else(|| talk.ask_message(BODY));
            assert!(answer.closes_smtp_session() && answer.filter == Some(1), "{command}: {answer:?}");
            talk.ask(Command::Quit);
            talk.io.assert_left();
        }
    }
    // Also where the verdict does not count otherwise.
    let script = says("R", b"y421 4.3.2 closing\0").with_steps(REJECTED_RCPT);
    let mut talk = Talk::new([script]).greeted();
    talk.passes([MAIL]);
    assert!(talk.ask_rejected(rcpt("<nobody@x>")).closes_smtp_session());
}

#[test]
fn a_refusal_of_the_connection_stays_and_the_filters_after_it_are_not_asked() {
    for (command, expected) in [("C", ["OCHMAMAQ", "OCQ", "OQ"]), ("H", ["OCHMAMAQ", "OCHQ", "OCQ"])] {
        let mut talk = Talk::new([plain(), says(command, b"y554 5.7.1 no\0"), plain()]);
        talk.passes([Command::Negotiate(Offer::FULL)]);
        let answers = [CONNECT, HELO, MAIL, MAIL].map(|it| talk.ask(it));
        for answer in &answers[usize::from(command == "H")..] {
            assert_eq!(decision(answer), (Some(1), Verdict::Reply(reply(b"554 5.7.1 no"))));
        }
        talk.ask(Command::Quit);
        assert_eq!(talk.stories(), expected);
    }
}

#[test]
fn a_recipient_that_the_mta_refused_goes_to_those_who_asked_for_such() {
    let asks = || plain().with_steps(REJECTED_RCPT);
    let mut talk = Talk::new([plain(), asks().with("R", &[b"r"]), asks()]).greeted();
    talk.passes([MAIL]);
    talk.news();
    assert!(talk.ask_rejected(rcpt("<nobody@x>")).passes(), "its verdict does not count");
    assert_eq!(talk.news(), ["", "R", "R"]);
    talk.passes([rcpt("<b@x>"), Command::Data]);
    assert!(talk.ask_message(BODY).passes());
    // DISCARD is about the message.
    let mut talk = Talk::new([asks().with("R", &[b"d"]), asks()]).greeted();
    talk.passes([MAIL]);
    assert_eq!(decision(&talk.ask_rejected(rcpt("<nobody@x>"))), (Some(0), Verdict::Discard));
    assert_eq!(decision(&talk.ask(rcpt("<b@x>"))), (Some(0), Verdict::Discard));
    // Nothing else can be one.
    let error = talk.chain.send_rejected(MAIL).unwrap_err();
    assert!(matches!(error, ChainError::Misuse { filter: 0, error } if error.rule == Rule::NotRecipient));
}

#[test]
fn macros_are_those_of_each_filter() {
    let lists = |names: &str| Script { lists: vec![(3, names.to_owned())], ..plain() };
    let asks = Script { steps: REJECTED_RCPT, ..lists("{rcpt_addr}") };
    let scripts = [plain(), lists("i {rcpt_addr}"), lists("unset"), asks];
    let filters =
        scripts.map(|script| (script, ChainFilter::new().with_macro_defaults(MacroDefaults::POSTFIX)));
    let mut talk = Talk::with(filters);
    talk.chain.macros_mut().set(text(b"i"), text(b"4711"));
    let mut talk = talk.greeted();
    let macros = |talk: &mut Talk| {
        let tape = core::mem::take(&mut talk.io.tape);
        let macros = tape.into_iter().filter(|entry| entry.code == 'D');
        macros.map(|entry| (entry.filter, entry.payload)).collect::<Vec<_>>()
    };
    talk.passes([MAIL]);
    macros(&mut talk);
    talk.passes([rcpt("<b@x>")]);
    // The first has those of Postfix, the third asked for one that has no value.
    let with_id = b"Ri\x004711\0{rcpt_addr}\0b@x\0".to_vec();
    let without_id = b"R{rcpt_addr}\0b@x\0".to_vec();
    assert_eq!(macros(&mut talk), [(0, with_id.clone()), (1, with_id), (3, without_id)]);
    // A value of the MTA's own is stronger, and a refused recipient has macros for those who see it.
    talk.chain.macros_mut().set(text(b"{rcpt_addr}"), text(b"no such user"));
    assert!(talk.ask_rejected(rcpt("<nobody@x>")).passes());
    assert_eq!(macros(&mut talk), [(3, b"R{rcpt_addr}\0no such user\0".to_vec())]);
}

#[test]
fn after_refused_data_a_filter_that_accepted_it_gets_the_envelope_again() {
    let mut talk = Talk::new([plain(), says("T", b"t"), plain()]).greeted();
    talk.passes([MAIL, rcpt("<b@x>")]);
    assert_eq!(decision(&talk.ask(Command::Data)), (Some(1), Verdict::Tempfail));
    talk.news();
    // The second filter keeps to its refusal.
    assert_eq!(decision(&talk.ask(rcpt("<c@x>"))), (Some(1), Verdict::Tempfail));
    assert_eq!(decision(&talk.ask(Command::Data)), (Some(1), Verdict::Tempfail));
    assert_eq!(talk.news(), ["AMRRT", "", ""]);
    assert!(talk.ask(Command::Abort).passes());
    assert_eq!(talk.news(), ["A", "A", "A"]);
    talk.deliver(BODY);
    assert_eq!(talk.news(), ["MRTLNBE"; 3]);
}

/// Two filters, of which the second refuses the first DATA by a failure that the MTA forgives.
fn data_refused_once(first: Script, rejected: bool) -> Talk {
    let mut talk = Talk::new([first, says("R2", b"r").with("T", &[b"t"])]).greeted();
    talk.passes([MAIL]);
    if rejected {
        assert!(talk.ask_rejected(rcpt("<nobody@x>")).passes());
    }
    talk.passes([rcpt("<b@x>")]);
    assert_eq!(decision(&talk.ask(rcpt("<c@x>"))), (Some(1), Verdict::Reject));
    assert_eq!(decision(&talk.ask(Command::Data)), (Some(1), Verdict::Tempfail));
    talk.news();
    talk
}

#[test]
fn the_envelope_that_is_sent_again_is_the_accepted_one() {
    let addresses = |talk: &Talk| {
        let recipients = talk.io.tape.iter().filter(|entry| entry.filter == 0 && entry.code == 'R');
        recipients.map(|it| String::from_utf8_lossy(&it.payload).replace('\0', "")).collect::<Vec<_>>()
    };
    // <c@x> was refused by the second filter.
    let mut talk = data_refused_once(plain(), false);
    talk.ask(Command::Data);
    assert_eq!((talk.stories()[0].as_str(), addresses(&talk)), ("AMRT", vec!["<b@x>".to_owned()]));
    // A filter without replies to the envelope is not forgotten.
    let mut talk = data_refused_once(plain().with_steps(NO_REPLY_TO_ENVELOPE), false);
    talk.ask(Command::Data);
    assert_eq!((talk.stories()[0].as_str(), addresses(&talk)), ("AMRT", vec!["<b@x>".to_owned()]));
    // Nor one that declined a part of it.
    let mut talk = data_refused_once(plain().with_steps(NO_MAIL), false);
    talk.ask(Command::Data);
    assert_eq!((talk.stories()[0].as_str(), addresses(&talk)), ("ART", vec!["<b@x>".to_owned()]));
    let mut talk = data_refused_once(plain().with_steps(NO_RCPT), false);
    talk.ask(Command::Data);
    assert_eq!(talk.stories()[0], "AMT");
    // What the MTA refused is shown as that again: REJECT does not count.
    let script = plain().with_steps(REJECTED_RCPT).with("R4", &[b"r"]);
    let mut talk = data_refused_once(script, true);
    talk.ask(Command::Data);
    let both = vec!["<nobody@x>".to_owned(), "<b@x>".to_owned()];
    assert_eq!((talk.stories()[0].as_str(), addresses(&talk)), ("AMRRT", both));
    // Also if it is such a recipient that leads back.
    let script = plain().with_steps(REJECTED_RCPT).with("R4", &[b"r"]);
    let mut talk = data_refused_once(script, false);
    assert_eq!(decision(&talk.ask_rejected(rcpt("<nobody@x>"))), (Some(1), Verdict::Tempfail));
    let both = vec!["<b@x>".to_owned(), "<nobody@x>".to_owned()];
    assert_eq!((talk.stories()[0].as_str(), addresses(&talk)), ("AMRR", both));
}

#[test]
fn a_filter_that_refuses_the_envelope_the_second_time_refuses_the_message() {
    // MAIL or the recipient, sent again before DATA.
    for (command, verdict) in [("M2", b"r"), ("R3", b"t")] {
        let mut talk = data_refused_once(says(command, verdict), false);
        let expected = if verdict == b"r" { Verdict::Reject } else { Verdict::Tempfail };
        for _ in 0..2 {
            assert_eq!(decision(&talk.ask(Command::Data)), (Some(0), expected));
            assert_eq!(decision(&talk.ask(rcpt("<d@x>"))), (Some(0), expected));
        }
        // It gets nothing more of a message that it does not know as a whole.
        assert_eq!(talk.news()[0], if command == "M2" { "AM" } else { "AMR" });
        assert_eq!(decision(&talk.ask_message(BODY)), (Some(0), expected));
        assert_eq!(talk.news(), if command == "M2" { ["", "A"] } else { ["A", "A"] });
        talk.deliver(BODY);
        assert_eq!(talk.news(), ["MRTLNBE"; 2]);
    }
    // A filter that fails there has its failure action, whatever it said before.
    let surplus = [Part::Frame(b"r".to_vec()), Part::Frame(b"c".to_vec())];
    let mut talk = data_refused_once(plain().with_parts("M2", &surplus), false);
    for _ in 0..2 {
        let answer = talk.ask(Command::Data);
        assert_eq!((decision(&answer), answer.reason), ((Some(0), Verdict::Tempfail), AnswerReason::Failure));
    }
    // After QUIT nothing is left of it.
    let mut talk = data_refused_once(says("M2", b"r"), false);
    assert_eq!(decision(&talk.ask(Command::Data)), (Some(0), Verdict::Reject));
    talk.ask(Command::Quit);
    assert!(talk.chain.send(rcpt("<b@x>")).is_err());
    // ACCEPT is as good as ever.
    let mut talk = data_refused_once(says("R3", b"a"), false);
    assert_eq!(decision(&talk.ask(Command::Data)), (Some(1), Verdict::Tempfail));
    assert_eq!(talk.news()[0], "AMR");
}

#[test]
fn a_connection_can_be_used_for_another_session_after_quit_nc() {
    let mut talk = Talk::new([plain(), plain()]).greeted();
    assert!(!talk.chain.can_reuse(), "no message has ended yet");
    talk.deliver(BODY);
    assert!(talk.chain.can_reuse());
    talk.passes([Command::QuitNewConnection, CONNECT, HELO]);
    talk.deliver(BODY);
    assert_eq!(talk.stories(), ["OCHMRTLNBEKCHMRTLNBE"; 2]);
    // All of the filters must be ready for it.
    for script in [says("E", b"a"), Script { version: 2, ..plain() }] {
        let mut talk = Talk::new([plain(), script]).greeted();
        talk.deliver(BODY);
        assert!(!talk.chain.can_reuse());
        let error = talk.chain.send(Command::QuitNewConnection).unwrap_err();
        assert!(
            matches!(error, ChainError::Misuse { filter: 1, error } if error.rule == Rule::QuitNcNotAllowed)
        );
        assert!(talk.ask(Command::Quit).passes());
        talk.io.assert_left();
    }
}

#[test]
fn more_edits_than_there_is_room_for_are_a_failure() {
    let many: [&[u8]; 4] = [b"hX-A\0 a\0", b"hX-B\0 b\0", b"hX-C\0 c\0", b"c"];
    let small = ChainFilter::new().with_max_edit_bytes(300);
    let mut talk = Talk::with([(plain().with("E", &many), small), (plain(), ChainFilter::new())]).greeted();
    talk.passes([MAIL, rcpt("<b@x>"), Command::Data]);
    let answer = talk.ask_message(BODY);
    assert_eq!((decision(&answer), answer.reason), ((Some(0), Verdict::Tempfail), AnswerReason::Failure));
    assert!(talk.chain.take_message().is_none());
}

#[test]
fn edits_that_cannot_be_applied_refuse_the_message_and_keep_the_filter() {
    // Sendmail accepts chunks of a new body with edits between them, the rules of Postfix do not.
    let edits: [&[u8]; 4] = [b"bNew ", b"hX-A\0 a\0", b"bbody\r\n", b"c"];
    let lenient = ChainFilter::new().with_session(MtaSession::with_policy(Policy::SENDMAIL));
    let mut talk =
        Talk::with([(plain().with("E", &edits), lenient), (plain(), ChainFilter::new())]).greeted();
    talk.passes([MAIL, rcpt("<b@x>"), Command::Data]);
    let answer = talk.ask_message(BODY);
    let expected = AnswerReason::Edits(ApplyError::BodyInterrupted { edit: 2 });
    assert_eq!((decision(&answer), answer.reason), ((Some(0), Verdict::Tempfail), expected));
    assert!(talk.chain.take_message().is_none());
    assert_eq!(talk.deliver(BODY).to_bytes(), BODY);
}

#[test]
fn what_cannot_be_sent_to_a_filter_is_refused_and_the_filter_is_kept() {
    let mut talk = Talk::new([plain(), plain()]).greeted();
    talk.passes([MAIL, rcpt("<b@x>"), Command::Data]);
    talk.news();
    let message = [&[b'x'; 70_000][..], b": a\r\n\r\n"].concat();
    let answer = talk.ask_message(&message);
    assert_eq!(decision(&answer), (Some(0), Verdict::Tempfail));
    assert!(matches!(answer.reason, AnswerReason::NotSendable(it) if it.rule == Rule::TooLong), "{answer:?}");
    assert_eq!(talk.news(), ["A", "A"]);
    talk.deliver(BODY);
}

#[test]
fn quarantine_holds_the_message_whenever_it_came_and_the_others_may_still_refuse() {
    for command in ["M", "R", "T", "L", "B", "E"] {
        let mut talk = Talk::new([plain().with(command, &[b"qa reason\0", b"c"]), plain()]).greeted();
        assert_eq!(talk.deliver(BODY).quarantine(), Some(&b"a reason"[..]), "{command}");
        assert_eq!(talk.deliver(BODY).quarantine(), None, "{command}: the next message");
        // A message that was given up.
        let mut talk = Talk::new([plain().with(command, &[b"qa reason\0", b"c"]), says("N", b"r")]).greeted();
        talk.passes([MAIL, rcpt("<b@x>"), Command::Data]);
        assert_eq!(decision(&talk.ask_message(BODY)), (Some(1), Verdict::Reject));
        assert_eq!(talk.deliver(BODY).quarantine(), None, "{command}: the next message");
    }
}

#[test]
fn commands_out_of_order_are_refused_and_nothing_is_sent() {
    let mut talk = Talk::new([plain(), plain()]);
    let misuse = talk.chain.send(MAIL).unwrap_err();
    assert!(matches!(misuse, ChainError::Misuse { filter: 0, error } if error.rule == Rule::Order));
    let mut talk = talk.greeted();
    for (command, kind) in [
        (Command::EndOfHeaders, CommandKind::EndOfHeaders),
        (Command::Body { chunk: b"x" }, CommandKind::Body),
        (Command::EndOfMessage { chunk: b"" }, CommandKind::EndOfMessage),
        (Command::Header { name: Text::EMPTY, value: Text::EMPTY }, CommandKind::Header),
    ] {
        assert_eq!(talk.chain.send(command), Err(ChainError::SentByChain(kind)));
    }
    assert!(talk.chain.send(rcpt("<b@x>")).is_err());
    let error = talk.chain.send_message(milter_proto::message::Message::parse(BODY)).unwrap_err();
    assert_eq!(error, ChainError::NoData { filter: 0 });
    assert_eq!(
        error.to_string(),
        "send_message was called, but DATA has not been sent for this message (filter 0)"
    );
    assert!(talk.chain.take_message().is_none());
    assert_eq!(talk.stories(), ["OCH", "OCH"]);
    // A second command before the answer to the first.
    talk.chain.send(MAIL).unwrap();
    for command in [MAIL, Command::Abort, HELO, Command::QuitNewConnection] {
        assert_eq!(talk.chain.send(command), Err(ChainError::NotDone));
    }
    assert!(talk.io.run(&mut talk.chain).passes());
    assert_eq!(talk.stories(), ["OCHM", "OCHM"]);
    // After QUIT nothing passes unseen.
    talk.passes([Command::Quit]);
    let error = talk.chain.send(MAIL).unwrap_err();
    assert!(matches!(error, ChainError::Misuse { filter: 0, error } if error.rule == Rule::Closed));
    assert!(talk.ask(Command::Quit).passes());
    assert_eq!(talk.stories(), ["OCHMQ", "OCHMQ"]);
}

#[test]
fn quit_may_come_before_the_answer() {
    let mut chain = Chain::new(EditRules::POSTFIX);
    chain.extend([ChainFilter::new(), ChainFilter::new()]);
    chain.send(Command::Negotiate(Offer::FULL)).unwrap();
    let mut steps = Vec::new();
    for _ in 0..2 {
        steps.push(match chain.next_step() {
            ChainStep::Write { filter, frame } => {
                format!("write {} to {filter}", char::from(bytes_of(&frame)[4]))
            }
            ChainStep::Read { filter, wait } => format!("read {filter} {wait:?}"),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(steps, ["write O to 0".to_owned(), format!("read 0 {:?}", Wait::Negotiation)]);
    // The first owes a reply: it would take QUIT for the next command. The second was not connected to.
    chain.send(Command::Quit).unwrap();
    assert!(matches!(chain.next_step(), ChainStep::Close { filter: 0 }));
    assert!(matches!(chain.next_step(), ChainStep::Write { filter: 1, .. }));
    chain.fail(1);
    assert!(matches!(chain.next_step(), ChainStep::Close { filter: 1 }));
    assert!(matches!(chain.next_step(), ChainStep::Done(answer) if answer.passes()));
}

#[test]
fn bytes_that_nobody_waits_for_are_a_failure() {
    let mut talk = Talk::new([plain(), plain()]).greeted();
    talk.passes([MAIL]);
    let error = talk.chain.receive(1, &mut &b"\0\0\0\x01c"[..]).unwrap_err();
    assert!(
        matches!(error, FilterError::Receive(ReceiveError::Peer(it)) if it.rule == Rule::NotOwed),
        "{error:?}"
    );
    talk.io.failed[1] = true;
    let answer = talk.ask(rcpt("<b@x>"));
    assert_eq!((decision(&answer), answer.reason), ((Some(1), Verdict::Tempfail), AnswerReason::Failure));
    // A surplus frame after a reply.
    let surplus = [Part::Frame(b"c".to_vec()), Part::Frame(b"c".to_vec())];
    let mut talk = Talk::new([plain().with_parts("M", &surplus)]).greeted();
    assert_eq!(decision(&talk.ask(MAIL)), (Some(0), Verdict::Tempfail));
}

#[test]
fn the_text_of_a_reply_is_kept_for_the_commands_that_it_answers() {
    let mut talk = Talk::new([says("T", b"y450 4.7.1 later\0")]).greeted();
    talk.passes([MAIL, rcpt("<b@x>")]);
    let expected = Verdict::Reply(ReplyText::parse(b"450 4.7.1 later").unwrap());
    for command in [Command::Data, Command::Data, rcpt("<c@x>")] {
        assert_eq!(decision(&talk.ask(command)), (Some(0), expected));
    }
    assert_eq!(talk.stories(), ["OCHMRT"]);
}

#[test]
fn edits_of_a_message_are_not_those_of_the_next() {
    for verdict in [b"r", b"c"] {
        // The next one begins with DATA only: the filter has declined what comes before.
        let script = plain().with("E", &[b"hX-First\0yes\0", verdict]).with("T2", &[b"a"]);
        let mut talk = Talk::new([script.with_steps(NO_MAIL | NO_RCPT)]).greeted();
        talk.passes([Command::Data]);
        assert_eq!(talk.ask_message(BODY).passes(), verdict == b"c");
        talk.passes([Command::Data]);
        assert!(talk.ask_message(BODY).passes());
        assert_eq!(talk.chain.take_message().unwrap().to_bytes(), BODY);
    }
}

#[test]
fn a_filter_is_not_shown_a_line_of_another_that_is_no_header() {
    for name in ["X Y", ""] {
        let edit = format!("h{name}\0yes\0");
        let mut talk = Talk::new([plain().with("E", &[edit.as_bytes(), b"c"]), plain()]).greeted();
        let message = talk.deliver(BODY);
        let expected = format!("Subject: one\r\n{name}: yes\r\n\r\nHello\r\n");
        assert_eq!(message.to_bytes(), expected.as_bytes());
        assert_eq!(talk.stories()[1], "OCHMRTLNBE");
    }
}
