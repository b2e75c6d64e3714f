//! The MTA's strict side against libmilter's engine, in every state that the two can reach together.
//!
//! Whatever the MTA's side lets its caller say, the engine has to take in its order, for it answers
//! nothing that it does not take, and the MTA would wait in vain. What it does ignore has to have no reply.
//! The filter's strict side runs along, so that the engine is told sensible answers only. Where the engine
//! falls silent all the same, and no MTA can help it or does, it is a [`Gap`] with a name.
//!
//! Walked: every pair of steps, in each version.

use std::collections::{BTreeMap, HashSet};

use milter_proto::mta::Sent;
use milter_proto::order::{CommandKind, Stage};
use milter_proto::wire::{Actions, Answer, Command, Edit, Offer, Response, Steps, Verdict, Version};
use milter_proto::{FilterSession, MtaSession, filter, mta};

use crate::support::alphabet;
use crate::support::alphabet::Said;
use crate::support::{bytes_of, whole};

#[derive(Clone, PartialEq, Eq, Hash)]
struct Joint {
    mta: MtaSession,
    gate: FilterSession,
    engine: FilterSession,
    has_edit: bool,
}

/// Where the engine falls silent on what an MTA may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    /// The filter sees DATA and headers, but no end of headers, and a message has no headers: the body is
    /// ignored. Sendmail runs into it, too.
    NoHeadersAndNoEnd,
}

#[test]
fn the_engine_takes_whatever_the_strict_mta_says_but_in_one_known_case() {
    let bits: Vec<_> = Steps::NAMES.iter().map(|row| row.0).filter(|bit| Steps::ALL.contains(*bit)).collect();
    let mut gaps = BTreeMap::new();
    let (mut states, mut edges) = (0, 0);
    for version in [Version::V2, Version::V3, Version::V4, Version::V5, Version::V6] {
        for (at, first) in bits.iter().enumerate() {
            for second in &bits[at..] {
                let answer = Answer::new(version, Actions::ALL, first.union(*second));
                let (more_states, more_edges) = walk(answer, &mut gaps);
                states += more_states;
                edges += more_edges;
            }
        }
    }
    println!("{states} states, {edges} steps, {gaps:?}");
    assert!(states > 40_000 && edges > 150_000, "{states} {edges}");
    let known: Vec<_> = gaps.keys().copied().collect();
    assert_eq!(known, [Gap::NoHeadersAndNoEnd], "it is closed");
}

fn walk(answer: Answer<'static>, gaps: &mut BTreeMap<Gap, usize>) -> (usize, usize) {
    let mut commands = alphabet::plain_commands();
    commands.extend(alphabet::macro_commands().into_iter().step_by(4));
    commands.push(alphabet::negotiation(Offer::new(answer.version, Actions::ALL, Steps::ALL)));
    let is_kept = |response: &Response<'_>| match response {
        Response::Edit(edit) => matches!(edit, Edit::AddHeader { .. }),
        Response::Verdict(verdict) => !matches!(verdict, Verdict::Tempfail | Verdict::Reply(_)),
        _ => false,
    };
    let mut responses: Vec<_> = alphabet::responses().into_iter().filter(is_kept).collect();
    responses.push(answer.into());

    let start = Joint {
        mta: MtaSession::with_policy(mta::Policy::STRICT),
        gate: FilterSession::with_policy(filter::Policy::STRICT),
        engine: FilterSession::with_policy(filter::Policy::LIBMILTER),
        has_edit: false,
    };
    let mut seen = HashSet::from([start.clone()]);
    let mut queue = vec![start];
    let mut edges = 0;
    while let Some(joint) = queue.pop() {
        let by_command = commands.iter().filter_map(|said| match say(&joint, said) {
            Ok(next) => next,
            Err(gap) => {
                *gaps.entry(gap).or_default() += 1;
                None
            }
        });
        let by_response = responses.iter().filter_map(|response| respond(&joint, response));
        for next in by_command.chain(by_response).collect::<Vec<_>>() {
            edges += 1;
            if next.engine.turn() == filter::Turn::Closed {
                assert_eq!(next.mta.turn(), mta::Turn::Closed);
            } else {
                assert_eq!(next.engine.turn(), next.gate.turn(), "{:?} {:?}", next.engine, next.mta);
            }
            if seen.insert(next.clone()) {
                queue.push(next);
            }
        }
    }
    (seen.len(), edges)
}

/// The MTA says something. `None`: it must not.
fn say(joint: &Joint, said: &Said) -> Result<Option<Joint>, Gap> {
    let Said { command, is_rejected } = *said;
    let mut next = joint.clone();
    let sent = if is_rejected { next.mta.send_rejected(command) } else { next.mta.send(command) };
    let frame = match sent {
        Ok(Sent::Frame(frame) | Sent::ResendEnvelope(frame)) => frame,
        Ok(Sent::Skipped { .. }) => return Ok(Some(next)),
        Err(_) => return Ok(None),
    };
    let bytes = bytes_of(&frame);
    next.gate.receive(whole(&bytes)).expect("the strict sides agree");
    let event = next.engine.receive(whole(&bytes)).expect("the engine reads it");
    let is_ignored = event.is_ignored();
    // ABORT outside a message says nothing, and is answered with nothing.
    if !is_ignored || event.command == Command::Abort {
        return Ok(Some(next));
    }
    let kind = CommandKind::from_command(&command).expect("it is one");
    let steps = joint.mta.negotiated().expect("OPTNEG was answered").steps;
    match (kind, joint.engine.stage()) {
        (CommandKind::Body | CommandKind::EndOfMessage, Stage::Data)
            if steps.contains(Steps::NO_END_OF_HEADERS) =>
        {
            Err(Gap::NoHeadersAndNoEnd)
        }
        _ => panic!("{kind} is ignored by {:?}, from {:?}", joint.engine, joint.mta),
    }
}

/// The filter says something. `None`: it must not.
fn respond(joint: &Joint, response: &Response<'static>) -> Option<Joint> {
    let mut next = joint.clone();
    let frame = next.gate.send(*response).ok()?;
    let said = next.engine.send(*response).expect("libmilter lets it through");
    assert_eq!(said, frame);
    let bytes = bytes_of(&frame);
    next.mta.receive(whole(&bytes)).expect("the strict sides agree");
    if let Response::Edit(_) = response {
        // One is enough: the MTA counts them.
        if joint.has_edit {
            return None;
        }
        next.has_edit = true;
    } else {
        next.has_edit = false;
    }
    Some(next)
}
