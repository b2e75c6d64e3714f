//! Frames as text: one line of ASCII for each frame, without loss.
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
//! Numbers are decimal, or hexadecimal after `0x`. Texts are in quotes; inside them `"` and `\` are
//! escaped with `\`, CR, LF and TAB are `\r`, `\n` and `\t`, and every other byte that is not printable
//! ASCII is `\x` and two digits. A malformed frame is shown as `FRAME`, with its code and its payload.
//!
//! [`Line`] writes such a line, and can hide private content. `Entry` (feature `alloc`) reads it back.

mod print;
#[cfg(feature = "alloc")]
mod read;

pub use print::Line;
#[cfg(feature = "conformance")]
pub(crate) use read::digit;
#[cfg(feature = "alloc")]
pub use read::{Entry, ReadError, ReadFault};
