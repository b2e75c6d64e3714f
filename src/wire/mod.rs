//! Bytes and their meaning: frames, commands, responses. Knows no order.
//!
//! 1. [`Assembler`] and [`Frame::split`] cut a stream into [`Frame`]s.
//! 2. [`Command::parse`] and [`Response::parse`] find the meaning of a frame. They borrow from it.
//! 3. [`Command::encode`] and [`Response::encode`] give an [`Outgoing`], which borrows what is long.
//!
//! For every frame that is parsed, encoding gives the same bytes again.

mod assembler;
mod bits;
mod body;
pub(crate) mod code;
mod command;
mod decode;
mod frame;
mod header;
mod ip;
mod macro_lists;
mod macros;
mod negotiate;
mod outgoing;
mod parse;
mod reply;
mod reply_code;
mod reply_fault;
mod response;
mod text;
mod tolerance;

pub use assembler::{Assembler, Storage};
pub use bits::{Actions, DataSize, Steps, Version};
pub use body::Chunks;
pub use code::{Direction, MacroStage, name as code_name};
pub use command::{Command, Peer};
pub use decode::{DecodeError, Decoded, Fault, Field};
#[cfg(feature = "alloc")]
pub use frame::FrameBuf;
pub use frame::{Foreign, Frame, FrameError};
pub use header::{LeadingSpace, folds_from_wire, folds_to_wire};
#[cfg(feature = "alloc")]
pub use macro_lists::MacroListsBuf;
pub use macro_lists::{ListStage, MacroLists};
pub use macros::{Macros, OddMacros};
pub use negotiate::{Answer, Offer};
pub use outgoing::{BufferTooSmall, Outgoing, TooLong};
#[cfg(feature = "alloc")]
pub use reply::ReplyBuf;
pub use reply::{Plain, ReplyLine, ReplyText};
pub use reply_code::{EnhancedCode, ReplyCode};
pub use reply_fault::{ReplyBuildError, ReplyError, ReplyFault};
pub use response::{Edit, Response, Verdict};
#[cfg(feature = "alloc")]
pub use text::TextListBuf;
pub use text::{NulInText, Text, TextList, Texts, Unterminated};
pub use tolerance::{Deviation, Tolerance};

/// The code bytes of both directions, by the names of `SMFIC_*` and `SMFIR_*`.
pub mod codes {
    pub use super::code::{command, response};
}
