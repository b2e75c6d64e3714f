//! Offers and answers in bytes.

use milter_proto::filter::Options;
use milter_proto::wire::Frame;
use milter_proto::{FilterSession, filter};

/// Offers in bytes what a filter is to answer, and gives its answer in bytes.
pub(crate) fn negotiate(words: [u32; 3], wishes: &Options<'_>) -> Option<Vec<u8>> {
    let payload: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    let mut session = FilterSession::with_policy(filter::Policy::LIBMILTER);
    session.receive(Frame::new(b'O', &payload)).expect("twelve bytes");
    let outgoing = session.negotiate(wishes).ok()?.frame;
    Some(outgoing.segments().flatten().copied().collect())
}

/// The version, actions and steps of an answer in bytes.
pub(crate) fn words(bytes: &[u8]) -> [u32; 3] {
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    [word(5), word(9), word(13)]
}
