//! Responses, as bytes and as values: what one side writes, the other one reads.
//!
//! Sources: sessions between Sendmail 8.17, Postfix 3.7 and libmilter 8.17. The rule ids are those of
//! SPEC_NOTES.md. The commands are in `commands.rs`.

use milter_proto::wire::{
    Actions, Answer, Edit, Frame, ListStage, MacroLists, MacroStage, Response, Steps, Text, Verdict, Version,
    codes,
};

use crate::support::{bytes_of, in_every_way, reply, text, wire};

/// One fact: a rule, the bytes, and what they mean.
struct Row {
    rule: &'static str,
    code: u8,
    payload: &'static [u8],
    value: Response<'static>,
}

fn row(rule: &'static str, code: u8, payload: &'static [u8], value: impl Into<Response<'static>>) -> Row {
    Row { rule, code, payload, value: value.into() }
}

fn answer(version: u32, actions: u32, steps: u32, lists: &'static [u8]) -> Answer<'static> {
    let (actions, steps) = (Actions::from_bits(actions), Steps::from_bits(steps));
    let lists = MacroLists::new(lists).expect("test lists are clean");
    Answer::new(Version::new(version), actions, steps).with_macro_lists(lists)
}

fn add(name: &'static [u8], value: &'static [u8]) -> Edit<'static> {
    Edit::AddHeader { name: text(name), value: text(value) }
}

fn insert(index: u32, name: &'static [u8], value: &'static [u8]) -> Edit<'static> {
    Edit::InsertHeader { index, name: text(name), value: text(value) }
}

fn change(index: u32, name: &'static [u8], value: &'static [u8]) -> Edit<'static> {
    Edit::ChangeHeader { index, name: text(name), value: text(value) }
}

fn change_from(address: &'static [u8], arguments: Option<&'static [u8]>) -> Edit<'static> {
    Edit::ChangeFrom { address: text(address), arguments: arguments.map(text) }
}

fn add_rcpt(address: &'static [u8]) -> Edit<'static> {
    Edit::AddRcpt { address: text(address) }
}

fn add_rcpt_with(address: &'static [u8], arguments: Option<&'static [u8]>) -> Edit<'static> {
    Edit::AddRcptWithArguments { address: text(address), arguments: arguments.map(text) }
}

fn delete_rcpt(address: &'static [u8]) -> Edit<'static> {
    Edit::DeleteRcpt { address: text(address) }
}

fn quarantine(reason: &'static [u8]) -> Edit<'static> {
    Edit::Quarantine { reason: text(reason) }
}

fn with_reply(bytes: &'static [u8]) -> Verdict<'static> {
    Verdict::Reply(reply(bytes))
}

const THREE_LISTS: &[u8] = b"\0\0\0\0j\0\0\0\0\x03{rcpt_addr} {rcpt_host}\0\0\0\0\x05\0";
const EVERY_LIST: &[u8] =
    b"\0\0\0\0a\0\0\0\0\x01b\0\0\0\0\x02c\0\0\0\0\x03d\0\0\0\0\x04e\0\0\0\0\x05f\0\0\0\0\x06g\0";

#[rustfmt::skip]
fn responses() -> Vec<Row> {
    vec![
        // OPTNEG: version, actions, steps, and macro lists.
        row("RSP-1 libmilter", b'O', b"\0\0\0\x06\0\0\x01\xff\0\0\x04\0", answer(6, 0x1ff, 0x400, b"")),
        row("RSP-1 no callbacks", b'O', b"\0\0\0\x06\0\0\x01\xff\0\0\x04\x13", answer(6, 0x1ff, 0x413, b"")),
        row("RSP-1 to zero flags", b'O', b"\0\0\0\x06\0\0\0\x0f\0\0\0\0", answer(6, 0x0f, 0, b"")),
        row("RSP-1 unknown bits", b'O', b"\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff", answer(2, u32::MAX, u32::MAX, b"")),
        row("RSP-1 lists", b'O', b"\0\0\0\x06\0\0\x01\xff\0\0\x04\0\0\0\0\0j\0\0\0\0\x03{rcpt_addr} {rcpt_host}\0\0\0\0\x05\0", answer(6, 0x1ff, 0x400, THREE_LISTS)),
        row("RSP-1 one empty list", b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x06\0", answer(6, 0, 0, b"\0\0\0\x06\0")),
        row("RSP-1 a list twice", b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x02i\0\0\0\0\x02j\0", answer(6, 0, 0, b"\0\0\0\x02i\0\0\0\0\x02j\0")),
        row("RSP-1 not UTF-8", b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\0{\xff}\0", answer(6, 0, 0, b"\0\0\0\0{\xff}\0")),
        // ADDHEADER: name and value.
        row("RSP-2", b'h', b"X-A\0v\0", add(b"X-A", b"v")),
        row("RSP-2 empty value", b'h', b"X-E\0\0", add(b"X-E", b"")),
        row("RSP-2 its own space", b'h', b"X-A\0 v\0", add(b"X-A", b" v")),
        row("RSP-2 fold", b'h', b"X-A\0one\n\ttwo\0", add(b"X-A", b"one\n\ttwo")),
        row("RSP-2 not UTF-8", b'h', b"X-\xe9\0\xff\0", add(b"X-\xe9", b"\xff")),
        // INSHEADER: the index is a u32.
        row("RSP-3 index 0", b'i', b"\0\0\0\0X-I\0v\0", insert(0, b"X-I", b"v")),
        row("RSP-3 index 1", b'i', b"\0\0\0\x01X-I\0v\0", insert(1, b"X-I", b"v")),
        row("RSP-3 index 2147483647", b'i', b"\x7f\xff\xff\xffX-I\0v\0", insert(2_147_483_647, b"X-I", b"v")),
        row("RSP-3 index u32::MAX", b'i', b"\xff\xff\xff\xffX-I\0v\0", insert(u32::MAX, b"X-I", b"v")),
        row("RSP-3 empty value", b'i', b"\0\0\0\0X-I\0\0", insert(0, b"X-I", b"")),
        row("RSP-3 not UTF-8", b'i', b"\0\0\0\0\xe9\0\xff\0", insert(0, b"\xe9", b"\xff")),
        // CHGHEADER: an empty value deletes.
        row("RSP-4", b'm', b"\0\0\0\x01Subject\0new\0", change(1, b"Subject", b"new")),
        row("RSP-4 delete", b'm', b"\0\0\0\x02Subject\0\0", change(2, b"Subject", b"")),
        row("RSP-4 index 0", b'm', b"\0\0\0\0Subject\0new\0", change(0, b"Subject", b"new")),
        row("RSP-4 index 2147483647", b'm', b"\x7f\xff\xff\xffS\0v\0", change(2_147_483_647, b"S", b"v")),
        row("RSP-4 index u32::MAX", b'm', b"\xff\xff\xff\xffS\0v\0", change(u32::MAX, b"S", b"v")),
        row("RSP-4 not UTF-8", b'm', b"\0\0\0\x01\xe9\0\xff\0", change(1, b"\xe9", b"\xff")),
        // CHGFROM: no arguments, empty ones, and some are three different things.
        row("RSP-5 none", b'e', b"<a@b>\0", change_from(b"<a@b>", None)),
        row("RSP-5 empty", b'e', b"<a@b>\0\0", change_from(b"<a@b>", Some(b""))),
        row("RSP-5 some", b'e', b"<a@b>\0BODY=8BITMIME\0", change_from(b"<a@b>", Some(b"BODY=8BITMIME"))),
        row("RSP-5 bounce", b'e', b"<>\0", change_from(b"<>", None)),
        row("RSP-5 several in one text", b'e', b"<a>\0SIZE=1 RET=HDRS\0", change_from(b"<a>", Some(b"SIZE=1 RET=HDRS"))),
        row("RSP-5 not UTF-8", b'e', b"<\xe9>\0\xff\0", change_from(b"<\xe9>", Some(b"\xff"))),
        // ADDRCPT.
        row("RSP-6", b'+', b"<r@b>\0", add_rcpt(b"<r@b>")),
        row("RSP-6 a list", b'+', b"a@x, b@y\0", add_rcpt(b"a@x, b@y")),
        row("RSP-6 not UTF-8", b'+', b"<\xff>\0", add_rcpt(b"<\xff>")),
        // ADDRCPT_PAR, laid out like CHGFROM.
        row("RSP-7 none", b'2', b"<r@b>\0", add_rcpt_with(b"<r@b>", None)),
        row("RSP-7 empty", b'2', b"<r@b>\0\0", add_rcpt_with(b"<r@b>", Some(b""))),
        row("RSP-7 some", b'2', b"<r@b>\0NOTIFY=NEVER\0", add_rcpt_with(b"<r@b>", Some(b"NOTIFY=NEVER"))),
        row("RSP-7 not UTF-8", b'2', b"<\xff>\0\xe9\0", add_rcpt_with(b"<\xff>", Some(b"\xe9"))),
        // DELRCPT.
        row("RSP-8", b'-', b"<r@b>\0", delete_rcpt(b"<r@b>")),
        row("RSP-8 not UTF-8", b'-', b"<\xff>\0", delete_rcpt(b"<\xff>")),
        // REPLBODY: bytes as they are, perhaps none.
        row("RSP-9", b'b', b"new\r\n\0\xff", Edit::ReplaceBody { chunk: b"new\r\n\0\xff" }),
        row("RSP-9 empty", b'b', b"", Edit::ReplaceBody { chunk: b"" }),
        // QUARANTINE: an edit, not a verdict.
        row("RSP-10", b'q', b"why\0", quarantine(b"why")),
        row("RSP-10 no reason", b'q', b"\0", quarantine(b"")),
        row("RSP-10 not UTF-8", b'q', b"\xe9\xff\0", quarantine(b"\xe9\xff")),
        // Verdicts.
        row("RSP-11", b'c', b"", Verdict::Continue),
        row("RSP-12", b'a', b"", Verdict::Accept),
        row("RSP-13", b'r', b"", Verdict::Reject),
        row("RSP-14", b't', b"", Verdict::Tempfail),
        row("RSP-15", b'd', b"", Verdict::Discard),
        row("RSP-16", b's', b"", Verdict::Skip),
        // REPLYCODE.
        row("RSP-17", b'y', b"550 5.7.1 go away\0", with_reply(b"550 5.7.1 go away")),
        row("RSP-17 no text", b'y', b"550 \0", with_reply(b"550 ")),
        row("RSP-17 no status", b'y', b"451 try again\0", with_reply(b"451 try again")),
        row("RSP-17 status only", b'y', b"451 4.7.0\0", with_reply(b"451 4.7.0")),
        row("RSP-17 two lines", b'y', b"550-5.7.1 l1\r\n550 5.7.1 l2\0", with_reply(b"550-5.7.1 l1\r\n550 5.7.1 l2")),
        row("RSP-17 doubled %", b'y', b"550 5.7.1 100%% spam\0", with_reply(b"550 5.7.1 100%% spam")),
        row("RSP-17 shutdown by reply", b'y', b"421 4.3.0 bye\0", with_reply(b"421 4.3.0 bye")),
        row("RSP-17 not UTF-8", b'y', b"550 \xe9\xff\0", with_reply(b"550 \xe9\xff")),
        row("RSP-18", b'4', b"", Verdict::Shutdown),
        row("RSP-19", b'f', b"", Verdict::ConnectionFail),
        row("RSP-20", b'p', b"", Response::Progress),
        // SETSYMLIST: no form.
        row("RSP-21", b'l', b"", Response::MacroList { payload: b"" }),
        row("RSP-21 a payload", b'l', b"\0\0\0\x07\xff", Response::MacroList { payload: b"\0\0\0\x07\xff" }),
        // What is no response is kept as it is; a command is none.
        row("no response", b'Z', b"", Response::Other(Frame::new(b'Z', b""))),
        row("no response, a payload", b'z', b"a\0\xff", Response::Other(Frame::new(b'z', b"a\0\xff"))),
        row("code NUL", 0, b"x", Response::Other(Frame::new(0, b"x"))),
        row("code 0xff", 0xff, b"", Response::Other(Frame::new(0xff, b""))),
        row("a command", b'M', b"<a>\0", Response::Other(Frame::new(b'M', b"<a>\0"))),
    ]
}

// RSP-1 to RSP-21.
#[test]
fn every_response_is_parsed_from_its_bytes_and_encoded_to_them() {
    for Row { rule, code, payload, value } in responses() {
        let frame = Frame::new(code, payload);
        assert_eq!(Response::parse(frame), Ok(value), "{rule}");
        assert_eq!(bytes_of(&value.encode()), wire(code, payload), "{rule}");
        assert_eq!(value.code(), code, "{rule}");
    }
}

// FRM-1, FRM-8.
#[test]
fn every_response_comes_out_of_caller_memory_however_it_is_cut() {
    for Row { rule, code, payload, value } in responses() {
        let storage = || [0; 64];
        in_every_way((code, payload), storage, |frame| {
            assert_eq!(Response::parse(frame), Ok(value), "{rule}")
        });
    }
}

// FRM-1, FRM-8.
#[cfg(feature = "alloc")]
#[test]
fn every_response_comes_out_of_a_vec_however_it_is_cut() {
    for Row { rule, code, payload, value } in responses() {
        in_every_way((code, payload), Vec::new, |frame| {
            assert_eq!(Response::parse(frame), Ok(value), "{rule}")
        });
    }
}

#[test]
fn every_response_code_has_a_row() {
    use codes::response::*;
    let rows = responses();
    for code in [
        OPTNEG,
        ADDRCPT,
        DELRCPT,
        ADDRCPT_PAR,
        SHUTDOWN,
        ACCEPT,
        REPLBODY,
        CONTINUE,
        DISCARD,
        CHGFROM,
        CONN_FAIL,
        ADDHEADER,
        INSHEADER,
        SETSYMLIST,
        CHGHEADER,
        PROGRESS,
        QUARANTINE,
        REJECT,
        SKIP,
        TEMPFAIL,
        REPLYCODE,
    ] {
        let has_row = |row: &Row| row.code == code && !matches!(row.value, Response::Other(_));
        assert!(rows.iter().any(has_row), "{}", code.escape_ascii());
    }
}

// RSP-5, RSP-7: libmilter omits the text for NULL and sends it for "".
#[test]
fn no_arguments_empty_arguments_and_some_are_three_values() {
    for make in [change_from, add_rcpt_with] {
        let values = [None, Some(&b""[..]), Some(&b"X"[..])].map(|arguments| make(b"<a>", arguments));
        for (index, left) in values.iter().enumerate() {
            for right in &values[index + 1..] {
                assert_ne!(left, right);
                assert_ne!(Response::from(*left).encode(), Response::from(*right).encode());
            }
        }
    }
}

// NEG-2: the bit that has to be negotiated for each edit. INSHEADER has that of ADDHEADER.
#[test]
fn every_edit_names_its_action_bit() {
    let rows = [
        (b'h', Actions::ADD_HEADERS, 0x01),
        (b'i', Actions::ADD_HEADERS, 0x01),
        (b'b', Actions::CHANGE_BODY, 0x02),
        (b'+', Actions::ADD_RCPT, 0x04),
        (b'-', Actions::DELETE_RCPT, 0x08),
        (b'm', Actions::CHANGE_HEADERS, 0x10),
        (b'q', Actions::QUARANTINE, 0x20),
        (b'e', Actions::CHANGE_FROM, 0x40),
        (b'2', Actions::ADD_RCPT_WITH_ARGUMENTS, 0x80),
    ];
    for (code, action, bits) in rows {
        assert_eq!(action.bits(), bits);
        for row in responses().iter().filter(|row| row.code == code) {
            let Response::Edit(edit) = row.value else { panic!("{} is an edit", row.rule) };
            assert_eq!(edit.action(), action, "{}", row.rule);
            assert_eq!(edit.code(), code, "{}", row.rule);
        }
    }
}

// NEG-10: the numbers of the stages; 5 is the end of the message, 6 the end of the headers.
#[test]
fn macro_lists_name_their_stages_by_number() {
    let lists = MacroLists::new(EVERY_LIST).unwrap();
    let rows = [
        (ListStage::CONNECT, MacroStage::CONNECT, "a"),
        (ListStage::HELO, MacroStage::HELO, "b"),
        (ListStage::MAIL, MacroStage::MAIL, "c"),
        (ListStage::RCPT, MacroStage::RCPT, "d"),
        (ListStage::DATA, MacroStage::DATA, "e"),
        (ListStage::END_OF_MESSAGE, MacroStage::END_OF_MESSAGE, "f"),
        (ListStage::END_OF_HEADERS, MacroStage::END_OF_HEADERS, "g"),
    ];
    for (number, (stage, macro_stage, names)) in (0..).zip(rows) {
        assert_eq!(stage.number(), number);
        assert_eq!(stage.macro_stage(), Some(macro_stage));
        assert_eq!(lists.get(stage), Some(text(names.as_bytes())));
    }
    assert_eq!(lists.iter().count(), 7);
}

// NEG-11: an empty list asks for nothing, no list for the default, and the later of two counts.
#[test]
fn the_last_macro_list_of_a_stage_counts() {
    let lists = MacroLists::new(b"\0\0\0\x02i\0\0\0\0\x03\0\0\0\0\x02{auth_type} j\0").unwrap();
    assert_eq!(lists.get(ListStage::MAIL).map(Text::as_bytes), Some(&b"{auth_type} j"[..]));
    assert_eq!(lists.get(ListStage::RCPT), Some(Text::EMPTY));
    assert_eq!(lists.get(ListStage::CONNECT), None);
}

#[test]
fn macro_lists_are_written_as_they_are_read() {
    let wanted = [(ListStage::CONNECT, text(b"j")), (ListStage::RCPT, text(b"{rcpt_addr} {rcpt_host}"))];
    let end_of_message = (ListStage::END_OF_MESSAGE, Text::EMPTY);
    let mut storage = [0xaa; 64];
    let lists = MacroLists::write(wanted.into_iter().chain([end_of_message]), &mut storage).unwrap();
    assert_eq!(lists.as_bytes(), THREE_LISTS);

    let mut storage = [0; 35];
    let error = MacroLists::write(wanted, &mut storage[..33]).unwrap_err();
    assert_eq!((error.needed, error.available), (34, 33));
    assert_eq!(MacroLists::write(wanted, &mut storage[..34]).map(|lists| lists.as_bytes().len()), Ok(34));
}

#[cfg(feature = "alloc")]
#[test]
fn macro_lists_grow_as_they_are_read() {
    let mut lists = milter_proto::wire::MacroListsBuf::new();
    lists.push(ListStage::CONNECT, text(b"j"));
    lists.push(ListStage::RCPT, text(b"{rcpt_addr} {rcpt_host}"));
    lists.push(ListStage::END_OF_MESSAGE, Text::EMPTY);
    assert_eq!(lists.as_lists().as_bytes(), THREE_LISTS);
}
