//! Why text is not a scenario.

use alloc::string::String;
use alloc::vec::Vec;

use thiserror::Error;

use crate::transcript::ReadError;

/// Text that is not a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("line {line}: {fault}")]
pub struct ScenarioError {
    /// The line, counted from 1.
    pub line: usize,
    /// The reason.
    pub fault: ScenarioFault,
}

/// The reason why a line of a scenario cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScenarioFault {
    /// A line stands before the first scenario.
    #[error("expected a scenario, which begins with [ROLE/CHAPTER/NAME] LEVEL RULE")]
    NoScenario,
    /// The first line of a scenario is malformed.
    #[error(
        "expected [ROLE/CHAPTER/NAME] LEVEL RULE, where ROLE is filter or mta, and LEVEL is must, should or info"
    )]
    Head,
    /// A scenario has no title or no steps.
    #[error("a scenario needs a title and at least one step")]
    Incomplete,
    /// Two scenarios have this id.
    #[error("another scenario has the id {0} already")]
    SameId(String),
    /// `each` is malformed.
    #[error("expected each NAME: VALUE | VALUE, before the first step")]
    Each,
    /// A step does not begin with a known word.
    #[error("no step begins with {0:?}")]
    Step(String),
    /// A step lacks an argument, or has one that is not known.
    #[error("the step does not take {0:?}")]
    Argument(String),
    /// No stage has this name.
    #[error("no stage is called {name:?}; the stages are {}", .stages.join(", "))]
    Stage {
        /// The name in the step.
        name: String,
        /// The names of all stages, in their order.
        stages: Vec<&'static str>,
    },
    /// A frame is malformed.
    #[error("the frame: {0}")]
    Frame(ReadError),
    /// Bytes are malformed, or more than 64 MiB.
    #[error("expected pairs of hexadecimal digits, texts in quotes, and *N; together at most 64 MiB")]
    Bytes,
}
