//! Workloads, the loops that are measured over them, and the budgets that they must keep.
//!
//! README.md says how to run all of it.

pub mod budgets;
pub mod codec;
pub mod elf;
pub mod linear;
pub mod setup;
pub mod thumb;
pub mod workloads;
