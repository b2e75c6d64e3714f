//! Links only if no function of the library can panic, whatever it is given.
//!
//! The panic handler calls a function that exists nowhere. The optimiser removes the handler if nothing
//! can reach it; if anything can, the linker names that function. Whether it succeeds depends on the
//! optimiser, so the proof is made with one compiler only.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

exercise::program!(run);

extern "C" fn run() -> i32 {
    exercise::every_function!();
    exercise::exercise()
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
fn panic(info: &PanicInfo<'_>) -> ! {
    // Without a look at it, the functions that lead here are all the same one to the optimiser.
    core::hint::black_box(info);
    loop {
        core::hint::spin_loop();
    }
}
