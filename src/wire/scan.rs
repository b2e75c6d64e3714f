//! Searching for NULs, which end every text.

use nom::FindSubstring;

/// Bytes that are looked at here before memchr takes over.
///
/// Most texts are short, and for these the call of memchr costs more than it saves.
const SHORT: usize = 96;

/// The offset of the first NUL.
pub(super) fn find_nul(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while bytes.len().wrapping_sub(rest.len()) < SHORT {
        let Some((block, tail)) = rest.split_first_chunk() else { return find_near_end(bytes, rest) };
        if let Some(nul) = nul_of(*block) {
            return Some(bytes.len().wrapping_sub(rest.len()).wrapping_add(nul));
        }
        rest = tail;
    }
    find_far(bytes, rest)
}

/// The offset of the first NUL, if only `rest`, shorter than a block, can hold one.
#[inline]
fn find_near_end(bytes: &[u8], rest: &[u8]) -> Option<usize> {
    match bytes.last_chunk() {
        Some(block) => nul_of(*block).map(|nul| bytes.len().wrapping_sub(block.len()).wrapping_add(nul)),
        None => rest.iter().position(|&byte| byte == 0),
    }
}

/// The offset of the first NUL, if only `rest` can hold one.
#[inline(never)]
fn find_far(bytes: &[u8], rest: &[u8]) -> Option<usize> {
    let before = bytes.len().wrapping_sub(rest.len());
    rest.find_substring("\0").map(|nul| before.wrapping_add(nul))
}

/// Whether there is a NUL: cheaper than to ask where.
pub(super) fn holds_nul(bytes: &[u8]) -> bool {
    if bytes.len() > SHORT {
        return find_far(bytes, bytes).is_some();
    }
    let mut rest = bytes;
    while let Some((block, tail)) = rest.split_first_chunk::<32>() {
        if has_nul(block) {
            return true;
        }
        rest = tail;
    }
    // The last block overlaps those that were looked at.
    match (bytes.last_chunk::<32>(), bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        (Some(block), ..) => has_nul(block),
        (None, Some(first), Some(last)) => has_nul(first) | has_nul(last),
        _ => match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(&first), Some(&last)) => nuls(first) | nuls(last) != 0,
            _ => rest.contains(&0),
        },
    }
}

/// Whether the number of NULs is odd.
// A sum of bits rather than a count: the compiler adds up whole vectors of them.
pub(super) fn has_odd_nuls(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |odd, &byte| odd ^ (byte == 0))
}

/// Looks at all bytes, so that the compiler makes vector comparisons of it.
#[inline]
fn has_nul<const N: usize>(block: &[u8; N]) -> bool {
    block.iter().fold(false, |found, &byte| found | (byte == 0))
}

/// The offset of the first NUL of a block.
#[inline]
fn nul_of(block: [u8; 16]) -> Option<usize> {
    let [a, b, c, d, e, f, g, h, second @ ..] = block;
    let (first, second) = (nuls([a, b, c, d, e, f, g, h]), nuls(second));
    let offset = match (first, second) {
        (0, 0) => return None,
        (0, marks) => marks.trailing_zeros().wrapping_add(64),
        (marks, _) => marks.trailing_zeros(),
    };
    usize::try_from(offset >> 3).ok()
}

/// Marks the NULs of a word: its lowest set bit is in the first one; above it, there may be false marks.
#[inline]
const fn nuls(word: [u8; 8]) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;

    let word = u64::from_le_bytes(word);
    word.wrapping_sub(LOW) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::{find_nul, has_odd_nuls, holds_nul};

    #[test]
    fn the_first_nul_is_found_at_every_length_and_offset() {
        for len in 0..200 {
            for fill in [0x01, 0x80, 0xff] {
                let bytes = &[fill; 200][..len];
                assert_eq!(find_nul(bytes), None);
                assert!(!holds_nul(bytes) && !has_odd_nuls(bytes));
            }
            assert_eq!(has_odd_nuls(&[0; 200][..len]), len % 2 == 1);
            assert_eq!(holds_nul(&[0; 200][..len]), len > 0, "length {len}");
            for nul in 0..len {
                for fill in [0x01, 0x80, 0xff] {
                    let mut bytes = [fill; 200];
                    bytes[nul] = 0;
                    bytes[199] = 0;
                    assert_eq!(find_nul(&bytes[..len]), Some(nul), "length {len}");
                    assert!(holds_nul(&bytes[..len]), "length {len}, offset {nul}");
                    assert!(has_odd_nuls(&bytes[..len]), "length {len}, offset {nul}");
                }
            }
        }
    }
}
