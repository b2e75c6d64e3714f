//! Profiles.

use crate::filter::{Filter, Kind};
use crate::program::{Done, Folder, mixed, package, run};

fn with_profile(name: &str, kind: Kind, profile: &str) -> Done {
    let (filter, folder) = (Filter::start(kind), Folder::new(name));
    let path = folder.file("profile.toml", profile);
    mixed(&filter.spec, &["--profile", &path, "--only", "mixed/passes", "--format", "json"])
}

#[test]
fn the_message_of_the_profile_is_sent() {
    let profile = r#"
        [client]
        host = "mx.example"
        address = "192.0.2.77"
        [message]
        sender = "liked@example.org"
        recipients = ["<one@example.net>", "two@example.net"]
        headers = ["From: liked@example.org", "Subject: a: b"]
        body = """
one
two
"""
    "#;
    let done = with_profile("profile", Kind::Picky("<liked@example.org>"), profile);
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{done:?}");
    for line in [r#"> MAIL \"<liked@example.org>\""#, r#"> RCPT \"<two@example.net>\""#] {
        assert!(done.out.contains(line), "{line}: {}", done.out);
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (name, profile, what) in [
        ("key", "[message]\nsubject = \"x\"\n", "unknown field `subject`"),
        ("table", "[massage]\n", "unknown field `massage`"),
        ("named", "[messages.edit]\nadd-header = []\n", "unknown field `add-header`"),
        ("type", "[message]\nbody = 7\n", "invalid type"),
        ("syntax", "[message\n", "TOML parse error at line 1"),
        ("address", "[client]\naddress = \"somewhere\"\n", "invalid IPv4 address"),
        ("header", "[message]\nheaders = [\"Subject\"]\n", "\"Subject\" is no header"),
        ("nul", "[message]\nsender = \"a\\u0000b\"\n", "contains NUL"),
        ("nul-in-helo", "[client]\nhelo = \"a\\u0000b\"\n", "contains NUL"),
        ("nul-in-header", "[messages.edit]\nadd-headers = [\"A: a\\u0000b\"]\n", "contains NUL"),
        ("recipients", "[message]\nrecipients = []\n", "the message needs at least one recipient"),
        (
            "name",
            "[messages.rejct]\n",
            "no scenario sends a message that is called rejct; did you mean reject?",
        ),
    ] {
        let done = with_profile(name, Kind::Good, profile);
        assert_eq!(done.status, 2, "{name}: {done:?}");
        assert!(done.err.contains(what) && done.err.contains("profile.toml"), "{name}: {done:?}");
    }
}

#[test]
fn mistakes_in_the_profile_of_an_mta_are_told() {
    let folder = Folder::new("mta-profile");
    for (profile, what) in [
        ("recipient = \"a@b\"\n", "unknown field `recipient`"),
        ("recipients = [\"a@b\"]\n", "expected an array of length 2"),
        ("failure = \"maybe\"\n", "unknown variant `maybe`"),
        ("sender = \"a\\\"b\"\n", "must be printable ASCII"),
        ("helo = \"\"\n", "must be printable ASCII"),
        ("refused = \"ä@example.org\"\n", "must be printable ASCII"),
        ("recipients = [\"a@b\", \"a\\\\b\"]\n", "must be printable ASCII"),
        ("[timeouts]\ncommand = 0\ncontent = 1\n", "a timeout must be at least one second"),
        ("[timeouts]\ncommand = 1\n", "missing field `content`"),
    ] {
        let path = folder.file("profile.toml", profile);
        let spec = format!("unix:{}", folder.path("socket"));
        let done = run(&["mta", "--listen", &spec, "--smtp", "127.0.0.1:1", "--profile", &path]);
        assert_eq!(done.status, 2, "{profile}: {done:?}");
        assert!(done.err.contains(what), "{profile}: {done:?}");
    }
}

/// The keys of the README are those that the program knows: it reads the examples.
#[test]
fn the_profiles_of_the_readme_are_read() {
    let readme = std::fs::read_to_string(package("README.md")).unwrap();
    let examples: Vec<_> =
        readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 2, "one for each role");
    let done = with_profile("readme", Kind::Good, examples[0]);
    assert_eq!(done.status, 0, "{done:?}");
    let folder = Folder::new("readme-mta");
    let path = folder.file("profile.toml", examples[1]);
    let spec = format!("unix:{}", folder.path("socket"));
    // The profile is read, and then nobody is there.
    let done = run(&["mta", "--listen", &spec, "--smtp", "127.0.0.1:1", "--profile", &path]);
    assert_eq!(done.status, 3, "{done:?}");
}

#[test]
fn a_scenario_may_send_a_message_of_its_own() {
    let (filter, folder) = (Filter::start(Kind::Good), Folder::new("own-message"));
    let text = "[filter/own/x] must CMD-5\nTitle\nmessage my-own\n";
    let scenarios = folder.file("scenarios", text);
    let profile = folder.file("profile.toml", "[messages.my-own]\nsender = \"mine@example.org\"\n");
    let fixed = ["filter", &filter.spec, "--scenarios", &scenarios, "--profile", &profile];
    let done = run(&[&fixed[..], &["--format", "json", "--quiet-time", "0.1"]].concat());
    assert_eq!(done.status, 0, "{done:?}");
    assert!(done.out.contains("<mine@example.org>"), "{done:?}");
}
