//! Every state that a robust filter can reach, whatever an MTA sends.
//!
//! Breadth-first from the start, over every command, every verdict and every edit.

use std::collections::HashSet;

use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Answer, Command, Offer, Response, Steps, Verdict, Version};
use milter_proto::{FilterSession, filter};

use crate::support::alphabet::{self, OFFERED, VERSIONS, bits};
use crate::support::{bytes_of, whole};

/// An MTA that sends any command at any time: each one is accepted, each one that has a reply is answered, and each
/// message ends once.
#[test]
fn a_robust_filter_answers_an_mta_that_sends_anything() {
    let (mut states, mut steps_made) = (0, 0);
    let bits: Vec<_> = [Steps::EMPTY].into_iter().chain(bits(OFFERED)).collect();
    for version in VERSIONS {
        for (at, first) in bits.iter().enumerate() {
            // Each step alone in every version, with every content in the newest one; and each pair of
            // declined commands there.
            let is_newest = version == Version::V6;
            let declines = |step: &Steps| Steps::NO_COMMAND.contains(*step);
            let pairs = if is_newest && declines(first) { &bits[at + 1..] } else { &[] };
            for (second, is_full) in [(first, is_newest)]
                .into_iter()
                .chain(pairs.iter().filter(|bit| declines(bit)).map(|bit| (bit, false)))
            {
                let offer = Offer::new(version, Actions::ALL, OFFERED);
                let answer = Answer::new(version, Actions::ALL, first.union(*second));
                let (seen, made) = walk_alone(offer, answer, is_full);
                states += seen;
                steps_made += made;
            }
        }
    }
    println!("robust, any command at any time: {states} states, {steps_made} steps");
    assert!(states > 4_000 && steps_made > 40_000, "{states} {steps_made}");
}

/// Every state of a robust filter, and every command and verdict in each.
fn walk_alone(offer: Offer, answer: Answer<'static>, is_full: bool) -> (usize, usize) {
    let mut commands = alphabet::plain_commands();
    commands.push(alphabet::negotiation(offer));
    let mut responses = alphabet::responses();
    if is_full {
        commands.extend(alphabet::macro_commands());
        commands.extend(alphabet::bad_commands());
    } else {
        commands.extend(alphabet::macro_commands().into_iter().skip(2).take(1));
        responses.retain(|response| matches!(response, Response::Verdict(_)));
    }
    let start = FilterSession::new();
    let mut seen = HashSet::from([start.clone()]);
    let mut queue = vec![start];
    let mut steps = 0;
    while let Some(filter) = queue.pop() {
        let mut nexts = Vec::new();
        match filter.turn() {
            filter::Turn::Reply(CommandKind::Negotiate) => {
                let mut next = filter.clone();
                let _ = next.send(answer).unwrap();
                nexts.push(next);
            }
            filter::Turn::Reply(_) => {
                for response in &responses {
                    let mut next = filter.clone();
                    match next.send(*response) {
                        Ok(_) => nexts.push(next),
                        Err(_) => assert_eq!(next, filter, "a misuse changes nothing"),
                    }
                }
                let verdicts = [Verdict::Continue, Verdict::Tempfail];
                let can_answer = verdicts.iter().any(|verdict| filter.check(&(*verdict).into()).is_ok());
                assert!(can_answer, "it can always answer: {filter:?}");
            }
            _ => nexts.extend(commands.iter().filter_map(|said| tell(&filter, &said.command))),
        }
        steps += nexts.len();
        queue.extend(nexts.into_iter().filter(|next| seen.insert(next.clone())));
    }
    (seen.len(), steps)
}

/// Gives a command to a robust filter. `None`: it was QUIT.
fn tell(filter: &FilterSession, command: &Command<'_>) -> Option<FilterSession> {
    let mut next = filter.clone();
    let bytes = bytes_of(&command.encode());
    let event = match next.receive(whole(&bytes)) {
        Ok(event) => event,
        Err(error) => {
            // What cannot be read, or is not a command, is all that ends it.
            let is_unreadable = match command {
                Command::Header { name, .. } => name.is_empty(),
                Command::Other(_) => true,
                _ => false,
            };
            assert!(is_unreadable || filter.turn() == filter::Turn::Closed, "{command:?}: {error}");
            return None;
        }
    };
    let kind = CommandKind::from_command(command).unwrap();
    let was_in_message = filter.stage().is_in_message();
    assert!(!event.aborts_message || was_in_message, "{command:?}: {filter:?}");
    let is_in_message = next.stage().is_in_message();
    // A message goes away with a word, or stays, or comes to its end.
    let stays = is_in_message || kind == CommandKind::EndOfMessage;
    assert!(!was_in_message || stays || event.aborts_message, "{command:?}: {filter:?}");
    if next.rest_of_frame().is_some() {
        assert_eq!(kind, CommandKind::EndOfMessage);
    }
    if kind == CommandKind::Quit {
        return None;
    }
    let steps = filter.negotiated().map_or(Steps::EMPTY, |agreed| agreed.steps);
    let dropped = kind.no_reply_step().is_some_and(|step| steps.contains(step));
    let expected =
        if kind.has_reply() && !dropped { filter::Turn::Reply(kind) } else { filter::Turn::Receive };
    assert_eq!(next.turn(), expected, "{command:?}: {filter:?}");
    Some(next)
}
