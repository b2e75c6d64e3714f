//! Known failures.

use crate::filter::{Filter, Kind};
use crate::program::{Done, Folder, mixed};

fn with_baseline(lines: &str, arguments: &[&str]) -> Done {
    let (filter, folder) = (Filter::start(Kind::Good), Folder::new("baseline"));
    let path = folder.file("known", lines);
    mixed(&filter.spec, &[&["--baseline", &path], arguments].concat())
}

/// One test, as the folder is the same.
#[test]
fn only_what_differs_from_the_baseline_counts() {
    let known = "# known\nfilter/mixed/fails # since always\nfilter/other/fails-should\n";
    for (lines, status, what) in [
        (known, 0, ""),
        (&format!("{known}filter/other/does-not-apply\nfilter/there/is-no-such\n"), 0, ""),
        ("filter/mixed/fails\n", 1, "new failure: filter/other/fails-should"),
        ("", 1, "new failure: filter/mixed/fails"),
        (&format!("{known}filter/mixed/passes\n"), 1, "newly passes: filter/mixed/passes"),
        (&format!("{known}filter/mixed/is-lenient\n"), 1, "newly passes: filter/mixed/is-lenient"),
    ] {
        let done = with_baseline(lines, &[]);
        assert_eq!(done.status, status, "{lines}: {done:?}");
        assert!(done.out.contains(what), "{lines}: {done:?}");
    }
    let done = with_baseline(known, &["--format", "tap"]);
    assert!(done.out.contains("fails # TODO a known failure"), "{done:?}");
    let done = with_baseline(known, &["--format", "junit"]);
    assert!(
        done.out.contains("failures=\"0\"") && done.out.contains("a known failure: expected nothing"),
        "{done:?}"
    );
}

#[test]
fn a_baseline_is_written_and_fits() {
    let (filter, folder) = (Filter::start(Kind::Good), Folder::new("written"));
    let path = folder.path("known");
    let done = mixed(&filter.spec, &["--write-baseline", &path]);
    assert_eq!(done.status, 1, "{done:?}");
    let text = folder.read("known");
    let ids: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(ids, ["filter/mixed/fails", "filter/other/fails-should"]);
    assert_eq!(mixed(&filter.spec, &["--baseline", &path]).status, 0);
    // What is not run keeps its place.
    let done = mixed(&filter.spec, &["--baseline", &path, "--only", "mixed", "--write-baseline", &path]);
    assert_eq!(done.status, 0, "{done:?}");
    assert_eq!(folder.read("known"), text);
}
