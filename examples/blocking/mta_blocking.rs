//! An MTA on threads: it asks a filter about a message, and shows what comes of it.
//!
//! ```text
//! cargo run --example mta_blocking -- --filter inet:8891@localhost --message mail.eml --log
//! ```
//!
//! `converse` is all there is to the protocol: say what is next, and where a reply is owed, write and read.

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named goes on")]

#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod support;

use std::io::{Write, stderr};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Parser;
use milter_proto::mta::Sent;
use milter_proto::wire::Assembler;
use milter_proto::{MtaSession, Wait, mta};

use support::client::{Client, Options, Outcome, refuse_stray};
use support::failure::Failure;
use support::io::{Reader, Writer};
use support::message::Message;
use support::pool::Pool;
use support::waits::Waits;

/// Asks a filter about a message, as mail servers do.
#[derive(Debug, Parser)]
#[command(name = "mta_blocking", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(stderr(), "mta_blocking: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Plays all connections, each in a thread of its own.
fn run(options: &Options) -> Result<(), Failure> {
    let message = Message::load(options.letter.message.as_deref())?;
    let pool = Pool::default();
    thread::scope(|scope| {
        let start = |number| {
            let (message, pool) = (&message, &pool);
            let play = move || play(options, message, pool, number);
            thread::Builder::new().spawn_scoped(scope, play).map_err(Failure::Spawn)
        };
        let mut threads = Vec::new();
        let started = (1..=options.connections.get()).try_for_each(|number| {
            threads.push(start(number)?);
            Ok(())
        });
        // All of them end before the first failure is told.
        let results = threads.into_iter().map(|thread| thread.join().unwrap_or(Err(Failure::Thread)));
        results.collect::<Vec<_>>().into_iter().collect::<Result<(), _>>().and(started)
    })
}

/// Plays one connection, and shows the outcome of its messages.
fn play(options: &Options, message: &Message, pool: &Pool, number: u64) -> Result<(), Failure> {
    let show = |outcome: &Outcome<'_>| outcome.show(options.json);
    let mut client = Client::new(&options.letter, message, &show);
    let mut session = MtaSession::with_policy(options.policy());
    let mut assembler = Assembler::new(Vec::new());
    let result = converse(options, pool, number, &mut session, &mut assembler, &mut client);
    session.disconnect(assembler.pending());
    result
}

/// Commands out, replies in.
fn converse(
    options: &Options,
    pool: &Pool,
    number: u64,
    session: &mut MtaSession,
    assembler: &mut Assembler<Vec<u8>>,
    client: &mut Client<'_>,
) -> Result<(), Failure> {
    let timeouts = options.timeouts();
    let socket = options.filter.connect(timeouts.of(Wait::Connect));
    let socket = socket.map_err(|error| Failure::Connect(options.filter.to_string(), error))?;
    let [written, read] = options.taps(number);
    let mut reader = Reader::new(&socket, pool, read);
    let mut writer = Writer::new(&socket, written, timeouts.of(Wait::Write))?;
    let mut waits = Waits::new(timeouts);
    loop {
        match session.turn() {
            mta::Turn::Send => {
                refuse_stray(reader.read_now()?, session, assembler)?;
                match client.say(session)? {
                    // No filter but this one can refuse DATA here, so that the envelope never has to be sent again.
                    Some(Sent::Frame(frame) | Sent::ResendEnvelope(frame)) => {
                        waits.begin();
                        writer.push(&frame).map_err(|failure| failure.on_turn(session.turn()))?;
                    }
                    Some(Sent::Skipped { .. }) => {}
                    None => return Ok(()),
                }
            }
            mta::Turn::Receive(owed) => {
                writer.flush().map_err(|failure| failure.on(owed))?;
                let limit = waits.limit(session.wait(), Instant::now());
                let Some(mut input) = reader.read(limit).map_err(|failure| failure.on(owed))? else {
                    continue;
                };
                if input.is_empty() {
                    return Err(Failure::left(session.negotiated().is_some(), owed));
                }
                while let Some(reaction) = session.next_event(assembler, &mut input)? {
                    client.hear(&reaction)?;
                }
            }
            // QUIT was said, and a filter that has left already misses nothing.
            _ => {
                let _ = writer.flush();
                return Ok(());
            }
        }
    }
}
