//! What a run found out.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::wire::{Direction, FrameError};

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
    /// The rule of SPEC_NOTES.md that is broken, by its id, such as `ORD-2`, if the program broke one by what it sent. `None`
    /// if something else came than the step awaits: then the rules are those of the scenario.
    pub rule: Option<&'static str>,
}

impl Mismatch {
    /// Something else than was expected, at the first step.
    pub(super) fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { step: 0, expected: expected.into(), got: got.into(), rule: None }
    }

    /// A broken rule, at the first step.
    pub(super) fn broken(expected: impl Into<String>, breach: &Breach) -> Self {
        Self { rule: Some(breach.rule), ..Self::new(expected, breach.to_string()) }
    }

    pub(super) fn at(self, step: usize) -> Self {
        Self { step, ..self }
    }
}

/// A rule that the program broke, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) rule: &'static str,
    how: String,
}

impl Breach {
    pub(super) fn new(rule: &'static str, how: impl Into<String>) -> Self {
        Self { rule, how: how.into() }
    }

    /// The stream of the program cannot be divided into frames.
    pub(super) fn of_frames(error: FrameError) -> Self {
        let rule = match error {
            FrameError::Empty => "FRM-3",
            FrameError::TooLong { .. } => "FRM-7",
        };
        Self::new(rule, error.to_string())
    }

    /// The same, with the frame before it.
    pub(super) fn by(self, frame: &str) -> Self {
        Self { how: [frame, ": ", &self.how].concat(), ..self }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.how, self.rule)
    }
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
