//! The table of layouts, beside the parser: the same fields of every frame.

use std::collections::BTreeSet;

use milter_proto::order::CommandKind;
use milter_proto::wire::{Direction, Frame, code_name};
use proptest::prelude::*;

use crate::support::layout::{Kind, MESSAGES, Message, Part, Presence};
use crate::support::parsed::{is_known, parsed};
use crate::support::recorded::capture::Side;
use crate::support::recorded::sessions;
use crate::support::strategies;

#[test]
fn the_layout_and_the_parser_find_the_same_fields_in_every_captured_frame() {
    let mut seen = BTreeSet::new();
    for session in sessions() {
        for side in Side::BOTH {
            for frame in session.frames(side).0 {
                let frame = frame.as_frame();
                let path = session.path.display();
                assert_eq!(by_layout(side.direction(), frame), parsed(side.direction(), frame), "{path}");
                seen.insert((side == Side::Filter, frame.code()));
            }
        }
    }
    let absent: Vec<_> = MESSAGES
        .iter()
        .filter(|message| !seen.contains(&(message.direction == Direction::ToMta, message.code)))
        .map(Message::name)
        .collect();
    assert_eq!(absent, ["SHUTDOWN", "CONN_FAIL", "SETSYMLIST"], "no capture has them");
}

#[test]
fn a_captured_frame_that_is_cut_short_is_read_by_the_parser_only_if_it_has_the_layout() {
    let mut frames = BTreeSet::new();
    for session in sessions() {
        for side in Side::BOTH {
            let short =
                session.frames(side).0.into_iter().filter(|frame| frame.as_frame().payload().len() < 200);
            frames.extend(short.map(|frame| {
                let frame = frame.as_frame();
                (side == Side::Filter, frame.code(), frame.payload().to_vec())
            }));
        }
    }
    let (mut whole, mut refused) = (0, 0);
    for (is_response, code, payload) in &frames {
        let direction = if *is_response { Direction::ToMta } else { Direction::ToFilter };
        for length in 0..payload.len() {
            let frame = Frame::new(*code, &payload[..length]);
            match parsed(direction, frame) {
                Some(parts) => {
                    assert_eq!(by_layout(direction, frame), Some(parts), "{frame:?}");
                    whole += 1;
                }
                None => refused += 1,
            }
        }
    }
    assert!(whole > 1_000 && refused > 1_000, "{whole} {refused}");
}

proptest! {
    #[test]
    fn every_frame_that_the_parser_accepts_has_the_layout_and_the_same_fields(
        (code, payload) in strategies::frame(),
    ) {
        let frame = Frame::new(code, &payload);
        for direction in [Direction::ToFilter, Direction::ToMta] {
            if let Some(parts) = parsed(direction, frame) {
                prop_assert_eq!(by_layout(direction, frame), Some(parts));
            }
        }
    }

    #[test]
    fn every_well_formed_frame_has_a_layout((code, payload) in strategies::clean()) {
        let frame = Frame::new(code, &payload);
        let directions = [Direction::ToFilter, Direction::ToMta];
        prop_assert!(directions.into_iter().any(|direction| by_layout(direction, frame).is_some()));
    }
}

#[test]
fn the_table_has_every_message_once() {
    let codes: BTreeSet<_> =
        MESSAGES.iter().map(|message| (message.direction == Direction::ToMta, message.code)).collect();
    assert_eq!(codes.len(), MESSAGES.len(), "one row for each");
    for code in 0..=255 {
        let frame = Frame::new(code, b"\0\0\0\0\0\0\0\0\0\0\0\0");
        for direction in [Direction::ToFilter, Direction::ToMta] {
            assert_eq!(Message::find(direction, code).is_some(), is_known(direction, frame), "{code:#x}");
        }
        let is_listed = codes.iter().any(|row| row.1 == code);
        assert_eq!(code_name(code).is_some(), is_listed, "{code:#x}");
        assert_eq!(CommandKind::from_code(code).is_some(), codes.contains(&(false, code)), "{code:#x}");
    }
    assert_eq!(MESSAGES.iter().filter(|message| message.direction == Direction::ToFilter).count(), 15);
    assert_eq!(MESSAGES.iter().filter(|message| message.direction == Direction::ToMta).count(), 21);
}

#[test]
fn a_field_up_to_the_end_of_the_payload_is_the_last_one() {
    for message in &MESSAGES {
        for (place, field) in message.fields.iter().enumerate() {
            let is_last = place + 1 == message.fields.len();
            let is_rest = matches!(field.kind, Kind::Texts | Kind::Pairs | Kind::MacroLists | Kind::Bytes);
            assert!(is_last || !is_rest, "{}: {}", message.name(), field.name);
            assert!(is_last || field.presence != Presence::Optional, "{}: {}", message.name(), field.name);
            assert!(!field.constraint.is_empty() && !field.constraint.contains('|'), "{}", message.name());
        }
    }
}

fn by_layout(direction: Direction, frame: Frame<'_>) -> Option<Vec<Part<'_>>> {
    Message::find(direction, frame.code())?.decode(frame.payload())
}
