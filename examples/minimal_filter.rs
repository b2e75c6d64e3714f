//! A filter in one file: it refuses one recipient, and adds a header with the sender. Its threads have no limit.
//! Run `cargo run --example minimal_filter`, then `sudo postconf smtpd_milters=inet:127.0.0.1:8892`.
#![expect(clippy::wildcard_enum_match_arm, reason = "commands and turns that are not named need nothing")]
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::{env, thread};

use milter_proto::filter::{Options, Turn};
use milter_proto::wire::{Actions, Assembler, Command, Edit, ReplyText, Verdict};
use milter_proto::{FilterSession, Timeouts, order::CommandKind};

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8892"))?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let connection = listener.accept().map(|(stream, _)| stream);
        if let Err(error) = connection.and_then(|stream| thread::Builder::new().spawn(|| serve(stream))) {
            let _ = writeln!(io::stderr(), "{error}"); // out of sockets or threads: wait until some are free
            thread::sleep(core::time::Duration::from_millis(100));
        }
    }
}

fn serve(mut stream: TcpStream) {
    let mut out = Vec::new();
    let result = converse(&stream, &mut out);
    let written = stream.write_all(&out); // before an error is handled: earlier commands may have been answered
    result.and(written.map_err(Into::into)).unwrap_or_else(|error| _ = writeln!(io::stderr(), "{error}"));
}

/// Answers the MTA until it ends the connection. The last replies are left in `out`.
fn converse(mut stream: &TcpStream, out: &mut Vec<u8>) -> Result<(), Box<dyn core::error::Error>> {
    stream.set_read_timeout(Some(Timeouts::LIBMILTER.command))?;
    stream.set_write_timeout(Some(Timeouts::LIBMILTER.write))?;
    let options = Options::new([CommandKind::MailFrom, CommandKind::RcptTo]).require(Actions::ADD_HEADERS);
    let is_nobody = |to: &str| to.trim_matches(['<', '>']).eq_ignore_ascii_case("nobody@example.org");
    let refusal = Verdict::Reply(ReplyText::parse(b"550 5.1.1 no such user")?);
    let (mut session, mut assembler) = (FilterSession::new(), Assembler::new(Vec::new()));
    let (mut buffer, mut sender) = (vec![0; 65_536], String::new());
    while session.turn() != Turn::Closed {
        stream.write_all(out.drain(..).as_slice())?;
        let mut input = match stream.read(&mut buffer) {
            Ok(0) => return Err("the MTA closed the connection without QUIT".into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => buffer.get(..count?).unwrap_or_default(),
        };
        while let Some(event) = session.next_event(&mut assembler, &mut input)? {
            if event.aborts_message {
                sender.clear();
            }
            let mut verdict = Verdict::Continue;
            match event.command {
                Command::MailFrom { address, .. } => sender = address.as_bytes().escape_ascii().to_string(),
                Command::RcptTo { address, .. } if address.to_str().is_ok_and(is_nobody) => verdict = refusal,
                _ => {}
            }
            if session.may_edit(Actions::ADD_HEADERS) {
                session.send(Edit::add_header("X-Envelope-From", &sender)?)?.append_to(out);
                sender.clear();
            }
            match session.turn() {
                Turn::Reply(CommandKind::Negotiate) => session.negotiate(&options)?.frame.append_to(out),
                Turn::Reply(_) => session.send(verdict)?.append_to(out),
                _ => {}
            }
        }
    }
    Ok(())
}
