//! Reply codes and enhanced status codes.

use core::fmt;
use core::str::FromStr;

use crate::wire::error::{ExpectedCode, ParseCodeError};

/// A reply code from 400 to 599.
///
/// # Examples
/// ```
/// use milter_proto::wire::ReplyCode;
///
/// let code: ReplyCode = "451".parse()?;
/// assert_eq!(code, ReplyCode::try_from(451)?);
/// assert!(ReplyCode::try_from(421)?.closes_smtp_session());
/// assert!(ReplyCode::try_from(250).is_err());
/// # Ok::<(), milter_proto::wire::ParseCodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyCode(pub(super) [u8; 3]);

impl ReplyCode {
    /// Makes a code, if the number is from 400 to 599.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        let mut digits = Digits::default();
        fmt::write(&mut digits, format_args!("{number}")).ok()?;
        match *digits.as_bytes() {
            [class @ (b'4' | b'5'), tens, ones] => Some(Self([class, tens, ones])),
            _ => None,
        }
    }

    /// The number, from 400 to 599.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0.iter().fold(0, |number, digit| {
            u16::from(digit.wrapping_sub(b'0')).wrapping_add(number.wrapping_mul(10))
        })
    }

    /// Whether the SMTP session ends with this reply, whatever command it answers: 421 and 521.
    ///
    /// # Source
    /// RFC 5321, section 3.8; RFC 7504. SPEC_NOTES SCP-11.
    #[must_use]
    pub const fn closes_smtp_session(self) -> bool {
        matches!(self.0, [b'4' | b'5', b'2', b'1'])
    }

    /// The class: 4 for a temporary refusal, 5 for a permanent one.
    #[must_use]
    pub const fn class(self) -> u8 {
        let [class, ..] = self.0;
        class.wrapping_sub(b'0')
    }
}

impl TryFrom<u16> for ReplyCode {
    type Error = ParseCodeError;

    fn try_from(number: u16) -> Result<Self, ParseCodeError> {
        Self::new(number).ok_or_else(|| {
            let mut digits = Digits::default();
            // Twelve bytes hold any number of 16 bits.
            _ = fmt::write(&mut digits, format_args!("{number}"));
            ParseCodeError::new(digits.as_bytes(), ExpectedCode::Reply)
        })
    }
}

impl FromStr for ReplyCode {
    type Err = ParseCodeError;

    /// Takes three digits, the first of them 4 or 5, and nothing else.
    fn from_str(text: &str) -> Result<Self, ParseCodeError> {
        match *text.as_bytes() {
            [class @ (b'4' | b'5'), tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Ok(Self([class, tens, ones])),
            _ => Err(ParseCodeError::new(text.as_bytes(), ExpectedCode::Reply)),
        }
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl fmt::Debug for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// An enhanced status code of class 4 or 5, such as 5.7.1.
///
/// # Examples
/// ```
/// use milter_proto::wire::EnhancedCode;
///
/// assert_eq!(Some("5.7.1".parse()?), EnhancedCode::new(5, 7, 1));
/// # Ok::<(), milter_proto::wire::ParseCodeError>(())
/// ```
///
/// # Source
/// RFC 3463.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnhancedCode {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedCode {
    /// Makes a code, if the class is 4 or 5 and the other two numbers are under 1000.
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Option<Self> {
        if matches!(class, 4 | 5) && subject < 1000 && detail < 1000 {
            Some(Self { class, subject, detail })
        } else {
            None
        }
    }

    /// The class: 4 for a temporary refusal, 5 for a permanent one.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.class
    }

    /// The subject, from 0 to 999.
    #[must_use]
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// The detail, from 0 to 999.
    #[must_use]
    pub const fn detail(self) -> u16 {
        self.detail
    }

    /// Takes the code and the blank after it from the front of a line's text.
    pub(super) fn split(text: &[u8]) -> (Option<Self>, &[u8]) {
        let (word, rest) = match text.iter().position(|&byte| byte == b' ') {
            Some(end) => {
                (text.get(..end).unwrap_or_default(), text.get(end.saturating_add(1)..).unwrap_or_default())
            }
            None => (text, &[][..]),
        };
        let mut numbers = word.split(|&byte| byte == b'.').map(number);
        let code = match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Some(class)), Some(Some(subject)), Some(Some(detail)), None) => {
                u8::try_from(class).ok().and_then(|class| Self::new(class, subject, detail))
            }
            _ => None,
        };
        if code.is_some() { (code, rest) } else { (None, text) }
    }
}

impl FromStr for EnhancedCode {
    type Err = ParseCodeError;

    /// Takes three numbers with dots between them and nothing else: one digit, and twice one to three digits.
    fn from_str(text: &str) -> Result<Self, ParseCodeError> {
        match Self::split(text.as_bytes()) {
            (Some(code), []) if matches!(text.as_bytes(), [_, b'.', .., b'0'..=b'9']) => Ok(code),
            _ => Err(ParseCodeError::new(text.as_bytes(), ExpectedCode::Enhanced)),
        }
    }
}

/// A number of one to three digits.
fn number(digits: &[u8]) -> Option<u16> {
    if !matches!(digits.len(), 1..=3) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl fmt::Debug for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Room for a short number in decimal.
#[derive(Default)]
pub(super) struct Digits {
    bytes: [u8; 12],
    len: usize,
}

impl Digits {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = self.bytes.get_mut(self.len..).and_then(|free| free.get_mut(..text.len()));
        free.ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = self.len.saturating_add(text.len());
        Ok(())
    }
}
