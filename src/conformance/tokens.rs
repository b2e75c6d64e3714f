//! Words, texts and bytes of the notation.

use alloc::string::String;
use alloc::vec::Vec;

use super::fault::ScenarioFault;
use crate::transcript::{Entry, digit};
use crate::wire::{Direction, FrameBuf};

/// The most bytes that one step may describe.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Takes the first word, and returns it with the rest without blanks around it.
pub(super) fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim())
}

/// A frame in the notation of transcripts, without its direction.
pub(super) fn frame(direction: Direction, text: &str) -> Result<FrameBuf, ScenarioFault> {
    let sign = match direction {
        Direction::ToFilter => "> ",
        Direction::ToMta => "< ",
    };
    let line: String = [sign, text].concat();
    line.parse::<Entry>().map(|entry| entry.frame).map_err(ScenarioFault::Frame)
}

/// A text in quotes, in the notation of transcripts.
pub(super) fn quoted(text: &str) -> Result<Vec<u8>, ScenarioFault> {
    frame(Direction::ToFilter, &["BODY ", text].concat()).map(|frame| frame.as_frame().payload().to_vec())
}

/// Bytes: pairs of hexadecimal digits, texts in quotes, and `*N`.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, ScenarioFault> {
    pieces(text).map(|pieces| pieces.concat())
}

/// Bytes of which `/` begins another piece.
pub(super) fn pieces(text: &str) -> Result<Vec<Vec<u8>>, ScenarioFault> {
    let (mut pieces, mut all, mut last) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = match rest.as_bytes() {
            [b'"', inner @ ..] => text_len(inner).ok_or(ScenarioFault::Bytes)?.saturating_add(1),
            _ => rest.find(' ').unwrap_or(rest.len()),
        };
        let (item, tail) = rest.split_at_checked(end).ok_or(ScenarioFault::Bytes)?;
        rest = tail.trim_start();
        if item == "/" {
            pieces.push(core::mem::take(&mut all));
            continue;
        }
        if let Some(count) = item.strip_prefix('*') {
            let count: usize = count.parse().map_err(|_| ScenarioFault::Bytes)?;
            all.extend(repeated(&last, count.saturating_sub(1)).ok_or(ScenarioFault::Bytes)?);
            continue;
        }
        last = if item.starts_with('"') { quoted(item)? } else { hexadecimal(item)? };
        all.extend_from_slice(&last);
        if all.len() > MAX_BYTES {
            return Err(ScenarioFault::Bytes);
        }
    }
    pieces.push(all);
    Ok(pieces)
}

/// The length of a text in quotes, from its first byte to its closing quote.
fn text_len(inner: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    let end = inner.iter().position(|&byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map(|end| end.saturating_add(1))
}

/// The bytes, `count` times; `None` if that is too much.
fn repeated(bytes: &[u8], count: usize) -> Option<Vec<u8>> {
    let len = bytes.len().checked_mul(count).filter(|&len| len <= MAX_BYTES)?;
    Some(bytes.iter().copied().cycle().take(len).collect())
}

fn hexadecimal(item: &str) -> Result<Vec<u8>, ScenarioFault> {
    let pairs = item.as_bytes().chunks(2).map(|pair| match pair {
        &[high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect::<Option<_>>().ok_or(ScenarioFault::Bytes)
}
