//! Measures milter-proto beside other implementations of the Milter protocol. README.md says how.

pub mod codecs;
pub mod measure;
pub mod mta;
pub mod process;
pub mod report;
pub mod server;
pub mod servers;
pub mod workload;
