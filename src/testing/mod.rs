//! Values to test with, valid by construction: for fuzzers (`arbitrary`) and for proptest (`proptest`).
//!
//! Every generated command and response can be sent: parsing what it encodes to gives it back. What is
//! legal but rare does occur, unknown bits and codes among it. Frames that are *nearly* legal are a
//! strategy of their own.
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
#[cfg(feature = "proptest")]
pub mod strategies;
