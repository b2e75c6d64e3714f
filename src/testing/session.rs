//! A whole session of an MTA, as data.

use alloc::vec::Vec;
use core::fmt;

use crate::debug::Bytes;
use crate::filter::{Options, Policy, Turn};
use crate::order::{CommandKind, Rule};
use crate::wire::codes::response;
use crate::wire::{
    Answer, Command, Direction, Frame, FrameBuf, Offer, Response, Steps, Tolerance, Verdict, Version,
};
use crate::{FilterSession, Monitor};

/// What an MTA sends on one connection: commands in order, and perhaps one fault.
///
/// It can be played as [bytes](Self::to_bytes), and be written as a [scenario](Self::to_scenario). The
/// strategies `session` and `nearly_session` make sessions for proptest; for a fuzzer, sessions are `Arbitrary`.
///
/// # Examples
/// ```
/// use milter_proto::testing::{Misbehaviour, Session};
/// use milter_proto::wire::{Command, Offer, Peer, Text};
///
/// let connect = Command::Connect { host: Text::from_c_str(c"mx"), peer: Peer::Unknown };
/// let commands = [Command::Negotiate(Offer::FULL), connect].map(|command| command.encode().to_frame());
/// let session = Session::new(commands).misbehaving(1, Misbehaviour::Repeat);
/// assert!(session.to_bytes().ends_with(b"\0\0\0\x05Cmx\0U\0\0\0\x05Cmx\0U"));
/// let scenario = session.to_scenario("connect-twice");
/// assert!(scenario.contains("\n>? CONNECT \"mx\" U\n< reply\n>! CONNECT"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The commands, in the order in which they are sent. OPTNEG is the first; macros are frames of their own; QUIT at the
    /// end is not among them.
    pub commands: Vec<FrameBuf>,
    /// The number of bytes that are sent at once; 0: each command in one piece.
    pub cut: usize,
    /// What the MTA does wrong, and at which of the commands, counted from 0. The end of the session if there are fewer.
    pub fault: Option<(usize, Misbehaviour)>,
}

/// What an MTA does wrong at one of its commands.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// It leaves the command out.
    Omit,
    /// It sends the command twice.
    Repeat,
    /// It sends this frame before the command: out of order, malformed, or of a code that does not exist.
    Insert(FrameBuf),
    /// It sends this frame in place of the command.
    Replace(FrameBuf),
    /// It sends these bytes, which are no frame, and nothing more.
    Bytes(Vec<u8>),
    /// It sends only so many bytes of the command, never all, and closes its direction of the connection.
    CutShort(usize),
    /// It closes the connection without QUIT.
    Disconnect,
}

/// As derived, with bytes as a byte string.
impl fmt::Debug for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Omit => f.write_str("Omit"),
            Self::Repeat => f.write_str("Repeat"),
            Self::Insert(frame) => f.debug_tuple("Insert").field(frame).finish(),
            Self::Replace(frame) => f.debug_tuple("Replace").field(frame).finish(),
            Self::Bytes(bytes) => f.debug_tuple("Bytes").field(&Bytes(bytes)).finish(),
            Self::CutShort(len) => f.debug_tuple("CutShort").field(len).finish(),
            Self::Disconnect => f.write_str("Disconnect"),
        }
    }
}

/// One thing that the MTA does in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move<'s> {
    Send(&'s FrameBuf),
    /// Bytes that are no frame.
    Garbage(&'s [u8]),
    /// The first bytes of a frame.
    Front(Vec<u8>),
    Shutdown,
    Disconnect,
}

impl Session {
    /// Makes a session of these commands, without a fault.
    #[must_use]
    pub fn new(commands: impl IntoIterator<Item = FrameBuf>) -> Self {
        Self { commands: commands.into_iter().collect(), cut: 0, fault: None }
    }

    /// Makes a session of those of these commands that are in order.
    #[cfg_attr(not(feature = "proptest"), expect(dead_code, reason = "only the strategies need it"))]
    pub(super) fn in_order(commands: impl IntoIterator<Item = FrameBuf>) -> Self {
        let mut filter = Agreeable::default();
        let is_in_order = |command: &FrameBuf| {
            let is_in_order = filter.objection(command.as_frame()).is_none();
            if is_in_order {
                filter.observe(command.as_frame());
            }
            is_in_order
        };
        Self::new(commands.into_iter().filter(is_in_order))
    }

    /// Returns the same session, sent in pieces of so many bytes.
    #[must_use]
    pub const fn in_pieces_of(mut self, cut: usize) -> Self {
        self.cut = cut;
        self
    }

    /// Returns the same session with a fault at this command, counted from 0.
    #[must_use]
    pub fn misbehaving(mut self, at: usize, how: Misbehaviour) -> Self {
        self.fault = Some((at, how));
        self
    }

    /// What the MTA does, one after the other.
    pub(super) fn moves(&self) -> Vec<Move<'_>> {
        let Some((at, how)) = &self.fault else {
            return self.commands.iter().map(Move::Send).collect();
        };
        let at = (*at).min(self.commands.len());
        let (before, after) = self.commands.split_at_checked(at).unwrap_or_default();
        let rest = after.get(1..).unwrap_or_default();
        let mut moves: Vec<_> = before.iter().map(Move::Send).collect();
        match (how, after.first()) {
            (Misbehaviour::Omit, _) => moves.extend(rest.iter().map(Move::Send)),
            (Misbehaviour::Repeat, command) => {
                moves.extend(command.map(Move::Send));
                moves.extend(after.iter().map(Move::Send));
            }
            (Misbehaviour::Insert(frame), _) => {
                moves.push(Move::Send(frame));
                moves.extend(after.iter().map(Move::Send));
            }
            (Misbehaviour::Replace(frame), _) => {
                moves.push(Move::Send(frame));
                moves.extend(rest.iter().map(Move::Send));
            }
            (Misbehaviour::Bytes(bytes), _) => moves.push(Move::Garbage(bytes)),
            (Misbehaviour::CutShort(len), command) => {
                let mut bytes = command.map(encoded).unwrap_or_default();
                bytes.truncate(bytes.len().saturating_sub(1).min(*len));
                moves.extend([Move::Front(bytes), Move::Shutdown]);
            }
            (Misbehaviour::Disconnect, _) => moves.push(Move::Disconnect),
        }
        moves
    }

    /// What the MTA sends in all, if the filter answers everything with CONTINUE.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for it in self.moves() {
            match it {
                Move::Send(frame) => frame.as_frame().encode().append_to(&mut bytes),
                Move::Garbage(more) => bytes.extend_from_slice(more),
                Move::Front(more) => bytes.extend(more),
                Move::Shutdown | Move::Disconnect => {}
            }
        }
        bytes
    }

    /// The first rule that the MTA breaks, if the filter answers everything with CONTINUE. `None`: the session is legal.
    ///
    /// Bytes that are no frame count as [`Rule::MalformedPayload`]. A connection that ends without QUIT breaks no rule, even
    /// in the middle of a frame.
    #[must_use]
    pub fn broken_rule(&self) -> Option<Rule> {
        let mut filter = Agreeable::default();
        self.moves().into_iter().find_map(|it| match it {
            Move::Send(frame) => filter.observe(frame.as_frame()).broken,
            Move::Garbage(_) => Some(Rule::MalformedPayload),
            Move::Front(_) | Move::Shutdown | Move::Disconnect => None,
        })
    }
}

/// A filter that accepts every offer, declines nothing, and answers everything with CONTINUE.
#[derive(Clone, Debug)]
pub(super) struct Agreeable {
    monitor: Monitor,
    libmilter: FilterSession,
}

/// What is known about a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The first rule that it breaks.
    pub(super) broken: Option<Rule>,
    /// Whether libmilter leaves it without the reply that it should get.
    pub(super) is_ignored: bool,
}

impl Default for Agreeable {
    fn default() -> Self {
        Self { monitor: Monitor::new(), libmilter: FilterSession::with_policy(Policy::LIBMILTER) }
    }
}

impl Agreeable {
    /// Takes a command and answers it.
    pub(super) fn observe(&mut self, frame: Frame<'_>) -> Seen {
        let seen = self.monitor.observe(Direction::ToFilter, frame);
        match seen.owed {
            Some(CommandKind::Negotiate) => {
                let offer = match Command::parse_as(frame, Tolerance::LENIENT).map(|read| read.value) {
                    Ok(Command::Negotiate(offer)) => offer,
                    _ => Offer::FULL,
                };
                let answer = Answer::new(offer.version.min(Version::CURRENT), offer.actions, Steps::EMPTY);
                let answer = Response::from(answer).encode().to_frame();
                self.monitor.observe(Direction::ToMta, answer.as_frame());
            }
            Some(_) => {
                self.monitor.observe(Direction::ToMta, Frame::new(response::CONTINUE, &[]));
            }
            None => {}
        }
        let is_ignored = !self.is_answered_by_libmilter(frame) && seen.owed.is_some();
        Seen { broken: seen.violations().next(), is_ignored }
    }

    fn is_answered_by_libmilter(&mut self, frame: Frame<'_>) -> bool {
        if self.libmilter.receive(frame).is_err() {
            return false;
        }
        // A chunk at the end of a message comes as an event of its own.
        let mut is_answered = false;
        loop {
            is_answered |= match self.libmilter.turn() {
                Turn::Reply(CommandKind::Negotiate) => {
                    self.libmilter.negotiate(&Options::all_commands()).is_ok()
                }
                Turn::Reply(_) => self.libmilter.send(Verdict::Continue).is_ok(),
                Turn::Receive | Turn::Closed => false,
            };
            if self.libmilter.rest_of_frame().is_none() {
                return is_answered;
            }
        }
    }

    /// The rule that a command would break.
    pub(super) fn objection(&self, frame: Frame<'_>) -> Option<Rule> {
        self.clone().observe(frame).broken
    }

    pub(super) const fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

pub(super) fn encoded(frame: &FrameBuf) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.as_frame().encode().append_to(&mut bytes);
    bytes
}
