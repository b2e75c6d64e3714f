//! IP addresses from text, with the same result as `core`'s parser.
//!
//! Used in place of `core::net` only because `core`'s parser contains panics that the optimiser cannot remove, and
//! `tests/proofs` would report them. Both functions are kept out of line: they are called rarely, but from a place that
//! every command passes.

use core::net::{Ipv4Addr, Ipv6Addr};

/// Four decimal numbers without leading zeros.
#[inline(never)]
pub(super) fn v4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut numbers = text.split(|&byte| byte == b'.');
    let mut octets = [0; 4];
    for octet in &mut octets {
        *octet = decimal(numbers.next()?)?;
    }
    numbers.next().is_none().then(|| octets.into())
}

/// Eight groups, the last two perhaps as an IPv4 address; or fewer, and one `::` for all that are missing.
#[inline(never)]
pub(super) fn v6(text: &[u8]) -> Option<Ipv6Addr> {
    let cut = text.windows(2).position(|pair| pair == b"::").and_then(|gap| text.split_at_checked(gap));
    let Some((head, [_, _, tail @ ..])) = cut else {
        let Groups { bits, count, .. } = Groups::read(text)?;
        return (count == 8).then(|| bits.into());
    };
    let (head, tail) = (Groups::read(head)?, Groups::read(tail)?);
    let is_short = head.count.saturating_add(tail.count) < 8;
    (is_short && !head.ends_in_v4)
        .then(|| (head.bits.rotate_right(head.count.wrapping_mul(16)) | tail.bits).into())
}

/// Groups with colons between them.
struct Groups {
    /// The groups as one number, the last one in the lowest bits.
    bits: u128,
    /// An IPv4 address counts as two.
    count: u32,
    ends_in_v4: bool,
}

impl Groups {
    fn read(text: &[u8]) -> Option<Self> {
        let mut groups = Self { bits: 0, count: 0, ends_in_v4: false };
        if text.is_empty() {
            return Some(groups);
        }
        for group in text.split(|&byte| byte == b':') {
            if groups.ends_in_v4 {
                return None;
            }
            if let Some(group) = hexadecimal(group) {
                groups.bits = groups.bits << 16 | u128::from(group);
                groups.count = groups.count.saturating_add(1);
            } else {
                groups.bits = groups.bits << 32 | u128::from(u32::from(v4(group)?));
                groups.count = groups.count.saturating_add(2);
                groups.ends_in_v4 = true;
            }
        }
        Some(groups)
    }
}

/// One to three digits, the first one 0 only if it is the only one.
fn decimal(digits: &[u8]) -> Option<u8> {
    match digits {
        [] | [b'0', _, ..] => None,
        _ => digits.iter().try_fold(0_u8, |number, digit| {
            number.checked_mul(10)?.checked_add(digit.checked_sub(b'0').filter(|&digit| digit < 10)?)
        }),
    }
}

/// One to four digits.
fn hexadecimal(digits: &[u8]) -> Option<u16> {
    match digits {
        [] | [_, _, _, _, _, ..] => None,
        _ => digits.iter().try_fold(0_u16, |number, &digit| {
            Some(number << 4 | u16::try_from(char::from(digit).to_digit(16)?).ok()?)
        }),
    }
}
