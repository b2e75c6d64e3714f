//! What a filter and an MTA on bare metal would do, with nothing but memory of their own, and the example
//! for them: `filter_embedded`.
//!
//! The library crate forbids unsafe code. These programs cannot: without the C library somebody has to
//! be the first function of a process and to make its last system call. Both are in [`program`], in
//! assembly, and nothing else here is unsafe.
#![no_std]

#[path = "../../../examples/filter_embedded/adapter.rs"]
mod adapter;
mod checks;
mod embedded;
mod sessions;
pub mod start;

pub use checks::{Failed, address, meaning, transcript};
pub use embedded::embedded;
pub use sessions::{both, filter};
