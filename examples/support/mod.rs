//! Code that the examples share: sockets, the rules of the filters, the messages of the MTAs, logs. None of it is about the
//! protocol itself, and none of it depends on a runtime.

pub(crate) mod callbacks;
pub(crate) mod client;
pub(crate) mod failure;
pub(crate) mod io;
pub(crate) mod pool;
pub(crate) mod printable;
pub(crate) mod progress;
pub(crate) mod rules;
pub(crate) mod spec;
pub(crate) mod tap;
pub(crate) mod task;
pub(crate) mod waits;
