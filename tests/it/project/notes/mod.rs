//! The parts of SPEC_NOTES.md and docs/IMPLEMENTATIONS.md that are generated.
//!
//! `UPDATE_NOTES=1 cargo test --test it project::notes` writes them again. Look at the result.
//!
//! A part stands between two lines, `<!-- generated: NAME -->` and `<!-- end -->`. The names are:
//!
//! | name | content |
//! | --- | --- |
//! | `command-frame MAIL`, `response-frame SKIP` | a captured frame in hex, with its fields |
//! | `fields command MAIL`, `fields response SKIP` | the table of its fields |
//! | `session` | a captured session, frame by frame |
//! | `constants` | all codes, bits and stages |
//! | `card command MAIL`, `card response SKIP` | the table at the head of its card |
//! | `contents` | the headings, as links |
//! | `links` | where the ids in the text lead to; in docs/IMPLEMENTATIONS.md, too |

mod cards;
mod constants;
mod examples;
mod fields;
mod frame;
mod session;
mod source;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::sync::OnceLock;

use milter_proto::wire::{Direction, Frame};

use super::documents::{self, IMPLEMENTATIONS, SPECIFICATION, document, root};
use crate::support::layout::{MESSAGES, Message, Value};
use crate::support::parsed::parsed;
use crate::support::whole;

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

#[test]
fn the_generated_parts_are_not_stale() {
    for (document, text) in up_to_date() {
        for part in parts(text) {
            let expected = content(document, text, part.name);
            assert!(
                part.text == expected,
                "{document}: {} is stale: run UPDATE_NOTES=1 cargo test --test it project::",
                part.name
            );
        }
    }
}

#[test]
fn every_message_has_its_card_once() {
    let names: Vec<_> = parts(notes()).iter().map(|part| part.name).collect();
    let known: BTreeSet<_> = names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(known.len(), names.len(), "a part stands there twice");
    let of_messages = MESSAGES.iter().flat_map(|message| {
        [frame_name(message), format!("fields {}", title(message)), format!("card {}", title(message))]
    });
    let others = ["contents", "session", "constants", "links"].map(str::to_owned);
    let expected: BTreeSet<_> = of_messages.chain(others).collect();
    assert_eq!(known, expected);
}

#[test]
fn every_frame_in_the_notes_decodes_to_the_fields_beside_it() {
    let parts = parts(notes());
    for message in &MESSAGES {
        let name = frame_name(message);
        let part = parts.iter().find(|part| part.name == name).unwrap_or_else(|| panic!("no {name}"));
        let rows = frame::read(part.text);
        let bytes: Vec<u8> = rows.iter().flat_map(|row| row.bytes.iter().copied()).collect();
        let frame = whole(&bytes);
        assert_eq!(frame.code(), message.code, "{name}");
        let fields = parsed(message.direction, frame).unwrap_or_else(|| panic!("{name} is malformed"));
        let mut expected = vec![
            ("length", bytes[..4].to_vec(), Value::U32(u32::from_be_bytes(bytes[..4].try_into().unwrap()))),
            ("code", vec![frame.code()], Value::U8(frame.code())),
        ];
        let fields = fields.iter().map(|part| (part.name, part.value.to_bytes(), part.value));
        expected.extend(fields.filter(|(_, bytes, _)| !bytes.is_empty()));
        assert_eq!(rows.len(), expected.len(), "{name}: {rows:?}");
        for (row, (label, bytes, value)) in rows.iter().zip(expected) {
            assert_eq!((row.label.as_str(), &row.bytes), (label, &bytes), "{name}");
            assert!(words::are_of(&row.words, value), "{name}, {label}: {} is not {value:?}", row.words);
        }
    }
}

#[test]
fn the_session_in_the_notes_is_the_captured_one() {
    let parts = parts(notes());
    let part = parts.iter().find(|part| part.name == "session").expect("a session");
    let frames = session::read(part.text);
    let mut streams = [Vec::new(), Vec::new()];
    for (direction, name, words, bytes) in &frames {
        let frame = whole(bytes);
        let message = Message::find(*direction, frame.code()).expect("a code of this direction");
        assert_eq!(message.name(), name);
        for part in parsed(*direction, frame).expect("it is well formed") {
            let value = words::of(&part);
            assert!(words.contains(value.trim_matches('"')), "{name}: {value} in {words}");
        }
        streams[usize::from(*direction == Direction::ToMta)].extend_from_slice(bytes);
    }
    assert_eq!(streams, session::streams(), "it is complete");
    assert!(frames.len() > 30, "{}", frames.len());
}

#[test]
fn a_line_is_at_most_100_columns_wide_and_a_frame_at_most_16_lines_long() {
    for part in parts(notes()).iter().filter(|part| part.name.contains("frame") || part.name == "session") {
        let widest = part.text.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 100, "{}: {widest}", part.name);
        let is_short = part.name == "session" || part.text.trim().lines().count() <= 3 + 16;
        assert!(is_short, "{}:\n{}", part.name, part.text);
    }
}

#[test]
fn a_part_is_found_and_replaced_and_all_else_stays() {
    let text = "a\n<!-- generated: fields command DATA -->\nold\n<!-- end -->\nb <!-- end -->\n";
    let expected = "a\n<!-- generated: fields command DATA -->\n\nThe payload is empty.\n\n<!-- end -->\nb <!-- end -->\n";
    assert_eq!(update(SPECIFICATION, text), expected);
    assert_eq!(update(SPECIFICATION, expected), expected);
}

#[test]
#[should_panic(expected = "there is no part of the name fields command DATE")]
fn a_part_of_an_unknown_name_is_refused() {
    update(SPECIFICATION, "<!-- generated: fields command DATE -->\n<!-- end -->\n");
}

#[test]
#[should_panic(expected = "fields command DATA has no end")]
fn a_part_without_an_end_is_refused() {
    update(
        SPECIFICATION,
        "<!-- generated: fields command DATA -->\n<!-- generated: constants -->\n<!-- end -->\n",
    );
}

/// A generated part, as it stands in the file.
struct Part<'a> {
    name: &'a str,
    /// What is between the two lines.
    text: &'a str,
}

fn notes() -> &'static str {
    &up_to_date()[0].1
}

/// Both documents, brought up to date if that was asked for.
fn up_to_date() -> &'static [(&'static str, String); 2] {
    static DOCUMENTS: OnceLock<[(&str, String); 2]> = OnceLock::new();
    DOCUMENTS.get_or_init(|| {
        [SPECIFICATION, IMPLEMENTATIONS].map(|name| {
            let text = document(name);
            if std::env::var_os("UPDATE_NOTES").is_none() {
                return (name, text);
            }
            let updated = update(name, &text);
            fs::write(root().join(name), &updated).unwrap();
            (name, updated)
        })
    })
}

fn update(document: &str, text: &str) -> String {
    let mut updated = String::new();
    let mut rest = text;
    for part in parts(text) {
        let at = part.text.as_ptr().addr() - rest.as_ptr().addr();
        let (before, tail) = rest.split_at(at);
        updated.push_str(before);
        updated.push_str(&content(document, text, part.name));
        rest = tail.split_at(part.text.len()).1;
    }
    updated + rest
}

/// The generated parts, in their order.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((_, found)) = rest.split_once(BEGIN) {
        let (name, found) = found.split_once(" -->\n").unwrap_or_else(|| panic!("no marker: {found:.40}"));
        assert!(!name.contains('\n'), "a marker is a line of its own: {name}");
        let (text, found) = found.split_once(END).unwrap_or_else(|| panic!("{name} has no end"));
        assert!(!text.contains(BEGIN), "{name} has no end");
        parts.push(Part { name, text });
        rest = found;
    }
    parts
}

/// What has to stand between the lines of a part of a document.
fn content(document: &str, whole: &str, name: &str) -> String {
    let text = match name {
        "contents" => documents::contents(whole),
        "links" => documents::links(document),
        _ if name.starts_with("card ") => cards::table(name.strip_prefix("card ").unwrap()),
        "session" => session::print(),
        "constants" => constants::print(),
        _ => {
            let is = |wanted: &String| wanted == name;
            let of_message = MESSAGES.iter().find_map(|message| {
                if is(&frame_name(message)) {
                    return Some(examples::print(message));
                }
                is(&format!("fields {}", title(message))).then(|| fields::print(message))
            });
            of_message.unwrap_or_else(|| panic!("there is no part of the name {name}"))
        }
    };
    format!("\n{text}\n")
}

/// `command MAIL`, `response SKIP`.
fn title(message: &Message) -> String {
    format!("{} {}", kind(message.direction), message.name())
}

/// `command-frame MAIL`, `response-frame SKIP`.
fn frame_name(message: &Message) -> String {
    format!("{}-frame {}", kind(message.direction), message.name())
}

const fn kind(direction: Direction) -> &'static str {
    match direction {
        Direction::ToFilter => "command",
        Direction::ToMta => "response",
    }
}

/// The bytes of a frame.
fn bytes_of(frame: Frame<'_>) -> Vec<u8> {
    crate::support::wire(frame.code(), frame.payload())
}
