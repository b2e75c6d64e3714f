//! SMTP reply texts, the payload of REPLYCODE.

use core::fmt;

mod build;
mod code;

use super::error::{BufferTooSmall, ReplyBuildError, ReplyError, ReplyFault};
use super::scan::find_nul;
use super::text::Text;
use super::tolerance::Tolerance;
use build::{Charset, build, is_unprintable};
pub use code::{EnhancedCode, ReplyCode};

/// An SMTP reply of one or more lines, always well-formed.
///
/// Each line has a code, a `-` (a blank on the last line), an optional enhanced status code with a blank, and text. Lines are
/// separated by CRLF; the last one has no line end. In the text, `%` is written as `%%`, because Sendmail uses the text as
/// a format. Sendmail and Postfix undo this for the client.
///
/// # Examples
/// ```
/// use milter_proto::wire::{EnhancedCode, ReplyCode, ReplyText};
///
/// let mut storage = [0; 128];
/// let code = ReplyCode::new(550).unwrap();
/// let status = EnhancedCode::new(5, 7, 1).unwrap();
/// let reply = ReplyText::write(code, Some(status), [&b"100% spam"[..], b"go away"], &mut storage)?;
/// assert_eq!(reply.as_text(), "550-5.7.1 100%% spam\r\n550 5.7.1 go away");
///
/// let reply = ReplyText::parse(b"451 4.7.1 try again")?;
/// assert_eq!(reply.code().number(), 451);
/// assert_eq!(reply.lines().next().unwrap().text().to_string(), "try again");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
/// `smfi_setreply` and `smfi_setmlreply` in libmilter/smfi.c write it. `MILTER_CHECK_REPLYCODE` in
/// sendmail/milter.c and `milter8_valid_smtp_reply` in Postfix src/milter/milter8.c check it. SPEC_NOTES
/// RPL-1 to RPL-13.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplyText<'a>(&'a [u8]);

impl<'a> ReplyText<'a> {
    /// The maximum number of lines of a reply.
    pub const MAX_LINES: usize = build::MAX_LINES;
    /// The maximum length of the text of a line in bytes, without the codes, and with `%` doubled.
    pub const MAX_LINE_LEN: usize = 980;

    /// Makes a reply from bytes that are one.
    pub(super) const fn known(bytes: &'static [u8]) -> ReplyText<'static> {
        ReplyText(bytes)
    }

    /// Makes a reply from bytes in wire form, without the NUL. A `%` has to be doubled already.
    ///
    /// # Errors
    /// [`ReplyError`], with the reason and the place.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReplyError> {
        Self::parse_as(bytes, Tolerance::STRICT)
    }

    /// Makes a reply from bytes in wire form, without the NUL, and accepts the faults that `tolerance` allows.
    ///
    /// This is for bindings that have to send the text of another program, as libmilter does: it sends `100% spam` with a
    /// single `%`, and an enhanced code of another class than the reply code. A session sends such a reply unchanged, except
    /// for a line end after its last line. SPEC_NOTES.md describes how MTAs treat each fault.
    ///
    /// # Errors
    /// [`ReplyError`], with the first fault that is not tolerated, and its place.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{ReplyText, Tolerance};
    ///
    /// ReplyText::parse(b"554 100% spam").unwrap_err();
    /// let reply = ReplyText::parse_as(b"554 100% spam", Tolerance::LENIENT)?;
    /// assert_eq!(reply.as_text(), "554 100% spam"); // and the MTAs drop the %
    /// # Ok::<(), milter_proto::wire::ReplyError>(())
    /// ```
    pub fn parse_as(bytes: &'a [u8], tolerance: Tolerance) -> Result<Self, ReplyError> {
        if let Some(offset) = find_nul(bytes) {
            return Err(ReplyError { fault: ReplyFault::Control, offset });
        }
        Self::scan(bytes, &mut |fault, offset| match fault.deviation() {
            Some(deviation) if tolerance.allows(deviation) => Ok(()),
            _ => Err(ReplyError { fault, offset }),
        })
    }

    /// Writes a reply into `storage`. The lines are plain text; every `%` is doubled.
    ///
    /// Lines may contain printable ASCII and tabs only, as in RFC 5321. Otherwise a text could become a second reply: Sendmail
    /// without EAI clears the high bit *after* its check, which turns 0x8a into LF. Use `escape_ascii` for text from a peer.
    /// For a client that asked for SMTPUTF8, use [`write_utf8`](Self::write_utf8).
    ///
    /// If a line begins like an enhanced code, it is read back as one. A text that begins with a digit other than the class
    /// needs an enhanced code in front of it, because Postfix would mistake the digit for one.
    ///
    /// # Errors
    /// [`ReplyBuildError`]: a line breaks a rule, or `storage` is too small.
    #[doc(alias = "smfi_setreply")]
    #[doc(alias = "smfi_setmlreply")]
    pub fn write<L: AsRef<[u8]>>(
        code: ReplyCode,
        enhanced: Option<EnhancedCode>,
        lines: impl IntoIterator<Item = L>,
        storage: &'a mut [u8],
    ) -> Result<Self, ReplyBuildError> {
        Self::write_in(Charset::Ascii, code, enhanced, lines, storage)
    }

    /// Writes a reply like [`write`](Self::write), but lines may be UTF-8.
    ///
    /// Use it only for a client whose MAIL had the argument `SMTPUTF8`: others may stop reading at the first byte over 0x7f.
    /// RFC 6531 allows UTF-8 for an address in a 551 reply, and does not mention other texts. Control characters are
    /// refused, including those from U+0080 to U+009F.
    ///
    /// Postfix forwards the bytes unchanged, whatever the client asked for, and so does Sendmail with EAI. Sendmail without
    /// EAI clears the high bit of every byte, which turns 0x8d and 0x8a into CR and LF and could make a second reply; but it
    /// does not offer SMTPUTF8 to its clients.
    ///
    /// # Errors
    /// The errors of [`write`](Self::write).
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{ReplyText, Text, TextList};
    ///
    /// let arguments = TextList::new(b"SIZE=10\0SMTPUTF8\0")?;
    /// let is_utf8 = arguments.iter().any(|argument| argument.eq_ignore_ascii_case("SMTPUTF8"));
    /// let (code, status) = ("550".parse()?, Some("5.1.1".parse()?));
    /// let mut storage = [0; 128];
    /// let reply = if is_utf8 {
    ///     ReplyText::write_utf8(code, status, ["no such user: j\u{f6}rg"], &mut storage)?
    /// } else {
    ///     ReplyText::write(code, status, ["no such user"], &mut storage)?
    /// };
    /// assert_eq!(reply.as_text(), "550 5.1.1 no such user: j\u{f6}rg");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Source
    /// RFC 6531, section 3.7.4; `fmtmsg` in sendmail/err.c. SPEC_NOTES RPL-13.
    pub fn write_utf8<L: AsRef<str>>(
        code: ReplyCode,
        enhanced: Option<EnhancedCode>,
        lines: impl IntoIterator<Item = L>,
        storage: &'a mut [u8],
    ) -> Result<Self, ReplyBuildError> {
        Self::write_in(Charset::Utf8, code, enhanced, lines.into_iter().map(Utf8), storage)
    }

    fn write_in<L: AsRef<[u8]>>(
        charset: Charset,
        code: ReplyCode,
        enhanced: Option<EnhancedCode>,
        lines: impl IntoIterator<Item = L>,
        storage: &'a mut [u8],
    ) -> Result<Self, ReplyBuildError> {
        let available = storage.len();
        let mut needed = 0_usize;
        build(code, enhanced, lines, charset, &mut |bytes| {
            if let Some(free) = storage.get_mut(needed..).and_then(|free| free.get_mut(..bytes.len())) {
                free.copy_from_slice(bytes);
            }
            needed = needed.saturating_add(bytes.len());
        })?;
        let written = storage.get(..needed).ok_or(BufferTooSmall { needed, available })?;
        Ok(Self::parse(written)?)
    }

    /// Scans a reply without NUL and gives every fault to `judge`, whose errors end the scan.
    pub(super) fn scan<E>(
        bytes: &'a [u8],
        judge: &mut impl FnMut(ReplyFault, usize) -> Result<(), E>,
    ) -> Result<Self, E> {
        let at = |line: &[u8]| bytes.len().saturating_sub(line.len());
        let code = match bytes {
            [class @ (b'4' | b'5'), tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => [*class, *tens, *ones],
            _ => {
                judge(ReplyFault::Code, 0)?;
                return Ok(Self(bytes));
            }
        };
        let mut rest = bytes;
        let mut count = 0_usize;
        let mut whole = bytes;
        loop {
            let offset = at(rest);
            let (line, next) = split_line(rest);
            count = count.saturating_add(1);
            if count == Self::MAX_LINES.saturating_add(1) {
                judge(ReplyFault::TooManyLines, offset)?;
            }
            let ends_here = next.is_none_or(<[u8]>::is_empty);
            match line.strip_prefix(&code) {
                None => judge(ReplyFault::CodeDiffers, offset)?,
                Some([]) if bytes.len() == 3 => judge(ReplyFault::Bare, 3)?,
                Some([b'-', text @ ..]) if !ends_here => check_text(code, text, offset, judge)?,
                Some([b' ', text @ ..]) if ends_here => check_text(code, text, offset, judge)?,
                Some(_) => judge(ReplyFault::Separator, offset.saturating_add(3))?,
            }
            match next {
                None => return Ok(Self(whole)),
                Some([]) => {
                    judge(ReplyFault::LineEnd, offset.saturating_add(line.len()))?;
                    whole = bytes.get(..offset.saturating_add(line.len())).unwrap_or_default();
                    return Ok(Self(whole));
                }
                Some(more) => rest = more,
            }
        }
    }

    /// The reply code, the same in every line.
    #[must_use]
    pub fn code(self) -> ReplyCode {
        self.0.first_chunk::<3>().map_or(ReplyCode(*b"550"), |&digits| ReplyCode(digits))
    }

    /// Whether the SMTP session ends with this reply, whatever command it answers: 421 and 521.
    #[must_use]
    pub fn closes_smtp_session(self) -> bool {
        self.code().closes_smtp_session()
    }

    /// The lines, in order.
    pub fn lines(self) -> impl Iterator<Item = ReplyLine<'a>> {
        let mut rest = Some(self.0);
        core::iter::from_fn(move || {
            let (line, next) = split_line(rest?);
            rest = next;
            Some(ReplyLine(line.get(4..).unwrap_or_default()))
        })
    }

    /// The reply in wire form, without its NUL.
    #[must_use]
    pub const fn as_text(self) -> Text<'a> {
        Text::known(self.0)
    }

    /// The reply to send to an SMTP client, with `%` undoubled and without the last line end.
    ///
    /// It has no CR or LF except the CRLF between two lines, each line begins with the code, and there are no control bytes
    /// except tabs. Bytes over 0x7f are unchanged; whether a client may see them depends on SMTPUTF8.
    /// [`ReplyLine::text`] displays them escaped.
    #[must_use]
    pub const fn unescaped(self) -> UnescapedReply<'a> {
        UnescapedReply(self.0)
    }
}

/// A line of UTF-8, as bytes.
struct Utf8<L>(L);

impl<L: AsRef<str>> AsRef<[u8]> for Utf8<L> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref().as_bytes()
    }
}

impl fmt::Debug for ReplyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_text().fmt(f)
    }
}

/// One line, and what follows its CRLF.
fn split_line(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    (line, rest.get(2..))
}

/// Gives `judge` the faults of a line after its separator. `offset` is where the line begins.
fn check_text<E>(
    code: [u8; 3],
    text: &[u8],
    offset: usize,
    judge: &mut impl FnMut(ReplyFault, usize) -> Result<(), E>,
) -> Result<(), E> {
    let start = offset.saturating_add(4);
    let [class, ..] = code;
    if text.first().is_some_and(|&first| first.is_ascii_digit() && first != class) {
        judge(ReplyFault::Class, start)?;
    }
    let (_, plain) = EnhancedCode::split(text);
    if plain.len() > ReplyText::MAX_LINE_LEN {
        judge(ReplyFault::LineTooLong, start)?;
    }
    let mut doubled = false;
    for (index, &byte) in text.iter().enumerate() {
        let at = start.saturating_add(index);
        let next = text.get(index.saturating_add(1));
        match byte {
            b'&'..=b'~' | 0x80.. => {}
            b'\r' | b'\n' => judge(ReplyFault::Control, at)?,
            _ if is_unprintable(byte) => judge(ReplyFault::Unprintable, at)?,
            b'%' if doubled => doubled = false,
            b'%' if next == Some(&b'%') => doubled = true,
            b'%' => judge(ReplyFault::Percent, at)?,
            _ => {}
        }
    }
    Ok(())
}

/// One line of a reply, without its code and separator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReplyLine<'a>(&'a [u8]);

impl<'a> ReplyLine<'a> {
    /// The enhanced status code at its beginning.
    #[must_use]
    pub fn enhanced(self) -> Option<EnhancedCode> {
        EnhancedCode::split(self.0).0
    }

    /// The text after the codes.
    #[must_use]
    pub fn text(self) -> UnescapedReply<'a> {
        UnescapedReply(EnhancedCode::split(self.0).1)
    }
}

impl fmt::Debug for ReplyLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::known(self.0).fmt(f)
    }
}

/// The plain form of a reply text: each `%%` becomes `%`.
///
/// If a tolerance accepted a `%` that is not doubled, or a control byte other than a tab, they are dropped. Postfix drops the
/// former too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UnescapedReply<'a>(&'a [u8]);

impl<'a> UnescapedReply<'a> {
    /// The plain text in pieces, in order. Nothing is copied.
    pub fn pieces(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let is_special = |&byte: &u8| byte == b'%' || is_unprintable(byte);
            let end = rest.iter().position(is_special).unwrap_or(rest.len());
            let behind = end.saturating_add(1);
            let is_doubled = rest.get(end..).is_some_and(|rest| rest.starts_with(b"%%"));
            let (piece, next) = if is_doubled { (behind, behind.saturating_add(1)) } else { (end, behind) };
            let text = rest.get(..piece)?;
            rest = rest.get(next..).unwrap_or_default();
            Some(text)
        })
    }

    /// The bytes of the plain text.
    pub fn bytes(self) -> impl Iterator<Item = u8> {
        self.pieces().flatten().copied()
    }
}

impl fmt::Debug for UnescapedReply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Displays the plain text; bytes that are not printable ASCII are escaped.
impl fmt::Display for UnescapedReply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().try_for_each(|piece| piece.escape_ascii().fmt(f))
    }
}

#[cfg(feature = "alloc")]
mod owned {
    use alloc::vec::Vec;
    use core::fmt;

    use super::{Charset, EnhancedCode, ReplyCode, ReplyError, ReplyText, Utf8, build};

    /// A reply that owns its text.
    ///
    /// # Memory
    /// At most twice the bytes of the reply, which has at most 32 lines of 980 bytes and their codes. While it is built, its
    /// old and its new memory exist at the same time. A copy of a [`ReplyText`] has exactly its bytes.
    #[derive(Clone, PartialEq, Eq, Hash)]
    pub struct ReplyBuf(Vec<u8>);

    impl ReplyBuf {
        /// Builds a reply from plain lines; every `%` is doubled.
        ///
        /// # Errors
        /// The [`ReplyError`] of [`ReplyText::write`].
        #[doc(alias = "smfi_setreply")]
        #[doc(alias = "smfi_setmlreply")]
        pub fn new<L: AsRef<[u8]>>(
            code: ReplyCode,
            enhanced: Option<EnhancedCode>,
            lines: impl IntoIterator<Item = L>,
        ) -> Result<Self, ReplyError> {
            Self::new_in(Charset::Ascii, code, enhanced, lines)
        }

        /// Builds a reply from UTF-8 lines, for a client that asked for SMTPUTF8: see [`ReplyText::write_utf8`].
        ///
        /// # Errors
        /// The [`ReplyError`] of [`ReplyText::write_utf8`].
        pub fn new_utf8<L: AsRef<str>>(
            code: ReplyCode,
            enhanced: Option<EnhancedCode>,
            lines: impl IntoIterator<Item = L>,
        ) -> Result<Self, ReplyError> {
            Self::new_in(Charset::Utf8, code, enhanced, lines.into_iter().map(Utf8))
        }

        fn new_in<L: AsRef<[u8]>>(
            charset: Charset,
            code: ReplyCode,
            enhanced: Option<EnhancedCode>,
            lines: impl IntoIterator<Item = L>,
        ) -> Result<Self, ReplyError> {
            let mut text = Vec::new();
            build(code, enhanced, lines, charset, &mut |bytes| text.extend_from_slice(bytes))?;
            ReplyText::parse(&text)?;
            Ok(Self(text))
        }

        /// The reply, borrowed.
        #[must_use]
        pub fn as_reply(&self) -> ReplyText<'_> {
            ReplyText(&self.0)
        }
    }

    impl fmt::Debug for ReplyBuf {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.as_reply().fmt(f)
        }
    }

    impl From<ReplyText<'_>> for ReplyBuf {
        fn from(reply: ReplyText<'_>) -> Self {
            Self(reply.0.to_vec())
        }
    }
}

#[cfg(feature = "alloc")]
pub use owned::ReplyBuf;
