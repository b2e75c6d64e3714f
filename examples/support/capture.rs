//! Captures of milter sessions: JSON Lines, read one line at a time.
//!
//! The first line is the [`Header`], every other line a [`Record`]: bytes that one side sent, in
//! hexadecimal, or what became of its half of the connection. tests/captures/README.md describes the
//! format and holds examples of it.

use core::fmt;
use std::io::{self, BufRead, Read};

use milter_proto::wire::Direction;
use serde::Deserialize;
use thiserror::Error;

/// The longest line that is read, in bytes. A frame of 1 MiB that came in one read takes 2 MiB.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// The programs of a session.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Header {
    /// Name and version of the MTA.
    pub(crate) mta: String,
    /// Name and version of the filter.
    pub(crate) filter: String,
    /// What was tested.
    #[serde(default)]
    pub(crate) scenario: Option<String>,
    /// How the MTA was set up.
    #[serde(default)]
    pub(crate) variant: Option<String>,
}

/// One side of a session: the one that sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// The mail server.
    Mta,
    /// The filter.
    Filter,
}

impl Side {
    /// Both sides.
    pub(crate) const BOTH: [Self; 2] = [Self::Mta, Self::Filter];

    /// The direction of this side's frames.
    pub(crate) const fn direction(self) -> Direction {
        match self {
            Self::Mta => Direction::ToFilter,
            Self::Filter => Direction::ToMta,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mta => "MTA",
            Self::Filter => "filter",
        })
    }
}

/// One read of the recorder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// The side that sent or ended.
    pub(crate) side: Side,
    /// Seconds since the session began.
    pub(crate) time: f64,
    /// What was read.
    pub(crate) what: What,
}

/// The result of a read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// Bytes of the stream, cut anywhere.
    Bytes(Vec<u8>),
    /// The end of the stream.
    Event(Event),
}

/// How a side's half of the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Event {
    /// The side closed it.
    Eof,
    /// The side reset it.
    Reset,
    /// The recorder closed it, long after the other side had ended.
    Cut,
    /// The side could not be reached.
    Refused,
}

/// Reads a capture: the header at once, then the records, as an iterator.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    input: R,
    line: Vec<u8>,
    place: Place,
    /// Where the next line begins, in bytes from 0.
    next: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    pub(crate) fn new(input: R) -> Result<(Header, Self), CaptureError> {
        let mut reader = Self { input, line: Vec::new(), place: Place { line: 0, byte: 0 }, next: 0 };
        if !reader.read_line()? {
            return Err(reader.fault(0, Problem::NothingThere));
        }
        match serde_json::from_slice(&reader.line) {
            Ok(header) => Ok((header, reader)),
            Err(error) => Err(reader.fault(column(&error), Problem::Header(error))),
        }
    }

    /// The place of the last line that was read.
    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// Reads the next line that is not blank, without its line end. `false`: there is none.
    fn read_line(&mut self) -> Result<bool, CaptureError> {
        loop {
            self.line.clear();
            self.place = Place { line: self.place.line.saturating_add(1), byte: self.next };
            let mut bounded = (&mut self.input).take(MAX_LINE);
            let read = bounded.read_until(b'\n', &mut self.line);
            let read = u64::try_from(read.map_err(|error| self.fault(0, Problem::Read(error)))?);
            let read = read.unwrap_or(u64::MAX);
            self.next = self.next.saturating_add(read);
            if read == MAX_LINE && self.line.last() != Some(&b'\n') {
                return Err(self.fault(0, Problem::LineTooLong));
            }
            let blanks = self.line.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.line.truncate(self.line.len().saturating_sub(blanks));
            if read == 0 || !self.line.is_empty() {
                return Ok(read != 0);
            }
        }
    }

    fn record(&self) -> Result<Record, CaptureError> {
        let raw: RawRecord<'_> = serde_json::from_slice(&self.line)
            .map_err(|error| self.fault(column(&error), Problem::Record(error)))?;
        let what = match (raw.hex, raw.event) {
            (Some(hex), None) => What::Bytes(self.bytes(hex)?),
            (None, Some(event)) => What::Event(event),
            _ => return Err(self.fault(0, Problem::NeitherNorBoth)),
        };
        Ok(Record { side: raw.dir, time: raw.t, what })
    }

    fn bytes(&self, text: &str) -> Result<Vec<u8>, CaptureError> {
        hex::decode(text).map_err(|error| {
            // The text is a part of the line.
            let start = text.as_ptr().addr().saturating_sub(self.line.as_ptr().addr());
            let within = match error {
                hex::FromHexError::InvalidHexCharacter { index, .. } => index,
                hex::FromHexError::OddLength | hex::FromHexError::InvalidStringLength => text.len(),
            };
            self.fault(start.saturating_add(within), Problem::Hex(error))
        })
    }

    /// An error, `within` bytes after the start of the line.
    fn fault(&self, within: usize, problem: Problem) -> CaptureError {
        let within = u64::try_from(within).unwrap_or(u64::MAX);
        let place = Place { byte: self.place.byte.saturating_add(within), ..self.place };
        CaptureError { place, problem }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read_line() {
            Ok(false) => None,
            Ok(true) => Some(self.record()),
            Err(error) => Some(Err(error)),
        }
    }
}

#[derive(Deserialize)]
struct RawRecord<'a> {
    dir: Side,
    t: f64,
    hex: Option<&'a str>,
    event: Option<Event>,
}

/// The number of bytes before the place of a JSON error in its line.
fn column(error: &serde_json::Error) -> usize {
    error.column().saturating_sub(1)
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Lines from 1.
    pub(crate) line: u64,
    /// Bytes from 0, counted from the beginning of the file.
    pub(crate) byte: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, byte {}", self.line, self.byte)
    }
}

/// Why a file is not a capture.
#[derive(Debug, Error)]
#[error("{place}: {problem}")]
pub(crate) struct CaptureError {
    /// The place of the problem.
    pub(crate) place: Place,
    /// What is wrong.
    pub(crate) problem: Problem,
}

/// What is wrong with a capture.
#[derive(Debug, Error)]
pub(crate) enum Problem {
    #[error("cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error("the file is empty: it has no header")]
    NothingThere,
    #[error("a line of more than {MAX_LINE} bytes: this is not a capture")]
    LineTooLong,
    #[error("not the header of a capture: {}", WithoutPlace(.0))]
    Header(#[source] serde_json::Error),
    #[error("not a record of a capture: {}", WithoutPlace(.0))]
    Record(#[source] serde_json::Error),
    #[error("a record needs either `hex` or `event`")]
    NeitherNorBoth,
    #[error("`hex` is not hexadecimal: {0}")]
    Hex(#[source] hex::FromHexError),
}

/// A JSON error without the line and column that serde_json counts within our one line.
struct WithoutPlace<'a>(&'a serde_json::Error);

impl fmt::Display for WithoutPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.rsplit_once(" at line ").map_or(&*text, |(what, _)| what))
    }
}
