//! Payloads that no receiver reads, and what the errors say about them.

use milter_proto::wire::{Command, Direction, Fault, Field, Frame, ReplyFault, Response, Tolerance};

use Direction::{ToFilter, ToMta};

/// Direction, code, payload, and the error under the most lenient tolerance.
#[rustfmt::skip]
const ROWS: &[(Direction, u8, &[u8], &str)] = &[
    // CMD-1: fewer than twelve bytes.
    (ToFilter, b'O', b"", "OPTNEG: version at offset 0 is cut short"),
    (ToFilter, b'O', b"\0\0\0\x06\0\0\x01", "OPTNEG: actions at offset 4 is cut short"),
    (ToFilter, b'O', b"\0\0\0\x06\0\0\x01\xff", "OPTNEG: steps at offset 8 is cut short"),
    (ToFilter, b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff", "OPTNEG: steps at offset 8 is cut short"),
    // CMD-2: a stage byte at least.
    (ToFilter, b'D', b"", "MACRO: stage at offset 0 is cut short"),
    // CMD-3.
    (ToFilter, b'C', b"", "CONNECT: host at offset 0 has no final NUL"),
    (ToFilter, b'C', b"localhost", "CONNECT: host at offset 0 has no final NUL"),
    (ToFilter, b'C', b"h\0", "CONNECT: address family at offset 2 is cut short"),
    (ToFilter, b'C', b"h\0X\0\x191.2.3.4\0", "CONNECT: address family at offset 2 has an unknown value"),
    (ToFilter, b'C', b"h\0u", "CONNECT: address family at offset 2 has an unknown value"),
    (ToFilter, b'C', b"h\x004", "CONNECT: port at offset 3 is cut short"),
    (ToFilter, b'C', b"h\x006\0", "CONNECT: port at offset 3 is cut short"),
    (ToFilter, b'C', b"h\0L\0\0", "CONNECT: address at offset 5 has no final NUL"),
    (ToFilter, b'C', b"h\x004\0\x191.2.3.4", "CONNECT: address at offset 5 has no final NUL"),
    (ToFilter, b'C', b"h\x004\0\x191.2.3.4\0x", "CONNECT: payload at offset 13 has no final NUL"),
    // CMD-4: libmilter gives no answer, and the MTA waits.
    (ToFilter, b'H', b"", "HELO: name at offset 0 has no final NUL"),
    (ToFilter, b'H', b"c", "HELO: name at offset 0 has no final NUL"),
    (ToFilter, b'H', b"c\0x", "HELO: payload at offset 2 has no final NUL"),
    // CMD-5, CMD-6: one NUL at least.
    (ToFilter, b'M', b"", "MAIL: address at offset 0 has no final NUL"),
    (ToFilter, b'M', b"<a@b.c>", "MAIL: address at offset 0 has no final NUL"),
    (ToFilter, b'R', b"<r@x.y>", "RCPT: address at offset 0 has no final NUL"),
    // CMD-8.
    (ToFilter, b'L', b"", "HEADER: name at offset 0 has no final NUL"),
    (ToFilter, b'L', b"Subject", "HEADER: name at offset 0 has no final NUL"),
    (ToFilter, b'L', b"A\0", "HEADER: value at offset 2 has no final NUL"),
    (ToFilter, b'L', b"A\0b", "HEADER: value at offset 2 has no final NUL"),
    (ToFilter, b'L', b"A\0b\0c", "HEADER: payload at offset 4 has no final NUL"),
    (ToFilter, b'L', b"\0", "HEADER: name at offset 1 has no final NUL"),
    (ToFilter, b'L', b"\0v\0", "HEADER: value at offset 3 has no final NUL"),
    // CMD-12.
    (ToFilter, b'U', b"", "UNKNOWN: line at offset 0 has no final NUL"),
    // RSP-1, NEG-11.
    (ToMta, b'O', b"\0\0\0\x06\0\0\x01\xff", "OPTNEG: steps at offset 8 is cut short"),
    (ToMta, b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x03abc", "OPTNEG: names of a macro list at offset 16 has no final NUL"),
    // RSP-2.
    (ToMta, b'h', b"", "ADDHEADER: name at offset 0 has no final NUL"),
    (ToMta, b'h', b"A\0", "ADDHEADER: value at offset 2 has no final NUL"),
    (ToMta, b'h', b"A\0b", "ADDHEADER: value at offset 2 has no final NUL"),
    // RSP-3, RSP-4.
    (ToMta, b'i', b"", "INSHEADER: index at offset 0 is cut short"),
    (ToMta, b'i', b"\0\0\0", "INSHEADER: index at offset 0 is cut short"),
    (ToMta, b'i', b"\0\0\0\0", "INSHEADER: name at offset 4 has no final NUL"),
    (ToMta, b'i', b"\0\0\0\0A\0", "INSHEADER: value at offset 6 has no final NUL"),
    (ToMta, b'm', b"\0\0", "CHGHEADER: index at offset 0 is cut short"),
    (ToMta, b'm', b"\0\0\0\x01A\0b", "CHGHEADER: value at offset 6 has no final NUL"),
    // RSP-5 to RSP-8.
    (ToMta, b'e', b"", "CHGFROM: address at offset 0 has no final NUL"),
    (ToMta, b'e', b"<a>", "CHGFROM: address at offset 0 has no final NUL"),
    (ToMta, b'+', b"<r>", "ADDRCPT: address at offset 0 has no final NUL"),
    (ToMta, b'2', b"<r>", "ADDRCPT_PAR: address at offset 0 has no final NUL"),
    (ToMta, b'-', b"", "DELRCPT: address at offset 0 has no final NUL"),
    // RSP-17: what would let a filter speak SMTP to the client, or say 250 to a refusal.
    (ToMta, b'y', b"", "REPLYCODE: reply at offset 0 does not begin with a code from 400 to 599"),
    (ToMta, b'y', b"\0", "REPLYCODE: reply at offset 0 does not begin with a code from 400 to 599"),
    (ToMta, b'y', b"55\0", "REPLYCODE: reply at offset 0 does not begin with a code from 400 to 599"),
    (ToMta, b'y', b"250 ok\0", "REPLYCODE: reply at offset 0 does not begin with a code from 400 to 599"),
    (ToMta, b'y', b"354 go\0", "REPLYCODE: reply at offset 0 does not begin with a code from 400 to 599"),
    (ToMta, b'y', b"600 x\0", "REPLYCODE: reply at offset 0 does not begin with a code from 400 to 599"),
    (ToMta, b'y', b"5x0 x\0", "REPLYCODE: reply at offset 0 does not begin with a code from 400 to 599"),
    (ToMta, b'y', b" 550 x\0", "REPLYCODE: reply at offset 0 does not begin with a code from 400 to 599"),
    (ToMta, b'y', b"550x\0", "REPLYCODE: reply at offset 3 has a wrong separator after its code"),
    (ToMta, b'y', b"5500 x\0", "REPLYCODE: reply at offset 3 has a wrong separator after its code"),
    (ToMta, b'y', b"550-5.0.0\0", "REPLYCODE: reply at offset 3 has a wrong separator after its code"),
    (ToMta, b'y', b"550-a\r\n\0", "REPLYCODE: reply at offset 3 has a wrong separator after its code"),
    (ToMta, b'y', b"550\r\n\0", "REPLYCODE: reply at offset 3 has a wrong separator after its code"),
    (ToMta, b'y', b"550 a\r\n550 b\0", "REPLYCODE: reply at offset 3 has a wrong separator after its code"),
    (ToMta, b'y', b"550-a\r\n550-b\0", "REPLYCODE: reply at offset 10 has a wrong separator after its code"),
    (ToMta, b'y', b"550-a\r\n550\0", "REPLYCODE: reply at offset 10 has a wrong separator after its code"),
    (ToMta, b'y', b"550-a\r\n250 ok\0", "REPLYCODE: reply at offset 7 has a line with another code than the first"),
    (ToMta, b'y', b"550-a\r\n551 b\0", "REPLYCODE: reply at offset 7 has a line with another code than the first"),
    (ToMta, b'y', b"550-a\r\nb\0", "REPLYCODE: reply at offset 7 has a line with another code than the first"),
    (ToMta, b'y', b"550-a\r\n\r\n550 b\0", "REPLYCODE: reply at offset 7 has a line with another code than the first"),
    (ToMta, b'y', b"550 a\n250 ok\0", "REPLYCODE: reply at offset 5 has a CR, LF or NUL inside a line"),
    (ToMta, b'y', b"550 a\rb\0", "REPLYCODE: reply at offset 5 has a CR, LF or NUL inside a line"),
    (ToMta, b'y', b"550 a\r\0", "REPLYCODE: reply at offset 5 has a CR, LF or NUL inside a line"),
    (ToMta, b'y', b"550-a\nb\r\n550 c\0", "REPLYCODE: reply at offset 5 has a CR, LF or NUL inside a line"),
    (ToMta, b'y', b"550 a\0b\0", "REPLYCODE: reply at offset 5 has a CR, LF or NUL inside a line"),
    (ToMta, b'y', b"550 a\0b", "REPLYCODE: reply at offset 5 has a CR, LF or NUL inside a line"),
    (ToMta, b'y', b"550 a\0\0", "REPLYCODE: reply at offset 5 has a CR, LF or NUL inside a line"),
];

// CMD-1 to CMD-12, RSP-1 to RSP-17: what is not a deviation is refused under every tolerance.
#[test]
fn a_hard_fault_is_refused_by_everybody() {
    for &(direction, code, payload, error) in ROWS {
        let frame = Frame::new(code, payload);
        let parse = |tolerance| match direction {
            ToFilter => Command::parse_as(frame, tolerance).map(drop),
            ToMta => Response::parse_as(frame, tolerance).map(drop),
        };
        let policies = [Tolerance::STRICT, Tolerance::LIBMILTER, Tolerance::SENDMAIL, Tolerance::POSTFIX];
        for tolerance in policies {
            assert!(parse(tolerance).is_err(), "{error}");
        }
        let refused = parse(Tolerance::LENIENT).expect_err(error);
        assert_eq!(refused.to_string(), error, "{}", payload.escape_ascii());
        assert_eq!(refused.deviation(), None, "{error}");
        assert_eq!(refused.code(), code);
    }
}

#[test]
fn the_parts_of_an_error_are_those_of_its_text() {
    let error = Command::parse(Frame::new(b'L', b"Subject\0no end")).unwrap_err();
    assert_eq!((error.code(), error.field(), error.offset()), (b'L', Field::Value, 8));
    assert_eq!((error.fault(), error.deviation()), (Fault::Unterminated, None));
    assert_eq!(error.to_string(), "HEADER: value at offset 8 has no final NUL");

    let error = Response::parse(Frame::new(b'y', b"550 a\rb\0")).unwrap_err();
    assert_eq!((error.field(), error.offset()), (Field::Reply, 5));
    assert_eq!(error.fault(), Fault::Reply(ReplyFault::Control));
}

#[test]
fn an_error_is_small_and_can_be_copied() {
    fn is_copy<T: Copy + Send + Sync + 'static + core::error::Error>() {}
    is_copy::<milter_proto::wire::DecodeError>();
    is_copy::<milter_proto::wire::FrameError>();
    is_copy::<milter_proto::wire::ReplyError>();
    assert!(size_of::<milter_proto::wire::DecodeError>() <= 16);
}
