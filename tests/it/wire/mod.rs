//! Bytes: frames, commands, responses, and what is in them.

mod addresses;
mod chunking;
mod commands;
mod framing;
mod headers_and_bodies;
mod malformed;
mod optneg;
mod outgoing;
mod replies;
mod responses;
mod roundtrip;
mod texts;
mod tolerances;
mod unusual_frames;
