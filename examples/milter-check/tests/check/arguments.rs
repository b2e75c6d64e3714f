//! Mistakes of the user, and what is said about them.

use crate::program::{Folder, run};

#[test]
fn a_wrong_address_is_told_with_the_forms_and_what_was_probably_meant() {
    let forms = "expected inet:PORT@HOST, inet6:PORT@HOST or unix:PATH (local:PATH is the same)";
    let port = "the port must be a number from 0 to 65535, as in inet:8891@localhost";
    for (spec, what, meant) in [
        ("somewhere", forms, ""),
        ("http://127.0.0.1:8891", forms, ""),
        ("127.0.0.1:8891:9", forms, ""),
        ("127.0.0.1:65536", forms, ""),
        ("bogus:/x", forms, "; did you mean unix:/x?"),
        ("/run/x.sock", forms, "; did you mean unix:/run/x.sock?"),
        ("127.0.0.1:8891", forms, "; did you mean inet:8891@127.0.0.1?"),
        ("localhost:8891", forms, "; did you mean inet:8891@localhost?"),
        ("bogus:1", forms, "; did you mean inet:1@bogus?"),
        ("[::1]:8891", forms, "; did you mean inet6:8891@::1?"),
        ("8891@127.0.0.1", forms, "; did you mean inet:8891@127.0.0.1?"),
        ("8891", forms, "; did you mean inet:8891?"),
        ("inet:", port, ""),
        ("inet:65536@localhost", port, ""),
        ("inet:127.0.0.1:8891", port, "; did you mean inet:8891@127.0.0.1?"),
        ("inet:127.0.0.1@8891", port, "; did you mean inet:8891@127.0.0.1?"),
        ("inet6:[::1]:8891", port, "; did you mean inet6:8891@::1?"),
        ("unix:", "unix: must be followed by a path", ""),
    ] {
        for arguments in [&["filter", spec][..], &["fuzz", "filter", spec], &["mta", "--listen", spec]] {
            let done = run(arguments);
            assert_eq!(done.status, 2, "{spec}: {done:?}");
            let wanted = format!("{what}{meant}\n");
            assert!(done.err.contains(&wanted), "{spec}: {wanted}: {done:?}");
        }
    }
}

#[test]
fn a_wrong_address_of_an_smtp_server_is_told() {
    for (address, meant) in [
        ("127.0.0.1", ""),
        ("127.0.0.1:smtp", ""),
        (":25", ""),
        ("::1:25", ""),
        ("unix:/run/x", ""),
        ("inet:25@localhost", "; did you mean localhost:25?"),
        ("inet6:25@::1", "; did you mean [::1]:25?"),
    ] {
        for option in ["--smtp", "--sink"] {
            let done = run(&["mta", "--listen", "inet:0", option, address]);
            assert_eq!(done.status, 2, "{address}: {done:?}");
            let wanted = format!("expected HOST:PORT, such as 127.0.0.1:25 or [::1]:25{meant}\n");
            assert!(done.err.contains(&wanted), "{address}: {wanted}: {done:?}");
        }
    }
}

#[test]
fn a_wrong_file_of_scenarios_is_told_with_its_place() {
    let folder = Folder::new("scenarios");
    let steps = "Title\nreach greeted\n";
    for (text, what) in [
        (
            format!("[filter/own/x] must cmd-5\n{steps}"),
            "filter/own/x: no rule has the id cmd-5; did you mean CMD-5",
        ),
        (
            format!("[filter/own/x] must CMD-5, Nonsense\n{steps}"),
            "filter/own/x: no rule has the id Nonsense\n",
        ),
        (
            "[mta/own/x] must FRM-8\nTitle\nsession\n".to_owned(),
            "it has no scenario whose id begins with filter/\n",
        ),
        (String::new(), "it has no scenario whose id begins with filter/\n"),
        (
            "[filter/own/x] must CMD-5\nTitle\nreach nowhere\n".to_owned(),
            "line 3: no stage is called \"nowhere\"; the stages are start, negotiated, connected, greeted, mail, rcpt, \
             data, header, eoh, body, ended\n",
        ),
    ] {
        let path = folder.file("scenarios", &text);
        let done = run(&["filter", "inet:1@127.0.0.1", "--scenarios", &path]);
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{text}: {done:?}");
        assert!(done.err.contains(&format!("{path}: {what}")), "{text}: {what}: {done:?}");
    }
    let path = folder.file("scenarios", &format!("[filter/own/x] must CMD-5\n{steps}"));
    let done = run(&["filter", "inet:1@127.0.0.1", "--scenarios", &path, "--scenarios", &path]);
    assert_eq!(done.status, 2, "{done:?}");
    assert!(done.err.contains("an earlier file has a scenario with the id filter/own/x, too"), "{done:?}");
}

#[test]
fn a_choice_of_no_scenario_is_told() {
    for (arguments, what) in [
        (
            &["--only", "zero-length-alone-at-mall"][..],
            "no scenario has an id that begins with zero-length-alone-at-mall; --list shows all",
        ),
        (
            &["--only", "filter/framing/zero-length-alone-at-mall"],
            "; did you mean filter/framing/zero-length-alone-at-mail",
        ),
        (
            &["--only", "zero-length-alone-at-mail"],
            "; did you mean filter/framing/zero-length-alone-at-mail? --list",
        ),
        (&["--only", "mta/"], "no scenario has an id that begins with mta/"),
    ] {
        let done = run(&[&["filter", "inet:1@127.0.0.1"], arguments].concat());
        assert_eq!(done.status, 2, "{arguments:?}: {done:?}");
        assert!(done.err.contains(what), "{arguments:?}: {what}: {done:?}");
    }
}
