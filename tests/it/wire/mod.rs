//! Bytes: frames, commands, responses, and what is in them.

mod addresses;
mod chunking;
mod commands;
mod framing;
mod header_values;
mod headers_and_bodies;
mod malformed;
mod new_bodies;
mod optneg;
mod outgoing;
mod replies;
mod reply_shortcuts;
mod responses;
mod roundtrip;
mod shortcuts;
mod texts;
mod tolerances;
mod unusual_frames;
