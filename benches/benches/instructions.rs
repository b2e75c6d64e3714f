//! Instructions of the measured loops, each with the ceiling that `budgets` sets.

use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use milter_proto::message::{EditRules, Edits, Message};
use milter_proto::wire::{Command, Response};
use milter_proto_benches::budgets;
use milter_proto_benches::codec::{self, Reader};
use milter_proto_benches::linear::{edited_message, message_bytes};
use milter_proto_benches::setup::{Filter, Reading, filter, whole};
use milter_proto_benches::workloads::{
    Script, bare_commands, bare_responses, chunks, commands_to_bytes, headers, large_body, many_headers,
    raw_headers, responses_to_bytes, typical,
};

/// The stream in segments of `len` bytes.
fn cut(bytes: Vec<u8>, len: usize) -> Reading {
    (Reader::new(Vec::new()), bytes.leak().chunks(len).collect())
}

/// 160 chunks that are all cut in two, and an assembler that has room for them.
fn halves(copies: bool) -> (Reader, Vec<u8>, Vec<&'static [u8]>) {
    let frames = commands_to_bytes(&chunks(160, 65_535)).leak();
    let (mut reader, storage) = (Reader::new(Vec::new()), Vec::with_capacity(65_535));
    let segments: Vec<&[u8]> =
        frames.chunks(65_540).flat_map(|frame| [&frame[..32_773], &frame[32_773..]]).collect();
    codec::decode_commands(&mut reader, &segments);
    let payloads = frames.chunks(65_540).flat_map(|frame| [&frame[5..32_773], &frame[32_773..]]).collect();
    (reader, storage, if copies { payloads } else { segments })
}

/// One frame of `len` bytes in single bytes.
fn fed(len: usize) -> Reading {
    cut(commands_to_bytes(&chunks(1, len - 5)), 1)
}

/// Values to encode, and a buffer that has room for them.
fn room<T>(values: Vec<T>) -> (Vec<T>, Vec<u8>) {
    (values, Vec::with_capacity(1 << 20))
}

#[library_benchmark]
#[bench::headers(args = (whole(commands_to_bytes(&headers(1000)))), config = ceiling("decode_commands.headers"))]
#[bench::typical(args = (whole(typical().command_bytes())), config = ceiling("decode_commands.typical"))]
#[bench::bare(args = (whole(commands_to_bytes(&bare_commands(1000)))), config = ceiling("decode_commands.bare"))]
#[bench::chunks(args = (whole(commands_to_bytes(&chunks(160, 65_535)))), config = ceiling("decode_commands.chunks"))]
#[bench::small_chunks(args = (whole(commands_to_bytes(&chunks(160, 655)))), config = ceiling("decode_commands.small_chunks"))]
#[bench::feeds(args = (fed(65_536)), config = ceiling("decode_commands.feeds"))]
#[bench::double_feeds(args = (fed(131_072)), config = ceiling("decode_commands.double_feeds"))]
fn decode_commands(reading: Reading) -> Reading {
    let (mut reader, segments) = reading;
    black_box(codec::decode_commands(&mut reader, black_box(&segments)));
    (reader, segments)
}

#[library_benchmark]
#[bench::bare(args = (whole(responses_to_bytes(&bare_responses(1000)))), config = ceiling("decode_responses.bare"))]
#[bench::typical(args = (whole(typical().response_bytes())))]
fn decode_responses(reading: Reading) -> Reading {
    let (mut reader, segments) = reading;
    black_box(codec::decode_responses(&mut reader, black_box(&segments)));
    (reader, segments)
}

#[library_benchmark]
#[bench::headers(args = (room(headers(1000))), config = ceiling("encode_commands.headers"))]
#[bench::typical(args = (room(typical().commands)))]
#[bench::chunks(args = (room(chunks(10, 65_535))))]
fn encode_commands(values: (Vec<Command<'static>>, Vec<u8>)) -> (Vec<Command<'static>>, Vec<u8>) {
    let (commands, mut out) = values;
    codec::encode_commands(black_box(&commands), &mut out);
    (commands, out)
}

#[library_benchmark]
#[bench::headers(args = (room(raw_headers(1000))), config = ceiling("encode_raw.headers"))]
fn encode_raw(values: (Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>)) -> (Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>) {
    let (headers, mut out) = values;
    codec::encode_raw_headers(black_box(&headers), &mut out);
    (headers, out)
}

#[library_benchmark]
#[bench::typical(args = (room(typical().responses)), config = ceiling("encode_responses.typical"))]
#[bench::bare(args = (room(bare_responses(1000))))]
fn encode_responses(values: (Vec<Response<'static>>, Vec<u8>)) -> (Vec<Response<'static>>, Vec<u8>) {
    let (responses, mut out) = values;
    codec::encode_responses(black_box(&responses), &mut out);
    (responses, out)
}

#[library_benchmark]
#[bench::chunks(args = (chunks(160, 65_535)), config = ceiling("lend_commands.chunks"))]
fn lend_commands(commands: Vec<Command<'static>>) -> Vec<Command<'static>> {
    black_box(codec::lend_commands(black_box(&commands)));
    commands
}

#[library_benchmark]
#[bench::typical(args = (filter(typical())), config = ceiling("filter_session.typical"))]
#[bench::large_body(args = (filter(large_body())))]
#[bench::many_headers(args = (filter(many_headers(true))))]
#[bench::no_reply(args = (filter(many_headers(false))))]
fn filter_session(filter: Filter) -> Filter {
    let ((mut reader, segments), mut store, responses, mut out) = filter;
    black_box(codec::filter_session(&mut reader, &mut store, black_box(&segments), &responses, &mut out));
    ((reader, segments), store, responses, out)
}

/// An MTA's session: the replies, the commands, and a buffer that has room for them.
type Mta = (Reading, Vec<Command<'static>>, Vec<u8>);

fn mta(script: Script) -> Mta {
    (whole(script.response_bytes()), script.commands, Vec::with_capacity(1 << 17))
}

#[library_benchmark]
#[bench::typical(args = (mta(typical())), config = ceiling("mta_session.typical"))]
#[bench::large_body(args = (mta(large_body())))]
#[bench::many_headers(args = (mta(many_headers(true))))]
#[bench::no_reply(args = (mta(many_headers(false))))]
fn mta_session(mta: Mta) -> Mta {
    let ((mut reader, segments), commands, mut out) = mta;
    black_box(codec::mta_session(&mut reader, black_box(&commands), black_box(&segments), &mut out));
    ((reader, segments), commands, out)
}

#[library_benchmark]
#[bench::decoded(halves(false))]
fn decode_halves(cut: (Reader, Vec<u8>, Vec<&'static [u8]>)) -> (Reader, Vec<u8>, Vec<&'static [u8]>) {
    let (mut reader, storage, segments) = cut;
    black_box(codec::decode_commands(&mut reader, black_box(&segments)));
    (reader, storage, segments)
}

#[library_benchmark]
#[bench::copied(halves(true))]
fn copy_halves(cut: (Reader, Vec<u8>, Vec<&'static [u8]>)) -> (Reader, Vec<u8>, Vec<&'static [u8]>) {
    let (reader, mut storage, segments) = cut;
    codec::copy(black_box(&segments), &mut storage);
    (reader, storage, segments)
}

#[library_benchmark]
#[bench::headers(args = (message_bytes(1000)), config = ceiling("message_commands.headers"))]
fn message_commands(bytes: &'static [u8]) -> &'static [u8] {
    black_box(codec::message_to_commands(black_box(bytes)));
    bytes
}

/// A message, and its edits.
type Edited = (Message<'static>, Edits);

#[library_benchmark]
#[bench::postfix(args = (edited_message((100, 1000)), EditRules::POSTFIX), config = ceiling("apply_edits.postfix"))]
#[bench::sendmail(args = (edited_message((100, 1000)), EditRules::SENDMAIL), config = ceiling("apply_edits.sendmail"))]
fn apply_edits((mut message, edits): Edited, rules: EditRules) -> Edited {
    black_box(codec::apply_edits(&mut message, black_box(&edits), rules));
    (message, edits)
}

fn ceiling(case: &str) -> LibraryBenchmarkConfig {
    let limits = budgets::ceiling(case).map(|limit| (EventKind::Ir, limit));
    LibraryBenchmarkConfig::default().tool(Callgrind::default().hard_limits(limits)).clone()
}

library_benchmark_group!(
    name = wire,
    benchmarks = [
        decode_commands,
        decode_responses,
        encode_commands,
        encode_raw,
        encode_responses,
        lend_commands,
        filter_session,
        mta_session,
        decode_halves,
        copy_halves,
        message_commands,
        apply_edits
    ]
);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = wire
);
