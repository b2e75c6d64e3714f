//! A filter on threads: one for each connection, over TCP or unix sockets.
//!
//! ```text
//! cargo run --example filter_blocking -- --listen inet:8892@127.0.0.1 --add-header X-Seen=yes --log
//! ```
//!
//! `converse` is all there is to the protocol. The rest is what every server has: threads, a bound on
//! them, timeouts, and an end that does not cut messages in two.

#[path = "filter_blocking/server.rs"]
mod server;
#[expect(dead_code, reason = "it is shared, and not all of it is used here")]
mod support;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;
use milter_proto::session::{FilterSession, FilterTurn, Wait};
use milter_proto::wire::{Assembler, Command};

use server::{Connection, Server};
use support::failure::Failure;
use support::io::{Reader, Writer};
use support::rules::{Handler, Options, Rules};

/// A filter that does what its command line says.
#[derive(Debug, Parser)]
#[command(name = "filter_blocking", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    let server = Server::new(options.listen.clone(), options.connections, options.grace.0);
    let result = Rules::new(options).and_then(|rules| server.run(&|connection| serve(connection, &rules)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(stderr(), "filter_blocking: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Answers an MTA until one of the two leaves, and says how it ended.
fn serve(connection: &Connection<'_>, rules: &Rules) -> Result<(), Failure> {
    let mut session = FilterSession::new(rules.policy());
    let mut assembler = Assembler::new(Vec::new());
    let mut handler = Handler::new(rules, connection.number);
    let result = converse(connection, rules, &mut session, &mut assembler, &mut handler);
    handler.end(&session.disconnect(assembler.pending()));
    result
}

/// Bytes in, events out; replies in, bytes out.
fn converse(
    connection: &Connection<'_>,
    rules: &Rules,
    session: &mut FilterSession,
    assembler: &mut Assembler<Vec<u8>>,
    handler: &mut Handler<'_>,
) -> Result<(), Failure> {
    let timeouts = rules.timeouts();
    let [read, written] = rules.taps(connection.number);
    let mut reader = Reader::new(connection.socket, connection.pool, read);
    let mut writer = Writer::new(connection.socket, written, timeouts.of(Wait::Write))?;
    while session.turn() != FilterTurn::Closed {
        let is_idle = !session.stage().is_in_message();
        if is_idle && !connection.set_idle(true) {
            return Ok(());
        }
        let read = reader.read(timeouts.of(Wait::Command))?;
        if is_idle {
            connection.set_idle(false);
        }
        let mut input = match read {
            None => {
                assembler.release();
                continue;
            }
            Some([]) => return Ok(()),
            Some(input) => input,
        };
        while let Some(event) = session.next_event(assembler, &mut input)? {
            if let Command::Negotiate(_) = event.command {
                writer.push(&session.negotiate(&rules.wishes())??.1)?;
            }
            handler.hear(&event, session);
            while let Some(response) = handler.say(session) {
                writer.push(&session.send(response)?)?;
            }
        }
        writer.flush()?;
    }
    Ok(())
}
