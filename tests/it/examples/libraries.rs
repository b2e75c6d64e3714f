//! The two libraries that are built on the crate, `library_filter` and `library_mta`: with the complete examples of the other
//! role, with each other, on bare sockets, and how much of them is about the crate.

use core::time::Duration;
use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::thread;
use std::time::Instant;

use crate::support::example::example;
use crate::support::running::{AT_ONCE, CONTINUE, Filter, LOOPBACK, MAIL, OFFER, RCPT, say};

/// Version 6, SMFIF_ADDHDRS and SMFIF_CHGBODY, and these steps: RCPT and BODY have callbacks, MAIL is needed by the library,
/// SKIP is optional, and no reply is sent to anything but RCPT.
const ANSWER: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x03\0\x0f\x77\xe3";
const NOBODY: &[u8] = b"\0\0\0\x16R<nobody@example.org>\0";
const REFUSED: &[u8] = b"\0\0\0\x18y550 5.1.1 no such user\0";
const END: &[u8] = b"\0\0\0\x01E";
const ABORT: &[u8] = b"\0\0\0\x01A";
const HELO: &[u8] = b"\0\0\0\x03Hh\0";
const QUIT: &[u8] = b"\0\0\0\x01Q";
/// ADDHEADER with the length of an empty body.
const LENGTH: &[u8] = b"\0\0\0\x11hX-Body-Length\x000\0";
/// The same for a body of four bytes.
const FOUR: &[u8] = b"\0\0\0\x11hX-Body-Length\x004\0";

/// `library_filter`, which refuses one recipient.
fn library_filter(options: &[&str]) -> Filter {
    let mut command = example("library_filter");
    command.args(["listen=127.0.0.1:0", "refuse=<nobody@example.org> 550 5.1.1 no such user"]);
    Filter::spawn(command.args(options))
}

/// A connection to it on which the negotiation is done.
fn negotiated(filter: &Filter) -> TcpStream {
    let mut stream = filter.connect();
    stream.set_nodelay(true).unwrap();
    let answer = say(&mut stream, OFFER, ANSWER.len());
    assert_eq!(answer.escape_ascii().to_string(), ANSWER.escape_ascii().to_string());
    stream
}

/// Everything until the other side closes.
fn rest_of(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest.escape_ascii().to_string()
}

/// What `library_mta` prints about a message, which it sends through these filters.
fn library_mta(filters: &[&Filter], options: &[&str]) -> Vec<String> {
    let mut command = example("library_mta");
    let output = command.args(options).args(filters.iter().map(|filter| filter.address())).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{options:?}: {output:?}");
    text(&output).lines().map(str::to_owned).collect()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A complete filter, with a log.
fn filter_blocking(options: &[&str]) -> Filter {
    Filter::start("filter_blocking", LOOPBACK, &[&["--log"][..], options].concat())
}

/// The commands that a filter has received, from its log.
fn commands(filter: &Filter) -> Vec<String> {
    filter.wait_to_hear_last("> QUIT");
    let heard = filter.heard();
    let all = heard.split("[1] > ").skip(1).map(|line| line.split([' ', '[']).next().unwrap().to_owned());
    all.filter(|name| name != "MACRO").collect()
}

#[test]
fn the_filter_library_serves_every_mta() {
    let filter = library_filter(&[]);
    for name in ["mta_blocking", "mta_tokio", "converse"] {
        let to = ["--to", "<nobody@example.org>", "--to", "<bob@rcpt.example>"];
        let output = example(name).args(["--filter", &filter.spec]).args(to).output().unwrap();
        let shown = text(&output);
        assert!(output.status.success(), "{name}: {shown}");
        for words in ["550 5.1.1 no such user", "\nX-Body-Length: 49", "\nX-Queue-ID: 4MILTERPROTO"] {
            assert!(shown.contains(words), "{name}, {words}: {shown}");
        }
    }
    let output = example("mta_blocking")
        .args(["--json", "--filter", &filter.spec, "--messages", "3", "--connections", "5"])
        .output()
        .unwrap();
    let is_whole = |line: &str| line.starts_with("{\"outcome\":\"accepted\"") && line.contains("X-Queue-ID");
    assert!(text(&output).lines().filter(|line| is_whole(line)).count() == 15, "{output:?}");
    assert_eq!(filter.heard(), "");
    assert!(filter.stop().success());
}

#[test]
fn callbacks_that_are_missing_need_no_reply_and_their_commands_are_declined() {
    let filter = library_filter(&[]);
    let body = b"\0\0\0\x05Bbody";
    let header = b"\0\0\0\x05LA\0b\0";
    let mut stream = negotiated(&filter);
    stream.write_all(&[MAIL, RCPT, body, NOBODY, END, QUIT].concat()).unwrap();
    let expected = |replies: &[&[u8]]| replies.concat().escape_ascii().to_string();
    assert_eq!(rest_of(&mut stream), expected(&[CONTINUE, REFUSED, FOUR, CONTINUE]));

    // An MTA that offers no steps waits for every reply, and sends what was declined.
    let mut stream = filter.connect();
    let offer = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\0\0\0";
    stream.write_all(offer).unwrap();
    let answer = say(&mut stream, b"", ANSWER.len());
    // Zero steps are those of version 1, where CONNECT to BODY can be declined, and nothing goes without a reply.
    assert!(answer.ends_with(&[0, 0, 0, 3, 0, 0, 0, 0x23]), "{}", answer.escape_ascii());
    stream.write_all(&[HELO, MAIL, RCPT, header, body, END, QUIT].concat()).unwrap();
    let five = [CONTINUE; 5].concat();
    assert_eq!(rest_of(&mut stream), expected(&[&five, FOUR, CONTINUE]));
    assert_eq!(filter.heard(), "");
    assert!(filter.stop().success());
}

#[test]
fn a_message_without_a_verdict_is_aborted_exactly_once() {
    let rows: [(&[&[u8]], usize); 9] = [
        (&[MAIL, RCPT, ABORT, QUIT], 1),
        (&[MAIL, RCPT, ABORT, ABORT, QUIT], 1),
        (&[ABORT, QUIT], 0),
        (&[MAIL, MAIL, RCPT, QUIT], 2),
        (&[MAIL, RCPT, HELO, QUIT], 1),
        (&[MAIL, NOBODY, ABORT, MAIL, RCPT, END, ABORT, QUIT], 1),
        (&[MAIL, RCPT, END, MAIL, RCPT, END, QUIT], 0),
        // The connection ends without QUIT, and in a frame.
        (&[MAIL, RCPT], 1),
        (&[MAIL, RCPT, END, MAIL, b"\0\0\0\x02R"], 1),
    ];
    for (sent, count) in rows {
        let filter = library_filter(&[]);
        let mut stream = negotiated(&filter);
        stream.write_all(&sent.concat()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest_of(&mut stream);
        assert!(
            filter.signal_and_hear().matches("aborted").count() == count,
            "{}",
            sent.concat().escape_ascii()
        );
    }
}

#[test]
fn a_slow_end_of_message_shows_its_edits_and_then_progress() {
    let filter = library_filter(&["pause=7"]);
    let mut stream = negotiated(&filter);
    let begun = Instant::now();
    stream.write_all(&[MAIL, RCPT, END].concat()).unwrap();
    assert_eq!(say(&mut stream, b"", 5 + LENGTH.len()), [CONTINUE, LENGTH].concat());
    let edits = begun.elapsed();
    assert_eq!(say(&mut stream, b"", 5), b"\0\0\0\x01p");
    let progress = begun.elapsed();
    assert_eq!(say(&mut stream, b"", 5), CONTINUE);
    let end = begun.elapsed();
    // Sendmail waits for 10 seconds.
    let longest = edits.max(progress.saturating_sub(edits)).max(end.saturating_sub(progress));
    assert!(longest < Duration::from_secs(6), "{edits:?} {progress:?} {end:?}");
    assert!(end >= Duration::from_secs(7), "{end:?}");
    assert!(filter.stop().success());
}

#[test]
fn a_new_body_comes_from_a_reader_whole_or_empty() {
    for len in [0_usize, 1, 65_535, 200_000] {
        let path = scratch("body");
        fs::write(&path, vec![b'x'; len]).unwrap();
        let filter = library_filter(&[&format!("body={}", path.display())]);
        let output = example("mta_blocking").args(["--json", "--filter", &filter.spec]).output().unwrap();
        // The last line gets its end.
        let delivered = if len == 0 { 0 } else { len + 2 };
        assert!(text(&output).contains(&format!("\"body_len\":{delivered}}}")), "{len}: {output:?}");
        assert!(filter.stop().success());
    }
}

#[test]
fn a_callback_that_fails_refuses_the_message_for_now() {
    let filter = library_filter(&["body=/no/such/file"]);
    let shown = library_mta(&[&filter], &["messages=2"]);
    assert_eq!(shown, ["the message is refused or discarded: Tempfail"; 2]);
    filter.wait_to_hear("No such file");
    assert!(filter.stop().success());
}

#[test]
fn a_filter_of_the_library_that_is_to_stop_lets_messages_end() {
    let filter = library_filter(&[]);
    let (mut busy, mut idle) = (negotiated(&filter), negotiated(&filter));
    busy.write_all(MAIL).unwrap();
    assert_eq!(say(&mut busy, RCPT, 5), CONTINUE);
    filter.signal();
    assert_eq!(rest_of(&mut idle), "");
    assert_eq!(say(&mut busy, RCPT, 5), CONTINUE);
    assert_eq!(say(&mut busy, END, LENGTH.len() + 5), [LENGTH, CONTINUE].concat());
    assert_eq!(rest_of(&mut busy), "");
    assert!(filter.wait().success());
}

#[test]
fn the_libraries_agree_with_each_other() {
    let filters = [library_filter(&[]), library_filter(&["refuse=<x@example.org> 421 4.3.2 closing"])];
    let both = [&filters[0], &filters[1]];
    let edits = |number: usize| {
        let [length, id] = [("X-Body-Length", "17".to_owned()), ("X-Queue-ID", format!("QUEUE{number}"))]
            .map(|(name, value)| format!("AddHeader {{ name: {name:?}, value: {value:?} }}"));
        [length.clone(), id.clone(), length, id, "the message is accepted".to_owned()]
    };
    let shown = library_mta(&both, &["messages=2", "clients=2"]);
    assert_eq!(shown, [edits(1), edits(2), edits(1), edits(2)].concat());

    let refused = "<nobody@example.org> is refused: Reply(\"550 5.1.1 no such user\")".to_owned();
    let shown = library_mta(&both, &["to=<nobody@example.org>", "to=<bob@example.org>"]);
    assert_eq!(shown, [vec![refused.clone()], edits(1).to_vec()].concat());
    let shown = library_mta(&both, &["to=<nobody@example.org>"]);
    assert_eq!(shown, [&refused, "the message is given up"]);
    assert_eq!(library_mta(&both, &["abort=yes", "messages=2"]), ["the message is given up"; 2]);

    // 421 ends the SMTP session, whatever it is about.
    let shown = library_mta(&both, &["to=<x@example.org>", "messages=2"]);
    let closing = "<x@example.org> is refused: Reply(\"421 4.3.2 closing\")";
    assert_eq!(shown, [closing, "the SMTP session ends"]);

    // One with no recipient, two that were given up, and the one that 421 ended.
    for filter in filters {
        assert_eq!(filter.signal_and_hear().matches("aborted").count(), 4);
    }
}

#[test]
fn the_mta_library_reports_what_a_filter_decides() {
    let accepted = "the message is accepted";
    let rows: [(&[&str], &[&str]); 13] = [
        (&[], &[accepted]),
        (&["--at", "connect=550 5.7.1 no"], &["the client is refused: Reply(\"550 5.7.1 no\")"]),
        (&["--at", "helo=tempfail"], &["the client is refused: Tempfail"]),
        (&["--at", "connect=accept"], &[accepted]),
        (&["--at", "mail=reject"], &["the sender is refused: Reject"]),
        (&["--at", "mail=accept", "--add-header", "A=b"], &[accepted]),
        (&["--at", "data=451 4.7.1 later"], &["DATA is refused: Reply(\"451 4.7.1 later\")"]),
        (&["--at", "header=reject"], &["the message is refused or discarded: Reject"]),
        (&["--at", "body=discard"], &["the message is refused or discarded: Discard"]),
        // Edits count only if the message is accepted.
        (
            &["--at", "eom=550 5.7.1 no", "--add-header", "A=b"],
            &["the message is refused or discarded: Reply(\"550 5.7.1 no\")"],
        ),
        (
            &["--add-header", "A=b", "--progress", "2", "--add-rcpt", "<c@d>"],
            &["AddHeader { name: \"A\", value: \"b\" }", "AddRcpt { address: \"<c@d>\" }", accepted],
        ),
        (&["--no-reply", "mail,rcpt,data,header,eoh,body", "--skip"], &[accepted]),
        (
            &["--leading-space", "--add-header", "A=b"],
            &["AddHeader { name: \"A\", value: \" b\" }, with its leading space", accepted],
        ),
    ];
    for (options, expected) in rows {
        let filter = filter_blocking(options);
        assert_eq!(library_mta(&[&filter], &[]), expected, "{options:?}");
        assert!(filter.stop().success());
    }
}

#[test]
fn a_connection_is_used_again_for_another_client_where_it_can_be() {
    let filter = filter_blocking(&[]);
    assert_eq!(library_mta(&[&filter], &["messages=2", "clients=2"]), ["the message is accepted"; 4]);
    let one = ["MAIL", "RCPT", "DATA", "HEADER", "HEADER", "EOH", "BODY", "BODYEOB"];
    let client = [&["CONNECT", "HELO"][..], &one, &one].concat();
    assert_eq!(commands(&filter), [&["OPTNEG"][..], &client, &["QUIT_NC"], &client, &["QUIT"]].concat());
    assert!(filter.stop().success());

    let filter = filter_blocking(&["--at", "eom=reject"]);
    let shown = library_mta(&[&filter], &["clients=2"]);
    let refused = "the message is refused or discarded: Reject";
    assert_eq!(shown, [refused, "a connection cannot be used again"]);
    assert!(filter.stop().success());
}

#[test]
fn of_two_filters_the_first_that_refuses_decides_and_both_know_the_end() {
    // One that has accepted the message is not asked again; the other one is.
    let [one, two] = [filter_blocking(&["--at", "mail=accept"]), filter_blocking(&["--add-header", "A=b"])];
    let shown = library_mta(&[&one, &two], &[]);
    assert_eq!(shown, ["AddHeader { name: \"A\", value: \"b\" }", "the message is accepted"]);
    assert_eq!(commands(&one), ["OPTNEG", "CONNECT", "HELO", "MAIL", "QUIT"]);

    // The edits of the first do not count where the second refuses.
    let [one, two] = [filter_blocking(&["--add-header", "A=b"]), filter_blocking(&["--at", "eom=reject"])];
    let shown = library_mta(&[&one, &two], &[]);
    assert_eq!(shown, ["the message is refused or discarded: Reject"]);

    // What the first refuses does not reach the second, which is told that the message is over.
    let [one, two] = [filter_blocking(&["--at", "header=reject"]), filter_blocking(&[])];
    assert_eq!(library_mta(&[&one, &two], &[]), ["the message is refused or discarded: Reject"]);
    assert_eq!(commands(&two), ["OPTNEG", "CONNECT", "HELO", "MAIL", "RCPT", "DATA", "ABORT", "QUIT"]);
}

#[test]
fn the_second_filter_sees_the_header_that_the_first_one_added() {
    let [one, two] = [("A=b", "--add-header"), ("C=d", "--add-header")]
        .map(|(header, option)| filter_blocking(&[option, header]));
    let path = scratch("delivered");
    let shown = library_mta(&[&one, &two], &[&format!("output={}", path.display())]);
    let edits = [("A", "b"), ("C", "d")]
        .map(|(name, value)| format!("AddHeader {{ name: {name:?}, value: {value:?} }}"));
    assert_eq!(shown, [&edits[0], &edits[1], "the message is accepted"]);
    let headers = [&one, &two].map(|filter| {
        commands(filter);
        let heard = filter.heard();
        let headers = heard.split("[1] > HEADER ").skip(1);
        headers.map(|rest| rest.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(headers, [&["\"From\"", "\"Subject\""][..], &["\"From\"", "\"Subject\"", "\"A\""]]);
    let delivered = fs::read_to_string(&path).unwrap();
    assert!(delivered.contains(" which is folded\r\nA: b\r\nC: d\r\n\r\nHello"), "{delivered}");
}

#[test]
fn a_recipient_after_a_refused_data_sends_the_envelope_again() {
    let [one, two] = [filter_blocking(&[]), filter_blocking(&["--add-header", "A=b"])];
    let shown = library_mta(&[&one, &two], &["to=<a@b>", "to=<c@d>", "late=<e@f>"]);
    let edit = "AddHeader { name: \"A\", value: \"b\" }";
    assert_eq!(shown, ["the MTA refuses DATA", edit, "the message is accepted"]);
    let begin =
        ["OPTNEG", "CONNECT", "HELO", "MAIL", "RCPT", "RCPT", "DATA", "ABORT", "MAIL", "RCPT", "RCPT"];
    let content = ["RCPT", "DATA", "HEADER", "HEADER", "EOH", "BODY", "BODYEOB", "QUIT"];
    for filter in [one, two] {
        assert_eq!(commands(&filter), [&begin[..], &content].concat());
    }

    // The filter refuses the recipient that it let pass before.
    let refuses_the_second = |code, heard: &str, _: &TcpStream| match code {
        b'R' if heard.matches('R').count() == 2 => b"\0\0\0\x01t".to_vec(),
        _ => CONTINUE.to_vec(),
    };
    let filter = Scripted::start(refuses_the_second);
    let output = example("library_mta").args([&filter.address, "to=<a@b>", "late=<e@f>"]).output().unwrap();
    assert_eq!(text(&output), "the MTA refuses DATA\nDATA is refused: Tempfail\n", "{output:?}");
    assert_eq!(filter.heard.join().unwrap(), "OCHMRTAMRAQ");
}

#[test]
fn a_filter_that_leaves_is_an_error_of_the_mta_library() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let filter = thread::spawn(move || drop(listener.accept().unwrap().0));
    let output = example("library_mta").arg(address).output().unwrap();
    filter.join().unwrap();
    assert!(!output.status.success() && text(&output).is_empty(), "{output:?}");
}

#[test]
fn a_connection_on_which_bytes_have_arrived_that_nobody_waits_for_is_not_used_again() {
    let slow = |code, _: &str, _: &TcpStream| {
        if code == b'E' {
            thread::sleep(Duration::from_millis(500));
        }
        CONTINUE.to_vec()
    };
    for stray in [&b""[..], b"\0", CONTINUE] {
        // While the second filter looks at the message, the first one sends this.
        let late = move |code, _: &str, stream: &TcpStream| {
            let mut stream = stream.try_clone().unwrap();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(100));
                stream.write_all(if code == b'E' { stray } else { b"" }).unwrap();
            });
            CONTINUE.to_vec()
        };
        let (first, second) = (Scripted::start(late), Scripted::start(slow));
        let mut command = example("library_mta");
        let output = command.args([&first.address, &second.address, "clients=2"]).output().unwrap();
        let shown = text(&output);
        let end =
            if stray.is_empty() { "the message is accepted" } else { "a connection cannot be used again" };
        assert_eq!(shown, format!("the message is accepted\n{end}\n"), "{output:?}");
        for filter in [first, second] {
            let heard = filter.heard.join().unwrap();
            assert_eq!(heard.contains('K'), stray.is_empty(), "{heard}");
        }
    }
}

/// A filter that answers commands by a rule, and agrees to everything.
struct Scripted {
    address: String,
    /// The codes of the commands that it received, but for macros.
    heard: thread::JoinHandle<String>,
}

impl Scripted {
    /// The rule is given the code of a command, the codes so far, and the connection.
    fn start(reply: impl Fn(u8, &str, &TcpStream) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(AT_ONCE)).unwrap();
            let mut heard = String::new();
            let mut head = [0; 5];
            while stream.read_exact(&mut head).is_ok() {
                let [a, b, c, d, code] = head;
                let mut payload = vec![0; usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap() - 1];
                stream.read_exact(&mut payload).unwrap();
                if code != b'D' {
                    heard.push(char::from(code));
                }
                let reply = match code {
                    b'O' => b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\0".to_vec(),
                    b'D' | b'A' | b'Q' | b'K' => Vec::new(),
                    _ => reply(code, &heard, &stream),
                };
                stream.write_all(&reply).unwrap();
            }
            heard
        });
        Self { address, heard }
    }
}

/// The lines of code of a library, and those among them that name an item of the crate.
///
/// Comments and blank lines are no code. A line names an item of the crate if it has an identifier that was imported from
/// `milter_proto`, or a call of a method of the crate's: of any public function in `src/` whose name is not also that of a
/// method of std that occurs in these libraries. A method of the library with such a name counts, too.
fn count(library: &str) -> (usize, usize) {
    const ALSO_IN_STD: [&str; 9] =
        ["as_bytes", "bytes", "clear", "get", "is_empty", "iter", "len", "new", "push"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut functions = HashSet::new();
    let source = fs::read_to_string(root.join("examples").join(library).join("src/lib.rs")).unwrap();
    // Methods of messages have common names, so they count only for a library that uses messages.
    let kit = root.join("src/message");
    let all = sources(&root.join("src")).into_iter();
    for path in all.filter(|path| !path.starts_with(&kit) || source.contains("message::")) {
        let source = fs::read_to_string(path).unwrap();
        for line in source.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
            let rest = ["pub fn ", "pub const fn "].iter().find_map(|start| line.strip_prefix(start));
            functions.extend(rest.map(|rest| words(rest).next().unwrap().to_owned()));
        }
    }
    ALSO_IN_STD.iter().for_each(|name| assert!(functions.remove(*name), "{name}"));

    let code: Vec<_> = source
        .lines()
        .map(|line| line.split("//").next().unwrap())
        .filter(|line| !line.trim().is_empty())
        .collect();
    let code_text = code.join("\n");
    let imports = code_text.split("use milter_proto::").skip(1).map(|rest| rest.split(';').next().unwrap());
    let imported: HashSet<_> =
        imports.flat_map(words).filter(|word| word.starts_with(char::is_uppercase)).collect();
    assert!(imported.len() > 10 && functions.contains("next_event") && functions.contains("append_to"));
    let calls = |line: &str| {
        let called = line.split('(').rev().skip(1).filter_map(|before| words(before).last());
        called.into_iter().any(|name| functions.contains(name))
    };
    let names = |line: &&&str| {
        words(line).any(|word| word == "milter_proto" || imported.contains(word)) || calls(line)
    };
    (code.len(), code.iter().filter(names).count())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).filter(|word| !word.is_empty())
}

/// The Rust sources of a folder and of those within it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn the_libraries_are_short_and_little_of_them_is_about_the_crate() {
    for (library, most_lines, most_named) in [("library_filter", 250, 80), ("library_mta", 140, 60)] {
        let (lines, named) = count(library);
        println!("{library}: {lines} lines of code, {named} of which name an item of the crate");
        assert!(lines <= most_lines, "{library} has {lines} lines of code, and may have {most_lines}");
        assert!(named <= most_named, "{library} names the crate on {named} lines, and may on {most_named}");
        // A count that finds nothing proves nothing.
        assert!(lines > 100 && named > 40, "{library}: {lines}, {named}");
    }
}

/// Lines of code of a function, from its name to its last brace.
fn lines_of(path: &str, name: &str) -> usize {
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)).unwrap();
    let begins = |line: &&str| line.contains(&format!("fn {name}(")) || line.contains(&format!("fn {name}<"));
    let indent = source.lines().find(begins).map(|line| line.len() - line.trim_start().len()).unwrap();
    let end = format!("{:indent$}}}", "");
    let body = source.lines().skip_while(|line| !begins(line)).take_while(|line| *line != end);
    1 + body.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn the_protocol_takes_few_lines_of_a_complete_example() {
    // As the README has it: a loop that reads and writes, and what a filter does with what was read.
    for (path, looping, answering) in [
        ("blocking/filter_blocking.rs", ("converse", 40), Some(("answer", 31))),
        ("async/conversation.rs", ("serve", 30), Some(("answer", 24))),
        ("blocking/filter_embedded/adapter.rs", ("serve", 24), Some(("answer", 23))),
        ("blocking/mta_blocking.rs", ("converse", 17), None),
        ("async/mta_tokio.rs", ("converse", 17), None),
    ] {
        for (name, lines) in [Some(looping), answering].into_iter().flatten() {
            println!("{path}, {name}: {} lines", lines_of(path, name));
            assert_eq!(lines_of(path, name), lines, "{path}, {name}: correct README.md, too");
        }
    }
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("libraries");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}
