//! The macros of a connection: kept by the filter, chosen by the MTA.
#![expect(clippy::wildcard_enum_match_arm, reason = "tables name every case, code names those that differ")]

mod defaults;
mod requests;
mod store;

pub use defaults::MacroDefaults;
pub use requests::MacroRequests;
pub use store::{MacroStore, MacroStoreFull};
