//! What the MTA examples say about a message, and what comes of it: command by command, without I/O.

mod options;
mod outcome;
mod step;

use milter_proto::macros::{MacroDefaults, MacroRequests};
use milter_proto::mta::{EditStatus, Scope, Sent};
use milter_proto::order::{CommandKind, Stage};
use milter_proto::wire::{
    Answer, Assembler, Chunks, Command, DataSize, LeadingSpace, MacroListsBuf, MacroStage, Macros, MacrosBuf,
    Offer, Text, TextList, Verdict,
};
use milter_proto::{Misuse, MtaSession, mta};

use super::delivery::Delivery;
use super::failure::Failure;
use super::message::Message;
use super::progress::Progress;

pub(crate) use options::{Letter, Options};
pub(crate) use outcome::Outcome;
use outcome::{Ending, reply_to};
use step::Step;

/// Bytes of a header that is sent to a filter, cut there as Postfix cuts it: a frame has room for 65,535.
const LONGEST: usize = 60_000;

/// One connection of an MTA: the client's session, message after message.
pub(crate) struct Client<'m> {
    letter: &'m Letter,
    message: &'m Message,
    step: Step,
    /// The macros of this step were sent, or there are none.
    is_announced: bool,
    /// Messages that are still to come, this one included.
    left: usize,
    /// What becomes of this message is known.
    is_decided: bool,
    /// The recipient that was named last.
    asked: usize,
    outcome: Outcome<'m>,
    /// Shows the outcome of each message as soon as it is known.
    show: &'m (dyn Fn(&Outcome<'_>) + Sync),
    body: Chunks<'m>,
    progress: Progress,
    /// The macro lists that the filter asked for.
    lists: MacroListsBuf,
    /// The macros of this step.
    macros: Option<MacrosBuf>,
    space: LeadingSpace,
}

impl<'m> Client<'m> {
    pub(crate) fn new(
        letter: &'m Letter,
        message: &'m Message,
        show: &'m (dyn Fn(&Outcome<'_>) + Sync),
    ) -> Self {
        Self {
            letter,
            message,
            step: Step::Negotiate,
            is_announced: false,
            left: letter.messages,
            is_decided: false,
            asked: 0,
            outcome: Outcome::new(Delivery::new(message, &letter.from, &letter.recipients)),
            show,
            body: Chunks::new(&message.body, DataSize::Kib64),
            progress: Progress::hidden(),
            lists: MacroListsBuf::new(),
            macros: None,
            space: LeadingSpace::Stripped,
        }
    }

    /// Shows how much of the body was sent.
    pub(crate) fn showing(self, progress: Progress) -> Self {
        Self { progress, ..self }
    }

    /// Says what is next; `None` once all is said.
    ///
    /// # Errors
    /// [`Misuse`]: what the options ask for cannot be said there.
    pub(crate) fn say(&mut self, session: &mut MtaSession) -> Result<Option<Sent<'_>>, Misuse> {
        self.settle(session);
        let step = self.step;
        if !core::mem::replace(&mut self.is_announced, true) {
            if let Some(stage) = step.macro_stage() {
                self.macros = self.gather(stage);
                if self.macros.is_some() {
                    let macros = self.macros.as_ref().map_or(Macros::none(stage), MacrosBuf::as_macros);
                    return session.send(Command::Macros(macros)).map(Some);
                }
            }
        }
        let Some(command) = self.command() else { return Ok(None) };
        self.advance();
        if let Step::Rcpt(at) = step {
            self.asked = at;
        }
        let sent = match step {
            Step::RejectedRcpt(_) => session.send_rejected(command)?,
            _ => session.send(command)?,
        };
        if step == Step::EndOfMessage && matches!(sent, Sent::Skipped { .. }) {
            self.decide(&Verdict::Continue, CommandKind::EndOfMessage);
        }
        Ok(Some(sent))
    }

    /// Takes what the filter says.
    ///
    /// # Errors
    /// [`Failure::Edits`]: it changes more than anybody can keep.
    pub(crate) fn hear(&mut self, reaction: &mta::Event<'_>) -> Result<(), Failure> {
        match reaction {
            mta::Event::Negotiated { answer: Answer { macro_lists, steps, .. } } => {
                self.lists = MacroListsBuf::new();
                macro_lists.iter().for_each(|(stage, names)| self.lists.push(stage, names));
                self.space = LeadingSpace::of(*steps);
            }
            mta::Event::Edit { edit, status, .. } => {
                self.outcome.note(edit, *status)?;
                if matches!(status, EditStatus::Negotiated | EditStatus::NotNegotiated) {
                    self.outcome.delivery.apply(edit, self.space);
                }
            }
            mta::Event::Verdict { verdict, scope, command, closes_smtp_session, .. } => {
                let ends_session = *closes_smtp_session || *scope == Scope::Connection;
                if ends_session {
                    // Nothing more is asked on this connection.
                    self.left = self.left.min(1);
                }
                match scope {
                    _ if ends_session => self.decide(verdict, *command),
                    Scope::Message => self.decide(verdict, *command),
                    Scope::Recipient => self.refuse_recipient(verdict),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn decide(&mut self, verdict: &Verdict<'_>, command: CommandKind) {
        self.is_decided = true;
        self.outcome.at = Some(command);
        self.outcome.reply = reply_to(verdict);
        self.outcome.ending = match verdict {
            Verdict::Discard => Ending::Discarded,
            _ if self.outcome.reply.is_some() => Ending::Refused,
            _ => Ending::Accepted,
        };
    }

    fn refuse_recipient(&mut self, verdict: &Verdict<'_>) {
        let Some(recipient) = self.letter.recipients.get(self.asked) else { return };
        let reply = reply_to(verdict).unwrap_or_default();
        self.outcome.refused.push((recipient.as_bytes().to_vec(), reply));
        self.outcome.delivery.refuse(recipient.as_bytes());
    }

    /// Ends a message that is complete, and finds the next step that sends a command.
    fn settle(&mut self, session: &MtaSession) {
        if self.step == Step::Data && self.outcome.delivery.recipients.is_empty() && !self.is_decided {
            self.is_decided = true;
            self.outcome.ending = Ending::Refused;
        }
        if self.step == Step::Finish || (self.is_decided && !self.step.is_behind_message()) {
            self.finish(session);
        }
        if self.step == Step::Next {
            let may_renew = self.letter.quit_nc && session.check(&Command::QuitNewConnection).is_ok();
            self.go_to(match self.left {
                0 => Step::Quit,
                _ if may_renew => Step::NewConnection,
                _ => Step::Unknown,
            });
        }
        if self.step == Step::Unknown && self.left == 0 {
            self.go_to(Step::Quit);
        }
        if self.step == Step::Unknown && self.letter.unknown.is_none() {
            self.go_to(Step::Mail);
        }
        if session.stage() == Stage::Decided {
            self.go_to(Step::Quit);
        }
    }

    /// Shows the outcome of a message, and drops it.
    fn finish(&mut self, session: &MtaSession) {
        self.progress.finish();
        (self.show)(&self.outcome);
        let is_unfinished = session.stage().is_in_message() || self.outcome.ending == Ending::Aborted;
        self.outcome = Outcome::new(Delivery::new(self.message, &self.letter.from, &self.letter.recipients));
        self.left = self.left.saturating_sub(1);
        self.is_decided = false;
        self.body = Chunks::new(&self.message.body, DataSize::Kib64);
        self.go_to(if is_unfinished { Step::Abort } else { Step::Next });
    }

    fn go_to(&mut self, step: Step) {
        self.step = step;
        self.is_announced = false;
    }

    /// Goes on behind a step that was said.
    fn advance(&mut self) {
        let next = self.step.next(self.letter, self.message, self.body.len());
        let gives_up = self.letter.is_over_before(next) && !self.letter.is_over_before(self.step);
        self.go_to(if gives_up { Step::Finish } else { next });
    }

    /// The command of this step.
    fn command(&mut self) -> Option<Command<'m>> {
        let letter = self.letter;
        Some(match self.step {
            Step::Negotiate => Command::Negotiate(letter.offer.map_or(Offer::FULL, |offered| offered.0)),
            Step::Connect => Command::Connect { host: text(&letter.client.host), peer: letter.client.peer() },
            Step::Helo => Command::Helo { name: text(&letter.helo) },
            Step::Unknown => Command::Unknown { line: text(letter.unknown.as_deref()?) },
            Step::Mail => Command::MailFrom { address: text(&letter.from), arguments: TextList::EMPTY },
            Step::Rcpt(at) => {
                Command::RcptTo { address: text(letter.recipients.get(at)?), arguments: TextList::EMPTY }
            }
            Step::RejectedRcpt(at) => {
                Command::RcptTo { address: text(letter.rejected.get(at)?), arguments: TextList::EMPTY }
            }
            Step::Data => Command::Data,
            Step::Header(at) => {
                let header = self.message.headers.get(at)?;
                let value = self.space.to_wire(&header.value);
                let value = value.get(..LONGEST.saturating_sub(header.name.len())).unwrap_or(value);
                let [name, value] = [&header.name, value].map(|text| Text::new(text).unwrap_or_default());
                Command::Header { name, value }
            }
            Step::EndOfHeaders => Command::EndOfHeaders,
            Step::Body => {
                let chunk = self.body.next()?;
                self.progress.add(chunk.len());
                Command::Body { chunk }
            }
            Step::EndOfMessage => Command::EndOfMessage { chunk: &[] },
            Step::Abort => Command::Abort,
            Step::NewConnection => Command::QuitNewConnection,
            Step::Quit => Command::Quit,
            Step::Finish | Step::Next | Step::Done => return None,
        })
    }

    /// Puts the macros of this step together.
    fn gather(&self, stage: MacroStage) -> Option<MacrosBuf> {
        let letter = self.letter;
        let rejected = matches!(self.step, Step::RejectedRcpt(_));
        let recipient = match self.step {
            Step::Rcpt(at) => letter.recipients.get(at),
            Step::RejectedRcpt(at) => letter.rejected.get(at),
            _ => None,
        };
        let lookup = |name: Text<'_>| {
            let mut given = letter.macros.iter();
            if let Some(found) = given.find(|found| found.name.as_bytes() == name.as_bytes()) {
                return Some(text(&found.value));
            }
            Some(match name.as_bytes() {
                b"j" | b"{daemon_name}" => text("mta.example"),
                b"v" => text("milter-proto"),
                b"i" => text("4MILTERPROTO"),
                b"_" => text(&letter.client.host),
                b"{client_name}" => text(&letter.client.host),
                b"{mail_addr}" => text(bare(&letter.from)),
                b"{rcpt_addr}" if rejected => text("5.1.1 no such user"),
                b"{rcpt_addr}" => text(bare(recipient?)),
                b"{rcpt_host}" if rejected => text("5.1.1"),
                b"{rcpt_mailer}" if rejected => text("error"),
                b"{mail_mailer}" | b"{rcpt_mailer}" => text("smtp"),
                _ => return None,
            })
        };
        let requests = MacroRequests::new(self.lists.as_lists());
        requests.macros(stage, MacroDefaults::POSTFIX.names(stage), lookup)
    }
}

/// Fails on bytes that arrived while no reply was outstanding: they would be taken for the next reply, and every
/// later reply would answer the wrong command.
pub(crate) fn refuse_stray(
    mut input: &[u8],
    session: &mut MtaSession,
    assembler: &mut Assembler<Vec<u8>>,
) -> Result<(), Failure> {
    let stray = input.len().saturating_add(assembler.pending());
    if stray == 0 {
        return Ok(());
    }
    // The session refuses a whole frame with its own error. A part of one is as bad.
    session.next_event(assembler, &mut input)?;
    Err(Failure::Stray(stray))
}

/// An address without its brackets.
fn bare(address: &str) -> &str {
    address.trim_start_matches('<').trim_end_matches('>')
}

/// Text of an option, which never holds a NUL: the operating system's arguments end with one.
fn text(option: &str) -> Text<'_> {
    Text::new(option.as_bytes()).unwrap_or_default()
}
