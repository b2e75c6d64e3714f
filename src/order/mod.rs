//! The law of order: which frame may follow which, for both roles.
//!
//! Everything that affects a transition is in one table, which this page shows in full. There are three laws:
//!
//! * The *strict* law is what a well-behaved MTA may send. [`MtaSession`](crate::MtaSession) sends by it, and
//!   [`Monitor`](crate::Monitor) and [`filter::Policy::STRICT`](crate::filter::Policy::STRICT) judge by it.
//! * The *robust* law has the same stages, but accepts every command at every stage: what the strict law would
//!   refuse is marked as out of order, and answered. [`filter::Policy::DEFAULT`](crate::filter::Policy::DEFAULT).
//! * *libmilter's* engine, to the letter: what is out of order is ignored without a reply.
//!   [`filter::Policy::LIBMILTER`](crate::filter::Policy::LIBMILTER).
//!
//! [`transitions`], [`verdicts`] and [`steps`] give the tables as data.
//!
#![doc = include_str!("law.md")]
#![expect(clippy::wildcard_enum_match_arm, reason = "tables name every case, code names those that differ")]

mod rows;
pub(crate) mod rules;
pub(crate) mod state;
pub(crate) mod table;

pub use rows::{Accepted, StepEffect, Transition, steps, transitions, verdicts};
pub use rules::Rule;
pub use table::{CommandKind, Effect, Stage};
