//! Timeouts: the classes of waits, and how long real programs wait.

use core::fmt;
use core::time::Duration;

/// The class of a wait. Every read that returns bytes restarts it, for example one that returns PROGRESS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wait {
    /// For the socket to connect. MTA only.
    Connect,
    /// For the peer to accept bytes. Both sides.
    Write,
    /// For the answer to OPTNEG. MTA only.
    Negotiation,
    /// For the reply to CONNECT, HELO, MAIL, RCPT, DATA or UNKNOWN. MTA only.
    Reply,
    /// For the reply to HEADER, EOH or BODY. MTA only.
    Content,
    /// For the next response to the end of a message. MTA only. There may be a limit on the whole end of message, which no
    /// frame restarts: [`Timeouts::end_of_message_total`].
    EndOfMessage,
    /// For the next command. Filter only.
    Command,
}

impl Wait {
    /// Every class.
    pub const ALL: [Self; 7] = [
        Self::Connect,
        Self::Write,
        Self::Negotiation,
        Self::Reply,
        Self::Content,
        Self::EndOfMessage,
        Self::Command,
    ];
}

/// How long each wait may take. The crate has no clock; the caller applies them.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use milter_proto::{Timeouts, Wait};
///
/// const PATIENT: Timeouts = Timeouts::LIBMILTER.with(Wait::Command, Duration::from_secs(86_400));
/// assert_eq!(PATIENT.of(Wait::Command), Duration::from_secs(86_400));
/// assert_eq!(PATIENT.of(Wait::Write), Timeouts::LIBMILTER.write);
/// ```
///
/// # Source
/// SPEC_NOTES TIM-1 to TIM-4.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Timeouts {
    /// [`Wait::Connect`].
    pub connect: Duration,
    /// [`Wait::Write`].
    pub write: Duration,
    /// [`Wait::Negotiation`].
    pub negotiation: Duration,
    /// [`Wait::Reply`].
    pub reply: Duration,
    /// [`Wait::Content`].
    pub content: Duration,
    /// [`Wait::EndOfMessage`].
    pub end_of_message: Duration,
    /// The total time from the end of the message to the verdict on it, whatever comes in between; `None` for no limit.
    pub end_of_message_total: Option<Duration>,
    /// [`Wait::Command`].
    pub command: Duration,
}

impl Timeouts {
    /// libmilter as a filter: 7210 s for each read and write (`MI_TIMEOUT` in libmilter/libmilter.h).
    ///
    /// The waits of an MTA are Sendmail's.
    pub const LIBMILTER: Self = Self { write: Duration::from_secs(7210), ..Self::SENDMAIL };

    /// Sendmail 8.17: connect 300 s, write 10 s, read 10 s, end of message 300 s in all
    /// (`Timeout` defaults of `INPUT_MAIL_FILTER`, sendmail/milter.c).
    pub const SENDMAIL: Self = Self {
        connect: Duration::from_secs(300),
        write: Duration::from_secs(10),
        negotiation: Duration::from_secs(10),
        reply: Duration::from_secs(10),
        content: Duration::from_secs(10),
        end_of_message: Duration::from_secs(10),
        end_of_message_total: Some(Duration::from_secs(300)),
        command: Duration::from_secs(7210),
    };

    /// Postfix 3.7: `milter_connect_timeout` 30 s, `milter_command_timeout` 30 s,
    /// `milter_content_timeout` 300 s; no total.
    pub const POSTFIX: Self = Self {
        connect: Duration::from_secs(30),
        write: Duration::from_secs(30),
        negotiation: Duration::from_secs(30),
        reply: Duration::from_secs(30),
        content: Duration::from_secs(300),
        end_of_message: Duration::from_secs(300),
        end_of_message_total: None,
        command: Duration::from_secs(7210),
    };

    /// Returns the same timeouts, except for one wait.
    #[must_use]
    #[doc(alias = "smfi_settimeout")]
    pub const fn with(self, wait: Wait, limit: Duration) -> Self {
        let mut timeouts = self;
        match wait {
            Wait::Connect => timeouts.connect = limit,
            Wait::Write => timeouts.write = limit,
            Wait::Negotiation => timeouts.negotiation = limit,
            Wait::Reply => timeouts.reply = limit,
            Wait::Content => timeouts.content = limit,
            Wait::EndOfMessage => timeouts.end_of_message = limit,
            Wait::Command => timeouts.command = limit,
        }
        timeouts
    }

    /// The same timeouts with another [`end_of_message_total`](Self::end_of_message_total); `None` for no limit.
    #[must_use]
    pub const fn with_end_of_message_total(self, limit: Option<Duration>) -> Self {
        Self { end_of_message_total: limit, ..self }
    }

    /// How long a wait may take.
    #[must_use]
    pub const fn of(&self, wait: Wait) -> Duration {
        match wait {
            Wait::Connect => self.connect,
            Wait::Write => self.write,
            Wait::Negotiation => self.negotiation,
            Wait::Reply => self.reply,
            Wait::Content => self.content,
            Wait::EndOfMessage => self.end_of_message,
            Wait::Command => self.command,
        }
    }
}

impl fmt::Debug for Timeouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeouts")
            .field("connect", &Seconds(self.connect))
            .field("write", &Seconds(self.write))
            .field("negotiation", &Seconds(self.negotiation))
            .field("reply", &Seconds(self.reply))
            .field("content", &Seconds(self.content))
            .field("end_of_message", &Seconds(self.end_of_message))
            .field("end_of_message_total", &self.end_of_message_total.map(Seconds))
            .field("command", &Seconds(self.command))
            .finish()
    }
}

/// Shows whole seconds, and what is over in nanoseconds: how `core` shows less than a second could panic
/// as far as the optimiser can see.
struct Seconds(Duration);

impl fmt::Debug for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_nanos() {
            0 => write!(f, "{}s", self.0.as_secs()),
            nanoseconds => write!(f, "{}.{nanoseconds:09}s", self.0.as_secs()),
        }
    }
}
