//! Exits with 0 if everything works without an allocator, or with the number of the step that does not.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

exercise::program!(run);

extern "C" fn run() -> i32 {
    let wire = exercise::meaning().and_then(|()| exercise::transcript()).and_then(|()| exercise::address());
    match wire
        .and_then(|()| exercise::filter())
        .and_then(|()| exercise::both())
        .and_then(|()| exercise::embedded())
    {
        Ok(()) => 0,
        Err(failed) => failed.0,
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
