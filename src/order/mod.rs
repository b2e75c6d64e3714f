//! The order of frames: which command may follow which, and the effect of each verdict, for both roles.
//!
//! The tables on this page are complete. There are three sets of rules, called laws:
//!
//! * The *strict* law is what a well-behaved MTA may send. [`MtaSession`](crate::MtaSession) sends by it, and
//!   [`Monitor`](crate::Monitor) and [`filter::Policy::STRICT`](crate::filter::Policy::STRICT) judge by it.
//! * The *robust* law has the same stages, but accepts every command at every stage: commands that the strict law
//!   refuses are marked as out of order, and answered.
//!   [`filter::Policy::DEFAULT`](crate::filter::Policy::DEFAULT) uses it.
//! * The law of *libmilter's* engine ignores commands that are out of order, without a reply.
//!   [`filter::Policy::LIBMILTER`](crate::filter::Policy::LIBMILTER) uses it.
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
