//! Sends a message through filters in a row, with the library, and prints what they decide.
//!
//! ```text
//! cargo run --example library_mta -- 127.0.0.1:8892 127.0.0.1:8891 "to=<bob@example.org>" message=mail.eml
//! ```
//! `messages=N` sends it N times, `clients=N` for N SMTP clients, one after the other. `late=ADDRESS` is a recipient that a
//! client names after the MTA itself has refused DATA. `abort=yes` is a client that gives the message up after its recipients.

use std::net::TcpStream;
use std::{env, fs};

use library_mta::{Client, Error, ask_each, passes, send_content};
use milter_proto::wire::{LeadingSpace, Peer, Text, TextList, VerdictBuf};

const MESSAGE: &str = "From: alice@example.org\nSubject: a message\n which is folded\n\nHello,\n\n100 %\n";

struct Options {
    recipients: Vec<String>,
    late: Option<String>,
    messages: usize,
    clients: usize,
    aborts: bool,
    message: String,
}

fn main() -> Result<(), Error> {
    let (none, message) = (Vec::new(), MESSAGE.to_owned());
    let mut options =
        Options { recipients: none, late: None, messages: 1, clients: 1, aborts: false, message };
    let mut filters = Vec::new();
    for argument in env::args().skip(1) {
        match argument.split_once('=') {
            Some(("to", address)) => options.recipients.push(address.to_owned()),
            Some(("late", address)) => options.late = Some(address.to_owned()),
            Some(("messages", count)) => options.messages = count.parse()?,
            Some(("clients", count)) => options.clients = count.parse()?,
            Some(("abort", value)) => options.aborts = value == "yes",
            Some(("message", path)) => options.message = fs::read_to_string(path)?,
            _ => {
                let mut client = Client::new(TcpStream::connect(&argument)?)?;
                client.macros.insert("j".to_owned(), "mta.example.org".to_owned());
                filters.push(client);
            }
        }
    }
    if options.recipients.is_empty() {
        options.recipients.push("<bob@example.org>".to_owned());
    }
    for number in 1..=options.clients {
        if number > 1 && !filters.iter_mut().all(Client::reuse) {
            println!("a connection cannot be used again");
            break;
        }
        serve_client(&mut filters, &options)?;
    }
    filters.into_iter().for_each(Client::quit);
    Ok(())
}

/// One SMTP session: the messages of one client.
fn serve_client(filters: &mut [Client], options: &Options) -> Result<(), Error> {
    let peer = Peer::Inet { port: 25, address: Text::try_from("127.0.0.1")? };
    let connected = ask_each(filters, |filter| filter.connect("localhost", peer))?;
    let greeted = ask_each(filters, |filter| filter.helo("client.example.org"))?;
    if let Some(verdict) = [connected, greeted].into_iter().find(|verdict| !passes(verdict)) {
        println!("the client is refused: {verdict:?}");
        return Ok(());
    }
    for number in 1..=options.messages {
        for filter in &mut *filters {
            filter.macros.insert("i".to_owned(), format!("QUEUE{number}"));
        }
        let verdict = send_message(filters, options)?;
        if verdict.as_verdict().closes_smtp_session() {
            println!("the SMTP session ends");
            break;
        }
    }
    Ok(())
}

/// One message. Returns the last verdict.
fn send_message(filters: &mut [Client], options: &Options) -> Result<VerdictBuf, Error> {
    let verdict = ask_each(filters, |filter| filter.mail("<alice@example.org>", TextList::EMPTY))?;
    if !passes(&verdict) {
        return refuse(filters, "the sender", verdict);
    }
    let mut has_recipient = false;
    for address in &options.recipients {
        let verdict = ask_each(filters, |filter| filter.rcpt(address, TextList::EMPTY))?;
        if verdict.as_verdict().closes_smtp_session() {
            return refuse(filters, address, verdict);
        } else if passes(&verdict) {
            has_recipient = true;
        } else {
            println!("{address} is refused: {verdict:?}");
        }
    }
    if !has_recipient || options.aborts {
        println!("the message is given up");
        filters.iter_mut().try_for_each(Client::abort)?;
        return Ok(verdict);
    }
    let mut verdict = ask_each(filters, Client::data)?;
    if let (true, Some(address)) = (passes(&verdict), &options.late) {
        println!("the MTA refuses DATA");
        verdict = ask_each(filters, |filter| filter.rcpt(address, TextList::EMPTY))?;
        if passes(&verdict) {
            verdict = ask_each(filters, Client::data)?;
        }
    }
    if !passes(&verdict) {
        return refuse(filters, "DATA", verdict);
    }
    let message = options.message.replace("\r\n", "\n");
    let (head, body) = message.split_once("\n\n").unwrap_or((&message, ""));
    // A line that begins with a blank continues a header.
    let head = head.replace("\n ", "\r\r ").replace("\n\t", "\r\r\t");
    let lines: Vec<_> = head.split('\n').map(|line| line.replace("\r\r", "\r\n")).collect();
    let headers = lines.iter().filter_map(|line| line.split_once(':'));
    let headers: Vec<_> = headers.map(|(name, value)| (name, value.as_bytes())).collect();
    let (edits, verdict) = send_content(filters, &headers, body.replace('\n', "\r\n").as_bytes())?;
    if !passes(&verdict) {
        println!("the message is refused or discarded: {verdict:?}");
        return Ok(verdict);
    }
    for (edit, space) in &edits {
        println!(
            "{edit:?}{}",
            if *space == LeadingSpace::Preserved { ", with its leading space" } else { "" }
        );
    }
    println!("the message is accepted");
    Ok(verdict)
}

/// The message is over: all filters have to know.
fn refuse(filters: &mut [Client], subject: &str, verdict: VerdictBuf) -> Result<VerdictBuf, Error> {
    println!("{subject} is refused: {verdict:?}");
    filters.iter_mut().try_for_each(Client::abort)?;
    Ok(verdict)
}
