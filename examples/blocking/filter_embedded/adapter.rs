//! A filter over `embedded-io`: `core` only, in three buffers that the caller lends.
//!
//! Time is the transport's matter. A `Read` that never gives up waits for ever, and so does a `Write`; let
//! both fail after a while. `Timeouts::LIBMILTER` says how long libmilter waits: 7210 s.

use embedded_io::{Read, Write};
use milter_proto::NegotiateError;
use milter_proto::filter::Options;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Assembler, Command, OutgoingFrame, Response};
use milter_proto::{FilterSession, Misuse, ReceiveError, filter};
use thiserror::Error;

/// What a filter has to decide.
pub(crate) trait Filter {
    /// What to negotiate: the commands that are to be heard, and what may be done.
    fn wishes(&self) -> Options<'_>;

    /// What to say to a command. It is asked again, with one response more that was `said`, until it
    /// gives a verdict: first the edits, then the verdict, and nothing has to be kept in between.
    fn reply(&self, command: &Command<'_>, said: usize) -> Response<'_>;
}

/// Memory for one connection. What is in it does not matter, and none of it may be empty.
#[derive(Debug)]
pub(crate) struct Buffers<'b> {
    /// Collects a frame that was cut by reads. A frame whose payload is larger than this ends the
    /// connection: body chunks have up to 65,535 bytes, and envelope commands rarely more than 1000.
    pub(crate) cut: &'b mut [u8],
    /// What one read may give.
    pub(crate) read: &'b mut [u8],
    /// Gathers the replies of a turn. If they are more than this, they go out in several writes.
    pub(crate) write: &'b mut [u8],
}

/// Answers an MTA until one of the two leaves.
///
/// # Errors
/// [`Error`]. What was said before it has been written, unless that is what failed.
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
            turn.push(&session.negotiate(&filter.wishes())?.frame)?;
        }
        let mut said = 0_usize;
        while let filter::Turn::Reply(_) = session.turn() {
            turn.push(&session.send(filter.reply(&event.command, said))?)?;
            said = said.wrapping_add(1);
        }
    }
    Ok(())
}

/// Replies that go out together: a write for each costs a delayed acknowledgement.
struct Turn<'t, C> {
    connection: &'t mut C,
    buffer: &'t mut [u8],
    used: usize,
}

impl<C: Read + Write> Turn<'_, C> {
    /// Adds a frame. If there is no room, what was gathered goes out first; a frame that is larger than
    /// the whole buffer is written from where it lies.
    fn push(&mut self, frame: &OutgoingFrame<'_>) -> Result<(), Error<C::Error>> {
        if self.gather(frame) {
            return Ok(());
        }
        self.send()?;
        if !self.gather(frame) {
            for piece in frame.segments() {
                write_all(self.connection, piece)?;
            }
        }
        Ok(())
    }

    fn gather(&mut self, frame: &OutgoingFrame<'_>) -> bool {
        let free = self.buffer.get_mut(self.used..).unwrap_or_default();
        let written = frame.write_to(free);
        self.used = self.used.saturating_add(written.unwrap_or_default());
        written.is_ok()
    }

    fn send(&mut self) -> Result<(), Error<C::Error>> {
        let gathered = self.buffer.get(..self.used).unwrap_or_default();
        self.used = 0;
        write_all(self.connection, gathered)
    }

    /// Ends the turn.
    fn flush(&mut self) -> Result<(), Error<C::Error>> {
        self.send()?;
        self.connection.flush().map_err(Error::Write)
    }
}

/// `Write::write_all` panics where a transport takes nothing, and this does not.
fn write_all<C: Write>(connection: &mut C, mut bytes: &[u8]) -> Result<(), Error<C::Error>> {
    while !bytes.is_empty() {
        match connection.write(bytes).map_err(Error::Write)? {
            0 => return Err(Error::TakesNothing),
            count => bytes = bytes.get(count..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Why a conversation ended before its time. `E` is the transport's own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Error<E> {
    #[error("cannot read from the MTA: {0}")]
    Read(E),
    #[error("cannot write to the MTA: {0}")]
    Write(E),
    #[error("cannot write to the MTA: the transport takes no more bytes")]
    TakesNothing,
    #[error("nothing can be agreed with the MTA: {0}")]
    Negotiation(#[from] NegotiateError),
    #[error("the MTA is wrong: {0}")]
    Receive(#[from] ReceiveError),
    #[error("the filter is wrong: {0}")]
    Misuse(#[from] Misuse),
}
