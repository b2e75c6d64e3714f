//! An MTA on threads: it asks filters about a message, and shows what would be delivered.
//!
//! ```text
//! cargo run --example mta_blocking -- --filter inet:8891@localhost --message mail.eml --log
//! ```
//!
//! `converse` contains everything about the protocol: it does what the chain of filters says, until the session is over.

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "cases that are not named need nothing")]

#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod support;

use core::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{Write, stderr};
use std::net::Shutdown;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Parser;
use milter_proto::Wait;
use milter_proto::message::ChainStep;
use milter_proto::wire::OutgoingFrame;

use support::client::{Client, Options, Outcome};
use support::failure::Failure;
use support::io::{Reader, Writer};
use support::pool::Pool;
use support::spec::Socket;
use support::waits::Waits;

/// Asks filters about a message, as mail servers do.
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

/// Plays all SMTP sessions, each in a thread of its own.
fn run(options: &Options) -> Result<(), Failure> {
    let bytes = options.letter.load()?;
    let pool = Pool::default();
    thread::scope(|scope| {
        let start = |number| {
            let (bytes, pool) = (&bytes, &pool);
            let play = move || play(options, bytes, pool, number);
            thread::Builder::new().spawn_scoped(scope, play).map_err(Failure::Spawn)
        };
        let mut threads = Vec::new();
        let started = (1..=options.connections.get()).try_for_each(|number| {
            threads.push(start(number)?);
            Ok(())
        });
        // All of them end before the first failure is reported.
        let results = threads.into_iter().map(|thread| thread.join().unwrap_or(Err(Failure::Thread)));
        results.collect::<Vec<_>>().into_iter().collect::<Result<(), _>>().and(started)
    })
}

/// Plays one SMTP session, and shows the outcome of its messages.
fn play(options: &Options, bytes: &[u8], pool: &Pool, number: u64) -> Result<(), Failure> {
    let show = |outcome: &Outcome<'_>| outcome.show(options.json);
    let mut client = Client::new(&options.letter, bytes, &options.filters, options.policy(), &show);
    let sockets = options.filters.iter().map(|_| OnceCell::new()).collect::<Vec<_>>();
    converse(&mut client, &mut Links { options, pool, number, sockets: &sockets, open: BTreeMap::new() })
}

/// Commands out, replies in.
fn converse(client: &mut Client<'_>, links: &mut Links<'_>) -> Result<(), Failure> {
    loop {
        let (filter, result) = match client.chain.next_step() {
            ChainStep::Done(answer) => match client.go_on(&answer)? {
                true => continue,
                false => return Ok(()),
            },
            ChainStep::Write { filter, frame } => (filter, links.write(filter, &frame)),
            ChainStep::Read { filter, wait } => {
                let input = links.read(filter, wait);
                (filter, input.and_then(|input| input.map_or(Ok(()), |input| client.receive(filter, input))))
            }
            ChainStep::Close { filter } => (filter, links.close(filter)),
        };
        result.or_else(|failure| client.fail(filter, failure))?;
    }
}

/// The connections of one SMTP session. Each is made when it is needed.
struct Links<'c> {
    options: &'c Options,
    pool: &'c Pool,
    number: u64,
    sockets: &'c [OnceCell<Socket>],
    open: BTreeMap<usize, Link<'c>>,
}

/// The connection to a filter.
struct Link<'c> {
    socket: &'c Socket,
    reader: Reader<'c>,
    writer: Writer<'c>,
    waits: Waits,
}

impl<'c> Links<'c> {
    /// The connection to a filter, which is made now if there is none.
    fn get(&mut self, filter: usize) -> Result<&mut Link<'c>, Failure> {
        let vacant = match self.open.entry(filter) {
            Entry::Occupied(link) => return Ok(link.into_mut()),
            Entry::Vacant(vacant) => vacant,
        };
        let (spec, timeouts) = (self.options.filter(filter)?, self.options.timeouts());
        let socket = spec.connect(timeouts.of(Wait::Connect));
        let socket = socket.map_err(|error| Failure::Connect(spec.to_string(), error))?;
        let socket = self.sockets.get(filter).ok_or(Failure::NoFilter(filter))?.get_or_init(|| socket);
        let [written, read] = self.options.taps(self.number, filter);
        let reader = Reader::new(socket, self.pool, read);
        let writer = Writer::new(socket, written, timeouts.of(Wait::Write))?;
        Ok(vacant.insert(Link { socket, reader, writer, waits: Waits::new(timeouts) }))
    }

    /// Adds a frame to what will be written: one without a reply waits for one that has a reply. Bytes that have arrived
    /// before it would be taken for the reply.
    fn write(&mut self, filter: usize, frame: &OutgoingFrame<'_>) -> Result<(), Failure> {
        let link = self.get(filter)?;
        Failure::check_stray(link.reader.read_now()?)?;
        link.waits.begin();
        link.writer.push(frame)
    }

    /// Writes what there is, and reads. `None`: read again.
    fn read(&mut self, filter: usize, wait: Wait) -> Result<Option<&[u8]>, Failure> {
        let link = self.get(filter)?;
        link.writer.flush()?;
        let limit = link.waits.limit(Some(wait), Instant::now());
        link.reader.read(limit)
    }

    /// Writes what there is, which is QUIT, and closes. A filter that has left already misses nothing.
    fn close(&mut self, filter: usize) -> Result<(), Failure> {
        if let Some(mut link) = self.open.remove(&filter) {
            let _ = link.writer.flush();
            let _ = link.socket.shutdown(Shutdown::Both);
        }
        Ok(())
    }
}
