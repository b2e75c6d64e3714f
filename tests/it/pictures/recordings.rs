//! The recorded sessions that pictures are drawn from.

use std::fs;

use milter_proto::wire::{Assembler, Command, Edit, FrameBuf, Response, code_name};
use serde_json::Value;

use crate::support::recorded::capture::{Side, What};
use crate::support::recorded::{Session, captures};

/// A step of an SMTP session: what the client sends, and the lines of the reply.
pub(super) struct Step {
    pub(super) command: String,
    pub(super) reply: Vec<String>,
}

/// A captured session, by the name of its file without `.jsonl`.
pub(super) fn session(name: &str) -> Session {
    Session::read(&captures().join(name).with_extension("jsonl"))
}

/// The name and the version of a program. A filter on libmilter that plays a script goes by the name of libmilter.
pub(super) fn program(name: &str) -> String {
    let name = name.split_once('(').map_or(name, |(_, library)| library);
    let (name, version) = name.split_once(' ').unwrap();
    let version = version.split(['~', '-']).next().unwrap();
    let name = if name == "postfix" { "Postfix" } else { name };
    format!("{name} {version}")
}

/// The frames of both sides, in the order in which they were read.
pub(super) fn frames(session: &Session) -> Vec<(Side, FrameBuf)> {
    let mut assemblers = [Side::Mta, Side::Filter].map(|side| (side, Assembler::new(Vec::new())));
    let mut frames = Vec::new();
    for record in &session.records {
        let What::Bytes(bytes) = &record.what else { continue };
        let (side, assembler) = assemblers.iter_mut().find(|(side, _)| *side == record.side).unwrap();
        let mut input = bytes.as_slice();
        while let Some(frame) = assembler.next_frame(&mut input).unwrap() {
            frames.push((*side, FrameBuf::from(frame)));
        }
    }
    assert!(assemblers.iter().all(|(_, assembler)| assembler.pending() == 0), "a frame is unfinished");
    frames
}

/// The SMTP session that caused a captured session.
pub(super) fn dialogue(name: &str) -> Vec<Step> {
    let text = fs::read_to_string(captures().join("dialogues.json")).unwrap();
    let sessions: Vec<Value> = serde_json::from_str(&text).unwrap();
    let session = sessions.iter().find(|one| one["session"] == name).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let step = |step: &Value| Step {
        command: text(&step[0]),
        reply: step[1].as_array().unwrap().iter().map(text).collect(),
    };
    session["dialogue"].as_array().unwrap().iter().map(step).collect()
}

/// The name of a frame that everyday traffic has, and its contents in short.
pub(super) fn summary(side: Side, frame: &FrameBuf) -> String {
    let name = code_name(frame.as_frame().code()).unwrap();
    let details = match side {
        Side::Mta => command_details(&Command::parse(frame.as_frame()).unwrap()),
        Side::Filter => response_details(&Response::parse(frame.as_frame()).unwrap()),
    };
    if details.is_empty() { name.to_owned() } else { format!("{name} {details}") }
}

fn command_details(command: &Command<'_>) -> String {
    match command {
        Command::Negotiate(offer) => {
            format!("{}, {:#X}, {:#X}", offer.version, offer.actions.bits(), offer.steps.bits())
        }
        Command::Macros(macros) => {
            let names: Vec<_> = macros.iter().map(|(name, _)| name.to_str().unwrap()).collect();
            if names.is_empty() { "(no macros)".to_owned() } else { names.join(" ") }
        }
        Command::Connect { host: text, .. }
        | Command::Helo { name: text }
        | Command::MailFrom { address: text, .. }
        | Command::RcptTo { address: text, .. }
        | Command::Header { name: text, .. } => text.to_str().unwrap().to_owned(),
        Command::Body { chunk } => format!("{} bytes", chunk.len()),
        _ => String::new(),
    }
}

fn response_details(response: &Response<'_>) -> String {
    match response {
        Response::Negotiate(answer) => {
            format!("{}, {:#X}, {:#X}", answer.version, answer.actions.bits(), answer.steps.bits())
        }
        Response::Edit(Edit::AddHeader { name, value }) => {
            format!("{}: {}", name.to_str().unwrap(), value.to_str().unwrap())
        }
        _ => String::new(),
    }
}
