//! A Rust implementation of Milter, the protocol in which mail servers such as Sendmail and Postfix ask filters about
//! each message.
//!
//! It covers both sides, the filter's and the mail server's (MTA). It does no I/O, reads no clock, allocates nothing unless
//! asked to, and runs on `core` alone.
//!
//! # A filter
//!
//! This function serves one connection: it refuses one recipient, and adds a header to every message.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Actions, Assembler, Command, Edit, ReplyText, Text, Verdict};
//!
//! /// When it returns, even with an error, the caller writes what is left in `out`.
//! fn serve(stream: &mut (impl Read + Write), out: &mut Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//!     let options = Options::new([CommandKind::RcptTo]).require(Actions::ADD_HEADERS);
//!     let (mut session, mut assembler) = (FilterSession::new(), Assembler::new(Vec::new()));
//!     let is_nobody = |to: &str| to.trim_matches(['<', '>']).eq_ignore_ascii_case("nobody@example.org");
//!     let mut buffer = vec![0; 65_536];
//!     while session.turn() != Turn::Closed {
//!         stream.write_all(out.drain(..).as_slice())?;
//!         let count = stream.read(&mut buffer)?;
//!         if count == 0 {
//!             return Err("the MTA closed the connection without QUIT".into());
//!         }
//!         let mut input = &buffer[..count];
//!         while let Some(event) = session.next_event(&mut assembler, &mut input)? {
//!             let verdict = match event.command {
//!                 Command::RcptTo { address, .. } if address.to_str().is_ok_and(is_nobody) => {
//!                     Verdict::Reply(ReplyText::parse(b"550 5.1.1 no such user")?)
//!                 }
//!                 _ => Verdict::Continue,
//!             };
//!             if session.may_edit(Actions::ADD_HEADERS) {
//!                 let (name, value) = (Text::new(b"X-Seen")?, Text::new(b"yes")?);
//!                 session.send(Edit::AddHeader { name, value })?.append_to(out);
//!             }
//!             match session.turn() {
//!                 Turn::Reply(CommandKind::Negotiate) => session.negotiate(&options)?.frame.append_to(out),
//!                 Turn::Reply(_) => session.send(verdict)?.append_to(out),
//!                 _ => {}
//!             }
//!         }
//!     }
//!     Ok(())
//! }
//! #
//! # struct Mta<'a> { sends: &'a [u8], received: Vec<u8> }
//! # impl Read for Mta<'_> {
//! #     fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> { self.sends.read(&mut buffer[..3]) }
//! # }
//! # impl Write for Mta<'_> {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { self.received.write(bytes) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # let offer = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff".as_slice();
//! # let rest = b"\0\0\0\x16R<nobody@example.org>\0\0\0\0\x07R<a@b>\0\0\0\0\x01E";
//! # let (polite, cut) = ([offer, rest, b"\0\0\0\x01Q"].concat(), [offer, rest].concat());
//! # let mut mta = Mta { sends: &polite, received: Vec::new() };
//! # let mut out = Vec::new();
//! # serve(&mut mta, &mut out)?;
//! # let replies = b"\0\0\0\x18y550 5.1.1 no such user\0\0\0\0\x01c\0\0\0\x0chX-Seen\0yes\0\0\0\0\x01c";
//! # assert!(out.is_empty() && mta.received.ends_with(replies), "{}", mta.received.escape_ascii());
//! # mta = Mta { sends: &cut, received: Vec::new() };
//! # assert!(serve(&mut mta, &mut out).is_err() && mta.received.ends_with(replies));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With a listener, a thread for each connection and timeouts, that is the example `minimal_filter`, a program of less than
//! seventy lines. `minimal_mta` is the other side. [`MtaSession`] and the [`guide`] explain both.
//!
//! Whatever the runtime, a session is used in three steps:
//!
//! 1. Give `next_event` the bytes of a read, until it returns `None`.
//! 2. For each event, `turn` tells whether a reply is outstanding. If so, create it with `send`, and keep the frame.
//! 3. When it is the peer's turn, write all frames at once, and read again.
//!
//! There are three kinds of errors. A [`Misuse`] is a mistake of the caller; the session has not changed. A [`Violation`] is
//! a mistake of the peer, and ends the connection, as does a [`FrameError`](wire::FrameError): the stream cannot be divided
//! into frames.
//!
//! # Modules and types
//!
//! * [`FilterSession`] and [`MtaSession`]: the two roles, as state machines that turn bytes into events and replies or commands
//!   into frames. [`Monitor`] observes both directions of a connection and checks them.
//! * [`filter`] and [`mta`]: the types that each session uses: options, events, turns, policies.
//! * [`order`]: which command may follow which, and the effect of each verdict. All three follow these rules.
//! * [`macros`]: stores the macros of a connection for a filter, and selects the requested ones for an MTA.
//! * [`message`], with the feature `alloc`: a message, what the edits of a filter make of it in Postfix and in Sendmail, and
//!   [`message::Chain`], with which an MTA asks several filters in a row.
//! * [`guide`]: a [tutorial](guide::tutorial), and a page for each task.
//! * [`wire`]: frames and their content: [`wire::Assembler`], [`wire::Command`], [`wire::Response`].
//! * [`negotiation`] and [`error`]: the result of a negotiation, and the errors of the sessions.
//! * [`transcript`]: frames as lines of text, for logs, tests and bug reports.
//! * [`Limits`], [`Timeouts`]: how much memory a peer can make the crate use, and how long real programs wait.
//! * `testing`: generators of values for tests, with the features `arbitrary` and `proptest`.
//!
//! # The order of commands
//!
//! One connection carries any number of messages. Its stages are named after the last command, and the arrows are the
//! commands that a mail server may send next:
//!
//! <div>
#![doc = include_str!("order/life.svg")]
//! </div>
//!
//! Commands that were declined in the negotiation are left out. By default, a filter also accepts commands that are out of
//! order, and answers them, because an SMTP client can make a mail server send them.
//!
//! A filter answers commands with verdicts. What a verdict decides about depends on the command: ACCEPT in reply to RCPT
//! accepts the whole message, and REJECT refuses only this recipient.
//!
//! <div>
#![doc = include_str!("order/verdicts.svg")]
//! </div>
//!
//! [`order`] explains both pictures, and has their content as tables and as data.
//!
//! # Frames without a session
//!
//! Programs that check the order themselves, or break it on purpose, use [`wire`] without a session. For a filter:
//!
//! ```
//! use milter_proto::wire::{Assembler, Command, Response, Verdict};
//!
//! let mut assembler = Assembler::new(Vec::new());
//! let mut out = Vec::new();
//! // The result of a read: a HELO, and the beginning of the next command.
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
//! For a mail server:
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
//! | none | everything else, in memory that the caller provides | |
//! | `alloc` | storage in `Vec`, owned values and builders, `message`, the transcript reader | an allocator |
//! | `std` (default) | `OutgoingFrame::io_slices`, `wire::fill_chunk` | std |
//! | `arbitrary` | `Arbitrary` for every value of [`wire`] | the arbitrary crate |
//! | `proptest` | proptest strategies for every value of [`wire`] | the proptest crate |
//! | `conformance` | `conformance`: scenarios that test other implementations | an allocator |
//!
//! # Minimum supported Rust version
//!
//! 1.85. Raising it is a minor release.
//!
#![cfg_attr(feature = "alloc", doc = "[`message::Chain`]: message::Chain")]
#![cfg_attr(not(feature = "alloc"), doc = "[`message`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`message::Chain`]: crate#features")]
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Nothing here panics, and no exception can be made. `tests/proofs` checks it in the compiled code.
// So lengths are added with `saturating_add` even where they cannot overflow: it needs no branch for an error.
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

#[cfg(feature = "conformance")]
pub mod conformance;
mod debug;
pub mod error;
pub mod filter;
pub mod guide;
mod limits;
pub mod macros;
#[cfg(feature = "alloc")]
pub mod message;
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
