//! Messages and what edits do to them.

mod inspection;
mod recorded;
mod rules;
