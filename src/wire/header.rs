//! Header values between a message and the wire: the space behind the colon, and folds.

use super::bits::Steps;

/// Who has the space that follows a header's colon.
///
/// The rule holds in both directions: for the values of HEADER, and for those of ADDHEADER, INSHEADER
/// and CHGHEADER.
///
/// # Examples
/// ```
/// use milter_proto::wire::{LeadingSpace, Steps};
///
/// // In the message: "Subject:  two spaces", behind the colon.
/// let raw = b"  two spaces";
/// assert_eq!(LeadingSpace::of(Steps::EMPTY).to_wire(raw), b" two spaces");
/// assert_eq!(LeadingSpace::of(Steps::LEADING_SPACE).to_wire(raw), raw);
/// assert_eq!(LeadingSpace::of(Steps::EMPTY).before(), b" ");
/// ```
///
/// # Source
/// `milter_headers` and `addleadingspace` in sendmail/milter.c; `milter8_header` in Postfix
/// src/milter/milter8.c. SPEC_NOTES HDR-1 to HDR-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the bit is set or not")]
pub enum LeadingSpace {
    /// The MTA takes one space off and puts one on: values travel without it. The default.
    Stripped,
    /// Values travel as they stand behind the colon. Negotiated with [`Steps::LEADING_SPACE`].
    Preserved,
}

impl LeadingSpace {
    /// Reads the rule from what was negotiated.
    #[must_use]
    pub const fn of(steps: Steps) -> Self {
        if steps.contains(Steps::LEADING_SPACE) { Self::Preserved } else { Self::Stripped }
    }

    /// The value to send for what stands behind the colon: without one space, or as it is.
    ///
    /// Exactly one space is taken off, never a tab.
    #[must_use]
    pub fn to_wire(self, behind_colon: &[u8]) -> &[u8] {
        match (self, behind_colon) {
            (Self::Stripped, [b' ', value @ ..]) => value,
            _ => behind_colon,
        }
    }

    /// What belongs between the colon and a value that came from the wire: a space, or nothing.
    #[must_use]
    pub const fn before(self) -> &'static [u8] {
        match self {
            Self::Stripped => b" ",
            Self::Preserved => b"",
        }
    }
}

/// The pieces of a header value in the form of the wire: each CRLF becomes a LF.
///
/// # Examples
/// ```
/// use milter_proto::wire::folds_to_wire;
///
/// assert_eq!(folds_to_wire(b"one\r\n\ttwo").collect::<Vec<_>>().concat(), b"one\n\ttwo");
/// ```
///
/// # Source
/// Both MTAs: SPEC_NOTES HDR-5.
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

/// The pieces of a header value in the form of a message: each LF, or CRLF, becomes a CRLF.
///
/// They are one header, whatever the value is. Where a line does not begin with a blank or a tab, a blank
/// is put in front of it, as Sendmail does, and a CR that stands alone becomes a blank, as with Postfix.
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
