//! Frames as lines of text: golden lines, no loss, no leak, and errors with a column.

use milter_proto::transcript::{Entry, Line, ReadFault};
use milter_proto::wire::{Direction, Frame, FrameBuf};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::strategies::frame;

use Direction::{ToFilter, ToMta};

/// Direction, code, payload, the line, and the line for a log.
#[rustfmt::skip]
const LINES: &[(Direction, u8, &[u8], &str, &str)] = &[
    (ToFilter, b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff", "> OPTNEG 6 0x1ff 0x1fffff", "> OPTNEG 6 0x1ff 0x1fffff"),
    (ToFilter, b'D', b"H", "> MACRO HELO", "> MACRO HELO"),
    (ToFilter, b'D', b"Mi\0QUEUE1\0{auth_type}\0\0", r#"> MACRO MAIL "i" "QUEUE1" "{auth_type}" """#, r#"> MACRO MAIL "i" <6 bytes> "{auth_type}" <0 bytes>"#),
    (ToFilter, b'D', b"E{msg_id}\0x\0", r#"> MACRO BODYEOB "{msg_id}" "x""#, r#"> MACRO BODYEOB "{msg_id}" <1 bytes>"#),
    (ToFilter, b'D', b"zj\0x\0", r#"> MACRO 0x7a "j" "x""#, r#"> MACRO 0x7a "j" <1 bytes>"#),
    (ToFilter, b'C', b"localhost\x004\xaf\xb6127.0.0.1\0", r#"> CONNECT "localhost" 4 44982 "127.0.0.1""#, "> CONNECT <9 bytes> 4 44982 <9 bytes>"),
    (ToFilter, b'C', b"a\x006\0\x19IPv6:::1\0", r#"> CONNECT "a" 6 25 "IPv6:::1""#, "> CONNECT <1 bytes> 6 25 <8 bytes>"),
    (ToFilter, b'C', b"a\0L\0\0\0", r#"> CONNECT "a" L 0 """#, "> CONNECT <1 bytes> L 0 <0 bytes>"),
    (ToFilter, b'C', b"a\0U", r#"> CONNECT "a" U"#, "> CONNECT <1 bytes> U"),
    (ToFilter, b'H', b"c\0", r#"> HELO "c""#, "> HELO <1 bytes>"),
    (ToFilter, b'M', b"<a@b.c>\0SIZE=10\0", r#"> MAIL "<a@b.c>" "SIZE=10""#, "> MAIL <7 bytes> <7 bytes>"),
    (ToFilter, b'R', b"<r@x.y>\0", r#"> RCPT "<r@x.y>""#, "> RCPT <7 bytes>"),
    (ToFilter, b'T', b"", "> DATA", "> DATA"),
    (ToFilter, b'L', b"Subject\0caf\xe9 \"\\\r\n\t\x7f\x01\0", r#"> HEADER "Subject" "caf\xe9 \"\\\r\n\t\x7f\x01""#, r#"> HEADER "Subject" <12 bytes>"#),
    (ToFilter, b'N', b"", "> EOH", "> EOH"),
    (ToFilter, b'B', b"line\r\n\0", r#"> BODY "line\r\n\x00""#, "> BODY <7 bytes>"),
    (ToFilter, b'E', b"", "> BODYEOB", "> BODYEOB"),
    (ToFilter, b'E', b"x", r#"> BODYEOB "x""#, "> BODYEOB <1 bytes>"),
    (ToFilter, b'U', b"NOOP a\0", r#"> UNKNOWN "NOOP a""#, "> UNKNOWN <6 bytes>"),
    (ToFilter, b'A', b"", "> ABORT", "> ABORT"),
    (ToFilter, b'Q', b"", "> QUIT", "> QUIT"),
    (ToFilter, b'K', b"", "> QUIT_NC", "> QUIT_NC"),
    (ToMta, b'O', b"\0\0\0\x06\0\0\0\x11\0\x10\x04\0\0\0\0\x03{rcpt_addr}\0\0\0\0\x06\0", r#"< OPTNEG 6 0x11 0x100400 RCPT "{rcpt_addr}" EOH """#, r#"< OPTNEG 6 0x11 0x100400 RCPT "{rcpt_addr}" EOH """#),
    (ToMta, b'h', b"X-A\0v\0", r#"< ADDHEADER "X-A" "v""#, r#"< ADDHEADER "X-A" <1 bytes>"#),
    (ToMta, b'i', b"\0\0\0\0X-I\0v\0", r#"< INSHEADER 0 "X-I" "v""#, r#"< INSHEADER 0 "X-I" <1 bytes>"#),
    (ToMta, b'm', b"\xff\xff\xff\xffS\0\0", r#"< CHGHEADER 4294967295 "S" """#, r#"< CHGHEADER 4294967295 "S" <0 bytes>"#),
    (ToMta, b'e', b"<a@b>\0", r#"< CHGFROM "<a@b>""#, "< CHGFROM <5 bytes>"),
    (ToMta, b'e', b"<a@b>\0\0", r#"< CHGFROM "<a@b>" """#, "< CHGFROM <5 bytes> <0 bytes>"),
    (ToMta, b'+', b"<r@b>\0", r#"< ADDRCPT "<r@b>""#, "< ADDRCPT <5 bytes>"),
    (ToMta, b'2', b"<r@b>\0NOTIFY=NEVER\0", r#"< ADDRCPT_PAR "<r@b>" "NOTIFY=NEVER""#, "< ADDRCPT_PAR <5 bytes> <12 bytes>"),
    (ToMta, b'-', b"<r@b>\0", r#"< DELRCPT "<r@b>""#, "< DELRCPT <5 bytes>"),
    (ToMta, b'b', b"new\r\n", r#"< REPLBODY "new\r\n""#, "< REPLBODY <5 bytes>"),
    (ToMta, b'b', b"", "< REPLBODY", "< REPLBODY"),
    (ToMta, b'q', b"why\0", r#"< QUARANTINE "why""#, "< QUARANTINE <3 bytes>"),
    (ToMta, b'c', b"", "< CONTINUE", "< CONTINUE"),
    (ToMta, b'a', b"", "< ACCEPT", "< ACCEPT"),
    (ToMta, b'r', b"", "< REJECT", "< REJECT"),
    (ToMta, b't', b"", "< TEMPFAIL", "< TEMPFAIL"),
    (ToMta, b'd', b"", "< DISCARD", "< DISCARD"),
    (ToMta, b's', b"", "< SKIP", "< SKIP"),
    (ToMta, b'y', b"550-5.7.1 a\r\n550 5.7.1 b\0", r#"< REPLYCODE "550-5.7.1 a\r\n550 5.7.1 b""#, "< REPLYCODE 550 <24 bytes>"),
    (ToMta, b'4', b"", "< SHUTDOWN", "< SHUTDOWN"),
    (ToMta, b'f', b"", "< CONN_FAIL", "< CONN_FAIL"),
    (ToMta, b'p', b"", "< PROGRESS", "< PROGRESS"),
    (ToMta, b'l', b"\0x", r#"< SETSYMLIST "\x00x""#, "< SETSYMLIST <2 bytes>"),
    // What is not clean, or of the other direction, or of no code, is bytes.
    (ToFilter, b'H', b"no end", r#"> FRAME 0x48 "no end""#, "> FRAME 0x48 <6 bytes>"),
    (ToFilter, b'B', b"", r#"> FRAME 0x42 """#, "> FRAME 0x42 <0 bytes>"),
    (ToFilter, b'c', b"", r#"> FRAME 0x63 """#, "> FRAME 0x63 <0 bytes>"),
    (ToMta, b'M', b"<a>\0", r#"< FRAME 0x4d "<a>\x00""#, "< FRAME 0x4d <4 bytes>"),
    (ToMta, b'c', b"x", r#"< FRAME 0x63 "x""#, "< FRAME 0x63 <1 bytes>"),
    (ToMta, 0, b"\xff", r#"< FRAME 0x00 "\xff""#, "< FRAME 0x00 <1 bytes>"),
];

fn read(line: &str) -> Entry {
    line.parse().unwrap_or_else(|error| panic!("{line}: {error}"))
}

// CMD-1 to CMD-15, RSP-1 to RSP-21.
#[test]
fn every_kind_of_frame_has_its_golden_line() {
    for &(direction, code, payload, line, hidden) in LINES {
        let frame = Frame::new(code, payload);
        assert_eq!(Line::new(direction, frame).to_string(), line);
        assert_eq!(Line::new(direction, frame).hiding_content().to_string(), hidden);
        assert_eq!(read(line), Entry::new(direction, FrameBuf::from(frame)), "{line}");
        assert_eq!(read(line).to_string(), line);
    }
}

#[test]
fn every_code_that_has_a_name_has_a_golden_line() {
    for (code, name) in (0..=u8::MAX).filter_map(|code| Some((code, milter_proto::wire::code_name(code)?))) {
        let is_named = |line: &str| line.split(' ').nth(1) == Some(name);
        assert!(LINES.iter().any(|row| row.1 == code && is_named(row.3)), "{name}");
    }
}

#[test]
fn numbers_and_blanks_are_read_in_more_forms_than_they_are_written() {
    let rows = [
        ("> OPTNEG 0x6 511 2097151", "> OPTNEG 6 0x1ff 0x1fffff"),
        ("<  INSHEADER  0x10   \"A\"  \"b\" ", "< INSHEADER 16 \"A\" \"b\""),
        ("  < CONTINUE  ", "< CONTINUE"),
        (r#"> MACRO 0x4d "i" "Q""#, r#"> MACRO MAIL "i" "Q""#),
        (r#"> FRAME 72 "c\x00""#, r#"> HELO "c""#),
        (r#"> HELO "\x41\x2D\x2d""#, r#"> HELO "A--""#),
        (r#"< OPTNEG 6 0 0 0x43 "j""#, r#"< OPTNEG 6 0x0 0x0 CONNECT "j""#),
    ];
    for (line, canonical) in rows {
        assert_eq!(read(line).to_string(), canonical);
    }
}

#[test]
fn a_line_may_name_a_frame_that_is_not_clean() {
    assert_eq!(read(r#"> HELO "a" "b""#).to_string(), r#"> FRAME 0x48 "a\x00b\x00""#);
    assert_eq!(read("> MAIL").to_string(), r#"> FRAME 0x4d """#);
    assert_eq!(read(r#"> CONNECT "a" X"#).to_string(), r#"> FRAME 0x43 "a\x00X""#);
    assert_eq!(read(r#"< REPLYCODE "250 ok""#).to_string(), r#"< FRAME 0x79 "250 ok\x00""#);
}

#[test]
fn an_error_of_the_reader_names_the_column() {
    use ReadFault::*;
    let rows = [
        ("", Missing, 1),
        (">", Missing, 2),
        ("MAIL", Direction, 1),
        ("  ! MAIL", Direction, 3),
        ("> mail", Name, 3),
        ("> CONTINUE", Name, 3),
        ("<   MAIL", Name, 5),
        ("> OPTNEG 6 0x1ff", Missing, 17),
        ("> OPTNEG 6 x 0", Number, 12),
        ("> OPTNEG 4294967296 0 0", Number, 10),
        ("> OPTNEG -1 0 0", Number, 10),
        ("> OPTNEG 6 0x 0", Number, 12),
        ("> FRAME 0x100 \"\"", Number, 9),
        ("> MACRO 256", Number, 9),
        ("> MACRO \"i\"", Number, 9),
        ("< OPTNEG 6 0 0 HEADER \"j\"", Stage, 16),
        ("> CONNECT \"a\" 44 25 \"b\"", Family, 15),
        ("> CONNECT \"a\" 4 65536 \"b\"", Number, 17),
        ("> QUIT now", Surplus, 8),
        ("> BODY \"a\" \"b\"", Surplus, 12),
        ("> HELO c", Text, 8),
        ("> MAIL \"<a>\" SIZE", Text, 14),
        ("> HELO \"c", Unclosed, 10),
        ("> HELO \"c\\\"", Unclosed, 12),
        ("> HELO \"c\\q\"", Escape, 11),
        ("> HELO \"c\\x4", Escape, 13),
        ("> HELO \"c\\x4g\"", Escape, 13),
        ("> HELO \"c\\", Escape, 11),
        ("> HELO \"caf\u{e9}\"", NotAscii, 12),
        ("> HELO \"a\tb\"", NotAscii, 10),
    ];
    for (line, fault, column) in rows {
        let error = line.parse::<Entry>().expect_err(line);
        assert_eq!((error.fault, error.column), (fault, column), "{line}");
        assert_eq!(error.to_string(), format!("column {column}: {fault}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_frame_is_one_line_of_ascii_and_comes_back_the_same((code, payload) in frame(), to_filter: bool) {
        let direction = if to_filter { ToFilter } else { ToMta };
        let frame = Frame::new(code, &payload);
        let line = Line::new(direction, frame).to_string();
        prop_assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{}", line);
        let entry: Entry = line.parse().unwrap();
        prop_assert_eq!(entry.direction, direction);
        prop_assert_eq!(entry.frame.as_frame(), frame);
        prop_assert_eq!(entry.to_string(), line);
    }

    #[test]
    fn the_reader_never_panics_and_points_into_the_line(
        line in prop_oneof![
            "\\PC{0,40}",
            "[<>] (OPTNEG|MACRO|CONNECT|HELO|FRAME|INSHEADER|BODY)( [0-9x]{0,4}| \"[a\\\\\"]{0,4}\"?| \\PC){0,4}",
        ],
    ) {
        match line.parse::<Entry>() {
            Ok(entry) => prop_assert_eq!(entry.to_string().parse::<Entry>(), Ok(entry)),
            Err(error) => prop_assert!((1..=line.len() + 1).contains(&error.column), "{}: {}", line, error),
        }
    }

    // The secret is of letters that no name of a frame and no number has.
    #[test]
    fn a_hidden_line_shows_nothing_private(secret in "[jkqvwz]{3,9}", more in vec("[jkqvwz]{0,9}", 0..3), to_filter: bool) {
        let direction = if to_filter { ToFilter } else { ToMta };
        let s = &secret;
        let arguments: String = more.iter().map(|text| format!("{text}\0")).collect();
        let frames = [
            (b'C', format!("{s}\x004\0\x19{s}\0")),
            (b'C', format!("{s}\0U")),
            (b'H', format!("{s}\0")),
            (b'M', format!("{s}\0{arguments}")),
            (b'R', format!("{s}\0{arguments}")),
            (b'L', format!("X-A\0{s}\0")),
            (b'D', format!("Mi\0{s}\0")),
            (b'B', s.clone()),
            (b'E', s.clone()),
            (b'U', format!("{s}\0")),
            (b'h', format!("X-A\0{s}\0")),
            (b'i', format!("\0\0\0\0X-A\0{s}\0")),
            (b'm', format!("\0\0\0\0X-A\0{s}\0")),
            (b'e', format!("{s}\0{s}\0")),
            (b'2', format!("{s}\0{s}\0")),
            (b'+', format!("{s}\0")),
            (b'-', format!("{s}\0")),
            (b'q', format!("{s}\0")),
            (b'b', s.clone()),
            (b'l', s.clone()),
            (b'y', format!("550 {s}\0")),
            (b'y', format!("550-5.7.1 {s}\r\n550 5.7.1 {s}\0")),
            // Not clean, of no code, or of the other direction.
            (b'H', s.clone()),
            (b'L', format!("\0{s}\0")),
            (b'D', format!("M{s}\0")),
            (b'c', s.clone()),
            (b'O', s.clone()),
            (b'Z', s.clone()),
        ];
        for (code, payload) in frames {
            let line = Line::new(direction, Frame::new(code, payload.as_bytes()));
            prop_assert!(line.to_string().contains(s), "{}", line);
            let hidden = line.hiding_content().to_string();
            prop_assert!(!hidden.bytes().any(|byte| b"jkqvwz".contains(&byte)), "{}", hidden);
            prop_assert!(hidden.contains(" bytes>"), "{}", hidden);
        }
    }
}
