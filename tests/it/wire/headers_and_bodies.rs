//! Header values and bodies between a message and the wire.

use milter_proto::wire::{Chunks, DataSize, LeadingSpace, Steps, folds_from_wire, folds_to_wire};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn to_wire(value: &[u8]) -> Vec<u8> {
    folds_to_wire(value).flatten().copied().collect()
}

fn from_wire(value: &[u8]) -> Vec<u8> {
    folds_from_wire(value).flatten().copied().collect()
}

// HDR-2, HDR-3, HDR-4: behind the colon, without LEADING_SPACE, with it. As Sendmail sends them.
#[test]
fn one_space_is_taken_off_unless_values_keep_it() {
    let rows: [(&[u8], &[u8]); 8] = [
        (b" <a@b.c>", b"<a@b.c>"),
        (b"   r@x.y", b"  r@x.y"),
        (b"no space", b"no space"),
        (b" ", b""),
        (b"", b""),
        (b"\ttab", b"\ttab"),
        (b" \ttab", b"\ttab"),
        (b" \xe9", b"\xe9"),
    ];
    let (mta, value) = (LeadingSpace::of(Steps::EMPTY), LeadingSpace::of(Steps::LEADING_SPACE));
    assert_eq!((mta, value), (LeadingSpace::Stripped, LeadingSpace::Preserved));
    assert_eq!(LeadingSpace::of(Steps::ALL), LeadingSpace::Preserved);
    for (behind_colon, wire) in rows {
        assert_eq!(mta.to_wire(behind_colon), wire);
        assert_eq!(value.to_wire(behind_colon), behind_colon);
        assert_eq!([value.before(), behind_colon].concat(), behind_colon);
        if behind_colon.starts_with(b" ") {
            assert_eq!([mta.before(), wire].concat(), behind_colon);
        }
    }
}

// HDR-5: a fold is LF and a blank on the wire, CRLF and a blank in a message.
#[test]
fn folds_lose_their_cr_on_the_wire_and_get_it_back() {
    let rows: [(&[u8], &[u8]); 5] = [
        (b"one\r\n\ttwo", b"one\n\ttwo"),
        (b"one\r\n two\r\n three", b"one\n two\n three"),
        (b"none", b"none"),
        (b"", b""),
        (b"\r\n x", b"\n x"),
    ];
    for (message, wire) in rows {
        assert_eq!(to_wire(message), wire);
        assert_eq!(from_wire(wire), message);
    }
    assert_eq!(to_wire(b"a\n b"), b"a\n b", "a bare LF is a fold already");
    assert_eq!(to_wire(b"a\rb\r"), b"a\rb\r", "a bare CR stays");
    assert_eq!(from_wire(b"a\r\n b"), b"a\r\n b", "a filter that sends CRLF does not get CRCRLF");
}

// HDR-8: a filter that may add a header adds one, whatever its value is.
#[test]
fn no_value_ends_its_header_or_begins_another() {
    let rows: [(&[u8], &[u8]); 9] = [
        (b"a\nBcc: b", b"a\r\n Bcc: b"),
        (b"a\r\nBcc: b", b"a\r\n Bcc: b"),
        (b"a\n\nbody", b"a\r\n \r\n body"),
        (b"a\n", b"a\r\n "),
        (b"\n", b"\r\n "),
        (b"a\rBcc: b", b"a Bcc: b"),
        (b"a\r\r\nb", b"a \r\n b"),
        (b"end\r", b"end "),
        (b"\r", b" "),
    ];
    for (wire, message) in rows {
        assert_eq!(from_wire(wire).escape_ascii().to_string(), message.escape_ascii().to_string());
    }
}

proptest! {
    // HDR-8.
    #[test]
    fn what_comes_of_a_value_is_one_header(parts in vec(select(vec![&b"a"[..], b"\r", b"\n", b" ", b"\t", b":"]), 0..9)) {
        let message = [&b"X:"[..], &from_wire(&parts.concat()), b"\r\n"].concat();
        let ends = message.windows(2).enumerate().filter(|(_, pair)| pair == b"\r\n").map(|(at, _)| at + 2);
        for end in ends.clone().filter(|&end| end < message.len()) {
            prop_assert!(matches!(message[end], b' ' | b'\t'), "{}", message.escape_ascii());
        }
        let breaks = message.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
        prop_assert_eq!(breaks, 2 * ends.count(), "{}", message.escape_ascii());
    }

    // HDR-5, HDR-6.
    #[test]
    fn folds_come_back_as_they_went(parts in vec(select(vec![&b"a"[..], b"\r\n ", b"\r\n\t", b"\xe9", b" "]), 0..8)) {
        let message = parts.concat();
        prop_assert_eq!(from_wire(&to_wire(&message)), message);
    }

    // BDY-2, BDY-3, BDY-4.
    #[test]
    fn chunks_are_the_body_and_none_is_empty(len in 0..300_000_usize, size in select(vec![DataSize::Kib64, DataSize::Kib256, DataSize::Mib1])) {
        let body = vec![b'x'; len];
        let room = usize::try_from(size.bytes()).unwrap();
        let chunks: Vec<&[u8]> = Chunks::new(&body, size).collect();
        prop_assert_eq!(chunks.len(), len.div_ceil(room));
        let mut left = Chunks::new(&body, size);
        for taken in 0..=chunks.len() {
            prop_assert_eq!(left.len(), chunks.len() - taken);
            prop_assert_eq!(left.next(), chunks.get(taken).copied());
        }
        prop_assert!(chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= room));
        prop_assert!(chunks.iter().rev().skip(1).all(|chunk| chunk.len() == room));
        prop_assert_eq!(chunks.concat(), body);
    }
}

// BDY-2: both MTAs cut between CR and LF.
#[test]
fn a_chunk_may_end_between_cr_and_lf() {
    let mut body = vec![b'x'; 65_534];
    body.extend(b"\r\nend");
    let chunks: Vec<&[u8]> = Chunks::new(&body, DataSize::Kib64).collect();
    assert_eq!(chunks.len(), 2);
    assert!(chunks[0].ends_with(b"x\r"));
    assert_eq!(chunks[1], b"\nend");
}

// BDY-3: libmilter ends the session on an empty BODY.
#[test]
fn an_empty_body_has_no_chunk() {
    assert_eq!(Chunks::new(b"", DataSize::Kib64).count(), 0);
}

// NEG-9: 1M wins over 256K; without the bits it is 64K.
#[test]
fn the_data_size_follows_from_the_steps() {
    let rows = [
        (Steps::EMPTY, 65_535),
        (Steps::ALL, 65_535),
        (Steps::DATA_SIZE_256K, 262_143),
        (Steps::DATA_SIZE_1M, 1_048_575),
        (Steps::DATA_SIZE_256K | Steps::DATA_SIZE_1M, 1_048_575),
    ];
    for (steps, bytes) in rows {
        assert_eq!(steps.data_size().bytes(), bytes, "{steps:?}");
    }
}
