//! What is known about the SMTP connection.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::profile::Profile;

/// The content of a message, unless the scenario has its own.
const CONTENT: &str = "From: $SENDER\r\nTo: $RECIPIENT\r\nSubject: a conformance test\r\n\
    Date: Sat, 28 Nov 2026 12:00:00 +0000\r\nMessage-ID: <conformance@example.org>\r\n\r\n\
    This message tests a mail server.\r\n";

/// The SMTP connection, seen from the client.
#[derive(Debug)]
pub(super) struct Smtp {
    pub(super) is_open: bool,
    /// Replies that came and were not looked at.
    replies: VecDeque<String>,
    /// Replies that are still to come and are not awaited.
    unawaited: usize,
    /// The last reply that was awaited.
    pub(super) last: String,
    /// The content of the next message.
    pub(super) content: Vec<u8>,
}

impl Smtp {
    pub(super) fn new(profile: &Profile) -> Self {
        let (replies, last) = (VecDeque::new(), String::new());
        Self { is_open: false, replies, unawaited: 0, last, content: profile.fill(CONTENT).into_bytes() }
    }

    pub(super) fn push(&mut self, reply: &str) {
        self.replies.push_back(reply.into());
    }

    /// The next reply, without those that are not awaited.
    pub(super) fn take(&mut self) -> Option<String> {
        while self.unawaited > 0 && self.replies.pop_front().is_some() {
            self.unawaited = self.unawaited.saturating_sub(1);
        }
        self.replies.pop_front()
    }

    /// The reply to the last command is not awaited.
    pub(super) const fn skip_one(&mut self) {
        self.unawaited = self.unawaited.saturating_add(1);
    }
}

/// The content as SMTP sends it: dots doubled, and the end of the data.
pub(super) fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(line);
    }
    if !bytes.is_empty() && !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}
