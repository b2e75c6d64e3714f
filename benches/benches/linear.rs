//! Instructions of the same work at one size and at twice that size, of whatever can come in any number.

use std::hint::black_box;

use gungraun::Callgrind;
use gungraun::prelude::*;
use milter_proto::macros::MacroStore;
use milter_proto::message::{EditRules, Edits, Message};
use milter_proto::transcript::Entry;
use milter_proto::wire::{Command, Direction, Response, Text, Verdict};
use milter_proto_benches::codec::{self, Reader};
use milter_proto_benches::linear::{self, Case, doubled, doubled_in_pieces};
use milter_proto_benches::workloads::{commands_to_bytes, responses_to_bytes};

/// How often the smaller size has it.
const TIMES: usize = 500;

/// How many bytes the smaller size has, where it is bytes that there are twice as many of.
const BYTES: usize = 20_000;

fn segments(bytes: Vec<u8>, piece: usize) -> Vec<&'static [u8]> {
    bytes.leak().chunks(piece).collect()
}

/// The parts of a session that a filter keeps, the commands, and what it says.
type Filter = (Reader, MacroStore<Vec<u8>>, Vec<&'static [u8]>, Vec<Response<'static>>, Vec<u8>);

fn filter_side((talk, times, piece): Case) -> Filter {
    let turns = talk(times);
    let commands = segments(commands_to_bytes(&linear::commands(&turns)), piece);
    let mut responses = linear::responses(&turns);
    responses.retain(|response| *response != Verdict::Continue.into());
    let store = MacroStore::new(Vec::with_capacity(1 << 16));
    (Reader::new(Vec::new()), store, commands, responses, Vec::with_capacity(1 << 21))
}

#[library_benchmark(setup = filter_side)]
#[benches::single_bytes(iter = doubled_in_pieces(linear::large_chunk, BYTES, 1))]
#[benches::messages(iter = doubled(linear::messages, TIMES))]
#[benches::headers(iter = doubled(linear::headers, TIMES))]
#[benches::large_headers(iter = doubled(linear::large_headers, TIMES / 10))]
#[benches::macros(iter = doubled(linear::macro_lists, TIMES))]
#[benches::early_macros(iter = doubled(linear::early_macros, TIMES / 5))]
#[benches::cut_chunks(iter = doubled_in_pieces(linear::chunks, TIMES, 7))]
#[benches::edits(iter = doubled(linear::edits, TIMES))]
#[benches::offers(iter = doubled(linear::offers, TIMES))]
fn filter(side: Filter) -> Filter {
    let (mut reader, mut store, commands, responses, mut out) = side;
    black_box(codec::filter_session(&mut reader, &mut store, black_box(&commands), &responses, &mut out));
    (reader, store, commands, responses, out)
}

/// The replies that an MTA reads, the commands, and a buffer for them.
type Mta = (Reader, Vec<Command<'static>>, Vec<&'static [u8]>, Vec<u8>);

fn mta_side((talk, times, piece): Case) -> Mta {
    let turns = talk(times);
    let responses = segments(responses_to_bytes(&linear::responses(&turns)), piece);
    (Reader::new(Vec::new()), linear::commands(&turns), responses, Vec::with_capacity(1 << 21))
}

#[library_benchmark(setup = mta_side)]
#[benches::single_bytes(iter = doubled_in_pieces(linear::large_replacement, BYTES, 1))]
#[benches::messages(iter = doubled(linear::messages, TIMES))]
#[benches::headers(iter = doubled(linear::headers, TIMES))]
#[benches::large_headers(iter = doubled(linear::large_headers, TIMES))]
#[benches::macros(iter = doubled(linear::macro_lists, TIMES))]
#[benches::cut_chunks(iter = doubled_in_pieces(linear::replacements, TIMES, 7))]
#[benches::edits(iter = doubled(linear::edits, TIMES))]
#[benches::progress(iter = doubled(linear::progress, TIMES))]
fn mta(side: Mta) -> Mta {
    let (mut reader, commands, responses, mut out) = side;
    black_box(codec::mta_session(&mut reader, black_box(&commands), black_box(&responses), &mut out));
    (reader, commands, responses, out)
}

/// What two readers get, in its order.
type Heard = ([Reader; 2], Vec<(Direction, &'static [u8])>);

fn both_sides((talk, times, piece): Case) -> Heard {
    ([(); 2].map(|()| Reader::new(Vec::new())), linear::both_sides(&talk(times), piece))
}

#[library_benchmark(setup = both_sides)]
#[benches::single_bytes(iter = doubled_in_pieces(linear::large_chunk, BYTES, 1))]
#[benches::messages(iter = doubled(linear::messages, TIMES))]
#[benches::headers(iter = doubled(linear::headers, TIMES))]
#[benches::large_headers(iter = doubled(linear::large_headers, TIMES / 10))]
#[benches::macros(iter = doubled(linear::macro_lists, TIMES))]
#[benches::cut_chunks(iter = doubled_in_pieces(linear::chunks, TIMES, 7))]
#[benches::edits(iter = doubled(linear::edits, TIMES))]
#[benches::progress(iter = doubled(linear::progress, TIMES))]
#[benches::offers(iter = doubled(linear::offers, TIMES))]
fn monitor(heard: Heard) -> Heard {
    let (mut readers, pieces) = heard;
    black_box(codec::monitor(&mut readers, black_box(&pieces)));
    (readers, pieces)
}

/// How to make something of a size, and two sizes of which one is twice the other.
fn sizes<T>(make: fn(usize) -> T, times: usize) -> [(fn(usize) -> T, usize); 2] {
    [(make, times), (make, 2 * times)]
}

fn one_frame((frame, size): (fn(usize) -> Command<'static>, usize)) -> (Reader, [&'static [u8]; 1]) {
    (Reader::new(Vec::new()), [commands_to_bytes(&[frame(size)]).leak()])
}

#[library_benchmark(setup = one_frame)]
#[benches::pairs(iter = sizes(linear::pairs, TIMES))]
#[benches::bytes(iter = sizes(linear::header_bytes, BYTES))]
fn parser(frame: (Reader, [&'static [u8]; 1])) -> (Reader, [&'static [u8]; 1]) {
    let (mut reader, bytes) = frame;
    black_box(codec::decode_commands(&mut reader, black_box(&bytes)));
    (reader, bytes)
}

#[library_benchmark(setup = linear::macro_store)]
#[benches::pairs(iter = [TIMES, 2 * TIMES])]
fn macro_store(store: MacroStore<Vec<u8>>) -> MacroStore<Vec<u8>> {
    black_box(codec::look_up(black_box(&store), Text::new(b"{none}").expect("no NUL")));
    store
}

fn lines((lines, size): (fn(usize) -> Vec<String>, usize)) -> Vec<String> {
    lines(size)
}

#[library_benchmark(setup = lines)]
#[benches::pairs(iter = sizes(linear::line_of_macros, TIMES))]
#[benches::bytes(iter = sizes(linear::long_line, BYTES))]
#[benches::headers(iter = sizes(linear::lines, TIMES))]
fn line_reader(lines: Vec<String>) -> Vec<String> {
    codec::read_lines(black_box(&lines));
    lines
}

/// What is to be written, and room for it.
fn entries((lines, size): (fn(usize) -> Vec<String>, usize)) -> (Vec<Entry>, String) {
    (lines(size).iter().map(|line| linear::entry(line)).collect(), String::with_capacity(1 << 21))
}

#[library_benchmark(setup = entries)]
#[benches::pairs(iter = sizes(linear::line_of_macros, TIMES))]
#[benches::bytes(iter = sizes(linear::long_line, BYTES))]
#[benches::headers(iter = sizes(linear::lines, TIMES))]
fn line_writer(lines: (Vec<Entry>, String)) -> (Vec<Entry>, String) {
    let (entries, mut out) = lines;
    codec::write_lines(black_box(&entries), &mut out);
    (entries, out)
}

#[library_benchmark(setup = linear::message_bytes)]
#[benches::headers(iter = [TIMES, 2 * TIMES])]
fn message(bytes: &'static [u8]) -> &'static [u8] {
    black_box(codec::message_to_commands(black_box(bytes)));
    bytes
}

/// Edits of a message with a thousand headers: twice as many of either.
const EDITS: [(usize, usize); 2] = [(100, 1000), (200, 1000)];
const EDITED_HEADERS: [(usize, usize); 2] = [(100, 1000), (100, 2000)];

/// A message, and its edits.
type Edited = (Message<'static>, Edits);

#[library_benchmark(setup = linear::edited_message)]
#[benches::edits(iter = EDITS)]
#[benches::headers(iter = EDITED_HEADERS)]
fn postfix((mut message, edits): Edited) -> Edited {
    black_box(codec::apply_edits(&mut message, black_box(&edits), EditRules::POSTFIX));
    (message, edits)
}

#[library_benchmark(setup = linear::edited_message)]
#[benches::edits(iter = EDITS)]
#[benches::headers(iter = EDITED_HEADERS)]
fn sendmail((mut message, edits): Edited) -> Edited {
    black_box(codec::apply_edits(&mut message, black_box(&edits), EditRules::SENDMAIL));
    (message, edits)
}

library_benchmark_group!(
    name = doubled_work,
    benchmarks =
        [filter, mta, monitor, parser, macro_store, line_reader, line_writer, message, postfix, sendmail]
);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = doubled_work
);
