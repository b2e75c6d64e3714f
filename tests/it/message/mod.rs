//! Messages and what edits do to them.

mod recorded;
mod rules;
