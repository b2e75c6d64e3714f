//! Macros: MACRO in a session, and the store.

mod sessions;
#[cfg(feature = "alloc")]
mod store;
