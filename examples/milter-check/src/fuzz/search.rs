//! Plays many sessions, and makes those that show something as short as possible.

use core::time::Duration;
use std::collections::BTreeMap;

use milter_proto::conformance::filter::Profile;
use milter_proto::conformance::{Event, Scenario};
use milter_proto::order::CommandKind;
use milter_proto::testing::strategies::{nearly_session, session};
use milter_proto::testing::{Misbehaviour, Session};
use milter_proto::wire::FrameBuf;
use proptest::prop_oneof;
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::found::{Found, Kind};
use super::play::{Peer, Played, play};
use super::shrink::shrink;
use crate::signals;

/// A filter under test.
pub(crate) struct Target<'t> {
    pub(crate) peer: &'t mut dyn Peer,
    pub(crate) profile: &'t Profile,
}

impl Target<'_> {
    pub(super) fn play(&mut self, session: &Session, name: &str) -> Result<Played, String> {
        play(self.peer, self.profile, session, name)
    }

    pub(super) fn restart(&mut self) -> Result<bool, String> {
        self.peer.restart().map_err(|error| error.to_string())
    }
}

/// What to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// The numbers of the sessions.
    pub(crate) first: u32,
    pub(crate) count: u32,
    /// Whether the texts of commands are ASCII.
    pub(crate) is_ascii: bool,
    /// Whether notes are findings.
    pub(crate) is_strict: bool,
    /// How much may be spent on making one finding shorter.
    pub(crate) most_steps: u32,
    pub(crate) most_time: Duration,
    /// The most different findings, after which the search ends.
    pub(crate) most_findings: usize,
}

/// One finding, with the shortest session that shows it.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What the first sessions showed that led to it.
    first: Vec<Found>,
    /// What the shortest session shows.
    pub(crate) found: Found,
    /// The number of the first session that showed it.
    pub(crate) number: u32,
    /// How many sessions showed something like it.
    pub(crate) times: usize,
    pub(crate) session: Session,
    pub(crate) scenario: Scenario,
    pub(crate) record: Vec<Event>,
    /// How many sessions were played to make it shorter; `None` if that was not possible.
    pub(crate) steps: Option<u32>,
    /// Whether it showed again at the end, with the full timeout.
    pub(crate) is_sure: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) played: usize,
    pub(crate) legal: usize,
    pub(crate) skipped: usize,
    pub(crate) findings: Vec<Finding>,
    /// What is allowed, but was noted.
    pub(crate) notes: BTreeMap<Kind, usize>,
    /// Why the search ended early.
    pub(crate) stopped: Option<String>,
}

/// Plays all sessions of a plan. `tell` is called after each.
///
/// # Errors
/// Why the first session could not be played.
pub(crate) fn search(
    target: &mut Target<'_>,
    plan: &Plan,
    tell: &mut dyn FnMut(&Results),
) -> Result<Results, String> {
    let sessions = sessions(plan.is_ascii);
    let mut results = Results::default();
    for number in plan.first..plan.first.saturating_add(plan.count) {
        let mut tree = sessions
            .new_tree(&mut runner(plan.seed, number))
            .map_err(|reason| format!("no session could be generated: {reason}"))?;
        let session = tree.current();
        let played = target.play(&session, &name(plan, number));
        if let Some(signal) = signals::caught() {
            results.stopped = Some(signal.to_string());
            break;
        }
        let mut played = played?;
        if played.unreachable.is_some() && target.restart()? {
            played = target.play(&session, &name(plan, number))?;
        }
        if let Some(why) = &played.unreachable {
            if results.played == 0 {
                return Err(format!("cannot connect: {why}"));
            }
            results.stopped =
                Some(format!("it died some time after session {}: {why}", number.saturating_sub(1)));
            break;
        }
        results.played = results.played.saturating_add(1);
        results.legal = results.legal.saturating_add(usize::from(session.broken_rule().is_none()));
        results.skipped = results.skipped.saturating_add(usize::from(played.is_skipped));
        take(target, plan, &mut results, number, &mut *tree, played)?;
        tell(&results);
        if results.stopped.is_none() && results.findings.len() >= plan.most_findings {
            results.stopped = Some(format!("{} different findings are enough", plan.most_findings));
        }
        if results.stopped.is_some() {
            break;
        }
    }
    Ok(results)
}

/// Takes what a session showed.
fn take(
    target: &mut Target<'_>,
    plan: &Plan,
    results: &mut Results,
    number: u32,
    tree: &mut dyn ValueTree<Value = Session>,
    played: Played,
) -> Result<(), String> {
    let Some(found) = played.found else { return Ok(()) };
    if found.is_note && !plan.is_strict {
        let count = results.notes.entry(found.kind).or_default();
        *count = count.saturating_add(1);
        return Ok(());
    }
    let is_dead = found.is_deadly() && !target.restart()?;
    if let Some(known) =
        results.findings.iter_mut().find(|known| known.first.iter().any(|first| first.is_like(&found)))
    {
        known.times = known.times.saturating_add(1);
    } else {
        let mut finding = Finding {
            first: vec![found.clone()],
            found,
            number,
            times: 1,
            session: tree.current(),
            scenario: played.scenario,
            record: played.record,
            steps: None,
            is_sure: false,
        };
        if !is_dead {
            shrink(target, plan, tree, &mut finding)?;
        }
        let is_known = |known: &&mut Finding| known.steps.is_some() && known.found.is_like(&finding.found);
        match results.findings.iter_mut().find(is_known) {
            Some(known) => {
                known.times = known.times.saturating_add(1);
                known.first.append(&mut finding.first);
            }
            None => results.findings.push(finding),
        }
    }
    if is_dead {
        results.stopped =
            Some("the filter does not answer any more, and --start does not say how to start it".to_owned());
    }
    Ok(())
}

/// One legal session for two that are nearly so. Every kind of session shrinks to a legal one.
fn sessions(is_ascii: bool) -> BoxedStrategy<Session> {
    let sessions = prop_oneof![1 => session(), 2 => nearly_session()];
    if is_ascii { sessions.prop_map(in_ascii).boxed() } else { sessions.boxed() }
}

/// The session with another byte in place of each that is not ASCII, in the texts of its frames.
pub(super) fn in_ascii(mut session: Session) -> Session {
    let faulty = match &mut session.fault {
        Some((_, Misbehaviour::Insert(frame) | Misbehaviour::Replace(frame))) => Some(frame),
        _ => None,
    };
    for frame in session.commands.iter_mut().chain(faulty) {
        let mut payload = frame.as_frame().payload().to_vec();
        let texts = match CommandKind::from_code(frame.as_frame().code()) {
            Some(CommandKind::Negotiate | CommandKind::Body) => 0,
            // After the host, there are numbers.
            Some(CommandKind::Connect) => payload.iter().position(|byte| *byte == 0).unwrap_or_default(),
            _ => payload.len(),
        };
        payload.iter_mut().take(texts).filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'x');
        *frame = FrameBuf::new(frame.as_frame().code(), payload);
    }
    session
}

/// The sessions of a seed, in order.
#[cfg(test)]
pub(super) fn sessions_of(seed: u64) -> impl Iterator<Item = Session> {
    let sessions = sessions(false);
    (0..).map(move |number| sessions.new_tree(&mut runner(seed, number)).unwrap().current())
}

/// The same randomness for the same seed and number.
fn runner(seed: u64, number: u32) -> TestRunner {
    let mut bytes = [0; 32];
    let words = seed.to_be_bytes().into_iter().chain(number.to_be_bytes());
    bytes.iter_mut().zip(words).for_each(|(byte, word)| *byte = word);
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// The name in the id of a scenario.
pub(super) fn name(plan: &Plan, number: u32) -> String {
    format!("seed-{}-session-{number}", plan.seed)
}
