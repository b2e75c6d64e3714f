//! Several filters in a row.

mod failures;
mod filters;
mod play;
mod random;
mod recorded;
mod talk;
mod walks;
