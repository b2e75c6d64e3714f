//! The least that a server on tokio can do: it knows the conversation by heart, counts bytes, and
//! writes answers. `null_tokio PATH WORKLOAD [untimed]`.

use std::io;
use std::time::Duration;

use milter_proto_peers::server::{Arguments, Turn, turns};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Bytes of a read buffer: the largest frame.
const BUFFER: usize = 65_540;

#[tokio::main]
async fn main() -> io::Result<()> {
    let Arguments { path, workload, timeout } = Arguments::of_this_program();
    let turns: &[Turn] = turns(&workload.script()).leak();
    let listener = UnixListener::bind(path)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, turns, timeout));
    }
}

async fn serve(mut stream: UnixStream, turns: &[Turn], timeout: Option<Duration>) {
    let mut buffer = vec![0; BUFFER];
    for turn in turns {
        let mut missing = turn.read;
        while missing > 0 {
            match within(timeout, stream.read(&mut buffer)).await {
                Ok(0) | Err(_) => return,
                Ok(count) => missing = missing.saturating_sub(count),
            }
        }
        if !turn.answer.is_empty() && within(timeout, stream.write_all(&turn.answer)).await.is_err() {
            return;
        }
    }
}

/// Waits as programs on tokio do.
async fn within<T>(limit: Option<Duration>, io: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, io).await?,
        None => io.await,
    }
}
