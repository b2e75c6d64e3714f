//! Frames in the words of mail: what a reader cannot see from the frame alone.

#![expect(clippy::wildcard_enum_match_arm, reason = "most frames need no words, nor will later ones")]

use core::fmt;

use milter_proto::Monitor;
use milter_proto::monitor::Observation;
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::codes::{command, response};
use milter_proto::wire::{
    Actions, Command, Direction, Edit, Frame, MacroStage, Peer, ReplyText, Response, Steps, Tolerance,
    Verdict, Version,
};

/// A reply that took longer is remarked upon, in seconds.
const SLOW: f64 = 1.0;

/// Follows a session: what each frame answers, where it leads, and which rules it breaks.
#[derive(Debug)]
pub(crate) struct Dialogue {
    /// None for the stream of one side alone: half a conversation cannot be judged.
    monitor: Option<Monitor>,
    /// When the command was sent that has no verdict yet.
    asked: Option<f64>,
}

/// What is to be said about a frame.
#[derive(Debug, Default)]
pub(crate) struct Note {
    /// A few words.
    pub(crate) brief: String,
    /// Lines with a name in front.
    pub(crate) more: Vec<(&'static str, String)>,
    /// The rules that the frame breaks.
    pub(crate) violations: Vec<Rule>,
}

impl Note {
    fn of(brief: impl Into<String>) -> Self {
        Self { brief: brief.into(), more: Vec::new(), violations: Vec::new() }
    }

    fn add(&mut self, words: &str) {
        self.brief.push_str(if self.brief.is_empty() { "" } else { ", " });
        self.brief.push_str(words);
    }
}

impl Dialogue {
    /// Listens to both sides, or shows one side alone.
    pub(crate) fn new(has_both_sides: bool) -> Self {
        Self { monitor: has_both_sides.then(Monitor::new), asked: None }
    }

    /// Explains a frame.
    pub(crate) fn observe(&mut self, direction: Direction, frame: Frame<'_>, time: Option<f64>) -> Note {
        let observation = self.monitor.as_mut().map(|monitor| monitor.observe(direction, frame));
        let answers = observation.as_ref().and_then(|observation| observation.answers);
        let mut note = match direction {
            Direction::ToFilter => Command::parse_as(frame, Tolerance::LENIENT)
                .map(|decoded| command_in_words(&decoded.value))
                .unwrap_or_default(),
            Direction::ToMta => Response::parse_as(frame, Tolerance::LENIENT)
                .map(|decoded| response_in_words(&decoded.value, answers))
                .unwrap_or_default(),
        };
        let Some(observation) = observation else { return note };
        self.place(&observation, &mut note);
        self.wait(&observation, time, &mut note);
        note.violations = observation.violations().collect();
        note
    }

    /// Adds where a command leads and whether it has a reply, or what a response answers.
    fn place(&self, observation: &Observation<'_>, note: &mut Note) {
        let kind = CommandKind::from_code(observation.frame.code());
        match (observation.direction, kind) {
            (Direction::ToFilter, Some(kind)) => {
                if observation.stage != observation.context.stage {
                    note.add(&format!("{:?}", observation.stage));
                }
                match observation.owed {
                    Some(_) => note.add("reply owed"),
                    None if kind.has_reply() => note.add("no reply wanted"),
                    None => {}
                }
            }
            (Direction::ToFilter, None) => {}
            (Direction::ToMta, _) => {
                if let Some(command) = observation.answers {
                    note.add(&format!(
                        "{} {command}",
                        if observation.owed.is_some() { "for" } else { "answers" }
                    ));
                }
                let agreed = self.monitor.as_ref().and_then(Monitor::negotiated);
                if let (Some(CommandKind::Negotiate), Some(agreed)) = (observation.answers, agreed) {
                    let size = agreed.data_size().bytes();
                    note.more.push((
                        "agreed",
                        format!("version {}, payloads of up to {size} bytes", agreed.version),
                    ));
                }
            }
        }
    }

    /// Remarks upon a verdict that took long.
    fn wait(&mut self, observation: &Observation<'_>, time: Option<f64>, note: &mut Note) {
        match (observation.direction, observation.owed) {
            (Direction::ToFilter, Some(_)) => self.asked = time,
            (Direction::ToFilter, None) | (Direction::ToMta, Some(_)) => {}
            (Direction::ToMta, None) => {
                let since = self.asked.take();
                let waited =
                    time.zip(since).map(|(time, since)| time - since).filter(|&waited| waited >= SLOW);
                if let Some(waited) = waited {
                    note.add(&format!("after {waited:.1} s"));
                }
            }
        }
    }
}

fn response_in_words(response: &Response<'_>, asked: Option<CommandKind>) -> Note {
    match response {
        Response::Negotiate(answer) => negotiation("asks for", answer.version, answer.actions, answer.steps),
        Response::Edit(edit) => Note::of(edit_in_words(edit)),
        Response::Verdict(verdict) => Note::of(verdict_in_words(verdict, asked.map_or(0, CommandKind::code))),
        Response::Progress => Note::of("still at work"),
        Response::Other(_) => Note::of("no known response"),
        _ => Note::default(),
    }
}

fn command_in_words(command: &Command<'_>) -> Note {
    Note::of(match *command {
        Command::Negotiate(offer) => {
            return negotiation("offers", offer.version, offer.actions, offer.steps);
        }
        Command::Macros(macros) if macros.list().is_empty() => "no macros".to_owned(),
        Command::Connect { peer, .. } => client(peer),
        Command::MailFrom { address, .. } if address.is_empty() || address == "<>" => {
            "no sender: a bounce".to_owned()
        }
        Command::Body { chunk } => format!("{} bytes", chunk.len()),
        Command::EndOfHeaders => "end of headers".to_owned(),
        Command::EndOfMessage { chunk: [] } => "end of message".to_owned(),
        Command::EndOfMessage { chunk } => format!("end of message, with {} bytes", chunk.len()),
        Command::Unknown { .. } => "unknown to the MTA".to_owned(),
        Command::Abort => "transaction over".to_owned(),
        Command::Quit => "session over".to_owned(),
        Command::QuitNewConnection => "client gone, another follows".to_owned(),
        Command::Other(_) => "no known command".to_owned(),
        _ => String::new(),
    })
}

fn negotiation(verb: &str, version: Version, actions: Actions, steps: Steps) -> Note {
    let names =
        |set: &dyn fmt::Debug, is_empty| if is_empty { "none".to_owned() } else { format!("{set:?}") };
    let more =
        vec![("actions", names(&actions, actions.is_empty())), ("steps", names(&steps, steps.is_empty()))];
    Note { brief: format!("{verb} version {version}"), more, violations: Vec::new() }
}

fn client(peer: Peer<'_>) -> String {
    match peer {
        Peer::Unknown => "client of no known address".to_owned(),
        Peer::Unix { .. } => "client on a unix socket".to_owned(),
        Peer::Inet { port, .. } => format!("IPv4, port {port}"),
        Peer::Inet6 { port, .. } => format!("IPv6, port {port}"),
        _ => String::new(),
    }
}

fn edit_in_words(edit: &Edit<'_>) -> String {
    match edit {
        Edit::InsertHeader { index: 0, .. } => "above all headers".to_owned(),
        Edit::InsertHeader { index, .. } => format!("behind header {index}"),
        Edit::ChangeHeader { index, value, .. } => {
            let verb = if value.is_empty() { "deletes" } else { "changes" };
            format!("{verb} number {} of that name", index.max(&1))
        }
        Edit::ChangeFrom { .. } => "new sender".to_owned(),
        Edit::ReplaceBody { chunk } => format!("{} bytes of new body", chunk.len()),
        Edit::Quarantine { .. } => "to be held".to_owned(),
        _ => String::new(),
    }
}

/// The effect of a verdict on what was asked: a command, or 0 if that is not known.
fn verdict_in_words(verdict: &Verdict<'_>, asked: u8) -> String {
    let whole = match asked {
        command::CONNECT | command::HELO => "the connection",
        _ => "the message",
    };
    let refused = match asked {
        command::MAIL => "the sender",
        command::RCPT => "this recipient",
        command::UNKNOWN => "the command",
        _ => whole,
    };
    match verdict {
        Verdict::Continue | Verdict::Accept if asked == command::BODYEOB => "the message may pass".to_owned(),
        Verdict::Accept => format!("enough: {whole} may pass"),
        Verdict::Reject => format!("refuses {refused} (5xx)"),
        Verdict::Tempfail => format!("refuses {refused} for now (4xx)"),
        Verdict::Discard => format!("takes {whole} and drops it"),
        Verdict::Skip => format!("enough of {:?} for this message", MacroStage::new(asked)),
        Verdict::Reply(reply) => {
            // Both MTAs give the client that reply, and close.
            let ends = reply.code().closes_smtp_session();
            let ends = if ends { ", and the SMTP session ends" } else { "" };
            format!("refuses {refused}{}{ends}", lines(*reply))
        }
        Verdict::Shutdown => "421, and the SMTP session ends".to_owned(),
        _ => String::new(),
    }
}

fn lines(reply: ReplyText<'_>) -> String {
    match reply.lines().count() {
        1 => String::new(),
        count => format!(", in {count} lines"),
    }
}

/// The mood of a response, for colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Passes,
    Changes,
    Refuses,
}

impl Mood {
    pub(crate) const fn of(code: u8) -> Self {
        match code {
            response::REJECT
            | response::TEMPFAIL
            | response::REPLYCODE
            | response::DISCARD
            | response::SHUTDOWN
            | response::CONN_FAIL => Self::Refuses,
            response::CONTINUE
            | response::ACCEPT
            | response::SKIP
            | response::PROGRESS
            | response::OPTNEG => Self::Passes,
            _ => Self::Changes,
        }
    }
}
