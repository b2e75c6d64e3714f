//! A filter over `embedded-io`: `core` only, in three buffers that the caller lends.
//!
//! Timeouts are up to the transport: `Read` and `Write` should fail after a while. libmilter waits for 7210 s
//! (`Timeouts::LIBMILTER`).

use embedded_io::{Read, Write};
use milter_proto::NegotiateError;
use milter_proto::filter::Options;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Assembler, Command, OutgoingFrame, Response};
use milter_proto::{FilterSession, Misuse, ReceiveError, filter};
use thiserror::Error;

/// The decisions of a filter.
pub(crate) trait Filter {
    /// The options to negotiate: which commands to receive, and which edits to make.
    fn options(&self) -> Options<'_>;

    /// The next response to a command. It is called until it returns a verdict: first for the edits, then for the verdict.
    /// `sent` is the number of responses so far, so that nothing has to be stored in between.
    fn reply(&self, command: &Command<'_>, sent: usize) -> Response<'_>;
}

/// Memory for one connection. Its content does not matter, but no buffer may be empty.
#[derive(Debug)]
pub(crate) struct Buffers<'b> {
    /// Collects a frame that was cut by reads. A frame whose payload is larger than this ends the
    /// connection: body chunks have up to 65,535 bytes, and envelope commands rarely more than 1000.
    pub(crate) cut: &'b mut [u8],
    /// Receives the bytes of one read.
    pub(crate) read: &'b mut [u8],
    /// Collects the replies of a turn. If they do not fit, they are written in parts.
    pub(crate) write: &'b mut [u8],
}

/// Answers an MTA until one of the two leaves.
///
/// # Errors
/// [`Error`]. The replies before it have been written, unless that failed.
pub(crate) fn serve<C, F>(
    connection: &mut C,
    filter: &F,
    buffers: Buffers<'_>,
) -> Result<filter::Ending, Error<C::Error>>
where
    C: Read + Write,
    F: Filter,
{
    let mut session = FilterSession::new();
    let mut assembler = Assembler::new(buffers.cut);
    let mut turn = Turn { connection, buffer: buffers.write, used: 0 };
    while session.turn() != filter::Turn::Closed {
        let count = turn.connection.read(buffers.read).map_err(Error::Read)?;
        let input = buffers.read.get(..count).unwrap_or_default();
        if input.is_empty() {
            break;
        }
        let result = answer(input, &mut session, &mut assembler, filter, &mut turn);
        turn.flush()?;
        result?;
    }
    Ok(session.disconnect(assembler.pending()))
}

/// Bytes in, events out; replies in, bytes out.
fn answer<C, F>(
    mut input: &[u8],
    session: &mut FilterSession,
    assembler: &mut Assembler<&mut [u8]>,
    filter: &F,
    turn: &mut Turn<'_, C>,
) -> Result<(), Error<C::Error>>
where
    C: Read + Write,
    F: Filter,
{
    while let Some(event) = session.next_event(assembler, &mut input)? {
        if session.turn() == filter::Turn::Reply(CommandKind::Negotiate) {
            turn.push(&session.negotiate(&filter.options())?.frame)?;
        }
        let mut sent = 0_usize;
        while let filter::Turn::Reply(_) = session.turn() {
            turn.push(&session.send(filter.reply(&event.command, sent))?)?;
            sent = sent.wrapping_add(1);
        }
    }
    Ok(())
}

/// Replies that are written together: a write for each would wait for a delayed acknowledgement.
struct Turn<'t, C> {
    connection: &'t mut C,
    buffer: &'t mut [u8],
    used: usize,
}

impl<C: Read + Write> Turn<'_, C> {
    /// Adds a frame. If it does not fit, the buffer is written first. A frame that is larger than the whole buffer is not
    /// copied.
    fn push(&mut self, frame: &OutgoingFrame<'_>) -> Result<(), Error<C::Error>> {
        if self.append(frame) {
            return Ok(());
        }
        self.send()?;
        if !self.append(frame) {
            for piece in frame.segments() {
                write_all(self.connection, piece)?;
            }
        }
        Ok(())
    }

    fn append(&mut self, frame: &OutgoingFrame<'_>) -> bool {
        let free = self.buffer.get_mut(self.used..).unwrap_or_default();
        let written = frame.write_to(free);
        self.used = self.used.saturating_add(written.unwrap_or_default());
        written.is_ok()
    }

    fn send(&mut self) -> Result<(), Error<C::Error>> {
        let filled = self.buffer.get(..self.used).unwrap_or_default();
        self.used = 0;
        write_all(self.connection, filled)
    }

    /// Ends the turn.
    fn flush(&mut self) -> Result<(), Error<C::Error>> {
        self.send()?;
        self.connection.flush().map_err(Error::Write)
    }
}

/// Like `Write::write_all`, but without its panic if the transport accepts nothing.
fn write_all<C: Write>(connection: &mut C, mut bytes: &[u8]) -> Result<(), Error<C::Error>> {
    while !bytes.is_empty() {
        match connection.write(bytes).map_err(Error::Write)? {
            0 => return Err(Error::AcceptsNothing),
            count => bytes = bytes.get(count..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Why a connection failed. `E` is the error of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Error<E> {
    #[error("cannot read from the MTA: {0}")]
    Read(E),
    #[error("cannot write to the MTA: {0}")]
    Write(E),
    #[error("cannot write to the MTA: the transport accepts no more bytes")]
    AcceptsNothing,
    #[error("the negotiation with the MTA failed: {0}")]
    Negotiation(#[from] NegotiateError),
    #[error("cannot receive: {0}")]
    Receive(#[from] ReceiveError),
    #[error("{0}")]
    Misuse(#[from] Misuse),
}
