//! The messages: commands, responses, and how their fields are encoded.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use milter_proto::FilterSession;
use milter_proto::order::{CommandKind, Effect, Rule, verdicts};
use milter_proto::wire::{
    Actions, Answer, Command, Direction, Frame, Offer, Peer, Response, Steps, Text, Verdict, Version,
    code_name,
};

use super::bits;
use super::json::{Json, object};
use crate::support::alphabet;
use crate::support::layout::{Field, Kind, MESSAGES, Message, Presence};
use crate::support::source::{self, Item, sentence};
use crate::support::{bytes_of, whole};

/// What every frame consists of.
pub(super) fn frame() -> Json {
    vec![
        object! { name: "length", type: "u32", description: "The bytes of code and payload together; 1 or more." },
        object! { name: "code", type: "u8", description: "The message." },
        object! { name: "payload", type: "bytes", description: "The fields of the message; length - 1 bytes." },
    ]
    .into()
}

/// The types of fields.
pub(super) fn types() -> Json {
    let number = |kind: Kind, size: u32| object! { name: id(kind.name()), size: size, byte_order: "big" };
    let part = |name: &str, kind: Kind| object! { name: name, type: id(kind.name()) };
    let stage = object! { name: "stage", type: id(Kind::U32.name()), values: "macro_stages.list" };
    let repeated = |kind: Kind, parts: Vec<Json>| object! { name: id(kind.name()), repeats: parts };
    vec![
        number(Kind::U8, 1),
        number(Kind::U16, 2),
        number(Kind::U32, 4),
        object! { name: id(Kind::Text.name()), ends_with: 0_u32 },
        repeated(Kind::Texts, vec![part("text", Kind::Text)]),
        repeated(Kind::Pairs, vec![part("name", Kind::Text), part("value", Kind::Text)]),
        repeated(Kind::MacroLists, vec![stage, part("names", Kind::Text)]),
        object! { name: id(Kind::Bytes.name()) },
    ]
    .into()
}

/// A name that a program can use.
fn id(name: &str) -> String {
    name.replace(' ', "_")
}

pub(super) fn commands() -> Json {
    let variants = source::items("wire/command.rs", "pub enum Command<'a> {");
    let rules = rules("commands.rs");
    let of = |message: &'static Message| {
        let kind = CommandKind::from_code(message.code).unwrap();
        let variant = variant(message, &variants);
        let mut pairs = base(message, variant, &rules);
        pairs.extend([
            ("since", message.min_version().map(Version::number).into()),
            ("callback", variant.alias("xxfi_").into()),
            ("declined_by", kind.decline_step().map(bits::step_name).into()),
            ("reply_dropped_by", kind.no_reply_step().map(bits::step_name).into()),
            ("wait", kind.wait().map(|wait| format!("{wait:?}")).into()),
            ("replies", replies(kind).into()),
            ("fields", fields(message).into()),
        ]);
        Json::Object(pairs)
    };
    messages(Direction::ToFilter).map(of).collect::<Vec<_>>().into()
}

pub(super) fn responses() -> Json {
    let variants = source::of_blocks(&[
        ("wire/response.rs", "pub enum Response<'a> {"),
        ("wire/response.rs", "pub enum Verdict<'a> {"),
        ("wire/edit.rs", "pub enum Edit<'a> {"),
    ]);
    let rules = rules("responses.rs");
    let of = |message: &'static Message| {
        let variant = variant(message, &variants);
        let functions = variant.aliases.iter().filter(|alias| alias.starts_with("smfi_")).cloned();
        let response = sample(message.code);
        let (kind, action) = match response {
            Response::Negotiate(_) => ("negotiation", None),
            Response::Edit(edit) => ("edit", Some(edit.action())),
            Response::Verdict(verdict) => (if is_reserved(&verdict) { "reserved" } else { "verdict" }, None),
            Response::Progress => ("progress", None),
            Response::MacroList { .. } => ("reserved", None),
            other => panic!("{other:?} has no kind"),
        };
        let step = needs_skip(&response).then_some(Steps::SKIP);
        let since = action.map_or_else(|| step.map_or(Some(2), bits::step_since), bits::action_since);
        let mut pairs = base(message, variant, &rules);
        pairs.extend([
            ("since", since.into()),
            ("kind", kind.into()),
            ("action", action.map(bits::action_name).into()),
            ("step", step.map(bits::step_name).into()),
            ("functions", functions.collect::<Vec<_>>().into()),
            ("return_value", variant.alias("SMFIS_").into()),
            ("fields", fields(message).into()),
        ]);
        Json::Object(pairs)
    };
    messages(Direction::ToMta).map(of).collect::<Vec<_>>().into()
}

/// Whether a verdict is a reply to no command.
fn is_reserved(verdict: &Verdict<'_>) -> bool {
    let mut rows = verdicts().filter(|row| row.1.code() == verdict.code()).peekable();
    // REPLYCODE has the rows of REJECT.
    rows.peek().is_some() && rows.all(|row| row.2 == Effect::Invalid)
}

/// The address families of CONNECT.
pub(super) fn families() -> Json {
    let variants = source::items("wire/command.rs", "pub enum Peer<'a> {");
    let text = Text::EMPTY;
    let peers = [
        ("Inet", Peer::Inet { port: 0, address: text }),
        ("Inet6", Peer::Inet6 { port: 0, address: text }),
        ("Unix", Peer::Unix { port: 0, path: text }),
        ("Unknown", Peer::Unknown),
    ];
    let of = |(name, peer): (&str, Peer<'_>)| {
        let frame = bytes_of(&Command::Connect { host: text, peer }.encode());
        // After the length, the code, and the NUL of an empty host.
        let code = frame[6];
        let variant = source::named(&variants, name);
        object! {
            code: code,
            char: char::from(code).to_string(),
            constant: variant.alias("SMFIA_"),
            description: sentence(variant.text.split_once(": ").unwrap().1),
        }
    };
    peers.map(of).to_vec().into()
}

fn messages(direction: Direction) -> impl Iterator<Item = &'static Message> {
    MESSAGES.iter().filter(move |message| message.direction == direction)
}

/// The variant of the crate that a message is.
fn variant<'i>(message: &Message, variants: &'i [Item]) -> &'i Item {
    let c_name = message.c_name();
    variants
        .iter()
        .find(|item| item.aliases.contains(&c_name))
        .unwrap_or_else(|| panic!("{c_name} is an alias"))
}

/// What commands and responses have in common.
fn base(message: &Message, variant: &Item, rules: &BTreeMap<u8, String>) -> Vec<(&'static str, Json)> {
    vec![
        ("name", message.name().into()),
        ("constant", message.c_name().into()),
        ("code", message.code.into()),
        ("char", char::from(message.code).to_string().into()),
        ("rule", rules[&message.code].clone().into()),
        ("description", variant.text.clone().into()),
    ]
}

/// The rule of each code, from a table of the tests of the wire: `row("CMD-4 empty", b'H', …`.
fn rules(file: &str) -> BTreeMap<u8, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/wire").join(file);
    let rows = fs::read_to_string(path).unwrap();
    let mut rules = BTreeMap::new();
    for rest in
        rows.split("row(\"").skip(1).filter(|rest| rest.starts_with("CMD-") || rest.starts_with("RSP-"))
    {
        let (label, rest) = rest.split_once("\", b'").unwrap();
        let rule = label.split(' ').next().unwrap().to_owned();
        let code = rest.as_bytes()[0];
        let first = rules.entry(code).or_insert_with(|| rule.clone());
        assert_eq!(*first, rule, "{file}: a code has one rule");
    }
    rules
}

fn fields(message: &Message) -> Vec<Json> {
    message.fields.iter().enumerate().map(|(at, field)| self::field(message, at, field)).collect()
}

fn field(message: &Message, at: usize, field: &Field) -> Json {
    let values = match (field.name, field.kind) {
        ("version", _) => Some("versions.number"),
        ("actions", _) => Some("actions.value"),
        ("steps", _) => Some("steps.value"),
        ("stage", Kind::U8) => Some("macro_stages.code"),
        ("family", _) => Some("families.code"),
        _ => None,
    };
    let mut pairs = vec![("name", id(field.name).into()), ("type", id(field.kind.name()).into())];
    match field.presence {
        Presence::Always => {}
        Presence::Optional => pairs.push(("optional", true.into())),
        Presence::UnlessFamilyU => {
            pairs.push(("unless", object! { field: "family", value: u32::from(b'U') }));
        }
    }
    if let Some(values) = values {
        pairs.push(("values", values.into()));
    }
    if matches!(field.kind, Kind::Text | Kind::Bytes) && is_never_empty(message, at) {
        pairs.push(("not_empty", true.into()));
    }
    pairs.push(("constraint", source::plain(field.constraint).into()));
    Json::Object(pairs)
}

/// Whether a well-formed payload has at least one byte in that text or those bytes.
fn is_never_empty(message: &Message, empty: usize) -> bool {
    let parses = |empty: Option<usize>| {
        let mut payload = Vec::new();
        for (at, field) in message.fields.iter().enumerate() {
            // An IPv4 address and a reply are well formed texts of every field here.
            let text: &[u8] = match (Some(at) == empty, field.name) {
                (true, _) => b"",
                (_, "reply") => b"550 no",
                _ => b"192.0.2.1",
            };
            match field.kind {
                Kind::U8 => payload.push(b'4'),
                Kind::U16 => payload.extend([0; 2]),
                Kind::U32 => payload.extend([0, 0, 0, 2]),
                Kind::Text => payload.extend([text, b"\0"].concat()),
                Kind::Bytes => payload.extend(text),
                Kind::Texts | Kind::Pairs | Kind::MacroLists => {}
            }
        }
        let frame = Frame::new(message.code, &payload);
        match message.direction {
            Direction::ToFilter => Command::parse(frame).is_ok(),
            Direction::ToMta => Response::parse(frame).is_ok(),
        }
    };
    assert!(parses(None), "{message:?}: the payload is well formed");
    !parses(Some(empty))
}

/// The names of the responses that may be sent in reply to a command, if everything was negotiated.
fn replies(kind: CommandKind) -> Vec<&'static str> {
    let session = asked(kind, Steps::SKIP);
    let may_be_sent = |message: &&Message| session.check(&sample(message.code)).is_ok();
    messages(Direction::ToMta).filter(may_be_sent).map(Message::name).collect()
}

/// A filter that a command was sent to, after a negotiation of every action and these steps.
fn asked(kind: CommandKind, steps: Steps) -> FilterSession {
    let offer = Offer::new(Version::CURRENT, Actions::ALL, alphabet::OFFERED);
    let mut commands = alphabet::plain_commands();
    commands.extend(alphabet::macro_commands());
    let mut session = FilterSession::new();
    let receive = |session: &mut FilterSession, command: Command<'_>| {
        session.receive(whole(&bytes_of(&command.encode()))).expect("a robust filter accepts it");
    };
    receive(&mut session, Command::Negotiate(offer));
    if kind != CommandKind::Negotiate {
        let _ = session.send(Answer::new(Version::CURRENT, Actions::ALL, steps)).expect("it was offered");
        let is_kind = |said: &&alphabet::Said| CommandKind::from_command(&said.command) == Some(kind);
        receive(&mut session, commands.iter().find(is_kind).unwrap().command);
    }
    session
}

/// Whether a response may be sent only if the step SKIP was negotiated.
fn needs_skip(response: &Response<'_>) -> bool {
    let rule = asked(CommandKind::Body, Steps::EMPTY).check(response).err().map(|misuse| misuse.rule);
    rule == Some(Rule::SkipNotNegotiated)
}

/// A response of a code.
fn sample(code: u8) -> Response<'static> {
    let answer = Answer::new(Version::CURRENT, Actions::ALL, Steps::EMPTY);
    let all = alphabet::responses().into_iter().chain([answer.into()]);
    let name = code_name(code).unwrap();
    all.into_iter().find(|response| response.code() == code).unwrap_or_else(|| panic!("{name} has a sample"))
}
