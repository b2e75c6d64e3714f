//! What a caller writes in one call: constant texts, macros by name, edits of strings, timeouts with one changed.

use core::ffi::CStr;
use core::time::Duration;

use crate::support::{bytes_of, list, text, wire};
use milter_proto::filter::Event;
use milter_proto::macros::MacroStore;
use milter_proto::wire::{
    Command, DataSize, Edit, Field, MacroStage, Macros, NulInEdit, ReplyText, Response, Text, TextList,
    Verdict,
};
use milter_proto::{Timeouts, Wait};

const NAME: Text<'static> = Text::from_c_str(c"X-Seen");

#[test]
fn a_text_can_be_a_constant() {
    const EMPTY: Text<'_> = Text::from_c_str(c"");
    assert_eq!(NAME.as_bytes(), b"X-Seen");
    assert_eq!(EMPTY, Text::EMPTY);
    assert_eq!(Text::from(c"X-Seen"), NAME);
    assert_eq!(Text::from_c_str(c"\xe9"), text(b"\xe9"));
}

#[test]
fn texts_compare_without_regard_to_the_case_of_ascii_letters() {
    let rows: [(&[u8], &[u8], bool); 6] = [
        (b"Subject", b"SUBJECT", true),
        (b"", b"", true),
        (b"Subject", b"Sub", false),
        (b"\xc3\xa9", b"\xc3\x89", false),
        (b"@", b"`", false),
        (b"[", b"{", false),
    ];
    for (one, other, expected) in rows {
        assert_eq!(text(one).eq_ignore_ascii_case(other), expected, "{}", one.escape_ascii());
        assert_eq!(text(other).eq_ignore_ascii_case(text(one)), expected, "{}", other.escape_ascii());
    }
    assert!(NAME.eq_ignore_ascii_case("x-seen"));
}

#[test]
fn the_texts_of_a_list_have_their_nul_for_c() {
    let rows: [(&[u8], &[&CStr]); 4] = [
        (b"", &[]),
        (b"\0", &[c""]),
        (b"SIZE=10\0\0\xff\0", &[c"SIZE=10", c"", c"\xff"]),
        (b"\0\0a\0", &[c"", c"", c"a"]),
    ];
    for (bytes, expected) in rows {
        let texts = list(bytes);
        assert!(texts.c_strs().eq(expected.iter().copied()), "{}", bytes.escape_ascii());
        assert!(texts.c_strs().map(Text::from).eq(texts.iter()), "{}", bytes.escape_ascii());
        // They are the bytes of the list itself.
        let last = texts.c_strs().last().map(CStr::to_bytes_with_nul);
        assert_eq!(
            last.map(<[u8]>::as_ptr_range).map(|range| range.end),
            last.map(|_| bytes.as_ptr_range().end)
        );
    }
}

// MAC-5, MAC-11.
#[test]
fn macros_are_found_by_any_kind_of_name() {
    let lists: [(u8, &[u8]); 3] = [
        (b'C', b"j\0mta\0{daemon_name}\0d\0"),
        (b'M', b"i\0Q1\0{mail_addr}\0a@b\0j\0other\0"),
        (b'R', b"{i}\0Q2\0"),
    ];
    let mut store = MacroStore::new([0; 256]);
    for (stage, bytes) in lists {
        let macros = Macros::new(MacroStage::new(stage), list(bytes)).unwrap();
        store.observe(&Event::new(Command::Macros(macros))).unwrap();
    }
    let rows: [(&str, Option<(MacroStage, &str)>); 10] = [
        ("i", Some((MacroStage::RCPT, "Q2"))),
        ("{i}", Some((MacroStage::RCPT, "Q2"))),
        ("j", Some((MacroStage::MAIL, "other"))),
        ("{mail_addr}", Some((MacroStage::MAIL, "a@b"))),
        ("{daemon_name}", Some((MacroStage::CONNECT, "d"))),
        ("mail_addr", None),
        ("{none}", None),
        ("", None),
        ("{}", None),
        ("i\0", None),
    ];
    for (name, expected) in rows {
        let expected = expected.map(|(stage, value)| (stage, text(value.as_bytes())));
        let value = expected.map(|found| found.1);
        assert_eq!(store.find(name), expected, "{name:?}");
        assert_eq!(store.get(name), value, "{name:?}");
        assert_eq!(store.get(name.as_bytes()), value, "{name:?}");
        if let Ok(name) = Text::try_from(name) {
            assert_eq!((store.get(name), store.find(name)), (value, expected), "{name:?}");
        }
        let of_stage = expected.and_then(|(stage, _)| store.stage(stage).get(name));
        assert_eq!(of_stage, value, "{name:?}");
    }
}

// The wire form of each edit that is made of strings: RSP-6 to RSP-16.
#[test]
fn an_edit_of_strings_is_the_edit_of_the_same_texts() {
    let (address, arguments, bytes) = ("<a@b.c>", String::from("NOTIFY=NEVER ORCPT=x"), vec![b'v']);
    let rows: [(Result<Edit<'_>, NulInEdit>, u8, &[u8]); 11] = [
        (Edit::add_header(&NAME, "yes"), b'h', b"X-Seen\0yes\0"),
        (Edit::add_header("X-Seen", b"\xe9\n\tfold"), b'h', b"X-Seen\0\xe9\n\tfold\0"),
        (Edit::insert_header(7, "A", &bytes), b'i', b"\0\0\0\x07A\0v\0"),
        (Edit::change_header(1, b"Subject", "new"), b'm', b"\0\0\0\x01Subject\0new\0"),
        (Edit::delete_header(2, "Subject"), b'm', b"\0\0\0\x02Subject\0\0"),
        (Edit::change_from(address), b'e', b"<a@b.c>\0"),
        (Edit::change_from_with_arguments("<>", ""), b'e', b"<>\0\0"),
        (Edit::add_recipient(address), b'+', b"<a@b.c>\0"),
        (Edit::add_recipient_with_arguments(address, &arguments), b'2', b"<a@b.c>\0NOTIFY=NEVER ORCPT=x\0"),
        (Edit::delete_recipient(address), b'-', b"<a@b.c>\0"),
        (Edit::quarantine("held, 100 %"), b'q', b"held, 100 %\0"),
    ];
    for (edit, code, payload) in rows {
        assert_eq!(bytes_of(&Response::from(edit.unwrap()).encode()), wire(code, payload));
    }
}

#[test]
fn a_nul_in_a_text_of_an_edit_is_refused_with_its_field_and_offset() {
    let (nul, fine) = ("ab\0c\0", "fine");
    let rows = [
        (Edit::add_header(nul, fine), Field::Name),
        (Edit::add_header(fine, nul), Field::Value),
        (Edit::add_header(nul, nul), Field::Name),
        (Edit::insert_header(0, nul, fine), Field::Name),
        (Edit::insert_header(0, fine, nul), Field::Value),
        (Edit::change_header(1, nul, fine), Field::Name),
        (Edit::change_header(1, fine, nul), Field::Value),
        (Edit::delete_header(1, nul), Field::Name),
        (Edit::change_from(nul), Field::Address),
        (Edit::change_from_with_arguments(nul, fine), Field::Address),
        (Edit::change_from_with_arguments(fine, nul), Field::Arguments),
        (Edit::add_recipient(nul), Field::Address),
        (Edit::add_recipient_with_arguments(nul, fine), Field::Address),
        (Edit::add_recipient_with_arguments(fine, nul), Field::Arguments),
        (Edit::delete_recipient(nul), Field::Address),
        (Edit::quarantine(nul), Field::Reason),
    ];
    for (row, (edit, field)) in rows.into_iter().enumerate() {
        let error = edit.unwrap_err();
        assert_eq!((error.field, error.offset), (field, 2), "row {row}");
        assert_eq!(error.to_string(), format!("the {field} of the edit has a NUL at offset 2"));
    }
}

// BDY-4.
#[test]
fn a_body_is_replaced_by_one_edit_for_each_chunk_and_one_for_none() {
    let long = vec![b'x'; 70_000];
    let rows: [(&[u8], &[usize]); 4] =
        [(b"", &[0]), (b"new\r\n", &[5]), (&long[..65_535], &[65_535]), (&long, &[65_535, 4_465])];
    for (body, lens) in rows {
        let edits = Edit::replace_body(body, DataSize::Kib64);
        assert_eq!(edits.len(), lens.len());
        let chunks: Vec<&[u8]> = edits
            .map(|edit| if let Edit::ReplaceBody { chunk } = edit { chunk } else { panic!("{edit:?}") })
            .collect();
        assert!(chunks.iter().map(|chunk| chunk.len()).eq(lens.iter().copied()));
        assert_eq!(chunks.concat(), body);
    }
    assert_eq!(Edit::replace_body("text", DataSize::Mib1).count(), 1);
}

#[test]
fn a_reply_is_a_verdict_and_a_response() {
    let reply = ReplyText::parse(b"550 5.7.1 no").unwrap();
    assert_eq!(Verdict::from(reply), Verdict::Reply(reply));
    assert_eq!(Response::from(reply), Response::Verdict(Verdict::Reply(reply)));
}

#[cfg(feature = "alloc")]
#[test]
fn an_owned_reply_is_one_too_and_turns_into_owned_forms() {
    use milter_proto::wire::{ReplyBuf, ResponseBuf, VerdictBuf};
    let owned = ReplyBuf::new("550".parse().unwrap(), None, ["no, 100 %"]).unwrap();
    let reply = owned.as_reply();
    assert_eq!(reply.as_text(), "550 no, 100 %%");
    assert_eq!(ReplyText::from(&owned), reply);
    assert_eq!(Verdict::from(&owned), Verdict::Reply(reply));
    assert_eq!(Response::from(&owned), Response::Verdict(Verdict::Reply(reply)));
    for verdict in [VerdictBuf::from(&owned), VerdictBuf::from(reply)] {
        assert_eq!(verdict.as_verdict(), Verdict::Reply(reply));
    }
    for response in [ResponseBuf::from(&owned), ResponseBuf::from(reply)] {
        assert_eq!(response.as_response(), Response::from(reply));
    }
    const CONTINUE: VerdictBuf = VerdictBuf::CONTINUE;
    assert_eq!(CONTINUE.as_verdict(), Verdict::Continue);
    assert_eq!(CONTINUE, VerdictBuf::from(Verdict::Continue));
}

#[cfg(feature = "alloc")]
#[test]
fn every_owned_form_lends_its_borrowed_one() {
    use milter_proto::filter;
    use milter_proto::mta;
    use milter_proto::wire::{Frame, FrameBuf, ListStage, MacroLists, MacroListsBuf, TextListBuf};
    let frame = FrameBuf::new(b'H', b"mx\0".to_vec());
    assert_eq!(Frame::from(&frame), Frame::new(b'H', b"mx\0"));
    let list = TextListBuf::from(list(b"SIZE=10\0"));
    assert_eq!(TextList::from(&list), list.as_list());
    let mut lists = MacroListsBuf::new();
    lists.push(ListStage::MAIL, text(b"i"));
    assert_eq!(MacroLists::from(&lists), lists.as_lists());
    let event = filter::EventBuf::from(Event::new(Command::Data));
    assert_eq!(Event::from(&event), Event::new(Command::Data));
    let event = mta::EventBuf::from(mta::Event::Progress);
    assert_eq!(mta::Event::from(&event), mta::Event::Progress);
}

#[test]
fn one_timeout_is_changed_and_the_others_stay() {
    const LIMIT: Duration = Duration::from_millis(1);
    const CHANGED: Timeouts = Timeouts::LIBMILTER.with(Wait::Command, LIMIT).with_end_of_message_total(None);
    assert_eq!((CHANGED.command, CHANGED.end_of_message_total), (LIMIT, None));
    for usual in [Timeouts::LIBMILTER, Timeouts::SENDMAIL, Timeouts::POSTFIX] {
        for wait in Wait::ALL {
            let timeouts = usual.with(wait, LIMIT);
            for other in Wait::ALL {
                let expected = if other == wait { LIMIT } else { usual.of(other) };
                assert_eq!(timeouts.of(other), expected, "{other:?} with {wait:?}");
            }
            assert_eq!(timeouts.end_of_message_total, usual.end_of_message_total);
            assert_eq!(timeouts.with(wait, usual.of(wait)), usual);
        }
        let total = usual.with_end_of_message_total(Some(LIMIT));
        assert_eq!(total.end_of_message_total, Some(LIMIT));
        assert_eq!(total.with_end_of_message_total(usual.end_of_message_total), usual);
    }
}

#[test]
fn arguments_are_looked_for_by_their_keyword() {
    let arguments = TextList::new(b"SIZE=10\0smtputf8\0").unwrap();
    assert!(arguments.iter().any(|argument| argument.eq_ignore_ascii_case("SMTPUTF8")));
}
