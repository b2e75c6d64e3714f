//! The macros that MTAs send by default, as data: against what Sendmail and Postfix sent.

use std::collections::BTreeSet;

use crate::support::recorded::capture::Side;
use crate::support::recorded::sessions;
use milter_proto::Limits;
use milter_proto::macros::{MacroDefaults, MacroRequests};
use milter_proto::wire::{Command, MacroLists, MacroStage, MacrosBuf, Response, Text, TextList, Tolerance};

/// The sessions of an MTA that was told to send other macros.
const CONFIGURED: [&str; 2] = ["macros-starttls", "nomacros-plain"];

/// Macros that had a value in none of the recorded sessions.
const NEVER_SEEN: [(&str, MacroStage, &str); 5] = [
    ("sendmail 8.17.1.9", MacroStage::CONNECT, "{if_addr}"),
    (
        "sendmail 8.17.1.9",
        MacroStage::HELO,
        "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    ),
    ("sendmail 8.17.1.9", MacroStage::MAIL, "{auth_type} {auth_authen} {auth_ssf} {auth_author}"),
    ("postfix", MacroStage::HELO, "{cert_subject} {cert_issuer}"),
    // Postfix knows the queue id from the first accepted recipient on.
    ("postfix", MacroStage::MAIL, "i {auth_author}"),
];

const STAGES: [MacroStage; 7] = [
    MacroStage::CONNECT,
    MacroStage::HELO,
    MacroStage::MAIL,
    MacroStage::RCPT,
    MacroStage::DATA,
    MacroStage::END_OF_HEADERS,
    MacroStage::END_OF_MESSAGE,
];

// MAC-13 to MAC-16.
#[test]
fn real_mtas_send_these_macros_in_this_order() {
    let rows = [("sendmail 8.17.1.9", MacroDefaults::SENDMAIL), ("postfix", MacroDefaults::POSTFIX)];
    let requests = MacroRequests::new(MacroLists::EMPTY);
    for (mta, defaults) in rows {
        let mut seen = BTreeSet::new();
        for session in sessions().filter(|session| session.header.mta.starts_with(mta)) {
            let path = session.path.display();
            let asks = session.frames(Side::Filter).0.iter().any(|frame| {
                let response =
                    Response::parse_as(frame.as_frame(), Tolerance::LENIENT).map(|read| read.value);
                matches!(response, Ok(Response::Negotiate(answer)) if answer.macro_lists != MacroLists::EMPTY)
            });
            if asks || session.header.scenario.as_deref().is_some_and(|name| CONFIGURED.contains(&name)) {
                continue;
            }
            for frame in session.frames(Side::Mta).0 {
                let Ok(Command::Macros(macros)) = Command::parse(frame.as_frame()) else { continue };
                let stage = macros.stage();
                if !stage.is_kept() {
                    continue;
                }
                let sent = requests.macros(stage, defaults.names(stage), |name| macros.get(name));
                let sent = sent.as_ref().map_or(TextList::EMPTY, |sent| sent.as_macros().list());
                assert_eq!(sent, macros.list(), "{path}: {stage:?}");
                seen.extend(macros.iter().map(|(name, _)| (stage, name.to_str().unwrap().to_owned())));
            }
        }
        for stage in STAGES {
            let never = NEVER_SEEN.iter().filter(|row| (row.0, row.1) == (mta, stage));
            let never: Vec<&str> = never.flat_map(|row| row.2.split(' ')).collect();
            for name in defaults.names(stage).to_str().unwrap().split_whitespace() {
                let is_seen = seen.contains(&(stage, name.to_owned()));
                assert!(is_seen != never.contains(&name), "{mta} at {stage:?}: {name}");
            }
        }
    }
}

// MAC-16.
#[test]
fn versions_of_postfix_differ_in_the_macros_of_the_connection_alone() {
    let rows = [
        (MacroDefaults::POSTFIX_3_1, "j {daemon_name} v"),
        (MacroDefaults::POSTFIX_3_2, "j {daemon_name} {daemon_addr} v"),
        (MacroDefaults::POSTFIX, "j {daemon_name} {daemon_addr} v _"),
    ];
    for (defaults, connect) in rows {
        assert_eq!(defaults.names(MacroStage::CONNECT), connect);
        for stage in &STAGES[1..] {
            assert_eq!(defaults.names(*stage), MacroDefaults::POSTFIX.names(*stage), "{stage:?}");
        }
    }
}

// MAC-3, MAC-16.
#[test]
fn a_stage_that_libmilter_does_not_keep_has_no_macros() {
    for code in 0..=u8::MAX {
        let stage = MacroStage::new(code);
        for defaults in [MacroDefaults::SENDMAIL, MacroDefaults::POSTFIX, MacroDefaults::NONE] {
            let has_names = !defaults.names(stage).is_empty();
            assert!(!has_names || stage.is_kept(), "{stage:?}");
            assert!(!has_names || defaults != MacroDefaults::NONE);
        }
    }
}

// MAC-14, MAC-15: in a vector as in storage of the caller.
#[test]
fn macros_are_the_same_in_a_vector_and_in_storage_of_the_caller() {
    let lists = MacroLists::new(b"\0\0\0\x02{i} none,{mail_addr}\t{none}\0\0\0\0\x03\0").unwrap();
    let requests = MacroRequests::new(lists);
    let value = |text: &'static [u8]| milter_proto::wire::Text::new(text).ok();
    let lookup = |name: milter_proto::wire::Text<'_>| match name.as_bytes() {
        b"i" => value(b"Q1"),
        b"{mail_addr}" => value(b""),
        b"{rcpt_addr}" => value(b"r@x.y"),
        _ => None,
    };
    let rows: [(MacroStage, &[u8]); 4] = [
        (MacroStage::MAIL, b"{i}\0Q1\0{mail_addr}\0\0"),
        (MacroStage::RCPT, b""),
        (MacroStage::CONNECT, b""),
        (MacroStage::DATA, b"i\0Q1\0"),
    ];
    for (stage, expected) in rows {
        let default = MacroDefaults::POSTFIX.names(stage);
        let owned = requests.macros(stage, default, lookup);
        let macros = owned.as_ref().map(MacrosBuf::as_macros);
        assert_eq!(macros.map_or(&b""[..], |macros| macros.list().as_bytes()), expected, "{stage:?}");
        assert!(macros.is_none_or(|macros| macros.stage() == stage));
        let mut storage = [0; 64];
        let written = requests.write_macros(stage, default, lookup, &mut storage).unwrap();
        assert_eq!(written, macros, "{stage:?}");
    }
}

#[test]
fn a_filter_that_asks_for_one_macro_again_and_again_gets_no_more_than_a_frame_holds() {
    let names = "{long} ".repeat(10_000) + "i";
    let lists = [b"\0\0\0\x02", names.as_bytes(), b"\0"].concat();
    let requests = MacroRequests::new(MacroLists::new(&lists).unwrap());
    for len in [0, 1000, 65_526, 65_527, 100_000] {
        let value = "v".repeat(len);
        let [long, id] = [&*value, "Q"].map(|text| Text::try_from(text).unwrap());
        let lookup = |name: Text<'_>| Some(if name == "i" { id } else { long });
        let owned = requests.macros(MacroStage::MAIL, "", lookup).unwrap();
        let macros = owned.as_macros();
        assert!(Command::Macros(macros).encode().within(Limits::DEFAULT).is_ok(), "{len}");
        assert_eq!(macros.list().iter().any(|text| text.len() == len), len <= 65_526, "{len}");
    }
}

/// MAC-18: every macro that an MTA sends in a recorded session, or by itself, is in the table of the specification.
#[test]
fn every_macro_that_mtas_send_is_explained() {
    let notes = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/SPEC_NOTES.md")).unwrap();
    let (_, table) = notes.split_once("**MAC-18**").unwrap();
    let (table, _) = table.split_once("<a id=").unwrap();
    let explained: BTreeSet<&[u8]> = table.split('`').skip(1).step_by(2).map(str::as_bytes).collect();
    let mut sent = BTreeSet::new();
    for session in sessions() {
        for frame in session.frames(Side::Mta).0 {
            let Ok(Command::Macros(macros)) = Command::parse(frame.as_frame()) else { continue };
            sent.extend(macros.iter().map(|(name, _)| name.as_bytes().to_vec()));
        }
    }
    assert!(sent.len() > 20, "{}", sent.len());
    let missing: Vec<_> = sent.iter().filter(|name| !explained.contains(name.as_slice())).collect();
    let missing: Vec<_> = missing.iter().map(|name| String::from_utf8_lossy(name)).collect();
    assert!(missing.is_empty(), "MAC-18 lacks {missing:?}");
}
