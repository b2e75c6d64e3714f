//! The least that a server on tokio can do: it knows the conversation by heart, counts bytes, and
//! writes answers. `null_tokio PATH WORKLOAD`.

use std::io;

use milter_proto_peers::server::{Turn, path_and_workload, turns};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Bytes of a read buffer: the largest frame.
const BUFFER: usize = 65_540;

#[tokio::main]
async fn main() -> io::Result<()> {
    let (path, workload) = path_and_workload();
    let turns: &[Turn] = turns(&workload.script()).leak();
    let listener = UnixListener::bind(path)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, turns));
    }
}

async fn serve(mut stream: UnixStream, turns: &[Turn]) {
    let mut buffer = vec![0; BUFFER];
    for turn in turns {
        let mut missing = turn.read;
        while missing > 0 {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => missing = missing.saturating_sub(count),
            }
        }
        if !turn.answer.is_empty() && stream.write_all(&turn.answer).await.is_err() {
            return;
        }
    }
}
