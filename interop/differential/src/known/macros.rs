//! Streams to which libmilter keeps the macros that we keep.

use milter_proto::filter::Options;
use milter_proto::wire::{Command, Verdict};
use milter_proto::{FilterSession, filter};

use super::Rewritten;
use super::rewrites::{original, with_payloads};
use crate::rules::RuleSet;
use crate::stream::{Cut, Frame, cut};

/// The stages that keep macros, by the codes of their commands, from the earliest to the latest.
const STAGES: [u8; 7] = *b"CHMRTNE";
/// The first of them that belongs to a message.
const MAIL: usize = 2;

/// A list that empties a stage in libmilter: of one macro that nobody asks for.
const NOTHING: &[u8] = b"{none}\0\0";

/// Drops names without a value.
pub(super) fn pair(_: &RuleSet, bytes: &[u8]) -> Option<Rewritten> {
    with_payloads(bytes, |frame| {
        let (stage, texts) = frame.payload.split_first().filter(|_| frame.code == b'D')?;
        let texts = texts.split_inclusive(|&byte| byte == 0).filter(|text| text.ends_with(b"\0"));
        let texts: Vec<&[u8]> = texts.collect();
        let (_, pairs) = texts.split_last().filter(|_| texts.len() % 2 == 1)?;
        Some([vec![*stage], pairs.concat()].concat())
    })
}

/// Puts lists of nothing in the place of empty lists.
pub(super) fn clear_by_empty_lists(rules: &RuleSet, bytes: &[u8]) -> Option<Rewritten> {
    rules.shown_macros().next()?;
    with_payloads(bytes, |frame| {
        let (stage, texts) = frame.payload.split_first().filter(|_| frame.code == b'D')?;
        (!texts.contains(&0)).then(|| [&[*stage], NOTHING].concat())
    })
}

/// Puts lists of nothing wherever we forget and libmilter does not: before a command for which no list
/// came, and for all of a message where it ends.
pub(super) fn forget(rules: &RuleSet, bytes: &[u8]) -> Option<Rewritten> {
    rules.shown_macros().next()?;
    let (frames, rest) = cut(bytes);
    let taken = taken(&frames);
    let mut out = Vec::new();
    let mut fresh = [false; STAGES.len()];
    let mut is_over = false;
    let unseen = core::iter::repeat((false, false));
    for (frame, (is_taken, ends_message)) in frames.iter().zip(taken.into_iter().chain(unseen)) {
        if is_taken {
            // What ends a message or a connection is told before anything is forgotten.
            if (is_over || ends_message && frame.code == b'U') && !b"AKQ".contains(&frame.code) {
                nothing_for(&mut out, &STAGES[MAIL..]);
            }
            is_over = frame.code == b'E';
            let of = if frame.code == b'D' { frame.payload.first() } else { Some(&frame.code) };
            let place = STAGES.iter().position(|stage| Some(stage) == of);
            if let Some(is_fresh) = place.and_then(|place| fresh.get_mut(place)) {
                if frame.code != b'D' && !*is_fresh {
                    nothing_for(&mut out, &[frame.code]);
                }
                *is_fresh = frame.code == b'D';
            }
        }
        original(frame).append_to(&mut out);
        // A command that is ignored may end a message, too.
        if ends_message && (!is_taken || frame.code == b'A') {
            nothing_for(&mut out, &STAGES[MAIL..]);
        }
    }
    out.extend(rest);
    Some(Rewritten { hides_from_abort: true, ..out.into() })
}

fn nothing_for(out: &mut Vec<u8>, stages: &[u8]) {
    stages.iter().for_each(|&stage| Frame::new(b'D', [&[stage], NOTHING].concat()).append_to(out));
}

/// Which frames are taken, and not ignored, by a filter that always says CONTINUE, and which of them end a message;
/// up to the last one.
fn taken(frames: &[Cut<'_>]) -> Vec<(bool, bool)> {
    let mut session = FilterSession::with_policy(filter::Policy::LIBMILTER);
    let mut taken = Vec::new();
    for frame in frames {
        let Ok(event) = session.receive(milter_proto::wire::Frame::new(frame.code, frame.payload)) else {
            break;
        };
        taken.push((!event.is_ignored(), event.aborts_message));
        let _ = session.rest_of_frame();
        let is_answered = match (event.command, session.turn()) {
            (_, filter::Turn::Receive) => true,
            (Command::Negotiate(_), _) => session.negotiate(&Options::all_commands()).is_ok(),
            _ => session.send(Verdict::Continue).is_ok(),
        };
        if !is_answered {
            break;
        }
    }
    taken
}
