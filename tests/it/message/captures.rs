//! Captured sessions with real MTAs: `message` delivers what the MTA delivered.
//!
//! Each message is put together from the commands of its session, and edited as the filter asked for. What the MTA delivered
//! is in tests/captures/deliveries.json. `MILTER_CAPTURES=DIRECTORY` names further captures, in folders as in
//! tests/captures.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use milter_proto::message::{EditRules, EnvelopeAddress, Header, Message};
use milter_proto::wire::LeadingSpace;
use serde_json::Value;

use super::shown::{Shown, messages};
use crate::support::recorded::{Session, captures};

/// What is not compared in the way of the other scenarios, and why. Each is checked to be needed.
const EXCEPTIONS: &[(&str, Exception, &str)] = &[
    ("postfix/die-connect-accept", Exception::Unfiltered, GOES_ON),
    ("postfix/die-header-accept", Exception::Unfiltered, GOES_ON),
    ("postfix/die-mail-accept", Exception::Unfiltered, GOES_ON),
    ("postfix/timeout-eom", Exception::NotDelivered, "the filter replies after Postfix has stopped waiting"),
    ("sendmail/connect-discard", Exception::Unfiltered, "DISCARD to CONNECT ends filtering"),
    ("sendmail/die-connect-std", Exception::Unfiltered, GOES_ON),
    ("sendmail/die-eom-std", Exception::Unfiltered, GOES_ON),
    ("sendmail/die-mail-std", Exception::Unfiltered, GOES_ON),
    ("sendmail/kilter-many_messages", Exception::Unfiltered, GOES_ON),
    ("sendmail/leadspc", Exception::Unfolded, COMMAIZE),
    ("sendmail/neg-reject", Exception::Unfiltered, "libmilter closes the connection instead of negotiating"),
    ("sendmail/opendkim-sign-folded", Exception::Unfolded, COMMAIZE),
    ("sendmail/pymilter-folded", Exception::Unfolded, COMMAIZE),
    ("sendmail/watch-folded", Exception::Unfolded, COMMAIZE),
    (
        "sendmail/watch-long_line",
        Exception::LongLines,
        "Sendmail breaks lines of more than 990 bytes (mailer flag L)",
    ),
];

const GOES_ON: &str = "the filter closes the connection, and this MTA is set up to go on without it";
const COMMAIZE: &str = "Sendmail writes addresses in To and the like anew (`commaize` in sendmail/headers.c)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exception {
    /// The MTA delivered messages without having asked the filter.
    Unfiltered,
    /// The filter accepted a message that was not delivered.
    NotDelivered,
    /// The MTA puts the folded lines of To together.
    Unfolded,
    /// The MTA breaks long lines: they are not compared.
    LongLines,
}

/// Dialogues whose clients send an empty message: it ends with its last header, without an empty line.
const NO_EMPTY_LINE: [&str; 2] = ["empty_message", "no_body_sep"];

/// Dialogues that differ in the sender alone.
const SAME_CONTENT: [(&str, &str); 1] = [("null_sender", "plain")];

/// The scenarios whose captures are here: with a delivery, the messages delivered, those with edits, the edits, and the
/// accepted messages that nobody got.
const COUNTS: Counts = Counts { scenarios: 69, messages: 79, edited: 43, edits: 136, undelivered: 9 };

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    scenarios: usize,
    messages: usize,
    edited: usize,
    edits: usize,
    undelivered: usize,
}

#[test]
fn what_real_mtas_delivered_after_edits_is_delivered() {
    let deliveries = deliveries();
    let scenarios = Scenario::all();
    let (mut differences, mut counts) = (Vec::new(), Counts::default());
    for (name, scenario) in &scenarios {
        let delivered = deliveries.get(name).map_or(&[][..], Vec::as_slice);
        let exception = EXCEPTIONS.iter().find(|(exception, ..)| exception == name);
        let compare = |exception| scenario.compare(&scenarios, delivered, exception);
        if exception.is_some() && compare(None).is_ok() {
            differences.push(format!("{name}: the exception is not needed"));
        }
        match compare(exception.map(|(_, exception, _)| *exception)) {
            Ok(found) => counts.add(found),
            Err(difference) => differences.push(format!("{name}: {difference}")),
        }
    }
    differences.iter().for_each(|difference| println!("{difference}\n"));
    assert!(differences.is_empty(), "{} differences", differences.len());
    if std::env::var_os("MILTER_CAPTURES").is_some() {
        println!("{counts:?}");
    } else {
        assert_eq!(counts, COUNTS);
    }
}

impl Counts {
    const fn add(&mut self, other: Self) {
        self.scenarios += other.scenarios;
        self.messages += other.messages;
        self.edited += other.edited;
        self.edits += other.edits;
        self.undelivered += other.undelivered;
    }
}

/// All messages of all sessions that one dialogue caused, in order.
struct Scenario {
    is_sendmail: bool,
    dialogue: String,
    /// A filter accepted the whole connection.
    is_unfiltered: bool,
    messages: Vec<Shown>,
    /// The same messages with the second filter of a chain.
    second: Vec<Shown>,
}

impl Scenario {
    /// Compares what the messages are after all edits with what was delivered.
    fn compare(
        &self,
        all: &BTreeMap<String, Self>,
        delivered: &[Value],
        exception: Option<Exception>,
    ) -> Result<Counts, String> {
        let mut counts = Counts { scenarios: usize::from(!delivered.is_empty()), ..Counts::default() };
        let mut left: Vec<_> = delivered.iter().collect();
        let mut messages = self.messages.clone();
        if self.is_unfiltered || exception == Some(Exception::Unfiltered) {
            messages.resize_with(delivered.len(), Shown::unfiltered);
        }
        for (at, first) in messages.iter().enumerate() {
            let case = Case {
                scenario: self,
                all,
                at,
                count: messages.len(),
                filters: [Some(first), self.second.get(at)],
                exception,
            };
            if !case.is_accepted() || exception == Some(Exception::NotDelivered) {
                continue;
            }
            // Messages are delivered in any order.
            let differences: Vec<_> = left.iter().map(|delivery| case.difference(delivery)).collect();
            if let Some(place) = differences.iter().position(Option::is_none) {
                left.remove(place);
                counts.messages += 1;
                counts.edits += case.edits();
                counts.edited += usize::from(case.edits() > 0);
            } else if let Some(difference) = differences.into_iter().flatten().next() {
                return Err(format!("message {at}: {difference}"));
            } else if case.is_delivered()? {
                return Err(format!("message {at} was not delivered"));
            } else {
                counts.undelivered += 1;
            }
        }
        if left.is_empty() { Ok(counts) } else { Err(format!("{} more messages were delivered", left.len())) }
    }

    /// The scenarios of real MTAs.
    fn all() -> BTreeMap<String, Self> {
        let mut scenarios = BTreeMap::new();
        for ((mta, file), path) in files() {
            let mut parts = file.trim_end_matches(".jsonl").split('.');
            let name = format!("{mta}/{}", parts.next().unwrap());
            let is_second = parts.any(|part| part == "second");
            let text = fs::read_to_string(&path).unwrap();
            let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
            let scenario = scenarios.entry(name).or_insert_with(|| Self {
                is_sendmail: mta == "sendmail",
                dialogue: header["smtp"].as_str().unwrap().to_owned(),
                is_unfiltered: false,
                messages: Vec::new(),
                second: Vec::new(),
            });
            let (messages, is_unfiltered) = messages(&Session::read(&path));
            scenario.is_unfiltered |= is_unfiltered;
            if is_second { scenario.second.extend(messages) } else { scenario.messages.extend(messages) }
        }
        scenarios
    }
}

/// A message of a scenario.
struct Case<'s> {
    scenario: &'s Scenario,
    all: &'s BTreeMap<String, Scenario>,
    /// Its number, and how many there are.
    at: usize,
    count: usize,
    /// As each filter saw it.
    filters: [Option<&'s Shown>; 2],
    exception: Option<Exception>,
}

impl Case<'_> {
    fn filters(&self) -> impl Iterator<Item = &Shown> {
        self.filters.into_iter().flatten()
    }

    fn is_accepted(&self) -> bool {
        self.filters().all(|shown| shown.is_accepted)
    }

    fn edits(&self) -> usize {
        self.filters().map(|shown| shown.edits.len()).sum()
    }

    /// Whether anybody gets the message.
    fn is_delivered(&self) -> Result<bool, String> {
        let mut message = self.original(None)?;
        Ok(self.edit(&mut message).is_ok()
            && message.quarantine().is_none()
            && message.recipients().next().is_some())
    }

    /// Compares the edited message with one that was delivered.
    fn difference(&self, delivery: &Value) -> Option<String> {
        let text = bytes(&delivery["message"]);
        let mut message = match self.original(Some(&Message::parse(&text))) {
            Ok(message) => message,
            Err(error) => return Some(error),
        };
        if let Err(error) = self.edit(&mut message) {
            return Some(error);
        }
        let sender = delivery["from"].as_str().unwrap();
        if !is_same(message.sender(), sender) {
            return Some(format!("sender {:?}, not {sender}", message.sender()));
        }
        let mut recipients: Vec<_> = message.recipients().collect();
        for recipient in delivery["rcpts"].as_array().unwrap() {
            let recipient = recipient.as_str().unwrap();
            let Some(place) = recipients.iter().position(|ours| is_same(ours, recipient)) else {
                return Some(format!("{recipient} is not in {recipients:?}"));
            };
            recipients.remove(place);
        }
        let mut ours = message.to_bytes();
        match self.exception {
            Some(Exception::Unfolded) => ours = unfolded(&message),
            Some(Exception::LongLines) => {
                let end = ours.iter().zip(&text).take_while(|(ours, real)| ours == real).count();
                let line = ours[..end].rsplit(|&byte| byte == b'\n').next().unwrap();
                if line.len() >= 900 {
                    return None;
                }
            }
            _ => {}
        }
        if text.len() == CUT {
            ours.truncate(CUT);
        }
        if message.quarantine().is_some() {
            Some("it is held".to_owned())
        } else if !recipients.is_empty() {
            Some(format!("{recipients:?} did not get it"))
        } else if ours != text {
            Some(format!("\n  ours {}\n  real {}", ours.escape_ascii(), text.escape_ascii()))
        } else {
            None
        }
    }

    /// Applies the edits of each filter, which has seen the message as the filter before it left it.
    fn edit(&self, message: &mut Message<'_>) -> Result<(), String> {
        let rules = if self.scenario.is_sendmail { EditRules::SENDMAIL } else { EditRules::POSTFIX };
        for shown in self.filters() {
            if let Some(expected) = &shown.headers {
                let visible = message.headers().filter(|header| header.is_visible());
                let value = |header: &Header<'_>| shown.space.encode_value(header.value()).into_owned();
                let ours: Vec<_> = visible.map(|header| (header.name().to_vec(), value(header))).collect();
                if ours != *expected {
                    return Err(format!("a filter saw {expected:?}, not {ours:?}"));
                }
            }
            if shown.body.as_deref().is_some_and(|body| body != message.body()) {
                return Err("a filter saw another body".to_owned());
            }
            shown.edits.apply(message, rules, shown.space).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The message before any edit. The headers that the MTA itself adds are those of the delivery.
    fn original(&self, delivery: Option<&Message<'_>>) -> Result<Message<'static>, String> {
        let own = self.filters[0].unwrap();
        let unknown = || format!("no session shows all of {}", self.scenario.dialogue);
        let sender = own.sender.clone().or_else(|| self.alike().find_map(|other| other.sender.clone()));
        let recipients = own.recipients.clone().or_else(|| {
            // The longest list is that of a filter that refuses nobody.
            self.alike().filter_map(|other| other.recipients.clone()).max_by_key(Vec::len)
        });
        let body = own.body.clone().or_else(|| self.alike().find_map(|other| other.body.clone()));
        let with_space = |shown: &Shown| Some((shown.headers.clone()?, shown.space));
        let headers = with_space(own).or_else(|| {
            let (mut headers, space) = self.alike().find_map(with_space)?;
            if let Some(end) = headers.iter().position(is_generated) {
                headers.truncate(end);
            }
            Some((headers, space))
        });
        let body = body.ok_or_else(unknown)?;
        let (headers, space) = headers.ok_or_else(unknown)?;
        let mut raw = Vec::new();
        for (at, (name, value)) in headers.iter().enumerate() {
            // Whether there was a space after the colon is told to filters that asked for it.
            let value = self
                .with_leading_space(at, value, space)
                .unwrap_or_else(|| space.decode_value(value).into_owned());
            raw.extend_from_slice(Header::new(name, value).as_bytes());
        }
        let generated = delivery.map(|delivery| self.generated(&headers, delivery)).unwrap_or_default();
        if !self.scenario.is_sendmail {
            // Postfix adds them to the message.
            generated.iter().for_each(|header| raw.extend_from_slice(header.as_bytes()));
        }
        // Sendmail writes it anyway.
        if self.scenario.is_sendmail || !NO_EMPTY_LINE.contains(&self.scenario.dialogue.as_str()) {
            raw.extend_from_slice(b"\r\n");
        }
        raw.extend_from_slice(&body);
        let mut message = Message::parse(&raw).into_owned();
        message.set_sender(sender.ok_or_else(unknown)?);
        recipients.ok_or_else(unknown)?.into_iter().for_each(|recipient| message.add_recipient(recipient));
        if self.scenario.is_sendmail {
            generated.into_iter().for_each(|header| message.add_default(header));
        }
        if let Some(delivery) = delivery {
            message.add_trace(own_received(delivery)?);
        }
        Ok(message)
    }

    /// All bytes after the colon of a header, from a session in which filters see the leading space.
    fn with_leading_space(&self, at: usize, value: &[u8], space: LeadingSpace) -> Option<Vec<u8>> {
        let is_preserved = |other: &&Shown| other.space == LeadingSpace::Preserved;
        self.alike().filter(is_preserved).find_map(|other| {
            let (_, whole) = other.headers.as_ref()?.get(at)?;
            (space.to_wire(whole) == value).then(|| LeadingSpace::Preserved.decode_value(whole).into_owned())
        })
    }

    /// The headers of a delivery that the MTA itself added, because the message has none of that name.
    fn generated(&self, headers: &[(Vec<u8>, Vec<u8>)], delivery: &Message<'_>) -> Vec<Header<'static>> {
        let is_missing = |name: &[u8]| !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let names: [&[u8]; 3] = if self.scenario.is_sendmail {
            [b"Date", b"From", b"Message-Id"]
        } else {
            [b"Message-Id", b"Date", b"From"]
        };
        let missing = names.into_iter().filter(|name| is_missing(name));
        let find = |name: &[u8]| {
            let found = delivery.headers().find(|header| header.name() == name);
            found.map(|header| header.clone().into_owned())
        };
        // Edits can delete it.
        missing.map(|name| find(name).unwrap_or_else(|| Header::new(name, " any"))).collect()
    }

    /// The same message in other sessions: with the same MTA first, then with the other one, then those of a dialogue that
    /// differs in the sender alone.
    fn alike(&self) -> impl Iterator<Item = &Shown> {
        let dialogue = self.scenario.dialogue.as_str();
        let is_same_mta = |other: &&Scenario| other.is_sendmail == self.scenario.is_sendmail;
        let same_content = SAME_CONTENT.iter().find(|(name, _)| *name == dialogue).map(|(_, other)| *other);
        let others = self.others(dialogue).filter(is_same_mta).chain(self.others(dialogue));
        let others = others.chain(same_content.into_iter().flat_map(|dialogue| self.others(dialogue)));
        others.map(|other| &other.messages[self.at])
    }

    fn others(&self, dialogue: &str) -> impl Iterator<Item = &Scenario> {
        self.all
            .values()
            .filter(move |other| other.dialogue == dialogue && other.messages.len() == self.count)
    }
}

/// Bytes of a delivered message that were kept.
const CUT: usize = 3000;

/// The bytes of a message, with To in one line.
fn unfolded(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for header in message.headers() {
        let text = header.as_bytes().escape_ascii().to_string();
        if header.name() == b"To" {
            let line = text.trim_end_matches("\\r\\n").replace("\\r\\n\\t", " ").replace("\\r\\n  ", " ");
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        } else {
            bytes.extend_from_slice(header.as_bytes());
        }
    }
    [&bytes, &b"\r\n"[..], message.body()].concat()
}

/// Whether a header is the first of those that Postfix adds at the end.
fn is_generated((name, value): &(Vec<u8>, Vec<u8>)) -> bool {
    name == b"Message-Id" && value.ends_with(b"@mail.lab.example>")
}

/// The Received that the MTA itself added.
fn own_received(delivery: &Message<'_>) -> Result<Header<'static>, String> {
    let by = b"\tby mail.lab.example ";
    let is_own = |header: &&Header<'_>| {
        header.name() == b"Received" && header.value().windows(by.len()).any(|part| part == by)
    };
    let found = delivery.headers().find(is_own);
    found.map(|header| header.clone().into_owned()).ok_or_else(|| "no Received of the MTA".to_owned())
}

/// Whether an address and its DSN arguments are those of an envelope. The others are up to the MTA that sends the message
/// on: it adds ORCPT, and another SIZE.
fn is_same(ours: &EnvelopeAddress, delivered: &str) -> bool {
    let (address, arguments) = delivered.split_once('>').unwrap();
    let is_one_of = |names: &[&str], argument: &str| names.iter().any(|name| argument.starts_with(name));
    let got: Vec<_> = arguments.split_ascii_whitespace().collect();
    let asked: Vec<_> = ours.arguments().iter().map(|text| text.to_str().unwrap()).collect();
    let mut needed = asked.iter().filter(|text| is_one_of(&["RET=", "ENVID=", "NOTIFY=", "ORCPT="], text));
    let mut told = got.iter().filter(|text| is_one_of(&["RET=", "ENVID=", "NOTIFY="], text));
    [b"<", ours.mailbox()].concat() == address.as_bytes()
        && needed.all(|text| got.contains(text))
        && told.all(|text| asked.contains(text))
}

/// What was delivered in each scenario.
fn deliveries() -> BTreeMap<String, Vec<Value>> {
    let text = fs::read_to_string(captures().join("deliveries.json")).unwrap();
    let scenarios: Vec<Value> = serde_json::from_str(&text).unwrap();
    let name = |scenario: &Value| scenario["session"].as_str().unwrap().to_owned();
    scenarios.iter().map(|one| (name(one), one["delivered"].as_array().unwrap().clone())).collect()
}

/// Bytes of a text in which each byte is the character of that number.
fn bytes(value: &Value) -> Vec<u8> {
    value.as_str().unwrap().chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
}

/// The files of the sessions with real MTAs: the MTA, and the name.
fn files() -> BTreeMap<(&'static str, String), PathBuf> {
    let folders = std::env::var_os("MILTER_CAPTURES").map(PathBuf::from).into_iter().chain([captures()]);
    let mut files = BTreeMap::new();
    for folder in folders {
        for mta in ["postfix", "sendmail"] {
            let paths = fs::read_dir(folder.join(mta)).unwrap().map(|entry| entry.unwrap().path());
            for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")) {
                files.insert((mta, path.file_name().unwrap().to_str().unwrap().to_owned()), path);
            }
        }
    }
    files
}
