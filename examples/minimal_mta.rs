//! A mail server in one file: it asks a filter about one message, and prints every edit and verdict.
//! Run `cargo run --example minimal_mta -- 127.0.0.1:8892 message.eml`. Without a file, it reads its input.
use std::io::{self, ErrorKind, Read, Write};
use std::{env, fs, net::TcpStream};

use milter_proto::mta::{Event, Scope, Sent, Turn};
use milter_proto::wire::{Assembler, Chunks, Command, DataSize, LeadingSpace, Offer, Peer, Text, TextList};
use milter_proto::{MtaSession, Timeouts};

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let [address, path] = [1, 2].map(|number| env::args().nth(number));
    let message = path.map_or_else(|| io::read_to_string(io::stdin()), fs::read_to_string)?;
    let message = message.replace("\r\n", "\n");
    let (head, body) = message.split_once("\n\n").unwrap_or((&message, ""));
    let body = body.replace('\n', "\r\n");
    // A line that begins with a blank continues a header. Here, CR ends headers, and LF the lines within one.
    let head = head.replace("\n ", "\0 ").replace("\n\t", "\0\t").replace('\n', "\r").replace('\0', "\n");
    let (host, client, none) = (Text::try_from("localhost")?, Text::try_from("127.0.0.1")?, TextList::EMPTY);
    let mut commands = vec![
        Command::Negotiate(Offer::FULL),
        Command::Connect { host, peer: Peer::Inet { port: 25, address: client } },
        Command::Helo { name: host },
        Command::MailFrom { address: Text::try_from("<from@example.org>")?, arguments: none },
        Command::RcptTo { address: Text::try_from("<to@example.org>")?, arguments: none },
        Command::Data,
    ];
    for header in head.split_terminator('\r') {
        let (name, value) = header.split_once(':').ok_or_else(|| format!("not a header: {header:?}"))?;
        commands.push(Command::Header { name: Text::try_from(name)?, value: Text::try_from(value)? });
    }
    commands.push(Command::EndOfHeaders);
    commands.extend(Chunks::new(body.as_bytes(), DataSize::Kib64).map(|chunk| Command::Body { chunk }));
    commands.extend([Command::EndOfMessage { chunk: b"" }, Command::Quit]);

    let mut stream = TcpStream::connect(address.as_deref().unwrap_or("127.0.0.1:8892"))?;
    stream.set_nodelay(true)?;
    let (mut session, mut assembler) = (MtaSession::new(), Assembler::new(Vec::new()));
    let (mut buffer, mut out, mut has_recipient) = (vec![0; 65_536], Vec::new(), true);
    for mut command in commands {
        if !has_recipient && command != Command::Quit {
            continue;
        }
        if let (Command::Header { value, .. }, Some(negotiated)) = (&mut command, session.negotiated()) {
            *value = Text::new(LeadingSpace::of(negotiated.steps).to_wire(value.as_bytes()))?;
        }
        // The session skips what the filter declined, and the rest of a message whose verdict is known.
        match session.send(command)? {
            Sent::Frame(frame) => frame.append_to(&mut out),
            Sent::Skipped { .. } => {}
            // A client that goes on after a refused DATA causes it. This one does not.
            Sent::ResendEnvelope(_) => return Err("the envelope would have to be sent again".into()),
        }
        while let Turn::Receive(owed) = session.turn() {
            stream.set_read_timeout(session.wait().map(|wait| Timeouts::POSTFIX.of(wait)))?;
            stream.write_all(out.drain(..).as_slice())?;
            let mut input = match stream.read(&mut buffer) {
                Ok(0) => return Err(format!("the filter closed without a reply to {owed}").into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                count => buffer.get(..count?).unwrap_or_default(),
            };
            while let Some(event) = session.next_event(&mut assembler, &mut input)? {
                println!("{event:?}");
                has_recipient &= !matches!(event, Event::Verdict { scope: Scope::Recipient, .. });
            }
        }
    }
    let _ = stream.write_all(&out); // QUIT: a filter that has closed already does not need it
    Ok(())
}
