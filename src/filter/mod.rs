//! The filter's side: options, events, turns, policies.
//!
//! [`FilterSession`](crate::FilterSession) receives commands and sends replies; this module has the types that it uses.
#![expect(clippy::wildcard_enum_match_arm, reason = "tables name every case, code names those that differ")]

pub(crate) mod event;
mod options;
mod policy;
mod receive;
mod send;
pub(crate) mod session;

#[cfg(feature = "alloc")]
pub use event::EventBuf;
pub use event::{Ending, Event, NegotiationSent, Turn, VerdictSent};
pub use options::{Options, Support};
pub use policy::{Policy, Receiving, Sending};
