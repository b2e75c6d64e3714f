//! A difference as text: what was sent, and what each of the two did, side by side.

use core::fmt::Write as _;

use milter_proto::Limits;
use milter_proto::transcript::Line;
use milter_proto::wire::{Assembler, Direction, Frame};

use crate::observation::{Observation, Outcome};
use crate::pair::Difference;
use crate::rules::RuleSet;
use crate::stream::{Stream, cut};

/// Width of a column.
const WIDTH: usize = 58;
/// Bytes that are shown in hexadecimal.
const MOST: usize = 600;

/// Writes a report.
pub(crate) fn report(rules: &RuleSet, stream: &Stream, difference: &Difference) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "rules {}: {}", rules.name, quoted(rules.arguments));
    let writes: Vec<String> = stream.writes().iter().map(|write| write.len().to_string()).collect();
    let _ = writeln!(
        out,
        "sent in writes of {} bytes; the difference is {}",
        writes.join(", "),
        difference.place
    );
    sent(&mut out, &stream.bytes);
    let (libmilter, ours) = (&difference.libmilter, &difference.ours);
    heading(&mut out, "libmilter", "ours");
    columns(&mut out, &replies(libmilter), &replies(ours));
    heading(&mut out, "its callbacks", "our callbacks");
    columns(&mut out, &callbacks(libmilter), &callbacks(ours));
    heading(&mut out, "its end", "our end");
    columns(&mut out, &[end(libmilter)], &[end(ours)]);
    out
}

/// Arguments as a shell takes them.
fn quoted(arguments: &[&str]) -> String {
    let quoted = arguments.iter().map(|argument| match argument.starts_with("--") {
        true => (*argument).to_owned(),
        false => format!("'{argument}'"),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn sent(out: &mut String, bytes: &[u8]) {
    let (frames, rest) = cut(bytes);
    for frame in &frames {
        let line = Line::new(Direction::ToFilter, Frame::new(frame.code, frame.payload));
        let claims = u32::try_from(frame.payload.len().saturating_add(1)) != Ok(frame.length);
        let note = if claims { format!("   (length {:#x})", frame.length) } else { String::new() };
        let _ = writeln!(out, "  {}{note}", shortened(&line.to_string(), 2 * WIDTH));
    }
    if !rest.is_empty() {
        let _ = writeln!(out, "  no whole frame: {}", shortened(&hex::encode(rest), WIDTH));
    }
    let _ = writeln!(out, "  hex: {}", shortened(&hex::encode(bytes), MOST));
}

/// The frames that came back, and what is left of the last one.
fn replies(observation: &Observation) -> Vec<String> {
    let mut assembler = Assembler::with_limits(Vec::new(), Limits::DEFAULT);
    let mut input = &observation.replies[..];
    let mut lines = Vec::new();
    while let Ok(Some(frame)) = assembler.next_frame(&mut input) {
        lines.push(Line::new(Direction::ToMta, frame).to_string());
    }
    if assembler.pending() > 0 {
        lines.push(format!("{} bytes of a frame", assembler.pending()));
    }
    lines
}

fn callbacks(observation: &Observation) -> Vec<String> {
    observation.callbacks.iter().map(ToString::to_string).collect()
}

fn end(observation: &Observation) -> String {
    match &observation.outcome {
        Outcome::Closed => "closed".to_owned(),
        Outcome::Silent => "THE DEADLINE PASSED".to_owned(),
        Outcome::Died(status) => format!("the program is gone: {status}"),
        Outcome::Muddled(what) => what.clone(),
    }
}

fn heading(out: &mut String, left: &str, right: &str) {
    let _ = writeln!(out, "  {left:-<WIDTH$}-+-{right:-<WIDTH$}");
}

/// Two columns; lines that differ are marked.
fn columns(out: &mut String, left: &[String], right: &[String]) {
    for row in 0..left.len().max(right.len()) {
        let (left, right) = (left.get(row), right.get(row));
        let mark = if left == right { ' ' } else { '!' };
        let cell = |text: Option<&String>| shortened(text.map_or("", |text| text), WIDTH);
        let _ = writeln!(out, "{mark} {:WIDTH$} | {}", cell(left), cell(right));
    }
}

/// A text of at most that many characters, cut in its middle.
fn shortened(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let half = most.saturating_sub(12).div_euclid(2);
    let (start, end): (String, String) =
        (text.chars().take(half).collect(), text.chars().skip(count.saturating_sub(half)).collect());
    format!("{start}...({count})...{end}")
}
