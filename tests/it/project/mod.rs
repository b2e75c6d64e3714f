//! The repository: its notes, its manifest.

#[cfg(not(miri))]
mod package;
mod spec_notes;
