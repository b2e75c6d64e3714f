//! Runs a codec over a case, for callgrind: `codecs CASE SUBJECT RUNS`.

use std::env;
use std::hint::black_box;

use milter_proto_peers::codecs::{Subject, cases};

fn main() {
    let arguments = env::args().collect::<Vec<_>>();
    let [_, name, subject, runs] = &arguments[..] else { panic!("usage: codecs CASE SUBJECT RUNS") };
    let subject: Subject = subject.parse().expect("a subject");
    let (_, case) = cases().into_iter().find(|(case, _)| case == name).expect("a case");
    let (case, mut codec) = (case(), subject.codec());
    for _ in 0..runs.parse().expect("a number") {
        black_box(codec.run(black_box(&case)));
    }
}
