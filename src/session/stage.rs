//! The stages of a conversation, and the kinds of commands that lead from one to the next.

use core::fmt;

use super::conversation::Law;
use super::timing::Wait;
use crate::wire::codes::command;
use crate::wire::{Command, Steps, Version, code_name};

/// How far a connection has come: the command that was taken last, in most cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Nothing was said.
    Start,
    /// OPTNEG.
    Negotiated,
    /// CONNECT.
    Connected,
    /// HELO, or any message is over.
    Greeted,
    /// MAIL.
    Mail,
    /// At least one RCPT.
    Recipients,
    /// DATA.
    Data,
    /// At least one HEADER.
    Headers,
    /// EOH.
    EndOfHeaders,
    /// At least one BODY.
    Body,
    /// BODYEOB.
    EndOfMessage,
    /// QUIT, or the connection broke.
    Closed,
    /// ABORT, as libmilter's engine has it.
    Aborted,
    /// UNKNOWN, as libmilter's engine has it.
    Unknown,
    /// QUIT_NC, as libmilter's engine has it.
    Reconnecting,
    /// The verdict on CONNECT or HELO was about the whole connection: only QUIT is left.
    Decided,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 16] = [
        Self::Start,
        Self::Negotiated,
        Self::Connected,
        Self::Greeted,
        Self::Mail,
        Self::Recipients,
        Self::Data,
        Self::Headers,
        Self::EndOfHeaders,
        Self::Body,
        Self::EndOfMessage,
        Self::Closed,
        Self::Aborted,
        Self::Unknown,
        Self::Reconnecting,
        Self::Decided,
    ];

    /// Whether a message is in progress: from MAIL to the last of its body.
    #[must_use]
    pub const fn is_in_message(self) -> bool {
        matches!(
            self,
            Self::Mail | Self::Recipients | Self::Data | Self::Headers | Self::EndOfHeaders | Self::Body
        )
    }

    /// Whether a law knows the stage.
    pub(super) const fn is_of(self, law: Law) -> bool {
        match law {
            Law::Strict => !matches!(self, Self::Aborted | Self::Unknown | Self::Reconnecting),
            Law::Libmilter => !matches!(self, Self::Decided),
        }
    }

    /// The stage that follows in order, and the step that lets it be left out.
    pub(super) const fn passed_over(self) -> Option<(Self, Steps)> {
        match self {
            Self::Negotiated => Some((Self::Connected, Steps::NO_CONNECT)),
            Self::Connected => Some((Self::Greeted, Steps::NO_HELO)),
            Self::Greeted => Some((Self::Mail, Steps::NO_MAIL)),
            Self::Mail => Some((Self::Recipients, Steps::NO_RCPT)),
            Self::Recipients => Some((Self::Data, Steps::NO_DATA)),
            Self::Data => Some((Self::Headers, Steps::NO_HEADERS)),
            Self::Headers => Some((Self::EndOfHeaders, Steps::NO_END_OF_HEADERS)),
            Self::EndOfHeaders => Some((Self::Body, Steps::NO_BODY)),
            Self::Aborted => Some((Self::Unknown, Steps::NO_UNKNOWN)),
            Self::Start
            | Self::Body
            | Self::EndOfMessage
            | Self::Closed
            | Self::Unknown
            | Self::Reconnecting
            | Self::Decided => None,
        }
    }

    /// The stage after a message that ended before its time.
    pub(super) const fn without_message(self) -> Self {
        if self.is_in_message() { Self::Greeted } else { self }
    }
}

/// A command without its content: what the order is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CommandKind {
    /// OPTNEG.
    Negotiate,
    /// MACRO.
    Macros,
    /// CONNECT.
    Connect,
    /// HELO.
    Helo,
    /// MAIL.
    MailFrom,
    /// RCPT.
    RcptTo,
    /// DATA.
    Data,
    /// HEADER.
    Header,
    /// EOH.
    EndOfHeaders,
    /// BODY.
    Body,
    /// BODYEOB.
    EndOfMessage,
    /// UNKNOWN.
    Unknown,
    /// ABORT.
    Abort,
    /// QUIT.
    Quit,
    /// QUIT_NC.
    QuitNewConnection,
}

/// One row of the table of commands.
pub(super) struct Row {
    code: u8,
    pub(super) target: Stage,
    /// Empty: it cannot be switched off.
    off: Steps,
    no_reply: Steps,
    wait: Option<Wait>,
}

impl Row {
    /// Whether the command gets a reply on a connection with these steps.
    #[inline]
    pub(super) const fn is_replied(&self, steps: Steps) -> bool {
        self.wait.is_some() && steps.intersection(self.no_reply).is_empty()
    }

    /// A command that cannot be switched off.
    const fn always(code: u8, target: Stage, wait: Option<Wait>) -> Self {
        Self { code, target, off: Steps::EMPTY, no_reply: Steps::EMPTY, wait }
    }

    /// A command that can be switched off, and its reply too.
    const fn new(code: u8, target: Stage, off: Steps, no_reply: Steps, wait: Wait) -> Self {
        Self { code, target, off, no_reply, wait: Some(wait) }
    }
}

impl CommandKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::Negotiate,
        Self::Macros,
        Self::Connect,
        Self::Helo,
        Self::MailFrom,
        Self::RcptTo,
        Self::Data,
        Self::Header,
        Self::EndOfHeaders,
        Self::Body,
        Self::EndOfMessage,
        Self::Unknown,
        Self::Abort,
        Self::Quit,
        Self::QuitNewConnection,
    ];

    /// The kind of a command; none for a code that is no command.
    #[must_use]
    pub const fn of(command: &Command<'_>) -> Option<Self> {
        Some(match command {
            Command::Negotiate(_) => Self::Negotiate,
            Command::Macros(_) => Self::Macros,
            Command::Connect { .. } => Self::Connect,
            Command::Helo { .. } => Self::Helo,
            Command::MailFrom { .. } => Self::MailFrom,
            Command::RcptTo { .. } => Self::RcptTo,
            Command::Data => Self::Data,
            Command::Header { .. } => Self::Header,
            Command::EndOfHeaders => Self::EndOfHeaders,
            Command::Body { .. } => Self::Body,
            Command::EndOfMessage { .. } => Self::EndOfMessage,
            Command::Unknown { .. } => Self::Unknown,
            Command::Abort => Self::Abort,
            Command::Quit => Self::Quit,
            Command::QuitNewConnection => Self::QuitNewConnection,
            Command::Other(_) => return None,
        })
    }

    /// The kind of a code byte; none for a byte that is no command.
    #[must_use]
    pub const fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            command::OPTNEG => Self::Negotiate,
            command::MACRO => Self::Macros,
            command::CONNECT => Self::Connect,
            command::HELO => Self::Helo,
            command::MAIL => Self::MailFrom,
            command::RCPT => Self::RcptTo,
            command::DATA => Self::Data,
            command::HEADER => Self::Header,
            command::EOH => Self::EndOfHeaders,
            command::BODY => Self::Body,
            command::BODYEOB => Self::EndOfMessage,
            command::UNKNOWN => Self::Unknown,
            command::ABORT => Self::Abort,
            command::QUIT => Self::Quit,
            command::QUIT_NC => Self::QuitNewConnection,
            _ => return None,
        })
    }

    /// What each command leads to, what switches it and its reply off, and how long its reply may take.
    ///
    /// SPEC_NOTES ORD-27, ORD-34, TIM-1.
    #[inline]
    pub(super) const fn row(self) -> &'static Row {
        use Wait::{Content, Reply};
        // References to constants: the compiler makes one table of them, and no code for each row.
        match self {
            Self::Negotiate => {
                const { &Row::always(command::OPTNEG, Stage::Negotiated, Some(Wait::Negotiation)) }
            }
            Self::Macros => const { &Row::always(command::MACRO, Stage::Start, None) },
            Self::Connect => {
                const {
                    &Row::new(
                        command::CONNECT,
                        Stage::Connected,
                        Steps::NO_CONNECT,
                        Steps::NO_REPLY_CONNECT,
                        Reply,
                    )
                }
            }
            Self::Helo => {
                const { &Row::new(command::HELO, Stage::Greeted, Steps::NO_HELO, Steps::NO_REPLY_HELO, Reply) }
            }
            Self::MailFrom => {
                const { &Row::new(command::MAIL, Stage::Mail, Steps::NO_MAIL, Steps::NO_REPLY_MAIL, Reply) }
            }
            Self::RcptTo => {
                const { &Row::new(command::RCPT, Stage::Recipients, Steps::NO_RCPT, Steps::NO_REPLY_RCPT, Reply) }
            }
            Self::Data => {
                const { &Row::new(command::DATA, Stage::Data, Steps::NO_DATA, Steps::NO_REPLY_DATA, Reply) }
            }
            Self::Header => {
                const {
                    &Row::new(
                        command::HEADER,
                        Stage::Headers,
                        Steps::NO_HEADERS,
                        Steps::NO_REPLY_HEADER,
                        Content,
                    )
                }
            }
            Self::EndOfHeaders => {
                const {
                    &Row::new(
                        command::EOH,
                        Stage::EndOfHeaders,
                        Steps::NO_END_OF_HEADERS,
                        Steps::NO_REPLY_END_OF_HEADERS,
                        Content,
                    )
                }
            }
            Self::Body => {
                const { &Row::new(command::BODY, Stage::Body, Steps::NO_BODY, Steps::NO_REPLY_BODY, Content) }
            }
            Self::EndOfMessage => {
                const { &Row::always(command::BODYEOB, Stage::EndOfMessage, Some(Wait::EndOfMessage)) }
            }
            Self::Unknown => {
                const {
                    &Row::new(
                        command::UNKNOWN,
                        Stage::Unknown,
                        Steps::NO_UNKNOWN,
                        Steps::NO_REPLY_UNKNOWN,
                        Reply,
                    )
                }
            }
            Self::Abort => const { &Row::always(command::ABORT, Stage::Aborted, None) },
            Self::Quit => const { &Row::always(command::QUIT, Stage::Closed, None) },
            Self::QuitNewConnection => const { &Row::always(command::QUIT_NC, Stage::Reconnecting, None) },
        }
    }

    /// The code byte.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.row().code
    }

    /// The stage that the command leads to, in libmilter's engine. MACRO leads nowhere.
    pub(super) const fn target(self) -> Stage {
        self.row().target
    }

    /// The step by which a filter switches the command off.
    #[must_use]
    pub const fn off(self) -> Option<Steps> {
        let off = self.row().off;
        if off.is_empty() { None } else { Some(off) }
    }

    /// The step by which a filter switches the reply off.
    #[must_use]
    pub const fn no_reply(self) -> Option<Steps> {
        let no_reply = self.row().no_reply;
        if no_reply.is_empty() { None } else { Some(no_reply) }
    }

    /// Whether the command gets a reply, unless that was switched off.
    #[must_use]
    pub const fn has_reply(self) -> bool {
        self.row().wait.is_some()
    }

    /// The class of the wait for its reply; `None` if it has none. [`Timeouts`](super::Timeouts) says how long.
    #[must_use]
    pub const fn wait(self) -> Option<Wait> {
        self.row().wait
    }

    /// The version that brought the command; [`Version::V2`] for all that are older, too.
    #[must_use]
    pub const fn since(self) -> Version {
        match self {
            Self::Unknown => Version::V3,
            Self::Data => Version::V4,
            Self::QuitNewConnection => Version::V6,
            _ => Version::V2,
        }
    }

    /// Whether the command belongs to a message: it means nothing once that is decided.
    pub(super) const fn is_of_message(self) -> bool {
        matches!(
            self,
            Self::RcptTo | Self::Data | Self::Header | Self::EndOfHeaders | Self::Body | Self::EndOfMessage
        )
    }
}

/// A set of kinds: a bit for each code. The codes are letters, which their last five bits tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kinds(u32);

impl Kinds {
    pub(super) const fn of(kinds: &[CommandKind]) -> Self {
        let mut set = Self(0);
        let mut rest = kinds;
        while let Some((kind, tail)) = rest.split_first() {
            set.0 |= 1 << (kind.code() & 31);
            rest = tail;
        }
        set
    }

    pub(super) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(super) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    #[inline]
    pub(super) const fn contains(self, row: &Row) -> bool {
        self.0 & (1 << (row.code & 31)) != 0
    }
}

/// The name as in `SMFIC_*`.
impl fmt::Debug for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name as in `SMFIC_*`.
impl fmt::Display for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(code_name(self.code()).unwrap_or_default())
    }
}
