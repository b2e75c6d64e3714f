//! The monitor: silent on what both strict sides say, however it is cut, and one row for every rule
//! that it can report.

use std::collections::BTreeSet;

use milter_proto::mta::{Sent, SkipReason};
use milter_proto::order::Rule;
use milter_proto::transcript::Entry;
use milter_proto::wire::{
    Actions, Answer, Assembler, Command, Direction, Frame, FrameBuf, Offer, OutgoingFrame, Response, Steps,
    Version,
};
use milter_proto::{FilterSession, Limits, Monitor, MtaSession, filter, mta};
use proptest::prelude::*;

use crate::support::alphabet;
use crate::support::bytes_of;

/// Everything is offered.
const ALL: &str = "> OPTNEG 6 0x1ff 0x1fffff";
/// Nothing is asked for.
const NONE: &str = "< OPTNEG 6 0 0";
/// Every command is switched off but the end of the message; every edit may be made.
const END: &str = "< OPTNEG 6 0x1ff 0x37f";
const CONNECT: &str = "> CONNECT \"mx\" U";

/// The rules that the last frame breaks, and the frames up to it, of which the others break none.
const ROWS: &[(&[Rule], &[&str])] = &[
    (&[Rule::Order], &["> HELO \"mx\""]),
    (&[Rule::Order], &[ALL, NONE, CONNECT, "< CONTINUE", "> RCPT \"<a@b>\""]),
    (&[Rule::Order], &[ALL, NONE, CONNECT, "< REJECT", "> HELO \"mx\""]),
    (&[Rule::Order], &[ALL, NONE, CONNECT, "< CONTINUE", "> MAIL \"<a>\"", "< REJECT", "> RCPT \"<a>\""]),
    (&[Rule::Order, Rule::MalformedPayload], &[ALL, NONE, "> FRAME 0x48 \"mx\""]),
    (&[Rule::ReplyOwed], &[ALL, NONE, CONNECT, "> QUIT"]),
    (&[Rule::ReplyOwed], &[ALL, "> QUIT"]),
    (&[Rule::ReplyOwed], &[ALL, CONNECT]),
    (&[Rule::NotOwed], &[ALL, NONE, "< CONTINUE"]),
    (&[Rule::NotOwed], &[ALL, "< OPTNEG 6 0 0x1000", CONNECT, "< CONTINUE"]),
    (&[Rule::NotOwed], &[ALL, END, "> BODYEOB", "< ACCEPT", "< QUARANTINE \"late\""]),
    (&[Rule::Declined], &[ALL, "< OPTNEG 6 0 1", CONNECT]),
    (&[Rule::Declined], &["> OPTNEG 3 1 0x7f", "< OPTNEG 3 0 0x7f", "> DATA"]),
    (&[Rule::Declined], &["> OPTNEG 2 1 0x7f", "< OPTNEG 2 0 0x1", "> UNKNOWN \"X\""]),
    (&[Rule::InvalidVerdict], &[ALL, NONE, CONNECT, "< CONN_FAIL"]),
    (&[Rule::InvalidVerdict], &[ALL, NONE, CONNECT, "< SHUTDOWN"]),
    (&[Rule::UndefinedVerdict], &[ALL, NONE, CONNECT, "< DISCARD"]),
    (&[Rule::SkipNotNegotiated], &[ALL, "< OPTNEG 6 0 0x400", CONNECT, "< SKIP"]),
    (&[Rule::SkipNotNegotiated], &[ALL, "< OPTNEG 6 0 0x36f", "> BODY \"x\"", "< SKIP"]),
    (&[Rule::Progress], &[ALL, NONE, CONNECT, "< PROGRESS"]),
    (&[Rule::EditTooEarly], &[ALL, "< OPTNEG 6 1 0", CONNECT, "< ADDHEADER \"X\" \"v\""]),
    (&[Rule::EditNotNegotiated], &[ALL, "< OPTNEG 6 0 0x37f", "> BODYEOB", "< ADDHEADER \"X\" \"v\""]),
    (&[Rule::Negotiation], &[ALL, "< CONTINUE"]),
    (&[Rule::Negotiation], &[ALL, NONE, CONNECT, "< OPTNEG 6 0 0"]),
    (&[Rule::UnknownCode], &["> FRAME 0x5a \"\""]),
    (&[Rule::UnknownCode], &[ALL, NONE, CONNECT, "< FRAME 0x5a \"\""]),
    (&[Rule::UnknownCode], &[ALL, NONE, CONNECT, "< FRAME 0x6c \"\""]),
    (&[Rule::BodyAfterSkip], &[ALL, "< OPTNEG 6 0 0x76f", "> BODY \"x\"", "< SKIP", "> BODY \"x\""]),
    (&[Rule::Closed], &[ALL, NONE, "> QUIT", "> ABORT"]),
    (&[Rule::EmptyBody], &[ALL, "< OPTNEG 6 0 0x36f", "> BODY"]),
    (&[Rule::BodyAtEnd], &[ALL, END, "> BODYEOB \"x\""]),
    (&[Rule::InvalidAddress], &[ALL, NONE, "> CONNECT \"mx\" 4 25 \"300.0.2.1\""]),
    (&[Rule::EmptyName], &[ALL, "< OPTNEG 6 0 0x35f", "> FRAME 0x4c \"\\x00v\\x00x\\x00\""]),
    (&[Rule::MalformedPayload], &[ALL, "< OPTNEG 6 0 0x35f", "> HEADER \"\" \"v\""]),
    (&[Rule::EmptyName], &[ALL, END, "> BODYEOB", "< ADDRCPT \"\""]),
    (&[Rule::InvalidHeaderName], &[ALL, END, "> BODYEOB", "< ADDHEADER \"X-Spam:\" \"yes\""]),
    (
        &[Rule::BodyInterrupted],
        &[ALL, END, "> BODYEOB", "< REPLBODY \"a\"", "< PROGRESS", "< REPLBODY \"b\""],
    ),
    (&[Rule::NegotiationFailed], &["> OPTNEG 1 1 1"]),
    (&[Rule::MalformedPayload], &[ALL, END, "> BODYEOB", "< FRAME 0x6d \"\""]),
    (&[Rule::QuitNcNotAllowed], &[ALL, END, "> BODYEOB", "< ACCEPT", "> QUIT_NC"]),
    (&[Rule::QuitNcNotAllowed], &[ALL, END, "> BODYEOB", "< CONTINUE", "> ABORT", "> QUIT_NC"]),
    (&[Rule::NegotiationFailed], &["> OPTNEG 6 1 1", "< OPTNEG 6 3 1"]),
    (&[Rule::NegotiationFailed], &["> OPTNEG 6 1 1", "< OPTNEG 6 1 3"]),
    (&[Rule::NegotiationFailed], &["> OPTNEG 6 1 1", "< OPTNEG 7 1 1"]),
];

/// Streams with a fault that the monitor has to get over: nothing but the marked frames breaks a rule.
const STEPS: &[&[&str]] = &[
    // A body goes on after a SKIP that was not agreed on.
    &[ALL, "< OPTNEG 6 0 0x36f", "> BODY \"x\"", "! < SKIP", "> BODY \"y\"", "< CONTINUE", "> BODYEOB"],
    // A message that was refused goes on.
    &[
        ALL,
        "< OPTNEG 6 0 0x307",
        "> RCPT \"<a>\"",
        "< ACCEPT",
        "! > HEADER \"X\" \"v\"",
        "< CONTINUE",
        "> EOH",
    ],
    // One answer too many, as PMilter gives to QUIT.
    &[ALL, NONE, CONNECT, "< CONTINUE", "! < CONTINUE", "> HELO \"mx\"", "< CONTINUE"],
    // Macros come between a message that went on and QUIT_NC.
    &[ALL, END, "> BODYEOB", "< CONTINUE", "> MACRO CONNECT", "> QUIT_NC"],
    // A command before the answer to the one before it.
    &[ALL, NONE, CONNECT, "! > HELO \"mx\"", "< CONTINUE", "> MAIL \"<a>\""],
    // An offer that is not answered switches nothing off.
    &[ALL, "! < CONTINUE", CONNECT, "< CONTINUE", "> HELO \"mx\""],
];

#[test]
fn each_rule_is_reported_at_the_frame_that_breaks_it() {
    let mut reported = BTreeSet::new();
    for (rules, lines) in ROWS {
        let found = listen_to(lines);
        let expected: Vec<_> = rules.iter().map(|rule| (lines.len() - 1, *rule)).collect();
        assert_eq!(found, expected, "{lines:#?}");
        reported.extend(rules.iter().map(|rule| rule.id()));
    }
    // The others are about our own side, or about limits.
    let silent = [Rule::TooLong, Rule::TooManyEdits, Rule::TooMuchProgress, Rule::ReplyNotAllowed];
    let every: BTreeSet<_> = (1..=26).chain([37]).map(|number| format!("ORD-{number}")).collect();
    let known: BTreeSet<_> = reported.iter().copied().chain(silent.map(Rule::id)).map(String::from).collect();
    assert_eq!(known, every);
}

#[test]
fn the_monitor_takes_step_again_after_a_fault() {
    for lines in STEPS {
        let marked: Vec<_> = (0..lines.len()).filter(|at| lines[*at].starts_with('!')).collect();
        let plain: Vec<_> = lines.iter().map(|line| line.trim_start_matches("! ")).collect();
        let found: Vec<_> = listen_to(&plain).into_iter().map(|(at, _)| at).collect();
        assert_eq!(found, marked, "{lines:#?}");
    }
}

/// The places of the frames that break a rule, and the rules.
fn listen_to(lines: &[&str]) -> Vec<(usize, Rule)> {
    let mut monitor = Monitor::new();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let entry: Entry = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        let sighting = monitor.observe(entry.direction, entry.frame.as_frame());
        found.extend(sighting.violations().map(|rule| (at, rule)));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_both_strict_sides_say_breaks_no_rule_however_it_is_cut(
        agreement in any_agreement(),
        script in prop::collection::vec(any::<u8>(), 0..120),
        cuts in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let stream = converse(agreement, &script);
        let mut monitor = Monitor::new();
        let mut assemblers = [Assembler::new(Vec::new()), Assembler::new(Vec::new())];
        let mut cuts = cuts.iter().cycle();
        for entry in &stream {
            let mut bytes = Vec::new();
            entry.frame.as_frame().encode().append_to(&mut bytes);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                let assembler = &mut assemblers[usize::from(entry.direction == Direction::ToMta)];
                let mut input = piece;
                while let Some(sighting) = monitor.next_event(entry.direction, assembler, &mut input).unwrap() {
                    prop_assert_eq!(sighting.violations().next(), None, "{}", entry);
                    prop_assert_eq!(sighting.frame, entry.frame.as_frame());
                }
                rest = tail;
            }
        }
    }

    #[test]
    fn a_stream_with_one_frame_changed_breaks_a_rule_or_is_one_that_both_strict_sides_can_say(
        agreement in any_agreement(),
        script in prop::collection::vec(any::<u8>(), 0..60),
        change in any::<[u8; 3]>(),
    ) {
        let mut stream = converse(agreement, &script);
        if !mutate(&mut stream, change) {
            return Ok(());
        }
        let mut monitor = Monitor::new();
        let mut broken = Vec::new();
        for entry in &stream {
            broken.extend(monitor.observe(entry.direction, entry.frame.as_frame()).violations());
        }
        let Some(result) = replay(&stream) else { return Ok(()) };
        let lines: Vec<_> = stream.iter().map(Entry::to_string).collect();
        prop_assert_eq!(broken.is_empty(), result.is_ok(), "{:?} {:?} {:#?}", broken, result, lines);
    }
}

/// What is agreed on: version, actions and steps.
fn any_agreement() -> impl Strategy<Value = [u32; 3]> {
    let rare = any::<[u32; 3]>().prop_map(|[one, two, three]| one & two & three & 0x001f_ffff);
    (2_u32..=6, any::<u32>(), rare).prop_map(|(version, actions, steps)| [version, actions & 0x1ff, steps])
}

/// What the two strict sides say to each other, each move chosen by a number among those that it may make.
fn converse([version, actions, steps]: [u32; 3], script: &[u8]) -> Vec<Entry> {
    let (version, actions, steps) =
        (Version::new(version), Actions::from_bits(actions), Steps::from_bits(steps));
    let (mut mta, mut filter) =
        (MtaSession::with_policy(mta::Policy::STRICT), FilterSession::with_policy(filter::Policy::STRICT));
    let mut stream = Vec::new();
    let mut commands = alphabet::plain_commands();
    commands.retain(|said| !said.is_rejected);
    commands.extend(alphabet::macro_commands().into_iter().step_by(4));
    let mut responses = alphabet::responses();
    responses.push(Answer::new(version, actions, steps).into());
    for number in [0, 0].iter().chain(script).copied() {
        let frame = if mta.turn() == mta::Turn::Send {
            let offer = alphabet::negotiation(Offer::new(version, Actions::ALL, Steps::ALL));
            let said = commands.iter().chain([&offer]).filter(|said| {
                let is_quit = said.command == Command::Quit && number < 250;
                !is_quit && mta.check(&said.command).is_ok()
            });
            let said: Vec<_> = said.collect();
            let sent = mta.send(said[usize::from(number) % said.len()].command).unwrap();
            let (Sent::Frame(frame) | Sent::ResendEnvelope(frame)) = sent else { continue };
            let frame = owned(&frame);
            filter.receive(frame.as_frame()).unwrap();
            Entry::new(Direction::ToFilter, frame)
        } else if mta.turn() == mta::Turn::Closed {
            break;
        } else {
            let may: Vec<_> = responses.iter().filter(|response| filter.check(response).is_ok()).collect();
            // CONTINUE is the first of them, and is taken often, so that messages come to their end.
            let response = may[usize::from(number).saturating_sub(128) % may.len()];
            let frame = owned(&filter.send(*response).unwrap());
            mta.receive(frame.as_frame()).unwrap();
            Entry::new(Direction::ToMta, frame)
        };
        stream.push(frame);
    }
    stream
}

/// Drops, doubles, swaps, turns round, replaces or spoils a frame. `false`: there is none to change.
fn mutate(stream: &mut Vec<Entry>, [what, place, with]: [u8; 3]) -> bool {
    let Some(at) = usize::from(place).checked_rem(stream.len()) else { return false };
    let Entry { direction, frame, .. } = stream[at].clone();
    match what % 6 {
        0 => drop(stream.remove(at)),
        1 => stream.insert(at, stream[at].clone()),
        2 if at + 1 < stream.len() => stream.swap(at, at + 1),
        3 => {
            let other = match direction {
                Direction::ToMta => Direction::ToFilter,
                _ => Direction::ToMta,
            };
            stream[at] = Entry::new(other, frame);
        }
        4 => {
            let mut commands = alphabet::plain_commands();
            commands.extend(alphabet::bad_commands());
            let responses = alphabet::responses();
            let frame = match direction {
                Direction::ToMta => owned(&responses[usize::from(with) % responses.len()].encode()),
                _ => owned(&commands[usize::from(with) % commands.len()].command.encode()),
            };
            // Longer ones are for the limits, of which the monitor has none.
            if frame.as_frame().payload().len() < 1000 {
                stream[at] = Entry::new(direction, frame);
            }
        }
        _ => {
            let mut payload = frame.as_frame().payload().to_vec();
            payload.pop();
            stream[at] = Entry::new(direction, FrameBuf::new(frame.as_frame().code(), payload));
        }
    }
    true
}

/// Whether both strict sides can say all of it. `None`: the MTA's side is more careful than the law.
fn replay(stream: &[Entry]) -> Option<Result<(), String>> {
    let (mut mta, mut filter) =
        (MtaSession::with_policy(mta::Policy::STRICT), FilterSession::with_policy(filter::Policy::STRICT));
    for entry in stream {
        let frame = entry.frame.as_frame();
        let said = if entry.direction == Direction::ToFilter {
            let command = match Command::parse(frame) {
                Ok(command) => command,
                Err(error) => return Some(Err(error.to_string())),
            };
            match mta.send(command) {
                Ok(Sent::Frame(sent)) => {
                    filter.receive(frame).map(|_| owned(&sent)).map_err(|e| e.to_string())
                }
                // The MTA's side is more careful here than the law.
                Ok(Sent::ResendEnvelope(_)) => return None,
                Ok(Sent::Skipped {
                    reason:
                        SkipReason::MessageDecided | SkipReason::ConnectionDecided | SkipReason::ForgetsMessage,
                    ..
                }) => {
                    return None;
                }
                Err(misuse) if misuse.rule == Rule::QuitNcNotAllowed => return None,
                other => Err(format!("{other:?}")),
            }
        } else {
            let said = Response::parse(frame).map_err(|error| error.to_string());
            let said = said.and_then(|said| match filter.send(said) {
                Ok(said) => Ok(owned(&said)),
                Err(misuse) => Err(misuse.to_string()),
            });
            said.and_then(|said| mta.receive(frame).map(|_| said).map_err(|error| error.to_string()))
        };
        match said {
            Ok(said) if said == entry.frame => {}
            other => return Some(Err(format!("{other:?}"))),
        }
    }
    Some(Ok(()))
}

fn owned(frame: &OutgoingFrame<'_>) -> FrameBuf {
    let bytes = bytes_of(frame);
    let (frame, _) = Frame::split(&bytes, Limits::DEFAULT).unwrap().unwrap();
    FrameBuf::from(frame)
}
