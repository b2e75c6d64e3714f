//! The record of a run as lines of text.

use core::fmt::Write as _;

use milter_proto::conformance::{Event, Scenario};
use milter_proto::transcript::Line as FrameLine;
use milter_proto::wire::{Actions, Command, Direction, Frame, Response, Steps};

/// The most bytes that are shown as hexadecimal digits.
const MOST_BYTES: usize = 64;
/// The most lines that are shown of a transcript, at its beginning and at its end.
const MOST_LINES: (usize, usize) = (60, 40);

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// The bytes of a frame, or others, in hexadecimal digits.
    pub(crate) bytes: Option<String>,
    /// What the frame means, or why it is malformed.
    pub(crate) meaning: Option<String>,
}

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Step,
    ToFilter,
    ToMta,
    Client,
    Reply,
    Note,
}

impl Kind {
    /// The word in JSON and HTML.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::ToFilter => "to-filter",
            Self::ToMta => "to-mta",
            Self::Client => "smtp-client",
            Self::Reply => "smtp-reply",
            Self::Note => "note",
        }
    }
}

/// How much of long frames is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// One or two lines on a terminal.
    Brief,
    /// The first few hundred characters.
    Short,
    Whole,
}

impl Extent {
    /// The most characters of a line.
    const fn most(self) -> usize {
        match self {
            Self::Brief => 120,
            Self::Short => 400,
            Self::Whole => usize::MAX,
        }
    }
}

/// The lines of a record.
pub(crate) fn lines(scenario: &Scenario, record: &[Event], extent: Extent) -> Vec<Line> {
    let line = |kind, text: String| Line {
        kind,
        text: shortened(printable(&text), extent),
        bytes: None,
        meaning: None,
    };
    let lines = record.iter().filter_map(|event| {
        Some(match event {
            Event::Step(step) => line(Kind::Step, scenario.steps.get(*step)?.text.clone()),
            Event::Bytes(direction, bytes) => {
                let kind = if *direction == Direction::ToFilter { Kind::ToFilter } else { Kind::ToMta };
                let text = shortened(self::line(*direction, bytes), extent);
                let meaning = decode(bytes).and_then(|frame| meaning(*direction, frame));
                Line { kind, text, bytes: Some(hexadecimal(bytes, extent)), meaning }
            }
            Event::Client(text) => line(Kind::Client, text.replace("\r\n", "\n").trim_end().to_owned()),
            Event::SmtpReply(text) => line(Kind::Reply, text.clone()),
            Event::Note(text) => line(Kind::Note, text.clone()),
            _ => return None,
        })
    });
    let mut lines: Vec<_> = lines.collect();
    let (first, last) = MOST_LINES;
    let left_out = lines.len().saturating_sub(first.saturating_add(last));
    if extent != Extent::Whole && left_out > 1 {
        let note = line(Kind::Note, format!("{} left out", count(left_out, "line")));
        lines.splice(first..first.saturating_add(left_out), [note]);
    }
    lines
}

/// The transcript as text: `=` begins a step, `>` and `<` are frames, `>>` and `<<` bytes that are none, `C:` and `S:` are
/// SMTP, and `#` is something else.
pub(crate) fn text(lines: &[Line]) -> String {
    let mut all = String::new();
    for line in lines {
        let sign = match line.kind {
            Kind::Step => "= ",
            Kind::ToFilter | Kind::ToMta => "  ",
            Kind::Client => "  C: ",
            Kind::Reply => "  S: ",
            Kind::Note => "  # ",
        };
        for part in line.text.split('\n') {
            let _ = writeln!(all, "{sign}{part}");
        }
        if let Some(meaning) = &line.meaning {
            let _ = writeln!(all, "      # {meaning}");
        }
    }
    all
}

/// A frame in the notation of transcripts, or bytes that are no frame: `>> 00000000`.
pub(crate) fn line(direction: Direction, bytes: &[u8]) -> String {
    match (decode(bytes), direction) {
        (Some(frame), _) => FrameLine::new(direction, frame).to_string(),
        (None, Direction::ToFilter) => format!(">> {}", hexadecimal(bytes, Extent::Whole)),
        (None, Direction::ToMta) => format!("<< {}", hexadecimal(bytes, Extent::Whole)),
    }
}

/// What a negotiation says, or why a frame is malformed.
fn meaning(direction: Direction, frame: Frame<'_>) -> Option<String> {
    let (version, actions, steps) = match direction {
        Direction::ToFilter => match Command::parse(frame) {
            Ok(Command::Negotiate(offer)) => (offer.version, offer.actions, offer.steps),
            Ok(_) => return None,
            Err(error) => return Some(error.to_string()),
        },
        Direction::ToMta => match Response::parse(frame) {
            Ok(Response::Negotiate(answer)) => (answer.version, answer.actions, answer.steps),
            Ok(_) => return None,
            Err(error) => return Some(error.to_string()),
        },
    };
    let names_of = |is_all: bool, names: Vec<&str>| match names.as_slice() {
        _ if is_all => "all".to_owned(),
        [] => "none".to_owned(),
        names => names.join(" "),
    };
    let set = Actions::NAMES.iter().filter(|(bit, _)| actions.contains(*bit)).map(|(_, name)| *name);
    let actions = names_of(actions == Actions::ALL, set.collect());
    let set = Steps::NAMES.iter().filter(|(bit, _)| steps.contains(*bit)).map(|(_, name)| *name);
    let steps = names_of(steps == Steps::ALL, set.collect());
    Some(format!("version {version}, actions {actions}, steps {steps}"))
}

/// The text without control characters but line ends.
pub(crate) fn printable(text: &str) -> String {
    let is_bad = |c: char| c.is_control() && c != '\n';
    if !text.contains(is_bad) {
        return text.to_owned();
    }
    let mut clean = String::new();
    for c in text.chars() {
        if is_bad(c) { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

/// `1 byte`, `2 bytes`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// One whole frame, with its length.
pub(crate) fn decode(bytes: &[u8]) -> Option<Frame<'_>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (code, payload) = rest.split_first()?;
    let is_whole = usize::try_from(u32::from_be_bytes(*length)).ok()? == rest.len();
    is_whole.then(|| Frame::new(*code, payload))
}

fn hexadecimal(bytes: &[u8], extent: Extent) -> String {
    let most = if extent == Extent::Whole { bytes.len() } else { MOST_BYTES };
    let mut text = String::new();
    for (index, byte) in bytes.iter().take(most).enumerate() {
        // The length, the code, and then groups of four.
        let is_gap = index == 4 || index == 5 || (index > 5 && index.checked_rem(4) == Some(1));
        let _ = write!(text, "{}{byte:02x}", if is_gap { " " } else { "" });
    }
    if bytes.len() > most {
        let _ = write!(text, " … {} in all", count(bytes.len(), "byte"));
    }
    text
}

/// The beginning of a long text, and its length.
pub(crate) fn shortened(text: String, extent: Extent) -> String {
    if text.chars().nth(extent.most()).is_none() {
        return text;
    }
    let begin: String = text.chars().take(extent.most()).collect();
    format!("{begin} … {} in all", count(text.chars().count(), "character"))
}
