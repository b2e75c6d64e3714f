//! A filter in memory, sound but for one fault.

use core::cell::RefCell;
use std::rc::Rc;

use milter_proto::FilterSession;
use milter_proto::conformance::filter::Profile;
use milter_proto::conformance::{Action, FilterRun, Input, Outcome, Scenario};
use milter_proto::filter::{Event, Options, Support, Turn};
use milter_proto::macros::MacroStore;
use milter_proto::order::{CommandKind, Stage};
use milter_proto::wire::{Actions, Command, Frame, ReplyText, Steps, Text, Verdict};

use super::faults::{Does, FAULTS, Fault, Special};
use crate::support::wire;

/// What the filter negotiates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// Every command, with a reply to each, and every edit.
    Everything,
    /// The same, with recipients that the MTA refused, and it answers SKIP to each BODY.
    Skip,
    /// No command that can be declined.
    Nothing,
    /// Every command, and no reply but that to BODYEOB.
    NoReplies,
}

impl Wish {
    pub(super) const ALL: [Self; 4] = [Self::Everything, Self::Skip, Self::Nothing, Self::NoReplies];

    fn options(self) -> Options<'static> {
        let options = match self {
            Self::Nothing => Options::new([]),
            Self::NoReplies => Options::all_commands().no_reply_to(CommandKind::ALL),
            Self::Everything | Self::Skip => Options::all_commands(),
        };
        let rejected = if self == Self::Skip { Support::Optional } else { Support::Off };
        options.request(Actions::ALL).skip(Support::Optional).rejected_recipients(rejected)
    }
}

/// What the connections of one filter share.
struct Daemon {
    fault: Fault,
    wish: Wish,
    is_dead: bool,
    connections: usize,
    /// Macros of all connections, for the fault that keeps them.
    macros: Vec<Vec<u8>>,
    /// The faults that would have done something at a frame.
    hits: Vec<bool>,
}

/// One frame, and what was before it.
pub(super) struct Seen<'a> {
    pub(super) code: u8,
    pub(super) payload: &'a [u8],
    pub(super) stage: Stage,
    pub(super) actions: Actions,
    pub(super) steps: Steps,
    pub(super) is_negotiated: bool,
    pub(super) is_in_order: bool,
    /// Frames that came in the same read before this one.
    pub(super) before: usize,
    /// How many of this code came since the last CONNECT.
    pub(super) count: usize,
    /// The command before.
    pub(super) last: u8,
    pub(super) messages: usize,
}

impl Seen<'_> {
    pub(super) fn is(&self, code: u8) -> bool {
        self.code == code
    }

    pub(super) fn has(&self, text: &[u8]) -> bool {
        self.payload[..self.payload.len().min(1_024)].windows(text.len()).any(|window| window == text)
    }
}

/// One connection.
struct Connection {
    daemon: Rc<RefCell<Daemon>>,
    fault: Fault,
    wish: Wish,
    buffer: Vec<u8>,
    session: FilterSession,
    macros: MacroStore<Vec<u8>>,
    is_hung: bool,
    has_quit: bool,
    counts: [usize; 256],
    last: u8,
    messages: usize,
    edits_kept: Vec<u8>,
}

/// Whether the connection stays open.
#[derive(PartialEq, Eq)]
enum Then {
    GoesOn,
    Closes,
}

/// Runs a scenario with a filter.
pub(super) fn run(scenario: &Scenario, profile: &Profile, wish: Wish, fault: Fault) -> Outcome {
    run_with(&daemon(wish, fault), scenario, profile)
}

/// Runs a scenario with a sound filter, and returns which faults would have done something at a frame.
pub(super) fn hits(scenario: &Scenario, profile: &Profile, wish: Wish) -> Vec<bool> {
    let daemon = daemon(wish, Fault::NONE);
    daemon.borrow_mut().hits = vec![false; FAULTS.len()];
    run_with(&daemon, scenario, profile);
    let daemon = daemon.borrow();
    daemon.hits.clone()
}

fn daemon(wish: Wish, fault: Fault) -> Rc<RefCell<Daemon>> {
    let daemon = Daemon { fault, wish, is_dead: false, connections: 0, macros: Vec::new(), hits: Vec::new() };
    Rc::new(RefCell::new(daemon))
}

fn run_with(daemon: &Rc<RefCell<Daemon>>, scenario: &Scenario, profile: &Profile) -> Outcome {
    let mut run = FilterRun::new(scenario, profile);
    let mut action = run.advance(Input::Start);
    let (mut connection, mut replies): (Option<Connection>, Vec<u8>) = (None, Vec::new());
    for _ in 0..1_000_000 {
        action = match action {
            Action::Connect => {
                replies.clear();
                drop(connection.take());
                connection = Connection::open(daemon, &mut replies);
                if connection.is_some() {
                    run.advance(Input::Connected)
                } else {
                    run.advance(Input::ConnectFailed("connection refused"))
                }
            }
            Action::Send(bytes) => {
                connection = connection.and_then(|it| it.read(&bytes, &mut replies));
                run.advance(Input::Done)
            }
            Action::Shutdown => {
                connection = connection.and_then(|it| it.end_of_stream());
                run.advance(Input::Done)
            }
            Action::Close => {
                connection = None;
                run.advance(Input::Done)
            }
            Action::Receive(_) if !replies.is_empty() => {
                run.advance(Input::Received(&core::mem::take(&mut replies)))
            }
            Action::Receive(_) if connection.is_none() => run.advance(Input::Closed),
            Action::Receive(_) => run.advance(Input::TimedOut),
            Action::Finish => return run.outcome().unwrap().clone(),
            other => panic!("{}: {other:?}", scenario.id),
        };
    }
    panic!("{}: no end", scenario.id)
}

impl Connection {
    fn open(daemon: &Rc<RefCell<Daemon>>, out: &mut Vec<u8>) -> Option<Self> {
        let mut shared = daemon.borrow_mut();
        shared.connections += 1;
        let is_full =
            matches!(shared.fault.special, Special::LeaksConnections(limit) if shared.connections > limit);
        if shared.is_dead || is_full {
            return None;
        }
        if shared.fault.special == Special::Greets {
            out.extend(wire(b'c', b""));
        }
        Some(Self {
            daemon: Rc::clone(daemon),
            fault: shared.fault,
            wish: shared.wish,
            buffer: Vec::new(),
            session: FilterSession::new(),
            macros: MacroStore::new(Vec::new()),
            is_hung: false,
            has_quit: false,
            counts: [0; 256],
            last: 0,
            messages: 0,
            edits_kept: Vec::new(),
        })
    }

    fn die(&self) -> Then {
        self.daemon.borrow_mut().is_dead = true;
        Then::Closes
    }

    /// Takes what one read returned.
    fn read(mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<Self> {
        self.buffer.extend_from_slice(bytes);
        let mut before = 0;
        loop {
            let frame = match self.cut() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(Then::GoesOn) => continue,
                Err(Then::Closes) => return None,
            };
            if self.handle(&frame, before, out) == Then::Closes {
                return None;
            }
            before += 1;
            if self.fault.special == Special::OneFramePerRead {
                self.buffer.clear();
            }
        }
        if self.fault.special == Special::LosesCutFrames {
            self.buffer.clear();
        }
        Some(self)
    }

    fn end_of_stream(self) -> Option<Self> {
        match self.fault.special {
            Special::IgnoresTheEnd => Some(self),
            Special::IgnoresTheEndInAFrame if !self.buffer.is_empty() => Some(self),
            Special::DiesAtTheEndInAFrame if !self.buffer.is_empty() => {
                self.die();
                None
            }
            Special::DiesAtTheEnd => {
                self.die();
                None
            }
            _ => None,
        }
    }

    /// Cuts the next frame from the stream: code and payload.
    fn cut(&mut self) -> Result<Option<Vec<u8>>, Then> {
        let Some(head) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let mut length = usize::try_from(u32::from_be_bytes(*head)).unwrap();
        let special = self.fault.special;
        if length == 0 {
            match special {
                Special::DiesOnZeroLength => return Err(self.die()),
                Special::SkipsZeroLength => {
                    self.buffer.drain(..4);
                    return Err(Then::GoesOn);
                }
                _ => return Err(Then::Closes),
            }
        }
        if special == Special::SignedLength && length >= 0x8000_0000 {
            // A negative number is within every limit.
            return Ok(None);
        }
        if special == Special::MaskedLength {
            length = (length & 0xffff).max(1);
        }
        let limit = match special {
            Special::NoLimit => usize::MAX,
            Special::Limit(limit) => limit,
            _ => 1_048_577,
        };
        if length > limit {
            return Err(match special {
                Special::DiesOnHugeLength => self.die(),
                _ => Then::Closes,
            });
        }
        if self.buffer.len() < length.saturating_add(4) {
            return Ok(None);
        }
        let frame = self.buffer[4..4 + length].to_vec();
        self.buffer.drain(..4 + length);
        Ok(Some(frame))
    }

    fn handle(&mut self, frame: &[u8], before: usize, out: &mut Vec<u8>) -> Then {
        let (code, payload) = (frame[0], &frame[1..]);
        if self.is_hung || self.has_quit {
            return Then::GoesOn;
        }
        self.counts[usize::from(code)] += 1;
        if code == b'C' {
            self.counts = [0; 256];
        }
        let agreed = self.session.negotiated().copied();
        let is_in_order = FilterSession::clone(&self.session)
            .receive(Frame::new(code, payload))
            .is_ok_and(|event| event.in_order);
        let seen = Seen {
            code,
            payload,
            stage: self.session.stage(),
            actions: agreed.map_or(Actions::EMPTY, |agreed| agreed.actions),
            steps: agreed.map_or(Steps::EMPTY, |agreed| agreed.steps),
            is_negotiated: agreed.is_some(),
            is_in_order,
            before,
            count: self.counts[usize::from(code)],
            last: self.last,
            messages: self.messages,
        };
        for (hit, fault) in self.daemon.borrow_mut().hits.iter_mut().zip(FAULTS) {
            *hit |= (fault.on)(&seen);
        }
        let is_hit = (self.fault.on)(&seen);
        let does = if is_hit { self.fault.does } else { Does::Nothing };
        if matches!(does, Does::Close) {
            return Then::Closes;
        }
        if matches!(does, Does::Die) {
            return self.die();
        }
        let mut reply = Vec::new();
        let then = self.answer(&seen, &mut reply);
        match does {
            Does::Silent => reply.clear(),
            Does::Hang => {
                reply.clear();
                self.is_hung = true;
            }
            Does::Instead(frame) => reply = wire(frame[0], &frame[1..]),
            Does::Before(frame) => reply = [wire(frame[0], &frame[1..]), reply].concat(),
            Does::After(frame) => reply.extend(wire(frame[0], &frame[1..])),
            Does::Twice => reply = [&reply[..], &reply].concat(),
            Does::Goes => {
                out.extend(reply);
                return Then::Closes;
            }
            _ => {}
        }
        self.last = code;
        if self.fault.special == Special::ReversesReplies && before > 0 {
            reply.extend(core::mem::take(out));
            *out = reply;
        } else {
            out.extend(reply);
        }
        then
    }

    /// What a sound filter does, and faults in what it sends.
    fn answer(&mut self, seen: &Seen<'_>, out: &mut Vec<u8>) -> Then {
        let frame = Frame::new(seen.code, seen.payload);
        let Ok(event) = self.session.receive(frame) else {
            return if self.fault.special == Special::GoesOnAfterErrors {
                Then::GoesOn
            } else {
                Then::Closes
            };
        };
        let (mut verdict, mut has_refused) = (Verdict::Continue, false);
        self.observe(&event);
        match event.command {
            Command::RcptTo { address, .. } if address.as_bytes().starts_with(b"<refused@") => {
                has_refused = true
            }
            Command::Body { .. } if self.wish == Wish::Skip && seen.steps.contains(Steps::SKIP) => {
                verdict = Verdict::Skip;
            }
            Command::Quit => self.has_quit = true,
            _ => {}
        }
        if has_refused {
            verdict = Verdict::Reply(ReplyText::parse(b"550 5.7.1 refused").unwrap());
        }
        let is_end = self.session.rest_of_frame().is_some() || seen.code == b'E';
        match self.session.turn() {
            Turn::Reply(CommandKind::Negotiate) => return self.negotiate(seen, out),
            Turn::Reply(_) => {
                if is_end {
                    self.edit(seen, out);
                    self.messages += 1;
                }
                let _ = self.session.send_nearest(verdict).map(|sent| sent.frame.append_to(out));
            }
            _ => {}
        }
        if self.has_quit && self.fault.special != Special::StaysAfterQuit {
            Then::Closes
        } else {
            Then::GoesOn
        }
    }

    fn observe(&mut self, event: &Event<'_>) {
        let _ = self.macros.observe(event);
        if let Command::Macros(_) = event.command {
            self.note_macros(event);
        }
    }

    /// Keeps values of the macro i as faulty filters do.
    fn note_macros(&mut self, event: &Event<'_>) {
        let Command::Macros(macros) = event.command else { return };
        let mut values: Vec<Vec<u8>> = Vec::new();
        for (name, value) in macros.iter() {
            if name.as_bytes() == b"i"
                || name.as_bytes() == b"{i}" && self.fault.special != Special::BracesMatter
            {
                values.push(value.as_bytes().to_vec());
            }
        }
        let mut shared = self.daemon.borrow_mut();
        match self.fault.special {
            Special::KeepsMacros => shared.macros.extend(values),
            Special::LastOfEqualNames | Special::MergesLists => {
                if let Some(last) = values.pop() {
                    shared.macros = vec![last];
                }
            }
            Special::EmptyListsKeepMacros
                if macros.iter().next().is_some() || macros.stage().byte() != b'M' =>
            {
                shared.macros = values;
            }
            Special::BracesMatter => shared.macros = values,
            _ => {}
        }
    }

    fn negotiate(&mut self, seen: &Seen<'_>, out: &mut Vec<u8>) -> Then {
        let mut answer = Vec::new();
        match self.session.negotiate(&self.wish.options()) {
            Ok(sent) => sent.frame.append_to(&mut answer),
            Err(_) => return Then::Closes,
        }
        if let Some(rewrite) = self.fault.answers {
            let mut payload = answer.split_off(5);
            rewrite(seen.payload, &mut payload);
            answer = wire(b'O', &payload);
        }
        out.extend(answer);
        Then::GoesOn
    }

    fn edit(&mut self, seen: &Seen<'_>, out: &mut Vec<u8>) {
        let mut edits: Vec<(Actions, u8, Vec<u8>)> = Vec::new();
        let value = self.shown();
        edits.push((Actions::ADD_HEADERS, b'h', [b"X-Macro\0".as_slice(), &value, b"\0"].concat()));
        edits.push((Actions::ADD_HEADERS, b'i', b"\0\0\0\0X-First\0a\n b\0".to_vec()));
        edits.push((Actions::CHANGE_HEADERS, b'm', b"\0\0\0\x01Subject\0changed\0".to_vec()));
        edits.push((Actions::CHANGE_FROM, b'e', b"<new@example.org>\0".to_vec()));
        edits.push((Actions::ADD_RCPT, b'+', b"<new@example.net>\0".to_vec()));
        edits.push((Actions::ADD_RCPT_WITH_ARGUMENTS, b'2', b"<other@example.net>\0NOTIFY=NEVER\0".to_vec()));
        edits.push((Actions::DELETE_RCPT, b'-', b"<gone@example.net>\0".to_vec()));
        edits.push((Actions::QUARANTINE, b'q', b"for a test\0".to_vec()));
        for piece in vec![b'x'; 65_537].chunks(65_535) {
            edits.push((Actions::CHANGE_BODY, b'b', piece.to_vec()));
        }
        edits.insert(0, (Actions::EMPTY, b'p', Vec::new()));
        let mut frames: Vec<Vec<u8>> = Vec::new();
        for (action, code, payload) in edits {
            if seen.actions.contains(action) || self.fault.special == Special::EditsAnyway(code) {
                frames.push([&[code], &payload[..]].concat());
            }
        }
        if let Some(change) = self.fault.edits {
            change(&mut frames, seen);
        }
        let bytes = frames.iter().map(|frame| wire(frame[0], &frame[1..])).collect::<Vec<_>>().concat();
        if self.fault.special == Special::EditsPileUp {
            self.edits_kept.extend(&bytes);
            out.extend(&self.edits_kept);
        } else {
            out.extend(bytes);
        }
    }

    /// The value of the macro i.
    fn shown(&self) -> Vec<u8> {
        match self.fault.special {
            Special::KeepsMacros
            | Special::LastOfEqualNames
            | Special::MergesLists
            | Special::EmptyListsKeepMacros
            | Special::BracesMatter => self.daemon.borrow().macros.join(&b' '),
            Special::NoMacros => b"none".to_vec(),
            _ => self.macros.get("i").map_or_else(Vec::new, |value: Text<'_>| value.as_bytes().to_vec()),
        }
    }
}

/// A connection that the MTA closes.
impl Drop for Connection {
    fn drop(&mut self) {
        let stage = self.session.stage();
        let is_abrupt = !self.has_quit;
        let dies = match self.fault.special {
            Special::DiesWhenTheMtaLeaves => is_abrupt,
            Special::DiesWhenTheMtaLeavesAMessage => {
                is_abrupt && stage >= Stage::Mail && stage < Stage::Closed
            }
            Special::DiesWhenTheMtaLeavesAFrame => is_abrupt && !self.buffer.is_empty(),
            _ => false,
        };
        if dies {
            let _ = self.die();
        }
    }
}
