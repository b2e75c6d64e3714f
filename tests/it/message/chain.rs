//! Several filters in a row.

mod failures;
mod filters;
mod play;
mod random;
mod recorded;
mod talk;
mod walks;

pub(crate) use recorded::{Recorded, order, recorded, words};
