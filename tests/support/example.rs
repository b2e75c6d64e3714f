//! Running an example.

use std::process::Command;

/// An example as `cargo test` has built it. The words in `EXAMPLE_RUNNER` come before it: valgrind, or an
/// emulator of another machine.
pub(crate) fn example(name: &str) -> Command {
    // target/debug/deps/adapters-0123456789abcdef is a test.
    let this = std::env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).unwrap();
    let example = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(example.exists(), "{}: run `cargo build --examples` first", example.display());
    let runner = std::env::var("EXAMPLE_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(program) = words.next() else { return Command::new(example) };
    let mut command = Command::new(program);
    command.args(words).arg(example);
    command
}
