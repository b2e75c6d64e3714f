//! Scenarios that test other implementations of the protocol, filters and MTAs, without I/O.
//!
//! A [`Scenario`] has a stable id, the rules of SPEC_NOTES.md that it tests, and steps. It is data: a few lines of text in
//! the notation of [`transcript`](crate::transcript). [`filter_scenarios`] and [`mta_scenarios`] return those of this
//! crate; [`Scenario::read_all`] reads your own.
//!
//! A [`FilterRun`] plays the MTA in one scenario, for a filter under test. An [`MtaRun`] plays the filter, and tells what
//! the SMTP client has to do, for an MTA under test. Both say what to do next as an [`Action`], and are told what happened
//! as an [`Input`], so they run over any transport, or in memory. The program `milter-check` runs them over sockets.
//!
//! # The notation
//!
//! ```text
//! # A line that begins with # is a comment.
//! [filter/framing/zero-length-at-{stage}] must FRM-3
//! A frame of length 0 ends the connection
//! each stage: start | negotiated | mail
//! reach {stage}
//! >> 00000000
//! < close
//! alive
//! ```
//!
//! A scenario begins with its id, its [`Level`] and the rules that it tests. The next line is the title. `each` makes one
//! scenario of every value: `{stage}` stands for the value. With `each command: helo = HELO "a" | data = DATA`, the id and
//! the title get the name before `=`, and the steps get what follows it. In the title, blanks replace the hyphens of the name. Several `each` make every combination.
//!
//! The remaining lines are steps: see [`filter`] for those of a filter under test, and [`mta`] for those of an MTA.

mod action;
mod display;
mod fault;
pub mod filter;
mod memory;
pub mod mta;
mod outcome;
mod read;
mod scenario;
mod tokens;

pub use action::{Action, ClientAction, Delivery, Input, Patience};
pub use fault::{ScenarioError, ScenarioFault};
pub use filter::{FilterRun, filter_scenarios};
pub use mta::{MtaRun, mta_scenarios};
pub use outcome::{Event, Mismatch, Outcome, Verdict};
pub use scenario::{Level, Role, Scenario, Step};
