//! Cutting a stream into frames: lengths, limits, errors, and what is held back.

use milter_proto::Limits;
use milter_proto::wire::{Assembler, Frame, FrameError, OtherProtocol};

use crate::support::{feed, own, wire};

const UNTOUCHED: u8 = 0xaa;

/// The head of a frame that announces that many bytes of payload.
fn head(payload: u32) -> [u8; 5] {
    let [a, b, c, d] = (payload + 1).to_be_bytes();
    [a, b, c, d, b'B']
}

fn too_long(payload: u32, limit: u32) -> FrameError {
    FrameError::TooLong { payload, limit, looks_like: None }
}

/// Cuts the first frame of `bytes` whole and byte by byte, and gives the one result.
fn result_of(bytes: &[u8]) -> Result<Option<(u8, Vec<u8>)>, FrameError> {
    let limits = Limits::DEFAULT.with_max_receive_payload(4096);
    let whole = Frame::split(bytes, limits).map(|split| split.map(|(frame, _)| own(frame)));
    let mut room = [UNTOUCHED; 4096];
    let mut assembler = Assembler::new(&mut room[..]);
    let (frames, error) = feed(&mut assembler, bytes.chunks(1));
    assert_eq!(error.map_or(Ok(frames.first().cloned()), Err), whole, "byte by byte");
    whole
}

// FRM-1, FRM-2: four bytes of length, big-endian, that count the code byte.
#[test]
fn the_length_counts_the_code_byte_and_is_big_endian() {
    let rows: [(&[u8], u8, &[u8]); 3] =
        [(b"\0\0\0\x01Q", b'Q', b""), (b"\0\0\0\x03Hc\0", b'H', b"c\0"), (b"\0\0\0\x02\0\0", 0, b"\0")];
    for (bytes, code, payload) in rows {
        assert_eq!(result_of(bytes), Ok(Some((code, payload.to_vec()))));
    }
    let two_pages = wire(b'B', &[7; 0x0203]);
    assert_eq!(two_pages[..4], [0, 0, 2, 4]);
    assert_eq!(result_of(&two_pages), Ok(Some((b'B', vec![7; 0x0203]))));
}

// FRM-3: libmilter takes the next byte as a command, Sendmail's MTA aborts; here the stream ends.
#[test]
fn length_0_is_refused() {
    for bytes in [&b"\0\0\0\0"[..], b"\0\0\0\0Q", b"\0\0\0\0\0\0\0\x01Q"] {
        assert_eq!(result_of(bytes), Err(FrameError::Empty));
    }
    let text = FrameError::Empty.to_string();
    assert_eq!(text, "frame of length 0: the length counts the code byte and cannot be less than 1");
}

// FRM-4: libmilter takes it for a negative number and so for an empty frame.
#[test]
fn a_length_of_2_to_the_31_or_more_is_too_long() {
    for length in [0x7fff_ffff, 0x8000_0000, 0x8000_0001, u32::MAX] {
        let [a, b, c, d] = u32::to_be_bytes(length);
        for bytes in [&[a, b, c, d][..], &[a, b, c, d, b'Q']] {
            assert_eq!(result_of(bytes), Err(too_long(length - 1, 4096)));
        }
    }
    let text = too_long(4_294_967_294, 1_048_576).to_string();
    assert_eq!(text, "payload of 4294967294 bytes is over the limit of 1048576");
}

// FRM-5: a length is refused from its four bytes alone.
#[test]
fn length_is_refused_before_any_body_is_kept() {
    let limits = Limits::DEFAULT.with_max_receive_payload(10);
    let bytes = [&head(11)[..], &[b'x'; 11]].concat();
    for pieces in [1, 2, 3, 4, 5, 7, bytes.len()] {
        let mut room = [UNTOUCHED; 16];
        let mut assembler = Assembler::with_limits(&mut room[..], limits);
        let (frames, error) = feed(&mut assembler, bytes.chunks(pieces));
        assert_eq!((frames, error), (vec![], Some(too_long(11, 10))), "pieces of {pieces}");
        assert_eq!(room, [UNTOUCHED; 16], "pieces of {pieces}");
    }
}

// FRM-5, FRM-6, FRM-7: the bounds of libmilter, Postfix and Sendmail differ, so it can be set.
#[test]
fn the_limit_is_a_setting() {
    for limit in [0, 1, 65_535, 262_143, 1_048_575, Limits::DEFAULT.max_receive_payload()] {
        let limits = Limits::DEFAULT.with_max_receive_payload(limit);
        assert_eq!(Frame::split(&head(limit), limits).map(|split| split.is_some()), Ok(limit == 0));
        assert_eq!(Frame::split(&head(limit + 1), limits), Err(too_long(limit + 1, limit)));
    }
    let everything = Limits::DEFAULT.with_max_receive_payload(u32::MAX);
    assert_eq!(Frame::split(b"\xff\xff\xff\xffB", everything), Ok(None));
    assert_eq!(
        (Limits::default().max_receive_payload(), Limits::default().max_send_payload()),
        (1_048_576, 65_535)
    );
}

// NEG-9: a larger data size counts from the next frame on.
#[test]
fn limits_change_between_frames_and_not_inside_one() {
    let mut room = [0; 64];
    let mut assembler = Assembler::with_limits(&mut room[..], Limits::DEFAULT.with_max_receive_payload(4));
    let mut input: &[u8] = b"\0\0\0\x05Bab";
    assert_eq!(assembler.next_frame(&mut input), Ok(None));
    assembler.set_limits(Limits::DEFAULT.with_max_receive_payload(2));
    let mut input: &[u8] = b"cd";
    assert_eq!(assembler.next_frame(&mut input), Ok(Some(Frame::new(b'B', b"abcd"))));
    assembler.set_limits(Limits::DEFAULT.with_max_receive_payload(5));
    let mut input: &[u8] = b"\0\0\0\x06Babcde";
    assert_eq!(assembler.next_frame(&mut input), Ok(Some(Frame::new(b'B', b"abcde"))));
    assembler.set_limits(Limits::DEFAULT.with_max_receive_payload(2));
    let mut input: &[u8] = b"\0\0\0\x04Babc";
    assert_eq!(assembler.next_frame(&mut input), Err(too_long(3, 2)));
}

// FRM-8: what fits into memory of the caller does not depend on how it arrives.
#[test]
fn a_payload_larger_than_the_memory_is_refused_whole_and_cut_alike() {
    for (len, fits) in [(7, true), (8, true), (9, false), (40, false)] {
        let bytes = wire(b'B', &vec![b'x'; len]);
        for pieces in [1, 3, 5, 6, bytes.len()] {
            let (frames, error) = feed(&mut Assembler::new([0; 8]), bytes.chunks(pieces));
            let expected = (!fits).then(|| too_long(u32::try_from(len).unwrap(), 8));
            assert_eq!((frames.len(), error), (usize::from(fits), expected), "{len} in pieces of {pieces}");
        }
    }
    let (frames, error) = feed(&mut Assembler::new([]), [&b"\0\0\0\x01Q\0\0"[..], b"\0\x01Q"]);
    assert_eq!((frames.len(), error), (2, None), "frames without payload need no memory");
}

#[test]
fn the_smaller_one_of_limit_and_memory_counts() {
    let limits = Limits::DEFAULT.with_max_receive_payload(5);
    let (_, error) = feed(&mut Assembler::with_limits([0; 8], limits), [&wire(b'B', &[0; 6])[..]]);
    assert_eq!(error, Some(too_long(6, 5)));
    let (_, error) = feed(&mut Assembler::with_limits([0; 4], limits), [&wire(b'B', &[0; 5])[..]]);
    assert_eq!(error, Some(too_long(5, 4)));
}

#[test]
fn after_an_error_every_call_gives_it_again_and_takes_nothing() {
    for first in [&b"\0\0\0\0"[..], b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n"] {
        for pieces in [1, first.len()] {
            let mut assembler = Assembler::new([0; 32]);
            let (_, error) = feed(&mut assembler, first.chunks(pieces));
            let error = error.expect("this is no frame");
            let good = wire(b'Q', b"");
            for _ in 0..3 {
                let mut input = &good[..];
                assert_eq!(assembler.next_frame(&mut input), Err(error));
                assert_eq!(input, good);
            }
            assembler.release();
            assembler.set_limits(Limits::DEFAULT.with_max_receive_payload(u32::MAX));
            assert_eq!(assembler.next_frame(&mut &good[..]), Err(error));
        }
    }
}

#[test]
fn frames_in_front_of_an_error_come_out_first() {
    let bytes = b"\0\0\0\x01N\0\0\0\x02Bx\0\0\0\0\0\0\0\x01Q";
    for pieces in 1..=bytes.len() {
        let (frames, error) = feed(&mut Assembler::new([0; 8]), bytes.chunks(pieces));
        assert_eq!(frames, [(b'N', vec![]), (b'B', b"x".to_vec())]);
        assert_eq!(error, Some(FrameError::Empty));
    }
}

// FRM-10: a length that is text tells who is at the other end.
#[test]
fn another_protocol_is_named_in_the_error() {
    use OtherProtocol::{Http, Smtp, Text, Tls};
    let rows: [(&[u8], Option<OtherProtocol>, &str); 24] = [
        (b"GET / HTTP/1.1\r\n", Some(Http), "HTTP"),
        (b"HEAD / HTTP/1.0\r\n", Some(Http), "HTTP"),
        (b"POST /x", Some(Http), "HTTP"),
        (b"PUT /x", Some(Http), "HTTP"),
        (b"DELETE /x", Some(Http), "HTTP"),
        (b"OPTIONS *", Some(Http), "HTTP"),
        (b"PRI * HTTP/2.0\r\n", Some(Http), "HTTP"),
        (b"HTTP/1.1 400 Bad Request\r\n", Some(Http), "HTTP"),
        (b"\x16\x03\x01\x02\0\x01\0", Some(Tls), "TLS"),
        (b"\x16\x03\x03\0\x7a\x02\0", Some(Tls), "TLS"),
        (b"\x15\x03\x03\0\x02\x02\x28", Some(Tls), "TLS"),
        (b"220 mx.example ESMTP\r\n", Some(Smtp), "SMTP"),
        (b"220-mx.example\r\n", Some(Smtp), "SMTP"),
        (b"421 4.3.2 no\r\n", Some(Smtp), "SMTP"),
        (b"554 no\r\n", Some(Smtp), "SMTP"),
        (b"EHLO x\r\n", Some(Smtp), "SMTP"),
        (b"helo x\r\n", Some(Smtp), "SMTP"),
        (b"LHLO x\r\n", Some(Smtp), "SMTP"),
        (b"QUIT\r\n", Some(Smtp), "SMTP"),
        (b"<13>Oct 11 22:14:15 mx postfix", Some(Text), "text"),
        (b"\r\n\r\n", Some(Text), "text"),
        (b"SSH-2.0-x", Some(Text), "text"),
        (b"\x80\0\0\0", None, ""),
        (b"\x7fELF", None, ""),
    ];
    for (bytes, expected, name) in rows {
        let Err(error) = result_of(bytes) else { panic!("{}", bytes.escape_ascii()) };
        let FrameError::TooLong { looks_like, .. } = error else { panic!("{error}") };
        assert_eq!(looks_like, expected, "{}", bytes.escape_ascii());
        let hint = format!("look like {name}");
        assert_eq!(error.to_string().contains(&hint), expected.is_some(), "{error}");
    }
    let error = result_of(b"GET / HTTP/1.1\r\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "payload of 1195725855 bytes is over the limit of 4096; \
         these bytes look like HTTP: the peer does not speak Milter"
    );
}

// FRM-1, FRM-8.
#[test]
fn a_frame_split_at_every_byte_is_the_same_frame() {
    let bytes = wire(b'M', b"<a@b.c>\0SIZE=10\0");
    for cut in 0..=bytes.len() {
        let (front, back) = bytes.split_at(cut);
        for second in 0..=back.len() {
            let (middle, back) = back.split_at(second);
            let (frames, error) = feed(&mut Assembler::new([0; 32]), [front, middle, back]);
            assert_eq!((frames, error), (vec![(b'M', b"<a@b.c>\0SIZE=10\0".to_vec())], None));
        }
    }
}

// FRM-8: what lies whole in the input is borrowed from it, what was cut from the storage.
#[test]
fn a_whole_frame_is_borrowed_and_not_collected() {
    let bytes = wire(b'B', &[b'x'; 100]);
    let mut room = [UNTOUCHED; 200];
    let mut assembler = Assembler::new(&mut room[..]);
    let mut input = &bytes[..];
    let frame = assembler.next_frame(&mut input).unwrap().unwrap();
    assert_eq!(frame.payload().as_ptr(), bytes[5..].as_ptr());
    assert_eq!(room, [UNTOUCHED; 200]);
}

// FRM-8: only bytes that came are stored, each in its place.
#[test]
fn storage_is_touched_by_arrived_bytes_only() {
    let mut room = [UNTOUCHED; 16];
    let mut assembler = Assembler::new(&mut room[..]);
    let (frames, error) = feed(&mut assembler, [&b"\0\0"[..], b"\0\x0bBab", b"c"]);
    assert_eq!((frames, error, assembler.pending()), (vec![], None, 8));
    assert_eq!(room[..3], *b"abc");
    assert_eq!(room[3..], [UNTOUCHED; 13]);
}

#[test]
fn pending_and_missing_count_the_bytes_of_the_frame_at_hand() {
    let bytes = wire(b'H', b"mx.example\0");
    let mut assembler = Assembler::new([0; 32]);
    assert_eq!((assembler.pending(), assembler.missing()), (0, 5));
    for (arrived, byte) in (1..).zip(&bytes) {
        let frame = assembler.next_frame(&mut core::slice::from_ref(byte)).unwrap();
        assert_eq!(frame.is_some(), arrived == bytes.len());
        let missing = match arrived {
            0..=3 => 5 - arrived,
            4..=15 => bytes.len() - arrived,
            _ => 5,
        };
        let pending = if arrived == bytes.len() { 0 } else { arrived };
        assert_eq!((assembler.pending(), assembler.missing()), (pending, missing), "after {arrived} bytes");
    }
}

#[test]
fn release_keeps_a_frame_that_is_held_back() {
    let bytes = wire(b'H', b"mx.example\0");
    for cut in 0..bytes.len() {
        let mut assembler = Assembler::new([0; 32]);
        assert_eq!(assembler.next_frame(&mut &bytes[..cut]), Ok(None));
        assembler.release();
        assert_eq!(assembler.pending(), cut);
        assert_eq!(
            assembler.next_frame(&mut &bytes[cut..]),
            Ok(Some(Frame::new(b'H', b"mx.example\0"))),
            "cut at {cut}"
        );
        assembler.release();
        assert_eq!((assembler.pending(), assembler.missing()), (0, 5));
        assert_eq!(assembler.next_frame(&mut &b"\0\0\0\x01Q"[..]), Ok(Some(Frame::new(b'Q', b""))));
    }
}

#[test]
fn debug_shows_no_content_of_the_peer() {
    let mut assembler = Assembler::new([0; 32]);
    assert_eq!(assembler.next_frame(&mut &b"\0\0\0\x10Hsecret"[..]), Ok(None));
    let shown = format!("{assembler:?}");
    assert!(shown.starts_with("Assembler"), "{shown}");
    assert!(!shown.contains("secret") && !shown.contains("115, 101"), "as text or as numbers: {shown}");
}

#[test]
fn a_frame_shows_its_code_and_its_bytes_escaped() {
    let frame = Frame::new(b'H', b"mx\0\xff");
    assert_eq!(format!("{frame:?}"), r#"Frame(b'H', b"mx\x00\xff")"#);
    #[cfg(feature = "alloc")]
    assert_eq!(format!("{:?}", milter_proto::wire::FrameBuf::from(frame)), format!("{frame:?}"));
}

// FRM-3: other libraries crashed on it, or got out of sync.
#[test]
fn a_frame_of_length_0_is_an_error_and_takes_no_command() {
    let (frames, error) = feed(&mut Assembler::new([0; 8]), [&b"\0\0\0\0Q\0\0\0\x01Q"[..]]);
    assert_eq!((frames.len(), error), (0, Some(FrameError::Empty)));
}

// FRM-4: other libraries take it for a negative number.
#[test]
fn a_length_of_2_to_the_31_is_no_empty_frame() {
    for length in [0x8000_0000_u32, 0x8000_0001, u32::MAX] {
        let bytes = [&length.to_be_bytes()[..], b"A"].concat();
        let (frames, error) = feed(&mut Assembler::new([0; 8]), [&bytes[..]]);
        assert!(frames.is_empty() && matches!(error, Some(FrameError::TooLong { .. })));
    }
}

// FRM-5: other libraries allocate 512 MB and more because of four bytes.
#[test]
fn a_length_over_the_limit_is_refused_before_memory_is_touched() {
    let mut room = [0xaa; 64];
    let limits = Limits::DEFAULT.with_max_receive_payload(16);
    let mut assembler = Assembler::with_limits(&mut room[..], limits);
    let (_, error) = feed(&mut assembler, wire(b'B', &[1; 17]).chunks(1));
    assert!(matches!(error, Some(FrameError::TooLong { payload: 17, limit: 16, .. })));
    assert_eq!(room, [0xaa; 64]);
}

// FRM-10: other libraries report a number of bytes, and not the reason.
#[test]
fn a_peer_that_speaks_text_is_named_in_the_error() {
    for (bytes, foreign) in [
        (&b"GET /ping HTTP/1.1\r\n"[..], OtherProtocol::Http),
        (b"220 mx ESMTP Postfix\r\n", OtherProtocol::Smtp),
        (b"<22>Aug 24 05:34:00 mx", OtherProtocol::Text),
        (b"\x16\x03\x01\x02\0\x01", OtherProtocol::Tls),
    ] {
        let (_, error) = feed(&mut Assembler::new([0; 8]), [bytes]);
        let Some(FrameError::TooLong { looks_like, .. }) = error else { panic!("{error:?}") };
        assert_eq!(looks_like, Some(foreign));
    }
}

// FRM-8: cancellable readers of other libraries lost what they had read.
#[test]
fn a_frame_may_be_cut_at_every_byte() {
    let bytes = [wire(b'H', b"c\0"), wire(b'M', b"<a>\0SIZE=1\0")].concat();
    for cut in 0..=bytes.len() {
        let (front, back) = bytes.split_at(cut);
        let (frames, error) = feed(&mut Assembler::new([0; 16]), [front, back]);
        assert_eq!((frames.len(), error), (2, None));
    }
}

// The length counts the code byte; a limit does not.
#[test]
fn a_length_of_one_more_than_the_limit_is_legal() {
    let limits = Limits::DEFAULT.with_max_receive_payload(3);
    assert!(Frame::split(b"\0\0\0\x04Babc", limits).unwrap().is_some());
    assert!(matches!(Frame::split(b"\0\0\0\x05Babcd", limits), Err(FrameError::TooLong { .. })));
}
