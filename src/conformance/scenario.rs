//! What a scenario consists of.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The side of the protocol that a scenario tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has two roles")]
pub enum Role {
    /// The filter is under test. Ids begin with `filter/`.
    Filter,
    /// The MTA is under test. Ids begin with `mta/`.
    Mta,
}

/// How much a failure matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the three levels of SPEC_NOTES.md and its facts")]
pub enum Level {
    /// A fact that is recorded. It never fails: a mismatch is [`Verdict::NonStrict`](super::Verdict::NonStrict).
    Info,
    /// A rule with SHOULD.
    Should,
    /// A rule with MUST: real peers fail, hang or mistreat mail otherwise.
    Must,
}

impl Level {
    /// The word in the notation: `must`, `should` or `info`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Should => "should",
            Self::Must => "must",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One test of one implementation.
///
/// # Examples
/// ```
/// use milter_proto::conformance::{Level, Role, Scenario};
///
/// let text = "
/// [filter/mine/length-0] must FRM-3
/// A frame of length 0 ends the connection
/// >> 00000000
/// < close
/// ";
/// let scenarios = Scenario::read_all(text)?;
/// assert_eq!(scenarios[0].id, "filter/mine/length-0");
/// assert_eq!(scenarios[0].chapter(), "mine");
/// assert_eq!((scenarios[0].role, scenarios[0].level), (Role::Filter, Level::Must));
/// assert_eq!(scenarios[0].steps.len(), 2);
/// # Ok::<(), milter_proto::conformance::ScenarioError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scenario {
    /// The role, a chapter and a name: `filter/framing/length-0`. It stays the same from release to release.
    pub id: String,
    /// One sentence: what a conforming program does.
    pub title: String,
    /// The rules that it tests, by their ids in SPEC_NOTES.md. The first is the most important.
    pub rules: Vec<String>,
    /// The side under test.
    pub role: Role,
    /// How much a failure matters.
    pub level: Level,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One step of a scenario: a line of the notation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The line, without blanks around it.
    pub text: String,
    pub(super) kind: StepKind,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StepKind {
    Filter(super::filter::Do),
    Mta(super::mta::Do),
}

impl Scenario {
    /// The second part of the id.
    #[must_use]
    pub fn chapter(&self) -> &str {
        self.id.split('/').nth(1).unwrap_or_default()
    }
}

/// The scenario in the notation, without `each`.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {} {}\n{}\n", self.id, self.level, self.rules.join(", "), self.title)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{}", step.text))
    }
}
