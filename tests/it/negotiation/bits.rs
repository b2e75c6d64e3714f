//! The bits of OPTNEG: their values, the masks that have names, and the bits that have none.

use milter_proto::wire::{Actions, Steps, Version};

// NEG-2: `SMFIF_*`.
#[test]
fn every_action_has_the_value_of_libmilter() {
    let rows = [
        (Actions::ADD_HEADERS, 0x001),
        (Actions::CHANGE_BODY, 0x002),
        (Actions::ADD_RCPT, 0x004),
        (Actions::DELETE_RCPT, 0x008),
        (Actions::CHANGE_HEADERS, 0x010),
        (Actions::QUARANTINE, 0x020),
        (Actions::CHANGE_FROM, 0x040),
        (Actions::ADD_RCPT_WITH_ARGUMENTS, 0x080),
        (Actions::MACRO_LISTS, 0x100),
    ];
    assert!(Actions::NAMES.iter().map(|row| row.0).eq(rows.map(|row| row.0)));
    for (action, bits) in rows {
        assert_eq!(action.bits(), bits, "{action:?}");
    }
}

// NEG-3: `SMFIP_*`.
#[test]
fn every_step_has_the_value_of_libmilter() {
    let rows = [
        (Steps::NO_CONNECT, 0x0000_0001),
        (Steps::NO_HELO, 0x0000_0002),
        (Steps::NO_MAIL, 0x0000_0004),
        (Steps::NO_RCPT, 0x0000_0008),
        (Steps::NO_BODY, 0x0000_0010),
        (Steps::NO_HEADERS, 0x0000_0020),
        (Steps::NO_END_OF_HEADERS, 0x0000_0040),
        (Steps::NO_REPLY_HEADER, 0x0000_0080),
        (Steps::NO_UNKNOWN, 0x0000_0100),
        (Steps::NO_DATA, 0x0000_0200),
        (Steps::SKIP, 0x0000_0400),
        (Steps::REJECTED_RCPT, 0x0000_0800),
        (Steps::NO_REPLY_CONNECT, 0x0000_1000),
        (Steps::NO_REPLY_HELO, 0x0000_2000),
        (Steps::NO_REPLY_MAIL, 0x0000_4000),
        (Steps::NO_REPLY_RCPT, 0x0000_8000),
        (Steps::NO_REPLY_DATA, 0x0001_0000),
        (Steps::NO_REPLY_UNKNOWN, 0x0002_0000),
        (Steps::NO_REPLY_END_OF_HEADERS, 0x0004_0000),
        (Steps::NO_REPLY_BODY, 0x0008_0000),
        (Steps::LEADING_SPACE, 0x0010_0000),
        (Steps::DATA_SIZE_256K, 0x1000_0000),
        (Steps::DATA_SIZE_1M, 0x2000_0000),
        (Steps::RESERVED, 0x4000_0000),
        (Steps::TEST, 0x8000_0000),
    ];
    assert!(Steps::NAMES.iter().map(|row| row.0).eq(rows.map(|row| row.0)));
    for (step, bits) in rows {
        assert_eq!(step.bits(), bits, "{step:?}");
    }
}

// NEG-4: what the versions of the protocol add up to.
#[test]
fn the_masks_of_the_versions_are_those_of_their_bits() {
    let edits = Actions::ADD_HEADERS | Actions::CHANGE_BODY | Actions::ADD_RCPT | Actions::DELETE_RCPT;
    assert_eq!((Actions::V1, Actions::V1.bits()), (edits, 0x0f));
    assert_eq!(Actions::V2, edits | Actions::CHANGE_HEADERS | Actions::QUARANTINE);
    assert!(Actions::NAMES.iter().map(|row| row.0).fold(Actions::EMPTY, Actions::union) == Actions::ALL);

    assert_eq!(Steps::V1.bits(), 0x3f);
    assert_eq!(Steps::V2, Steps::V1 | Steps::NO_END_OF_HEADERS);
    assert_eq!(Steps::V3, Steps::V2 | Steps::NO_UNKNOWN);
    assert_eq!(Steps::V4, Steps::V3 | Steps::NO_DATA);
    let named = Steps::NAMES.iter().map(|row| row.0).fold(Steps::EMPTY, Steps::union);
    assert_eq!(named.difference(Steps::from_bits(0xf000_0000)), Steps::ALL);
    let no_reply = Steps::NAMES.iter().filter(|row| row.1.starts_with("NO_REPLY"));
    assert_eq!(no_reply.map(|row| row.0).fold(Steps::EMPTY, Steps::union), Steps::NO_REPLY);
}

// NEG-5: no bit is lost, with a name or without.
#[test]
fn sets_keep_and_show_the_bits_that_have_no_name() {
    for bits in (0..32).map(|shift| 1_u32 << shift).chain([0, u32::MAX]) {
        assert_eq!(Actions::from_bits(bits).bits(), bits);
        assert_eq!(Steps::from_bits(bits).bits(), bits);
    }
    assert_eq!(format!("{:?}", Actions::from_bits(0x8000_0041)), "ADD_HEADERS | CHANGE_FROM | 0x80000000");
    assert_eq!(format!("{:?}", Steps::from_bits(0x0020_0400)), "SKIP | 0x200000");
    assert_eq!(format!("{:?}", Steps::EMPTY), "0x0");
}

#[test]
fn sets_are_combined_bit_by_bit() {
    let (left, right) = (Steps::from_bits(0b1100), Steps::from_bits(0b1010));
    assert_eq!((left | right).bits(), 0b1110);
    assert_eq!(left.intersection(right).bits(), 0b1000);
    assert_eq!(left.difference(right).bits(), 0b0100);
    assert!(left.contains(Steps::from_bits(0b0100)) && left.contains(Steps::EMPTY));
    assert!(!left.contains(right));
    assert!(Steps::EMPTY.is_empty() && !left.is_empty());
}

// NEG-1.
#[test]
fn versions_are_ordered_by_their_number() {
    let versions = [Version::V2, Version::V3, Version::V4, Version::V5, Version::V6, Version::new(7)];
    assert!(versions.is_sorted());
    assert!(versions.iter().map(|version| version.number()).eq(2..8));
    assert_eq!(Version::CURRENT, Version::V6);
    assert_eq!((Version::V6.to_string(), format!("{:?}", Version::V6)), ("6".into(), "V6".into()));
}
