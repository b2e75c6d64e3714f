//! The sessions: whatever comes, they keep their own laws; together, they never disagree.

use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;

use milter_proto::filter::Options;
use milter_proto::mta::Sent;
use milter_proto::wire::{Assembler, Command, Direction, Frame, Response, Verdict};
use milter_proto::{FilterSession, Monitor, MtaSession, NegotiateError, ReceiveError, filter, mta};

use crate::robust::robust;
use crate::scripts::{COMMANDS, MTA_POLICIES, RESPONSES, pick, stream_of};

/// The filter's side, under bytes of any kind.
///
/// The first byte chooses the policy, the seed of the answers, and whether the rest is what the MTA sends or a
/// script of commands.
pub fn filter_session(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let script = if first & 0x40 == 0 { None } else { Some(stream_of(rest)) };
    let stream = script.as_deref().unwrap_or(rest);
    let policy = match first % 4 {
        0 => filter::Policy::STRICT,
        1 => filter::Policy::LIBMILTER,
        _ => {
            robust(first, stream);
            filter::Policy::DEFAULT
        }
    };
    let whole = filter_run(policy, first, &[stream]);
    let bytewise = filter_run(policy, first, &stream.chunks(1).collect::<Vec<_>>());
    assert_eq!(whole, bytewise, "another cutting gives another session");
}

/// What comes of a session: how it ended, the bytes sent, and each event as a hash.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome<S> {
    session: S,
    error: Option<ReceiveError>,
    pending: usize,
    out: Vec<u8>,
    events: Vec<u64>,
}

impl<S> Outcome<S> {
    fn new(session: S) -> Self {
        Self { session, error: None, pending: 0, out: Vec::new(), events: Vec::new() }
    }

    fn note(&mut self, event: impl Hash) {
        let mut hasher = DefaultHasher::new();
        event.hash(&mut hasher);
        self.events.push(hasher.finish());
    }

    fn failed(self, error: ReceiveError) -> Self {
        Self { error: Some(error), ..self }
    }
}

/// Runs a filter over a stream cut into pieces.
pub(crate) fn filter_run(policy: filter::Policy, seed: u8, pieces: &[&[u8]]) -> Outcome<FilterSession> {
    let mut run = Outcome::new(FilterSession::with_policy(policy));
    let mut assembler = Assembler::new(Vec::new());
    for mut input in pieces.iter().copied() {
        loop {
            let offered = match run.session.next_event(&mut assembler, &mut input) {
                Ok(Some(event)) => {
                    run.note(event);
                    matches!(event.command, Command::Negotiate(_))
                }
                Ok(None) => break,
                Err(ReceiveError::ReplyOwed(_)) => panic!("every reply was given"),
                Err(error) => {
                    assert!(!matches!(run.session.turn(), filter::Turn::Reply(_)), "{error}");
                    return run.failed(error);
                }
            };
            if offered && run.session.turn() != filter::Turn::Receive {
                match run.session.negotiate(&Options::all_commands()) {
                    Ok(sent) => sent.frame.append_to(&mut run.out),
                    Err(NegotiateError::Failed(_)) => return run,
                    Err(error) => panic!("the answer is owed: {error}"),
                }
            }
            let seed = seed.wrapping_add(run.events.len().to_le_bytes()[0]);
            answer(&mut run.session, seed, &mut run.out);
        }
    }
    run.pending = assembler.pending();
    run
}

/// Runs an MTA over a stream cut into pieces. Whenever it has its turn it says what the seed chooses, until
/// a reply is owed.
pub(crate) fn mta_run(policy: mta::Policy, seed: u8, pieces: &[&[u8]]) -> Outcome<MtaSession> {
    let mut run = Outcome::new(MtaSession::with_policy(policy));
    let mut assembler = Assembler::new(Vec::new());
    let mut choice = seed;
    for mut input in pieces.iter().copied() {
        loop {
            for _ in 0..2 * COMMANDS.len() {
                if run.session.turn() != mta::Turn::Send {
                    break;
                }
                say(&mut run.session, pick(&COMMANDS, choice), &mut run.out);
                choice = choice.wrapping_mul(5).wrapping_add(seed | 1);
            }
            if run.session.turn() == mta::Turn::Send {
                return run;
            }
            match run.session.next_event(&mut assembler, &mut input) {
                Ok(Some(event)) => run.note(format!("{event:?}")),
                Ok(None) => break,
                Err(error) => return run.failed(error),
            }
        }
    }
    run.pending = assembler.pending();
    run
}

/// Runs a monitor over the stream of one direction cut into pieces.
pub(crate) fn monitor_run(direction: Direction, pieces: &[&[u8]]) -> Outcome<Monitor> {
    let mut run = Outcome::new(Monitor::new());
    let mut assembler = Assembler::new(Vec::new());
    for mut input in pieces.iter().copied() {
        loop {
            match run.session.next_event(direction, &mut assembler, &mut input) {
                Ok(Some(observation)) => run.note(format!("{observation:?}")),
                Ok(None) => break,
                Err(error) => return run.failed(ReceiveError::Stream(error)),
            }
        }
    }
    run.pending = assembler.pending();
    run
}

/// Answers as far as something is owed: first whatever the seed says, then CONTINUE.
pub(crate) fn answer(session: &mut FilterSession, seed: u8, out: &mut Vec<u8>) {
    for response in [pick(&RESPONSES, seed), Response::from(Verdict::Continue)] {
        let before = session.clone();
        let checked = session.check(&response);
        match session.send(response) {
            Ok(outgoing) => {
                assert_eq!(checked, Ok(()));
                outgoing.append_to(out);
            }
            Err(misuse) => {
                assert_eq!(checked, Err(misuse));
                assert_eq!(*session, before, "a misuse changed the session");
            }
        }
        if !matches!(session.turn(), filter::Turn::Reply(_)) {
            return;
        }
    }
    panic!("CONTINUE does not answer {:?}", session.turn());
}

/// The MTA's side: the first byte chooses the policy; then bytes under 0x80 choose a command, and others
/// say how many of the following bytes the filter sends.
pub fn mta_session(data: &[u8]) {
    let Some((&first, mut script)) = data.split_first() else { return };
    let mut session = MtaSession::with_policy(pick(&MTA_POLICIES, first));
    let mut assembler = Assembler::new(Vec::new());
    while let Some((&step, rest)) = script.split_first() {
        script = rest;
        if step < 0x80 {
            say(&mut session, pick(&COMMANDS, step), &mut Vec::new());
            continue;
        }
        let (mut input, rest) = script.split_at(script.len().min(usize::from(step & 0x7f)));
        script = rest;
        loop {
            match session.next_event(&mut assembler, &mut input) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    let again = session.receive(Frame::new(b'c', b"")).err();
                    assert_eq!(again, Some(error), "a broken session says something else");
                    return;
                }
            }
        }
    }
    session.disconnect(assembler.pending());
    assert_eq!(session.turn(), mta::Turn::Closed);
}

/// Hands a command over; `true` if it is to be written.
pub(crate) fn say(session: &mut MtaSession, command: Command<'_>, out: &mut Vec<u8>) -> bool {
    let before = session.clone();
    let checked = session.check(&command);
    match session.send(command) {
        Ok(sent) => {
            assert_eq!(checked, Ok(()));
            if let Sent::Frame(outgoing) | Sent::ResendEnvelope(outgoing) = sent {
                outgoing.append_to(out);
                return true;
            }
        }
        Err(misuse) => {
            assert_eq!(checked, Err(misuse));
            assert_eq!(*session, before, "a misuse changed the session");
        }
    }
    false
}

/// A monitor over any bytes of both directions: the high bit of a byte says the direction, the rest how
/// many of the following bytes pass. It agrees with itself whatever the cutting.
pub fn monitor(data: &[u8]) {
    let mut monitor = Monitor::new();
    let mut assemblers = [Assembler::new(Vec::new()), Assembler::new(Vec::new())];
    let mut rest = data;
    while let Some((&head, tail)) = rest.split_first() {
        let (mut input, next) = tail.split_at(tail.len().min(usize::from(head & 0x7f)));
        rest = next;
        let [to_filter, to_mta] = &mut assemblers;
        let (direction, assembler) =
            if head < 0x80 { (Direction::ToFilter, to_filter) } else { (Direction::ToMta, to_mta) };
        loop {
            let before = monitor.clone();
            match monitor.next_event(direction, assembler, &mut input) {
                Ok(None) => break,
                Err(_) => return,
                Ok(Some(observation)) => {
                    let mut again = before;
                    assert_eq!(again.observe(direction, observation.frame), observation);
                    assert_eq!(observation.stage, monitor.stage());
                    assert!(observation.violations().count() <= 3);
                    assert!(observation.answers.is_none() || direction == Direction::ToMta);
                }
            }
        }
    }
}
