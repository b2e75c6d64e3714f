//! A log of what passes on a connection: its bytes, cut into frames again.

use std::io::{Write, stderr};

use milter_proto::transcript::Line;
use milter_proto::wire::{Assembler, Direction, Outgoing};

/// Shows one direction of a connection on standard error, a line a frame.
#[derive(Debug)]
pub(crate) struct Tap {
    direction: Direction,
    connection: u64,
    shows_content: bool,
    assembler: Assembler<Vec<u8>>,
}

/// A log for each direction of a connection, to the filter first, or none.
pub(crate) fn taps(connection: u64, logs: bool, shows_content: bool) -> [Option<Tap>; 2] {
    let tap = |direction| (logs || shows_content).then(|| Tap::new(direction, connection, shows_content));
    [Direction::ToFilter, Direction::ToMta].map(tap)
}

impl Tap {
    /// Listens to one direction; content is hidden unless it is to be shown.
    const fn new(direction: Direction, connection: u64, shows_content: bool) -> Self {
        Self { direction, connection, shows_content, assembler: Assembler::new(Vec::new()) }
    }

    /// Takes note of bytes that were read.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        let mut input = bytes;
        loop {
            let line = match self.assembler.next_frame(&mut input) {
                Ok(None) => return,
                Ok(Some(frame)) => Line::new(self.direction, frame),
                Err(error) => return Self::note(self.connection, &error),
            };
            let line = if self.shows_content { line } else { line.hiding_content() };
            show(self.connection, &line);
        }
    }

    /// Takes note of a frame that is to be written.
    pub(crate) fn pass_frame(&mut self, frame: &Outgoing<'_>) {
        for piece in frame.segments() {
            self.pass(piece);
        }
    }

    /// Takes note of something else.
    pub(crate) fn note(connection: u64, text: &dyn core::fmt::Display) {
        show(connection, &format_args!("# {text}"));
    }
}

/// One write a line: standard error has no buffer, and a write for each part of a line is slow.
fn show(connection: u64, text: &dyn core::fmt::Display) {
    let _ = stderr().write_all(format!("[{connection}] {text}\n").as_bytes());
}
