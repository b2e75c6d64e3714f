//! A filter on tokio: a task for each connection, on all cores, over TCP or unix sockets.
//!
//! ```text
//! cargo run --example filter_tokio -- --listen inet:8892@127.0.0.1 --add-header X-Seen=yes --log
//! ```
//!
//! The protocol is in `conversation.rs`, which knows no runtime and can therefore be
//! shared with `filter_smol`; how bytes come and go is in `support/task.rs`. Here is what every
//! server has: tasks, a bound on them, and an end that does not cut messages in two.

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named goes on")]

mod conversation;
#[path = "filter_tokio/stream.rs"]
mod stream;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod support;

use core::pin::pin;
use core::time::Duration;
use std::io::{self, Write, stderr, stdout};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use conversation::serve;
use stream::Connection;
use support::failure::Failure;
use support::pool::Pool;
use support::rules::{HELP, Options, Rules, Stopping};
use support::spec::Listening;
use support::tap::Tap;

/// How long to wait when the system is out of sockets.
const PAUSE: Duration = Duration::from_millis(100);

/// A filter that does what its command line says.
#[derive(Debug, Parser)]
#[command(name = "filter_tokio", version, after_long_help = HELP)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    let result = Runtime::new().map_err(Failure::Runtime).and_then(|runtime| runtime.block_on(run(options)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(stderr(), "filter_tokio: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGTERM or SIGINT comes, each connection in a task of its own.
async fn run(options: Options) -> Result<(), Failure> {
    let (spec, most, grace) = (options.listen.clone(), options.connections.get(), options.grace.0);
    let shared = Arc::new((Rules::new(options), Pool::default()));
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Signals)?;
    let failed = |error| Failure::Listen(spec.to_string(), error);
    let listening = spec.listen().map_err(failed)?;
    let listener = Listener::new(&listening).map_err(failed)?;
    let _ = writeln!(stdout(), "listening on {}", listening.spec());

    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut number = 0_u64;
    loop {
        let stream = tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    Tap::note(0, &error);
                    sleep(PAUSE).await;
                    continue;
                }
            },
        };
        number = number.wrapping_add(1);
        let (shared, mut stopping) = (Arc::clone(&shared), stopping.clone());
        connections.spawn(async move {
            let (rules, pool) = &*shared;
            let stop = pin!(async { _ = stopping.wait_for(|&stop| stop).await });
            (number, serve(stream, number, rules, pool, stop).await)
        });
    }

    // Nothing more is accepted; what is idle ends, and messages in progress have some time to.
    Tap::note(0, &Stopping(grace));
    drop((listener, listening));
    stop.send_replace(true);
    let drained = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    tokio::select! {
        () = drained => {}
        () = sleep(grace) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    connections.shutdown().await;
    Ok(())
}

/// Says why a connection ended before its time.
fn report(ended: Result<(u64, Result<(), Failure>), JoinError>) {
    match ended {
        Ok((_, Ok(()))) => {}
        Ok((number, Err(failure))) => Tap::note(number, &failure),
        Err(error) => Tap::note(0, &error),
    }
}

/// A listening socket that does not block.
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn new(listening: &Listening) -> io::Result<Self> {
        match listening {
            Listening::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener.try_clone()?).map(Self::Tcp)
            }
            Listening::Unix(listener, _) => {
                listener.set_nonblocking(true)?;
                UnixListener::from_std(listener.try_clone()?).map(Self::Unix)
            }
        }
    }

    async fn accept(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(listener) => listener.accept().await.and_then(|(stream, _)| Connection::tcp(stream)),
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Connection::unix(stream)),
        }
    }
}
