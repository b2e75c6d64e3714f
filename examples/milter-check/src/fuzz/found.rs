//! What counts as a finding.

use core::fmt;

use milter_proto::conformance::{Event, Outcome, Scenario, Verdict};

use crate::filter::link::Last;

/// What a filter did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// It does not accept connections any more.
    Crash,
    /// It refused a connection, and accepted the next one.
    RefusedConnection,
    /// It accepts connections, and does not answer on a new one.
    Hang,
    /// A reply is owed, and nothing comes.
    Silence,
    /// It closed the connection instead of replying.
    Closed,
    /// It sent a frame that no command has asked for.
    SecondReply,
    /// It sent a reply that the command does not admit, or bytes that are no frame.
    WrongReply,
    /// What it sent is unusual, but harms no MTA.
    Unusual,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::RefusedConnection => "refused connection",
            Self::Hang => "hang",
            Self::Silence => "silence",
            Self::Closed => "closed connection",
            Self::SecondReply => "second reply",
            Self::WrongReply => "wrong reply",
            Self::Unusual => "unusual reply",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What one session showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    /// Allowed, but worth a note.
    pub(crate) is_note: bool,
    /// The command after which it happened: the last step that sends something.
    pub(crate) after: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

impl Found {
    /// Looks at the result of a run. `None`: all is well.
    pub(crate) fn of(scenario: &Scenario, outcome: &Outcome, record: &[Event], last: Last) -> Option<Self> {
        let mismatch = outcome.mismatch.as_ref()?;
        let steps: Vec<_> = scenario.steps.iter().map(|step| step.text.as_str()).collect();
        let step = steps.get(mismatch.step).copied().unwrap_or_default();
        let since = record.iter().rposition(|event| matches!(event, Event::Step(_))).unwrap_or_default();
        let is_connected = |event: &Event| matches!(event, Event::Note(note) if note == "connected");
        let is_new_connection = matches!(step, "alive" | "recover")
            && record.get(since..).unwrap_or_default().iter().any(is_connected);
        let is_note = outcome.verdict == Verdict::NonStrict;
        let kind = match last {
            _ if is_note && step.ends_with("~ silence") => Kind::Silence,
            _ if is_note => Kind::Unusual,
            Last::Refused => Kind::Crash,
            Last::TimedOut if is_new_connection => Kind::Hang,
            Last::TimedOut => Kind::Silence,
            Last::Closed => Kind::Closed,
            Last::Other if step.is_empty() || step.starts_with("< silence") => Kind::SecondReply,
            Last::Other => Kind::WrongReply,
        };
        let sends = |step: &&&str| step.starts_with('>') || matches!(**step, "shutdown" | "disconnect");
        let after = steps.iter().take(mismatch.step).rev().find(sends).copied().unwrap_or("the connection");
        let after = after.trim_start_matches(['>', '?', '!', ' ']).to_owned();
        Some(Self { kind, is_note, after, expected: mismatch.expected.clone(), got: mismatch.got.clone() })
    }

    /// Whether the filter cannot be used any more.
    pub(crate) const fn is_deadly(&self) -> bool {
        matches!(self.kind, Kind::Crash | Kind::Hang)
    }

    /// Whether two sessions probably show the same fault.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let command = |found: &Self| found.after.split(' ').next().map(str::to_owned);
        self.kind == other.kind && self.is_note == other.is_note && command(self) == command(other)
    }
}
