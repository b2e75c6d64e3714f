//! OPTNEG on the wire: its length in each direction, versions, and bits without a name.

use milter_proto::wire::{Actions, Command, Frame, ListStage, Response, Steps, Tolerance, Version};

use crate::support::{bytes_of, wire};

fn command<'a>(code: u8, payload: &'a [u8]) -> Command<'a> {
    Command::parse(Frame::new(code, payload)).expect("the frame is clean")
}

fn response<'a>(code: u8, payload: &'a [u8]) -> Response<'a> {
    Response::parse(Frame::new(code, payload)).expect("the frame is clean")
}

// NEG-14, TOL-1, RSP-1: other libraries accept answers of twelve bytes only, so that macro lists end the session.
#[test]
fn optneg_of_8_12_13_20_and_many_bytes_is_what_it_is_in_each_direction() {
    let huge = [&[0; 12][..], &b"\0\0\0\x02i\0".repeat(10_000)].concat();
    let rows: [(&[u8], bool, bool, bool); 5] = [
        (&[0; 8], false, false, false),
        (&[0; 12], true, true, true),
        (&[0; 13], false, true, false),
        (b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x02{i}\0", false, true, true),
        (&huge, false, true, true),
    ];
    for (payload, as_offer, as_libmilter_reads_it, as_answer) in rows {
        let frame = Frame::new(b'O', payload);
        assert_eq!(Command::parse(frame).is_ok(), as_offer, "{}", payload.len());
        assert_eq!(Command::parse_as(frame, Tolerance::LIBMILTER).is_ok(), as_libmilter_reads_it);
        assert_eq!(Response::parse(frame).is_ok(), as_answer, "{}", payload.len());
    }
}

// NEG-1: any number is read and written; which versions are accepted is tested in `negotiation`.
#[test]
fn every_version_number_is_carried() {
    for number in [0, 1, 2, 3, 4, 5, 6, 7, 0x8000_0000, u32::MAX] {
        let payload = [&number.to_be_bytes()[..], &[0; 8]].concat();
        let Command::Negotiate(offer) = command(b'O', &payload) else { panic!("this is an offer") };
        assert_eq!(offer.version, Version::new(number));
        let Response::Negotiate(answer) = response(b'O', &payload) else { panic!("this is an answer") };
        assert_eq!(answer.version.number(), number);
        assert_eq!(bytes_of(&Command::Negotiate(offer).encode()), wire(b'O', &payload));
    }
}

// NEG-4, NEG-6: zero means the bits of version 1, but stays zero on the wire.
#[test]
fn zero_bits_stay_zero_and_their_meaning_has_a_name() {
    let Command::Negotiate(offer) = command(b'O', b"\0\0\0\x02\0\0\0\0\0\0\0\0") else { panic!() };
    assert_eq!((offer.actions, offer.steps), (Actions::EMPTY, Steps::EMPTY));
    assert_eq!((Actions::V1.bits(), Steps::V1.bits()), (0x0f, 0x3f));
}

// NEG-5: other libraries drop them.
#[test]
fn unknown_bits_survive_a_round_trip() {
    let payload = b"\0\0\0\x06\x80\0\x40\0\x8e\x20\0\0";
    let Command::Negotiate(offer) = command(b'O', payload) else { panic!("this is an offer") };
    assert_eq!((offer.actions.bits(), offer.steps.bits()), (0x8000_4000, 0x8e20_0000));
    assert_eq!(bytes_of(&Command::Negotiate(offer).encode()), wire(b'O', payload));
    assert_eq!(bytes_of(&response(b'O', payload).encode()), wire(b'O', payload));
}

// NEG-10: one other library invented three more stages, and another copied them.
#[test]
fn there_are_seven_stages_of_macro_lists() {
    assert!(ListStage::ALL.iter().map(|(stage, _)| stage.number()).eq(0..7));
}
