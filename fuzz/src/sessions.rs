//! The sessions: whatever comes, they keep their own laws; together, they never disagree.

use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;

use milter_proto::{FilterSession, Monitor, MtaSession, ReceiveError, filter, mta};
use milter_proto::filter::{Options, Support};
use milter_proto::mta::Sent;
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{Actions, Assembler, Command, Direction, Frame, Response, Tolerance, Verdict};

/// The filter's side, under bytes of any kind. The first byte chooses the policy and the seed of what
/// is answered, the rest is what the MTA sends.
pub fn filter_session(data: &[u8]) {
    let Some((&first, stream)) = data.split_first() else { return };
    let policy = if first & 1 == 0 { filter::Policy::STRICT } else { filter::Policy::LIBMILTER };
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
                match run.session.negotiate(&Options::all_commands()).expect("the answer is owed") {
                    Ok((_, answer)) => answer.append_to(&mut run.out),
                    Err(_) => return run,
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
pub(crate) fn mta_run(policy: filter::Policy, seed: u8, pieces: &[&[u8]]) -> Outcome<MtaSession> {
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
                Ok(Some(reaction)) => run.note(format!("{reaction:?}")),
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
                Ok(Some(sighting)) => run.note(format!("{sighting:?}")),
                Ok(None) => break,
                Err(error) => return run.failed(ReceiveError::Stream(error)),
            }
        }
    }
    run.pending = assembler.pending();
    run
}

/// Answers as far as something is owed: first whatever the seed says, then CONTINUE.
fn answer(session: &mut FilterSession, seed: u8, out: &mut Vec<u8>) {
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
                // The stream is broken, not the session: it never saw the frame.
                Err(ReceiveError::Stream(_)) => return,
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
fn say(session: &mut MtaSession, command: Command<'_>, out: &mut Vec<u8>) -> bool {
    let before = session.clone();
    let checked = session.check(&command);
    match session.send(command) {
        Ok(sent) => {
            assert_eq!(checked, Ok(()));
            if let Sent::Frame(outgoing) = sent {
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

/// Both sides together: what one sends the other takes, and their turns match. The first byte chooses the
/// MTA's policy; a strict filter is understood under each. Every other byte chooses a command, a response or
/// wishes, whoever's turn it is. A monitor finds nothing.
pub fn pair(data: &[u8]) {
    let Some((&first, steps)) = data.split_first() else { return };
    let policy = pick(&MTA_POLICIES, first);
    let mut mta = MtaSession::with_policy(policy);
    let mut filter = FilterSession::with_policy(filter::Policy::STRICT);
    let mut monitor = Monitor::new();
    for &step in steps {
        let mut wire = Vec::new();
        match mta.turn() {
            mta::Turn::Send => {
                if !say(&mut mta, pick(&COMMANDS, step), &mut wire) {
                    continue;
                }
                let frame = only_frame(&wire);
                assert_eq!(monitor.observe(Direction::ToFilter, frame).violations().next(), None);
                filter.receive(frame).unwrap_or_else(|error| panic!("the filter refuses {frame:?}: {error}"));
                assert!(filter.rest_of_frame().is_none());
            }
            mta::Turn::Receive(_) => {
                if step >= 0x80 && filter.turn() == filter::Turn::Reply(CommandKind::Negotiate) {
                    match filter.negotiate(&wishes(step)).expect("the answer is owed") {
                        Ok((_, outgoing)) => outgoing.append_to(&mut wire),
                        Err(_) => return,
                    }
                } else {
                    let Ok(outgoing) = filter.send(pick(&RESPONSES, step)) else { continue };
                    outgoing.append_to(&mut wire);
                }
                let frame = only_frame(&wire);
                assert_eq!(monitor.observe(Direction::ToMta, frame).violations().next(), None);
                match mta.receive(frame) {
                    // POL-7: Postfix alone wants a new body in one row.
                    Err(ReceiveError::Peer(violation)) if violation.rule == Rule::BodyInterrupted => {
                        assert_eq!(policy, mta::Policy::POSTFIX);
                        return;
                    }
                    taken => _ = taken.unwrap_or_else(|error| panic!("the MTA refuses {frame:?}: {error}")),
                }
            }
            _ => return,
        }
        let turns = (mta.turn(), filter.turn());
        assert!(
            matches!(turns, (mta::Turn::Send, filter::Turn::Receive) | (mta::Turn::Closed, filter::Turn::Closed))
                || matches!(turns, (mta::Turn::Receive(a), filter::Turn::Reply(b)) if a == b),
            "{turns:?}"
        );
    }
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
                Ok(Some(sighting)) => {
                    let mut again = before;
                    assert_eq!(again.observe(direction, sighting.frame), sighting);
                    assert_eq!(sighting.stage, monitor.stage());
                    assert!(sighting.violations().count() <= 3);
                    assert!(sighting.answers.is_none() || direction == Direction::ToMta);
                }
            }
        }
    }
}

const MTA_POLICIES: [filter::Policy; 3] = [filter::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX];

/// Wants some commands, some of them without a reply, and whatever else is offered.
fn wishes(choice: u8) -> Options<'static> {
    let chosen = |salt: u8| {
        let mask = u32::from(choice ^ salt).wrapping_mul(0x9e37_79b9) >> 16;
        CommandKind::ALL
            .into_iter()
            .enumerate()
            .filter(move |(at, _)| mask >> at & 1 == 0)
            .map(|(_, kind)| kind)
    };
    Options::new(chosen(0))
        .no_reply_to(chosen(0x55))
        .skip(Support::Optional)
        .leading_space(Support::Optional)
        .rejected_recipients(Support::Optional)
        .request(Actions::ALL)
}

fn only_frame(wire: &[u8]) -> Frame<'_> {
    match Frame::split(wire, milter_proto::Limits::DEFAULT) {
        Ok(Some((frame, []))) => frame,
        other => panic!("one frame was sent, not {other:?}"),
    }
}

/// Chooses an element, whatever the byte.
fn pick<T: Parse + Copy>(table: &[T], choice: u8) -> T::Value
where
    T::Value: Clone,
{
    table[usize::from(choice) % table.len()].value()
}

/// An element of a table: itself, or a frame in its written form.
trait Parse {
    type Value;
    fn value(&self) -> Self::Value;
}

impl Parse for filter::Policy {
    type Value = Self;
    fn value(&self) -> Self {
        *self
    }
}

/// A command in its written form: code and payload.
#[derive(Clone, Copy)]
struct Said(u8, &'static [u8]);

impl Parse for Said {
    type Value = Command<'static>;
    fn value(&self) -> Command<'static> {
        Command::parse_as(Frame::new(self.0, self.1), Tolerance::LENIENT).expect("it is written so").value
    }
}

/// A response in its written form.
#[derive(Clone, Copy)]
struct Answered(u8, &'static [u8]);

impl Parse for Answered {
    type Value = Response<'static>;
    fn value(&self) -> Response<'static> {
        Response::parse_as(Frame::new(self.0, self.1), Tolerance::LENIENT).expect("it is written so").value
    }
}

const COMMANDS: [Said; 27] = [
    Said(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"),
    Said(b'O', b"\0\0\0\x02\0\0\0\x3f\0\0\0\x7f"),
    Said(b'O', b"\0\0\0\x03\0\0\0\0\0\0\0\0"),
    Said(b'D', b"C"),
    Said(b'D', b"Mi\0Q\0"),
    Said(b'D', b"R"),
    Said(b'D', b"Ei\0Q\0"),
    Said(b'C', b"localhost\x004\0\x19127.0.0.1\0"),
    Said(b'C', b"localhost\x004\0\x19unknown\0"),
    Said(b'C', b"h\0U"),
    Said(b'H', b"mx\0"),
    Said(b'M', b"<a@b>\0"),
    Said(b'M', b"\0SIZE=1\0"),
    Said(b'R', b"<c@d>\0"),
    Said(b'T', b""),
    Said(b'L', b"Subject\0x\0"),
    Said(b'L', b"X\0\0"),
    Said(b'N', b""),
    Said(b'B', b"line\r\n"),
    Said(b'B', b""),
    Said(b'E', b""),
    Said(b'E', b"last"),
    Said(b'U', b"FROB\0"),
    Said(b'A', b""),
    Said(b'Q', b""),
    Said(b'K', b""),
    Said(b'Z', b""),
];

const RESPONSES: [Answered; 28] = [
    Answered(b'c', b""),
    Answered(b'a', b""),
    Answered(b'r', b""),
    Answered(b't', b""),
    Answered(b'd', b""),
    Answered(b's', b""),
    Answered(b'y', b"550 5.7.1 no\0"),
    Answered(b'y', b"451-4.7.1 not\r\n451 4.7.1 now\0"),
    Answered(b'4', b""),
    Answered(b'f', b""),
    Answered(b'p', b""),
    Answered(b'h', b"X\0y\0"),
    Answered(b'i', b"\0\0\0\0X\0y\0"),
    Answered(b'm', b"\0\0\0\x01X\0\0"),
    Answered(b'e', b"<>\0"),
    Answered(b'+', b"<e@f>\0"),
    Answered(b'2', b"<e@f>\0NOTIFY=NEVER\0"),
    Answered(b'-', b"<c@d>\0"),
    Answered(b'b', b"new\r\n"),
    Answered(b'b', b""),
    Answered(b'q', b"why\0"),
    Answered(b'l', b""),
    Answered(b'O', b"\0\0\0\x06\0\0\x01\xff\0\0\x04\0"),
    Answered(b'O', b"\0\0\0\x06\0\0\0\0\0\x0f\xf0\x80"),
    Answered(b'O', b"\0\0\0\x06\0\0\0\x01\0\0\x03\x7f"),
    Answered(b'O', b"\0\0\0\x02\0\0\0\0\0\0\0\0"),
    Answered(b'h', b"\0y\0"),
    Answered(b'Z', b""),
];
