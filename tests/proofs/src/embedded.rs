//! The example `filter_embedded`, over a transport of this program.

use core::convert::Infallible;
use core::hint::black_box;

use milter_proto::filter::Options;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Command, Edit, Response, Text, Verdict};

use crate::Failed;
use crate::adapter::{Buffers, Error, Filter, serve};

/// OPTNEG, two recipients of one message, its end, and QUIT.
const TO_FILTER: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x05Ra@b\0\0\0\0\x05Rc@d\0\
\0\0\0\x01E\0\0\0\x01Q";
const TO_MTA: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x01\0\0\x03\x77\0\0\0\x01c\0\0\0\x01r\
\0\0\0\x0chX-Seen\0yes\0\0\0\0\x01c";

/// A connection cut into small pieces, with buffers so small that replies go out in between, and with
/// one that holds a turn; then one that accepts no bytes, and one that brings any bytes at all.
pub fn embedded() -> Result<(), Failed> {
    for (step, piece, room) in [(120, 1, 8), (130, 7, 16), (140, 64, 64)] {
        let mut line = Line::new(TO_FILTER, piece, 256);
        let ending = talk(&mut line, room).map_err(|_| Failed(step))?;
        if !ending.clean || ending.in_frame || line.written() != TO_MTA {
            return Err(Failed(step.wrapping_add(1)));
        }
    }
    if talk(&mut Line::new(TO_FILTER, 64, 20), 64) != Err(Error::AcceptsNothing) {
        return Err(Failed(150));
    }
    // A frame that is larger than the memory for cut frames.
    if !matches!(talk(&mut Line::new(b"\0\0\x10\0M", 3, 20), 64), Err(Error::Receive(_))) {
        return Err(Failed(151));
    }
    black_box(talk(&mut Line::new(&[0x4f; 64], 64, 20), 64).is_ok());
    Ok(())
}

fn talk(line: &mut Line, room: usize) -> Result<milter_proto::filter::Ending, Error<Infallible>> {
    let (mut cut, mut read, mut write) = ([0; 64], [0; 64], [0; 64]);
    let write = write.get_mut(..black_box(room)).unwrap_or_default();
    serve(line, black_box(&Recipient(b"c@d")), Buffers { cut: &mut cut, read: &mut read, write })
}

/// Refuses one recipient, and adds a header.
struct Recipient(&'static [u8]);

impl Filter for Recipient {
    fn options(&self) -> Options<'_> {
        Options::new([CommandKind::RcptTo]).require(Actions::ADD_HEADERS)
    }

    fn reply(&self, command: &Command<'_>, sent: usize) -> Response<'_> {
        let text = |text| Text::new(text).unwrap_or_default();
        match (command, sent) {
            (Command::RcptTo { address, .. }, _) if address.as_bytes() == self.0 => Verdict::Reject.into(),
            (Command::EndOfMessage { .. }, 0) => {
                Edit::AddHeader { name: text(b"X-Seen"), value: text(b"yes") }.into()
            }
            _ => Verdict::Continue.into(),
        }
    }
}

/// Gives at most `piece` bytes a read, takes as many a write, and `room` bytes in all.
struct Line {
    unread: &'static [u8],
    piece: usize,
    bytes: [u8; 256],
    used: usize,
    room: usize,
}

impl Line {
    fn new(unread: &'static [u8], piece: usize, room: usize) -> Self {
        Self { unread: black_box(unread), piece: black_box(piece), bytes: [0; 256], used: 0, room }
    }

    fn written(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

impl embedded_io::ErrorType for Line {
    type Error = Infallible;
}

impl embedded_io::Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let count = self.piece.min(buffer.len()).min(self.unread.len());
        let Some(((new, rest), target)) = self.unread.split_at_checked(count).zip(buffer.get_mut(..count))
        else {
            return Ok(0);
        };
        target.copy_from_slice(new);
        self.unread = rest;
        Ok(count)
    }
}

impl embedded_io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let count = self.piece.min(bytes.len()).min(self.room.saturating_sub(self.used));
        let free = self.bytes.get_mut(self.used..).and_then(|free| free.get_mut(..count));
        let Some((target, new)) = free.zip(bytes.get(..count)) else { return Ok(0) };
        target.copy_from_slice(new);
        self.used = self.used.saturating_add(count);
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
