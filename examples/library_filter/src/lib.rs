//! Filters as asynchronous callbacks, on tokio: an example of a library that is built on `milter-proto`.
//!
//! A filter implements [`Filter`], and [`serve`] calls it. `examples/library_filter.rs` is a small filter.
//!
//! The protocol is in three places: `Connection::next` returns one event after the other, `Connection::converse` turns an
//! event into a callback and its verdict into a frame, and [`Context`] is what a callback sees of the connection.
#![expect(clippy::wildcard_enum_match_arm, reason = "commands and turns that are not named need nothing")]

use core::future::{Future, Ready, ready};
use core::ops::Range;
use core::pin::pin;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use milter_proto::filter::{Event, Options, Support, Turn};
use milter_proto::macros::MacroStore;
use milter_proto::order::{CommandKind, Stage};
use milter_proto::wire::{
    Actions, Assembler, Command, DataSize, Edit, Peer, Response, Text, TextList, Verdict, VerdictBuf,
};
use milter_proto::{FilterSession, Limits, Misuse, Timeouts, Wait};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long an end of message may be silent. Sendmail waits for 10 seconds, and each frame starts that time again.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long messages may take to end when the filter is to stop.
const GRACE: Duration = Duration::from_secs(30);
/// How many connections are served at the same time.
const MOST: usize = 1000;

/// Any error of a callback or a connection.
pub type Error = Box<dyn core::error::Error + Send + Sync>;

/// What a callback returns. An error is answered with TEMPFAIL.
pub type Answer = Result<VerdictBuf, Error>;

/// A filter: one value for each connection.
///
/// Write a callback as `async fn`. Those that are not written let the message pass.
pub trait Filter: Send {
    /// The commands that have a callback. All others are declined, except MAIL: without it, some MTAs do not tell that a
    /// message was abandoned. [`end_of_message`](Self::end_of_message) and [`abort`](Self::abort) are always called.
    const CALLBACKS: &'static [CommandKind];
    /// The callbacks whose answer is always CONTINUE: the MTA does not wait for it. Their errors are only reported.
    const NO_REPLY: &'static [CommandKind] = &[];
    /// The edits that the filter makes.
    const ACTIONS: Actions = Actions::EMPTY;

    /// An SMTP client has connected.
    fn connect(&mut self, _: &Context, _host: Text<'_>, _: Peer<'_>) -> impl Future<Output = Answer> + Send {
        go_on()
    }
    /// HELO or EHLO.
    fn helo(&mut self, _: &Context, _name: Text<'_>) -> impl Future<Output = Answer> + Send {
        go_on()
    }
    /// The sender of a message, and its ESMTP arguments.
    fn mail(&mut self, _: &Context, _: Text<'_>, _: TextList<'_>) -> impl Future<Output = Answer> + Send {
        go_on()
    }
    /// A recipient, and its ESMTP arguments.
    fn rcpt(&mut self, _: &Context, _: Text<'_>, _: TextList<'_>) -> impl Future<Output = Answer> + Send {
        go_on()
    }
    /// The content of the message is about to come.
    fn data(&mut self, _: &Context) -> impl Future<Output = Answer> + Send {
        go_on()
    }
    /// A header: its name and value.
    fn header(&mut self, _: &Context, _: Text<'_>, _: Text<'_>) -> impl Future<Output = Answer> + Send {
        go_on()
    }
    /// The end of the headers.
    fn end_of_headers(&mut self, _: &Context) -> impl Future<Output = Answer> + Send {
        go_on()
    }
    /// A piece of the body.
    fn body(&mut self, _: &Context, _chunk: &[u8]) -> impl Future<Output = Answer> + Send {
        go_on()
    }
    /// An SMTP command that the MTA does not know.
    fn unknown(&mut self, _: &Context, _line: Text<'_>) -> impl Future<Output = Answer> + Send {
        go_on()
    }
    /// The message is complete: the place for edits. It may take its time, PROGRESS is sent meanwhile.
    fn end_of_message(&mut self, _: &Context) -> impl Future<Output = Answer> + Send {
        go_on()
    }
    /// The message ended without a verdict of this filter. Called once for such a message, and for no other.
    fn abort(&mut self, _: &Context) -> impl Future<Output = ()> + Send {
        ready(())
    }
    /// A callback or the connection failed.
    fn failed(&mut self, error: &Error) {
        eprintln!("{error}");
    }
}

fn go_on() -> Ready<Answer> {
    ready(Ok(VerdictBuf::CONTINUE))
}

/// A connection, as a callback sees it.
#[derive(Debug)]
pub struct Context {
    macros: MacroStore<Vec<u8>>,
    output: Mutex<Output>,
}

/// What is to be written. Its lock is never held while something waits.
#[derive(Debug)]
struct Output {
    session: FilterSession,
    bytes: Vec<u8>,
}

impl Context {
    /// The value of a macro: `i` is the queue ID.
    pub fn get_macro(&self, name: &str) -> Option<Text<'_>> {
        self.macros.get(name)
    }

    /// Sends an edit, or PROGRESS. It is written when the verdict is known, or soon.
    ///
    /// # Errors
    /// [`Misuse`]: [`Filter::ACTIONS`] does not have the edit, or the message has not ended. Nothing has changed.
    pub fn send<'m>(&self, response: impl Into<Response<'m>>) -> Result<(), Misuse> {
        let Output { session, bytes } = &mut *self.output();
        session.send(response)?.append_to(bytes);
        Ok(())
    }

    /// Replaces the body by what a reader has. It is read to its end first: PROGRESS may be sent while it is read,
    /// but not between the chunks of a new body.
    ///
    /// # Errors
    /// The reader's, and as [`send`](Self::send).
    pub async fn replace_body(&self, mut reader: impl AsyncRead + Unpin) -> Result<(), Error> {
        let mut body = Vec::new();
        reader.read_to_end(&mut body).await?;
        Ok(Edit::replace_body(&body, DataSize::Kib64).try_for_each(|edit| self.send(edit))?)
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, as the MTA sees it.
struct Connection<S> {
    stream: S,
    assembler: Assembler<Vec<u8>>,
    buffer: Vec<u8>,
    /// What was read and not handled yet: this part of `buffer`.
    unread: Range<usize>,
    stop: watch::Receiver<bool>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// The next event. `None`: the connection is over, or the filter is to stop and no message is in progress.
    async fn next(&mut self, context: &Context) -> Result<Option<Event<'_>>, Error> {
        loop {
            let mut input = self.buffer.get(self.unread.clone()).unwrap_or_default();
            let has_event = context.output().session.has_event(&mut self.assembler, &mut input);
            self.unread.start = self.unread.end.saturating_sub(input.len());
            if has_event {
                break;
            }
            self.flush(context).await?;
            let stage = context.output().session.stage();
            if stage == Stage::Closed {
                return Ok(None);
            }
            let limit = Timeouts::LIBMILTER.of(Wait::Command);
            self.unread = tokio::select! {
                read = timeout(limit, self.stream.read(&mut self.buffer)) => 0..read??,
                _ = self.stop.wait_for(|stop| *stop), if !stage.is_in_message() => 0..0,
            };
            if self.unread.is_empty() {
                return Ok(None);
            }
        }
        let mut input = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let event = context.output().session.next_event(&mut self.assembler, &mut input)?;
        self.unread.start = self.unread.end.saturating_sub(input.len());
        Ok(event)
    }

    async fn flush(&mut self, context: &Context) -> Result<(), Error> {
        let bytes = core::mem::take(&mut context.output().bytes);
        Ok(timeout(Timeouts::LIBMILTER.of(Wait::Write), self.stream.write_all(&bytes)).await??)
    }

    async fn converse<F: Filter>(&mut self, filter: &mut F, context: &mut Context) -> Result<(), Error> {
        let others = CommandKind::ALL.into_iter().filter(|kind| !F::CALLBACKS.contains(kind));
        let options = Options::new(F::CALLBACKS.iter().copied().chain([CommandKind::MailFrom]))
            .no_reply_to(others.chain(F::NO_REPLY.iter().copied()))
            .require(F::ACTIONS)
            .skip(Support::Optional);
        while let Some(event) = self.next(context).await? {
            if event.aborts_message {
                filter.abort(context).await;
            }
            context.macros.observe(&event)?;
            let answer = match event.command {
                Command::EndOfMessage { .. } => self.end_of_message(filter, context).await,
                command => call(filter, context, command).await,
            };
            let answer = answer.unwrap_or_else(|error| {
                filter.failed(&error);
                Verdict::Tempfail.into()
            });
            let turn = context.output().session.turn();
            match turn {
                Turn::Reply(CommandKind::Negotiate) => {
                    let Output { session, bytes } = &mut *context.output();
                    session.negotiate(&options)?.frame.append_to(bytes);
                }
                Turn::Reply(_) => reply(filter, context, &answer)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Calls back at the end of a message, and tells the MTA from time to time that the filter is alive: by the edits that
    /// it has made, or by PROGRESS. An MTA would not wait for a filter that keeps its edits until the verdict.
    async fn end_of_message(&mut self, filter: &mut impl Filter, context: &Context) -> Answer {
        let mut answer = pin!(filter.end_of_message(context));
        loop {
            if let Ok(answer) = timeout(PATIENCE, answer.as_mut()).await {
                return answer;
            }
            if context.output().bytes.is_empty() {
                context.send(Response::Progress)?;
            }
            self.flush(context).await?;
        }
    }
}

async fn call(filter: &mut impl Filter, context: &Context, command: Command<'_>) -> Answer {
    match command {
        Command::Connect { host, peer } => filter.connect(context, host, peer).await,
        Command::Helo { name } => filter.helo(context, name).await,
        Command::MailFrom { address, arguments } => filter.mail(context, address, arguments).await,
        Command::RcptTo { address, arguments } => filter.rcpt(context, address, arguments).await,
        Command::Data => filter.data(context).await,
        Command::Header { name, value } => filter.header(context, name, value).await,
        Command::EndOfHeaders => filter.end_of_headers(context).await,
        Command::Body { chunk } => filter.body(context, chunk).await,
        Command::Unknown { line } => filter.unknown(context, line).await,
        _ => go_on().await,
    }
}

/// Sends a verdict. One that cannot be sent here is a mistake of the filter, and must not let a message pass.
fn reply(filter: &mut impl Filter, context: &Context, answer: &VerdictBuf) -> Result<(), Error> {
    let Output { session, bytes } = &mut *context.output();
    let sent = session.send_nearest(answer)?;
    sent.frame.append_to(bytes);
    // SKIP is only a request to be asked less, which this MTA may not know.
    if let Some(misuse) = sent.misuse.filter(|_| answer.as_verdict() != Verdict::Skip) {
        filter.failed(&misuse.into());
    }
    Ok(())
}

/// Serves one connection, of any kind. Its errors are for [`Filter::failed`].
pub async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    filter: &mut impl Filter,
    stop: watch::Receiver<bool>,
) {
    let limits = Limits::DEFAULT.with_max_receive_payload(DataSize::Kib64.bytes());
    let assembler = Assembler::with_limits(Vec::new(), limits);
    let mut connection = Connection { stream, assembler, buffer: vec![0; 16_384], unread: 0..0, stop };
    let output = Mutex::new(Output { session: FilterSession::new(), bytes: Vec::new() });
    let mut context = Context { macros: MacroStore::new(Vec::new()), output };
    let result = connection.converse(filter, &mut context).await;
    let written = connection.flush(&context).await; // before an error is handled: earlier commands have been answered
    if context.output().session.disconnect(connection.assembler.pending()).in_message {
        filter.abort(&context).await;
    }
    if let Err(error) = result.and(written) {
        filter.failed(&error);
    }
}

/// Serves connections until `stop` is ready, then lets messages in progress end. `new` makes the filter of a connection.
pub async fn serve<F: Filter + 'static>(
    listener: TcpListener,
    new: impl Fn() -> F,
    stop: impl Future<Output = ()>,
) {
    let (stopper, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept(), if connections.len() < MOST => accepted,
        };
        let Ok((stream, _)) = accepted else {
            sleep(Duration::from_millis(100)).await; // out of sockets: wait until some are free
            continue;
        };
        let (mut filter, stopping) = (new(), stopping.clone());
        connections.spawn(async move {
            let _ = stream.set_nodelay(true); // every write is complete
            serve_connection(stream, &mut filter, stopping).await;
        });
    }
    drop(listener);
    stopper.send_replace(true);
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
}
