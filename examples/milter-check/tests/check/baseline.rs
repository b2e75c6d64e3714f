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
        (&format!("{known}filter/other/does-not-apply\nfilter/framing/zero-length-alone-at-mail\n"), 0, ""),
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

#[test]
fn an_id_that_no_scenario_has_is_an_error() {
    let folder = Folder::new("unknown");
    let path =
        folder.file("known", "filter/mixed/fails\nfilter/mixed/fial\nnonsense\nmta/ending/failure-action\n");
    // It is told before anything is run: nobody is there.
    let done = mixed("inet:1@127.0.0.1", &["--baseline", &path]);
    assert_eq!((done.status, done.out.as_str()), (2, ""), "{done:?}");
    for line in [
        "no scenario has the id filter/mixed/fial; did you mean filter/mixed/fails",
        "no scenario has the id mta/ending/failure-action",
        "no scenario has the id nonsense\n",
    ] {
        assert!(done.err.contains(line), "{line}: {done:?}");
    }
    assert!(!done.err.contains("id filter/mixed/fails"), "{done:?}");
    let many: String = (0..25).map(|number| format!("filter/x/{number}\n")).collect();
    let done = mixed("inet:1@127.0.0.1", &["--baseline", &folder.file("many", &many)]);
    assert_eq!(done.status, 2, "{done:?}");
    assert_eq!(done.err.matches("no scenario has the id").count(), 10, "{done:?}");
    assert!(done.err.contains("and 15 other ids like this"), "{done:?}");
}
