//! Commands, as bytes and as values: what one side writes, the other one reads.
//!
//! Sources: sessions between Sendmail 8.17, Postfix 3.7 and libmilter 8.17. The rule ids are those of
//! SPEC_NOTES.md. The responses are in `responses.rs`.

use milter_proto::wire::{
    Actions, Command, Frame, MacroStage, Macros, Offer, Peer, Steps, Text, TextList, Version, codes,
};

use crate::support::{bytes_of, in_every_way, list, text, wire};

/// One fact: a rule, the bytes, and what they mean.
struct Row {
    rule: &'static str,
    code: u8,
    payload: &'static [u8],
    value: Command<'static>,
}

fn row(rule: &'static str, code: u8, payload: &'static [u8], value: Command<'static>) -> Row {
    Row { rule, code, payload, value }
}

fn offer(version: u32, actions: u32, steps: u32) -> Command<'static> {
    let (actions, steps) = (Actions::from_bits(actions), Steps::from_bits(steps));
    Command::Negotiate(Offer::new(Version::new(version), actions, steps))
}

fn macros(stage: u8, pairs: &'static [u8]) -> Command<'static> {
    Command::Macros(Macros::new(MacroStage::new(stage), list(pairs)).expect("test macros have values"))
}

fn connect(host: &'static [u8], peer: Peer<'static>) -> Command<'static> {
    Command::Connect { host: text(host), peer }
}

fn inet(port: u16, address: &'static [u8]) -> Peer<'static> {
    Peer::Inet { port, address: text(address) }
}

fn inet6(port: u16, address: &'static [u8]) -> Peer<'static> {
    Peer::Inet6 { port, address: text(address) }
}

fn unix(port: u16, path: &'static [u8]) -> Peer<'static> {
    Peer::Unix { port, path: text(path) }
}

fn helo(name: &'static [u8]) -> Command<'static> {
    Command::Helo { name: text(name) }
}

fn mail(address: &'static [u8], arguments: &'static [u8]) -> Command<'static> {
    Command::MailFrom { address: text(address), arguments: list(arguments) }
}

fn rcpt(address: &'static [u8], arguments: &'static [u8]) -> Command<'static> {
    Command::RcptTo { address: text(address), arguments: list(arguments) }
}

fn header(name: &'static [u8], value: &'static [u8]) -> Command<'static> {
    Command::Header { name: text(name), value: text(value) }
}

fn unknown(line: &'static [u8]) -> Command<'static> {
    Command::Unknown { line: text(line) }
}

#[rustfmt::skip]
fn commands() -> Vec<Row> {
    vec![
        // OPTNEG: version, actions, steps; twelve bytes and no more.
        row("CMD-1 full offer", b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff", offer(6, 0x1ff, 0x1f_ffff)),
        row("CMD-1 the constants", b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff", Command::Negotiate(Offer::FULL)),
        row("CMD-1 Postfix 2", b'O', b"\0\0\0\x02\0\0\0\x3f\0\0\0\x7f", offer(2, 0x3f, 0x7f)),
        row("CMD-1 zero bits", b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0", offer(6, 0, 0)),
        row("CMD-1 unknown bits", b'O', b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", offer(u32::MAX, u32::MAX, u32::MAX)),
        row("CMD-1 data sizes", b'O', b"\0\0\0\x06\0\0\x01\xff\x70\x1f\xff\xff", offer(6, 0x1ff, 0x701f_ffff)),
        // MACRO: a stage, then names and values in turn.
        row("CMD-2 CONNECT", b'D', b"Cj\0mta.test\0_\0localhost [127.0.0.1]\0", macros(b'C', b"j\0mta.test\0_\0localhost [127.0.0.1]\0")),
        row("CMD-2 HELO, none", b'D', b"H", macros(b'H', b"")),
        row("CMD-2 MAIL", b'D', b"Mi\0QUEUE1\0{mail_mailer}\0esmtp\0", macros(b'M', b"i\0QUEUE1\0{mail_mailer}\0esmtp\0")),
        row("CMD-2 RCPT", b'D', b"R{rcpt_addr}\0r@x.y\0", macros(b'R', b"{rcpt_addr}\0r@x.y\0")),
        row("CMD-2 DATA", b'D', b"Ti\0QUEUE1\0", macros(b'T', b"i\0QUEUE1\0")),
        row("CMD-2 EOH", b'D', b"Ni\0QUEUE1\0", macros(b'N', b"i\0QUEUE1\0")),
        row("CMD-2 BODYEOB", b'D', b"E{msg_id}\0<1@b.c>\0", macros(b'E', b"{msg_id}\0<1@b.c>\0")),
        row("CMD-2 HEADER, Postfix", b'D', b"Li\0QUEUE1\0", macros(b'L', b"i\0QUEUE1\0")),
        row("CMD-2 BODY, Postfix", b'D', b"Bi\0QUEUE1\0", macros(b'B', b"i\0QUEUE1\0")),
        row("CMD-2 UNKNOWN, Postfix", b'D', b"Uj\0mta.test\0", macros(b'U', b"j\0mta.test\0")),
        row("CMD-2 ABORT", b'D', b"Aj\0mta.test\0", macros(b'A', b"j\0mta.test\0")),
        row("CMD-2 no command", b'D', b"Zj\0mta.test\0", macros(b'Z', b"j\0mta.test\0")),
        row("CMD-2 stage NUL", b'D', b"\0j\0mta.test\0", macros(0, b"j\0mta.test\0")),
        row("CMD-2 empty value", b'D', b"M{auth_type}\0\0", macros(b'M', b"{auth_type}\0\0")),
        row("CMD-2 empty name", b'D', b"M\0v\0", macros(b'M', b"\0v\0")),
        row("CMD-2 not UTF-8", b'D', b"M{\xe9}\0\xff\xfe\0", macros(b'M', b"{\xe9}\0\xff\xfe\0")),
        // CONNECT: host, family, port, address.
        row("CMD-3 inet", b'C', b"localhost\x004\xaf\xb6127.0.0.1\0", connect(b"localhost", inet(0xafb6, b"127.0.0.1"))),
        row("CMD-3 port order", b'C', b"a\x004\0\x191.2.3.4\0", connect(b"a", inet(25, b"1.2.3.4"))),
        row("CMD-3 inet6, Sendmail", b'C', b"a\x006\0\x19IPv6:2001:db8:0:0:0:0:0:1\0", connect(b"a", inet6(25, b"IPv6:2001:db8:0:0:0:0:0:1"))),
        row("CMD-3 inet6, Postfix", b'C', b"a\x006\0\x192001:db8::1\0", connect(b"a", inet6(25, b"2001:db8::1"))),
        row("CMD-3 unix", b'C', b"localhost\0L\0\0/run/x\0", connect(b"localhost", unix(0, b"/run/x"))),
        row("CMD-3 unix, empty path", b'C', b"localhost\0L\0\0\0", connect(b"localhost", unix(0, b""))),
        row("CMD-3 unix, a port", b'C', b"localhost\0L\0\x19\0", connect(b"localhost", unix(25, b""))),
        row("CMD-3 unknown", b'C', b"localhost\0U", connect(b"localhost", Peer::Unknown)),
        row("CMD-3 no host", b'C', b"\0U", connect(b"", Peer::Unknown)),
        row("CMD-3 no name", b'C', b"[192.0.2.1]\x004\xff\xff192.0.2.1\0", connect(b"[192.0.2.1]", inet(65_535, b"192.0.2.1"))),
        row("CMD-3 not UTF-8", b'C', b"h\xe9te\0L\0\0/run/\xff\0", connect(b"h\xe9te", unix(0, b"/run/\xff"))),
        // HELO.
        row("CMD-4", b'H', b"c\0", helo(b"c")),
        row("CMD-4 empty", b'H', b"\0", helo(b"")),
        row("CMD-4 not UTF-8", b'H', b"\xe9.example\0", helo(b"\xe9.example")),
        // MAIL: an address, and the arguments one text each.
        row("CMD-5 an argument", b'M', b"<a@b.c>\0SIZE=10\0", mail(b"<a@b.c>", b"SIZE=10\0")),
        row("CMD-5 arguments", b'M', b"<a@b.c>\0SIZE=10\0BODY=8BITMIME\0", mail(b"<a@b.c>", b"SIZE=10\0BODY=8BITMIME\0")),
        row("CMD-5 none", b'M', b"<a@b.c>\0", mail(b"<a@b.c>", b"")),
        row("CMD-5 bounce", b'M', b"<>\0", mail(b"<>", b"")),
        row("CMD-5 empty", b'M', b"\0", mail(b"", b"")),
        row("CMD-5 empty, an argument", b'M', b"\0SIZE=10\0", mail(b"", b"SIZE=10\0")),
        row("CMD-5 an empty argument", b'M', b"<a>\0\0X\0", mail(b"<a>", b"\0X\0")),
        row("CMD-5 two equals signs", b'M', b"<a>\0AUTH=<a=b>\0a=b=c\0", mail(b"<a>", b"AUTH=<a=b>\0a=b=c\0")),
        row("CMD-5 not UTF-8", b'M', b"<\xe9@b>\0X=\xff\0", mail(b"<\xe9@b>", b"X=\xff\0")),
        // RCPT, laid out like MAIL.
        row("CMD-6 none", b'R', b"<r@x.y>\0", rcpt(b"<r@x.y>", b"")),
        row("CMD-6 no brackets", b'R', b"r@x.y\0", rcpt(b"r@x.y", b"")),
        row("CMD-6 arguments", b'R', b"<r@x.y>\0NOTIFY=SUCCESS,FAILURE\0ORCPT=x\0", rcpt(b"<r@x.y>", b"NOTIFY=SUCCESS,FAILURE\0ORCPT=x\0")),
        row("CMD-6 empty", b'R', b"\0", rcpt(b"", b"")),
        row("CMD-6 not UTF-8", b'R', b"<\xff>\0\xfe\0", rcpt(b"<\xff>", b"\xfe\0")),
        // DATA.
        row("CMD-7", b'T', b"", Command::Data),
        // HEADER: name and value.
        row("CMD-8", b'L', b"From\0<a@b.c>\0", header(b"From", b"<a@b.c>")),
        row("CMD-8 one space is gone", b'L', b"To\0  r@x.y\0", header(b"To", b"  r@x.y")),
        row("CMD-8 its own space", b'L', b"To\0 r@x.y\0", header(b"To", b" r@x.y")),
        row("CMD-8 fold", b'L', b"X-Fold\0one\n\ttwo\0", header(b"X-Fold", b"one\n\ttwo")),
        row("CMD-8 empty value", b'L', b"X-Empty\0\0", header(b"X-Empty", b"")),
        row("CMD-8 bare CR", b'L', b"X-Cr\0a\rb\0", header(b"X-Cr", b"a\rb")),
        row("CMD-8 not UTF-8", b'L', b"X-\xe9\0caf\xe9 \xff\0", header(b"X-\xe9", b"caf\xe9 \xff")),
        // EOH.
        row("CMD-9", b'N', b"", Command::EndOfHeaders),
        // BODY: bytes as they are.
        row("CMD-10", b'B', b"line1\r\nline2\r\n", Command::Body { chunk: b"line1\r\nline2\r\n" }),
        row("CMD-10 NUL and eight bits", b'B', b"\0\xff\r\0\n", Command::Body { chunk: b"\0\xff\r\0\n" }),
        // BODYEOB: the same, or nothing.
        row("CMD-11", b'E', b"", Command::EndOfMessage { chunk: b"" }),
        row("CMD-11 a last piece", b'E', b"end\r\n\0", Command::EndOfMessage { chunk: b"end\r\n\0" }),
        // UNKNOWN: the line.
        row("CMD-12", b'U', b"NOOP a b\0", unknown(b"NOOP a b")),
        row("CMD-12 empty line", b'U', b"\0", unknown(b"")),
        row("CMD-12 not UTF-8", b'U', b"\xe9\xff\0", unknown(b"\xe9\xff")),
        // ABORT, QUIT, QUIT_NC.
        row("CMD-13", b'A', b"", Command::Abort),
        row("CMD-14", b'Q', b"", Command::Quit),
        row("CMD-15", b'K', b"", Command::QuitNewConnection),
        // What is no command is kept as it is; a response is none.
        row("no command", b'Z', b"", Command::Other(Frame::new(b'Z', b""))),
        row("no command, a payload", b'z', b"a\0\xff", Command::Other(Frame::new(b'z', b"a\0\xff"))),
        row("code NUL", 0, b"x", Command::Other(Frame::new(0, b"x"))),
        row("code 0xff", 0xff, b"", Command::Other(Frame::new(0xff, b""))),
        row("a response", b'c', b"", Command::Other(Frame::new(b'c', b""))),
    ]
}

// CMD-1 to CMD-15, MAC-1, MAC-2.
#[test]
fn every_command_is_parsed_from_its_bytes_and_encoded_to_them() {
    for Row { rule, code, payload, value } in commands() {
        let frame = Frame::new(code, payload);
        assert_eq!(Command::parse(frame), Ok(value), "{rule}");
        assert_eq!(bytes_of(&value.encode()), wire(code, payload), "{rule}");
        assert_eq!(value.code(), code, "{rule}");
    }
}

// FRM-1, FRM-8.
#[test]
fn every_command_comes_out_of_caller_memory_however_it_is_cut() {
    for Row { rule, code, payload, value } in commands() {
        let storage = || [0; 64];
        in_every_way((code, payload), storage, |frame| {
            assert_eq!(Command::parse(frame), Ok(value), "{rule}")
        });
    }
}

// FRM-1, FRM-8.
#[cfg(feature = "alloc")]
#[test]
fn every_command_comes_out_of_a_vec_however_it_is_cut() {
    for Row { rule, code, payload, value } in commands() {
        in_every_way((code, payload), Vec::new, |frame| {
            assert_eq!(Command::parse(frame), Ok(value), "{rule}")
        });
    }
}

#[test]
fn every_command_code_has_a_row() {
    use codes::command::*;
    let rows = commands();
    for code in [
        ABORT, BODY, CONNECT, MACRO, BODYEOB, HELO, QUIT_NC, HEADER, MAIL, EOH, OPTNEG, QUIT, RCPT, DATA,
        UNKNOWN,
    ] {
        let has_row = |row: &Row| row.code == code && !matches!(row.value, Command::Other(_));
        assert!(rows.iter().any(has_row), "{}", code.escape_ascii());
    }
}

// FRM-1: the length counts the code byte and is big-endian. Bytes as captured on the wire.
#[test]
fn whole_frames_of_a_real_session_are_written_byte_for_byte() {
    let captured: [(&[u8], Command<'_>); 4] = [
        (
            b"\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff",
            Command::Negotiate(Offer::FULL),
        ),
        (
            b"\x00\x00\x00\x18Clocalhost\x004\xaf\xb6127.0.0.1\x00",
            connect(b"localhost", inet(44_982, b"127.0.0.1")),
        ),
        (b"\x00\x00\x00\x11M<a@b.c>\x00SIZE=10\x00", mail(b"<a@b.c>", b"SIZE=10\0")),
        (b"\x00\x00\x00\x01Q", Command::Quit),
    ];
    for (bytes, command) in captured {
        assert_eq!(bytes_of(&command.encode()), bytes);
    }
}

// BDY-2, FRM-7: the largest chunk that both MTAs send.
#[test]
fn a_body_chunk_of_65_535_bytes_is_the_largest_that_is_sent() {
    let chunk = vec![b'\r'; 65_535];
    let out = Command::Body { chunk: &chunk }.encode();
    let bytes = bytes_of(&out);
    assert_eq!(bytes[..6], *b"\0\x01\0\0B\r");
    assert_eq!(bytes.len(), 65_540);
    assert!(out.within(milter_proto::Limits::DEFAULT).is_ok());
}

// CMD-3: the address is text; the prefix of Sendmail is optional and has no case.
#[test]
fn the_address_of_a_client_is_read_with_and_without_its_prefix() {
    let rows: [(Peer<'_>, Option<&str>); 12] = [
        (inet(25, b"192.0.2.1"), Some("192.0.2.1")),
        (inet6(25, b"IPv6:2001:db8:0:0:0:0:0:1"), Some("2001:db8::1")),
        (inet6(25, b"ipV6:::1"), Some("::1")),
        (inet6(25, b"2001:db8::1"), Some("2001:db8::1")),
        (inet6(25, b"::ffff:192.0.2.1"), Some("::ffff:192.0.2.1")),
        (inet6(25, b"192.0.2.1"), None),
        (inet6(25, b"IPv6:"), None),
        (inet(25, b"IPv6:::1"), None),
        (inet(25, b"127.1"), None),
        (inet(25, b"\xff"), None),
        (unix(0, b"192.0.2.1"), None),
        (Peer::Unknown, None),
    ];
    for (peer, expected) in rows {
        assert_eq!(peer.ip(), expected.map(|address| address.parse().unwrap()), "{peer:?}");
    }
}

// CMD-5, CMD-6: every argument counts, the empty ones too, and there is none behind the last.
#[test]
fn arguments_are_counted_by_their_nul() {
    let rows: [(&[u8], &[&str]); 5] = [
        (b"", &[]),
        (b"\0", &[""]),
        (b"SIZE=1\0", &["SIZE=1"]),
        (b"a=b=c\0\0X\0", &["a=b=c", "", "X"]),
        (b"\0\0", &["", ""]),
    ];
    for (bytes, expected) in rows {
        assert!(list(bytes).iter().eq(expected.iter().copied()), "{}", bytes.escape_ascii());
    }
}

// MAC-5: a name of one character is the same with braces and without; the first of a name counts.
#[test]
fn macros_are_found_by_name() {
    let Command::Macros(macros) = macros(b'M', b"i\0first\0i\0second\0{j}\0mta\0{auth_type}\0\0\xff\0\xfe\0")
    else {
        panic!("macros() makes macros")
    };
    let rows: [(&[u8], Option<&[u8]>); 12] = [
        (b"i", Some(b"first")),
        (b"{i}", Some(b"first")),
        (b"j", Some(b"mta")),
        (b"{j}", Some(b"mta")),
        (b"{auth_type}", Some(b"")),
        (b"auth_type", None),
        (b"\xff", Some(b"\xfe")),
        (b"I", None),
        (b"{i", None),
        (b"{i]", None),
        (b"{}", None),
        (b"", None),
    ];
    for (name, value) in rows {
        assert_eq!(macros.get(name).map(Text::as_bytes), value, "{}", name.escape_ascii());
    }
    assert_eq!(macros.iter().count(), 5);
}

// MAC-3: the stages that libmilter keeps; Postfix sends L, B and U as well.
#[test]
fn libmilter_keeps_the_macros_of_seven_stages() {
    for byte in 0..=u8::MAX {
        assert_eq!(MacroStage::new(byte).is_kept(), b"CHMRTNE".contains(&byte), "{}", byte.escape_ascii());
    }
}

#[test]
fn a_macro_list_without_a_last_value_cannot_be_made() {
    let error = Macros::new(MacroStage::MAIL, list(b"i\0Q\0{x}\0")).unwrap_err();
    assert_eq!(error.to_string(), "the macro name at offset 4 has no value");
    assert_eq!(Macros::new(MacroStage::MAIL, TextList::EMPTY).map(Macros::list), Ok(TextList::EMPTY));
}
