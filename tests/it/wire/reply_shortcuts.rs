//! Reply codes from text, and reply texts in UTF-8.

use milter_proto::mta::VerdictKind;
use milter_proto::wire::{EnhancedCode, ReplyBuildError, ReplyCode, ReplyFault, ReplyText, Verdict};

// RPL-2.
#[test]
fn a_number_from_400_to_599_is_a_reply_code_and_no_other_is() {
    for number in 0..=u16::MAX {
        let code = ReplyCode::try_from(number);
        assert_eq!(
            code.map(ReplyCode::number).ok(),
            (400..600).contains(&number).then_some(number),
            "{number}"
        );
        assert_eq!(code.ok(), ReplyCode::new(number), "{number}");
        assert_eq!(number.to_string().parse::<ReplyCode>(), code, "{number}");
    }
    let error = ReplyCode::try_from(65_535).unwrap_err();
    assert_eq!(error.to_string(), "\"65535\" is not a reply code; expected 400 to 599");
}

#[test]
fn a_reply_code_is_three_digits_and_nothing_else() {
    let rows = [
        "",
        "4",
        "45",
        "4500",
        "399",
        "600",
        "+45",
        "-45",
        " 45",
        "450 ",
        " 450",
        "45a",
        "0450",
        "\u{664}50",
    ];
    for text in rows {
        let error = text.parse::<ReplyCode>().unwrap_err();
        let expected =
            format!("\"{}\" is not a reply code; expected 400 to 599", text.as_bytes().escape_ascii());
        assert_eq!(error.to_string(), expected);
    }
}

// RPL-5.
#[test]
fn an_enhanced_code_is_three_numbers_and_nothing_else() {
    let rows = [
        ("5.7.1", Some((5, 7, 1))),
        ("4.0.0", Some((4, 0, 0))),
        ("5.999.999", Some((5, 999, 999))),
        ("5.07.001", Some((5, 7, 1))),
        ("", None),
        ("5", None),
        ("5.7", None),
        ("5.7.", None),
        (".7.1", None),
        ("5.7.1.0", None),
        ("2.7.1", None),
        ("6.7.1", None),
        ("55.7.1", None),
        ("5.1000.1", None),
        ("5.7.1000", None),
        ("5.7.+1", None),
        ("5.7.1 ", None),
        (" 5.7.1", None),
        ("5.7.1 text", None),
        ("5.7.x", None),
    ];
    for (text, expected) in rows {
        let code = text.parse::<EnhancedCode>();
        let expected =
            expected.and_then(|(class, subject, detail)| EnhancedCode::new(class, subject, detail));
        assert_eq!(code.ok(), expected, "{text:?}");
        match code {
            Ok(code) => assert_eq!(code.to_string().parse(), Ok(code)),
            Err(error) => {
                let shown = error.to_string();
                assert!(
                    shown.starts_with(&format!("\"{text}\" is not an enhanced status code; expected ")),
                    "{shown}"
                );
            }
        }
    }
}

#[test]
fn an_error_shows_the_front_of_a_long_text_and_escapes_it() {
    let rows = [
        ("12345678901234", "\"12345678901234\""),
        ("123456789012345", "\"12345678901234...\""),
        ("a\r\nb", "\"a\\r\\nb\""),
        ("\u{e9}", "\"\\xc3\\xa9\""),
    ];
    for (text, shown) in rows {
        for error in [text.parse::<ReplyCode>().unwrap_err(), text.parse::<EnhancedCode>().unwrap_err()] {
            assert!(error.to_string().starts_with(&format!("{shown} is not ")), "{error}");
            assert!(format!("{error:?}").is_ascii());
        }
    }
    assert!("x".repeat(1 << 20).parse::<ReplyCode>().unwrap_err().to_string().len() < 100);
}

// SCP-11: one rule, wherever it is asked for.
#[test]
fn only_421_and_521_close_the_smtp_session() {
    for number in 400..600 {
        let code = ReplyCode::try_from(number).unwrap();
        let mut storage = [0; 16];
        let reply = ReplyText::write(code, None, ["no"], &mut storage).unwrap();
        let expected = matches!(number, 421 | 521);
        assert_eq!(code.closes_smtp_session(), expected, "{number}");
        assert_eq!(reply.closes_smtp_session(), expected, "{number}");
        assert_eq!(Verdict::Reply(reply).closes_smtp_session(), expected, "{number}");
        assert_eq!(
            VerdictKind::from_verdict(&Verdict::Reply(reply)).closes_smtp_session(),
            expected,
            "{number}"
        );
    }
    assert!(Verdict::Shutdown.closes_smtp_session() && !Verdict::Reject.closes_smtp_session());
}

/// Builds a reply of UTF-8, in both kinds of memory.
fn build(lines: &[&str]) -> Result<String, (ReplyFault, usize)> {
    let (code, status) = (ReplyCode::try_from(551).unwrap(), EnhancedCode::new(5, 1, 6));
    let mut storage = [0; 4096];
    let built = match ReplyText::write_utf8(code, status, lines, &mut storage) {
        Ok(reply) => Ok(reply.as_text().to_str().unwrap().to_owned()),
        Err(ReplyBuildError::Reply(error)) => Err((error.fault, error.offset)),
        Err(error) => panic!("{error}"),
    };
    #[cfg(feature = "alloc")]
    {
        let owned = milter_proto::wire::ReplyBuf::new_utf8(code, status, lines);
        let owned = owned.map(|reply| reply.as_reply().as_text().to_str().unwrap().to_owned());
        assert_eq!(owned.map_err(|error| (error.fault, error.offset)), built);
    }
    built
}

// RPL-13.
#[test]
fn a_reply_of_utf_8_is_built_if_it_is_asked_for() {
    let rows: [(&[&str], &str); 5] = [
        (&["j\u{f6}rg"], "551 5.1.6 j\u{f6}rg"),
        // The first character after the controls, and one whose bytes are 8d and 8a.
        (&["\u{a0}", "\u{434a}"], "551-5.1.6 \u{a0}\r\n551 5.1.6 \u{434a}"),
        (&["\u{10ffff} 100%\t"], "551 5.1.6 \u{10ffff} 100%%\t"),
        // 0x80 to 0x9f inside of a character are no controls.
        (&["\u{c0}\u{400}\u{4080}"], "551 5.1.6 \u{c0}\u{400}\u{4080}"),
        (&["", "plain"], "551-5.1.6\r\n551 5.1.6 plain"),
    ];
    for (lines, expected) in rows {
        assert_eq!(build(lines).as_deref(), Ok(expected));
        let reply = ReplyText::parse(expected.as_bytes()).unwrap();
        let plain: Vec<String> =
            reply.lines().map(|line| String::from_utf8(line.text().bytes().collect()).unwrap()).collect();
        assert_eq!(plain, lines, "it is read back");
    }
}

// RPL-9, RPL-13. The offset is that of the character.
#[test]
fn a_control_character_is_refused_in_utf_8_too() {
    for control in
        (0..0xa0).filter_map(char::from_u32).filter(|letter| letter.is_control() && *letter != '\t')
    {
        let fault = match control {
            '\r' | '\n' | '\0' => ReplyFault::Control,
            _ => ReplyFault::Unprintable,
        };
        assert_eq!(build(&[&format!("\u{e9}{control}")]), Err((fault, 12)), "{control:?}");
        assert_eq!(build(&["a", &control.to_string()]), Err((fault, 23)), "{control:?}");
    }
}

// RPL-13: ASCII is the default.
#[test]
fn a_reply_is_ascii_unless_utf_8_is_asked_for() {
    let code = ReplyCode::try_from(550).unwrap();
    let error = ReplyText::write(code, None, ["j\u{f6}rg"], &mut [0; 64]).unwrap_err();
    let ReplyBuildError::Reply(error) = error else { panic!("{error}") };
    assert_eq!((error.fault, error.offset), (ReplyFault::NotAscii, 5));
    let (mut one, mut other) = ([0; 64], [0; 64]);
    let ascii = ReplyText::write(code, None, ["all of it is 100% ASCII"], &mut one).unwrap();
    assert_eq!(ReplyText::write_utf8(code, None, ["all of it is 100% ASCII"], &mut other).unwrap(), ascii);
}

// RPL-7: bytes count, not characters.
#[test]
fn a_line_of_utf_8_has_980_bytes() {
    assert!(build(&[&"\u{e9}".repeat(490)]).is_ok());
    assert_eq!(build(&[&"\u{e9}".repeat(491)]).unwrap_err().0, ReplyFault::LineTooLong);
}
