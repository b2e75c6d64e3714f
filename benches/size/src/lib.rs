//! What a device would run: an echo that parses nothing, a filter, and an MTA, over one transport.
//!
//! `benches/peers` measures their code and their stack, and plays their peers. Unsafe are only the first
//! function of a program and the access to the device.
#![no_std]

// All of the library that the programs have is reached from here.
#[path = "../../../examples/blocking/filter_embedded/adapter.rs"]
mod adapter;
mod device;
mod filter;
mod mta;
mod nothing;
mod start;

use static_cell::ConstStaticCell;

pub use device::{Device, exit};
pub use filter::filter;
pub use mta::mta;
pub use nothing::nothing;

/// Memory that is lent for the only connection, and does not stand on the stack.
type Memory<const N: usize> = ConstStaticCell<[u8; N]>;

/// What is read, in all three programs.
static READ: Memory<1024> = Memory::new([0; 1024]);

/// The exit code for a conversation that ended before its time.
const BROKEN: i32 = 255;
