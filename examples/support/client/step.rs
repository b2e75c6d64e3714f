//! The order in which a client's session goes.

use milter_proto::order::CommandKind;
use milter_proto::wire::MacroStage;

use super::options::Letter;
use crate::support::message::Message;

/// What is to be said next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Negotiate,
    Connect,
    Helo,
    /// A command that the MTA does not know, if there is to be one.
    Unknown,
    Mail,
    /// The recipient of that number.
    Rcpt(usize),
    /// The recipient of that number among those that the MTA itself refused.
    RejectedRcpt(usize),
    Data,
    /// The header of that number.
    Header(usize),
    EndOfHeaders,
    /// The next chunk.
    Body,
    EndOfMessage,
    /// The message is over.
    Finish,
    /// The message is over, and the filter has yet to hear of it.
    Abort,
    /// Another message, or none.
    Next,
    /// Another session of a client on the same connection.
    NewConnection,
    Quit,
    Done,
}

impl Step {
    /// The step behind this one, if nothing comes between. `chunks` are left of the body.
    pub(super) fn next(self, letter: &Letter, message: &Message, chunks: usize) -> Self {
        let or = |is_there: bool, step: Self, other: Self| if is_there { step } else { other };
        match self {
            Self::Negotiate | Self::NewConnection => Self::Connect,
            Self::Connect => Self::Helo,
            Self::Helo => Self::Unknown,
            Self::Unknown => Self::Mail,
            Self::Mail => Self::Rcpt(0).or_later(letter),
            Self::Rcpt(at) => Self::Rcpt(at.saturating_add(1)).or_later(letter),
            Self::RejectedRcpt(at) => Self::RejectedRcpt(at.saturating_add(1)).or_later(letter),
            Self::Data => Self::Header(0).or_end(message),
            Self::Header(at) => Self::Header(at.saturating_add(1)).or_end(message),
            Self::EndOfHeaders => or(!message.body.is_empty(), Self::Body, Self::EndOfMessage),
            Self::Body => or(chunks > 0, Self::Body, Self::EndOfMessage),
            Self::EndOfMessage => Self::Finish,
            Self::Abort => Self::Next,
            Self::Quit | Self::Finish | Self::Next | Self::Done => Self::Done,
        }
    }

    /// A recipient if there is one of that number, or what follows the recipients.
    fn or_later(self, letter: &Letter) -> Self {
        match self {
            Self::Rcpt(at) if at < letter.recipients.len() => self,
            Self::Rcpt(_) => Self::RejectedRcpt(0).or_later(letter),
            Self::RejectedRcpt(at) if at < letter.rejected.len() => self,
            _ => Self::Data,
        }
    }

    fn or_end(self, message: &Message) -> Self {
        match self {
            Self::Header(at) if at < message.headers.len() => self,
            _ => Self::EndOfHeaders,
        }
    }

    /// Whether the message is over at this step.
    pub(super) const fn is_behind_message(self) -> bool {
        matches!(self, Self::Abort | Self::Next | Self::NewConnection | Self::Quit | Self::Done)
    }

    pub(super) const fn kind(self) -> Option<CommandKind> {
        Some(match self {
            Self::Negotiate => CommandKind::Negotiate,
            Self::Connect => CommandKind::Connect,
            Self::Helo => CommandKind::Helo,
            Self::Unknown => CommandKind::Unknown,
            Self::Mail => CommandKind::MailFrom,
            Self::Rcpt(_) | Self::RejectedRcpt(_) => CommandKind::RcptTo,
            Self::Data => CommandKind::Data,
            Self::Header(_) => CommandKind::Header,
            Self::EndOfHeaders => CommandKind::EndOfHeaders,
            Self::Body => CommandKind::Body,
            Self::EndOfMessage => CommandKind::EndOfMessage,
            Self::Abort => CommandKind::Abort,
            Self::NewConnection => CommandKind::QuitNewConnection,
            Self::Quit => CommandKind::Quit,
            Self::Finish | Self::Next | Self::Done => return None,
        })
    }

    /// The position of a command in a client's session.
    pub(super) fn place(kind: CommandKind) -> Option<usize> {
        const ORDER: [CommandKind; 10] = [
            CommandKind::Connect,
            CommandKind::Helo,
            CommandKind::Unknown,
            CommandKind::MailFrom,
            CommandKind::RcptTo,
            CommandKind::Data,
            CommandKind::Header,
            CommandKind::EndOfHeaders,
            CommandKind::Body,
            CommandKind::EndOfMessage,
        ];
        ORDER.iter().position(|&other| other == kind)
    }

    /// The stage of the macros that go before it.
    pub(super) const fn macro_stage(self) -> Option<MacroStage> {
        Some(match self {
            Self::Connect => MacroStage::CONNECT,
            Self::Helo => MacroStage::HELO,
            Self::Mail => MacroStage::MAIL,
            Self::Rcpt(_) | Self::RejectedRcpt(_) => MacroStage::RCPT,
            Self::Data => MacroStage::DATA,
            Self::EndOfHeaders => MacroStage::END_OF_HEADERS,
            Self::EndOfMessage => MacroStage::END_OF_MESSAGE,
            _ => return None,
        })
    }
}
