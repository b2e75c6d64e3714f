//! Why a connection failed.

use core::time::Duration;
use std::io;

use milter_proto::NegotiateError;
use milter_proto::message::{ChainError, FilterError};
use milter_proto::order::CommandKind;
use milter_proto::wire::{DecodeError, FrameError};
use milter_proto::{Misuse, ReceiveError, mta};
use thiserror::Error;

/// An error, as one line for the operator.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{0}: {1}")]
    File(String, #[source] io::Error),
    #[error("{0:?} contains a NUL, which cannot be sent")]
    Nul(String),
    #[error("cannot reach {0}: {1}")]
    Connect(String, #[source] io::Error),
    #[error("cannot listen at {0}: {1}")]
    Listen(String, #[source] io::Error),
    #[error("cannot read from the peer: {0}")]
    Read(#[source] io::Error),
    #[error("cannot write to the peer: {0}")]
    Write(#[source] io::Error),
    #[error("the peer sent nothing for {} s", .0.as_secs_f32())]
    Silent(Duration),
    #[error("the filter left {0} unanswered for {t} s", t = .1.as_secs_f32())]
    Unanswered(CommandKind, Duration),
    #[error("the peer accepted nothing for {} s", .0.as_secs_f32())]
    Stuck(Duration),
    #[error("the filter closed the connection")]
    Closed,
    #[error("the filter closed the connection and left {0} unanswered")]
    Left(CommandKind),
    #[error("the connection broke and left {0} unanswered: {1}")]
    Broken(CommandKind, #[source] io::Error),
    #[error("the filter sent {0} bytes while no reply was outstanding")]
    Stray(usize),
    #[error("the filter refused what was offered: it closed without an answer to OPTNEG")]
    Refused,
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("{0}")]
    Chain(#[from] ChainError),
    #[error("there is no filter {0}")]
    NoFilter(usize),
    #[error("the negotiation with the MTA failed: {0}")]
    Negotiation(#[from] NegotiateError),
    #[error("the peer sent bytes that are not a frame: {0}")]
    Stream(#[from] FrameError),
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    #[error("{0}")]
    Misuse(#[from] Misuse),
    #[error("{0}")]
    Payload(#[from] DecodeError),
    #[error("cannot receive signals: {0}")]
    Signals(#[source] io::Error),
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot start a thread: {0}")]
    Spawn(#[source] io::Error),
    #[error("a thread or task panicked")]
    Thread,
}

impl Failure {
    /// The failure of a read with this timeout.
    pub(crate) fn reading(error: io::Error, limit: Duration) -> Self {
        if is_timeout(&error) { Self::Silent(limit) } else { Self::Read(error) }
    }

    /// Fails if bytes arrived while no reply was outstanding.
    pub(crate) const fn check_stray(input: &[u8]) -> Result<(), Self> {
        match input.len() {
            0 => Ok(()),
            count => Err(Self::Stray(count)),
        }
    }

    /// Adds the command whose reply is outstanding, if there is one.
    pub(crate) fn on_turn(self, turn: mta::Turn) -> Self {
        match (self, turn) {
            (Self::Silent(limit), mta::Turn::Receive(owed)) => Self::Unanswered(owed, limit),
            (Self::Read(error) | Self::Write(error), mta::Turn::Receive(owed)) => Self::Broken(owed, error),
            (Self::Closed, mta::Turn::Receive(owed)) => Self::Left(owed),
            (other, _) => other,
        }
    }

    /// The failure of a write with this timeout.
    pub(crate) fn writing(error: io::Error, limit: Duration) -> Self {
        if is_timeout(&error) { Self::Stuck(limit) } else { Self::Write(error) }
    }
}

/// Whether a blocking socket gave up after its timeout.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
