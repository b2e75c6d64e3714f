//! A connection that shows what passes: bytes below, frames above, a monitor in between.

use core::time::Duration;
use std::io::Write;
use std::time::Instant;

use anstream::println;
use anstyle::{AnsiColor, Style};
use milter_proto::Monitor;
use milter_proto::monitor::Observation;
use milter_proto::transcript::Line;
use milter_proto::wire::codes::command;
use milter_proto::wire::{Assembler, Direction, Frame, OutgoingFrame};

use crate::layout::{shortened, words};
use crate::support::failure::Failure;
use crate::support::spec::{Socket, read_now};

/// Bytes to read at a time.
const READ: usize = 64 * 1024;
/// Columns of a frame, in front of the notes.
const FRAME: usize = 84;

/// A socket, what was read from it and what is to be written.
pub(crate) struct Link {
    socket: Socket,
    assembler: Assembler<Vec<u8>>,
    read: Vec<u8>,
    /// Bytes of `read` that are not consumed yet begin here.
    start: usize,
    out: Vec<u8>,
    printer: Printer,
}

impl Link {
    pub(crate) fn new(socket: Socket, printer: Printer) -> Self {
        let assembler = Assembler::new(Vec::new());
        Self { socket, assembler, read: Vec::new(), start: 0, out: Vec::new(), printer }
    }

    /// Keeps a frame for the next write.
    pub(crate) fn push(&mut self, direction: Direction, outgoing: &OutgoingFrame<'_>) {
        let start = self.out.len();
        outgoing.append_to(&mut self.out);
        if let Some((&code, payload)) = self.out.get(start..).and_then(|frame| frame.get(4..)?.split_first())
        {
            self.printer.frame(direction, Frame::new(code, payload));
        }
    }

    /// Writes what was kept if it is much: a long message is not held in memory.
    pub(crate) fn flush_much(&mut self, timeout: Duration) -> Result<(), Failure> {
        if self.out.len() < READ { Ok(()) } else { self.flush(timeout) }
    }

    /// Writes everything that was kept, at once.
    pub(crate) fn flush(&mut self, timeout: Duration) -> Result<(), Failure> {
        self.socket.set_write_timeout(timeout).map_err(Failure::Write)?;
        let mut socket = &self.socket;
        socket.write_all(&self.out).map_err(|error| Failure::writing(error, timeout))?;
        self.out.clear();
        Ok(())
    }

    /// Takes the next frame of what was read; `None`: read more.
    pub(crate) fn take(&mut self, direction: Direction) -> Result<Option<Frame<'_>>, Failure> {
        let mut input = self.read.get(self.start..).unwrap_or_default();
        let available = input.len();
        let frame = self.assembler.next_frame(&mut input)?;
        self.start = self.start.saturating_add(available.saturating_sub(input.len()));
        if let Some(frame) = frame {
            self.printer.frame(direction, frame);
        }
        Ok(frame)
    }

    /// Reads once. `false`: the peer has closed.
    pub(crate) fn fill(&mut self, timeout: Duration) -> Result<bool, Failure> {
        self.socket.set_read_timeout(timeout).map_err(Failure::Read)?;
        // Everything that was read is taken: what is left of a frame is in the assembler.
        self.read.resize(READ, 0);
        let result = self.socket.read_once(&mut self.read);
        self.start = 0;
        self.read.truncate(result.as_ref().copied().unwrap_or(0));
        result.map(|count| count > 0).map_err(|error| Failure::reading(error, timeout))
    }

    /// Reads once, and shows the frames of the filter. No bytes: it has closed.
    pub(crate) fn read(&mut self, timeout: Duration) -> Result<&[u8], Failure> {
        self.fill(timeout)?;
        // Bytes that are no frame are for the chain to refuse.
        while let Ok(Some(_)) = self.take(Direction::ToMta) {}
        Ok(&self.read)
    }

    /// Fails on bytes that arrived while no reply was outstanding: they would be taken for the next reply.
    pub(crate) fn refuse_stray(&mut self) -> Result<(), Failure> {
        let mut more = [0; 64];
        let count = read_now(&self.socket, &mut more).map_err(Failure::Read)?.unwrap_or(0);
        Failure::check_stray(more.get(..count).unwrap_or_default())
    }

    /// Bytes of a frame whose rest has not come.
    pub(crate) const fn pending(&self) -> usize {
        self.assembler.pending()
    }

    /// Says something about the conversation.
    pub(crate) fn note(&self, text: &str) {
        self.printer.note(text);
    }
}

/// Shows frames as they pass, with what a monitor says about them.
pub(crate) struct Printer {
    monitor: Monitor,
    hides: bool,
    is_silent: bool,
    prefix: String,
    since: Instant,
}

impl Printer {
    /// Shows everything; several connections are told apart by their numbers.
    pub(crate) fn new(hides: bool, number: Option<u64>) -> Self {
        let prefix = number.map(|number| format!("[{number}] ")).unwrap_or_default();
        Self { monitor: Monitor::new(), hides, is_silent: false, prefix, since: Instant::now() }
    }

    /// Shows nothing: the other side does.
    pub(crate) fn silent() -> Self {
        Self { is_silent: true, ..Self::new(false, None) }
    }

    fn frame(&mut self, direction: Direction, frame: Frame<'_>) {
        let sighting = self.monitor.observe(direction, frame);
        if self.is_silent {
            return;
        }
        let line = Line::new(direction, frame);
        let line = if self.hides { line.hiding_content() } else { line }.to_string();
        let line = words(&line).map(shortened).collect::<Vec<_>>().join(" ");
        let (time, prefix) = (self.since.elapsed().as_secs_f64(), &self.prefix);
        let (style, faint, warning) = (style_of(&sighting), FAINT, WARNING);
        println!(
            "{prefix}{faint}{time:>7.3}{faint:#}  {style}{line:FRAME$}{style:#}  {faint}{}{faint:#}",
            remark(&sighting)
        );
        for rule in sighting.violations() {
            println!("{prefix}{:9}{warning}! {rule} ({}){warning:#}", "", rule.id());
        }
    }

    fn note(&self, text: &str) {
        if !self.is_silent {
            println!("{}{:9}{FAINT}- {text}{FAINT:#}", self.prefix, "");
        }
    }
}

const FAINT: Style = Style::new().dimmed();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

fn style_of(sighting: &Observation<'_>) -> Style {
    match sighting.direction {
        Direction::ToFilter if sighting.frame.code() == command::MACRO => FAINT,
        Direction::ToFilter => AnsiColor::Cyan.on_default(),
        Direction::ToMta => AnsiColor::Green.on_default(),
    }
}

/// Where the conversation stands, and whose turn it is.
fn remark(sighting: &Observation<'_>) -> String {
    match (sighting.answers, sighting.owed) {
        (None, None)
            if sighting.direction == Direction::ToFilter && sighting.context.stage != sighting.stage =>
        {
            format!("{:?}", sighting.stage)
        }
        (None, None) => String::new(),
        (None, Some(_)) => format!("{:?}, awaits a reply", sighting.stage),
        (Some(command), None) => format!("answers {command}"),
        (Some(command), Some(_)) => format!("part of the answer to {command}"),
    }
}
