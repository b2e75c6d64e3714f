//! A filter for firmware, tried on a host: one connection at a time, in 4 KB of memory.
//!
//! ```text
//! cargo run --example filter_embedded -- --listen inet:8892@127.0.0.1 --reject-rcpt '<bob@rcpt.example>'
//! ```
//!
//! `filter_embedded/adapter.rs` is what a device would take: it needs `core`, a transport with
//! `embedded-io`'s traits, and memory. `tests/proofs` links it without std and without an allocator.
//! This file is the host's part: command line, sockets, and how long to wait.

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named goes on")]

#[path = "filter_embedded/adapter.rs"]
mod adapter;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod support;

use core::time::Duration;
use std::io::{self, Write as _, stderr, stdout};
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use milter_proto::Timeouts;
use milter_proto::filter::Options;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Command, Edit, Response, Text, Verdict};

use adapter::{Buffers, Filter, serve};
use support::failure::{Failure, is_timeout};
use support::rules::{BadValue, header_name};
use support::spec::{Socket, Spec};

/// How long to wait when no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Refuses recipients, and adds headers.
#[derive(Debug, Parser)]
#[command(name = "filter_embedded", version)]
struct Arguments {
    /// Listen for MTAs there: inet:PORT@HOST, inet6:PORT@HOST or unix:PATH. Without @HOST, on loopback only
    #[arg(long, value_name = "SPEC")]
    listen: Spec,
    /// Refuse this recipient, written as the MTA sends it; may be given again
    #[arg(long, value_name = "ADDRESS")]
    reject_rcpt: Vec<String>,
    /// Add a header; may be given again
    #[arg(long, value_name = "NAME=VALUE", value_parser = header)]
    add_header: Vec<(String, String)>,
}

fn header(text: &str) -> Result<(String, String), BadValue> {
    let (name, value) = text.split_once('=').ok_or(BadValue::Form("NAME=VALUE"))?;
    Ok((header_name(name)?, value.to_owned()))
}

impl Filter for Arguments {
    /// Subscribes to RCPT only, besides the end of a message: then no frame is large.
    fn options(&self) -> Options<'_> {
        let needed = if self.add_header.is_empty() { Actions::EMPTY } else { Actions::ADD_HEADERS };
        Options::new([CommandKind::RcptTo]).require(needed)
    }

    fn reply(&self, command: &Command<'_>, sent: usize) -> Response<'_> {
        let is_refused =
            |address: Text<'_>| self.reject_rcpt.iter().any(|refused| address.eq_ignore_ascii_case(refused));
        match (command, self.add_header.get(sent)) {
            (Command::RcptTo { address, .. }, _) if is_refused(*address) => Verdict::Reject.into(),
            (Command::EndOfMessage { .. }, Some((name, value))) => {
                Edit::AddHeader { name: text(name), value: text(value) }.into()
            }
            _ => Verdict::Continue.into(),
        }
    }
}

/// The text of an option. It cannot contain a NUL, because arguments of a program end with one.
fn text(option: &str) -> Text<'_> {
    Text::new(option.as_bytes()).unwrap_or_default()
}

fn main() -> ExitCode {
    let filter = Arguments::parse();
    match run(&filter) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(stderr(), "filter_embedded: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Serves one connection after the other, all in the same memory.
fn run(filter: &Arguments) -> Result<(), Failure> {
    let listening =
        filter.listen.listen().map_err(|error| Failure::Listen(filter.listen.to_string(), error))?;
    let _ = writeln!(stdout(), "listening on {}", listening.spec());
    let (mut cut, mut read, mut write) = ([0; 2048], [0; 1024], [0; 1024]);
    loop {
        let buffers = Buffers { cut: &mut cut, read: &mut read, write: &mut write };
        let socket = match listening.accept() {
            Ok(socket) => socket,
            Err(error) => {
                // The peer may have left already, or the system may be out of descriptors for a while.
                let _ = writeln!(stderr(), "filter_embedded: cannot accept a connection: {error}");
                thread::sleep(PAUSE);
                continue;
            }
        };
        let result = Line::new(&socket)
            .and_then(|mut line| serve(&mut line, filter, buffers).map_err(io::Error::other));
        if let Err(error) = result {
            let _ = writeln!(stderr(), "filter_embedded: {error}");
        }
    }
}

/// A socket as `embedded-io` has it: what a network stack's socket is on a device.
struct Line<'s>(&'s Socket);

impl<'s> Line<'s> {
    fn new(socket: &'s Socket) -> io::Result<Self> {
        socket.set_read_timeout(Timeouts::LIBMILTER.command)?;
        socket.set_write_timeout(Timeouts::LIBMILTER.write)?;
        Ok(Self(socket))
    }
}

impl embedded_io::ErrorType for Line<'_> {
    type Error = io::Error;
}

impl embedded_io::Read for Line<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_once(buffer).map_err(named)
    }
}

impl embedded_io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

/// Says of a timeout what it is.
fn named(error: io::Error) -> io::Error {
    if is_timeout(&error) { io::ErrorKind::TimedOut.into() } else { error }
}
