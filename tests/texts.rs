//! Texts and lists of texts: what can be made can be sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

mod support;

use milter_proto::wire::{Text, TextList};
use support::{list, text};

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
            assert_eq!((error.offset, error.to_string()), (nul, format!("NUL at offset {nul} of a text")));
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
    assert!(name == *"mx.example" && name != *"mx.exampl");
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
