//! The connection to a filter under test.

use core::time::Duration;
use std::io::{self, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Instant;

use milter_proto::conformance::{Action, Input, Patience};

use crate::bench::Limits;
use crate::signals;
use crate::spec::{Socket, Spec};

/// How long to try again when a filter does not accept connections before a scenario: it may be restarted by a supervisor.
const RESTART: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// What happened, without the bytes.
#[derive(Debug)]
enum Happened {
    Done,
    Connected,
    ConnectFailed(String),
    Received(usize),
    Closed,
    TimedOut,
}

/// The last thing that happened in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// A connection was refused.
    Refused,
    TimedOut,
    /// The filter closed the connection.
    Closed,
    Other,
}

impl Last {
    pub(crate) const fn of(input: Input<'_>) -> Self {
        match input {
            Input::ConnectFailed(_) => Self::Refused,
            Input::TimedOut => Self::TimedOut,
            Input::Closed => Self::Closed,
            Input::Start
            | Input::Done
            | Input::Connected
            | Input::Accepted
            | Input::Received(_)
            | Input::SmtpReply(_)
            | Input::SmtpClosed
            | Input::Delivered(_)
            | _ => Self::Other,
        }
    }
}

/// One connection at a time to a filter.
#[derive(Debug)]
pub(crate) struct Link<'t> {
    spec: &'t Spec,
    limits: Limits,
    socket: Option<Socket>,
    buffer: Vec<u8>,
    happened: Happened,
    /// Whether the scenario has connected before.
    has_connected: bool,
    /// Whether it waited in vain for something that must come.
    pub(crate) has_timed_out: bool,
    /// Why the first connection could not be opened.
    pub(crate) unreachable: Option<String>,
    /// A connection was refused: the filter has died, and may have been started again.
    pub(crate) has_died: bool,
}

impl<'t> Link<'t> {
    pub(crate) fn new(spec: &'t Spec, limits: Limits) -> Self {
        Self {
            spec,
            limits,
            socket: None,
            buffer: vec![0; 65_536],
            happened: Happened::Done,
            has_connected: false,
            has_timed_out: false,
            unreachable: None,
            has_died: false,
        }
    }

    /// Does what a run asks for. `false`: the run is over.
    pub(crate) fn act(&mut self, action: Action) -> bool {
        self.happened = match action {
            Action::Connect => self.connect(),
            Action::Send(bytes) => self.send(&bytes),
            Action::Receive(patience) => self.receive(patience),
            Action::Shutdown => {
                // The peer may have closed it.
                let _ = self.socket.as_ref().map(|socket| socket.shutdown(Shutdown::Write));
                Happened::Done
            }
            Action::Close => {
                self.socket = None;
                Happened::Done
            }
            _ => {
                self.socket = None;
                return false;
            }
        };
        true
    }

    /// What happened then.
    pub(crate) fn input(&self) -> Input<'_> {
        match &self.happened {
            Happened::Done => Input::Done,
            Happened::Connected => Input::Connected,
            Happened::ConnectFailed(why) => Input::ConnectFailed(why),
            Happened::Received(count) => Input::Received(self.buffer.get(..*count).unwrap_or_default()),
            Happened::Closed => Input::Closed,
            Happened::TimedOut => Input::TimedOut,
        }
    }

    /// What happened last.
    pub(crate) fn last(&self) -> Last {
        Last::of(self.input())
    }

    /// Before the scenario, the filter may take its time to start again. Within the scenario, a refused connection shows
    /// that it died.
    fn connect(&mut self) -> Happened {
        self.socket = None;
        let begun = Instant::now();
        loop {
            match self.spec.connect(self.limits.timeout) {
                Ok(socket) => {
                    self.has_connected = true;
                    // A filter that does not read is shown by what it does not send.
                    let _ = socket.set_write_timeout(self.limits.timeout);
                    self.socket = Some(socket);
                    return Happened::Connected;
                }
                Err(_) if !self.has_connected && begun.elapsed() < RESTART && signals::caught().is_none() => {
                    self.has_died = true;
                    thread::sleep(PAUSE);
                }
                Err(error) => {
                    self.has_died = true;
                    let why = error.to_string();
                    if !self.has_connected {
                        self.unreachable = Some(why.clone());
                    }
                    return Happened::ConnectFailed(why);
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Happened {
        if let Some(mut socket) = self.socket.as_ref() {
            let _ = socket.write_all(bytes);
        }
        Happened::Done
    }

    fn receive(&mut self, patience: Patience) -> Happened {
        let Some(socket) = &self.socket else { return Happened::Closed };
        match read_within(socket, &mut self.buffer, self.limits.of(patience)) {
            Ok(0) => Happened::Closed,
            Ok(count) => Happened::Received(count),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                self.has_timed_out |= patience != Patience::Short;
                Happened::TimedOut
            }
            Err(_) => Happened::Closed,
        }
    }
}

/// Reads once, and waits so long for it. A signal that ends the run ends the wait.
pub(crate) fn read_within(socket: &Socket, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
    let begun = Instant::now();
    loop {
        let rest = limit.saturating_sub(begun.elapsed());
        socket.set_read_timeout(rest.min(signals::LOOK_AFTER))?;
        match socket.read_once(buffer) {
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
                    && rest > signals::LOOK_AFTER
                    && signals::caught().is_none() => {}
            result => return result,
        }
    }
}
