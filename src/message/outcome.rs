//! What came of an edit.

use core::fmt;

use super::edits::EditsTooLong;

/// What an edit did, and what of it was ignored: one of both, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EditOutcome {
    /// What it did. `None`: nothing.
    pub effect: Option<Effect>,
    /// Why it did nothing, or not all of what it says.
    pub ignored: Option<IgnoreReason>,
}

/// What an edit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// A header was added.
    HeaderAdded,
    /// A header has another value.
    HeaderChanged,
    /// A header was deleted.
    HeaderDeleted,
    /// The sender is another one.
    SenderChanged,
    /// One or more recipients were added.
    RecipientAdded,
    /// One or more recipients were deleted.
    RecipientDeleted,
    /// The body is another one.
    BodyReplaced,
    /// The message is held once it is accepted.
    Quarantined,
}

/// Why an edit, or a part of it, was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IgnoreReason {
    /// The session ignores the edits of this message: [`EditStatus::Ignored`](crate::mta::EditStatus::Ignored).
    EditsIgnored,
    /// The name of the header, or the address, is empty.
    EmptyNameOrAddress,
    /// The message has no header of that name and number.
    NoSuchHeader,
    /// The header has a value now, but Sendmail does not send it to other hosts: Return-Path, for example.
    HeaderNotSent,
    /// The message has no such recipient.
    NoSuchRecipient,
    /// The message has that recipient already.
    DuplicateRecipient,
    /// The text has no address.
    NoAddress,
    /// Only the first of several addresses counts.
    FurtherAddresses,
    /// Some ESMTP arguments are not known to the MTA, have a value that it does not accept, or are given twice. In Sendmail,
    /// a recipient with an argument of the first two kinds is not added at all.
    UnsupportedArguments,
}

/// For a log: `a header was changed`, `ignored: there is no such recipient`, or both in one line.
///
/// # Examples
/// ```
/// use milter_proto::message::{EditRules, Edits, Message};
/// use milter_proto::mta::EditStatus;
/// use milter_proto::wire::{Edit, LeadingSpace};
///
/// let mut edits = Edits::new();
/// edits.push(Edit::add_header("X-Seen", "yes")?, EditStatus::Negotiated)?;
/// edits.push(Edit::delete_header(3, "X-Seen")?, EditStatus::Negotiated)?;
/// let mut message = Message::parse(b"Subject: one\r\n\r\nHello\r\n");
/// let outcomes = edits.apply(&mut message, EditRules::POSTFIX, LeadingSpace::Stripped)?;
/// let log: Vec<_> = outcomes.iter().map(ToString::to_string).collect();
/// assert_eq!(log, ["a header was added", "ignored: there is no header of that name and number"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl fmt::Display for EditOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.effect, self.ignored) {
            (None, None) => f.write_str("nothing happened"),
            (Some(effect), None) => effect.fmt(f),
            (None, Some(reason)) => write!(f, "ignored: {reason}"),
            (Some(effect), Some(reason)) => write!(f, "{effect}, but {reason}"),
        }
    }
}

/// For a log.
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeaderAdded => "a header was added",
            Self::HeaderChanged => "a header was changed",
            Self::HeaderDeleted => "a header was deleted",
            Self::SenderChanged => "the sender was changed",
            Self::RecipientAdded => "a recipient was added",
            Self::RecipientDeleted => "a recipient was deleted",
            Self::BodyReplaced => "the body was replaced",
            Self::Quarantined => "the message is held",
        })
    }
}

/// For a log.
impl fmt::Display for IgnoreReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EditsIgnored => "the session ignores this edit",
            Self::EmptyNameOrAddress => "the header name or the address is empty",
            Self::NoSuchHeader => "there is no header of that name and number",
            Self::HeaderNotSent => "Sendmail does not send this header to other hosts",
            Self::NoSuchRecipient => "there is no such recipient",
            Self::DuplicateRecipient => "there is such a recipient already",
            Self::NoAddress => "there is no address in the text",
            Self::FurtherAddresses => "only the first of several addresses counts",
            Self::UnsupportedArguments => "some of the ESMTP arguments do not count",
        })
    }
}

impl From<Effect> for EditOutcome {
    fn from(effect: Effect) -> Self {
        Self { effect: Some(effect), ignored: None }
    }
}

impl From<IgnoreReason> for EditOutcome {
    fn from(reason: IgnoreReason) -> Self {
        Self { effect: None, ignored: Some(reason) }
    }
}

/// Why the edits of a filter cannot be applied. The message is as it was, and the MTA has to refuse it for now or to treat
/// the filter as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// There are more edits than the MTA can keep.
    #[error(transparent)]
    TooLong(#[from] EditsTooLong),
    /// The filter adds or deletes more recipients than a message may have.
    #[error("the filter adds and deletes more than {max} recipients of one message, the limit of the MTA")]
    TooManyRecipients {
        /// The limit.
        max: usize,
    },
    /// Postfix stops using a filter that sends CHGHEADER without a name.
    #[error("the filter sent CHGHEADER without a header name (edit {edit}), where Postfix expects a name")]
    EmptyName {
        /// The number of the edit, from 0.
        edit: usize,
    },
    /// Postfix stops using a filter that sends other edits between chunks of a new body.
    #[error(
        "the filter sent another chunk of a new body after other edits (edit {edit}), where Postfix expects all chunks in a row"
    )]
    BodyInterrupted {
        /// The number of the second chunk, from 0.
        edit: usize,
    },
    /// Sendmail refuses a message for now if its body was replaced, but that was not negotiated.
    #[error(
        "the filter replaced the body (edit {edit}), which was not negotiated: Sendmail refuses the message for now"
    )]
    BodyNotNegotiated {
        /// The number of the edit, from 0.
        edit: usize,
    },
}
