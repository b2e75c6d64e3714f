//! Strategies for what commands and responses are made of.

use alloc::vec::Vec;

use proptest::arbitrary::any;
use proptest::collection::vec;
use proptest::option;
use proptest::prop_oneof;
use proptest::sample::{select, subsequence};
use proptest::strategy::{Just, Strategy};

use crate::Limits;
use crate::wire::{
    Actions, DataSize, Deviation, Direction, EnhancedCode, LeadingSpace, ListStage, MacroListsBuf,
    MacroStage, Offer, ReplyBuf, ReplyCode, ReplyText, Steps, Text, TextList, TextListBuf, Tolerance,
    Version,
};

/// The bytes of a text: printable, of mail, long, or any but NUL; also none.
pub fn text() -> impl Strategy<Value = Vec<u8>> {
    const OF_MAIL: [&str; 8] =
        ["", "<>", "<a@b.c>", "i", "{auth_type}", "mx.example", "SIZE=10 BODY=8BITMIME", " fold\n\tof two"];
    prop_oneof![
        4 => vec(b' '..=b'~', 0..20),
        3 => select(vec_of(&OF_MAIL)).prop_map(|text| text.as_bytes().to_vec()),
        2 => vec(1_u8..=255, 0..20),
        1 => vec(1_u8..=255, 0..400),
    ]
}

/// The bytes of a text that is not empty: the name of a header, or the address of an edit.
pub fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => vec(b'!'..=b'~', 1..20), 1 => vec(1_u8..=255, 1..100)]
}

/// The bytes of a list of texts, each with its NUL.
pub fn text_list() -> impl Strategy<Value = Vec<u8>> {
    text_list_buf().prop_map(|list| list.as_list().as_bytes().to_vec())
}

/// A list of up to five texts.
pub fn text_list_buf() -> impl Strategy<Value = TextListBuf> {
    vec(text(), 0..6).prop_map(|texts| texts.iter().map(|text| as_text(text)).collect())
}

/// A stage, and the bytes of up to four names and values in turn.
pub fn macros() -> impl Strategy<Value = (MacroStage, Vec<u8>)> {
    (macro_stage(), vec((text(), text()), 0..5)).prop_map(|(stage, pairs)| {
        let list: TextListBuf =
            pairs.iter().flat_map(|(name, value)| [as_text(name), as_text(value)]).collect();
        (stage, list.as_list().as_bytes().to_vec())
    })
}

/// The bytes of macro lists, in wire form.
pub fn macro_lists() -> impl Strategy<Value = Vec<u8>> {
    macro_lists_buf().prop_map(|lists| lists.as_lists().as_bytes().to_vec())
}

/// Up to eight macro lists; a stage may occur twice.
pub fn macro_lists_buf() -> impl Strategy<Value = MacroListsBuf> {
    vec((list_stage(), text()), 0..9).prop_map(|lists| {
        let mut buf = MacroListsBuf::new();
        lists.iter().for_each(|(stage, names)| buf.push(*stage, as_text(names)));
        buf
    })
}

/// The bytes of a reply, without its NUL. Not all of them can be built from lines: those are ASCII.
pub fn reply_text() -> impl Strategy<Value = Vec<u8>> {
    (reply_buf(), any::<bool>()).prop_map(|(reply, is_high)| {
        let mut bytes = reply.as_reply().as_text().as_bytes().to_vec();
        let letters = bytes.iter_mut().filter(|byte| byte.is_ascii_alphabetic() && is_high);
        letters.for_each(|letter| *letter |= 0x80);
        bytes
    })
}

/// A reply of 1 to 32 lines, mostly of one or two, with and without an enhanced code.
pub fn reply_buf() -> impl Strategy<Value = ReplyBuf> {
    // Every % counts twice.
    let byte = prop_oneof![9 => b' '..=b'~', 1 => Just(b'\t')];
    let line = prop_oneof![
        3 => vec(b' '..=b'~', 0..40),
        1 => vec(byte, 0..(ReplyText::MAX_LINE_LEN >> 1)),
        1 => vec(select(vec_of(b"% 45.")), 0..20),
    ];
    let lines = prop_oneof![8 => vec(line.clone(), 1..3), 1 => vec(line, 1..=ReplyText::MAX_LINES)];
    (reply_code(), option::of((0_u16..1000, 0_u16..1000)), lines).prop_filter_map(
        "a reply that can be built",
        |(code, status, mut lines)| {
            let status =
                status.and_then(|(subject, detail)| EnhancedCode::new(code.class(), subject, detail));
            if status.is_none() {
                // A leading digit of another class would be taken for the beginning of a code.
                lines.iter_mut().filter(|line| line.first().is_some_and(u8::is_ascii_digit)).for_each(
                    |line| {
                        line.insert(0, b' ');
                    },
                );
            }
            ReplyBuf::new(code, status, lines).ok()
        },
    )
}

/// A reply code from 400 to 599.
pub fn reply_code() -> impl Strategy<Value = ReplyCode> {
    (400_u16..600).prop_filter_map("from 400 to 599", ReplyCode::new)
}

/// An enhanced status code of either class.
pub fn enhanced_code() -> impl Strategy<Value = EnhancedCode> {
    (4_u8..=5, 0_u16..1000, 0_u16..1000)
        .prop_filter_map("class 4 or 5", |(class, subject, detail)| EnhancedCode::new(class, subject, detail))
}

/// An MTA's OPTNEG: a version and bits, the unknown ones included.
pub fn offer() -> impl Strategy<Value = Offer> {
    (version(), actions(), steps()).prop_map(|(version, actions, steps)| Offer::new(version, actions, steps))
}

/// A version that exists, or any number.
pub fn version() -> impl Strategy<Value = Version> {
    prop_oneof![3 => 2_u32..=6, 1 => any::<u32>()].prop_map(Version::new)
}

/// Some of the actions that exist, or any bits.
pub fn actions() -> impl Strategy<Value = Actions> {
    let known = subsequence(Actions::NAMES, 0..=Actions::NAMES.len());
    prop_oneof![
        3 => known.prop_map(|bits| bits.into_iter().fold(Actions::EMPTY, |set, bit| set | bit.0)),
        1 => any::<u32>().prop_map(Actions::from_bits),
    ]
}

/// Some of the steps that exist, or any bits.
pub fn steps() -> impl Strategy<Value = Steps> {
    let known = subsequence(Steps::NAMES, 0..=Steps::NAMES.len());
    prop_oneof![
        3 => known.prop_map(|bits| bits.into_iter().fold(Steps::EMPTY, |set, bit| set | bit.0)),
        1 => any::<u32>().prop_map(Steps::from_bits),
    ]
}

/// One of the three data sizes.
pub fn data_size() -> impl Strategy<Value = DataSize> {
    select(vec_of(&[DataSize::Kib64, DataSize::Kib256, DataSize::Mib1]))
}

/// A stage that libmilter keeps, or any byte.
pub fn macro_stage() -> impl Strategy<Value = MacroStage> {
    prop_oneof![3 => select(vec_of(b"CHMRTNE")), 1 => any::<u8>()].prop_map(MacroStage::new)
}

/// One of the stages that exist.
pub fn list_stage() -> impl Strategy<Value = ListStage> {
    select(vec_of(&ListStage::ALL)).prop_map(|row| row.0)
}

/// One of the two directions.
pub fn direction() -> impl Strategy<Value = Direction> {
    select(vec_of(&[Direction::ToFilter, Direction::ToMta]))
}

/// One of the two rules for leading space.
pub fn leading_space() -> impl Strategy<Value = LeadingSpace> {
    select(vec_of(&[LeadingSpace::Stripped, LeadingSpace::Preserved]))
}

/// The default limits, or any.
pub fn limits() -> impl Strategy<Value = Limits> {
    let any_limits = (any::<u32>(), any::<u32>(), any::<u16>(), any::<u16>());
    prop_oneof![
        Just(Limits::DEFAULT),
        any_limits.prop_map(|(receive, send, edits, progress)| {
            Limits::DEFAULT
                .with_max_receive_payload(receive)
                .with_max_send_payload(send)
                .with_max_edits(edits)
                .with_max_progress(progress)
        }),
    ]
}

/// One of the deviations.
pub fn deviation() -> impl Strategy<Value = Deviation> {
    select(vec_of(&Deviation::ALL))
}

/// Any subset of the deviations.
pub fn tolerance() -> impl Strategy<Value = Tolerance> {
    subsequence(vec_of(&Deviation::ALL), 0..=Deviation::ALL.len())
        .prop_map(|allowed| allowed.into_iter().fold(Tolerance::STRICT, Tolerance::with))
}

/// Any bytes, mostly few.
pub(super) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 0..400)]
}

/// A piece of a body that is not empty.
pub(super) fn chunk() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => vec(any::<u8>(), 1..40), 1 => vec(any::<u8>(), 1..400)]
}

pub(super) fn vec_of<T: Clone>(values: &[T]) -> Vec<T> {
    values.to_vec()
}

pub(super) fn as_text(bytes: &[u8]) -> Text<'_> {
    Text::new(bytes).unwrap_or_default()
}

pub(super) fn as_list(bytes: &[u8]) -> TextList<'_> {
    TextList::new(bytes).unwrap_or_default()
}
