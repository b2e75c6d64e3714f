//! The MTA examples with filters that leave, stall, or send too much.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Instant;
use std::{fs, thread};

use milter_proto::wire::{Assembler, Frame};

use crate::support::example::example;
use crate::support::running::{AT_ONCE, run_within};

const MTAS: [&str; 2] = ["mta_blocking", "mta_tokio"];
const WITH_CONVERSE: [&str; 3] = ["mta_blocking", "mta_tokio", "converse"];
/// Version 6, every edit, every command, and a reply to each.
const ANSWER: &[u8] = b"\0\0\0\x06\0\0\x01\xff\0\0\0\0";
/// The same, and no reply to HEADER, EOH and BODY.
const NO_CONTENT_REPLIES: &[u8] = b"\0\0\0\x06\0\0\x01\xff\0\x0c\0\x80";

/// A filter for one connection. `reply` gives the bytes to send for a command and its payload; `None` closes.
struct Filter {
    spec: String,
    /// The codes of the commands that it received.
    heard: JoinHandle<String>,
}

impl Filter {
    fn start(mut reply: impl FnMut(u8, &[u8], &mut TcpStream) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let spec = format!("inet:{}@127.0.0.1", listener.local_addr().unwrap().port());
        let heard = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            let mut assembler = Assembler::new(Vec::new());
            let (mut buffer, mut heard) = ([0; 4096], String::new());
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                let mut input = buffer.get(..count).unwrap();
                while let Some(frame) = assembler.next_frame(&mut input).unwrap() {
                    heard.push(char::from(frame.code()));
                    let Some(says) = reply(frame.code(), frame.payload(), &mut stream) else { return heard };
                    if stream.write_all(&says).is_err() {
                        return heard;
                    }
                }
            }
            heard
        });
        Self { spec, heard }
    }

    /// Sends this for the first command with this code, and lets everything else pass.
    fn saying(at: u8, says: Vec<u8>) -> Self {
        let mut says = Some(says);
        Self::start(move |code, _, _| {
            Some(if code == at { says.take() } else { None }.unwrap_or_else(|| passes(code)))
        })
    }

    /// The commands that it received, without MACRO.
    fn heard(self) -> String {
        self.heard.join().unwrap().replace('D', "")
    }
}

/// The replies of a filter that lets everything pass.
fn passes(code: u8) -> Vec<u8> {
    match code {
        b'O' => frame(b'O', ANSWER),
        b'D' | b'A' | b'Q' | b'K' => Vec::new(),
        _ => frame(b'c', b""),
    }
}

fn frame(code: u8, payload: &[u8]) -> Vec<u8> {
    Frame::new(code, payload).encode().segments().flatten().copied().collect()
}

/// Runs an MTA to its end, and returns its status, its outcomes and its standard error.
fn ask(mta: &str, spec: &str, options: &[&str]) -> (Option<i32>, Vec<serde_json::Value>, String) {
    let output = example(mta).args(["--json", "--filter", spec]).args(options).output().unwrap();
    let lines = output.stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
    (output.status.code(), lines.collect(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_frame_that_is_too_long_is_reported_once() {
    for name in MTAS {
        let filter = Filter::saying(b'M', b"\xff\xff\xff\xffX".to_vec());
        let (status, said) = run_within(example(name).args(["--filter", &filter.spec, "--log"]), AT_ONCE);
        assert_eq!(status, Some(1), "{name}: {said}");
        assert_eq!(said.matches("over the limit of").count(), 1, "{name}: {said}");
        assert!(said.contains("> MAIL ") && filter.heard().ends_with('M'), "{name}: {said}");
    }
}

#[test]
fn each_outcome_is_shown_when_it_is_known() {
    for mta in MTAS {
        let mut messages = 0;
        let (to_end, end) = mpsc::channel::<()>();
        let filter = Filter::start(move |code, _, _| {
            messages += usize::from(code == b'M');
            if messages == 2 {
                let _ = end.recv();
            }
            Some(passes(code))
        });
        let mut command = example(mta);
        let command = command.args(["--json", "--messages", "2", "--filter", &filter.spec]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let first = line_of(child.stdout.take().unwrap()).recv_timeout(AT_ONCE);
        drop(to_end);
        assert!(first.unwrap().contains("\"accepted\""), "{mta}");
        assert!(child.wait().unwrap().success());
        filter.heard();
    }
}

/// The lines of an output, as they come.
fn line_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (give, line) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).for_each(|line| _ = give.send(line));
    });
    line
}

/// The peak resident memory of a process, in KiB.
#[cfg(target_os = "linux")]
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_number_of_messages() {
    if std::env::var_os("EXAMPLE_RUNNER").is_some() {
        return;
    }
    let message = scratch().join("headers");
    fs::write(&message, format!("X-Long: {}\r\n\r\n", "y".repeat(50_000))).unwrap();
    for mta in MTAS {
        let (give_id, id) = mpsc::channel::<u32>();
        let (give, peaks) = mpsc::channel();
        let mut child = None;
        let filter = Filter::start(move |code, _, _| {
            if code == b'M' {
                give.send(peak(*child.get_or_insert_with(|| id.recv().unwrap()))).unwrap();
            }
            Some(passes(code))
        });
        let mut command = example(mta);
        command.args(["--json", "--filter", &filter.spec, "--messages", "400", "--message"]).arg(&message);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        give_id.send(child.id()).unwrap();
        assert!(child.wait().unwrap().success(), "{mta}");
        filter.heard();
        let peaks: Vec<_> = peaks.iter().collect();
        assert_eq!(peaks.len(), 400);
        // They would take 20 MB.
        let grown = peaks[399] - peaks[39];
        assert!(grown < 4_000, "{mta}: {grown} KiB more");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn edits_take_little_more_memory_than_bytes_on_the_wire() {
    if std::env::var_os("EXAMPLE_RUNNER").is_some() {
        return;
    }
    const EDITS: usize = 80;
    const EACH: usize = 50_000;
    let header = frame(b'h', &[&b"X-Long\0"[..], &[0xff; EACH], b"\0"].concat());
    for mta in MTAS {
        let edits = header.repeat(EDITS);
        let filter = Filter::start(move |code, _, _| {
            let edits = if code == b'E' { edits.clone() } else { Vec::new() };
            Some([edits, passes(code)].concat())
        });
        let mut command = example(mta);
        let command = command.args(["--json", "--filter", &filter.spec]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The outcome is not read until the memory has stopped growing.
        let (mut last, mut same) = (0, 0);
        while same < 10 {
            thread::sleep(Duration::from_millis(50));
            let now = peak(child.id());
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
        let mut line = String::new();
        child.stdout.take().unwrap().read_to_string(&mut line).unwrap();
        assert!(line.len() > EDITS * EACH * 12, "each byte is written as an escape of six, twice");
        assert!(child.wait().unwrap().success(), "{mta}");
        filter.heard();
        let most = u64::try_from(EDITS * EACH * 8).unwrap();
        assert!(last * 1024 < most, "{mta}: {last} KiB are more than 8 times the bytes");
    }
}

#[test]
fn the_time_to_connect_is_bounded() {
    let path = std::env::temp_dir().join(format!("queue-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    let unix = UnixListener::bind(&path).unwrap();
    rustix::net::listen(&unix, 0).unwrap();
    let _waits = UnixStream::connect(&path).unwrap();
    let mut specs = vec![format!("unix:{}", path.display())];

    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&tcp, 0).unwrap();
    let address: SocketAddr = tcp.local_addr().unwrap();
    let limit = Duration::from_millis(200);
    let waits: Vec<_> = (0..8).map_while(|_| TcpStream::connect_timeout(&address, limit).ok()).collect();
    // Some systems refuse a connection that has no room, and then there is nothing to wait for.
    if waits.len() < 8 {
        specs.push(format!("inet:{}@127.0.0.1", address.port()));
    }
    for mta in WITH_CONVERSE {
        for spec in &specs {
            let begun = Instant::now();
            let mut command = example(mta);
            let (status, said) = run_within(command.args(["--filter", spec, "--timeout", "0.5"]), AT_ONCE);
            assert!(said.contains("cannot reach") && said.contains("time"), "{mta} {spec}: {said}");
            assert_eq!(status, Some(1), "{mta} {spec}");
            assert!(begun.elapsed() >= Duration::from_millis(500), "{mta} {spec}: {:?}", begun.elapsed());
        }
    }
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_silent_peer_is_dropped_after_the_timeout() {
    for mta in WITH_CONVERSE {
        let filter = Filter::start(|code, _, _| Some(if code == b'H' { Vec::new() } else { passes(code) }));
        let (status, said) =
            run_within(example(mta).args(["--filter", &filter.spec, "--timeout", "0.3"]), AT_ONCE);
        assert!(said.contains("left HELO unanswered for 0.3 s"), "{mta}: {said}");
        assert_eq!(status, Some(1));
        filter.heard();
    }
    // As a filter, too.
    let mut command = example("converse");
    let command = command.args(["--listen", "inet:0@127.0.0.1", "--once", "--timeout", "0.3"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let first = line_of(child.stdout.take().unwrap()).recv_timeout(AT_ONCE).unwrap();
    let (port, host) = first.rsplit_once("inet:").unwrap().1.split_once('@').unwrap();
    let mut stream = TcpStream::connect((host, port.parse().unwrap())).unwrap();
    stream.set_read_timeout(Some(AT_ONCE)).unwrap();
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the peer sent nothing for 0.3 s"), "{said}");
}

#[test]
fn options_without_effect_are_refused() {
    for mta in MTAS {
        for (options, complaint) in [
            (&["--timeout", "0"][..], "a timeout must be longer than 0 seconds"),
            (&["--connections", "0"], "non-zero"),
            (&["--abort-after", "eom"], "can no longer be aborted"),
            (&["--abort-after", "unknown"], "--unknown"),
        ] {
            let mut command = example(mta);
            let (status, said) = run_within(command.args(["--filter", "inet:1"]).args(options), AT_ONCE);
            assert!(said.contains(complaint), "{mta} {options:?}: {said}");
            assert_eq!(status, Some(2));
        }
    }
}

#[test]
fn every_message_is_aborted_after_the_given_stage() {
    let plain = scratch().join("no-headers");
    fs::write(&plain, "\r\n").unwrap();
    let plain = plain.to_str().unwrap();
    for mta in MTAS {
        for (options, heard) in [
            // No message has begun, so there is nothing to abort.
            (&["--abort-after", "unknown", "--unknown", "XFOO"][..], "OCHUUQ"),
            (&["--abort-after", "mail"], "OCHMAMAQ"),
            (&["--abort-after", "rcpt"], "OCHMRAMRAQ"),
            // The message has no header and no body, and must not go further.
            (&["--abort-after", "header", "--message", plain], "OCHMRTAMRTAQ"),
            (&["--abort-after", "body", "--message", plain], "OCHMRTNAMRTNAQ"),
        ] {
            let filter = Filter::start(|code, _, _| Some(passes(code)));
            let (status, outcomes, said) = ask(mta, &filter.spec, &[&["--messages", "2"], options].concat());
            assert_eq!((status, &*said), (Some(0), ""), "{mta} {options:?}");
            assert_eq!(outcomes.len(), 2, "{mta} {options:?}");
            assert!(outcomes.iter().all(|outcome| outcome["outcome"] == "aborted"), "{mta} {options:?}");
            assert_eq!(filter.heard(), heard, "{mta} {options:?}");
        }
    }
}

#[test]
fn a_reply_that_closes_the_smtp_session_is_the_last_one_asked_for() {
    let options =
        ["--messages", "3", "--to", "<a@b>", "--to", "<c@d>", "--rejected-to", "<e@f>", "--unknown", "XFOO"];
    for mta in MTAS {
        for text in ["421 4.3.2 closing", "521 5.3.2 closing"] {
            for (at, heard) in [
                (b'C', "OCQ"),
                (b'H', "OCHQ"),
                (b'U', "OCHUQ"),
                (b'M', "OCHUMQ"),
                (b'R', "OCHUMRAQ"),
                (b'T', "OCHUMRRTAQ"),
                (b'L', "OCHUMRRTLQ"),
                (b'E', "OCHUMRRTLLLLLNBEQ"),
            ] {
                let filter = Filter::saying(at, frame(b'y', format!("{text}\0").as_bytes()));
                let (status, outcomes, said) = ask(mta, &filter.spec, &options);
                let at = char::from(at);
                assert_eq!((status, &*said), (Some(0), ""), "{mta} {text} {at}");
                let replies: Vec<_> = outcomes.iter().map(|outcome| &outcome["reply"]).collect();
                assert_eq!(replies, [text], "{mta} {text} {at}");
                assert_eq!(filter.heard(), heard, "{mta} {text} {at}");
            }
        }
    }
}

#[test]
fn bytes_while_no_reply_is_outstanding_are_an_error() {
    for mta in WITH_CONVERSE {
        // One whole reply too much, and a part of one whose rest would follow the next command.
        for (more, complaint) in
            [(&b"\0\0\0\x01c"[..], "CONTINUE"), (b"\0\0", "sent 2 bytes while no reply was outstanding")]
        {
            for at in *b"OCMRTLNBE" {
                let filter = Filter::saying(at, [&passes(at), more].concat());
                let (status, said) = run_within(example(mta).args(["--filter", &filter.spec]), AT_ONCE);
                assert!(said.contains(complaint) || more.len() > 2, "{mta} {}: {said}", char::from(at));
                assert_eq!(status, Some(1), "{mta} {}: {said}", char::from(at));
                filter.heard();
            }
        }
    }
}

/// Such a reply would be taken for the verdict on the message.
#[test]
fn a_reply_to_a_header_without_reply_is_no_verdict_on_the_message() {
    let message = scratch().join("large");
    fs::write(&message, format!("X-A: b\r\n\r\n{}", "a line of the body\r\n".repeat(800_000))).unwrap();
    for mta in WITH_CONVERSE {
        let filter = Filter::start(|code, _, stream| {
            match code {
                b'O' => return Some(frame(b'O', NO_CONTENT_REPLIES)),
                b'L' => {
                    stream.write_all(&frame(b'c', b"")).unwrap();
                    // Much of the body is still to be read, more than the system buffers.
                    thread::sleep(Duration::from_millis(300));
                }
                b'N' | b'B' => {}
                b'E' => return Some(frame(b'r', b"")),
                _ => return Some(passes(code)),
            }
            Some(Vec::new())
        });
        let options = ["--filter", &filter.spec, "--message", message.to_str().unwrap()];
        let (status, said) = run_within(example(mta).args(options), AT_ONCE);
        assert_eq!(status, Some(1), "{mta}: {said}");
        assert!(said.contains("ORD-3") || said.contains("no reply was outstanding"), "{mta}: {said}");
        filter.heard();
    }
}

#[test]
fn the_error_after_a_reset_names_the_outstanding_command() {
    for mta in WITH_CONVERSE {
        for (at, name) in [(b'O', "OPTNEG"), (b'M', "MAIL"), (b'B', "BODY"), (b'E', "BODYEOB")] {
            let filter = Filter::start(move |code, _, stream| {
                if code != at {
                    return Some(passes(code));
                }
                rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
                None
            });
            let (status, said) = run_within(example(mta).args(["--filter", &filter.spec]), AT_ONCE);
            assert!(
                said.contains("reset") && said.contains(&format!(" {name} unanswered: ")),
                "{mta} {name}: {said}"
            );
            assert_eq!(status, Some(1));
            filter.heard();
        }
    }
}

#[test]
fn macro_lists_of_a_tolerated_answer_count() {
    // A list for a stage that exists, then one for a stage that does not.
    let answer = [ANSWER, b"\0\0\0\x03v\0\0\0\0\x09x\0"].concat();
    for mta in MTAS {
        for policy in ["postfix", "sendmail"] {
            let (give, macros) = mpsc::channel();
            let answer = answer.clone();
            let filter = Filter::start(move |code, payload, _| {
                if code == b'D' && payload.first() == Some(&b'R') {
                    give.send(payload.to_vec()).unwrap();
                }
                Some(if code == b'O' { frame(b'O', &answer) } else { passes(code) })
            });
            let (status, _, said) = ask(mta, &filter.spec, &["--policy", policy]);
            assert_eq!((status, &*said), (Some(0), ""), "{mta} {policy}");
            filter.heard();
            assert_eq!(macros.recv().unwrap(), b"Rv\0milter-proto\0", "{mta} {policy}");
        }
    }
}

#[test]
fn a_thread_that_the_system_refuses_is_no_panic() {
    // No machine has room for such a stack.
    let stack = (usize::MAX - 0xf_ffff).to_string();
    for (program, options) in [
        ("mta_blocking", &["--filter", "inet:1", "--connections", "3"][..]),
        ("filter_blocking", &["--listen", "inet:0@127.0.0.1"]),
        ("filter_smol", &["--listen", "inet:0@127.0.0.1"]),
        ("converse", &[]),
    ] {
        let (status, said) =
            run_within(example(program).env("RUST_MIN_STACK", &stack).args(options), AT_ONCE);
        assert!(said.starts_with(&format!("{program}: cannot start a thread: ")), "{program}: {said}");
        assert_eq!((said.lines().count(), status), (1, Some(1)), "{program}: {said}");
    }
}

#[test]
fn the_record_of_an_mta_is_a_capture() {
    for mta in MTAS {
        let folder = scratch().join(format!("record-{mta}"));
        let _ = fs::remove_dir_all(&folder);
        let filter = Filter::start(|code, _, _| Some(passes(code)));
        let (status, ..) = ask(mta, &filter.spec, &["--record", folder.to_str().unwrap()]);
        assert_eq!(status, Some(0));
        filter.heard();
        let output = example("dump").arg("--check").arg(&folder).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.ends_with(" 0 undecodable, 0 re-encoded differently, 0 violations\n"), "{said}");
        assert!(said.contains("\n1 files, "), "{said}");
    }
}

fn scratch() -> PathBuf {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mtas");
    fs::create_dir_all(&scratch).unwrap();
    scratch
}
