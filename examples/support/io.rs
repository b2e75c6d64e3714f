//! The two halves of a blocking connection: what is read, and what is written.

use core::time::Duration;
use std::io::{self, IoSlice, Write};

use milter_proto::wire::OutgoingFrame;

use super::failure::{Failure, is_timeout};
use super::pool::{Lent, Pool};
use super::spec::{Socket, read_now};
use super::tap::Tap;

/// How long a buffer is kept for a peer that says nothing.
const REST: Duration = Duration::from_secs(1);
/// Bytes for what ends a silence: macros and an address fit in, so that one read takes them.
const FIRST: usize = 1024;
/// Frames of this size and more are written from where they lie; smaller ones are gathered.
pub(super) const LARGE: usize = 4096;
/// A turn that is longer than this goes out in pieces: a peer can ask for much more than it reads.
pub(super) const TURN: usize = 65_536;

/// Reads into a buffer that is lent while something comes: a silent connection holds none.
#[derive(Debug)]
pub(crate) struct Reader<'c> {
    socket: &'c Socket,
    pool: &'c Pool,
    tap: Option<Tap>,
    buffer: Option<Lent<'c>>,
    /// Takes the first bytes after a silence.
    first: [u8; FIRST],
    /// Nothing came for a while.
    rests: bool,
    /// Nothing is likely to come soon.
    is_idle: bool,
    /// The timeout that the socket has.
    timeout: Duration,
}

impl<'c> Reader<'c> {
    pub(crate) const fn new(socket: &'c Socket, pool: &'c Pool, tap: Option<Tap>) -> Self {
        let timeout = Duration::ZERO;
        Self { socket, pool, tap, buffer: None, first: [0; FIRST], rests: false, is_idle: false, timeout }
    }

    /// Gives the buffer back until something comes: between two messages, say.
    pub(crate) fn release(&mut self) {
        self.buffer = None;
        self.is_idle = true;
    }

    /// Reads once; no bytes are the end of the stream. `None`: nothing came for a second, and the
    /// buffer was given back. Call again.
    ///
    /// # Errors
    /// [`Failure::Silent`] if nothing comes within `limit`.
    pub(crate) fn read(&mut self, limit: Duration) -> Result<Option<&[u8]>, Failure> {
        let timeout = if self.rests { limit.saturating_sub(REST) } else { limit.min(REST) };
        self.wait_for(timeout.max(Duration::from_millis(1))).map_err(Failure::Read)?;
        match self.socket.read_once(self.room()) {
            Ok(count) => {
                let bytes = match &self.buffer {
                    Some(buffer) => buffer.get(..count),
                    None => self.first.get(..count),
                };
                (self.rests, self.is_idle) = (false, false);
                let bytes = bytes.unwrap_or_default();
                if let Some(tap) = &mut self.tap {
                    tap.pass(bytes);
                }
                Ok(Some(bytes))
            }
            Err(error) if is_timeout(&error) && !self.rests && limit > REST => {
                self.buffer = None;
                self.rests = true;
                Ok(None)
            }
            Err(error) => Err(Failure::reading(error, limit)),
        }
    }

    /// Reads what has arrived, without waiting.
    pub(crate) fn read_now(&mut self) -> Result<&[u8], Failure> {
        let count = read_now(self.socket, &mut self.first).map_err(Failure::Read)?.unwrap_or(0);
        let bytes = self.first.get(..count).unwrap_or_default();
        if let (Some(tap), true) = (&mut self.tap, count > 0) {
            tap.pass(bytes);
        }
        Ok(bytes)
    }

    /// Where to read to.
    fn room(&mut self) -> &mut [u8] {
        if self.rests || self.is_idle {
            return &mut self.first;
        }
        self.buffer.get_or_insert_with(|| self.pool.lend())
    }

    fn wait_for(&mut self, timeout: Duration) -> io::Result<()> {
        if self.timeout != timeout {
            self.socket.set_read_timeout(timeout)?;
            self.timeout = timeout;
        }
        Ok(())
    }
}

/// Gathers the frames of a turn, and writes them at once.
///
/// Who writes a turn in pieces waits for the peer's delayed acknowledgement in between: 40 ms a turn.
#[derive(Debug)]
pub(crate) struct Writer<'c> {
    socket: &'c Socket,
    tap: Option<Tap>,
    out: Vec<u8>,
    limit: Duration,
}

impl<'c> Writer<'c> {
    /// Writes to a socket that takes something within `limit`.
    pub(crate) fn new(socket: &'c Socket, tap: Option<Tap>, limit: Duration) -> Result<Self, Failure> {
        socket.set_write_timeout(slice_of(limit)).map_err(Failure::Write)?;
        Ok(Self { socket, tap, out: Vec::new(), limit })
    }

    /// Adds a frame to the turn. A large one is not copied, but written with what was gathered.
    pub(crate) fn push(&mut self, frame: &OutgoingFrame<'_>) -> Result<(), Failure> {
        if let Some(tap) = &mut self.tap {
            tap.pass_frame(frame);
        }
        if frame.len() < LARGE {
            frame.append_to(&mut self.out);
            return if self.out.len() < TURN { Ok(()) } else { self.flush() };
        }
        let result = write_all(self.socket, &mut pieces(&self.out, frame), self.limit);
        self.out.clear();
        result
    }

    /// Writes what was gathered. What could not be written is not tried again.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let result = write_all(self.socket, &mut [IoSlice::new(&self.out)], self.limit);
        self.out.clear();
        result
    }
}

/// What was gathered, and a frame behind it, from where they lie.
pub(super) fn pieces<'a>(
    gathered: &'a [u8],
    frame: &'a OutgoingFrame<'_>,
) -> [IoSlice<'a>; 1 + OutgoingFrame::MAX_SEGMENTS] {
    let mut slots = [IoSlice::new(&[]); 1 + OutgoingFrame::MAX_SEGMENTS];
    let pieces = [gathered].into_iter().chain(frame.segments());
    slots.iter_mut().zip(pieces).for_each(|(slot, piece)| *slot = IoSlice::new(piece));
    slots
}

/// How long one call may wait, of what all of them may.
fn slice_of(limit: Duration) -> Duration {
    limit.checked_div(8).unwrap_or(limit).clamp(Duration::from_millis(1), REST)
}

/// Writes all pieces, in as few calls as the kernel allows.
///
/// A write that took a part of them returns once the socket's own timeout is over, and does not say when
/// that part was taken. So that timeout is short, and `limit` is counted from the last part.
fn write_all(mut socket: &Socket, pieces: &mut [IoSlice<'_>], limit: Duration) -> Result<(), Failure> {
    let mut rest = pieces;
    // Empty pieces are nothing to wait for.
    IoSlice::advance_slices(&mut rest, 0);
    let mut silent = Duration::ZERO;
    while !rest.is_empty() {
        match socket.write_vectored(rest) {
            Ok(0) => return Err(Failure::Write(io::ErrorKind::WriteZero.into())),
            Ok(count) => {
                IoSlice::advance_slices(&mut rest, count);
                silent = Duration::ZERO;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => {
                silent = silent.saturating_add(slice_of(limit));
                if silent >= limit {
                    return Err(Failure::writing(error, limit));
                }
            }
            Err(error) => return Err(Failure::writing(error, limit)),
        }
    }
    Ok(())
}
