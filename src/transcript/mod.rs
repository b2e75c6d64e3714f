//! Frames as text: one line of ASCII each, without loss.
//!
//! ```text
//! > OPTNEG 6 0x1ff 0x1fffff
//! < OPTNEG 6 0x11 0x100400 RCPT "{rcpt_addr}"
//! > MACRO MAIL "i" "4bXy2z1"
//! > MAIL "<a@b.c>" "SIZE=10"
//! < CONTINUE
//! > HEADER "Subject" "caf\xe9"
//! < INSHEADER 0 "X-Checked" "yes"
//! > FRAME 0x5a "no command"
//! ```
//!
//! `>` is a command (MTA to filter), `<` a response. The names are those of `SMFIC_*` and `SMFIR_*`.
//! Numbers are decimal, or hexadecimal behind `0x`. A text stands in quotes; in it `"` and `\` are
//! escaped with `\`, CR, LF and TAB are `\r`, `\n` and `\t`, and every other byte that is no printable
//! ASCII is `\x` and two digits. A frame whose payload is not in the clean form of its code is a
//! `FRAME`: its code and its payload.
//!
//! [`Line`] writes such a line, with a switch that hides what is private; `Entry` (feature `alloc`) reads
//! it back.

mod print;
#[cfg(feature = "alloc")]
mod read;

pub use print::Line;
#[cfg(feature = "alloc")]
pub use read::{Entry, ReadError, ReadFault};
