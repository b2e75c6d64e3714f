//! An MTA on tokio: it asks a filter about a message on many connections, each in a task.
//!
//! ```text
//! cargo run --example mta_tokio -- --filter inet:8891@localhost --message mail.eml --connections 50
//! ```
//!
//! `converse` is all there is to the protocol: say what is next, and where a reply is owed, write and
//! read. How bytes come and go is in `support/task.rs`.

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named goes on")]

#[path = "filter_tokio/stream.rs"]
mod stream;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod support;

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Write, stderr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use milter_proto::mta::Sent;
use milter_proto::wire::Assembler;
use milter_proto::{MtaSession, Wait, mta};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

use stream::Connection;
use support::client::{Client, Options, Outcome, refuse_stray};
use support::failure::Failure;
use support::message::Message;
use support::pool::Pool;
use support::spec::{RETRY, Spec};
use support::task::Link;
use support::waits::Waits;

/// Asks a filter about a message, as mail servers do.
#[derive(Debug, Parser)]
#[command(name = "mta_tokio", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

/// What all connections share.
struct Mta {
    options: Options,
    message: Message,
    /// Where the filter is, unless at a path: a name is looked up once, before anything runs.
    addresses: Vec<SocketAddr>,
    pool: Pool,
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    let result = Mta::new(options).and_then(|mta| {
        let runtime = Runtime::new().map_err(Failure::Runtime)?;
        runtime.block_on(run(Arc::new(mta)))
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(stderr(), "mta_tokio: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Plays all connections, each in a task of its own.
async fn run(mta: Arc<Mta>) -> Result<(), Failure> {
    let play = |number| {
        let mta = Arc::clone(&mta);
        async move { mta.play(number).await }
    };
    let numbers = 1..=mta.options.connections.get();
    let tasks = numbers.map(|number| tokio::spawn(play(number))).collect::<Vec<_>>();
    // All of them end before the first failure is told.
    let mut result = Ok(());
    for task in tasks {
        result = result.and(task.await.unwrap_or(Err(Failure::Thread)));
    }
    result
}

impl Mta {
    fn new(options: Options) -> Result<Self, Failure> {
        let message = Message::load(options.letter.message.as_deref())?;
        let addresses = options.filter.addresses();
        let addresses = addresses.map_err(|error| Failure::Connect(options.filter.to_string(), error))?;
        Ok(Self { options, message, addresses, pool: Pool::default() })
    }

    /// Plays one connection, and shows the outcome of its messages.
    async fn play(&self, number: u64) -> Result<(), Failure> {
        let show = |outcome: &Outcome<'_>| outcome.show(self.options.json);
        let mut client = Client::new(&self.options.letter, &self.message, &show);
        let mut session = MtaSession::with_policy(self.options.policy());
        let mut assembler = Assembler::new(Vec::new());
        let result = self.converse(number, &mut session, &mut assembler, &mut client).await;
        session.disconnect(assembler.pending());
        result
    }

    /// Commands out, replies in.
    async fn converse(
        &self,
        number: u64,
        session: &mut MtaSession,
        assembler: &mut Assembler<Vec<u8>>,
        client: &mut Client<'_>,
    ) -> Result<(), Failure> {
        let timeouts = self.options.timeouts();
        let stream = self.connect(timeouts.of(Wait::Connect)).await;
        let stream = stream.map_err(|error| Failure::Connect(self.options.filter.to_string(), error))?;
        let [written, read] = self.options.taps(number);
        let mut link = Link::new(stream, &self.pool, [read, written], timeouts.of(Wait::Write));
        let mut waits = Waits::new(timeouts);
        loop {
            match session.turn() {
                mta::Turn::Send => {
                    refuse_stray(&link.read_now()?, session, assembler)?;
                    match client.say(session)? {
                        // No filter but this one can refuse DATA here, so that the envelope never has to be sent again.
                        Some(Sent::Frame(frame) | Sent::ResendEnvelope(frame)) => {
                            waits.begin();
                            link.push(&frame).await.map_err(|failure| failure.on_turn(session.turn()))?;
                        }
                        Some(Sent::Skipped { .. }) => {}
                        None => return Ok(()),
                    }
                }
                mta::Turn::Receive(owed) => {
                    link.flush().await.map_err(|failure| failure.on(owed))?;
                    let input = link.read(waits.limit(session.wait(), Instant::now())).await;
                    let input = input.map_err(|failure| failure.on(owed))?;
                    if input.is_empty() {
                        return Err(Failure::left(session.negotiated().is_some(), owed));
                    }
                    let mut input = &*input;
                    while let Some(reaction) = session.next_event(assembler, &mut input)? {
                        client.hear(&reaction)?;
                    }
                }
                // QUIT was said, and a filter that has left already misses nothing.
                _ => {
                    let _ = link.flush().await;
                    return Ok(());
                }
            }
        }
    }

    /// Tries the addresses one by one.
    async fn connect(&self, limit: Duration) -> io::Result<Connection> {
        if let Spec::Unix(path) = &self.options.filter {
            return timeout(limit, connect_unix(path)).await?.map(Connection::unix);
        }
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address of this family");
        for address in &self.addresses {
            match timeout(limit, TcpStream::connect(address)).await.unwrap_or_else(|late| Err(late.into())) {
                Ok(stream) => return Connection::tcp(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Connects to a socket at a path, and tries again while its backlog is full.
async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(RETRY).await,
            connected => return connected,
        }
    }
}
