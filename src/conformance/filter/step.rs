//! The steps of a scenario for a filter.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::fault::ScenarioFault;
use super::super::tokens::{frame, pieces, quoted, word};
use crate::order::Stage;
use crate::wire::{Actions, Command, Direction, FrameBuf, Offer, Steps, code_name};

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Do {
    Reach(Goal),
    /// A command, and whether it is sent although the filter declined it.
    Send(FrameBuf, bool),
    /// A command, if it is in order.
    SendInOrder(FrameBuf),
    /// Bytes, in pieces with a pause between them.
    SendBytes(Vec<Vec<u8>>),
    /// The commands of a message up to a stage, without waiting for replies.
    Pipeline(Goal),
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
    /// The code that the last verdict is not.
    Never(&'static str),
    /// The edits of the last message are of the same kinds as those of the message before.
    Repeats,
    /// The answer to OPTNEG has nothing that is not in this.
    Most(Offer),
    /// The macro lists of the answer are in order.
    Lists,
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
    /// The connection is open.
    Open,
    /// The code of the last verdict.
    Verdict(&'static str),
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
    AnyFrame,
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
        "reach" => Do::Reach(goal(rest)?),
        "pipeline" => Do::Pipeline(goal(rest)?),
        ">" => Do::Send(frame(Direction::ToFilter, rest)?, false),
        ">!" => Do::Send(frame(Direction::ToFilter, rest)?, true),
        ">?" => Do::SendInOrder(frame(Direction::ToFilter, rest)?),
        ">>" => Do::SendBytes(pieces(rest)?),
        "<" => Do::Await(awaited(rest)?),
        "cut" => Do::Cut(rest.parse().map_err(|_| argument())?),
        "message" => Do::Message(Some(rest.to_owned()).filter(|name| !name.is_empty())),
        "need" => Do::Need(need(rest)?),
        "shows" => Do::Shows(quoted(rest)?),
        "hides" => Do::Hides(quoted(rest)?),
        "never" => Do::Never(verdict(rest)?),
        "most" => Do::Most(most(rest).ok_or_else(argument)?),
        _ if !rest.is_empty() => return Err(ScenarioFault::Step(name.to_owned())),
        "repeats" => Do::Repeats,
        "lists" => Do::Lists,
        "alive" => Do::Alive,
        "recover" => Do::Recover,
        "connect" => Do::Connect,
        "shutdown" => Do::Shutdown,
        "disconnect" => Do::Disconnect,
        _ => return Err(ScenarioFault::Step(name.to_owned())),
    })
}

fn goal(name: &str) -> Result<Goal, ScenarioFault> {
    let goal = GOALS.iter().find(|(other, _)| *other == name);
    goal.map(|&(_, goal)| goal).ok_or_else(|| {
        let stages = GOALS.iter().map(|&(stage, _)| stage).collect();
        ScenarioFault::Stage { name: name.to_owned(), stages }
    })
}

/// The name of a response, with any payload.
fn verdict(name: &str) -> Result<&'static str, ScenarioFault> {
    let bare = || frame(Direction::ToMta, name);
    let code = bare().or_else(|_| frame(Direction::ToMta, &[name, " \"\""].concat()))?.as_frame().code();
    code_name(code).ok_or_else(|| ScenarioFault::Argument(name.to_owned()))
}

/// A version, actions and steps, as in OPTNEG.
fn most(text: &str) -> Option<Offer> {
    let frame = frame(Direction::ToFilter, &["OPTNEG ", text].concat()).ok()?;
    match Command::parse(frame.as_frame()) {
        Ok(Command::Negotiate(offer)) => Some(offer),
        _ => None,
    }
}

fn need(text: &str) -> Result<Need, ScenarioFault> {
    let (name, rest) = word(text);
    let (name, wanted) = if name == "not" { (rest, false) } else { (name, true) };
    match name {
        "edit" => return Ok(Need::Edit(Some(rest.to_owned()).filter(|name| !name.is_empty()))),
        "shown" => return quoted(rest).map(Need::Shown),
        "open" => return Ok(Need::Open),
        "verdict" => return verdict(rest).map(Need::Verdict),
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
        "frame" => Hope::AnyFrame,
        "any" => Hope::Any,
        _ => Hope::Frame(frame(Direction::ToMta, text)?),
    })
}
