//! The macros of a connection, with the lifetime that they have in libmilter, but without its bugs.

use core::fmt;

use crate::filter::Event;
use crate::filter::event::Flags;
use crate::wire::codes::command;
use crate::wire::{Buffer, Command, MacroStage, Macros, Text, TextList};

use thiserror::Error;

/// The stages that are kept, in the order of their age. The end of the headers comes before the end of
/// the message here, unlike in OPTNEG.
const SLOTS: [MacroStage; 7] = [
    MacroStage::CONNECT,
    MacroStage::HELO,
    MacroStage::MAIL,
    MacroStage::RCPT,
    MacroStage::DATA,
    MacroStage::END_OF_HEADERS,
    MacroStage::END_OF_MESSAGE,
];

/// The slot of a stage: its place in `SLOTS`.
const fn slot_of(stage: MacroStage) -> Option<usize> {
    Some(match stage {
        MacroStage::CONNECT => 0,
        MacroStage::HELO => 1,
        MacroStage::MAIL => 2,
        MacroStage::RCPT => 3,
        MacroStage::DATA => 4,
        MacroStage::END_OF_HEADERS => 5,
        MacroStage::END_OF_MESSAGE => 6,
        _ => return None,
    })
}

/// The first slot that belongs to a message and not to the connection.
const FIRST_OF_MESSAGE: usize = 2;

/// Bytes that a vector grows to: no peer can make it larger, and no real list comes near.
const MOST: usize = 65_536;

/// The last slot whose command forgets all later ones: RCPT.
const LAST_THAT_FORGETS: usize = 3;

/// Stores the macros of a connection. Give it every event, then look up macros by name.
///
/// As in libmilter, a new list replaces the list of its stage, and a command deletes the lists of all later stages. Unlike
/// libmilter, the store also deletes a list when its command comes again without a new list, so that no macro of
/// one message shows in the next; and an empty list empties its stage.
///
/// The macros lie in one buffer: a `Vec<u8>`, or memory of the caller.
///
/// # Memory
/// 64 bytes and the buffer. A vector grows to at most 65,536 bytes, and never beyond twice the macros that arrived. While it
/// grows, its old and its new memory exist at the same time. It keeps its memory until [`release`](Self::release).
///
/// # Examples
/// ```
/// use milter_proto::macros::MacroStore;
/// use milter_proto::filter::Event;
/// use milter_proto::wire::{Command, Frame, MacroStage, Text};
///
/// let mut store = MacroStore::new([0; 1024]);
/// store.observe(&Event::new(Command::parse(Frame::new(b'D', b"Mi\0Q1\0{auth_type}\0PLAIN\0"))?))?;
/// store.observe(&Event::new(Command::parse(Frame::new(b'M', b"<a@b.c>\0"))?))?;
/// assert_eq!(store.get("{auth_type}"), Some(Text::new(b"PLAIN")?));
/// assert_eq!(store.find("i"), Some((MacroStage::MAIL, Text::new(b"Q1")?)));
/// store.observe(&Event::new(Command::Abort))?;
/// assert_eq!(store.get("i"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
/// `st_macros`, `mi_clr_macros` in libmilter/engine.c; `smfi_getsymval` in libmilter/smfi.c.
/// SPEC_NOTES MAC-7 to MAC-12.
#[derive(Clone, Default)]
pub struct MacroStore<B> {
    buffer: B,
    /// Where the list of each slot in `filled` ends; it begins where the one before it ends.
    ends: [usize; SLOTS.len()],
    /// Slots that have a list which is not empty, a bit each.
    filled: u8,
    /// Slots that were filled since their command came last, a bit each.
    fresh: u8,
    /// The message ended: what belongs to it goes with the next command.
    is_over: bool,
}

impl<B: Buffer> MacroStore<B> {
    /// Makes a store without macros.
    pub const fn new(buffer: B) -> Self {
        Self { buffer, ends: [0; SLOTS.len()], filled: 0, fresh: 0, is_over: false }
    }

    /// Processes an event: stores its macros, and deletes those that it makes obsolete.
    ///
    /// # Errors
    /// [`MacroStoreFull`]: the old macros of that stage were deleted, and the new ones were not stored.
    #[inline]
    pub fn observe(&mut self, event: &Event<'_>) -> Result<(), MacroStoreFull> {
        let is_plain = event.flags == Flags::NONE;
        match event.command {
            // Most commands, which change nothing.
            Command::Header { .. } | Command::Body { .. } if is_plain && !self.is_over => Ok(()),
            Command::Macros(macros) if is_plain => self.keep(macros),
            Command::Macros(macros) => {
                self.end_as_told(event.flags, command::MACRO);
                if event.flags.has(Flags::IGNORED) { Ok(()) } else { self.keep(macros) }
            }
            _ => {
                self.pass(event.command.code(), event.flags);
                Ok(())
            }
        }
    }

    /// Forgets the message if one ended with the event.
    #[inline(never)]
    fn end_as_told(&mut self, flags: Flags, code: u8) {
        if flags.has(Flags::MESSAGE_ENDED) {
            self.end_message_before(code);
        }
    }

    /// Forgets what a command makes old.
    #[inline(never)]
    fn pass(&mut self, code: u8, flags: Flags) {
        self.end_as_told(flags, code);
        if flags.has(Flags::IGNORED) {
            return;
        }
        if self.is_over {
            self.end_message();
        }
        match code {
            command::OPTNEG | command::QUIT | command::QUIT_NC => self.clear(),
            // A message that was in progress has been forgotten; the macros may be those of a MAIL that was declined.
            command::ABORT => self.end_message_but_new_mail(),
            command::BODYEOB => self.is_over = true,
            _ => {}
        }
        let Some(slot) = slot_of(MacroStage::new(code)) else { return };
        if slot <= LAST_THAT_FORGETS {
            self.forget_from(slot.saturating_add(1));
        }
        let bit = 1 << slot;
        if self.filled & !self.fresh & bit != 0 {
            let place = self.range(slot);
            let behind = self.used().saturating_sub(place.end);
            self.replace(slot, place, &[], behind);
        }
        self.fresh &= !bit;
    }

    #[inline(never)]
    fn keep(&mut self, macros: Macros<'_>) -> Result<(), MacroStoreFull> {
        if self.is_over {
            self.end_message();
        }
        let Some(slot) = slot_of(macros.stage()) else { return Ok(()) };
        let list = macros.list().as_bytes();
        let place = self.range(slot);
        let behind = self.used().saturating_sub(place.end);
        let needed = place.start.saturating_add(list.len()).saturating_add(behind);
        if self.buffer.make_room(needed, MOST) < needed {
            self.replace(slot, place, &[], behind);
            return Err(MacroStoreFull { needed });
        }
        self.replace(slot, place, list, behind);
        self.fresh |= 1 << slot;
        Ok(())
    }

    /// The value of a macro, from the latest stage that has it. `i` and `{i}` are the same name.
    #[must_use]
    #[doc(alias = "smfi_getsymval")]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<Text<'_>> {
        self.latest(name.as_ref()).map(|(_, value)| value)
    }

    /// The value of a macro, as [`get`](Self::get) returns it, and the stage that it was sent for.
    #[must_use]
    pub fn find(&self, name: impl AsRef<[u8]>) -> Option<(MacroStage, Text<'_>)> {
        self.latest(name.as_ref())
    }

    fn latest(&self, name: &[u8]) -> Option<(MacroStage, Text<'_>)> {
        SLOTS.iter().rev().find_map(|&stage| Some((stage, self.stage(stage).value_of(name)?)))
    }

    /// The macros of one stage.
    #[must_use]
    pub fn stage(&self, stage: MacroStage) -> Macros<'_> {
        let range = slot_of(stage).map_or(0..0, |slot| self.range(slot));
        let list = TextList::new(self.buffer.bytes().get(range).unwrap_or_default()).unwrap_or_default();
        Macros::new(stage, list).unwrap_or_else(|_| Macros::none(stage))
    }

    /// Deletes the macros of the message before it ends, for example after a refusal. ABORT does so too.
    pub fn end_message(&mut self) {
        self.is_over = false;
        self.forget_from(FIRST_OF_MESSAGE);
    }

    /// Forgets the message that ended before a command, or by it. Macros that came for a MAIL which ends a message
    /// belong to the next one.
    #[cold]
    fn end_message_before(&mut self, code: u8) {
        if code == command::MAIL { self.end_message_but_new_mail() } else { self.end_message() }
    }

    /// Forgets the message, but not macros of MAIL that came since the last MAIL.
    fn end_message_but_new_mail(&mut self) {
        let is_new = self.fresh & (1 << FIRST_OF_MESSAGE) != 0;
        self.is_over = false;
        self.forget_from(if is_new { FIRST_OF_MESSAGE.saturating_add(1) } else { FIRST_OF_MESSAGE });
    }

    /// Deletes all macros.
    pub fn clear(&mut self) {
        self.is_over = false;
        self.forget_from(0);
    }

    /// Frees the memory that no macro uses.
    ///
    /// Call it when a connection becomes idle. The macros of a message that has ended stay until the next
    /// command: as in libmilter, they can still be read when the connection ends.
    pub fn release(&mut self) {
        let used = self.used();
        self.buffer.release(used);
    }

    /// Forgets a slot and all later ones: they are the end of the row.
    fn forget_from(&mut self, slot: usize) {
        let earlier = (1_u8 << slot).wrapping_sub(1);
        self.filled &= earlier;
        self.fresh &= earlier;
    }

    /// Bytes in use.
    fn used(&self) -> usize {
        self.end_of_last(self.filled)
    }

    /// Where the last one of some slots ends.
    fn end_of_last(&self, filled: u8) -> usize {
        filled.checked_ilog2().and_then(|last| self.end(usize::try_from(last).ok()?)).unwrap_or(0)
    }

    fn end(&self, slot: usize) -> Option<usize> {
        self.ends.get(slot).copied()
    }

    /// The bytes of a slot, or where they would stand.
    fn range(&self, slot: usize) -> core::ops::Range<usize> {
        let bit = 1_u8 << slot;
        let start = self.end_of_last(self.filled & bit.wrapping_sub(1));
        let end = if self.filled & bit == 0 { None } else { self.end(slot) };
        start..end.unwrap_or(start)
    }

    /// Replaces the list of a slot, for which there is room; `behind` bytes follow the old list.
    #[inline]
    fn replace(&mut self, slot: usize, old: core::ops::Range<usize>, list: &[u8], behind: usize) {
        let end = old.start.saturating_add(list.len());
        if behind > 0 {
            self.shift(slot, old.end, end, behind);
        }
        let bytes = self.buffer.bytes_mut();
        if let Some(place) = bytes.get_mut(old.start..).and_then(|free| free.get_mut(..list.len())) {
            place.copy_from_slice(list);
        }
        if let Some(place) = self.ends.get_mut(slot) {
            *place = end;
        }
        let bit = 1 << slot;
        self.filled = if list.is_empty() { self.filled & !bit } else { self.filled | bit };
    }

    /// Moves what follows a slot. In one go: a peer may replace a list again and again, with a full row
    /// behind it.
    #[cold]
    #[inline(never)]
    fn shift(&mut self, slot: usize, from: usize, to: usize, len: usize) {
        for end in self.ends.get_mut(slot..).unwrap_or_default() {
            *end = end.saturating_sub(from).saturating_add(to);
        }
        let by = from.abs_diff(to);
        let row = self.buffer.bytes_mut().get_mut(from.min(to)..);
        let Some(row) = row.and_then(|row| row.get_mut(..len.saturating_add(by))) else { return };
        let Some(kept) = row.len().checked_sub(by) else { return };
        if to < from { row.copy_within(by.., 0) } else { row.copy_within(..kept, by) }
    }
}

/// Shows the macros that are stored.
impl<B: Buffer> fmt::Debug for MacroStore<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stages = SLOTS.iter().map(|&stage| self.stage(stage));
        f.write_str("MacroStore ")?;
        f.debug_set().entries(stages.filter(|macros| !macros.list().is_empty())).finish()
    }
}

/// The buffer is too small for the macros of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("the macros need {needed} bytes, more than the store can hold")]
pub struct MacroStoreFull {
    /// Bytes for all macros together.
    pub needed: usize,
}
