//! Which frames of the MTA are meant.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::fault::ScenarioFault;
use super::super::tokens::frame;
use super::profile::Profile;
use crate::order::CommandKind;
use crate::wire::{Direction, FrameBuf, code_name};

/// A frame of the MTA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Pattern {
    /// Any frame of this code.
    Code(u8),
    /// This frame, in which names such as `$SENDER` are to be filled in. Perhaps only the beginning of the payload.
    Frame(String, bool),
}

impl Pattern {
    pub(super) fn read(text: &str) -> Result<Self, ScenarioFault> {
        if let (Some(kind), false) = (command(text), text.contains(' ')) {
            return Ok(Self::Code(kind.code()));
        }
        let (text, is_prefix) = text.strip_suffix(" ...").map_or((text, false), |text| (text, true));
        frame(Direction::ToFilter, &Profile::default().fill(text))?;
        Ok(Self::Frame(text.to_owned(), is_prefix))
    }

    /// The test of a frame.
    pub(super) fn filled(&self, profile: &Profile) -> impl Fn(&FrameBuf) -> bool {
        let (code, wanted) = match self {
            Self::Code(code) => (*code, None),
            Self::Frame(text, is_prefix) => {
                let frame = frame(Direction::ToFilter, &profile.fill(text)).ok();
                let frame = frame.unwrap_or_else(|| FrameBuf::new(0, Vec::new()));
                (frame.as_frame().code(), Some((frame.as_frame().payload().to_vec(), *is_prefix)))
            }
        };
        move |frame| {
            let frame = frame.as_frame();
            frame.code() == code
                && wanted.as_ref().is_none_or(|(payload, is_prefix)| {
                    if *is_prefix {
                        frame.payload().starts_with(payload)
                    } else {
                        frame.payload() == payload.as_slice()
                    }
                })
        }
    }
}

/// A command by its name.
pub(super) fn command(name: &str) -> Option<CommandKind> {
    CommandKind::ALL.into_iter().find(|kind| code_name(kind.code()) == Some(name))
}

/// Patterns with `|` between them.
pub(super) fn patterns(text: &str) -> Result<Vec<Pattern>, ScenarioFault> {
    text.split(" | ").map(|item| Pattern::read(item.trim())).collect()
}
