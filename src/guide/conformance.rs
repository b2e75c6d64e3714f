//! Testing your implementation: run the scenarios of this crate against it, whatever it is written in.
//!
//! A scenario says what an MTA or a filter sends, and what the other side has to do. Each names the rules of SPEC_NOTES.md
//! that it tests. There are several hundred for filters, and several hundred for MTAs. CONFORMANCE.md shows what programs
//! and libraries in use make of them.
//!
//! # A program, in any language
//!
//! The program `milter-check` runs the scenarios over sockets. This is the whole CI job of a filter:
//!
//! ```sh
//! cargo install milter-check
//! ./my-filter --listen 8891 &
//! milter-check filter inet:8891@127.0.0.1 --format junit=report.xml --format html=report.html
//! ```
//!
//! For an MTA, `milter-check` is the filter, and also the SMTP client that makes the MTA use it:
//!
//! ```sh
//! milter-check mta --listen inet:8891@127.0.0.1 --smtp 127.0.0.1:25 --sink 127.0.0.1:2500
//! ```
//!
//! Configure the MTA to use the filter at `--listen`, and to deliver mail by SMTP to `--sink`, so that edits can be checked.
//!
//! The exit status is 0 if no scenario of level `must` fails. What you know and cannot repair yet goes into a file:
//! `--write-baseline known.txt` writes it, and with `--baseline known.txt` only what is new counts, and what has begun to
//! pass. `--list` shows all scenarios, `--only filter/order` runs a part of them, and `milter-check fuzz` plays random
//! sessions.
//!
//! # A Rust library, in memory
//!
//! With `milter-proto = { version = "0.1", features = ["conformance"] }` in the dev-dependencies. `MyFilter` stands for your
//! filter: `answer` takes what the MTA has sent, appends what the filter sends, and says whether the connection stays open.
//!
#![cfg_attr(feature = "conformance", doc = "```")]
#![cfg_attr(not(feature = "conformance"), doc = "```ignore")]
//! use core::ops::ControlFlow;
//! use milter_proto::conformance::{FilterRun, Level, Verdict, filter, filter_scenarios};
//! # use milter_proto::{FilterSession, filter::{Options, Turn}, order::CommandKind, wire::{self, Assembler}};
//! # struct MyFilter(FilterSession, Assembler<Vec<u8>>);
//! # impl MyFilter {
//! #     fn new() -> Self { Self(FilterSession::new(), Assembler::new(Vec::new())) }
//! #     fn answer(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> bool {
//! #         if bytes.is_empty() {
//! #             return false;
//! #         }
//! #         while let Ok(Some(_)) = self.0.next_event(&mut self.1, &mut bytes) {
//! #             match self.0.turn() {
//! #                 Turn::Reply(CommandKind::Negotiate) => match self.0.negotiate(&Options::all_commands()) {
//! #                     Ok(sent) => sent.frame.append_to(out),
//! #                     Err(_) => return false,
//! #                 },
//! #                 Turn::Reply(_) => self.0.send(wire::Verdict::Continue).unwrap().append_to(out),
//! #                 _ => {}
//! #             }
//! #         }
//! #         self.0.turn() != Turn::Closed
//! #     }
//! # }
//!
//! // In your library: #[test]
//! fn my_filter_conforms() {
//!     let profile = filter::Profile::default();
//!     for scenario in filter_scenarios().unwrap() {
//!         let mut run = FilterRun::new(&scenario, &profile);
//!         let outcome = run.in_memory(|| {
//!             let mut filter = MyFilter::new(); // one for each connection
//!             // It gets no bytes when the MTA has closed its side.
//!             move |bytes: &[u8], out: &mut Vec<u8>| match filter.answer(bytes, out) {
//!                 true => ControlFlow::Continue(()),
//!                 false => ControlFlow::Break(()), // it closes the connection
//!             }
//!         });
//!         let fails = outcome.verdict == Verdict::Fail && scenario.level == Level::Must;
//!         assert!(!fails, "{run}"); // the transcript, what was expected, and what came
//!     }
//! }
//! # my_filter_conforms();
//! ```
//!
//! The message of a test that fails shows the bytes up to the failure:
//!
//! ```text
//! filter/mine/helo (must, ORD-34): HELO gets one reply
//!   # connected
//! = > OPTNEG 6 0x1ff 0x1fffff
//!   > OPTNEG 6 0x1ff 0x1fffff
//! = < OPTNEG
//!   < OPTNEG 6 0x0 0x0
//! = > HELO "mx.example"
//!   > HELO "mx.example"
//! = < reply
//!   # the filter closed the connection
//! fail
//!   expected: the reply to HELO
//!   got: the filter closed the connection
//! ```
//!
//! A line that begins with `=` is a step of the scenario. Below it are the frames that it led to.
//!
//! Over a transport of your own, drive the run yourself: [`FilterRun::advance`] tells what to do as an [`Action`], and is
//! told what happened as an [`Input`]. [`MtaRun`] does the same for an MTA, and also tells what the SMTP client does.
//!
//! # The profile
//!
//! A conformance test must not assume what your filter does with mail. The [`Profile`] tells it:
//!
//! * a client and a message that your filter lets pass. If it refuses unknown clients, name one that it knows.
//! * messages for which it does something else, by name: `edit` gets an edit, `replace-body` a new body, `reject` is refused,
//!   and `macro` gets an edit that shows the value of the macro `i`. Scenarios that need a message which the profile does not
//!   have are skipped, and the report says so.
//!
//! For `milter-check` it is a TOML file, which the program's README explains.
//!
//! # What the results mean
//!
//! | result | meaning |
//! | --- | --- |
//! | pass | as the rule says |
//! | non-strict | not what the rule asks for, but it harms nobody |
//! | fail | the rule is broken |
//! | skipped | the scenario does not apply: the filter declined a command, or the profile lacks a message |
//!
//! A scenario of level `must` is one without which real peers fail, hang, or mistreat mail. `should` is advice, and `info`
//! records a fact.
//!
//! # Scenarios of your own
//!
//! A scenario is a few lines of text. Regression tests of a program are written in the same way, and `milter-check
//! --scenarios FILE` runs them:
//!
//! ```text
//! [filter/mine/empty-sender] must CMD-5
//! The null sender is answered
//! reach greeted
//! > MAIL "<>"
//! < reply
//! message
//! ```
//!
//! The documentation of the module `conformance` explains the notation.
//!
#![cfg_attr(feature = "conformance", doc = "[`FilterRun::advance`]: crate::conformance::FilterRun::advance")]
#![cfg_attr(feature = "conformance", doc = "[`MtaRun`]: crate::conformance::MtaRun")]
#![cfg_attr(feature = "conformance", doc = "[`Action`]: crate::conformance::Action")]
#![cfg_attr(feature = "conformance", doc = "[`Input`]: crate::conformance::Input")]
#![cfg_attr(feature = "conformance", doc = "[`Profile`]: crate::conformance::filter::Profile")]
#![cfg_attr(not(feature = "conformance"), doc = "[`FilterRun::advance`]: crate#features")]
#![cfg_attr(not(feature = "conformance"), doc = "[`MtaRun`]: crate#features")]
#![cfg_attr(not(feature = "conformance"), doc = "[`Action`]: crate#features")]
#![cfg_attr(not(feature = "conformance"), doc = "[`Input`]: crate#features")]
#![cfg_attr(not(feature = "conformance"), doc = "[`Profile`]: crate#features")]
