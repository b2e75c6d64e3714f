//! A connection in a task: what is read, and what is written, whatever the runtime.
//!
//! # What may be dropped, and when
//!
//! [`Link::read`] may be dropped at any time, and called again: it waits until there is something to
//! read, and then borrows a buffer, reads and returns in one go, so that there is no moment at which
//! bytes are in its hands and not yet in the caller's. For the same reason a connection that waits holds
//! no buffer. [`Link::push`] and [`Link::flush`] may not be called again once they were dropped: nobody
//! knows how much was written, and the connection is to be closed.

use core::future::{Future, Pending, poll_fn};
use core::ops::Deref;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::time::Instant;

use milter_proto::wire::OutgoingFrame;

use super::failure::Failure;
use super::io::{LARGE, TURN, pieces};
use super::pool::{Lent, Pool};
use super::spec::read_now;
use super::tap::Tap;

/// What a runtime gives: a socket that tells when it is ready, and an alarm.
pub(crate) trait Stream {
    /// Waits until there is something to read.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reads once. `Pending`: there was nothing, and `poll_readable` is to be asked again.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes once.
    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Sets the alarm, in the place of what it was set to before.
    fn set_alarm(&mut self, at: Instant);

    /// Waits for the alarm.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Bytes that were read. Their buffer goes back when they are dropped.
#[derive(Debug)]
pub(crate) struct Received<'p> {
    buffer: Option<Lent<'p>>,
    count: usize,
}

impl Received<'_> {
    /// Whether nothing was read because the connection is to stop. Otherwise no bytes are the end of the stream.
    pub(crate) const fn is_stop(&self) -> bool {
        self.buffer.is_none()
    }
}

impl Deref for Received<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.buffer.as_ref().and_then(|buffer| buffer.get(..self.count)).unwrap_or_default()
    }
}

/// Both halves of a connection.
#[derive(Debug)]
pub(crate) struct Link<'c, S> {
    timed: Timed<S>,
    pool: &'c Pool,
    /// Logs are rare, and there are many connections.
    taps: [Option<Box<Tap>>; 2],
    /// The turn, as far as it was gathered.
    out: Vec<u8>,
    limit: Duration,
}

impl<'c, S: Stream> Link<'c, S> {
    /// Connects the logs, of what is read and of what is written; the peer has to take something
    /// within `limit`.
    pub(crate) fn new(stream: S, pool: &'c Pool, taps: [Option<Tap>; 2], limit: Duration) -> Self {
        let taps = taps.map(|tap| tap.map(Box::new));
        Self { timed: Timed { stream, alarm: None }, pool, taps, out: Vec::new(), limit }
    }

    /// Reads once; no bytes are the end of the stream.
    ///
    /// # Errors
    /// [`Failure::Silent`] if nothing comes within `limit`.
    pub(crate) async fn read(&mut self, limit: Duration) -> Result<Received<'c>, Failure> {
        self.read_unless(None::<Pin<&mut Pending<()>>>, limit).await
    }

    /// Reads once, unless the connection is to `stop`: see [`Received::is_stop`].
    pub(crate) async fn read_unless<F: Future<Output = ()>>(
        &mut self,
        mut stop: Option<Pin<&mut F>>,
        limit: Duration,
    ) -> Result<Received<'c>, Failure> {
        let Self { timed, pool, .. } = self;
        let mut wait = timed.begin(limit);
        let received = poll_fn(|cx| {
            if stop.as_mut().is_some_and(|stop| stop.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(Ok(Received { buffer: None, count: 0 }));
            }
            while wait.stream().poll_readable(cx)?.is_ready() {
                let mut buffer = pool.lend();
                if let Poll::Ready(count) = wait.stream().poll_read(cx, &mut buffer)? {
                    return Poll::Ready(Ok(Received { buffer: Some(buffer), count }));
                }
            }
            wait.poll_end(cx)
        });
        let received = received.await.map_err(|error| Failure::reading(error, limit))?;
        if let [Some(tap), _] = &mut self.taps {
            tap.pass(&received);
        }
        Ok(received)
    }

    /// Reads what has arrived, without waiting.
    pub(crate) fn read_now(&mut self) -> Result<Received<'c>, Failure>
    where
        S: AsFd,
    {
        let mut buffer = self.pool.lend();
        let count = read_now(&self.timed.stream, &mut buffer).map_err(Failure::Read)?.unwrap_or(0);
        let received = Received { buffer: Some(buffer), count };
        if let ([Some(tap), _], true) = (&mut self.taps, count > 0) {
            tap.pass(&received);
        }
        Ok(received)
    }

    /// Adds a frame to the turn. A large one is not copied, but written with what was gathered.
    pub(crate) async fn push(&mut self, frame: &OutgoingFrame<'_>) -> Result<(), Failure> {
        if let [_, Some(tap)] = &mut self.taps {
            tap.pass_frame(frame);
        }
        if frame.len() < LARGE {
            frame.append_to(&mut self.out);
            return if self.out.len() < TURN { Ok(()) } else { self.flush().await };
        }
        let result = self.timed.write_all(&mut pieces(&self.out, frame), self.limit).await;
        self.out.clear();
        result
    }

    /// Writes what was gathered. What could not be written is not tried again.
    pub(crate) async fn flush(&mut self) -> Result<(), Failure> {
        let result = self.timed.write_all(&mut [IoSlice::new(&self.out)], self.limit).await;
        self.out.clear();
        result
    }

    /// Waits, without reading or writing.
    pub(crate) async fn pause(&mut self, time: Duration) {
        let mut wait = self.timed.begin(time);
        let _: io::Result<()> = poll_fn(|cx| wait.poll_end(cx)).await;
    }

    /// Gives back the memory of turns that were written.
    pub(crate) fn release(&mut self) {
        self.out.shrink_to(0);
    }
}

/// A stream whose waits end.
///
/// The alarm is not set for each wait, which costs a lock or a system call each time. It goes off when an
/// earlier wait would have ended, and is set then for the one that is running.
#[derive(Debug)]
struct Timed<S> {
    stream: S,
    /// What the alarm is set to.
    alarm: Option<Instant>,
}

impl<S: Stream> Timed<S> {
    const fn begin(&mut self, limit: Duration) -> Waiting<'_, S> {
        Waiting { timed: self, limit, end: None }
    }

    /// Writes all pieces, in as few calls as the kernel allows.
    async fn write_all(&mut self, pieces: &mut [IoSlice<'_>], limit: Duration) -> Result<(), Failure> {
        let mut rest = pieces;
        // Empty pieces are nothing to wait for.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let mut wait = self.begin(limit);
            let written = poll_fn(|cx| match wait.stream().poll_write(cx, rest) {
                Poll::Pending => wait.poll_end(cx),
                written => written,
            });
            match written.await.map_err(|error| Failure::writing(error, limit))? {
                0 => return Err(Failure::Write(io::ErrorKind::WriteZero.into())),
                count => IoSlice::advance_slices(&mut rest, count),
            }
        }
        Ok(())
    }
}

/// A wait, which begins when it is polled for the first time.
#[derive(Debug)]
struct Waiting<'t, S> {
    timed: &'t mut Timed<S>,
    limit: Duration,
    end: Option<Instant>,
}

impl<S: Stream> Waiting<'_, S> {
    const fn stream(&mut self) -> &mut S {
        &mut self.timed.stream
    }

    /// Is ready, with an error, once the wait has taken too long.
    fn poll_end<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let Some(end) = self.end.or_else(|| Instant::now().checked_add(self.limit)) else {
            return Poll::Pending;
        };
        self.end = Some(end);
        loop {
            if self.timed.alarm.is_none_or(|alarm| alarm > end) {
                self.timed.stream.set_alarm(end);
                self.timed.alarm = Some(end);
            }
            ready!(self.timed.stream.poll_alarm(cx));
            if self.timed.alarm.take() == Some(end) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
    }
}
