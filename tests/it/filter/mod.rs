//! The filter's session.

#[cfg(feature = "alloc")]
mod libmilter;
mod sessions;
