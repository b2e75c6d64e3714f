//! The order of messages: stages, what may follow at each, and what verdicts do.

use milter_proto::order::{Accepted, CommandKind, Effect, Stage, Transition, transitions, verdicts};
use milter_proto::wire::{
    Actions, Answer, Command, Direction, Offer, Response, Steps, Verdict, Version, code_name,
};
use milter_proto::{FilterSession, Monitor, filter};

use super::bits;
use super::json::{Json, object};
use crate::support::alphabet;
use crate::support::source;
use crate::support::{bytes_of, whole};

/// The laws, each with the policy of a filter that receives by it.
const LAWS: [(&str, Law); 3] = [
    ("strict", Law { of: |row| row.strict, policy: filter::Policy::STRICT }),
    ("robust", Law { of: |row| row.robust, policy: filter::Policy::DEFAULT }),
    ("libmilter", Law { of: |row| row.libmilter, policy: filter::Policy::LIBMILTER }),
];

#[derive(Clone, Copy)]
struct Law {
    of: fn(&Transition) -> Option<Accepted>,
    policy: filter::Policy,
}

pub(super) fn stages() -> Json {
    let items = source::items("order/table.rs", "pub enum Stage {");
    let of = |stage: Stage| {
        let laws = LAWS.iter().filter(|(_, law)| stage == Stage::Closed || has(law, stage));
        object! {
            name: format!("{stage:?}"),
            laws: laws.map(|(name, _)| *name).collect::<Vec<_>>(),
            is_in_message: stage.is_in_message(),
            description: source::named(&items, &format!("{stage:?}")).text.clone(),
        }
    };
    Stage::ALL.map(of).to_vec().into()
}

/// Whether a law accepts something at a stage. QUIT is accepted everywhere but at Closed.
fn has(law: &Law, stage: Stage) -> bool {
    transitions().any(|row| row.stage == stage && (law.of)(&row).is_some())
}

pub(super) fn laws() -> Json {
    let of = |(name, law): (&str, Law)| {
        let row = |row: Transition| {
            let Accepted { stage, in_order, aborts_message, is_replied, .. } = (law.of)(&row)?;
            Some(object! {
                stage: format!("{:?}", row.stage),
                command: row.command.to_string(),
                next: format!("{stage:?}"),
                in_order: in_order,
                aborts_message: aborts_message,
                has_reply: is_replied,
            })
        };
        object! {
            name: name,
            transitions: transitions().filter_map(row).collect::<Vec<_>>(),
            passes_over: passes_over(&law).into_iter().map(|it| object! {
                stage: format!("{:?}", it.stage),
                next: format!("{:?}", it.next),
                step: bits::step_name(it.step),
            }).collect::<Vec<_>>(),
        }
    };
    LAWS.map(of).to_vec().into()
}

/// A stage that may be passed over: if the step was agreed, what may follow at `next` may also follow at `stage`.
struct Passage {
    stage: Stage,
    next: Stage,
    step: Steps,
}

/// Every command that can be declined leads from one stage to the one after it.
fn passes_over(law: &Law) -> Vec<Passage> {
    let of = |kind: CommandKind| {
        let step = kind.decline_step()?;
        // The stage to which the command leads where it is in order, if it is one of its own.
        let rows: Vec<_> = transitions().filter(|row| row.command == kind).collect();
        let targets = rows.iter().filter_map(|row| (law.of)(row)).filter(|accepted| accepted.in_order);
        let mut targets: Vec<_> = targets.map(|accepted| accepted.stage).collect();
        targets.sort();
        targets.dedup();
        let [next] = targets[..] else { return None };
        let at = Stage::ALL.iter().position(|stage| *stage == next).unwrap();
        Some(Passage { stage: Stage::ALL[at - 1], next, step })
    };
    CommandKind::ALL.into_iter().filter_map(of).collect()
}

/// What the file says of stages that are passed over is what sessions do.
pub(super) fn check_passages() {
    for (name, law) in LAWS {
        let passages = passes_over(&law);
        assert!(passages.len() >= 8, "{name}");
        for Passage { stage, next, step } in passages {
            let Some(session) = at_stage(&law, stage, step) else {
                panic!("{name}: {stage:?} can be reached")
            };
            let mut gained = 0;
            for row in transitions().filter(|row| row.stage == next) {
                let is_own = row.command.decline_step() == Some(step);
                let is_in_order = (law.of)(&row).is_some_and(|accepted| accepted.in_order);
                if is_own || !is_in_order || row.command == CommandKind::Quit {
                    continue;
                }
                let mut session = session.clone();
                let bytes = bytes_of(&sample(row.command).encode());
                let event = session.receive(whole(&bytes));
                assert!(
                    event.is_ok_and(|event| event.in_order),
                    "{name}, {step:?}: {} follows at {stage:?} as at {next:?}",
                    row.command
                );
                gained += 1;
            }
            assert!(gained > 0, "{name}: {next:?} has successors");
        }
    }
}

/// A filter at that stage, after a negotiation of one step.
fn at_stage(law: &Law, stage: Stage, step: Steps) -> Option<FilterSession> {
    let offer = Offer::new(Version::CURRENT, Actions::ALL, alphabet::OFFERED);
    let mut session = FilterSession::with_policy(law.policy);
    session.receive(whole(&bytes_of(&Command::Negotiate(offer).encode()))).ok()?;
    let _ = session.send(Answer::new(Version::CURRENT, Actions::ALL, step)).ok()?;
    let mut queue = vec![session];
    let mut seen = Vec::new();
    while let Some(session) = queue.pop() {
        if session.stage() == stage {
            return Some(session);
        }
        for kind in CommandKind::ALL {
            let mut next = session.clone();
            let command = sample(kind);
            // The strict law accepts nothing that was declined.
            if kind.decline_step() == Some(step) || next.receive(whole(&bytes_of(&command.encode()))).is_err()
            {
                continue;
            }
            if matches!(next.turn(), filter::Turn::Reply(kind) if kind != CommandKind::Negotiate) {
                let _ = next.send(Verdict::Continue).ok()?;
            }
            if next.turn() == filter::Turn::Receive && !seen.contains(&next.stage()) {
                seen.push(next.stage());
                queue.push(next);
            }
        }
    }
    None
}

pub(super) fn effects() -> Json {
    let items = source::items("order/table.rs", "pub enum Effect {");
    let of = |item: &source::Item| object! { name: item.name.clone(), description: item.text.clone() };
    items.iter().map(of).collect::<Vec<_>>().into()
}

/// What every verdict does in reply to every command that gets one.
pub(super) fn verdict_effects() -> Json {
    let mut rows = Vec::new();
    for (command, verdict, effect) in verdicts() {
        rows.push(verdict_row(command, verdict, effect));
        if verdict == Verdict::Reject {
            // REPLYCODE refuses with a text of its own.
            let reply = alphabet::verdicts().into_iter().find(|it| matches!(it, Verdict::Reply(_))).unwrap();
            rows.push(verdict_row(command, reply, effect));
        }
    }
    rows.into()
}

fn verdict_row(command: CommandKind, verdict: Verdict<'static>, effect: Effect) -> Json {
    let (next, libmilter_next) = (stage_after(command, verdict), libmilter_stage_after(command, verdict));
    object! {
        command: command.to_string(),
        verdict: code_name(verdict.code()),
        effect: format!("{effect:?}"),
        next: next.map(|stage| format!("{stage:?}")),
        libmilter_next: libmilter_next.map(|stage| format!("{stage:?}")),
    }
}

/// The commands of a message, up to the one that is replied to.
fn path(command: CommandKind) -> impl Iterator<Item = Command<'static>> {
    use CommandKind::{
        Body, Connect, Data, EndOfHeaders, EndOfMessage, Header, Helo, MailFrom, RcptTo, Unknown,
    };
    let all = [Connect, Helo, MailFrom, RcptTo, Data, Header, EndOfHeaders, Body, EndOfMessage];
    // UNKNOWN changes nothing, so a verdict about it is looked at within a message.
    let (before, last) = if command == Unknown { (RcptTo, Some(Unknown)) } else { (command, None) };
    let end = all.iter().position(|kind| *kind == before).unwrap() + 1;
    all.into_iter().take(end).chain(last).map(sample)
}

/// The stage after a verdict under the strict and the robust law; `None` if it stays.
fn stage_after(command: CommandKind, verdict: Verdict<'static>) -> Option<Stage> {
    let mut monitor = Monitor::new();
    let mut observe = |direction, bytes: Vec<u8>| {
        monitor.observe(direction, whole(&bytes));
        monitor.stage()
    };
    let answer = Response::from(Answer::new(Version::CURRENT, Actions::ALL, Steps::SKIP));
    observe(Direction::ToFilter, bytes_of(&Command::Negotiate(Offer::FULL).encode()));
    observe(Direction::ToMta, bytes_of(&answer.encode()));
    let mut before = Stage::Start;
    for said in path(command) {
        before = observe(Direction::ToFilter, bytes_of(&said.encode()));
        if CommandKind::from_command(&said) != Some(command) {
            observe(Direction::ToMta, bytes_of(&Response::from(Verdict::Continue).encode()));
        }
    }
    let after = observe(Direction::ToMta, bytes_of(&Response::from(verdict).encode()));
    (after != before).then_some(after)
}

/// The stage of libmilter's engine after a verdict; `None` if it stays, or if libmilter never sends the verdict.
fn libmilter_stage_after(command: CommandKind, verdict: Verdict<'static>) -> Option<Stage> {
    let mut session = FilterSession::with_policy(filter::Policy::LIBMILTER);
    let receive = |session: &mut FilterSession, said: Command<'_>| {
        let bytes = bytes_of(&said.encode());
        let event = session.receive(whole(&bytes)).unwrap();
        assert!(!event.is_ignored(), "{said:?}");
    };
    receive(&mut session, Command::Negotiate(Offer::FULL));
    let _ = session.send(Answer::new(Version::CURRENT, Actions::ALL, Steps::SKIP)).unwrap();
    for said in path(command) {
        receive(&mut session, said);
        if CommandKind::from_command(&said) != Some(command) {
            let _ = session.send(Verdict::Continue).unwrap();
        }
    }
    let before = session.stage();
    let _ = session.send(verdict).ok()?;
    (session.stage() != before).then_some(session.stage())
}

/// A command of a kind.
fn sample(kind: CommandKind) -> Command<'static> {
    let mut commands = alphabet::plain_commands();
    commands.extend(alphabet::macro_commands());
    commands.push(alphabet::negotiation(Offer::FULL));
    let is_kind = |said: &&alphabet::Said| CommandKind::from_command(&said.command) == Some(kind);
    commands.iter().find(is_kind).unwrap().command
}
