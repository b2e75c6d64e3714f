//! SMTP reply texts, as REPLYCODE carries them: built, checked, read.

use core::fmt;

mod build;
mod code;

use super::error::{BufferTooSmall, ReplyBuildError, ReplyError, ReplyFault};
use super::scan::find_nul;
use super::text::Text;
use super::tolerance::Tolerance;
use build::{Charset, build, is_unprintable};
pub use code::{EnhancedCode, ReplyCode};

/// An SMTP reply of one or more lines, well formed by construction.
///
/// Every line is the code, `-` or on the last line a blank, perhaps an enhanced status code and a
/// blank, and text. Lines are separated by CRLF, and the last one has none. In the text `%%` stands
/// for `%`, because Sendmail uses it as a format; both MTAs undo it before the client sees it.
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
    /// Lines of a reply at most.
    pub const MAX_LINES: usize = build::MAX_LINES;
    /// Bytes of the text of a line at most, without the codes, with `%` doubled.
    pub const MAX_LINE_LEN: usize = 980;

    /// Takes a reply in the form of the wire, without its NUL.
    ///
    /// # Errors
    /// [`ReplyError`]: what is wrong, and where.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReplyError> {
        Self::parse_as(bytes, Tolerance::STRICT)
    }

    /// Takes a reply in the form of the wire, without its NUL, and accepts the faults that a tolerance allows.
    ///
    /// For libraries that have to send what a program gave them, as libmilter does: it sends `100% spam` with a single
    /// `%`, and an enhanced code of another class than the reply code. A session sends such a reply as it is, but for a
    /// line end after its last line. What the MTAs make of each fault is in SPEC_NOTES.md under its deviation.
    ///
    /// # Errors
    /// [`ReplyError`]: the first fault that is not tolerated, and where.
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
    /// They are printable ASCII and tabs, as in RFC 5321, so that nothing in them becomes a reply of its
    /// own: Sendmail without EAI takes the high bit off *after* its check, and 0x8a is a LF then. Put text that
    /// came from a peer through `escape_ascii` first. For a client that asked for SMTPUTF8 there is
    /// [`write_utf8`](Self::write_utf8).
    ///
    /// A line that begins like an enhanced code is read back as one. A text that begins with a digit
    /// needs an enhanced code in front of it, unless that digit is the class: Postfix would take it for
    /// one.
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

    /// Writes a reply as [`write`](Self::write) does, of lines that may be UTF-8.
    ///
    /// Only for a client whose MAIL had the argument `SMTPUTF8`: others may stop reading at the first byte over 0x7f.
    /// RFC 6531 allows UTF-8 for an address in a 551 reply, and says nothing of other texts. Control characters are
    /// refused, those from U+0080 to U+009F included.
    ///
    /// Postfix passes the bytes on as they are, whatever the client asked for, and so does Sendmail with EAI. Sendmail
    /// without EAI takes the high bit off every byte, which makes a CR or LF of 0x8d or 0x8a, and so perhaps a reply
    /// of its own; but it does not offer SMTPUTF8 to its clients.
    ///
    /// # Errors
    /// As [`write`](Self::write).
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

    /// Goes over a reply without NUL and offers every fault; `judge` says which ones end it.
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

    /// Whether the SMTP session ends with this reply, whatever it is about: 421 and 521.
    #[must_use]
    pub fn closes_smtp_session(self) -> bool {
        self.code().closes_smtp_session()
    }

    /// The lines in their order.
    pub fn lines(self) -> impl Iterator<Item = ReplyLine<'a>> {
        let mut rest = Some(self.0);
        core::iter::from_fn(move || {
            let (line, next) = split_line(rest?);
            rest = next;
            Some(ReplyLine(line.get(4..).unwrap_or_default()))
        })
    }

    /// The reply as it stands on the wire, without its NUL.
    #[must_use]
    pub const fn as_text(self) -> Text<'a> {
        Text::known(self.0)
    }

    /// What an SMTP client is to be sent, without the last line end: the reply with `%` undoubled.
    ///
    /// There is no CR and no LF in it but those of CRLF between two lines, each of which begins with the
    /// code, and no other control byte but tabs. Bytes over 0x7f are the filter's: which of them a client
    /// may see depends on SMTPUTF8, and [`ReplyLine::text`] displays them escaped.
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

/// Offers the faults of a line behind its separator. `offset` is where the line begins.
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

    /// The text behind the codes.
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

/// Text in which `%%` stands for `%`, to be read in its plain form.
///
/// A `%` that stands alone, and a control byte other than a tab, which only a tolerance lets pass, are
/// dropped. Postfix does so with the former.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UnescapedReply<'a>(&'a [u8]);

impl<'a> UnescapedReply<'a> {
    /// The plain text as pieces, in their order. Nothing is copied.
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

/// Shows the plain text; bytes that are no printable ASCII are escaped.
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
    /// Twice the bytes of the reply at most, and it has at most 32 lines of 980 bytes and their codes; while
    /// it is built, the old room stands beside the new. A copy of a [`ReplyText`] holds the bytes of that and no more.
    #[derive(Clone, PartialEq, Eq, Hash)]
    pub struct ReplyBuf(Vec<u8>);

    impl ReplyBuf {
        /// Builds a reply from plain lines; every `%` is doubled.
        ///
        /// # Errors
        /// [`ReplyError`], as [`ReplyText::write`].
        #[doc(alias = "smfi_setreply")]
        #[doc(alias = "smfi_setmlreply")]
        pub fn new<L: AsRef<[u8]>>(
            code: ReplyCode,
            enhanced: Option<EnhancedCode>,
            lines: impl IntoIterator<Item = L>,
        ) -> Result<Self, ReplyError> {
            Self::new_in(Charset::Ascii, code, enhanced, lines)
        }

        /// Builds a reply from lines of UTF-8, for a client that asked for SMTPUTF8: [`ReplyText::write_utf8`].
        ///
        /// # Errors
        /// [`ReplyError`], as [`ReplyText::write_utf8`].
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
