//! What the user tells about a filter under test.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// What the user tells about a filter under test: a client and a message that it lets pass, and messages with which it
/// does something else.
///
/// Scenarios assume nothing beyond it: one that needs a message of a name that is not here is skipped. Texts must not
/// contain NUL.
///
/// # Examples
/// ```
/// use milter_proto::conformance::filter::{Profile, ProfileMessage};
///
/// let spam = ProfileMessage::default().with_header("Subject", "viagra");
/// let profile = Profile::default().with_message("reject", spam);
/// assert_eq!(profile.message.recipients, ["<recipient@example.net>"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The client's host name.
    pub host: String,
    /// The client's IPv4 address.
    pub address: String,
    /// The argument of HELO.
    pub helo: String,
    /// A message that passes, perhaps with edits.
    pub message: ProfileMessage,
    /// Messages by name. Scenarios know these names: `edit`, which gets an edit, `replace-body`, which gets a new body,
    /// `reject`, which is refused or discarded, and `macro`, to which the filter adds the value of the macro `i`.
    pub messages: BTreeMap<String, ProfileMessage>,
    /// The frame that the filter sends after QUIT, with its length, although nothing should follow QUIT. Empty: none. It is
    /// ignored at the end of a scenario; otherwise it would fail all of them, and not only those about QUIT.
    pub reply_to_quit: Vec<u8>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileMessage {
    /// The sender, with angle brackets.
    pub sender: String,
    /// The recipients, with angle brackets.
    pub recipients: Vec<String>,
    /// The headers: name and value, without the space after the colon.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Profile {
    /// Returns the same profile with another message of this name.
    #[must_use]
    pub fn with_message(mut self, name: impl Into<String>, message: ProfileMessage) -> Self {
        self.messages.insert(name.into(), message);
        self
    }

    /// The first text that cannot be sent whole, as it contains NUL: it is sent up to there.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::conformance::filter::{Profile, ProfileMessage};
    ///
    /// let message = ProfileMessage::default().with_header("Subject", "a\0b");
    /// assert_eq!(Profile::default().unusable_text(), None);
    /// assert_eq!(Profile::default().with_message("edit", message).unusable_text(), Some("a\0b"));
    /// ```
    #[must_use]
    pub fn unusable_text(&self) -> Option<&str> {
        let of_client = [&self.host, &self.address, &self.helo];
        let messages = [&self.message].into_iter().chain(self.messages.values());
        let of_messages = messages.flat_map(|message| {
            let headers = message.headers.iter().flat_map(|(name, value)| [name, value]);
            [&message.sender].into_iter().chain(&message.recipients).chain(headers)
        });
        of_client.into_iter().chain(of_messages).map(String::as_str).find(|text| text.contains('\0'))
    }
}

impl ProfileMessage {
    /// Returns the same message with another header at the end.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// `client.example` at 192.0.2.10, and the default message.
impl Default for Profile {
    fn default() -> Self {
        Self {
            host: "client.example".into(),
            address: "192.0.2.10".into(),
            helo: "client.example".into(),
            message: ProfileMessage::default(),
            messages: BTreeMap::new(),
            reply_to_quit: Vec::new(),
        }
    }
}

/// A short text from `<sender@example.org>` to `<recipient@example.net>`.
impl Default for ProfileMessage {
    fn default() -> Self {
        let header = |name: &str, value: &str| (name.into(), value.into());
        Self {
            sender: "<sender@example.org>".into(),
            recipients: Vec::from(["<recipient@example.net>".into()]),
            headers: Vec::from([
                header("From", "Sender <sender@example.org>"),
                header("To", "recipient@example.net"),
                header("Subject", "a conformance test"),
                header("Date", "Sat, 28 Nov 2026 12:00:00 +0000"),
                header("Message-ID", "<conformance@example.org>"),
            ]),
            body: b"This message tests a filter.\r\n".to_vec(),
        }
    }
}
