//! What the user tells about an MTA under test.

use alloc::string::String;

/// What the user tells about an MTA under test: addresses that it accepts, and what it does when a filter fails.
///
/// Scenarios assume nothing beyond it. Addresses have angle brackets, and no quotes and backslashes.
///
/// # Examples
/// ```
/// use milter_proto::conformance::mta::{FailureAction, Profile};
///
/// let profile = Profile::default()
///     .with_recipients("<a@mx.example>", "<b@mx.example>")
///     .with_failure(FailureAction::Tempfail)
///     .with_sink(true);
/// assert_eq!(profile.other, "<b@mx.example>");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The argument of EHLO: `$HELO` in scenarios.
    pub helo: String,
    /// A sender that the MTA accepts: `$SENDER`.
    pub sender: String,
    /// A recipient that the MTA accepts: `$RECIPIENT`.
    pub recipient: String,
    /// Another recipient that it accepts: `$OTHER`.
    pub other: String,
    /// A recipient that the MTA itself refuses, and reports to filters that ask for those: `$REFUSED`. Without one, the
    /// scenarios with such recipients are skipped.
    pub refused: Option<String>,
    /// What the MTA does when the filter fails.
    pub failure: FailureAction,
    /// Whether the caller reports what the MTA delivers: [`Input::Delivered`](super::super::Input::Delivered). Without
    /// that, the scenarios that look at deliveries are skipped.
    pub has_sink: bool,
    /// Whether to run scenarios that wait until a timeout of the MTA is over. They take minutes.
    pub runs_slow: bool,
}

/// What an MTA does when a filter fails: its setting `milter_default_action` or `F=`. SPEC_NOTES END-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "SMTP has no other class of replies")]
pub enum FailureAction {
    /// Not known: every reply passes. [`MtaRun::failure`](super::MtaRun::failure) tells what was seen.
    #[default]
    Unknown,
    /// The mail passes without the filter.
    Pass,
    /// The command is refused for now: 4xx.
    Tempfail,
    /// The command is refused: 5xx, or 4xx if the filter's reply was malformed.
    Reject,
    /// 421, and the SMTP session ends.
    Shutdown,
}

impl Profile {
    /// The same profile with these recipients.
    #[must_use]
    pub fn with_recipients(self, recipient: impl Into<String>, other: impl Into<String>) -> Self {
        Self { recipient: recipient.into(), other: other.into(), ..self }
    }

    /// The same profile with a recipient that the MTA refuses.
    #[must_use]
    pub fn with_refused(self, recipient: impl Into<String>) -> Self {
        Self { refused: Some(recipient.into()), ..self }
    }

    /// The same profile with this action for filters that fail.
    #[must_use]
    pub fn with_failure(self, failure: FailureAction) -> Self {
        Self { failure, ..self }
    }

    /// The same profile with or without reports of deliveries.
    #[must_use]
    pub fn with_sink(self, has_sink: bool) -> Self {
        Self { has_sink, ..self }
    }

    /// The same profile with or without slow scenarios.
    #[must_use]
    pub fn with_slow(self, runs_slow: bool) -> Self {
        Self { runs_slow, ..self }
    }

    /// Puts the values of this profile in the place of `$SENDER` and the like.
    pub(super) fn fill(&self, text: &str) -> String {
        let refused = self.refused.as_deref().unwrap_or("<>");
        let values = [
            ("$HELO", self.helo.as_str()),
            ("$SENDER", &self.sender),
            ("$RECIPIENT", &self.recipient),
            ("$OTHER", &self.other),
            ("$REFUSED", refused),
        ];
        values.iter().fold(text.into(), |text: String, (name, value)| text.replace(name, value))
    }

    /// The first text that does not fit into every step: one that is empty, or is not printable ASCII without quotes and
    /// backslashes. With such a profile, every scenario is skipped.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::conformance::mta::Profile;
    ///
    /// assert_eq!(Profile::default().unusable_text(), None);
    /// assert_eq!(Profile::default().with_refused("<a\"b@mx.example>").unusable_text(), Some("<a\"b@mx.example>"));
    /// ```
    #[must_use]
    pub fn unusable_text(&self) -> Option<&str> {
        let fits = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let texts = [&self.helo, &self.sender, &self.recipient, &self.other];
        let mut texts = texts.into_iter().chain(&self.refused).map(String::as_str);
        texts.find(|text| text.is_empty() || !text.bytes().all(fits))
    }
}

/// Mail from `<sender@example.org>` to `<recipient@example.net>`. The failure action is not known, and there is no sink.
impl Default for Profile {
    fn default() -> Self {
        Self {
            helo: "client.example".into(),
            sender: "<sender@example.org>".into(),
            recipient: "<recipient@example.net>".into(),
            other: "<other@example.net>".into(),
            refused: None,
            failure: FailureAction::Unknown,
            has_sink: false,
            runs_slow: false,
        }
    }
}
