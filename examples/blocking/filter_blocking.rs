//! A filter on threads: one for each connection, over TCP or unix sockets.
//!
//! ```text
//! cargo run --example filter_blocking -- --listen inet:8892@127.0.0.1 --add-header X-Seen=yes --log
//! ```
//!
//! `answer` is all there is to the protocol. The rest is what every server has: threads, a bound on
//! them, timeouts, and an end that does not cut messages in two.

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named goes on")]

#[path = "filter_blocking/server.rs"]
mod server;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod support;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Assembler, Offer, Steps};
use milter_proto::{FilterSession, Wait, filter};

use server::{Connection, Server};
use support::failure::Failure;
use support::io::{Reader, Writer};
use support::rules::{HELP, Handler, Next, Options, Rules};

/// A filter that does what its command line says.
#[derive(Debug, Parser)]
#[command(name = "filter_blocking", version, after_long_help = HELP)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    let server = Server::new(options.listen.clone(), options.connections.get(), options.grace.0);
    let rules = Rules::new(options);
    match server.run(&|connection| serve(connection, &rules)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(stderr(), "filter_blocking: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Answers an MTA until one of the two leaves, and says how it ended.
fn serve(connection: &Connection<'_>, rules: &Rules) -> Result<(), Failure> {
    let mut session = FilterSession::with_policy(rules.policy());
    if rules.policy() == filter::Policy::LIBMILTER {
        // libmilter counts callbacks that are missing as declined, also before OPTNEG.
        if let Ok(negotiation) = rules.filter_options().answer(Offer::FULL) {
            session = session.with_initial_steps(negotiation.answer.steps.intersection(Steps::NO_COMMAND));
        }
    }
    let mut assembler = Assembler::with_limits(Vec::new(), Rules::limits(None));
    let mut handler = Handler::new(rules, connection.number);
    let result = converse(connection, rules, &mut session, &mut assembler, &mut handler);
    handler.end(&session.disconnect(assembler.pending()));
    result
}

/// Reads, answers and writes, turn by turn.
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
    while session.turn() != filter::Turn::Closed {
        let is_idle = !handler.is_in_message();
        if is_idle {
            if !connection.set_idle(true) {
                return Ok(());
            }
            assembler.release();
            handler.release();
            reader.release();
        }
        let input = reader.read(timeouts.of(Wait::Command))?;
        if is_idle && !connection.set_idle(false) {
            return Ok(());
        }
        match input {
            None => assembler.release(),
            Some([]) => {
                handler.note_end_without_quit(assembler.pending());
                return Ok(());
            }
            Some(input) => {
                let result = answer(input, connection, rules, session, assembler, handler, &mut writer);
                // Earlier frames of the same read may have been answered: flush before handling the error.
                writer.flush()?;
                result?;
            }
        }
    }
    Ok(())
}

/// Bytes in, events out; replies in, bytes out.
fn answer(
    mut input: &[u8],
    connection: &Connection<'_>,
    rules: &Rules,
    session: &mut FilterSession,
    assembler: &mut Assembler<Vec<u8>>,
    handler: &mut Handler<'_>,
    writer: &mut Writer<'_>,
) -> Result<(), Failure> {
    while let Some(event) = session.next_event(assembler, &mut input)? {
        handler.on_event(&event, session);
        if session.turn() == filter::Turn::Reply(CommandKind::Negotiate) {
            writer.push(&session.negotiate(&rules.filter_options())?.frame)?;
            assembler.set_limits(Rules::limits(session.negotiated()));
        }
        while let filter::Turn::Reply(_) = session.turn() {
            match handler.next() {
                Next::Send(response) => match session.send(response) {
                    Ok(frame) => writer.push(&frame)?,
                    Err(misuse) => handler.leave_out(response, misuse)?,
                },
                Next::Pause(time) => {
                    writer.flush()?;
                    connection.pause(time);
                }
            }
        }
        handler.after_replies(session.stage());
    }
    Ok(())
}
