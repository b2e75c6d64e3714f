//! What the package promises of itself: no `unsafe`, no build script, and no dependency that was not meant.

use std::fs;
use std::path::{Path, PathBuf};

const DEPENDENCIES: [&str; 4] = ["arbitrary", "nom", "proptest", "thiserror"];

#[test]
fn the_library_forbids_unsafe_code() {
    let library = read("src/lib.rs");
    assert!(library.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    assert!(section("workspace.lints.rust").iter().any(|line| line == "unsafe_code = \"forbid\""));
    // `forbid` is the compiler's matter, but for code that only some target or feature compiles.
    for file in sources(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let is_unsafe = |line: &str| {
            line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "unsafe")
        };
        assert!(!text.lines().any(is_unsafe), "{}", file.display());
    }
}

#[test]
fn nothing_runs_when_the_library_is_built() {
    assert!(!root().join("build.rs").exists());
    for key in ["build", "links", "proc-macro"] {
        let is_key = |line: &String| line.split(['=', ' ']).next() == Some(key);
        assert!(!section("package").iter().chain(&section("lib")).any(is_key), "{key}");
    }
    assert!(section("build-dependencies").is_empty());
}

#[test]
fn the_library_depends_on_what_it_is_meant_to() {
    let mut names = section("dependencies");
    names.iter_mut().for_each(|line| line.truncate(line.find(' ').unwrap()));
    names.sort();
    assert_eq!(names, DEPENDENCIES);
    let manifest = manifest();
    let mut headers = manifest.lines().filter(|line| line.starts_with('['));
    let is_more = |header: &str| header.contains("dependencies.") || header.starts_with("[target.");
    assert_eq!(headers.find(|header| is_more(header)), None, "dependencies stand in one section");
}

#[test]
fn what_security_md_names_exists() {
    let text = read("SECURITY.md");
    let (mut tests, mut scripts) = (0, 0);
    for span in text.split('`').skip(1).step_by(2) {
        if let Some((_, modules)) = span.split_once("cargo test --test it ") {
            for module in modules.split(' ').filter(|word| !word.starts_with("--")) {
                let path = root().join("tests/it").join(module.replace("::", "/")).with_extension("rs");
                assert!(path.exists(), "{span}");
                tests += 1;
            }
        }
        // They are in the repository and not in the package.
        if [".ci/", "benches/", "tests/"].iter().any(|folder| span.starts_with(folder))
            && root().join(".ci").exists()
        {
            assert!(root().join(span).exists(), "{span}");
            scripts += 1;
        }
    }
    assert!(tests >= 15 && (scripts >= 3 || !root().join(".ci").exists()), "{tests} {scripts}");
}

/// The lines of a section of the manifest, without comments and empty ones.
fn section(name: &str) -> Vec<String> {
    let manifest = manifest();
    let header = format!("[{name}]");
    let lines = manifest.lines().skip_while(|line| *line != header).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The manifest as it was written: a package has another one, which cargo makes of it.
fn manifest() -> String {
    let original = root().join("Cargo.toml.orig");
    fs::read_to_string(original).unwrap_or_else(|_| read("Cargo.toml"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust sources of a folder and of those within it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
