//! A captured negotiation, bit by bit, as a picture.

use milter_proto::mta;
use milter_proto::negotiation::{BitOutcome, Negotiation};
use milter_proto::order::{StepEffect, steps};
use milter_proto::wire::{Actions, Command, Response, Steps, code_name};

use super::canvas::{Anchor, Canvas, INK, Point, count, mono};
use super::recordings::{frames, program, session};
use crate::support::alphabet;
use crate::support::recorded::capture::Side;

const SESSION: &str = "postfix/opendkim-sign-plain";
const WIDTH: i32 = 704;
const TOP: i32 = 74;
const ROW: i32 = 20;
/// From the line of a field to its first bit, and from its last bit to the next field.
const HEAD: i32 = 26;
const GAP: i32 = 8;
/// The value of a bit, its name, the marks, and the result.
const VALUE: i32 = 90;
const NAME: i32 = 104;
const MARKS: [i32; 2] = [320, 390];
const RESULT: i32 = 436;
const ACTION: &str = "#3b82d0";
const STEP: &str = "#9a6ee0";
const GRANTED: &str = "#2f9e5f";

/// A bit: whether the MTA offers it, whether the filter answers with it, and what follows.
struct Bit {
    value: u32,
    name: &'static str,
    is_offered: bool,
    is_answered: bool,
    result: String,
}

pub(super) fn draw() -> String {
    let session = session(SESSION);
    let frames = frames(&session);
    let [(Side::Mta, offer), (Side::Filter, answer), ..] = frames.as_slice() else { panic!("{SESSION}") };
    let Ok(Command::Negotiate(offer)) = Command::parse(offer.as_frame()) else { panic!("{offer:?}") };
    let Ok(Response::Negotiate(answer)) = Response::parse(answer.as_frame()) else { panic!("{answer:?}") };
    let agreed = mta::accept(offer, answer, &mta::Policy::STRICT).unwrap();
    assert_eq!(agreed.negotiated.version, offer.version.min(answer.version));

    let action = |&(bit, name): &(Actions, &'static str)| Bit {
        value: bit.bits(),
        name,
        is_offered: offer.actions.contains(bit),
        is_answered: answer.actions.contains(bit),
        result: after_action(&agreed, bit),
    };
    let step = |&(bit, name): &(Steps, &'static str)| Bit {
        value: bit.bits(),
        name,
        is_offered: offer.steps.contains(bit),
        is_answered: answer.steps.contains(bit),
        result: after_step(&agreed, bit),
    };
    let actions = Actions::NAMES.iter().filter(|(bit, _)| Actions::ALL.contains(*bit)).map(action);
    let actions: Vec<_> = actions.collect();
    let steps = Steps::NAMES.iter().filter(|(bit, _)| Steps::ALL.contains(*bit)).map(step);
    let steps: Vec<_> = steps.collect();

    let [mta, filter] = [&session.header.mta, &session.header.filter].map(|name| program(name));
    let height = TOP + ROW * count(actions.len() + steps.len() + 1) + 2 * GAP + 2 * HEAD + 20;
    let mut canvas = Canvas::new(
        (WIDTH, height),
        "A negotiation: offer, answer and result",
        &format!(
            "{mta} offers version {}, all actions, and all steps but the data sizes. {filter} answers with the bits that it \
             wants. The bits of the answer apply: they are the edits that the filter may send, the commands that the MTA \
             leaves out, the commands without a reply, and the form of header values.",
            offer.version,
        ),
    );
    heading(&mut canvas, &mta, &filter);
    let versions = [offer.version, answer.version].map(|version| version.to_string());
    field(&mut canvas, TOP, (INK, "version"), &versions);
    let result = format!("version {}", agreed.negotiated.version);
    canvas.text((RESULT, TOP), Anchor::Start, "", &result);
    let mut y = TOP + HEAD + GAP;
    for (name, colour, words, bits) in [
        ("actions", ACTION, [offer.actions.bits(), answer.actions.bits()], actions),
        ("steps", STEP, [offer.steps.bits(), answer.steps.bits()], steps),
    ] {
        let sum = |is_set: fn(&Bit) -> bool| -> u32 {
            bits.iter().filter(|bit| is_set(bit)).map(|bit| bit.value).sum()
        };
        assert_eq!(words, [sum(|bit| bit.is_offered), sum(|bit| bit.is_answered)], "a bit has no row");
        field(&mut canvas, y, (colour, name), &words.map(|word| format!("{word:#X}")));
        y += HEAD;
        for bit in &bits {
            draw_bit(&mut canvas, y, colour, bit);
            y += ROW;
        }
        y += GAP;
    }
    canvas.finish()
}

fn heading(canvas: &mut Canvas, mta: &str, filter: &str) {
    let (bold, small) = ("font-weight=\"600\"", "font-size=\"12\"");
    canvas.text((20, 24), Anchor::Start, small, &format!("MTA: {mta}"));
    canvas.text((20, 41), Anchor::Start, small, &format!("filter: {filter}"));
    for (x, who, does) in [(MARKS[0], "MTA", "offers"), (MARKS[1], "filter", "answers")] {
        canvas.text((x, 24), Anchor::Middle, bold, who);
        canvas.text((x, 41), Anchor::Middle, small, does);
    }
    canvas.text((RESULT, 24), Anchor::Start, bold, "result");
}

/// The line of a whole field: its value in the offer and in the answer.
fn field(canvas: &mut Canvas, y: i32, (colour, name): (&str, &str), words: &[String; 2]) {
    canvas.area((12, y - 15), (WIDTH - 24, 21), colour, "0.13");
    canvas.text((20, y), Anchor::Start, "font-weight=\"600\"", name);
    for (x, word) in MARKS.into_iter().zip(words) {
        canvas.text((x, y), Anchor::Middle, &mono(12), word);
    }
}

fn draw_bit(canvas: &mut Canvas, y: i32, colour: &str, bit: &Bit) {
    if bit.is_answered {
        canvas.area((12, y - 14), (WIDTH - 24, ROW), GRANTED, "0.13");
    }
    canvas.text((VALUE, y), Anchor::End, &mono(11), &format!("{:#X}", bit.value));
    canvas.text((NAME, y), Anchor::Start, &mono(12), bit.name);
    for (x, is_set) in MARKS.into_iter().zip([bit.is_offered, bit.is_answered]) {
        mark(canvas, (x, y - 4), is_set, colour);
    }
    let weight = if bit.is_answered { "font-weight=\"600\"" } else { "fill-opacity=\"0.75\"" };
    canvas.text((RESULT, y), Anchor::Start, &format!("{weight} font-size=\"12\""), &bit.result);
}

/// A set or an unset bit.
fn mark(canvas: &mut Canvas, (x, y): Point, is_set: bool, colour: &str) {
    let fill = if is_set { colour } else { "none" };
    canvas.line(&format!(
        "<circle cx=\"{x}\" cy=\"{y}\" r=\"5\" fill=\"{fill}\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
    ));
}

/// What an action means for the session.
fn after_action(agreed: &Negotiation<'_>, bit: Actions) -> String {
    let is_granted = agreed.action(bit) == Some(BitOutcome::Granted);
    assert!(is_granted || agreed.action(bit).is_none());
    let edits = alphabet::edits().into_iter().filter(|edit| edit.action() == bit);
    let names: Vec<_> = edits.map(|edit| code_name(edit.code()).unwrap()).collect();
    match (names.as_slice(), is_granted) {
        ([], true) => "may list the macros it wants".to_owned(),
        ([], false) => "no list of macros".to_owned(),
        (names, true) => format!("may send {}", names.join(", ")),
        (names, false) => format!("no {}", names.join(", ")),
    }
}

/// What a step means for the session.
fn after_step(agreed: &Negotiation<'_>, bit: Steps) -> String {
    let is_granted = |bit| agreed.step(bit) == Some(BitOutcome::Granted);
    assert!(is_granted(bit) || agreed.step(bit).is_none());
    match steps().find(|(step, _)| *step == bit) {
        Some((_, StepEffect::Declines(command))) => {
            format!("{command} is {}sent", if is_granted(bit) { "not " } else { "" })
        }
        Some((_, StepEffect::DropsReply(command))) => {
            let declines = |(step, effect)| effect == StepEffect::Declines(command) && is_granted(step);
            if steps().any(declines) {
                "—".to_owned()
            } else {
                format!("{command} gets {} reply", if is_granted(bit) { "no" } else { "a" })
            }
        }
        effect => {
            let [if_granted, if_not] = match bit {
                Steps::SKIP => ["may answer BODY with SKIP", "no SKIP"],
                Steps::REJECTED_RCPT => {
                    ["recipients that the MTA refused, too", "no recipients that the MTA refused"]
                }
                Steps::LEADING_SPACE => ["values keep the leading space", "values lose the leading space"],
                _ => panic!("{bit:?} has no text: {effect:?}"),
            };
            if is_granted(bit) { if_granted } else { if_not }.to_owned()
        }
    }
}
