//! The conversations that whole servers are measured with.

use std::fmt;
use std::str::FromStr;

use milter_proto_benches::workloads::{self, Script};

/// A conversation, and its name in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A typical session: 25 headers, a body of 40 KiB.
    Typical,
    /// A body of 10 MiB.
    LargeBody,
    /// 1000 headers, each with a reply.
    ManyHeaders,
    /// 1000 headers without replies.
    ManyHeadersNoReply,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Typical, Self::LargeBody, Self::ManyHeaders, Self::ManyHeadersNoReply];

    /// Both halves of it.
    pub fn script(self) -> Script {
        match self {
            Self::Typical => workloads::typical(),
            Self::LargeBody => workloads::large_body(),
            Self::ManyHeaders => workloads::many_headers(true),
            Self::ManyHeadersNoReply => workloads::many_headers(false),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Typical => "W1",
            Self::LargeBody => "W2",
            Self::ManyHeaders => "W3",
            Self::ManyHeadersNoReply => "W3nr",
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|workload| workload.name() == name).ok_or_else(|| format!("there is no workload {name:?}"))
    }
}
