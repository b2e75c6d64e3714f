//! The MTA examples with several filters: what they deliver, whom they ask, and what they do if a filter fails.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;

use milter_proto::message::{EditRules, Edits, Message, with_crlf};
use milter_proto::mta::EditStatus;
use milter_proto::wire::{Edit, LeadingSpace, Text};

use crate::support::example::example;
use crate::support::running::{FILTERS, Filter, LOOPBACK};

const MTAS: [&str; 2] = ["mta_blocking", "mta_tokio"];
const WITH_CONVERSE: [&str; 3] = ["mta_blocking", "mta_tokio", "converse"];
/// Odd on purpose: LF as line ends, 8 bits, a name in two spellings, a fold, and no line end at the end.
const MESSAGE: &[u8] = b"Received: from there\n by here\nX-Two: one\nSubject : gr\xfc\xdfe\nx-two: two\nX-Bare:no space\n\nHello\n\nThe end.";

fn run(mta: &str, options: &[&str]) -> Output {
    example(mta).args(options).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("chains");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// The options of a filter, what it asks for by them, and whether values bring their space.
fn editing_filters() -> [(Vec<String>, Vec<Edit<'static>>, LeadingSpace); 3] {
    let body = scratch("body");
    fs::write(&body, "A new body\n").unwrap();
    let words = |options: &[&str]| options.iter().map(|&option| option.to_owned()).collect();
    [
        (
            words(&[
                "--add-header",
                "X-Two=three",
                "--insert-header",
                "0:X-Top=first",
                "--add-rcpt",
                "<c@x>",
            ]),
            vec![
                Edit::add_header("X-Two", "three").unwrap(),
                Edit::insert_header(0, "X-Top", "first").unwrap(),
                Edit::add_recipient("<c@x>").unwrap(),
            ],
            LeadingSpace::Stripped,
        ),
        (
            words(&[
                "--leading-space",
                "--delete-header",
                "1:X-Two",
                "--change-header",
                "1:x-top=2",
                "--change-header",
                "1:X-two=new",
                "--delete-rcpt",
                "<b@x>",
                "--delete-rcpt",
                "<d@x>",
            ]),
            vec![
                Edit::delete_header(1, "X-Two").unwrap(),
                Edit::change_header(1, "x-top", " 2").unwrap(),
                Edit::change_header(1, "X-two", " new").unwrap(),
                Edit::delete_recipient("<b@x>").unwrap(),
                Edit::delete_recipient("<d@x>").unwrap(),
            ],
            LeadingSpace::Preserved,
        ),
        (
            words(&[
                "--change-header",
                "2:X-Two=last",
                "--replace-body",
                body.to_str().unwrap(),
                "--change-sender",
                "<s@x>",
                "--insert-header",
                "4:X-Fourth=4",
            ]),
            vec![
                Edit::change_header(2, "X-Two", "last").unwrap(),
                Edit::ReplaceBody { chunk: b"A new body\r\n" },
                Edit::change_from("<s@x>").unwrap(),
                Edit::insert_header(4, "X-Fourth", "4").unwrap(),
            ],
            LeadingSpace::Stripped,
        ),
    ]
}

#[test]
fn what_is_delivered_is_what_the_edits_of_all_filters_make_of_the_message() {
    let message = scratch("message.eml");
    fs::write(&message, MESSAGE).unwrap();
    let message = message.to_str().unwrap();
    let editing = editing_filters();
    let starts = FILTERS.iter().zip(&editing);
    let filters: Vec<_> = starts
        .map(|(name, (options, ..))| {
            let options: Vec<_> = options.iter().map(String::as_str).collect();
            Filter::start(name, LOOPBACK, &options)
        })
        .collect();

    for (name, rules) in [("postfix", EditRules::POSTFIX), ("sendmail", EditRules::SENDMAIL)] {
        let bytes = with_crlf(MESSAGE);
        let mut expected = Message::parse(bytes);
        expected.set_sender(Text::new(b"<a@x>").unwrap());
        expected.add_recipient(Text::new(b"<b@x>").unwrap());
        let original = expected.to_bytes();
        for (_, wanted, space) in &editing {
            let mut edits = Edits::new();
            wanted.iter().for_each(|edit| edits.push(*edit, EditStatus::Negotiated).unwrap());
            edits.apply(&mut expected, rules, *space).unwrap();
        }
        let delivered = expected.to_bytes();
        assert!(delivered != original && delivered.starts_with(b"x-top: 2") == (name == "postfix"), "{name}");

        for mta in WITH_CONVERSE {
            let output = scratch(&format!("{mta}-{name}.eml"));
            let _ = fs::remove_file(&output);
            let mut options = vec!["--from", "<a@x>", "--to", "<b@x>", "--message", message, "--rules", name];
            options.extend(filters.iter().flat_map(|filter| ["--filter", &*filter.spec]));
            options.extend(["--output", output.to_str().unwrap()]);
            let ended = run(mta, &options);
            assert_eq!((text(&ended.stderr), ended.status.code()), (String::new(), Some(0)), "{mta} {name}");
            assert_eq!(
                fs::read(&output).unwrap().escape_ascii().to_string(),
                delivered.escape_ascii().to_string(),
                "{mta} {name}"
            );
            // The envelope is on standard output, and the message is not.
            let said = text(&ended.stdout);
            let envelope = "\n# from <s@x>\n# to <c@x>\n";
            assert!(said.contains(envelope) && !said.contains("\nA new body"), "{mta} {name}: {said}");
            let ignored = "# ignored (filter 2): delete-rcpt (NoSuchRecipient)\n";
            assert!(said.contains(ignored), "{mta} {name}: {said}");
        }
        if name == "postfix" {
            let specs = filters.iter().map(|filter| filter.address());
            let ended = example("minimal_mta").arg(message).args(specs).output().unwrap();
            assert!(ended.stdout.ends_with(&delivered), "{}", ended.stdout.escape_ascii());
        }
    }
    filters.into_iter().for_each(|filter| assert!(filter.stop().success()));
}

#[test]
fn the_message_for_people_and_in_json_is_the_one_in_the_file() {
    let filter =
        Filter::start("filter_blocking", LOOPBACK, &["--add-header", "X-Seen=yes", "--quarantine", "why"]);
    for mta in MTAS {
        let output = scratch(&format!("{mta}-shown.eml"));
        let both = ["--filter", &*filter.spec, "--filter", &filter.spec];
        let shown = text(&run(mta, &both).stdout);
        let with_file = [&both[..], &["--json", "--output", output.to_str().unwrap()]].concat();
        let json: serde_json::Value = serde_json::from_slice(&run(mta, &with_file).stdout).unwrap();
        let written = text(&fs::read(&output).unwrap());
        let (head, message) = shown.split_once("\n\n").unwrap();
        assert!(head.ends_with("# to <bob@rcpt.example>\n# to be held: why"), "{mta}: {head}");
        assert_eq!(message.trim_end(), written.replace("\r\n", "\n").trim_end(), "{mta}");
        let headers: String = json["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|header| format!("{}:{}\r\n", header[0].as_str().unwrap(), header[1].as_str().unwrap()))
            .collect();
        let body = json["body"].as_str().unwrap();
        assert_eq!(format!("{}\r\n{body}", headers.replace("\n ", "\r\n ")), written, "{mta}");
        let by: Vec<_> =
            json["edits"].as_array().unwrap().iter().map(|edit| edit["filter"].as_u64()).collect();
        assert_eq!(by, [Some(1), Some(1), Some(2), Some(2)], "{mta}");
    }
    assert!(filter.stop().success());
}

#[test]
fn the_rules_of_an_mta_can_be_chosen() {
    let filter = Filter::start("filter_blocking", LOOPBACK, &["--add-header", "To=eve@rcpt.example"]);
    for mta in WITH_CONVERSE {
        for (rules, place) in [
            ("postfix", "Message-ID: <1@sender.example>\nTo: eve@"),
            ("sendmail", "To: eve@rcpt.example\nTo: bob@"),
        ] {
            let shown = text(&run(mta, &["--filter", &filter.spec, "--rules", rules]).stdout);
            assert!(shown.contains(place), "{mta} {rules}: {shown}");
        }
    }
    assert!(filter.stop().success());
}

#[test]
fn the_received_header_of_the_mta_counts_where_headers_are_inserted_and_no_filter_sees_it() {
    let options = ["--insert-header", "1:X-Second=yes", "--at", "header/Received: *=reject"];
    let filter = Filter::start("filter_blocking", LOOPBACK, &options);
    for mta in WITH_CONVERSE {
        for (received, top) in [
            (&[][..], "From: Alice Example <alice@sender.example>\r\nX-Second: yes\r\n"),
            (
                &["--received", "by a.example;\n\tnow"],
                "Received: by a.example;\r\n\tnow\r\nX-Second: yes\r\nFrom: ",
            ),
        ] {
            let output = scratch(&format!("{mta}-received.eml"));
            let _ = fs::remove_file(&output);
            let written = ["--filter", &filter.spec, "--output", output.to_str().unwrap()];
            let ended = run(mta, &[&written[..], received].concat());
            assert!(ended.status.success(), "{mta}: {}", text(&ended.stderr));
            let message = text(&fs::read(&output).unwrap());
            assert!(message.starts_with(top), "{mta}: {message}");
        }
    }
    assert!(filter.stop().success());
}

#[test]
fn the_first_filter_that_refuses_decides_and_is_named() {
    let marks = ["--add-header", "X-Seen=yes", "--log"];
    let refuses = ["--at", "header/Subject:*=550 5.7.1 no", "--log"];
    for mta in MTAS {
        let filters = [
            Filter::start("filter_blocking", LOOPBACK, &marks),
            Filter::start("filter_tokio", LOOPBACK, &refuses),
            Filter::start("filter_smol", LOOPBACK, &marks),
        ];
        let output = scratch(&format!("{mta}-refused.eml"));
        let _ = fs::remove_file(&output);
        let specs: Vec<_> = filters.iter().flat_map(|filter| ["--filter", &*filter.spec]).collect();
        let ended = run(mta, &[&specs[..], &["--output", output.to_str().unwrap()]].concat());
        let said = text(&ended.stdout);
        assert_eq!(said, "# refused at HEADER (filter 2): 550 5.7.1 no\n", "{mta}");
        assert!(ended.status.success() && !output.exists(), "{mta}");
        let json: serde_json::Value =
            serde_json::from_slice(&run(mta, &[&specs[..], &["--json"]].concat()).stdout).unwrap();
        assert_eq!((&json["by"], &json["at"]), (&2.into(), &"header".into()), "{mta}: {json}");
        let heard = filters.map(|filter| {
            let heard = filter.signal_and_hear();
            ["BODYEOB", "HEADER \"Subject\"", "ABORT"].map(|frame| heard.contains(&format!("> {frame}")))
        });
        assert_eq!(heard, [[true, true, false], [false, true, false], [false, false, true]], "{mta}");
    }
}

#[test]
fn a_filter_that_fails_is_handled_as_the_options_say() {
    let marks = Filter::start("filter_blocking", LOOPBACK, &["--add-header", "X-Seen=yes"]);
    // Nobody listens there.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let spec = format!("inet:{}@127.0.0.1", gone.local_addr().unwrap().port());
    drop(gone);
    let filters = ["--filter", &*marks.spec, "--filter", &spec, "--filter", &marks.spec];
    for mta in MTAS {
        for (action, outcome, reply, held) in [
            ("accept", "accepted", "null", "null"),
            ("quarantine", "accepted", "null", "\"a filter failed\""),
            ("reject", "refused", "\"550 5.7.1 Command rejected\"", "null"),
            ("tempfail", "refused", "\"451 4.7.1 Service unavailable - try again later\"", "null"),
            ("shutdown", "refused", "\"421 4.7.0 Server closing connection\"", "null"),
        ] {
            let ended = run(mta, &[&filters[..], &["--json", "--on-failure", action]].concat());
            let json: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
            assert_eq!(json["outcome"], outcome, "{mta} {action}: {json}");
            assert_eq!(json["reply"].to_string(), reply, "{mta} {action}");
            assert_eq!(json["quarantine"].to_string(), held, "{mta} {action}");
            let edits = if outcome == "accepted" { 2 } else { 0 };
            assert_eq!(
                json["edits"].as_array().unwrap().len(),
                edits,
                "{mta} {action}: the others are asked"
            );
            let said = text(&ended.stderr);
            assert!(said.starts_with(&format!("{mta}: filter 2 failed: cannot reach inet:")), "{said}");
            assert_eq!((said.lines().count(), ended.status.code()), (1, Some(0)), "{mta} {action}: {said}");
        }
        // Without the option, nothing goes on.
        let ended = run(mta, &filters);
        let said = text(&ended.stderr);
        assert!(said.starts_with(&format!("{mta}: cannot reach inet:")), "{said}");
        assert_eq!((ended.status.code(), &*ended.stdout), (Some(1), &b""[..]), "{mta}");
    }
    let shown = text(&run("converse", &["--filter", &spec, "--on-failure", "reject"]).stdout);
    assert!(shown.contains("# refused, because a filter failed: 550 5.7.1 Command rejected"), "{shown}");
    assert!(marks.stop().success());
}

#[test]
fn a_file_takes_one_message() {
    for mta in MTAS {
        for more in [["--messages", "2"], ["--connections", "2"]] {
            let ended = run(mta, &[&["--filter", "inet:1", "--output", "out.eml"][..], &more].concat());
            let said = text(&ended.stderr);
            assert!(
                said.contains("cannot be used with") && said.contains("--output"),
                "{mta} {more:?}: {said}"
            );
            assert_eq!(ended.status.code(), Some(2));
        }
    }
}

#[test]
fn several_filters_may_have_several_messages_on_one_connection() {
    let filters = [
        Filter::start("filter_blocking", LOOPBACK, &["--add-header", "X-A=1", "--log"]),
        Filter::start("filter_tokio", LOOPBACK, &["--add-header", "X-B=2", "--log"]),
    ];
    let specs: Vec<_> = filters.iter().flat_map(|filter| ["--filter", &*filter.spec]).collect();
    for (number, mta) in MTAS.iter().enumerate() {
        let ended = run(mta, &[&specs[..], &["--json", "--messages", "3", "--quit-nc"]].concat());
        let said = text(&ended.stdout);
        assert_eq!(said.matches("[\"X-A\",\" 1\"],[\"X-B\",\" 2\"]]").count(), 3, "{mta}: {said}");
        for filter in &filters {
            filter.wait_to_hear_last("> QUIT");
            let heard = filter.heard();
            let count = |frame: &str| heard.matches(&format!("[{}] > {frame}", number + 1)).count();
            assert_eq!([count("OPTNEG"), count("QUIT_NC"), count("MAIL")], [1, 2, 3], "{mta}: {heard}");
        }
    }
    filters.into_iter().for_each(|filter| assert!(filter.stop().success()));
}
