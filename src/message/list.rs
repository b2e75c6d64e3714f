//! Lists and lines, without the panics of the functions in `core` and `alloc` that do the same: `tests/proofs` finds no call of
//! one in the compiled code.

use alloc::vec::Vec;

/// Puts an item at a place, or at the end if the list is shorter.
pub(super) fn insert<T>(list: &mut Vec<T>, place: usize, item: T) {
    let mut moved = item;
    list.iter_mut().skip(place).for_each(|item| core::mem::swap(item, &mut moved));
    list.push(moved);
}

/// Takes the item away from a place, if there is one.
pub(super) fn remove<T>(list: &mut Vec<T>, place: usize) {
    let mut at = 0_usize;
    list.retain(|_| {
        let is_kept = at != place;
        at = at.saturating_add(1);
        is_kept
    });
}

/// Keeps that many bytes at the end, in the same memory.
pub(super) fn keep_last(mut bytes: Vec<u8>, len: usize) -> Vec<u8> {
    if let Some(front) = bytes.len().checked_sub(len) {
        bytes.copy_within(front.., 0);
        bytes.truncate(len);
    }
    bytes
}

/// The items with their places.
pub(super) fn with_places<T>(
    items: impl DoubleEndedIterator<Item = T> + ExactSizeIterator + Clone,
) -> impl DoubleEndedIterator<Item = (usize, T)> + ExactSizeIterator + Clone {
    (0..items.len()).zip(items)
}

/// The pieces in one.
pub(super) fn concat(pieces: &[&[u8]]) -> Vec<u8> {
    let len = pieces.iter().fold(0_usize, |len, piece| len.saturating_add(piece.len()));
    let mut bytes = Vec::with_capacity(len);
    pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
    bytes
}

/// The first line, line end included, and what follows. `None`: there are no bytes.
pub(super) fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if bytes.is_empty() {
        return None;
    }
    let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at.saturating_add(1));
    bytes.split_at_checked(end)
}

/// The lines, each with its line end.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let (line, tail) = split_line(rest)?;
        rest = tail;
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::{concat, insert, keep_last, lines, remove, with_places};

    #[test]
    fn a_list_is_changed_at_any_place() {
        for place in 0..5 {
            let (mut list, mut expected) = (vec![1, 2, 3], vec![1, 2, 3]);
            insert(&mut list, place, 9);
            expected.insert(place.min(3), 9);
            assert_eq!(list, expected);
            remove(&mut list, place);
            if place < 4 {
                expected.remove(place);
            }
            assert_eq!(list, expected);
        }
        assert_eq!(with_places([5, 6].iter()).rev().collect::<Vec<_>>(), [(1, &6), (0, &5)]);
        assert_eq!(concat(&[b"a", b"", b"bc"]), b"abc");
        for (len, kept) in [(0, &b""[..]), (2, b"bc"), (3, b"abc"), (4, b"abc")] {
            assert_eq!(keep_last(b"abc".to_vec(), len), kept);
        }
    }

    #[test]
    fn lines_have_their_ends() {
        assert_eq!(lines(b"a\r\n\nb").collect::<Vec<_>>(), [&b"a\r\n"[..], b"\n", b"b"]);
        assert_eq!(lines(b"").next(), None);
    }
}
