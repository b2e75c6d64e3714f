//! Filters that follow a script, and the I/O of an MTA that asks them through a chain.

use std::collections::BTreeMap;

use milter_proto::message::{Chain, ChainAnswer, ChainStep};
use milter_proto::wire::{Command, Frame};

use crate::support::{bytes_of, wire};

/// What a filter does in answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Sends this frame: a code and its payload.
    Frame(Vec<u8>),
    /// Sends these bytes.
    Bytes(Vec<u8>),
    Close,
    Silent,
}

/// What a filter does: CONTINUE to every command, except where `answers` says otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// The answers to the first command of a kind (`M`) or to a later one (`M2`), counted over all connections.
    pub(crate) answers: BTreeMap<String, Vec<Part>>,
    pub(crate) version: u32,
    pub(crate) actions: u32,
    pub(crate) steps: u32,
    /// Macro lists: stage and names.
    pub(crate) lists: Vec<(u32, String)>,
    /// The SMTP session from which on the filter can be connected to.
    pub(crate) listens_from: usize,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            answers: BTreeMap::new(),
            version: 6,
            actions: 0x1ff,
            steps: 0,
            lists: Vec::new(),
            listens_from: 1,
        }
    }

    /// With these frames as the answer to a command.
    pub(crate) fn with(mut self, command: &str, frames: &[&[u8]]) -> Self {
        let parts = frames.iter().map(|frame| Part::Frame(frame.to_vec())).collect();
        self.answers.insert(command.to_owned(), parts);
        self
    }

    /// With these parts as the answer to a command.
    pub(crate) fn with_parts(mut self, command: &str, parts: &[Part]) -> Self {
        self.answers.insert(command.to_owned(), parts.to_vec());
        self
    }

    pub(crate) fn with_steps(self, steps: u32) -> Self {
        Self { steps, ..self }
    }
}

/// A frame that a filter received, and what it did.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) filter: usize,
    pub(crate) connection: usize,
    pub(crate) code: char,
    pub(crate) payload: Vec<u8>,
    pub(crate) answer: Vec<Part>,
}

/// The commands that have a reply, and the step by which a filter promises not to give it.
const NO_REPLY: [(char, u32); 11] = [
    ('O', 0),
    ('C', 0x1000),
    ('H', 0x2000),
    ('M', 0x4000),
    ('R', 0x8000),
    ('T', 0x1_0000),
    ('U', 0x2_0000),
    ('L', 0x80),
    ('N', 0x4_0000),
    ('B', 0x8_0000),
    ('E', 0),
];

/// A filter, with the other end of its connection.
#[derive(Debug)]
pub(crate) struct Scripted {
    script: Script,
    counts: BTreeMap<char, usize>,
    connections: usize,
    /// What it has sent, and nobody has read.
    pub(crate) out: Vec<u8>,
    link: Link,
    /// It knows of a message that has not ended.
    pub(crate) in_message: bool,
    /// It answered SKIP before the content, and some MTAs send nothing more then, not even ABORT; or it sends more than it
    /// owes, so that its replies are taken for others. Nothing can be said about what it gets.
    pub(crate) is_odd: bool,
    /// Its verdict on the message, if it is not to be delivered.
    pub(crate) refusal: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    None,
    Open,
    /// The filter closed it, and what it sent before can be read.
    ClosedByFilter,
    /// QUIT came.
    Left,
    /// The MTA closed it.
    Closed,
}

impl Scripted {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            script,
            counts: BTreeMap::new(),
            connections: 0,
            out: Vec::new(),
            link: Link::None,
            in_message: false,
            is_odd: false,
            refusal: None,
        }
    }

    fn answer(&mut self, code: char, payload: &[u8]) -> Vec<Part> {
        let Some((_, no_reply)) = NO_REPLY.iter().find(|(known, _)| *known == code) else {
            return Vec::new();
        };
        let count = self.counts.entry(code).or_insert(0);
        *count += 1;
        let name = if *count == 1 { code.to_string() } else { format!("{code}{count}") };
        match self.script.answers.get(&name) {
            Some(answer) => answer.clone(),
            None if code == 'O' => vec![Part::Frame(self.negotiated(payload))],
            None if self.script.steps & no_reply != 0 => Vec::new(),
            None => vec![Part::Frame(b"c".to_vec())],
        }
    }

    fn negotiated(&self, offer: &[u8]) -> Vec<u8> {
        let word = |at: usize| u32::from_be_bytes(offer[at * 4..][..4].try_into().unwrap());
        let Script { version, actions, steps, lists, .. } = &self.script;
        let mut answer = vec![b'O'];
        for word in [word(0).min(*version), word(1) & actions, word(2) & steps] {
            answer.extend(word.to_be_bytes());
        }
        for (stage, names) in lists {
            answer.extend(stage.to_be_bytes());
            answer.extend([names.as_bytes(), b"\0"].concat());
        }
        answer
    }

    /// Keeps note of whether the filter is in a message.
    fn note(&mut self, code: char, answer: &[Part]) {
        let verdict = answer.iter().find_map(|part| match part {
            // Not an edit, and not PROGRESS.
            Part::Frame(frame) if !b"himebq+2-p".contains(&frame[0]) => Some(frame[0]),
            _ => None,
        });
        let refuses = matches!(verdict, Some(b'r' | b't' | b'y' | b'4'));
        let is_over = matches!(verdict, Some(b'a' | b'd'));
        self.in_message = match code {
            'M' | 'L' | 'N' | 'B' => !is_over && !refuses,
            // A refusal is about the recipient, or about the SMTP command.
            'R' | 'T' => !is_over && verdict != Some(b'4'),
            'A' | 'E' | 'Q' | 'K' | 'H' => false,
            _ => self.in_message && verdict != Some(b'4'),
        };
        let has_promised =
            NO_REPLY.iter().any(|(known, step)| *known == code && self.script.steps & step != 0);
        self.is_odd |= "CHMRTU".contains(code) && verdict == Some(b's') || has_promised && !answer.is_empty();
        if matches!(code, 'M' | 'T' | 'L' | 'N' | 'B' | 'E') && (refuses || verdict == Some(b'd'))
            || code == 'R' && verdict == Some(b'd')
        {
            self.refusal = verdict;
        }
    }
}

/// The MTA's side of the connections of one SMTP session, and a tape of what went over them.
#[derive(Debug)]
pub(crate) struct Io {
    pub(crate) filters: Vec<Scripted>,
    pub(crate) tape: Vec<Entry>,
    pub(crate) session: usize,
    /// A filter has failed, to the knowledge of the MTA.
    pub(crate) failed: Vec<bool>,
    /// Bytes that one read returns at most.
    pub(crate) read_size: usize,
    /// QUIT came before an answer: a connection may be closed while a reply is outstanding.
    pub(crate) may_close: bool,
}

impl Io {
    pub(crate) fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        let filters: Vec<_> = scripts.into_iter().map(Scripted::new).collect();
        let failed = vec![false; filters.len()];
        Self { filters, tape: Vec::new(), session: 0, failed, read_size: usize::MAX, may_close: false }
    }

    /// The next SMTP session begins.
    pub(crate) fn begin_session(&mut self) {
        self.session += 1;
        self.failed.fill(false);
        for filter in &mut self.filters {
            assert!(filter.link != Link::Open, "the connection of the last session is still open");
            (filter.link, filter.in_message, filter.is_odd) = (Link::None, false, false);
            filter.out.clear();
        }
    }

    /// Writes a frame to a filter. Whether it could be written.
    pub(crate) fn write(&mut self, filter: usize, bytes: &[u8]) -> bool {
        assert!(!self.failed[filter], "filter {filter} is asked after it failed");
        let session = self.session;
        let it = &mut self.filters[filter];
        if it.link == Link::None && session >= it.script.listens_from {
            it.link = Link::Open;
            it.connections += 1;
        }
        if it.link != Link::Open {
            assert!(
                matches!(it.link, Link::None | Link::ClosedByFilter),
                "filter {filter} is asked after the MTA left it"
            );
            return false;
        }
        let (code, payload) = (char::from(bytes[4]), &bytes[Frame::HEAD_LEN..]);
        it.is_odd |= !it.out.is_empty();
        let answer = it.answer(code, payload);
        for part in &answer {
            match part {
                Part::Frame(frame) => it.out.extend(wire(frame[0], &frame[1..])),
                Part::Bytes(bytes) => it.out.extend(bytes),
                Part::Close => it.link = Link::ClosedByFilter,
                Part::Silent => {}
            }
        }
        assert!(code != 'A' || it.knows_a_message(), "ABORT to filter {filter}, which is in no message");
        it.note(code, &answer);
        if code == 'Q' {
            it.link = Link::Left;
        }
        let connection = it.connections;
        self.tape.push(Entry { filter, connection, code, payload: payload.to_vec(), answer });
        true
    }

    /// Does what the chain says until it has an answer.
    pub(crate) fn run(&mut self, chain: &mut Chain<'_>) -> ChainAnswer {
        (0..1_000_000).find_map(|_| self.step(chain)).expect("a chain comes to an end")
    }

    /// Does one thing that the chain says. Returns the answer if it is there.
    pub(crate) fn step(&mut self, chain: &mut Chain<'_>) -> Option<ChainAnswer> {
        match chain.next_step() {
            ChainStep::Write { filter, frame } => {
                let bytes = bytes_of(&frame);
                if !self.write(filter, &bytes) {
                    self.failed[filter] = true;
                    chain.fail(filter);
                }
            }
            ChainStep::Read { filter, .. } => {
                assert!(!self.failed[filter], "filter {filter} is read from after it failed");
                let out = &mut self.filters[filter].out;
                let bytes: Vec<_> = out.drain(..out.len().min(self.read_size)).collect();
                let is_over = bytes.is_empty() || chain.receive(filter, &mut &bytes[..]).is_err();
                if is_over {
                    self.failed[filter] = true;
                    chain.fail(filter);
                }
            }
            ChainStep::Close { filter } => {
                let it = &mut self.filters[filter];
                self.failed[filter] |= self.may_close && it.link != Link::Left;
                assert!(self.failed[filter] || it.link == Link::Left, "filter {filter} did not fail");
                it.link = Link::Closed;
            }
            ChainStep::Done(answer) => return Some(answer),
        }
        None
    }

    /// Asks about a command.
    pub(crate) fn ask(&mut self, chain: &mut Chain<'_>, command: Command<'_>) -> ChainAnswer {
        chain.send(command).unwrap();
        self.run(chain)
    }

    /// After QUIT: each filter that was connected to and did not fail got one, as the last frame, and every connection is
    /// closed.
    pub(crate) fn assert_left(&self) {
        for (number, filter) in self.filters.iter().enumerate() {
            assert!(matches!(filter.link, Link::Closed | Link::None), "filter {number} is still connected");
            let is_here = |it: &&Entry| it.filter == number && it.connection == filter.connections;
            let codes: Vec<_> = self.tape.iter().filter(is_here).map(|entry| entry.code).collect();
            let quits = codes.iter().filter(|&&code| code == 'Q').count();
            let expected = usize::from(filter.link == Link::Closed && !self.failed[number]);
            assert_eq!(quits, expected, "QUIT for filter {number}, after {codes:?}");
            assert!(quits == 0 || codes.last() == Some(&'Q'), "filter {number}: {codes:?}");
        }
    }

    /// The numbers of the filters that are in a message, and still connected.
    pub(crate) fn in_message(&self) -> Vec<usize> {
        let filters = self.filters.iter().enumerate();
        let knows = |it: &Scripted| it.in_message && !it.is_odd && it.link == Link::Open;
        filters.filter(|(_, it)| knows(it)).map(|(number, _)| number).collect()
    }

    /// What a filter received, as codes. A bar separates connections.
    pub(crate) fn story(&self, filter: usize) -> String {
        let mut story = String::new();
        let mut last = None;
        for entry in self.tape.iter().filter(|entry| entry.filter == filter && entry.code != 'D') {
            if last.is_some_and(|last| last != entry.connection) {
                story.push('|');
            }
            last = Some(entry.connection);
            story.push(entry.code);
        }
        story
    }
}

impl Scripted {
    /// Whether it may get an ABORT: it is in a message, or it has declined what tells it.
    fn knows_a_message(&self) -> bool {
        const NO_MAIL: u32 = 0x4;
        self.in_message || self.is_odd || self.script.steps & NO_MAIL != 0
    }
}
