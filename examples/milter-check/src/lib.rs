//! `milter-check` tests filters and mail servers that speak the Milter protocol, over a socket.
//!
//! The scenarios, and the machines that run them, are those of
//! [`milter_proto::conformance`]. This package connects them to sockets, runs many of them, and reports what came of it.
//! It is a program: the library has no other purpose than to be shared by its binary and its example. The README says
//! how to use it.

#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "enums of the library may get more variants")]

mod baseline;
mod bench;
mod cli;
mod filter;
mod fuzz;
mod mta;
mod near;
mod outputs;
mod program;
mod report;
mod results;
mod rules;
mod schedule;
mod select;
mod signals;
#[expect(dead_code, reason = "it is shared with other programs, and not all of it is used here")]
mod spec;
mod toml_file;
mod transcript;

use std::process::ExitCode;

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    program::main()
}
