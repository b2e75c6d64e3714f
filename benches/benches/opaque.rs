//! A filter's session whose handler the optimiser cannot see into. It is the only session of its program, as in a real one:
//! a second call of a function changes what is inlined into the first.

use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use milter_proto_benches::setup::{Filter, filter};
use milter_proto_benches::workloads::typical;
use milter_proto_benches::{budgets, codec};

#[library_benchmark]
#[bench::typical(args = (filter(typical())), config = ceiling("opaque_filter_session.typical"))]
fn opaque_filter_session(filter: Filter) -> Filter {
    let ((mut reader, segments), mut store, responses, mut out) = filter;
    let turn =
        codec::opaque_filter_session(&mut reader, &mut store, black_box(&segments), &responses, &mut out);
    black_box(turn);
    ((reader, segments), store, responses, out)
}

fn ceiling(case: &str) -> LibraryBenchmarkConfig {
    let limits = budgets::ceiling(case).map(|limit| (EventKind::Ir, limit));
    LibraryBenchmarkConfig::default().tool(Callgrind::default().hard_limits(limits)).clone()
}

library_benchmark_group!(name = opaque, benchmarks = opaque_filter_session);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = opaque
);
