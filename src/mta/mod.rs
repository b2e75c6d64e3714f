//! The MTA's side: events, turns, outcomes of sending, policies.
//!
//! [`MtaSession`](crate::MtaSession) sends commands and receives replies; this module has the types that it uses.
#![expect(clippy::wildcard_enum_match_arm, reason = "tables name every case, code names those that differ")]

mod accept;
mod event;
mod policy;
mod receive;
mod send;
pub(crate) mod session;

pub use accept::accept;
#[cfg(feature = "alloc")]
pub use event::EventBuf;
pub use event::{EditStatus, Ending, Event, Scope, Sent, SkipReason, Turn, VerdictKind};
pub use policy::Policy;
