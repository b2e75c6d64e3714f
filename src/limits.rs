//! Limits on the memory that a peer can use, and on what is sent to it.

/// Limits on the size of a frame in each direction, and on the number of edits and PROGRESS.
///
/// All sizes are bytes of *payload*: the frame without its four length bytes and its code byte. A frame that is too
/// long is refused as soon as its four length bytes are known, before anything of it is kept.
///
/// # Memory
/// The most that each value holds, in bytes, whatever a peer sends. A vector was empty at first.
///
/// | what | holds at most |
/// | --- | --- |
/// | [`FilterSession`], [`MtaSession`], [`Monitor`] | 64 |
/// | [`Assembler`] | 64, and its storage |
/// | … a vector | [`max_receive_payload`](Self::max_receive_payload), and no more than twice the bytes that arrived of a frame that was cut |
/// | … memory of the caller | what the caller gave |
/// | [`MacroStore`] | 64, and its memory |
/// | … a vector | 65,536, and no more than twice the macros that arrived |
/// | … memory of the caller | what the caller gave |
/// | borrowed values: frames, commands, responses, events, observations, lines | nothing |
///
/// In addition to these values, a filter's connection holds at most `max_receive_payload() + 65_536` bytes, an MTA's
/// `max_receive_payload()`, and a monitor's `2 * max_receive_payload()`. While a vector grows, its old memory and its new
/// memory exist at the same time, so the peak is less than twice as much. Bytes that a length field announces need no
/// memory until they arrive, and frames that arrive whole need none at all. [`Assembler::release`] frees the storage. Values
/// that own their bytes (`…Buf`, and the entries of a [`transcript`](crate::transcript)) document their memory themselves.
/// How many of them there are is up to the caller.
///
/// The time for a frame is proportional to its length, whatever came before it; only MACRO may also move the macros of
/// later stages, at most 64 KiB. The caller has to limit two things: the length of a body or of a new body, and the length
/// of a connection.
///
/// [`Assembler`]: crate::wire::Assembler
/// [`Assembler::release`]: crate::wire::Assembler::release
/// [`FilterSession`]: crate::FilterSession
/// [`MacroStore`]: crate::macros::MacroStore
/// [`Monitor`]: crate::Monitor
/// [`MtaSession`]: crate::MtaSession
///
/// # Examples
/// ```
/// use milter_proto::Limits;
///
/// let limits = Limits::default();
/// assert_eq!((limits.max_receive_payload(), limits.max_send_payload()), (1_048_576, 65_535));
/// assert_eq!(limits.with_max_receive_payload(131_072).max_receive_payload(), 131_072);
/// ```
///
/// # Source
/// `MILTER_MAX_DATA_SIZE` in libmilter/mfdef.h: 65,535 bytes of payload, read and written. Postfix
/// reads up to 1 GiB and sends header frames of up to 60,000 bytes; Sendmail reads without a limit.
/// SPEC_NOTES FRM-5, FRM-6, FRM-7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    receive: u32,
    /// `None`: what was negotiated.
    send: Option<u32>,
    edits: u16,
    progress: u16,
}

impl Limits {
    /// Receives payloads of up to 1 MiB, sends up to 65,535 bytes or what was negotiated, and accepts 4096 edits for each
    /// message and 10,000 PROGRESS for each command.
    pub const DEFAULT: Self = Self { receive: 1_048_576, send: None, edits: 4096, progress: 10_000 };

    /// Returns the same limits with another limit on received payloads, in bytes.
    #[must_use]
    #[doc(alias = "smfi_setmaxdatasize")]
    pub const fn with_max_receive_payload(self, bytes: u32) -> Self {
        Self { receive: bytes, ..self }
    }

    /// Returns the same limits with another limit on sent payloads, in bytes.
    ///
    /// A session sends no more than this, and no more than was negotiated ([`DataSize`](crate::wire::DataSize)):
    /// libmilter closes the connection on a larger payload.
    #[must_use]
    #[doc(alias = "smfi_setmaxdatasize")]
    pub const fn with_max_send_payload(self, bytes: u32) -> Self {
        Self { send: Some(bytes), ..self }
    }

    /// Returns the same limits with another limit on the edits of one message. Chunks of a new body do not count.
    #[must_use]
    pub const fn with_max_edits(self, edits: u16) -> Self {
        Self { edits, ..self }
    }

    /// Returns the same limits with another limit on PROGRESS for one command.
    #[must_use]
    pub const fn with_max_progress(self, progress: u16) -> Self {
        Self { progress, ..self }
    }

    /// How many edits an MTA accepts for one message. Chunks of a new body do not count.
    #[must_use]
    pub const fn max_edits(self) -> u16 {
        self.edits
    }

    /// How many PROGRESS an MTA accepts before one verdict.
    #[must_use]
    pub const fn max_progress(self) -> u16 {
        self.progress
    }

    /// The largest payload that is accepted from the peer, in bytes.
    #[must_use]
    pub const fn max_receive_payload(self) -> u32 {
        self.receive
    }

    /// The largest payload that may be sent to the peer, in bytes: 65,535 unless set. If it is not set, a session sends as
    /// much as was negotiated.
    #[must_use]
    pub const fn max_send_payload(self) -> u32 {
        match self.send {
            Some(bytes) => bytes,
            None => 65_535,
        }
    }

    /// The bound of the caller on what a session sends, which negotiation does not raise.
    pub(crate) const fn session_send(self) -> u32 {
        match self.send {
            Some(bytes) => bytes,
            None => u32::MAX,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
