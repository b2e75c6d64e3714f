//! The program, as it is run.

#![cfg(unix)]

mod baseline;
mod filter;
mod formats;
mod mail_server;
mod mta;
mod package;
mod profile;
mod program;
mod status;
