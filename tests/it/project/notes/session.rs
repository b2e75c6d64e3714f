//! A captured session, frame by frame: the appendix that shows how everything comes together.

use core::fmt::Write;

use milter_proto::Limits;
use milter_proto::wire::codes::command;
use milter_proto::wire::{Direction, Frame};

use super::examples::program;
use super::frame::hex;
use super::{bytes_of, words};
use crate::support::layout::{Message, Part, Value};
use crate::support::recorded::capture::{Side, What};
use crate::support::recorded::{Session, captures};
use crate::support::whole;

/// A filter that asks for one edit, and adds a header.
const CAPTURE: &str = "postfix/few-actions";
/// Columns.
const WIDTH: usize = 100;
/// Bytes of a line.
const BYTES: usize = 28;
const INDENT: &str = "    ";
const NAME_WIDTH: usize = 11;

/// A remark in front of a frame: the name of the frame, how many of this name come before it, and the text.
type Remark = (&'static str, usize, &'static str);

const REMARKS: [Remark; 11] = [
    (
        "OPTNEG",
        0,
        "Negotiation. Postfix offers version 6, all edits, and all options but the larger data sizes. The filter requests \
         one action, which permits it to add headers, and no option: no command and no reply is left out.",
    ),
    ("MACRO", 0, "The SMTP client connects. MACRO comes before the command that its macros belong to."),
    ("MACRO", 1, "EHLO. Without TLS, Postfix has no macros for it, and sends an empty list."),
    ("MACRO", 2, "MAIL FROM and RCPT TO."),
    ("MACRO", 4, "DATA. The message has a queue id now: the macro i."),
    (
        "MACRO",
        5,
        "The headers, one by one. Unlike Sendmail, Postfix sends macros before each HEADER and BODY, too.",
    ),
    ("MACRO", 10, "The end of the headers."),
    ("MACRO", 11, "The body, in one chunk."),
    (
        "MACRO",
        12,
        "The end of the message. The filter sends an edit, then the verdict, which ends its reply.",
    ),
    ("ABORT", 0, "Postfix sends ABORT after every message, and again at the end of the session. No reply."),
    ("QUIT", 0, "QUIT has no reply either: both sides close the connection."),
];

pub(super) fn print() -> String {
    let session = session();
    let frames = frames(&session);
    let (mta, filter) = (program(&session.header.mta), program(&session.header.filter));
    let mut text = format!("```text\n{mta} and {filter}, capture {CAPTURE}\n");
    text.push_str("MTA --> filter, MTA <-- filter\n");
    let mut remarks = REMARKS.iter().peekable();
    for (place, (direction, bytes)) in frames.iter().enumerate() {
        let frame = whole(bytes);
        let message = Message::find(*direction, frame.code()).expect("the code is known");
        let name = message.name();
        let earlier = frames[..place].iter().filter(|(_, bytes)| bytes[4] == frame.code()).count();
        if let Some((.., remark)) = remarks.next_if(|remark| (remark.0, remark.1) == (name, earlier)) {
            text.push('\n');
            wrap(&mut text, "", remark.split(' '), " ");
        }
        let parts = message.decode(frame.payload()).expect("the frame is well formed");
        let start = format!("{} {name:NAME_WIDTH$} ", arrow(*direction));
        let sayings = sayings(message, &parts);
        wrap(&mut text, &start, sayings.iter().map(String::as_str), "; ");
        for line in bytes.chunks(BYTES) {
            writeln!(text, "{INDENT}{}", hex(line)).unwrap();
        }
    }
    assert_eq!(remarks.next(), None, "a remark for a frame that is not there");
    text + "```\n"
}

/// A frame of the printed session: direction, name, fields in words, and bytes.
type Printed = (Direction, String, String, Vec<u8>);

/// Reads the frames of the printed session.
pub(super) fn read(text: &str) -> Vec<Printed> {
    let mut frames: Vec<Printed> = Vec::new();
    for line in text.lines() {
        let mut directions = [Direction::ToFilter, Direction::ToMta].into_iter();
        let strip =
            |direction| line.strip_prefix(arrow(direction)).map(|line| (direction, line.trim_start()));
        if let Some((direction, line)) = directions.find_map(strip) {
            let (name, words) = line.split_once(' ').unwrap_or((line, ""));
            frames.push((direction, name.to_owned(), words.trim().to_owned(), Vec::new()));
        } else if let (Some(rest), Some(frame)) = (line.strip_prefix(INDENT), frames.last_mut()) {
            if let Some(words) = rest.strip_prefix(' ') {
                frame.2.push_str(&format!(" {}", words.trim()));
            } else {
                let bytes = rest.split(' ').map(|two| u8::from_str_radix(two, 16).expect("hex"));
                frame.3.extend(bytes);
            }
        }
    }
    frames
}

/// What both sides sent in the capture.
pub(super) fn streams() -> [Vec<u8>; 2] {
    let session = session();
    Side::BOTH.map(|side| session.stream(side))
}

/// The side that sends in a direction.
pub(super) fn side(direction: Direction) -> Side {
    Side::BOTH.into_iter().find(|side| side.direction() == direction).expect("a side for each direction")
}

fn session() -> Session {
    Session::read(&captures().join(format!("{CAPTURE}.jsonl")))
}

/// The frames of both sides, in the order in which they ended.
fn frames(session: &Session) -> Vec<(Direction, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut pending = [Vec::new(), Vec::new()];
    for record in &session.records {
        let What::Bytes(bytes) = &record.what else { continue };
        let direction = record.side.direction();
        let stream = &mut pending[usize::from(direction == Direction::ToMta)];
        stream.extend_from_slice(bytes);
        while let Some((frame, rest)) = Frame::split(stream, Limits::DEFAULT).expect("it can be cut") {
            frames.push((direction, bytes_of(frame)));
            *stream = rest.to_vec();
        }
    }
    assert!(pending.iter().all(Vec::is_empty), "a session without a cut frame");
    frames
}

const fn arrow(direction: Direction) -> &'static str {
    match direction {
        Direction::ToFilter => "-->",
        Direction::ToMta => "<--",
    }
}

/// The fields in words. A macro is its name and its value.
fn sayings(message: &Message, parts: &[Part<'_>]) -> Vec<String> {
    if message.code != command::MACRO {
        let parts = parts.iter().filter(|part| part.value != Value::Bytes(b""));
        return parts.map(|part| format!("{} {}", part.name, words::of(part))).collect();
    }
    let (stage, pairs) = parts.split_first().expect("a stage");
    let pairs = pairs.chunks(2).map(|pair| {
        let name = words::of(&pair[0]);
        format!("{} = {}", name.trim_matches('"'), words::of(&pair[1]))
    });
    [format!("for {}", words::of(stage))].into_iter().chain(pairs).collect()
}

/// Writes items in lines, divided between items. Further lines begin below the first item.
fn wrap<'i>(text: &mut String, start: &str, items: impl Iterator<Item = &'i str>, separator: &str) {
    let mut line = start.to_owned();
    let mut is_first = true;
    for item in items {
        if is_first {
            line.push_str(item);
        } else if line.len() + separator.len() + item.len() < WIDTH {
            line.push_str(separator);
            line.push_str(item);
        } else {
            line.push_str(separator.trim_end());
            writeln!(text, "{}", line.trim_end()).unwrap();
            line = " ".repeat(start.len()) + item;
        }
        is_first = false;
    }
    writeln!(text, "{}", line.trim_end()).unwrap();
}
