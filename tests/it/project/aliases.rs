//! A user of libmilter finds everything by its name there: each one is an alias of an item, or has a reason why not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The names of libmilter/mfapi.h and libmilter/mfdef.h, by prefix.
const NAMES: [(&str, &str); 12] = [
    ("SMFI", "CTX"),
    ("smfi", "Desc"),
    ("SMFIC_", "ABORT BODY BODYEOB CONNECT DATA EOH HEADER HELO MACRO MAIL OPTNEG QUIT QUIT_NC RCPT UNKNOWN"),
    (
        "SMFIR_",
        "ACCEPT ADDHEADER ADDRCPT ADDRCPT_PAR CHGFROM CHGHEADER CONN_FAIL CONTINUE DELRCPT DISCARD INSHEADER \
         PROGRESS QUARANTINE REJECT REPLBODY REPLYCODE SETSYMLIST SHUTDOWN SKIP TEMPFAIL",
    ),
    (
        "SMFIP_",
        "HDR_LEADSPC MDS_1M MDS_256K NOBODY NOCONNECT NODATA NOEOH NOHDRS NOHELO NOHREPL NOMAIL NORCPT NOUNKNOWN \
         NR_BODY NR_CONN NR_DATA NR_EOH NR_HDR NR_HELO NR_MAIL NR_RCPT NR_UNKN RCPT_REJ SKIP TEST",
    ),
    (
        "SMFIF_",
        "ADDHDRS ADDRCPT ADDRCPT_PAR CHGBODY CHGFROM CHGHDRS DELRCPT MODBODY NONE QUARANTINE SETSYMLIST",
    ),
    ("SMFIM_", "CONNECT DATA ENVFROM ENVRCPT EOH EOM FIRST HELO LAST NOMACROS"),
    ("SMFIS_", "ACCEPT ALL_OPTS CONTINUE DISCARD NOREPLY REJECT SKIP TEMPFAIL"),
    ("SMFIA_", "INET INET6 UNIX UNKNOWN"),
    ("SMFI_", "CURR_ACTS CURR_PROT INTERNAL PROT_VERSION V1_ACTS V1_PROT V2_ACTS V2_PROT VERSION"),
    (
        "smfi_",
        "addheader addrcpt addrcpt_par chgfrom chgheader delrcpt getpriv getsymval insheader main opensocket \
         progress quarantine register replacebody setbacklog setconn setdbg setmaxdatasize setmlreply setpriv \
         setreply setsymlist settimeout stop version",
    ),
    (
        "xxfi_",
        "abort body close connect data envfrom envrcpt eoh eom flags header helo name negotiate unknown version",
    ),
];

/// Names without a counterpart here, and why.
const WITHOUT: [(&str, &str); 17] = [
    ("SMFIF_NONE", "it is 0: every empty set is"),
    ("SMFIM_FIRST", "a marker within libmilter"),
    ("SMFIM_LAST", "a marker within libmilter"),
    ("SMFIM_NOMACROS", "a marker within libmilter"),
    ("SMFIS_ALL_OPTS", "options are asked for one by one"),
    ("SMFI_VERSION", "the version of libmilter, not of the protocol"),
    ("smfi_getpriv", "the caller has its own state"),
    ("smfi_setpriv", "the caller has its own state"),
    ("smfi_main", "it does I/O"),
    ("smfi_opensocket", "it does I/O"),
    ("smfi_setbacklog", "it does I/O"),
    ("smfi_setconn", "it does I/O"),
    ("smfi_setdbg", "nothing is logged"),
    ("smfi_stop", "it does I/O"),
    ("smfi_version", "the version of libmilter"),
    ("xxfi_name", "for the log of libmilter"),
    ("xxfi_version", "the version of libmilter"),
];

/// An alias that is in no header of libmilter: the name of BODYEOB in other documents.
const ELSEWHERE: &str = "SMFIC_EOM";

/// Enumerations and constants of which every item has an alias of the prefix, but for the last ones.
const COMPLETE: [(&str, &str, &str, &[&str]); 15] = [
    ("wire/code.rs", "    commands {\n", "SMFIC_", &[]),
    ("wire/code.rs", "    responses {\n", "SMFIR_", &[]),
    ("wire/command.rs", "pub enum Command<'a> {", "SMFIC_", &["Other"]),
    ("wire/command.rs", "pub enum Command<'a> {", "xxfi_", &["Macros", "Other"]),
    ("wire/command.rs", "pub enum Peer<'a> {", "SMFIA_", &[]),
    ("wire/edit.rs", "pub enum Edit<'a> {", "SMFIR_", &[]),
    ("wire/edit.rs", "pub enum Edit<'a> {", "smfi_", &[]),
    ("wire/response.rs", "pub enum Verdict<'a> {", "SMFIR_", &[]),
    ("wire/response.rs", "pub enum Verdict<'a> {", "SMFIS_", &["Reply", "Shutdown", "ConnectionFail"]),
    ("mta/event.rs", "pub enum VerdictKind {", "SMFIR_", &[]),
    ("wire/bits.rs", "    Actions {", "SMFIF_", &[]),
    ("wire/bits.rs", "    Steps {", "SMFIP_", &["RESERVED"]),
    ("wire/macro_lists.rs", "impl ListStage {", "SMFIM_", &["ALL", "number", "macro_stage"]),
    ("wire/edit.rs", "/// Edits from strings and bytes.\nimpl<'a> Edit<'a> {", "smfi_", &[]),
    ("order/table.rs", "commands! { 15;", "SMFIC_", &[]),
];

#[test]
fn every_name_of_libmilter_is_an_alias_or_has_a_reason_why_not() {
    let aliases = aliases();
    let names: BTreeSet<String> = NAMES
        .iter()
        .flat_map(|(prefix, names)| names.split_whitespace().map(move |name| format!("{prefix}{name}")))
        .collect();
    let without: BTreeSet<&str> = WITHOUT.iter().map(|row| row.0).collect();
    for name in &names {
        let is_alias = aliases.contains_key(name);
        assert!(is_alias != without.contains(name.as_str()), "{name}: an alias, or a reason, not both");
    }
    for name in without {
        assert!(names.contains(name), "{name} is in no header");
    }
    for (alias, file) in &aliases {
        let is_of_libmilter = ["SMFI", "smfi", "xxfi"].iter().any(|prefix| alias.starts_with(prefix));
        assert!(!is_of_libmilter || names.contains(alias) || alias == ELSEWHERE, "{file}: {alias}");
    }
}

#[test]
fn every_item_that_has_a_counterpart_has_its_name() {
    for (file, begin, prefix, without) in COMPLETE {
        let source = fs::read_to_string(root().join(file)).unwrap();
        let (_, rest) = source.split_once(begin).unwrap_or_else(|| panic!("{file} has no {begin}"));
        // Items stand one step further in, and the fields of a variant two.
        let depth = begin.len() - begin.trim_start().len() + 4;
        let mut attributes = String::new();
        let mut items = 0;
        for line in rest.lines().skip(1) {
            let text = line.trim();
            let indent = line.len() - text.len();
            if text.starts_with('}') && indent + 4 == depth {
                break;
            }
            if indent != depth {
                continue;
            }
            if text.starts_with("#[doc(alias") {
                attributes.push_str(text);
            } else if let Some(item) = item(text) {
                items += 1;
                let is_found = attributes.contains(&format!("\"{prefix}"));
                assert!(
                    is_found != without.contains(&item),
                    "{file}, {begin} {item}: {prefix} in {attributes:?}"
                );
                attributes.clear();
            }
        }
        assert!(items > without.len(), "{file}: {begin} has items");
    }
}

#[test]
fn the_guide_names_every_function_callback_and_return_value_in_one_row() {
    let page = fs::read_to_string(root().join("guide/from_libmilter.rs")).unwrap();
    let mut listed = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("//! | `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, _counterpart, difference, ""] = cells[..] else { panic!("three cells: {line}") };
        assert!(!difference.is_empty(), "{name}: what differs");
        listed.push(name.trim_matches('`'));
    }
    let mut names: Vec<String> = NAMES
        .iter()
        .filter(|(prefix, _)| ["smfi_", "xxfi_", "SMFIS_"].contains(prefix))
        .flat_map(|(prefix, names)| names.split_whitespace().map(move |name| format!("{prefix}{name}")))
        .collect();
    names.sort();
    listed.sort_unstable();
    assert_eq!(listed, names);
}

/// The name of the item that a line begins: a variant, a constant or a function.
fn item(text: &str) -> Option<&str> {
    let is_public = text.starts_with("pub ");
    let text = text.trim_start_matches("pub ").trim_start_matches("const ").trim_start_matches("fn ");
    let name = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()?;
    (is_public || name.starts_with(|first: char| first.is_ascii_uppercase())).then_some(name)
}

/// Every alias in the source, with a file that has it.
fn aliases() -> BTreeMap<String, String> {
    let mut aliases = BTreeMap::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            for rest in source.split("doc(alias = \"").skip(1) {
                let (alias, _) = rest.split_once('"').unwrap();
                aliases.insert(alias.to_owned(), path.display().to_string());
            }
        }
    }
    aliases
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}
