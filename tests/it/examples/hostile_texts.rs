//! The examples against peers that send hostile texts: what they print is harmless to a terminal, and no line
//! of it is one that the peer has made.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::{fs, thread};

use milter_proto::wire::{Assembler, Frame};

use crate::support::example::example;
use crate::support::hostile;

const OFFER: &[u8] = b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
const ANSWER: &[u8] = b"\0\0\0\x06\0\0\x00\xff\0\0\0\0";

#[test]
fn an_mta_prints_edits_as_harmless_lines() {
    let (mut edits, mut body) = (Vec::new(), Vec::new());
    for hostile in hostile::texts_without_nul() {
        let text = [&hostile[..], b"\0"].concat();
        let header = [&text[..], &text].concat();
        let indexed = [b"\0\0\0\x01", &header[..]].concat();
        let old = [b"\0\0\0\x01Subject\0", &text[..]].concat();
        let quarantine = text.clone();
        for (code, payload) in [
            (b'h', header.clone()),
            (b'i', indexed.clone()),
            (b'm', indexed),
            (b'm', old),
            (b'e', header.clone()),
            (b'2', header),
            (b'+', text.clone()),
            (b'-', text),
            (b'q', quarantine),
        ] {
            edits.extend(frame(code, &payload));
        }
        body.extend(frame(b'b', &[b"\r\n", &hostile[..]].concat()));
    }
    let edits = [edits, body, frame(b'c', b"")].concat();
    for mta in ["mta_blocking", "mta_tokio", "converse"] {
        for mode in [&[][..], &["--json"], &["--log"], &["--log-content"]] {
            // `converse` has no such options: it shows every frame.
            if mta == "converse" && !mode.is_empty() {
                continue;
            }
            let filter = Filter::start(b'E', edits.clone(), false);
            let output = Program::run(mta, &[&["--filter", &filter.spec][..], mode].concat());
            assert!(output.is_success, "{mta} {mode:?}: {}", output.err);
            output.is_harmless(mta, mode);
            let is_line = |line: &str| !line.starts_with("Bcc:") && !line.starts_with("[9]");
            // The new body begins with an empty line, and may have such lines.
            let (head, body) = output.out.split_once("\n\n\n").unwrap_or((&output.out, ""));
            assert!(head.lines().all(is_line), "{mta}: {head}");
            assert!(mode == ["--json"] || body.lines().count() > 20, "{mta}: {body}");
            filter.end();
        }
    }
}

#[test]
fn an_mta_prints_replies_and_garbage_as_harmless_lines() {
    for hostile in hostile::texts() {
        let text = |front: &[u8]| frame(b'y', &[front, &hostile, b"\0"].concat());
        let lines = frame(b'y', &[b"550-", &hostile[..], b"\r\n550 %", &hostile, b"\0"].concat());
        let unknown = hostile.iter().flat_map(|&code| frame(code, &hostile)).collect();
        let says = [text(b"550 5.7.1 "), text(b"451 a"), lines, unknown, hostile.clone()];
        let asked = [
            ("mta_blocking", b'M', &["--log-content"][..]),
            ("mta_tokio", b'R', &["--json"]),
            ("mta_blocking", b'R', &[]),
        ];
        for (says, (mta, at, mode)) in says.into_iter().zip(asked.into_iter().cycle()) {
            let filter = Filter::start(at, says, true);
            let output = Program::run(mta, &[&["--filter", &filter.spec][..], mode].concat());
            output.is_harmless(mta, mode);
            filter.end();
        }
    }
}

#[test]
fn a_filter_prints_commands_as_harmless_lines() {
    for (name, modes) in [
        ("filter_blocking", &["--log-content", "--events", "--show-macros", "i {x}"][..]),
        ("filter_tokio", &["--log-content", "--events", "--show-macros", "i {x}"]),
        ("filter_smol", &["--log", "--events"]),
        ("filter_embedded", &[]),
        ("converse", &[]),
    ] {
        let filter = Program::start(name, &[&["--listen", "inet:0@127.0.0.1"][..], modes].concat());
        let spec = filter.first.rsplit(' ').next().unwrap().to_owned();
        for hostile in hostile::texts() {
            ask(&spec, &conversation(&hostile));
            ask(&spec, &[frame(b'O', OFFER), hostile.clone()].concat());
            ask(&spec, &hostile);
        }
        let output = filter.stop();
        output.is_harmless(name, modes);
        assert!(!output.out.is_empty() || !output.err.is_empty(), "{name}");
        if name.starts_with("filter_") && name != "filter_embedded" {
            let is_numbered =
                |line: &str| line.split_once(' ').is_some_and(|(n, _)| n.parse::<u64>().is_ok());
            assert!(output.out.lines().all(is_numbered), "{name}: {}", output.out);
            let calls = output.out.lines().filter(|line| line.contains(" helo ")).count();
            assert_eq!(calls, hostile::texts_without_nul().count(), "{name}: {}", output.out);
        }
    }
}

#[test]
fn dump_prints_captures_as_harmless_lines() {
    let folder = scratch();
    for (number, hostile) in hostile::texts().enumerate() {
        let shown = String::from_utf8_lossy(&hostile).into_owned();
        let quoted = serde_json::to_string(&shown).unwrap();
        let hex = hex::encode([conversation(&hostile), hostile.clone()].concat());
        let record = format!(r#"{{"dir": "mta", "t": 0.5, "hex": "{hex}"}}"#);
        let answer = hex::encode([frame(b'O', ANSWER), frame(b'y', &hostile), hostile].concat());
        let answer = format!(r#"{{"dir": "filter", "t": 0.5, "hex": "{answer}"}}"#);
        let header =
            format!(r#"{{"mta": {quoted}, "filter": {quoted}, "scenario": {quoted}, "variant": {quoted}}}"#);
        let good = [header.clone(), record, answer].join("\n");
        let wrong = format!("{header}\n{{\"dir\": {quoted}, \"t\": 0, \"hex\": \"\"}}");
        fs::write(folder.join(format!("\u{202e}\u{1b}[2Jgood{number}.jsonl")), good).unwrap();
        fs::write(folder.join(format!("wrong{number}.jsonl")), wrong).unwrap();
    }
    for mode in [&[][..], &["--hide"], &["--full"], &["--check"]] {
        let files = [folder.to_str().unwrap()];
        let output = Program::run("dump", &[mode, &files].concat());
        assert!(hostile::is_harmless(&output.out), "{mode:?}");
        assert!(hostile::is_harmless(&output.err), "{mode:?}: {}", output.err.escape_debug());
        assert!(output.err.lines().all(|line| line.starts_with("dump: ")), "{}", output.err);
        let wrong = output.err.lines().filter(|line| line.contains("wrong")).count();
        assert_eq!(wrong, hostile::texts().count(), "{mode:?}: {}", output.err);
    }
}

#[test]
fn what_is_to_be_hidden_is_hidden_to_the_end() {
    let shown = Program::run("converse", &[]);
    let hidden = Program::run("converse", &["--hide"]);
    assert!(shown.is_success && hidden.is_success, "{}{}", shown.err, hidden.err);
    for private in ["alice", "bob", "a message", "bundled", "127.0.0.1"] {
        assert!(shown.out.contains(private), "{private}: {}", shown.out);
        assert!(!hidden.out.contains(private), "{private}: {}", hidden.out);
    }
}

/// What a program has printed.
struct Output {
    is_success: bool,
    out: String,
    err: String,
}

impl Output {
    /// Sees that no terminal obeys it, that JSON and logs are ASCII, and that each line of a log is one of ours.
    #[track_caller]
    fn is_harmless(&self, program: &str, mode: &[&str]) {
        let Self { out, err, .. } = self;
        assert!(hostile::is_harmless(out), "{program} {mode:?}: {}", out.escape_debug());
        assert!(hostile::is_ascii(err), "{program} {mode:?}: {}", err.escape_debug());
        if mode.contains(&"--json") || mode.contains(&"--events") {
            assert!(hostile::is_ascii(out), "{program} {mode:?}: {}", out.escape_debug());
        }
        if mode.contains(&"--json") {
            out.lines().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).unwrap()));
        }
        let complaint = format!("{program}: ");
        for line in err.lines().filter(|line| !line.starts_with(&complaint)) {
            let (number, rest) = line.strip_prefix('[').and_then(|line| line.split_once("] ")).unwrap();
            assert!(number.parse::<u64>().is_ok() && rest.starts_with(['<', '>', '#']), "{program}: {line}");
        }
    }
}

/// A program that runs.
struct Program {
    child: Child,
    /// The first line on standard output.
    first: String,
    out: Option<JoinHandle<String>>,
    err: Option<JoinHandle<String>>,
}

impl Program {
    fn run(name: &str, arguments: &[&str]) -> Output {
        let output = example(name).args(arguments).output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        Output { is_success: output.status.success(), out, err }
    }

    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = example(name);
        let command = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut err = child.stderr.take().unwrap();
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        first.truncate(first.trim_end().len());
        let out = Some(thread::spawn(move || whole(&mut out)));
        let err = Some(thread::spawn(move || whole(&mut err)));
        Self { child, first, out, err }
    }

    fn stop(mut self) -> Output {
        let kill = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
        let is_success = self.child.wait().unwrap().success();
        let [out, err] = [self.out.take(), self.err.take()].map(|reader| reader.unwrap().join().unwrap());
        Output { is_success, out, err }
    }
}

/// A test that fails leaves nothing behind.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn whole(input: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// A filter that passes everything, and says something hostile once.
struct Filter {
    spec: String,
    thread: JoinHandle<()>,
}

impl Filter {
    /// Says that in answer to the command `at`, and closes then or not.
    fn start(at: u8, says: Vec<u8>, closes: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let spec = format!("inet:{}@127.0.0.1", listener.local_addr().unwrap().port());
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut assembler = Assembler::new(Vec::new());
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                let mut input = buffer.get(..count).unwrap();
                while let Some(frame) = assembler.next_frame(&mut input).unwrap() {
                    let answer = match frame.code() {
                        code if code == at => says.clone(),
                        b'O' => self::frame(b'O', ANSWER),
                        b'D' | b'A' => Vec::new(),
                        b'Q' => return,
                        _ => self::frame(b'c', b""),
                    };
                    let is_over = stream.write_all(&answer).is_err() || (closes && frame.code() == at);
                    if is_over {
                        let _ = stream.shutdown(Shutdown::Write);
                        let _ = stream.read_to_end(&mut Vec::new());
                        return;
                    }
                }
            }
        });
        Self { spec, thread }
    }

    fn end(self) {
        // An MTA that never came is not waited for.
        let (port, host) = self.spec.strip_prefix("inet:").unwrap().split_once('@').unwrap();
        let _ = TcpStream::connect((host, port.parse().unwrap()));
        self.thread.join().unwrap();
    }
}

/// Says all of it to a filter, and waits until that closes.
fn ask(spec: &str, bytes: &[u8]) {
    let (port, host) = spec.strip_prefix("inet:").unwrap().split_once('@').unwrap();
    let mut stream = TcpStream::connect((host, port.parse().unwrap())).unwrap();
    // A filter that has heard enough closes before it has read all.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let _ = stream.read_to_end(&mut Vec::new());
}

/// A session of an MTA in which every text is that one.
fn conversation(hostile: &[u8]) -> Vec<u8> {
    let text = [hostile, b"\0"].concat();
    let texts = [&text[..], &text].concat();
    let macros = |stage: &[u8]| [stage, b"i\0", &text, b"{x}\0", &text].concat();
    // A path of a unix socket has 107 bytes at most.
    let client =
        if hostile.len() < 108 { [&text[..], b"L\0\0", &text].concat() } else { [&text[..], b"U"].concat() };
    let commands: [(u8, Vec<u8>); 14] = [
        (b'O', OFFER.to_vec()),
        (b'D', macros(b"C")),
        (b'C', client),
        (b'H', text.clone()),
        (b'U', text.clone()),
        (b'D', macros(b"M")),
        (b'M', texts.clone()),
        (b'R', texts.clone()),
        (b'T', Vec::new()),
        (b'L', texts),
        (b'N', Vec::new()),
        (b'B', hostile.to_vec()),
        (b'E', Vec::new()),
        (b'Q', Vec::new()),
    ];
    commands.iter().flat_map(|(code, payload)| frame(*code, payload)).collect()
}

fn frame(code: u8, payload: &[u8]) -> Vec<u8> {
    Frame::new(code, payload).encode().segments().flatten().copied().collect()
}

fn scratch() -> PathBuf {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("hostile_texts");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).unwrap();
    scratch
}
