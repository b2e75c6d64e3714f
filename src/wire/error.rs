//! Errors of decoding and building values.

use core::fmt;

use thiserror::Error;

use super::code;
use super::tolerance::Deviation;

/// A field of a payload, for errors.
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

/// The reason why a field is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The payload ends inside the field, or before it.
    Truncated,
    /// The text has no NUL after it.
    Unterminated,
    /// The field is empty, but must not be.
    Empty,
    /// Bytes follow the last field.
    Surplus,
    /// The value is not known.
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
            Self::Surplus => "has surplus bytes",
            Self::UnknownValue => "has an unknown value",
            Self::Odd => "end with a name that has no value",
            Self::Reply(fault) => return fault.fmt(f),
        })
    }
}

/// A malformed payload: the field, the place and the reason.
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
    pub(super) offset: u32,
    pub(super) code: u8,
    pub(super) field: Field,
    pub(super) fault: Fault,
    pub(super) deviation: Option<Deviation>,
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

    /// The offset in the payload where the field, or the surplus, begins: bytes from 0.
    #[must_use]
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// The deviation, if a [`Tolerance`](super::Tolerance) can accept it.
    #[must_use]
    pub const fn deviation(self) -> Option<Deviation> {
        self.deviation
    }
}

/// The reason why a reply is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplyFault {
    /// It does not begin with a code from 400 to 599.
    Code,
    /// A line begins with another code than the first line.
    CodeDiffers,
    /// The last line has a `-` after its code, another line has a blank, or a line has neither.
    Separator,
    /// A line contains a CR, LF or NUL, with which the filter could send SMTP replies of its own to the client.
    Control,
    /// A line contains a control byte other than a tab, or, when it is built from UTF-8, a control character from U+0080 to
    /// U+009F. SMTP does not allow them.
    Unprintable,
    /// A line to build contains a byte over 0x7f. [`ReplyText::parse`] accepts it, and so does [`ReplyText::write_utf8`], for
    /// a client that asked for SMTPUTF8.
    ///
    /// [`ReplyText::parse`]: super::ReplyText::parse
    /// [`ReplyText::write_utf8`]: super::ReplyText::write_utf8
    NotAscii,
    /// There is no line.
    NoLines,
    /// There are more than 32 lines.
    TooManyLines,
    /// A line's text has more than 980 bytes.
    LineTooLong,
    /// A text begins with an enhanced code, or a digit, of another class than the reply code.
    Class,
    /// A `%` is not doubled.
    Percent,
    /// There is a code and nothing else.
    Bare,
    /// A line end follows the last line.
    LineEnd,
}

impl ReplyFault {
    pub(super) const fn deviation(self) -> Option<Deviation> {
        match self {
            Self::Code
            | Self::CodeDiffers
            | Self::Separator
            | Self::Control
            | Self::NotAscii
            | Self::NoLines => None,
            Self::Unprintable => Some(Deviation::ReplyUnprintable),
            Self::TooManyLines | Self::LineTooLong => Some(Deviation::ReplySize),
            Self::Class => Some(Deviation::ReplyClass),
            Self::Percent => Some(Deviation::ReplyPercent),
            Self::Bare => Some(Deviation::ReplyBare),
            Self::LineEnd => Some(Deviation::ReplyLineEnd),
        }
    }
}

impl fmt::Display for ReplyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "does not begin with a code from 400 to 599",
            Self::CodeDiffers => "has a line with another code than the first",
            Self::Separator => "has a wrong separator after its code",
            Self::Control => "has a CR, LF or NUL inside a line",
            Self::Unprintable => "has a control character other than a tab inside a line",
            Self::NotAscii => "has a byte that is not ASCII inside a line",
            Self::NoLines => "has no line",
            Self::TooManyLines => "has more than 32 lines",
            Self::LineTooLong => "has a line of more than 980 bytes",
            Self::Class => "begins its text with a digit of another class than its code",
            Self::Percent => "has a single % where two stand for one",
            Self::Bare => "is a code without a separator",
            Self::LineEnd => "ends with a line end",
        })
    }
}

/// A reply is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("the reply {fault} (at offset {offset})")]
pub struct ReplyError {
    /// The reason.
    pub fault: ReplyFault,
    /// The offset in the reply, in bytes from 0.
    pub offset: usize,
}

/// A reply cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReplyBuildError {
    /// It would be malformed.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// The buffer is too small.
    #[error(transparent)]
    Buffer(#[from] BufferTooSmall),
}

/// A text is not a reply code or an enhanced status code.
///
/// # Examples
/// ```
/// use milter_proto::wire::{EnhancedCode, ReplyCode};
///
/// let error = "250".parse::<ReplyCode>().unwrap_err();
/// assert_eq!(error.to_string(), "\"250\" is not a reply code; expected 400 to 599");
/// let error = "5.7".parse::<EnhancedCode>().unwrap_err();
/// assert!(error.to_string().starts_with("\"5.7\" is not an enhanced status code; expected "));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("{found} is not {expected}")]
pub struct ParseCodeError {
    found: Excerpt,
    expected: ExpectedCode,
}

impl ParseCodeError {
    pub(super) fn new(found: &[u8], expected: ExpectedCode) -> Self {
        Self { found: Excerpt::new(found), expected }
    }
}

/// The kind of code that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ExpectedCode {
    Reply,
    Enhanced,
}

impl fmt::Display for ExpectedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reply => "a reply code; expected 400 to 599",
            Self::Enhanced => {
                "an enhanced status code; expected 4 or 5 and two numbers from 0 to 999, as in 5.7.1"
            }
        })
    }
}

/// The front of a text, for an error that cannot keep all of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Excerpt {
    bytes: [u8; 14],
    len: u8,
    is_cut: bool,
}

impl Excerpt {
    fn new(text: &[u8]) -> Self {
        let mut bytes = [0; 14];
        bytes.iter_mut().zip(text).for_each(|(slot, &byte)| *slot = byte);
        let len = u8::try_from(text.len().min(bytes.len())).unwrap_or(0);
        Self { bytes, len, is_cut: text.len() > bytes.len() }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.bytes.get(..self.len.into()).unwrap_or_default();
        write!(f, "\"{}{}\"", text.escape_ascii(), if self.is_cut { "..." } else { "" })
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text of an edit contains a NUL, which ends every text on the wire.
///
/// # Examples
/// ```
/// use milter_proto::wire::Edit;
///
/// let error = Edit::add_header("X-Seen", b"y\0s").unwrap_err();
/// assert_eq!(error.to_string(), "the value of the edit has a NUL at offset 1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("the {field} of the edit has a NUL at offset {offset}")]
pub struct NulInEdit {
    /// The field with the NUL.
    pub field: Field,
    /// Bytes of the field before the NUL.
    pub offset: usize,
}

/// The caller's buffer is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("{needed} bytes do not fit into a buffer of {available}")]
pub struct BufferTooSmall {
    /// Bytes that are needed; for a list, up to the item that did not fit.
    pub needed: usize,
    /// Bytes that the buffer has.
    pub available: usize,
}

/// A payload is over the limit of what may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("payload of {payload} bytes is over the sending limit of {limit}")]
pub struct TooLong {
    /// Bytes of payload.
    pub payload: usize,
    /// Bytes of payload that may be sent.
    pub limit: u32,
}
