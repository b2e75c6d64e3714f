//! Edit sequences that real MTAs performed, and what they delivered: `message` delivers the same, byte for byte.
//!
//! The cases are in tests/edits. `interop/edits/run` records them; `MILTER_EDITS=DIRECTORY` names others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use milter_proto::message::{EditRules, Edits, EnvelopeAddress, Header, Message};
use milter_proto::mta::EditStatus;
use milter_proto::wire::{Edit, Frame, LeadingSpace, Response, Text, Tolerance};
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
    let is_dsn = |text: &Text<'_>| {
        [&b"RET="[..], b"ENVID=", b"NOTIFY="].iter().any(|name| {
            text.as_bytes().get(..name.len()).is_some_and(|front| front.eq_ignore_ascii_case(name))
        })
    };
    let mut arguments: Vec<_> =
        address.arguments().iter().filter(is_dsn).map(|text| text.as_bytes().escape_ascii().to_string()).collect();
    arguments.sort();
    format!("<{}> {}", address.mailbox().escape_ascii(), arguments.join(" "))
}

/// The message as the MTA had it when the filter was asked: with its own Received, which no filter sees.
fn message(setup: &Value, own: &Value, is_sendmail: bool) -> Message<'static> {
    let own = bytes(own);
    let unedited = setup.get("unedited").map_or_else(|| bytes(&setup["sent"]), |value| {
        let unedited = bytes(value);
        // Its own Received has another id.
        Message::parse(&unedited).headers().skip(1).map(Header::as_bytes).collect::<Vec<_>>().concat();
        let first = Message::parse(&unedited).headers().next().unwrap().as_bytes().len();
        unedited[first..].to_vec()
    });
    let mut message = Message::parse(&unedited).into_owned();
    if is_sendmail {
        message = with_defaults(setup, &unedited);
    }
    message.set_sender(address(&setup["sender"]));
    for recipient in setup["recipients"].as_array().unwrap() {
        message.add_recipient(address(recipient));
    }
    let own = Message::parse(&own).into_owned();
    message.add_trace(own.headers().next().unwrap().clone());
    message
}

/// The message, with the headers that the filter was not shown as those that Sendmail added.
fn with_defaults(setup: &Value, unedited: &[u8]) -> Message<'static> {
    let shown: Vec<_> = setup["shown"].as_array().unwrap().iter().map(texts).collect();
    let all = Message::parse(unedited);
    let (mut kept, mut defaults) = (Vec::new(), Vec::new());
    let mut expected = shown.iter().peekable();
    for header in all.headers() {
        if expected.next_if(|shown| shown[0] == header.name()).is_some() {
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

/// Applies the edits of a case.
fn deliver(case: &Value, message: &mut Message<'_>, rules: &EditRules, space: LeadingSpace) -> Result<(), String> {
    let frames = texts(&case["edits"]);
    let mut edits = Edits::new();
    for frame in &frames {
        let (code, payload) = frame.split_first().unwrap();
        match Response::parse_as(Frame::new(*code, payload), Tolerance::LENIENT).map(|decoded| decoded.value) {
            Ok(Response::Edit(edit)) => edits.push(edit, EditStatus::Negotiated).unwrap(),
            Ok(Response::Progress) => {}
            other => return Err(format!("{frame:?} is no edit: {other:?}")),
        }
    }
    let _: Option<Edit<'_>> = None;
    edits.apply(message, rules, space).map(drop).map_err(|error| error.to_string())
}

/// Why a case does not come out as recorded, if it does not.
fn difference(case: &Value, setup: &Value, is_sendmail: bool) -> Option<String> {
    let rules = if is_sendmail { EditRules::SENDMAIL } else { EditRules::POSTFIX };
    let space =
        if setup["leading_space"] == true { LeadingSpace::Preserved } else { LeadingSpace::Stripped };
    let own = case.get("own").unwrap_or(&setup["own"]);
    let mut message = message(setup, own, is_sendmail);
    let result = deliver(case, &mut message, &rules, space);
    let reply = case["reply"].as_str().unwrap();
    let is_accepted = reply.starts_with('2');
    let verdict = case["verdict"].as_str().unwrap();
    match (&result, is_accepted) {
        (Err(error), true) => return Some(format!("refused: {error}")),
        (Err(_), false) => return None,
        (Ok(()), false) if verdict.starts_with(['c', 'a']) => return Some(format!("accepted, but: {reply}")),
        (Ok(()), false) => return None,
        (Ok(()), true) if verdict.starts_with('d') => {
            return (!case["delivered"].as_array().unwrap().is_empty()).then(|| "discarded".to_owned());
        }
        (Ok(()), true) => {}
    }
    let delivered = case["delivered"].as_array().unwrap();
    let mut expected: Vec<_> = message.recipients().map(shown).collect();
    let mut got = Vec::new();
    let body = message.to_bytes();
    for one in delivered {
        got.extend(one["recipients"].as_array().unwrap().iter().map(|recipient| shown(&address(recipient))));
        let sender = shown(&address(&one["sender"]));
        if sender != shown(message.sender()) {
            return Some(format!("sender {} for {sender}", shown(message.sender())));
        }
        let text = bytes(&one["message"]);
        if text != body {
            return Some(format!("\n  ours {}\n  real {}", body.escape_ascii(), text.escape_ascii()));
        }
    }
    expected.sort();
    got.sort();
    (expected != got).then(|| format!("recipients {expected:?} for {got:?}"))
}

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
            if let Some(difference) = difference(&value, &setups[&setup], mta == "sendmail") {
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
