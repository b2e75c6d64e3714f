//! The filter's session.

#[cfg(feature = "std")]
mod bindings;
#[cfg(feature = "alloc")]
mod libmilter;
mod nearest;
mod sessions;
