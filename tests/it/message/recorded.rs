//! Edit sequences that real MTAs performed, and what they delivered: `message` delivers the same, byte for byte.
//!
//! The cases are in tests/edits. `interop/edits/run` records them; `MILTER_EDITS=DIRECTORY` names others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use milter_proto::message::{EditRules, Edits, EnvelopeAddress, Header, Message};
use milter_proto::mta::Policy;
use milter_proto::wire::{
    Actions, Answer, Command, Frame, LeadingSpace, Offer, Response, Steps, Text, Version,
};
use milter_proto::{MtaSession, mta};
use serde_json::Value;

/// Bytes of a text of the records, in which each byte is the character of that number.
fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_else(|| panic!("not a text: {value}"));
    text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
}

fn texts(value: &Value) -> Vec<Vec<u8>> {
    value.as_array().unwrap().iter().map(bytes).collect()
}

/// An address with its arguments.
fn address(value: &Value) -> EnvelopeAddress {
    let texts = texts(value);
    let texts: Vec<_> = texts.iter().map(|text| Text::new(text).unwrap()).collect();
    EnvelopeAddress::new(texts[0]).with_arguments(texts[1..].iter().copied())
}

/// What an address and its DSN arguments are in an envelope. The others are up to the MTA that sends the message on.
fn shown(address: &EnvelopeAddress) -> String {
    let text = |text: Text<'_>| text.as_bytes().escape_ascii().to_string();
    let mut arguments: Vec<_> = address.arguments().iter().map(text).collect();
    arguments.retain(|argument| {
        let upper = argument.to_ascii_uppercase();
        ["RET=", "ENVID=", "NOTIFY="].iter().any(|name| upper.starts_with(name))
    });
    for argument in
        arguments.iter_mut().filter(|argument| !argument.to_ascii_uppercase().starts_with("ENVID="))
    {
        argument.make_ascii_uppercase();
    }
    arguments.sort();
    format!("<{}> {}", address.mailbox().escape_ascii(), arguments.join(" "))
}

/// The message as the MTA had it when the filter was asked: with its own Received, which no filter sees.
fn message(setup: &Value, own: &Value, is_sendmail: bool) -> Message<'static> {
    let own = bytes(own);
    let unedited = match setup.get("unedited") {
        Some(value) => {
            let unedited = bytes(value);
            let own_len = Message::parse(&unedited).headers().next().unwrap().as_bytes().len();
            unedited[own_len..].to_vec()
        }
        None => bytes(&setup["sent"]),
    };
    let mut message = Message::parse(&unedited).into_owned();
    if is_sendmail {
        message = with_defaults(setup, &unedited);
    }
    message.set_sender(address(&setup["sender"]));
    for recipient in setup["recipients"].as_array().unwrap() {
        let recipient = address(recipient);
        // Both MTAs drop a recipient that they have already, each with another idea of the same.
        let is_same = |known: &EnvelopeAddress| {
            if is_sendmail {
                known.mailbox() == recipient.mailbox()
            } else {
                known.mailbox().eq_ignore_ascii_case(recipient.mailbox())
                    && known.arguments() == recipient.arguments()
            }
        };
        if !message.recipients().any(is_same) {
            message.add_recipient(recipient);
        }
    }
    let own = Message::parse(&own).into_owned();
    message.add_trace(own.headers().next().unwrap().clone());
    message
}

/// The message, with the headers that the filter was not shown as those that Sendmail added.
fn with_defaults(setup: &Value, unedited: &[u8]) -> Message<'static> {
    let mut shown: Vec<_> = setup["shown"].as_array().unwrap().iter().map(|pair| bytes(&pair[0])).collect();
    let all = Message::parse(unedited);
    let (mut kept, mut defaults) = (Vec::new(), Vec::new());
    for header in all.headers() {
        // What was shown and is not sent on is dropped here, too.
        if let Some(at) = shown.iter().position(|name| name == header.name()) {
            shown.drain(..=at);
            kept.extend_from_slice(header.as_bytes());
        } else {
            defaults.push(header.clone().into_owned());
        }
    }
    let headers_len: usize = all.headers().map(|header| header.as_bytes().len()).sum();
    kept.extend_from_slice(&unedited[headers_len..]);
    let mut message = Message::parse(&kept).into_owned();
    defaults.into_iter().for_each(|header| message.add_default(header));
    message
}

/// Applies the edits of a case, as an MTA that is built on the session does.
fn deliver(
    case: &Value,
    message: &mut Message<'_>,
    is_sendmail: bool,
    space: LeadingSpace,
) -> Result<(), String> {
    let (rules, policy) = if is_sendmail {
        (EditRules::SENDMAIL, Policy::SENDMAIL)
    } else {
        (EditRules::POSTFIX, Policy::POSTFIX)
    };
    // A filter that declines all commands but the end of the message.
    let mut session = MtaSession::with_policy(policy);
    let answer = Response::Negotiate(Answer::new(Version::V6, Actions::ALL, Steps::NO_COMMAND));
    let _ = session.send(Command::Negotiate(Offer::FULL)).unwrap();
    session.receive(answer.encode().to_frame().as_frame()).unwrap();
    for command in [Command::Data, Command::EndOfHeaders, Command::EndOfMessage { chunk: b"" }] {
        let _ = session.send(command).unwrap();
    }
    let mut edits = Edits::new();
    for frame in texts(&case["edits"]) {
        let (code, payload) = frame.split_first().unwrap();
        match session.receive(Frame::new(*code, payload)).map_err(|error| error.to_string())? {
            mta::Event::Edit { edit, status, .. } => edits.push(edit, status).unwrap(),
            mta::Event::Progress | mta::Event::MalformedEdit { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    edits.apply(message, rules, space).map(drop).map_err(|error| error.to_string())
}

/// Whether a message differs from what Sendmail delivered only in header values that edits gave to headers with addresses.
/// Sendmail writes those anew when it sends them on, with its own commas and domain.
fn differs_in_addresses_alone(ours: &[u8], real: &[u8], case: &Value) -> bool {
    const NAMES: [&str; 10] = [
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Resent-From",
        "Resent-To",
        "Resent-Cc",
        "Errors-To",
        "Apparently-To",
    ];
    let edits = texts(&case["edits"]);
    let dense = |text: &[u8]| text.iter().copied().filter(u8::is_ascii_graphic).collect::<Vec<_>>();
    let is_from_edit = |value: &[u8]| edits.iter().any(|edit| dense(edit).ends_with(&dense(value)));
    let [ours, real] = [ours, real].map(Message::parse);
    let [left, right] = [&ours, &real].map(|message| message.headers().collect::<Vec<_>>());
    let is_alike = |(ours, real): (&&Header<'_>, &&Header<'_>)| {
        let is_address = NAMES.iter().any(|name| ours.name().eq_ignore_ascii_case(name.as_bytes()));
        ours == real || ours.name() == real.name() && is_address && is_from_edit(ours.value())
    };
    left.len() == right.len() && ours.body() == real.body() && left.iter().zip(&right).all(is_alike)
}

/// Whether an address of an edit is `local@domain`, with or without brackets, alone or in a list. Others are rewritten by the
/// MTA when it takes them, each in its own way.
fn is_plain(address: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"._+-[]".contains(byte);
    let is_one = |address: &[u8]| {
        let address = address.trim_ascii();
        let address = address.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(address);
        let parts: Vec<_> = address.split(|&byte| byte == b'@').collect();
        address.is_empty()
            || parts.len() == 2
                && parts
                    .iter()
                    .all(|part| !part.is_empty() && part.iter().all(is_word) && !part.ends_with(b"."))
    };
    address.split(|&byte| byte == b',').all(is_one)
}

/// Why a case does not come out as recorded, if it does not.
fn difference(case: &Value, setup: &Value, is_sendmail: bool) -> Option<String> {
    let space = if setup["leading_space"] == true { LeadingSpace::Preserved } else { LeadingSpace::Stripped };
    let own = case.get("own").unwrap_or(&setup["own"]);
    let mut message = message(setup, own, is_sendmail);
    let unedited = message.to_bytes();
    let result = deliver(case, &mut message, is_sendmail, space);
    let reply = case.get("reply").map_or("250", |reply| reply.as_str().unwrap());
    // Sendmail writes its own notes about arguments to the client, and accepts the message.
    let is_accepted = reply.starts_with('2') || is_sendmail && reply.contains("olderrors=");
    let verdict = case.get("verdict").map_or("c", |verdict| verdict.as_str().unwrap());
    match (&result, is_accepted) {
        (Err(error), true) => return Some(format!("refused: {error}")),
        (Ok(()), false) if verdict.starts_with(['c', 'a']) => return Some("not refused".to_owned()),
        (_, false) => return None,
        (Ok(()), true) if verdict.starts_with('d') => {
            return (!case["delivered"].as_array().unwrap().is_empty()).then(|| "discarded".to_owned());
        }
        (Ok(()), true) => {}
    }
    let envelope_edits = texts(&case["edits"]).into_iter().filter(|edit| b"e+2-".contains(&edit[0]));
    let has_odd_address =
        setup["recipients"].as_array().unwrap().iter().any(|recipient| !is_plain(&bytes(&recipient[0])))
            || envelope_edits
                .clone()
                .any(|edit| !is_plain(edit[1..].split(|&byte| byte == 0).next().unwrap()));
    let delivered = case["delivered"].as_array().unwrap();
    let mut expected: Vec<_> = message.recipients().map(shown).collect();
    let mut got = Vec::new();
    let body = message.to_bytes();
    for one in delivered {
        got.extend(one["recipients"].as_array().unwrap().iter().map(|recipient| shown(&address(recipient))));
        let sender = shown(&address(&one["sender"]));
        if sender != shown(message.sender()) && !has_odd_address {
            return Some(format!("sender {} for {sender}", shown(message.sender())));
        }
        let text = one.get("message").map_or_else(|| unedited.clone(), bytes);
        if text != body && !(is_sendmail && differs_in_addresses_alone(&body, &text, case)) {
            return Some(format!("\n  ours {}\n  real {}", body.escape_ascii(), text.escape_ascii()));
        }
    }
    expected.sort();
    got.sort();
    (expected != got && !has_odd_address).then(|| format!("recipients {expected:?} for {got:?}"))
}

/// Cases that do not come out as recorded, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("sendmail", "directed/add Bcc to a bare message", BCC),
    ("sendmail", "directed/add recipient with arguments: ORCPT without type", CRASH),
    ("sendmail", "1/170", CRASH),
    ("sendmail", "1/237", CRASH),
    ("sendmail", "1/269", CRASH),
    ("sendmail", "1/271", CRASH),
    ("sendmail", "directed/delete recipient: no closing bracket", ADDRESS),
    ("sendmail", "directed/delete, add recipient with arguments", REVIVED),
    ("sendmail", "directed/delete, add recipient that had arguments", REVIVED),
    ("sendmail", "1/5", HELD),
    ("sendmail", "1/75", HELD),
    ("sendmail", "1/341", HELD),
    ("sendmail", "directed/sender: list", LIST),
    ("sendmail", "directed/sender: list without brackets", LIST),
    ("sendmail", "1/55", LIST),
    ("sendmail", "1/222", LIST),
    ("sendmail", "1/245", BELOW),
];
const BCC: &str = "Sendmail empties Bcc in a message without To and Cc, and drops it in others";
const CRASH: &str = "Sendmail's process ends at an ORCPT without a semicolon in ADDRCPT_PAR";
const ADDRESS: &str = "Sendmail refuses a message after a DELRCPT with a bracket that is not closed";
const REVIVED: &str =
    "Sendmail mixes the old and the new arguments of a recipient that is deleted and added again";
const HELD: &str =
    "Sendmail writes header lines without a blank in front anew when it takes a message from its queue";
const BELOW: &str = "addresses that Sendmail writes anew stand below a line that is no header";
const LIST: &str =
    "Sendmail takes the last address of a list with brackets for the sender, and none of another list";

#[test]
fn what_real_mtas_delivered_is_delivered() {
    let folder = std::env::var_os("MILTER_EDITS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edits"), PathBuf::from);
    let mut differences = Vec::new();
    for mta in ["postfix", "sendmail"] {
        let text = fs::read_to_string(folder.join(format!("{mta}.jsonl"))).unwrap();
        let mut setups = BTreeMap::new();
        let mut count = 0;
        for line in text.lines().skip(1) {
            let value: Value = serde_json::from_str(line).unwrap();
            let setup = value["setup"].as_u64().unwrap();
            if value.get("id").is_none() {
                setups.insert(setup, value);
                continue;
            }
            count += 1;
            let difference = difference(&value, &setups[&setup], mta == "sendmail");
            let id = value["id"].as_str().unwrap();
            if let Some((.., reason)) = EXCEPTIONS.iter().find(|row| row.0 == mta && row.1 == id) {
                assert!(difference.is_some(), "{mta} {id} is as recorded, but is an exception: {reason}");
            } else if let Some(difference) = difference {
                differences.push(format!("{mta} {} {}: {difference}", value["id"], value["edits"]));
            }
        }
        assert!(count >= 300, "{mta}: {count} cases");
    }
    for difference in &differences {
        println!("{difference}\n");
    }
    assert!(differences.is_empty(), "{} differences", differences.len());
}
