//! The filter's side under [`filter::Policy::LIBMILTER`], against libmilter's engine told a second time.
//!
//! The model is in `support/libmilter.rs`. Random sequences of commands, of which most can follow, random
//! answers and random negotiations: what is taken, ignored, aborted and closed, what is written, and the
//! state that follows have to be the same.
//!
//! Payloads that cannot be read are left out here, as is the negotiation of larger ones: the fuzz target
//! `libmilter` has the former.

use milter_proto::wire::{Edit, Frame, Response, Text, Verdict};
use milter_proto::{FilterSession, ReceiveError, filter};
use proptest::prelude::*;

use crate::support::libmilter::{COMMANDS, Engine, Fate, INIT, STATES, VERDICTS, Wish};

/// A step of a script: which command, which verdict, which edit before it.
type Move = (u8, u8, u8);

fn any_wish() -> impl Strategy<Value = Wish> {
    // Steps that are wished for without being offered close the connection, mostly: they are rare.
    let rare = |bits: u32| prop_oneof![9 => Just(0), 1 => any::<u32>().prop_map(move |b| b & bits)];
    let off = any::<[u32; 2]>().prop_map(|[one, other]| one & other & 0x37f);
    let mute = any::<[u32; 2]>().prop_map(|[one, other]| one & other & 0x000f_f080);
    let (preferred, actions) = (any::<u32>(), any::<u32>());
    (off, mute, rare(0x10_0c00), preferred, actions, rare(0x1ff)).prop_map(
        |(off, mute, required, preferred, preferred_actions, actions)| Wish {
            steps: off | mute | required,
            preferred: preferred & 0x10_0c00 & !required,
            actions,
            preferred_actions: preferred_actions & 0x1ff,
        },
    )
}

fn any_offer() -> impl Strategy<Value = [u32; 3]> {
    let version = prop_oneof![12 => 2_u32..=6, 2 => 0_u32..9, 1 => any::<u32>()];
    let actions = prop_oneof![6 => Just(0x1ff), 1 => Just(0), 1 => any::<u32>()];
    let steps = prop_oneof![
        6 => Just(0x001f_ffff),
        2 => prop_oneof![Just(0x3f), Just(0x7f), Just(0x17f), Just(0x37f), Just(0)],
        2 => any::<u32>().prop_map(|noise| 0x37f | noise),
        1 => any::<u32>(),
    ];
    (version, actions, steps).prop_map(|(version, actions, steps)| [version, actions, steps])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_filter_does_what_libmilter_does(
        offer in any_offer(),
        wish in any_wish(),
        script in prop::collection::vec(any::<Move>(), 0..48),
        opens in prop::bool::weighted(0.97),
    ) {
        let mut engine = Engine::new();
        let mut session = FilterSession::with_policy(filter::Policy::LIBMILTER);
        let opening = opens.then_some((0, 0, 0));
        for step in opening.into_iter().chain(script) {
            let row = if opens && engine.state == INIT { &COMMANDS[0] } else { engine.pick(step.0) };
            let offered: Vec<u8> = offer.iter().flat_map(|word| word.to_be_bytes()).collect();
            let (code, payload) = if row.0 == b'O' { (b'O', &offered[..]) } else { (row.0, row.1) };
            let fate = engine.command(code);
            if !run_step(&mut engine, &mut session, fate, Frame::new(code, payload), offer, &wish, step)? {
                break;
            }
        }
    }
}

/// One frame and what is answered. `false`: the connection is over.
fn run_step(
    engine: &mut Engine,
    session: &mut FilterSession,
    fate: Fate,
    frame: Frame<'_>,
    offer: [u32; 3],
    wish: &Wish,
    (_, verdict, edit): Move,
) -> Result<bool, TestCaseError> {
    let event = session.receive(frame);
    let Some(passage) = fate.passage(frame.code()) else {
        prop_assert!(matches!(event, Err(ReceiveError::Peer(_))), "{:?}", event);
        prop_assert_eq!(session.turn(), filter::Turn::Closed);
        return Ok(false);
    };
    let event = event.map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!((event.in_order, event.aborts_message), passage, "{:?}", frame);
    // `bodyeob-once`
    let has_body = engine.effective & 0x010 == 0;
    let is_cut =
        matches!(fate, Fate::Taken { .. }) && frame.code() == b'E' && !frame.payload().is_empty() && has_body;
    prop_assert_eq!(session.rest_of_frame().is_some(), is_cut);
    if frame.code() == b'Q' {
        prop_assert_eq!(session.turn(), filter::Turn::Closed);
        return Ok(false);
    }
    let mut out = Vec::new();
    let mut expected = Vec::new();
    if frame.code() == b'O' && matches!(fate, Fate::Taken { .. }) {
        let answer = engine.negotiate(offer, wish);
        let negotiated = session.negotiate(&wish.wishes());
        prop_assert_eq!(negotiated.is_ok(), answer.is_some(), "{:?}", negotiated);
        let (Ok(sent), Some(answer)) = (negotiated, answer) else { return Ok(false) };
        sent.frame.append_to(&mut out);
        expected.extend(b"\0\0\0\x0dO");
        expected.extend(answer.iter().flat_map(|word| word.to_be_bytes()));
    } else if let (Fate::Taken { .. }, Some(result)) = (fate, has_result(frame.code())) {
        // Half of them are CONTINUE, so that messages come to their end.
        let (verdict, code) = VERDICTS[usize::from(verdict).saturating_sub(128) % VERDICTS.len()];
        if frame.code() == b'E' {
            edits(engine, session, edit)?;
        }
        let is_mute = engine.is_mute(frame.code());
        let written = engine.result(frame.code(), code);
        prop_assert_eq!(matches!(session.turn(), filter::Turn::Reply(_)), written.is_some(), "{:?}", result);
        if is_mute && code != b'c' {
            prop_assert!(session.check(&verdict.into()).is_err(), "`no-reply-verdict`");
        }
        if let Some(written) = written {
            let verdict = if is_mute { Verdict::Continue } else { verdict };
            session
                .send(verdict)
                .map_err(|error| TestCaseError::fail(error.to_string()))?
                .append_to(&mut out);
            expected.extend([0, 0, 0, 1, written]);
        }
    }
    prop_assert_eq!(out, expected);
    prop_assert_eq!(session.turn(), filter::Turn::Receive);
    prop_assert_eq!(session.stage(), STATES[usize::from(engine.state)].2);
    prop_assert_eq!(session.clone().disconnect(0).in_message, engine.in_tx());
    Ok(true)
}

/// An edit passes if its action was agreed on; PROGRESS passes always.
fn edits(engine: &Engine, session: &mut FilterSession, number: u8) -> Result<(), TestCaseError> {
    let (name, value) = (Text::new(b"X-Seen").unwrap(), Text::new(b"yes").unwrap());
    let edits: [(Response<'_>, u32); 5] = [
        (Edit::AddHeader { name, value }.into(), 0x01),
        (Edit::ReplaceBody { chunk: b"new\r\n" }.into(), 0x02),
        (Edit::AddRcpt { address: name }.into(), 0x04),
        (Edit::Quarantine { reason: value }.into(), 0x20),
        (Response::Progress, 0),
    ];
    let (edit, action) = edits[usize::from(number) % edits.len()];
    prop_assert_eq!(session.send(edit).is_ok(), action & engine.actions == action, "{:?}", edit);
    Ok(())
}

/// Whether a handler has a result that is answered.
fn has_result(code: u8) -> Option<u8> {
    b"CHMRTLNBEU".contains(&code).then_some(code)
}
