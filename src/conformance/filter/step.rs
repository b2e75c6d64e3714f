//! The steps of a scenario for a filter.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::read::ScenarioFault;
use super::super::tokens::{bytes, frame, quoted, word};
use crate::order::Stage;
use crate::wire::{Actions, Direction, FrameBuf, Steps};

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Do {
    Reach(Goal),
    /// A command, and whether it is sent although the filter declined it.
    Send(FrameBuf, bool),
    /// A command, if it is in order.
    SendInOrder(FrameBuf),
    SendBytes(Vec<u8>),
    Cut(usize),
    Await(Awaited),
    Message(Option<String>),
    Alive,
    Recover,
    Connect,
    Shutdown,
    Disconnect,
    Need(Need),
    Shows(Vec<u8>),
    Hides(Vec<u8>),
}

/// How far `reach` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Goal {
    Stage(Stage),
    /// After a whole message.
    Ended,
}

/// What makes a scenario apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Need {
    Action(Actions, bool),
    Step(Steps, bool),
    Edit(Option<String>),
    Shown(Vec<u8>),
}

/// What is awaited: what passes, and what passes as non-strict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Awaited {
    pub(super) strict: Vec<Hope>,
    pub(super) lenient: Vec<Hope>,
}

/// One thing that may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hope {
    Reply,
    Answer,
    Close,
    Silence,
    Any,
    Frame(FrameBuf),
}

/// The goals of `reach`, by name.
const GOALS: [(&str, Goal); 11] = [
    ("start", Goal::Stage(Stage::Start)),
    ("negotiated", Goal::Stage(Stage::Negotiated)),
    ("connected", Goal::Stage(Stage::Connected)),
    ("greeted", Goal::Stage(Stage::Greeted)),
    ("mail", Goal::Stage(Stage::Mail)),
    ("rcpt", Goal::Stage(Stage::Recipients)),
    ("data", Goal::Stage(Stage::Data)),
    ("header", Goal::Stage(Stage::Headers)),
    ("eoh", Goal::Stage(Stage::EndOfHeaders)),
    ("body", Goal::Stage(Stage::Body)),
    ("ended", Goal::Ended),
];

/// Reads one step.
pub(in super::super) fn read(line: &str) -> Result<Do, ScenarioFault> {
    let (name, rest) = word(line);
    let argument = || ScenarioFault::Argument(rest.to_owned());
    Ok(match name {
        "reach" => {
            let goal = GOALS.iter().find(|(name, _)| *name == rest).ok_or_else(argument)?;
            Do::Reach(goal.1)
        }
        ">" => Do::Send(frame(Direction::ToFilter, rest)?, false),
        ">!" => Do::Send(frame(Direction::ToFilter, rest)?, true),
        ">?" => Do::SendInOrder(frame(Direction::ToFilter, rest)?),
        ">>" => Do::SendBytes(bytes(rest)?),
        "<" => Do::Await(awaited(rest)?),
        "cut" => Do::Cut(rest.parse().map_err(|_| argument())?),
        "message" => Do::Message(Some(rest.to_owned()).filter(|name| !name.is_empty())),
        "need" => Do::Need(need(rest)?),
        "shows" => Do::Shows(quoted(rest)?),
        "hides" => Do::Hides(quoted(rest)?),
        _ if !rest.is_empty() => return Err(ScenarioFault::Step(name.to_owned())),
        "alive" => Do::Alive,
        "recover" => Do::Recover,
        "connect" => Do::Connect,
        "shutdown" => Do::Shutdown,
        "disconnect" => Do::Disconnect,
        _ => return Err(ScenarioFault::Step(name.to_owned())),
    })
}

fn need(text: &str) -> Result<Need, ScenarioFault> {
    let (name, rest) = word(text);
    let (name, wanted) = if name == "not" { (rest, false) } else { (name, true) };
    match name {
        "edit" => return Ok(Need::Edit(Some(rest.to_owned()).filter(|name| !name.is_empty()))),
        "shown" => return quoted(rest).map(Need::Shown),
        _ => {}
    }
    let action = Actions::NAMES.iter().find(|(_, bit)| *bit == name);
    let step = Steps::NAMES.iter().find(|(_, bit)| *bit == name);
    match (action, step) {
        (Some(&(action, _)), _) => Ok(Need::Action(action, wanted)),
        (_, Some(&(step, _))) => Ok(Need::Step(step, wanted)),
        _ => Err(ScenarioFault::Argument(text.to_owned())),
    }
}

fn awaited(text: &str) -> Result<Awaited, ScenarioFault> {
    let (strict, lenient) =
        text.split_once(" ~ ").map_or((text, None), |(strict, rest)| (strict, Some(rest)));
    let hopes = |text: &str| text.split(" | ").map(|word| hope(word.trim())).collect::<Result<Vec<_>, _>>();
    Ok(Awaited { strict: hopes(strict)?, lenient: lenient.map(hopes).transpose()?.unwrap_or_default() })
}

fn hope(text: &str) -> Result<Hope, ScenarioFault> {
    Ok(match text {
        "reply" => Hope::Reply,
        "OPTNEG" => Hope::Answer,
        "close" => Hope::Close,
        "silence" => Hope::Silence,
        "any" => Hope::Any,
        _ => Hope::Frame(frame(Direction::ToMta, text)?),
    })
}
