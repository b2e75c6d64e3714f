//! Size and stack of programs for a device: `benches/size`, built, and played with under massif.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use milter_proto_benches::elf::Program;
use milter_proto_benches::thumb::deepest;

/// What the sizes are counted for; the second one runs here.
pub const TARGETS: [&str; 2] = ["thumbv7em-none-eabihf", "x86_64-unknown-linux-gnu"];
/// The first one parses nothing.
pub const PROGRAMS: [&str; 3] = ["nothing", "filter", "mta"];

/// How long a program may take to answer, under valgrind and on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The exit code of a conversation that ended before its time.
const BROKEN: i32 = 255;

/// All that is measured.
pub struct Size {
    /// In the order of [`TARGETS`], and of [`PROGRAMS`] in each.
    pub programs: Vec<[Program; 3]>,
    /// The deepest path of calls of each program for the first target.
    pub deepest: [u64; 3],
    /// The stack of each conversation.
    pub stacks: Vec<Stack>,
}

/// What a program needed in a conversation.
pub struct Stack {
    /// The program.
    pub program: &'static str,
    /// The conversation.
    pub what: &'static str,
    /// The most bytes that stood on the stack.
    pub bytes: u64,
}

/// Builds and plays.
///
/// # Errors
/// If a program cannot be built, or says or does anything but what it has to.
pub fn run(folder: &Path) -> io::Result<Size> {
    let places = TARGETS.map(built).into_iter().collect::<io::Result<Vec<_>>>()?;
    let programs = places.iter().map(|place| {
        let [nothing, filter, mta] = PROGRAMS.map(|name| Program::read(&place.join(name)));
        Ok([nothing?, filter?, mta?])
    });
    let programs = programs.collect::<io::Result<Vec<_>>>()?;
    let deepest = programs[0].each_ref().map(|program| deepest(program, "_start").map_err(io::Error::other));
    let [nothing, filter, mta] = deepest;
    let stacks = conversations().into_iter().map(|conversation| {
        let Conversation { program, what, .. } = conversation;
        let bytes = conversation.play(&places[1].join(program), folder);
        let bytes = bytes.map_err(|error| io::Error::other(format!("{program}, {what}: {error}")))?;
        Ok(Stack { program, what, bytes })
    });
    Ok(Size { programs, deepest: [nothing?, filter?, mta?], stacks: stacks.collect::<io::Result<_>>()? })
}

/// Builds the programs for a target, and says where they are.
fn built(target: &str) -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let folder = program.ancestors().nth(2).unwrap_or(&program);
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../size/build"));
    let status = command.arg(target).env("CARGO_TARGET_DIR", folder).status()?;
    if !status.success() {
        return Err(io::Error::other(format!("benches/size/build {target}: {status}")));
    }
    Ok(folder.join(target).join("release"))
}

/// What is said to a program, and what it has to say to that.
struct Turn {
    to: Vec<u8>,
    from: Vec<u8>,
}

/// All turns, and the exit code at the end.
struct Conversation {
    program: &'static str,
    what: &'static str,
    turns: Vec<Turn>,
    code: i32,
}

impl Conversation {
    /// The most bytes that stood on the stack.
    fn play(&self, program: &Path, folder: &Path) -> io::Result<u64> {
        let figures = folder.join("massif");
        let (mut ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--tool=massif", "--heap=no", "--stacks=yes", "--peak-inaccuracy=0.0"]);
        command.arg(format!("--massif-out-file={}", figures.display())).arg(program);
        command.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs));
        let mut child = command.stderr(Stdio::inherit()).spawn()?;
        // It has copies of its end, which would keep the stream open.
        drop(command);
        let said = self.say(&mut ours);
        if said.is_err() {
            child.kill()?;
        }
        let status = child.wait()?;
        said?;
        if status.code() != Some(self.code) {
            return Err(io::Error::other(format!("it ends with {status}, not {}", self.code)));
        }
        let figures = fs::read_to_string(&figures)?;
        let sizes = figures.lines().filter_map(|line| line.strip_prefix("mem_stacks_B=")?.parse().ok());
        sizes.max().filter(|&size| size > 0).ok_or_else(|| io::Error::other("massif has no figure"))
    }

    fn say(&self, stream: &mut UnixStream) -> io::Result<()> {
        for (number, turn) in self.turns.iter().enumerate() {
            stream.write_all(&turn.to)?;
            let mut heard = vec![0; turn.from.len()];
            stream.read_exact(&mut heard)?;
            same(number, &heard, &turn.from)?;
        }
        stream.shutdown(Shutdown::Write)?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest)?;
        same(self.turns.len(), &rest, b"")
    }
}

fn same(turn: usize, heard: &[u8], expected: &[u8]) -> io::Result<()> {
    if heard == expected {
        return Ok(());
    }
    let [heard, expected] = [heard, expected].map(<[u8]>::escape_ascii);
    Err(io::Error::other(format!("turn {turn}: \"{heard}\", not \"{expected}\"")))
}

/// A frame, written without the library that is measured.
fn frame(code: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 1).expect("a small frame");
    [&length.to_be_bytes()[..], &[code], payload].concat()
}

fn turn(to: &[Vec<u8>], from: &[Vec<u8>]) -> Turn {
    Turn { to: to.concat(), from: from.concat() }
}

fn conversations() -> Vec<Conversation> {
    let mut all = filter_conversations();
    all.extend(mta_conversations());
    all
}

const OFFER: &[u8] = b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
const CONNECT: &[u8] = b"mx.example\x004\0\x19192.0.2.1\0";

/// What `benches/size/src/filter.rs` has to say.
fn filter_conversations() -> Vec<Conversation> {
    let on = || frame(b'c', b"");
    // No body, no DATA, no unknown commands; headers may be added.
    let opened = || turn(&[frame(b'O', OFFER)], &[frame(b'O', b"\0\0\0\x06\0\0\0\x01\0\0\x03\x10")]);
    let sender = || turn(&[frame(b'M', b"<a@mail.example>\0")], &[on()]);
    let recipient = |name: &str, answer: u8| {
        turn(&[frame(b'R', format!("<{name}@rcpt.example>\0").as_bytes())], &[frame(answer, b"")])
    };
    let header = |value: &[u8]| turn(&[frame(b'L', &[b"Subject\0", value, b"\0"].concat())], &[on()]);
    let end = || {
        let added = frame(b'h', b"X-Seen\0yes\0");
        [turn(&[frame(b'N', b"")], &[on()]), turn(&[frame(b'E', b"")], &[added, on()])]
    };
    let quit = || turn(&[frame(b'Q', b"")], &[]);
    let pairs = |count: usize| (0..count).map(|n| format!("{{name_{n}}}\0value {n}\0")).collect::<String>();
    let macros = |stage: u8, count| frame(b'D', &[&[stage], pairs(count).as_bytes()].concat());

    let message = |value: &[u8], count| {
        let begin = [
            opened(),
            turn(&[macros(b'C', 4), frame(b'C', CONNECT)], &[on()]),
            turn(&[macros(b'H', 4), frame(b'H', b"mx.example\0")], &[on()]),
            turn(&[macros(b'M', count)], &[]),
            sender(),
            recipient("anna", b'c'),
            recipient("bob", b'r'),
            header(value),
        ];
        begin.into_iter().chain(end()).chain([quit()]).collect()
    };
    let good = |what, turns| Conversation { program: "filter", what, turns, code: 0 };
    let bad = |what, to: Vec<u8>| {
        let turns = vec![opened(), turn(&[to], &[])];
        Conversation { program: "filter", what, turns, code: BROKEN }
    };
    vec![
        good("a message", message(b"a test", 4)),
        good("a header of 2000 bytes", message(&[b'x'; 2000], 4)),
        good("80 macros for a sender", message(b"a test", 80)),
        bad("a recipient without a sender", frame(b'R', b"<anna@rcpt.example>\0")),
        bad("a sender without its NUL", frame(b'M', b"<a@mail.example>")),
        bad("a frame longer than any", b"\x7f\xff\xff\xffL".to_vec()),
    ]
}

/// What `benches/size/src/mta.rs` has to say.
fn mta_conversations() -> Vec<Conversation> {
    let on = || frame(b'c', b"");
    let offer = || turn(&[], &[frame(b'O', OFFER)]);
    let agreed = |more: &[u8]| frame(b'O', &[b"\0\0\0\x06\0\0\0\x11\0\0\0\0", more].concat());
    let opened = |answer: Vec<u8>| [offer(), turn(&[answer], &[frame(b'C', CONNECT)])];
    let to_data = || {
        let sender = [frame(b'D', b"Mi\0Q1\0"), frame(b'M', b"<a@mail.example>\0SIZE=10\0")];
        [
            turn(&[on()], &[frame(b'H', b"mx.example\0")]),
            turn(&[on()], &sender),
            turn(&[on()], &[frame(b'R', b"<b@rcpt.example>\0")]),
            turn(&[on()], &[frame(b'T', b"")]),
        ]
    };
    let to_end = || {
        [
            turn(&[on()], &[frame(b'L', b"Subject\0a test\0")]),
            turn(&[on()], &[frame(b'N', b"")]),
            turn(&[on()], &[frame(b'B', b"text\r\n")]),
            turn(&[on()], &[frame(b'E', b"")]),
        ]
    };
    let quit = |to: &[Vec<u8>]| turn(to, &[frame(b'Q', b"")]);
    let message = |answer: Vec<u8>, replies: &[Vec<u8>]| {
        opened(answer).into_iter().chain(to_data()).chain(to_end()).chain([quit(replies)]).collect()
    };
    let case = |what, turns, code| Conversation { program: "mta", what, turns, code };
    let refused = frame(b'y', b"550-5.7.1 not here\r\n550 5.7.1 never\0");
    let added = |value: &[u8]| frame(b'h', &[b"X-Seen\0", value, b"\0"].concat());
    let changed = frame(b'm', b"\0\0\0\x01Subject\0\0");
    let lists = b"\0\0\0\x01{client_name} {client_addr}\0\0\0\0\x02i {mail_addr}\0";
    vec![
        case("a message and two edits", message(agreed(b""), &[added(b"yes"), changed, on()]), 2),
        case("a header of 2000 bytes", message(agreed(lists), &[added(&[b'x'; 2000]), on()]), 1),
        case(
            "a refusal with two lines",
            opened(agreed(b"")).into_iter().chain(to_data()).chain([quit(&[refused])]).collect(),
            128,
        ),
        case(
            "an edit before the message",
            opened(agreed(b"")).into_iter().chain([turn(&[added(b"yes")], &[])]).collect(),
            BROKEN,
        ),
        case("an answer cut short", vec![offer(), turn(&[frame(b'O', b"\0\0\0\x06")], &[])], BROKEN),
        case(
            "a frame longer than any",
            opened(agreed(b"")).into_iter().chain([turn(&[b"\x7f\xff\xff\xffh".to_vec()], &[])]).collect(),
            BROKEN,
        ),
    ]
}
