//! Says what it hears: what a program takes that has the same transport and parses nothing.

use embedded_io::{Read, Write};

use crate::{BROKEN, Device, READ};

/// Writes what it reads, until the connection ends.
pub fn nothing(device: &mut Device) -> i32 {
    READ.try_take().and_then(|buffer| echo(device, buffer)).map_or(BROKEN, |()| 0)
}

fn echo(device: &mut Device, buffer: &mut [u8]) -> Option<()> {
    loop {
        let count = device.read(buffer).ok()?;
        let mut bytes = buffer.get(..count)?;
        if bytes.is_empty() {
            return Some(());
        }
        while !bytes.is_empty() {
            let written = device.write(bytes).ok().filter(|&written| written > 0)?;
            bytes = bytes.get(written..)?;
        }
    }
}
