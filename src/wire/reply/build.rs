//! Replies put together from lines.

use core::fmt;

use super::code::{Digits, EnhancedCode, ReplyCode};
use crate::wire::error::{ReplyError, ReplyFault};

/// Lines of a reply at most.
pub(super) const MAX_LINES: usize = 32;

/// Whether a byte that is no line end has no place in a reply.
pub(super) const fn is_unprintable(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n')
}

/// The characters of a reply that is built.
#[derive(Clone, Copy)]
pub(super) enum Charset {
    /// Printable ASCII and tabs.
    Ascii,
    /// These, and UTF-8 without the control characters from U+0080 to U+009F. The lines must be valid UTF-8.
    Utf8,
}

impl Charset {
    /// The first byte of a line that has no place in it: its offset, and what is wrong with it.
    fn first_fault(self, line: &[u8]) -> Option<(usize, ReplyFault)> {
        let mut before = 0;
        line.iter().enumerate().find_map(|(at, &byte)| {
            let lead = core::mem::replace(&mut before, byte);
            let fault = match (self, byte) {
                (_, b'\r' | b'\n' | 0) => ReplyFault::Control,
                (Self::Ascii, 0x80..) => ReplyFault::NotAscii,
                // 0xc2 begins a character, and is never inside of one.
                (Self::Utf8, 0x80..=0x9f) if lead == 0xc2 => {
                    return Some((at.saturating_sub(1), ReplyFault::Unprintable));
                }
                _ if is_unprintable(byte) => ReplyFault::Unprintable,
                _ => return None,
            };
            Some((at, fault))
        })
    }
}

/// Puts a reply together from plain lines.
pub(super) fn build<L: AsRef<[u8]>>(
    code: ReplyCode,
    enhanced: Option<EnhancedCode>,
    lines: impl IntoIterator<Item = L>,
    charset: Charset,
    put: &mut impl FnMut(&[u8]),
) -> Result<(), ReplyError> {
    let mut offset = 0_usize;
    let mut put = |bytes: &[u8]| {
        offset = offset.saturating_add(bytes.len());
        put(bytes);
        offset
    };
    if let Some(status) = enhanced {
        if status.class() != code.class() {
            return Err(ReplyError { fault: ReplyFault::Class, offset: 4 });
        }
    }
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return Err(ReplyError { fault: ReplyFault::NoLines, offset: 0 });
    }
    let mut count = 0_usize;
    while let Some(line) = lines.next() {
        let line = line.as_ref();
        if count == MAX_LINES {
            return Err(ReplyError { fault: ReplyFault::TooManyLines, offset: put(&[]) });
        }
        count = count.saturating_add(1);
        put(&code.0);
        let mut start = put(if lines.peek().is_some() { b"-" } else { b" " });
        if let Some(status) = enhanced {
            let mut digits = Digits::default();
            // Twelve bytes hold any enhanced code.
            _ = fmt::write(&mut digits, format_args!("{status}"));
            start = put(digits.as_bytes());
            if !line.is_empty() {
                start = put(b" ");
            }
        }
        if let Some((at, fault)) = charset.first_fault(line) {
            return Err(ReplyError { fault, offset: start.saturating_add(at) });
        }
        let mut percent: &[u8] = b"";
        for piece in line.split(|&byte| byte == b'%') {
            put(percent);
            put(piece);
            percent = b"%%";
        }
        if lines.peek().is_some() {
            put(b"\r\n");
        }
    }
    Ok(())
}
