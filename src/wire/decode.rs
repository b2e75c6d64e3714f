//! Decoding the payload of one frame: where errors get their place, and deviations their verdict.

use nom::{Err, Parser};

use super::error::{DecodeError, Fault, Field};
use super::frame::Frame;
use super::outgoing::OutgoingFrame;
use super::parse::{Step, Stop, split_text};
use super::scan::holds_nul;
use super::text::Text;
use super::tolerance::{Deviation, Tolerance};

/// A decoded value, and how its frame deviates from the well-formed one.
///
/// A tolerated value may have no well-formed frame: an empty chunk or an empty header name encodes to a frame that strict
/// parsing refuses. [`encode`](Self::encode) always returns the frame as it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Decoded<'a, T> {
    /// The command or response.
    pub value: T,
    /// The first deviation that was tolerated, and its place.
    pub deviation: Option<DecodeError>,
    /// The frame as it was received.
    pub frame: Frame<'a>,
}

impl<'a, T> Decoded<'a, T> {
    /// Returns the frame as it was received, including deviations, to forward it.
    pub fn encode(&self) -> OutgoingFrame<'a> {
        self.frame.encode()
    }
}

/// The decoding of one frame: where errors get their code and offset, and deviations their verdict.
pub(super) struct Decoder<'a> {
    code: u8,
    payload: &'a [u8],
    tolerance: Tolerance,
    deviation: Option<DecodeError>,
}

impl<'a> Decoder<'a> {
    #[inline]
    pub(super) const fn new(frame: Frame<'a>, tolerance: Tolerance) -> Self {
        Self { code: frame.code(), payload: frame.payload(), tolerance, deviation: None }
    }

    /// The first deviation that was tolerated.
    #[inline]
    pub(super) const fn deviation(&self) -> Option<DecodeError> {
        self.deviation
    }

    /// Runs a parser over `input`, a suffix of the payload.
    #[inline]
    pub(super) fn run<T>(
        &self,
        mut parser: impl Parser<&'a [u8], Output = T, Error = Stop>,
        input: &'a [u8],
    ) -> Result<(&'a [u8], T), DecodeError> {
        let step: Step<'a, T> = parser.parse(input);
        step.map_err(|error| match error {
            Err::Error(stop) | Err::Failure(stop) => self.error(stop.left, stop.field, stop.fault),
            Err::Incomplete(_) => self.error(0, Field::Payload, Fault::Truncated),
        })
    }

    /// Takes a text and its NUL: what most payloads consist of, so without the detour of `run`.
    #[inline]
    pub(super) fn text(&self, field: Field, input: &'a [u8]) -> Result<(&'a [u8], Text<'a>), DecodeError> {
        match split_text(input) {
            Some(step) => Ok(step),
            None => Err(self.error(input.len(), field, Fault::Unterminated)),
        }
    }

    /// Takes the text that ends with the payload, and its NUL.
    #[inline]
    pub(super) fn last_text(&mut self, field: Field, input: &'a [u8]) -> Result<Text<'a>, DecodeError> {
        match input.split_last() {
            Some((0, text)) if !holds_nul(text) => Ok(Text::known(text)),
            _ => self.text_and_surplus(field, input),
        }
    }

    /// Takes a text, its NUL, and the bytes after it. libmilter ignores those if they end with a NUL.
    #[cold]
    fn text_and_surplus(&mut self, field: Field, input: &'a [u8]) -> Result<Text<'a>, DecodeError> {
        let (rest, text) = self.text(field, input)?;
        match rest.last() {
            None | Some(0) => self.end(rest, Deviation::CommandSurplus).map(|()| text),
            Some(_) => Err(self.error(rest.len(), Field::Payload, Fault::Unterminated)),
        }
    }

    /// Runs a parser over the whole payload; `surplus` is the deviation if bytes are left over.
    #[inline]
    pub(super) fn whole<T>(
        &mut self,
        parser: impl Parser<&'a [u8], Output = T, Error = Stop>,
        surplus: Deviation,
    ) -> Result<T, DecodeError> {
        let (rest, value) = self.run(parser, self.payload)?;
        self.end(rest, surplus)?;
        Ok(value)
    }

    /// Accepts the end of the payload, or bytes left over as `surplus`.
    #[inline]
    pub(super) fn end(&mut self, rest: &[u8], surplus: Deviation) -> Result<(), DecodeError> {
        if rest.is_empty() {
            Ok(())
        } else {
            self.tolerate(surplus, rest.len(), Field::Payload, Fault::Surplus)
        }
    }

    /// Notes a deviation if the tolerance allows it. `left` counts bytes up to the payload's end.
    pub(super) fn tolerate(
        &mut self,
        deviation: Deviation,
        left: usize,
        field: Field,
        fault: Fault,
    ) -> Result<(), DecodeError> {
        let error = DecodeError { deviation: Some(deviation), ..self.error(left, field, fault) };
        if !self.tolerance.allows(deviation) {
            return Err(error);
        }
        self.deviation = self.deviation.or(Some(error));
        Ok(())
    }

    #[inline]
    pub(super) const fn allows(&self, deviation: Deviation) -> bool {
        self.tolerance.allows(deviation)
    }

    #[cold]
    pub(super) fn error(&self, left: usize, field: Field, fault: Fault) -> DecodeError {
        let offset = self.payload.len().saturating_sub(left);
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        DecodeError { offset, code: self.code, field, fault, deviation: None }
    }
}
