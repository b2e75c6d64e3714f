//! The rules of edits against a model of both MTAs that is slow and obvious: it does what the C sources do, one list after
//! another.

use milter_proto::message::{ApplyError, EditRules, Edits, EnvelopeAddress, Header, Message};
use milter_proto::mta::EditStatus;
use milter_proto::wire::{DataSize, Edit, EditBuf, LeadingSpace};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::text;

const RECEIVED: &[u8] = b"Received: from client.example\r\n\tby mail.example\r\n";

/// Addresses of the recipients and in edits.
const ADDRESSES: [&str; 4] = ["a@x.example", "b@x.example", "A@x.example", "c@y.example"];

/// Names of headers, in messages and edits.
const NAMES: [&str; 6] = ["X-A", "x-a", "Subject", "Received", "Date", "Message-Id"];

/// Names in edits alone: those that Sendmail does not deliver by SMTP, and those that are no names.
const ODD_NAMES: [&str; 6] = ["Return-Path", "full-name", "Resent-To", "X Y", "X:Z", "X-Gr\u{fc}"];

/// A name that ends its line. Sendmail compares it with itself, which `message` does not.
const BROKEN_NAME: [&str; 1] = ["X-\n"];

const VALUES: [&str; 8] =
    ["one", "", " two", "three\n four", "five\nsix", "\tseven\n", "\n eight", "nine\r\n\tten"];

/// What an MTA would deliver.
#[derive(Debug, PartialEq, Eq)]
struct Delivered {
    headers: String,
    body: String,
    sender: String,
    recipients: Vec<String>,
}

/// A message before the edits, in parts from which both the model and `message` are made.
#[derive(Clone, Debug)]
struct Original {
    /// Whole headers.
    headers: Vec<Vec<u8>>,
    body: Vec<u8>,
    recipients: Vec<&'static str>,
    sender_arguments: Vec<&'static str>,
    has_defaults: bool,
}

impl Original {
    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|header| is_named(name_of(header), name.as_bytes()))
    }

    /// The headers that Sendmail adds if the message has none of that name.
    fn default(&self, name: &str) -> Option<Vec<u8>> {
        let is_default = ["Date", "From", "Message-Id"].contains(&name);
        (self.has_defaults && is_default && !self.has(name))
            .then(|| format!("{name}: default\r\n").into_bytes())
    }

    fn message(&self, is_sendmail: bool) -> Message<'static> {
        let raw = [&self.headers.concat(), &b"\r\n"[..], &self.body].concat();
        let mut message = Message::parse(&raw).into_owned();
        let arguments = self.sender_arguments.iter().map(|argument| text(argument.as_bytes()));
        message.set_sender(EnvelopeAddress::new(text(b"<a@s.example>")).with_arguments(arguments));
        for recipient in &self.recipients {
            message.add_recipient(text(format!("<{recipient}>").as_bytes()));
        }
        for name in ["Date", "From", "Message-Id"] {
            if let Some(header) = self.default(name).filter(|_| is_sendmail) {
                message.add_default(Message::parse(&header).headers().next().unwrap().clone().into_owned());
            }
        }
        message.add_trace(Message::parse(RECEIVED).headers().next().unwrap().clone());
        message
    }
}

fn name_of(header: &[u8]) -> &[u8] {
    header.split(|byte| *byte == b':').next().unwrap().trim_ascii_end()
}

fn is_named(name: &[u8], other: &[u8]) -> bool {
    name.eq_ignore_ascii_case(other)
}

/// A header as an MTA writes it from an edit: the lines, all but the first with a blank in front.
fn written(name: &[u8], value: &[u8], space: LeadingSpace, fold: u8) -> Vec<u8> {
    let mut bytes = [name, b":", space.before()].concat();
    bytes.extend_from_slice(value);
    let mut out = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if at > 0 && !matches!(line.first(), Some(b' ' | b'\t')) {
            out.push(fold);
        }
        // A CR is kept.
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Postfix: the body that these chunks make. A line ends with LF, and loses a CR before that.
fn postfix_body(chunks: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in chunks.concat().split_inclusive(|byte| *byte == b'\n') {
        let whole = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n"));
        out.extend_from_slice(whole.unwrap_or(line));
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Sendmail: `milter_replbody`, which keeps a CR for the LF of the next chunk, writes it for each empty one, and again at the
/// end.
fn sendmail_body(chunks: &[&[u8]]) -> Vec<u8> {
    let (mut file, mut is_kept) = (Vec::new(), false);
    for chunk in chunks {
        if is_kept && chunk.first() != Some(&b'\n') {
            file.push(b'\r');
        }
        for (at, byte) in chunk.iter().enumerate() {
            is_kept = *byte == b'\r' && at + 1 == chunk.len();
            if *byte != b'\r' || !is_kept && chunk.get(at + 1) != Some(&b'\n') {
                file.push(*byte);
            }
        }
    }
    if is_kept {
        file.push(b'\r');
    }
    // Each LF of the file is a line end.
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    lines.flat_map(|line| [line.strip_suffix(b"\n").unwrap_or(line), b"\r\n"].concat()).collect()
}

/// Postfix: src/cleanup/cleanup_milter.c.
struct Postfix {
    headers: Vec<Vec<u8>>,
    space: LeadingSpace,
}

impl Postfix {
    /// `cleanup_find_header_start`: the place of a header, counted from 1. It looks no further than a line that is not a
    /// header, and does not count the own Received of Postfix if a name is given (`hidden_header`).
    fn find(&self, index: usize, name: Option<&[u8]>) -> Option<usize> {
        let (mut left, mut is_own_hidden) = (index, false);
        for (at, header) in self.headers.iter().enumerate() {
            let line = header.split(|byte| *byte == b'\r').next().unwrap();
            let label = name_of(line);
            let is_header =
                line.contains(&b':') && !label.is_empty() && label.iter().all(|byte| byte.is_ascii_graphic());
            if !is_header {
                return None;
            }
            let is_counted = match name {
                None => true,
                Some(name) if !is_named(label, name) => false,
                // `hidden_header` takes the first line that the own Received begins with for it.
                Some(_) if !is_own_hidden && RECEIVED.starts_with(line) => {
                    is_own_hidden = true;
                    false
                }
                Some(_) => true,
            };
            left -= usize::from(is_counted);
            if left == 0 {
                return Some(at);
            }
        }
        None
    }

    fn apply(&mut self, edit: &Edit<'_>) {
        match *edit {
            Edit::AddHeader { name, value } => {
                self.headers.push(written(name.as_bytes(), value.as_bytes(), self.space, b'\t'));
            }
            Edit::InsertHeader { index, name, value } => {
                let place = self.find(usize::try_from(index).unwrap().saturating_add(1), None);
                let header = written(name.as_bytes(), value.as_bytes(), self.space, b'\t');
                self.headers.insert(place.unwrap_or(self.headers.len()), header);
            }
            Edit::ChangeHeader { index, name, value } => {
                let place = self.find(usize::try_from(index.max(1)).unwrap(), Some(name.as_bytes()));
                let header = written(name.as_bytes(), value.as_bytes(), self.space, b'\t');
                match place {
                    Some(place) if value.is_empty() => drop(self.headers.remove(place)),
                    Some(place) => self.headers[place] = header,
                    None if value.is_empty() => {}
                    None => self.headers.push(header),
                }
            }
            _ => {}
        }
    }
}

/// An entry of Sendmail's list of headers (`HDR`).
#[derive(Debug)]
struct Entry {
    field: Vec<u8>,
    /// The bytes that are written, unless the entry has no value.
    value: Option<Vec<u8>>,
    /// `H_USER`: the client or a filter gave it.
    is_user: bool,
}

impl Entry {
    /// `H_TRACE` in sendmail/conf.c.
    fn is_trace(&self) -> bool {
        is_named(&self.field, b"Received")
    }

    /// Whether an SMTP mailer writes it: `H_ACHECK` and `H_RESENT` in sendmail/conf.c. No message here is a resent one.
    fn is_written(&self) -> bool {
        !is_named(&self.field, b"Return-Path")
            && !is_named(&self.field, b"Full-Name")
            && !self.field.to_ascii_lowercase().starts_with(b"resent-")
    }
}

/// Sendmail: sendmail/milter.c and sendmail/headers.c.
struct Sendmail {
    headers: Vec<Entry>,
    space: LeadingSpace,
}

impl Sendmail {
    fn new(original: &Original, space: LeadingSpace) -> Self {
        let names = ["Return-Path", "Received", "Resent-Date", "Date", "Resent-From", "From", "Full-Name"];
        let mut headers = Vec::new();
        for name in names.into_iter().chain(["Resent-Message-Id", "Message-Id"]) {
            let value = if name == "Received" { Some(RECEIVED.to_vec()) } else { original.default(name) };
            headers.push(Entry { field: name.as_bytes().to_vec(), value, is_user: false });
        }
        for header in &original.headers {
            let field = name_of(header).to_vec();
            headers.push(Entry { field, value: Some(header.clone()), is_user: true });
        }
        Self { headers, space }
    }

    /// `milter_headers`: deleted headers do not count for the next filter.
    fn begin_filter(&mut self) {
        self.headers.iter_mut().filter(|entry| entry.value.is_none()).for_each(|entry| entry.is_user = false);
    }

    fn entry(&self, name: &[u8], value: &[u8]) -> Entry {
        let value = written(name, value, self.space, b' ');
        Entry { field: name.to_vec(), value: Some(value), is_user: true }
    }

    /// `addheader`: above the first of that name.
    fn add(&mut self, name: &[u8], value: &[u8]) {
        let place = self.headers.iter().position(|entry| is_named(&entry.field, name));
        let entry = self.entry(name, value);
        self.headers.insert(place.unwrap_or(self.headers.len()), entry);
    }

    /// Gives an entry another value. It keeps its name.
    fn replace(&mut self, at: usize, value: &[u8]) {
        let field = self.headers[at].field.clone();
        self.headers[at] = self.entry(&field, value);
    }

    fn apply(&mut self, edit: &Edit<'_>) {
        match *edit {
            Edit::AddHeader { name, value } if !name.is_empty() => {
                let (name, value) = (name.as_bytes(), value.as_bytes());
                let default = self
                    .headers
                    .iter()
                    .position(|entry| is_named(&entry.field, name) && !entry.is_user && !entry.is_trace());
                match default {
                    Some(at) => self.replace(at, value),
                    None => self.add(name, value),
                }
            }
            Edit::InsertHeader { index, name, value } if !name.is_empty() => {
                // `insheader` links the new one below the one that it finds.
                let index = usize::try_from(i32::from_be_bytes(index.to_be_bytes()).max(0)).unwrap();
                let entry = self.entry(name.as_bytes(), value.as_bytes());
                self.headers.insert((index + 1).min(self.headers.len()), entry);
            }
            Edit::ChangeHeader { index, name, value } if !name.is_empty() => {
                let (name, value) = (name.as_bytes(), value.as_bytes());
                // 0x80000000 becomes the largest number.
                let mut left = i32::from_be_bytes(index.to_be_bytes());
                let (mut found, mut default) = (None, None);
                for (at, entry) in self.headers.iter().enumerate() {
                    if !is_named(&entry.field, name) {
                        continue;
                    }
                    if entry.is_user {
                        left = left.wrapping_sub(1);
                        if left <= 0 {
                            found = Some(at);
                            break;
                        }
                    } else if !entry.is_trace() {
                        default = Some(at);
                    }
                }
                match found.or(default) {
                    Some(at) if value.is_empty() => self.headers[at].value = None,
                    Some(at) => self.replace(at, value),
                    None if value.is_empty() => {}
                    None => self.add(name, value),
                }
            }
            _ => {}
        }
    }

    fn written(&self) -> Vec<u8> {
        let written = self.headers.iter().filter(|entry| entry.is_written());
        written.filter_map(|entry| entry.value.clone()).collect::<Vec<_>>().concat()
    }
}

/// The envelope in both MTAs.
struct Envelope {
    is_sendmail: bool,
    sender: String,
    sender_arguments: Vec<String>,
    /// Address, arguments, and whether an edit added it.
    recipients: Vec<(String, Vec<String>, bool)>,
    /// Those that were deleted. Sendmail keeps them (`QS_REMOVED`).
    deleted: Vec<(String, Vec<String>, bool)>,
}

impl Envelope {
    fn apply(&mut self, edit: &Edit<'_>) {
        match *edit {
            Edit::ChangeFrom { address, arguments } => {
                self.sender = bare(address.to_str().unwrap()).to_owned();
                let Some(arguments) = arguments else { return };
                let arguments = words(arguments.to_str().unwrap());
                if self.is_sendmail {
                    // `reset_mail_esmtp_args`, then those that `mail_esmtp_args` knows, up to the first that it does not.
                    let is_known = |argument: &String| !is_of_recipient(argument);
                    self.sender_arguments = arguments.into_iter().take_while(is_known).collect();
                } else {
                    // `cleanup_chg_from`: a later record counts.
                    for argument in arguments {
                        let name = argument.split('=').next().unwrap();
                        if ["RET", "ENVID"].contains(&name) {
                            self.sender_arguments.retain(|old| old.split('=').next().unwrap() != name);
                            self.sender_arguments.push(argument);
                        }
                    }
                }
            }
            Edit::AddRcpt { address } => self.add(address.to_str().unwrap(), Vec::new()),
            Edit::AddRcptWithArguments { address, arguments } => {
                let arguments =
                    arguments.map_or_else(Vec::new, |arguments| words(arguments.to_str().unwrap()));
                self.add(address.to_str().unwrap(), arguments);
            }
            Edit::DeleteRcpt { address } => {
                for address in self.list(address.to_str().unwrap()) {
                    self.deleted
                        .extend(self.recipients.iter().filter(|(known, ..)| *known == address).cloned());
                    self.recipients.retain(|(known, ..)| *known != address);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, addresses: &str, mut arguments: Vec<String>) {
        if self.is_sendmail && !arguments.iter().all(|argument| is_of_recipient(argument)) {
            // `rcpt_esmtp_args` does not know it.
            return;
        }
        arguments.retain(|argument| is_of_recipient(argument));
        for address in self.list(addresses) {
            let is_known = self.recipients.iter().any(|(known, known_arguments, is_added)| {
                // Postfix has two lists: what it adds is compared with what it has added.
                // It ignores case (`BH_FLAG_FOLD`), but only there.
                if self.is_sendmail {
                    *known == address
                } else {
                    let key =
                        |address: &str, arguments: &[String]| shown(address, arguments).to_ascii_lowercase();
                    *is_added && key(known, known_arguments) == key(&address, &arguments)
                }
            });
            // As it was when it was deleted last.
            let known = self.deleted.iter().rev().find(|(known, ..)| self.is_sendmail && *known == address);
            if let Some((_, old, is_added)) = known {
                // It comes back with its ORCPT, and with the flags of both (`QINHERITEDBITS`).
                if !is_known {
                    let revived = joined(old, &arguments);
                    self.recipients.push((address, revived, *is_added));
                }
            } else if !is_known {
                self.recipients.push((address, arguments.clone(), true));
            }
        }
    }

    fn list(&self, addresses: &str) -> Vec<String> {
        let all = addresses.split(',').map(|address| bare(address.trim()).to_owned());
        all.take(if self.is_sendmail { usize::MAX } else { 1 }).collect()
    }
}

fn bare(address: &str) -> &str {
    address.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(address)
}

/// The arguments of a recipient that comes back, for which NOTIFY is asked a second time.
fn joined(old: &[String], new: &[String]) -> Vec<String> {
    let notify = |arguments: &[String]| {
        let found = arguments.iter().find_map(|argument| argument.strip_prefix("NOTIFY="));
        found.map(str::to_owned)
    };
    let mut arguments: Vec<_> =
        old.iter().filter(|argument| !argument.starts_with("NOTIFY=")).cloned().collect();
    let both = [notify(old), notify(new)];
    if both.iter().any(Option::is_some) {
        // Without NOTIFY, Sendmail tells about failure and delay.
        let events: Vec<_> = both
            .map(|events| events.unwrap_or_else(|| "FAILURE,DELAY".to_owned()))
            .join(",")
            .split(',')
            .map(str::to_owned)
            .collect();
        let mut events: Vec<_> = ["SUCCESS", "FAILURE", "DELAY"]
            .into_iter()
            .filter(|event| events.iter().any(|known| known == event))
            .collect();
        if events.is_empty() {
            events.push("NEVER");
        }
        arguments.push(format!("NOTIFY={}", events.join(",")));
    }
    arguments
}

fn is_of_recipient(argument: &str) -> bool {
    argument.starts_with("NOTIFY=") || argument.starts_with("ORCPT=")
}

fn words(arguments: &str) -> Vec<String> {
    arguments.split_ascii_whitespace().map(str::to_owned).collect()
}

/// The model of a whole message. Each list of edits is that of a filter.
fn model(original: &Original, is_sendmail: bool, filters: &[(Vec<EditBuf>, LeadingSpace)]) -> Delivered {
    let mut postfix = Postfix { headers: vec![RECEIVED.to_vec()], space: LeadingSpace::Stripped };
    postfix.headers.extend(original.headers.iter().cloned());
    let mut sendmail = Sendmail::new(original, LeadingSpace::Stripped);
    let mut envelope = Envelope {
        is_sendmail,
        sender: "a@s.example".to_owned(),
        sender_arguments: original.sender_arguments.iter().map(ToString::to_string).collect(),
        recipients: original
            .recipients
            .iter()
            .map(|address| (address.to_string(), Vec::new(), false))
            .collect(),
        deleted: Vec::new(),
    };
    let mut body = original.body.clone();
    for (edits, space) in filters {
        (postfix.space, sendmail.space) = (*space, *space);
        sendmail.begin_filter();
        let mut chunks = Vec::new();
        for edit in edits {
            let edit = edit.as_edit();
            postfix.apply(&edit);
            sendmail.apply(&edit);
            envelope.apply(&edit);
            if let Edit::ReplaceBody { chunk } = edit {
                chunks.push(chunk);
            }
        }
        if !chunks.is_empty() {
            body = if is_sendmail { sendmail_body(&chunks) } else { postfix_body(&chunks) };
        }
    }
    let headers = if is_sendmail { sendmail.written() } else { postfix.headers.concat() };
    let recipients = envelope.recipients.iter().map(|(address, arguments, _)| shown(address, arguments));
    let mut recipients: Vec<_> = recipients.collect();
    recipients.sort();
    Delivered {
        headers: headers.escape_ascii().to_string(),
        body: body.escape_ascii().to_string(),
        sender: shown(&envelope.sender, &envelope.sender_arguments),
        recipients,
    }
}

fn shown(address: &str, arguments: &[String]) -> String {
    let mut arguments = arguments.to_vec();
    arguments.sort();
    format!("<{address}> {}", arguments.join(" "))
}

fn shown_address(address: &EnvelopeAddress) -> String {
    let arguments: Vec<_> =
        address.arguments().iter().map(|text| text.to_str().unwrap().to_owned()).collect();
    shown(core::str::from_utf8(address.mailbox()).unwrap(), &arguments)
}

/// The same with `message`.
fn applied(
    original: &Original,
    is_sendmail: bool,
    filters: &[(Vec<EditBuf>, LeadingSpace)],
) -> Result<Delivered, ApplyError> {
    let rules = if is_sendmail { EditRules::SENDMAIL } else { EditRules::POSTFIX };
    let mut message = original.message(is_sendmail);
    for (list, space) in filters {
        let mut edits = Edits::new();
        list.iter().for_each(|edit| edits.push(edit.as_edit(), EditStatus::Negotiated).unwrap());
        let before = message.clone();
        let result = edits.apply(&mut message, rules, *space);
        if result.is_err() {
            assert_eq!(message, before, "all or none");
        }
        let outcomes = result?;
        assert_eq!(outcomes.len(), list.len());
        for (edit, outcome) in list.iter().zip(outcomes) {
            assert!(outcome.effect.is_some() || outcome.ignored.is_some(), "{edit:?}: {outcome:?}");
        }
    }
    let headers = message.headers().map(Header::as_bytes).collect::<Vec<_>>().concat();
    let mut recipients: Vec<_> = message.recipients().map(shown_address).collect();
    recipients.sort();
    Ok(Delivered {
        headers: headers.escape_ascii().to_string(),
        body: message.body().escape_ascii().to_string(),
        sender: shown_address(message.sender()),
        recipients,
    })
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    let value = select(&["one", "two\r\n\tlines", " \r\n three", "caf\u{e9}"][..]);
    (select(&NAMES[..]), select(&[":", ": ", " :"][..]), value)
        .prop_map(|(name, colon, value)| format!("{name}{colon}{value}\r\n").into_bytes())
}

fn original() -> impl Strategy<Value = Original> {
    let body = select(vec![&b""[..], b"body\r\n", b"no end", b"\r\nX-A: body\r\n"]);
    let recipients = proptest::sample::subsequence(&ADDRESSES[..], 0..=3);
    let arguments = select(vec![&[][..], &["RET=FULL"], &["SIZE=10", "ENVID=e"]]);
    (vec(header(), 0..6), body, recipients, arguments, any::<bool>()).prop_map(
        |(headers, body, recipients, arguments, has_defaults)| Original {
            headers,
            body: body.to_vec(),
            recipients,
            sender_arguments: arguments.to_vec(),
            has_defaults,
        },
    )
}

fn edit(odd_names: Vec<&'static str>) -> impl Strategy<Value = EditBuf> {
    let name = || prop_oneof![6 => select(&NAMES[..]), 1 => select(odd_names.clone())];
    let index = || prop_oneof![8 => 0..12_u32, 1 => select(&[99, 0x7fff_ffff, 0x8000_0000, u32::MAX][..])];
    let own = |edit: Edit<'_>| EditBuf::from(edit);
    let add = (name(), select(&VALUES[..]))
        .prop_map(move |(name, value)| own(Edit::add_header(name, value).unwrap()));
    let insert = (index(), name(), select(&VALUES[..]))
        .prop_map(move |(index, name, value)| own(Edit::insert_header(index, name, value).unwrap()));
    let change = (index(), name(), select(&VALUES[..]))
        .prop_map(move |(index, name, value)| own(Edit::change_header(index, name, value).unwrap()));
    let delete =
        (index(), name()).prop_map(move |(index, name)| own(Edit::delete_header(index, name).unwrap()));
    let address = || {
        let one = || {
            (select(&ADDRESSES[..]), any::<bool>()).prop_map(|(address, is_bracketed)| {
                if is_bracketed { format!("<{address}>") } else { address.to_owned() }
            })
        };
        (one(), one(), 0..6)
            .prop_map(|(one, two, kind)| if kind == 0 { format!("{one}, {two}") } else { one })
    };
    let one_address = || select(&ADDRESSES[..]);
    let arguments = || {
        let arguments = [
            "",
            "SIZE=10",
            "RET=HDRS",
            "ENVID=new RET=FULL",
            "NOTIFY=NEVER",
            "NOTIFY=DELAY ORCPT=rfc822;a@x",
            "NOTIFY=SUCCESS",
        ];
        proptest::option::of(select(arguments.to_vec()))
    };
    let add_rcpt = address().prop_map(move |address| own(Edit::add_recipient(&address).unwrap()));
    let add_par = (one_address(), arguments()).prop_map(move |(address, arguments)| {
        let (address, arguments) = (text(address.as_bytes()), arguments.map(|text_| text(text_.as_bytes())));
        own(Edit::AddRcptWithArguments { address, arguments })
    });
    let delete_rcpt = address().prop_map(move |address| own(Edit::delete_recipient(&address).unwrap()));
    let from = (one_address(), arguments()).prop_map(move |(address, arguments)| {
        let (address, arguments) = (text(address.as_bytes()), arguments.map(|text_| text(text_.as_bytes())));
        own(Edit::ChangeFrom { address, arguments })
    });
    prop_oneof![4 => add, 4 => insert, 4 => change, 3 => delete, 2 => add_rcpt, 1 => add_par, 2 => delete_rcpt, 1 => from]
}

/// A new body in pieces, at the end of the other edits.
fn body() -> impl Strategy<Value = Vec<EditBuf>> {
    let chunk = select(vec![&b""[..], b"new", b"\r", b"\nline", b"a\r\nb\r\n", b"\r\n\r\n", b"a\nb"]);
    vec(chunk, 0..4).prop_map(|chunks| {
        let mut edits = Vec::new();
        for chunk in &chunks {
            edits.extend(Edit::replace_body(chunk, DataSize::Kib64).map(EditBuf::from));
        }
        edits
    })
}

fn filter(odd_names: &[&[&'static str]]) -> impl Strategy<Value = (Vec<EditBuf>, LeadingSpace)> {
    let space = select(&[LeadingSpace::Stripped, LeadingSpace::Preserved][..]);
    (vec(edit(odd_names.concat()), 0..12), prop_oneof![2 => Just(Vec::new()), 1 => body()], space)
        .prop_map(|(edits, body, space)| ([edits, body].concat(), space))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn postfix_edits_as_its_sources_do(
        original in original(),
        filters in vec(filter(&[&ODD_NAMES, &BROKEN_NAME]), 1..3),
    ) {
        prop_assert_eq!(applied(&original, false, &filters).unwrap(), model(&original, false, &filters));
    }

    #[test]
    fn sendmail_edits_as_its_sources_do(original in original(), filters in vec(filter(&[&ODD_NAMES]), 1..3)) {
        prop_assert_eq!(applied(&original, true, &filters).unwrap(), model(&original, true, &filters));
    }
}
