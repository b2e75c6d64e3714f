//! Functions whose address cannot be taken, because of an `impl` in their signature, in the form of one that
//! can: with slices for what goes in, and with all that comes out looked at.

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

use core::hash::Hasher;
use core::hint::black_box;

use milter_proto::filter::{Options, VerdictSent};
#[cfg(feature = "alloc")]
use milter_proto::macros::MacroValues;
use milter_proto::macros::{MacroRequests, MacroStore};
#[cfg(feature = "alloc")]
use milter_proto::message::{Chain, Edits, EnvelopeAddress, FilterError, Header, Message};
use milter_proto::monitor::Observation;
use milter_proto::order::{self, CommandKind};
use milter_proto::wire::{
    self, BufferTooSmall, DataSize, Edit, EnhancedCode, LeadingSpace, ListStage, MacroLists, MacroStage,
    Macros, NulInEdit, OutgoingFrame, ReplyBuildError, ReplyCode, ReplyText, Response, Text, TextList,
    UnescapedReply, Verdict,
};
#[cfg(feature = "alloc")]
use milter_proto::wire::{MacrosBuf, ReplyBuf, ReplyError};
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

pub fn filter_session_send_nearest<'v>(
    session: &mut FilterSession,
    verdict: Verdict<'v>,
) -> Result<VerdictSent<'v>, Misuse> {
    session.send_nearest(verdict)
}

pub fn macro_requests_write_macros<'s>(
    requests: &MacroRequests<'_>,
    stage: MacroStage,
    default: &[u8],
    lookup: fn(Text<'_>) -> Option<Text<'static>>,
    storage: &'s mut [u8],
) -> Result<Option<Macros<'s>>, BufferTooSmall> {
    requests.write_macros(stage, default, lookup, storage)
}

#[cfg(feature = "alloc")]
pub fn macro_requests_macros(
    requests: &MacroRequests<'_>,
    stage: MacroStage,
    default: &[u8],
    lookup: fn(Text<'_>) -> Option<Text<'static>>,
) -> Option<MacrosBuf> {
    requests.macros(stage, default, lookup)
}

pub fn macros_get<'a>(macros: Macros<'a>, name: &[u8]) -> Option<Text<'a>> {
    macros.get(name)
}

pub fn macro_store_get<'s>(store: &'s MacroStore<&mut [u8]>, name: &[u8]) -> Option<Text<'s>> {
    store.get(name)
}

pub fn macro_store_find<'s>(store: &'s MacroStore<&mut [u8]>, name: &[u8]) -> Option<(MacroStage, Text<'s>)> {
    store.find(name)
}

pub fn text_eq_ignore_ascii_case(text: Text<'_>, other: &[u8]) -> bool {
    text.eq_ignore_ascii_case(other)
}

pub fn text_list_c_strs(list: TextList<'_>) {
    look_at_all(list.c_strs());
}

pub fn leading_space_encode_pieces(space: LeadingSpace, raw: &[u8]) {
    look_at_all(space.encode_pieces(raw));
}

pub fn leading_space_decode_pieces(space: LeadingSpace, value: &[u8]) {
    look_at_all(space.decode_pieces(value));
}

pub fn edit_add_header<'a>(name: &'a [u8], value: &'a [u8]) -> Result<Edit<'a>, NulInEdit> {
    Edit::add_header(name, value)
}

pub fn edit_insert_header<'a>(index: u32, name: &'a [u8], value: &'a [u8]) -> Result<Edit<'a>, NulInEdit> {
    Edit::insert_header(index, name, value)
}

pub fn edit_change_header<'a>(index: u32, name: &'a [u8], value: &'a [u8]) -> Result<Edit<'a>, NulInEdit> {
    Edit::change_header(index, name, value)
}

pub fn edit_delete_header(index: u32, name: &[u8]) -> Result<Edit<'_>, NulInEdit> {
    Edit::delete_header(index, name)
}

pub fn edit_change_from(address: &[u8]) -> Result<Edit<'_>, NulInEdit> {
    Edit::change_from(address)
}

pub fn edit_change_from_with_arguments<'a>(
    address: &'a [u8],
    arguments: &'a [u8],
) -> Result<Edit<'a>, NulInEdit> {
    Edit::change_from_with_arguments(address, arguments)
}

pub fn edit_add_recipient(address: &[u8]) -> Result<Edit<'_>, NulInEdit> {
    Edit::add_recipient(address)
}

pub fn edit_add_recipient_with_arguments<'a>(
    address: &'a [u8],
    arguments: &'a [u8],
) -> Result<Edit<'a>, NulInEdit> {
    Edit::add_recipient_with_arguments(address, arguments)
}

pub fn edit_delete_recipient(address: &[u8]) -> Result<Edit<'_>, NulInEdit> {
    Edit::delete_recipient(address)
}

pub fn edit_quarantine(reason: &[u8]) -> Result<Edit<'_>, NulInEdit> {
    Edit::quarantine(reason)
}

pub fn edit_replace_body(body: &[u8], size: DataSize) {
    look_at_all(Edit::replace_body(body, size));
}

#[cfg(feature = "std")]
pub fn fill_chunk<'b>(mut bytes: &[u8], buffer: &'b mut [u8]) -> std::io::Result<&'b [u8]> {
    wire::fill_chunk(&mut bytes, buffer)
}

pub fn reply_text_write_utf8<'a>(
    code: ReplyCode,
    enhanced: Option<EnhancedCode>,
    lines: &[&str],
    storage: &'a mut [u8],
) -> Result<ReplyText<'a>, ReplyBuildError> {
    ReplyText::write_utf8(code, enhanced, lines, storage)
}

#[cfg(feature = "alloc")]
pub fn reply_buf_new_utf8(
    code: ReplyCode,
    enhanced: Option<EnhancedCode>,
    lines: &[&str],
) -> Result<ReplyBuf, ReplyError> {
    ReplyBuf::new_utf8(code, enhanced, lines)
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

#[cfg(feature = "alloc")]
pub fn macro_values_get<'v>(values: &'v MacroValues, name: &[u8]) -> Option<Text<'v>> {
    values.get(name)
}

#[cfg(feature = "alloc")]
pub fn macro_values_remove(values: &mut MacroValues, name: &[u8]) {
    values.remove(name);
}

#[cfg(feature = "alloc")]
pub fn message_parse(bytes: alloc::borrow::Cow<'_, [u8]>) -> Message<'_> {
    Message::parse(bytes)
}

#[cfg(feature = "alloc")]
pub fn message_set_sender(message: &mut Message<'_>, text: Text<'_>, address: EnvelopeAddress) {
    message.set_sender(text);
    message.set_sender(address);
}

#[cfg(feature = "alloc")]
pub fn message_add_recipient(message: &mut Message<'_>, text: Text<'_>, address: EnvelopeAddress) {
    message.add_recipient(text);
    message.add_recipient(address);
}

#[cfg(feature = "alloc")]
pub fn message_recipients(message: &Message<'_>) {
    look_at_all(message.recipients());
}

#[cfg(feature = "alloc")]
pub fn message_headers(message: &Message<'_>) {
    look_at_all(message.headers());
}

#[cfg(feature = "alloc")]
pub fn message_pieces(message: &Message<'_>) {
    look_at_all(message.pieces());
}

#[cfg(feature = "alloc")]
pub fn edits_iter(edits: &Edits) {
    look_at_all(edits.iter());
}

#[cfg(feature = "alloc")]
pub fn envelope_address_with_arguments(address: EnvelopeAddress, arguments: &[Text<'_>]) -> EnvelopeAddress {
    address.with_arguments(arguments.iter().copied())
}

#[cfg(feature = "alloc")]
pub fn header_new(name: &[u8], after_colon: &[u8]) -> Header<'static> {
    Header::new(name, after_colon)
}

#[cfg(feature = "alloc")]
pub fn chain_edits(chain: &Chain<'_>, filter: usize) {
    look_at_all(chain.edits(filter));
}

#[cfg(feature = "alloc")]
pub fn chain_receive_with(chain: &mut Chain<'_>, filter: usize, mut bytes: &[u8]) -> Result<(), FilterError> {
    chain.receive_with(filter, &mut bytes, |event| _ = black_box(event))
}
