//! Bounds on what a peer may make us hold, and on what we may send it.

/// How much one frame may carry in each direction, and how many frames may answer one message.
///
/// All sizes are bytes of *payload*: the frame without its four length bytes and its code byte. A
/// length field that claims more is refused from those four bytes alone, before anything of the
/// frame is kept.
///
/// # What is held at most
/// Whatever a peer sends, in bytes, where a vector was empty at first:
///
/// | what | holds at most |
/// | --- | --- |
/// | [`FilterSession`], [`MtaSession`], [`Monitor`] | 64 |
/// | [`Assembler`] | 64, and its storage |
/// | … a vector | [`max_receive_payload`](Self::max_receive_payload), and no more than twice what has come of a frame that was cut |
/// | … memory of the caller | what the caller gave |
/// | [`MacroStore`] | 64, and its memory |
/// | … a vector | 65,536, and no more than twice the macros that have come |
/// | … memory of the caller | what the caller gave |
/// | what borrows: frames, commands, responses, events, observations, lines | nothing |
///
/// So a filter's connection holds `max_receive_payload() + 65_536` bytes beside its three values, an MTA's `max_receive_payload()`,
/// and a monitor's `2 * max_receive_payload()`. While a vector grows, its old room stands beside the new one: at the peak
/// it takes less than twice as much. Bytes that were announced and have not come take nothing, nor do frames
/// that come whole, and [`Assembler::release`] gives the storage back. Values that own their bytes, which
/// are those that end with `Buf` and the entries of a [`transcript`](crate::transcript), say for themselves
/// what they hold. How many of them there are is up to the caller.
///
/// The time that a frame takes is in proportion to its length, whatever came before it. Only macros may
/// move those of later stages, 64 KiB of them at most. Two things are left to the caller: a body, and what
/// replaces it, is of any length, and so is a connection.
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
    /// 1 MiB to receive, 65,535 bytes to send, 4096 edits for a message, and 10,000 times PROGRESS for a command.
    pub const DEFAULT: Self = Self { receive: 1_048_576, send: None, edits: 4096, progress: 10_000 };

    /// The same limits with another bound on received payloads, in bytes.
    #[must_use]
    #[doc(alias = "smfi_setmaxdatasize")]
    pub const fn with_max_receive_payload(self, bytes: u32) -> Self {
        Self { receive: bytes, ..self }
    }

    /// The same limits with a bound on sent payloads, in bytes.
    ///
    /// A session sends no more than that, and no more than was negotiated ([`DataSize`](crate::wire::DataSize)):
    /// libmilter closes the connection on a larger payload.
    #[must_use]
    #[doc(alias = "smfi_setmaxdatasize")]
    pub const fn with_max_send_payload(self, bytes: u32) -> Self {
        Self { send: Some(bytes), ..self }
    }

    /// The same limits with another bound on the edits of one message. Body chunks do not count.
    #[must_use]
    pub const fn with_max_edits(self, edits: u16) -> Self {
        Self { edits, ..self }
    }

    /// The same limits with another bound on PROGRESS for one command.
    #[must_use]
    pub const fn with_max_progress(self, progress: u16) -> Self {
        Self { progress, ..self }
    }

    /// Edits that an MTA takes for one message, body chunks not counted.
    #[must_use]
    pub const fn max_edits(self) -> u16 {
        self.edits
    }

    /// How often an MTA takes PROGRESS in place of one verdict.
    #[must_use]
    pub const fn max_progress(self) -> u16 {
        self.progress
    }

    /// The largest payload that is accepted from the peer, in bytes.
    #[must_use]
    pub const fn max_receive_payload(self) -> u32 {
        self.receive
    }

    /// The largest payload that may be sent to the peer, in bytes: 65,535 unless set. A session without such a bound
    /// sends as much as was negotiated.
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
