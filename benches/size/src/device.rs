//! The transport: registers of a device on bare metal, standard input and output on Linux.

use embedded_io::{ErrorKind, ErrorType, Read, Write};

/// The only connection that there is.
#[derive(Debug)]
pub struct Device;

/// What went wrong in the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

impl core::fmt::Display for Failed {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("the device failed")
    }
}

impl core::error::Error for Failed {}

impl embedded_io::Error for Failed {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl ErrorType for Device {
    type Error = Failed;
}

impl Read for Device {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failed> {
        io::read(buffer).ok_or(Failed)
    }
}

impl Write for Device {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Failed> {
        io::write(bytes).ok_or(Failed)
    }

    fn flush(&mut self) -> Result<(), Failed> {
        Ok(())
    }
}

/// Ends the program.
pub fn exit(code: i32) -> ! {
    io::exit(code)
}

#[cfg(target_os = "none")]
mod io {
    use core::ptr::{read_volatile, write_volatile};

    /// Bytes that wait to be read; 0 at the end of the connection.
    const WAITING: *const u32 = 0x4000_0000 as *const u32;
    /// The next byte, in or out.
    const DATA: *mut u8 = 0x4000_0004 as *mut u8;
    /// Where the exit code goes.
    const EXIT: *mut i32 = 0x4000_0008 as *mut i32;

    pub(super) fn read(buffer: &mut [u8]) -> Option<usize> {
        // SAFETY: the address is that of a register.
        let waiting = usize::try_from(unsafe { read_volatile(WAITING) }).ok()?;
        let count = waiting.min(buffer.len());
        for byte in buffer.iter_mut().take(count) {
            // SAFETY: as above.
            *byte = unsafe { read_volatile(DATA) };
        }
        Some(count)
    }

    pub(super) fn write(bytes: &[u8]) -> Option<usize> {
        for &byte in bytes {
            // SAFETY: as above.
            unsafe { write_volatile(DATA, byte) };
        }
        Some(bytes.len())
    }

    pub(super) fn exit(code: i32) -> ! {
        // SAFETY: as above.
        unsafe { write_volatile(EXIT, code) };
        loop {
            core::hint::spin_loop();
        }
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod io {
    use core::arch::asm;

    const READ: usize = 0;
    const WRITE: usize = 1;
    const EXIT_GROUP: usize = 231;

    pub(super) fn read(buffer: &mut [u8]) -> Option<usize> {
        // SAFETY: the kernel writes into the buffer, and no more than its length.
        unsafe { call(READ, 0, buffer.as_mut_ptr().expose_provenance(), buffer.len()) }
    }

    pub(super) fn write(bytes: &[u8]) -> Option<usize> {
        // SAFETY: the kernel reads these bytes only.
        unsafe { call(WRITE, 1, bytes.as_ptr().expose_provenance(), bytes.len()) }
    }

    pub(super) fn exit(code: i32) -> ! {
        loop {
            // SAFETY: it does not come back.
            unsafe { call(EXIT_GROUP, code.unsigned_abs() as usize, 0, 0) };
        }
    }

    /// The result, or nothing if it is an error: a negative number.
    unsafe fn call(number: usize, first: usize, second: usize, third: usize) -> Option<usize> {
        let result: isize;
        // SAFETY: the arguments are the caller's matter; a call changes rcx and r11.
        unsafe {
            asm!("syscall", inlateout("rax") number => result, in("rdi") first, in("rsi") second,
                in("rdx") third, lateout("rcx") _, lateout("r11") _, options(nostack));
        }
        usize::try_from(result).ok()
    }
}
