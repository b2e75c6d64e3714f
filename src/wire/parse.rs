//! The building blocks of the parsers: nom's combinators over a few leaves of our own.
//!
//! A frame is cut before it is parsed, so every parser here is complete. The leaves are our own
//! because nom's run-time `take` and `take_till` cannot be shown to be free of panics and cost
//! twice as much.

use nom::error::{ErrorKind, ParseError};
use nom::number::complete::{be_u16, be_u32, u8 as any_u8};
use nom::{Err, FindSubstring, IResult, Parser};

use super::decode::{Fault, Field};
use super::text::Text;

/// Where a parser stopped, counted from the end of the payload, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) left: usize,
    pub(super) field: Field,
    pub(super) fault: Fault,
}

impl<'a> ParseError<&'a [u8]> for Stop {
    fn from_error_kind(input: &'a [u8], _kind: ErrorKind) -> Self {
        Self { left: input.len(), field: Field::Payload, fault: Fault::Truncated }
    }

    fn append(_input: &'a [u8], _kind: ErrorKind, other: Self) -> Self {
        other
    }
}

pub(super) type Step<'a, T> = IResult<&'a [u8], T, Stop>;

pub(super) fn stop<'a, T>(input: &'a [u8], field: Field, fault: Fault) -> Step<'a, T> {
    Err(Err::Error(Stop { left: input.len(), field, fault }))
}

/// A text and its NUL.
#[inline]
pub(super) fn text<'a>(field: Field) -> impl Parser<&'a [u8], Output = Text<'a>, Error = Stop> {
    move |input: &'a [u8]| match split_text(input) {
        Some(step) => Ok(step),
        None => stop(input, field, Fault::Unterminated),
    }
}

/// What follows a text and its NUL, and the text.
#[inline]
pub(super) fn split_text(input: &[u8]) -> Option<(&[u8], Text<'_>)> {
    let (text, rest) = input.split_at_checked(find_nul(input)?)?;
    Some((rest.split_first()?.1, Text::known(text)))
}

/// Four bytes, big-endian.
#[inline]
pub(super) fn word<'a>(field: Field) -> impl Parser<&'a [u8], Output = u32, Error = Stop> {
    named(field, be_u32)
}

/// Two bytes, big-endian.
#[inline]
pub(super) fn half<'a>(field: Field) -> impl Parser<&'a [u8], Output = u16, Error = Stop> {
    named(field, be_u16)
}

/// One byte.
#[inline]
pub(super) fn byte<'a>(field: Field) -> impl Parser<&'a [u8], Output = u8, Error = Stop> {
    named(field, any_u8)
}

/// Says in which field a parser stopped.
#[inline]
fn named<'a, T>(
    field: Field,
    mut parser: impl Parser<&'a [u8], Output = T, Error = Stop>,
) -> impl Parser<&'a [u8], Output = T, Error = Stop> {
    move |input: &'a [u8]| parser.parse(input).map_err(|error| error.map(|stop| Stop { field, ..stop }))
}

/// Bytes that are looked at here before memchr takes over.
///
/// Most texts are short, and for these the call of memchr costs more than it saves.
const SHORT: usize = 96;

/// The offset of the first NUL.
pub(super) fn find_nul(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while bytes.len().wrapping_sub(rest.len()) < SHORT {
        let Some((block, tail)) = rest.split_first_chunk() else { return find_near_end(bytes, rest) };
        if let Some(nul) = nul_of(*block) {
            return Some(bytes.len().wrapping_sub(rest.len()).wrapping_add(nul));
        }
        rest = tail;
    }
    find_far(bytes, rest)
}

/// The offset of the first NUL, if only `rest`, shorter than a block, can hold one.
#[inline]
fn find_near_end(bytes: &[u8], rest: &[u8]) -> Option<usize> {
    match bytes.last_chunk() {
        Some(block) => nul_of(*block).map(|nul| bytes.len().wrapping_sub(block.len()).wrapping_add(nul)),
        None => rest.iter().position(|&byte| byte == 0),
    }
}

/// The offset of the first NUL, if only `rest` can hold one.
#[inline(never)]
fn find_far(bytes: &[u8], rest: &[u8]) -> Option<usize> {
    let before = bytes.len().wrapping_sub(rest.len());
    rest.find_substring("\0").map(|nul| before.wrapping_add(nul))
}

/// Whether there is a NUL: cheaper than to ask where.
pub(super) fn holds_nul(bytes: &[u8]) -> bool {
    if bytes.len() > SHORT {
        return find_far(bytes, bytes).is_some();
    }
    let mut rest = bytes;
    while let Some((block, tail)) = rest.split_first_chunk::<32>() {
        if has_nul(block) {
            return true;
        }
        rest = tail;
    }
    // The last block overlaps those that were looked at.
    match (bytes.last_chunk::<32>(), bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        (Some(block), ..) => has_nul(block),
        (None, Some(first), Some(last)) => has_nul(first) | has_nul(last),
        _ => rest.contains(&0),
    }
}

/// Whether the number of NULs is odd.
// A sum of bits rather than a count: the compiler adds up whole vectors of them.
pub(super) fn has_odd_nuls(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |odd, &byte| odd ^ (byte == 0))
}

/// Looks at all bytes, so that the compiler makes vector comparisons of it.
#[inline]
fn has_nul<const N: usize>(block: &[u8; N]) -> bool {
    block.iter().fold(false, |found, &byte| found | (byte == 0))
}

/// The offset of the first NUL of a block.
#[inline]
fn nul_of(block: [u8; 16]) -> Option<usize> {
    let [a, b, c, d, e, f, g, h, second @ ..] = block;
    let (first, second) = (nuls([a, b, c, d, e, f, g, h]), nuls(second));
    let offset = match (first, second) {
        (0, 0) => return None,
        (0, marks) => marks.trailing_zeros().wrapping_add(64),
        (marks, _) => marks.trailing_zeros(),
    };
    usize::try_from(offset >> 3).ok()
}

/// Marks the NULs of a word: its lowest set bit is in the first one; above it, there may be false marks.
#[inline]
const fn nuls(word: [u8; 8]) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;

    let word = u64::from_le_bytes(word);
    word.wrapping_sub(LOW) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::{find_nul, has_odd_nuls, holds_nul};

    #[test]
    fn the_first_nul_is_found_at_every_length_and_offset() {
        for len in 0..200 {
            for fill in [0x01, 0x80, 0xff] {
                let bytes = &[fill; 200][..len];
                assert_eq!(find_nul(bytes), None);
                assert!(!holds_nul(bytes) && !has_odd_nuls(bytes));
            }
            assert_eq!(has_odd_nuls(&[0; 200][..len]), len % 2 == 1);
            assert_eq!(holds_nul(&[0; 200][..len]), len > 0, "length {len}");
            for nul in 0..len {
                for fill in [0x01, 0x80, 0xff] {
                    let mut bytes = [fill; 200];
                    bytes[nul] = 0;
                    bytes[199] = 0;
                    assert_eq!(find_nul(&bytes[..len]), Some(nul), "length {len}");
                    assert!(holds_nul(&bytes[..len]), "length {len}, offset {nul}");
                    assert!(has_odd_nuls(&bytes[..len]), "length {len}, offset {nul}");
                }
            }
        }
    }
}
