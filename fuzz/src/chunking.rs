//! Chunking: whatever pieces the bytes come in, a session sees the same and ends the same.

use core::fmt::Debug;

use milter_proto::filter;
use milter_proto::mta;
use milter_proto::wire::Direction;

use crate::sessions::{filter_run, monitor_run, mta_run};

/// Cuts of a long stream that are tried; which ones, the seed says. A shorter one is cut everywhere.
const CUTS: usize = 64;

/// The first byte chooses who listens, the second what is said to it and the seed of odd pieces; the rest is
/// the stream.
pub fn chunking(data: &[u8]) {
    let Some((&[who, seed], stream)) = data.split_first_chunk() else { return };
    if stream.is_empty() {
        return;
    }
    match who % 8 {
        0 => agree(stream, seed, |pieces| filter_run(filter::Policy::STRICT, seed, pieces)),
        1 => agree(stream, seed, |pieces| filter_run(filter::Policy::LIBMILTER, seed, pieces)),
        2 => agree(stream, seed, |pieces| mta_run(mta::Policy::STRICT, seed, pieces)),
        3 => agree(stream, seed, |pieces| mta_run(mta::Policy::SENDMAIL, seed, pieces)),
        4 => agree(stream, seed, |pieces| mta_run(mta::Policy::POSTFIX, seed, pieces)),
        5 => agree(stream, seed, |pieces| monitor_run(Direction::ToFilter, pieces)),
        6 => agree(stream, seed, |pieces| monitor_run(Direction::ToMta, pieces)),
        _ => agree(stream, seed, |pieces| filter_run(filter::Policy::DEFAULT, seed, pieces)),
    }
}

/// In one piece; cut in two at every place; in pieces of every small length; and in odd pieces.
fn agree<T: Debug + PartialEq>(stream: &[u8], seed: u8, run: impl Fn(&[&[u8]]) -> T) {
    let whole = run(&[stream]);
    let stride = stream.len() / CUTS + 1;
    for at in (1 + usize::from(seed) % stride..stream.len()).step_by(stride) {
        let (first, second) = stream.split_at(at);
        assert_eq!(run(&[first, second]), whole, "cut at {at}");
    }
    for len in 1..=8.min(stream.len()) {
        assert_eq!(run(&stream.chunks(len).collect::<Vec<_>>()), whole, "pieces of {len}");
    }
    for seed in [seed, !seed] {
        assert_eq!(run(&odd_pieces(stream, seed)), whole, "odd pieces {seed}");
    }
}

/// Pieces of no more than 15 bytes, some of them empty.
fn odd_pieces(stream: &[u8], seed: u8) -> Vec<&[u8]> {
    let (mut state, mut rest, mut pieces) = (u32::from(seed), stream, Vec::new());
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, tail) = rest.split_at(rest.len().min((state >> 28) as usize));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}
