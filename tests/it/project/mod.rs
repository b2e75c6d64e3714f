//! The repository: its notes, its manifest.

#[cfg(all(feature = "std", not(miri)))]
mod aliases;
#[cfg(not(miri))]
mod package;
mod spec_notes;
