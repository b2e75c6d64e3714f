//! The scenarios of `conformance`, against programs in memory: sound ones, and deliberately broken ones.

mod filter;
mod mta;
#[cfg(feature = "proptest")]
mod sessions;
mod shown;
