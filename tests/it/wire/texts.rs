//! Texts and lists of texts: what can be made can be sent.

use milter_proto::wire::{
    Command, Edit, EnhancedCode, Frame, MacroStage, Macros, Offer, Peer, ReplyCode, ReplyText, Response,
    Text, TextList, Tolerance, Verdict,
};
use milter_proto::{MtaSession, mta};

use crate::support::{bytes_of, hostile, list, text};

#[test]
fn a_text_holds_any_byte_but_nul() {
    let all: Vec<u8> = (1..=u8::MAX).collect();
    assert_eq!(Text::new(&all).map(Text::as_bytes), Ok(&all[..]));
    assert_eq!(Text::new(b""), Ok(Text::EMPTY));
    for len in 1..80 {
        for nul in 0..len {
            let mut bytes = vec![b'x'; len];
            bytes[nul..].fill(0);
            let error = Text::new(&bytes).unwrap_err();
            assert_eq!(
                (error.offset, error.to_string()),
                (nul, format!("the text has a NUL at offset {nul}"))
            );
        }
    }
}

#[test]
fn a_text_is_a_string_only_if_it_is_utf_8() {
    assert_eq!(Text::try_from("caf\u{e9}").unwrap().to_str(), Ok("caf\u{e9}"));
    assert!(text(b"caf\xe9").to_str().is_err());
    assert!(Text::try_from("a\0b").is_err());
    assert_eq!(Text::from(c"<a@b.c>"), text(b"<a@b.c>"));
    assert_eq!(format!("{:?}", text(b"caf\xe9\n\"")), r#""caf\xe9\n\"""#);
}

#[test]
fn a_text_equals_its_own_bytes_and_no_others() {
    let name = text(b"mx.example");
    assert!(name == *b"mx.example".as_slice() && name != *b"mx.example.".as_slice());
    assert!(name == *"mx.example" && name != *"mx.examples");
    assert!(name == "mx.example" && name != "MX.example");
    assert_eq!(name.as_ref(), b"mx.example");
    assert_eq!(Text::try_from(b"mx.example".as_slice()), Ok(name));
    assert_eq!(Text::try_from(b"mx\0".as_slice()).unwrap_err().offset, 2);
}

// CMD-5: every text counts, the empty ones too.
#[test]
fn a_list_ends_with_nul_or_is_refused_where_its_last_text_begins() {
    let rows: [(&[u8], Result<usize, usize>); 8] = [
        (b"", Ok(0)),
        (b"\0", Ok(1)),
        (b"a\0", Ok(1)),
        (b"a\0\0b\0", Ok(3)),
        (b"a", Err(0)),
        (b"a\0b", Err(2)),
        (b"\0b", Err(1)),
        (b"\0\0b\0c", Err(4)),
    ];
    for (bytes, expected) in rows {
        let made = TextList::new(bytes).map(|list| list.iter().count()).map_err(|error| error.offset);
        assert_eq!(made, expected, "{}", bytes.escape_ascii());
    }
    let error = TextList::new(b"a\0b").unwrap_err();
    assert_eq!(error.to_string(), "the text at offset 2 has no final NUL");
}

#[test]
fn a_written_list_is_in_the_form_of_the_wire() {
    let texts = [text(b"SIZE=10"), Text::EMPTY, text(b"\xff")];
    let expected = b"SIZE=10\0\0\xff\0";
    let mut storage = [0xaa; 16];
    let written = TextList::write(texts, &mut storage).unwrap();
    assert_eq!(written.as_bytes(), expected);
    assert!(written.iter().eq(texts));
    assert_eq!(storage[expected.len()..], [0xaa; 5]);

    let mut exact = [0; 11];
    assert_eq!(TextList::write(texts, &mut exact), Ok(list(expected)));
    assert_eq!(TextList::write([], &mut []), Ok(TextList::EMPTY));
}

#[test]
fn storage_that_is_too_small_for_a_list_is_told_how_much_it_needs() {
    let texts = [text(b"SIZE=10"), Text::EMPTY, text(b"x")];
    for (available, needed) in [(0, 8), (7, 8), (8, 9), (9, 11), (10, 11)] {
        let mut storage = vec![0; available];
        let error = TextList::write(texts, &mut storage).unwrap_err();
        assert_eq!((error.needed, error.available), (needed, available));
    }
}

#[cfg(feature = "alloc")]
#[test]
fn a_growing_list_is_the_same_list() {
    use milter_proto::wire::TextListBuf;
    let mut arguments: TextListBuf = [text(b"SIZE=10")].into_iter().collect();
    arguments.push(Text::EMPTY);
    arguments.extend([text(b"\xff")]);
    assert_eq!(arguments.as_list().as_bytes(), b"SIZE=10\0\0\xff\0");
    arguments.clear();
    assert_eq!(arguments.as_list(), TextList::EMPTY);
    assert_eq!(arguments, TextListBuf::new());
}

const TOLERANCES: [Tolerance; 4] =
    [Tolerance::STRICT, Tolerance::SENDMAIL, Tolerance::POSTFIX, Tolerance::LENIENT];

/// What an SMTP client takes `bytes` and a line end for: the code of each reply, and its lines.
fn replies_seen_by_a_client(bytes: &[u8]) -> Vec<(&[u8], usize)> {
    let mut replies = Vec::new();
    let mut count = 0;
    // As lenient clients do: CR and LF end a line by themselves, too.
    for line in bytes.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty()) {
        count += 1;
        if line.get(3) != Some(&b'-') {
            replies.push((line.get(..3).unwrap_or(line), count));
            count = 0;
        }
    }
    if count > 0 {
        replies.push((b"unfinished", count));
    }
    replies
}

/// Sees that a client takes a reply for one, and that no control byte is in it.
#[track_caller]
fn is_one_reply(reply: ReplyText<'_>, plain: &[u8]) {
    let code = reply.code().to_string();
    // A bare code, which a tolerance lets pass, is a reply of one line.
    let expected = [(code.as_bytes(), reply.lines().count())];
    assert_eq!(replies_seen_by_a_client(plain), expected, "{}", plain.escape_ascii());
    let line_ends = plain.windows(2).filter(|pair| pair == b"\r\n").count();
    let controls = plain.iter().filter(|byte| byte.is_ascii_control() && **byte != b'\t').count();
    assert_eq!(controls, 2 * line_ends, "{}", plain.escape_ascii());
    assert_eq!(line_ends + 1, reply.lines().count());
}

/// Every way by which bytes of a filter become a reply for a client.
fn read_in_every_way(bytes: &[u8]) -> usize {
    let mut read = 0;
    if let Ok(reply) = ReplyText::parse(bytes) {
        is_one_reply(reply, &reply.unescaped().bytes().collect::<Vec<_>>());
        read += 1;
    }
    for end in [&b"\0"[..], b""] {
        let payload = [bytes, end].concat();
        let frame = Frame::new(b'y', &payload);
        for tolerance in TOLERANCES {
            let decoded = Response::parse_as(frame, tolerance).map(|decoded| decoded.value);
            if let Ok(Response::Verdict(Verdict::Reply(reply))) = decoded {
                is_one_reply(reply, &reply.unescaped().bytes().collect::<Vec<_>>());
                let lines: Vec<u8> = reply.lines().flat_map(|line| line.text().bytes()).collect();
                assert!(!lines.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t'));
                read += 1;
            }
        }
        for policy in [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX] {
            let mut session = MtaSession::with_policy(policy);
            let _ = session.send(Command::Negotiate(Offer::FULL)).unwrap();
            session.receive(Frame::new(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\x01")).unwrap();
            let _ = session.send(Command::Helo { name: text(b"mx.example") }).unwrap();
            if let Ok(mta::Event::Verdict { verdict: Verdict::Reply(reply), .. }) = session.receive(frame) {
                is_one_reply(reply, &reply.unescaped().bytes().collect::<Vec<_>>());
                read += 1;
            }
        }
    }
    read
}

// RPL-4, RPL-8, RPL-9, RPL-13: whatever a filter sends, its client gets one reply or none.
#[test]
fn no_reply_is_split() {
    let mut read = 0;
    for hostile in hostile::texts() {
        let around: [(&[u8], &[u8]); 10] = [
            (b"", b"550 a"),
            (b"5", b"50 a"),
            (b"550", b"a"),
            (b"550", b"-a\r\n550 b"),
            (b"550 ", b""),
            (b"550 a", b"b"),
            (b"550-", b"\r\n550 b"),
            (b"550-a\r", b"\n550 b"),
            (b"550-a\r\n", b"550 b"),
            (b"550-5.7.1 a\r\n550 5.7.1 %", b"%"),
        ];
        for (front, behind) in around {
            read += read_in_every_way(&[front, &hostile, behind].concat());
        }
    }
    println!("{} hostile texts: {read} replies were read, and each is one", hostile::texts().count());
    assert!(read > 500, "{read} replies were read");
}

// The same of every string of a few pieces.
#[test]
fn no_reply_that_is_put_together_of_pieces_is_split() {
    const PIECES: [&[u8]; 10] =
        [b"550 ", b"550-", b"550", b"250 ", b"\r", b"\n", b"\r\n", b"%", b"\x1b", b"\xe4\x8d\x8a"];
    let mut strings = vec![Vec::new()];
    let (mut read, mut count) = (0, 0);
    for _ in 0..if cfg!(miri) { 2 } else { 4 } {
        let longer = strings.iter().flat_map(|front: &Vec<u8>| PIECES.map(|piece| [front, piece].concat()));
        strings = longer.collect();
        count += strings.len();
        read += strings.iter().map(|bytes| read_in_every_way(bytes)).sum::<usize>();
    }
    println!("{count} strings of pieces: {read} replies were read, and each is one");
    assert!(read > 100, "{read} replies were read");
}

// RPL-9, RPL-13: nor is what a filter builds of hostile lines, even by an MTA that takes the high bits off.
#[test]
fn no_reply_that_is_built_of_hostile_lines_is_split() {
    let code = ReplyCode::new(550).unwrap();
    let mut built = 0;
    let bytes = (0..=u8::MAX).map(|byte| vec![byte]);
    for hostile in hostile::texts().chain(bytes) {
        for lines in [vec![&hostile[..]], vec![b"a", &hostile], vec![&hostile, b"b"]] {
            for status in [None, EnhancedCode::new(5, 7, 1)] {
                let mut storage = [0; 2048];
                let written = ReplyText::write(code, status, &lines, &mut storage);
                #[cfg(feature = "alloc")]
                {
                    let owned = milter_proto::wire::ReplyBuf::new(code, status, &lines);
                    assert_eq!(
                        owned.as_ref().ok().map(|reply| reply.as_reply()),
                        written.as_ref().ok().copied()
                    );
                }
                let Ok(reply) = written else { continue };
                assert!(reply.as_text().as_bytes().is_ascii(), "{reply:?}");
                let masked: Vec<u8> = reply.unescaped().bytes().map(|byte| byte & 0x7f).collect();
                is_one_reply(reply, &masked);
                assert_eq!(reply.lines().count(), lines.len());
                built += 1;
            }
        }
    }
    // Printable ASCII and tab, each in three places with a status; a digit of another class not without one.
    assert!(built >= 96 * 3, "{built} replies were built");
}

// No text moves the border of a field, begins another frame, or changes the code of its own.
#[test]
fn a_frame_of_hostile_texts_is_that_frame() {
    for hostile in hostile::texts() {
        let made = Text::new(&hostile);
        assert_eq!(made.is_ok(), !hostile.contains(&0));
        assert_eq!(made.is_ok(), TextList::new(&[&hostile[..], b"\0"].concat()).unwrap().iter().count() == 1);
        let Ok(text) = made else { continue };
        let other = Text::EMPTY;
        let pair = [&hostile[..], b"\0", &hostile, b"\0"].concat();
        let arguments = list(&pair);
        let macros = Macros::new(MacroStage::MAIL, arguments).unwrap();
        for command in [
            Command::Macros(macros),
            Command::Connect { host: text, peer: Peer::Unknown },
            Command::Connect { host: text, peer: Peer::Unix { port: 0, path: text } },
            Command::Connect { host: text, peer: Peer::Inet { port: 25, address: text } },
            Command::Connect { host: text, peer: Peer::Inet6 { port: 25, address: text } },
            Command::Helo { name: text },
            Command::MailFrom { address: text, arguments },
            Command::RcptTo { address: text, arguments },
            Command::Header { name: text, value: text },
            Command::Header { name: text, value: other },
            Command::Body { chunk: &hostile },
            Command::EndOfMessage { chunk: &hostile },
            Command::Unknown { line: text },
        ] {
            let bytes = bytes_of(&command.encode());
            let (frame, rest) = Frame::split(&bytes, Default::default()).unwrap().unwrap();
            assert_eq!((Command::parse(frame), rest.len()), (Ok(command), 0));
        }
        for edit in [
            Edit::AddHeader { name: text, value: text },
            Edit::InsertHeader { index: 1, name: text, value: other },
            Edit::ChangeHeader { index: 1, name: text, value: text },
            Edit::ChangeFrom { address: text, arguments: Some(text) },
            Edit::ChangeFrom { address: text, arguments: None },
            Edit::AddRcpt { address: text },
            Edit::AddRcptWithArguments { address: text, arguments: Some(text) },
            Edit::DeleteRcpt { address: text },
            Edit::ReplaceBody { chunk: &hostile },
            Edit::Quarantine { reason: text },
        ] {
            let bytes = bytes_of(&Response::from(edit).encode());
            let (frame, rest) = Frame::split(&bytes, Default::default()).unwrap().unwrap();
            assert_eq!((Response::parse(frame), rest.len()), (Ok(edit.into()), 0));
        }
    }
}
