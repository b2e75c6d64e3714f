//! The stages of a conversation, and the kinds of commands that lead from one to the next.

use core::fmt;

use super::conversation::Law;
use super::timing::Wait;
use crate::wire::codes::command;
use crate::wire::{Command, MacroStage, Steps, Version, code_name};

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
struct Row {
    kind: CommandKind,
    code: u8,
    target: Stage,
    off: Option<Steps>,
    no_reply: Option<Steps>,
    wait: Option<Wait>,
}

/// What each command leads to, what switches it and its reply off, and how long its reply may take.
///
/// SPEC_NOTES ORD-1, ORD-4, TIM-1.
const COMMANDS: [Row; 15] = {
    use CommandKind as Kind;
    const fn row(
        kind: Kind,
        code: u8,
        target: Stage,
        off: Option<Steps>,
        no_reply: Option<Steps>,
        wait: Option<Wait>,
    ) -> Row {
        Row { kind, code, target, off, no_reply, wait }
    }
    const fn sent(kind: Kind, code: u8, target: Stage, off: Steps, no_reply: Steps, wait: Wait) -> Row {
        row(kind, code, target, Some(off), Some(no_reply), Some(wait))
    }
    use Wait::{Content, Reply};
    [
        row(Kind::Negotiate, command::OPTNEG, Stage::Negotiated, None, None, Some(Wait::Negotiation)),
        row(Kind::Macros, command::MACRO, Stage::Start, None, None, None),
        sent(
            Kind::Connect,
            command::CONNECT,
            Stage::Connected,
            Steps::NO_CONNECT,
            Steps::NO_REPLY_CONNECT,
            Reply,
        ),
        sent(Kind::Helo, command::HELO, Stage::Greeted, Steps::NO_HELO, Steps::NO_REPLY_HELO, Reply),
        sent(Kind::MailFrom, command::MAIL, Stage::Mail, Steps::NO_MAIL, Steps::NO_REPLY_MAIL, Reply),
        sent(Kind::RcptTo, command::RCPT, Stage::Recipients, Steps::NO_RCPT, Steps::NO_REPLY_RCPT, Reply),
        sent(Kind::Data, command::DATA, Stage::Data, Steps::NO_DATA, Steps::NO_REPLY_DATA, Reply),
        sent(
            Kind::Header,
            command::HEADER,
            Stage::Headers,
            Steps::NO_HEADERS,
            Steps::NO_REPLY_HEADER,
            Content,
        ),
        sent(
            Kind::EndOfHeaders,
            command::EOH,
            Stage::EndOfHeaders,
            Steps::NO_END_OF_HEADERS,
            Steps::NO_REPLY_END_OF_HEADERS,
            Content,
        ),
        sent(Kind::Body, command::BODY, Stage::Body, Steps::NO_BODY, Steps::NO_REPLY_BODY, Content),
        row(Kind::EndOfMessage, command::BODYEOB, Stage::EndOfMessage, None, None, Some(Wait::EndOfMessage)),
        sent(
            Kind::Unknown,
            command::UNKNOWN,
            Stage::Unknown,
            Steps::NO_UNKNOWN,
            Steps::NO_REPLY_UNKNOWN,
            Reply,
        ),
        row(Kind::Abort, command::ABORT, Stage::Aborted, None, None, None),
        row(Kind::Quit, command::QUIT, Stage::Closed, None, None, None),
        row(Kind::QuitNewConnection, command::QUIT_NC, Stage::Reconnecting, None, None, None),
    ]
};

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

    /// The kind that macros of a stage are sent for; none for a byte that is no command.
    #[must_use]
    pub fn of_stage(stage: MacroStage) -> Option<Self> {
        COMMANDS.iter().find(|row| row.code == stage.byte()).map(|row| row.kind)
    }

    fn row(self) -> &'static Row {
        let [first, ..] = &COMMANDS;
        COMMANDS.iter().find(|row| row.kind == self).unwrap_or(first)
    }

    /// The code byte.
    #[must_use]
    pub fn code(self) -> u8 {
        self.row().code
    }

    /// The stage that the command leads to, in libmilter's engine. MACRO leads nowhere.
    pub(super) fn target(self) -> Stage {
        self.row().target
    }

    /// The step by which a filter switches the command off.
    #[must_use]
    pub fn off(self) -> Option<Steps> {
        self.row().off
    }

    /// The step by which a filter switches the reply off.
    #[must_use]
    pub fn no_reply(self) -> Option<Steps> {
        self.row().no_reply
    }

    /// Whether the command gets a reply, unless that was switched off.
    #[must_use]
    pub fn has_reply(self) -> bool {
        self.row().wait.is_some()
    }

    /// How long the reply may take.
    #[must_use]
    pub fn wait(self) -> Option<Wait> {
        self.row().wait
    }

    /// The version that brought the command.
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
