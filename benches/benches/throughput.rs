//! Times, for reading: no limit depends on them.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use milter_proto::macros::MacroStore;
use milter_proto::wire::{Response, Verdict};
use milter_proto_benches::codec::{self, Reader};
use milter_proto_benches::workloads::{
    bare_commands, bare_responses, commands_to_bytes, large_body, many_headers, random_segments,
    responses_to_bytes, typical,
};

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode_commands");
    let (w1, w2, w3) =
        (typical().command_bytes(), large_body().command_bytes(), many_headers(true).command_bytes());
    let w4 = commands_to_bytes(&bare_commands(10_000));
    decode_commands(&mut group, "W1", &[&w1]);
    decode_commands(&mut group, "W2", &[&w2]);
    decode_commands(&mut group, "W3", &[&w3]);
    decode_commands(&mut group, "W4", &[&w4]);
    decode_commands(&mut group, "W5byte", &w1.chunks(1).collect::<Vec<_>>());
    decode_commands(&mut group, "W5rand", &random_segments(&w1));
    group.finish();

    let mut group = criterion.benchmark_group("decode_responses");
    decode_responses(&mut group, "W1", &typical().response_bytes());
    decode_responses(&mut group, "W4", &responses_to_bytes(&bare_responses(10_000)));
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for (name, script) in [("W1", typical()), ("W2", large_body()), ("W3", many_headers(true))] {
        let mut out = script.command_bytes();
        group.throughput(both(out.len(), script.commands.len()));
        group.bench_function(format!("commands/{name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                codec::encode_commands(black_box(&script.commands), &mut out);
            });
        });
        let mut out = script.response_bytes();
        group.throughput(both(out.len(), script.responses.len()));
        group.bench_function(format!("responses/{name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                codec::encode_responses(black_box(&script.responses), &mut out);
            });
        });
    }
    group.finish();
}

/// Whole sessions: a filter that keeps macros and answers, and an MTA that sends and judges.
fn sessions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sessions");
    let scripts =
        [("W1", typical()), ("W2", large_body()), ("W3", many_headers(true)), ("W3nr", many_headers(false))];
    for (name, script) in &scripts {
        let (commands, responses) = (script.command_bytes(), script.response_bytes());
        let bytes: Vec<_> = commands.chunks(1).collect();
        let mut ways = vec![("whole", vec![&commands[..]])];
        if *name == "W1" {
            ways.extend([("bytes", bytes), ("random", random_segments(&commands))]);
        }
        let said = script.responses.iter().copied();
        let said: Vec<_> = said.filter(|said| *said != Response::from(Verdict::Continue)).collect();
        let (mut reader, mut store) = (Reader::new(Vec::new()), MacroStore::new(Vec::new()));
        let mut out = Vec::with_capacity(commands.len());
        group.throughput(both(commands.len() + responses.len(), script.commands.len()));
        for (way, segments) in &ways {
            group.bench_function(format!("filter/{name}/{way}"), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    codec::filter_session(&mut reader, &mut store, black_box(segments), &said, &mut out)
                });
            });
        }
        group.bench_function(format!("mta/{name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                codec::mta_session(&mut reader, black_box(&script.commands), &[&responses], &mut out)
            });
        });
    }
    group.finish();
}

fn decode_commands(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, segments: &[&[u8]]) {
    let mut reader = Reader::new(Vec::new());
    let frames = codec::decode_commands(&mut reader, segments);
    group.throughput(both(segments.iter().map(|segment| segment.len()).sum(), frames));
    group.bench_function(name, |bencher| {
        bencher.iter(|| codec::decode_commands(&mut reader, black_box(segments)));
    });
}

fn decode_responses(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, bytes: &[u8]) {
    let mut reader = Reader::new(Vec::new());
    let frames = codec::decode_responses(&mut reader, &[bytes]);
    group.throughput(both(bytes.len(), frames));
    group.bench_function(name, |bencher| {
        bencher.iter(|| codec::decode_responses(&mut reader, &[black_box(bytes)]));
    });
}

fn both(bytes: usize, frames: usize) -> Throughput {
    let [bytes, elements] = [bytes, frames].map(|count| u64::try_from(count).expect("a count"));
    Throughput::ElementsAndBytes { elements, bytes }
}

criterion_group!(benches, decode, encode, sessions);
criterion_main!(benches);
