//! The repository: its documents, its manifest.

#[cfg(all(feature = "std", not(miri)))]
mod aliases;
#[cfg(all(feature = "std", not(miri)))]
mod documents;
#[cfg(all(feature = "std", not(miri)))]
mod milter_json;
#[cfg(all(feature = "std", not(miri)))]
mod modules;
#[cfg(all(feature = "std", not(miri)))]
mod notes;
#[cfg(not(miri))]
mod package;
#[cfg(all(feature = "std", not(miri)))]
mod rules;
#[cfg(all(feature = "std", not(miri)))]
mod spec_notes;
