//! An MTA on tokio: it asks filters about a message in many SMTP sessions, each in a task, and shows what would be delivered.
//!
//! ```text
//! cargo run --example mta_tokio -- --filter inet:8891@localhost --message mail.eml --connections 50
//! ```
//!
//! `converse` contains everything about the protocol: it does what the chain of filters says, until the session is over. How
//! bytes are read and written is in `support/task.rs`.

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "cases that are not named need nothing")]

#[path = "filter_tokio/stream.rs"]
mod stream;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod support;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, Write, stderr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use milter_proto::Wait;
use milter_proto::message::ChainStep;
use milter_proto::wire::OutgoingFrame;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

use stream::Connection;
use support::client::{Client, Options, Outcome};
use support::failure::Failure;
use support::pool::Pool;
use support::spec::{RETRY, Spec};
use support::task::{Link, Received};
use support::waits::Waits;

/// Asks filters about a message, as mail servers do.
#[derive(Debug, Parser)]
#[command(name = "mta_tokio", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

/// What all SMTP sessions share.
struct Mta {
    options: Options,
    /// The bytes of the message.
    bytes: Vec<u8>,
    /// The addresses of each filter, unless it is at a path: a name is looked up once, before anything runs.
    addresses: Vec<Vec<SocketAddr>>,
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

/// Plays all SMTP sessions, each in a task of its own.
async fn run(mta: Arc<Mta>) -> Result<(), Failure> {
    let play = |number| {
        let mta = Arc::clone(&mta);
        async move { mta.play(number).await }
    };
    let numbers = 1..=mta.options.connections.get();
    let tasks = numbers.map(|number| tokio::spawn(play(number))).collect::<Vec<_>>();
    // All of them end before the first failure is reported.
    let mut result = Ok(());
    for task in tasks {
        result = result.and(task.await.unwrap_or(Err(Failure::Thread)));
    }
    result
}

impl Mta {
    fn new(options: Options) -> Result<Self, Failure> {
        let bytes = options.letter.load()?;
        let addresses =
            |spec: &Spec| spec.addresses().map_err(|error| Failure::Connect(spec.to_string(), error));
        let addresses = options.filters.iter().map(addresses).collect::<Result<_, _>>()?;
        Ok(Self { options, bytes, addresses, pool: Pool::default() })
    }

    /// Plays one SMTP session, and shows the outcome of its messages.
    async fn play(&self, number: u64) -> Result<(), Failure> {
        let Self { options, bytes, .. } = self;
        let show = |outcome: &Outcome<'_>| outcome.show(options.json);
        let mut client = Client::new(&options.letter, bytes, &options.filters, options.policy(), &show);
        converse(&mut client, &mut Links { mta: self, number, open: BTreeMap::new() }).await
    }
}

/// Commands out, replies in.
async fn converse(client: &mut Client<'_>, links: &mut Links<'_>) -> Result<(), Failure> {
    loop {
        let (filter, result) = match client.chain.next_step() {
            ChainStep::Done(answer) => match client.go_on(&answer)? {
                true => continue,
                false => return Ok(()),
            },
            ChainStep::Write { filter, frame } => (filter, links.write(filter, &frame).await),
            ChainStep::Read { filter, wait } => {
                let input = links.read(filter, wait).await;
                (filter, input.and_then(|input| client.receive(filter, &input)))
            }
            ChainStep::Close { filter } => (filter, links.close(filter).await),
        };
        result.or_else(|failure| client.fail(filter, failure))?;
    }
}

/// The connections of one SMTP session. Each is made when it is needed.
struct Links<'m> {
    mta: &'m Mta,
    number: u64,
    open: BTreeMap<usize, (Link<'m, Connection>, Waits)>,
}

impl<'m> Links<'m> {
    /// The connection to a filter, which is made now if there is none.
    async fn get(&mut self, filter: usize) -> Result<&mut (Link<'m, Connection>, Waits), Failure> {
        let vacant = match self.open.entry(filter) {
            Entry::Occupied(link) => return Ok(link.into_mut()),
            Entry::Vacant(vacant) => vacant,
        };
        let options = &self.mta.options;
        let (spec, timeouts) = (options.filter(filter)?, options.timeouts());
        let addresses = self.mta.addresses.get(filter).map_or(&[][..], Vec::as_slice);
        let stream = connect(spec, addresses, timeouts.of(Wait::Connect)).await;
        let stream = stream.map_err(|error| Failure::Connect(spec.to_string(), error))?;
        let [written, read] = options.taps(self.number, filter);
        let link = Link::new(stream, &self.mta.pool, [read, written], timeouts.of(Wait::Write));
        Ok(vacant.insert((link, Waits::new(timeouts))))
    }

    /// Adds a frame to what will be written: one without a reply waits for one that has a reply. Bytes that have arrived
    /// before it would be taken for the reply.
    async fn write(&mut self, filter: usize, frame: &OutgoingFrame<'_>) -> Result<(), Failure> {
        let (link, waits) = self.get(filter).await?;
        Failure::check_stray(&link.read_now()?)?;
        waits.begin();
        link.push(frame).await
    }

    /// Writes what there is, and reads.
    async fn read(&mut self, filter: usize, wait: Wait) -> Result<Received<'m>, Failure> {
        let (link, waits) = self.get(filter).await?;
        link.flush().await?;
        link.read(waits.limit(Some(wait), Instant::now())).await
    }

    /// Writes what there is, which is QUIT, and closes. A filter that has left already misses nothing.
    async fn close(&mut self, filter: usize) -> Result<(), Failure> {
        if let Some((mut link, _)) = self.open.remove(&filter) {
            let _ = link.flush().await;
        }
        Ok(())
    }
}

/// Connects to a filter, whose addresses are tried one by one.
async fn connect(spec: &Spec, addresses: &[SocketAddr], limit: Duration) -> io::Result<Connection> {
    if let Spec::Unix(path) = spec {
        return timeout(limit, connect_unix(path)).await?.map(Connection::unix);
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address of this family");
    for address in addresses {
        match timeout(limit, TcpStream::connect(address)).await.unwrap_or_else(|late| Err(late.into())) {
            Ok(stream) => return Connection::tcp(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
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
