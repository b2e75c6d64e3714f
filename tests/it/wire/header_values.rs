//! Header values between a message and the wire, in one call each way.

use milter_proto::wire::{LeadingSpace, Text};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The value to send, joined from its pieces; in one piece of memory, it is the same.
fn encode(space: LeadingSpace, raw: &[u8]) -> Vec<u8> {
    let value: Vec<u8> = space.encode_pieces(raw).flatten().copied().collect();
    #[cfg(feature = "alloc")]
    assert_eq!(space.encode_value(raw), value, "{space:?}: {}", raw.escape_ascii());
    value
}

/// What stands in a message for a value, joined from its pieces; in one piece of memory, it is the same.
fn decode(space: LeadingSpace, value: &[u8]) -> Vec<u8> {
    let raw: Vec<u8> = space.decode_pieces(value).flatten().copied().collect();
    #[cfg(feature = "alloc")]
    assert_eq!(space.decode_value(value), raw, "{space:?}: {}", value.escape_ascii());
    raw
}

// HDR-2, HDR-4 to HDR-6: in a message behind the colon; stripped of a space; with it.
#[test]
fn a_value_loses_its_space_the_cr_of_its_folds_and_nuls() {
    let rows: [(&[u8], &[u8], &[u8]); 10] = [
        (b" plain", b"plain", b" plain"),
        (b"  two", b" two", b"  two"),
        (b"none", b"none", b"none"),
        (b"\ttab", b"\ttab", b"\ttab"),
        (b"", b"", b""),
        (b" ", b"", b" "),
        (b" one\r\n\ttwo\r\n three", b"one\n\ttwo\n three", b" one\n\ttwo\n three"),
        (b"\r\n folded at once", b"\n folded at once", b"\n folded at once"),
        (b" a\0b\0", b"ab", b" ab"),
        (b" a\rb\n c\r", b"a\rb\n c\r", b" a\rb\n c\r"),
    ];
    for (raw, stripped, preserved) in rows {
        let shown = raw.escape_ascii();
        assert_eq!(encode(LeadingSpace::Stripped, raw), stripped, "{shown}");
        assert_eq!(encode(LeadingSpace::Preserved, raw), preserved, "{shown}");
    }
}

// HDR-3 to HDR-5, HDR-8: from the wire; after one space; as it is.
#[test]
fn a_value_from_the_wire_gets_its_space_and_is_one_header() {
    let rows: [(&[u8], &[u8], &[u8]); 8] = [
        (b"plain", b" plain", b"plain"),
        (b"", b" ", b""),
        (b" own", b"  own", b" own"),
        (b"one\n\ttwo", b" one\r\n\ttwo", b"one\r\n\ttwo"),
        (b"one\r\n\ttwo", b" one\r\n\ttwo", b"one\r\n\ttwo"),
        (b"one\nBcc: two", b" one\r\n Bcc: two", b"one\r\n Bcc: two"),
        (b"end\n", b" end\r\n ", b"end\r\n "),
        (b"a\rb", b" a b", b"a b"),
    ];
    for (value, stripped, preserved) in rows {
        let shown = value.escape_ascii();
        assert_eq!(decode(LeadingSpace::Stripped, value), stripped, "{shown}");
        assert_eq!(decode(LeadingSpace::Preserved, value), preserved, "{shown}");
    }
}

#[cfg(feature = "alloc")]
#[test]
#[expect(clippy::std_instead_of_alloc, reason = "a test has std")]
fn memory_is_taken_only_where_something_changes() {
    use std::borrow::Cow;

    let rows: [(&[u8], bool); 7] = [
        (b" plain", true),
        (b"", true),
        (b" one\n\ttwo", true),
        (b" \xe9 and a very long line of text", true),
        (b" one\r\n\ttwo", false),
        (b" a\rb", false),
        (b" a\0b", false),
    ];
    for space in [LeadingSpace::Stripped, LeadingSpace::Preserved] {
        for (raw, is_borrowed) in rows {
            let value = space.encode_value(raw);
            assert_eq!(matches!(value, Cow::Borrowed(_)), is_borrowed, "{space:?}: {}", raw.escape_ascii());
        }
        let has_own_space = space == LeadingSpace::Preserved;
        assert_eq!(matches!(space.decode_value(b" plain"), Cow::Borrowed(_)), has_own_space);
        assert!(matches!(space.decode_value(b"one\n two"), Cow::Owned(_)));
        // The memory is taken at once, and all of it is needed at most.
        for value in [&b"a\nb\nc\n"[..], b"\n\n\n\n", b"a\r\n b", b"plain"] {
            let Cow::Owned(raw) = space.decode_value(value) else { continue };
            let folds = value.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
            assert!(raw.capacity() <= value.len() + 2 * folds + 1, "{}", value.escape_ascii());
        }
    }
}

proptest! {
    // HDR-5, HDR-6: an ordinary value goes to the filter and comes back.
    #[test]
    fn what_went_to_the_wire_comes_back(parts in vec(select(vec![&b"a"[..], b"\r\n ", b"\r\n\t", b"\xe9", b" "]), 0..8)) {
        let raw = [&b" "[..], &parts.concat()].concat();
        for space in [LeadingSpace::Stripped, LeadingSpace::Preserved] {
            prop_assert_eq!(decode(space, &encode(space, &raw)), raw.clone());
        }
    }

    // HDR-6: whatever a message has, its value can travel.
    #[test]
    fn any_bytes_become_a_text(raw in vec(select(b"\0\r\n a\xff".to_vec()), 0..20)) {
        for space in [LeadingSpace::Stripped, LeadingSpace::Preserved] {
            let value = encode(space, &raw);
            prop_assert!(Text::new(&value).is_ok());
            let message = decode(space, &value);
            prop_assert!(message.split(|&byte| byte == b'\n').skip(1).all(|line| matches!(line, [b' ' | b'\t', ..])));
        }
    }
}
