//! Values of options, and their syntax.

use core::str::FromStr;
use core::time::Duration;
use std::borrow::Cow;
use std::io;

use milter_proto::order::CommandKind;
use milter_proto::wire::{
    Actions, Command, EnhancedCode, ListStage, ReplyBuf, ReplyCode, ReplyError, Verdict,
};
use milter_proto::{Timeouts, Wait};
use thiserror::Error;
use wildmatch::WildMatch;

use crate::support::callbacks::address;

/// Why the value of an option is wrong.
#[derive(Debug, Error)]
pub(crate) enum BadValue {
    #[error(
        "there is no stage {0:?}; stages are connect, helo, mail, rcpt, data, header, eoh, body, eom, unknown"
    )]
    Stage(String),
    #[error("no macros are sent for {0:?}; they are for connect, helo, mail, rcpt, data, eoh, eom")]
    MacroStage(String),
    #[error("there is no action {name:?}; actions are {names}", name = .0, names = names(&ACTIONS))]
    Action(String),
    #[error("{0:?} is not a header name: visible ASCII without a colon")]
    HeaderName(String),
    #[error("{0}")]
    File(#[source] io::Error),
    #[error(
        "there is no verdict {0:?}; verdicts are continue, accept, reject, tempfail, discard, skip, or an SMTP reply like \"550 5.7.1 go away\""
    )]
    Verdict(String),
    #[error("this SMTP reply cannot be sent: {0}")]
    Reply(#[from] ReplyError),
    #[error("an SMTP reply needs a text, as in \"550 5.7.1 go away\"")]
    NoText,
    #[error("it must have the form {0}")]
    Form(&'static str),
    #[error("{0:?} is not a number of seconds")]
    Seconds(String),
    #[error("a timeout must be longer than 0 seconds")]
    NoTime,
    #[error("after the end of a message it can no longer be aborted")]
    TooLate,
}

/// The names of the commands that have a reply.
const STAGES: [(&str, CommandKind); 10] = [
    ("connect", CommandKind::Connect),
    ("helo", CommandKind::Helo),
    ("mail", CommandKind::MailFrom),
    ("rcpt", CommandKind::RcptTo),
    ("data", CommandKind::Data),
    ("header", CommandKind::Header),
    ("eoh", CommandKind::EndOfHeaders),
    ("body", CommandKind::Body),
    ("eom", CommandKind::EndOfMessage),
    ("unknown", CommandKind::Unknown),
];

/// The command of a name.
pub(crate) fn stage(name: &str) -> Result<CommandKind, BadValue> {
    let row = STAGES.iter().find(|row| row.0 == name);
    row.map(|row| row.1).ok_or_else(|| BadValue::Stage(name.to_owned()))
}

/// The name of a command, if it has a reply.
pub(crate) fn name_of(kind: CommandKind) -> Option<&'static str> {
    STAGES.iter().find(|row| row.1 == kind).map(|row| row.0)
}

/// A command after which a message can be aborted.
pub(crate) fn stage_to_abort(name: &str) -> Result<CommandKind, BadValue> {
    stage(name)
        .and_then(|kind| if kind == CommandKind::EndOfMessage { Err(BadValue::TooLate) } else { Ok(kind) })
}

/// Some commands: names of stages, separated by commas.
#[derive(Clone, Debug)]
pub(super) struct Kinds(pub(super) Vec<CommandKind>);

impl FromStr for Kinds {
    type Err = BadValue;

    fn from_str(names: &str) -> Result<Self, BadValue> {
        names.split(',').filter(|name| !name.is_empty()).map(stage).collect::<Result<_, _>>().map(Self)
    }
}

/// A pattern with `*` and `?`, which ignores case.
#[derive(Clone, Debug)]
pub(super) struct Pattern(WildMatch);

impl Pattern {
    pub(super) fn matches(&self, command: &Command<'_>) -> bool {
        self.0.matches(&String::from_utf8_lossy(&subject(command)))
    }
}

impl FromStr for Pattern {
    type Err = core::convert::Infallible;

    fn from_str(pattern: &str) -> Result<Self, Self::Err> {
        Ok(Self(WildMatch::new_case_insensitive(pattern)))
    }
}

/// The text of a command that is compared with a pattern.
fn subject<'c>(command: &Command<'c>) -> Cow<'c, [u8]> {
    match *command {
        Command::Connect { host, peer } => {
            Cow::Owned([host.as_bytes(), b" ", address(&peer).as_bytes()].concat())
        }
        Command::Helo { name } => Cow::Borrowed(name.as_bytes()),
        Command::MailFrom { address, .. } | Command::RcptTo { address, .. } => {
            Cow::Borrowed(address.as_bytes())
        }
        Command::Header { name, value } => Cow::Owned([name.as_bytes(), b": ", value.as_bytes()].concat()),
        Command::Body { chunk } => Cow::Borrowed(chunk),
        Command::Unknown { line } => Cow::Borrowed(line.as_bytes()),
        _ => Cow::Borrowed(b""),
    }
}

/// A rule for a verdict.
#[derive(Clone, Debug)]
pub(super) struct At {
    stage: CommandKind,
    pattern: Option<Pattern>,
    pub(super) verdict: RuleVerdict,
}

impl At {
    pub(super) fn matches(&self, kind: CommandKind, command: &Command<'_>) -> bool {
        self.stage == kind && self.pattern.as_ref().is_none_or(|pattern| pattern.matches(command))
    }
}

impl FromStr for At {
    type Err = BadValue;

    fn from_str(rule: &str) -> Result<Self, BadValue> {
        // The pattern may contain `=`, the verdict may not.
        let form = BadValue::Form("STAGE=VERDICT or STAGE/PATTERN=VERDICT");
        let (head, verdict) = match rule.split_once(['/', '=']) {
            Some((head, _)) if rule.get(head.len()..).is_some_and(|rest| rest.starts_with('/')) => {
                rule.rsplit_once('=').ok_or(form)?
            }
            Some(parts) => parts,
            None => return Err(form),
        };
        let (name, pattern) = head.split_once('/').map_or((head, None), |(name, rest)| (name, Some(rest)));
        let pattern = pattern.map(|text| Pattern(WildMatch::new_case_insensitive(text)));
        Ok(Self { stage: stage(name)?, pattern, verdict: verdict.parse()? })
    }
}

/// The verdict of a rule.
#[derive(Clone, Debug)]
pub(super) enum RuleVerdict {
    Bare(Verdict<'static>),
    Reply(ReplyBuf),
    /// There is none: the handler panics.
    Panic,
}

impl RuleVerdict {
    #[expect(clippy::panic, reason = "the command line asks for it")]
    pub(super) fn get(&self) -> Verdict<'_> {
        match self {
            Self::Bare(verdict) => *verdict,
            Self::Reply(reply) => Verdict::Reply(reply.as_reply()),
            Self::Panic => panic!("the command line asks for a panic here"),
        }
    }
}

impl FromStr for RuleVerdict {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        Ok(Self::Bare(match text {
            "continue" => Verdict::Continue,
            "accept" => Verdict::Accept,
            "reject" => Verdict::Reject,
            "tempfail" => Verdict::Tempfail,
            "discard" => Verdict::Discard,
            "skip" => Verdict::Skip,
            "panic" => return Ok(Self::Panic),
            reply => return Self::reply(reply),
        }))
    }
}

impl RuleVerdict {
    /// Parses `CODE [X.Y.Z] TEXT`, in which `\n` starts another line.
    fn reply(text: &str) -> Result<Self, BadValue> {
        let unknown = || BadValue::Verdict(text.to_owned());
        let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
        let code: ReplyCode = code.parse().map_err(|_| unknown())?;
        let status = |text: &str| text.parse::<EnhancedCode>().ok();
        let (enhanced, rest) = match rest.split_once(' ') {
            Some((first, rest)) if status(first).is_some() => (status(first), rest),
            _ => (None, rest),
        };
        if rest.trim().is_empty() || status(rest).is_some() {
            return Err(BadValue::NoText);
        }
        Ok(Self::Reply(ReplyBuf::new(code, enhanced, unescaped(rest).split('\n'))?))
    }
}

/// A header and its position.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) index: u32,
    pub(super) name: String,
    /// The text after the colon, with its leading space if it has one.
    pub(super) value: String,
}

impl Header {
    /// Parses a header without an index. With `:=`, no space follows the colon.
    pub(super) fn parse_new(text: &str) -> Result<Self, BadValue> {
        let (name, value) = text.split_once('=').ok_or(BadValue::Form("NAME=VALUE"))?;
        let (name, space) = name.strip_suffix(':').map_or((name, " "), |name| (name, ""));
        Ok(Self { index: 0, name: header_name(name)?, value: format!("{space}{}", unescaped(value)) })
    }
}

/// Checks a header name. Some MTAs write any name into the message, which could make another header of it.
pub(crate) fn header_name(name: &str) -> Result<String, BadValue> {
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if is_name { Ok(name.to_owned()) } else { Err(BadValue::HeaderName(name.to_owned())) }
}

impl FromStr for Header {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let form = || BadValue::Form("INDEX:NAME=VALUE");
        let (index, header) = text.split_once(':').ok_or_else(form)?;
        let index = index.parse().map_err(|_| form())?;
        Ok(Self { index, ..Self::parse_new(header)? })
    }
}

/// One of the headers of a name.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) index: u32,
    pub(super) name: String,
}

impl FromStr for Place {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let form = || BadValue::Form("INDEX:NAME");
        let (index, name) = text.split_once(':').ok_or_else(form)?;
        Ok(Self { index: index.parse().map_err(|_| form())?, name: header_name(name)? })
    }
}

/// An address, and after a blank ESMTP arguments.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) address: String,
    pub(super) arguments: Option<String>,
}

impl Envelope {
    pub(super) fn parse(text: &str) -> Self {
        let (address, arguments) = text.split_once(' ').map_or((text, None), |(a, b)| (a, Some(b)));
        Self { address: address.to_owned(), arguments: arguments.map(str::to_owned) }
    }
}

/// The names of macros for a stage.
#[derive(Clone, Debug)]
pub(super) struct MacroList {
    pub(super) stage: ListStage,
    pub(super) names: String,
}

impl FromStr for MacroList {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let (name, names) = text.split_once('=').ok_or(BadValue::Form("STAGE=NAMES"))?;
        let code = stage(name)?.code();
        let row = ListStage::ALL.iter().find(|row| row.1.byte() == code);
        let stage = row.map(|row| row.0).ok_or_else(|| BadValue::MacroStage(name.to_owned()))?;
        Ok(Self { stage, names: names.to_owned() })
    }
}

/// The names of the actions.
const ACTIONS: [(&str, Actions); 8] = [
    ("add-headers", Actions::ADD_HEADERS),
    ("change-headers", Actions::CHANGE_HEADERS),
    ("change-body", Actions::CHANGE_BODY),
    ("add-rcpt", Actions::ADD_RCPT),
    ("delete-rcpt", Actions::DELETE_RCPT),
    ("quarantine", Actions::QUARANTINE),
    ("change-from", Actions::CHANGE_FROM),
    ("add-rcpt-args", Actions::ADD_RCPT_WITH_ARGUMENTS),
];

/// The names of a table, separated by commas.
fn names<T>(rows: &[(&str, T)]) -> String {
    rows.iter().map(|row| row.0).collect::<Vec<_>>().join(", ")
}

/// Some actions: names, separated by commas.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActionSet(pub(super) Actions);

impl FromStr for ActionSet {
    type Err = BadValue;

    fn from_str(names: &str) -> Result<Self, BadValue> {
        let action = |name: &str| {
            let row = ACTIONS.iter().find(|row| row.0 == name);
            row.map(|row| row.1).ok_or_else(|| BadValue::Action(name.to_owned()))
        };
        let mut names = names.split(',').map(action);
        names.try_fold(Actions::EMPTY, |actions, next| Ok(actions | next?)).map(Self)
    }
}

/// A time in seconds, perhaps with a fraction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seconds(pub(crate) Duration);

impl FromStr for Seconds {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let bad = || BadValue::Seconds(text.to_owned());
        let seconds = text.parse().map_err(|_| bad())?;
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| bad())
    }
}

impl Seconds {
    /// Parses a timeout. Zero is refused, because its meaning depends on the runtime.
    pub(crate) fn timeout(text: &str) -> Result<Self, BadValue> {
        let seconds: Self = text.parse()?;
        if seconds.0.is_zero() { Err(BadValue::NoTime) } else { Ok(seconds) }
    }

    /// The usual timeouts, or this one in place of all of them.
    pub(crate) fn or_usual(seconds: Option<Self>, usual: Timeouts) -> Timeouts {
        let Some(Self(limit)) = seconds else { return usual };
        Wait::ALL.into_iter().fold(usual, |timeouts, wait| timeouts.with(wait, limit))
    }
}

/// `\n` for a line feed, `\t` for a tab, `\\` for a backslash.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            (other, false) => out.push(other),
        }
    }
    out
}
