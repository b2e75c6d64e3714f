//! Makes a session that shows a finding as short as possible.

use std::time::Instant;

use milter_proto::Limits;
use milter_proto::order::CommandKind;
use milter_proto::testing::{Misbehaviour, Session};
use milter_proto::wire::{Command, Frame, FrameBuf, MacroStage, Macros, Peer, Text, TextList};
use proptest::strategy::ValueTree;

use super::search::{Finding, Plan, Target, name};
use crate::signals;

/// Looks for a shorter session that shows the same.
pub(super) fn shrink(
    target: &mut Target<'_>,
    plan: &Plan,
    tree: &mut dyn ValueTree<Value = Session>,
    finding: &mut Finding,
) -> Result<(), String> {
    let long =
        (finding.found.clone(), finding.session.clone(), finding.scenario.clone(), finding.record.clone());
    let mut attempts = Attempts { target, plan, finding, steps: 0, begun: Instant::now() };
    attempts.target.peer.hurry(true);
    attempts.as_proptest_does(tree)?;
    attempts.without_whole_parts()?;
    attempts.with_plain_commands()?;
    attempts.with_simple_payloads()?;
    attempts.target.peer.hurry(false);
    // Whoever is slow is not silent.
    let short = attempts.finding.session.clone();
    let is_sure = attempts.shows(&short)?;
    finding.steps = Some(attempts.steps).filter(|_| signals::caught().is_none());
    finding.is_sure = is_sure;
    if !is_sure {
        (finding.found, finding.session, finding.scenario, finding.record) = long;
    }
    Ok(())
}

/// The attempts to make a finding shorter.
struct Attempts<'a, 't> {
    target: &'a mut Target<'t>,
    plan: &'a Plan,
    finding: &'a mut Finding,
    steps: u32,
    begun: Instant,
}

impl Attempts<'_, '_> {
    /// Simplifies while the fault shows, and takes back what hides it. It may take half of the steps and of the time.
    fn as_proptest_does(&mut self, tree: &mut dyn ValueTree<Value = Session>) -> Result<(), String> {
        let mut goes_on = tree.simplify();
        let (most_steps, most_time) = (self.plan.most_steps >> 1, self.plan.most_time.mul_f32(0.5));
        while goes_on && self.steps < most_steps && self.begun.elapsed() < most_time {
            goes_on = if self.shows(&tree.current())? { tree.simplify() } else { tree.complicate() };
        }
        Ok(())
    }

    /// Leaves out many commands at once, then fewer: a strategy keeps whole messages.
    fn without_whole_parts(&mut self) -> Result<(), String> {
        if self.finding.session.fault.is_some() {
            let mut legal = self.finding.session.clone();
            legal.fault = None;
            self.shows(&legal)?;
        }
        if let Some(other) = without_the_rest(&self.finding.session) {
            self.shows(&other)?;
        }
        let mut size = self.finding.session.commands.len();
        while size > 0 {
            let mut end = self.finding.session.commands.len();
            while end >= size && self.are_left() {
                let is_shorter = match without(&self.finding.session, end.saturating_sub(size), size) {
                    Some(shorter) => self.shows(&shorter)?,
                    None => false,
                };
                end = if is_shorter {
                    self.finding.session.commands.len().min(end)
                } else {
                    end.saturating_sub(1)
                };
            }
            size >>= 1;
        }
        Ok(())
    }

    /// Sends everything in one piece, and plain commands in place of those with strange texts.
    fn with_plain_commands(&mut self) -> Result<(), String> {
        let whole = self.finding.session.clone().in_pieces_of(0);
        if whole != self.finding.session {
            self.shows(&whole)?;
        }
        for at in 0..self.finding.session.commands.len() {
            let mut plainer = self.finding.session.clone();
            let Some(command) = plainer.commands.get_mut(at) else { break };
            let Some(plain) = plain(command).filter(|plain| plain != command && self.are_left()) else {
                continue;
            };
            *command = plain;
            self.shows(&plainer)?;
        }
        Ok(())
    }

    /// Makes payloads shorter and their bytes simpler, where a plain command does not show the same.
    fn with_simple_payloads(&mut self) -> Result<(), String> {
        let commands = (0..self.finding.session.commands.len()).map(Place::Command);
        for place in [Place::Fault].into_iter().chain(commands) {
            self.payload(place, |payload, at, end| {
                payload.drain(at..end);
            })?;
            self.payload(place, |payload, at, end| {
                let strange = payload.iter_mut().take(end).skip(at).filter(|byte| **byte != 0);
                strange.for_each(|byte| *byte = b'a');
            })?;
        }
        Ok(())
    }

    /// Changes the whole payload at a place, then its halves, and so on to single bytes. Each change that shows the same
    /// stays.
    fn payload(&mut self, place: Place, change: impl Fn(&mut Vec<u8>, usize, usize)) -> Result<(), String> {
        let length = |session: &Session| place.payload(session).map_or(0, <[u8]>::len);
        let mut size = length(&self.finding.session);
        while size > 0 {
            let mut end = length(&self.finding.session);
            while end > 0 && self.are_left() {
                let at = end.saturating_sub(size);
                let session = &self.finding.session;
                let mut payload = place.payload(session).unwrap_or_default().to_vec();
                change(&mut payload, at, end);
                if Some(&*payload) != place.payload(session) {
                    // Which rule is broken tells what is expected.
                    let simpler = place.with_payload(session, payload);
                    if simpler.broken_rule() == session.broken_rule() && !is_frame(&simpler) {
                        self.shows(&simpler)?;
                    }
                }
                end = at;
            }
            size >>= 1;
        }
        Ok(())
    }

    fn are_left(&self) -> bool {
        self.steps < self.plan.most_steps && self.begun.elapsed() < self.plan.most_time
    }

    /// Whether a session shows the same. If so, it becomes the one of the finding.
    fn shows(&mut self, session: &Session) -> Result<bool, String> {
        let is_empty = session.commands.is_empty() && session.fault.is_none();
        if is_empty || signals::caught().is_some() {
            return Ok(false);
        }
        self.steps = self.steps.saturating_add(1);
        let played = self.target.play(session, &name(self.plan, self.finding.number));
        // A session that a signal ended shows nothing.
        if signals::caught().is_some() {
            return Ok(false);
        }
        let played = played?;
        let Some(found) = played.found else { return Ok(false) };
        if found.is_deadly() {
            self.target.restart()?;
        }
        let finding = &mut *self.finding;
        let is_same = found.kind == finding.found.kind && found.is_note == finding.found.is_note;
        if is_same {
            (finding.found, finding.session) = (found, session.clone());
            (finding.scenario, finding.record) = (played.scenario, played.record);
        }
        Ok(is_same)
    }
}

/// Where a session has a payload.
#[derive(Clone, Copy, Debug)]
enum Place {
    Fault,
    Command(usize),
}

impl Place {
    fn payload(self, session: &Session) -> Option<&[u8]> {
        match (self, &session.fault) {
            (Self::Command(at), _) => {
                let is_offer = |frame: &FrameBuf| frame.as_frame().code() == CommandKind::Negotiate.code();
                let command = session.commands.get(at).filter(|frame| !is_offer(frame));
                // What is plain is simple enough.
                let command = command.filter(|frame| plain(frame).as_ref() != Some(*frame));
                command.map(|frame| frame.as_frame().payload())
            }
            (Self::Fault, Some((_, Misbehaviour::Insert(frame) | Misbehaviour::Replace(frame)))) => {
                Some(frame.as_frame().payload())
            }
            (Self::Fault, Some((_, Misbehaviour::Bytes(bytes)))) => Some(bytes),
            (Self::Fault, _) => None,
        }
    }

    /// The session with another payload here.
    fn with_payload(self, session: &Session, payload: Vec<u8>) -> Session {
        let mut session = session.clone();
        let frame = match (self, &mut session.fault) {
            (Self::Command(at), _) => session.commands.get_mut(at),
            (Self::Fault, Some((_, Misbehaviour::Insert(frame) | Misbehaviour::Replace(frame)))) => {
                Some(frame)
            }
            (Self::Fault, Some((_, Misbehaviour::Bytes(bytes)))) => {
                *bytes = payload;
                return session;
            }
            (Self::Fault, _) => None,
        };
        if let Some(frame) = frame {
            *frame = FrameBuf::new(frame.as_frame().code(), payload);
        }
        session
    }
}

/// Whether bytes that should not be a frame have become one.
fn is_frame(session: &Session) -> bool {
    match &session.fault {
        Some((_, Misbehaviour::Bytes(bytes))) => matches!(Frame::split(bytes, Limits::DEFAULT), Ok(Some(_))),
        _ => false,
    }
}

/// The session without what follows its fault.
fn without_the_rest(session: &Session) -> Option<Session> {
    let (at, how) = session.fault.as_ref()?;
    let mut shorter = session.clone();
    shorter.commands.truncate(*at);
    match (how, session.commands.get(*at)) {
        (Misbehaviour::Replace(frame), _) => shorter.fault = Some((*at, Misbehaviour::Insert(frame.clone()))),
        (Misbehaviour::Repeat | Misbehaviour::CutShort(_), command) => {
            shorter.commands.extend(command.cloned())
        }
        _ => {}
    }
    Some(shorter)
}

/// The session without some commands, if the others are still in order.
fn without(session: &Session, at: usize, count: usize) -> Option<Session> {
    let mut shorter = session.clone();
    let end = at.saturating_add(count);
    if end > shorter.commands.len() {
        return None;
    }
    shorter.commands.drain(at..end);
    if let Some((place, how)) = &mut shorter.fault {
        let stands_alone =
            matches!(how, Misbehaviour::Insert(_) | Misbehaviour::Bytes(_) | Misbehaviour::Disconnect);
        if !stands_alone && (at..end).contains(place) {
            return None;
        }
        *place = if *place >= end { place.saturating_sub(count) } else { (*place).min(at) };
    }
    let is_in_order = Session::new(shorter.commands.iter().cloned()).broken_rule().is_none();
    is_in_order.then_some(shorter)
}

/// A plain command of the same kind.
fn plain(command: &FrameBuf) -> Option<FrameBuf> {
    let (text, arguments) = (Text::from_c_str(c"a"), TextList::EMPTY);
    let address = Text::from_c_str(c"<a@b.c>");
    let command = match CommandKind::from_code(command.as_frame().code())? {
        CommandKind::Connect => Command::Connect { host: text, peer: Peer::Unknown },
        CommandKind::Helo => Command::Helo { name: text },
        CommandKind::MailFrom => Command::MailFrom { address, arguments },
        CommandKind::RcptTo => Command::RcptTo { address, arguments },
        CommandKind::Header => Command::Header { name: text, value: text },
        CommandKind::Body => Command::Body { chunk: b"a" },
        CommandKind::Unknown => Command::Unknown { line: text },
        CommandKind::Macros => {
            let stage = MacroStage::new(*command.as_frame().payload().first()?);
            Command::Macros(Macros::new(stage, arguments).ok()?)
        }
        _ => return None,
    };
    Some(command.encode().to_frame())
}
