//! The minimal examples, which every reader copies: with the complete example of the other role, and on bare sockets.

use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::thread;

use crate::support::example::example;
use crate::support::running::{CONTINUE, Filter, MAIL, OFFER, RCPT, say};

/// Version 6, SMFIF_ADDHDRS, and no command that can be declined but MAIL and RCPT.
const ANSWER: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x01\0\0\x03\x73";
const END: &[u8] = b"\0\0\0\x01E";
const ABORT: &[u8] = b"\0\0\0\x01A";
const QUIT: &[u8] = b"\0\0\0\x01Q";
/// ADDHEADER with the sender of `MAIL`, and CONTINUE.
const MARKED: &[u8] = b"\0\0\0\x17hX-Envelope-From\0<a@b>\0\0\0\0\x01c";
const REFUSED: &[u8] = b"\0\0\0\x18y550 5.1.1 no such user\0";

/// `minimal_filter` on a port of its own.
struct Minimal {
    child: Child,
    address: SocketAddr,
}

impl Minimal {
    fn start() -> Self {
        let mut command = example("minimal_filter");
        let command = command.arg("127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
        Self { child, address }
    }

    fn spec(&self) -> String {
        format!("inet:{}@{}", self.address.port(), self.address.ip())
    }

    /// A connection on which the negotiation is done.
    fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        assert_eq!(say(&mut stream, OFFER, ANSWER.len()), ANSWER);
        stream
    }

    /// Stops it, and returns what it wrote to standard error.
    fn stop(mut self) -> String {
        self.child.kill().unwrap();
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }
}

/// A test that fails leaves nothing behind.
impl Drop for Minimal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything until the other side closes.
fn rest_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest
}

/// Asks the filters at these addresses about a message that `minimal_mta` reads from a file of that name.
fn ask(name: &str, message: &[u8], filters: &[&str]) -> Output {
    let path = scratch(name);
    fs::write(&path, message).unwrap();
    let addresses = filters.iter().map(|spec| {
        let (port, host) = spec.strip_prefix("inet:").unwrap().split_once('@').unwrap();
        format!("{host}:{port}")
    });
    example("minimal_mta").arg(path).args(addresses).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_guide_leads_from_a_file_to_a_delivered_message_in_forty_lines() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/mta.rs")).unwrap();
    let section = page.split("//! # From a file to a delivered message\n").nth(1).unwrap();
    let code = section.split("//! ```\n").nth(1).unwrap();
    let shown: Vec<_> = code.lines().filter(|line| !line.starts_with("//! # ")).collect();
    assert!(shown.iter().any(|line| line.contains("chain.take_message()")));
    assert!(shown.len() <= 40, "{} lines", shown.len());
}

#[test]
fn they_are_what_the_readme_promises_one_file_of_std_under_seventy_lines() {
    for name in ["minimal_filter", "minimal_mta"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).with_extension("rs");
        let source = fs::read_to_string(path).unwrap();
        assert!(source.lines().count() < 70, "{name} has {} lines", source.lines().count());
        let is_foreign = |line: &&str| {
            let other = line
                .strip_prefix("use ")
                .is_some_and(|path| !["std::", "milter_proto::"].iter().any(|root| path.starts_with(root)));
            other || line.starts_with("mod ") || line.starts_with("#[path")
        };
        assert_eq!(source.lines().find(is_foreign), None, "{name}");
    }
}

#[test]
fn the_first_code_of_the_readme_is_the_filter() {
    let read = |path| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let source = read("examples/minimal_filter.rs");
    let code: Vec<_> =
        source.lines().filter(|line| !line.starts_with("//!") && !line.starts_with("#![")).collect();
    let readme = read("README.md");
    let shown = readme.lines().skip_while(|line| !line.starts_with("```")).skip(1);
    assert_eq!(shown.take_while(|line| *line != "```").collect::<Vec<_>>(), code);
}

#[test]
fn the_filter_adds_its_header_for_every_mta() {
    let filter = Minimal::start();
    for name in ["mta_blocking", "mta_tokio", "converse"] {
        let output = example(name).args(["--filter", &filter.spec()]).output().unwrap();
        let shown = text(&output.stdout);
        assert!(output.status.success(), "{name}: {shown}");
        assert!(shown.contains("\nX-Envelope-From: <alice@sender.example>"), "{name}: {shown}");
    }
    let spec = filter.spec();
    let output = ask("header.eml", b"Subject: hello\n\nhello\n", &[&spec, &spec]);
    let added = "X-Envelope-From: <from@example.org>\r\n";
    let delivered = format!("to \"<to@example.org>\"\nSubject: hello\r\n{added}{added}\r\nhello\r\n");
    assert_eq!((text(&output.stdout), text(&output.stderr)), (&*delivered, ""));
    assert_eq!(filter.stop(), "");
}

#[test]
fn the_filter_refuses_one_recipient_however_it_is_written() {
    let filter = Minimal::start();
    for to in ["<nobody@example.org>", "<NoBody@Example.ORG>", "nobody@example.org"] {
        let arguments = ["--filter", &filter.spec(), "--to", to, "--to", "<bob@rcpt.example>"];
        let output = example("mta_blocking").args(arguments).output().unwrap();
        let shown = text(&output.stdout);
        assert!(output.status.success() && shown.contains("550 5.1.1 no such user"), "{to}: {shown}");
        assert!(shown.contains("bob@rcpt.example") && shown.contains("X-Envelope-From"), "{to}: {shown}");
    }
}

#[test]
fn the_filter_answers_a_stream_that_is_cut_anywhere() {
    let filter = Minimal::start();
    let stream = [MAIL, RCPT, b"\0\0\0\x16R<nobody@example.org>\0", END, MAIL, END, QUIT].concat();
    let expected = [CONTINUE, CONTINUE, REFUSED, MARKED, CONTINUE, MARKED].concat();
    for size in [1, 2, 3, 7, 11, stream.len()] {
        let mut mta = filter.connect();
        for piece in stream.chunks(size) {
            mta.write_all(piece).unwrap();
            thread::yield_now();
        }
        assert_eq!(
            rest_of(&mut mta).escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "{size}"
        );
    }
    assert_eq!(filter.stop(), "");
}

#[test]
fn the_sender_of_a_message_that_was_aborted_is_in_no_header() {
    let filter = Minimal::start();
    let without = b"\0\0\0\x12hX-Envelope-From\0\0\0\0\0\x01c";
    let other = b"\0\0\0\x07M<e@f>\0".as_slice();
    // An end of message without a message is what an SMTP client can bring about: it is answered like any other.
    for (between, expected) in [
        (vec![ABORT], [without.as_slice()].concat()),
        (vec![b"\0\0\0\x03Hx\0".as_slice()], [CONTINUE, without].concat()),
        (vec![END], [MARKED, without].concat()),
        (vec![ABORT, MAIL], [CONTINUE, MARKED].concat()),
        (vec![other, MAIL], [CONTINUE, CONTINUE, MARKED].concat()),
    ] {
        let mut mta = filter.connect();
        mta.write_all(&[MAIL, &between.concat(), END, QUIT].concat()).unwrap();
        let expected = [CONTINUE, &expected].concat().escape_ascii().to_string();
        assert_eq!(rest_of(&mut mta).escape_ascii().to_string(), expected, "{between:?}");
    }
    assert_eq!(filter.stop(), "");
}

#[test]
fn replies_are_written_before_an_error_ends_the_connection_and_others_go_on() {
    let filter = Minimal::start();
    let mut other = filter.connect();
    for wrong in [b"\xff\xff\xff\xffX".as_slice(), b"\0\0\0\0", b"\0\0\0\x02Mx"] {
        let mut mta = filter.connect();
        mta.write_all(&[MAIL, RCPT, wrong].concat()).unwrap();
        assert_eq!(rest_of(&mut mta), [CONTINUE, CONTINUE].concat(), "{}", wrong.escape_ascii());
    }
    assert_eq!(say(&mut other, MAIL, 5), CONTINUE);
    other.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest_of(&mut other), b"");
    let errors = filter.stop();
    let complaints = ["4294967294", "length 0", "MAIL", "the MTA closed the connection without QUIT"];
    assert_eq!(errors.lines().count(), complaints.len(), "{errors}");
    for (line, complaint) in errors.lines().zip(complaints) {
        assert!(line.contains(complaint), "{complaint}: {errors}");
    }
}

#[test]
fn the_mta_sends_a_message_as_mail_servers_do() {
    let letter = "From: a@b.example\r\nSubject: folded\r\n once\r\n\tand again\r\n\r\nhello\r\n\r\n100 %\r\n";
    for (options, space) in [(["--log-content", "--leading-space"], " "), (["--log-content", "--skip"], "")] {
        let filter = Filter::start("filter_blocking", "inet:0@127.0.0.1", &options);
        // With CRLF or LF.
        for message in [letter, &letter.replace('\r', "")] {
            let output = ask("letter.eml", message.as_bytes(), &[&filter.spec]);
            assert!(output.stderr.is_empty(), "{output:?}");
            assert_eq!(text(&output.stdout), format!("to \"<to@example.org>\"\n{letter}"));
        }
        filter.wait_to_hear(&format!(r#"> HEADER "From" "{space}a@b.example""#));
        filter.wait_to_hear(&format!(r#"> HEADER "Subject" "{space}folded\n once\n\tand again""#));
        filter.wait_to_hear(r#"> BODY "hello\r\n\r\n100 %\r\n""#);
        assert!(filter.stop().success());
    }
}

#[test]
fn the_mta_delivers_what_no_filter_refuses() {
    for (rule, verdict) in [
        ("mail=550 5.7.1 no", "Reply(\"550 5.7.1 no\")"),
        ("rcpt=451 4.7.1 later", "Reply(\"451 4.7.1 later\")"),
        ("data=tempfail", "Tempfail"),
        ("eom=discard", "Discard"),
        ("mail=accept", ""),
        ("eom=accept", ""),
    ] {
        let filter = Filter::start("filter_blocking", "inet:0@127.0.0.1", &["--log", "--at", rule]);
        let output = ask("verdict.eml", b"A: b\n\nc\n", &[&filter.spec]);
        let [shown, error] = [text(&output.stdout), text(&output.stderr)];
        let error = &error.replace('\\', "");
        if verdict.is_empty() {
            assert_eq!((shown, &**error), ("to \"<to@example.org>\"\nA: b\r\n\r\nc\r\n", ""), "{rule}");
        } else {
            assert!(
                shown.is_empty() && error.contains(verdict) && error.contains("filter: Some(0)"),
                "{error}"
            );
        }
        assert_eq!(output.status.success(), verdict.is_empty());
        filter.wait_to_hear_last("> QUIT");
        assert!(filter.stop().success());
    }
}

#[test]
fn the_mta_refuses_for_now_if_a_filter_leaves() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let spec = format!("inet:{}@127.0.0.1", listener.local_addr().unwrap().port());
    let filter = thread::spawn(move || {
        for count in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            // The second time, it leaves after the negotiation.
            if count == 1 {
                assert_eq!(say(&mut stream, ANSWER, OFFER.len()).get(4), Some(&b'O'));
                let mut command = [0; 64];
                assert_ne!(stream.read(&mut command).unwrap(), 0);
            } else {
                say(&mut stream, b"", OFFER.len());
            }
        }
    });
    for _ in 0..2 {
        let output = ask("leaves.eml", b"A: b\n\nc\n", &[&spec]);
        assert!(!output.status.success() && text(&output.stderr).contains("Tempfail"), "{output:?}");
    }
    filter.join().unwrap();
    let output = ask("closed.eml", b"A: b\n\nc\n", &[&spec]);
    assert!(text(&output.stderr).contains("refused"), "{output:?}");
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("minimal_examples");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}
