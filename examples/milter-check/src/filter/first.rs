//! The first session: what a filter negotiates, and whether the default message passes.

use core::fmt;
use core::time::Duration;
use std::io::{self, Write};

use milter_proto::conformance::{Event, Scenario, ScenarioError, Verdict};
use milter_proto::wire::{Actions, Answer, Command, Direction, Offer, Response, Steps, Version};

use super::FilterBench;
use super::link::{Last, read_within};
use crate::bench::{Limits, Played};
use crate::results::Difference;
use crate::spec::{Socket, Spec};
use crate::transcript::{self, Extent, decode, line};

/// It is a scenario like all others, so that it does what the others do.
const SESSION: &str = "
[filter/first/session] must NEG-16
The filter answers OPTNEG and a whole message
> OPTNEG 6 0x1ff 0x1fffff
< OPTNEG
message
";

/// Shows that a filter still answers.
const PROBE: &str = "
[filter/first/probe] must NEG-16
The filter answers OPTNEG
> OPTNEG 6 0x1ff 0x1fffff
< OPTNEG
";

/// How long a second connection waits for its answer while a first one is open.
const PARALLEL: Duration = Duration::from_secs(1);

/// What a filter is like.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    version: Option<Version>,
    actions: Actions,
    steps: Steps,
    edits: Vec<String>,
    /// The last verdict, in the notation of transcripts.
    verdict: Option<String>,
    has_more_after_quit: bool,
    /// Why the default message got no verdict.
    fault: Option<String>,
}

/// Why no scenario can be run.
#[derive(Debug)]
pub(crate) struct NoSession {
    pub(crate) why: String,
    record: Vec<Event>,
}

impl NoSession {
    /// What was sent and received until then.
    pub(crate) fn transcript(&self) -> String {
        let scenarios = Scenario::read_all(SESSION).unwrap_or_default();
        let lines = scenarios.first().map(|it| transcript::lines(it, &self.record, Extent::Short));
        transcript::text(&lines.unwrap_or_default())
    }
}

/// Runs the first session. A filter that sends any frame can be tested: what is wrong with its replies is for the scenarios.
pub(crate) fn session(bench: &FilterBench<'_>) -> Result<Facts, NoSession> {
    let session = one(SESSION, bench).map_err(|why| NoSession { why, record: Vec::new() })?;
    if session.has_frame() {
        return Ok(Facts { fault: session.fault(bench.limits), ..Facts::of(&session.record) });
    }
    let why = session.fault(bench.limits).unwrap_or_else(|| "no frame came".to_owned());
    let why = format!("{why}: is this a milter, and is the port right?");
    Err(NoSession { why, record: session.record })
}

/// The frame that a filter sends after QUIT; empty if it sends none, as it should. What came after QUIT in the first session may
/// have been a reply too many to something else, so it is looked at alone.
pub(crate) fn reply_to_quit(bench: &FilterBench<'_>, facts: &Facts) -> Vec<u8> {
    if !facts.has_more_after_quit {
        return Vec::new();
    }
    one(PROBE, bench).ok().and_then(|session| after_quit(&session.record)).unwrap_or_default()
}

/// The last frame that came after QUIT.
fn after_quit(record: &[Event]) -> Option<Vec<u8>> {
    let is_quit = |event: &Event| *event == Event::Bytes(Direction::ToFilter, bytes_of(&Command::Quit));
    let after = record.iter().skip_while(|event| !is_quit(event));
    let frames = after.filter_map(|event| match event {
        Event::Bytes(Direction::ToMta, bytes) => Some(bytes.clone()),
        _ => None,
    });
    frames.last()
}

/// Whether the filter still sends a frame after OPTNEG; if not, why.
pub(crate) fn probe(bench: &FilterBench<'_>) -> Result<(), String> {
    let session = one(PROBE, bench)?;
    session.fault(bench.limits).filter(|_| !session.has_frame()).map_or(Ok(()), Err)
}

/// A result that owns its scenario no longer.
struct Session {
    mismatch: Option<Difference>,
    record: Vec<Event>,
    last: Last,
}

impl Session {
    /// Whether the filter has sent anything that is a frame.
    fn has_frame(&self) -> bool {
        let is_frame = |event: &Event| match event {
            Event::Bytes(Direction::ToMta, bytes) => decode(bytes).is_some(),
            _ => false,
        };
        self.record.iter().any(is_frame)
    }

    /// What went wrong, in one sentence without an end.
    fn fault(&self, limits: Limits) -> Option<String> {
        let it = self.mismatch.as_ref()?;
        let at = self.last_command().unwrap_or_else(|| "the beginning".to_owned());
        Some(match self.last {
            Last::Closed => format!("the filter closed the connection at {at}"),
            Last::TimedOut => format!("nothing came within {} s after {at}", limits.timeout.as_secs_f64()),
            Last::Refused | Last::Other => format!("expected at {at}: {}; got: {}", it.expected, it.got),
        })
    }

    /// The name of the command that was sent last, apart from macros.
    fn last_command(&self) -> Option<String> {
        let names = self.record.iter().filter_map(|event| match event {
            Event::Bytes(direction @ Direction::ToFilter, bytes) => {
                line(*direction, bytes).split(' ').nth(1).map(str::to_owned)
            }
            _ => None,
        });
        names.rev().find(|name| name != "MACRO")
    }
}

fn one(text: &str, bench: &FilterBench<'_>) -> Result<Session, String> {
    let scenarios = Scenario::read_all(text).map_err(|error: ScenarioError| error.to_string())?;
    let scenario = scenarios.first().ok_or("no scenario")?;
    let (Played { row, unreachable, .. }, last) = bench.play_to_the_end(scenario);
    if let Some(why) = unreachable {
        return Err(format!("cannot connect: {why}"));
    }
    // What comes after QUIT is for the scenarios about it.
    let is_failed = row.verdict == Verdict::Fail;
    let mismatch = row.mismatch.filter(|it| is_failed && it.step < scenario.steps.len());
    Ok(Session { mismatch, record: row.record, last })
}

/// Whether the filter serves a second connection while a first one is open.
pub(crate) fn serves_several(spec: &Spec, limits: Limits) -> bool {
    let try_it = || -> io::Result<bool> {
        let first = spec.connect(limits.timeout)?;
        greet(&first)?;
        hear(&first, limits.timeout)?;
        let second = spec.connect(limits.timeout)?;
        greet(&second)?;
        let is_served = hear(&second, PARALLEL.min(limits.timeout)).is_ok_and(|count| count > 0);
        leave(&first)?;
        drop(first);
        if !is_served {
            hear(&second, limits.timeout)?;
        }
        leave(&second)?;
        Ok(is_served)
    };
    try_it().unwrap_or(false)
}

fn greet(mut socket: &Socket) -> io::Result<()> {
    socket.write_all(&bytes_of(&Command::Negotiate(Offer::FULL)))
}

fn leave(mut socket: &Socket) -> io::Result<()> {
    socket.write_all(&bytes_of(&Command::Quit))
}

fn bytes_of(command: &Command<'_>) -> Vec<u8> {
    command.encode().segments().flatten().copied().collect()
}

fn hear(socket: &Socket, limit: Duration) -> io::Result<usize> {
    read_within(socket, &mut [0; 4096], limit)
}

impl Facts {
    fn of(record: &[Event]) -> Self {
        let mut facts = Self { has_more_after_quit: after_quit(record).is_some(), ..Self::default() };
        for event in record {
            let Event::Bytes(direction @ Direction::ToMta, bytes) = event else { continue };
            let Some(frame) = decode(bytes) else { continue };
            match Response::parse(frame) {
                Ok(Response::Negotiate(answer)) => facts.note_answer(&answer),
                Ok(Response::Edit(_)) => {
                    facts.edits.extend(line(*direction, bytes).split(' ').nth(1).map(str::to_owned));
                }
                Ok(Response::Verdict(_)) => {
                    facts.verdict = Some(line(*direction, bytes).trim_start_matches("< ").to_owned());
                }
                _ => {}
            }
        }
        facts.edits.sort();
        facts.edits.dedup();
        facts
    }

    const fn note_answer(&mut self, answer: &Answer<'_>) {
        self.version = Some(answer.version);
        self.actions = answer.actions;
        self.steps = answer.steps;
    }

    /// What is wrong with the reply to the default message, which most scenarios send.
    pub(crate) fn warning(&self) -> Option<String> {
        if let Some(fault) = &self.fault {
            return Some(format!(
                "the first session: {fault}; most scenarios send such a message: what fails or is skipped may have this cause"
            ));
        }
        let verdict = self.verdict.as_deref().filter(|verdict| !matches!(*verdict, "CONTINUE" | "ACCEPT"))?;
        Some(format!(
            "the first session: the filter answers the default message with {verdict}; many scenarios need a message \
             that passes: describe one with --profile"
        ))
    }
}

/// One line: `version 6, declines HELO, no reply to HEADER, edits ADDHEADER`.
impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(version) = self.version else { return f.write_str("no answer to OPTNEG") };
        write!(f, "version {version}")?;
        let named = |set: Steps, prefix: &str| {
            let bits =
                Steps::NAMES.iter().filter(move |(bit, _)| set.contains(*bit) && self.steps.contains(*bit));
            bits.filter_map(|(_, name)| name.strip_prefix(prefix)).collect::<Vec<_>>().join(", ")
        };
        list(f, "declines", &named(Steps::NO_COMMAND, "NO_"))?;
        list(f, "no reply to", &named(Steps::NO_REPLY, "NO_REPLY_"))?;
        let actions = Actions::NAMES.iter().filter(|(bit, _)| self.actions.contains(*bit));
        list(f, "may", &actions.map(|(_, name)| *name).collect::<Vec<_>>().join(", "))?;
        list(f, "edits the default message with", &self.edits.join(", "))
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, names: &str) -> fmt::Result {
    if names.is_empty() { Ok(()) } else { write!(f, "; {title} {names}") }
}
