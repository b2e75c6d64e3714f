//! Room for what has come, and no more than there can come.

use alloc::vec::Vec;

/// Makes room for `needed` bytes: for twice as many as before, but for no more than `most` of them.
pub(crate) fn make_room(bytes: &mut Vec<u8>, needed: usize, most: usize) {
    let room = bytes.capacity();
    if room < needed {
        let room = room.saturating_mul(2).min(most).max(needed);
        bytes.reserve_exact(room.saturating_sub(bytes.len()));
    }
}
