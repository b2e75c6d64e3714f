//! A small mail server: it asks one filter about what comes over SMTP, and delivers by SMTP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;

use milter_proto::message::{Chain, ChainFilter, ChainStep, EditRules, Message};
use milter_proto::wire::{Command, Offer, Peer, Text, TextList};

/// Serves SMTP until the test ends, and returns its address.
pub(crate) fn start(filter: &str, sink: Option<String>) -> String {
    start_with(filter, sink, b"")
}

/// The same, but every connection to the filter gets these bytes after OPTNEG.
pub(crate) fn start_with(filter: &str, sink: Option<String>, surplus: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let filter = PathBuf::from(filter);
    thread::spawn(move || {
        for stream in listener.incoming() {
            // What goes wrong ends the connection, which the program sees.
            let _ = serve(&stream.unwrap(), &filter, sink.as_deref(), surplus);
        }
    });
    address
}

fn serve(smtp: &TcpStream, filter: &PathBuf, sink: Option<&str>, surplus: &[u8]) -> io::Result<()> {
    let mut lines = BufReader::new(smtp);
    let milter = UnixStream::connect(filter)?;
    let mut chain = Chain::new(EditRules::POSTFIX);
    chain.add(ChainFilter::new());
    let [host, client] = [c"client.example", c"192.0.2.10"].map(Text::from_c_str);
    ask(&mut chain, Command::Negotiate(Offer::FULL), &milter)?;
    (&milter).write_all(surplus)?;
    let greeting =
        ask(&mut chain, Command::Connect { host, peer: Peer::Inet { port: 25, address: client } }, &milter)?;
    reply(smtp, &greeting, "220 mta.example ESMTP")?;
    let (mut sender, mut recipients) = (String::new(), Vec::new());
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return ask(&mut chain, Command::Quit, &milter).map(drop);
        }
        let line = line.trim_end();
        let argument = line.split_once(' ').map_or("", |(_, rest)| rest);
        let argument = argument.trim_start_matches("FROM:").trim_start_matches("TO:");
        let text = Text::new(argument.as_bytes()).unwrap();
        let (answer, good) = match line.to_uppercase().get(..4).unwrap_or_default() {
            "EHLO" => (ask(&mut chain, Command::Helo { name: text }, &milter)?, "250 mta.example"),
            "MAIL" => {
                sender = text.as_bytes().escape_ascii().to_string();
                recipients.clear();
                (
                    ask(
                        &mut chain,
                        Command::MailFrom { address: text, arguments: TextList::EMPTY },
                        &milter,
                    )?,
                    "250 OK",
                )
            }
            "RCPT" => {
                let answer =
                    ask(&mut chain, Command::RcptTo { address: text, arguments: TextList::EMPTY }, &milter)?;
                recipients.push(text.as_bytes().escape_ascii().to_string());
                (answer, "250 OK")
            }
            "DATA" => {
                let answer = ask(&mut chain, Command::Data, &milter)?;
                if !answer.is_empty() {
                    reply(smtp, &answer, "")?;
                    continue;
                }
                reply(smtp, "", "354 go on")?;
                let content = content(&mut lines)?;
                let message = Message::parse(content);
                chain.send_message(message).map_err(io::Error::other)?;
                let answer = run(&mut chain, &milter)?;
                let message = chain.take_message().map(|message| message.to_bytes());
                let has_passed = answer.is_empty() && message.is_some();
                if let (true, Some(content), Some(sink)) = (has_passed, message, sink) {
                    deliver(sink, &sender, &recipients, &content)?;
                }
                (answer, "250 OK")
            }
            "RSET" => (ask(&mut chain, Command::Abort, &milter)?, "250 OK"),
            "QUIT" => {
                ask(&mut chain, Command::Quit, &milter)?;
                return reply(smtp, "", "221 bye");
            }
            _ => (String::new(), "502 not known"),
        };
        reply(smtp, &answer, good)?;
    }
}

fn reply(mut smtp: &TcpStream, bad: &str, good: &str) -> io::Result<()> {
    let line = if bad.is_empty() { good } else { bad };
    smtp.write_all(format!("{line}\r\n").as_bytes())
}

fn content(lines: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line)?;
        match line.as_slice() {
            b".\r\n" => return Ok(content),
            [b'.', rest @ ..] => content.extend_from_slice(rest),
            rest => content.extend_from_slice(rest),
        }
    }
}

fn deliver(sink: &str, sender: &str, recipients: &[String], content: &[u8]) -> io::Result<()> {
    // Without a sink, mail is lost.
    let Ok(stream) = TcpStream::connect(sink) else { return Ok(()) };
    let (mut lines, mut out) = (BufReader::new(&stream), &stream);
    let mut expect = |code: &str| loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        assert!(line.starts_with(code), "{line}");
        if !line[3..].starts_with('-') {
            return io::Result::Ok(());
        }
    };
    expect("220")?;
    let to = recipients.iter().map(|recipient| (format!("RCPT TO:{recipient}"), "250"));
    let commands = [("EHLO mta.example".to_owned(), "250"), (format!("MAIL FROM:{sender}"), "250")];
    for (command, code) in commands.into_iter().chain(to).chain([("DATA".to_owned(), "354")]) {
        out.write_all(format!("{command}\r\n").as_bytes())?;
        expect(code)?;
    }
    out.write_all(content)?;
    out.write_all(b".\r\n")?;
    expect("250")?;
    out.write_all(b"QUIT\r\n")
}

/// Asks the filter. Returns the SMTP reply if it refuses.
fn ask(chain: &mut Chain<'_>, command: Command<'_>, milter: &UnixStream) -> io::Result<String> {
    chain.send(command).map_err(io::Error::other)?;
    run(chain, milter)
}

fn run(chain: &mut Chain<'_>, mut milter: &UnixStream) -> io::Result<String> {
    let mut buffer = [0; 16_384];
    loop {
        match chain.next_step() {
            ChainStep::Done(answer) if answer.passes() => return Ok(String::new()),
            ChainStep::Done(answer) => {
                let reply =
                    answer.smtp_reply().map(|reply| reply.as_text().as_bytes().escape_ascii().to_string());
                return Ok(reply.unwrap_or_else(|| "550 5.7.1 refused".to_owned()));
            }
            ChainStep::Write { filter, frame } => {
                let bytes = frame.segments().collect::<Vec<_>>().concat();
                milter.write_all(&bytes).unwrap_or_else(|_| chain.fail(filter));
            }
            ChainStep::Read { filter, .. } => match milter.read(&mut buffer) {
                Ok(count @ 1..) => drop(chain.receive(filter, &mut &buffer[..count])),
                _ => chain.fail(filter),
            },
            ChainStep::Close { .. } => {}
        }
    }
}
