//! Mistakes of the user, and what is said about them.

use crate::program::run;

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
