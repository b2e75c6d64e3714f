//! The building blocks of the parsers: nom's combinators over a few leaves of our own.
//!
//! A frame is cut before it is parsed, so every parser here is complete. The leaves are our own
//! because nom's run-time `take` and `take_till` cannot be shown to be free of panics and cost
//! twice as much.

use nom::error::{ErrorKind, ParseError};
use nom::number::complete::{be_u16, be_u32, u8 as any_u8};
use nom::{Err, IResult, Parser};

use super::error::{Fault, Field};
use super::scan::find_nul;
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
