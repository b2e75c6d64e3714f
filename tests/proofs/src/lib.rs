//! What a filter and an MTA on bare metal would do, with nothing but memory of their own, the example for
//! them, `filter_embedded`, and every public function of the library.
//!
//! The library crate forbids unsafe code. These programs cannot: without the C library somebody has to
//! be the first function of a process and to make its last system call. Both are in [`program`], in
//! assembly. What else is unsafe is an allocator, and the call of a function that does not exist.
#![no_std]

#[path = "../../../examples/blocking/filter_embedded/adapter.rs"]
mod adapter;
pub mod by_hand;
mod checks;
mod embedded;
#[cfg(feature = "alloc")]
mod owned;
mod sessions;
pub mod start;

pub use checks::Failed;

/// The traits that the library has for its types.
pub mod traits {
    pub use core::convert::{AsRef, From, TryFrom};
    pub use core::error::Error;
    pub use core::fmt::{Debug, Display};
    pub use core::hash::Hash;
    pub use core::ops::BitOr;
    pub use core::prelude::rust_2024::*;
    pub use core::str::FromStr;
}

/// Lets all of the library work, and gives 0 or the number of the step that failed: the exit code.
pub extern "C" fn exercise() -> i32 {
    let steps = [
        checks::meaning,
        checks::transcript,
        checks::address,
        sessions::filter,
        sessions::both,
        embedded::embedded,
        #[cfg(feature = "alloc")]
        owned::owned,
    ];
    steps.into_iter().try_for_each(|step| step()).map_or_else(|failed| failed.0, |()| 0)
}

/// Gives the address of every public function away, to where the optimiser cannot follow: a function has to be
/// right for whatever it may be called with.
///
/// `FUNCTIONS` is a file that `examples/functions.rs` wrote for the features at hand.
#[macro_export]
macro_rules! every_function {
    () => {
        core::hint::black_box(&include!(env!("FUNCTIONS", "run tests/proofs/run"))[..]);
    };
}
