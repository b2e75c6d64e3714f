//! The `dump` example as it is run: its output, its exit status, its complaints.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::example::{self, example};
use crate::support::recorded::capture::Side;
use crate::support::recorded::{captures, sessions};

const HEADER: &str = r#"{"mta": "an MTA", "filter": "a filter"}"#;
const HELO: &str = r#"{"dir": "mta", "t": 0.5, "hex": "000000024800"}"#;

/// Broken files: a name, what it holds, and what is said about it.
const BROKEN: [(&str, &[&str], &str); 11] = [
    ("empty", &[], "line 1, byte 0: the file is empty: it has no header"),
    ("no-header", &[HELO], "line 1, byte 46: not the header of a capture: missing field `mta`"),
    (
        "no-json",
        &[HEADER, HELO, "{\"dir\": mta}"],
        "line 3, byte 96: not a record of a capture: expected value",
    ),
    (
        "cut-off",
        &[HEADER, HELO, "{\"dir\": \"mt"],
        "line 3, byte 98: not a record of a capture: EOF while parsing a string",
    ),
    (
        "bad-side",
        &[HEADER, r#"{"dir": "client", "t": 0.5, "hex": ""}"#],
        "line 2, byte 55: not a record of a capture: unknown variant `client`",
    ),
    (
        "bad-hex",
        &[HEADER, r#"{"dir": "mta", "t": 0.5, "hex": "00zz"}"#],
        "line 2, byte 75: `hex` is not hexadecimal: Invalid character 'z'",
    ),
    (
        "odd-hex",
        &[HEADER, r#"{"dir": "mta", "t": 0.5, "hex": "000"}"#],
        "line 2, byte 76: `hex` is not hexadecimal: Odd number of digits",
    ),
    (
        "no-content",
        &[HEADER, r#"{"dir": "mta", "t": 0.5}"#],
        "line 2, byte 40: a record needs either `hex` or `event`",
    ),
    (
        "http",
        &[HEADER, r#"{"dir": "mta", "t": 0, "hex": "474554202f20485454502f312e310d0a0d0a"}"#],
        "line 2, byte 40: no frame at byte 0 of what the MTA sent: payload of 1195725855 bytes is over the limit of 1048576; these bytes look like HTTP: the peer does not speak Milter",
    ),
    (
        "too-long",
        &[HEADER, HELO, r#"{"dir": "mta", "t": 0.6, "hex": "0010000242"}"#],
        "line 3, byte 88: no frame at byte 6 of what the MTA sent: payload of 1048577 bytes is over the limit of 1048576",
    ),
    (
        "no-length",
        &[HEADER, r#"{"dir": "filter", "t": 0.6, "hex": "000000016300000000"}"#],
        "line 2, byte 40: no frame at byte 5 of what the filter sent: frame of length 0",
    ),
];

/// Frames of tests/captures that break a rule of order: tests/replay.rs names them.
const VIOLATIONS: usize = 58;

#[test]
fn a_check_of_all_captures_finds_nothing_wrong() {
    let (mut files, mut frames) = (0_usize, 0_usize);
    for session in sessions() {
        files = files.saturating_add(1);
        frames =
            Side::BOTH.iter().fold(frames, |sum, &side| sum.saturating_add(session.frames(side).0.len()));
    }
    let output = dump().arg("--check").arg(captures()).output().unwrap();
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    let reports = lines.iter().filter(|line| !line.starts_with(' ')).count();
    assert_eq!(reports, files.saturating_add(1));
    let expected = format!(
        "{files} files, {frames} frames, 0 undecodable, 0 re-encoded differently, {VIOLATIONS} violations"
    );
    assert_eq!(lines.last(), Some(&expected.as_str()));
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn the_session_that_is_built_in_fits_a_terminal() {
    let output = dump().output().unwrap();
    let shown = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert!(shown.contains("# > from the MTA, postfix 3.7.11\n"), "{shown}");
    assert!(shown.contains("  < OPTNEG 6 0x111 0x100702 "), "{shown}");
    assert!(shown.contains("  actions  ADD_HEADERS | CHANGE_HEADERS | MACRO_LISTS\n"), "{shown}");
    assert!(shown.contains("            agreed   version 6, payloads of up to 65535 bytes\n"), "{shown}");
    let mail = shown.lines().find(|line| line.contains("  > MAIL \"<alice@sender.example>\""));
    assert!(mail.is_some_and(|line| line.ends_with("  Mail, reply owed")), "{shown}");
    assert!(shown.contains("the message may pass, answers BODYEOB\n"), "{shown}");
    assert!(shown.lines().all(|line| line.len() <= 120), "{shown}");
    assert!(!shown.contains('\x1b'), "colours where there is no terminal");
}

#[test]
fn hiding_leaves_no_address_and_no_text() {
    let output = dump().arg("--hide").output().unwrap();
    let shown = text(&output.stdout);
    assert!(shown.contains("  > MAIL <22 bytes> "), "{shown}");
    for private in ["alice", "bob", "127.0.0.1", "localhost", "Hello", "lab message"] {
        assert!(!shown.contains(private), "{private}: {shown}");
    }
}

#[test]
fn every_broken_file_is_named_and_the_others_are_done() {
    let good = write("good.jsonl", &format!("{HEADER}\n{HELO}\n"));
    let mut check = dump();
    check.arg("--check");
    for (name, lines, _) in BROKEN {
        check.arg(write(&format!("{name}.jsonl"), &lines.join("\n")));
    }
    let output = check.arg("no-such-file").arg(&good).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaints = text(&output.stderr);
    for (name, _, expected) in BROKEN {
        let complaint = complaints.lines().find(|line| line.contains(&format!("-{name}.jsonl: ")));
        let complaint = complaint.unwrap_or_else(|| panic!("nothing about {name}: {complaints}"));
        assert!(complaint.contains(expected), "{name}: {complaint}");
    }
    assert!(complaints.contains("no-such-file: cannot be read: "), "{complaints}");
    let shown = text(&output.stdout);
    let good = format!("{}: 1 frames, 0 deviations tolerated, 1 violations\n", good.display());
    assert!(shown.contains(&good), "{shown}");
    assert!(shown.ends_with(" 0 undecodable, 0 re-encoded differently, 5 violations\n"), "{shown}");
}

#[test]
fn what_cannot_be_decoded_fails_a_check_and_what_can_be_tolerated_does_not() {
    // CONTINUE with a payload, a code that nobody knows, and the beginning of a frame.
    let tolerable = b"\0\0\0\x02cX\0\0\0\x02ZX\0\0\0\x05".as_slice();
    let output = with_input(dump().args(["--check", "--raw", "filter", "-"]), tolerable);
    let expected = "(standard input): 2 frames, 1 deviations tolerated, 1 unknown, \
        4 bytes of an unfinished frame from the filter\n    \
        filter, byte 0: tolerated by TOL-8: CONTINUE: payload at offset 0 has surplus bytes\n    \
        filter, byte 6: 0x5a is no code of this direction\n\
        1 files, 2 frames, 0 undecodable, 0 re-encoded differently, 0 violations\n";
    assert_eq!((text(&output.stdout), output.status.code()), (expected, Some(0)));

    let output = with_input(dump().args(["--check", "--raw", "mta", "-"]), b"\0\0\0\x02HX\0\0\0\x01Q");
    let expected = "(standard input): 2 frames, 0 deviations tolerated, 1 undecodable\n    \
        MTA, byte 0: undecodable: HELO: name at offset 0 has no final NUL\n\
        1 files, 2 frames, 1 undecodable, 0 re-encoded differently, 0 violations\n";
    assert_eq!((text(&output.stdout), output.status.code()), (expected, Some(1)));
}

#[test]
fn a_reply_that_closes_the_smtp_session_is_explained_as_one() {
    for (code, ends) in [(421, true), (521, true), (451, false)] {
        let commands = ["4f0000000600000000ffffffff", "43780055", "4878", "4d3c3e", "523c613e"];
        let mut lines = vec![HEADER.to_owned()];
        for command in commands.map(|command| hex::decode(command).unwrap()) {
            let is_offer = command.first() == Some(&b'O');
            let command = if is_offer { command } else { [&command[..], b"\0"].concat() };
            let answer = match command.first() {
                Some(b'O') => b"O\0\0\0\x06\0\0\0\0\0\0\0\0".to_vec(),
                Some(b'R') => format!("y{code} closing\0").into_bytes(),
                _ => b"c".to_vec(),
            };
            for (side, frame) in [("mta", command), ("filter", answer)] {
                let len = u32::try_from(frame.len()).unwrap();
                let hex = hex::encode([&len.to_be_bytes()[..], &frame].concat());
                lines.push(format!("{{\"dir\": \"{side}\", \"t\": 0, \"hex\": \"{hex}\"}}"));
            }
        }
        let output = dump().arg(write(&format!("closing-{code}.jsonl"), &lines.join("\n"))).output();
        let output = output.unwrap();
        let shown = text(&output.stdout);
        assert!(shown.contains("refuses this recipient"), "{shown}");
        assert_eq!(shown.contains("refuses this recipient, and the SMTP session ends"), ends, "{shown}");
    }
}

/// `cargo test --test it` builds no example.
#[test]
fn an_example_is_fresh_while_its_sources_are_older() {
    let [program, list, source] =
        ["program", "program.d", "a source.rs"].map(|name| write(&format!("fresh-{name}"), ""));
    let of = |path: &Path| path.display().to_string().replace(' ', "\\ ");
    fs::write(&list, format!("{}: {}\n", of(&program), of(&source))).unwrap();
    let changed = |path: &Path, ago| {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::now() - core::time::Duration::from_secs(ago)).unwrap();
    };
    for (built, written, is_fresh) in [(100, 200, true), (200, 100, false), (100, 200, true)] {
        changed(&program, built);
        changed(&source, written);
        assert_eq!(example::is_fresh(&program), is_fresh);
    }
    fs::remove_file(&source).unwrap();
    assert!(!example::is_fresh(&program), "a source is gone");
    fs::remove_file(&program).unwrap();
    assert!(!example::is_fresh(&program));
}

#[test]
fn a_raw_stream_is_shown_by_its_positions() {
    let output = with_input(dump().args(["--raw", "mta", "-"]), b"\0\0\0\x03Hc\0\0\0\0\x01Q\0\0");
    let expected = "# (standard input)\n# the raw stream of the MTA, positions in bytes\n\n       \
        0  > HELO \"c\"\n       7  > QUIT                                                                \
        session over\n          ! 2 bytes of an unfinished frame from the MTA\n\n\
        # 2 frames from the MTA, 0 from the filter, 0 deviations tolerated, 0 violations\n";
    assert_eq!(text(&output.stdout), expected);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = dump().arg(captures()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

fn dump() -> Command {
    example("dump")
}

fn with_input(command: &mut Command, input: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn write(name: &str, content: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dump-{name}"));
    fs::write(&path, content).unwrap();
    path
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap()
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

fn scratch(name: &str) -> PathBuf {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dump").join(name);
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).unwrap();
    scratch
}
