//! The MTA's session.

mod edits;
mod outcomes;
mod reply_texts;
mod sessions;
mod timing;
