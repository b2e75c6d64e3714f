//! An SMTP session between an MTA on a chain and the client of a recorded case.

use std::collections::BTreeMap;

use milter_proto::MtaSession;
use milter_proto::macros::MacroDefaults;
use milter_proto::message::{Chain, ChainAnswer, ChainFilter, EditRules, FailureAction, Header, Message};
use milter_proto::mta::Policy;
use milter_proto::wire::{Command, Offer, Peer, TextList, Verdict};
use serde_json::Value;

use super::filters::{Entry, Io, Part, Script};
use crate::support::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mta {
    Postfix,
    Sendmail,
}

/// A case, as interop/chain wrote it.
pub(super) struct Case {
    value: Value,
}

/// Bytes of a text of the records, in which each byte is the character of that number.
fn bytes(value: &Value) -> Vec<u8> {
    value.as_str().unwrap().chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
}

impl Case {
    /// A line of tests/chain/cases.jsonl.
    pub(super) fn parse(line: &str) -> Self {
        Self { value: serde_json::from_str(line).unwrap() }
    }

    pub(super) fn name(&self) -> &str {
        self.value["name"].as_str().unwrap()
    }

    pub(super) fn is(&self, fact: &str) -> bool {
        self.value[fact] == true
    }

    pub(super) fn is_of(&self, mta: &str) -> bool {
        self.value["mtas"].as_array().unwrap().iter().any(|it| it == mta)
    }

    fn shows(&self, code: char) -> bool {
        self.value["show"].as_str().is_some_and(|show| show.contains(code))
    }

    fn scripts(&self) -> Vec<Script> {
        self.value["filters"].as_array().unwrap().iter().map(script).collect()
    }

    fn action(&self) -> FailureAction {
        match self.value["action"].as_str().unwrap() {
            "accept" => FailureAction::Accept,
            "reject" => FailureAction::Reject,
            "tempfail" => FailureAction::Tempfail,
            "shutdown" => FailureAction::Shutdown,
            "quarantine" => FailureAction::Quarantine,
            other => panic!("{other}"),
        }
    }

    /// The bytes of a message of the case.
    fn content(&self, number: usize, mta: Mta) -> Vec<u8> {
        let mut headers = self.value["headers"].as_str().unwrap().replace("%MARK", &number.to_string());
        if mta == Mta::Postfix && !headers.contains("Date:") {
            headers.push_str("Date: *\r\n");
        }
        let mut content = headers.into_bytes();
        content.extend(b"\r\n");
        match &self.value["body"] {
            Value::Number(length) => {
                content.extend(vec![b'x'; usize::try_from(length.as_u64().unwrap()).unwrap()])
            }
            body => content.extend(bytes(body)),
        }
        content
    }
}

fn script(value: &Value) -> Script {
    let number = |name: &str, default: u32| {
        value.get(name).map_or(default, |value| u32::try_from(value.as_u64().unwrap()).unwrap())
    };
    let part = |value: &Value| match value.get("fault").map(|fault| fault.as_str().unwrap()) {
        Some("closes") => Part::Close,
        Some("is silent") => Part::Silent,
        Some("sends garbage") => Part::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        Some(other) => panic!("{other}"),
        None => Part::Frame(bytes(value)),
    };
    let answers = value.get("answers").and_then(Value::as_object).into_iter().flatten();
    let lists = value.get("lists").and_then(Value::as_array).into_iter().flatten();
    Script {
        answers: answers
            .map(|(name, parts)| (name.clone(), parts.as_array().unwrap().iter().map(part).collect()))
            .collect(),
        version: number("version", 6),
        actions: number("actions", 0x1ff),
        steps: number("steps", 0),
        lists: lists
            .map(|list| {
                (u32::try_from(list[0].as_u64().unwrap()).unwrap(), list[1].as_str().unwrap().to_owned())
            })
            .collect(),
        listens_from: usize::try_from(number("listens_from", 1)).unwrap(),
    }
}

/// What the MTA says to its client: a good reply, or a code in which `x` is any digit.
fn reply(answer: &ChainAnswer) -> String {
    match answer.verdict.as_verdict() {
        Verdict::Continue | Verdict::Accept | Verdict::Skip | Verdict::Discard => String::new(),
        Verdict::Reject => "5xx".to_owned(),
        Verdict::Tempfail => "4xx".to_owned(),
        Verdict::Shutdown => "421".to_owned(),
        Verdict::Reply(reply) => reply.code().to_string(),
        other => panic!("{other:?}"),
    }
}

/// Whether a reply is one that was recorded.
pub(super) fn is_reply(ours: &str, theirs: &str) -> bool {
    if ours == "closed" || ours.is_empty() {
        return ours == theirs;
    }
    ours.len() == 3 && ours.chars().zip(theirs.chars()).all(|(one, two)| one == 'x' || one == two)
}

/// An MTA on a chain, and the SMTP client of a case (interop/chain/talk.py).
pub(super) struct Play<'c> {
    pub(super) case: &'c Case,
    pub(super) mta: Mta,
    pub(super) io: Io,
    chain: Chain<'static>,
    pub(super) replies: Vec<(String, String)>,
    mail: BTreeMap<usize, Message<'static>>,
    // The client: the number of its message, whether MAIL was accepted, and how many recipients.
    message: usize,
    is_connected: bool,
    is_open: bool,
    accepted: usize,
    // The MTA: the message that MAIL was for, and the answer to CONNECT or HELO if it is a refusal.
    is_serving: bool,
    is_filtering: bool,
    sender: Option<usize>,
    recipients: Vec<String>,
    refusal: Option<ChainAnswer>,
}

impl Play<'_> {
    pub(super) fn new(case: &Case, mta: Mta) -> Play<'_> {
        Play {
            case,
            mta,
            io: Io::new(case.scripts()),
            chain: Chain::new(EditRules::POSTFIX),
            replies: Vec::new(),
            mail: BTreeMap::new(),
            message: 0,
            is_connected: false,
            is_open: false,
            accepted: 0,
            is_serving: false,
            is_filtering: false,
            sender: None,
            recipients: Vec::new(),
            refusal: None,
        }
    }

    // The client.

    pub(super) fn play(&mut self) {
        self.connect();
        let case = self.case;
        for step in case.value["steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()) {
            if step == "again" {
                self.leave();
                self.connect();
            } else if self.is_connected {
                self.take(step);
            } else if step == "MAIL" {
                self.message += 1;
            }
        }
        self.leave();
    }

    fn take(&mut self, step: &str) {
        let is_rude = self.case.is("is_rude");
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        match verb {
            "EHLO" => drop(self.say(step, Self::greet)),
            "MAIL" => {
                self.message += 1;
                if self.is_open && !is_rude && !self.say("RSET", Self::reset) {
                    return;
                }
                self.accepted = 0;
                self.is_open = self.say(step, Self::mail);
            }
            "RCPT" if self.is_open || is_rude => {
                let address =
                    if rest.contains('|') { rest.to_owned() } else { format!("{rest}@rcpt.example") };
                self.accepted += usize::from(self.say(step, |mta| mta.recipient(&format!("<{address}>"))));
            }
            "DATA" if self.accepted > 0 || is_rude => {
                if self.say("DATA", Self::data) && rest != "half" {
                    self.say("end", Self::content);
                    (self.accepted, self.is_open) = (0, false);
                }
            }
            "RCPT" | "DATA" => {}
            "leave" => self.leave(),
            "RSET" => {
                self.say(step, Self::reset);
                self.is_open = false;
            }
            "QUIT" => drop(self.say(step, Self::quit)),
            _ => drop(self.say(step, Self::unknown)),
        }
    }

    fn leave(&mut self) {
        self.is_connected = false;
        self.quit();
    }

    /// Says something, and keeps the reply. Returns whether it is a good one.
    fn say(&mut self, step: &str, serve: impl FnOnce(&mut Self) -> String) -> bool {
        let reply = if self.is_serving { serve(self) } else { "closed".to_owned() };
        self.is_connected &= reply != "closed";
        // 521 is one refusal of many to Sendmail, and 554 to a client that connects.
        if reply == "421" || reply == "521" && self.mta == Mta::Postfix {
            self.quit();
        }
        self.replies.push((step.to_owned(), reply.clone()));
        reply.is_empty()
    }

    // The MTA.

    fn ask(&mut self, command: Command<'_>) -> ChainAnswer {
        self.io.ask(&mut self.chain, command)
    }

    fn connect(&mut self) {
        let is_postfix = self.mta == Mta::Postfix;
        let (rules, policy, defaults) = if is_postfix {
            (EditRules::POSTFIX, Policy::POSTFIX, MacroDefaults::POSTFIX)
        } else {
            (EditRules::SENDMAIL, Policy::SENDMAIL, MacroDefaults::SENDMAIL)
        };
        self.chain = Chain::new(rules);
        for number in 0..self.io.filters.len() {
            let action = if number == 1 { self.case.action() } else { FailureAction::Tempfail };
            let session = MtaSession::with_policy(policy);
            let filter = ChainFilter::new().with_session(session).with_macro_defaults(defaults);
            self.chain.add(filter.with_failure_action(action));
        }
        for name in ["j", "i", "{daemon_name}", "{mail_mailer}", "{rcpt_mailer}", "{client_addr}", "{msg_id}"]
        {
            self.chain.macros_mut().set(text(name.as_bytes()), text(b"*"));
        }
        (self.is_connected, self.is_serving, self.is_filtering) = (true, true, true);
        (self.is_open, self.sender, self.refusal) = (false, None, None);
        self.recipients.clear();
        self.io.begin_session();
        self.say("connect", |mta| {
            let mut answer = mta.ask(Command::Negotiate(Offer::FULL));
            // CHN-25: Postfix sends CONNECT to the filters before one that cannot be used.
            if answer.passes() || mta.mta == Mta::Postfix {
                answer = mta.ask(Command::Connect { host: text(b"client.example"), peer: Peer::Unknown });
            }
            match mta.refused_early(answer).as_str() {
                "421" => "421".to_owned(),
                code if code.starts_with('5') => "554".to_owned(),
                _ => String::new(),
            }
        });
    }

    /// Keeps a refusal of CONNECT or HELO: Sendmail is done with all filters.
    fn refused_early(&mut self, answer: ChainAnswer) -> String {
        let reply = reply(&answer);
        if !reply.is_empty() {
            self.refusal = Some(answer);
            if self.mta == Mta::Sendmail {
                self.quit();
                self.is_serving = true;
            }
        }
        reply
    }

    fn greet(&mut self) -> String {
        if self.sender.is_some() {
            self.reset();
        }
        if !self.is_filtering {
            return String::new();
        }
        let answer = self.ask(Command::Helo { name: text(b"client.example") });
        if self.refused_early(answer) == "421" { "421".to_owned() } else { String::new() }
    }

    fn mail(&mut self) -> String {
        if self.sender.is_some() {
            return "503".to_owned();
        }
        if let (Mta::Sendmail, Some(refusal)) = (self.mta, &self.refusal) {
            return reply(refusal);
        }
        let sender = format!("<{}@sender.example>", self.message);
        let answer =
            self.ask(Command::MailFrom { address: text(sender.as_bytes()), arguments: TextList::EMPTY });
        let reply = reply(&answer);
        if reply.is_empty() {
            self.sender = Some(self.message);
            self.recipients.clear();
        } else {
            assert_eq!(self.io.in_message(), Vec::<usize>::new(), "after refused MAIL");
        }
        reply
    }

    fn recipient(&mut self, address: &str) -> String {
        let command = Command::RcptTo { address: text(address.as_bytes()), arguments: TextList::EMPTY };
        let refused = match (self.mta, address) {
            // Sendmail's check_rcpt: filters do not see it.
            (Mta::Sendmail, "<nobody@rcpt.example>") => return "550".to_owned(),
            (Mta::Sendmail, "<|prog>") => "550",
            (Mta::Postfix, "<nobody@rcpt.example>") => "554",
            _ => "",
        };
        if !refused.is_empty() {
            self.chain.send_rejected(command).unwrap();
            self.io.run(&mut self.chain);
            return refused.to_owned();
        }
        let answer = self.ask(command);
        let reply = reply(&answer);
        if reply.is_empty() {
            self.recipients.push(address.to_owned());
        }
        reply
    }

    fn data(&mut self) -> String {
        let answer = self.ask(Command::Data);
        reply(&answer)
    }

    fn content(&mut self) -> String {
        let content = self.case.content(self.message, self.mta);
        let mut message = Message::parse(&content).into_owned();
        message.set_sender(text(format!("<{}@sender.example>", self.sender.take().unwrap()).as_bytes()));
        for recipient in self.recipients.drain(..) {
            message.add_recipient(text(recipient.as_bytes()));
        }
        message.add_trace(Header::new("Received", "*"));
        self.chain.send_message(message).unwrap();
        let answer = self.io.run(&mut self.chain);
        assert_eq!(self.io.in_message(), Vec::<usize>::new(), "after the message");
        if answer.passes() {
            self.mail.insert(self.message, self.chain.take_message().unwrap());
        }
        reply(&answer)
    }

    fn reset(&mut self) -> String {
        if self.is_filtering {
            self.ask(Command::Abort);
            assert_eq!(self.io.in_message(), Vec::<usize>::new(), "after ABORT");
        }
        self.sender = None;
        String::new()
    }

    fn unknown(&mut self) -> String {
        if !self.is_filtering {
            return "500".to_owned();
        }
        let answer = self.ask(Command::Unknown { line: text(b"FOO") });
        let reply = reply(&answer);
        if reply.is_empty() { "500".to_owned() } else { reply }
    }

    fn quit(&mut self) -> String {
        self.is_serving = false;
        if core::mem::take(&mut self.is_filtering) {
            self.ask(Command::Quit);
            self.io.assert_left();
        }
        String::new()
    }

    // What came of it, in the form of the records: interop/chain/show.py.

    /// The line about mail.
    pub(super) fn mail_line(&self) -> String {
        let steps = self.case.value["steps"].as_array().unwrap();
        let count = steps.iter().filter(|step| *step == "MAIL").count();
        let numbers: Vec<_> =
            (1..=count).map(|number| format!("{number}: {}", self.outcome(number))).collect();
        numbers.join("; ")
    }

    fn outcome(&self, number: usize) -> String {
        let Some(message) = self.mail.get(&number) else { return "nothing".to_owned() };
        if let Some(reason) = message.quarantine() {
            let mut words = vec!["held".to_owned()];
            // Postfix 3.7 does not keep the reason.
            if self.mta == Mta::Sendmail {
                words.push(escaped(reason));
            }
            let names = message.headers().map(|header| escaped(header.name()));
            let mut added: Vec<_> = names.filter(|name| name.starts_with("X-") && name != "X-Two").collect();
            added.sort();
            words.extend(added);
            return words.join(" ");
        }
        let mut recipients: Vec<_> = message
            .recipients()
            .map(|it| escaped(it.mailbox().split(|&byte| byte == b'@').next().unwrap()))
            .collect();
        if recipients.is_empty() {
            return "nothing".to_owned();
        }
        recipients.sort();
        let sender = escaped(message.sender().address().as_bytes());
        let told = if sender == format!("<{number}@sender.example>") {
            String::new()
        } else {
            format!("from {sender} ")
        };
        format!("{told}to {}", recipients.join(" "))
    }

    /// The lines of the messages that were delivered.
    pub(super) fn delivered_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let delivered =
            self.mail.values().filter(|it| it.quarantine().is_none() && it.recipients().count() > 0);
        for message in delivered.filter(|_| self.case.is("edits")) {
            for header in message.headers() {
                let line = format!("{}:{}", escaped(header.name()), escaped(header.value()));
                lines.push(line.trim_end().to_owned());
            }
            lines.push(format!("body {}", escaped(message.body())).trim_end().to_owned());
        }
        lines
    }

    /// What a filter received, without ABORT and QUIT.
    pub(super) fn tokens(&self, filter: usize) -> Vec<String> {
        let mut tokens = Vec::new();
        let mut last = 1;
        for entry in self.io.tape.iter().filter(|entry| entry.filter == filter) {
            if entry.connection != last {
                tokens.push("|".to_owned());
                last = entry.connection;
            }
            tokens.extend(self.token(entry));
        }
        tokens
    }

    fn token(&self, entry: &Entry) -> Option<String> {
        let Entry { code, payload, answer, .. } = entry;
        let faults = answer.iter().filter_map(|part| match part {
            Part::Frame(_) => None,
            Part::Bytes(_) => Some("!sends garbage"),
            Part::Close => Some("!closes"),
            Part::Silent => Some("!is silent"),
        });
        let faults: String = faults.collect();
        Some(match code {
            'A' | 'Q' => return None,
            'D' if !self.case.shows('D') || !b"CMR".contains(&payload[0]) => return None,
            'D' => format!("D{}", char::from(payload[0])),
            'O' => format!("O{faults}"),
            _ => {
                let mut token = code.to_string();
                if self.case.shows(*code) && !payload.is_empty() {
                    token += &format!("{{{}}}", texts(payload));
                }
                if answer.is_empty() {
                    return Some(token + "-");
                }
                let frames: Vec<_> = answer
                    .iter()
                    .filter_map(|part| match part {
                        Part::Frame(frame) => Some(frame.as_slice()),
                        _ => None,
                    })
                    .collect();
                if !frames.is_empty() && frames != [b"c"] {
                    let replies: Vec<_> = frames.into_iter().map(shown_reply).collect();
                    token += &format!("<{}", replies.join(","));
                }
                token + &faults
            }
        })
    }
}

/// A verdict, or an edit with its arguments.
fn shown_reply(frame: &[u8]) -> String {
    let (code, rest) = (char::from(frame[0]), &frame[1..]);
    match code {
        'y' => format!("y{}", escaped(rest.split(|&byte| byte == b' ').next().unwrap())),
        _ if rest.is_empty() => code.to_string(),
        'i' | 'm' => {
            let number = u32::from_be_bytes(rest[..4].try_into().unwrap());
            format!("{code}{{{number}|{}}}", texts(&rest[4..]))
        }
        _ => format!("{code}{{{}}}", texts(rest)),
    }
}

fn texts(payload: &[u8]) -> String {
    let payload = payload.strip_suffix(b"\0").unwrap_or(payload);
    payload.split(|&byte| byte == 0).map(escaped).collect::<Vec<_>>().join("|")
}

/// Bytes as Python's unicode_escape shows them.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'\'' | b'"' => text.push(char::from(byte)),
            _ => text.extend(byte.escape_ascii().map(char::from)),
        }
    }
    text
}
