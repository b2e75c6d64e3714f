//! What is wrong with a command wherever it stands.

use super::error::Rule;
use crate::wire::{Command, Peer};

/// The rule that the content of a command breaks: libmilter closes on it, or answers wrongly.
pub(super) fn content_rule(command: &Command<'_>) -> Option<Rule> {
    match command {
        Command::Body { chunk: [] } => Some(Rule::EmptyBody),
        Command::EndOfMessage { chunk: [_, ..] } => Some(Rule::BodyAtEnd),
        Command::Header { name, .. } if name.is_empty() => Some(Rule::EmptyKey),
        Command::Connect { peer: peer @ (Peer::Inet { .. } | Peer::Inet6 { .. }), .. }
            if peer.ip().is_none() =>
        {
            Some(Rule::Address)
        }
        // sun_path has room for 107 bytes and a NUL.
        Command::Connect { peer: Peer::Unix { path, .. }, .. } if path.len() > 107 => Some(Rule::Address),
        _ => None,
    }
}
