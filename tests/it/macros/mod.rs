//! Macros: MACRO in a session, and the store.

#[cfg(all(feature = "std", not(miri)))]
mod defaults;
mod sessions;
#[cfg(feature = "alloc")]
mod store;
