//! Where the bytes come from: a capture, or the raw stream of one side.

use core::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use milter_proto::wire::{Assembler, Frame, FrameError};
use thiserror::Error;

use crate::capture::{CaptureError, Header, Place, Reader, Side, What};

/// The session that is shown when no file is named.
const EMBEDDED: &[u8] = include_bytes!("../../../tests/captures/postfix/opendkim-sign-plain.jsonl");

/// What is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Embedded,
    Stdin,
    File(PathBuf),
}

impl Input {
    /// Finds the files that an argument means: `-`, a file, or all captures under a directory.
    pub(crate) fn of_argument(argument: &Path) -> io::Result<Vec<Self>> {
        if argument == Path::new("-") {
            return Ok(vec![Self::Stdin]);
        }
        let mut found = Vec::new();
        if argument.is_dir() {
            walk(argument, &mut found)?
        } else {
            found.push(argument.to_path_buf())
        }
        Ok(found.into_iter().map(Self::File).collect())
    }

    fn open(&self) -> io::Result<Box<dyn BufRead>> {
        Ok(match self {
            Self::Embedded => Box::new(EMBEDDED),
            Self::Stdin => Box::new(BufReader::new(io::stdin())),
            Self::File(path) => Box::new(BufReader::with_capacity(64 * 1024, File::open(path)?)),
        })
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("(built-in capture)"),
            Self::Stdin => f.write_str("(standard input)"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Collects the captures under a directory, in the order of their names. No link is followed, and nothing is opened that
/// is no file.
fn walk(directory: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries =
        fs::read_dir(directory)?.map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))));
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (path, kind) in entries {
        if kind.is_dir() {
            walk(&path, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "jsonl") {
            found.push(path);
        }
    }
    Ok(())
}

/// An open input: an iterator over what was read, when, and from which side.
pub(crate) enum Source {
    Capture(Header, Reader<Box<dyn BufRead>>),
    Raw(Side, Box<dyn BufRead>),
}

impl Source {
    /// Opens a capture, or with `raw` the stream of that side.
    pub(crate) fn open(input: &Input, raw: Option<Side>) -> Result<Self, Fault> {
        let bytes = input.open().map_err(Fault::Read)?;
        match raw {
            Some(side) => Ok(Self::Raw(side, bytes)),
            None => {
                Reader::new(bytes).map(|(header, reader)| Self::Capture(header, reader)).map_err(Fault::from)
            }
        }
    }

    fn read(&mut self) -> Result<Option<Piece>, Fault> {
        match self {
            Self::Capture(_, reader) => {
                let Some(record) = reader.next().transpose()? else { return Ok(None) };
                let (place, time) = (Some(reader.place()), Some(record.time));
                Ok(Some(Piece { side: record.side, what: record.what, time, place }))
            }
            Self::Raw(side, input) => {
                let bytes = input.fill_buf().map_err(Fault::Read)?.to_vec();
                input.consume(bytes.len());
                let what = What::Bytes(bytes);
                let is_end = matches!(&what, What::Bytes(bytes) if bytes.is_empty());
                Ok((!is_end).then_some(Piece { side: *side, what, time: None, place: None }))
            }
        }
    }
}

impl Iterator for Source {
    type Item = Result<Piece, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// One read of an input.
pub(crate) struct Piece {
    pub(crate) side: Side,
    pub(crate) what: What,
    /// Seconds since the session began. A raw stream does not know.
    pub(crate) time: Option<f64>,
    /// The line of the capture.
    pub(crate) place: Option<Place>,
}

/// The stream of one side, cut into frames, with the position of each.
#[derive(Debug)]
pub(crate) struct Stream {
    side: Side,
    assembler: Assembler<Vec<u8>>,
    /// Where the next frame begins, in bytes from 0.
    next: u64,
    is_broken: bool,
}

impl Stream {
    pub(crate) const fn new(side: Side) -> Self {
        Self { side, assembler: Assembler::new(Vec::new()), next: 0, is_broken: false }
    }

    /// Takes the next frame from `input`, and says where in the stream it begins.
    pub(crate) fn next_frame<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<(u64, Frame<'s>)>, NoFrame> {
        let (side, at) = (self.side, self.next);
        match self.assembler.next_frame(input) {
            Ok(None) => Ok(None),
            Ok(Some(frame)) => {
                let len = u64::try_from(frame.encode().len()).unwrap_or(u64::MAX);
                self.next = at.saturating_add(len);
                Ok(Some((at, frame)))
            }
            Err(error) => {
                self.is_broken = true;
                Err(NoFrame { side, at, error })
            }
        }
    }

    /// The bytes of a frame whose rest has not come.
    pub(crate) const fn pending(&self) -> usize {
        if self.is_broken { 0 } else { self.assembler.pending() }
    }
}

/// A stream stops being one of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no frame at byte {at} of what the {side} sent: {error}")]
pub(crate) struct NoFrame {
    side: Side,
    at: u64,
    #[source]
    error: FrameError,
}

/// Why a file is not done to its end.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error("cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error("{}{error}", .place.map(|place| format!("{place}: ")).unwrap_or_default())]
    Stream { place: Option<Place>, error: NoFrame },
    #[error("cannot write: {0}")]
    Write(#[source] io::Error),
}
