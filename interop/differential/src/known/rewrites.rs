//! What libmilter would have had to be sent.

use core::net::{Ipv4Addr, Ipv6Addr};

use milter_proto::wire::{Command, Tolerance};

use super::{Rewritten, Unread};
use crate::observation::{STAND_INS, escaped};
use crate::rules::RuleSet;
use crate::stream::{Cut, Frame, cut};

/// Ends the stream before the first frame that is of that kind.
fn end_before(bytes: &[u8], is_meant: impl Fn(&Cut<'_>) -> bool) -> Option<Rewritten> {
    let (frames, _) = cut(bytes);
    let frame = frames.iter().find(|frame| is_meant(frame))?;
    bytes.get(..frame.start).map(|bytes| bytes.to_vec().into())
}

pub(super) fn end_at_no_length(_: &RuleSet, bytes: &[u8]) -> Option<Rewritten> {
    end_before(bytes, |frame| frame.length == 0 || i32::try_from(frame.length).is_err())
}

pub(super) fn end_at_open_helo(_: &RuleSet, bytes: &[u8]) -> Option<Rewritten> {
    end_before(bytes, |frame| frame.code == b'H' && matches!(frame.payload.last(), Some(1..)))
}

/// The stream with other payloads; `None` if none of them is another one.
pub(super) fn with_payloads(bytes: &[u8], change: impl Fn(&Cut<'_>) -> Option<Vec<u8>>) -> Option<Rewritten> {
    let (frames, rest) = cut(bytes);
    let mut out = Vec::new();
    let mut is_changed = false;
    for frame in &frames {
        let new = change(frame);
        is_changed |= new.is_some();
        new.map_or_else(|| original(frame), |payload| Frame::new(frame.code, payload)).append_to(&mut out);
    }
    out.extend(rest);
    is_changed.then(|| out.into())
}

pub(super) fn original(frame: &Cut<'_>) -> Frame {
    Frame { code: frame.code, payload: frame.payload.to_vec(), length: Some(frame.length) }
}

pub(super) fn close_unknown(_: &RuleSet, bytes: &[u8]) -> Option<Rewritten> {
    with_payloads(bytes, |frame| {
        let is_open = frame.code == b'U' && !frame.payload.is_empty() && !frame.payload.contains(&0);
        is_open.then(|| [frame.payload, b"\0"].concat())
    })
}

/// Chunks in BODYEOB that no rule looks for, in the place of those that SKIP answers.
pub(super) fn let_skipped_last_chunk_pass(rules: &RuleSet, bytes: &[u8]) -> Option<Rewritten> {
    let (frames, _) = cut(bytes);
    let is_skipped =
        |frame: &Cut<'_>| frame.code == b'E' && rules.body_verdict(frame.payload) == Some("skip");
    let stand_in = |frame: &Cut<'_>| format!("stand-in-{}", frame.start);
    let chunks = frames.iter().filter(|frame| is_skipped(frame));
    let stand_ins: Vec<_> = chunks.map(|frame| (stand_in(frame), escaped(frame.payload))).collect();
    let rewritten = with_payloads(bytes, |frame| is_skipped(frame).then(|| stand_in(frame).into_bytes()))?;
    Some(Rewritten { stand_ins, ..rewritten })
}

/// Whether a payload is none of its command, for libmilter too.
fn is_malformed(frame: &Cut<'_>) -> bool {
    Command::parse_as(milter_proto::wire::Frame::new(frame.code, frame.payload), Tolerance::LIBMILTER)
        .is_err()
}

/// Payloads that are read by everybody.
const READABLE: [(u8, &[u8]); 8] = [
    (b'C', b"localhost\0U"),
    (b'H', b"localhost\0"),
    (b'M', b"<>\0"),
    (b'R', b"<a@example.org>\0"),
    (b'L', b"Name\0value\0"),
    (b'B', b"body\r\n"),
    (b'U', b"PROBE\0"),
    (b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"),
];

/// Malformed payloads that are tried, from the first one on.
const TRIES: usize = 6;

/// For each malformed frame that has no callback: the stream with a payload in its place that can be read, and the stream up to it.
pub(super) fn end_at_unread(rules: &RuleSet, bytes: &[u8]) -> Vec<Unread> {
    let (frames, _) = cut(bytes);
    let is_unread = |frame: &&Cut<'_>| !rules.wants(frame.code) && is_malformed(frame);
    let malformed = frames.iter().filter(is_unread).take(TRIES);
    let one = |malformed: &Cut<'_>| {
        let readable = with_payloads(bytes, |frame| {
            let row = READABLE.iter().find(|row| row.0 == frame.code && frame.start == malformed.start)?;
            Some(row.1.to_vec())
        })?;
        Some(Unread { readable: readable.bytes, ours: bytes.get(..malformed.start)?.to_vec() })
    };
    malformed.filter_map(one).collect()
}

/// The stream up to each malformed frame.
pub(super) fn end_at_malformed(bytes: &[u8]) -> Vec<Rewritten> {
    let (frames, _) = cut(bytes);
    let malformed = frames.iter().filter(|frame| is_malformed(frame)).take(TRIES);
    malformed.filter_map(|frame| Some(bytes.get(..frame.start)?.to_vec().into())).collect()
}

pub(super) fn stand_in_for_addresses(_: &RuleSet, bytes: &[u8]) -> Option<Rewritten> {
    with_payloads(bytes, |frame| {
        let host = frame.payload.iter().position(|&byte| byte == 0).filter(|_| frame.code == b'C')?;
        let (host, peer) = frame.payload.split_at_checked(host.saturating_add(1))?;
        let (&[family, high, low], address) = peer.split_first_chunk()?;
        let stand_in = STAND_INS.iter().find(|row| row.0 == family)?.1;
        let address = address.split(|&byte| byte == 0).next()?;
        let text = core::str::from_utf8(address).unwrap_or_default();
        let is_plain = match family {
            b'4' => text.parse::<Ipv4Addr>().is_ok(),
            b'6' => text.trim_start_matches("IPv6:").trim_start_matches("ipv6:").parse::<Ipv6Addr>().is_ok(),
            _ => address.len() < 108,
        };
        let new = || [host, &[family, high, low], stand_in.as_bytes(), b"\0"].concat();
        (!is_plain && frame.payload.last() == Some(&0)).then(new)
    })
}
