//! A filter on smol: a task for each connection, on all cores, over TCP or unix sockets.
//!
//! ```text
//! cargo run --example filter_smol -- --listen inet:8892@127.0.0.1 --add-header X-Seen=yes --log
//! ```
//!
//! async-std is discontinued, and its authors name smol as what takes its place: this example is for
//! both. The protocol is in `conversation.rs`, which knows no runtime and is shared with
//! `filter_tokio`; how bytes come and go is in `support/task.rs`.

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named goes on")]

mod conversation;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod support;

use core::panic::AssertUnwindSafe;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{self, IoSlice, Write, stderr, stdout};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use async_signal::{Signal, Signals};
use clap::Parser;
use smol::channel::{Receiver, bounded};
use smol::future::{FutureExt as _, block_on};
use smol::io::AsyncWrite as _;
use smol::lock::{Semaphore, SemaphoreGuard};
use smol::stream::StreamExt as _;
use smol::{Async, Executor, Timer};

use conversation::serve;
use support::failure::Failure;
use support::pool::Pool;
use support::rules::{HELP, Options, Rules, Stopping};
use support::spec::{Socket, Spec};
use support::tap::Tap;
use support::task::Stream;

/// How long to wait when the system is out of sockets.
const PAUSE: Duration = Duration::from_millis(100);

/// More connections than a process can have. Each has a permit, and they are counted one by one.
const MOST: usize = 1 << 20;

/// A filter that does what its command line says.
#[derive(Debug, Parser)]
#[command(name = "filter_smol", version, after_long_help = HELP)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(stderr(), "filter_smol: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Lets a thread for each core run tasks, until the server has stopped.
fn run(options: Options) -> Result<(), Failure> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (spec, most, grace) = (options.listen.clone(), options.connections.get().min(MOST), options.grace.0);
    let server = Server { rules: Rules::new(options), pool: Pool::default(), permits: Semaphore::new(most) };
    // Connections that are still there when it is dropped are cut off.
    let executor = Executor::new();
    let (end, ending) = bounded::<()>(1);
    thread::scope(|scope| {
        let work = || block_on(executor.run(ending.recv()));
        let mut workers =
            (0..threads).map(|_| thread::Builder::new().spawn_scoped(scope, work).map_err(Failure::Spawn));
        let result = workers
            .try_for_each(|worker| worker.map(drop))
            .and_then(|()| block_on(server.run(&executor, &spec, most, grace)));
        drop(end);
        result
    })
}

/// What all connections share.
#[derive(Debug)]
struct Server {
    rules: Rules,
    pool: Pool,
    permits: Semaphore,
}

impl Server {
    /// Serves until SIGTERM or SIGINT comes, each connection in a task of its own.
    async fn run<'s>(
        &'s self,
        executor: &Executor<'s>,
        spec: &Spec,
        most: usize,
        grace: Duration,
    ) -> Result<(), Failure> {
        let mut signals = Signals::new([Signal::Term, Signal::Int]).map_err(Failure::Signals)?;
        let failed = |error| Failure::Listen(spec.to_string(), error);
        let listening = Async::new(spec.listen().map_err(failed)?).map_err(failed)?;
        let _ = writeln!(stdout(), "listening on {}", listening.get_ref().spec());

        let (stop, stopping) = bounded(1);
        let accepting = async {
            for number in 1_u64.. {
                let permit = self.permits.acquire().await;
                let stream = loop {
                    match listening.read_with(|listening| listening.accept()).await.and_then(Async::new) {
                        Ok(stream) => break stream,
                        Err(error) => {
                            Tap::note(0, &error);
                            Timer::after(PAUSE).await;
                        }
                    }
                };
                executor.spawn(self.attend(stream, number, stopping.clone(), permit)).detach();
            }
        };
        let told = async { _ = signals.next().await };
        told.or(accepting).await;

        // Nothing more is accepted; what is idle ends, and messages in progress have some time to.
        Tap::note(0, &Stopping(grace));
        drop((listening, stop));
        let drained = async {
            for _ in 0..most {
                self.permits.acquire().await.forget();
            }
        };
        let told_again = async { _ = signals.next().await };
        drained.or(async { _ = Timer::after(grace).await }).or(told_again).await;
        Ok(())
    }

    async fn attend(
        &self,
        socket: Async<Socket>,
        number: u64,
        stopping: Receiver<()>,
        _permit: SemaphoreGuard<'_>,
    ) {
        let stop = pin!(async { _ = stopping.recv().await });
        let stream = Connection { socket, is_waiting: false, alarm: Timer::never() };
        let serving = AssertUnwindSafe(serve(stream, number, &self.rules, &self.pool, stop));
        // What one connection comes to is not to take a thread from the others.
        match serving.catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => Tap::note(number, &failure),
            Err(_) => Tap::note(number, &Failure::Thread),
        }
    }
}

/// A connection, and an alarm.
#[derive(Debug)]
struct Connection {
    socket: Async<Socket>,
    /// The reactor was asked to wake the task.
    is_waiting: bool,
    alarm: Timer,
}

impl Stream for Connection {
    // Asked again, the reactor may find its own event too old, and wait for another one: over and over, while
    // threads take turns in it. So whatever wakes the task, a read finds out whether there is anything.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if core::mem::take(&mut self.is_waiting) {
            return Poll::Ready(Ok(()));
        }
        let readable = self.socket.poll_readable(cx);
        self.is_waiting = readable.is_pending();
        readable
    }

    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.socket.get_ref().read_once(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            read => Poll::Ready(read),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &self.socket).poll_write_vectored(cx, pieces)
    }

    fn set_alarm(&mut self, at: Instant) {
        self.alarm.set_at(at);
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.alarm.poll(cx).map(drop)
    }
}
