//! The loops that are measured. Each does what a caller of the wire layer would do, and no more.

use std::fmt::Write;
use std::hint::black_box;
use std::mem::discriminant;

use milter_proto::filter::Event;
use milter_proto::macros::MacroStore;
use milter_proto::message::{EditRules, Edits, Message};
use milter_proto::mta::Sent;
use milter_proto::negotiation::Negotiated;
use milter_proto::order::CommandKind;
use milter_proto::transcript::{Entry, Line};
use milter_proto::wire::{Assembler, Command, Direction, Edit, LeadingSpace, Response, Text, Verdict};
use milter_proto::{FilterSession, Monitor, MtaSession, filter, mta};

/// An assembler as servers have it: storage that grows when a frame is cut.
pub type Reader = Assembler<Vec<u8>>;

/// Decodes every command that the segments hold, and counts them.
///
/// # Panics
/// On a segment that holds anything but clean commands.
#[inline(never)]
pub fn decode_commands(reader: &mut Reader, segments: &[&[u8]]) -> usize {
    let mut count = 0;
    for &segment in segments {
        let mut input = segment;
        while let Some(frame) = reader.next_frame(&mut input).expect("a frame") {
            use_command(Command::parse(frame).expect("a command"));
            count += 1;
        }
    }
    count
}

/// Decodes every response that the segments hold, and counts them.
///
/// # Panics
/// On a segment that holds anything but clean responses.
#[inline(never)]
pub fn decode_responses(reader: &mut Reader, segments: &[&[u8]]) -> usize {
    let mut count = 0;
    for &segment in segments {
        let mut input = segment;
        while let Some(frame) = reader.next_frame(&mut input).expect("a frame") {
            use_response(Response::parse(frame).expect("a response"));
            count += 1;
        }
    }
    count
}

/// A whole session on the filter's side: commands decoded and put in order, macros kept, and replies
/// given: to OPTNEG and at the end of the message as a script has them, CONTINUE otherwise.
///
/// # Panics
/// If the two halves of the script do not fit together.
#[inline(never)]
pub fn filter_session(
    reader: &mut Reader,
    store: &mut MacroStore<Vec<u8>>,
    segments: &[&[u8]],
    responses: &[Response<'_>],
    out: &mut Vec<u8>,
) -> filter::Turn {
    let mut session = FilterSession::new();
    let mut responses = responses.iter();
    for &segment in segments {
        let mut input = segment;
        while let Some(event) = session.next_event(reader, &mut input).expect("a command in its order") {
            store.observe(&event).expect("room");
            use_command(event.command);
            let filter::Turn::Reply(owed) = session.turn() else { continue };
            match owed {
                // The answer to OPTNEG, and at the end three edits and a verdict.
                CommandKind::Negotiate | CommandKind::EndOfMessage => {
                    while session.turn() == filter::Turn::Reply(owed) {
                        let response = *responses.next().expect("a response");
                        session.send(response).expect("a response in its place").append_to(out);
                    }
                }
                _ => session.send(Verdict::Continue).expect("a reply that is owed").append_to(out),
            }
        }
    }
    session.turn()
}

/// As [`filter_session`], by a handler that the optimiser cannot see into, as a boxed callback.
///
/// # Panics
/// If the two halves of the script do not fit together.
#[inline(never)]
pub fn opaque_filter_session(
    reader: &mut Reader,
    store: &mut MacroStore<Vec<u8>>,
    segments: &[&[u8]],
    responses: &[Response<'_>],
    out: &mut Vec<u8>,
) -> filter::Turn {
    let mut session = FilterSession::new();
    let mut responses = responses.iter();
    for &segment in segments {
        let mut input = segment;
        while let Some(event) = session.next_event(reader, &mut input).expect("a command in its order") {
            store.observe(black_box(&event)).expect("room");
            let filter::Turn::Reply(owed) = session.turn() else { continue };
            match owed {
                CommandKind::Negotiate | CommandKind::EndOfMessage => {
                    while session.turn() == filter::Turn::Reply(owed) {
                        let response = *responses.next().expect("a response");
                        session.send(black_box(response)).expect("a response in its place").append_to(out);
                    }
                }
                _ => session.send(black_box(Verdict::Continue)).expect("a reply that is owed").append_to(out),
            }
        }
    }
    session.turn()
}

/// Checks headers for NULs, and encodes them.
///
/// # Panics
/// If one has a NUL.
#[inline(never)]
pub fn encode_raw_headers(headers: &[(Vec<u8>, Vec<u8>)], out: &mut Vec<u8>) {
    for (name, value) in headers {
        let name = Text::new(name).expect("no NUL");
        let value = Text::new(value).expect("no NUL");
        Command::Header { name, value }.encode().append_to(out);
    }
}

/// Frames of this size and more are written from where they lie.
const LARGE: usize = 4096;

/// A whole session on the MTA's side: commands put in order and encoded, replies decoded and judged.
///
/// Small frames are gathered for one write a turn, large ones are lent, as an adapter does.
///
/// # Panics
/// If the two halves of the script do not fit together.
#[inline(never)]
pub fn mta_session(
    reader: &mut Reader,
    commands: &[Command<'_>],
    segments: &[&[u8]],
    out: &mut Vec<u8>,
) -> mta::Turn {
    let mut session = MtaSession::with_policy(mta::Policy::POSTFIX);
    let mut segments = segments.iter();
    let mut input: &[u8] = &[];
    for &command in commands {
        match session.send(command).expect("a command in its order") {
            Sent::Frame(frame) if frame.len() < LARGE => frame.append_to(out),
            Sent::Frame(frame) => frame.segments().for_each(|piece| _ = black_box(piece)),
            Sent::Skipped { reason, .. } => _ = black_box(reason),
            Sent::ResendEnvelope(frame) => panic!("{frame:?} in a session in its order"),
        }
        while let mta::Turn::Receive(_) = session.turn() {
            match session.next_event(reader, &mut input).expect("a reply that is owed") {
                Some(event) => use_event(event),
                None => input = segments.next().expect("a reply"),
            }
        }
    }
    session.turn()
}

/// A whole session as a third party hears it: what is said to the filter, and to the MTA. Counts the rules
/// that are broken.
///
/// # Panics
/// On a piece that cannot be cut.
#[inline(never)]
pub fn monitor([to_filter, to_mta]: &mut [Reader; 2], pieces: &[(Direction, &[u8])]) -> usize {
    let mut monitor = Monitor::new();
    let mut broken = 0;
    for &(direction, piece) in pieces {
        let reader = if direction == Direction::ToFilter { &mut *to_filter } else { &mut *to_mta };
        let mut input = piece;
        while let Some(observation) = monitor.next_event(direction, reader, &mut input).expect("a frame") {
            broken += observation.violations().count();
        }
    }
    broken
}

/// Keeps the macros of commands, and forgets what they make old.
///
/// # Panics
/// If there is no room.
#[inline(never)]
pub fn keep_macros(store: &mut MacroStore<Vec<u8>>, commands: &[Command<'_>]) {
    for &command in commands {
        store.observe(&Event::new(command)).expect("room");
    }
}

/// Looks for a macro.
#[inline(never)]
pub fn look_up<'s>(store: &'s MacroStore<Vec<u8>>, name: Text<'_>) -> Option<Text<'s>> {
    store.get(name)
}

/// Reads lines of a transcript.
///
/// # Panics
/// On a line that is none.
#[inline(never)]
pub fn read_lines(lines: &[String]) {
    for line in lines {
        black_box(line.parse::<Entry>().expect("a line of a transcript"));
    }
}

/// Writes lines of a transcript, without and with their content.
///
/// # Panics
/// If there is no memory.
#[inline(never)]
pub fn write_lines(entries: &[Entry], out: &mut String) {
    for entry in entries {
        let line = Line::new(entry.direction, entry.frame.as_frame());
        writeln!(out, "{line}\n{}", line.hiding_content()).expect("memory");
    }
}

/// Takes a message apart and goes through its commands, and counts them.
#[inline(never)]
pub fn message_to_commands(bytes: &[u8]) -> usize {
    let message = Message::parse(bytes);
    let mut commands = message.commands(&Negotiated::NOTHING);
    let mut count = 0;
    while let Some(command) = commands.next_command() {
        use_command(command);
        count += 1;
    }
    count
}

/// Applies edits to a message, and says how many did something.
///
/// # Panics
/// If the MTA would refuse them.
#[inline(never)]
pub fn apply_edits(message: &mut Message<'_>, edits: &Edits, rules: EditRules) -> usize {
    let outcomes = edits.apply(message, rules, LeadingSpace::Stripped).expect("edits of a filter");
    outcomes.iter().filter(|outcome| outcome.effect.is_some()).count()
}

/// Encodes commands behind each other into one buffer.
#[inline(never)]
pub fn encode_commands(commands: &[Command<'_>], out: &mut Vec<u8>) {
    for command in commands {
        command.encode().append_to(out);
    }
}

/// Encodes responses behind each other into one buffer.
#[inline(never)]
pub fn encode_responses(responses: &[Response<'_>], out: &mut Vec<u8>) {
    for response in responses {
        response.encode().append_to(out);
    }
}

/// Encodes commands into memory of fixed size.
///
/// # Panics
/// If `out` is too small.
#[inline(never)]
pub fn write_commands(commands: &[Command<'_>], out: &mut [u8]) -> usize {
    let mut len = 0;
    for command in commands {
        len += command.encode().write_to(&mut out[len..]).expect("room");
    }
    len
}

/// Encodes commands as pieces for a vectored write, without copying what they borrow.
#[inline(never)]
pub fn lend_commands(commands: &[Command<'_>]) -> usize {
    let mut pieces = 0;
    for command in commands {
        for piece in command.encode().segments() {
            black_box(piece);
            pieces += 1;
        }
    }
    pieces
}

/// Copies every segment once, and does nothing else: what one copy costs on this machine.
#[inline(never)]
pub fn copy(segments: &[&[u8]], storage: &mut Vec<u8>) {
    for &segment in segments {
        storage.clear();
        storage.extend_from_slice(black_box(segment));
    }
}

/// Uses what a filter would look at: it tells commands apart, and reads their fields.
#[inline]
fn use_command(command: Command<'_>) {
    match command {
        Command::Negotiate(offer) => _ = black_box(offer),
        Command::Macros(macros) => _ = black_box((macros.stage(), macros.list())),
        Command::Connect { host, peer } => _ = black_box((host, peer)),
        Command::Helo { name } => _ = black_box(name),
        Command::MailFrom { address, arguments } => _ = black_box((address, arguments)),
        Command::RcptTo { address, arguments } => _ = black_box((arguments, address)),
        Command::Header { name, value } => _ = black_box((name, value)),
        Command::Body { chunk } => _ = black_box(chunk),
        Command::EndOfMessage { chunk } => _ = black_box(chunk.len()),
        bare => _ = black_box(discriminant(&bare)),
    }
}

/// Uses what an MTA would act upon.
#[inline]
fn use_event(event: mta::Event<'_>) {
    match event {
        mta::Event::Negotiated { answer } => _ = black_box(answer),
        mta::Event::Edit { edit, status, .. } => _ = black_box::<(Edit<'_>, _)>((edit, status)),
        mta::Event::Verdict { verdict: Verdict::Reply(reply), scope, .. } => _ = black_box((reply, scope)),
        mta::Event::Verdict { verdict, scope, .. } => _ = black_box((discriminant(&verdict), scope)),
        bare => _ = black_box(discriminant(&bare)),
    }
}

/// Uses what an MTA would look at.
#[inline]
fn use_response(response: Response<'_>) {
    match response {
        Response::Negotiate(answer) => _ = black_box(answer),
        Response::Edit(edit) => _ = black_box(edit),
        Response::Verdict(Verdict::Reply(reply)) => _ = black_box(reply),
        Response::Verdict(verdict) => _ = black_box(discriminant(&verdict)),
        bare => _ = black_box(discriminant(&bare)),
    }
}
