//! A filter of a chain, before it is added.

use crate::macros::MacroDefaults;
use crate::message::edits::EditsTooLong;
use crate::mta::Policy;
use crate::{MtaSession, ReceiveError};

/// A filter of a [`Chain`](super::Chain), and what happens if it fails.
#[derive(Clone, Debug)]
#[must_use = "a filter is asked once it was added to a chain"]
pub struct ChainFilter {
    pub(super) session: MtaSession,
    pub(super) defaults: MacroDefaults,
    pub(super) on_failure: FailureAction,
    pub(super) max_edit_bytes: usize,
}

/// What an MTA does without a filter that failed: it closed, broke a rule, or did not reply in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureAction {
    /// Goes on without it. A message whose new body came in part is refused for now.
    Accept,
    /// Refuses what it would have been asked about.
    Reject,
    /// Refuses it for now. The default.
    Tempfail,
    /// Refuses it for now, and ends the SMTP session.
    Shutdown,
    /// Goes on without it, and holds the message.
    Quarantine,
}

impl ChainFilter {
    /// A filter as Postfix uses it by default: judged by [`Policy::POSTFIX`], with [`MacroDefaults::POSTFIX`], and if it fails,
    /// the MTA refuses for now.
    pub const POSTFIX: Self = Self {
        session: MtaSession::with_policy(Policy::POSTFIX),
        defaults: MacroDefaults::POSTFIX,
        on_failure: FailureAction::Tempfail,
        max_edit_bytes: 64 * 1024 * 1024,
    };

    /// A filter as Sendmail uses it by default: judged by [`Policy::SENDMAIL`], with [`MacroDefaults::SENDMAIL`], and **if it
    /// fails, mail passes without it**.
    pub const SENDMAIL: Self = Self {
        session: MtaSession::with_policy(Policy::SENDMAIL),
        defaults: MacroDefaults::SENDMAIL,
        on_failure: FailureAction::Accept,
        ..Self::POSTFIX
    };

    /// The same as [`POSTFIX`](Self::POSTFIX).
    pub const fn new() -> Self {
        Self::POSTFIX
    }

    /// With a session that has another policy or other limits.
    pub const fn with_session(self, session: MtaSession) -> Self {
        Self { session, ..self }
    }

    /// With other macros for a filter that requests none.
    pub const fn with_macro_defaults(self, defaults: MacroDefaults) -> Self {
        Self { defaults, ..self }
    }

    /// With another action if it fails.
    pub const fn with_failure_action(self, on_failure: FailureAction) -> Self {
        Self { on_failure, ..self }
    }

    /// With room for this many bytes of edits: see [`Edits::with_max_bytes`](crate::message::Edits::with_max_bytes).
    pub const fn with_max_edit_bytes(self, max_edit_bytes: usize) -> Self {
        Self { max_edit_bytes, ..self }
    }
}

impl Default for ChainFilter {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a filter of a [`Chain`](super::Chain) failed when its bytes were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// It broke a rule.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// It asked for more edits of one message than the MTA keeps: see [`ChainFilter::with_max_edit_bytes`].
    #[error(transparent)]
    Edits(#[from] EditsTooLong),
}
