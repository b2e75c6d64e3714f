//! The program, as it is run.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::string_slice, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the case that it means")]
#![allow(clippy::std_instead_of_alloc, reason = "a test has std")]

mod arguments;
mod baseline;
mod filter;
mod first_session;
mod formats;
mod mail_server;
mod mta;
mod outputs;
mod package;
mod profile;
mod program;
mod status;
mod stopped;
