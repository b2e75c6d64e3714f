//! Sends a message through filters in a row, with the library, and prints what they decide.
//!
//! ```text
//! cargo run --example library_mta -- 127.0.0.1:8892 127.0.0.1:8891 "to=<bob@example.org>" message=mail.eml
//! ```
//! `messages=N` sends it N times, `clients=N` for N SMTP clients, one after the other. `late=ADDRESS` is a recipient that a
//! client names after the MTA itself has refused DATA. `abort=yes` is a client that gives the message up after its recipients.
//! `output=FILE` writes the message as it would be delivered.

use std::net::TcpStream;
use std::{env, fs};

use library_mta::{Client, Error};
use milter_proto::message::ChainAnswer;
use milter_proto::wire::{LeadingSpace, Peer, Text, TextList};

const MESSAGE: &str = "From: alice@example.org\nSubject: a message\n which is folded\n\nHello,\n\n100 %\n";

struct Options {
    recipients: Vec<String>,
    late: Option<String>,
    messages: usize,
    clients: usize,
    aborts: bool,
    message: Vec<u8>,
    output: Option<String>,
}

fn main() -> Result<(), Error> {
    let (recipients, message) = (Vec::new(), MESSAGE.into());
    let mut options =
        Options { recipients, late: None, messages: 1, clients: 1, aborts: false, message, output: None };
    let mut filters = Vec::new();
    for argument in env::args().skip(1) {
        match argument.split_once('=') {
            Some(("to", address)) => options.recipients.push(address.to_owned()),
            Some(("late", address)) => options.late = Some(address.to_owned()),
            Some(("messages", count)) => options.messages = count.parse()?,
            Some(("clients", count)) => options.clients = count.parse()?,
            Some(("abort", value)) => options.aborts = value == "yes",
            Some(("message", path)) => options.message = fs::read(path)?,
            Some(("output", path)) => options.output = Some(path.to_owned()),
            _ => filters.push(TcpStream::connect(&argument)?),
        }
    }
    if options.recipients.is_empty() {
        options.recipients.push("<bob@example.org>".to_owned());
    }
    let mut client = Client::new(filters)?;
    client.set_macro("j", "mta.example.org")?;
    for number in 1..=options.clients {
        if number > 1 && !client.reuse() {
            println!("a connection cannot be used again");
            break;
        }
        serve_client(&mut client, &options)?;
    }
    client.quit();
    Ok(())
}

/// One SMTP session: the messages of one client.
fn serve_client(client: &mut Client, options: &Options) -> Result<(), Error> {
    let peer = Peer::Inet { port: 25, address: Text::try_from("127.0.0.1")? };
    let connected = client.connect("localhost", peer)?;
    let greeted = client.helo("client.example.org")?;
    if let Some(answer) = [connected, greeted].into_iter().find(|answer| !answer.passes()) {
        println!("the client is refused: {:?}", answer.verdict);
        return Ok(());
    }
    for number in 1..=options.messages {
        client.set_macro("i", &format!("QUEUE{number}"))?;
        if send_message(client, options)?.closes_smtp_session() {
            println!("the SMTP session ends");
            break;
        }
    }
    Ok(())
}

/// One message. Returns the last answer.
fn send_message(client: &mut Client, options: &Options) -> Result<ChainAnswer, Error> {
    let begun = client.mail("<alice@example.org>", TextList::EMPTY)?;
    if !begun.passes() {
        return refuse(client, "the sender", begun);
    }
    let mut has_recipient = false;
    for address in &options.recipients {
        let answer = client.rcpt(address, TextList::EMPTY)?;
        if answer.closes_smtp_session() {
            return refuse(client, address, answer);
        } else if answer.passes() {
            has_recipient = true;
        } else {
            println!("{address} is refused: {:?}", answer.verdict);
        }
    }
    if !has_recipient || options.aborts {
        println!("the message is given up");
        client.abort()?;
        return Ok(begun);
    }
    let mut answer = client.data()?;
    if let (true, Some(address)) = (answer.passes(), &options.late) {
        println!("the MTA refuses DATA");
        answer = client.rcpt(address, TextList::EMPTY)?;
        if answer.passes() {
            answer = client.data()?;
        }
    }
    if !answer.passes() {
        return refuse(client, "DATA", answer);
    }
    let (answer, message) = client.message(&options.message)?;
    let Some(message) = message else {
        println!("the message is refused or discarded: {:?}", answer.verdict);
        return Ok(answer);
    };
    let chain = client.chain();
    for (filter, session) in (0..).map_while(|filter| Some((filter, chain.session(filter)?))) {
        let is_preserved = session.leading_space() == LeadingSpace::Preserved;
        let note = if is_preserved { ", with its leading space" } else { "" };
        chain.edits(filter).for_each(|(edit, ..)| println!("{edit:?}{note}"));
    }
    println!("the message is accepted");
    if let Some(path) = &options.output {
        fs::write(path, message.to_bytes())?;
    }
    Ok(answer)
}

/// The message is over: all filters have to know.
fn refuse(client: &mut Client, subject: &str, answer: ChainAnswer) -> Result<ChainAnswer, Error> {
    println!("{subject} is refused: {:?}", answer.verdict);
    client.abort()?;
    Ok(answer)
}
