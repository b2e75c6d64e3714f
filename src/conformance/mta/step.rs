//! The steps of a scenario for an MTA.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::fault::ScenarioFault;
use super::super::tokens::{bytes, frame, quoted, word};
use super::check::Check;
use super::expect::{Expected, Place};
use super::pattern::command;
use super::profile::Profile;
use crate::order::CommandKind;
use crate::wire::{Actions, Direction, Steps};

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Do {
    Slow,
    Mark,
    Cut(usize),
    Content(Vec<u8>),
    Answer(Answer),
    At(At),
    /// What the client does, and what it has to get.
    Client(Deed, Hope),
    Session(Expected),
    Message(Expected),
    Need(Need),
    /// A check, and whether it passes as non-strict if it fails.
    Check(Check, bool),
}

/// The reply that the client has to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Hope {
    /// One of these.
    Reply(Expected),
    /// Whatever comes is not awaited.
    Whatever,
    /// There is none.
    Nothing,
}

/// What the SMTP client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Deed {
    Connect,
    /// A line, in which names such as `$SENDER` are to be filled in.
    Line(Place, String),
    /// The content of the message.
    Content,
    /// These bytes, as they are.
    Raw(Vec<u8>),
    /// Nothing: another reply is awaited.
    Wait,
    Disconnect,
}

/// How the filter answers OPTNEG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Answer {
    pub(super) version: VersionWord,
    /// `None`: all that were offered.
    pub(super) actions: Option<Actions>,
    pub(super) steps: Option<Steps>,
    /// Encoded.
    pub(super) macro_lists: Vec<u8>,
    /// Sent as it is, whatever was offered.
    pub(super) is_forced: bool,
}

/// The version of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum VersionWord {
    /// That of the offer and so much more.
    Offered(u32),
    Number(u32),
}

/// What the filter does when a command comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct At {
    pub(super) command: CommandKind,
    /// Only when it comes for this time, counted from 1 and from this step on.
    pub(super) nth: Option<usize>,
    pub(super) responses: Vec<Respond>,
}

/// One thing that the filter does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Respond {
    /// A frame, so many times, in which names such as `$SENDER` are to be filled in.
    Frame(usize, String),
    Bytes(Vec<u8>),
    /// Nothing, for most of the time that the MTA waits.
    Pause,
    Close,
}

/// What makes a scenario apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Need {
    /// The last SMTP reply has this text.
    Reply(String),
    /// The profile has a recipient that the MTA refuses.
    Refused,
}

/// Reads one step.
pub(in super::super) fn read(line: &str) -> Result<Do, ScenarioFault> {
    if let Some(check) = line.strip_prefix("~ ") {
        return Ok(Do::Check(Check::read(check)?, true));
    }
    let (name, rest) = word(line);
    let argument = || ScenarioFault::Argument(rest.to_owned());
    Ok(match name {
        "slow" | "mark" if !rest.is_empty() => return Err(argument()),
        "slow" => Do::Slow,
        "mark" => Do::Mark,
        "cut" => Do::Cut(rest.parse().map_err(|_| argument())?),
        "content" => Do::Content(bytes(rest)?),
        "answer" => Do::Answer(answer(rest, false)?),
        "answer!" => Do::Answer(answer(rest, true)?),
        "at" => Do::At(at(rest)?),
        "client" => client(rest)?,
        "session" => Do::Session(expected(rest)?),
        "message" => Do::Message(expected(rest)?),
        "need" => Do::Need(need(rest)?),
        _ => Do::Check(Check::read(line)?, false),
    })
}

/// What follows `=>`. Without it, success.
fn expected(text: &str) -> Result<Expected, ScenarioFault> {
    match text.strip_prefix("=> ") {
        Some(rest) => Expected::read(rest.trim()),
        None if text.is_empty() => Expected::read("2"),
        None => Err(ScenarioFault::Argument(text.to_owned())),
    }
}

fn client(text: &str) -> Result<Do, ScenarioFault> {
    let (deed, hope) = text.rsplit_once(" => ").map_or((text, ""), |(deed, hope)| (deed.trim(), hope.trim()));
    let (name, rest) = word(deed);
    let deed = match (name, rest) {
        ("CONNECT", "") => Deed::Connect,
        ("EHLO", "") => Deed::Line(Place::Ehlo, "EHLO $HELO".to_owned()),
        ("MAIL", "") => Deed::Line(Place::Mail, "MAIL FROM:$SENDER".to_owned()),
        ("RCPT", "") => Deed::Line(Place::Rcpt, "RCPT TO:$RECIPIENT".to_owned()),
        ("DATA", "") => Deed::Line(Place::Data, "DATA".to_owned()),
        ("RSET" | "QUIT" | "NOOP", "") => Deed::Line(Place::Other, name.to_owned()),
        ("CONTENT", "") => Deed::Content,
        ("wait", "") => Deed::Wait,
        ("disconnect", "") => Deed::Disconnect,
        ("raw", rest) => Deed::Raw(bytes(rest)?),
        _ if deed.starts_with('"') => {
            let line =
                String::from_utf8(quoted(deed)?).map_err(|_| ScenarioFault::Argument(deed.to_owned()))?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let place = if verb == "HELO" { Some(Place::Ehlo) } else { Place::named(&verb) };
            Deed::Line(place.unwrap_or(Place::Other), line)
        }
        _ => return Err(ScenarioFault::Argument(deed.to_owned())),
    };
    let hope = match hope {
        "" => Hope::Whatever,
        "none" => Hope::Nothing,
        _ => Hope::Reply(Expected::read(hope)?),
    };
    Ok(Do::Client(deed, hope))
}

fn need(text: &str) -> Result<Need, ScenarioFault> {
    let (name, rest) = word(text);
    let argument = || ScenarioFault::Argument(text.to_owned());
    Ok(match name {
        "reply" => Need::Reply(String::from_utf8(quoted(rest)?).map_err(|_| argument())?),
        "refused" if rest.is_empty() => Need::Refused,
        _ => return Err(argument()),
    })
}

fn answer(text: &str, is_forced: bool) -> Result<Answer, ScenarioFault> {
    let argument = || ScenarioFault::Argument(text.to_owned());
    let (version, rest) = word(text);
    let (actions, rest) = word(rest);
    let (steps, lists) = word(rest);
    let version = match version.strip_prefix("offer") {
        Some("") => VersionWord::Offered(0),
        Some(more) => VersionWord::Offered(more.strip_prefix('+').and_then(number).ok_or_else(argument)?),
        None => VersionWord::Number(number(version).ok_or_else(argument)?),
    };
    let line: String = ["OPTNEG 0 0 0 ", lists].concat();
    let macro_lists =
        frame(Direction::ToMta, line.trim())?.as_frame().payload().get(12..).unwrap_or_default().to_vec();
    let action =
        |name: &str| Actions::NAMES.iter().find(|(_, known)| *known == name).map(|(bit, _)| bit.bits());
    let step = |name: &str| match name {
        "NO_REPLY" => Some(Steps::NO_REPLY.bits()),
        _ => Steps::NAMES.iter().find(|(_, known)| *known == name).map(|(bit, _)| bit.bits()),
    };
    Ok(Answer {
        version,
        actions: bits(actions, action).ok_or_else(argument)?.map(Actions::from_bits),
        steps: bits(steps, step).ok_or_else(argument)?.map(Steps::from_bits),
        macro_lists,
        is_forced,
    })
}

/// `all`, `none`, or names and numbers with `|` between them. `Some(None)` is `all`.
fn bits(text: &str, named: impl Fn(&str) -> Option<u32>) -> Option<Option<u32>> {
    match text {
        "all" => Some(None),
        "none" => Some(Some(0)),
        _ => {
            let bits = text.split('|').map(|item| named(item).or_else(|| number(item)));
            bits.reduce(|some, more| Some(some? | more?)).flatten().map(Some)
        }
    }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn at(text: &str) -> Result<At, ScenarioFault> {
    let argument = || ScenarioFault::Argument(text.to_owned());
    let (head, responses) = text.split_once(": ").ok_or_else(argument)?;
    let (name, nth) = word(head);
    let nth = if nth.is_empty() { None } else { Some(nth.parse().map_err(|_| argument())?) };
    let responses = match responses.trim() {
        "nothing" => Vec::new(),
        list => list.split(" ; ").map(|item| respond(item.trim())).collect::<Result<_, _>>()?,
    };
    Ok(At { command: command(name).ok_or_else(argument)?, nth, responses })
}

fn respond(text: &str) -> Result<Respond, ScenarioFault> {
    match text {
        "close" => return Ok(Respond::Close),
        "pause" => return Ok(Respond::Pause),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix("<<") {
        return bytes(rest).map(Respond::Bytes);
    }
    let times = text.split_once("* ").and_then(|(times, rest)| Some((times.parse().ok()?, rest)));
    let (times, text) = times.unwrap_or((1, text));
    frame(Direction::ToMta, &Profile::default().fill(text))?;
    Ok(Respond::Frame(times, text.to_owned()))
}
