//! Frames and their content: commands, responses, and the values in them. This module does not know the order of frames.
//!
//! 1. [`Assembler`] and [`Frame::split`] cut a stream into [`Frame`]s.
//! 2. [`Command::parse`] and [`Response::parse`] decode a frame. The result borrows from it.
//! 3. [`Command::encode`] and [`Response::encode`] return an [`OutgoingFrame`], which borrows long fields.
//!
//! A parsed command or response encodes to the same bytes again.
//!
//! These values borrow. To store one, to queue it or to hand it to another thread, turn it into its owned form, whose
//! name ends with `Buf`: `CommandBuf` returns the same [`Command`], and so on.

mod assembler;
mod bits;
mod body;
mod buffer;
pub(crate) mod code;
mod command;
mod decode;
mod edit;
mod error;
mod frame;
mod header;
mod ip;
mod macro_lists;
mod macros;
mod negotiate;
mod outgoing;
#[cfg(feature = "alloc")]
mod owned;
mod parse;
mod reply;
mod response;
mod scan;
mod text;
mod tolerance;

pub use assembler::Assembler;
pub use bits::{Actions, DataSize, Steps, Version};
pub use body::Chunks;
#[cfg(feature = "std")]
pub use body::fill_chunk;
pub use buffer::Buffer;
pub use code::{Direction, MacroStage, name as code_name};
pub use command::{Command, Peer};
pub use decode::Decoded;
pub use edit::Edit;
pub use error::{
    BufferTooSmall, DecodeError, Fault, Field, NulInEdit, ParseCodeError, ReplyBuildError, ReplyError,
    ReplyFault, TooLong,
};
#[cfg(feature = "alloc")]
pub use frame::FrameBuf;
pub use frame::{Frame, FrameError, OtherProtocol};
pub use header::{LeadingSpace, folds_from_wire, folds_to_wire};
#[cfg(feature = "alloc")]
pub use macro_lists::MacroListsBuf;
pub use macro_lists::{ListStage, MacroLists};
pub use macros::{Macros, UnpairedMacro};
pub use negotiate::{Answer, Offer};
pub use outgoing::OutgoingFrame;
#[cfg(feature = "alloc")]
pub use owned::{CommandBuf, EditBuf, MacrosBuf, ResponseBuf, VerdictBuf};
#[cfg(feature = "alloc")]
pub use reply::ReplyBuf;
pub use reply::{EnhancedCode, ReplyCode, ReplyLine, ReplyText, UnescapedReply};
pub use response::{Response, Verdict};
#[cfg(feature = "alloc")]
pub use text::TextListBuf;
pub use text::{NulInText, Text, TextList, Texts, Unterminated};
pub use tolerance::{Deviation, Tolerance};

/// The code bytes of both directions, by the names of `SMFIC_*` and `SMFIR_*`.
pub mod codes {
    pub use super::code::{command, response};
}
