//! A frame in hex: a line for each field, or several, with its name and its value.

use milter_proto::wire::{Direction, Frame};

use super::{bytes_of, words};
use crate::support::layout::Message;

/// Bytes of a line.
const BYTES: usize = 16;
/// The longest words of a line.
const WORDS: usize = 36;
/// Between two columns.
const GAP: &str = "   ";

/// A field: some bytes, what they are called, and their value in words.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) bytes: Vec<u8>,
    pub(super) label: String,
    pub(super) words: String,
}

/// Prints a frame of this direction as a block of code, under a heading.
pub(super) fn print(heading: &str, direction: Direction, frame: Frame<'_>) -> String {
    let rows: Vec<_> = rows(direction, frame).iter().flat_map(wrap).collect();
    let hex_width = rows.iter().map(|row| hex(&row.bytes).len()).max().unwrap_or_default();
    let label_width = rows.iter().map(|row| row.label.len()).max().unwrap_or_default();
    let mut text = format!("```text\n{heading}\n\n");
    for Row { bytes, label, words } in rows {
        let hex = hex(&bytes);
        let line = format!("{hex:hex_width$}{GAP}{label:label_width$}{GAP}{words}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text + "```\n"
}

/// Reads the rows of a block of code.
pub(super) fn read(text: &str) -> Vec<Row> {
    let lines = || text.lines().filter(|line| line.as_bytes().get(2).is_none_or(|byte| *byte == b' '));
    let lines =
        || lines().filter(|line| line.get(..2).is_some_and(|two| u8::from_str_radix(two, 16).is_ok()));
    let first = lines().next().expect("a line of hex");
    let label_at = first.find("length").expect("the length comes first");
    let after_label = first.split_at(label_at).1;
    let words_at = label_at + after_label.find(|c: char| c.is_ascii_digit()).expect("a number of bytes");
    let mut rows: Vec<Row> = Vec::new();
    for line in lines() {
        let (hex, rest) = line.split_at(label_at.min(line.len()));
        let (label, words) = rest.split_at((words_at - label_at).min(rest.len()));
        if !label.trim().is_empty() {
            rows.push(Row { label: label.trim().to_owned(), ..Row::default() });
        }
        let row = rows.last_mut().expect("the first line has a label");
        let bytes = hex.split_whitespace().map(|two| u8::from_str_radix(two, 16).unwrap());
        row.bytes.extend(bytes);
        match words.strip_prefix('"') {
            // The next piece of a text.
            Some(piece) if row.words.pop().is_some() => row.words.push_str(piece),
            _ => row.words.push_str(words),
        }
    }
    rows
}

/// Two digits for each byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn rows(direction: Direction, frame: Frame<'_>) -> Vec<Row> {
    let message = Message::find(direction, frame.code()).expect("the code is known");
    let bytes = bytes_of(frame);
    let length = match frame.payload().len() {
        0 => "1: the code alone".to_owned(),
        size => format!("{} = 1 (code) + {size} (payload)", size + 1),
    };
    let head = [
        Row { bytes: bytes[..4].to_vec(), label: "length".to_owned(), words: length },
        Row { bytes: vec![frame.code()], label: "code".to_owned(), words: words::code(frame.code()) },
    ];
    let parts = message.decode(frame.payload()).expect("the frame is well formed");
    let fields = parts.iter().map(|part| Row {
        bytes: part.value.to_bytes(),
        label: part.name.to_owned(),
        words: words::of(part),
    });
    // A chunk of no bytes has no line.
    head.into_iter().chain(fields.filter(|row| !row.bytes.is_empty())).collect()
}

/// The lines of a row. A long text is divided as its bytes are, and each piece has its own quotation marks.
fn wrap(row: &Row) -> Vec<Row> {
    let is_divided = row.words.len() > WORDS && row.bytes.len() > BYTES;
    let text = row.bytes.strip_suffix(b"\0").unwrap_or(&row.bytes);
    let chunks = row.bytes.chunks(BYTES).enumerate();
    let lines = chunks.map(|(place, bytes)| {
        let piece = text.get(place * BYTES..).unwrap_or_default();
        let piece = &piece[..piece.len().min(BYTES)];
        let words = if is_divided && !piece.is_empty() {
            words::quote(piece)
        } else if place == 0 {
            row.words.clone()
        } else {
            String::new()
        };
        let label = if place == 0 { row.label.clone() } else { String::new() };
        Row { bytes: bytes.to_vec(), label, words }
    });
    lines.collect()
}
