//! Mail servers under test.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::mail_server;
use crate::program::{Folder, run};

const SCENARIOS: &str = r#"
[mta/own/passes] must FRM-8
A message passes
session
message

[mta/own/in-pieces] must FRM-8
A reply is accepted in any number of pieces
cut 1
session
message

[mta/own/is-edited] must EDT-1
A header is added
answer offer ADD_HEADERS none
at BODYEOB: ADDHEADER "X-Own" "yes" ; CONTINUE
session
message
delivered has "X-Own: yes\r\n"

[mta/own/refuses] must RPL-1
A sender is refused
at MAIL: REPLYCODE "550 5.7.1 not you"
session
message => MAIL 550 has "not you"

[mta/own/fails] must FRM-8
A message is refused without a reason
session
message => MAIL 550
"#;

#[test]
fn an_mta_is_driven_by_smtp() {
    let folder = Folder::new("mta");
    let scenarios = folder.file("scenarios", SCENARIOS);
    let socket = folder.path("socket");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sink = format!("127.0.0.1:{port}");
    let smtp = mail_server::start(&socket, Some(sink.clone()));
    let listen = format!("unix:{socket}");
    let fixed =
        ["mta", "--listen", &listen, "--smtp", &smtp, "--scenarios", &scenarios, "--quiet-time", "0.1"];
    let with_sink = [&fixed[..], &["--sink", &sink, "--format", "tap"]].concat();
    let done = run(&with_sink);
    assert_eq!(done.status, 1, "{done:?}");
    let lines: Vec<_> = done.out.lines().filter(|line| line.contains("mta/own/")).collect();
    let wanted = ["ok 1 ", "ok 2 ", "ok 3 ", "ok 4 ", "not ok 5 "];
    for (line, wanted) in lines.iter().zip(wanted) {
        assert!(line.starts_with(wanted) && !line.contains("# SKIP"), "{wanted}: {}", done.out);
    }
    assert_eq!(lines.len(), wanted.len());

    let done = run(&[&fixed[..], &["--verbose"]].concat());
    assert!(done.out.contains("offers version 6, all actions, all steps"), "{done:?}");
    assert!(!done.out.contains("the first session:"), "{done:?}");
    assert!(done.out.contains("skipped    must   mta/own/is-edited"), "without a sink: {done:?}");
    assert!(done.out.contains("  C: MAIL FROM:<sender@example.org>\n      > MACRO"), "{}", done.out);
}

#[test]
fn an_mta_that_is_not_there_is_one_line() {
    let folder = Folder::new("no-mta");
    let listen = format!("unix:{}", folder.path("socket"));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let done = run(&["mta", "--listen", &listen, "--smtp", &format!("127.0.0.1:{port}")]);
    assert_eq!((done.status, done.out.as_str()), (3, ""), "{done:?}");
    assert!(done.err.contains("cannot connect: ") && done.err.contains("Connection refused"), "{done:?}");
}

#[test]
fn an_mta_that_does_not_ask_the_filter_is_told() {
    let folder = Folder::new("no-filter");
    let listen = format!("unix:{}", folder.path("socket"));
    let smtp = mail_server::start(&folder.path("another-socket"), None);
    let done = run(&["mta", "--listen", &listen, "--smtp", &smtp, "--timeout", "0.5"]);
    assert_eq!((done.status, done.out.as_str()), (3, ""), "{done:?}");
    assert!(done.err.contains("the MTA does not connect to the filter"), "{done:?}");
}

/// A server that says this to whoever connects, and then nothing.
fn server_that_says(greeting: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let streams: Vec<_> = listener
            .incoming()
            .map(|it| it.unwrap())
            .inspect(|mut it| it.write_all(greeting.as_bytes()).unwrap())
            .collect();
        drop(streams);
    });
    address
}

#[test]
fn what_is_no_mta_is_told() {
    let folder = Folder::new("no-smtp");
    let listen = format!("unix:{}", folder.path("socket"));
    let port = "is this an SMTP server, and is the port right?";
    for (greeting, what) in [
        ("", format!("no SMTP reply came in time: {port}")),
        ("HTTP/1.1 400 Bad\r\n", format!("\"HTTP/1.1 400 Bad\" is no SMTP reply: {port}")),
        (
            "554 5.7.1 not you\r\n",
            "the MTA does not connect to the filter, and its last SMTP reply is \"554 5.7.1 not you\""
                .to_owned(),
        ),
    ] {
        let smtp = server_that_says(greeting);
        let done = run(&["mta", "--listen", &listen, "--smtp", &smtp, "--timeout", "0.3"]);
        assert_eq!((done.status, done.out.as_str()), (3, ""), "{done:?}");
        assert!(done.err.contains(&format!("milter-check: {smtp}: {what}\n")), "{what}: {done:?}");
    }
}

#[test]
fn an_mta_that_breaks_a_rule_in_the_first_session_is_tested_anyway() {
    let folder = Folder::new("rude");
    let scenarios = folder.file("scenarios", "[mta/own/greets] must ORD-1\nA session is in order\nsession\n");
    let socket = folder.path("socket");
    let listen = format!("unix:{socket}");
    let checked = |surplus| {
        let smtp = mail_server::start_with(&socket, None, surplus);
        let smtp = ["--smtp", &smtp, "--scenarios", &scenarios, "--quiet-time", "0.1", "--timeout", "0.5"];
        run(&[&["mta", "--listen", &listen][..], &smtp].concat())
    };
    // An ABORT before CONNECT.
    let done = checked(b"\0\0\0\x01A");
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.out.contains("mta/own/greets") && done.out.contains("(ORD-1)"), "{}", done.out);
    let second = done.out.lines().nth(1).unwrap();
    assert!(second.starts_with("the first session: the MTA broke rule ORD-1: expected "), "{second}");
    assert!(second.ends_with("; most scenarios begin like it: what fails may have this cause"), "{second}");
    // A frame of length 0.
    let done = checked(b"\0\0\0\0");
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.out.contains("mta/own/greets") && done.out.contains("(FRM-3)"), "{}", done.out);
    assert!(done.out.contains("the first session: the MTA broke rule FRM-3: expected "), "{}", done.out);
}

/// The test is the user: it does what it is told, and types the replies.
#[test]
fn mail_can_be_sent_by_hand() {
    let folder = Folder::new("by-hand");
    let scenarios = folder.file("scenarios", "[mta/own/greets] must FRM-8\nA session begins\nsession\n");
    let socket = folder.path("socket");
    let smtp = mail_server::start(&socket, None);
    let mut child = Command::new(env!("CARGO_BIN_EXE_milter-check"))
        .args([
            "mta",
            "--listen",
            &format!("unix:{socket}"),
            "--scenarios",
            &scenarios,
            "--quiet-time",
            "0.1",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stderr.take().unwrap());
    let mut typed = child.stdin.take().unwrap();
    let mut connection: Option<BufReader<std::net::TcpStream>> = None;
    let mut lines = told.lines().map(Result::unwrap);
    while let Some(line) = lines.next() {
        let Some(told) = line.strip_prefix("* ") else { continue };
        if told.starts_with("connect ") {
            connection = Some(BufReader::new(std::net::TcpStream::connect(&smtp).unwrap()));
        } else if let Some(line) = told.strip_prefix("send the line, and give the reply: ") {
            connection.as_mut().unwrap().get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        } else if told.starts_with("send these lines") {
            let mut content = String::new();
            while !content.ends_with("\r\n.\r\n") {
                content += &format!("{}\r\n", lines.next().unwrap());
            }
            connection.as_mut().unwrap().get_mut().write_all(content.as_bytes()).unwrap();
        }
        let mut reply = String::new();
        connection.as_mut().unwrap().read_line(&mut reply).unwrap();
        typed.write_all(reply.as_bytes()).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.contains("by hand: no scenario failed (1 scenario in"), "{out}");
}
