//! An MTA on threads: it asks a filter about a message, and shows what comes of it.
//!
//! ```text
//! cargo run --example mta_blocking -- --filter inet:8891@localhost --message mail.eml --log
//! ```
//!
//! `converse` is all there is to the protocol: say what is next, and where a reply is owed, write and read.

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named goes on")]

#[expect(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod support;

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Parser;
use milter_proto::mta::Sent;
use milter_proto::wire::Assembler;
use milter_proto::{MtaSession, Wait, mta};

use support::client::{Client, Options, Outcome};
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
        let play = |number| {
            let (message, pool) = (&message, &pool);
            move || play(options, message, pool, number)
        };
        let numbers = 1..=options.connections;
        let threads = numbers.map(|number| scope.spawn(play(number))).collect::<Vec<_>>();
        // All of them end before the first failure is told.
        let results = threads.into_iter().map(|thread| thread.join().unwrap_or(Err(Failure::Thread)));
        results.collect::<Vec<_>>().into_iter().collect()
    })
}

/// Plays one connection, and shows what came of its messages.
fn play(options: &Options, message: &Message, pool: &Pool, number: u64) -> Result<(), Failure> {
    let mut client = Client::new(&options.letter, message);
    let mut session = MtaSession::with_policy(options.policy());
    let mut assembler = Assembler::new(Vec::new());
    let result = converse(options, pool, number, &mut session, &mut assembler, &mut client);
    session.disconnect(assembler.pending());
    client.outcomes().iter().for_each(|outcome| show(outcome, options.json));
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
    let socket =
        options.filter.connect().map_err(|error| Failure::Connect(options.filter.to_string(), error))?;
    let [written, read] = options.taps(number);
    let mut reader = Reader::new(&socket, pool, read);
    let mut writer = Writer::new(&socket, written, timeouts.of(Wait::Write))?;
    let mut waits = Waits::new(timeouts);
    loop {
        match session.turn() {
            mta::Turn::Send => match client.say(session)? {
                // No filter but this one can refuse DATA here, so that the envelope never has to be sent again.
                Some(Sent::Frame(frame) | Sent::ResendEnvelope(frame)) => {
                    waits.begin();
                    writer.push(&frame)?;
                }
                Some(Sent::Skipped { .. }) => {}
                None => return Ok(()),
            },
            mta::Turn::Receive(owed) => {
                writer.flush()?;
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

fn show(outcome: &Outcome<'_>, as_json: bool) {
    let mut out = stdout().lock();
    let _ = if as_json { writeln!(out, "{}", outcome.to_json()) } else { writeln!(out, "{outcome}") };
}
