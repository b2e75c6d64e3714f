//! Something that should not have happened.

use serde::Serialize;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Our session under the default policy owes no reply where the MTA waits for one.
    Silent,
    /// Our session under the default policy owes a reply that the MTA does not wait for.
    Unasked,
    /// Our session under the default policy breaks the connection off.
    Closed,
    /// Our session under the default policy does not send a verdict or edit that every MTA understands.
    Unsent,
    /// Parts of two messages are mixed up by whoever follows the events of our session.
    Mixed,
    /// The MTA breaks the strict law.
    Strict,
    /// The filter session under the strict policy and the monitor differ about that.
    Disagreement,
    /// The recorder itself breaks the law.
    Recorder,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Unasked => "unasked",
            Self::Closed => "closed",
            Self::Unsent => "unsent",
            Self::Mixed => "mixed",
            Self::Strict => "strict",
            Self::Disagreement => "disagreement",
            Self::Recorder => "recorder",
        }
    }
}

/// One finding, as it is written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) file: String,
    pub(crate) mta: String,
    pub(crate) kind: Kind,
    /// The id of the rule that was broken, if it is one.
    pub(crate) rule: String,
    /// The name of the frame.
    pub(crate) command: String,
    /// The stage before it.
    pub(crate) stage: String,
    /// What the filter negotiated away so that it cannot know better, or nothing.
    pub(crate) condition: String,
    pub(crate) text: String,
    pub(crate) frames: String,
    /// The row of the table that explains it.
    pub(crate) explained: Option<String>,
}
