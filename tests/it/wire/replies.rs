//! SMTP reply texts: built from lines, read from the wire, `%` doubled and undoubled.

use milter_proto::wire::{
    Deviation, EnhancedCode, Frame, ReplyBuildError, ReplyCode, ReplyFault, ReplyText, Response, Tolerance,
    Verdict,
};

use crate::support::{bytes_of, reply, text, wire};

fn code(number: u16) -> ReplyCode {
    ReplyCode::new(number).expect("a test code is from 400 to 599")
}

fn status(class: u8, subject: u16, detail: u16) -> Option<EnhancedCode> {
    Some(EnhancedCode::new(class, subject, detail).expect("a test status is valid"))
}

/// Builds a reply and gives its text, or the fault and where it is.
fn build(
    number: u16,
    enhanced: Option<EnhancedCode>,
    lines: &[&[u8]],
) -> Result<String, (ReplyFault, usize)> {
    let mut storage = [0; 40_000];
    let built = ReplyText::write(code(number), enhanced, lines, &mut storage);
    let result = match built {
        Ok(reply) => Ok(String::from_utf8(reply.as_text().as_bytes().to_vec()).unwrap()),
        Err(ReplyBuildError::Reply(error)) => Err((error.fault, error.offset)),
        Err(error) => panic!("{error}"),
    };
    #[cfg(feature = "alloc")]
    {
        let owned = milter_proto::wire::ReplyBuf::new(code(number), enhanced, lines);
        let owned = owned.map(|reply| reply.as_reply().as_text().to_str().unwrap().to_owned());
        assert_eq!(owned.map_err(|error| (error.fault, error.offset)), result);
    }
    result
}

fn plain_lines(reply: ReplyText<'_>) -> Vec<String> {
    reply.lines().map(|line| line.text().to_string()).collect()
}

// RPL-11: what `smfi_setreply` and `smfi_setmlreply` write for the same arguments.
#[test]
fn replies_are_built_as_libmilter_builds_them() {
    let two: &[&[u8]] = &[b"l1", b"l2"];
    let check = |number, enhanced, lines: &[&[u8]], expected| {
        assert_eq!(build(number, enhanced, lines).as_deref(), Ok(expected));
    };
    check(550, None, &[b"go away"], "550 go away");
    check(550, status(5, 7, 1), &[b"go away"], "550 5.7.1 go away");
    check(550, None, &[b""], "550 ");
    check(451, status(4, 7, 0), &[b""], "451 4.7.0");
    check(550, status(5, 7, 1), two, "550-5.7.1 l1\r\n550 5.7.1 l2");
    check(550, None, two, "550-l1\r\n550 l2");
    check(450, None, &[b"", b"", b""], "450-\r\n450-\r\n450 ");
    check(450, status(4, 999, 999), &[b"", b"x"], "450-4.999.999\r\n450 4.999.999 x");
    check(421, status(4, 3, 0), &[b"bye"], "421 4.3.0 bye");
    check(550, None, &[b"5.7.1 in the text"], "550 5.7.1 in the text");
    check(550, None, &[b" - "], "550  - ");
}

// RPL-2, RPL-5: codes and statuses are of class 4 or 5.
#[test]
fn codes_are_from_400_to_599() {
    for number in 0..=u16::MAX {
        let made = ReplyCode::new(number);
        assert_eq!(made.map(ReplyCode::number), (400..=599).contains(&number).then_some(number));
        assert_eq!(made.map(ReplyCode::class), made.map(|_| if number < 500 { 4 } else { 5 }));
    }
    for (class, subject, detail) in [(2, 0, 0), (3, 0, 0), (6, 0, 0), (5, 1000, 0), (5, 0, 1000)] {
        assert_eq!(EnhancedCode::new(class, subject, detail), None);
    }
    let largest = EnhancedCode::new(5, 999, 999).unwrap();
    assert_eq!((largest.class(), largest.subject(), largest.detail()), (5, 999, 999));
}

// RPL-5, RPL-10: Postfix wants the first digit of a text to be the class.
#[test]
fn codes_show_as_they_stand_in_a_reply() {
    assert_eq!(format!("{0} {0:?}", code(451)), "451 451");
    assert_eq!(format!("{0} {0:?}", status(4, 7, 21).unwrap()), "4.7.21 4.7.21");
}

#[test]
fn a_status_of_another_class_is_refused() {
    assert_eq!(build(550, status(4, 7, 1), &[b"x"]), Err((ReplyFault::Class, 4)));
    assert_eq!(build(450, status(5, 7, 1), &[b"x"]), Err((ReplyFault::Class, 4)));
    assert_eq!(build(550, None, &[b"4.7.1 x"]), Err((ReplyFault::Class, 4)));
    assert_eq!(build(550, None, &[b"a", b"250 ok"]), Err((ReplyFault::Class, 11)));
    assert_eq!(build(550, status(5, 7, 1), &[b"250 ok"]).as_deref(), Ok("550 5.7.1 250 ok"));
}

// RPL-11: libmilter gives "550-5.0.0" for no lines, which no last line follows.
#[test]
fn a_reply_without_lines_is_refused() {
    assert_eq!(build(550, None, &[]), Err((ReplyFault::NoLines, 0)));
    assert_eq!(build(550, status(5, 0, 0), &[]), Err((ReplyFault::NoLines, 0)));
    assert_eq!(ReplyText::parse(b"550-5.0.0").unwrap_err().fault, ReplyFault::Separator);
    assert_eq!(ReplyText::parse(b"").unwrap_err().fault, ReplyFault::Code);
}

// RPL-6.
#[test]
fn thirty_two_lines_are_a_reply_and_thirty_three_are_not() {
    let line = &b"x"[..];
    let whole = build(550, None, &[line; 32]).unwrap();
    assert_eq!(reply(whole.as_bytes()).lines().count(), ReplyText::MAX_LINES);
    assert_eq!(build(550, None, &[line; 33]), Err((ReplyFault::TooManyLines, 32 * 7)));
    let long = format!("{}{whole}", "550-x\r\n");
    let error = ReplyText::parse(long.as_bytes()).unwrap_err();
    assert_eq!((error.fault, error.offset), (ReplyFault::TooManyLines, 224));
}

// RPL-7: 980 bytes of text, without the codes, with every `%` counted twice.
#[test]
fn a_line_has_980_bytes_of_text_and_not_981() {
    let text = vec![b'x'; 981];
    let percents = vec![b'%'; 491];
    assert_eq!(build(550, None, &[&text[..980]]).map(|reply| reply.len()), Ok(984));
    assert_eq!(build(550, None, &[&text]), Err((ReplyFault::LineTooLong, 4)));
    assert_eq!(build(550, status(5, 7, 1), &[&text[..980]]).map(|reply| reply.len()), Ok(990));
    assert_eq!(build(550, status(5, 7, 1), &[&text]), Err((ReplyFault::LineTooLong, 4)));
    assert_eq!(build(550, None, &[&percents[..490]]).map(|reply| reply.len()), Ok(984));
    assert_eq!(build(550, None, &[&percents]), Err((ReplyFault::LineTooLong, 4)));
    assert_eq!(build(550, None, &[b"ok", &text]), Err((ReplyFault::LineTooLong, 12)));
}

// RPL-8: the MTA takes the text for a format and undoubles `%%`.
#[test]
fn percent_is_doubled_on_the_wire_and_plain_for_the_reader() {
    let rows: [(&[u8], &str); 7] = [
        (b"100% spam", "550 5.7.1 100%% spam"),
        (b"%", "550 5.7.1 %%"),
        (b"%%", "550 5.7.1 %%%%"),
        (b"%s%n", "550 5.7.1 %%s%%n"),
        (b"%a%", "550 5.7.1 %%a%%"),
        (b"a%%%b", "550 5.7.1 a%%%%%%b"),
        (b"none", "550 5.7.1 none"),
    ];
    for (line, expected) in rows {
        let built = build(550, status(5, 7, 1), &[line]).unwrap();
        assert_eq!(built, expected);
        let reply = reply(built.as_bytes());
        assert!(reply.lines().next().unwrap().text().bytes().eq(line.iter().copied()), "{expected}");
        let plain: Vec<u8> = reply.unescaped().bytes().collect();
        assert_eq!(plain, [b"550 5.7.1 ", line].concat());
    }
}

// RPL-8, TOL-17: Postfix drops it.
#[test]
fn a_single_percent_is_refused_and_where_tolerated_dropped() {
    for (bytes, offset, plain) in
        [(&b"550 %"[..], 4, "550 "), (b"550 a%%%b", 7, "550 a%b"), (b"550 %d %%", 4, "550 d %")]
    {
        let error = ReplyText::parse(bytes).unwrap_err();
        assert_eq!((error.fault, error.offset), (ReplyFault::Percent, offset));
        let payload = [bytes, b"\0"].concat();
        let frame = Frame::new(b'y', &payload);
        let decoded = Response::parse_as(frame, Tolerance::POSTFIX).unwrap();
        let Response::Verdict(Verdict::Reply(reply)) = decoded.value else { panic!("{decoded:?}") };
        assert_eq!(reply.unescaped().to_string(), plain);
    }
}

// RPL-9.
#[test]
fn a_line_end_or_nul_inside_a_line_is_refused() {
    for byte in [b'\r', b'\n', 0] {
        assert_eq!(build(550, None, &[&[b'a', byte, b'b']]), Err((ReplyFault::Control, 5)));
        assert_eq!(build(550, status(5, 7, 1), &[b"ok", &[byte]]), Err((ReplyFault::Control, 24)));
        let error = ReplyText::parse(&[b'5', b'5', b'0', b' ', b'a', byte, b'b']).unwrap_err();
        assert_eq!((error.fault, error.offset), (ReplyFault::Control, 5));
    }
    assert_eq!(build(550, None, &[b"ok", b"a\r\n250 injected"]), Err((ReplyFault::Control, 13)));
}

// RPL-13, TOL-21: no client may see it, and both MTAs let it through.
#[test]
fn a_control_byte_is_refused_and_where_tolerated_dropped() {
    for byte in (0x01..=0x1f).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte)) {
        assert_eq!(build(550, None, &[&[b'a', byte, b'b']]), Err((ReplyFault::Unprintable, 5)));
        let payload = [b"550-a", &[byte][..], b"b\r\n550 %", &[byte], b"c\0"].concat();
        let error = Response::parse(Frame::new(b'y', &payload)).unwrap_err();
        assert_eq!(error.deviation(), Some(Deviation::ReplyUnprintable), "{byte:#x}");
        let decoded = Response::parse_as(Frame::new(b'y', &payload), Tolerance::LENIENT).unwrap();
        let Response::Verdict(Verdict::Reply(reply)) = decoded.value else { panic!("{decoded:?}") };
        assert!(reply.unescaped().bytes().eq(*b"550-ab\r\n550 c"), "{byte:#x}");
        assert_eq!(plain_lines(reply), ["ab", "c"]);
        assert_eq!(bytes_of(&decoded.encode()), wire(b'y', &payload));
    }
    assert_eq!(build(550, None, &[b"a\tb"]).as_deref(), Ok("550 a\tb"));
}

// RPL-13, DEV-8: Sendmail without EAI takes the high bit off after its check, so that 0x8a is a LF.
#[test]
fn a_line_that_is_no_ascii_is_read_but_not_built() {
    for byte in 0x80..=0xff {
        assert_eq!(build(550, status(5, 7, 1), &[&[b'a', byte]]), Err((ReplyFault::NotAscii, 11)));
        let bytes = [b"550 ", &[byte][..]].concat();
        assert!(reply(&bytes).unescaped().bytes().eq(bytes.iter().copied()));
    }
    assert_eq!(
        build(550, None, &["ok", "\u{434a}250 ok"].map(str::as_bytes)),
        Err((ReplyFault::NotAscii, 12))
    );
}

// RPL-4: a line with another code is a reply of its own to the client.
#[test]
fn lines_of_mixed_codes_are_refused() {
    let rows: [(&[u8], ReplyFault, usize); 6] = [
        (b"551 5.1.1 a\r\n250 ok", ReplyFault::Separator, 3),
        (b"551-5.1.1 a\r\n250 ok", ReplyFault::CodeDiffers, 13),
        (b"550-a\r\n450 b", ReplyFault::CodeDiffers, 7),
        (b"550-a\r\n550-b\r\n551 c", ReplyFault::CodeDiffers, 14),
        (b"550-a\r\n55", ReplyFault::CodeDiffers, 7),
        (b"550-a\r\n550 b\r\n550 c", ReplyFault::Separator, 10),
    ];
    for (bytes, fault, offset) in rows {
        let error = ReplyText::parse(bytes).unwrap_err();
        assert_eq!((error.fault, error.offset), (fault, offset), "{}", bytes.escape_ascii());
    }
}

#[test]
fn an_error_says_what_and_where() {
    let error = ReplyText::parse(b"550 a\rb").unwrap_err();
    assert_eq!(error.to_string(), "the reply has a CR, LF or NUL inside a line (at offset 5)");
    let error = ReplyText::write(code(550), None, [b"x"], &mut []).unwrap_err();
    assert_eq!(error.to_string(), "5 bytes do not fit into a buffer of 0");
}

// RPL-1, RPL-3: an MTA that rewrites the fourth byte sends two replies to its client.
#[test]
fn lines_and_plain_texts_show_as_strings_of_ascii() {
    let reply = ReplyText::parse(b"550 5.7.1 100%% caf\xe9").unwrap();
    let line = reply.lines().next().unwrap();
    assert_eq!(format!("{line:?}"), r#""5.7.1 100%% caf\xe9""#);
    assert_eq!(format!("{:?}", line.text()), r#""100% caf\xe9""#);
}

#[test]
fn no_hyphen_and_no_line_is_lost() {
    let bytes = b"550-5.7.1 a\r\n550-5.7.1 \r\n550 5.7.1 b";
    let reply = reply(bytes);
    assert_eq!(reply.code().number(), 550);
    assert_eq!(plain_lines(reply), ["a", "", "b"]);
    assert!(reply.lines().all(|line| line.enhanced() == status(5, 7, 1)));
    assert_eq!(reply.as_text().as_bytes(), bytes);
    assert!(reply.unescaped().bytes().eq(*bytes));
    let out = Response::from(Verdict::Reply(reply)).encode();
    assert_eq!(bytes_of(&out), wire(b'y', b"550-5.7.1 a\r\n550-5.7.1 \r\n550 5.7.1 b\0"));
}

// RPL-5.
#[test]
fn a_status_is_found_at_the_beginning_of_a_line_only() {
    let rows: [(&[u8], Option<EnhancedCode>, &str); 12] = [
        (b"550 5.7.1 text", status(5, 7, 1), "text"),
        (b"550 5.7.1", status(5, 7, 1), ""),
        (b"550 5.7.1 ", status(5, 7, 1), ""),
        (b"550 5.007.1 x", status(5, 7, 1), "x"),
        (b"550 5.7.1234 x", None, "5.7.1234 x"),
        (b"550 5.7 x", None, "5.7 x"),
        (b"550 5.7.1.1 x", None, "5.7.1.1 x"),
        (b"550 5..1 x", None, "5..1 x"),
        (b"550 5.+7.1 x", None, "5.+7.1 x"),
        (b"550 5.7.0001 x", None, "5.7.0001 x"),
        (b"550 text 5.7.1", None, "text 5.7.1"),
        (b"550 ", None, ""),
    ];
    for (bytes, enhanced, expected) in rows {
        let line = reply(bytes).lines().next().unwrap();
        assert_eq!((line.enhanced(), line.text().to_string().as_str()), (enhanced, expected));
    }
}

#[test]
fn a_buffer_that_is_too_small_is_told_the_size() {
    let lines = [&b"100%"[..], b"go away"];
    let expected = b"550-5.7.1 100%%\r\n550 5.7.1 go away";
    for available in 0..expected.len() {
        let mut storage = vec![0; available];
        let error = ReplyText::write(code(550), status(5, 7, 1), lines, &mut storage).unwrap_err();
        let ReplyBuildError::Buffer(error) = error else { panic!("{error}") };
        assert_eq!((error.needed, error.available), (expected.len(), available));
    }
    let mut storage = vec![0; expected.len()];
    let reply = ReplyText::write(code(550), status(5, 7, 1), lines, &mut storage).unwrap();
    assert_eq!(reply.as_text(), text(expected));
}

#[test]
fn bytes_that_are_not_utf_8_pass_unchanged() {
    let reply = reply(b"550 \xe9\xff\t");
    assert_eq!(reply.lines().next().unwrap().text().to_string(), r"\xe9\xff\t");
    assert!(reply.unescaped().bytes().eq(*b"550 \xe9\xff\t"));
    let frame = Response::from(Verdict::Reply(reply)).encode();
    assert_eq!(bytes_of(&frame), wire(b'y', b"550 \xe9\xff\t\0"));
}

#[test]
fn what_was_built_is_read_as_the_same_lines() {
    let lines: [&[u8]; 5] = [b"100% of it", b"", b"4.7.1 in the text", b"-", b" "];
    let mut storage = [0; 256];
    let built = ReplyText::write(code(550), status(5, 7, 1), lines, &mut storage).unwrap();
    assert_eq!(ReplyText::parse(built.as_text().as_bytes()), Ok(built));
    let read: Vec<Vec<u8>> = built.lines().map(|line| line.text().bytes().collect()).collect();
    assert_eq!(read, lines);
    assert!(built.lines().all(|line| line.enhanced() == status(5, 7, 1)));
}

// RPL-3 to RPL-9: other libraries lose lines, rewrite them, or read them as codes.
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
