//! Testing what you built, from a single decision to hostile bytes.
//!
//! # One decision
//!
//! Separate what your filter decides from the loop, and test it with [`Event::new`]. No session, no bytes:
//!
//! ```
//! use milter_proto::filter::Event;
//! use milter_proto::wire::{Command, Text, TextList, Verdict};
//!
//! fn decide(event: &Event<'_>) -> Verdict<'static> {
//!     match event.command {
//!         // The client chooses the case.
//!         Command::Helo { name } if name.eq_ignore_ascii_case("localhost") => Verdict::Reject,
//!         _ => Verdict::Continue,
//!     }
//! }
//!
//! let helo = |name| Event::new(Command::Helo { name: Text::from_c_str(name) });
//! assert_eq!(decide(&helo(c"LocalHost")), Verdict::Reject);
//! assert_eq!(decide(&helo(c"mx.example")), Verdict::Continue);
//! ```
//!
//! # Your loop, with an MTA in memory
//!
//! [`MtaSession`] is a complete MTA for tests; it knows what may be sent. Connect the two sides by two buffers:
//!
//! ```
//! use milter_proto::mta::{Event, Sent, Turn, VerdictKind};
//! use milter_proto::wire::{Assembler, Command, Offer, Peer, Text};
//! use milter_proto::{FilterSession, MtaSession};
//! # use milter_proto::{filter, order::CommandKind, wire::Verdict};
//! # fn answer(session: &mut FilterSession, assembler: &mut Assembler<Vec<u8>>, mut input: &[u8], out: &mut Vec<u8>) {
//! #     while let Some(event) = session.next_event(assembler, &mut input).unwrap() {
//! #         let is_local = matches!(event.command, Command::Helo { name } if name.eq_ignore_ascii_case("localhost"));
//! #         let verdict = if is_local { Verdict::Reject } else { Verdict::Continue };
//! #         match session.turn() {
//! #             filter::Turn::Reply(CommandKind::Negotiate) => {
//! #                 session.negotiate(&filter::Options::new([CommandKind::Helo])).unwrap().frame.append_to(out);
//! #             }
//! #             filter::Turn::Reply(_) => session.send(verdict).unwrap().append_to(out),
//! #             _ => {}
//! #         }
//! #     }
//! # }
//!
//! let (mut mta, mut replies) = (MtaSession::new(), Assembler::new(Vec::new()));
//! let (mut filter, mut commands) = (FilterSession::new(), Assembler::new(Vec::new()));
//! let mut verdicts = Vec::new();
//! let host = Text::from_c_str(c"LOCALHOST");
//! for command in [
//!     Command::Negotiate(Offer::FULL),
//!     Command::Connect { host, peer: Peer::Unknown },
//!     Command::Helo { name: host },
//! ] {
//!     let (mut to_filter, mut to_mta) = (Vec::new(), Vec::new());
//!     if let Sent::Frame(frame) = mta.send(command)? {
//!         frame.append_to(&mut to_filter);
//!     }
//!     for byte in to_filter {
//!         answer(&mut filter, &mut commands, &[byte], &mut to_mta); // one byte for each read
//!     }
//!     let mut input = &to_mta[..];
//!     while let Some(event) = mta.next_event(&mut replies, &mut input)? {
//!         if let Event::Verdict { verdict, .. } = event {
//!             verdicts.push(VerdictKind::from_verdict(&verdict));
//!         }
//!     }
//!     assert_eq!(mta.turn(), Turn::Send, "{command:?} was answered");
//! }
//! assert_eq!(verdicts, [VerdictKind::Reject]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! Give the stream in reads of one byte, of a few bytes, and all at once: the result must be the same. Test impolite clients
//! too, by events in an unusual order; [`order`](crate::order) says what is in order.
//!
//! # Both directions, judged
//!
//! A [`Monitor`] reads both directions of a connection, and names every rule that a frame breaks. Use it in tests of both
//! roles, and in a proxy:
//!
//! ```
//! use milter_proto::Monitor;
//! use milter_proto::order::Rule;
//! use milter_proto::wire::{Direction, Frame};
//!
//! let mut monitor = Monitor::new();
//! monitor.observe(Direction::ToFilter, Frame::new(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"));
//! monitor.observe(Direction::ToMta, Frame::new(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\x01"));
//! monitor.observe(Direction::ToFilter, Frame::new(b'H', b"mx.example\0"));
//! let early = monitor.observe(Direction::ToMta, Frame::new(b'h', b"X-Seen\0yes\0"));
//! assert!(early.violations().any(|rule| rule == Rule::EditTooEarly));
//! ```
//!
//! # Text instead of bytes
//!
//! A [`transcript`](crate::transcript) shows each frame as one line, and reads such lines back. That makes tests and bug
//! reports readable; [`Line::hiding_content`](crate::transcript::Line::hiding_content) leaves private mail out.
//!
//! ```
//! use milter_proto::transcript::Entry;
//!
//! let session = r#"
//! > HELO "mx.example"
//! < CONTINUE
//! > MAIL "<a@b.c>" "SIZE=10"
//! < REPLYCODE "450 4.7.1 later"
//! "#;
//! let mut bytes = Vec::new();
//! for line in session.trim().lines() {
//!     let entry: Entry = line.parse()?;
//!     assert_eq!(entry.to_string(), line);
//!     entry.frame.as_frame().encode().append_to(&mut bytes);
//! }
//! assert!(bytes.starts_with(b"\0\0\0\x0cHmx.example\0\0\0\0\x01c"));
//! # Ok::<(), milter_proto::transcript::ReadError>(())
//! ```
//!
//! # Random values
//!
//! With the feature `proptest` there are strategies for every value, and for streams cut at random; the feature
//! `arbitrary` does the same for fuzzers. Generated values are valid; `nearly_command` and `nearly_response` are almost so.
//!
#![cfg_attr(feature = "proptest", doc = "```")]
#![cfg_attr(not(feature = "proptest"), doc = "```ignore")]
//! use milter_proto::filter::Event;
//! use milter_proto::testing::strategies;
//! use milter_proto::wire::{Command, Verdict};
//! use proptest::test_runner::TestRunner;
//!
//! # fn decide(_: &Event<'_>) -> Verdict<'static> { Verdict::Continue }
//! TestRunner::default().run(&strategies::command(), |frame| {
//!     let command = Command::parse(frame.as_frame()).expect("a generated command is valid");
//!     let _ = decide(&Event::new(command)); // must not panic
//!     Ok(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Whole sessions
//!
//! `testing::Session` is what an MTA sends on one connection, and perhaps one thing that it does wrong. The strategies
//! `session` and `nearly_session` make them. A session that shows a bug is written as a scenario of
//! `conformance`, which you can keep in a file:
//!
#![cfg_attr(all(feature = "proptest", feature = "conformance"), doc = "```")]
#![cfg_attr(not(all(feature = "proptest", feature = "conformance")), doc = "```ignore")]
//! use core::ops::ControlFlow;
//! use milter_proto::conformance::{FilterRun, Scenario, Verdict, filter::Profile};
//! use milter_proto::testing::strategies::nearly_session;
//! use proptest::prelude::*;
//! use proptest::test_runner::TestRunner;
//!
//! # fn my_filter() -> impl FnMut(&[u8], &mut Vec<u8>) -> ControlFlow<()> { |_: &[u8], _: &mut Vec<u8>| ControlFlow::Break(()) }
//! let profile = Profile::default();
//! let found = TestRunner::deterministic().run(&nearly_session(), |session| {
//!     let text = session.to_scenario("mine");
//!     let scenario = &Scenario::read_all(&text)?[0];
//!     let outcome = FilterRun::new(scenario, &profile).in_memory(my_filter);
//!     prop_assert_ne!(outcome.verdict, Verdict::Fail, "{}", text);
//!     Ok(())
//! });
//! // This filter closes every connection at once. The shortest session that shows it is OPTNEG.
//! let text = found.expect_err("it answers nothing").to_string();
//! assert!(text.contains(">? OPTNEG 6 0x1ff 0x1fffff"), "{text}");
//! ```
//!
//! For a filter that listens on a socket, in any language, `milter-check fuzz filter SPEC` does the same, and finds out whether
//! the filter died.
//!
//! # Fuzzing
//!
//! A fuzz target gives any bytes to your loop, and the session takes care of the rest. It must not panic, and every reply has to
//! be allowed:
//!
//! ```
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Assembler, Verdict};
//!
//! fn fuzz(mut input: &[u8]) {
//!     let (mut session, mut assembler) = (FilterSession::new(), Assembler::new(Vec::new()));
//!     while let Ok(Some(_)) = session.next_event(&mut assembler, &mut input) {
//!         match session.turn() {
//!             // It fails if the fuzzer offers nothing.
//!             Turn::Reply(CommandKind::Negotiate) => match session.negotiate(&Options::all_commands()) {
//!                 Ok(_) => {}
//!                 Err(_) => return,
//!             },
//!             Turn::Reply(_) => drop(session.send(Verdict::Continue).expect("CONTINUE is always allowed")),
//!             _ => {}
//!         }
//!     }
//! }
//!
//! fuzz(b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x03Ha\0\0\0\0\x01!");
//! ```
//!
//! # Recorded sessions
//!
//! The folder `tests/captures` of the repository has recorded sessions of Sendmail, Postfix and many filters. Replay them
//! against your filter. The example `dump` explains such a recording frame by frame, and a recording of your own too.
#![expect(unused_imports, reason = "the page links to them")]

use crate::filter::Event;
use crate::{Monitor, MtaSession};
