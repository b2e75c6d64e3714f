//! What the measured loops are given.

use milter_proto::filter::Event;
use milter_proto::macros::MacroStore;
use milter_proto::wire::{Response, Verdict};

use crate::codec::Reader;
use crate::workloads::Script;

/// Segments, and an assembler to give them to.
pub type Reading = (Reader, Vec<&'static [u8]>);

/// The whole stream as one segment.
pub fn whole(bytes: Vec<u8>) -> Reading {
    (Reader::new(Vec::new()), vec![bytes.leak()])
}

/// A session, and everything in it that keeps its room from one session to the next.
pub type Filter = (Reading, MacroStore<Vec<u8>>, Vec<Response<'static>>, Vec<u8>);

/// The filter's side of a script.
///
/// # Panics
/// If macros have no room.
pub fn filter(script: Script) -> Filter {
    let commands = script.command_bytes();
    let mut store = MacroStore::new(Vec::new());
    for &command in &script.commands {
        store.observe(&Event::new(command)).expect("room");
    }
    let is_continue = |response: &Response<'_>| *response == Response::from(Verdict::Continue);
    let responses = script.responses.into_iter().filter(|response| !is_continue(response)).collect();
    (whole(commands), store, responses, Vec::with_capacity(1 << 16))
}
