//! Counts allocations of every codec over every case, in the second of two runs: a line each.

use milter_proto_peers::codecs::{Subject, cases};

fn main() {
    for (name, case) in cases() {
        let case = case();
        for subject in Subject::ALL {
            let mut codec = subject.codec();
            codec.run(&case);
            let counted = allocation_counter::measure(|| _ = codec.run(&case));
            println!("{name} {subject}\t{}", counted.count_total);
        }
    }
}
