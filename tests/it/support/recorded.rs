//! The captured sessions of tests/captures, for every test that wants real traffic.

#[path = "../../../examples/support/capture.rs"]
#[expect(dead_code, reason = "the example `dump` uses the rest of it")]
pub(crate) mod capture;

use core::fmt;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use capture::{Header, Reader, Record, Side, What};
use milter_proto::Limits;
use milter_proto::wire::{Frame, FrameBuf};

/// A captured session, whole in memory.
#[derive(Debug)]
pub(crate) struct Session {
    /// Where it was read from.
    pub(crate) path: PathBuf,
    /// Who talked to whom.
    pub(crate) header: Header,
    /// What was read, in its order.
    pub(crate) records: Vec<Record>,
}

impl Session {
    pub(crate) fn read(path: &Path) -> Self {
        let file = BufReader::new(File::open(path).unwrap_or_else(|error| stop(path, error)));
        let (header, reader) = Reader::new(file).unwrap_or_else(|error| stop(path, error));
        let records = reader.map(|record| record.unwrap_or_else(|error| stop(path, error))).collect();
        Self { path: path.to_owned(), header, records }
    }

    /// The pieces that a side sent, as they were read.
    pub(crate) fn pieces(&self, side: Side) -> impl Iterator<Item = &[u8]> {
        self.records.iter().filter(move |record| record.side == side).filter_map(|record| {
            match &record.what {
                What::Bytes(bytes) => Some(bytes.as_slice()),
                What::Event(_) => None,
            }
        })
    }

    /// Everything that a side sent.
    pub(crate) fn stream(&self, side: Side) -> Vec<u8> {
        self.pieces(side).flatten().copied().collect()
    }

    /// The frames that a side sent, and the bytes of one that it did not finish.
    pub(crate) fn frames(&self, side: Side) -> (Vec<FrameBuf>, usize) {
        let stream = self.stream(side);
        let mut rest = stream.as_slice();
        let mut frames = Vec::new();
        loop {
            match Frame::split(rest, Limits::DEFAULT) {
                Ok(Some((frame, tail))) => {
                    frames.push(FrameBuf::from(frame));
                    rest = tail;
                }
                Ok(None) => return (frames, rest.len()),
                Err(error) => stop(&self.path, error),
            }
        }
    }
}

/// The directory of the captured sessions.
pub(crate) fn captures() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "captures"].iter().collect()
}

/// Every captured session, in the order of their names.
pub(crate) fn sessions() -> impl Iterator<Item = Session> {
    let mut paths: Vec<_> = entries(&captures()).into_iter().filter(|path| path.is_dir()).collect();
    paths = paths.iter().flat_map(|directory| entries(directory)).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no captures");
    paths.into_iter().map(|path| Session::read(&path))
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| stop(directory, error));
    entries.map(|entry| entry.map_or_else(|error| stop(directory, error), |entry| entry.path())).collect()
}

fn stop(path: &Path, error: impl fmt::Display) -> ! {
    #[expect(clippy::panic, reason = "a test that cannot read its data has failed")]
    {
        panic!("{}: {error}", path.display())
    }
}
