//! Messages and what edits do to them.

mod captures;
mod chain;
mod inspection;
mod model;
mod properties;
mod recorded;
mod rules;
mod shown;
mod texts;

pub(crate) use chain::{Recorded, order, recorded, words};
