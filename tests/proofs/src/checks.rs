//! One pass over the whole library, as steps that succeed or name themselves.

use core::fmt::{self, Write};
use core::hint::black_box;

use milter_proto::Limits;
use milter_proto::transcript::Line;
use milter_proto::wire::{
    Actions, Answer, Assembler, Chunks, Command, DataSize, Direction, Edit, EnhancedCode, Frame, ListStage,
    MacroLists, MacroStage, Macros, Offer, Peer, ReplyCode, ReplyText, Response, Steps, Text, TextList,
    Tolerance, Verdict, Version, folds_from_wire, folds_to_wire,
};

/// The step that did not do what it should: the exit code.
#[derive(Clone, Copy, Debug)]
pub struct Failed(pub i32);

pub(crate) trait AtStep<T> {
    fn at_step(self, step: i32) -> Result<T, Failed>;
}

impl<T> AtStep<T> for Option<T> {
    fn at_step(self, step: i32) -> Result<T, Failed> {
        self.ok_or(Failed(step))
    }
}

impl<T, E> AtStep<T> for Result<T, E> {
    fn at_step(self, step: i32) -> Result<T, Failed> {
        self.map_err(|_| Failed(step))
    }
}

pub(crate) fn holds(law: bool, step: i32) -> Result<(), Failed> {
    law.then_some(()).at_step(step)
}

/// `Iterator::count` panics where a `usize` cannot count so far.
fn count<T>(items: impl Iterator<Item = T>) -> usize {
    items.fold(0, |count, _| count.saturating_add(1))
}

/// A session of both sides, through memory that is not known to the optimiser.
pub fn meaning() -> Result<(), Failed> {
    let mut wire = [0; 2048];
    let sent = commands(black_box(&mut wire[..]))?;
    to_filter(black_box(wire.get(..sent).at_step(1)?))?;
    let sent = responses(black_box(&mut wire[..]))?;
    to_mta(black_box(wire.get(..sent).at_step(2)?))?;
    // Any bytes at all, of any length: nothing to expect but an answer.
    let noise = black_box(&[0x79_u8; 64][..]);
    if let Some((&code, payload)) = noise.split_first() {
        let frame = Frame::new(black_box(code), black_box(payload));
        for tolerance in [Tolerance::STRICT, Tolerance::LENIENT, black_box(Tolerance::SENDMAIL)] {
            if let Ok(command) = Command::parse_as(frame, tolerance) {
                read_command(&command.value);
                black_box(command.encode().len());
            }
            if let Ok(response) = Response::parse_as(frame, tolerance) {
                read_response(&response.value);
                black_box(response.encode().len());
            }
        }
    }
    builders()
}

/// Writes frames one behind the other.
struct Out<'a> {
    free: &'a mut [u8],
    used: usize,
}

impl Out<'_> {
    fn put(
        &mut self,
        code: u8,
        frame: milter_proto::wire::OutgoingFrame<'_>,
        step: i32,
    ) -> Result<(), Failed> {
        let free = self.free.get_mut(self.used..).at_step(step)?;
        let len = frame.within(Limits::DEFAULT).at_step(step)?.write_to(free).at_step(step)?;
        holds(frame.len() == len && count(frame.segments().flatten()) == len, step)?;
        holds(free.get(4) == Some(&code), step)?;
        self.used = self.used.saturating_add(len);
        Ok(())
    }
}

fn commands(wire: &mut [u8]) -> Result<usize, Failed> {
    let mut list = [0; 64];
    let arguments = [Text::new(black_box(b"SIZE=10")).at_step(10)?, Text::EMPTY];
    let arguments = TextList::write(arguments, black_box(&mut list[..])).at_step(10)?;
    let macros = Macros::new(MacroStage::MAIL, arguments).at_step(11)?;
    let address = Text::new(black_box(b"<a@b.c>")).at_step(12)?;
    let name = Text::new(black_box(b"mx.example")).at_step(12)?;
    let all = [
        Command::Negotiate(Offer::FULL),
        Command::Macros(macros),
        Command::Connect { host: name, peer: Peer::Inet { port: 25, address: name } },
        Command::Connect { host: name, peer: Peer::Unknown },
        Command::Helo { name },
        Command::MailFrom { address, arguments },
        Command::RcptTo { address, arguments: TextList::EMPTY },
        Command::Data,
        Command::Header { name, value: address },
        Command::EndOfHeaders,
        Command::Body { chunk: b"text\r\n" },
        Command::EndOfMessage { chunk: b"" },
        Command::Unknown { line: name },
        Command::Other(Frame::new(b'Z', b"\0")),
        Command::Abort,
        Command::QuitNewConnection,
        Command::Quit,
    ];
    let mut out = Out { free: wire, used: 0 };
    for command in black_box(all) {
        out.put(command.code(), command.encode(), 13)?;
    }
    Ok(out.used)
}

fn responses(wire: &mut [u8]) -> Result<usize, Failed> {
    let (mut lists, mut text) = ([0; 64], [0; 128]);
    let name = Text::new(black_box(b"X-Checked")).at_step(20)?;
    let lists = MacroLists::write([(ListStage::RCPT, name)], black_box(&mut lists[..])).at_step(21)?;
    let answer = Answer::new(Version::CURRENT, Actions::ALL, Steps::SKIP).with_macro_lists(lists);
    let reply = reply(black_box(&mut text[..]))?;
    let all: [Response<'_>; 13] = [
        answer.into(),
        Edit::AddHeader { name, value: name }.into(),
        Edit::InsertHeader { index: 1, name, value: name }.into(),
        Edit::ChangeHeader { index: 1, name, value: Text::EMPTY }.into(),
        Edit::ChangeFrom { address: name, arguments: Some(name) }.into(),
        Edit::AddRcptWithArguments { address: name, arguments: None }.into(),
        Edit::DeleteRcpt { address: name }.into(),
        Edit::ReplaceBody { chunk: b"" }.into(),
        Edit::Quarantine { reason: name }.into(),
        Response::Progress,
        Response::MacroList { payload: b"?" },
        Verdict::Reply(reply).into(),
        Verdict::Continue.into(),
    ];
    let mut out = Out { free: wire, used: 0 };
    for response in black_box(all) {
        out.put(response.code(), response.encode(), 22)?;
    }
    Ok(out.used)
}

fn reply(text: &mut [u8]) -> Result<ReplyText<'_>, Failed> {
    let code = ReplyCode::new(black_box(550)).at_step(30)?;
    let status = EnhancedCode::new(black_box(5), 7, 1).at_step(31)?;
    let lines = black_box([&b"100% spam"[..], b"go away"]);
    let reply = ReplyText::write(code, Some(status), lines, text).at_step(32)?;
    holds(reply.as_text() == "550-5.7.1 100%% spam\r\n550 5.7.1 go away", 33)?;
    Ok(reply)
}

/// Assembles in fixed storage, byte by byte and then in pieces, and reads every command.
fn to_filter(wire: &[u8]) -> Result<(), Failed> {
    for size in black_box([1_usize, 7, 4096]) {
        let mut memory = [0; 256];
        let mut assembler = Assembler::new(&mut memory[..]);
        let mut count = 0_u32;
        for mut piece in wire.chunks(size.max(1)) {
            while let Some(frame) = assembler.next_frame(&mut piece).at_step(40)? {
                let command = Command::parse(frame).at_step(41)?;
                read_command(&command);
                holds(command.encode() == frame.encode(), 42)?;
                count = count.saturating_add(1);
            }
        }
        assembler.release();
        holds(count == 17 && assembler.pending() == 0 && assembler.missing() == 5, 43)?;
    }
    Ok(())
}

fn to_mta(wire: &[u8]) -> Result<(), Failed> {
    let mut assembler = Assembler::with_limits([0; 256], Limits::DEFAULT.with_max_receive_payload(4096));
    let (mut count, mut rest) = (0_u32, wire);
    while let Some((frame, tail)) = Frame::split(rest, Limits::DEFAULT).at_step(50)? {
        let response = Response::parse(frame).at_step(51)?;
        read_response(&response);
        holds(response.encode() == frame.encode(), 52)?;
        count = count.saturating_add(1);
        rest = tail;
    }
    for byte in wire {
        let mut input = core::slice::from_ref(byte);
        if let Some(frame) = assembler.next_frame(&mut input).at_step(53)? {
            holds(Response::parse(frame).is_ok(), 54)?;
            count = count.saturating_add(1);
        }
    }
    holds(count == 26 && rest.is_empty(), 55)
}

fn read_command(command: &Command<'_>) {
    match *command {
        Command::Macros(macros) => {
            black_box(macros.get("{i}"));
            black_box(count(macros.iter()));
        }
        Command::MailFrom { arguments, .. } => _ = black_box(count(arguments.iter())),
        Command::Header { value, .. } => {
            black_box(count(folds_from_wire(value.as_bytes())));
            black_box(count(folds_to_wire(value.as_bytes())));
        }
        _ => {}
    }
}

fn read_response(response: &Response<'_>) {
    match *response {
        Response::Negotiate(answer) => {
            black_box(answer.steps.data_size().bytes());
            black_box(answer.macro_lists.get(ListStage::RCPT));
        }
        Response::Edit(edit) => _ = black_box(edit.action()),
        Response::Verdict(Verdict::Reply(reply)) => {
            black_box(reply.code().number());
            black_box(count(reply.unescaped().bytes()));
            for line in reply.lines() {
                black_box(line.enhanced());
                black_box(count(line.text().bytes()));
            }
        }
        _ => {}
    }
}

/// What is built of bytes that break a rule is refused.
fn builders() -> Result<(), Failed> {
    let code = ReplyCode::new(black_box(451)).at_step(60)?;
    let mut text = [0; 32];
    holds(ReplyText::write(code, None, [black_box(&b"two\r\nlines"[..])], &mut text).is_err(), 61)?;
    holds(ReplyText::write(code, None, [black_box(&[b'x'; 64][..])], &mut text).is_err(), 62)?;
    holds(ReplyText::parse(black_box(b"550-5.7.1 unfinished")).is_err(), 63)?;
    holds(Text::new(black_box(b"a\0b")).is_err() && TextList::new(black_box(b"a\0b")).is_err(), 64)?;
    holds(MacroLists::new(black_box(b"\0\0\0\x09i\0")).is_err(), 65)?;
    holds(Chunks::new(black_box(b"body"), DataSize::Kib64).len() == 1, 66)
}

/// Reads an address.
pub fn address() -> Result<(), Failed> {
    let address = Text::new(black_box(b"IPv6:2001:db8::1")).at_step(80)?;
    holds(Peer::Inet6 { port: 25, address }.ip().is_some(), 81)
}

/// Prints lines into a buffer.
pub fn transcript() -> Result<(), Failed> {
    let frame = Frame::new(black_box(b'M'), black_box(b"<a@b.c>\0caf\xe9\0"));
    let mut buffer = Buffer { bytes: [0; 64], used: 0 };
    write!(buffer, "{}", Line::new(Direction::ToFilter, frame)).at_step(70)?;
    holds(buffer.bytes.get(..buffer.used) == Some(br#"> MAIL "<a@b.c>" "caf\xe9""#), 71)?;
    let noise = Frame::new(black_box(b'O'), black_box(b"\0\0\0\x06more"));
    for direction in black_box([Direction::ToFilter, Direction::ToMta]) {
        let mut buffer = Buffer { bytes: [0; 64], used: 0 };
        write!(buffer, "{}", Line::new(direction, noise).hiding_content()).at_step(73)?;
    }
    let mut short = Buffer { bytes: [0; 8], used: 0 };
    holds(write!(short, "{}", Line::new(Direction::ToFilter, frame)).is_err(), 72)
}

struct Buffer<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Write for Buffer<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = self.bytes.get_mut(self.used..).and_then(|free| free.get_mut(..text.len()));
        free.ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.used = self.used.saturating_add(text.len());
        Ok(())
    }
}
