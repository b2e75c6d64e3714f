//! Order: who may say what, and when. Knows no bytes.
//!
//! [`FilterSession`] and [`MtaSession`] are the two sides of one law, and [`Monitor`] is a third party
//! that judges both. All three are plain values of at most 64 bytes: they hold no buffer, do no I/O and
//! know no clock, so they can be kept, copied, compared, sent to another thread, and asked what they
//! would do.
//!
//! A side is driven in three moves, whatever the runtime:
//!
//! 1. give `next_event` the bytes that were read, until it says `None`;
//! 2. answer with `send`, and keep what it returns for the next write;
//! 3. when `turn` says that it is the peer's turn, write everything in one go and read.
//!
//! [`FilterSession::wait`] and [`MtaSession::wait`] name the wait that runs meanwhile, [`Timeouts`] how
//! long real programs let it run. [`answer`] and [`accept`] are the negotiation as pure functions.
//! [`MacroStore`] and [`MacroSchedule`] keep macros on the one side and choose them on the other.
//!
//! Three kinds of errors say whose fault it is: a [`Misuse`] is ours, and changes nothing; a
//! [`Violation`] is the peer's, and ends the connection; a [`FrameError`](crate::wire::FrameError) is
//! the stream's.
//!
#![doc = include_str!("law.md")]
#![expect(clippy::wildcard_enum_match_arm, reason = "tables name every case, code names those that differ")]

mod content;
mod conversation;
mod error;
mod filter;
mod macro_store;
mod monitor;
mod mta;
mod mta_replies;
mod negotiation;
mod policy;
mod reaction;
mod schedule;
mod stage;
mod tables;
mod timing;

pub use conversation::{Effect, Passage};
pub use error::{Detail, Misuse, Place, ReceiveError, Rule, Violation};
pub use filter::{Ending, Event, FilterSession, FilterTurn};
pub use macro_store::{MacroStore, MacroStoreFull, Memory};
pub use monitor::{Meaning, Monitor, Sighting};
pub use mta::MtaSession;
pub use negotiation::{Agreed, Decision, Fate, Refusal, Want, Wishes, accept, answer};
pub use policy::Policy;
pub use reaction::{MtaEnding, MtaTurn, Reaction, Scope, Sent, Standing, Why};
pub use schedule::MacroSchedule;
pub use stage::{CommandKind, Stage};
pub use tables::{Switch, Transition, switches, transitions, verdicts};
pub use timing::{Timeouts, Wait};
