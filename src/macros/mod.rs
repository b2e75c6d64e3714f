//! The macros of a connection: kept by the filter, chosen by the MTA.

mod requests;
mod store;

pub use requests::MacroRequests;
pub use store::{MacroStore, MacroStoreFull, Memory};
