//! `--check`: is every frame understood, and does it come back as the bytes that it was?

use core::fmt;
use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;

use milter_proto::Monitor;
use milter_proto::monitor::Observation;
use milter_proto::order::Rule;
use milter_proto::wire::{
    Command, DecodeError, Deviation, Direction, Frame, OutgoingFrame, Response, Tolerance, code_name,
};

use crate::capture::{Side, What};
use crate::source::{Fault, NoFrame, Source, Stream};

/// The most of a stream that is decoded in one piece, in bytes.
const LARGEST_PIECE: usize = 16 * 1024 * 1024;

/// Findings of one file that are told one by one.
const TOLD: usize = 8;

/// The sums over all files.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    files: u64,
    frames: u64,
    undecodable: u64,
    different: u64,
    violations: u64,
    broken: u64,
}

impl Totals {
    /// Adds a file, and whether it could be read to its end.
    pub(crate) const fn add(&mut self, report: &Report, is_whole: bool) {
        self.files = self.files.saturating_add(1);
        self.frames = self.frames.saturating_add(report.frames);
        self.undecodable = self.undecodable.saturating_add(report.undecodable);
        self.different = self.different.saturating_add(report.different);
        self.violations = self.violations.saturating_add(report.violations);
        self.broken = self.broken.saturating_add(if is_whole { 0 } else { 1 });
    }

    /// Whether nothing was wrong with us. Deviations, violations and codes that nobody knows are the peers'.
    pub(crate) const fn is_clean(&self) -> bool {
        self.undecodable == 0 && self.different == 0 && self.broken == 0
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, frames, undecodable, different, violations, .. } = self;
        write!(
            f,
            "{files} files, {frames} frames, {undecodable} undecodable, {different} re-encoded differently, {violations} violations"
        )
    }
}

/// What was found in a file.
#[derive(Debug, Default)]
pub(crate) struct Report {
    frames: u64,
    undecodable: u64,
    different: u64,
    unknown: u64,
    deviations: u64,
    violations: u64,
    /// A line for each of the first findings.
    details: Vec<String>,
    unfinished: Vec<(Side, usize)>,
}

impl Report {
    /// Decodes a file to its end, or to the first place where it cannot be read on.
    pub(crate) fn of(source: &mut Source) -> (Self, Result<(), Fault>) {
        let mut report = Self::default();
        let mut lanes = Side::BOTH.map(Lane::new);
        let mut monitor = matches!(source, Source::Capture(..)).then(Monitor::new);
        let result = report.read(source, &mut lanes, &mut monitor);
        for lane in lanes {
            report.finish(lane);
        }
        (report, result)
    }

    /// The first findings, a line each.
    pub(crate) fn details(&self) -> &[String] {
        &self.details
    }

    fn read(
        &mut self,
        source: &mut Source,
        lanes: &mut [Lane; 2],
        monitor: &mut Option<Monitor>,
    ) -> Result<(), Fault> {
        for piece in source {
            let piece = piece?;
            let What::Bytes(bytes) = piece.what else { continue };
            let [mta, filter] = &mut *lanes;
            let lane = if piece.side == Side::Mta { mta } else { filter };
            let captured = lane.captured.feed(&bytes, |at, frame| {
                self.frame(piece.side, at, frame);
                if let Some(monitor) = monitor {
                    self.judge(piece.side, at, &monitor.observe(piece.side.direction(), frame));
                }
            });
            lane.feed_again(&bytes);
            captured.map_err(|error| Fault::Stream { place: piece.place, error })?;
        }
        Ok(())
    }

    fn frame(&mut self, side: Side, at: u64, frame: Frame<'_>) {
        self.frames = self.frames.saturating_add(1);
        let what = match Finding::of(side.direction(), frame) {
            Finding::Clean => return,
            Finding::Unknown => {
                self.unknown = self.unknown.saturating_add(1);
                format!("{:#04x} is no code of this direction", frame.code())
            }
            Finding::Deviation(error) => {
                self.deviations = self.deviations.saturating_add(1);
                let rule = error.deviation().map_or("no rule", Deviation::rule);
                format!("tolerated by {rule}: {error}")
            }
            Finding::Undecodable(error) => {
                self.undecodable = self.undecodable.saturating_add(1);
                format!("undecodable: {error}")
            }
            Finding::Different => {
                self.different = self.different.saturating_add(1);
                format!("re-encoded differently: {}", code_name(frame.code()).unwrap_or("frame"))
            }
        };
        self.tell(format!("{side}, byte {at}: {what}"));
    }

    /// Counts the rules of order that a frame breaks. Payloads are judged by [`Finding`].
    fn judge(&mut self, side: Side, at: u64, observation: &Observation<'_>) {
        for rule in observation.violations().filter(|&rule| rule != Rule::MalformedPayload) {
            self.violations = self.violations.saturating_add(1);
            self.tell(format!("{side}, byte {at}: violation {}: {}: {rule}", rule.id(), observation.context));
        }
    }

    fn tell(&mut self, detail: String) {
        if self.details.len() < TOLD {
            self.details.push(detail);
        }
    }

    fn finish(&mut self, mut lane: Lane) {
        lane.flush();
        let captured = &lane.captured;
        for (other, how) in [(&lane.bytewise, "byte by byte"), (&lane.whole, "in one piece")] {
            if captured.outcome() != other.outcome() {
                self.different = self.different.saturating_add(1);
                self.tell(format!("{}: decoded {how}, the stream gives other frames", lane.side));
            }
        }
        if captured.stream.pending() > 0 {
            self.unfinished.push((lane.side, captured.stream.pending()));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames, {} deviations tolerated", self.frames, self.deviations)?;
        for (count, what) in [
            (self.violations, "violations"),
            (self.unknown, "unknown"),
            (self.undecodable, "undecodable"),
            (self.different, "re-encoded differently"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        for (side, bytes) in &self.unfinished {
            write!(f, ", {bytes} bytes of an unfinished frame from the {side}")?;
        }
        Ok(())
    }
}

/// What is to be said about a frame.
pub(crate) enum Finding {
    /// It has the clean form, and encoding its meaning gives the same bytes.
    Clean,
    /// Its code has no meaning. It is held and sent on as it is.
    Unknown,
    /// It departs from the clean form, but real receivers read it.
    Deviation(DecodeError),
    /// It has no meaning.
    Undecodable(DecodeError),
    /// Encoding its meaning gives other bytes: a fault of this library.
    Different,
}

impl Finding {
    pub(crate) fn of(direction: Direction, frame: Frame<'_>) -> Self {
        let clean = match direction {
            Direction::ToFilter => Command::parse(frame)
                .map(|command| (command.encode() == frame.encode(), matches!(command, Command::Other(_)))),
            Direction::ToMta => Response::parse(frame).map(|response| {
                (response.encode() == frame.encode(), matches!(response, Response::Other(_)))
            }),
        };
        match clean {
            Ok((false, _)) => Self::Different,
            Ok((true, true)) => Self::Unknown,
            Ok((true, false)) => Self::Clean,
            Err(_) => Self::of_deviation(direction, frame),
        }
    }

    fn of_deviation(direction: Direction, frame: Frame<'_>) -> Self {
        let tolerated = match direction {
            Direction::ToFilter => Command::parse_as(frame, Tolerance::LENIENT)
                .map(|decoded| (decoded.encode(), decoded.deviation)),
            Direction::ToMta => Response::parse_as(frame, Tolerance::LENIENT)
                .map(|decoded| (decoded.encode(), decoded.deviation)),
        };
        match tolerated {
            Err(error) => Self::Undecodable(error),
            Ok((again, Some(deviation))) if is_same(again, frame) => Self::Deviation(deviation),
            Ok(_) => Self::Different,
        }
    }
}

fn is_same(again: OutgoingFrame<'_>, frame: Frame<'_>) -> bool {
    again == frame.encode()
}

/// The stream of one side, decoded three times: as it was captured, byte by byte, and whole.
struct Lane {
    side: Side,
    captured: Cutting,
    bytewise: Cutting,
    whole: Cutting,
    gathered: Vec<u8>,
}

impl Lane {
    fn new(side: Side) -> Self {
        let [captured, bytewise, whole] = [Cutting::new(side), Cutting::new(side), Cutting::new(side)];
        Self { side, captured, bytewise, whole, gathered: Vec::new() }
    }

    /// Decodes the other two ways. Their errors are part of what is compared at the end.
    fn feed_again(&mut self, bytes: &[u8]) {
        for byte in bytes.chunks(1) {
            let _ = self.bytewise.feed(byte, |_, _| {});
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= LARGEST_PIECE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let _ = self.whole.feed(&self.gathered, |_, _| {});
        self.gathered.clear();
    }
}

/// One way to cut a stream, and what came of it.
struct Cutting {
    stream: Stream,
    frames: u64,
    digest: DefaultHasher,
    error: Option<NoFrame>,
}

impl Cutting {
    fn new(side: Side) -> Self {
        Self { stream: Stream::new(side), frames: 0, digest: DefaultHasher::new(), error: None }
    }

    fn feed(&mut self, mut input: &[u8], mut visit: impl FnMut(u64, Frame<'_>)) -> Result<(), NoFrame> {
        loop {
            match self.stream.next_frame(&mut input) {
                Ok(None) => return Ok(()),
                Ok(Some((at, frame))) => {
                    self.frames = self.frames.saturating_add(1);
                    (at, frame).hash(&mut self.digest);
                    visit(at, frame);
                }
                Err(error) => {
                    self.error = Some(error);
                    return Err(error);
                }
            }
        }
    }

    /// What must be the same however the stream is cut.
    fn outcome(&self) -> (u64, u64, Option<NoFrame>, usize) {
        (self.frames, self.digest.finish(), self.error, self.stream.pending())
    }
}
