//! Which command and which response may come when: both sides, and libmilter.

mod connect;
mod content;
mod endings;
mod engine_states;
#[cfg(feature = "alloc")]
mod impolite_clients;
mod message_ends;
mod outstanding_replies;
mod quit_nc;
mod reachable_states;
mod robust_filter;
mod rules;
mod skip;
mod table_rows;
mod tables;
mod undefined_verdicts;
mod unknown;
mod verdicts;

pub(crate) use table_rows::stage_after;
