//! Messages and what edits do to them.

mod captures;
mod recorded;
mod rules;
mod shown;
