//! All connections of an MTA under test: to its filter, from its SMTP client, and to its sink.

use core::time::Duration;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use milter_proto::conformance::{Action, ClientAction, Delivery, Input, Patience};

use super::manual;
use super::sink::Message;
use super::smtp::Lines;
use crate::bench::Limits;
use crate::signals;
use crate::spec::{Listening, Socket};

/// How long to try again when the MTA does not accept SMTP connections before a scenario.
const RESTART: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait after a scenario for deliveries that it led to.
const SETTLE: Duration = Duration::from_secs(2);

/// What a thread tells. The number is that of the connection.
#[derive(Debug)]
pub(crate) enum Happening {
    Accepted(Socket),
    Milter(u64, Vec<u8>),
    MilterClosed(u64),
    Reply(u64, String),
    SmtpClosed(u64),
    Delivered(Message),
}

/// What happened, for the run.
#[derive(Debug)]
enum Happened {
    Done,
    ConnectFailed(String),
    Accepted,
    Received(Vec<u8>),
    Closed,
    Reply(String),
    SmtpClosed,
    Delivered(Message),
    TimedOut,
}

/// Where the SMTP client is.
#[derive(Debug)]
pub(crate) enum Client {
    /// The tool is the client.
    Smtp(String),
    /// The user is.
    Manual,
}

/// The connections.
#[derive(Debug)]
pub(crate) struct Hub {
    client: Client,
    limits: Limits,
    events: Receiver<Happening>,
    sender: Sender<Happening>,
    /// The number of the newest connection.
    number: u64,
    milter: Option<(u64, Arc<Socket>)>,
    smtp: Option<(u64, Arc<TcpStream>)>,
    has_sink: bool,
    has_connected: bool,
    /// Contents that the MTA accepted, and messages that it delivered.
    accepted: usize,
    delivered: usize,
    awaits_content: bool,
    happened: Happened,
    pub(crate) has_timed_out: bool,
    pub(crate) unreachable: Option<String>,
}

impl Hub {
    /// Listens for Milter connections, for as long as the process runs.
    pub(crate) fn new(
        listener: Listening,
        client: Client,
        sink: Option<&str>,
        limits: Limits,
    ) -> io::Result<Self> {
        let (sender, events) = channel();
        if let Some(address) = sink {
            super::sink::listen(address, &sender)?;
        }
        let accepted = sender.clone();
        thread::spawn(move || {
            loop {
                match listener.accept() {
                    Ok(socket) => {
                        if accepted.send(Happening::Accepted(socket)).is_err() {
                            return;
                        }
                    }
                    // Without memory or descriptors, the next one may do better.
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        });
        if matches!(client, Client::Manual) {
            manual::read(sender.clone());
        }
        Ok(Self {
            client,
            limits,
            events,
            sender,
            number: 0,
            milter: None,
            smtp: None,
            has_sink: sink.is_some(),
            has_connected: false,
            accepted: 0,
            delivered: 0,
            awaits_content: false,
            happened: Happened::Done,
            has_timed_out: false,
            unreachable: None,
        })
    }

    /// Begins a scenario: nothing of an earlier one remains.
    pub(crate) fn begin(&mut self) {
        self.close_all();
        self.settle();
        while self.events.try_recv().is_ok() {}
        self.has_connected = false;
        self.has_timed_out = false;
        self.unreachable = None;
        (self.accepted, self.delivered) = (0, 0);
    }

    /// Waits for the deliveries of messages that the MTA accepted.
    fn settle(&self) {
        let end = Instant::now().checked_add(SETTLE.min(self.limits.timeout));
        let mut missing = if self.has_sink { self.accepted.saturating_sub(self.delivered) } else { 0 };
        while missing > 0 {
            let rest = end.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now()));
            match self.events.recv_timeout(rest) {
                Ok(Happening::Delivered(_)) => missing = missing.saturating_sub(1),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    fn close_all(&mut self) {
        self.close_milter();
        self.close_smtp();
    }

    fn close_milter(&mut self) {
        if let Some((_, socket)) = self.milter.take() {
            // Ends the thread that reads it.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn close_smtp(&mut self) {
        if let Some((_, stream)) = self.smtp.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Does what a run asks for. `false`: the run is over.
    pub(crate) fn act(&mut self, action: Action) -> bool {
        self.happened = match action {
            Action::Send(bytes) => {
                if let Some((_, socket)) = &self.milter {
                    let _ = (&**socket).write_all(&bytes);
                }
                Happened::Done
            }
            Action::Receive(patience) => self.receive(patience),
            Action::Shutdown => {
                let _ = self.milter.as_ref().map(|(_, socket)| socket.shutdown(Shutdown::Write));
                Happened::Done
            }
            Action::Close => {
                self.close_milter();
                Happened::Done
            }
            Action::Client(action) => self.client(&action),
            Action::Finish => {
                self.close_all();
                return false;
            }
            _ => Happened::ConnectFailed("an MTA is not connected to".to_owned()),
        };
        true
    }

    /// Gives a run what happened.
    pub(crate) fn tell<R>(&self, advance: impl FnOnce(Input<'_>) -> R) -> R {
        match &self.happened {
            Happened::Done => advance(Input::Done),
            Happened::ConnectFailed(why) => advance(Input::ConnectFailed(why)),
            Happened::Accepted => advance(Input::Accepted),
            Happened::Received(bytes) => advance(Input::Received(bytes)),
            Happened::Closed => advance(Input::Closed),
            Happened::Reply(reply) => advance(Input::SmtpReply(reply)),
            Happened::SmtpClosed => advance(Input::SmtpClosed),
            Happened::Delivered(it) => {
                let recipients: Vec<_> = it.recipients.iter().map(String::as_str).collect();
                advance(Input::Delivered(Delivery::new(&it.sender, &recipients, &it.content)))
            }
            Happened::TimedOut => advance(Input::TimedOut),
        }
    }

    fn next_number(&mut self) -> u64 {
        self.number = self.number.wrapping_add(1);
        self.number
    }

    fn client(&mut self, action: &ClientAction) -> Happened {
        if matches!(self.client, Client::Manual) {
            manual::ask(action);
            return Happened::Done;
        }
        match action {
            ClientAction::Connect => return self.connect(),
            ClientAction::Line(line) => self.send_smtp(&[line.as_bytes(), b"\r\n"].concat()),
            ClientAction::Content(bytes) => {
                self.awaits_content = true;
                self.send_smtp(bytes);
            }
            ClientAction::Disconnect => self.close_smtp(),
            _ => {}
        }
        Happened::Done
    }

    fn send_smtp(&self, bytes: &[u8]) {
        if let Some((_, stream)) = &self.smtp {
            let _ = (&**stream).write_all(bytes);
        }
    }

    fn connect(&mut self) -> Happened {
        self.close_smtp();
        let Client::Smtp(address) = &self.client else { return Happened::Done };
        let begun = Instant::now();
        let stream = loop {
            match connect_to(address, self.limits.timeout) {
                Ok(stream) => break stream,
                Err(_) if !self.has_connected && begun.elapsed() < RESTART && signals::caught().is_none() => {
                    thread::sleep(PAUSE);
                }
                Err(error) => {
                    let why = error.to_string();
                    if !self.has_connected {
                        self.unreachable = Some(why.clone());
                    }
                    return Happened::ConnectFailed(why);
                }
            }
        };
        self.has_connected = true;
        let _ = stream.set_write_timeout(Some(self.limits.timeout));
        let _ = stream.set_nodelay(true);
        let (number, stream) = (self.next_number(), Arc::new(stream));
        self.smtp = Some((number, Arc::clone(&stream)));
        let sender = self.sender.clone();
        thread::spawn(move || {
            let mut lines = Lines::new(&*stream);
            while let Some(reply) = lines.next_reply() {
                if sender.send(Happening::Reply(number, reply)).is_err() {
                    return;
                }
            }
            let _ = sender.send(Happening::SmtpClosed(number));
        });
        Happened::Done
    }

    fn receive(&mut self, patience: Patience) -> Happened {
        let limit = self.limits.of(patience);
        let end = Instant::now().checked_add(limit);
        loop {
            let rest = end.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
            let happening = match self.events.recv_timeout(rest.min(signals::LOOK_AFTER)) {
                Ok(happening) => happening,
                Err(RecvTimeoutError::Timeout)
                    if rest > signals::LOOK_AFTER && signals::caught().is_none() =>
                {
                    continue;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.has_timed_out |= patience != Patience::Short;
                    return Happened::TimedOut;
                }
            };
            if let Some(happened) = self.take(happening) {
                return happened;
            }
        }
    }

    /// What a run has to know of it. Connections that were closed are of no interest.
    fn take(&mut self, happening: Happening) -> Option<Happened> {
        let is_milter = |number| self.milter.as_ref().is_some_and(|(other, _)| *other == number);
        let is_manual = matches!(self.client, Client::Manual);
        let is_smtp = |number| is_manual || self.smtp.as_ref().is_some_and(|(other, _)| *other == number);
        match happening {
            Happening::Accepted(socket) => {
                self.close_milter();
                self.accept(socket);
                Some(Happened::Accepted)
            }
            Happening::Milter(number, bytes) => is_milter(number).then_some(Happened::Received(bytes)),
            Happening::MilterClosed(number) => is_milter(number).then(|| {
                self.milter = None;
                Happened::Closed
            }),
            Happening::Reply(number, reply) => is_smtp(number).then(|| {
                if self.awaits_content && reply.starts_with('2') {
                    self.accepted = self.accepted.saturating_add(1);
                }
                self.awaits_content = false;
                Happened::Reply(reply)
            }),
            Happening::SmtpClosed(number) => is_smtp(number).then(|| {
                self.smtp = None;
                Happened::SmtpClosed
            }),
            Happening::Delivered(message) => {
                self.delivered = self.delivered.saturating_add(1);
                Some(Happened::Delivered(message))
            }
        }
    }

    fn accept(&mut self, socket: Socket) {
        let _ = socket.set_write_timeout(self.limits.timeout);
        let (number, socket) = (self.next_number(), Arc::new(socket));
        self.milter = Some((number, Arc::clone(&socket)));
        let sender = self.sender.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            loop {
                let count = socket.read_once(&mut buffer).unwrap_or(0);
                let happening = match buffer.get(..count) {
                    None | Some([]) => Happening::MilterClosed(number),
                    Some(bytes) => Happening::Milter(number, bytes.to_vec()),
                };
                if sender.send(happening).is_err() || count == 0 {
                    return;
                }
            }
        });
    }
}

fn connect_to(address: &str, limit: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
