//! What an audit of the examples found, each with the peer that showed it.

#![cfg(all(feature = "std", unix, not(miri)))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/example.rs"]
mod example;
#[path = "support/running.rs"]
mod running;
#[path = "../examples/support/waits.rs"]
mod waits;

use core::time::Duration;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use example::example;
use milter_proto::{Timeouts, Wait};
use running::{Filter, say};
use waits::Waits;

const FILTERS: [&str; 3] = ["filter_blocking", "filter_tokio", "filter_smol"];
const LOOPBACK: &str = "inet:0@127.0.0.1";
const OFFER: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
const MAIL: &[u8] = b"\0\0\0\x07M<a@b>\0";
const RCPT: &[u8] = b"\0\0\0\x07R<c@d>\0";
const CONTINUE: &[u8] = b"\0\0\0\x01c";

/// An endless new body in chunks of nothing, and one in chunks of 64 KiB.
#[test]
fn a_filter_does_not_decide_how_much_memory_an_mta_takes() {
    let large = [&b"\0\x01\0\0b"[..], &[b'x'; 65_535]].concat();
    let empty = &b"\0\0\0\x01b"[..];
    for (mta, chunk) in
        [("mta_blocking", empty), ("mta_blocking", &large), ("mta_tokio", empty), ("converse", empty)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let spec = format!("inet:{}@127.0.0.1", listener.local_addr().unwrap().port());
        let mut command = example(mta);
        let command = command.args(["--filter", &spec]).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        replace_body_without_end(&mut stream, &chunk.repeat(16));
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.ends_with("the filter's edits of one message take more than 67108864 bytes\n"),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(1), "{mta}");
    }
}

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

#[test]
fn the_wait_for_one_message_does_not_count_in_the_next() {
    let total = Timeouts::SENDMAIL.end_of_message_total.unwrap();
    let mut timeouts = Timeouts::SENDMAIL;
    timeouts.end_of_message = total;
    let mut waits = Waits::new(timeouts);
    let start = Instant::now();
    let mut limit = |after| waits.limit(Some(Wait::EndOfMessage), start + after);
    assert_eq!(limit(Duration::ZERO), total);
    assert_eq!(limit(total / 3), total - total / 3, "progress restarts no total");
    assert_eq!(limit(total * 2), Duration::ZERO);
    waits.begin();
    assert_eq!(waits.limit(Some(Wait::EndOfMessage), start + total * 3), total);
}

#[test]
fn a_header_of_a_refused_message_does_not_hold_the_next_one() {
    for name in FILTERS {
        let rules = ["--quarantine-if", "X-Hold", "--at", "header/Subject: bad=reject"];
        let filter = Filter::start(name, LOOPBACK, &rules);
        let mut stream = filter.connect();
        say(&mut stream, OFFER, 17);
        for command in [MAIL, RCPT, b"\0\0\0\x0aLX-Hold\0y\0"] {
            assert_eq!(say(&mut stream, command, 5), CONTINUE);
        }
        assert_eq!(say(&mut stream, b"\0\0\0\x0dLSubject\0bad\0", 5), b"\0\0\0\x01r", "{name}");
        for command in [MAIL, RCPT, b"\0\0\0\x01E"] {
            assert_eq!(say(&mut stream, command, 5), CONTINUE, "{name}");
        }
        drop(stream);
        assert!(filter.stop().success());
    }
}

#[test]
fn an_unknown_command_inside_of_a_message_does_not_let_it_be_cut() {
    for name in FILTERS {
        let filter = Filter::start(name, LOOPBACK, &[]);
        let mut stream = filter.connect();
        let mut idle = filter.connect();
        for stream in [&mut stream, &mut idle] {
            say(stream, OFFER, 17);
        }
        for command in [MAIL, RCPT, b"\0\0\0\x06UXFOO\0"] {
            assert_eq!(say(&mut stream, command, 5), CONTINUE);
        }
        filter.signal();
        // By then it knows.
        assert_eq!(idle.read(&mut [0]).unwrap(), 0);
        for command in [b"\0\0\0\x01T", b"\0\0\0\x01N", b"\0\0\0\x01E"] {
            assert_eq!(say(&mut stream, command, 5), CONTINUE, "{name}");
        }
        assert!(filter.wait().success());
    }
}

#[test]
fn a_filter_that_is_to_stop_does_not_begin_a_message_that_it_cuts() {
    for name in FILTERS {
        let filter = Filter::start(name, LOOPBACK, &[]);
        let mut streams: Vec<_> = (0..60).map(|_| filter.connect()).collect();
        for stream in &mut streams {
            say(stream, OFFER, 17);
        }
        let (early, late) = streams.split_at_mut(30);
        early.iter_mut().for_each(|stream| stream.write_all(MAIL).unwrap());
        filter.signal();
        late.iter_mut().for_each(|stream| _ = stream.write_all(MAIL));
        let mut reply = [0; 5];
        for mut stream in streams {
            // Nothing is said to MAIL, or the message has its time.
            if stream.read_exact(&mut reply).is_ok() {
                assert_eq!(say(&mut stream, RCPT, 5), CONTINUE, "{name}");
            }
        }
        assert!(filter.wait().success());
    }
}

#[test]
fn a_filter_ends_though_the_file_of_its_socket_is_gone() {
    for name in FILTERS {
        let path = socket(&format!("gone-{name}"));
        let filter = Filter::start(name, &format!("unix:{}", path.display()), &[]);
        fs::remove_file(&path).unwrap();
        assert!(filter.stop().success(), "{name}");
    }
}

#[test]
fn a_socket_of_somebody_else_is_left_alone() {
    for name in FILTERS {
        let path = socket(&format!("other-{name}"));
        let spec = format!("unix:{}", path.display());
        // One that is in use, though nobody can connect to it.
        let datagrams = UnixDatagram::bind(&path).unwrap();
        let output = example(name).args(["--listen", &spec]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(path.exists(), "{name}");
        drop(datagrams);
        fs::remove_file(&path).unwrap();
        // One that was made after its own was removed.
        let filter = Filter::start(name, &spec, &[]);
        fs::remove_file(&path).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        assert!(filter.stop().success(), "{name}");
        assert!(UnixStream::connect(&path).is_ok(), "{name}");
        // One that a process has left behind is in nobody's use.
        drop(listener);
        assert!(Filter::start(name, &spec, &[]).stop().success(), "{name}");
        assert!(!path.exists(), "{name}");
    }
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

#[test]
fn a_fault_in_a_capture_is_where_it_is() {
    let folder = scratch("fault");
    let file = folder.join("a.jsonl");
    let header = r#"{"mta": "an MTA", "filter": "a filter"}"#;
    fs::write(&file, format!("{header}\n{}\n", r#"{"x": "00zz", "dir": "mta", "t": 0, "hex": "00zz"}"#))
        .unwrap();
    let output = example("dump").arg("--check").arg(&file).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    // Not where the same text stands first, and found without a search.
    assert!(said.contains("line 2, byte 86: `hex` is not hexadecimal"), "{said}");
}

#[test]
fn no_link_is_followed_under_a_folder_of_captures() {
    let folder = scratch("links");
    for name in ["a", "b"] {
        std::os::unix::fs::symlink(".", folder.join(name)).unwrap();
    }
    fs::copy("tests/captures/postfix/opendkim-sign-plain.jsonl", folder.join("c.jsonl")).unwrap();
    let output = example("dump").arg("--check").arg(&folder).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("1 files") || said.contains("1 file,"), "{said}");
}

/// A path that is free. Not in the scratch folder: the path of a socket has a hundred bytes at most.
fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{name}-{}", std::process::id()))
}

fn scratch(name: &str) -> PathBuf {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("adapter_regressions").join(name);
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).unwrap();
    scratch
}
