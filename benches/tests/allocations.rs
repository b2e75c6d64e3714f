//! Nothing is allocated in steady state: in no workload, by no side, in neither direction.

#![expect(unsafe_code, reason = "an allocator that counts is an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use milter_proto::macros::MacroStore;
use milter_proto::wire::{Response, Verdict};
use milter_proto_benches::codec::{self, Reader};
use milter_proto_benches::workloads::{self, Script};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of the second of two runs.
fn in_steady_state(mut run: impl FnMut()) -> usize {
    run();
    allocations(run)
}

fn allocations(run: impl FnOnce()) -> usize {
    let before = COUNT.get();
    run();
    COUNT.get() - before
}

fn scripts() -> [Script; 4] {
    let [lock_step, no_reply] = [true, false].map(workloads::many_headers);
    [workloads::typical(), workloads::large_body(), lock_step, no_reply]
}

#[test]
fn decoding_allocates_nothing_however_the_input_is_cut() {
    for script in scripts() {
        let (commands, responses) = (script.command_bytes(), script.response_bytes());
        let (whole, random) = ([&commands[..]], workloads::random_segments(&commands));
        let bytes: Vec<&[u8]> = commands[..commands.len().min(50_000)].chunks(1).collect();
        for segments in [&whole[..], &random[..]] {
            let mut reader = Reader::new(Vec::new());
            assert_eq!(in_steady_state(|| _ = codec::decode_commands(&mut reader, segments)), 0);
        }
        let mut reader = Reader::new(Vec::with_capacity(65_535));
        assert_eq!(allocations(|| _ = codec::decode_commands(&mut reader, &bytes)), 0);

        let (whole, random) = ([&responses[..]], workloads::random_segments(&responses));
        for segments in [&whole[..], &random[..]] {
            let mut reader = Reader::new(Vec::new());
            assert_eq!(in_steady_state(|| _ = codec::decode_responses(&mut reader, segments)), 0);
        }
    }
}

#[test]
fn encoding_allocates_nothing_in_a_buffer_with_room() {
    for script in scripts() {
        let (commands, responses) = (&script.commands[..], &script.responses[..]);
        let mut out = Vec::with_capacity(script.command_bytes().len());
        assert_eq!(allocations(|| codec::encode_commands(commands, &mut out)), 0);
        assert_eq!(allocations(|| _ = codec::write_commands(commands, &mut out)), 0);
        assert_eq!(allocations(|| _ = codec::lend_commands(commands)), 0);
        let mut out = Vec::with_capacity(script.response_bytes().len());
        assert_eq!(allocations(|| codec::encode_responses(responses, &mut out)), 0);
    }
}

#[test]
fn a_new_session_whose_frames_are_whole_allocates_nothing() {
    let commands = workloads::typical().command_bytes();
    let decode = || codec::decode_commands(&mut Reader::new(Vec::new()), &[&commands]);
    assert_eq!(allocations(|| assert_eq!(decode(), 46)), 0);
}

#[test]
fn whole_sessions_allocate_nothing_on_either_side() {
    for script in scripts() {
        let (commands, replies) = (script.command_bytes(), script.response_bytes());
        let said = script.responses.iter().copied();
        let said: Vec<_> = said.filter(|said| *said != Response::from(Verdict::Continue)).collect();
        let (mut reader, mut store) = (Reader::new(Vec::new()), MacroStore::new(Vec::new()));
        let mut out = Vec::with_capacity(commands.len());
        let filter = || {
            out.clear();
            codec::filter_session(&mut reader, &mut store, &[&commands], &said, &mut out);
        };
        assert_eq!(in_steady_state(filter), 0, "the filter's side");
        let mta = || {
            out.clear();
            codec::mta_session(&mut reader, &script.commands, &[&replies], &mut out);
        };
        assert_eq!(in_steady_state(mta), 0, "the MTA's side");
    }
}
