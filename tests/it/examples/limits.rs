//! Bounds on what a peer can make an example keep.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::{fs, thread};

use crate::support::example::example;
use crate::support::running::{CONTINUE, LOOPBACK, OFFER, say};

/// Lets everything pass to the end of the message, and says that then until the MTA has closed.
fn replace_body_without_end(stream: &mut TcpStream, chunks: &[u8]) {
    loop {
        let mut head = [0; 4];
        stream.read_exact(&mut head).unwrap();
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(head)).unwrap()];
        stream.read_exact(&mut frame).unwrap();
        match frame.first() {
            Some(b'O') => stream.write_all(b"\0\0\0\x0dO\0\0\0\x06\0\0\0\xff\0\0\0\0").unwrap(),
            Some(b'D') => {}
            Some(b'E') => break,
            _ => stream.write_all(CONTINUE).unwrap(),
        }
    }
    while stream.write_all(chunks).is_ok() {}
}

/// An endless new body in chunks of nothing, and one in chunks of 64 KiB.
#[test]
fn a_filter_does_not_decide_how_much_memory_an_mta_takes() {
    let large = [&b"\0\x01\0\0b"[..], &[b'x'; 65_535]].concat();
    let empty = &b"\0\0\0\x01b"[..];
    let rows = [("mta_blocking", empty), ("mta_blocking", &large), ("mta_tokio", empty), ("converse", empty)];
    thread::scope(|scope| {
        for (mta, chunk) in rows {
            scope.spawn(move || edit_without_end(mta, chunk));
        }
    });
}

/// Sends chunks of a new body to an MTA until it fails.
fn edit_without_end(mta: &str, chunk: &[u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let spec = format!("inet:{}@127.0.0.1", listener.local_addr().unwrap().port());
    let mut command = example(mta);
    let command = command.args(["--filter", &spec]).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    replace_body_without_end(&mut stream, &chunk.repeat(16));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let complaint =
        "the edits of the filter for one message need more than 16777216 bytes, the limit of the MTA\n";
    assert!(said.ends_with(complaint), "{mta}: {said}");
    assert_eq!(output.status.code(), Some(1), "{mta}");
}

#[test]
fn converse_bounds_its_connections() {
    let mut command = example("converse");
    let command = command.args(["--listen", LOOPBACK, "--hide"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let first = lines.next().unwrap().unwrap();
    let reader = thread::spawn(move || lines.count());
    let (port, host) = first.rsplit_once("inet:").unwrap().1.split_once('@').unwrap();
    let connect = || TcpStream::connect((host, port.parse().unwrap())).unwrap();
    let mut streams: Vec<_> = (0..150).map(|_| connect()).collect();
    for stream in streams.iter_mut().take(100) {
        say(stream, OFFER, 17);
    }
    #[cfg(target_os = "linux")]
    if std::env::var_os("EXAMPLE_RUNNER").is_none() {
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        assert!(tasks.count() <= 101, "a thread for each, and the one that accepts");
    }
    // Those that wait are served as soon as others leave.
    streams.drain(..100);
    for stream in &mut streams {
        assert_eq!(say(stream, OFFER, 17).get(4), Some(&b'O'));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
}
