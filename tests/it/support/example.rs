//! Running an example.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::SystemTime;
use std::{env, fs};

/// The examples that are up to date.
static FRESH: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// An example, built if it is missing or older than its sources: `cargo test --test NAME` builds none.
///
/// The words in `EXAMPLE_RUNNER` come before it: valgrind, or an emulator of another machine. In that case the example
/// must exist already.
pub(crate) fn example(name: &str) -> Command {
    // target/debug/deps/adapters-0123456789abcdef is a test.
    let this = env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).unwrap();
    let example = profile.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    let runner = env::var("EXAMPLE_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(program) = words.next() else {
        let mut fresh = FRESH.lock().unwrap_or_else(PoisonError::into_inner);
        if !fresh.contains(name) {
            if !is_fresh(&example) {
                build(name, profile);
            }
            fresh.insert(name.to_owned());
        }
        return Command::new(example);
    };
    assert!(example.exists(), "{}: run `cargo build --examples` first", example.display());
    let mut command = Command::new(program);
    command.args(words).arg(example);
    command
}

/// Whether it exists, and is not older than any of its sources.
pub(crate) fn is_fresh(example: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|found| found.modified());
    let is_older = |built: SystemTime, source: &str| {
        modified(Path::new(&source.replace('\u{0}', " "))).is_ok_and(|changed| changed <= built)
    };
    // Cargo's list: the example, a colon, and its sources. Spaces in a path are escaped by a backslash.
    let sources = fs::read_to_string(example.with_extension("d")).unwrap_or_default();
    let sources = sources.replace("\\ ", "\u{0}");
    let sources = sources.split_once(": ").map(|(_, list)| list.split_whitespace());
    match (modified(example), sources) {
        (Ok(built), Some(mut sources)) => sources.all(|source| is_older(built, source)),
        _ => false,
    }
}

/// Builds an example with the profile, target and features of this test.
fn build(name: &str, profile: &Path) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--no-default-features", "--example", name, "--features"]);
    let features = [
        ("alloc", cfg!(feature = "alloc")),
        ("std", cfg!(feature = "std")),
        ("arbitrary", cfg!(feature = "arbitrary")),
        ("proptest", cfg!(feature = "proptest")),
    ];
    let on: Vec<_> = features.iter().filter(|feature| feature.1).map(|feature| feature.0).collect();
    cargo.arg(on.join(",")).arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let of = |folder: &Path| folder.file_name().and_then(OsStr::to_str).unwrap().to_owned();
    let mut target = profile.parent().unwrap();
    if of(target).matches('-').count() >= 2 {
        // A folder for `--target`, such as x86_64-unknown-linux-gnu.
        cargo.arg("--target").arg(of(target));
        target = target.parent().unwrap();
    }
    match of(profile).as_str() {
        "debug" => {}
        other => drop(cargo.args(["--profile", other])),
    }
    let output = cargo.arg("--target-dir").arg(target).output().unwrap();
    assert!(output.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&output.stderr));
}
