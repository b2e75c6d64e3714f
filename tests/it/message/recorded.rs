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
    // It is empty where an edit took the header of the MTA itself.
    let own = case.get("own").filter(|own| *own != "").unwrap_or(&setup["own"]);
    let mut message = message(setup, own, is_sendmail);
    let unedited = message.to_bytes();
    let result = deliver(case, &mut message, is_sendmail, space);
    let is_accepted = case.get("reply").is_none_or(|reply| reply.as_str().unwrap().starts_with('2'));
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
    // What is left in the queue, or came back, has an address that the MTA could not use.
    let is_whole = case.get("left").or(case.get("bounces")).is_none();
    (expected != got && is_whole && !has_odd_address).then(|| format!("recipients {expected:?} for {got:?}"))
}

/// Why a case is not expected to come out as recorded.
fn exception(case: &Value, is_sendmail: bool) -> Option<&'static str> {
    let id = case["id"].as_str().unwrap();
    let edits = texts(&case["edits"]);
    let has = |code: u8, is_meant: &dyn Fn(&str) -> bool| {
        edits.iter().any(|edit| edit[0] == code && is_meant(&String::from_utf8_lossy(&edit[1..])))
    };
    if !is_sendmail {
        return None;
    }
    if has(b'2', &|text| text.contains("ORCPT=") && !text.contains(';')) {
        return Some("Sendmail's process ends at an ORCPT without a semicolon in ADDRCPT_PAR");
    }
    if has(b'e', &|text| text.contains(',')) {
        return Some(
            "Sendmail takes the last address of a list with brackets for the sender, and none of another list",
        );
    }
    match id {
        "directed/add Bcc to a bare message" => Some("Sendmail empties Bcc in a message without To and Cc"),
        "directed/delete recipient: no closing bracket"
        | "directed/delete recipient: list by blank, no brackets" => {
            Some("Sendmail refuses a message after a DELRCPT with an address that it cannot read")
        }
        _ => None,
    }
}

#[test]
fn what_real_mtas_delivered_is_delivered() {
    let folder = std::env::var_os("MILTER_EDITS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edits"), PathBuf::from);
    let mut differences = Vec::new();
    // How often each reason was needed.
    let mut exceptions = BTreeMap::new();
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
            let is_sendmail = mta == "sendmail";
            let difference = difference(&value, &setups[&setup], is_sendmail);
            match (exception(&value, is_sendmail), difference) {
                (Some(reason), Some(_)) => *exceptions.entry(reason).or_insert(0) += 1,
                (Some(_), None) | (None, None) => {}
                (None, Some(difference)) => {
                    differences.push(format!("{mta} {} {}: {difference}", value["id"], value["edits"]));
                }
            }
        }
        assert!(count >= 300, "{mta}: {count} cases");
    }
    for difference in &differences {
        println!("{difference}\n");
    }
    assert!(differences.is_empty(), "{} differences", differences.len());
    println!("{exceptions:#?}");
    assert_eq!(exceptions.len(), 4, "a reason that is not needed any more, or a new one: {exceptions:#?}");
}
