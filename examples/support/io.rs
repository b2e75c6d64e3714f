//! The two halves of a blocking connection: reader and writer.

use core::time::Duration;
use std::io::{self, IoSlice, Write};

use milter_proto::wire::OutgoingFrame;

use super::failure::{Failure, is_timeout};
use super::pool::{Lent, Pool};
use super::spec::{Socket, read_now};
use super::tap::Tap;

/// How long a buffer is kept while the peer sends nothing.
const SILENCE: Duration = Duration::from_secs(1);
/// The size of the first read after a silence. Macros and an address fit into it.
const FIRST: usize = 1024;
/// Frames of at least this size are written without a copy; smaller ones are copied into the output buffer.
pub(super) const LARGE: usize = 4096;
/// A turn that is longer than this is written in parts: a peer can ask for much more than it reads.
pub(super) const TURN: usize = 65_536;

/// Reads into a buffer that is borrowed from the pool while bytes arrive: a silent connection has none.
#[derive(Debug)]
pub(crate) struct Reader<'c> {
    socket: &'c Socket,
    pool: &'c Pool,
    tap: Option<Tap>,
    buffer: Option<Lent<'c>>,
    /// The buffer for the first bytes after a silence.
    first: [u8; FIRST],
    /// Nothing has arrived for a while.
    is_silent: bool,
    /// Nothing is likely to arrive soon.
    is_idle: bool,
    /// The timeout that the socket has.
    timeout: Duration,
}

impl<'c> Reader<'c> {
    pub(crate) const fn new(socket: &'c Socket, pool: &'c Pool, tap: Option<Tap>) -> Self {
        let timeout = Duration::ZERO;
        Self { socket, pool, tap, buffer: None, first: [0; FIRST], is_silent: false, is_idle: false, timeout }
    }

    /// Returns the buffer to the pool until bytes arrive, for example between two messages.
    pub(crate) fn release(&mut self) {
        self.buffer = None;
        self.is_idle = true;
    }

    /// Reads once. No bytes: the end of the stream. `None`: nothing arrived for a second, and the buffer was returned to the
    /// pool. Call again.
    ///
    /// # Errors
    /// [`Failure::Silent`] if nothing arrives within `limit`.
    pub(crate) fn read(&mut self, limit: Duration) -> Result<Option<&[u8]>, Failure> {
        let timeout = if self.is_silent { limit.saturating_sub(SILENCE) } else { limit.min(SILENCE) };
        self.wait_for(timeout.max(Duration::from_millis(1))).map_err(Failure::Read)?;
        match self.socket.read_once(self.room()) {
            Ok(count) => {
                let bytes = match &self.buffer {
                    Some(buffer) => buffer.get(..count),
                    None => self.first.get(..count),
                };
                (self.is_silent, self.is_idle) = (false, false);
                let bytes = bytes.unwrap_or_default();
                if let Some(tap) = &mut self.tap {
                    tap.pass(bytes);
                }
                Ok(Some(bytes))
            }
            Err(error) if is_timeout(&error) && !self.is_silent && limit > SILENCE => {
                self.buffer = None;
                self.is_silent = true;
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

    /// The buffer for the next read.
    fn room(&mut self) -> &mut [u8] {
        if self.is_silent || self.is_idle {
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

/// Collects the frames of a turn, and writes them at once.
///
/// If a turn is written in parts, each part may wait for the peer's delayed acknowledgement of the one before: 40 ms.
#[derive(Debug)]
pub(crate) struct Writer<'c> {
    socket: &'c Socket,
    tap: Option<Tap>,
    out: Vec<u8>,
    limit: Duration,
}

impl<'c> Writer<'c> {
    /// Writes to a socket. A write fails if the peer accepts nothing within `limit`.
    pub(crate) fn new(socket: &'c Socket, tap: Option<Tap>, limit: Duration) -> Result<Self, Failure> {
        socket.set_write_timeout(slice_of(limit)).map_err(Failure::Write)?;
        Ok(Self { socket, tap, out: Vec::new(), limit })
    }

    /// Adds a frame to the turn. A large one is not copied, but written at once, after the frames before it.
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

    /// Writes the output buffer, and clears it even if the write fails.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let result = write_all(self.socket, &mut [IoSlice::new(&self.out)], self.limit);
        self.out.clear();
        result
    }
}

/// The output buffer and a frame after it, for one vectored write.
pub(super) fn pieces<'a>(
    buffered: &'a [u8],
    frame: &'a OutgoingFrame<'_>,
) -> [IoSlice<'a>; 1 + OutgoingFrame::MAX_SEGMENTS] {
    let mut slots = [IoSlice::new(&[]); 1 + OutgoingFrame::MAX_SEGMENTS];
    let pieces = [buffered].into_iter().chain(frame.segments());
    slots.iter_mut().zip(pieces).for_each(|(slot, piece)| *slot = IoSlice::new(piece));
    slots
}

/// The timeout of one system call, as a part of the whole limit.
fn slice_of(limit: Duration) -> Duration {
    limit.checked_div(8).unwrap_or(limit).clamp(Duration::from_millis(1), SILENCE)
}

/// Writes all pieces, in as few calls as the kernel allows.
///
/// If the peer accepts only a part, the call returns after the timeout of the socket, and does not tell when the part was
/// accepted. So the socket has a short timeout, and `limit` counts from the last progress.
fn write_all(mut socket: &Socket, pieces: &mut [IoSlice<'_>], limit: Duration) -> Result<(), Failure> {
    let mut rest = pieces;
    // Removes empty pieces: there is nothing to wait for.
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
