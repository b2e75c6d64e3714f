//! What a filter is told, as lines of text: number of the connection, name, arguments.
//!
//! Names and order are those of libmilter's callbacks. Bytes that are no visible ASCII, and backslashes,
//! are written as `\xHH`, and an empty argument as `""`.

use core::fmt::Write as _;
use std::io::{Write, stdout};

use milter_proto::session::{CommandKind, Ending, Event, MacroStore, Passage};
use milter_proto::wire::{Command, Peer, Text};

use super::rules::name_of;

/// Shows what one connection of a filter is told, on standard output.
#[derive(Debug)]
pub(crate) struct Callbacks<'r> {
    connection: u64,
    /// Macros to be shown at each command.
    macros: &'r [String],
}

impl<'r> Callbacks<'r> {
    pub(crate) const fn new(connection: u64, macros: &'r [String]) -> Self {
        Self { connection, macros }
    }

    /// Shows a command, and what libmilter would say before it.
    pub(crate) fn event(&self, event: &Event<'_>, macros: &MacroStore<Vec<u8>>) {
        if matches!(event.passage, Passage::AfterAbort | Passage::IgnoredAfterAbort) {
            self.show("abort", &[], None);
        }
        if !event.passage.is_taken() {
            return;
        }
        let text = |text: Text<'_>| escaped(text.as_bytes());
        let (name, arguments) = match event.command {
            Command::Negotiate(offer) => {
                let numbers = [offer.version.number(), offer.actions.bits(), offer.steps.bits()];
                ("negotiate", numbers.iter().map(|number| format!("{number:#x}")).collect())
            }
            Command::Connect { host, peer } => ("connect", vec![text(host), address(&peer)]),
            Command::Helo { name } => ("helo", vec![text(name)]),
            Command::MailFrom { address, arguments } | Command::RcptTo { address, arguments } => {
                let name = CommandKind::of(&event.command).and_then(name_of).unwrap_or_default();
                (name, [address].into_iter().chain(arguments.iter()).map(text).collect())
            }
            Command::Header { name, value } => ("header", vec![text(name), text(value)]),
            Command::Body { chunk } => ("body", vec![escaped(chunk)]),
            Command::Unknown { line } => ("unknown", vec![text(line)]),
            Command::Data => ("data", Vec::new()),
            Command::EndOfHeaders => ("eoh", Vec::new()),
            Command::EndOfMessage { .. } => ("eom", Vec::new()),
            Command::Abort => ("abort", Vec::new()),
            Command::QuitNewConnection => ("close", Vec::new()),
            _ => return,
        };
        self.show(name, &arguments, Some(macros));
    }

    /// Shows the end of the connection.
    pub(crate) fn end(&self, ending: &Ending) {
        if ending.in_message {
            self.show("abort", &[], None);
        }
        self.show("close", &[], None);
    }

    fn show(&self, name: &str, arguments: &[String], macros: Option<&MacroStore<Vec<u8>>>) {
        let mut line = format!("{} {name}", self.connection);
        for argument in arguments {
            line.push(' ');
            line.push_str(argument);
        }
        for name in self.macros {
            let name_text = Text::new(name.as_bytes()).unwrap_or_default();
            if let Some(value) = macros.and_then(|macros| macros.get(name_text)) {
                let _ = write!(line, " {name}={}", escaped(value.as_bytes()));
            }
        }
        line.push('\n');
        // One write a line: connections may show theirs at the same time.
        let mut out = stdout().lock();
        let _ = out.write_all(line.as_bytes());
        let _ = out.flush();
    }
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
