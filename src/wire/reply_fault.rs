//! What can be wrong with a reply.

use core::fmt;

use thiserror::Error;

use super::outgoing::BufferTooSmall;
use super::tolerance::Deviation;

/// What is wrong with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplyFault {
    /// It does not begin with a code from 400 to 599.
    Code,
    /// A line begins with something else than the code of the first.
    CodeDiffers,
    /// `-` stands in the last line, or a blank in another, or neither.
    Separator,
    /// A CR, LF or NUL stands inside a line: it would let the filter speak SMTP to the client.
    Control,
    /// Another control byte than a tab stands inside a line: SMTP has no place for it.
    Unprintable,
    /// A byte over 0x7f stands inside a line that is to be built. It can be read: [`ReplyText::parse`].
    ///
    /// [`ReplyText::parse`]: super::ReplyText::parse
    NotAscii,
    /// It has no line.
    NoLines,
    /// It has more than 32 lines.
    TooManyLines,
    /// A line's text has more than 980 bytes.
    LineTooLong,
    /// A text begins with an enhanced code or a digit of another class than the code.
    Class,
    /// A `%` stands alone.
    Percent,
    /// It is a code and nothing else.
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
            Self::Separator => "has a wrong separator behind its code",
            Self::Control => "has a CR, LF or NUL inside a line",
            Self::Unprintable => "has a control byte other than a tab inside a line",
            Self::NotAscii => "has a byte that is no ASCII inside a line",
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

/// A reply is not well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("the reply {fault} (at offset {offset})")]
pub struct ReplyError {
    /// What is wrong.
    pub fault: ReplyFault,
    /// Where in the reply, in bytes from 0.
    pub offset: usize,
}

/// A reply cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReplyBuildError {
    /// It would not be well formed.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// It does not fit.
    #[error(transparent)]
    Storage(#[from] BufferTooSmall),
}
