//! Header values in a message and on the wire: the space after the colon, and folds.

#[cfg(feature = "alloc")]
use alloc::borrow::Cow;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use super::bits::Steps;

/// Whether header values include the space after the colon.
///
/// This applies in both directions: to the values of HEADER, and to those of ADDHEADER, INSHEADER and CHGHEADER.
///
/// # Examples
/// ```
/// use milter_proto::wire::{LeadingSpace, Steps};
///
/// // In the message: "Subject:  two spaces", after the colon.
/// let raw = b"  two spaces";
/// assert_eq!(LeadingSpace::of(Steps::EMPTY).to_wire(raw), b" two spaces");
/// assert_eq!(LeadingSpace::of(Steps::LEADING_SPACE).to_wire(raw), raw);
/// assert_eq!(LeadingSpace::of(Steps::EMPTY).before(), b" ");
/// ```
///
/// A value between the message and the wire, folds included:
/// ```
/// # #[cfg(feature = "alloc")] {
/// use milter_proto::wire::LeadingSpace;
///
/// let space = LeadingSpace::Stripped;
/// assert_eq!(*space.encode_value(b" folded\r\n\ttwice"), *b"folded\n\ttwice");
/// assert_eq!(*space.decode_value(b"folded\n\ttwice"), *b" folded\r\n\ttwice");
/// # }
/// ```
///
/// # Source
/// `milter_headers` and `addleadingspace` in sendmail/milter.c; `milter8_header` in Postfix
/// src/milter/milter8.c. SPEC_NOTES HDR-1 to HDR-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the bit is set or not")]
pub enum LeadingSpace {
    /// Values do not include it: the MTA removes one space, and adds one to values from the filter. The default.
    Stripped,
    /// Values include everything after the colon. Negotiated with [`Steps::LEADING_SPACE`].
    Preserved,
}

impl LeadingSpace {
    /// The setting that was negotiated.
    #[must_use]
    pub const fn of(steps: Steps) -> Self {
        if steps.contains(Steps::LEADING_SPACE) { Self::Preserved } else { Self::Stripped }
    }

    /// The value to send for the bytes after the colon: without the first space, or unchanged.
    ///
    /// At most one space is removed, and never a tab.
    #[must_use]
    pub fn to_wire(self, after_colon: &[u8]) -> &[u8] {
        match (self, after_colon) {
            (Self::Stripped, [b' ', value @ ..]) => value,
            _ => after_colon,
        }
    }

    /// The bytes to put between the colon and a value that was received: a space, or nothing.
    #[must_use]
    pub const fn before(self) -> &'static [u8] {
        match self {
            Self::Stripped => b" ",
            Self::Preserved => b"",
        }
    }

    /// The value to send for the bytes after the colon in a message, in pieces: without the first space if values do not
    /// include it, with LF for CRLF, and without NULs. Leave out the final line end. A CR stays that does not stand directly
    /// before a LF.
    ///
    /// With the feature `alloc`, `encode_value` joins them.
    ///
    /// # Source
    /// SPEC_NOTES HDR-2, HDR-5, HDR-6: a NUL cannot be sent, and Sendmail leaves it out.
    pub fn encode_pieces(self, after_colon: &[u8]) -> impl Iterator<Item = &[u8]> {
        folds_to_wire(self.to_wire(after_colon)).flat_map(|piece| piece.split(|&byte| byte == 0))
    }

    /// The bytes after the colon in a message, for a value that was received, in pieces: a space if values do not include
    /// it, and the value with CRLF for LF. The result is one header, whatever the value is: see [`folds_from_wire`].
    ///
    /// With the feature `alloc`, `decode_value` joins them.
    pub fn decode_pieces(self, value: &[u8]) -> impl Iterator<Item = &[u8]> {
        core::iter::once(self.before()).chain(folds_from_wire(value)).filter(|piece| !piece.is_empty())
    }

    /// The value to send for the bytes after the colon in a message, without the final line end: the joined
    /// [`encode_pieces`](Self::encode_pieces). It has no NUL, so it can become a [`Text`](super::Text).
    ///
    /// Nothing is allocated unless the value has a CR or a NUL.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn encode_value(self, after_colon: &[u8]) -> Cow<'_, [u8]> {
        let value = self.to_wire(after_colon);
        if value.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            joined(value.len(), self.encode_pieces(after_colon))
        } else {
            Cow::Borrowed(value)
        }
    }

    /// The bytes after the colon in a message, for a value that was received: the joined
    /// [`decode_pieces`](Self::decode_pieces).
    ///
    /// Nothing is allocated if values include the space and this one has no fold.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn decode_value(self, value: &[u8]) -> Cow<'_, [u8]> {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let folds = value.iter().fold(0_usize, |count, byte| count.saturating_add(is_end(byte).into()));
        if folds == 0 && self == Self::Preserved {
            Cow::Borrowed(value)
        } else {
            // A line end becomes three bytes at most.
            let len = value.len().saturating_add(folds.saturating_mul(2)).saturating_add(1);
            joined(len, self.decode_pieces(value))
        }
    }
}

/// Pieces, put together into memory for `len` bytes, which is as many as they have at most.
#[cfg(feature = "alloc")]
fn joined<'a>(len: usize, pieces: impl Iterator<Item = &'a [u8]>) -> Cow<'a, [u8]> {
    let mut bytes = Vec::with_capacity(len);
    pieces.for_each(|piece| bytes.extend_from_slice(piece));
    Cow::Owned(bytes)
}

/// A header value as it is sent, in pieces: each CRLF becomes a LF.
///
/// # Examples
/// ```
/// use milter_proto::wire::folds_to_wire;
///
/// assert_eq!(folds_to_wire(b"one\r\n\ttwo").collect::<Vec<_>>().concat(), b"one\n\ttwo");
/// ```
///
/// # Source
/// Sendmail and Postfix do so: SPEC_NOTES HDR-5.
pub fn folds_to_wire(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let cut = rest.windows(2).position(|pair| pair == b"\r\n").unwrap_or(rest.len());
        let (piece, tail) = rest.split_at_checked(cut)?;
        rest = tail.get(1..).unwrap_or_default();
        Some(piece)
    })
}

/// A header value as it stands in a message, in pieces: each LF, or CRLF, becomes a CRLF.
///
/// The result is one header, whatever the value is: a line that does not begin with a blank or a tab gets a blank in front,
/// as in Sendmail, and a lone CR becomes a blank, as in Postfix.
///
/// # Examples
/// ```
/// use milter_proto::wire::folds_from_wire;
///
/// let from_wire = |value| folds_from_wire(value).collect::<Vec<_>>().concat();
/// assert_eq!(from_wire(b"one\n\ttwo"), b"one\r\n\ttwo");
/// assert_eq!(from_wire(b"one\r\n\ttwo"), b"one\r\n\ttwo");
/// assert_eq!(from_wire(b"one\nBcc: two"), b"one\r\n Bcc: two");
/// ```
///
/// # Source
/// SPEC_NOTES HDR-5, HDR-8.
pub fn folds_from_wire(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    core::iter::from_fn(move || {
        let (piece, tail) = match rest {
            [] => return None,
            [b'\r', b'\n', tail @ ..] | [b'\n', tail @ ..] => match tail {
                [b' ' | b'\t', ..] => (&b"\r\n"[..], tail),
                _ => (&b"\r\n "[..], tail),
            },
            [b'\r', tail @ ..] => (&b" "[..], tail),
            text => {
                let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
                text.split_at_checked(end)?
            }
        };
        rest = tail;
        Some(piece)
    })
}
