//! The filter and MTA examples with each other, as they are run: what comes of a message does not depend
//! on the runtime, and a filter that is told to stop lets a message end.

use std::fs;
use std::io::{BufRead, Read, Write};
use std::path::PathBuf;

use crate::support::example::example;
use crate::support::running::{FILTERS, Filter, say};

const MTAS: [&str; 2] = ["mta_blocking", "mta_tokio"];
const EVERY: &str = "connect,helo,mail,rcpt,data,header,eoh,body,unknown";

/// What the filter does, what the MTA does, and how many messages there are.
const TALKS: [(&[&str], &[&str], usize); 8] = [
    (&[], &["--messages", "3"], 3),
    (&["--at", "mail=550 5.7.1 no"], &["--messages", "2"], 2),
    (&["--at", "connect=tempfail"], &[], 1),
    (&["--reject-rcpt", "*bob*"], &["--to", "<bob@rcpt.example>", "--to", "<eve@rcpt.example>"], 1),
    (&["--add-header", "X-Seen=yes", "--add-rcpt", "<c@d>", "--progress", "2"], &["--quit-nc"], 1),
    (&["--no-reply", EVERY, "--quarantine", "why"], &["--messages", "3", "--unknown", "XFOO"], 3),
    (&[], &["--abort-after", "rcpt", "--messages", "2"], 2),
    (&["--change-header", "1:Subject=new"], &["--messages", "5", "--connections", "20"], 100),
];

#[test]
fn outcomes_do_not_depend_on_the_runtime() {
    for (at, (says, asks, messages)) in TALKS.iter().enumerate() {
        let mut first = None;
        for name in FILTERS {
            let filter = Filter::start(name, &format!("unix:{}", socket(name, at).display()), says);
            for mta in MTAS {
                let outcomes = outcomes(mta, &filter.spec, asks);
                assert_eq!(outcomes.len(), *messages, "{name} {mta} {says:?}");
                let first = first.get_or_insert_with(|| outcomes.clone());
                assert!(*first == outcomes, "{name} {mta} {says:?}: {outcomes:?}");
            }
            assert!(filter.stop().success());
            assert!(!socket(name, at).exists(), "the socket is left");
        }
    }
}

#[test]
fn a_large_new_body_comes_whole() {
    let path = scratch().join("body");
    fs::write(&path, "0123456789abcde\n".repeat(50_000)).unwrap();
    for name in FILTERS {
        let says = ["--replace-body", path.to_str().unwrap(), "--data-size", "1m"];
        let filter = Filter::start(name, "inet:0@127.0.0.1", &says);
        for mta in MTAS {
            let outcomes = outcomes(mta, &filter.spec, &["--connections", "3"]);
            assert_eq!(outcomes.len(), 3);
            let is_whole = |outcome: &String| outcome.contains("\"body_len\":850000");
            assert!(outcomes.iter().all(is_whole), "{name} {mta}");
        }
        assert!(filter.stop().success());
    }
}

#[test]
fn a_filter_that_is_to_stop_ends_messages_and_nothing_else() {
    for name in FILTERS {
        let filter = Filter::start(name, "inet:0@127.0.0.1", &["--add-header", "X-Seen=yes"]);
        let mut busy = filter.connect();
        let mut idle = filter.connect();
        for stream in [&mut busy, &mut idle] {
            assert_eq!(
                say(stream, b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff", 17).get(4),
                Some(&b'O')
            );
        }
        assert_eq!(say(&mut busy, b"\0\0\0\x07M<a@b>\0", 5), b"\0\0\0\x01c");
        filter.signal();
        assert_eq!(idle.read(&mut [0]).unwrap(), 0, "{name}");
        assert_eq!(say(&mut busy, b"\0\0\0\x07R<c@d>\0", 5), b"\0\0\0\x01c");
        assert_eq!(say(&mut busy, b"\0\0\0\x01E", 21), b"\0\0\0\x0chX-Seen\0yes\0\0\0\0\x01c");
        assert_eq!(busy.read(&mut [0]).unwrap(), 0, "{name}");
        assert!(filter.wait().success(), "{name}");
    }
}

#[test]
fn a_message_that_takes_longer_than_the_grace_is_cut_off() {
    for name in FILTERS {
        let filter = Filter::start(name, "inet:0@127.0.0.1", &["--grace", "0.1"]);
        let mut busy = filter.connect();
        say(&mut busy, b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff", 17);
        say(&mut busy, b"\0\0\0\x07M<a@b>\0", 5);
        assert!(filter.stop().success(), "{name}");
        assert_eq!(busy.read(&mut [0]).unwrap(), 0, "{name}");
    }
}

#[test]
fn a_peer_that_does_not_speak_milter_is_left() {
    for name in FILTERS {
        let filter = Filter::start(name, "inet:0@127.0.0.1", &["--timeout", "0.2"]);
        // Another protocol; a frame that is never finished; and an error behind what is to be answered.
        let mut http = filter.connect();
        http.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert!(matches!(http.read(&mut [0]), Ok(0) | Err(_)), "{name}");
        let mut half = filter.connect();
        half.write_all(b"\0\0\0\x0dO\0").unwrap();
        assert!(matches!(half.read(&mut [0]), Ok(0)), "{name}");
        let mut wrong = filter.connect();
        let both = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\xff\xff\xff\xff";
        assert_eq!(say(&mut wrong, both, 17).get(4), Some(&b'O'), "{name}");
        assert!(filter.stop().success());
    }
}

/// What came of the messages, a line each, in the order of the text.
fn outcomes(mta: &str, spec: &str, arguments: &[&str]) -> Vec<String> {
    let output = example(mta).args(["--json", "--filter", spec]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{mta} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let mut lines = output.stdout.lines().map(Result::unwrap).collect::<Vec<_>>();
    lines.sort();
    lines
}

/// Not in the scratch folder: the path of a socket has a hundred bytes at most.
fn socket(filter: &str, at: usize) -> PathBuf {
    std::env::temp_dir().join(format!("{filter}-{at}-{}", std::process::id()))
}

fn scratch() -> PathBuf {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("together");
    fs::create_dir_all(&scratch).unwrap();
    scratch
}
