//! How long the MTA examples wait.

use core::time::Duration;
use std::time::Instant;

use milter_proto::{Timeouts, Wait};

use time_limits::Waits;

#[path = "../../../examples/support/waits.rs"]
mod time_limits;

#[test]
fn the_wait_for_one_message_does_not_count_in_the_next() {
    let total = Timeouts::SENDMAIL.end_of_message_total.unwrap();
    let mut timeouts = Timeouts::SENDMAIL;
    timeouts.end_of_message = total;
    let mut waits = Waits::new(timeouts);
    let start = Instant::now();
    let mut limit = |after| waits.limit(Some(Wait::EndOfMessage), start + after);
    assert_eq!(limit(Duration::ZERO), total);
    assert_eq!(limit(total / 3), total - total / 3, "progress restarts no total");
    assert_eq!(limit(total * 2), Duration::ZERO);
    waits.begin();
    assert_eq!(waits.limit(Some(Wait::EndOfMessage), start + total * 3), total);
}
