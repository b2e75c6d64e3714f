//! Sessions are small plain values.

use core::mem::size_of;

use milter_proto::macros::MacroStore;
use milter_proto::wire::Assembler;
use milter_proto::{FilterSession, Misuse, Monitor, MtaSession, ReceiveError, Violation};

#[test]
fn a_session_fits_into_a_cache_line() {
    assert!(size_of::<FilterSession>() <= 64, "{}", size_of::<FilterSession>());
    assert!(size_of::<MtaSession>() <= 64, "{}", size_of::<MtaSession>());
    assert!(size_of::<Monitor>() <= 64, "{}", size_of::<Monitor>());
}

#[test]
fn what_stands_beside_the_memory_fits_into_a_cache_line() {
    assert!(size_of::<Assembler<[u8; 0]>>() <= 64, "{}", size_of::<Assembler<[u8; 0]>>());
    assert!(size_of::<MacroStore<[u8; 0]>>() <= 64, "{}", size_of::<MacroStore<[u8; 0]>>());
}

#[test]
fn errors_are_small() {
    assert!(size_of::<Misuse>() <= 8, "{}", size_of::<Misuse>());
    assert!(size_of::<Violation>() <= 24, "{}", size_of::<Violation>());
    assert!(size_of::<ReceiveError>() <= 24, "{}", size_of::<ReceiveError>());
}

#[test]
fn sessions_can_be_copied_compared_and_hashed() {
    fn is_a_plain_value<T: Clone + Eq + core::hash::Hash + Send + Sync + 'static>() {}
    is_a_plain_value::<FilterSession>();
    is_a_plain_value::<MtaSession>();
}
