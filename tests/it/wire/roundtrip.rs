//! What is parsed is encoded to the same bytes, whatever the bytes and whatever is tolerated.

use milter_proto::wire::{Command, Decoded, Deviation, Frame, Response, Tolerance};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::strategies::{clean, frame, tolerance};
use crate::support::{bytes_of, text, wire};

/// What `parse_as` gives, in a form that both directions share.
#[derive(Debug, PartialEq)]
struct Reading {
    value: String,
    clean_bytes: Vec<u8>,
    frame_bytes: Vec<u8>,
    is_reported: bool,
}

fn readings((code, payload): &(u8, Vec<u8>), tolerance: Tolerance) -> [Option<Reading>; 2] {
    let frame = Frame::new(*code, payload);
    let command = |decoded: Decoded<'_, Command<'_>>| Reading {
        value: format!("{:?}", decoded.value),
        clean_bytes: bytes_of(&decoded.value.encode()),
        frame_bytes: bytes_of(&decoded.encode()),
        is_reported: decoded.deviation.is_some(),
    };
    let response = |decoded: Decoded<'_, Response<'_>>| Reading {
        value: format!("{:?}", decoded.value),
        clean_bytes: bytes_of(&decoded.value.encode()),
        frame_bytes: bytes_of(&decoded.encode()),
        is_reported: decoded.deviation.is_some(),
    };
    [
        Command::parse_as(frame, tolerance).ok().map(command),
        Response::parse_as(frame, tolerance).ok().map(response),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    // CMD-1 to CMD-15.
    #[test]
    fn a_parsed_command_is_encoded_to_the_same_bytes((code, payload) in frame()) {
        if let Ok(command) = Command::parse(Frame::new(code, &payload)) {
            prop_assert_eq!(bytes_of(&command.encode()), wire(code, &payload));
            prop_assert_eq!(command.code(), code);
        }
    }

    // RSP-1 to RSP-21.
    #[test]
    fn a_parsed_response_is_encoded_to_the_same_bytes((code, payload) in frame()) {
        if let Ok(response) = Response::parse(Frame::new(code, &payload)) {
            prop_assert_eq!(bytes_of(&response.encode()), wire(code, &payload));
            prop_assert_eq!(response.code(), code);
        }
    }

    // TOL-1 to TOL-21.
    #[test]
    fn a_tolerated_frame_is_given_back_as_it_came(frame in frame(), tolerance in tolerance()) {
        for reading in readings(&frame, tolerance).into_iter().flatten() {
            prop_assert_eq!(&reading.frame_bytes, &wire(frame.0, &frame.1));
            if !reading.is_reported {
                prop_assert_eq!(&reading.clean_bytes, &reading.frame_bytes);
            }
        }
    }

    // TOL-1 to TOL-21: a clean frame means the same to everybody, and all others are reported.
    #[test]
    fn a_deviation_is_reported_exactly_when_the_frame_is_not_clean(frame in frame(), tolerance in tolerance()) {
        let strict = readings(&frame, Tolerance::STRICT);
        for (strict, tolerant) in strict.into_iter().zip(readings(&frame, tolerance)) {
            match (strict, tolerant) {
                (Some(strict), tolerant) => {
                    prop_assert!(!strict.is_reported);
                    prop_assert_eq!(Some(strict), tolerant);
                }
                (None, tolerant) => prop_assert!(tolerant.is_none_or(|reading| reading.is_reported)),
            }
        }
    }

    // Behind a stage that does not exist Sendmail reads nothing and Postfix everything, so that a wider
    // tolerance accepts the frame too, but can read fewer macro lists (TOL-11, TOL-12).
    #[test]
    fn a_wider_tolerance_accepts_no_less(
        frame in frame(),
        tolerance in tolerance(),
        more in select(&Deviation::ALL[..]),
    ) {
        let wider = readings(&frame, tolerance.with(more));
        for (narrow, wide) in readings(&frame, tolerance).into_iter().zip(wider) {
            let is_same = narrow == wide || (frame.0 == b'O' && wide.is_some());
            prop_assert!(narrow.is_none() || is_same);
        }
    }

    #[test]
    fn an_error_points_into_the_payload((code, payload) in frame()) {
        let frame = Frame::new(code, &payload);
        let errors = [Command::parse(frame).err(), Response::parse(frame).err()];
        for error in errors.into_iter().flatten() {
            prop_assert_eq!(error.code(), code);
            prop_assert!(usize::try_from(error.offset()).unwrap() <= payload.len(), "{}", error);
            let offset = format!(" at offset {} ", error.offset());
            prop_assert!(error.to_string().contains(&offset), "{}", error);
            // What the error calls a deviation can be tolerated: it is then no longer the first fault.
            if let Some(what) = error.deviation() {
                let tolerance = Tolerance::STRICT.with(what);
                let again = [Command::parse_as(frame, tolerance).err(), Response::parse_as(frame, tolerance).err()];
                prop_assert!(!again.contains(&Some(error)), "{}", error);
            }
        }
    }
}

// The property tests above see what they are meant to see.
#[test]
fn generated_frames_are_clean_tolerated_and_refused() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut clean_ones, mut tolerated, mut refused) = (0, 0, 0);
    for _ in 0..2000 {
        let frame = frame().new_tree(&mut runner).unwrap().current();
        match readings(&frame, Tolerance::LENIENT) {
            [Some(command), Some(response)] if command.is_reported || response.is_reported => tolerated += 1,
            [Some(_), Some(_)] => clean_ones += 1,
            _ => refused += 1,
        }
        let (code, payload) = clean().new_tree(&mut runner).unwrap().current();
        let frame = Frame::new(code, &payload);
        let is_clean = Command::parse(frame).is_ok() && Response::parse(frame).is_ok();
        assert!(is_clean || matches!(code, b'y' | b'B' | b'O'), "{frame:?}");
    }
    assert!(clean_ones > 500 && tolerated > 100 && refused > 100, "{clean_ones} {tolerated} {refused}");
}

#[test]
fn a_tolerated_value_can_be_sent_on_with_or_without_its_deviation() {
    let frame = Frame::new(b'M', b"<a>\0SIZE=1");
    let decoded = Command::parse_as(frame, Tolerance::LIBMILTER).unwrap();
    assert_eq!(bytes_of(&decoded.encode()), wire(b'M', b"<a>\0SIZE=1"));
    assert_eq!(bytes_of(&decoded.value.encode()), wire(b'M', b"<a>\0"));
    assert!(matches!(decoded.value, Command::MailFrom { address, .. } if address == text(b"<a>")));
}
