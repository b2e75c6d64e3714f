//! What a run found out.

use alloc::string::String;
use alloc::vec::Vec;

use crate::wire::Direction;

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Whether the program passed.
    pub verdict: Verdict,
    /// What was not as expected: the reason for [`Verdict::Fail`] and [`Verdict::NonStrict`].
    pub mismatch: Option<Mismatch>,
    /// Why the scenario does not apply: the reason for [`Verdict::Skipped`].
    pub why: Option<String>,
}

impl Outcome {
    /// The scenario does not apply.
    pub(super) fn skipped(why: &str) -> Self {
        Self { verdict: Verdict::Skipped, mismatch: None, why: Some(why.into()) }
    }
}

/// Whether a program passed a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "reports name all of them")]
pub enum Verdict {
    /// As the rule says.
    Pass,
    /// Not what the rule asks for, but no peer is harmed; or a fact of [`Level::Info`](super::Level::Info) that is
    /// unusual.
    NonStrict,
    /// The rule is broken.
    Fail,
    /// The scenario does not apply to this program.
    Skipped,
}

impl Verdict {
    /// The word in reports: `pass`, `non-strict`, `fail` or `skipped`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NonStrict => "non-strict",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

/// What was expected, and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The step, counted from 0; the number of steps if it was after the last one.
    pub step: usize,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
}

/// One line of the record of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A step of the scenario begins: its number, from 0.
    Step(usize),
    /// These bytes went over the Milter connection in this direction: one whole frame, or bytes that are no frame.
    Bytes(Direction, Vec<u8>),
    /// A line or content of the SMTP client.
    Client(String),
    /// A reply of the MTA under test to the SMTP client.
    SmtpReply(String),
    /// Something else that happened: "the filter closed the connection".
    Note(String),
}
