//! Frames in the words of mail: what a reader cannot see from the frame alone.

#![expect(clippy::wildcard_enum_match_arm, reason = "most frames need no words, nor will later ones")]

use core::fmt;

use milter_proto::wire::codes::{command, response};
use milter_proto::wire::{
    Actions, Command, Edit, Frame, MacroStage, Peer, ReplyText, Response, Steps, Tolerance, Verdict, Version,
};

/// A reply that took longer is remarked upon, in seconds.
const SLOW: f64 = 1.0;

/// Follows a session as far as notes need it.
#[derive(Debug, Default)]
pub(crate) struct Dialogue {
    /// The steps of the filter's answer.
    steps: Steps,
    /// The command that waits for a verdict, and when it was sent.
    asked: Option<(u8, Option<f64>)>,
}

/// What is to be said about a frame.
#[derive(Debug, Default)]
pub(crate) struct Note {
    /// A few words.
    pub(crate) brief: String,
    /// Lines with a name in front.
    pub(crate) more: Vec<(&'static str, String)>,
}

impl Note {
    fn of(brief: impl Into<String>) -> Self {
        Self { brief: brief.into(), more: Vec::new() }
    }

    fn add(&mut self, words: &str) {
        self.brief.push_str(if self.brief.is_empty() { "" } else { ", " });
        self.brief.push_str(words);
    }
}

impl Dialogue {
    /// Explains what the MTA sent.
    pub(crate) fn command(&mut self, frame: Frame<'_>, time: Option<f64>) -> Note {
        let Ok(decoded) = Command::parse_as(frame, Tolerance::LENIENT) else { return Note::default() };
        let mut note = command_in_words(&decoded.value);
        match switch(frame.code()) {
            // Macros get no reply, and a command that waits for one goes on waiting.
            _ if frame.code() == command::MACRO => {}
            Some(switch) if switch.is_empty() || !self.steps.contains(switch) => {
                self.asked = Some((frame.code(), time));
            }
            Some(_) => note.add("no reply wanted"),
            None => self.asked = None,
        }
        note
    }

    /// Explains what the filter sent.
    pub(crate) fn response(&mut self, frame: Frame<'_>, time: Option<f64>) -> Note {
        let Ok(decoded) = Response::parse_as(frame, Tolerance::LENIENT) else { return Note::default() };
        match decoded.value {
            Response::Negotiate(answer) => {
                self.steps = answer.steps;
                self.asked = None;
                negotiation("asks for", answer.version, answer.actions, answer.steps)
            }
            Response::Edit(edit) => Note::of(edit_in_words(&edit)),
            Response::Verdict(verdict) => self.verdict(&verdict, time),
            Response::Progress => Note::of("still at work"),
            Response::Other(_) => Note::of("no known response"),
            _ => Note::default(),
        }
    }

    fn verdict(&mut self, verdict: &Verdict<'_>, time: Option<f64>) -> Note {
        let (asked, since) = self.asked.take().unwrap_or_default();
        let mut note = Note::of(verdict_in_words(verdict, asked));
        let waited = time.zip(since).map(|(time, since)| time - since).filter(|&waited| waited >= SLOW);
        if let Some(waited) = waited {
            note.add(&format!("after {waited:.1} s"));
        }
        note
    }
}

/// The step that switches the reply to a command off; none for those that have always a reply. `None`:
/// the command never has one.
fn switch(code: u8) -> Option<Steps> {
    Some(match code {
        command::OPTNEG | command::BODYEOB => Steps::EMPTY,
        command::CONNECT => Steps::NO_REPLY_CONNECT,
        command::HELO => Steps::NO_REPLY_HELO,
        command::MAIL => Steps::NO_REPLY_MAIL,
        command::RCPT => Steps::NO_REPLY_RCPT,
        command::DATA => Steps::NO_REPLY_DATA,
        command::UNKNOWN => Steps::NO_REPLY_UNKNOWN,
        command::HEADER => Steps::NO_REPLY_HEADER,
        command::EOH => Steps::NO_REPLY_END_OF_HEADERS,
        command::BODY => Steps::NO_REPLY_BODY,
        _ => return None,
    })
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
    Note { brief: format!("{verb} version {version}"), more }
}

fn client(peer: Peer<'_>) -> String {
    match peer {
        Peer::Unknown => "client of no known address".to_owned(),
        Peer::Unix { .. } => "client on a unix socket".to_owned(),
        Peer::Inet { port, .. } => format!("IPv4 client, port {port}"),
        Peer::Inet6 { port, .. } => format!("IPv6 client, port {port}"),
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
        Verdict::Reply(reply) => format!("refuses {refused}{}", lines(*reply)),
        Verdict::Shutdown => "421, and the connection closed".to_owned(),
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
