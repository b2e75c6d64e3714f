//! A small filter that does one thing wrong, in memory and behind a socket.

use core::ops::ControlFlow;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::thread;

use milter_proto::conformance::{Action, FilterRun, Input};
use milter_proto::filter::{self, Options, Turn};
use milter_proto::order::{CommandKind, Stage};
use milter_proto::wire::{Command, Direction, Frame, Tolerance, Verdict};
use milter_proto::{FilterSession, Limits, Monitor};

use super::super::play::Peer;
use crate::filter::link::Last;

/// How long an unknown frame has to be for [`Fault::DiesAtLongUnknownFrames`].
pub(crate) const LONG: usize = 17;

/// What a filter does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    DiesAtZeroLength,
    AnswersBodyAtEndTwice,
    DiesAtOddMacros,
    IgnoresUnknown,
    SilentAfterAbort,
    SkipsRecipients,
    EditsTooEarly,
    ClosesAtSecondMessage,
    DiesAtQuit,
    HangsAtEndOfStream,
    RefusesOneConnection,
    RepliesToMacros,
    LosesWhatComesInPieces,
    SendsHalfAFrame,
    DiesAtHelloInLatin1,
    DiesAtLongUnknownFrames,
    /// Not a fault: libmilter does it.
    IgnoresWhatIsOutOfOrder,
}

/// The state of the whole filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Serves,
    Dead,
    /// It accepts connections, and does nothing.
    Hangs,
    /// It does not accept the next connection.
    Refuses,
}

/// A filter in memory.
#[derive(Debug)]
pub(crate) struct Planted {
    fault: Fault,
    state: State,
    pub(crate) restarts: bool,
}

/// One connection.
#[derive(Debug)]
struct Connection {
    fault: Fault,
    input: Vec<u8>,
    output: Vec<u8>,
    monitor: Monitor,
    /// Knows what libmilter does.
    libmilter: FilterSession,
    messages: usize,
    was_aborted: bool,
}

impl Planted {
    pub(crate) const fn new(fault: Fault) -> Self {
        Self { fault, state: State::Serves, restarts: true }
    }
}

impl Connection {
    fn new(fault: Fault) -> Self {
        let (input, output) = (Vec::new(), Vec::new());
        let libmilter = FilterSession::with_policy(filter::Policy::LIBMILTER);
        Self { fault, input, output, monitor: Monitor::new(), libmilter, messages: 0, was_aborted: false }
    }

    /// Takes bytes. `Break`: the connection is closed, and the filter goes into this state.
    fn take(&mut self, bytes: &[u8]) -> ControlFlow<State> {
        self.input.extend_from_slice(bytes);
        if self.input.starts_with(&[0; 4]) && self.fault == Fault::DiesAtZeroLength {
            return ControlFlow::Break(State::Dead);
        }
        loop {
            let input = core::mem::take(&mut self.input);
            match Frame::split(&input, Limits::DEFAULT) {
                Ok(Some((frame, rest))) => {
                    self.input = rest.to_vec();
                    self.answer(frame)?;
                }
                Ok(None) => {
                    let is_lost = self.fault == Fault::LosesWhatComesInPieces && input.len() > 4;
                    self.input = if is_lost { Vec::new() } else { input };
                    return ControlFlow::Continue(());
                }
                Err(_) => return ControlFlow::Break(State::Serves),
            }
        }
    }

    fn answer(&mut self, frame: Frame<'_>) -> ControlFlow<State> {
        let Some(kind) = CommandKind::from_code(frame.code()) else {
            if self.fault == Fault::DiesAtLongUnknownFrames && frame.payload().len() >= LONG {
                return ControlFlow::Break(State::Dead);
            }
            return ControlFlow::Break(State::Serves);
        };
        self.monitor.observe(Direction::ToFilter, frame);
        if self.fault == Fault::IgnoresWhatIsOutOfOrder {
            return self.answer_as_libmilter(frame);
        }
        if Command::parse_as(frame, Tolerance::LENIENT).is_err() {
            return ControlFlow::Break(State::Serves);
        }
        let fault = self.fault;
        match kind {
            CommandKind::Negotiate if !matches!(self.monitor.stage(), Stage::Negotiated) => {
                return ControlFlow::Break(State::Serves);
            }
            CommandKind::Negotiate => {
                let version = frame.payload().get(..4).unwrap_or_default();
                let version = u32::from_be_bytes(version.try_into().unwrap_or_default()).min(6);
                if version < 2 {
                    return ControlFlow::Break(State::Serves);
                }
                self.reply(b'O', &[&version.to_be_bytes()[..], &[0; 8]].concat());
                return ControlFlow::Continue(());
            }
            CommandKind::Macros if fault == Fault::DiesAtOddMacros => {
                let is_odd = frame.payload().iter().filter(|byte| **byte == 0).count() % 2 == 1;
                if is_odd {
                    return ControlFlow::Break(State::Dead);
                }
            }
            CommandKind::Macros if fault == Fault::RepliesToMacros => self.reply(b'c', b""),
            CommandKind::Abort => self.was_aborted = true,
            CommandKind::MailFrom => self.messages = self.messages.saturating_add(1),
            CommandKind::Helo if fault == Fault::DiesAtHelloInLatin1 && !frame.payload().is_ascii() => {
                return ControlFlow::Break(State::Dead);
            }
            CommandKind::Quit if fault == Fault::DiesAtQuit => return ControlFlow::Break(State::Dead),
            CommandKind::Quit => return ControlFlow::Break(State::Serves),
            _ => {}
        }
        if !kind.has_reply() {
            return ControlFlow::Continue(());
        }
        match (fault, kind) {
            (Fault::IgnoresUnknown, CommandKind::Unknown) => {}
            (Fault::SilentAfterAbort, _) if self.was_aborted => {}
            (Fault::ClosesAtSecondMessage, CommandKind::MailFrom) if self.messages == 2 => {
                return ControlFlow::Break(State::Serves);
            }
            (Fault::SkipsRecipients, CommandKind::RcptTo) => self.reply(b's', b""),
            (Fault::EditsTooEarly, CommandKind::EndOfHeaders) => {
                self.reply(b'h', b"X\0y\0");
                self.reply(b'c', b"");
            }
            (Fault::SendsHalfAFrame, CommandKind::Body) => {
                self.output.extend_from_slice(b"\0\0");
                return ControlFlow::Break(State::Serves);
            }
            (Fault::AnswersBodyAtEndTwice, CommandKind::EndOfMessage) if !frame.payload().is_empty() => {
                self.reply(b'c', b"");
                self.reply(b'c', b"");
            }
            _ => self.reply(b'c', b""),
        }
        ControlFlow::Continue(())
    }

    /// Answers what libmilter answers.
    fn answer_as_libmilter(&mut self, frame: Frame<'_>) -> ControlFlow<State> {
        let closed = ControlFlow::Break(State::Serves);
        if self.libmilter.receive(frame).is_err() {
            return closed;
        }
        // A chunk at the end of a message comes as an event of its own.
        self.libmilter.rest_of_frame();
        match self.libmilter.turn() {
            Turn::Reply(CommandKind::Negotiate) => match self.libmilter.negotiate(&Options::all_commands()) {
                Ok(answer) => answer.frame.append_to(&mut self.output),
                Err(_) => return closed,
            },
            Turn::Reply(_) => match self.libmilter.send(Verdict::Continue) {
                Ok(reply) => reply.append_to(&mut self.output),
                Err(_) => return closed,
            },
            Turn::Closed => return closed,
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn reply(&mut self, code: u8, payload: &[u8]) {
        let frame = Frame::new(code, payload);
        if self.fault != Fault::RepliesToMacros {
            self.monitor.observe(Direction::ToMta, frame);
        }
        frame.encode().append_to(&mut self.output);
    }

    /// The state of the filter after the end of the stream.
    fn ended(&self) -> State {
        match self.fault {
            Fault::HangsAtEndOfStream if !self.input.is_empty() => State::Hangs,
            Fault::RefusesOneConnection if !self.input.is_empty() => State::Refuses,
            _ => State::Serves,
        }
    }
}

impl Peer for Planted {
    fn run(&mut self, run: &mut FilterRun<'_>) -> (Last, Option<String>) {
        let mut connection: Option<Connection> = None;
        let mut rest = Vec::new();
        let (mut action, mut last) = (run.advance(Input::Start), Last::Other);
        let mut unreachable = None;
        let mut has_connected = false;
        loop {
            let received;
            let input = match action {
                Action::Connect => {
                    if let Some(old) = connection.take() {
                        self.state = old.ended();
                    }
                    rest.clear();
                    match self.refusal() {
                        Some(_) if !has_connected => {
                            unreachable = Some("refused".to_owned());
                            Input::ConnectFailed("refused")
                        }
                        Some(_) => Input::ConnectFailed("refused"),
                        None => {
                            has_connected = true;
                            connection = Some(Connection::new(self.fault));
                            Input::Connected
                        }
                    }
                }
                Action::Send(bytes) => {
                    if let Some(open) = connection.as_mut().filter(|_| self.state == State::Serves) {
                        let flow = open.take(&bytes);
                        rest.append(&mut open.output);
                        if let ControlFlow::Break(state) = flow {
                            (self.state, connection) = (state, None);
                        }
                    }
                    Input::Done
                }
                Action::Shutdown | Action::Close => {
                    if let Some(open) = connection.take() {
                        self.state = open.ended();
                    }
                    Input::Done
                }
                Action::Receive(_) if !rest.is_empty() => {
                    received = core::mem::take(&mut rest);
                    Input::Received(&received)
                }
                Action::Receive(_) if connection.is_none() => Input::Closed,
                Action::Receive(_) => Input::TimedOut,
                _ => return (last, unreachable),
            };
            last = Last::of(input);
            action = run.advance(input);
        }
    }

    fn refusal(&mut self) -> Option<String> {
        match self.state {
            State::Serves | State::Hangs => None,
            State::Dead => Some("refused".to_owned()),
            State::Refuses => {
                self.state = State::Serves;
                Some("refused".to_owned())
            }
        }
    }

    fn is_back(&mut self) -> bool {
        self.state != State::Dead
    }

    fn hurry(&mut self, _: bool) {}

    fn restart(&mut self) -> io::Result<bool> {
        if self.restarts {
            self.state = State::Serves;
        }
        Ok(self.restarts)
    }
}

/// The same filter behind a socket, as long as the process lives.
#[derive(Debug)]
pub(crate) struct OverSocket {
    port: u16,
}

impl OverSocket {
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut connection = Connection::new(fault);
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    let flow = connection.take(&buffer[..count]);
                    let is_written = stream.write_all(&connection.output).is_ok();
                    connection.output.clear();
                    if flow.is_break() || !is_written {
                        break;
                    }
                }
            }
        });
        Self { port }
    }

    pub(crate) fn spec(&self) -> String {
        format!("inet:{}@127.0.0.1", self.port)
    }
}
