//! Every state that an MTA, a filter and a monitor can reach together, and every step from each.
//!
//! Breadth-first from the start, over every command and every response, the strict sessions of both sides
//! speak to each other in bytes and the monitor listens. A session is a plain value, so a state is one
//! too, and "nothing changed" is an `==`.
//!
//! Walked whole: no bit, every step alone, every action alone and every pair of actions, in each version.
//! Walked without what is refused by its content alone, without most edits and with MACRO for two stages:
//! every pair of steps, in each version. After two edits or signs of life for one message the walk goes
//! no deeper: the counters in the MTA would make new states of the same kind, up to the limits.

use core::fmt::Debug;
use std::collections::HashSet;

use milter_proto::filter::{Options, Support};
use milter_proto::mta::{EditStatus, Scope, Sent, SkipReason};
use milter_proto::negotiation::Negotiated;
use milter_proto::order::CommandKind;
use milter_proto::wire::{
    Actions, Answer, Command, Direction, Edit, Offer, OutgoingFrame, Peer, Response, Steps, Verdict, Version,
};
use milter_proto::{FilterSession, Monitor, MtaSession, filter, mta};

use crate::support::alphabet::{self, OFFERED, Said, VERSIONS, bits};
use crate::support::{bytes_of, whole};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Joint {
    mta: MtaSession,
    filter: FilterSession,
    monitor: Monitor,
    known: Known,
}

/// What has happened to this message, by the test's own count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Known {
    /// Edits and progress.
    extras: u8,
    /// A verdict was about all of it.
    is_decided: bool,
    /// SKIP was a verdict.
    is_skipped: bool,
}

impl Known {
    /// What is left of it after a command, whether that was sent or not.
    fn after(self, command: &Command<'_>) -> Self {
        match command {
            Command::MailFrom { .. } | Command::Helo { .. } | Command::Abort => Self::default(),
            _ => self,
        }
    }
}

/// How the filter answers OPTNEG.
#[derive(Clone, Copy)]
enum Answering {
    With(Answer<'static>),
    Wishing(Options<'static>),
}

/// What one side may say.
#[derive(Clone, Copy, Debug)]
enum Move {
    Say(Said),
    Respond(Response<'static>),
    /// The filter's answer to OPTNEG, by [`Answering`].
    Negotiate,
}

struct Walk {
    commands: Vec<Said>,
    responses: Vec<Response<'static>>,
    answering: Answering,
    policy: filter::Policy,
    tally: Tally,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    states: usize,
    sent: usize,
    suppressed: usize,
    refused: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.states += other.states;
        self.sent += other.sent;
        self.suppressed += other.suppressed;
        self.refused += other.refused;
    }

    fn edges(self) -> usize {
        self.sent + self.suppressed + self.refused
    }
}

#[test]
fn both_sides_agree_in_every_state_with_each_step_alone_and_each_pair_of_actions() {
    let steps = [Steps::EMPTY].into_iter().chain(bits(OFFERED));
    let all_actions = || Actions::NAMES.iter().map(|row| row.0);
    let pairs = all_actions().flat_map(|one| all_actions().map(move |other| one.union(other)));
    let actions = [Actions::EMPTY].into_iter().chain(pairs).collect::<HashSet<_>>();
    let answers: Vec<_> = steps
        .map(|steps| (Actions::ALL, steps))
        .chain(actions.into_iter().map(|actions| (actions, Steps::SKIP)))
        .collect();
    let mut tally = Tally::default();
    for version in VERSIONS {
        for &(actions, steps) in &answers {
            let offer = Offer::new(version, Actions::ALL, OFFERED);
            tally.add(Walk::full(offer, Answering::With(Answer::new(version, actions, steps))).run());
        }
    }
    println!(
        "each step, each pair of actions, in {} negotiations: {tally:?}",
        VERSIONS.len() * answers.len()
    );
    assert!(tally.states > 10_000 && tally.edges() > 500_000, "{tally:?}");
}

#[test]
fn both_sides_agree_in_every_state_with_each_pair_of_steps() {
    let bits: Vec<_> = bits(OFFERED).collect();
    let mut tally = Tally::default();
    let mut negotiations = 0;
    for version in VERSIONS {
        for (at, first) in bits.iter().enumerate() {
            for second in &bits[at + 1..] {
                let offer = Offer::new(version, Actions::ALL, OFFERED);
                let answer = Answer::new(version, Actions::ALL, first.union(*second));
                tally.add(Walk::reduced(offer, Answering::With(answer)).run());
                negotiations += 1;
            }
        }
    }
    println!("each pair of steps, in {negotiations} negotiations: {tally:?}");
    assert!(tally.states > 40_000 && tally.edges() > 1_000_000, "{tally:?}");
}

#[test]
fn a_robust_filter_agrees_with_an_mta_in_every_state_with_each_pair_of_steps() {
    let bits: Vec<_> = [Steps::EMPTY].into_iter().chain(bits(OFFERED)).collect();
    let mut tally = Tally::default();
    for version in [Version::V2, Version::V6] {
        for (at, first) in bits.iter().enumerate() {
            for second in &bits[at + 1..] {
                let offer = Offer::new(version, Actions::ALL, OFFERED);
                let answer = Answer::new(version, Actions::ALL, first.union(*second));
                let walk = Walk::reduced(offer, Answering::With(answer));
                tally.add(walk.under(filter::Policy::DEFAULT).run());
            }
        }
    }
    println!("robust, each pair of steps: {tally:?}");
    assert!(tally.states > 15_000 && tally.edges() > 400_000, "{tally:?}");
}

#[test]
fn both_sides_agree_when_everything_is_switched_off_or_all_replies_are() {
    let mut tally = Tally::default();
    for version in VERSIONS {
        for steps in [Steps::V4, Steps::NO_REPLY, Steps::V4.union(Steps::NO_REPLY), Steps::ALL, Steps::V1] {
            let offer = Offer::new(version, Actions::ALL, OFFERED);
            tally.add(Walk::full(offer, Answering::With(Answer::new(version, Actions::ALL, steps))).run());
        }
    }
    println!("many bits: {tally:?}");
    assert!(tally.states > 500, "{tally:?}");
}

#[test]
fn both_sides_agree_when_replies_are_made_up_that_could_not_be_switched_off() {
    let wishes = Options::all_commands()
        .no_reply_to([CommandKind::Connect, CommandKind::Header, CommandKind::Body])
        .skip(Support::Optional)
        .request(Actions::ALL);
    let mut tally = Tally::default();
    for version in VERSIONS {
        for steps in [Steps::V2, Steps::V3, Steps::V4, Steps::ALL.difference(Steps::NO_REPLY), Steps::ALL] {
            let offer = Offer::new(version, Actions::ALL, steps);
            tally.add(Walk::full(offer, Answering::Wishing(wishes)).run());
        }
    }
    println!("wishes: {tally:?}");
    assert!(tally.states > 1_000, "{tally:?}");
}

#[test]
fn both_sides_agree_on_what_an_offer_of_nothing_means() {
    let mut tally = Tally::default();
    for version in VERSIONS {
        for (actions, steps) in [(Actions::EMPTY, Steps::EMPTY), (Actions::V1, Steps::V1)] {
            let offer = Offer::new(version, Actions::EMPTY, Steps::EMPTY);
            tally.add(Walk::full(offer, Answering::With(Answer::new(version, actions, steps))).run());
        }
    }
    println!("offers of nothing: {tally:?}");
}

#[test]
fn both_sides_agree_when_the_filter_speaks_an_older_version() {
    let mut tally = Tally::default();
    for version in VERSIONS {
        let answer = Answer::new(version, Actions::ALL, Steps::EMPTY);
        tally.add(Walk::full(Offer::FULL, Answering::With(answer)).run());
    }
    println!("older versions: {tally:?}");
    assert!(tally.states > 200, "{tally:?}");
}

impl Walk {
    fn full(offer: Offer, answering: Answering) -> Self {
        let mut commands = alphabet::plain_commands();
        commands.extend(alphabet::macro_commands());
        commands.extend(alphabet::bad_commands());
        commands.push(alphabet::negotiation(offer));
        let surplus = Steps::from_bits(!offer.with_v1_defaults().steps.bits());
        let bad = [
            Answer::new(Version::new(offer.version.number() + 1), Actions::EMPTY, Steps::EMPTY),
            Answer::new(Version::new(1), Actions::EMPTY, Steps::EMPTY),
            Answer::new(offer.version, Actions::EMPTY, surplus),
        ];
        let mut responses = alphabet::responses();
        responses.extend(bad.map(Response::Negotiate));
        Self { commands, responses, answering, policy: filter::Policy::STRICT, tally: Tally::default() }
    }

    fn reduced(offer: Offer, answering: Answering) -> Self {
        let mut commands = alphabet::plain_commands();
        commands.extend(alphabet::macro_commands().into_iter().skip(4).step_by(3));
        commands.push(alphabet::negotiation(offer));
        let is_kept = |response: &Response<'_>| match response {
            Response::Edit(edit) => {
                matches!(edit, Edit::AddHeader { .. } | Edit::ReplaceBody { chunk: b"new\r\n" })
            }
            Response::Verdict(verdict) => !matches!(verdict, Verdict::Tempfail | Verdict::Reply(_)),
            _ => false,
        };
        let responses = alphabet::responses().into_iter().filter(is_kept).collect();
        Self { commands, responses, answering, policy: filter::Policy::STRICT, tally: Tally::default() }
    }

    /// The same walk with a filter under another policy.
    fn under(self, policy: filter::Policy) -> Self {
        Self { policy, ..self }
    }

    fn run(mut self) -> Tally {
        let start = Joint {
            mta: MtaSession::with_policy(mta::Policy::STRICT),
            filter: FilterSession::with_policy(self.policy),
            monitor: Monitor::new(),
            known: Known::default(),
        };
        let moves = self.commands.iter().copied().map(Move::Say);
        let moves = moves.chain(self.responses.iter().copied().map(Move::Respond)).chain([Move::Negotiate]);
        let moves: Vec<_> = moves.collect();
        let mut seen = HashSet::from([start.clone()]);
        // Each state with the move that led to it first, and the place of the state before.
        let mut queue = vec![(start, Move::Negotiate, 0)];
        let mut at = 0;
        while let Some((joint, ..)) = queue.get(at).cloned() {
            for &step in &moves {
                let next = self.take(&joint, step).and_then(|next| match next {
                    Some(next) => turns_match(&next).map(|()| Some(next)),
                    None => Ok(None),
                });
                match next {
                    Ok(Some(next)) if next.known.extras <= 2 && seen.insert(next.clone()) => {
                        queue.push((next, step, at));
                    }
                    Ok(_) => {}
                    Err(fault) => panic!("{fault}, at {:#?} after {}", queue[at].0, trail(&queue, at)),
                }
            }
            at += 1;
        }
        self.tally.states = seen.len();
        self.tally
    }

    /// Makes a move. `None`: it is not made, and nothing has changed.
    fn take(&mut self, joint: &Joint, step: Move) -> Result<Option<Joint>, String> {
        match (step, self.answering) {
            (Move::Say(said), _) => self.say(joint, &said),
            (Move::Respond(response), _) => self.respond(joint, &response),
            (Move::Negotiate, Answering::With(answer)) => self.respond(joint, &Response::Negotiate(answer)),
            (Move::Negotiate, Answering::Wishing(wishes)) => self.negotiate(joint, &wishes),
        }
    }

    /// The MTA says something, or is kept from it.
    fn say(&mut self, joint: &Joint, said: &Said) -> Result<Option<Joint>, String> {
        let Said { command, is_rejected } = *said;
        let mut next = joint.clone();
        let result = if is_rejected { next.mta.send_rejected(command) } else { next.mta.send(command) };
        let is_checked = is_rejected || joint.mta.check(&command).err() == result.as_ref().err().copied();
        demand(is_checked, "check and send differ", &command)?;
        let is_resent = matches!(result, Ok(Sent::ResendEnvelope(_)));
        let frame = match result {
            Err(misuse) => {
                self.tally.refused += 1;
                demand(next == *joint, "something changed", &misuse)?;
                return Ok(None);
            }
            Ok(Sent::Skipped { reason: why, .. }) => {
                self.tally.suppressed += 1;
                next.known = joint.known.after(&command);
                let is_known = match why {
                    SkipReason::MessageDecided => joint.known.is_decided,
                    SkipReason::Skipped => joint.known.is_skipped,
                    _ => true,
                };
                return demand(is_known, "suppressed", &(why, command)).map(|()| Some(next));
            }
            Ok(Sent::Frame(frame) | Sent::ResendEnvelope(frame)) => frame,
        };
        self.tally.sent += 1;
        next.known = joint.known.after(&command);
        let bytes = bytes_of(&frame);
        let event = next.filter.receive(whole(&bytes));
        let event = event.map_err(|error| format!("the filter does not take {command:?}: {error}"))?;
        let kind = CommandKind::from_command(&command).unwrap();
        let declines = |step| joint.mta.negotiated().is_some_and(|agreed| agreed.steps.contains(step));
        let heard = match command {
            // ABORT in the place of what was declined and ends a message, and before the envelope is sent again.
            _ if is_resent || kind.decline_step().is_some_and(declines) => Command::Abort,
            // An address that libmilter would close on.
            Command::Connect { host, .. } if event.command != command => {
                Command::Connect { host, peer: Peer::Unknown }
            }
            command => command,
        };
        demand((event.command, event.deviation) == (heard, None), "the filter hears", &event)?;
        demand(event.in_order, "out of order", &event)?;
        // Exactly what ends a message says so, and once.
        let boundaries = b"CHMAQKD";
        let was_in_message = joint.filter.stage().is_in_message();
        let may_end = was_in_message && boundaries.contains(&event.command.code());
        let must_end = may_end && event.command.code() != b'D';
        demand(event.aborts_message <= may_end && must_end <= event.aborts_message, "abort", &event)?;
        let leaves = was_in_message && next.filter.stage() != joint.filter.stage();
        let ends = leaves && !next.filter.stage().is_in_message() && event.command.code() != b'E';
        demand(event.aborts_message || !ends, "a message ends without a word", &event)?;
        demand(next.filter.rest_of_frame().is_none(), "more than one event", &command)?;
        let sighting = next.monitor.observe(Direction::ToFilter, whole(&bytes));
        demand(sighting.violations().next().is_none(), "the monitor complains", &sighting)?;
        Ok(Some(next))
    }

    /// The filter says something, or is kept from it.
    fn respond(&mut self, joint: &Joint, response: &Response<'static>) -> Result<Option<Joint>, String> {
        let mut next = joint.clone();
        let result = next.filter.send(*response);
        let is_checked = joint.filter.check(response).err() == result.as_ref().err().copied();
        demand(is_checked, "check and send differ", response)?;
        match result {
            Err(misuse) => {
                self.tally.refused += 1;
                demand(next == *joint, "something changed", &misuse)?;
                Ok(None)
            }
            Ok(frame) => {
                self.tally.sent += 1;
                hear(next, response, &frame).map(Some)
            }
        }
    }

    /// The filter answers OPTNEG by its wishes, or is kept from it.
    fn negotiate(&mut self, joint: &Joint, wishes: &Options<'static>) -> Result<Option<Joint>, String> {
        let mut next = joint.clone();
        let Ok(sent) = next.filter.negotiate(wishes) else {
            self.tally.refused += 1;
            demand(next == *joint, "something changed", &"by negotiate")?;
            return Ok(None);
        };
        self.tally.sent += 1;
        hear(next, &Response::Negotiate(sent.negotiation.answer), &sent.frame).map(Some)
    }
}

/// The MTA takes what the filter said, and the monitor has nothing to say to it.
fn hear(mut next: Joint, response: &Response<'_>, frame: &OutgoingFrame<'_>) -> Result<Joint, String> {
    let bytes = bytes_of(frame);
    let reaction = next.mta.receive(whole(&bytes));
    let reaction = reaction.map_err(|error| format!("the MTA does not take {response:?}: {error}"))?;
    let heard = match reaction {
        mta::Event::Negotiated { answer } => Response::Negotiate(answer),
        mta::Event::Edit { edit, status: EditStatus::Negotiated, deviation: None, .. } => edit.into(),
        mta::Event::Progress => Response::Progress,
        mta::Event::Verdict { verdict, deviation: None, .. } => verdict.into(),
        other => return Err(format!("{other:?}")),
    };
    demand(heard == *response, "the MTA hears", &heard)?;
    let known = &mut next.known;
    match reaction {
        mta::Event::Edit { .. } | mta::Event::Progress => known.extras += 1,
        mta::Event::Verdict { command: CommandKind::EndOfMessage, .. } => *known = Known::default(),
        mta::Event::Verdict { verdict, scope, .. } => {
            known.is_decided |= scope == Scope::Message;
            known.is_skipped |= verdict == Verdict::Skip;
        }
        _ => {}
    }
    let sighting = next.monitor.observe(Direction::ToMta, whole(&bytes));
    demand(sighting.violations().next().is_none(), "the monitor complains", &sighting)?;
    Ok(next)
}

fn turns_match(joint: &Joint) -> Result<(), String> {
    let Joint { mta, filter, monitor, .. } = joint;
    let is_matched = match (mta.turn(), filter.turn()) {
        (mta::Turn::Receive(owed), filter::Turn::Reply(asked)) => owed == asked,
        (mta::Turn::Send, filter::Turn::Receive) | (mta::Turn::Closed, filter::Turn::Closed) => true,
        _ => false,
    };
    demand(is_matched, "the turns do not match", &(mta.turn(), filter.turn()))?;
    let bits =
        |agreed: Option<&Negotiated>| agreed.map(|agreed| (agreed.version, agreed.actions, agreed.steps));
    let agreed = bits(mta.negotiated());
    let is_agreed = agreed == bits(filter.negotiated()) && agreed == bits(monitor.negotiated());
    demand(is_agreed, "they agreed on different things", &agreed)
}

fn demand(holds: bool, fault: &str, detail: &dyn Debug) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{fault}: {detail:?}")) }
}

/// The moves that lead to a state.
fn trail(queue: &[(Joint, Move, usize)], mut at: usize) -> String {
    let mut moves = Vec::new();
    while at > 0 {
        moves.push(format!("{:?}", queue[at].1));
        at = queue[at].2;
    }
    moves.reverse();
    moves.join(", ")
}
