//! Files that the program writes.

use core::sync::atomic::Ordering;
use std::path::Path;

use crate::filter::{Filter, Kind};
use crate::program::{Done, Folder, run};

/// What listens here is no filter, so that a run ends at once with 3, and writes nothing.
fn written(filter: &Filter, option: &str, path: &str) -> Done {
    let path = if option == "--format" { format!("json={path}") } else { path.to_owned() };
    run(&["filter", &filter.spec, option, &path])
}

#[test]
fn what_cannot_be_written_is_told_before_the_first_connection() {
    let folder = Folder::new("unwritable");
    let filter = Filter::start(Kind::Greets);
    let (missing, inside) = (folder.path("missing/file"), folder.file("file", "kept"));
    let inside = format!("{inside}/in-a-file");
    for option in ["--format", "--write-baseline", "--keep-transcripts"] {
        for path in [missing.as_str(), &inside, folder.path("").as_str(), &folder.path(&"x".repeat(300))] {
            // A folder that is missing is made, and one that is there is good.
            let is_fine = option == "--keep-transcripts" && (path == missing || path == folder.path(""));
            let done = written(&filter, option, path);
            assert_eq!(done.status, if is_fine { 3 } else { 2 }, "{option} {path}: {done:?}");
            assert!(is_fine || done.err.contains(path), "{option} {path}: {done:?}");
            let connections = filter.connections.swap(0, Ordering::SeqCst);
            assert_eq!(connections, usize::from(is_fine), "{option} {path}: {done:?}");
            let _ = std::fs::remove_dir_all(folder.path("missing"));
        }
    }
    let done = written(&filter, "--keep-transcripts", &folder.path("file"));
    assert_eq!(done.status, 2, "{done:?}");
    let done = run(&["fuzz", "filter", &filter.spec, "--output", &missing]);
    assert_eq!((done.status, done.out.as_str()), (2, ""), "{done:?}");
    let done =
        run(&["mta", "--listen", "inet:0", "--smtp", "127.0.0.1:1", "--format", &format!("tap={missing}")]);
    assert_eq!(done.status, 2, "{done:?}");
    assert!(!done.err.contains("listens for"), "{done:?}");
    assert_eq!(folder.read("file"), "kept");
}

#[test]
fn what_is_there_stays_until_there_is_something_to_write() {
    let folder = Folder::new("kept");
    let filter = Filter::start(Kind::Greets);
    let (old, new) = (folder.file("old", "old"), folder.path("new"));
    let link = folder.path("link");
    std::os::unix::fs::symlink(folder.path("target"), &link).unwrap();
    for option in ["--format", "--write-baseline"] {
        for path in [old.as_str(), &new, &link, "/dev/null"] {
            let done = written(&filter, option, path);
            assert_eq!(done.status, 3, "{option} {path}: {done:?}");
        }
        assert_eq!(folder.read("old"), "old");
        assert!(!Path::new(&new).exists(), "{option}");
        assert!(std::fs::symlink_metadata(&link).is_ok() && !Path::new(&link).exists(), "{option}");
    }
    std::fs::create_dir(folder.path("folder")).unwrap();
    folder.file("folder/file", "old");
    assert_eq!(written(&filter, "--keep-transcripts", &folder.path("folder")).status, 3);
    assert_eq!(std::fs::read_dir(folder.path("folder")).unwrap().count(), 1);
    assert_eq!(folder.read("folder/file"), "old");
}

#[test]
fn a_file_that_would_be_written_twice_is_told() {
    let folder = Folder::new("twice-written");
    let filter = Filter::start(Kind::Greets);
    let (one, other) = (folder.path("one"), folder.file("other", ""));
    let (tap, json) = (format!("tap={one}"), format!("json={one}"));
    let again = format!("json={}", folder.path("../").replace("/../", "/./one"));
    for arguments in [
        &["--format", tap.as_str(), "--format", &json][..],
        &["--format", &tap, "--format", &again],
        &["--format", &tap, "--write-baseline", &one],
        &["--format", &format!("tap={other}"), "--profile", &other],
        &["--format", &format!("tap={other}"), "--baseline", &other],
        &["--write-baseline", &other, "--profile", &other],
    ] {
        let done = run(&[&["filter", &filter.spec], arguments].concat());
        assert_eq!(done.status, 2, "{arguments:?}: {done:?}");
        assert!(done.err.contains("this file is given for two different things"), "{arguments:?}: {done:?}");
    }
    let fine = [
        "--baseline",
        &other,
        "--write-baseline",
        &other,
        "--format",
        "tap=/dev/null",
        "--format",
        "json=/dev/null",
    ];
    assert_eq!(run(&[&["filter", &filter.spec], &fine[..]].concat()).status, 3);
}
