//! What can be wrong with a payload, and how that is reported.

use core::fmt;

use nom::{Err, Parser};
use thiserror::Error;

use super::code;
use super::frame::Frame;
use super::outgoing::Outgoing;
use super::parse::{Step, Stop, holds_nul, split_text};
use super::reply_fault::ReplyFault;
use super::text::Text;
use super::tolerance::{Deviation, Tolerance};

/// A field of a payload, as errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The payload as a whole.
    Payload,
    /// OPTNEG: the protocol version.
    Version,
    /// OPTNEG: the action bits.
    Actions,
    /// OPTNEG: the protocol bits.
    Steps,
    /// OPTNEG: the stage of a macro list.
    ListStage,
    /// OPTNEG: the names of a macro list.
    ListNames,
    /// MACRO: the stage, a command byte.
    Stage,
    /// MACRO: the names and values.
    Macros,
    /// CONNECT: the host name.
    Host,
    /// CONNECT: the address family.
    Family,
    /// CONNECT: the port.
    Port,
    /// CONNECT: the address of the client; elsewhere an envelope address.
    Address,
    /// The ESMTP arguments.
    Arguments,
    /// The name of a header, or of the client in HELO.
    Name,
    /// The value of a header.
    Value,
    /// The position of a header.
    Index,
    /// The line of an unknown SMTP command.
    Line,
    /// Bytes of a body.
    Chunk,
    /// The SMTP reply text.
    Reply,
    /// The reason of a quarantine.
    Reason,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Payload => "payload",
            Self::Version => "version",
            Self::Actions => "actions",
            Self::Steps => "steps",
            Self::ListStage => "stage of a macro list",
            Self::ListNames => "names of a macro list",
            Self::Stage => "stage",
            Self::Macros => "macros",
            Self::Host => "host",
            Self::Family => "address family",
            Self::Port => "port",
            Self::Address => "address",
            Self::Arguments => "arguments",
            Self::Name => "name",
            Self::Value => "value",
            Self::Index => "index",
            Self::Line => "line",
            Self::Chunk => "chunk",
            Self::Reply => "reply",
            Self::Reason => "reason",
        })
    }
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The payload ends inside the field, or before it.
    Truncated,
    /// The text has no NUL behind it.
    Unterminated,
    /// The field is empty, but must not be.
    Empty,
    /// Bytes follow the last field.
    Surplus,
    /// The value is none that is known.
    UnknownValue,
    /// The last name of a list of macros has no value.
    Odd,
    /// The SMTP reply text is not well formed.
    Reply(ReplyFault),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "is cut short",
            Self::Unterminated => "has no final NUL",
            Self::Empty => "is empty",
            Self::Surplus => "is followed by bytes of no field",
            Self::UnknownValue => "has an unknown value",
            Self::Odd => "end with a name that has no value",
            Self::Reply(fault) => return fault.fmt(f),
        })
    }
}

/// A payload that is not what its code byte promises.
///
/// # Examples
/// ```
/// use milter_proto::wire::{Command, Frame};
///
/// let error = Command::parse(Frame::new(b'L', b"Subject\0no end")).unwrap_err();
/// assert_eq!(error.to_string(), "HEADER: value at offset 8 has no final NUL");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("{}: {field} at offset {offset} {fault}", code::name(*.code).unwrap_or("frame"))]
pub struct DecodeError {
    offset: u32,
    code: u8,
    field: Field,
    fault: Fault,
    deviation: Option<Deviation>,
}

impl DecodeError {
    /// The code byte of the frame.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.code
    }

    /// The field that is wrong.
    #[must_use]
    pub const fn field(self) -> Field {
        self.field
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn fault(self) -> Fault {
        self.fault
    }

    /// Where in the payload the field, or the surplus, begins: bytes from 0.
    #[must_use]
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// The departure that this is, if a [`Tolerance`] can accept it.
    #[must_use]
    pub const fn deviation(self) -> Option<Deviation> {
        self.deviation
    }
}

/// A meaning, and how far the frame that carried it departs from the clean form.
///
/// A tolerated value need not have a clean form: an empty chunk or an empty header name encodes to a
/// frame that strict parsing refuses. [`encode`](Self::encode) always gives the frame as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Decoded<'a, T> {
    /// The command or response.
    pub value: T,
    /// The first deviation that was tolerated, and where.
    pub deviation: Option<DecodeError>,
    /// The frame as it came.
    pub frame: Frame<'a>,
}

impl<'a, T> Decoded<'a, T> {
    /// The frame as it came, deviations included, to send it on.
    pub fn encode(&self) -> Outgoing<'a> {
        self.frame.encode()
    }
}

/// The decoding of one frame: where errors get their code and offset, and deviations their verdict.
pub(super) struct Decoder<'a> {
    frame: Frame<'a>,
    tolerance: Tolerance,
    deviation: Option<DecodeError>,
}

impl<'a> Decoder<'a> {
    #[inline]
    pub(super) const fn new(frame: Frame<'a>, tolerance: Tolerance) -> Self {
        Self { frame, tolerance, deviation: None }
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

    /// Takes a text, its NUL, and what stands behind it. That must end with a NUL, as libmilter reads over
    /// it.
    #[cold]
    fn text_and_surplus(&mut self, field: Field, input: &'a [u8]) -> Result<Text<'a>, DecodeError> {
        let (rest, text) = self.text(field, input)?;
        match rest.last() {
            None | Some(0) => self.end(rest, Deviation::CommandSurplus).map(|()| text),
            Some(_) => Err(self.error(rest.len(), Field::Payload, Fault::Unterminated)),
        }
    }

    /// Runs a parser over the whole payload; `surplus` says what bytes left over are.
    #[inline]
    pub(super) fn whole<T>(
        &mut self,
        parser: impl Parser<&'a [u8], Output = T, Error = Stop>,
        surplus: Deviation,
    ) -> Result<T, DecodeError> {
        let (rest, value) = self.run(parser, self.frame.payload())?;
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
        let offset = self.frame.payload().len().saturating_sub(left);
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        DecodeError { offset, code: self.frame.code(), field, fault, deviation: None }
    }
}
