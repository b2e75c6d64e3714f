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
    move |input: &'a [u8]| {
        let split = find_nul(input).and_then(|end| input.split_at_checked(end));
        match split.and_then(|(text, rest)| Some((text, rest.split_first()?.1))) {
            Some((text, rest)) => Ok((rest, Text::known(text))),
            None => stop(input, field, Fault::Unterminated),
        }
    }
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

/// Words of eight bytes that are looked at before memchr takes over.
///
/// Most texts are short, and below some 60 bytes the call of memchr costs more than it saves.
const SHORT: usize = 8;

/// The offset of the first NUL.
#[inline]
pub(super) fn find_nul(bytes: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;

    let mut rest = bytes;
    for _ in 0..SHORT {
        let Some((&word, tail)) = rest.split_first_chunk::<8>() else {
            let before = bytes.len().wrapping_sub(rest.len());
            let nul = rest.iter().position(|&byte| byte == 0)?;
            return Some(before.wrapping_add(nul));
        };
        let word = u64::from_le_bytes(word);
        // The lowest set bit marks the first zero byte; above it, there may be false marks.
        let zeros = word.wrapping_sub(LOW) & !word & HIGH;
        if zeros != 0 {
            let before = bytes.len().wrapping_sub(rest.len());
            let nul = usize::try_from(zeros.trailing_zeros() >> 3).ok()?;
            return Some(before.wrapping_add(nul));
        }
        rest = tail;
    }
    let before = bytes.len().wrapping_sub(rest.len());
    rest.find_substring("\0").map(|nul| before.wrapping_add(nul))
}

#[cfg(test)]
mod tests {
    use super::find_nul;

    #[test]
    fn the_first_nul_is_found_at_every_length_and_offset() {
        for len in 0..200 {
            assert_eq!(find_nul(&[0xff; 200][..len]), None);
            assert_eq!(find_nul(&[0x01; 200][..len]), None);
            for nul in 0..len {
                for fill in [0x01, 0x80, 0xff] {
                    let mut bytes = [fill; 200];
                    bytes[nul] = 0;
                    bytes[199] = 0;
                    assert_eq!(find_nul(&bytes[..len]), Some(nul), "length {len}");
                }
            }
        }
    }
}
