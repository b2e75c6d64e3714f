//! Links only if no path of the program leads to a panic.
//!
//! The panic handler calls a function that exists nowhere. The optimiser removes the handler if nothing
//! can reach it; if anything can, the linker names that function. Whether it succeeds depends on the
//! optimiser, so the proof is made with one compiler only.
//!
//! Left out is `Peer::ip`, which ends in `core`'s parser of IPv6 addresses.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

exercise::program!(run);

extern "C" fn run() -> i32 {
    let wire = exercise::meaning().and_then(|()| exercise::transcript());
    match wire.and_then(|()| exercise::filter()).and_then(|()| exercise::embedded()) {
        Ok(()) => 0,
        Err(failed) => failed.0,
    }
}

#[cfg(not(feature = "traced"))]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn a_panic_can_be_reached() -> !;
    }
    // SAFETY: a program in which this call is left does not link.
    unsafe { a_panic_can_be_reached() }
}

#[cfg(feature = "traced")]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
