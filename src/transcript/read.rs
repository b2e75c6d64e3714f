//! From a line back to a frame.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use super::print::Line;
use crate::wire::code::{CODES, Layout, Row};
use crate::wire::{Direction, FrameBuf, ListStage, MacroStage};

/// A line of a transcript: a frame and its direction.
///
/// # Memory
/// At most as many bytes as the line has, also while it is read. The caller limits the length of a line.
///
/// # Examples
/// ```
/// use milter_proto::transcript::Entry;
/// use milter_proto::wire::{Direction, Frame};
///
/// let line = r#"< INSHEADER 0 "X-Checked" "yes""#;
/// let entry: Entry = line.parse()?;
/// assert_eq!(entry.direction, Direction::ToMta);
/// assert_eq!(entry.frame.as_frame(), Frame::new(b'i', b"\0\0\0\0X-Checked\0yes\0"));
/// assert_eq!(entry.to_string(), line);
///
/// let error = r#"> MAIL "<a@b.c>"#.parse::<Entry>().unwrap_err();
/// assert_eq!(error.to_string(), "column 16: the text has no closing quote");
/// # Ok::<(), milter_proto::transcript::ReadError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Entry {
    /// The direction of the frame.
    pub direction: Direction,
    /// The frame.
    pub frame: FrameBuf,
}

impl Entry {
    /// Makes an entry.
    #[must_use]
    pub const fn new(direction: Direction, frame: FrameBuf) -> Self {
        Self { direction, frame }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line::new(self.direction, self.frame.as_frame()).fmt(f)
    }
}

impl FromStr for Entry {
    type Err = ReadError;

    fn from_str(line: &str) -> Result<Self, ReadError> {
        let mut tokens = Tokens { line, at: 0, word: 0 };
        let direction = match tokens.word()? {
            ">" => Direction::ToFilter,
            "<" => Direction::ToMta,
            _ => return Err(tokens.word_fault(ReadFault::Direction)),
        };
        let name = tokens.word()?;
        if name == "FRAME" {
            let code = tokens.number(u8::MAX.into())?;
            let code = u8::try_from(code).map_err(|_| tokens.word_fault(ReadFault::Number))?;
            let mut payload = tokens.room();
            tokens.text(&mut payload)?;
            tokens.end()?;
            return Ok(Self::new(direction, FrameBuf::new(code, payload)));
        }
        let row = CODES
            .iter()
            .find(|row| row.name == name && row.direction.is_none_or(|way| way == direction))
            .ok_or_else(|| tokens.word_fault(ReadFault::Name))?;
        let mut payload = tokens.room();
        tokens.payload(row, &mut payload)?;
        Ok(Self::new(direction, FrameBuf::new(row.code, payload)))
    }
}

/// What is left of a line.
struct Tokens<'a> {
    line: &'a str,
    /// Bytes that were taken.
    at: usize,
    /// Bytes before the last word.
    word: usize,
}

impl<'a> Tokens<'a> {
    /// Memory for a payload. None is longer than its line.
    fn room(&mut self) -> Vec<u8> {
        Vec::with_capacity(if self.is_at_end() { 0 } else { self.line.len() })
    }

    /// Reads the arguments of a code and lays them out.
    fn payload(&mut self, row: &Row, payload: &mut Vec<u8>) -> Result<(), ReadError> {
        match row.layout {
            Layout::Bare => {}
            Layout::Raw if self.is_at_end() => {}
            Layout::Raw => self.text(payload)?,
            Layout::Texts => self.texts(payload)?,
            Layout::IndexTexts => {
                payload.extend(self.number(u32::MAX)?.to_be_bytes());
                self.texts(payload)?;
            }
            Layout::StageTexts => {
                payload.push(self.stage()?.byte());
                self.texts(payload)?;
            }
            Layout::Connect => {
                self.text(payload)?;
                let &[family] = self.word()?.as_bytes() else {
                    return Err(self.word_fault(ReadFault::Family));
                };
                payload.extend([0, family]);
                if !self.is_at_end() {
                    let [_, _, high, low] = self.number(u16::MAX.into())?.to_be_bytes();
                    payload.extend([high, low]);
                    self.texts(payload)?;
                }
            }
            Layout::Optneg => {
                for _ in 0..3 {
                    payload.extend(self.number(u32::MAX)?.to_be_bytes());
                }
                while !self.is_at_end() {
                    let stage = self.stage()?;
                    let list = ListStage::ALL.iter().find(|row| row.1 == stage);
                    let (list, _) = list.ok_or_else(|| self.word_fault(ReadFault::Stage))?;
                    payload.extend(list.number().to_be_bytes());
                    self.text(payload)?;
                    payload.push(0);
                }
            }
        }
        self.end()
    }

    fn texts(&mut self, payload: &mut Vec<u8>) -> Result<(), ReadError> {
        while !self.is_at_end() {
            self.text(payload)?;
            payload.push(0);
        }
        Ok(())
    }

    /// The name of a command, or a byte in hexadecimal.
    fn stage(&mut self) -> Result<MacroStage, ReadError> {
        let start = self.at;
        let name = self.word()?;
        if let Some(row) = CODES.iter().find(|row| row.name == name) {
            return Ok(MacroStage::new(row.code));
        }
        self.at = start;
        let byte = self.number(u8::MAX.into())?;
        u8::try_from(byte).map(MacroStage::new).map_err(|_| self.word_fault(ReadFault::Number))
    }

    fn number(&mut self, max: u32) -> Result<u32, ReadError> {
        let word = self.word()?;
        let number = match word.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => word.parse(),
        };
        number.ok().filter(|&number| number <= max).ok_or_else(|| self.word_fault(ReadFault::Number))
    }

    fn text(&mut self, payload: &mut Vec<u8>) -> Result<(), ReadError> {
        self.blanks();
        let mut bytes = self.rest().bytes();
        let mut next = || {
            self.at = self.at.saturating_add(1);
            bytes.next()
        };
        let fault = match next() {
            Some(b'"') => loop {
                payload.push(match next() {
                    None => break ReadFault::Unclosed,
                    Some(b'"') => return Ok(()),
                    Some(b'\\') => match next() {
                        Some(byte @ (b'"' | b'\\')) => byte,
                        Some(b'r') => b'\r',
                        Some(b'n') => b'\n',
                        Some(b't') => b'\t',
                        Some(b'x') => match (next().and_then(digit), next().and_then(digit)) {
                            (Some(high), Some(low)) => high << 4 | low,
                            _ => break ReadFault::Escape,
                        },
                        _ => break ReadFault::Escape,
                    },
                    Some(byte @ b' '..=b'~') => byte,
                    Some(_) => break ReadFault::NotAscii,
                });
            },
            _ => ReadFault::Text,
        };
        // An escape that the line cuts short would end after the line.
        self.at = self.at.saturating_sub(1).min(self.line.len());
        Err(self.fault(fault))
    }

    fn word(&mut self) -> Result<&'a str, ReadError> {
        self.blanks();
        let rest = self.rest();
        let word = rest.split(' ').next().filter(|word| !word.is_empty());
        let word = word.ok_or_else(|| self.fault(ReadFault::Missing))?;
        self.word = self.at;
        self.at = self.at.saturating_add(word.len());
        Ok(word)
    }

    fn end(&mut self) -> Result<(), ReadError> {
        if self.is_at_end() { Ok(()) } else { Err(self.fault(ReadFault::Surplus)) }
    }

    fn is_at_end(&mut self) -> bool {
        self.blanks();
        self.rest().is_empty()
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        let blanks = rest.len().saturating_sub(rest.trim_start_matches(' ').len());
        self.at = self.at.saturating_add(blanks);
    }

    fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    fn fault(&self, fault: ReadFault) -> ReadError {
        ReadError { fault, column: self.at.saturating_add(1) }
    }

    /// A fault of the last word, which is already taken.
    fn word_fault(&self, fault: ReadFault) -> ReadError {
        ReadError { fault, column: self.word.saturating_add(1) }
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A line is not a line of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("column {column}: {fault}")]
pub struct ReadError {
    /// The reason.
    pub fault: ReadFault,
    /// The place in the line: bytes from 1.
    pub column: usize,
}

/// The reason why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReadFault {
    /// It begins with neither `>` nor `<`.
    #[error("expected > or < at the beginning of the line")]
    Direction,
    /// No frame of this direction has the name.
    #[error("no frame of this direction has that name")]
    Name,
    /// Something is missing at its end.
    #[error("expected another argument before the end of the line")]
    Missing,
    /// Something follows the last argument.
    #[error("expected the end of the line after the last argument")]
    Surplus,
    /// A number is malformed or too large, or a stage is neither a name nor a byte.
    #[error("expected a number, or the number is too large")]
    Number,
    /// A stage of OPTNEG has no macro list.
    #[error("this stage has no macro list")]
    Stage,
    /// An address family is not one character.
    #[error("expected an address family of one character")]
    Family,
    /// A text does not begin with a quote.
    #[error("expected a quote at the beginning of the text")]
    Text,
    /// A text does not end with a quote.
    #[error("the text has no closing quote")]
    Unclosed,
    /// An escape is not known.
    #[error("unknown escape; expected \\\" \\\\ \\r \\n \\t or \\xNN")]
    Escape,
    /// A byte is not printable ASCII.
    #[error("this byte is not printable ASCII; expected an escape")]
    NotAscii,
}

#[cfg(test)]
mod tests {
    use super::{Entry, ReadFault};

    #[test]
    fn a_column_is_at_most_one_behind_the_line() {
        for (line, fault, column) in [
            (r#"> BODY "text"#, ReadFault::Unclosed, 13),
            (r#"> BODY "\"#, ReadFault::Escape, 10),
            (r#"> BODY "\x"#, ReadFault::Escape, 11),
            (r#"> BODY "\x4"#, ReadFault::Escape, 12),
            (r#"> BODY "\x4g"#, ReadFault::Escape, 12),
            (r#"> BODY "\q"#, ReadFault::Escape, 10),
            ("> MACRO", ReadFault::Missing, 8),
        ] {
            let error = line.parse::<Entry>().map(|_| ()).unwrap_err();
            assert_eq!((error.fault, error.column), (fault, column), "{line}");
        }
    }
}
