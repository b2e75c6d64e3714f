//! The MTA of all measurements: it plays a script, and checks what filters answer.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use milter_proto::mta::Sent;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Assembler, Command, Verdict};
use milter_proto::{MtaSession, mta};

use crate::server::edits;

/// Frames that go out in one write where no reply is awaited.
const IN_A_ROW: usize = 64;

/// One connection.
pub struct Mta<'s> {
    commands: &'s [Command<'static>],
    socket: UnixStream,
    session: MtaSession,
    assembler: Assembler<Vec<u8>>,
    out: Vec<u8>,
    next: usize,
    edits: usize,
}

impl<'s> Mta<'s> {
    /// Connects, and says nothing yet.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn connect(path: &Path, commands: &'s [Command<'static>]) -> io::Result<Self> {
        Ok(Self {
            commands,
            socket: UnixStream::connect(path)?,
            session: MtaSession::with_policy(mta::Policy::POSTFIX),
            assembler: Assembler::new(Vec::new()),
            out: Vec::new(),
            next: 0,
            edits: 0,
        })
    }

    /// Plays the whole script, and waits until the filter has closed.
    ///
    /// # Errors
    /// If the filter says anything that the script does not have.
    pub fn play(mut self) -> io::Result<()> {
        self.play_to(self.commands.len())?;
        self.finish()
    }

    /// Plays the script up to a command, without it.
    ///
    /// # Errors
    /// As [`play`](Self::play).
    pub fn play_to(&mut self, end: usize) -> io::Result<()> {
        while self.talk(end)? {
            self.listen()?;
        }
        Ok(())
    }

    /// Says what can be said at once. `false`: there is nothing left.
    ///
    /// # Errors
    /// If the socket or the session takes none of it.
    pub fn talk(&mut self, end: usize) -> io::Result<bool> {
        let commands = self.commands.get(self.next..end).unwrap_or_default();
        let mut gathered = 0;
        for command in commands {
            if self.session.turn() != mta::Turn::Send || gathered == IN_A_ROW {
                break;
            }
            self.next += 1;
            if let Sent::Frame(frame) = self.session.send(*command).map_err(io::Error::other)? {
                frame.append_to(&mut self.out);
                gathered += 1;
            }
        }
        self.socket.write_all(&self.out)?;
        self.out.clear();
        Ok(!commands.is_empty())
    }

    /// Hears what is owed.
    ///
    /// # Errors
    /// As [`play`](Self::play).
    pub fn listen(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while let mta::Turn::Receive(owed) = self.session.turn() {
            let count = self.socket.read(&mut buffer)?;
            if count == 0 {
                return Err(io::Error::other(format!("the filter left, and owes a reply to {owed}")));
            }
            let mut input = &buffer[..count];
            while let Some(reaction) =
                self.session.next_event(&mut self.assembler, &mut input).map_err(io::Error::other)?
            {
                self.edits += usize::from(is_expected(&reaction)?);
            }
        }
        Ok(())
    }

    /// Waits for the end of the stream, and looks whether all edits came.
    ///
    /// # Errors
    /// If they did not.
    pub fn finish(mut self) -> io::Result<()> {
        let expected = edits().len();
        if self.edits != expected {
            return Err(io::Error::other(format!("{} edits came, not {expected}", self.edits)));
        }
        let rest = self.socket.read(&mut [0; 16])?;
        if rest == 0 { Ok(()) } else { Err(io::Error::other("something came behind the end")) }
    }
}

/// Whether it is an edit; an error if the script has no such thing.
fn is_expected(reaction: &mta::Event<'_>) -> io::Result<bool> {
    match reaction {
        mta::Event::Negotiated { .. } => Ok(false),
        mta::Event::Edit { edit, .. } if edits().contains(edit) => Ok(true),
        mta::Event::Verdict { verdict: Verdict::Continue, .. } => Ok(false),
        mta::Event::Verdict { verdict: Verdict::Accept, command: CommandKind::EndOfMessage, .. } => Ok(false),
        other => Err(io::Error::other(format!("not in the script: {other:?}"))),
    }
}
