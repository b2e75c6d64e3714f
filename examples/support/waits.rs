//! How long an MTA waits for a filter.

use core::time::Duration;
use std::time::Instant;

use milter_proto::{Timeouts, Wait};

/// The waits of one connection. The end of a message may have a limit in total besides the limit for each frame.
#[derive(Debug)]
pub(crate) struct Waits {
    timeouts: Timeouts,
    /// When the wait for the verdict on the end of the message began.
    end: Option<Instant>,
}

impl Waits {
    pub(crate) const fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, end: None }
    }

    /// Begins the wait for the reply to another command.
    pub(crate) const fn begin(&mut self) {
        self.end = None;
    }

    /// The timeout of a read that begins now.
    pub(crate) fn limit(&mut self, wait: Option<Wait>, now: Instant) -> Duration {
        let limit = wait.map_or(self.timeouts.reply, |wait| self.timeouts.of(wait));
        match (wait, self.timeouts.end_of_message_total) {
            (Some(Wait::EndOfMessage), Some(total)) => {
                let elapsed = now.saturating_duration_since(*self.end.get_or_insert(now));
                limit.min(total.saturating_sub(elapsed))
            }
            _ => limit,
        }
    }
}
