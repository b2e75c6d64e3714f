//! Frames one by one: mostly as MTAs write them, sometimes in an odd form that is allowed.

use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::stream::Frame;

/// Words that the rule sets look for.
const WORDS: &[&str] = &["ok", "ok", "ok", "ok", "ok", "rej", "tmp", "acc", "dis", "rpl"];

/// What follows the host in CONNECT, as MTAs write it.
const PEERS: &[&[u8]] = &[
    b"4\x9c\x40192.0.2.1\0",
    b"4\x9c\x40192.0.2.1\0",
    b"4\0\x00127.0.0.1\0",
    b"6\x9c\x402001:db8::1\0",
    b"6\x9c\x40IPv6:2001:db8:0:0:0:0:0:1\0",
    b"6\0\x19ipv6:::ffff:192.0.2.1\0",
    b"L\0\0/run/mail\0",
    b"L\0\0\0",
    b"U",
    b"U",
];

/// What follows the host in CONNECT, where a filter needs an opinion.
const ODD_PEERS: &[&[u8]] = &[
    b"4\0\x19127.1\0",
    b"4\0\x190x7f000001\0",
    b"4\0\x19192.0.2.1 and so on\0",
    b"4\0\x19192.0.2.300\0",
    b"4\0\x19\0",
    b"4\0\x19192.0.2.1\0junk\0",
    b"4\0\x19192.0.2.1\0junk",
    b"4\0\x19",
    b"4",
    b"6\0\x19192.0.2.1\0",
    b"6\0\x19IPv6:\0",
    b"6\0\x19fe80::1%eth0\0",
    b"Ujunk",
    b"U\0",
    b"X\0\x19192.0.2.1\0",
    b"",
];

/// A word, or bytes of any kind but NUL.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => Just(Vec::new()),
        1 => prop::collection::vec(1_u8.., 0..40),
    ]
}

/// Texts, each with its NUL.
fn joined(texts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    texts.into_iter().flat_map(|text| text.into_iter().chain([0])).collect()
}

/// OPTNEG: what MTAs offer, and what none does.
pub(super) fn offer() -> impl Strategy<Value = Frame> {
    let odd = || select(&[0_u32, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff][..]);
    let version = prop_oneof![20 => Just(6), 5 => 2_u32..=5, 2 => 0_u32..9, 1 => odd(), 1 => any::<u32>()];
    let actions = prop_oneof![
        20 => Just(0x1ff), 4 => Just(0x3f), 2 => Just(0x0f), 2 => Just(0), 1 => any::<u32>(), 1 => odd(),
    ];
    let steps = prop_oneof![
        20 => Just(0x001f_ffff),
        6 => select(&[0x3f_u32, 0x7f, 0x17f, 0x37f, 0x7ff, 0][..]),
        4 => any::<u32>().prop_map(|bits| bits | 0x37f),
        1 => any::<u32>(),
        1 => odd(),
    ];
    (version, actions, steps).prop_map(|words: (u32, u32, u32)| {
        let words = [words.0, words.1, words.2];
        Frame::new(b'O', words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>())
    })
}

/// CONNECT, with the addresses that MTAs write and those that libmilter reads besides.
pub(super) fn connect() -> impl Strategy<Value = Frame> {
    let host = prop_oneof![any_text(), Just(b"mx.example.org".to_vec()), Just(b"[192.0.2.1]".to_vec())];
    let peer = select(PEERS);
    (host, peer).prop_map(|(host, peer)| Frame::new(b'C', [&host[..], b"\0", peer].concat()))
}

/// CONNECT with an address that needs an opinion.
pub(super) fn odd_connect() -> impl Strategy<Value = Frame> {
    let peer = select(ODD_PEERS);
    prop_oneof![
        4 => peer.prop_map(|peer| Frame::new(b'C', [&b"mx.example.org\0"[..], peer].concat())),
        1 => (100_usize..120).prop_map(|length| {
            Frame::new(b'C', [&b"localhost\0L\0\0"[..], &vec![b'p'; length], b"\0"].concat())
        }),
    ]
}

pub(super) fn helo() -> impl Strategy<Value = Frame> {
    any_text().prop_map(|name| Frame::new(b'H', joined([name])))
}

/// MAIL or RCPT.
pub(super) fn envelope(code: u8) -> impl Strategy<Value = Frame> {
    let address = prop_oneof![
        12 => select(WORDS).prop_map(|user| format!("<{user}@example.org>").into_bytes()),
        1 => Just(b"<>".to_vec()),
        1 => any_text(),
    ];
    let argument = select(&["SIZE=10", "BODY=8BITMIME", "NOTIFY=SUCCESS,FAILURE", "A=b=c", ""][..]);
    let arguments = prop::collection::vec(argument.prop_map(|text| text.as_bytes().to_vec()), 0..3);
    (address, arguments).prop_map(move |(address, arguments)| {
        Frame::new(code, joined([address].into_iter().chain(arguments)))
    })
}

pub(super) fn header() -> impl Strategy<Value = Frame> {
    let name = prop_oneof![6 => select(&["Subject", "X", "From"][..]).prop_map(|name| name.as_bytes().to_vec()), 1 => any_text()];
    let value = prop_oneof![2 => any_text(), 1 => Just(b" one\n\ttwo".to_vec())];
    (name, value)
        .prop_filter("a name that is empty is damage", |(name, _)| !name.is_empty())
        .prop_map(|(name, value)| Frame::new(b'L', joined([name, value])))
}

pub(super) fn unknown() -> impl Strategy<Value = Frame> {
    any_text().prop_map(|line| Frame::new(b'U', joined([line])))
}

/// BODY or BODYEOB, with a chunk that is not empty.
pub(super) fn chunk(code: u8) -> impl Strategy<Value = Frame> {
    let bytes = prop_oneof![
        6 => any_text().prop_map(|text| [&text[..], b"\r\n"].concat()),
        2 => prop::collection::vec(any::<u8>(), 1..60),
        1 => select(&[65_534_usize, 65_535][..]).prop_map(|size| vec![b'x'; size]),
    ];
    bytes.prop_map(move |bytes| Frame::new(code, bytes))
}

/// MACRO for a stage: names that are shown, and others.
pub(super) fn macros(stage: u8) -> impl Strategy<Value = Frame> {
    let name = select(&["i", "{i}", "j", "_", "{auth_type}", "{rcpt_addr}", "{x}", "x", "{mail_addr}"][..]);
    let value = prop_oneof![6 => "[a-z]{0,6}", 1 => Just(String::new())];
    prop::collection::vec((name, value), 0..4).prop_map(move |pairs| {
        let texts =
            pairs.into_iter().flat_map(|(name, value)| [name.as_bytes().to_vec(), value.into_bytes()]);
        Frame::new(b'D', [vec![stage], joined(texts)].concat())
    })
}

/// A command that has no payload.
pub(super) fn bare(code: u8) -> impl Strategy<Value = Frame> {
    Just(Frame::new(code, Vec::new()))
}

/// Any command, in good form.
pub(super) fn any_command() -> BoxedStrategy<Frame> {
    prop_oneof![
        1 => offer(),
        2 => connect(),
        2 => helo(),
        2 => envelope(b'M'),
        2 => envelope(b'R'),
        2 => select(&b"TNEAQK"[..]).prop_flat_map(bare),
        2 => header(),
        2 => chunk(b'B'),
        2 => unknown(),
        2 => select(&b"CHMRTNELBU"[..]).prop_flat_map(macros),
    ]
    .boxed()
}

/// A frame, perhaps behind its macros.
pub(super) fn with_macros(
    likely: f64,
    frame: impl Strategy<Value = Frame> + 'static,
) -> BoxedStrategy<Vec<Frame>> {
    let frame = frame.boxed();
    let with = frame.prop_flat_map(move |frame| {
        (weighted(likely, macros(frame.code)), Just(frame))
            .prop_map(|(macros, frame)| macros.into_iter().chain([frame]).collect())
    });
    with.boxed()
}
