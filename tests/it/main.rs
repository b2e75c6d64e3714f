//! The tests, as one program: `cargo test --test it`. A module is a subject: `cargo test --test it order::skip`.
//!
//! Memory is counted for each thread alone (`memory`), so that the tests can run beside each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the case that it means")]
#![allow(clippy::std_instead_of_alloc, reason = "a test has std")]
#![allow(clippy::type_complexity, reason = "a table is read by its rows")]
#![cfg_attr(
    not(feature = "std"),
    allow(dead_code, reason = "some of the support is for tests that need std")
)]

#[cfg(all(feature = "std", not(miri)))]
mod captures;
#[cfg(all(feature = "conformance", feature = "std", not(miri)))]
mod conformance;
#[cfg(all(feature = "std", not(miri)))]
mod examples;
mod filter;
#[cfg(all(feature = "arbitrary", feature = "proptest"))]
mod generators;
mod macros;
mod memory;
#[cfg(all(feature = "std", not(miri)))]
mod message;
#[cfg(feature = "alloc")]
mod monitor;
mod mta;
mod negotiation;
mod order;
#[cfg(all(feature = "std", not(miri)))]
mod owned;
mod pictures;
mod project;
#[cfg(feature = "std")]
mod pull;
mod support;
#[cfg(feature = "alloc")]
mod text_safety;
#[cfg(feature = "alloc")]
mod transcript;
mod wire;
