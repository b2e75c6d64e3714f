//! The bodies of the fuzz targets: each takes any bytes and panics if the library breaks a law.
//!
//! They are plain functions, so that the committed corpus runs as an ordinary test on stable, without
//! libFuzzer:
//!
//! ```text
//! cargo test --manifest-path fuzz/Cargo.toml --no-default-features
//! ```
//!
//! `fuzz/run` fuzzes, and FUZZING.md says what each target asserts and how far it has come.

mod assembler;
mod chunking;
mod libmilter;
mod meaning;
mod pair;
mod robust;
mod roundtrip;
mod scripts;
mod sessions;
mod transcript;

pub use assembler::assembler;
pub use chunking::chunking;
pub use libmilter::libmilter;
pub use meaning::{command, response};
pub use pair::pair;
pub use roundtrip::roundtrip;
pub use sessions::{filter_session, monitor, mta_session};
pub use transcript::transcript;

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and the name of its corpus.
    pub name: &'static str,
    /// Its body.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 11] = [
    Target { name: "assembler", run: assembler },
    Target { name: "chunking", run: chunking },
    Target { name: "command", run: command },
    Target { name: "filter_session", run: filter_session },
    Target { name: "libmilter", run: libmilter },
    Target { name: "monitor", run: monitor },
    Target { name: "mta_session", run: mta_session },
    Target { name: "pair", run: pair },
    Target { name: "response", run: response },
    Target { name: "roundtrip", run: roundtrip },
    Target { name: "transcript", run: transcript },
];
