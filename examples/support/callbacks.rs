//! The callbacks of a filter as lines of text: number of the connection, name, arguments.
//!
//! Names and order are those of libmilter's callbacks. Bytes that are not visible ASCII, and backslashes, are written as
//! `\xHH`, and an empty argument as `""`.

use core::fmt::Write as _;
use std::io::{Write, stdout};

use milter_proto::macros::MacroStore;
use milter_proto::wire::{Command, Peer, Text, TextList};

/// Shows the callbacks of one connection on standard output.
#[derive(Debug)]
pub(crate) struct Callbacks<'r> {
    connection: u64,
    /// The macros to show at each callback.
    macros: &'r [String],
}

impl<'r> Callbacks<'r> {
    pub(crate) const fn new(connection: u64, macros: &'r [String]) -> Self {
        Self { connection, macros }
    }

    /// Shows a callback with its arguments, and the macros that have a value.
    pub(crate) fn show(&self, name: &str, arguments: &[String], macros: &MacroStore<Vec<u8>>) {
        let mut line = format!("{} {name}", self.connection);
        for argument in arguments {
            line.push(' ');
            line.push_str(argument);
        }
        for name in self.macros {
            if let Some(value) = macros.get(name) {
                let _ = write!(line, " {name}={}", escaped(value.as_bytes()));
            }
        }
        line.push('\n');
        // One write for each line: several connections may write at the same time.
        let mut out = stdout().lock();
        let _ = out.write_all(line.as_bytes());
        let _ = out.flush();
    }
}

/// The callback of a command, and its arguments. There is none for MACRO and QUIT. The handler shows `abort` and `close`
/// for ABORT and QUIT_NC itself, while the macros of what ends are still known.
pub(crate) fn of(command: &Command<'_>) -> Option<(&'static str, Vec<String>)> {
    let text = |text: Text<'_>| escaped(text.as_bytes());
    Some(match *command {
        // libmilter closes on any other version without asking the filter.
        Command::Negotiate(offer) if (2..=0x7fff_ffff).contains(&offer.version.number()) => {
            let numbers = [offer.version.number(), offer.actions.bits(), offer.steps.bits()];
            ("negotiate", numbers.iter().map(|number| format!("{number:#x}")).collect())
        }
        Command::Connect { host, peer } => ("connect", vec![text(host), address(&peer)]),
        Command::Helo { name } => ("helo", vec![text(name)]),
        Command::MailFrom { address, arguments } => ("mail", envelope(address, arguments)),
        Command::RcptTo { address, arguments } => ("rcpt", envelope(address, arguments)),
        Command::Header { name, value } => ("header", vec![text(name), text(value)]),
        Command::Body { chunk } => ("body", vec![escaped(chunk)]),
        Command::Unknown { line } => ("unknown", vec![text(line)]),
        Command::Data => ("data", Vec::new()),
        Command::EndOfHeaders => ("eoh", Vec::new()),
        Command::EndOfMessage { .. } => ("eom", Vec::new()),
        _ => return None,
    })
}

fn envelope(address: Text<'_>, arguments: TextList<'_>) -> Vec<String> {
    [address].into_iter().chain(arguments.iter()).map(|text| escaped(text.as_bytes())).collect()
}

/// The address of a client: family, port and address with colons between them.
pub(crate) fn address(peer: &Peer<'_>) -> String {
    let whole = |family: char, port: u16, address: Text<'_>| {
        format!("{family}:{port}:{}", escaped(address.as_bytes()))
    };
    match *peer {
        Peer::Unix { port, path } => whole('L', port, path),
        Peer::Inet { port, address } => whole('4', port, address),
        Peer::Inet6 { port, address } => whole('6', port, address),
        _ => "U".to_owned(),
    }
}

fn escaped(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "\"\"".to_owned();
    }
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' | ..=0x20 | 0x7f.. => _ = write!(out, "\\x{byte:02x}"),
            _ => out.push(char::from(byte)),
        }
    }
    out
}
