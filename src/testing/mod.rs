//! Random values for tests, for fuzzers (feature `arbitrary`) and for proptest (feature `proptest`).
//!
//! Every generated command and response is valid: it can be sent, and parsing its encoded form returns it. Rare but legal
//! values occur, such as unknown bits and codes. There are separate strategies for frames that are *nearly* legal.
//!
//! # Feature `arbitrary`
//!
//! `Arbitrary` for every value of [`wire`](crate::wire), for [`Limits`](crate::Limits) and for
//! [`Entry`](crate::transcript::Entry). Borrowed values borrow from the fuzzer's own bytes.
#![cfg_attr(feature = "arbitrary", doc = "```")]
#![cfg_attr(not(feature = "arbitrary"), doc = "```ignore")]
//! use arbitrary::{Arbitrary, Unstructured};
//! use milter_proto::wire::{Command, Text};
//!
//! let mut bytes = Unstructured::new(b"<a@b.c>\0what follows the first NUL is not used");
//! let text = Text::arbitrary_take_rest(bytes)?;
//! # bytes = Unstructured::new(b"\x03mx");
//! let command = Command::arbitrary(&mut bytes)?;
//! println!("{text:?} {command:?}");
//! # Ok::<(), arbitrary::Error>(())
//! ```
//!
//! # Feature `proptest`
//!
#![cfg_attr(
    feature = "proptest",
    doc = "The module [`strategies`], and proptest's `Arbitrary` for all values"
)]
#![cfg_attr(
    not(feature = "proptest"),
    doc = "The module `strategies`, and proptest's `Arbitrary` for all values"
)]
//! that own what they hold.
//!
//! # Whole sessions
//!
//! A [`Session`] is what an MTA sends on one connection: commands in order, and perhaps one [`Misbehaviour`]. It can be played
//! as bytes, or be written as a scenario of the feature `conformance`, so that a finding can be kept and run again. The
//! strategy `session` makes legal sessions, and `nearly_session` those with a fault; `Arbitrary` makes both.
//!
//! `milter-check fuzz filter SPEC` plays them to a running filter.
//!
#![cfg_attr(feature = "proptest", doc = "```")]
#![cfg_attr(not(feature = "proptest"), doc = "```ignore")]
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::order::CommandKind;
//! use milter_proto::testing::strategies::session;
//! use milter_proto::wire::{Assembler, Verdict};
//! use proptest::prelude::*;
//!
//! // A sound filter takes a legal session to its end, under the strict policy, too.
//! proptest!(|(played in session())| {
//!     let mut filter = FilterSession::with_policy(milter_proto::filter::Policy::STRICT);
//!     let (mut assembler, bytes) = (Assembler::new(Vec::new()), played.to_bytes());
//!     let mut input = &bytes[..];
//!     while filter.next_event(&mut assembler, &mut input).expect(&played.to_scenario("refused")).is_some() {
//!         match filter.turn() {
//!             Turn::Reply(CommandKind::Negotiate) => drop(filter.negotiate(&Options::all_commands())?),
//!             Turn::Reply(_) => drop(filter.send(Verdict::Continue)?),
//!             _ => {}
//!         }
//!     }
//! });
//! ```

#[cfg(feature = "arbitrary")]
mod arbitrary;
mod scenario;
mod session;
#[cfg(feature = "proptest")]
pub mod strategies;

pub use session::{Misbehaviour, Session};
