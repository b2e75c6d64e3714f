//! The first session: what an MTA offers, and whether the default message passes.

use core::fmt;

use milter_proto::conformance::mta::FailureAction;
use milter_proto::conformance::{Event, Scenario, ScenarioError, Verdict, mta_scenarios};
use milter_proto::wire::{Actions, Command, Direction, Offer, Steps};

use super::MtaBench;
use crate::results::Difference;
use crate::transcript::{self, Extent, decode};

/// It is a scenario like all others, so that it does what the others do.
const SESSION: &str = "
[mta/first/session] must NEG-1
The MTA offers a version, and accepts a message that the filter lets pass
session
message
";

/// The scenario that shows the failure action.
const FAILURE: &str = "mta/ending/failure-action";

/// What an MTA is like.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    offer: Option<Offer>,
    failure: FailureAction,
    /// The rule that the MTA broke, and how.
    fault: Option<String>,
}

/// Runs the first session, and finds out the failure action. If that cannot be done, tells why, and shows a transcript.
///
/// An MTA that asks the filter, but breaks a rule with it, can be tested: what is wrong is for the scenarios.
pub(crate) fn session(bench: &mut MtaBench) -> Result<Facts, (String, String)> {
    let without = |why: String| (why, String::new());
    let scenarios = Scenario::read_all(SESSION).map_err(|error| without(error.to_string()))?;
    let scenario = scenarios.first().ok_or_else(|| without("no scenario".to_owned()))?;
    let (played, _) = bench.play_with_failure(scenario);
    if let Some(why) = played.unreachable {
        return Err(without(format!("cannot connect: {why}")));
    }
    let lines = transcript::lines(scenario, &played.row.record, Extent::Short);
    let transcript = transcript::text(&lines);
    let mut facts = Facts::of(&played.row.record);
    let asks = facts.offer.is_some() && !is_refused(&played.row.record);
    let fault = played.row.mismatch.as_ref().filter(|_| played.row.verdict == Verdict::Fail);
    if let Some((rule, it)) = fault.and_then(|it| Some((it.rule.filter(|_| asks)?, it))) {
        facts.fault = Some(format!("the MTA broke rule {rule}: expected {}, got {}", it.expected, it.got));
    } else if let Some(it) = fault {
        return Err((why_not(&played.row.record, it, played.has_timed_out), transcript));
    }
    if bench.profile.failure == FailureAction::Unknown {
        let all = mta_scenarios().map_err(|error: ScenarioError| without(error.to_string()))?;
        if let Some(scenario) = all.iter().find(|it| it.id == FAILURE) {
            bench.profile.failure = bench.play_with_failure(scenario).1;
        }
    }
    facts.failure = bench.profile.failure;
    Ok(facts)
}

/// Whether the MTA still accepts a message; if not, why.
pub(crate) fn probe(bench: &MtaBench) -> Result<(), String> {
    let scenarios = Scenario::read_all(SESSION).map_err(|error| error.to_string())?;
    let scenario = scenarios.first().ok_or("no scenario")?;
    let (played, _) = bench.play_with_failure(scenario);
    match (played.unreachable, played.row.mismatch) {
        (Some(why), _) => Err(why),
        (None, Some(it)) if played.row.verdict == Verdict::Fail => {
            Err(format!("expected {}, got {}", it.expected, it.got))
        }
        _ => Ok(()),
    }
}

/// Why no scenario can be run, in one sentence.
fn why_not(record: &[Event], difference: &Difference, has_timed_out: bool) -> String {
    let last = record.iter().rev().find_map(|event| match event {
        Event::SmtpReply(text) => Some(text.as_str()),
        _ => None,
    });
    let is_smtp = |reply: &str| reply.bytes().take_while(u8::is_ascii_digit).count() == 3;
    match last {
        None if has_timed_out => {
            "no SMTP reply came in time: is this an SMTP server, and is the port right?".to_owned()
        }
        Some(reply) if !is_smtp(reply) => {
            format!("{reply:?} is no SMTP reply: is this an SMTP server, and is the port right?")
        }
        Some(reply) if !has_milter(record) => {
            format!("the MTA does not connect to the filter, and its last SMTP reply is {reply:?}")
        }
        None if !has_milter(record) => {
            format!("the MTA does not connect to the filter: got {}", difference.got)
        }
        Some(reply) if is_refused(record) => {
            format!(
                "the MTA refuses the first message with {reply:?}: --profile names addresses that it accepts"
            )
        }
        _ => format!("in the first session: expected {}, got {}", difference.expected, difference.got),
    }
}

/// Whether the SMTP client got a refusal.
fn is_refused(record: &[Event]) -> bool {
    record.iter().any(|event| matches!(event, Event::SmtpReply(text) if text.starts_with(['4', '5'])))
}

fn has_milter(record: &[Event]) -> bool {
    record.iter().any(|event| matches!(event, Event::Bytes(..)))
}

impl Facts {
    fn of(record: &[Event]) -> Self {
        let offer = record.iter().find_map(|event| {
            let Event::Bytes(Direction::ToFilter, bytes) = event else { return None };
            match Command::parse(decode(bytes)?) {
                Ok(Command::Negotiate(offer)) => Some(offer),
                _ => None,
            }
        });
        Self { offer, ..Self::default() }
    }

    /// What was wrong in the first session, which most scenarios begin like.
    pub(crate) fn warning(&self) -> Option<String> {
        let fault = self.fault.as_ref()?;
        Some(format!(
            "the first session: {fault}; most scenarios begin like it: what fails may have this cause"
        ))
    }
}

/// One line: `offers version 6, all actions, all steps; when the filter fails: 4xx`.
impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(offer) = self.offer else { return f.write_str("no OPTNEG") };
        write!(f, "offers version {}", offer.version)?;
        let actions = Actions::NAMES.iter().filter(|(bit, _)| !offer.actions.contains(*bit));
        missing(f, "actions", actions.map(|(_, name)| *name).collect())?;
        let all = Steps::NAMES.iter().filter(|(bit, _)| Steps::ALL.contains(*bit));
        let steps = all.filter(|(bit, _)| !offer.steps.contains(*bit));
        missing(f, "steps", steps.map(|(_, name)| *name).collect())?;
        f.write_str("; when the filter fails: ")?;
        f.write_str(match self.failure {
            FailureAction::Unknown => "not known",
            FailureAction::Pass => "mail passes",
            FailureAction::Tempfail => "4xx",
            FailureAction::Reject => "5xx",
            FailureAction::Shutdown => "421",
        })
    }
}

fn missing(f: &mut fmt::Formatter<'_>, what: &str, names: Vec<&str>) -> fmt::Result {
    if names.is_empty() { write!(f, ", all {what}") } else { write!(f, ", {what} but {}", names.join(" ")) }
}
