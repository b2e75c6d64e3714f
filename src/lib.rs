//! The Milter protocol, and nothing else: frames, their meaning, their order, and their text form.
//!
//! Milter is how mail servers (Sendmail, Postfix and others) ask filters about every message. This
//! crate reads and writes it for both sides. It does no I/O, knows no clock, allocates nothing
//! unless asked to, and runs on `core` alone.
//!
//! # What is where
//!
//! * [`FilterSession`] and [`MtaSession`]: the two roles, as state machines that consume bytes and give events and frames;
//!   each has an example. [`Monitor`] listens to both directions and judges them.
//! * [`filter`] and [`mta`]: what each session takes and gives: options, events, turns, policies.
//! * [`order`]: the law that all three follow, in full: which command may follow which, and what each verdict does.
//! * [`macros`]: the macros of a connection, kept by the filter, chosen by the MTA.
//! * [`guide`]: how to wrap it in your runtime, step by step.
//! * [`wire`]: bytes and their meaning, for programs that keep the order themselves or break it on purpose:
//!   [`wire::Assembler`], [`wire::Command`], [`wire::Response`].
//! * [`transcript`]: frames as lines of text, for logs, tests and bug reports.
//! * [`Limits`], [`Timeouts`]: how much memory a peer can make us use, and how long real programs wait.
//! * `testing`: values to test with, under the features `arbitrary` and `proptest`.
//!
//! A session is driven in three moves, whatever the runtime:
//!
//! 1. give `next_event` the bytes that were read, until it returns `None`;
//! 2. answer with `send`, and keep what it returns for the next write;
//! 3. when `turn` says that it is the peer's turn, write everything at once and read.
//!
//! Errors say who is at fault: a [`Misuse`] is the caller's, and changes nothing; a [`Violation`] is the peer's, and ends
//! the connection; a [`FrameError`](wire::FrameError) is the stream's.
//!
//! # Bytes alone: the filter's side
//!
//! ```
//! use milter_proto::wire::{Assembler, Command, Response, Verdict};
//!
//! let mut assembler = Assembler::new(Vec::new());
//! let mut out = Vec::new();
//! // What a read gave: the end of a HELO, and the beginning of the next command.
//! let mut input: &[u8] = b"\0\0\0\x0cHmx.example\0\0\0\0\x20M";
//! while let Some(frame) = assembler.next_frame(&mut input)? {
//!     match Command::parse(frame)? {
//!         Command::Helo { name } if name == "localhost" => Response::from(Verdict::Reject),
//!         _ => Response::from(Verdict::Continue),
//!     }
//!     .encode()
//!     .append_to(&mut out);
//! }
//! assert_eq!(out, b"\0\0\0\x01c");
//! assert_eq!(assembler.pending(), 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Bytes alone: the MTA's side
//!
//! ```
//! use milter_proto::wire::{Assembler, Command, Response, Text, TextList, Verdict};
//!
//! let arguments = TextList::new(b"SIZE=10\0")?;
//! let mail = Command::MailFrom { address: Text::new(b"<a@b.c>")?, arguments };
//! let mut out = Vec::new();
//! mail.encode().append_to(&mut out);
//! assert_eq!(out, b"\0\0\0\x11M<a@b.c>\0SIZE=10\0");
//!
//! let mut assembler = Assembler::new([0; 4096]); // or memory of your own
//! let mut input: &[u8] = b"\0\0\0\x13y550 5.7.1 go away\0";
//! let frame = assembler.next_frame(&mut input)?;
//! if let Some(Response::Verdict(Verdict::Reply(reply))) = frame.map(Response::parse).transpose()? {
//!     assert_eq!(reply.code().number(), 550);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | what it adds | what it costs |
//! | --- | --- | --- |
//! | none | everything above, in storage of the caller | |
//! | `alloc` | `Vec` storage, owned values and builders, the transcript reader | an allocator |
//! | `std` (default) | `OutgoingFrame::io_slices`, `wire::fill_chunk` | std |
//! | `arbitrary` | `Arbitrary` for every value of the wire | the arbitrary crate |
//! | `proptest` | strategies for every value of the wire | the proptest crate |
//!
//! # Minimum supported Rust version
//!
//! 1.85. Raising it is a minor release.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// What may panic is not written, and no exception can be made. `tests/proofs` shows it of what is compiled.
#![forbid(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod debug;
pub mod error;
pub mod filter;
pub mod guide;
mod limits;
pub mod macros;
pub mod monitor;
pub mod mta;
pub mod negotiation;
pub mod order;
#[cfg(any(feature = "arbitrary", feature = "proptest"))]
pub mod testing;
mod timeouts;
pub mod transcript;
pub mod wire;

pub use error::{Misuse, NegotiateError, ReceiveError, Violation};
pub use filter::session::FilterSession;
pub use limits::Limits;
pub use monitor::Monitor;
pub use mta::session::MtaSession;
pub use timeouts::{Timeouts, Wait};

/// The examples of the README, compiled and run.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
mod readme {}
