//! Texts of the protocol: bytes without a NUL, and lists of them.

use core::ffi::CStr;
use core::fmt;
use core::str::{self, Utf8Error};

use thiserror::Error;

use super::error::BufferTooSmall;
use super::scan::{find_nul, holds_nul};

/// Bytes without a NUL: an address, a header name or value, a macro.
///
/// The protocol defines no character set, and each of these fields may contain bytes that are not UTF-8. On the wire a
/// text is followed by one NUL, which is not part of it.
///
/// # Examples
/// ```
/// use milter_proto::wire::Text;
///
/// let address = Text::new(b"<a@b.c>")?;
/// assert_eq!(address.as_bytes(), b"<a@b.c>");
/// assert_eq!(Text::try_from("caf\u{e9}")?.to_str(), Ok("caf\u{e9}"));
/// assert_eq!(Text::new(b"a\0b").unwrap_err().offset, 1);
/// # Ok::<(), milter_proto::wire::NulInText>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The empty text.
    pub const EMPTY: Self = Self(&[]);

    /// Makes a text from bytes without a NUL.
    ///
    /// # Errors
    /// [`NulInText`], with the offset of the first NUL.
    pub fn new(bytes: &'a [u8]) -> Result<Self, NulInText> {
        if holds_nul(bytes) {
            Err(NulInText { offset: find_nul(bytes).unwrap_or(0) })
        } else {
            Ok(Self(bytes))
        }
    }

    /// Makes a text from a C string, without its NUL. It cannot fail, and works in constants.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::Text;
    ///
    /// const NAME: Text<'static> = Text::from_c_str(c"X-Seen");
    /// assert_eq!(NAME, "X-Seen");
    /// ```
    #[must_use]
    pub const fn from_c_str(text: &'a CStr) -> Self {
        Self(text.to_bytes())
    }

    /// Takes bytes that the caller knows to hold no NUL.
    #[inline]
    pub(super) const fn known(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, without the NUL that follows them on the wire.
    #[must_use]
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The number of bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The text as a string, if it is UTF-8.
    ///
    /// # Errors
    /// [`Utf8Error`] if it is not.
    pub const fn to_str(self) -> Result<&'a str, Utf8Error> {
        str::from_utf8(self.0)
    }

    /// Compares two texts without regard to the case of ASCII letters, as for header names and ESMTP keywords.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::Text;
    ///
    /// const NAME: Text<'static> = Text::from_c_str(c"SUBJECT");
    /// assert!(NAME.eq_ignore_ascii_case("Subject"));
    /// ```
    #[must_use]
    pub fn eq_ignore_ascii_case(self, other: impl AsRef<[u8]>) -> bool {
        self.0.eq_ignore_ascii_case(other.as_ref())
    }
}

impl<'a> TryFrom<&'a [u8]> for Text<'a> {
    type Error = NulInText;

    fn try_from(bytes: &'a [u8]) -> Result<Self, NulInText> {
        Self::new(bytes)
    }
}

impl<'a> TryFrom<&'a str> for Text<'a> {
    type Error = NulInText;

    fn try_from(text: &'a str) -> Result<Self, NulInText> {
        Self::new(text.as_bytes())
    }
}

impl<'a> From<&'a CStr> for Text<'a> {
    fn from(text: &'a CStr) -> Self {
        Self::from_c_str(text)
    }
}

impl AsRef<[u8]> for Text<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl PartialEq<[u8]> for Text<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.0 == other
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// A text contains a NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("the text has a NUL at offset {offset}")]
pub struct NulInText {
    /// Bytes before the first NUL.
    pub offset: usize,
}

/// Any number of texts in a row, each followed by its NUL: ESMTP arguments, macros.
///
/// The list is one slice in wire form. Empty texts count.
///
/// # Examples
/// ```
/// use milter_proto::wire::{Text, TextList};
///
/// let arguments = TextList::new(b"SIZE=10\0BODY=8BITMIME\0")?;
/// assert_eq!(arguments.iter().last(), Some(Text::new(b"BODY=8BITMIME")?));
/// assert_eq!(TextList::new(b"SIZE=10").unwrap_err().offset, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TextList<'a>(&'a [u8]);

impl<'a> TextList<'a> {
    /// The empty list.
    pub const EMPTY: Self = Self(&[]);

    /// Makes a list from texts in wire form.
    ///
    /// # Errors
    /// [`Unterminated`], if the last text has no NUL.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Unterminated> {
        let (list, tail) = Self::split(bytes);
        if tail.is_empty() { Ok(list) } else { Err(Unterminated { offset: list.0.len() }) }
    }

    /// Writes texts into `storage`, and returns them as a list.
    ///
    /// # Errors
    /// [`BufferTooSmall`], with the bytes that are needed up to the text that did not fit.
    pub fn write<'t>(
        texts: impl IntoIterator<Item = Text<'t>>,
        storage: &'a mut [u8],
    ) -> Result<Self, BufferTooSmall> {
        let mut len = 0_usize;
        for text in texts {
            let available = storage.len();
            let needed = len.saturating_add(text.len()).saturating_add(1);
            let free = storage.get_mut(len..).and_then(|free| free.split_at_mut_checked(text.len()));
            let Some((target, last)) = free.and_then(|(target, rest)| Some((target, rest.first_mut()?)))
            else {
                return Err(BufferTooSmall { needed, available });
            };
            target.copy_from_slice(text.as_bytes());
            *last = 0;
            len = needed;
        }
        Ok(Self(storage.get(..len).unwrap_or_default()))
    }

    /// The longest list at the front of `bytes`, and the unterminated rest.
    #[inline]
    pub(super) fn split(bytes: &'a [u8]) -> (Self, &'a [u8]) {
        let end = match bytes.last() {
            None | Some(0) => bytes.len(),
            Some(_) => bytes.iter().rposition(|&byte| byte == 0).map_or(0, |nul| nul.saturating_add(1)),
        };
        let (list, tail) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        (Self(list), tail)
    }

    /// The list without its last text, and that.
    pub(super) fn split_last(self) -> (Self, Option<Text<'a>>) {
        let Some((_, texts)) = self.0.split_last() else { return (self, None) };
        let start = texts.iter().rposition(|&byte| byte == 0).map_or(0, |nul| nul.saturating_add(1));
        let (list, last) = texts.split_at_checked(start).unwrap_or((texts, &[]));
        (Self(list), Some(Text(last)))
    }

    /// The texts, in order.
    #[must_use]
    pub const fn iter(self) -> Texts<'a> {
        Texts(self.0)
    }

    /// The texts in order, each with its NUL, to pass them to C. Nothing is copied.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::TextList;
    ///
    /// let arguments = TextList::new(b"SIZE=10\0BODY=8BITMIME\0")?;
    /// assert!(arguments.c_strs().eq([c"SIZE=10", c"BODY=8BITMIME"]));
    /// # Ok::<(), milter_proto::wire::Unterminated>(())
    /// ```
    pub fn c_strs(self) -> impl Iterator<Item = &'a CStr> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let text = CStr::from_bytes_until_nul(rest).ok()?;
            rest = rest.get(text.count_bytes().saturating_add(1)..).unwrap_or_default();
            Some(text)
        })
    }

    /// The list in wire form.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there is no text in the list.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for TextList<'a> {
    type Item = Text<'a>;
    type IntoIter = Texts<'a>;

    fn into_iter(self) -> Texts<'a> {
        self.iter()
    }
}

impl fmt::Debug for TextList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// Iterates over the texts of a [`TextList`].
#[derive(Clone)]
pub struct Texts<'a>(&'a [u8]);

impl fmt::Debug for Texts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Texts").field(&TextList(self.0)).finish()
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = Text<'a>;

    #[inline]
    fn next(&mut self) -> Option<Text<'a>> {
        let (text, rest) = self.0.split_at_checked(find_nul(self.0)?)?;
        self.0 = rest.split_first()?.1;
        Some(Text(text))
    }
}

/// The last text of a list has no NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("the text at offset {offset} has no final NUL")]
pub struct Unterminated {
    /// Where the text without a NUL begins, in bytes from 0.
    pub offset: usize,
}

#[cfg(feature = "alloc")]
mod owned {
    use alloc::vec::Vec;
    use core::fmt;

    use super::{Text, TextList};

    /// A list to which texts can be added, for ESMTP arguments and macros.
    ///
    /// # Memory
    /// At most twice the bytes of the list, 8 for a short one, or as much as it had before it was cleared. While it grows,
    /// its old and its new memory exist at the same time. The caller limits its length. A copy of a [`TextList`] has exactly
    /// the bytes of the list.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{Text, TextListBuf};
    ///
    /// let arguments: TextListBuf = [Text::new(b"SIZE=10")?].into_iter().collect();
    /// assert_eq!(arguments.as_list().as_bytes(), b"SIZE=10\0");
    /// # Ok::<(), milter_proto::wire::NulInText>(())
    /// ```
    #[derive(Clone, Default, PartialEq, Eq, Hash)]
    pub struct TextListBuf(Vec<u8>);

    impl TextListBuf {
        /// Makes an empty list.
        #[must_use]
        pub const fn new() -> Self {
            Self(Vec::new())
        }

        /// Adds a text at the end.
        pub fn push(&mut self, text: Text<'_>) {
            self.0.extend_from_slice(text.as_bytes());
            self.0.push(0);
        }

        /// Removes every text, but keeps the memory.
        pub fn clear(&mut self) {
            self.0.clear();
        }

        /// The list, borrowed.
        #[must_use]
        pub fn as_list(&self) -> TextList<'_> {
            TextList(&self.0)
        }
    }

    impl<'a> From<&'a TextListBuf> for TextList<'a> {
        fn from(list: &'a TextListBuf) -> Self {
            list.as_list()
        }
    }

    impl fmt::Debug for TextListBuf {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.as_list().fmt(f)
        }
    }

    impl From<TextList<'_>> for TextListBuf {
        fn from(list: TextList<'_>) -> Self {
            Self(list.0.to_vec())
        }
    }

    impl<'a> Extend<Text<'a>> for TextListBuf {
        fn extend<I: IntoIterator<Item = Text<'a>>>(&mut self, texts: I) {
            texts.into_iter().for_each(|text| self.push(text));
        }
    }

    impl<'a> FromIterator<Text<'a>> for TextListBuf {
        fn from_iter<I: IntoIterator<Item = Text<'a>>>(texts: I) -> Self {
            let mut list = Self::new();
            list.extend(texts);
            list
        }
    }
}

#[cfg(feature = "alloc")]
pub use owned::TextListBuf;
