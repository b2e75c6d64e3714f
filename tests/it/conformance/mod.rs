//! The scenarios, run against programs in memory: sound ones, and deliberately broken ones.

mod mta;
