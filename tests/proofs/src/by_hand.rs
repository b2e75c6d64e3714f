//! Functions whose address cannot be taken, because of an `impl` in their signature, in the form of one that
//! can: with slices for what goes in, and with all that comes out looked at.

use core::hash::Hasher;
use core::hint::black_box;

use milter_proto::filter::Options;
use milter_proto::macros::MacroRequests;
use milter_proto::monitor::Observation;
use milter_proto::order::{self, CommandKind};
use milter_proto::wire::{
    self, BufferTooSmall, EnhancedCode, ListStage, MacroLists, MacroStage, Macros, OutgoingFrame,
    ReplyBuildError, ReplyCode, ReplyText, Response, Text, TextList, UnescapedReply,
};
#[cfg(feature = "alloc")]
use milter_proto::wire::{ReplyBuf, ReplyError};
use milter_proto::{FilterSession, Misuse};

/// Panics if it is planted and `bytes` are none.
pub fn planted(bytes: &[u8]) -> u8 {
    if cfg!(feature = "planted") { bytes[0] } else { 0 }
}

/// A hasher for the functions that want one.
pub struct Sum(u64);

impl Hasher for Sum {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, &byte| sum.wrapping_add(byte.into()));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Takes items one by one, and then the others in one go, for which an iterator may have code of its own.
fn look_at_all<T>(mut items: impl Iterator<Item = T>) {
    black_box(items.size_hint());
    while let Some(item) = items.next() {
        if black_box((item, false)).1 {
            break;
        }
    }
    items.for_each(|item| _ = black_box(item));
}

pub fn steps() {
    look_at_all(order::steps());
}

pub fn transitions() {
    look_at_all(order::transitions());
}

pub fn verdicts() {
    look_at_all(order::verdicts());
}

pub fn observation_violations(observation: &Observation<'_>) {
    look_at_all(observation.violations());
}

pub fn macro_lists_iter(lists: MacroLists<'_>) {
    look_at_all(lists.iter());
}

pub fn macros_iter(macros: Macros<'_>) {
    look_at_all(macros.iter());
}

pub fn outgoing_frame_segments(outgoing: &OutgoingFrame<'_>) {
    look_at_all(outgoing.segments());
}

pub fn unescaped_reply_bytes(plain: UnescapedReply<'_>) {
    look_at_all(plain.bytes());
}

pub fn unescaped_reply_pieces(plain: UnescapedReply<'_>) {
    look_at_all(plain.pieces());
}

pub fn reply_text_lines(reply: ReplyText<'_>) {
    look_at_all(reply.lines());
}

pub fn folds_from_wire(value: &[u8]) {
    look_at_all(wire::folds_from_wire(value));
}

pub fn folds_to_wire(value: &[u8]) {
    look_at_all(wire::folds_to_wire(value));
}

pub fn filter_session_send<'m>(
    session: &mut FilterSession,
    response: Response<'m>,
) -> Result<OutgoingFrame<'m>, Misuse> {
    session.send(response)
}

pub fn macro_requests_macros<'s>(
    requests: &MacroRequests<'_>,
    stage: MacroStage,
    default: &[u8],
    lookup: fn(Text<'_>) -> Option<Text<'static>>,
    storage: &'s mut [u8],
) -> Result<Option<Macros<'s>>, BufferTooSmall> {
    requests.macros(stage, default, lookup, storage)
}

pub fn options_new(commands: &[CommandKind]) -> Options<'static> {
    Options::new(commands.iter().copied())
}

pub fn options_no_reply_to<'a>(options: Options<'a>, commands: &[CommandKind]) -> Options<'a> {
    options.no_reply_to(commands.iter().copied())
}

pub fn macro_lists_write<'a>(
    lists: &[(ListStage, Text<'_>)],
    storage: &'a mut [u8],
) -> Result<MacroLists<'a>, BufferTooSmall> {
    MacroLists::write(lists.iter().copied(), storage)
}

pub fn text_list_write<'a>(
    texts: &[Text<'_>],
    storage: &'a mut [u8],
) -> Result<TextList<'a>, BufferTooSmall> {
    TextList::write(texts.iter().copied(), storage)
}

pub fn reply_text_write<'a>(
    code: ReplyCode,
    enhanced: Option<EnhancedCode>,
    lines: &[&[u8]],
    storage: &'a mut [u8],
) -> Result<ReplyText<'a>, ReplyBuildError> {
    ReplyText::write(code, enhanced, lines, storage)
}

#[cfg(feature = "alloc")]
pub fn reply_buf_new(
    code: ReplyCode,
    enhanced: Option<EnhancedCode>,
    lines: &[&[u8]],
) -> Result<ReplyBuf, ReplyError> {
    ReplyBuf::new(code, enhanced, lines)
}
