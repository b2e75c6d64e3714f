//! What the first session shows is at the top of every report.

use serde_json::Value;

use crate::filter::{Filter, Kind};
use crate::program::{Folder, mixed};

/// Whether the sentence is in every report, and before all scenarios.
fn is_told(kind: Kind, sentence: &str) {
    let (filter, folder) = (Filter::start(kind), Folder::new(&format!("first-{kind:?}").replace('"', "")));
    let formats = ["human", "tap", "json", "junit", "html"];
    let files = formats.map(|format| format!("{format}={}", folder.path(format)));
    let mut arguments: Vec<&str> = files.iter().flat_map(|file| ["--format", file]).collect();
    arguments.extend(["--timeout", "0.4"]);
    let done = mixed(&filter.spec, &arguments);
    assert!(done.status < 2, "{done:?}");
    let lines: Vec<_> = done.out.lines().collect();
    assert!(lines[0].starts_with(&format!("{}: version 6", filter.spec)), "{done:?}");
    assert_eq!(lines[1], sentence, "{done:?}");
    assert_eq!(lines[lines.len() - 2], sentence, "it is repeated at the end: {done:?}");
    assert_eq!(done.err, "");

    for format in formats {
        let text = folder.read(format).replace("&quot;", "\"");
        if format == "json" {
            let json: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["warning"], sentence);
            continue;
        }
        let place = text.find(sentence).unwrap_or_else(|| panic!("{format}: {text}"));
        let first = text.find("filter/mixed/").unwrap_or(text.len());
        assert!(place < first, "{format}: it is at the top");
    }
    let text = folder.read("human");
    assert!(
        text.starts_with(&done.out[..done.out.find(sentence).unwrap()]),
        "the file has the facts, too: {text}"
    );

    let done = mixed(&filter.spec, &[&arguments[arguments.len() - 2..], &["--format", "tap"]].concat());
    assert_eq!(done.err, format!("milter-check: {sentence}\n"), "where the report is for programs");
}

const CAUSE: &str = "; most scenarios send such a message: what fails or is skipped may have this cause";

#[test]
fn a_filter_that_closes_the_connection_is_told() {
    is_told(
        Kind::ClosesAtEnd,
        &format!("the first session: the filter closed the connection at BODYEOB{CAUSE}"),
    );
}

#[test]
fn a_filter_that_is_silent_is_told() {
    is_told(Kind::SilentAtEnd, &format!("the first session: nothing came within 0.4 s after BODYEOB{CAUSE}"));
}

#[test]
fn a_filter_that_breaks_a_rule_is_told() {
    is_told(
        Kind::EditsAtMail,
        &format!(
            "the first session: expected at MAIL: the reply to MAIL; got: ADDHEADER \"A\" \"B\": \
             an edit may only come between BODYEOB and its verdict (ORD-9){CAUSE}"
        ),
    );
}

#[test]
fn a_filter_that_refuses_the_message_is_told() {
    is_told(
        Kind::Picky("<other@example.org>"),
        "the first session: the filter answers the default message with REJECT; many scenarios need a message that \
         passes: describe one with --profile",
    );
}

#[test]
fn a_filter_without_a_fault_has_no_such_line() {
    let filter = Filter::start(Kind::Good);
    for format in ["human", "tap", "junit", "html"] {
        let done = mixed(&filter.spec, &["--format", format]);
        assert!(!done.out.contains("the first session:"), "{format}: {}", done.out);
        assert!(done.out.contains("version 6; declines"), "{format}: {}", done.out);
    }
    let json: Value = serde_json::from_str(&mixed(&filter.spec, &["--format", "json"]).out).unwrap();
    assert_eq!((&json["warning"], &json["stopped"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_server_of_another_protocol_is_no_filter() {
    let filter = Filter::start(Kind::Greets);
    let done = mixed(&filter.spec, &["--timeout", "2"]);
    assert_eq!((done.status, done.out.as_str()), (3, ""), "{done:?}");
    let first = done.err.lines().next().unwrap();
    assert!(first.contains("bytes that are no frame"), "{first}");
    assert!(first.ends_with(": is this a milter, and is the port right?"), "{first}");
    assert!(done.err.contains("<< 32323020 "), "it shows what came: {done:?}");
}
