//! Bounds on what a peer may make us hold, and on what we may send it.

/// How much one frame may carry, in each direction.
///
/// All sizes are bytes of *payload*: the frame without its four length bytes and its code byte. A
/// length field that claims more is refused from those four bytes alone, before anything of the
/// frame is kept.
///
/// # Examples
/// ```
/// use milter_proto::Limits;
///
/// let limits = Limits::default();
/// assert_eq!((limits.receive(), limits.send()), (1_048_576, 65_535));
/// assert_eq!(limits.with_receive(131_072).receive(), 131_072);
/// ```
///
/// # Source
/// `MILTER_MAX_DATA_SIZE` in libmilter/mfdef.h: 65,535 bytes of payload, read and written. Postfix
/// reads up to 1 GiB and sends header frames of up to 60,000 bytes; Sendmail reads without a limit.
/// SPEC_NOTES FRM-5, FRM-6, FRM-7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    receive: u32,
    send: u32,
}

impl Limits {
    /// 1 MiB to receive, 65,535 bytes to send.
    pub const DEFAULT: Self = Self { receive: 1_048_576, send: 65_535 };

    /// The same limits with another bound on received payloads, in bytes.
    #[must_use]
    pub const fn with_receive(self, bytes: u32) -> Self {
        Self { receive: bytes, ..self }
    }

    /// The same limits with another bound on sent payloads, in bytes.
    ///
    /// libmilter closes the connection on a payload of more than 65,535 bytes, unless both sides
    /// negotiated more ([`DataSize`](crate::wire::DataSize)).
    #[must_use]
    pub const fn with_send(self, bytes: u32) -> Self {
        Self { send: bytes, ..self }
    }

    /// The largest payload that is accepted from the peer, in bytes.
    #[must_use]
    pub const fn receive(self) -> u32 {
        self.receive
    }

    /// The largest payload that may be sent to the peer, in bytes.
    #[must_use]
    pub const fn send(self) -> u32 {
        self.send
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
