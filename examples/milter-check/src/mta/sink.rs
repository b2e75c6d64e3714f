//! A server to which the MTA under test delivers: just enough of SMTP.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::mpsc::Sender;
use std::thread;

use super::hub::Happening;
use super::smtp::Lines;

/// A message that was delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// With angle brackets.
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    /// Headers and body with CR LF, without doubled dots.
    pub(crate) content: Vec<u8>,
}

/// Accepts mail at this address, for as long as the process runs.
pub(crate) fn listen(address: &str, events: &Sender<Happening>) -> io::Result<()> {
    let addresses: Vec<_> = address.to_socket_addrs()?.collect();
    let listener = TcpListener::bind(&*addresses)?;
    let events = events.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let events = events.clone();
            // A connection that breaks off has delivered what it has delivered.
            thread::spawn(move || serve(&stream, &events));
        }
    });
    Ok(())
}

fn serve(stream: &TcpStream, events: &Sender<Happening>) -> io::Result<()> {
    let mut out = stream;
    let mut lines = Lines::new(stream);
    let mut message = Message::default();
    out.write_all(b"220 sink.example ESMTP\r\n")?;
    while let Some(line) = lines.next_line() {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let upper = line.to_ascii_uppercase();
        let reply: &[u8] = match upper.as_bytes() {
            [b'E', b'H', b'L', b'O', ..] => b"250-sink.example\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            [b'M', b'A', b'I', b'L', ..] => {
                message = Message { sender: address(&line), ..Message::default() };
                b"250 2.1.0 OK\r\n"
            }
            [b'R', b'C', b'P', b'T', ..] => {
                message.recipients.push(address(&line));
                b"250 2.1.5 OK\r\n"
            }
            [b'D', b'A', b'T', b'A', ..] => {
                out.write_all(b"354 go on\r\n")?;
                let Some(content) = content(&mut lines) else { return Ok(()) };
                let message = Message { content, ..core::mem::take(&mut message) };
                // The program ends without waiting for this thread.
                let _ = events.send(Happening::Delivered(message));
                b"250 2.0.0 OK\r\n"
            }
            [b'Q', b'U', b'I', b'T', ..] => return out.write_all(b"221 2.0.0 bye\r\n"),
            [b'H', b'E', b'L', b'O', ..] | [b'N', b'O', b'O', b'P', ..] | [b'R', b'S', b'E', b'T', ..] => {
                b"250 OK\r\n"
            }
            _ => b"502 5.5.1 not known\r\n",
        };
        out.write_all(reply)?;
    }
    Ok(())
}

/// Lines up to the dot. `None`: the connection broke off.
fn content(lines: &mut Lines<&TcpStream>) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let line = lines.next_line()?;
        match line.as_slice() {
            b".\r\n" | b".\n" => return Some(content),
            [b'.', rest @ ..] => content.extend_from_slice(rest),
            rest => content.extend_from_slice(rest),
        }
    }
}

/// `<a@example.com>` of `MAIL FROM:<a@example.com> SIZE=1`.
fn address(line: &str) -> String {
    let argument = line.split_once(':').map_or("", |(_, rest)| rest).trim_start();
    match argument.split_once('>') {
        Some((address, _)) => format!("{address}>"),
        None => argument.to_owned(),
    }
}
