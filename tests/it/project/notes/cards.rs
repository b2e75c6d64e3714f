//! The table at the head of each card of the message catalogue, from docs/milter.json.

use core::fmt::Write as _;
use serde::Deserialize;

use crate::project::documents::document;

#[derive(Deserialize)]
struct Protocol {
    commands: Vec<Command>,
    responses: Vec<Response>,
    actions: Vec<Bit>,
    steps: Vec<Bit>,
}

#[derive(Deserialize)]
struct Command {
    name: String,
    constant: String,
    code: u8,
    since: u32,
    callback: Option<String>,
    declined_by: Option<String>,
    reply_dropped_by: Option<String>,
    replies: Vec<String>,
}

#[derive(Deserialize)]
struct Response {
    name: String,
    constant: String,
    code: u8,
    since: u32,
    kind: String,
    action: Option<String>,
    step: Option<String>,
    functions: Vec<String>,
    return_value: Option<String>,
}

#[derive(Deserialize)]
struct Bit {
    name: String,
    hex: String,
}

/// The table for a message, such as `command MAIL`.
pub(super) fn table(message: &str) -> String {
    let protocol: Protocol = serde_json::from_str(&document("docs/milter.json")).unwrap();
    let rows = match message.split_once(' ').unwrap() {
        ("command", name) => command(&protocol, name),
        ("response", name) => response(&protocol, name),
        _ => panic!("{message} is neither a command nor a response"),
    };
    let mut table = String::from("| | |\n| --- | --- |\n");
    for (key, value) in rows {
        writeln!(table, "| {key} | {value} |").unwrap();
    }
    table
}

fn command(protocol: &Protocol, name: &str) -> Vec<(&'static str, String)> {
    let command = protocol.commands.iter().find(|command| command.name == name).unwrap();
    let step = |name: &Option<String>| match name {
        Some(name) => format!("step {name} ({})", hex(&protocol.steps, name)),
        None => "nothing".to_owned(),
    };
    let mut rows = vec![
        ("direction", "from the MTA to the filter".to_owned()),
        ("code", code(command.code, &command.constant)),
        ("since", since(command.since)),
    ];
    if command.replies.is_empty() {
        rows.push(("reply", "none".to_owned()));
    } else {
        rows.push(("reply", replies(&command.replies)));
        rows.push(("declined by", step(&command.declined_by)));
        rows.push(("reply dropped by", step(&command.reply_dropped_by)));
    }
    rows.extend(command.callback.as_ref().map(|name| ("libmilter", format!("callback `{name}`"))));
    rows
}

/// One verdict; at the end of a message edits and PROGRESS before it.
fn replies(names: &[String]) -> String {
    let is_before = |name: &&String| {
        !["CONTINUE", "ACCEPT", "REJECT", "TEMPFAIL", "DISCARD", "SKIP", "REPLYCODE", "OPTNEG"]
            .contains(&name.as_str())
    };
    let before: Vec<&str> = names.iter().filter(is_before).map(String::as_str).collect();
    let last: Vec<&str> = names.iter().filter(|name| !is_before(name)).map(String::as_str).collect();
    let last = match last[..] {
        [only] => only.to_owned(),
        _ => format!("one of {}", last.join(", ")),
    };
    if before.is_empty() { last } else { format!("any number of {}; then {last}", before.join(", ")) }
}

fn response(protocol: &Protocol, name: &str) -> Vec<(&'static str, String)> {
    let response = protocol.responses.iter().find(|response| response.name == name).unwrap();
    let mut rows = vec![
        ("direction", "from the filter to the MTA".to_owned()),
        ("code", code(response.code, &response.constant)),
        ("since", since(response.since)),
    ];
    let answers: Vec<&str> = protocol
        .commands
        .iter()
        .filter(|command| command.replies.contains(&response.name))
        .map(|command| command.name.as_str())
        .collect();
    match response.kind.as_str() {
        _ if answers.is_empty() => rows.push(("answers", "nothing: reserved".to_owned())),
        "edit" | "progress" => {
            rows.push(("sent", "between BODYEOB and its verdict; answers nothing".to_owned()))
        }
        _ => rows.push(("answers", answers.join(", "))),
    }
    let needs = match (&response.action, &response.step) {
        (Some(name), _) => Some(format!("action {name} ({})", hex(&protocol.actions, name))),
        (None, Some(name)) => Some(format!("step {name} ({})", hex(&protocol.steps, name))),
        (None, None) => None,
    };
    rows.extend(needs.map(|needs| ("needs", needs)));
    let functions = response.functions.iter().map(|name| format!("`{name}`"));
    let value = response.return_value.iter().map(|name| format!("return value `{name}`"));
    let libmilter: Vec<String> = value.chain(functions).collect();
    if !libmilter.is_empty() {
        rows.push(("libmilter", libmilter.join(", ")));
    }
    rows
}

fn code(code: u8, constant: &str) -> String {
    format!("`{}` 0x{code:02X}, `{constant}`", char::from(code))
}

fn since(version: u32) -> String {
    format!("version {version}")
}

fn hex<'a>(bits: &'a [Bit], name: &str) -> &'a str {
    &bits.iter().find(|bit| bit.name == name).unwrap().hex
}
