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
//! # The life of a connection
//!
//! The picture shows the strict law, when no command was declined. A [`Stage`] is named after the last command, and the
//! arrows are the commands that may follow. A stage whose command was declined is passed over.
//!
//! <div>
#![doc = include_str!("life.svg")]
//! </div>
//!
//! A shaded area stands for all stages in it: ABORT leads from each stage of a message back to `Greeted`. UNKNOWN, MACRO, and
//! ABORT outside a message do not change the stage, and have no arrows.
//!
//! # Where the three laws differ
//!
//! The robust law accepts every command at every stage, in order or not. libmilter ignores many of them: a mail server that
//! expects a reply then waits until its timeout.
//!
//! <div>
#![doc = include_str!("laws.svg")]
//! </div>
//!
//! # What a verdict decides about
//!
//! A verdict answers one command. What it accepts, refuses or discards depends on that command: [`Effect`].
//!
//! <div>
#![doc = include_str!("verdicts.svg")]
//! </div>
//!
//! CONTINUE in reply to BODYEOB accepts the message, as ACCEPT does. Where a verdict is not defined, mail servers differ, and
//! a filter must not send it. Where a place is empty, the verdict is not a reply to the command. SHUTDOWN ends the whole
//! connection; Postfix understands it, but sessions of this crate do not send it.
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
