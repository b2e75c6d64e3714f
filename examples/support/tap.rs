//! The log of a connection's frames, and the capture of its bytes.

use std::fs::{self, File};
use std::io::{self, Write, stderr};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use milter_proto::transcript::Line;
use milter_proto::wire::{Assembler, Direction, OutgoingFrame};
use serde_json::json;

/// Options for logs and captures.
#[derive(Clone, Debug, Args)]
pub(crate) struct Logs {
    /// Show every frame on standard error, with sizes in the place of content
    #[arg(long)]
    log: bool,
    /// Show every frame with its content
    #[arg(long)]
    log_content: bool,
    /// Record each connection as a capture in that folder, for the example `dump`. It contains addresses and content
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
}

impl Logs {
    /// Whether frames are shown.
    pub(crate) const fn shows(&self) -> bool {
        self.log || self.log_content
    }

    /// The taps of a connection, if it is logged or recorded: to the filter, then to the MTA.
    pub(crate) fn taps(&self, connection: u64) -> [Option<Tap>; 2] {
        let record = self.record.as_deref().map(|folder| Record::new(folder, connection));
        let record = record.and_then(|record| record.map_err(|error| Tap::note(connection, &error)).ok());
        let record = record.map(Arc::new);
        let shows = self.shows().then_some(self.log_content);
        [Direction::ToFilter, Direction::ToMta].map(|direction| {
            let record = record.clone();
            let tap = || Tap { direction, connection, shows, record, assembler: Assembler::new(Vec::new()) };
            (shows.is_some() || self.record.is_some()).then(tap)
        })
    }
}

/// Follows one direction of a connection.
#[derive(Debug)]
pub(crate) struct Tap {
    direction: Direction,
    connection: u64,
    /// Whether frames are shown on standard error, and if so, whether with their content.
    shows: Option<bool>,
    record: Option<Arc<Record>>,
    assembler: Assembler<Vec<u8>>,
}

impl Tap {
    /// Logs and records bytes. No bytes: the peer has closed.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        if let Some(record) = &self.record {
            record.pass(self.direction, bytes).unwrap_or_else(|error| Self::note(self.connection, &error));
        }
        if let Some(with_content) = self.shows {
            self.show(bytes, with_content);
        }
    }

    fn show(&mut self, mut input: &[u8], with_content: bool) {
        loop {
            let line = match self.assembler.next_frame(&mut input) {
                Ok(None) => return,
                Ok(Some(frame)) => Line::new(self.direction, frame),
                // The reader of the stream gets the same error, and reports it.
                Err(_) => return,
            };
            let line = if with_content { line } else { line.hiding_content() };
            show(self.connection, &line);
        }
    }

    /// Logs and records a frame that will be written.
    pub(crate) fn pass_frame(&mut self, frame: &OutgoingFrame<'_>) {
        self.pass(&frame.segments().flatten().copied().collect::<Vec<_>>());
    }

    /// Logs a remark.
    pub(crate) fn note(connection: u64, text: &dyn core::fmt::Display) {
        show(connection, &format_args!("# {text}"));
    }
}

/// A capture of one connection, in the format that tests/captures/README.md describes.
#[derive(Debug)]
struct Record {
    file: File,
    since: Instant,
}

impl Record {
    /// Creates a capture. The process id in its name keeps several runs apart.
    fn new(folder: &Path, connection: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{}-{connection:06}.jsonl", process::id()));
        let record = Self { file: File::create(path)?, since: Instant::now() };
        let program = env!("CARGO_BIN_NAME");
        let is_mta = program.starts_with("mta_");
        let [mta, filter] = if is_mta { [program, "unknown"] } else { ["unknown", program] };
        record.write(&json!({ "mta": mta, "filter": filter }))?;
        Ok(record)
    }

    fn pass(&self, direction: Direction, bytes: &[u8]) -> io::Result<()> {
        let side = if direction == Direction::ToFilter { "mta" } else { "filter" };
        let time = self.since.elapsed().as_secs_f64();
        self.write(&match bytes {
            [] => json!({ "dir": side, "t": time, "event": "eof" }),
            _ => json!({ "dir": side, "t": time, "hex": hex::encode(bytes) }),
        })
    }

    /// Writes each line in one call, so that lines of the two directions do not mix.
    fn write(&self, line: &serde_json::Value) -> io::Result<()> {
        (&self.file).write_all(format!("{line}\n").as_bytes())
    }
}

/// Writes a line in one call: standard error has no buffer, and a call for each part would be slow.
fn show(connection: u64, text: &dyn core::fmt::Display) {
    let _ = stderr().write_all(format!("[{connection}] {text}\n").as_bytes());
}
