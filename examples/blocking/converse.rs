//! An MTA and a filter talk about a message, each on its own session, over a real socket.
//!
//! ```text
//! cargo run --example converse                                  # both sides, on loopback
//! cargo run --example converse -- --message FILE                # about your own message
//! cargo run --example converse -- --filter inet:8891@localhost  # ask a filter that is running
//! cargo run --example converse -- --listen inet:8892@127.0.0.1  # be a filter, for a real MTA
//! ```

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named goes on")]

#[path = "converse/filter.rs"]
mod filter;
#[path = "dump/layout.rs"]
#[expect(dead_code, reason = "it is shared, and not all of it is used here")]
mod layout;
#[path = "converse/link.rs"]
mod link;
#[path = "converse/mta.rs"]
mod mta;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "it is shared, and not all of it is used here")]
mod support;

use core::fmt::Display;
use core::time::Duration;
use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use anstream::println;
use clap::Parser;
use milter_proto::Timeouts;

use link::{Link, Printer};
use support::client::{Letter, Outcome};
use support::failure::Failure;
use support::rules::Seconds;
use support::spec::Spec;

/// Lets an MTA and a filter talk about a message, and shows what they say.
#[derive(Debug, Parser)]
#[command(name = "converse", version)]
struct Arguments {
    /// Ask this filter, as an MTA: inet:PORT@HOST, inet6:PORT@HOST or unix:PATH. Without @HOST, on loopback. May be given
    /// again: the filters are asked in this order, each about the message as the ones before it have changed it
    #[arg(long = "filter", value_name = "SPEC", conflicts_with = "listen")]
    filters: Vec<Spec>,
    /// Wait there for MTAs, as a filter that lets everything pass: a SPEC as for --filter
    #[arg(long, value_name = "SPEC")]
    listen: Option<Spec>,
    /// With --listen: end after the first connection
    #[arg(long, requires = "listen")]
    once: bool,
    /// Show sizes in the place of addresses, header values and bodies
    #[arg(long)]
    hide: bool,
    /// Wait this long for the other side, instead of as long as Postfix and libmilter
    #[arg(long, value_name = "SECONDS", value_parser = Seconds::timeout)]
    timeout: Option<Seconds>,
    #[command(flatten)]
    letter: Letter,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match (&arguments.listen, &*arguments.filters) {
        (Some(spec), _) => listen(spec, &arguments),
        (None, []) => both(&arguments),
        (None, filters) => ask(filters, &arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "converse: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Plays the MTA against filters that are running.
fn ask(filters: &[Spec], arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { letter, hide, .. } = arguments;
    let timeouts = Seconds::or_usual(arguments.timeout, Timeouts::POSTFIX);
    let show = |outcome: &Outcome<'_>| {
        if !hide {
            println!("\n{outcome}\n");
        }
    };
    mta::converse(&mta::Asked { letter, filters, timeouts, hides: *hide }, &show)
}

/// Plays both sides, each in a thread of its own, over a socket on loopback.
fn both(arguments: &Arguments) -> Result<(), Failure> {
    let listening =
        Spec::LOOPBACK.listen().map_err(|error| Failure::Listen(Spec::LOOPBACK.to_string(), error))?;
    let spec = listening.spec();
    let timeouts = Seconds::or_usual(arguments.timeout, Timeouts::LIBMILTER);
    let filter = thread::Builder::new().spawn(move || {
        let socket =
            listening.accept().map_err(|error| Failure::Listen(listening.spec().to_string(), error))?;
        // The MTA's side shows the conversation.
        filter::converse(Link::new(socket, Printer::silent()), filter::Manner::Marks, timeouts)
    });
    let filter = filter.map_err(Failure::Spawn)?;
    ask(&[spec], arguments)?;
    filter.join().unwrap_or(Err(Failure::Thread))
}

/// Connections at a time.
const MOST: usize = 100;
/// How long to wait when the system is out of sockets.
const PAUSE: Duration = Duration::from_millis(100);

/// Plays the filter for every MTA that connects.
fn listen(spec: &Spec, arguments: &Arguments) -> Result<(), Failure> {
    let listening = spec.listen().map_err(|error| Failure::Listen(spec.to_string(), error))?;
    println!("# waiting for an MTA at {}", listening.spec());
    let timeouts = Seconds::or_usual(arguments.timeout, Timeouts::LIBMILTER);
    // A connection takes a token, and gives it back.
    let (give, tokens) = mpsc::channel();
    (0..MOST).for_each(|_| _ = give.send(()));
    for number in 1_u64.. {
        let _ = tokens.recv();
        let socket = loop {
            match listening.accept() {
                Ok(socket) => break socket,
                Err(error) => note(number, &error),
            }
            thread::sleep(PAUSE);
        };
        let link = Link::new(socket, Printer::new(arguments.hide, Some(number)));
        if arguments.once {
            return filter::converse(link, filter::Manner::Harmless, timeouts);
        }
        let token = Token(give.clone());
        let attend = move || {
            if let Err(failure) = filter::converse(link, filter::Manner::Harmless, timeouts) {
                note(number, &failure);
            }
            drop(token);
        };
        if let Err(error) = thread::Builder::new().spawn(attend) {
            note(number, &error);
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// The permission to serve one connection. It is given back when it is dropped, even by a panic.
struct Token(mpsc::Sender<()>);

impl Drop for Token {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

fn note(number: u64, what: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "converse: connection {number}: {what}");
}
