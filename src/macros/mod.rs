//! Macros: a store for filters, and the selection of macros for MTAs.
#![expect(clippy::wildcard_enum_match_arm, reason = "tables name every case, code names those that differ")]

mod defaults;
mod requests;
mod store;
#[cfg(feature = "alloc")]
mod values;

pub use defaults::MacroDefaults;
pub use requests::MacroRequests;
pub use store::{MacroStore, MacroStoreFull};
#[cfg(feature = "alloc")]
pub use values::MacroValues;
