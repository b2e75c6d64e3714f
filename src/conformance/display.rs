//! A run as text: its scenario, its transcript, and its result.

use alloc::string::{String, ToString};
use core::fmt;

use super::{Event, FilterRun, MtaRun, Outcome, Scenario};
use crate::Limits;
use crate::transcript::Line;
use crate::wire::{Direction, Frame};

/// The most characters of a line, and the most bytes that are shown as hexadecimal digits.
const MOST_CHARACTERS: usize = 400;
const MOST_BYTES: usize = 64;

/// The scenario, the transcript so far, and the result: for the message of a failed test.
///
/// `=` begins a step of the scenario, `>` is a frame to the filter and `<` one to the MTA; `>>` and `<<` are bytes that are no
/// frame, `C:` and `S:` are lines of SMTP, and `#` is something else that happened. Long lines are shortened.
///
/// # Examples
/// A filter that closes the connection at every command but OPTNEG:
/// ```
/// use core::ops::ControlFlow;
/// use milter_proto::conformance::{FilterRun, Scenario, filter};
///
/// let text = "
/// [filter/mine/helo] must ORD-34
/// HELO gets one reply
/// > OPTNEG 6 0x1ff 0x1fffff
/// < OPTNEG
/// > HELO \"mx.example\"
/// < reply
/// ";
/// let scenarios = Scenario::read_all(text)?;
/// let profile = filter::Profile::default();
/// let mut run = FilterRun::new(&scenarios[0], &profile);
/// run.in_memory(|| {
///     |bytes: &[u8], out: &mut Vec<u8>| {
///         if bytes.get(4) != Some(&b'O') {
///             return ControlFlow::Break(());
///         }
///         out.extend(b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\0");
///         ControlFlow::Continue(())
///     }
/// });
/// let shown = "\
/// filter/mine/helo (must, ORD-34): HELO gets one reply
///   ## connected
/// = > OPTNEG 6 0x1ff 0x1fffff
///   > OPTNEG 6 0x1ff 0x1fffff
/// = < OPTNEG
///   < OPTNEG 6 0x0 0x0
/// = > HELO \"mx.example\"
///   > HELO \"mx.example\"
/// = < reply
///   ## the filter closed the connection
/// fail
///   expected: the reply to HELO
///   got: the filter closed the connection";
/// assert_eq!(run.to_string(), shown);
/// # Ok::<(), milter_proto::conformance::ScenarioError>(())
/// ```
impl fmt::Display for FilterRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_run(f, self.scenario(), self.record(), self.outcome())
    }
}

/// The scenario, the transcript so far, and the result, as for a [`FilterRun`].
impl fmt::Display for MtaRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_run(f, self.scenario(), self.record(), self.outcome())
    }
}

fn write_run(
    f: &mut fmt::Formatter<'_>,
    scenario: &Scenario,
    record: &[Event],
    outcome: Option<&Outcome>,
) -> fmt::Result {
    let Scenario { id, level, title, .. } = scenario;
    writeln!(f, "{id} ({level}, {}): {title}", scenario.rules.join(", "))?;
    for event in record {
        match event {
            Event::Step(step) => {
                let text = scenario.steps.get(*step).map_or("", |step| &step.text);
                writeln!(f, "= {}", Short(text))?;
            }
            Event::Bytes(direction, bytes) => write_bytes(f, *direction, bytes)?,
            Event::Client(text) => write_lines(f, "C:", text)?,
            Event::SmtpReply(text) => write_lines(f, "S:", text)?,
            Event::Note(text) => write_lines(f, "#", text)?,
        }
    }
    let Some(outcome) = outcome else { return f.write_str("not finished") };
    f.write_str(outcome.verdict.name())?;
    if let Some(why) = &outcome.why {
        write!(f, ": {why}")?;
    }
    if let Some(it) = &outcome.mismatch {
        write!(f, "\n  expected: {}\n  got: {}", Short(&it.expected), Short(&it.got))?;
    }
    Ok(())
}

/// A whole frame, or bytes that are none.
fn write_bytes(f: &mut fmt::Formatter<'_>, direction: Direction, bytes: &[u8]) -> fmt::Result {
    let most = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let limits = Limits::DEFAULT.with_max_receive_payload(most);
    if let Ok(Some((frame, []))) = Frame::split(bytes, limits) {
        return writeln!(f, "  {}", Short(&Line::new(direction, frame).to_string()));
    }
    f.write_str(if direction == Direction::ToFilter { "  >> " } else { "  << " })?;
    for byte in bytes.iter().take(MOST_BYTES) {
        write!(f, "{byte:02x}")?;
    }
    if bytes.len() > MOST_BYTES {
        write!(f, " … {} bytes in all", bytes.len())?;
    }
    writeln!(f)
}

fn write_lines(f: &mut fmt::Formatter<'_>, sign: &str, text: &str) -> fmt::Result {
    text.lines().try_for_each(|line| writeln!(f, "  {sign} {}", Short(line)))
}

/// A text of which only the beginning is shown if it is long.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.chars().count();
        if count <= MOST_CHARACTERS {
            return f.write_str(self.0);
        }
        let begin: String = self.0.chars().take(MOST_CHARACTERS).collect();
        write!(f, "{begin} … {count} characters in all")
    }
}
