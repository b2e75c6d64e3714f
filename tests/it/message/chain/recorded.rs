//! What Postfix and Sendmail were seen to do with several filters: the chain does the same, or differs for a named reason.
//!
//! The cases are in tests/chain. `interop/run -- -k chain_of_filters` runs them with the MTAs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::filters::Entry;
use super::play::{Case, Mta, Play, is_reply};

/// What was recorded of a case: the lines by their first word, and the messages that were delivered.
pub(crate) struct Recorded {
    pub(crate) lines: BTreeMap<String, String>,
    pub(crate) delivered: Vec<String>,
}

/// The cases of a file of interop/chain/expected.py, by their names.
pub(crate) fn recorded(file: &Path) -> BTreeMap<String, Recorded> {
    let text = fs::read_to_string(file).unwrap();
    let blocks = text.split("== ").skip(1);
    blocks
        .map(|block| {
            let (name, rest) = block.split_once('\n').unwrap();
            let mut recorded = Recorded { lines: BTreeMap::new(), delivered: Vec::new() };
            for line in rest.trim_end().lines() {
                match line.strip_prefix("  ") {
                    Some(line) => recorded.delivered.push(line.to_owned()),
                    None => {
                        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
                        recorded.lines.insert(word.to_owned(), rest.trim().to_owned());
                    }
                }
            }
            (name.to_owned(), recorded)
        })
        .collect()
}

/// The words of a line. A blank between braces separates nothing.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut depth = 0_usize;
    for letter in line.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if letter == ' ' && depth == 0 {
            words.push(String::new());
        } else {
            words.last_mut().unwrap().push(letter);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The words about a filter that are compared: commands without ABORT, QUIT and the end of the connection, and macros before
/// CONNECT, MAIL and RCPT. Each MTA has its own defaults for the other stages.
fn compared(line: &str) -> Vec<String> {
    let words =
        words(line).into_iter().filter(|word| !matches!(word.as_str(), "A" | "Q" | "EOF" | "nothing"));
    words
        .filter_map(|word| match word.strip_prefix('D') {
            Some(stage) => stage.starts_with(['C', 'M', 'R']).then(|| word.chars().take(2).collect()),
            None => Some(word),
        })
        .collect()
}

/// Who was asked what, in order: `1M`, `2M`.
pub(crate) fn order(line: &str) -> Vec<String> {
    let mut order = Vec::new();
    for word in line.split_whitespace() {
        if let Some((filter, codes)) = word.split_once(':') {
            order.extend(codes.chars().map(|code| format!("{filter}{code}")));
        } else if word.starts_with(|first: char| first.is_ascii_digit()) {
            let is_compared =
                !word.contains('D') || ["DC", "DM", "DR"].iter().any(|macros| word.ends_with(macros));
            order.extend(is_compared.then(|| word.to_owned()));
        } else {
            let (code, filters) = word.split_at(1);
            order.extend(filters.chars().map(|filter| format!("{filter}{code}")));
        }
    }
    order
}

/// What differs between the play and the record.
fn differences(play: &Play<'_>, recorded: &Recorded) -> Vec<(String, String)> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, ours: Vec<String>, theirs: Vec<String>| {
        if ours != theirs {
            let shown = format!("    ours   {}\n    theirs {}", ours.join(" "), theirs.join(" "));
            differences.push((what.to_owned(), shown));
        }
    };
    let is_asked = |entry: &&Entry| {
        let is_seen = !matches!(entry.code, 'A' | 'Q');
        if play.case.is("macros") {
            is_seen && (entry.code != 'D' || b"CMR".contains(&entry.payload[0]))
        } else {
            is_seen && !entry.answer.is_empty()
        }
    };
    let asked = play.io.tape.iter().filter(is_asked).map(|entry| {
        let stage = if entry.code == 'D' { char::from(entry.payload[0]).to_string() } else { String::new() };
        format!("{}{}{stage}", entry.filter + 1, entry.code)
    });
    // CHN-1: Postfix turns to the next filter after CONNECT, the chain and Sendmail after the negotiation.
    let is_ordered = |word: &String| play.mta == Mta::Sendmail || !word.ends_with(['O', 'C']);
    let theirs = order(&recorded.lines["order"]).into_iter().filter(is_ordered).collect();
    compare("order", asked.filter(is_ordered).collect(), theirs);
    for filter in 0..play.io.filters.len() {
        let name = (filter + 1).to_string();
        let ours = compared(&play.tokens(filter).join(" "));
        compare(&format!("filter {name}"), ours, compared(&recorded.lines[&name]));
    }
    compare("mail", vec![play.mail_line()], vec![recorded.lines["mail"].clone()]);
    compare("delivered", play.delivered_lines(), recorded.delivered.clone());
    let theirs: Vec<_> = recorded.lines["client"].split("; ").collect();
    let is_same = theirs.len() == play.replies.len()
        && play.replies.iter().zip(&theirs).all(|((step, reply), theirs)| {
            theirs.strip_prefix(step).is_some_and(|theirs| is_reply(reply, theirs.trim()))
        });
    if !is_same {
        let ours: Vec<_> = play.replies.iter().map(|(step, reply)| format!("{step} {reply}")).collect();
        let shown = format!("    ours   {}\n    theirs {}", ours.join("; "), theirs.join("; "));
        differences.push(("client".to_owned(), shown));
    }
    differences
}

/// Why the chain does otherwise than an MTA, on purpose, and in which of the things that are compared.
struct Exception {
    reason: &'static str,
    mtas: &'static [Mta],
    is_meant: fn(&str) -> bool,
    differs_in: &'static [&'static str],
}

const BOTH: &[Mta] = &[Mta::Postfix, Mta::Sendmail];
const POSTFIX: &[Mta] = &[Mta::Postfix];
const SENDMAIL: &[Mta] = &[Mta::Sendmail];

const EXCEPTIONS: &[Exception] = &[
    Exception {
        reason: "CHN-1: the chain negotiates with all filters before CONNECT, Postfix with those that CONNECT reaches",
        mtas: POSTFIX,
        is_meant: |name| {
            let is_refusal = ["REJECT", "TEMPFAIL", "421", "451", "550", "521"].iter();
            is_refusal.clone().any(|verdict| {
                name.starts_with(&format!("{verdict} at CONNECT by 1"))
                    || name == format!("{verdict} at CONNECT by 2")
            }) || [
                "2 refuses the connection",
                "2 closes at negotiation",
                "2 closes at CONNECT",
                "2 is silent at CONNECT",
            ]
            .iter()
            .any(|failure| ["reject", "tempfail"].iter().any(|action| name == format!("{failure}, {action}")))
        },
        differs_in: &["filter 2", "filter 3"],
    },
    Exception {
        reason: "CHN-25: Sendmail does not turn to the filters after one that it cannot connect to",
        mtas: SENDMAIL,
        is_meant: |name| name.starts_with("2 refuses the connection") && !name.ends_with("accept"),
        differs_in: &["order", "filter 3"],
    },
    Exception {
        reason: "CHN-27, EDT-9: no edit counts of a filter that failed, and no message whose new body came in part",
        mtas: BOTH,
        is_meant: |name| {
            let after_edits = ["an edit", "many edits", "QUARANTINE and an edit", "a new body and an edit"];
            name == "2 closes in a new body, accept"
                || name == "2 closes at BODYEOB, accept, edits of 1 and 3"
                || after_edits.iter().any(|edits| name == format!("2 closes after {edits}, accept"))
        },
        differs_in: &["order", "filter 3", "mail", "delivered", "client"],
    },
    Exception {
        reason: "CHN-26: a filter that failed holds the message, and the others are asked as ever",
        mtas: POSTFIX,
        is_meant: |name| name.contains(", quarantine"),
        differs_in: &["order", "filter 3", "mail", "client"],
    },
    Exception {
        reason: "POL-14: Postfix refuses for now after a malformed reply, whatever the failure action is",
        mtas: POSTFIX,
        is_meant: |name| name == "2 sends a malformed reply at RCPT, reject",
        differs_in: &["client"],
    },
    Exception {
        reason: "END-8: a response that is none is a failure at once, and Sendmail notices it at the next command",
        mtas: SENDMAIL,
        is_meant: |name| {
            name == "2 sends an unknown response at MAIL, tempfail"
                || name == "QUARANTINE at MAIL by 2"
                || name == "QUARANTINE at RCPT by 2"
        },
        differs_in: &["order", "filter 1", "filter 3", "client"],
    },
    Exception {
        reason: "CHN-3: Postfix does not flush macros of commands that it does not send",
        mtas: POSTFIX,
        is_meant: |name| name == "macros to a filter that declined every command",
        differs_in: &["order"],
    },
    Exception {
        reason: "CHN-3: macros of a refused recipient go to those who asked for such recipients, as in Postfix",
        mtas: SENDMAIL,
        is_meant: |name| name == "a recipient that Sendmail refuses late, 2 asked for it",
        differs_in: &["filter 1", "filter 3"],
    },
    Exception {
        reason: "CHN-16: REJECT for a recipient that is refused anyway means nothing, and does not end the walk",
        mtas: POSTFIX,
        is_meant: |name| name == "a recipient that the MTA refuses, REJECT to it by 1, 3 asked for it, too",
        differs_in: &["order", "filter 3"],
    },
    Exception {
        reason: "CHN-16: the same in Sendmail, for a recipient that it refuses late",
        mtas: SENDMAIL,
        is_meant: |name| {
            name == "a recipient that Sendmail refuses late, REJECT to it by 1, 3 asked for it, too"
        },
        differs_in: &["order", "filter 3"],
    },
    Exception {
        reason: "SCP-7: ACCEPT and DISCARD for UNKNOWN mean nothing",
        mtas: BOTH,
        is_meant: |name| name.starts_with("ACCEPT at UNKNOWN") || name.starts_with("DISCARD at UNKNOWN"),
        differs_in: &["order", "filter 1", "filter 2", "filter 3", "mail"],
    },
    Exception {
        reason: "SCP-3: DISCARD for CONNECT is about that filter at most, and for HELO it means nothing",
        mtas: SENDMAIL,
        is_meant: |name| {
            name.starts_with("DISCARD at CONNECT")
                || ["DISCARD at HELO by 1", "DISCARD at HELO by 2"].contains(&name)
        },
        differs_in: &["order", "filter 1", "filter 2", "filter 3"],
    },
    Exception {
        reason: "SCP-5, SCP-12: refused DATA stays refused, and a filter that accepted it gets the envelope again",
        mtas: BOTH,
        is_meant: |name| name.starts_with("REJECT at DATA by 2, then"),
        differs_in: &["order", "filter 1", "filter 2", "filter 3", "mail", "client"],
    },
    Exception {
        reason: "CHN-13: QUARANTINE does not keep the other filters from refusing the message",
        mtas: POSTFIX,
        is_meant: |name| {
            // Where the verdict refuses the message, there is nothing to hold.
            let is_refused = ["REJECT", "TEMPFAIL", "DISCARD", "550"].iter();
            name.starts_with("1 quarantines, then")
                || name.starts_with("1 quarantines and") && !is_refused.clone().any(|it| name.ends_with(it))
                || name == "1 and 2 quarantine"
                || name.starts_with("QUARANTINE at ")
        },
        differs_in: &["order", "filter 2", "filter 3", "mail", "client"],
    },
    Exception {
        reason: "SCP-11: Sendmail answers MAIL with a reply of its own, where 521 was the answer to CONNECT",
        mtas: SENDMAIL,
        is_meant: |name| name == "521 at CONNECT by 2",
        differs_in: &["client"],
    },
    Exception {
        reason: "CHN-20: a deleted header has no number for the next filter, even if that declined HEADER",
        mtas: SENDMAIL,
        is_meant: |name| name.starts_with("1 deletes the first of three, 2 declined headers"),
        differs_in: &["delivered"],
    },
    Exception {
        reason: "CHN-19, CHN-21: line ends are repaired before the next filter, in Sendmail when it delivers",
        mtas: SENDMAIL,
        is_meant: |name| {
            name == "1 adds a value with LF and no blank after it"
                || name == "1 adds a value that ends with LF"
                || name == "1 replaces the body by one without a line end"
        },
        differs_in: &["filter 2"],
    },
];

#[test]
fn a_chain_does_what_real_mtas_do() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chain");
    let cases = fs::read_to_string(folder.join("cases.jsonl")).unwrap();
    let cases: Vec<_> = cases.lines().map(Case::parse).collect();
    let mut failures = Vec::new();
    let mut needed = BTreeMap::new();
    for (mta, name) in [(Mta::Postfix, "postfix"), (Mta::Sendmail, "sendmail")] {
        let recorded = recorded(&folder.join(format!("{name}.txt")));
        let (mut compared, mut equal) = (0, 0);
        for case in cases.iter().filter(|case| case.is_of(name)) {
            compared += 1;
            let mut play = Play::new(case, mta);
            play.play();
            let mut differences = differences(&play, &recorded[case.name()]);
            equal += usize::from(differences.is_empty());
            let meant = |it: &&Exception| it.mtas.contains(&mta) && (it.is_meant)(case.name());
            for exception in EXCEPTIONS.iter().filter(meant) {
                let count = differences.len();
                differences.retain(|(what, _)| !exception.differs_in.contains(&what.as_str()));
                if differences.len() < count {
                    *needed.entry(exception.reason).or_insert(0) += 1;
                } else {
                    failures.push(format!(
                        "{name}: {}: no such exception: {}",
                        case.name(),
                        exception.reason
                    ));
                }
            }
            for (what, difference) in differences {
                failures.push(format!("{name}: {}: {what}\n{difference}", case.name()));
            }
        }
        println!("{name}: {equal} of {compared} cases are the same");
        assert_eq!(compared, recorded.len());
        assert!(compared >= 427);
        assert!(equal >= if mta == Mta::Postfix { 360 } else { 380 }, "{name}: only {equal} are the same");
    }
    println!("{needed:#?}");
    for failure in &failures {
        println!("{failure}\n");
    }
    assert!(failures.is_empty(), "{} differences", failures.len());
    assert_eq!(needed.len(), EXCEPTIONS.len(), "an exception that is not needed any more");
}
