//! Every row of the tables of the law, lived through by sessions and counted: no row is out of reach, and
//! what a session does is what its row says.
//!
//! Breadth-first from the start, over every command and every verdict; nothing is switched off, unless the
//! row is about that. `law.rs` has what the rows say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, clippy::std_instead_of_alloc, reason = "a test has std")]

use core::fmt::Debug;
use core::hash::Hash;
use std::collections::{BTreeMap, HashSet};

use milter_proto::session::{
    CommandKind, Effect, FilterSession, FilterTurn, Monitor, MtaSession, MtaTurn, Policy, Reaction,
    ReceiveError, Rule, Scope, Sent, Stage, Switch, Transition, Violation, Why, switches, transitions,
    verdicts,
};
use milter_proto::wire::{
    Actions, Answer, Command, Direction, Frame, Offer, Response, Steps, Verdict, Version,
};

#[path = "support/alphabet.rs"]
mod alphabet;

/// How often each row was lived through.
#[derive(Debug)]
struct Hits<K>(BTreeMap<K, usize>);

impl<K: Ord + Debug + Copy> Hits<K> {
    fn of(rows: impl IntoIterator<Item = K>) -> Self {
        Self(rows.into_iter().map(|row| (row, 0)).collect())
    }

    fn count(&mut self, row: K) {
        *self.0.get_mut(&row).unwrap_or_else(|| panic!("no row {row:?}")) += 1;
    }

    fn assert_whole(&self, what: &str) {
        let missed: Vec<_> = self.0.iter().filter(|(_, hits)| **hits == 0).map(|(row, _)| *row).collect();
        let (rows, times) = (self.0.len(), self.0.values().sum::<usize>());
        println!("{what}: {} of {rows} rows, {times} times", rows - missed.len());
        assert!(rows > 0 && missed.is_empty(), "{what}: nothing reaches {missed:?}");
    }
}

#[test]
fn the_monitor_lives_through_every_row_of_the_strict_law() {
    let mut hits = Hits::of(rows(|row| is_strict(row.stage)));
    walk(Monitor::new(), |monitor| {
        let commands = commands(Steps::SKIP).into_iter().map(|command| {
            let mut next = monitor.clone();
            let bytes = alphabet::bytes_of(&command.encode());
            let sighting = next.observe(Direction::ToFilter, whole(&bytes));
            let is = |wanted| sighting.violations().any(|rule| rule == wanted);
            let is_refused = is(Rule::Order) || is(Rule::Closed);
            let row = row(monitor.stage(), &command);
            // SKIP said that no more chunks come.
            if !(is(Rule::Skipped) && row.command == CommandKind::Body) {
                assert_eq!((!is_refused).then_some(sighting.stage), row.strict, "{row:?}");
                hits.count((row.stage, row.command));
            }
            next
        });
        let mut nexts: Vec<_> = commands.collect();
        nexts.extend(responses().iter().map(|response| {
            let mut next = monitor.clone();
            next.observe(Direction::ToMta, whole(&alphabet::bytes_of(&response.encode())));
            next
        }));
        nexts
    });
    hits.assert_whole("strict law, monitor");
}

#[test]
fn the_strict_filter_lives_through_every_row_in_which_it_reads() {
    // At the end of a message it owes the reply, and reads nothing.
    let mut hits = Hits::of(rows(|row| is_strict(row.stage) && row.stage != Stage::EndOfMessage));
    walk(FilterSession::new(Policy::STRICT), |filter| match filter.turn() {
        FilterTurn::Reply(_) => replies(filter),
        _ => {
            let take = |command: &Command<'static>| {
                let mut next = filter.clone();
                let bytes = alphabet::bytes_of(&command.encode());
                let result = next.receive(whole(&bytes));
                let row = row(filter.stage(), command);
                match (result, row.strict) {
                    // SKIP said that no more chunks come.
                    (Err(ReceiveError::Peer(Violation { rule: Rule::Skipped, .. })), _) => {
                        assert_eq!((row.stage, row.command), (Stage::Body, CommandKind::Body));
                        return None;
                    }
                    (Ok(_), Some(stage)) => assert_eq!(next.stage(), stage, "{row:?}"),
                    (Err(ReceiveError::Peer(violation)), None) => assert_eq!(violation.rule, Rule::Order),
                    (Err(ReceiveError::Closed), None) => assert_eq!(row.stage, Stage::Closed),
                    (other, _) => panic!("{row:?}: {other:?}"),
                }
                hits.count((row.stage, row.command));
                // One that broke has nowhere to go.
                row.strict.map(|_| next)
            };
            commands(Steps::SKIP).iter().filter_map(take).collect()
        }
    });
    hits.assert_whole("strict law, filter");
}

#[test]
fn the_engine_lives_through_every_row_that_libmilter_has() {
    let mut hits = Hits::of(rows(|row| row.stage != Stage::Decided));
    walk(FilterSession::new(Policy::LIBMILTER), |filter| match filter.turn() {
        FilterTurn::Reply(_) => replies(filter),
        _ => {
            let take = |command: &Command<'static>| {
                let mut next = filter.clone();
                let bytes = alphabet::bytes_of(&command.encode());
                let result = next.receive(whole(&bytes));
                let row = row(filter.stage(), command);
                match (result, row.libmilter) {
                    (Ok(event), Some(expected)) => {
                        assert_eq!((event.passage, next.stage()), expected, "{row:?}");
                        let is_owed = event.passage.is_taken() && row.command.has_reply();
                        let turn = if is_owed { FilterTurn::Reply(row.command) } else { next.turn() };
                        assert_eq!(next.turn(), turn, "{row:?}");
                        assert!(is_owed || !matches!(turn, FilterTurn::Reply(_)), "{row:?}");
                    }
                    (Err(ReceiveError::Closed), None) => assert_eq!(row.stage, Stage::Closed),
                    (other, _) => panic!("{row:?}: {other:?}"),
                }
                hits.count((row.stage, row.command));
                row.libmilter.map(|_| next)
            };
            commands(Steps::SKIP).iter().filter_map(take).collect()
        }
    });
    hits.assert_whole("libmilter's engine");
}

#[test]
fn the_mta_lives_through_every_row_of_the_verdicts() {
    let number = |wanted: &Verdict<'_>| alphabet::verdicts().iter().position(|verdict| verdict == wanted);
    let mut hits = Hits::of(verdicts().map(|(command, verdict, _)| (command, number(&verdict))));
    // Postfix alone takes SHUTDOWN.
    for policy in [Policy::STRICT, Policy::POSTFIX] {
        let is_judged =
            |verdict: &Verdict<'_>| (*verdict == Verdict::Shutdown) == (policy == Policy::POSTFIX);
        walk(MtaSession::new(policy), |mta| {
            let MtaTurn::Receive(owed) = mta.turn() else { return says(mta, Steps::SKIP, &mut |_, _| {}) };
            let take = |response: &Response<'static>| {
                let mut next = mta.clone();
                let bytes = alphabet::bytes_of(&response.encode());
                let result = next.receive(whole(&bytes));
                let row = verdicts().find(|row| (row.0, Response::from(row.1)) == (owed, *response));
                if let Some((command, verdict, effect)) = row.filter(|row| is_judged(&row.1)) {
                    let scope = match result {
                        Ok(Reaction::Verdict { scope, .. }) => Some(scope),
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => None,
                    };
                    let wanted = (scope_of(effect), stage_after(effect, mta.stage()));
                    assert_eq!((scope, next.stage()), wanted, "{command} {verdict:?}");
                    hits.count((command, number(&verdict)));
                }
                result.is_ok().then_some(next)
            };
            responses().iter().filter_map(take).collect()
        });
    }
    hits.assert_whole("verdicts");
}

#[test]
fn every_step_switches_off_what_its_row_says_and_nothing_else() {
    let mut hits = Hits::of(switches().map(|(step, _)| step.bits()));
    for (step, switch) in switches() {
        let mut judge = |said: &Command<'_>, fate: Fate| {
            let kind = CommandKind::of(said).unwrap();
            let is_meant = switch == Switch::Command(kind) || switch == Switch::Reply(kind);
            match (switch, fate) {
                // The message that it ends is over, and the filter hears of that.
                (Switch::Command(_), Fate::Written(code, _)) if is_meant => assert_ne!(code, kind.code()),
                (Switch::Reply(_), Fate::Written(_, is_owed)) if is_meant => assert!(!is_owed, "{kind}"),
                (_, Fate::Written(_, is_owed)) => assert_eq!(is_owed, kind.has_reply(), "{kind}, {step:?}"),
                (_, Fate::Suppressed(Why::SwitchedOff)) => assert_eq!(switch, Switch::Command(kind)),
                (_, Fate::Suppressed(_)) => return,
            }
            if is_meant {
                hits.count(step.bits());
            }
        };
        walk(MtaSession::new(Policy::STRICT), |mta| match mta.turn() {
            MtaTurn::Receive(_) => {
                let take = |response: &Response<'static>| {
                    let mut next = mta.clone();
                    next.receive(whole(&alphabet::bytes_of(&response.encode()))).is_ok().then_some(next)
                };
                responses().iter().chain([&answer(step)]).filter_map(take).collect()
            }
            _ => says(mta, step, &mut judge),
        });
    }
    hits.assert_whole("steps");
}

/// What became of a command that the MTA's side was told to say.
enum Fate {
    /// The code that was written, and whether a reply is owed.
    Written(u8, bool),
    Suppressed(Why),
}

/// Everything that the MTA may say, each with what became of it.
fn says(mta: &MtaSession, steps: Steps, judge: &mut dyn FnMut(&Command<'_>, Fate)) -> Vec<MtaSession> {
    let is_open = mta.agreed().is_none_or(|agreed| agreed.steps != steps);
    let say = |command: Command<'static>| {
        let mut next = mta.clone();
        let fate = match next.send(command).ok()? {
            Sent::Frame(frame) => {
                Fate::Written(alphabet::bytes_of(&frame)[4], matches!(next.turn(), MtaTurn::Receive(_)))
            }
            Sent::Suppressed(why) => Fate::Suppressed(why),
        };
        if !is_open {
            judge(&command, fate);
        }
        Some(next)
    };
    commands(steps).into_iter().filter_map(say).collect()
}

/// Everything that the filter may reply.
fn replies(filter: &FilterSession) -> Vec<FilterSession> {
    let reply = |response: &Response<'static>| {
        let mut next = filter.clone();
        next.send(*response).is_ok().then_some(next)
    };
    responses().iter().filter_map(reply).collect()
}

const fn scope_of(effect: Effect) -> Option<Scope> {
    Some(match effect {
        Effect::GoesOn | Effect::RefusesCommand | Effect::Skips => Scope::Command,
        Effect::RefusesRecipient => Scope::Recipient,
        Effect::RefusesData | Effect::EndsMessage => Scope::Message,
        Effect::EndsConnection => Scope::Connection,
        Effect::MeansNothing => Scope::Nothing,
        _ => return None,
    })
}

const fn stage_after(effect: Effect, stage: Stage) -> Stage {
    match effect {
        Effect::RefusesData => Stage::Recipients,
        Effect::EndsMessage => Stage::Greeted,
        Effect::EndsConnection => Stage::Decided,
        _ => stage,
    }
}

fn is_strict(stage: Stage) -> bool {
    !matches!(stage, Stage::Aborted | Stage::Unknown | Stage::Reconnecting)
}

fn rows(is_meant: impl Fn(&Transition) -> bool) -> Vec<(Stage, CommandKind)> {
    transitions().filter(is_meant).map(|row| (row.stage, row.command)).collect()
}

fn row(stage: Stage, command: &Command<'_>) -> Transition {
    let kind = CommandKind::of(command);
    transitions().find(|row| row.stage == stage && Some(row.command) == kind).unwrap()
}

/// Every command, and an offer of these steps.
fn commands(steps: Steps) -> Vec<Command<'static>> {
    let mut all = alphabet::plain_commands();
    all.extend(alphabet::macro_commands().into_iter().take(1));
    all.push(alphabet::negotiation(Offer::new(Version::V6, Actions::ALL, steps)));
    all.into_iter().filter(|said| !said.is_rejected).map(|said| said.command).collect()
}

/// Every verdict, and an answer to OPTNEG that switches nothing off.
fn responses() -> Vec<Response<'static>> {
    alphabet::verdicts().into_iter().map(Response::from).chain([answer(Steps::SKIP)]).collect()
}

fn answer(steps: Steps) -> Response<'static> {
    Answer::new(Version::V6, Actions::ALL, steps).into()
}

/// Goes to every state that can be reached.
fn walk<S: Clone + Eq + Hash>(start: S, mut nexts: impl FnMut(&S) -> Vec<S>) {
    let mut seen = HashSet::from([start.clone()]);
    let mut queue = vec![start];
    while let Some(state) = queue.pop() {
        for next in nexts(&state) {
            if seen.insert(next.clone()) {
                queue.push(next);
            }
        }
    }
}

fn whole(bytes: &[u8]) -> Frame<'_> {
    let (frame, rest) = Frame::split(bytes, milter_proto::Limits::DEFAULT).unwrap().unwrap();
    assert!(rest.is_empty());
    frame
}
