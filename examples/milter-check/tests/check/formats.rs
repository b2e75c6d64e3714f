//! The forms of reports.

use quick_xml::events::Event;
use quick_xml::reader::Reader;
use serde_json::Value;

use crate::filter::{Filter, Kind};
use crate::program::{Folder, mixed, package, run};

const IDS: [(&str, &str); 6] = [
    ("filter/mixed/passes", "pass"),
    ("filter/mixed/fails", "fail"),
    ("filter/mixed/is-lenient", "non-strict"),
    ("filter/other/fails-should", "fail"),
    ("filter/other/records", "non-strict"),
    ("filter/other/does-not-apply", "skipped"),
];

/// The report in one format, on standard output.
fn report(format: &str) -> String {
    let filter = Filter::start(Kind::Good);
    let done = mixed(&filter.spec, &["--format", format, "--name", "the filter <of> \"the tests\""]);
    assert_eq!(done.status, 1, "{done:?}");
    done.out
}

#[test]
fn human_shows_what_failed_and_why() {
    let text = report("human");
    let failure = text.split("\nfilter/mixed/fails (must)\n").nth(1).unwrap();
    let failure = failure.split("\nfilter/other/fails-should (should)\n").next().unwrap();
    for part in [
        "      > MAIL \"<sender@example.org>\"\n      < CONTINUE\n    = >> 00000000\n      >> 00000000\n",
        "  expected at `< silence`: nothing\n  got: the filter closed the connection\n",
        "  FRM-3 SPEC_NOTES.md#frm-3\n    A sender MUST NOT send a length of 0.",
        "  DEV-1 docs/IMPLEMENTATIONS.md#dev-1\n    libmilter acts on a frame of length 0",
    ] {
        assert!(failure.contains(part), "{part:?} is not in:\n{failure}");
    }
    let first = text.lines().next().unwrap();
    assert!(first.ends_with("version 6; declines CONNECT, HELO, BODY, HEADERS, END_OF_HEADERS, UNKNOWN, DATA; may ADD_HEADERS; edits the default message with ADDHEADER"), "{first}");
    assert!(text.contains("non-strict must   filter/mixed/is-lenient: "), "{text}");
    assert!(!text.contains("filter/mixed/passes"), "what passes is not shown: {text}");
    assert!(text.contains("\n     1  the filter did not send REPLBODY\n"), "{text}");
    let words: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [["mixed", "1", "1", "1", "0"], ["other", "0", "1", "1", "1"], ["total", "1", "2", "2", "1"]] {
        assert!(words.iter().any(|words| words == &row), "{row:?}: {text}");
    }
    assert!(
        text.contains("1 scenario of level must and 1 scenario of level should failed (6 scenarios in"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn human_shows_one_of_those_that_fail_alike() {
    let filter = Filter::start(Kind::Good);
    let file = package("tests/alike.txt");
    let alike = |arguments: &[&str]| {
        let fixed = ["filter", &filter.spec, "--scenarios", file.to_str().unwrap(), "--quiet-time", "0.1"];
        let done = run(&[&fixed, arguments].concat());
        assert_eq!(done.status, 1, "{done:?}");
        done.out
    };
    let text = alike(&[]);
    let heading = "\n3 scenarios fail alike (2 must, 1 should)\n  expected: nothing\n  \
                   got: the filter closed the connection\n  rule: FRM-3\n\nfilter/alike/first (must)\n";
    assert!(text.contains(heading), "{text}");
    let others =
        "  and 2 more, which --all shows:\n    alike (1)\n      second\n    other (1)\n      third\n";
    assert!(text.contains(others), "{text}");
    let shows =
        |text: &str, id: &str| text.contains(&format!("\n{id} (")) && text.contains(&format!(" {id}: "));
    assert!(shows(&text, "filter/alike/first") && shows(&text, "filter/other/another"), "{text}");
    assert!(!text.contains("filter/alike/second") && !text.contains("filter/other/third"), "{text}");
    let all = alike(&["--all", "--verbose"]);
    for id in ["filter/alike/first", "filter/alike/second", "filter/other/third", "filter/other/another"] {
        assert!(shows(&all, id), "{id}: {all}");
    }
    assert!(!all.contains("more, which"), "{all}");
    assert_eq!(all.matches("A sender MUST NOT send a length of 0.").count(), 1, "a rule is told once: {all}");
    let too_wide = text.lines().find(|line| !line.starts_with("fail ") && line.chars().count() > 80);
    assert_eq!(too_wide.filter(|line| !line.starts_with("inet:")), None);

    let json: Value = serde_json::from_str(&alike(&["--format", "json"])).unwrap();
    let groups: Vec<_> = json["scenarios"].as_array().unwrap().iter().map(|it| &it["group"]).collect();
    assert_eq!(groups, [1, 1, 1, 2]);
    let ids = serde_json::json!(["filter/alike/first", "filter/alike/second", "filter/other/third"]);
    assert_eq!(json["groups"][0]["scenarios"], ids);
    assert_eq!((&json["groups"][0]["must"], &json["groups"][0]["should"]), (&2.into(), &1.into()));
    // A case for each, in the formats for programs.
    assert_eq!(alike(&["--format", "junit"]).matches("<failure").count(), 4);
    assert_eq!(alike(&["--format", "tap"]).matches("\nnot ok ").count(), 4);
}

#[test]
fn tap_has_a_plan_and_a_line_for_each() {
    let text = report("tap");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["TAP version 14", "1..6"]);
    let results: Vec<_> =
        lines.iter().filter(|line| line.starts_with("ok ") || line.starts_with("not ok ")).collect();
    for ((number, line), (id, result)) in (1..).zip(&results).zip(IDS) {
        let word = if result == "fail" { "not ok" } else { "ok" };
        assert!(line.starts_with(&format!("{word} {number} - {id}: ")), "{line}");
        assert_eq!(line.contains("# SKIP the filter did not send REPLBODY"), result == "skipped", "{line}");
        assert_eq!(line.contains("# TODO"), id == "filter/other/fails-should", "{line}");
    }
    assert_eq!(results.len(), IDS.len());
    let block = text.split("not ok 2 ").nth(1).unwrap().split("  ...\n").next().unwrap();
    assert!(
        block.contains("\n  ---\n  result: \"fail\"\n  level: \"must\"\n  rules: \"FRM-3, DEV-1\"\n"),
        "{block}"
    );
    assert!(
        block.contains("  expected: \"nothing\"\n  got: \"the filter closed the connection\"\n"),
        "{block}"
    );
}

#[test]
fn json_has_the_documented_fields() {
    let json: Value = serde_json::from_str(&report("json")).unwrap();
    assert_eq!(json["format"], 1);
    assert_eq!(json["role"], "filter");
    assert_eq!(json["name"], "the filter <of> \"the tests\"");
    assert_eq!(json["summary"], serde_json::json!({ "pass": 1, "non_strict": 2, "fail": 2, "skipped": 1 }));
    assert_eq!(json["chapters"][0]["must"]["fail"], 1);
    let scenarios = json["scenarios"].as_array().unwrap();
    let found = scenarios.iter().map(|it| (it["id"].as_str().unwrap(), it["result"].as_str().unwrap()));
    assert_eq!(found.collect::<Vec<_>>(), IDS);
    let fails = &scenarios[1];
    assert_eq!(
        (fails["step"].as_u64(), fails["got"].as_str()),
        (Some(2), Some("the filter closed the connection"))
    );
    let lines = fails["transcript"].as_array().unwrap();
    let optneg = lines.iter().find(|line| line["kind"] == "to-filter").unwrap();
    assert_eq!(optneg["text"], "> OPTNEG 6 0x1ff 0x1fffff");
    assert_eq!(optneg["bytes"], "0000000d 4f 00000006 000001ff 001fffff");
    let readme = std::fs::read_to_string(package("README.md")).unwrap();
    let mut keys = Vec::new();
    names(&json, &mut keys);
    assert!(keys.len() > 20, "{keys:?}");
    for key in keys {
        assert!(readme.contains(&format!("`{key}`")), "the README does not describe {key}");
    }
}

/// The names of all members.
fn names(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            if !all.contains(name) {
                all.push(name.clone());
            }
            names(value, all);
        }),
        Value::Array(items) => items.iter().for_each(|item| names(item, all)),
        _ => {}
    }
}

#[test]
fn junit_is_xml_with_a_case_for_each() {
    let text = report("junit");
    let mut reader = Reader::from_str(&text);
    let (mut cases, mut failures, mut skipped, mut depth) = (Vec::new(), Vec::new(), 0, 0);
    loop {
        let event = reader.read_event().unwrap();
        let element = match &event {
            Event::Eof => break,
            Event::Start(element) => {
                depth += 1;
                element
            }
            Event::Empty(element) => element,
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            _ => continue,
        };
        let attribute = |name: &str| {
            let value = element.try_get_attribute(name).unwrap().unwrap();
            value.unescape_value().unwrap().into_owned()
        };
        match element.name().as_ref() {
            b"testcase" => cases.push(attribute("name")),
            b"failure" => failures.push((attribute("type"), attribute("message"))),
            b"skipped" => skipped += 1,
            b"testsuites" => {
                assert_eq!((attribute("tests"), attribute("failures")), ("6".into(), "2".into()))
            }
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    assert_eq!(cases, IDS.map(|(id, _)| id));
    let message = "expected nothing; got the filter closed the connection".to_owned();
    assert_eq!(failures, [("must".to_owned(), message.clone()), ("should".to_owned(), message)]);
    assert_eq!(skipped, 1);
}

#[test]
fn html_is_one_page_without_anything_from_elsewhere() {
    let text = report("html");
    assert!(text.starts_with("<!DOCTYPE html>"));
    for (id, result) in IDS {
        assert!(text.contains(&format!("id=\"{id}\" data-result=\"{result}\"")), "{id}");
    }
    assert!(text.contains("which &lt;b&gt;is wrong&lt;/b&gt; &amp; fails"), "titles are escaped");
    assert!(text.contains("<h1>the filter &lt;of&gt; &quot;the tests&quot;</h1>"), "names are escaped");
    let rule = "A sender MUST NOT send a length of 0.";
    assert_eq!(text.matches(rule).count(), 1, "the text of a rule is shown, and once");
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in the page"));
    assert!(place("id=\"failures\"") < place("class=\"matrix\""), "failures come first");
    assert_eq!(text.matches("<article class=\"group\">").count(), 2);
    assert!(text.contains("Does not apply: the filter did not send REPLBODY"));
    // Links to the rules may lead elsewhere.
    let text = text.replace("<a href=\"https://", "");
    for outside in
        ["<link rel=\"stylesheet\"", "<script src", "<img", "@import", "url(", "http://", "https://"]
    {
        assert!(!text.contains(outside), "{outside}");
    }
}

#[test]
fn reports_go_to_files() {
    let (filter, folder) = (Filter::start(Kind::Good), Folder::new("files"));
    let (tap, json) = (folder.path("report.tap"), format!("json={}", folder.path("report.json")));
    let human = format!("human={}", folder.path("report.txt"));
    let arguments = ["--format", "tap", "--output", &tap, "--format", &json, "--format", &human];
    let done = mixed(&filter.spec, &arguments);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.out.contains("6 scenarios in"), "humans are told anyway: {done:?}");
    assert!(folder.read("report.tap").starts_with("TAP version 14\n"));
    assert!(folder.read("report.txt").contains("filter/mixed/fails (must)"));
    serde_json::from_str::<Value>(&folder.read("report.json")).unwrap();
}

#[test]
fn transcripts_are_kept() {
    let (filter, folder) = (Filter::start(Kind::Good), Folder::new("transcripts"));
    let done = mixed(&filter.spec, &["--keep-transcripts", &folder.path("kept")]);
    assert_eq!(done.status, 1, "{done:?}");
    let text = folder.read("kept/filter.mixed.fails.txt");
    assert!(text.starts_with("[filter/mixed/fails] must FRM-3, DEV-1\n"), "{text}");
    assert!(text.contains("\n# expected: nothing\n# got: the filter closed the connection\n"), "{text}");
    assert!(text.contains("\n  > OPTNEG 6 0x1ff 0x1fffff\n"), "{text}");
    for (id, _) in IDS {
        folder.read(&format!("kept/{}.txt", id.replace('/', ".")));
    }
}
