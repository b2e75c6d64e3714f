//! The least that a server on threads can do: it knows the conversation by heart, counts bytes, and
//! writes answers. `null_threads PATH WORKLOAD [untimed]`.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use milter_proto_peers::server::{Arguments, Turn, turns};

/// Bytes of a read buffer: the largest frame.
const BUFFER: usize = 65_540;

fn main() -> io::Result<()> {
    let Arguments { path, workload, timeout } = Arguments::of_this_program();
    let turns: &[Turn] = turns(&workload.script()).leak();
    let listener = UnixListener::bind(path)?;
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_read_timeout(timeout)?;
        stream.set_write_timeout(timeout)?;
        thread::Builder::new().stack_size(256 * 1024).spawn(move || serve(stream, turns))?;
    }
}

fn serve(mut stream: UnixStream, turns: &[Turn]) {
    let mut buffer = vec![0; BUFFER];
    for turn in turns {
        let mut missing = turn.read;
        while missing > 0 {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(count) => missing = missing.saturating_sub(count),
            }
        }
        if !turn.answer.is_empty() && stream.write_all(&turn.answer).is_err() {
            return;
        }
    }
}
