//! The MTA's side, blocking.

#![expect(clippy::wildcard_enum_match_arm, reason = "whatever does not stop the message lets it go on")]

use core::fmt;
use core::time::Duration;
use std::time::Instant;

use indicatif::ProgressBar;
use milter_proto::session::{
    CommandKind, MacroSchedule, MtaSession, MtaTurn, Policy, Reaction, Scope, Sent, Standing, Timeouts, Wait,
};
use milter_proto::wire::{
    Chunks, Command, DataSize, Direction, LeadingSpace, MacroLists, MacroStage, Offer, Peer, Text, TextList,
    Verdict,
};

use crate::delivered::Delivery;
use crate::link::{Failure, Link};
use crate::message::Message;

/// Bytes of a body from which on its progress is shown.
const LONG: usize = 1024 * 1024;

/// How the message came through.
pub(crate) enum Outcome {
    Delivered(Delivery),
    Dropped,
    /// What was refused, and the reply to the client.
    Refused(&'static str, String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered(delivery) => delivery.fmt(f),
            Self::Dropped => f.write_str("# accepted from the client, and dropped"),
            Self::Refused(what, reply) => write!(f, "# {what} is refused: {reply}"),
        }
    }
}

/// Asks a filter about a message, from OPTNEG to QUIT.
pub(crate) fn converse(link: Link, message: &Message, delivery: Delivery) -> Result<Outcome, Failure> {
    let mut mta =
        Mta { session: MtaSession::new(Policy::POSTFIX), link, lists: Vec::new(), delivery, end: None };
    mta.say(Command::Negotiate(Offer::FULL))?;
    let outcome = mta.message(message)?;
    // A filter whose verdict was about the connection is not spoken to any more.
    mta.say(Command::Quit)?;
    mta.link.flush(Timeouts::POSTFIX.of(Wait::Write))?;
    Ok(outcome)
}

struct Mta {
    session: MtaSession,
    link: Link,
    /// The macro lists that the filter asked for.
    lists: Vec<u8>,
    delivery: Delivery,
    /// When the end of the message was sent.
    end: Option<Instant>,
}

/// A verdict that is not to go on.
enum Stop {
    Discard,
    Refuse(String),
}

impl Mta {
    fn message(&mut self, message: &Message) -> Result<Outcome, Failure> {
        let host = text(b"localhost")?;
        let peer = Peer::Inet { port: 25, address: text(b"127.0.0.1")? };
        let name = text(b"sender.example")?;
        for (stage, command, what) in [
            (MacroStage::CONNECT, Command::Connect { host, peer }, "the connection"),
            (MacroStage::HELO, Command::Helo { name }, "the connection"),
        ] {
            if let Some(stop) = self.ask(stage, command)? {
                return Ok(stop.outcome(what));
            }
        }
        let from = self.delivery.from.clone();
        let mail = Command::MailFrom { address: text(&from)?, arguments: TextList::EMPTY };
        if let Some(stop) = self.ask(MacroStage::MAIL, mail)? {
            return self.abort(stop, "the sender");
        }
        for recipient in self.delivery.recipients.clone() {
            let rcpt = Command::RcptTo { address: text(&recipient)?, arguments: TextList::EMPTY };
            match self.ask(MacroStage::RCPT, rcpt)? {
                Some(Stop::Refuse(reply)) => {
                    self.link.note(&format!("this recipient is refused: {reply}"));
                    self.delivery.refuse(&recipient);
                }
                Some(stop) => return self.abort(stop, "the message"),
                None => {}
            }
        }
        if self.delivery.recipients.is_empty() {
            return self.abort(Stop::Refuse("no recipient is left".to_owned()), "the message");
        }
        if let Some(stop) = self.ask(MacroStage::DATA, Command::Data)? {
            return self.abort(stop, "DATA");
        }
        match self.content(message)? {
            Some(stop) => self.abort(stop, "the message"),
            None => Ok(Outcome::Delivered(self.delivery.clone())),
        }
    }

    fn content(&mut self, message: &Message) -> Result<Option<Stop>, Failure> {
        let space = self.leading_space();
        for header in &message.headers {
            let value = text(space.to_wire(&header.value))?;
            if let Some(stop) = self.tell(Command::Header { name: text(&header.name)?, value })? {
                return Ok(Some(stop));
            }
        }
        if let Some(stop) = self.ask(MacroStage::END_OF_HEADERS, Command::EndOfHeaders)? {
            return Ok(Some(stop));
        }
        let total = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
        let progress =
            if message.body.len() >= LONG { ProgressBar::new(total) } else { ProgressBar::hidden() };
        for chunk in Chunks::new(&message.body, DataSize::K64) {
            if let Some(stop) = self.tell(Command::Body { chunk })? {
                return Ok(Some(stop));
            }
            progress.inc(u64::try_from(chunk.len()).unwrap_or(0));
        }
        progress.finish_and_clear();
        self.ask(MacroStage::END_OF_MESSAGE, Command::EndOfMessage { chunk: &[] })
    }

    /// Ends a message that was stopped, so that the connection could be used for another.
    fn abort(&mut self, stop: Stop, what: &'static str) -> Result<Outcome, Failure> {
        self.say(Command::Abort)?;
        Ok(stop.outcome(what))
    }

    /// Sends macros, then a command; both go out in one write.
    fn ask(&mut self, stage: MacroStage, command: Command<'_>) -> Result<Option<Stop>, Failure> {
        let lists = MacroLists::new(&self.lists)?;
        let mut storage = [0; 2048];
        let recipient = if let Command::RcptTo { address, .. } = command { address } else { Text::EMPTY };
        let from = self.delivery.from.clone();
        let sender = text(&from)?;
        let lookup = |name: Text<'_>| match name.as_bytes() {
            b"j" | b"{daemon_name}" => text(b"converse.example").ok(),
            b"v" => text(b"milter-proto").ok(),
            b"i" => text(b"4MILTERPROTO").ok(),
            b"_" => text(b"localhost [127.0.0.1]").ok(),
            b"{mail_addr}" => Some(sender),
            b"{rcpt_addr}" => Some(recipient),
            b"{mail_mailer}" | b"{rcpt_mailer}" => text(b"smtp").ok(),
            _ => None,
        };
        let macros = MacroSchedule::new(lists).macros(stage, defaults(stage), lookup, &mut storage);
        if let Some(macros) = macros.map_err(|error| Failure::Sending(error.to_string()))? {
            send(&mut self.session, &mut self.link, Command::Macros(macros))?;
        }
        self.tell(command)
    }

    /// Sends a command, and waits for its verdict if it has one.
    fn tell(&mut self, command: Command<'_>) -> Result<Option<Stop>, Failure> {
        self.say(command)?;
        self.verdict()
    }

    fn say(&mut self, command: Command<'_>) -> Result<(), Failure> {
        if send(&mut self.session, &mut self.link, command)?
            && matches!(command, Command::EndOfMessage { .. })
        {
            self.end = Some(Instant::now());
        }
        if matches!(command, Command::Negotiate(_)) {
            self.verdict()?;
        }
        Ok(())
    }

    /// Reads until nothing is owed any more.
    fn verdict(&mut self) -> Result<Option<Stop>, Failure> {
        let timeouts = Timeouts::POSTFIX;
        let space = self.leading_space();
        if self.session.must_flush() {
            self.link.flush(timeouts.of(Wait::Write))?;
        }
        let mut stop = None;
        while let MtaTurn::Receive(owed) = self.session.turn() {
            let timeout = self.session.wait().map_or(timeouts.reply, |wait| timeouts.of(wait));
            let Some(frame) = self.link.take(Direction::ToMta)? else {
                self.read(timeout, owed)?;
                continue;
            };
            match self.session.receive(frame)? {
                Reaction::Negotiated { answer } => self.lists = answer.macro_lists.as_bytes().to_vec(),
                Reaction::Edit { edit, standing: Standing::Agreed | Standing::NotAgreed, .. } => {
                    self.delivery.apply(&edit, space);
                }
                Reaction::Verdict { verdict, scope, .. } => stop = Stop::of(&verdict, scope),
                _ => {}
            }
        }
        if let Some(end) = self.end.take() {
            self.link.note(&format!("the verdict took {:.3} s", end.elapsed().as_secs_f64()));
        }
        Ok(stop)
    }

    /// Reads once, while `owed` has no verdict.
    fn read(&mut self, timeout: Duration, owed: CommandKind) -> Result<(), Failure> {
        if self.link.fill(timeout)? {
            return Ok(());
        }
        let is_refused = self.session.agreed().is_none();
        self.session.disconnect(self.link.pending());
        Err(if is_refused { Failure::Refused } else { Failure::Closed(owed) })
    }

    fn leading_space(&self) -> LeadingSpace {
        self.session.agreed().map_or(LeadingSpace::Mta, |agreed| LeadingSpace::of(agreed.steps))
    }
}

/// Puts a command into the next write; `false`: it is not to be sent.
fn send(session: &mut MtaSession, link: &mut Link, command: Command<'_>) -> Result<bool, Failure> {
    match session.send(command)? {
        Sent::Frame(outgoing) => {
            link.push(Direction::ToFilter, &outgoing);
            Ok(true)
        }
        Sent::Suppressed(_) => Ok(false),
    }
}

impl Stop {
    fn of(verdict: &Verdict<'_>, scope: Scope) -> Option<Self> {
        match verdict {
            Verdict::Discard if scope == Scope::Message => Some(Self::Discard),
            Verdict::Reject => Some(Self::Refuse("550 5.7.1 Command rejected".to_owned())),
            Verdict::Tempfail => {
                Some(Self::Refuse("451 4.7.1 Service unavailable - try again later".to_owned()))
            }
            Verdict::Reply(reply) => Some(Self::Refuse(reply.plain().to_string())),
            Verdict::Shutdown => Some(Self::Refuse("421 4.7.0 Service closing".to_owned())),
            _ => None,
        }
    }

    fn outcome(self, what: &'static str) -> Outcome {
        match self {
            Self::Discard => Outcome::Dropped,
            Self::Refuse(reply) => Outcome::Refused(what, reply),
        }
    }
}

/// The macros that are sent unless the filter asks for others.
fn defaults(stage: MacroStage) -> &'static [u8] {
    match stage {
        MacroStage::CONNECT => b"j {daemon_name} v _",
        MacroStage::HELO => b"",
        MacroStage::MAIL => b"i {mail_addr} {mail_mailer}",
        MacroStage::RCPT => b"i {rcpt_addr} {rcpt_mailer}",
        _ => b"i",
    }
}

fn text(bytes: &[u8]) -> Result<Text<'_>, Failure> {
    Text::new(bytes).map_err(|_| Failure::Argument(String::from_utf8_lossy(bytes).into_owned()))
}
