//! Follows one message as a filter would, and sees whether parts of another one get into it.
//!
//! The walk writes the mark of a message into its sender, its recipients and a header of it.

use milter_proto::filter::Event;
use milter_proto::order::Stage;
use milter_proto::wire::{Command, Response, Verdict};

/// What is known of the message in progress.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    sender: Option<String>,
    recipients: Vec<String>,
    header: Option<String>,
    /// A recipient that has no verdict yet.
    asked: Option<String>,
}

impl Marks {
    /// Takes an event, as the documentation says: drop the message if it was aborted, then handle the command.
    /// Returns what is mixed up at the end of a message.
    pub(crate) fn see(&mut self, event: &Event<'_>) -> Option<String> {
        if event.aborts_message {
            *self = Self::default();
        }
        // A recipient without a verdict is one to which no reply is given.
        self.recipients.extend(self.asked.take());
        match event.command {
            Command::MailFrom { address, .. } => self.sender = mark(address.as_bytes()),
            Command::RcptTo { address, .. } => self.asked = mark(address.as_bytes()),
            Command::Header { name, value } if name.as_bytes().eq_ignore_ascii_case(b"x-mark") => {
                self.header = mark(value.as_bytes());
            }
            Command::EndOfMessage { .. } => return self.mixed(),
            _ => {}
        }
        None
    }

    /// Takes what was sent, and the stage to which it led.
    pub(crate) fn answered(&mut self, response: Option<Response<'_>>, stage: Stage) {
        let asked = self.asked.take();
        if matches!(response, Some(Response::Verdict(Verdict::Continue))) {
            self.recipients.extend(asked);
        }
        if !stage.is_in_message() && stage != Stage::EndOfMessage {
            *self = Self::default();
        }
    }

    fn mixed(&self) -> Option<String> {
        let Self { sender, recipients, header, .. } = self;
        let known: Vec<_> = sender.iter().chain(recipients).chain(header).collect();
        let first = known.first()?;
        known.iter().any(|mark| mark != first).then(|| {
            format!(
                "sender {sender:?}, recipients {recipients:?} and header {header:?} are of different messages"
            )
        })
    }
}

/// The mark in a text: `s`, digits, `-`, digits.
fn mark(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let is_mark = |word: &&str| {
        let numbers = word.strip_prefix('s').and_then(|rest| rest.split_once('-'));
        numbers.is_some_and(|(session, message)| is_number(session) && is_number(message))
    };
    words.into_iter().find(is_mark).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::mark;

    #[test]
    fn marks_are_found_in_addresses_and_headers() {
        for text in ["<s1-2@sender.example>", "<bob.s1-2@rcpt.example>", "\"bob s1-2\"@rcpt.example", " s1-2"]
        {
            assert_eq!(mark(text.as_bytes()).as_deref(), Some("s1-2"), "{text}");
        }
        for text in ["<>", "<nobody@rcpt.example>", "s1", "s-1", "s1-"] {
            assert_eq!(mark(text.as_bytes()), None, "{text}");
        }
    }
}
