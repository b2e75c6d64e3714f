//! Bounds on memory, for every test that attacks them.

use allocation_counter::AllocationInfo;

use super::wire;

/// Bytes that a store of macros holds at most.
pub(crate) const STORE: usize = 65_536;

/// Sees that memory is within a bound: so much in the end, and twice as much while it grows.
pub(crate) fn within(taken: AllocationInfo, bound: usize, what: &str) {
    let (held, peak) = (taken.bytes_current, taken.bytes_max);
    assert!(held <= i64::try_from(bound).unwrap(), "{what}: {held} bytes are held, {bound} may be");
    assert!(peak <= 2 * u64::try_from(bound).unwrap(), "{what}: {peak} bytes at the peak, bound {bound}");
}

/// MACRO frames of every stage and of sizes up to the limit.
pub(crate) fn macro_frames(limit: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    for len in [1, 10, 100, 1000, 20_000, 40_000, limit - 8] {
        for stage in *b"CHMRTNELX" {
            // One macro with a long value, one with a long name, and as many as there is room for.
            let value = [&[stage], &b"i\0"[..], &vec![b'v'; len], b"\0"].concat();
            let name = [&[stage], &vec![b'n'; len][..], b"\0v\0"].concat();
            let pairs = [&[stage][..], &b"i\0v\0".repeat(len.div_ceil(4))].concat();
            frames.extend([value, name, pairs].iter().flat_map(|payload| wire(b'D', payload)));
        }
    }
    frames
}
