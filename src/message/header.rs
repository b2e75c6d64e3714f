//! Headers as they stand in a message.

use alloc::borrow::Cow;
use core::fmt;

use super::list::{concat, split_line};
use crate::wire::LeadingSpace;

/// A header of a message: its bytes, with its folds and its line end.
///
/// # Examples
/// ```
/// use milter_proto::message::Header;
///
/// let header = Header::new("Subject", " a folded\r\n subject");
/// assert_eq!(header.as_bytes(), b"Subject: a folded\r\n subject\r\n");
/// assert_eq!((header.name(), header.value()), (&b"Subject"[..], &b" a folded\r\n subject"[..]));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Header<'m> {
    bytes: Cow<'m, [u8]>,
    /// Bytes of the name. 0 if the first line is not that of a header.
    name_len: usize,
    origin: Origin,
    /// It has no value, but keeps its place: a deleted header of Sendmail, or one of its configuration.
    pub(super) is_absent: bool,
    /// It is not delivered, whatever its value.
    pub(super) is_withheld: bool,
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header(b\"{}\", {:?})", self.bytes.escape_ascii(), self.origin)
    }
}

/// Whom a header comes from, which decides whether filters see it and whether their indexes count it.
///
/// # Source
/// SPEC_NOTES EDT-12, EDT-13.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The message, or a filter. Filters see it.
    Message,
    /// The MTA, for every message: its own Received. Filters do not see it.
    Trace,
    /// The MTA, if the message has no such header: Date, for example. Filters do not see it. Only Sendmail has such headers:
    /// Postfix adds them to the message before a filter sees it.
    Default,
}

impl<'m> Header<'m> {
    /// Makes a header from its name and from everything after the colon: a space usually, and the value. The result is one
    /// header, whatever the value is: see [`folds_from_wire`](crate::wire::folds_from_wire).
    #[must_use]
    pub fn new(name: impl AsRef<[u8]>, after_colon: impl AsRef<[u8]>) -> Self {
        let value = LeadingSpace::Preserved.decode_value(after_colon.as_ref());
        Self::from_bytes(concat(&[name.as_ref(), b":", &value, b"\r\n"]).into())
    }

    /// Makes a header from its bytes.
    pub(super) fn from_bytes(bytes: Cow<'m, [u8]>) -> Self {
        let name_len = name_len(&bytes);
        Self::from_parts(bytes, name_len)
    }

    /// Makes a header from its bytes, which begin with a name of this length.
    pub(super) const fn from_parts(bytes: Cow<'m, [u8]>, name_len: usize) -> Self {
        Self { bytes, name_len, origin: Origin::Message, is_absent: false, is_withheld: false }
    }

    /// Makes a header of Sendmail's configuration that has no value. The bytes are its name and a colon.
    pub(super) const fn absent(bytes: &'static [u8]) -> Self {
        let name_len = bytes.len().saturating_sub(1);
        let bytes = Cow::Borrowed(bytes);
        Self { bytes, name_len, origin: Origin::Default, is_absent: true, is_withheld: false }
    }

    /// The same header with another origin.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Whom the header comes from.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// The name, without blanks before the colon. Empty if the bytes do not begin with a name and a colon: an edit can make
    /// such a header.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.bytes.get(..self.name_len).unwrap_or_default()
    }

    /// The bytes after the colon, without the final line end. All bytes without it, if there is no name.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        let bytes = without_line_end(&self.bytes);
        let rest = bytes.get(self.name_len..).unwrap_or_default();
        match rest.iter().position(|&byte| byte == b':') {
            Some(colon) if self.name_len > 0 => rest.get(colon.saturating_add(1)..).unwrap_or_default(),
            _ => bytes,
        }
    }

    /// All bytes of the header. The last header of a message without a body may lack its line end.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether filters see the header.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        !self.is_absent && self.origin == Origin::Message
    }

    /// Whether the header is a part of the message.
    pub(super) const fn is_written(&self) -> bool {
        !self.is_absent && !self.is_withheld
    }

    /// Whether the header has this name, in any case.
    pub(super) fn is_named(&self, name: &[u8]) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// Whether the header has a name.
    pub(super) const fn has_name(&self) -> bool {
        self.name_len > 0
    }

    /// The first line, without its line end.
    pub(super) fn first_line(&self) -> &[u8] {
        split_line(&self.bytes).map_or(&[], |(line, _)| without_line_end(line))
    }

    /// Whether the bytes begin with a blank: below another header they are a part of that one.
    pub(super) fn continues(&self) -> bool {
        matches!(*self.bytes, [b' ' | b'\t', ..])
    }

    /// Adds further lines.
    pub(super) fn extend(&mut self, lines: &[u8]) {
        self.bytes = Cow::Owned(concat(&[&self.bytes, lines]));
    }

    /// Takes the header for one of the MTA's. Sendmail's rules for trace headers depend on the name alone.
    pub(super) fn make_default(&mut self) {
        // `H_TRACE` in sendmail/conf.c.
        let is_trace = [&b"Received"[..], b"X400-Received", b"Via", b"Mail-From"];
        let is_trace = is_trace.iter().any(|name| self.is_named(name));
        self.origin = if is_trace { Origin::Trace } else { Origin::Default };
    }

    /// Adds the final line end if it is missing.
    pub(super) fn terminate(&mut self, line_end: &[u8]) {
        if !self.bytes.ends_with(b"\n") {
            self.extend(line_end);
        }
    }

    /// Copies what the header borrows.
    #[must_use]
    pub fn into_owned(self) -> Header<'static> {
        let Self { bytes, name_len, origin, is_absent, is_withheld } = self;
        Header { bytes: Cow::Owned(bytes.into_owned()), name_len, origin, is_absent, is_withheld }
    }
}

/// Bytes of the name at the front of a header, without the blanks before the colon; 0 if there is none.
///
/// A name is printable ASCII without blank and colon: SPEC_NOTES HDR-9.
pub(super) fn name_len(bytes: &[u8]) -> usize {
    let is_name = |byte: &u8| byte.is_ascii_graphic() && *byte != b':';
    let len = bytes.iter().take_while(|byte| is_name(byte)).count();
    let mut rest = bytes.get(len..).unwrap_or_default();
    while let [b' ' | b'\t', tail @ ..] = rest {
        rest = tail;
    }
    if rest.first() == Some(&b':') { len } else { 0 }
}

/// A header at the front of a message, and what follows it. `None` if there is no header.
pub(super) fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if name_len(bytes) == 0 {
        return None;
    }
    let mut len = line_len(bytes);
    while let Some(rest @ [b' ' | b'\t', ..]) = bytes.get(len..) {
        len = len.saturating_add(line_len(rest));
    }
    bytes.split_at_checked(len)
}

/// Bytes of the first line, line end included.
fn line_len(bytes: &[u8]) -> usize {
    split_line(bytes).map_or(0, |(line, _)| line.len())
}

/// The bytes before the final line end.
pub(super) fn without_line_end(bytes: &[u8]) -> &[u8] {
    match bytes {
        [front @ .., b'\r', b'\n'] | [front @ .., b'\n'] => front,
        _ => bytes,
    }
}
