//! What other milter libraries got wrong about bytes, each as a test.
//!
//! A number is the place in the list of regressions that was made from a survey of sixteen libraries.
//! Numbers 9, 10, 21 and 25, and what 7, 8, 12, 14, 18, 20 and 24 say about the order of commands and
//! replies, belong to the tests of sessions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

mod support;

use milter_proto::Limits;
use milter_proto::wire::{
    Actions, Assembler, Command, DataSize, Edit, Fault, Frame, FrameError, ListStage, MacroStage, Macros,
    OtherProtocol, Peer, ReplyText, Response, Steps, Text, Tolerance, Verdict, Version,
};
use support::{bytes_of, feed, reply, text, wire};

fn command<'a>(code: u8, payload: &'a [u8]) -> Command<'a> {
    Command::parse(Frame::new(code, payload)).expect("the frame is clean")
}

fn response<'a>(code: u8, payload: &'a [u8]) -> Response<'a> {
    Response::parse(Frame::new(code, payload)).expect("the frame is clean")
}

// 1. FRM-3: it crashed daemons, or lost the position in the stream.
#[test]
fn a_frame_of_length_0_is_an_error_and_takes_no_command() {
    let (frames, error) = feed(&mut Assembler::new([0; 8]), [&b"\0\0\0\0Q\0\0\0\x01Q"[..]]);
    assert_eq!((frames.len(), error), (0, Some(FrameError::Empty)));
}

// 2. FRM-4: it was taken for a negative number.
#[test]
fn a_length_of_2_to_the_31_is_no_empty_frame() {
    for length in [0x8000_0000_u32, 0x8000_0001, u32::MAX] {
        let bytes = [&length.to_be_bytes()[..], b"A"].concat();
        let (frames, error) = feed(&mut Assembler::new([0; 8]), [&bytes[..]]);
        assert!(frames.is_empty() && matches!(error, Some(FrameError::TooLong { .. })));
    }
}

// 3. FRM-5: 512 MB and more were allocated from four bytes.
#[test]
fn a_length_over_the_limit_is_refused_before_memory_is_touched() {
    let mut room = [0xaa; 64];
    let limits = Limits::DEFAULT.with_max_receive_payload(16);
    let mut assembler = Assembler::with_limits(&mut room[..], limits);
    let (_, error) = feed(&mut assembler, wire(b'B', &[1; 17]).chunks(1));
    assert!(matches!(error, Some(FrameError::TooLong { payload: 17, limit: 16, .. })));
    assert_eq!(room, [0xaa; 64]);
}

// 4. FRM-10: operators saw a number of bytes, and no reason.
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

// 5. FRM-8: readers that could be cancelled lost what they had.
#[test]
fn a_frame_may_be_cut_at_every_byte() {
    let bytes = [wire(b'H', b"c\0"), wire(b'M', b"<a>\0SIZE=1\0")].concat();
    for cut in 0..=bytes.len() {
        let (front, back) = bytes.split_at(cut);
        let (frames, error) = feed(&mut Assembler::new([0; 16]), [front, back]);
        assert_eq!((frames.len(), error), (2, None));
    }
}

// 6. NEG-14, TOL-1, RSP-1: the answer was held to twelve bytes, so that macro lists ended the session.
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

// 7. NEG-1: which versions are spoken is a matter of the session; every number can be carried.
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

// 8. NEG-4, NEG-6: what zero stands for; on the wire it stays zero.
#[test]
fn zero_bits_stay_zero_and_their_meaning_has_a_name() {
    let Command::Negotiate(offer) = command(b'O', b"\0\0\0\x02\0\0\0\0\0\0\0\0") else { panic!() };
    assert_eq!((offer.actions, offer.steps), (Actions::EMPTY, Steps::EMPTY));
    assert_eq!((Actions::V1.bits(), Steps::V1.bits()), (0x0f, 0x3f));
}

// 11. NEG-5: they were truncated.
#[test]
fn unknown_bits_survive_a_round_trip() {
    let payload = b"\0\0\0\x06\x80\0\x40\0\x8e\x20\0\0";
    let Command::Negotiate(offer) = command(b'O', payload) else { panic!("this is an offer") };
    assert_eq!((offer.actions.bits(), offer.steps.bits()), (0x8000_4000, 0x8e20_0000));
    assert_eq!(bytes_of(&Command::Negotiate(offer).encode()), wire(b'O', payload));
    assert_eq!(bytes_of(&response(b'O', payload).encode()), wire(b'O', payload));
}

// 12. NEG-9: the size was global to the process, or unknown.
#[test]
fn the_data_size_is_read_from_the_bits_and_set_for_one_connection() {
    let mut first = Assembler::with_limits([0; 300], Limits::DEFAULT.with_max_receive_payload(100));
    let mut second = Assembler::with_limits([0; 300], Limits::DEFAULT.with_max_receive_payload(100));
    first.set_limits(Limits::DEFAULT.with_max_receive_payload(DataSize::Kib256.bytes()));
    let frame = wire(b'B', &[0; 200]);
    assert_eq!(feed(&mut first, [&frame[..]]).1, None);
    assert!(feed(&mut second, [&frame[..]]).1.is_some());
    assert_eq!((Steps::DATA_SIZE_256K | Steps::DATA_SIZE_1M).data_size(), DataSize::Mib1);
}

// 13. NEG-10, NEG-11, TOL-11, TOL-12.
#[test]
fn macro_lists_have_stages_up_to_6_and_a_final_nul() {
    let answer = |lists: &[u8], tolerance| {
        let payload = [&[0; 12][..], lists].concat();
        let decoded = Response::parse_as(Frame::new(b'O', &payload), tolerance).ok()?;
        let Response::Negotiate(answer) = decoded.value else { panic!("this is an answer") };
        Some(answer.macro_lists.iter().map(|(stage, _)| stage.number()).collect::<Vec<u32>>())
    };
    let beyond = b"\0\0\0\x03a\0\0\0\0\x07b\0\0\0\0\x06c\0";
    assert_eq!(answer(beyond, Tolerance::STRICT), None);
    assert_eq!(answer(beyond, Tolerance::SENDMAIL), Some(vec![3]));
    assert_eq!(answer(beyond, Tolerance::POSTFIX), Some(vec![3, 7, 6]));
    for tolerance in [Tolerance::STRICT, Tolerance::SENDMAIL, Tolerance::POSTFIX, Tolerance::LENIENT] {
        assert_eq!(answer(b"\0\0\0\x03a b", tolerance), None);
    }
}

// 14. CMD-11: six libraries dropped it.
#[test]
fn the_payload_of_bodyeob_is_kept() {
    assert_eq!(command(b'E', b"last\r\n"), Command::EndOfMessage { chunk: b"last\r\n" });
    assert_eq!(command(b'E', b""), Command::EndOfMessage { chunk: b"" });
}

// 15. CMD-10, BDY-3, TOL-7.
#[test]
fn an_empty_body_chunk_is_refused_and_can_be_tolerated() {
    let frame = Frame::new(b'B', b"");
    assert_eq!(Command::parse(frame).unwrap_err().fault(), Fault::Empty);
    assert!(Command::parse_as(frame, Tolerance::LIBMILTER).is_err());
    let decoded = Command::parse_as(frame, Tolerance::LENIENT).unwrap();
    assert_eq!(decoded.value, Command::Body { chunk: b"" });
    assert_eq!(response(b'b', b""), Edit::ReplaceBody { chunk: b"" }.into());
}

// 16. CMD-5: sessions were closed on legal arguments that a sender controls.
#[test]
fn mail_with_no_argument_an_empty_address_or_two_equals_signs_is_read() {
    let rows: [(&[u8], &str, &[&str]); 5] = [
        (b"<a@b.c>\0", "<a@b.c>", &[]),
        (b"\0", "", &[]),
        (b"<>\0", "<>", &[]),
        (b"<a>\0AUTH=<a=b>\0ENVID=QQ=314\0", "<a>", &["AUTH=<a=b>", "ENVID=QQ=314"]),
        (b"<a>\0a=b=c\0\0", "<a>", &["a=b=c", ""]),
    ];
    for (payload, expected, expected_arguments) in rows {
        let Command::MailFrom { address, arguments } = command(b'M', payload) else { panic!() };
        assert_eq!(address, expected);
        assert!(arguments.iter().eq(expected_arguments.iter().copied()));
    }
}

// 17. CMD-3.
#[test]
fn connect_is_read_for_every_family_and_refused_without_its_nul() {
    let peer_of = |payload| match Command::parse(Frame::new(b'C', payload)) {
        Ok(Command::Connect { peer, .. }) => Some(peer),
        _ => None,
    };
    assert_eq!(peer_of(b"h\0U"), Some(Peer::Unknown));
    assert_eq!(peer_of(b"h\0L\0\0/run/x\0"), Some(Peer::Unix { port: 0, path: text(b"/run/x") }));
    let inet = peer_of(b"h\x004\x04\xd2192.0.2.1\0").unwrap();
    assert_eq!(inet, Peer::Inet { port: 1234, address: text(b"192.0.2.1") });
    for address in [&b"h\x006\0\x19IPv6:::1\0"[..], b"h\x006\0\x19::1\0"] {
        assert_eq!(peer_of(address).unwrap().ip(), Some("::1".parse().unwrap()));
    }
    for refused in [&b"h\x005\0\x19x\0"[..], b"h", b"h\0", b"h\x004\0\x19192.0.2.1", b"h\x004\0"] {
        assert_eq!(peer_of(refused), None, "{}", refused.escape_ascii());
    }
}

fn macros(payload: &[u8], tolerance: Tolerance) -> Option<Macros<'_>> {
    let decoded = Command::parse_as(Frame::new(b'D', payload), tolerance).ok()?;
    let Command::Macros(macros) = decoded.value else { panic!("these are macros") };
    Some(macros)
}

// 18. MAC-1 to MAC-6, TOL-6: what becomes of older macros is a matter of the session.
#[test]
fn macros_may_be_empty_odd_double_or_of_any_stage() {
    for stage in *b"LBUAZ" {
        let payload = [stage, b'i', 0, b'Q', 0];
        let macros = macros(&payload, Tolerance::STRICT).unwrap();
        assert_eq!((macros.stage(), macros.iter().count()), (MacroStage::new(stage), 1));
    }
    assert_eq!(macros(b"M", Tolerance::STRICT).unwrap().iter().count(), 0);
    assert_eq!(macros(b"", Tolerance::LENIENT), None);
    assert_eq!(macros(b"Mi\0Q\0j\0", Tolerance::STRICT), None);
    assert_eq!(macros(b"Mi\0Q\0j\0", Tolerance::LIBMILTER).unwrap().iter().count(), 1);
    let double = macros(b"Mi\0a\0i\0b\0", Tolerance::STRICT).unwrap();
    assert_eq!((double.iter().count(), double.get(text(b"i"))), (2, Some(text(b"a"))));
}

// 19. HDR-6: senders crashed filters with one byte of Latin-1.
#[test]
fn bytes_that_are_not_utf_8_are_read_in_every_field() {
    const ODD: &[u8] = b"\xe9\xff\xc0\x80";
    let commands: [(u8, Vec<u8>); 8] = [
        (b'C', [ODD, b"\x004\0\x19", ODD, b"\0"].concat()),
        (b'H', [ODD, b"\0"].concat()),
        (b'M', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'R', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'L', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'D', [b"M", ODD, b"\0", ODD, b"\0"].concat()),
        (b'U', [ODD, b"\0"].concat()),
        (b'B', ODD.to_vec()),
    ];
    for (code, payload) in commands {
        let command = command(code, &payload);
        assert!(!matches!(command, Command::Other(_)));
        assert_eq!(bytes_of(&command.encode()), wire(code, &payload));
    }
    let responses: [(u8, Vec<u8>); 11] = [
        (b'h', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'i', [b"\0\0\0\0", ODD, b"\0", ODD, b"\0"].concat()),
        (b'm', [b"\0\0\0\0", ODD, b"\0", ODD, b"\0"].concat()),
        (b'e', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'2', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'+', [ODD, b"\0"].concat()),
        (b'-', [ODD, b"\0"].concat()),
        (b'q', [ODD, b"\0"].concat()),
        (b'b', ODD.to_vec()),
        (b'y', [b"550 ", ODD, b"\0"].concat()),
        (b'O', [&[0; 16][..], ODD, b"\0"].concat()),
    ];
    for (code, payload) in responses {
        let response = response(code, &payload);
        assert!(!matches!(response, Response::Other(_)));
        assert_eq!(bytes_of(&response.encode()), wire(code, &payload));
    }
}

// 20. CMD-15: unknown to eight libraries.
#[test]
fn quit_nc_is_a_command() {
    assert_eq!(command(b'K', b""), Command::QuitNewConnection);
    assert_eq!(bytes_of(&Command::QuitNewConnection.encode()), b"\0\0\0\x01K");
}

// 22. RPL-3 to RPL-9: lines were lost, rewritten, or read as codes.
#[test]
fn a_reply_keeps_its_lines_and_lets_nothing_through() {
    let two = reply(b"550-5.7.1 a%%\r\n550 5.7.1 b");
    assert_eq!((two.code().number(), two.lines().count()), (550, 2));
    assert!(two.lines().map(|line| line.text().to_string()).eq(["a%", "b"]));
    let lines = |count: usize| format!("{}550 x", "550-x\r\n".repeat(count - 1));
    let line = |len: usize| format!("550 {}", "x".repeat(len));
    for (bytes, is_reply) in [
        (lines(32), true),
        (lines(33), false),
        (line(980), true),
        (line(981), false),
        ("550-5.0.0".into(), false),
        ("550-a\r\n250 b".into(), false),
        ("550 a\r\n250 b".into(), false),
        ("550 a\nb".into(), false),
        ("550 a\rb".into(), false),
        ("550 a\0b".into(), false),
        ("250 ok".into(), false),
        ("550 a%".into(), false),
    ] {
        assert_eq!(ReplyText::parse(bytes.as_bytes()).is_ok(), is_reply, "{bytes:?}");
    }
}

// 23. RSP-5, RSP-7: libmilter leaves the arguments out, which was an error, or a bad address.
#[test]
fn chgfrom_and_addrcpt_par_are_read_with_and_without_arguments() {
    for (payload, expected) in
        [(&b"<a>\0"[..], None), (b"<a>\0\0", Some(Text::EMPTY)), (b"<a>\0SIZE=1\0", Some(text(b"SIZE=1")))]
    {
        let address = text(b"<a>");
        assert_eq!(response(b'e', payload), Edit::ChangeFrom { address, arguments: expected }.into());
        assert_eq!(
            response(b'2', payload),
            Edit::AddRcptWithArguments { address, arguments: expected }.into()
        );
    }
}

// 24. RSP-12, RSP-16, RSP-18 to RSP-20: accept and progress were unknown codes to a client.
#[test]
fn accept_progress_skip_and_the_two_rare_verdicts_are_known() {
    assert_eq!(response(b'a', b""), Verdict::Accept.into());
    assert_eq!(response(b's', b""), Verdict::Skip.into());
    assert_eq!(response(b'f', b""), Verdict::ConnectionFail.into());
    assert_eq!(response(b'4', b""), Verdict::Shutdown.into());
    assert_eq!(response(b'p', b""), Response::Progress);
}

// 13. NEG-10: three more stages were invented by one library and copied by another.
#[test]
fn there_are_seven_stages_of_macro_lists() {
    assert!(ListStage::ALL.iter().map(|(stage, _)| stage.number()).eq(0..7));
}
