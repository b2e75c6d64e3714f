//! A session as a conversation: one line a frame, with notes.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use milter_proto::transcript::Line;
use milter_proto::wire::codes::command;
use milter_proto::wire::{Deviation, Direction, Frame};

use crate::capture::{Event, Header, Side, What};
use crate::check::Finding;
use crate::explain::{Dialogue, Mood, Note};
use crate::layout::{shortened, words, wrapped};
use crate::printable::printable;
use crate::source::{Fault, Piece, Source, Stream};

/// Columns of the time in front of a frame.
const MARGIN: usize = 10;
/// Columns of a frame: the transcript's line.
const FRAME: usize = 70;
/// Columns of continued lines.
const INDENT: &str = "                 ";
/// Columns of a frame and its note, at most.
const LINE: usize = 108;
/// Columns of continued lines, at most.
const CONTINUED: usize = 96;

const FAINT: Style = Style::new().dimmed();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const COMMAND: Style = AnsiColor::Cyan.on_default();
const PASSES: Style = AnsiColor::Green.on_default();
const CHANGES: Style = AnsiColor::Magenta.on_default();
const REFUSES: Style = AnsiColor::Red.on_default();

/// How frames are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Sizes in the place of what is private.
    pub(crate) hide: bool,
    /// Long texts whole, and frames on one line.
    pub(crate) full: bool,
}

/// Writes a whole session.
pub(crate) fn show(out: &mut dyn Write, source: &mut Source, options: Options) -> Result<(), Fault> {
    heading(out, source).map_err(Fault::Write)?;
    let dialogue = Dialogue::new(matches!(source, Source::Capture(..)));
    let mut show = Show { out, options, dialogue, frames: [0; 2], deviations: 0, violations: 0 };
    let mut streams = Side::BOTH.map(Stream::new);
    let result = show.pieces(source, &mut streams);
    show.end(&streams).map_err(Fault::Write)?;
    result
}

/// Says who talks to whom.
fn heading(out: &mut dyn Write, source: &Source) -> io::Result<()> {
    let title =
        |out: &mut dyn Write, text: &str| writeln!(out, "{FAINT}# {}{FAINT:#}", printable(text.as_bytes()));
    match source {
        Source::Capture(Header { mta, filter, scenario, variant }, _) => {
            title(out, &format!("> from the MTA, {mta}"))?;
            title(out, &format!("< from the filter, {filter}"))?;
            for (name, value) in [("scenario", scenario), ("variant", variant)] {
                if let Some(value) = value {
                    title(out, &format!("{name}: {value}"))?;
                }
            }
            title(out, "times in seconds")?;
        }
        Source::Raw(side, _) => title(out, &format!("the raw stream of the {side}, positions in bytes"))?,
    }
    writeln!(out)
}

struct Show<'o> {
    out: &'o mut dyn Write,
    options: Options,
    dialogue: Dialogue,
    /// Frames of the MTA and of the filter.
    frames: [u64; 2],
    deviations: u64,
    violations: usize,
}

impl Show<'_> {
    fn pieces(&mut self, source: &mut Source, streams: &mut [Stream; 2]) -> Result<(), Fault> {
        for piece in source {
            let piece = piece?;
            let [mta, filter] = &mut *streams;
            let stream = if piece.side == Side::Mta { mta } else { filter };
            match &piece.what {
                What::Event(event) => self.event(*event, &piece).map_err(Fault::Write)?,
                What::Bytes(bytes) => self.bytes(bytes, &piece, stream)?,
            }
        }
        Ok(())
    }

    fn bytes(&mut self, mut bytes: &[u8], piece: &Piece, stream: &mut Stream) -> Result<(), Fault> {
        loop {
            match stream.next_frame(&mut bytes) {
                Ok(None) => return Ok(()),
                Ok(Some((at, frame))) => self.frame(frame, at, piece).map_err(Fault::Write)?,
                Err(error) => return Err(Fault::Stream { place: piece.place, error }),
            }
        }
    }

    fn frame(&mut self, frame: Frame<'_>, at: u64, piece: &Piece) -> io::Result<()> {
        let direction = piece.side.direction();
        let [mta, filter] = &mut self.frames;
        let note = self.dialogue.observe(direction, frame, piece.time);
        let (count, style) = match direction {
            Direction::ToFilter => (mta, if frame.code() == command::MACRO { FAINT } else { COMMAND }),
            Direction::ToMta => {
                let style = match Mood::of(frame.code()) {
                    Mood::Passes => PASSES,
                    Mood::Changes => CHANGES,
                    Mood::Refuses => REFUSES,
                };
                (filter, style)
            }
        };
        *count = count.saturating_add(1);
        let line = Line::new(direction, frame);
        let line = if self.options.hide { line.hiding_content() } else { line }.to_string();
        // A hidden body is its size already.
        let brief = if line.ends_with(&format!("<{}>", note.brief)) { "" } else { &note.brief };
        self.margin(piece.time, at)?;
        self.lines(&line, brief, style)?;
        self.more(&note)?;
        self.finding(&Finding::of(direction, frame))?;
        self.violations = self.violations.saturating_add(note.violations.len());
        for rule in &note.violations {
            writeln!(self.out, "{:MARGIN$}{WARNING}! {}: {rule}{WARNING:#}", "", rule.id())?;
        }
        Ok(())
    }

    /// Writes the time, or the position in a raw stream.
    fn margin(&mut self, time: Option<f64>, at: u64) -> io::Result<()> {
        match time {
            Some(time) => write!(self.out, "{FAINT}{time:>8.3}{FAINT:#}  "),
            None => write!(self.out, "{FAINT}{at:>8}{FAINT:#}  "),
        }
    }

    /// Writes a line of the transcript, wrapped, and the note behind it.
    fn lines(&mut self, line: &str, brief: &str, style: Style) -> io::Result<()> {
        let mut lines = if self.options.full { vec![line.to_owned()] } else { short_lines(line) }.into_iter();
        let mut last = lines.next().unwrap_or_default();
        let mut column = last.len();
        let name =
            last.get(2..).and_then(|rest| rest.find(' ')).map_or(last.len(), |at| at.saturating_add(2));
        last.insert_str(name, &format!("{style:#}"));
        last.insert_str(0, &style.to_string());
        for next in lines {
            writeln!(self.out, "{last}")?;
            last = format!("{INDENT}{next}");
            column = last.len().saturating_sub(MARGIN);
        }
        if brief.is_empty() {
            return writeln!(self.out, "{last}");
        }
        if column.saturating_add(brief.len()) > LINE {
            writeln!(self.out, "{last}")?;
            (last, column) = (" ".repeat(MARGIN), 0);
        }
        let gap = FRAME.saturating_sub(column).max(2);
        writeln!(self.out, "{last}{:gap$}{FAINT}{brief}{FAINT:#}", "")
    }

    fn more(&mut self, note: &Note) -> io::Result<()> {
        for (name, text) in &note.more {
            let mut name = *name;
            for line in wrapped(text.split_inclusive(" | ").map(str::trim_end), CONTINUED) {
                writeln!(self.out, "{:MARGIN$}{FAINT}  {name:<8} {line}{FAINT:#}", "")?;
                name = "";
            }
        }
        Ok(())
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let (what, error) = match finding {
            Finding::Clean | Finding::Unknown => return Ok(()),
            Finding::Deviation(error) => {
                self.deviations = self.deviations.saturating_add(1);
                (error.deviation().map_or("tolerated", Deviation::rule), error)
            }
            Finding::Undecodable(error) => ("not decodable", error),
            Finding::Different => {
                return writeln!(self.out, "{:MARGIN$}{WARNING}! re-encoded differently{WARNING:#}", "");
            }
        };
        writeln!(self.out, "{:MARGIN$}{WARNING}! {what}: {error}{WARNING:#}", "")
    }

    fn event(&mut self, event: Event, piece: &Piece) -> io::Result<()> {
        self.margin(piece.time, 0)?;
        let side = piece.side;
        let text = match event {
            Event::Eof => format!("the {side} closes"),
            Event::Reset => format!("the {side} resets the connection"),
            Event::Cut => format!("the {side} is cut off"),
            Event::Refused => format!("the {side} refuses the connection"),
        };
        writeln!(self.out, "{FAINT}- {text}{FAINT:#}")
    }

    fn end(&mut self, streams: &[Stream; 2]) -> io::Result<()> {
        for (side, stream) in Side::BOTH.iter().zip(streams).filter(|(_, stream)| stream.pending() > 0) {
            let pending = stream.pending();
            writeln!(
                self.out,
                "{:MARGIN$}{WARNING}! {pending} bytes of an unfinished frame from the {side}{WARNING:#}",
                ""
            )?;
        }
        let ([mta, filter], deviations, violations) = (self.frames, self.deviations, self.violations);
        writeln!(
            self.out,
            "\n{FAINT}# {mta} frames from the MTA, {filter} from the filter, {deviations} deviations tolerated, {violations} violations{FAINT:#}",
        )
    }
}

/// A line of the transcript with long texts shortened, wrapped between its words.
fn short_lines(line: &str) -> Vec<String> {
    let mut words: Vec<_> = words(line).map(shortened).collect();
    // A macro and its value belong together, and so do a stage and its list.
    let paired = match words.get(1).map(String::as_str) {
        Some("MACRO") => 3,
        Some("OPTNEG") => 5,
        _ => words.len(),
    };
    let pairs = words.split_off(paired.min(words.len()));
    words.extend(pairs.chunks(2).map(|pair| pair.join(" ")));
    wrapped(words.iter().map(String::as_str), CONTINUED)
}
