//! A small filter on the library: it refuses some recipients, adds headers, and may replace the body.
//!
//! ```text
//! cargo run --example library_filter -- listen=127.0.0.1:8892 "refuse=<nobody@example.org> 550 5.1.1 no such user"
//! ```
//! `body=FILE` replaces the body, `pause=SECONDS` waits at the end of each message, as for a slow scanner.

use core::time::Duration;
use std::{env, io};

use library_filter::{Answer, Context, Filter, serve};
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Edit, ReplyText, Text, TextList, VerdictBuf};
use tokio::fs::File;
use tokio::net::TcpListener;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

#[derive(Clone, Default)]
struct Example {
    /// Addresses, each with a blank and its reply.
    refused: Vec<String>,
    new_body: Option<String>,
    pause: Duration,
    /// Bytes of the body so far.
    len: usize,
}

impl Filter for Example {
    const CALLBACKS: &'static [CommandKind] = &[CommandKind::RcptTo, CommandKind::Body];
    const NO_REPLY: &'static [CommandKind] = &[CommandKind::Body];
    const ACTIONS: Actions = Actions::ADD_HEADERS.union(Actions::CHANGE_BODY);

    async fn rcpt(&mut self, _: &Context, address: Text<'_>, _: TextList<'_>) -> Answer {
        let mut refused = self.refused.iter().filter_map(|rule| rule.split_once(' '));
        match refused.find(|rule| address.eq_ignore_ascii_case(rule.0)) {
            Some((_, reply)) => Ok(ReplyText::parse(reply.as_bytes())?.into()),
            None => Ok(VerdictBuf::CONTINUE),
        }
    }

    async fn body(&mut self, _: &Context, chunk: &[u8]) -> Answer {
        self.len = self.len.saturating_add(chunk.len());
        Ok(VerdictBuf::CONTINUE)
    }

    async fn end_of_message(&mut self, context: &Context) -> Answer {
        let len = core::mem::take(&mut self.len);
        context.send(Edit::add_header("X-Body-Length", &len.to_string())?)?;
        if let Some(id) = context.get_macro("i") {
            context.send(Edit::add_header("X-Queue-ID", &id)?)?;
        }
        sleep(self.pause).await;
        if let Some(path) = &self.new_body {
            context.replace_body(File::open(path).await?).await?;
        }
        Ok(VerdictBuf::CONTINUE)
    }

    async fn abort(&mut self, _: &Context) {
        eprintln!("aborted after {} bytes of the body", core::mem::take(&mut self.len));
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut listen = "127.0.0.1:8892".to_owned();
    let mut filter = Example::default();
    for argument in env::args().skip(1) {
        match argument.split_once('=') {
            Some(("listen", address)) => listen = address.to_owned(),
            Some(("refuse", rule)) => filter.refused.push(rule.to_owned()),
            Some(("body", path)) => filter.new_body = Some(path.to_owned()),
            Some(("pause", seconds)) => {
                filter.pause = Duration::from_secs(seconds.parse().map_err(io::Error::other)?);
            }
            _ => return Err(io::Error::other(format!("{argument:?} is not an option"))),
        }
    }
    let listener = TcpListener::bind(listen).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = ctrl_c() => {}
        }
    };
    serve(listener, || filter.clone(), stop).await;
    Ok(())
}
