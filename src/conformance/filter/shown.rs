//! How frames are shown in results.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::wire::{Direction, Frame};

/// A frame as a line of a transcript, without its direction.
pub(super) fn line(direction: Direction, frame: Frame<'_>) -> String {
    let line = format!("{}", crate::transcript::Line::new(direction, frame));
    line.split_at_checked(2).map(|(_, line)| line.to_owned()).unwrap_or_default()
}
