//! The committed corpus as an ordinary test: no libFuzzer, no nightly.

use std::fs;
use std::path::Path;

use milter_proto_fuzz::{TARGETS, Target};

#[test]
fn every_committed_input_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for Target { name, run } in TARGETS {
        let mut inputs =
            fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        inputs.sort();
        assert!(!inputs.is_empty(), "{name} has no inputs");
        for input in inputs {
            // The name shows above the message if this input fails.
            println!("{}", input.display());
            run(&fs::read(&input).unwrap());
        }
    }
}

#[test]
fn short_inputs_pass() {
    for Target { run, .. } in TARGETS {
        run(&[]);
        for first in 0..=u8::MAX {
            run(&[first]);
            for second in [0, 1, b' ', b'4', 0xff] {
                run(&[first, second]);
            }
        }
    }
}
