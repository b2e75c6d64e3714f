//! Messages, and what edits do to them.
//!
//! A filter asks for edits, and each MTA performs them in its own way: which header is number 2, where a new header goes,
//! what becomes of a deleted recipient. This module does it as Postfix and Sendmail do, byte for byte: for MTAs, and for
//! programs that test filters.
//!
//! 1. [`Message::parse`] takes a message apart without copying it.
//! 2. [`Edits`] collects the edits that a filter asks for.
//! 3. [`Edits::apply`] applies them when the verdict accepts the message, under [`EditRules::POSTFIX`] or
//!    [`EditRules::SENDMAIL`], and tells what it did and what it ignored.
//! 4. [`Chain`] does all of this for an MTA with one or several filters: it knows who is asked next, and what the answers
//!    mean together.
#![expect(clippy::wildcard_enum_match_arm, reason = "edits that are not named need nothing")]

mod address;
mod apply;
mod arguments;
mod chain;
mod commands;
mod content;
mod edits;
mod envelope;
mod header;
mod list;
mod outcome;
mod rules;
mod slots;

pub use chain::{
    AnswerReason, Chain, ChainAnswer, ChainError, ChainFilter, ChainStep, FailureAction, FilterError,
};
pub use commands::Commands;
pub use content::{Message, with_crlf};
pub use edits::{Edits, EditsTooLong};
pub use envelope::EnvelopeAddress;
pub use header::{Header, Origin};
pub use outcome::{ApplyError, EditOutcome, Effect, IgnoreReason};
pub use rules::EditRules;
