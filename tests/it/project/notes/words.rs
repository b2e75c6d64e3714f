//! The value of a field in words.

use core::fmt::Write;

use milter_proto::wire::{ListStage, code_name};

use super::source::{self, Item};
use crate::support::layout::{Part, Value};

/// The names of bits that are printed; if there are more, only their number.
const FEW_BITS: usize = 3;

/// A number, and what it means; a text or bytes in quotation marks.
pub(super) fn of(part: &Part<'_>) -> String {
    match part.value {
        Value::U8(byte) if part.name == "family" => format!("{}, {}", char::from(byte), family(byte)),
        Value::U8(byte) => code(byte),
        Value::U16(number) => number.to_string(),
        Value::U32(number) => match part.name {
            "actions" => bits(number, source::actions()),
            "steps" => bits(number, source::steps()),
            "stage" => format!("{number}, {}", list_stage(number)),
            _ => number.to_string(),
        },
        Value::Text(bytes) | Value::Bytes(bytes) => quote(bytes),
    }
}

/// The name of a code, after its letter.
pub(super) fn code(byte: u8) -> String {
    format!("{}, {}", char::from(byte), code_name(byte).unwrap_or("unknown"))
}

/// The printable form of bytes, in quotation marks.
pub(super) fn quote(bytes: &[u8]) -> String {
    let mut text = "\"".to_owned();
    for &byte in bytes {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\x{byte:02x}").unwrap(),
        }
    }
    text + "\""
}

/// Whether these words are those of a value, read without the functions above.
pub(super) fn are_of(words: &str, value: Value<'_>) -> bool {
    let number = || words.split([',', ':', ' ']).next().unwrap_or_default();
    let parse = |digits: &str| match digits.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    };
    match value {
        Value::U8(byte) => words.as_bytes().starts_with(&[byte, b',']),
        Value::U16(expected) => parse(number()) == Some(u32::from(expected)),
        Value::U32(expected) => parse(number()) == Some(expected),
        Value::Text(bytes) | Value::Bytes(bytes) => unescape(words).as_deref() == Some(bytes),
    }
}

/// The bytes of a text in quotation marks.
fn unescape(words: &str) -> Option<Vec<u8>> {
    let mut rest = words.strip_prefix('"')?.strip_suffix('"')?.bytes();
    let mut bytes = Vec::new();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(core::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                itself => itself,
            },
            _ => byte,
        });
    }
    Some(bytes)
}

fn family(byte: u8) -> &'static str {
    match byte {
        b'4' => "IPv4",
        b'6' => "IPv6",
        b'L' => "unix-domain socket",
        _ => "unknown",
    }
}

fn bits(bits: u32, names: &[(u32, Item)]) -> String {
    let set = names.iter().filter(|(bit, _)| bits & bit != 0);
    let set: Vec<_> = set.map(|(_, item)| item.c_names[0].as_str()).collect();
    let meaning = match set.len() {
        0 => "none".to_owned(),
        1..=FEW_BITS => set.join(", "),
        count => format!("{count} bits"),
    };
    format!("{bits:#010x}, {meaning}")
}

fn list_stage(number: u32) -> String {
    let stage = ListStage::ALL.into_iter().find(|(stage, _)| stage.number() == number);
    stage.map_or("unknown".to_owned(), |(_, stage)| format!("{stage:?}"))
}
