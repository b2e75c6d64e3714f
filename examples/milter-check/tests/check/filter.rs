//! A filter that does as it is told.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use milter_proto::FilterSession;
use milter_proto::filter::{Options, Turn};
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Assembler, Command, Edit, Verdict};

/// What it does. Connections are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Adds a header to every message, and lets it pass.
    Good,
    /// One connection at a time.
    Serial,
    /// Refuses every sender but this.
    Picky(&'static str),
    /// Sends PROGRESS without end when a message ends.
    Endless,
    /// Closes the connection when a message ends.
    ClosesAtEnd,
    /// Sends nothing when a message ends.
    SilentAtEnd,
    /// Sends a header when MAIL is to be answered.
    EditsAtMail,
    /// Sends a line of text, and nothing else: it is no filter.
    Greets,
    /// Accepts connections, and sends nothing from this one on.
    SilentFrom(usize),
    /// Ends while it has this connection.
    DiesAt(usize),
    /// Ends while it has this connection, and is there again half a second later.
    RestartsAt(usize),
}

/// A filter that runs until the test ends.
pub(crate) struct Filter {
    pub(crate) spec: String,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Filter {
    pub(crate) fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&connections);
        thread::spawn(move || listen(kind, listener, address, &counter));
        Self { spec: format!("inet:{}@127.0.0.1", address.port()), connections }
    }
}

fn listen(kind: Kind, mut listener: TcpListener, address: SocketAddr, counter: &AtomicUsize) {
    let open = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
    loop {
        let (stream, _) = listener.accept().unwrap();
        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
        open.lock().unwrap().push(stream.try_clone().unwrap());
        match kind {
            Kind::DiesAt(at) | Kind::RestartsAt(at) if number == at => {
                drop(listener);
                for stream in open.lock().unwrap().drain(..) {
                    let _ = stream.shutdown(Shutdown::Both);
                }
                if matches!(kind, Kind::DiesAt(_)) {
                    return;
                }
                thread::sleep(Duration::from_millis(500));
                listener = TcpListener::bind(address).unwrap();
            }
            Kind::SilentFrom(from) if number >= from => {}
            Kind::Serial => serve(stream, kind),
            _ => drop(thread::spawn(move || serve(stream, kind))),
        }
    }
}

/// Answers, and closes the connection, of which `listen` has another handle.
fn serve(stream: TcpStream, kind: Kind) {
    answer(&stream, kind);
    let _ = stream.shutdown(Shutdown::Both);
}

fn answer(mut stream: &TcpStream, kind: Kind) {
    if kind == Kind::Greets {
        stream.write_all(b"220 mx.example ESMTP\r\n").unwrap();
        let _ = stream.read(&mut [0; 100]);
        return;
    }
    let options = Options::new([CommandKind::MailFrom, CommandKind::RcptTo]).require(Actions::ADD_HEADERS);
    let (mut session, mut assembler) = (FilterSession::new(), Assembler::new(Vec::new()));
    let mut buffer = vec![0; 65_536];
    while session.turn() != Turn::Closed {
        let count = stream.read(&mut buffer).unwrap_or(0);
        let (mut input, mut out) = (&buffer[..count], Vec::new());
        if count == 0 {
            return;
        }
        loop {
            let event = match session.next_event(&mut assembler, &mut input) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                // What was answered before is not lost.
                Err(_) => return drop(stream.write_all(&out)),
            };
            let mut verdict = Verdict::Continue;
            if let (Kind::Picky(liked), Command::MailFrom { address, .. }) = (kind, event.command) {
                if address.as_bytes() != liked.as_bytes() {
                    verdict = Verdict::Reject;
                }
            }
            if kind == Kind::Endless && session.turn() == Turn::Reply(CommandKind::EndOfMessage) {
                while stream.write_all(&b"\0\0\0\x01p".repeat(1000)).is_ok() {}
                return;
            }
            match (kind, session.turn()) {
                (Kind::ClosesAtEnd, Turn::Reply(CommandKind::EndOfMessage)) => {
                    return drop(stream.write_all(&out));
                }
                (Kind::SilentAtEnd, Turn::Reply(CommandKind::EndOfMessage)) => {
                    stream.write_all(&out).unwrap();
                    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
                    return;
                }
                (Kind::EditsAtMail, Turn::Reply(CommandKind::MailFrom)) => {
                    out.extend_from_slice(b"\0\0\0\x05hA\0B\0");
                }
                _ => {}
            }
            if session.may_edit(Actions::ADD_HEADERS) {
                session.send(Edit::add_header("X-Seen", "yes").unwrap()).unwrap().append_to(&mut out);
            }
            match session.turn() {
                // Without ADDHEADER it cannot work: it closes the connection.
                Turn::Reply(CommandKind::Negotiate) => match session.negotiate(&options) {
                    Ok(answer) => answer.frame.append_to(&mut out),
                    Err(_) => return,
                },
                Turn::Reply(_) => session.send(verdict).unwrap().append_to(&mut out),
                _ => {}
            }
        }
        if stream.write_all(&out).is_err() {
            return;
        }
    }
}
