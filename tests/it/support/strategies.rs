//! Frames for proptest: clean ones of every code, and the same with damage.

use milter_proto::wire::{Deviation, Tolerance};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::Owned;

/// Bytes without a NUL; special ones often.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![2 => b' '..=b'~', 1 => 1..=u8::MAX, 1 => select(&b"\r\n\t\"\\%<>{}. -0459xIPv\xe9\xff"[..])];
    vec(byte, 0..12)
}

/// That many texts, each with its NUL.
fn texts(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    vec(text(), count).prop_map(|texts| texts.into_iter().flat_map(|text| [text, vec![0]].concat()).collect())
}

fn key_and(rest: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (b'!'..=b'~', text(), rest).prop_map(|(first, text, rest)| [vec![first], text, vec![0], rest].concat())
}

fn words(count: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![any::<u32>(), 0..8_u32], count)
        .prop_map(|words| words.into_iter().flat_map(u32::to_be_bytes).collect())
}

fn raw() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn lists() -> impl Strategy<Value = Vec<u8>> {
    let list = (0..7_u32, texts(1)).prop_map(|(stage, names)| [&stage.to_be_bytes()[..], &names].concat());
    vec(list, 0..4).prop_map(|lists| lists.concat())
}

fn connect() -> impl Strategy<Value = Vec<u8>> {
    let address = (select(&b"L46"[..]), any::<[u8; 2]>(), texts(1))
        .prop_map(|(family, port, address)| [&[family][..], &port, &address].concat());
    (texts(1), prop_oneof![Just(b"U".to_vec()), address]).prop_map(|(host, peer)| [host, peer].concat())
}

fn reply() -> impl Strategy<Value = Vec<u8>> {
    let status = select(vec![&b""[..], b"4.7.1 ", b"5.7.1 ", b"5.7.1"]);
    let line = (status, select(vec![&b""[..], b"text", b"100%%", b"a\xe9", b"%", b"250"]))
        .prop_map(|(status, text)| [status, text].concat());
    (select(vec![&b"550"[..], b"451", b"250"]), vec(line, 1..4)).prop_map(|(code, lines)| {
        let mut bytes = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let is_last = index + 1 == lines.len();
            bytes.extend([code, if is_last { b" " } else { b"-" }, line].concat());
            bytes.extend_from_slice(if is_last { b"\0" } else { b"\r\n" });
        }
        bytes
    })
}

fn of(codes: &'static [u8], payload: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Owned> {
    (select(codes), payload)
}

/// A frame in the clean form of its code, with few exceptions in replies.
pub(crate) fn clean() -> impl Strategy<Value = Owned> {
    prop_oneof![
        of(b"TNAQKcartdsp4f", Just(Vec::new())),
        of(b"BEbl", raw()),
        of(b"HU", texts(1)),
        of(b"MR", texts(1..5)),
        of(b"q", texts(1)),
        of(b"+-e2", key_and(Just(Vec::new()))),
        of(b"e2hL", key_and(texts(1))),
        of(b"im", (words(1), key_and(texts(1))).prop_map(|(index, texts)| [index, texts].concat())),
        of(b"D", (any::<u8>(), texts(2..3)).prop_map(|(stage, pair)| [vec![stage], pair].concat())),
        of(b"D", select(&b"CHMRTNELBUAZ"[..]).prop_map(|stage| vec![stage])),
        of(b"C", connect()),
        of(b"O", words(3)),
        of(b"O", (words(3), lists()).prop_map(|(head, lists)| [head, lists].concat())),
        of(b"y", reply()),
    ]
}

/// A frame of any bytes: clean, damaged, or no frame of any code at all.
pub(crate) fn frame() -> impl Strategy<Value = Owned> {
    let damaged =
        (clean(), any::<Index>(), any::<u8>(), 0..5_u8).prop_map(|((code, mut payload), at, byte, how)| {
            let at = at.index(payload.len() + 1);
            match how {
                0 => payload.truncate(at),
                1 => payload.push(byte),
                2 => payload.extend_from_slice(&[byte, 0]),
                3 => payload.insert(at, 0),
                _ => payload.iter_mut().skip(at).take(1).for_each(|slot| *slot = byte),
            }
            (code, payload)
        });
    prop_oneof![4 => clean(), 4 => damaged, 1 => (any::<u8>(), raw()), 1 => Just((b'Z', Vec::new()))]
}

/// Any set of deviations.
pub(crate) fn tolerance() -> impl Strategy<Value = Tolerance> {
    let named = [Tolerance::LIBMILTER, Tolerance::SENDMAIL, Tolerance::POSTFIX, Tolerance::LENIENT];
    let any = vec(select(&Deviation::ALL[..]), 0..20)
        .prop_map(|some| some.into_iter().fold(Tolerance::STRICT, Tolerance::with));
    prop_oneof![select(named.to_vec()), any]
}
