//! A command for a filter, and what becomes of it.

use crate::message::envelope::without_brackets;
use crate::mta::{Sent, VerdictKind};
use crate::order::CommandKind;
use crate::wire::{Command, CommandBuf, Text};

/// A command to send.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) command: CommandBuf,
    /// It is a recipient that the MTA itself refused.
    pub(super) is_rejected: bool,
}

/// What the session says about a command, without the frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plan {
    Write,
    WriteAbort,
    Skip(VerdictKind),
    Resend,
}

impl Plan {
    pub(super) fn of(sent: &Sent<'_>) -> Self {
        match sent {
            Sent::Frame(frame) if *frame == Command::Abort.encode() => Self::WriteAbort,
            Sent::Frame(_) => Self::Write,
            Sent::Skipped { answer, .. } => Self::Skip(*answer),
            Sent::ResendEnvelope(_) => Self::Resend,
        }
    }
}

/// An address without its angle brackets.
pub(super) fn mailbox(address: Text<'_>) -> Option<Text<'_>> {
    Text::new(without_brackets(address.as_bytes())).ok()
}

/// Whether a command is about a message that MAIL began.
pub(super) fn is_of_message(command: &Command<'_>) -> bool {
    CommandKind::from_command(command).is_some_and(CommandKind::is_of_message)
}
