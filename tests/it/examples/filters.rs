//! The filter examples as an operator uses them: start, stop, options and faults.

use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::example::example;
use crate::support::running::{
    AT_ONCE, CONTINUE, FILTERS, Filter, LOOPBACK, MAIL, OFFER, RCPT, run_within, say,
};

const WITH_EMBEDDED: [&str; 4] = ["filter_blocking", "filter_tokio", "filter_smol", "filter_embedded"];
const CONNECT: &[u8] = b"\0\0\0\x04Ch\0U";
const HELO: &[u8] = b"\0\0\0\x03Hh\0";
const END: &[u8] = b"\0\0\0\x01E";
const QUIT: &[u8] = b"\0\0\0\x01Q";

/// A connection with a message in progress.
fn begin(filter: &Filter) -> TcpStream {
    let mut stream = filter.connect();
    say(&mut stream, OFFER, 17);
    for command in [MAIL, RCPT] {
        assert_eq!(say(&mut stream, command, 5), CONTINUE);
    }
    stream
}

/// Everything until the other side closes.
fn rest_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest
}

/// The responses of a filter with these options at the end of a message.
fn at_the_end(name: &str, options: &[&str]) -> Vec<Vec<u8>> {
    let filter = Filter::start(name, LOOPBACK, options);
    let mut stream = begin(&filter);
    let mut next = say(&mut stream, END, 4);
    let mut frames = Vec::new();
    loop {
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(next.try_into().unwrap())).unwrap()];
        stream.read_exact(&mut frame).unwrap();
        let is_last = frame == b"c";
        frames.push(frame);
        if is_last {
            break;
        }
        next = say(&mut stream, b"", 4);
    }
    assert!(filter.stop().success());
    frames
}

#[test]
fn edits_come_in_the_order_of_the_command_line() {
    let [one, two] = [scratch("one"), scratch("two")];
    fs::write(&one, "one").unwrap();
    fs::write(&two, "two").unwrap();
    let [one, two] = [&one, &two].map(|path| path.to_str().unwrap());
    let rows: [(&[&str], &[&[u8]]); 6] = [
        (&["--delete-rcpt", "<c@d>", "--add-rcpt", "<c@d>"], &[b"-<c@d>\0", b"+<c@d>\0"]),
        // Each option stands both before and after another kind, so that no order of the kinds gives this.
        (
            &[
                "--quarantine",
                "1",
                "--delete-header",
                "1:A",
                "--change-sender",
                "<c@d>",
                "--insert-header",
                "0:A=b",
                "--add-header",
                "A=c",
                "--delete-header",
                "2:A",
                "--insert-header",
                "1:A=d",
                "--change-sender",
                "<>",
                "--add-header",
                "A=e",
                "--quarantine",
                "2",
            ],
            &[
                b"q1\0",
                b"m\0\0\0\x01A\0\0",
                b"e<c@d>\0",
                b"i\0\0\0\0A\0b\0",
                b"hA\0c\0",
                b"m\0\0\0\x02A\0\0",
                b"i\0\0\0\x01A\0d\0",
                b"e<>\0",
                b"hA\0e\0",
                b"q2\0",
            ],
        ),
        (&["--add-rcpt", "<c@d>", "--delete-rcpt", "<c@d>"], &[b"+<c@d>\0", b"-<c@d>\0"]),
        (
            &["--add-rcpt-args", "<e>", "--add-rcpt-args", "<e> NOTIFY=NEVER", "--progress", "1"],
            &[b"2<e>\0", b"2<e>\0NOTIFY=NEVER\0", b"p"],
        ),
        (
            &[
                "--leading-space",
                "--change-header",
                "1:A:=b",
                "--change-header",
                "1:A=b",
                "--add-header",
                "A:=b",
            ],
            &[b"m\0\0\0\x01A\0b\0", b"m\0\0\0\x01A\0 b\0", b"hA\0b\0"],
        ),
        // Postfix refuses such a message: only libmilter's policy sends it.
        (
            &["--policy", "libmilter", "--replace-body", one, "--add-header", "A=b", "--replace-body", two],
            &[b"bone", b"hA\0b\0", b"btwo"],
        ),
    ];
    for name in FILTERS {
        for (options, expected) in rows {
            let mut frames = at_the_end(name, options);
            assert_eq!(frames.pop().unwrap(), b"c");
            assert_eq!(frames, expected, "{name} {options:?}");
        }
    }
}

#[test]
fn a_pause_flushes_the_output_first() {
    let pause = Duration::from_millis(400);
    for name in FILTERS {
        let filter =
            Filter::start(name, LOOPBACK, &["--progress", "1", "--pause", "0.4", "--add-header", "A=b"]);
        let mut stream = begin(&filter);
        let begun = Instant::now();
        assert_eq!(say(&mut stream, END, 5), b"\0\0\0\x01p");
        assert!(begun.elapsed() < pause, "{name}: {:?}", begun.elapsed());
        assert_eq!(say(&mut stream, b"", 14), b"\0\0\0\x05hA\0b\0\0\0\0\x01c");
        assert!(begun.elapsed() >= pause, "{name}: {:?}", begun.elapsed());
        assert!(filter.stop().success());
    }
}

#[test]
fn invalid_values_of_options_are_refused_at_the_start() {
    let rows: [(&[&str], &str); 14] = [
        (&["--add-header", "X Seen=yes"], "\"X Seen\" is not a header name"),
        (&["--add-header", "=yes"], "\"\" is not a header name"),
        (&["--add-header", "X-Fön=yes"], "is not a header name"),
        (&["--insert-header", "0:X\tSeen=yes"], "is not a header name"),
        (&["--change-header", "1:X:Seen=yes"], "\"X:Seen\" is not a header name"),
        (&["--delete-header", "1:X-Seen:"], "\"X-Seen:\" is not a header name"),
        (&["--quarantine-if", "X Seen"], "is not a header name"),
        (&["--at", "rcpt=550"], "an SMTP reply needs a text"),
        (&["--at", "rcpt=550 5.7.1"], "an SMTP reply needs a text"),
        (&["--may", "foo"], "actions are add-headers, change-headers, change-body"),
        (&["--connections", "0"], "non-zero"),
        (&["--timeout", "0"], "a timeout must be longer than 0 seconds"),
        (&["--replace-body", "/no/such/file"], "No such file"),
        (&["--pause", "soon"], "\"soon\" is not a number of seconds"),
    ];
    for name in FILTERS {
        for (options, complaint) in rows {
            let (status, said) =
                run_within(example(name).args(["--listen", LOOPBACK]).args(options), AT_ONCE);
            assert!(said.contains(complaint), "{name} {options:?}: {said}");
            assert_eq!(status, Some(2), "{name} {options:?}");
        }
    }
    let mut embedded = example("filter_embedded");
    let (status, said) =
        run_within(embedded.args(["--listen", LOOPBACK, "--add-header", "X Seen=yes"]), AT_ONCE);
    assert!(status == Some(2) && said.contains("is not a header name"), "{said}");
}

#[test]
fn the_help_explains_replies_patterns_and_escapes() {
    for name in FILTERS {
        let help = String::from_utf8(example(name).arg("--help").output().unwrap().stdout).unwrap();
        for words in [
            "Patterns:",
            "Replies:",
            "Escapes in",
            "550 5.7.1",
            "--record",
            "--pause",
            "sent in the order of their options",
            "Change a header",
            "Change the sender",
        ] {
            assert!(help.contains(words), "{name}: {words}");
        }
    }
}

#[test]
fn a_handler_that_panics_frees_its_slot_and_socket() {
    for name in FILTERS {
        let options = ["--connections", "1", "--at", "mail/<bad*=panic"];
        let filter = Filter::start(name, LOOPBACK, &options);
        for _ in 0..3 {
            let mut stream = filter.connect();
            say(&mut stream, OFFER, 17);
            // The socket is closed without a reply.
            stream.write_all(b"\0\0\0\x09M<bad@b>\0").unwrap();
            assert_eq!(rest_of(&mut stream), b"", "{name}");
        }
        drop(begin(&filter));
        assert!(filter.stop().success(), "{name}");
    }
}

#[test]
fn a_socket_with_a_full_backlog_is_in_use() {
    let path = socket("full");
    let (listener, waiting) = full_queue(&path);
    for name in WITH_EMBEDDED {
        let spec = format!("unix:{}", path.display());
        let (status, said) = run_within(example(name).args(["--listen", &spec]), AT_ONCE);
        assert!(said.contains("cannot listen at") && said.contains("in use"), "{name}: {said}");
        assert_eq!(status, Some(1), "{name}");
        assert!(path.exists());
    }
    drop((listener, waiting));
    fs::remove_file(&path).unwrap();
}

/// A listening socket whose backlog is full.
fn full_queue(path: &PathBuf) -> (UnixListener, UnixStream) {
    let _ = fs::remove_file(path);
    let listener = UnixListener::bind(path).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    // There is room for this one.
    let waiting = UnixStream::connect(path).unwrap();
    (listener, waiting)
}

#[test]
#[cfg(target_os = "linux")]
fn a_filter_survives_errors_of_accept() {
    if std::env::var_os("EXAMPLE_RUNNER").is_some() {
        return;
    }
    for name in WITH_EMBEDDED {
        let filter = Filter::start(name, LOOPBACK, &[]);
        let id = filter.id().to_string();
        let limit = |count: u64| {
            let option = format!("--nofile={count}:4096");
            let status = std::process::Command::new("prlimit").args(["--pid", &id, &option]).status();
            assert!(status.unwrap().success());
        };
        // Only the three standard descriptors are below this number.
        limit(3);
        // A blocked `accept` has reserved a descriptor already.
        drop(filter.connect());
        let mut stream = filter.connect();
        filter.wait_to_hear("Too many open files");
        limit(1024);
        assert_eq!(say(&mut stream, OFFER, 17).get(4), Some(&b'O'), "{name}");
        drop(stream);
        assert_eq!(filter.stop().success(), name != "filter_embedded", "{name}");
    }
}

#[test]
fn every_filter_treats_a_second_offer_alike() {
    let mut expected = None;
    for name in WITH_EMBEDDED {
        // The one over embedded-io subscribes to recipients alone.
        let options: &[&str] = if name == "filter_embedded" { &[] } else { &["--only", "rcpt"] };
        let filter = Filter::start(name, LOOPBACK, options);
        let mut stream = filter.connect();
        say(&mut stream, OFFER, 17);
        stream.write_all(&[OFFER, RCPT, b"\0\0\0\x01Q"].concat()).unwrap();
        let said = rest_of(&mut stream);
        assert_eq!(*expected.get_or_insert_with(|| said.clone()), said, "{name}");
        // It serves the next one, too.
        assert_eq!(say(&mut filter.connect(), OFFER, 17).get(4), Some(&b'O'), "{name}");
        drop(filter);
    }
}

#[test]
fn the_first_signal_is_reported_and_the_second_ends_messages() {
    for name in FILTERS {
        for signals in [["-INT", "-INT"], ["-TERM", "-INT"], ["-INT", "-TERM"]] {
            let filter = Filter::start(name, LOOPBACK, &["--grace", "60"]);
            let mut stream = begin(&filter);
            let begun = Instant::now();
            filter.signal_with(signals[0]);
            filter.wait_to_hear(
                "stopping: messages in progress have 60 s to end, and another signal ends them at once",
            );
            // The message goes on.
            assert_eq!(say(&mut stream, RCPT, 5), CONTINUE, "{name}");
            filter.signal_with(signals[1]);
            assert_eq!(rest_of(&mut stream), b"", "{name}");
            assert!(filter.wait().success(), "{name} {signals:?}");
            assert!(begun.elapsed() < AT_ONCE, "{name} {signals:?}: {:?}", begun.elapsed());
        }
    }
}

#[test]
fn a_pause_does_not_delay_the_end_of_a_filter() {
    for name in FILTERS {
        let options = ["--progress", "1", "--pause", "60", "--grace", "0.2"];
        let filter = Filter::start(name, LOOPBACK, &options);
        let mut stream = begin(&filter);
        let begun = Instant::now();
        say(&mut stream, END, 5);
        assert!(filter.stop().success(), "{name}");
        assert!(begun.elapsed() < AT_ONCE, "{name}: {:?}", begun.elapsed());
    }
}

/// What a filter with these options and `--log` writes to standard error about one connection, without its frames.
fn notes(name: &str, options: &[&str], sent: &[u8]) -> Vec<String> {
    let mut command = example(name);
    command.args(["--listen", LOOPBACK, "--log"]).args(options).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().strip_prefix("listening on inet:").unwrap().strip_suffix("@127.0.0.1").unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    rest_of(&mut stream);
    let stopped = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(stopped.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    log.lines().filter_map(|line| line.strip_prefix("[1] # ").map(str::to_owned)).collect()
}

#[test]
fn the_log_marks_commands_that_are_out_of_order() {
    let data: &[u8] = b"\0\0\0\x01T";
    let begun = [OFFER, CONNECT, HELO].concat();
    for name in FILTERS {
        let sent = [&begun, MAIL, data, RCPT, END, RCPT, QUIT].concat();
        let expected = ["DATA", "BODYEOB", "RCPT"]
            .map(|name| format!("{name} is out of order, and handled like any other"));
        assert_eq!(notes(name, &[], &sent), expected, "{name}");
        let sent = [&begun, RCPT, QUIT].concat();
        assert_eq!(
            notes(name, &["--policy", "libmilter"], &sent),
            ["RCPT is out of order, and ignored"],
            "{name}"
        );
        let sent = [&begun, MAIL, RCPT, data, b"\0\0\0\x01N", END, QUIT].concat();
        assert_eq!(notes(name, &[], &sent), [""; 0], "{name}");
    }
}

#[test]
fn the_log_shows_an_end_of_stream_without_quit() {
    let end = "the MTA closed the connection without QUIT";
    let begun = [OFFER, CONNECT, HELO].concat();
    for name in FILTERS {
        for (sent, place) in [
            (b"".as_slice(), ""),
            (&[MAIL, RCPT].concat(), ", inside a message"),
            (&[MAIL, b"\0\0\0\x07R<"].concat(), ", inside a frame"),
        ] {
            assert_eq!(notes(name, &[], &[&begun, sent].concat()), [format!("{end}{place}")], "{name}");
        }
        assert_eq!(notes(name, &[], &[&begun, QUIT].concat()), [""; 0], "{name}");
        // Without a log, nothing is shown.
        let filter = Filter::start(name, LOOPBACK, &[]);
        drop(begin(&filter));
        let mut other = begin(&filter);
        say(&mut other, END, 5);
        filter.signal();
        filter.wait_to_hear("stopping");
        assert!(!filter.heard().contains("without QUIT"), "{name}: {}", filter.heard());
        drop(other);
        assert!(filter.wait().success());
    }
}

#[test]
fn a_frame_that_is_too_long_is_reported_once_with_the_limit_in_force() {
    for name in FILTERS {
        for (size, limit) in [("64k", "65535"), ("1m", "1048575")] {
            let offer = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\x30\x1f\xff\xff";
            let reported = notes(name, &["--data-size", size], &[&offer[..], b"\xff\xff\xff\xffX"].concat());
            assert!(
                matches!(&reported[..], [line] if line.contains(&format!("over the limit of {limit}"))),
                "{name} {size}: {reported:?}"
            );
        }
    }
}

#[test]
fn a_socket_without_a_host_is_on_loopback_as_the_help_says() {
    for name in WITH_EMBEDDED {
        let filter = Filter::start(name, "inet:0", &[]);
        assert!(filter.spec.ends_with("@127.0.0.1"), "{name}: {}", filter.spec);
    }
    for name in [
        "filter_blocking",
        "filter_tokio",
        "filter_smol",
        "filter_embedded",
        "mta_blocking",
        "mta_tokio",
        "converse",
    ] {
        let help = String::from_utf8(example(name).arg("--help").output().unwrap().stdout).unwrap();
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("Without @HOST, on loopback"), "{name}: {help}");
    }
}

#[test]
fn a_record_of_a_connection_is_a_capture() {
    for name in FILTERS {
        let folder = scratch(&format!("record-{name}"));
        let filter =
            Filter::start(name, LOOPBACK, &["--record", folder.to_str().unwrap(), "--add-header", "A=b"]);
        for _ in 0..2 {
            let mut stream = begin(&filter);
            say(&mut stream, END, 14);
        }
        assert!(filter.stop().success());
        let output = example("dump").arg("--check").arg(&folder).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let expected = "\n2 files, 18 frames, 0 undecodable, 0 re-encoded differently";
        assert!(said.contains(expected), "{name}: {said}");
        let shown =
            example("dump").arg(fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path()).output();
        let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
        for words in ["from the MTA, unknown", &format!("from the filter, {name}"), "the MTA closes"] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }
}

/// A path that is free. Not in the scratch folder: the path of a socket has a hundred bytes at most.
fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{name}-{}", std::process::id()))
}

fn scratch(name: &str) -> PathBuf {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("filters");
    fs::create_dir_all(&scratch).unwrap();
    let path = scratch.join(name);
    let _ = fs::remove_dir_all(&path);
    path
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
fn a_chunk_in_one_frame_with_the_end_is_refused_like_any_other() {
    let end = b"\0\0\0\x04Ebad";
    let marked: &[u8] = b"\0\0\0\x05hX\0y\0\0\0\0\x01c";
    for name in FILTERS {
        for (verdict, more, expected) in [
            ("reject", "", b"\0\0\0\x01r".as_slice()),
            ("550 5.7.1 no", "", b"\0\0\0\x0ey550 5.7.1 no\0"),
            ("skip", "--skip", marked),
            // The filter has promised to say CONTINUE.
            ("reject", "--no-reply=body", marked),
        ] {
            let rule = format!("body/bad={verdict}");
            let options = ["--add-header", "X=y", "--at", &rule, more];
            let options = if more.is_empty() { &options[..4] } else { &options };
            let filter = Filter::start(name, LOOPBACK, options);
            let mut stream = begin(&filter);
            assert_eq!(say(&mut stream, end, expected.len()), expected, "{name} {rule} {more}");
            // It counts for this message alone.
            for command in [MAIL, RCPT] {
                assert_eq!(say(&mut stream, command, 5), CONTINUE, "{name} {rule} {more}");
            }
            assert_eq!(say(&mut stream, END, marked.len()), marked, "{name} {rule} {more}");
            drop(stream);
            assert!(filter.stop().success());
        }
    }
}

#[test]
fn a_refusal_that_may_not_be_sent_is_replaced_by_tempfail() {
    let tempfail = b"\0\0\0\x01t";
    for name in FILTERS {
        for (rule, expected) in [("connect=discard", &tempfail[..]), ("connect=skip", CONTINUE)] {
            let filter = Filter::start(name, LOOPBACK, &["--at", rule]);
            let mut stream = filter.connect();
            say(&mut stream, OFFER, 17);
            assert_eq!(say(&mut stream, CONNECT, 5), expected, "{name} {rule}");
            filter.wait_to_hear("not sent: we may not send ");
            drop(stream);
            assert!(filter.stop().success());
        }
    }
}
