//! What an MTA says of the message of a profile.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Profile, ProfileMessage};
use crate::order::CommandKind;
use crate::wire::{Chunks, Command, DataSize, FrameBuf, Offer, Peer, Text, TextList, codes};

/// The commands of one kind that lead through a message, each with its macros.
///
/// `has_macros`: the scenario has sent those of MAIL itself.
pub(super) fn commands(
    kind: CommandKind,
    profile: &Profile,
    message: &ProfileMessage,
    has_macros: bool,
) -> VecDeque<Vec<FrameBuf>> {
    let arguments = TextList::EMPTY;
    match kind {
        CommandKind::Negotiate => [one(&Command::Negotiate(Offer::FULL))].into(),
        CommandKind::Connect => {
            let peer = Peer::Inet { port: 2525, address: text(&profile.address) };
            let macros =
                macros(codes::command::CONNECT, &[("j", "mta.example"), ("{daemon_name}", "milter-check")]);
            [pair(macros, &Command::Connect { host: text(&profile.host), peer })].into()
        }
        CommandKind::Helo => [one(&Command::Helo { name: text(&profile.helo) })].into(),
        CommandKind::MailFrom => {
            let mail = Command::MailFrom { address: text(&message.sender), arguments };
            let values = [("i", "4milterCheck"), ("{mail_addr}", message.sender.trim_matches(['<', '>']))];
            let macros = macros(codes::command::MAIL, &values);
            [if has_macros { one(&mail) } else { pair(macros, &mail) }].into()
        }
        CommandKind::RcptTo => {
            let rcpt = |recipient: &String| {
                let values = [("{rcpt_addr}", recipient.trim_matches(['<', '>']))];
                let macros = macros(codes::command::RCPT, &values);
                pair(macros, &Command::RcptTo { address: text(recipient), arguments })
            };
            message.recipients.iter().map(rcpt).collect()
        }
        CommandKind::Data => [one(&Command::Data)].into(),
        CommandKind::Header => {
            let header = |(name, value): &(String, String)| {
                one(&Command::Header { name: text(name), value: text(value) })
            };
            message.headers.iter().map(header).collect()
        }
        CommandKind::EndOfHeaders => [one(&Command::EndOfHeaders)].into(),
        CommandKind::Body => {
            let chunks = Chunks::new(&message.body, DataSize::default());
            chunks.map(|chunk| one(&Command::Body { chunk })).collect()
        }
        _ => VecDeque::new(),
    }
}

/// A text of a profile. NUL and what follows it are left out.
fn text(text: &str) -> Text<'_> {
    let text = text.split('\0').next().unwrap_or_default();
    Text::new(text.as_bytes()).unwrap_or_default()
}

/// A command as a frame.
pub(super) fn one(command: &Command<'_>) -> Vec<FrameBuf> {
    Vec::from([command.encode().to_frame()])
}

/// A MACRO frame, and the command that it belongs to.
fn pair(macros: FrameBuf, command: &Command<'_>) -> Vec<FrameBuf> {
    [macros].into_iter().chain(one(command)).collect()
}

fn macros(stage: u8, macros: &[(&str, &str)]) -> FrameBuf {
    let mut payload = Vec::from([stage]);
    for (name, value) in macros {
        for text in [text(name), text(value)] {
            payload.extend_from_slice(text.as_bytes());
            payload.push(0);
        }
    }
    FrameBuf::new(codes::command::MACRO, payload)
}
