//! What is allocated and how much is kept, counted by an allocator for each thread.

#[cfg(feature = "alloc")]
mod allocations;
#[cfg(feature = "alloc")]
mod bounds;
#[cfg(feature = "alloc")]
mod chains;
#[cfg(feature = "alloc")]
mod messages;
#[cfg(feature = "alloc")]
mod owned;
#[cfg(feature = "alloc")]
mod session_allocations;
mod sizes;
#[cfg(feature = "alloc")]
mod under_attack;
