//! tokio's sockets and timers, for what is written without a runtime in mind.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep_until};

use crate::support::task::Stream;

/// A connection, and an alarm.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    alarm: Pin<Box<Sleep>>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    /// Each write is a whole turn, so that nothing is gained by holding one back.
    pub(crate) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::new(Socket::Tcp(stream)))
    }

    pub(crate) fn unix(stream: UnixStream) -> Self {
        Self::new(Socket::Unix(stream))
    }

    fn new(socket: Socket) -> Self {
        Self { socket, alarm: Box::pin(sleep_until(Instant::now().into())) }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Stream for Connection {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.socket {
            Socket::Tcp(stream) => stream.poll_read_ready(cx),
            Socket::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    // Not `try_read`: it would be ready again after each read, which costs another one that finds nothing.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            Socket::Unix(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        };
        read.map_ok(|()| buffer.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        // Most turns are one piece, and the kernel takes that with less work.
        match (&mut self.socket, pieces) {
            (Socket::Tcp(stream), [piece]) => Pin::new(stream).poll_write(cx, piece),
            (Socket::Unix(stream), [piece]) => Pin::new(stream).poll_write(cx, piece),
            (Socket::Tcp(stream), pieces) => Pin::new(stream).poll_write_vectored(cx, pieces),
            (Socket::Unix(stream), pieces) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn set_alarm(&mut self, at: Instant) {
        self.alarm.as_mut().reset(at.into());
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.alarm.as_mut().poll(cx)
    }
}
