//! Cutting: four length bytes, one code byte, a payload.

use core::fmt;

use thiserror::Error;

use super::outgoing::{HEAD_LEN, OutgoingFrame, Pieces};
use crate::Limits;

/// One frame of either direction: a code byte and a payload that is not decoded yet.
///
/// On the wire a frame is a length (u32, big-endian, counts the code byte and the payload), the
/// code byte and the payload. A `Frame` can hold any bytes, so that testers can send what no
/// [`Command`](super::Command) or [`Response`](super::Response) can express.
///
/// # Examples
/// ```
/// use milter_proto::Limits;
/// use milter_proto::wire::Frame;
///
/// let input = b"\0\0\0\x03Hc\0\0\0";
/// let Ok(Some((frame, rest))) = Frame::split(input, Limits::DEFAULT) else { panic!() };
/// assert_eq!(frame, Frame::new(b'H', b"c\0"));
/// assert_eq!(Frame::split(rest, Limits::DEFAULT), Ok(None)); // two bytes are no frame yet
/// ```
///
/// # Source
/// `mi_rd_cmd` and `mi_wr_cmd` in libmilter/comm.c. SPEC_NOTES FRM-1.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame<'a> {
    code: u8,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Bytes before the payload: the length and the code.
    pub const HEAD_LEN: usize = HEAD_LEN;

    /// Makes a frame from any code and any payload.
    #[must_use]
    pub const fn new(code: u8, payload: &'a [u8]) -> Self {
        Self { code, payload }
    }

    /// Cuts the first frame from `input` and returns it with the bytes that follow it.
    ///
    /// `Ok(None)` means that `input` ends before the frame does. Nothing is copied.
    ///
    /// # Errors
    /// [`FrameError`], as soon as `input` has the four length bytes.
    #[inline]
    pub fn split(input: &'a [u8], limits: Limits) -> Result<Option<(Self, &'a [u8])>, FrameError> {
        let Some((&[a, b, c, d, code], rest)) = input.split_first_chunk() else {
            let length = input.first_chunk().map(|&length| payload_len(length, limits.max_receive_payload()));
            return length.transpose().map(|_| None);
        };
        let payload_len = payload_len([a, b, c, d], limits.max_receive_payload())?;
        let Some((payload, rest)) = rest.split_at_checked(payload_len) else { return Ok(None) };
        Ok(Some((Self { code, payload }, rest)))
    }

    /// The code byte: a command (MTA to filter) or a response (filter to MTA).
    #[must_use]
    pub const fn code(self) -> u8 {
        self.code
    }

    /// The bytes after the code byte.
    #[must_use]
    pub const fn payload(self) -> &'a [u8] {
        self.payload
    }

    /// The frame as bytes to send: its head and the borrowed payload.
    pub fn encode(self) -> OutgoingFrame<'a> {
        Pieces::new(self.code).raw(self.payload)
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame(b'{}', b\"{}\")", self.code.escape_ascii(), self.payload.escape_ascii())
    }
}

/// The length of the payload that a length field announces, if the limit allows it.
#[inline]
pub(super) fn payload_len(length: [u8; 4], limit: u32) -> Result<usize, FrameError> {
    let Some(payload) = u32::from_be_bytes(length).checked_sub(1) else { return Err(FrameError::Empty) };
    match usize::try_from(payload) {
        Ok(len) if payload <= limit => Ok(len),
        _ => Err(FrameError::TooLong { payload, limit, looks_like: OtherProtocol::guess(length) }),
    }
}

/// Why a byte stream cannot be cut into frames.
///
/// The position in the stream is lost, so the connection has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The length field is 0, but it counts at least the code byte.
    ///
    /// libmilter treats the next byte as a command anyway, and Sendmail's MTA aborts: SPEC_NOTES FRM-3.
    #[error("frame of length 0: the length counts the code byte and cannot be less than 1")]
    Empty,
    /// The length field announces a payload over the limit, or larger than the storage.
    #[error("payload of {payload} bytes is over the limit of {limit}{}", Hint(*.looks_like))]
    TooLong {
        /// Bytes of payload that the length field announces.
        payload: u32,
        /// Bytes of payload that are allowed.
        limit: u32,
        /// The protocol that the four length bytes look like, if they look like one.
        looks_like: Option<OtherProtocol>,
    },
}

/// Another protocol, recognised by its first four bytes.
///
/// It occurs when a health check, a browser or an SMTP client connects to the port of a filter, or when an MTA connects
/// to another service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OtherProtocol {
    /// An HTTP request or answer.
    Http,
    /// A TLS record of any type.
    Tls,
    /// An SMTP greeting or command.
    Smtp,
    /// Four printable characters of some other text.
    Text,
}

impl OtherProtocol {
    fn guess(length: [u8; 4]) -> Option<Self> {
        match &length.map(|byte| byte.to_ascii_uppercase()) {
            b"GET " | b"HEAD" | b"POST" | b"PUT " | b"DELE" | b"OPTI" | b"PRI " | b"HTTP" => Some(Self::Http),
            [0x14..=0x17, 0x03, 0x00..=0x04, _] => Some(Self::Tls),
            b"220 " | b"220-" | b"421 " | b"554 " | b"EHLO" | b"HELO" | b"LHLO" | b"QUIT" | b"NOOP" => {
                Some(Self::Smtp)
            }
            text if text.iter().all(|&byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) => {
                Some(Self::Text)
            }
            _ => None,
        }
    }
}

struct Hint(Option<OtherProtocol>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            None => "",
            Some(OtherProtocol::Http) => "; these bytes look like HTTP: the peer does not speak Milter",
            Some(OtherProtocol::Tls) => "; these bytes look like TLS: the peer does not speak plain Milter",
            Some(OtherProtocol::Smtp) => "; these bytes look like SMTP: the peer does not speak Milter",
            Some(OtherProtocol::Text) => "; these bytes look like text: the peer does not speak Milter",
        })
    }
}

#[cfg(feature = "alloc")]
mod owned {
    use alloc::vec::Vec;
    use core::fmt;

    use super::{Frame, OutgoingFrame};

    /// A frame that owns its payload: for queues, other threads, and tests.
    ///
    /// # Memory
    /// The payload, to the byte, if it was made from a [`Frame`] or an [`OutgoingFrame`].
    #[derive(Clone, PartialEq, Eq, Hash)]
    pub struct FrameBuf {
        code: u8,
        payload: Vec<u8>,
    }

    impl FrameBuf {
        /// Makes a frame from any code and any payload.
        #[must_use]
        pub const fn new(code: u8, payload: Vec<u8>) -> Self {
            Self { code, payload }
        }

        /// The frame, borrowed.
        #[must_use]
        pub fn as_frame(&self) -> Frame<'_> {
            Frame::new(self.code, &self.payload)
        }
    }

    impl From<Frame<'_>> for FrameBuf {
        fn from(frame: Frame<'_>) -> Self {
            Self::new(frame.code(), frame.payload().to_vec())
        }
    }

    impl<'a> From<&'a FrameBuf> for Frame<'a> {
        fn from(frame: &'a FrameBuf) -> Self {
            frame.as_frame()
        }
    }

    impl OutgoingFrame<'_> {
        /// Copies the frame into one that owns its payload.
        ///
        /// # Examples
        /// ```
        /// use milter_proto::wire::{Command, Frame, Text};
        ///
        /// let helo = Command::Helo { name: Text::new(b"mx.example")? };
        /// assert_eq!(helo.encode().to_frame().as_frame(), Frame::new(b'H', b"mx.example\0"));
        /// # Ok::<(), milter_proto::wire::NulInText>(())
        /// ```
        #[must_use]
        pub fn to_frame(&self) -> FrameBuf {
            let (code, payload) = self.to_parts();
            FrameBuf::new(code, payload)
        }
    }

    impl fmt::Debug for FrameBuf {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.as_frame().fmt(f)
        }
    }
}

#[cfg(feature = "alloc")]
pub use owned::FrameBuf;
