//! Sessions are small plain values.

use core::mem::size_of;

use milter_proto::session::{FilterSession, Misuse, MtaSession, ReceiveError, Violation};

#[test]
fn a_session_fits_into_a_cache_line() {
    assert!(size_of::<FilterSession>() <= 64, "{}", size_of::<FilterSession>());
    assert!(size_of::<MtaSession>() <= 64, "{}", size_of::<MtaSession>());
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
