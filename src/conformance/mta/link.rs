//! The filter's side of the Milter connections: what the MTA sends is judged and answered.

use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::Event;
use super::super::outcome::{Breach, Mismatch};
use super::super::tokens::frame;
use super::check::{Seen, show};
use super::profile::Profile;
use super::step::{Answer, At, Respond, VersionWord};
use crate::order::{CommandKind, Rule};
use crate::wire::{Actions, Assembler, Command, Direction, Frame, FrameBuf, Offer, Steps};
use crate::{Monitor, Wait};

/// The most bytes of a payload, whatever was negotiated but for the data sizes.
const MAX_PAYLOAD: usize = 65_535;

/// What is to be done on the Milter connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Bytes(Vec<u8>),
    Pause,
    Close,
}

/// What the filter does when commands come, and all that came.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) answer: Answer,
    /// The steps `at`, each with how often its command has come since.
    pub(super) plans: Vec<(At, usize)>,
    /// Pieces of this length are written; 0: everything at once.
    pub(super) cut: usize,
    /// All connections: the last one may be open.
    links: Vec<Link>,
    pub(super) seen: Vec<Seen>,
    out: VecDeque<Out>,
    /// The first rule that the MTA broke.
    pub(super) fault: Option<Mismatch>,
    /// Why the scenario does not apply.
    pub(super) why: Option<String>,
}

/// One connection.
#[derive(Debug)]
struct Link {
    input: Assembler<Vec<u8>>,
    /// Bytes of the scenario's own, of which frames are made.
    output: Assembler<Vec<u8>>,
    monitor: Monitor,
    owed: Option<CommandKind>,
    /// The filter broke a rule: what the MTA does then is not judged, but for the steps of the scenario.
    is_spoiled: bool,
    is_open: bool,
}

impl Link {
    fn new() -> Self {
        Self {
            input: Assembler::new(Vec::new()),
            output: Assembler::new(Vec::new()),
            monitor: Monitor::new(),
            owed: None,
            is_spoiled: false,
            is_open: true,
        }
    }
}

impl Links {
    pub(super) fn new() -> Self {
        let answer = Answer {
            version: VersionWord::Offered(0),
            actions: Some(Actions::EMPTY),
            steps: Some(Steps::EMPTY),
            macro_lists: Vec::new(),
            is_forced: false,
        };
        Self {
            answer,
            plans: Vec::new(),
            cut: 0,
            links: Vec::new(),
            seen: Vec::new(),
            out: VecDeque::new(),
            fault: None,
            why: None,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.links.len()
    }

    pub(super) fn is_open(&self) -> bool {
        self.links.last().is_some_and(|link| link.is_open)
    }

    /// The wait of the MTA for the outstanding reply.
    pub(super) fn wait(&self) -> Option<Wait> {
        self.links.last().filter(|link| link.is_open)?.owed?.wait()
    }

    pub(super) fn accept(&mut self) {
        self.close();
        self.links.push(Link::new());
    }

    /// The MTA has closed the connection.
    pub(super) fn close(&mut self) {
        let Some(link) = self.links.last_mut().filter(|link| link.is_open) else { return };
        link.is_open = false;
        self.out.clear();
        let pending = link.input.pending();
        if pending > 0 && !link.is_spoiled {
            let how = format!("{pending} bytes of a frame, and then the end of the stream");
            self.blame("whole frames", &Breach::new("FRM-8", how));
        }
    }

    /// What is to be done next.
    pub(super) fn next_out(&mut self) -> Option<Out> {
        match self.out.front_mut()? {
            Out::Bytes(bytes) if self.cut > 0 && bytes.len() > self.cut => {
                let rest = bytes.split_off(self.cut);
                Some(Out::Bytes(core::mem::replace(bytes, rest)))
            }
            Out::Bytes(_) | Out::Pause | Out::Close => {
                let out = self.out.pop_front();
                if let (Some(Out::Close), Some(link)) = (&out, self.links.last_mut()) {
                    link.is_open = false;
                }
                out
            }
        }
    }

    fn blame(&mut self, expected: &str, breach: &Breach) {
        self.fault.get_or_insert_with(|| Mismatch::broken(expected, breach));
    }

    /// Takes bytes of the MTA.
    pub(super) fn receive(&mut self, mut bytes: &[u8], profile: &Profile, record: &mut Vec<Event>) {
        while !bytes.is_empty() {
            let Some(link) = self.links.last_mut().filter(|link| link.is_open) else { return };
            let command = match link.input.next_frame(&mut bytes) {
                Ok(Some(command)) => FrameBuf::from(command),
                Ok(None) => return,
                Err(error) => {
                    record.push(Event::Bytes(Direction::ToFilter, bytes.to_vec()));
                    return self.blame("frames", &Breach::of_frames(error));
                }
            };
            record.push(Event::Bytes(Direction::ToFilter, encoded(command.as_frame())));
            self.take(&command, bytes, profile, record);
        }
    }

    /// Takes a command. `rest` came in the same piece, so that it was sent before any reply.
    fn take(&mut self, command: &FrameBuf, rest: &[u8], profile: &Profile, record: &mut Vec<Event>) {
        let number = self.links.len();
        let Some(link) = self.links.last_mut() else { return };
        let observed = link.monitor.observe(Direction::ToFilter, command.as_frame());
        let (owed, rule) = (observed.owed, observed.violations().next());
        link.owed = owed;
        let is_alone = match Command::parse(command.as_frame()) {
            Ok(Command::Macros(macros)) => is_left_out(&link.monitor, macros.stage().byte()),
            _ => false,
        };
        let is_judged = !link.is_spoiled;
        let data_size = link
            .monitor
            .negotiated()
            .map_or(MAX_PAYLOAD, |it| usize::try_from(it.data_size().bytes()).unwrap_or(usize::MAX));
        self.seen.push(Seen { link: number, frame: command.clone(), is_alone });
        let len = command.as_frame().payload().len();
        match rule {
            Some(rule) if is_judged => {
                let breach = Breach::new(rule.id(), format!("{}: {rule}", show(command)));
                return self.blame("what the strict law of order allows", &breach);
            }
            None if len > data_size && is_judged => {
                let breach = Breach::new("FRM-7", format!("one of {len} bytes"));
                return self.blame(&format!("a payload of at most {data_size} bytes"), &breach);
            }
            None if owed.is_some() && !rest.is_empty() && is_judged => {
                let begin = rest.get(..rest.len().min(40)).unwrap_or_default().escape_ascii();
                let how = format!("{}, and \"{begin}\" before its reply", show(command));
                let breach = Breach::new(Rule::ReplyOwed.id(), how);
                return self.blame("no command while a reply is outstanding", &breach);
            }
            _ => {}
        }
        let kind = CommandKind::from_code(command.as_frame().code());
        if let Some(responses) = kind.and_then(|kind| self.planned(kind)) {
            self.respond(&responses, profile, record);
        } else if owed == Some(CommandKind::Negotiate) {
            self.negotiate(command.as_frame(), record);
        } else if owed.is_some() {
            self.send(&FrameBuf::new(b'c', Vec::new()), record);
        }
    }

    /// What the last step `at` that fits has planned.
    fn planned(&mut self, kind: CommandKind) -> Option<Vec<Respond>> {
        let mut found = None;
        for (at, count) in self.plans.iter_mut().filter(|(at, _)| at.command == kind) {
            *count = count.saturating_add(1);
            if at.nth.is_none_or(|nth| nth == *count) {
                found = Some(at.responses.clone());
            }
        }
        found
    }

    fn respond(&mut self, responses: &[Respond], profile: &Profile, record: &mut Vec<Event>) {
        for response in responses {
            match response {
                Respond::Frame(times, text) => {
                    let Ok(response) = frame(Direction::ToMta, &profile.fill(text)) else { continue };
                    (0..*times).for_each(|_| self.send(&response, record));
                }
                Respond::Bytes(bytes) => self.send_bytes(bytes, record),
                Respond::Pause => self.out.push_back(Out::Pause),
                Respond::Close => {
                    record.push(Event::Note("the filter closes the connection".to_owned()));
                    self.out.push_back(Out::Close);
                    if let Some(link) = self.links.last_mut() {
                        link.is_spoiled = true;
                    }
                }
            }
        }
        if let Some(link) = self.links.last_mut() {
            link.is_spoiled |= link.output.pending() > 0;
        }
    }

    fn negotiate(&mut self, offer: Frame<'_>, record: &mut Vec<Event>) {
        let Ok(Command::Negotiate(offer)) = Command::parse(offer) else {
            return self.blame("an offer of twelve bytes", &Breach::new("CMD-1", "another payload"));
        };
        let meant = offer.with_v1_defaults();
        let offered = offer.version.number();
        let version = match self.answer.version {
            VersionWord::Offered(more) => offered.saturating_add(more),
            VersionWord::Number(number) => number,
        };
        let actions = self.answer.actions.unwrap_or(meant.actions);
        let steps = self.answer.steps.unwrap_or(meant.steps);
        if !self.answer.is_forced {
            self.why = unsupported(&meant, version, actions, steps);
        }
        let mut payload = Vec::new();
        [version, actions.bits(), steps.bits()].iter().for_each(|word| payload.extend(word.to_be_bytes()));
        payload.extend_from_slice(&self.answer.macro_lists);
        self.send(&FrameBuf::new(b'O', payload), record);
    }

    /// Writes a frame.
    fn send(&mut self, response: &FrameBuf, record: &mut Vec<Event>) {
        let bytes = encoded(response.as_frame());
        record.push(Event::Bytes(Direction::ToMta, bytes.clone()));
        self.observe(response.as_frame());
        self.push(bytes);
    }

    fn observe(&mut self, response: Frame<'_>) {
        let Some(link) = self.links.last_mut() else { return };
        let observed = link.monitor.observe(Direction::ToMta, response);
        link.owed = observed.owed;
        link.is_spoiled |= observed.violations().next().is_some();
    }

    /// Writes bytes, which may be anything.
    fn send_bytes(&mut self, bytes: &[u8], record: &mut Vec<Event>) {
        record.push(Event::Bytes(Direction::ToMta, bytes.to_vec()));
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(link) = self.links.last_mut() else { return };
            match link.output.next_frame(&mut rest).map(|frame| frame.map(FrameBuf::from)) {
                Ok(Some(frame)) => self.observe(frame.as_frame()),
                Ok(None) => break,
                Err(_) => {
                    link.is_spoiled = true;
                    break;
                }
            }
        }
        self.push(bytes.to_vec());
    }

    fn push(&mut self, bytes: Vec<u8>) {
        match self.out.back_mut() {
            Some(Out::Bytes(last)) => last.extend(bytes),
            _ => self.out.push_back(Out::Bytes(bytes)),
        }
    }
}

/// Whether the command of this code is left out, and its macros are sent alone.
fn is_left_out(monitor: &Monitor, code: u8) -> bool {
    let (Some(kind), Some(negotiated)) = (CommandKind::from_code(code), monitor.negotiated()) else {
        return false;
    };
    let is_declined = kind.decline_step().is_some_and(|step| negotiated.effective_steps().contains(step));
    is_declined || kind.min_version() > negotiated.version
}

/// What the MTA does not offer of an answer.
fn unsupported(offer: &Offer, version: u32, actions: Actions, steps: Steps) -> Option<String> {
    let (more_actions, more_steps) = (actions.difference(offer.actions), steps.difference(offer.steps));
    if version > offer.version.number() {
        Some(format!("the MTA offers version {}", offer.version))
    } else if !more_actions.is_empty() {
        Some(format!("the MTA does not offer {more_actions:?}"))
    } else if !more_steps.is_empty() {
        Some(format!("the MTA does not offer {more_steps:?}"))
    } else {
        None
    }
}

fn encoded(frame: Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode().append_to(&mut bytes);
    bytes
}
