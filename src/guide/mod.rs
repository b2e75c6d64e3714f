//! How to use the crate, one page for each task.
//!
//! | page | for whom |
//! | --- | --- |
//! | [`tutorial`] | you write your first filter |
//! | [`filter`] | you write a filter for production: order, aborts, flushing, timeouts, stopping, traps |
//! | [`mta`] | you write a mail server, or a program that asks filters |
//! | [`tasks`] | you use async tasks, worker threads, or separate tasks for reading and writing |
//! | [`no_alloc`] | you have no allocator, or want to know where every byte lies |
//! | [`from_libmilter`] | you know libmilter's `smfi_*` and `xxfi_*` names |
//! | [`testing`] | you test what you built |
//! | [`conformance`] | you test it with the scenarios of this crate, in any language |
//!
//! # What the crate does, and what you do
//!
//! The crate is *sans-IO*: it turns bytes into values and values into bytes, and knows which frame may follow which. Your code
//! reads, writes, waits, and closes connections. A connection consists of four values:
//!
//! | value | what it does |
//! | --- | --- |
//! | [`FilterSession`] or [`MtaSession`] | keeps the order of one connection |
//! | [`Assembler`] | keeps the first part of a frame that was cut by a read |
//! | your read buffer | holds what the last read returned |
//! | your write buffer | collects the frames of the next write |
//!
//! They are separate on purpose. An event borrows from the assembler or from the read buffer, but never from the session, so you
//! can answer an event while you still look at it, and the answer may borrow from it.
//!
//! The examples `minimal_filter` and `minimal_mta` are complete programs in one file each. `filter_blocking`, `filter_tokio`,
//! `filter_smol`, `filter_embedded`, `mta_blocking` and `mta_tokio` show what production needs.
#![expect(unused_imports, reason = "the pages link to them")]

pub mod conformance;
pub mod filter;
pub mod from_libmilter;
pub mod mta;
pub mod no_alloc;
pub mod tasks;
pub mod testing;
pub mod tutorial;

use crate::wire::Assembler;
use crate::{FilterSession, MtaSession};
