//! Every row of the tables of the law, lived through by sessions and counted: no row is out of reach, and
//! what a session does is what its row says.
//!
//! Breadth-first from the start, over every command and every verdict; nothing is switched off, unless the
//! row is about that. `tables` has what the rows say.

use core::fmt::Debug;
use core::hash::Hash;
use std::collections::{BTreeMap, HashSet};

use milter_proto::mta::{Scope, Sent, SkipReason};
use milter_proto::order::{
    Accepted, CommandKind, Effect, Rule, Stage, StepEffect, Transition, steps, transitions, verdicts,
};
use milter_proto::wire::{Actions, Answer, Command, Direction, Offer, Response, Steps, Verdict, Version};
use milter_proto::{FilterSession, Monitor, MtaSession, ReceiveError, Violation, filter, mta};

use crate::support::alphabet;
use crate::support::{bytes_of, whole};

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
            let bytes = bytes_of(&command.encode());
            let sighting = next.observe(Direction::ToFilter, whole(&bytes));
            let is = |wanted| sighting.violations().any(|rule| rule == wanted);
            let is_refused = is(Rule::Order) || is(Rule::Closed);
            let row = row(monitor.stage(), &command);
            // SKIP said that no more chunks come.
            if !(is(Rule::BodyAfterSkip) && row.command == CommandKind::Body) {
                let strict = row.strict.map(|accepted| accepted.stage);
                assert_eq!((!is_refused).then_some(sighting.stage), strict, "{row:?}");
                hits.count((row.stage, row.command));
            }
            next
        });
        let mut nexts: Vec<_> = commands.collect();
        nexts.extend(responses().iter().map(|response| {
            let mut next = monitor.clone();
            next.observe(Direction::ToMta, whole(&bytes_of(&response.encode())));
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
    walk(FilterSession::with_policy(filter::Policy::STRICT), |filter| match filter.turn() {
        filter::Turn::Reply(_) => replies(filter),
        _ => {
            let take = |command: &Command<'static>| {
                let mut next = filter.clone();
                let bytes = bytes_of(&command.encode());
                let result = next.receive(whole(&bytes));
                let row = row(filter.stage(), command);
                match (result, row.strict) {
                    // SKIP said that no more chunks come.
                    (Err(ReceiveError::Peer(Violation { rule: Rule::BodyAfterSkip, .. })), _) => {
                        assert_eq!((row.stage, row.command), (Stage::Body, CommandKind::Body));
                        return None;
                    }
                    (Ok(event), Some(accepted)) => assert_accepted(&event, &next, accepted, &row),
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

/// The session did with a command what the table says.
fn assert_accepted(event: &filter::Event<'_>, after: &FilterSession, row: Accepted, at: &Transition) {
    assert_eq!(after.stage(), row.stage, "{at:?}");
    assert_eq!((event.in_order, event.aborts_message), (row.in_order, row.aborts_message), "{at:?}");
    let turn = after.turn();
    assert_eq!(matches!(turn, filter::Turn::Reply(_)), row.is_replied, "{at:?}");
    assert!(!row.is_replied || turn == filter::Turn::Reply(at.command), "{at:?}");
}

#[test]
fn the_robust_filter_lives_through_every_row_in_which_it_reads() {
    let mut hits = Hits::of(rows(|row| is_strict(row.stage) && row.stage != Stage::EndOfMessage));
    walk(FilterSession::new(), |filter| match filter.turn() {
        filter::Turn::Reply(_) => replies(filter),
        _ => {
            let take = |command: &Command<'static>| {
                let mut next = filter.clone();
                let bytes = bytes_of(&command.encode());
                let result = next.receive(whole(&bytes));
                let row = row(filter.stage(), command);
                match (result, row.robust) {
                    (Ok(event), Some(accepted)) => {
                        // A chunk after SKIP is out of order, and answered.
                        let is_chunk = (row.stage, row.command) == (Stage::Body, CommandKind::Body);
                        if is_chunk && !event.in_order {
                            assert_eq!(next.turn(), filter::Turn::Reply(CommandKind::Body));
                        } else {
                            assert_accepted(&event, &next, accepted, &row);
                        }
                        assert!(accepted.is_replied || !row.command.has_reply(), "every command is answered");
                    }
                    (Err(ReceiveError::Closed), None) => assert_eq!(row.stage, Stage::Closed),
                    (other, _) => panic!("{row:?}: {other:?}"),
                }
                hits.count((row.stage, row.command));
                row.robust.map(|_| next)
            };
            commands(Steps::SKIP).iter().filter_map(take).collect()
        }
    });
    hits.assert_whole("robust law");
}

#[test]
fn the_engine_lives_through_every_row_that_libmilter_has() {
    let mut hits = Hits::of(rows(|row| row.stage != Stage::Decided));
    walk(FilterSession::with_policy(filter::Policy::LIBMILTER), |filter| match filter.turn() {
        filter::Turn::Reply(_) => replies(filter),
        _ => {
            let take = |command: &Command<'static>| {
                let mut next = filter.clone();
                let bytes = bytes_of(&command.encode());
                let result = next.receive(whole(&bytes));
                let row = row(filter.stage(), command);
                match (result, row.libmilter) {
                    (Ok(event), Some(expected)) => {
                        assert_accepted(&event, &next, expected, &row);
                        let is_owed = event.in_order && row.command.has_reply();
                        assert_eq!(expected.is_replied, is_owed, "{row:?}");
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
    for policy in [mta::Policy::STRICT, mta::Policy::POSTFIX] {
        let is_judged =
            |verdict: &Verdict<'_>| (*verdict == Verdict::Shutdown) == (policy == mta::Policy::POSTFIX);
        walk(MtaSession::with_policy(policy), |mta| {
            let mta::Turn::Receive(owed) = mta.turn() else { return says(mta, Steps::SKIP, &mut |_, _| {}) };
            let take = |response: &Response<'static>| {
                let mut next = mta.clone();
                let bytes = bytes_of(&response.encode());
                let result = next.receive(whole(&bytes));
                let row = verdicts().find(|row| (row.0, Response::from(row.1)) == (owed, *response));
                if let Some((command, verdict, effect)) = row.filter(|row| is_judged(&row.1)) {
                    let scope = match result {
                        Ok(mta::Event::Verdict { scope, .. }) => Some(scope),
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
    let mut hits = Hits::of(steps().map(|(step, _)| step.bits()));
    for (step, switch) in steps() {
        let mut judge = |said: &Command<'_>, fate: Fate| {
            let kind = CommandKind::from_command(said).unwrap();
            let is_meant = switch == StepEffect::Declines(kind) || switch == StepEffect::DropsReply(kind);
            match (switch, fate) {
                // The message that it ends is over, and the filter hears of that.
                (StepEffect::Declines(_), Fate::Written(code, _)) if is_meant => {
                    assert_ne!(code, kind.code())
                }
                (StepEffect::DropsReply(_), Fate::Written(_, is_owed)) if is_meant => {
                    assert!(!is_owed, "{kind}")
                }
                // ABORT, before the envelope is sent again.
                (_, Fate::Written(b'A', is_owed)) => assert!(!is_owed, "{kind}, {step:?}"),
                (_, Fate::Written(_, is_owed)) => assert_eq!(is_owed, kind.has_reply(), "{kind}, {step:?}"),
                (_, Fate::Suppressed(SkipReason::Declined)) => assert_eq!(switch, StepEffect::Declines(kind)),
                (_, Fate::Suppressed(_)) => return,
            }
            if is_meant {
                hits.count(step.bits());
            }
        };
        walk(MtaSession::with_policy(mta::Policy::STRICT), |mta| match mta.turn() {
            mta::Turn::Receive(_) => {
                let take = |response: &Response<'static>| {
                    let mut next = mta.clone();
                    next.receive(whole(&bytes_of(&response.encode()))).is_ok().then_some(next)
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
    Suppressed(SkipReason),
}

/// Everything that the MTA may say, each with what became of it.
fn says(mta: &MtaSession, steps: Steps, judge: &mut dyn FnMut(&Command<'_>, Fate)) -> Vec<MtaSession> {
    let is_open = mta.negotiated().is_none_or(|agreed| agreed.steps != steps);
    let say = |command: Command<'static>| {
        let mut next = mta.clone();
        let fate = match next.send(command).ok()? {
            Sent::Frame(frame) | Sent::ResendEnvelope(frame) => {
                Fate::Written(bytes_of(&frame)[4], matches!(next.turn(), mta::Turn::Receive(_)))
            }
            Sent::Skipped { reason: why, .. } => Fate::Suppressed(why),
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
        Effect::Continue | Effect::RejectCommand | Effect::SkipBody => Scope::Command,
        Effect::RejectRecipient => Scope::Recipient,
        Effect::RejectData | Effect::EndMessage => Scope::Message,
        Effect::EndConnection => Scope::Connection,
        Effect::NoEffect => Scope::Nothing,
        _ => return None,
    })
}

/// The stage that follows a verdict under the strict law.
pub(crate) const fn stage_after(effect: Effect, stage: Stage) -> Stage {
    match effect {
        Effect::RejectData => Stage::Recipients,
        Effect::EndMessage => Stage::Greeted,
        Effect::EndConnection => Stage::Decided,
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
    let kind = CommandKind::from_command(command);
    transitions().find(|row| row.stage == stage && Some(row.command) == kind).unwrap()
}

/// Every command, and an offer of these steps.
fn commands(steps: Steps) -> Vec<Command<'static>> {
    let mut all = alphabet::plain_commands();
    all.extend(alphabet::macro_commands().into_iter().take(1));
    all.push(alphabet::negotiation(Offer::new(Version::V6, Actions::ALL, steps)));
    all.into_iter().filter(|said| !said.is_rejected).map(|said| said.command).collect()
}

/// Every verdict, and an answer to OPTNEG that steps nothing off.
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
