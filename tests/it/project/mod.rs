//! The repository: its notes, its manifest.

#[cfg(all(feature = "std", not(miri)))]
mod aliases;
#[cfg(all(feature = "std", not(miri)))]
mod milter_json;
#[cfg(all(feature = "std", not(miri)))]
mod modules;
#[cfg(all(feature = "std", not(miri)))]
mod notes;
#[cfg(not(miri))]
mod package;
mod spec_notes;
