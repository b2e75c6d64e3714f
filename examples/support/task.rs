//! A connection in a task: reads and writes, independent of the runtime.
//!
//! # Cancellation
//!
//! The future of [`Link::read`] may be dropped at any time: it waits until the socket is readable, and then borrows a buffer,
//! reads and returns without waiting again, so no bytes are lost. For the same reason a waiting connection has no buffer. If
//! the future of [`Link::push`] or [`Link::flush`] is dropped, it is unknown how much was written: close the connection.

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

/// What the runtime provides: a socket with readiness, and an alarm.
pub(crate) trait Stream {
    /// Waits until the socket is readable.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reads once. `Pending`: there was nothing to read; call `poll_readable` again.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes once.
    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Sets the alarm, which replaces an earlier setting.
    fn set_alarm(&mut self, at: Instant);

    /// Waits for the alarm.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Bytes that were read. Their buffer returns to the pool when they are dropped.
#[derive(Debug)]
pub(crate) struct Received<'p> {
    buffer: Option<Lent<'p>>,
    count: usize,
}

impl Received<'_> {
    /// Whether nothing was read because the connection has to stop. Otherwise, no bytes mean the end of the stream.
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
    /// Boxed, because most of many connections have none.
    taps: [Option<Box<Tap>>; 2],
    /// The frames of this turn that are not written yet.
    out: Vec<u8>,
    limit: Duration,
}

impl<'c, S: Stream> Link<'c, S> {
    /// Makes a connection with its logs: of reads, and of writes. A write fails if the peer accepts nothing within `limit`.
    pub(crate) fn new(stream: S, pool: &'c Pool, taps: [Option<Tap>; 2], limit: Duration) -> Self {
        let taps = taps.map(|tap| tap.map(Box::new));
        Self { timed: Timed { stream, alarm: None }, pool, taps, out: Vec::new(), limit }
    }

    /// Reads once. No bytes: the end of the stream.
    ///
    /// # Errors
    /// [`Failure::Silent`] if nothing arrives within `limit`.
    pub(crate) async fn read(&mut self, limit: Duration) -> Result<Received<'c>, Failure> {
        self.read_unless(None::<Pin<&mut Pending<()>>>, limit).await
    }

    /// Reads once, unless `stop` is ready first: see [`Received::is_stop`].
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

    /// Adds a frame to the turn. A large one is not copied, but written at once, after the frames before it.
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

    /// Writes the output buffer, and clears it even if the write fails.
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

    /// Frees the memory of written turns.
    pub(crate) fn release(&mut self) {
        self.out.shrink_to(0);
    }
}

/// A stream with timeouts.
///
/// The alarm is not set for each wait, because that costs a lock or a system call. It goes off when an earlier wait would have
/// timed out, and is then set for the current one.
#[derive(Debug)]
struct Timed<S> {
    stream: S,
    /// The time for which the alarm is set.
    alarm: Option<Instant>,
}

impl<S: Stream> Timed<S> {
    const fn begin(&mut self, limit: Duration) -> Waiting<'_, S> {
        Waiting { timed: self, limit, end: None }
    }

    /// Writes all pieces, in as few calls as the kernel allows.
    async fn write_all(&mut self, pieces: &mut [IoSlice<'_>], limit: Duration) -> Result<(), Failure> {
        let mut rest = pieces;
        // Removes empty pieces: there is nothing to wait for.
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

/// A wait. It begins when it is first polled.
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

    /// Returns a timeout error once the wait has taken too long.
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
