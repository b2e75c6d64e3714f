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

#[cfg(feature = "arbitrary")]
mod arbitrary;
mod scenario;
mod session;
#[cfg(feature = "proptest")]
pub mod strategies;

pub use session::{Misbehaviour, Session};
