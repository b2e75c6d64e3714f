//! The user as the SMTP client: is told on standard error what to send, and types on standard input what the MTA replied.

use std::io::{BufRead, Write, stderr, stdin};
use std::sync::mpsc::Sender;
use std::thread;

use milter_proto::conformance::ClientAction;

use super::hub::Happening;

/// Reads replies, each the last line of one. An empty line: the MTA has closed the SMTP connection.
pub(crate) fn read(events: Sender<Happening>) {
    thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let line = line.trim();
            let happening = match line {
                "" => Happening::SmtpClosed(0),
                _ => Happening::Reply(0, line.to_owned()),
            };
            if events.send(happening).is_err() {
                return;
            }
        }
    });
}

/// Asks for one thing.
pub(crate) fn ask(action: &ClientAction) {
    let text = match action {
        ClientAction::Connect => "connect to the MTA, and give its greeting".to_owned(),
        ClientAction::Line(line) => format!("send the line, and give the reply: {line}"),
        ClientAction::Content(bytes) => format!(
            "send these lines, and give the reply:\n{}",
            String::from_utf8_lossy(bytes).replace("\r\n", "\n").trim_end()
        ),
        ClientAction::Disconnect => "close the connection without QUIT".to_owned(),
        _ => return,
    };
    let _ = writeln!(stderr(), "* {text}");
}
