//! A frame on its way out: pieces, copies and vectored writes agree, and nothing long is copied.

use milter_proto::Limits;
use milter_proto::wire::{Command, Edit, Frame, MacroStage, Macros, OutgoingFrame, Peer, Response};
use proptest::prelude::*;

use crate::support::strategies::frame;
use crate::support::{bytes_of, list, text, wire};

/// Every way to get at the bytes of a frame.
fn all_ways_agree(out: &OutgoingFrame<'_>, expected: &[u8]) {
    assert_eq!(out.len(), expected.len());
    assert!(!out.is_empty());
    assert!(out.segments().all(|segment| !segment.is_empty()));
    assert!(out.segments().count() <= OutgoingFrame::MAX_SEGMENTS);
    assert_eq!(bytes_of(out), expected);

    let mut buffer = vec![0xaa; expected.len() + 3];
    assert_eq!(out.write_to(&mut buffer), Ok(expected.len()));
    assert_eq!(buffer[..expected.len()], *expected);
    assert_eq!(buffer[expected.len()..], [0xaa; 3], "nothing behind the frame is touched");
    let mut exact = vec![0; expected.len()];
    assert_eq!(out.write_to(&mut exact), Ok(expected.len()));
    assert_eq!(exact, expected);

    #[cfg(feature = "alloc")]
    {
        let mut buffer = b"before".to_vec();
        out.append_to(&mut buffer);
        assert_eq!(buffer, [b"before", expected].concat());
    }
    #[cfg(feature = "std")]
    {
        let mut slots = [std::io::IoSlice::new(b""); OutgoingFrame::MAX_SEGMENTS];
        let slices = out.io_slices(&mut slots);
        assert_eq!(slices.len(), out.segments().count());
        assert_eq!(slices.iter().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    // FRM-1.
    #[test]
    fn segments_copies_and_slices_are_the_same_bytes((code, payload) in frame()) {
        let frame = Frame::new(code, &payload);
        let expected = wire(code, &payload);
        all_ways_agree(&frame.encode(), &expected);
        if let Ok(command) = Command::parse(frame) {
            all_ways_agree(&command.encode(), &expected);
            prop_assert_eq!(command.encode(), frame.encode());
        }
        if let Ok(response) = Response::parse(frame) {
            all_ways_agree(&response.encode(), &expected);
            prop_assert_eq!(response.encode(), frame.encode());
        }
    }

    #[test]
    fn a_buffer_that_is_too_small_is_left_alone((code, payload) in frame()) {
        let frame = Frame::new(code, &payload).encode();
        for available in [0, 4, frame.len() - 1] {
            let mut buffer = vec![0xaa; available];
            let error = frame.write_to(&mut buffer).unwrap_err();
            prop_assert_eq!((error.needed, error.available), (frame.len(), available));
            prop_assert!(buffer.iter().all(|&byte| byte == 0xaa));
        }
    }
}

/// Whether some piece is exactly those bytes, at their own place.
fn lends(out: &OutgoingFrame<'_>, bytes: &[u8]) -> bool {
    out.segments().any(|segment| core::ptr::eq(segment, bytes))
}

// FRM-11, BDY-2, BDY-4: a chunk is never joined to the head.
#[test]
fn a_body_chunk_is_lent_and_never_joined_to_the_head() {
    let chunk = vec![b'x'; 65_535];
    let outs = [
        Command::Body { chunk: &chunk }.encode(),
        Command::EndOfMessage { chunk: &chunk }.encode(),
        Response::from(Edit::ReplaceBody { chunk: &chunk }).encode(),
        Response::MacroList { payload: &chunk }.encode(),
        Frame::new(b'B', &chunk).encode(),
    ];
    for out in outs {
        let segments: Vec<&[u8]> = out.segments().collect();
        assert_eq!(segments.len(), 2, "{:?}", segments[0]);
        assert_eq!(segments[0][..4], [0, 1, 0, 0]);
        assert!(core::ptr::eq(segments[1], &chunk[..]));
    }
}

#[test]
fn names_values_and_lists_are_lent_too() {
    let (name, value) = (text(b"Subject"), text(b"a value"));
    let (address, arguments) = (text(b"<a@b.c>"), list(b"SIZE=10\0"));
    let header = Command::Header { name, value }.encode();
    assert!(lends(&header, name.as_bytes()) && lends(&header, value.as_bytes()));
    let insert = Response::from(Edit::InsertHeader { index: 7, name, value }).encode();
    assert!(lends(&insert, name.as_bytes()) && lends(&insert, value.as_bytes()));
    let mail = Command::MailFrom { address, arguments }.encode();
    assert!(lends(&mail, address.as_bytes()) && lends(&mail, arguments.as_bytes()));
    let pairs = list(b"i\0QUEUE1\0");
    let macros = Command::Macros(Macros::new(MacroStage::MAIL, pairs).unwrap()).encode();
    assert!(lends(&macros, pairs.as_bytes()));
}

#[test]
fn the_frame_of_most_pieces_has_five() {
    let peer = Peer::Inet { port: 25, address: text(b"192.0.2.1") };
    let out = Command::Connect { host: text(b"mx.example"), peer }.encode();
    let segments: Vec<&[u8]> = out.segments().collect();
    let expected: [&[u8]; 5] = [b"\0\0\0\x19C", b"mx.example", b"\0\x34\0\x19", b"192.0.2.1", b"\0"];
    assert_eq!(segments, expected);
    assert_eq!(OutgoingFrame::MAX_SEGMENTS, 5);
    assert_eq!(Command::Quit.encode().segments().count(), 1);
}

// FRM-7: libmilter closes on a payload of more than 65,535 bytes.
#[test]
fn a_payload_over_the_sending_limit_is_refused_with_both_sizes() {
    let body = vec![0; 65_536];
    let within = |len: usize, limits| {
        Command::Body { chunk: &body[..len] }.encode().within(limits).map(|out| out.len())
    };
    assert_eq!(within(65_535, Limits::DEFAULT), Ok(65_540));
    let error = within(65_536, Limits::DEFAULT).unwrap_err();
    assert_eq!((error.payload, error.limit), (65_536, 65_535));
    assert_eq!(error.to_string(), "payload of 65536 bytes is over the sending limit of 65535");
    assert_eq!(within(65_536, Limits::DEFAULT.with_max_send_payload(65_536)), Ok(65_541));
    assert_eq!(within(0, Limits::DEFAULT.with_max_send_payload(0)), Ok(5));
    assert!(within(1, Limits::DEFAULT.with_max_send_payload(0)).is_err());
}

#[test]
fn debug_shows_the_bytes_and_equality_compares_them() {
    let helo = Command::Helo { name: text(b"c\xe9") }.encode();
    assert_eq!(format!("{helo:?}"), r#"OutgoingFrame(b"\x00\x00\x00\x04Hc\xe9\x00")"#);
    assert_eq!(helo, Frame::new(b'H', b"c\xe9\0").encode());
    assert_ne!(helo, Frame::new(b'H', b"c\xe9\0\0").encode());
    assert_ne!(helo, Frame::new(b'h', b"c\xe9\0").encode());
}
