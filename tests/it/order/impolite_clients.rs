//! What MTAs send when the SMTP client is not polite, and how each law takes it.
//!
//! `ROWS` tells each class of sequence in a line; `tests/captures/walks` holds recorded sessions of most of them, from
//! real MTAs driven by random SMTP clients.

use milter_proto::filter::Turn;
use milter_proto::macros::MacroStore;
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{
    Actions, Answer, Assembler, Command, Direction, Frame, Offer, Response, Steps, Text, Tolerance, Verdict,
    Version,
};
use milter_proto::{FilterSession, Monitor, filter};

use crate::support::recorded::capture::{Side, What};
use crate::support::recorded::{Session, sessions};
use crate::support::sides::{Filter, everyday};

/// A sequence of frames that an SMTP client can cause: why, the steps that were negotiated, the frames that come before
/// it, each answered with CONTINUE, and the frames with what the default policy and the strict law make of each.
///
/// `c` or `r` after a code: the answer, where a reply is due. `*`: it aborts the message. `!`: it is out of order.
struct Row {
    why: &'static str,
    steps: Steps,
    before: &'static str,
    frames: &'static [&'static str],
}

const NO_STEPS: Steps = Steps::EMPTY;
const NR_MAIL: Steps = Steps::NO_REPLY_MAIL;

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { why: "1: BDAT; FOO; BDAT LAST (Postfix)", steps: NO_STEPS, before: "CHMR", frames: &["Tc", "Uc", "Lc", "Nc", "Bc", "Er"] },
    Row { why: "2: BDAT; EHLO (Postfix)", steps: NO_STEPS, before: "CHMR", frames: &["Tc", "H*c", "A", "A"] },
    Row { why: "3: another filter refuses DATA; RCPT", steps: NO_STEPS, before: "CHMR", frames: &["Tc", "Rc", "Tc", "Lc", "Nc", "Er"] },
    Row { why: "3: another filter refuses DATA; DATA", steps: NO_STEPS, before: "CHMR", frames: &["Tc", "Tc", "Lc", "Nc", "Er"] },
    Row { why: "3: another filter refuses DATA; FOO; EHLO", steps: NO_STEPS, before: "CHMR", frames: &["Tc", "Tc", "Uc", "H*c", "Mc"] },
    Row { why: "4: a proxy refuses DATA (Postfix)", steps: NO_STEPS, before: "CHMR", frames: &["Tc", "Rc", "Tc", "A*", "Mc"] },
    Row { why: "5: refused at the end of DATA; RCPT (Postfix 3.7)", steps: NO_STEPS, before: "CHMR", frames: &["Tc", "Rc", "Rc", "Tc", "Lc", "Nc", "Er"] },
    Row { why: "6: BDAT 0; BDAT LAST; DATA (Postfix 3.7)", steps: NO_STEPS, before: "CH", frames: &["A", "T!c", "M*c", "Rc", "Tc", "Lc", "Nc", "Er"] },
    Row { why: "6: the same after MAIL", steps: NO_STEPS, before: "CH", frames: &["A", "Mc", "T!c", "A*", "Mc"] },
    Row { why: "7: MAIL; RSET; MAIL (Sendmail, NR_MAIL)", steps: NR_MAIL, before: "CH", frames: &["M", "M*", "Rc", "Tc", "Lc", "Nc", "Er"] },
    Row { why: "7: MAIL; RCPT; RSET; MAIL; RCPT (Sendmail, NR_MAIL)", steps: NR_MAIL, before: "CH", frames: &["M", "Rc", "M*", "Rc", "Tc"] },
    Row { why: "7b: MAIL; EHLO; MAIL (Sendmail, NR_MAIL, NO_HELO)", steps: NR_MAIL.union(Steps::NO_HELO), before: "C", frames: &["M", "M*", "Rc"] },
    Row { why: "8: too large; MAIL (Sendmail)", steps: Steps::NO_REPLY, before: "CHMR", frames: &["T", "M*", "R", "T", "L", "N", "Er"] },
    Row { why: "8: too large; FOO; EHLO (Sendmail)", steps: Steps::NO_REPLY, before: "CHMR", frames: &["T", "U", "H*", "M"] },
    Row { why: "9: too large; a message (Sendmail, content only)", steps: Steps::from_bits(0x10f), before: "", frames: &["Tc", "Tc", "Lc", "Nc", "Bc", "Er"] },
    Row { why: "10: MAIL; RCPT; RSET; MAIL; RCPT (Sendmail, NO_MAIL)", steps: Steps::NO_MAIL, before: "CH", frames: &["D", "Rc", "D*", "Rc", "Tc"] },
    Row { why: "11: this filter refuses DATA; RCPT; DATA", steps: NO_STEPS, before: "CHMR", frames: &["Tr", "Rc", "Tr", "Tc", "Lc", "Nc", "Er"] },
    Row { why: "12: FOO; DATA (NO_DATA)", steps: Steps::NO_DATA, before: "CHMR", frames: &["Uc", "Lc", "Nc", "Er"] },
    Row { why: "13: a message without headers (Sendmail, NO_EOH)", steps: Steps::NO_END_OF_HEADERS, before: "CHMR", frames: &["Tc", "Bc", "Er"] },
];

impl Row {
    fn filter(&self, policy: filter::Policy) -> Filter {
        let answer = Answer::new(Version::V6, Actions::ALL, self.steps);
        let offer = Offer::new(Version::V6, Actions::ALL, Steps::ALL);
        let mut filter = Filter::offered(policy, offer, answer);
        filter.go(self.before);
        filter
    }
}

#[test]
fn the_default_policy_answers_every_command_of_every_sequence() {
    for row in ROWS {
        let mut filter = row.filter(filter::Policy::DEFAULT);
        for expected in row.frames {
            let code = expected.as_bytes()[0];
            let event = filter.gets(code).unwrap_or_else(|error| panic!("{}: {error}", row.why));
            let mut shown = String::from(char::from(code));
            shown.extend((!event.in_order).then_some('!'));
            shown.extend(event.aborts_message.then_some('*'));
            let is_owed = matches!(filter.0.turn(), Turn::Reply(_));
            let kind = CommandKind::from_code(code).unwrap();
            let dropped = kind.no_reply_step().is_some_and(|step| row.steps.contains(step));
            assert_eq!(is_owed, kind.has_reply() && !dropped, "{}: {expected}", row.why);
            if is_owed {
                let refuses = expected.contains('r');
                shown.push(if refuses { 'r' } else { 'c' });
                assert_eq!(filter.says(if refuses { Verdict::Reject } else { Verdict::Continue }), Ok(()));
            }
            let sorted = |text: &str| {
                let mut bytes = text.as_bytes().to_vec();
                bytes.sort_unstable();
                bytes
            };
            assert_eq!(sorted(&shown), sorted(expected), "{}: {shown}", row.why);
        }
    }
}

#[test]
fn the_strict_law_objects_to_what_the_mta_does_wrong_and_to_nothing_else() {
    for row in ROWS {
        let mut filter = row.filter(filter::Policy::STRICT);
        for expected in row.frames {
            let is_wrong = expected.contains('!');
            match filter.gets(expected.as_bytes()[0]) {
                Ok(_) => assert!(!is_wrong, "{}: {expected}", row.why),
                Err(error) => {
                    assert!(is_wrong, "{}: {expected}: {error}", row.why);
                    break;
                }
            }
            if let Turn::Reply(_) = filter.0.turn() {
                let verdict = if expected.contains('r') { Verdict::Reject } else { Verdict::Continue };
                assert_eq!(filter.says(verdict), Ok(()));
            }
        }
    }
}

/// The sequences to which libmilter gives no reply: a filter on it stalls, and the MTA goes on without it.
#[test]
fn libmilter_falls_silent_where_the_table_of_upstream_defects_says_so() {
    let silent: Vec<_> = ROWS
        .iter()
        .filter(|row| {
            let mut filter = row.filter(filter::Policy::LIBMILTER);
            row.frames.iter().any(|expected| {
                let event = filter.gets(expected.as_bytes()[0]).unwrap();
                let has_reply = CommandKind::from_code(expected.as_bytes()[0]).unwrap().has_reply();
                if let Turn::Reply(_) = filter.0.turn() {
                    let verdict = if expected.contains('r') { Verdict::Reject } else { Verdict::Continue };
                    assert_eq!(filter.says(verdict), Ok(()));
                }
                event.is_ignored() && has_reply
            })
        })
        .map(|row| row.why.split(':').next().unwrap())
        .collect();
    assert_eq!(silent, ["1", "3", "3", "3", "4", "5", "6", "6", "11", "12", "13"]);
}

#[test]
fn recipients_and_macros_of_an_abandoned_message_are_not_those_of_the_next_one() {
    let session = FilterSession::new();
    let mut filter = Filter(session);
    filter.hear(Command::Negotiate(Offer::FULL)).unwrap();
    assert_eq!(filter.says(Answer::new(Version::V6, Actions::EMPTY, Steps::NO_MAIL)), Ok(()));
    filter.go("CH");
    let mut store = MacroStore::new([0; 256]);
    let mut recipients = 0;
    // MAIL; RCPT; RSET; MAIL; RCPT: macros tell of the second MAIL, and nothing else does.
    for (code, payload, verdict) in [
        (b'D', &b"M{auth_author}\0alice\0"[..], None),
        (b'R', b"<x@a.b>\0", Some(Verdict::Continue)),
        (b'D', b"M{mail_addr}\0b\0", None),
        (b'R', b"<y@a.b>\0", Some(Verdict::Continue)),
    ] {
        let event = filter.0.receive(Frame::new(code, payload)).unwrap();
        recipients = if event.aborts_message { 0 } else { recipients };
        recipients += usize::from(matches!(event.command, Command::RcptTo { .. }));
        store.observe(&event).unwrap();
        if let Some(verdict) = verdict {
            assert_eq!(filter.says(verdict), Ok(()));
        }
    }
    assert_eq!(recipients, 1);
    assert_eq!(store.get("{auth_author}"), None);
    // A refusal ends a message, too, whoever is sent next.
    filter.gets(b'L').unwrap();
    assert_eq!(filter.says(Verdict::Reject), Ok(()));
    store.observe(&filter.gets(b'R').unwrap()).unwrap();
    assert_eq!(store.get("{mail_addr}"), None);
}

/// Plays a recorded session to a filter that answers as the recorder did. Returns the rules that broke, and how many
/// messages began and ended.
fn play(session: &Session, policy: filter::Policy) -> Result<[usize; 2], Rule> {
    let path = session.path.display();
    let mut filter = FilterSession::with_policy(policy);
    let mut assembler = Assembler::new(Vec::new());
    let mut answers = session.frames(Side::Filter).0.into_iter();
    let (mut out, mut begun, mut ended) = (Vec::new(), 0, 0);
    for piece in session.pieces(Side::Mta) {
        let mut input = piece;
        loop {
            let was_in_message = filter.stage().is_in_message();
            let event = match filter.next_event(&mut assembler, &mut input) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(milter_proto::ReceiveError::Peer(violation)) => return Err(violation.rule),
                Err(other) => panic!("{path}: {other}"),
            };
            assert!(!event.aborts_message || was_in_message, "{path}: {event:?}");
            ended += usize::from(event.aborts_message);
            let is_in_message = filter.stage().is_in_message();
            begun += usize::from(is_in_message && (!was_in_message || event.aborts_message));
            while let Turn::Reply(_) = filter.turn() {
                let was_in_message = filter.stage().is_in_message() || filter.turn() == BODYEOB;
                let Some(answer) = answers.next() else { panic!("{path}: no answer to {:?}", filter.turn()) };
                let response = Response::parse_as(answer.as_frame(), Tolerance::LENIENT).unwrap().value;
                let sent = filter.send(response).unwrap_or_else(|misuse| panic!("{path}: {misuse}"));
                sent.append_to(&mut out);
                let is_over = !filter.stage().is_in_message() && filter.turn() == Turn::Receive;
                ended += usize::from(was_in_message && is_over);
            }
        }
    }
    assert!(out == session.stream(Side::Filter), "{path}: the answers are not those that were recorded");
    ended += usize::from(filter.disconnect(assembler.pending()).in_message);
    Ok([begun, ended])
}

const BODYEOB: Turn = Turn::Reply(CommandKind::EndOfMessage);

fn walks() -> impl Iterator<Item = Session> {
    let is_walk = |session: &Session| session.path.components().any(|part| part.as_os_str() == "walks");
    sessions().filter(is_walk)
}

#[test]
fn every_recorded_walk_is_answered_to_its_end_under_the_default_policy() {
    let mut count = 0;
    for session in walks() {
        let [begun, ended] = play(&session, filter::Policy::DEFAULT).unwrap();
        assert_eq!(begun, ended, "{}: each message ends once", session.path.display());
        count += 1;
    }
    assert_eq!(count, 63);
}

#[test]
fn the_strict_law_and_the_monitor_object_to_data_without_recipients_alone() {
    for session in walks() {
        let name = session.path.file_name().unwrap().to_str().unwrap();
        let is_wrong = name.contains("data-at-greeted") || name.contains("data-at-mail");
        let strict = play(&session, filter::Policy::STRICT).err();
        assert_eq!(strict, is_wrong.then_some(Rule::Order), "{name}");
        let mut monitor = Monitor::new();
        let mut assemblers = [Assembler::new(Vec::new()), Assembler::new(Vec::new())];
        let mut broken = Vec::new();
        for record in &session.records {
            let What::Bytes(bytes) = &record.what else { continue };
            let direction = if record.side == Side::Mta { Direction::ToFilter } else { Direction::ToMta };
            let assembler = &mut assemblers[usize::from(record.side == Side::Filter)];
            let mut input = bytes.as_slice();
            while let Some(observation) = monitor.next_event(direction, assembler, &mut input).unwrap() {
                broken.extend(observation.violations());
            }
        }
        assert_eq!(broken.is_empty(), !is_wrong, "{name}: {broken:?}");
        assert!(broken.iter().all(|rule| *rule == Rule::Order), "{name}: {broken:?}");
    }
}

#[test]
fn a_second_offer_is_answered_and_ends_the_message() {
    let mut filter = Filter::with(filter::Policy::DEFAULT, Steps::NO_HELO);
    filter.go("CMR");
    let event = filter.gets(b'O').unwrap();
    assert!(event.aborts_message && !event.in_order);
    assert_eq!(filter.0.turn(), Turn::Reply(CommandKind::Negotiate));
    assert_eq!(filter.says(Answer::new(Version::V6, Actions::EMPTY, Steps::EMPTY)), Ok(()));
    assert_eq!(filter.go("CHM"), "CHM");
}

#[test]
fn every_command_is_answered_at_every_stage_before_and_after_optneg() {
    for code in *b"CHMRTLNBEU" {
        for before in ["", "O", "OC", "OCH", "OCHM", "OCHMR", "OCHMRT", "OCHMRTL", "OCHMRTLN", "OCHMRTLNB"] {
            let mut filter = Filter(FilterSession::new());
            for code in before.bytes() {
                filter.0.receive(everyday(code)).unwrap();
                match filter.0.turn() {
                    Turn::Reply(CommandKind::Negotiate) => {
                        let answer = Answer::new(Version::V6, Actions::ALL, Steps::EMPTY);
                        assert_eq!(filter.says(answer), Ok(()));
                    }
                    Turn::Reply(_) => assert_eq!(filter.says(Verdict::Continue), Ok(())),
                    _ => {}
                }
            }
            filter.gets(code).unwrap();
            let kind = CommandKind::from_code(code).unwrap();
            assert_eq!(filter.0.turn(), Turn::Reply(kind), "{before}");
            assert_eq!(filter.says(Verdict::Tempfail), Ok(()), "{} after {before}", char::from(code));
        }
    }
}

// ORD-4
#[test]
fn a_declined_command_that_comes_all_the_same_is_out_of_order() {
    let declined = [(b'C', Steps::NO_CONNECT), (b'H', Steps::NO_HELO), (b'M', Steps::NO_MAIL)];
    for (code, step) in declined {
        let mut filter = Filter::with(filter::Policy::DEFAULT, step);
        for before in b"CHM".iter().take_while(|&&before| before != code) {
            assert!(filter.gets(*before).unwrap().in_order);
            filter.says(Verdict::Continue).unwrap();
        }
        assert!(!filter.gets(code).unwrap().in_order, "{}", char::from(code));
        assert!(matches!(filter.0.turn(), Turn::Reply(_)), "it is answered");
    }
}

// ORD-38
#[test]
fn macros_of_any_declined_command_that_begins_a_transaction_end_the_message_once() {
    let all = Steps::NO_CONNECT | Steps::NO_HELO | Steps::NO_MAIL;
    for (stage, step) in [(b'C', Steps::NO_CONNECT), (b'H', Steps::NO_HELO), (b'M', Steps::NO_MAIL)] {
        for (steps, is_declined) in [(step, true), (all.difference(step), false)] {
            let mut filter = Filter::with(filter::Policy::DEFAULT, steps);
            for code in *b"MR" {
                if filter.gets(code).is_ok() && filter.0.turn() != Turn::Receive {
                    filter.says(Verdict::Continue).unwrap();
                }
            }
            let macros = [stage, b'i', 0, b'Q', 0];
            let ends: [bool; 2] =
                [0, 1].map(|_| filter.0.receive(Frame::new(b'D', &macros)).unwrap().aborts_message);
            assert_eq!(ends, [is_declined, false], "{}: {steps:?}", char::from(stage));
        }
    }
}

#[test]
fn the_macros_of_a_mail_that_ends_a_message_are_those_of_the_next_one() {
    for policy in [filter::Policy::DEFAULT, filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::NO_REPLY_MAIL);
        filter.go("CH");
        let mut store = MacroStore::new([0; 256]);
        let frames: [(u8, &[u8]); 5] = [
            (b'D', b"M{auth_authen}\0alice\0"),
            (b'M', b"<a@b.c>\0"),
            (b'D', b"M{auth_authen}\0bob\0"),
            (b'M', b"<a@b.c>\0"),
            (b'A', b""),
        ];
        let name = Text::new(b"{auth_authen}").unwrap();
        for ((code, payload), expected) in
            frames.into_iter().zip([Some("alice"), Some("alice"), Some("bob"), Some("bob"), None])
        {
            let event = filter.0.receive(Frame::new(code, payload)).unwrap();
            store.observe(&event).unwrap();
            assert_eq!(store.get(name).map(|value| value == expected.unwrap()), expected.map(|_| true));
        }
    }
}

#[test]
fn macros_of_declined_commands_begin_anew_with_each_transaction() {
    // Nothing of the envelope is sent but its macros: MAIL; RCPT; RSET; MAIL; DATA.
    let mut filter = Filter::with(filter::Policy::DEFAULT, Steps::NO_MAIL | Steps::NO_RCPT);
    filter.go("CH");
    let mut store = MacroStore::new([0; 256]);
    for (code, payload) in
        [(b'D', &b"Mi\0Q1\0"[..]), (b'D', b"R{rcpt_addr}\0x\0"), (b'D', b"Mi\0Q2\0"), (b'T', b"")]
    {
        let event = filter.0.receive(Frame::new(code, payload)).unwrap();
        store.observe(&event).unwrap();
    }
    assert_eq!(store.get("{rcpt_addr}"), None);
    assert_eq!(store.get("i"), Text::new(b"Q2").ok());
}

#[test]
fn both_halves_of_a_bodyeob_with_bytes_are_marked_out_of_order() {
    let mut filter = Filter::with(filter::Policy::DEFAULT, Steps::EMPTY);
    filter.go("CH");
    let chunk = filter.0.receive(Frame::new(b'E', b"tail")).unwrap();
    let end = filter.0.rest_of_frame().unwrap();
    assert_eq!([chunk.in_order, end.in_order], [false; 2]);
}
