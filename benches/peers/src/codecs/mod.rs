//! Codecs in memory: the same streams through each of them, in one process.

mod baselines;
mod cases;
mod indy;
mod miltr;
mod ours;

use std::fmt;
use std::str::FromStr;

pub use cases::{Case, Task, cases};

/// Who decodes or encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Copies the stream once, and does nothing else.
    Copy,
    /// Finds where frames end, and does nothing else.
    Frames,
    /// milter-proto.
    Ours,
    /// miltr-common.
    Miltr,
    /// indymilter.
    Indymilter,
}

/// Works through a case once, and says how many frames that were.
pub trait Codec {
    /// `None` where it cannot.
    fn run(&mut self, case: &Case) -> Option<usize>;
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Copy, Self::Frames, Self::Ours, Self::Miltr, Self::Indymilter];

    /// A codec with buffers of its own.
    pub fn codec(self) -> Box<dyn Codec> {
        match self {
            Self::Copy => Box::new(baselines::Copy::default()),
            Self::Frames => Box::new(baselines::Frames::default()),
            Self::Ours => Box::new(ours::Ours::default()),
            Self::Miltr => Box::new(miltr::Miltr::default()),
            Self::Indymilter => Box::new(indy::Indymilter::default()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Frames => "frames",
            Self::Ours => "milter-proto",
            Self::Miltr => "miltr",
            Self::Indymilter => "indymilter",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|subject| subject.name() == name).ok_or_else(|| format!("there is no subject {name:?}"))
    }
}
