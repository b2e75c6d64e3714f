//! Every public function, those with an allocator too. `run` looks for the places where it can panic:
//! a vector that would be too long, and an allocator that has nothing left.
#![no_std]
#![no_main]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::hint::black_box;
use core::panic::PanicInfo;
use core::ptr;

exercise::program!(run);

extern "C" fn run() -> i32 {
    exercise::every_function!();
    exercise::exercise()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // Without a look at it, the functions that lead here are all the same one to the optimiser.
    black_box(info);
    loop {
        core::hint::spin_loop();
    }
}

#[global_allocator]
static ALLOCATOR: Bump = Bump { memory: UnsafeCell::new([0; 65_536]), used: Cell::new(0) };

/// Gives out every byte once, and takes none back.
#[repr(align(16))]
struct Bump {
    memory: UnsafeCell<[u8; 65_536]>,
    used: Cell<usize>,
}

// SAFETY: the program has one thread.
unsafe impl Sync for Bump {}

// SAFETY: what is given out lies in `memory`, behind all that was given out before. For a larger alignment
// than that of `memory` there is nothing.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.used.get().wrapping_add(15) & !15;
        let end = start.saturating_add(layout.size());
        if layout.align() > 16 || end > 65_536 {
            return ptr::null_mut();
        }
        self.used.set(end);
        self.memory.get().cast::<u8>().wrapping_add(start)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
