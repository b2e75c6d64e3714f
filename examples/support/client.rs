//! What the MTA examples do: the commands of an SMTP session for a chain of filters, message after message, without I/O.

mod options;
mod outcome;

use std::fs;
use std::io::{Write, stderr};

use milter_proto::message::{AnswerReason, Chain, ChainAnswer, ChainFilter, FailureAction, Message};
use milter_proto::mta::{Event, Scope};
use milter_proto::order::CommandKind;
use milter_proto::wire::{Command, Offer, Text, TextList, Verdict};
use milter_proto::{MtaSession, mta};

use super::failure::Failure;
use super::spec::Spec;

pub(crate) use options::{Letter, Options};
pub(crate) use outcome::Outcome;
use outcome::{Ending, Refused, reply_to};

/// Bytes of the edits of one message, more than most mail servers accept in a message.
const MAX_EDIT_BYTES: usize = 16 * 1024 * 1024;

/// The macros of a recipient that the MTA itself refused.
const REJECTED: [(&str, &str); 3] =
    [("{rcpt_addr}", "5.1.1 no such user"), ("{rcpt_host}", "5.1.1"), ("{rcpt_mailer}", "error")];

/// One SMTP session of an MTA.
pub(crate) struct Client<'m> {
    /// The filters: the caller does what `next_step` says, and gives its answers to [`go_on`](Self::go_on).
    pub(crate) chain: Chain<'m>,
    letter: &'m Letter,
    /// The bytes of the message.
    bytes: &'m [u8],
    filters: &'m [Spec],
    step: Step,
    /// Messages that are still to come, this one included.
    left: usize,
    /// The message, until the chain gets it.
    draft: Message<'m>,
    /// The command that was answered by the last verdict on the message or the connection.
    at: Option<CommandKind>,
    refused: Vec<Refused<'m>>,
    /// Shows the outcome of each message as soon as it is known.
    show: &'m (dyn Fn(&Outcome<'_>) + Sync),
}

/// What the chain is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing yet.
    Start,
    Negotiate,
    Connect,
    Helo,
    /// A command that the MTA does not know, if the options name one.
    Unknown,
    Mail,
    /// The recipient of that number.
    Rcpt(usize),
    /// The recipient of that number among those that the MTA itself refused.
    RejectedRcpt(usize),
    Data,
    Content,
    /// The message is over.
    Abort,
    /// Another SMTP session on the same connections.
    NewConnection,
    Quit,
}

impl<'m> Client<'m> {
    pub(crate) fn new(
        letter: &'m Letter,
        bytes: &'m [u8],
        filters: &'m [Spec],
        policy: mta::Policy,
        show: &'m (dyn Fn(&Outcome<'_>) + Sync),
    ) -> Self {
        let mut chain = Chain::new(letter.edit_rules());
        let action = letter.failure_action().unwrap_or(FailureAction::Tempfail);
        let filter = ChainFilter::new().with_max_edit_bytes(MAX_EDIT_BYTES).with_failure_action(action);
        chain.extend(filters.iter().map(|_| filter.clone().with_session(MtaSession::with_policy(policy))));
        let client = &*letter.client.host;
        let usual = [("j", "mta.example"), ("{daemon_name}", "mta.example"), ("v", "milter-proto")];
        let usual =
            usual.into_iter().chain([("i", "4MILTERPROTO"), ("_", client), ("{client_name}", client)]);
        let usual = usual.chain([("{mail_mailer}", "smtp"), ("{rcpt_mailer}", "smtp")]);
        for (name, value) in usual.chain(letter.macros()) {
            chain.macros_mut().set(text(name), text(value));
        }
        let (step, left, at, refused) = (Step::Start, letter.messages, None, Vec::new());
        Self { chain, letter, bytes, filters, step, left, draft: letter.draft(bytes), at, refused, show }
    }

    /// Takes the answer of the chain, and gives it the next command. `false`: the session is over.
    ///
    /// # Errors
    /// [`Failure::Chain`]: the options ask for a command that cannot be sent there.
    pub(crate) fn go_on(&mut self, answer: &ChainAnswer) -> Result<bool, Failure> {
        self.step = match (self.step, self.judge(answer)) {
            (Step::Quit, _) => return Ok(false),
            (_, Some(ending)) => {
                self.end(ending, answer)?;
                Step::Abort
            }
            (Step::Abort, _) => self.after_message(),
            (step, None) => step.next(self.letter),
        };
        self.begin()?;
        Ok(true)
    }

    /// Notes the answer to a recipient. Returns what becomes of the message, if that is known now.
    fn judge(&mut self, answer: &ChainAnswer) -> Option<Ending> {
        let (letter, step) = (self.letter, self.step);
        let verdict = answer.verdict.as_verdict();
        let decides = answer.closes_smtp_session() || verdict == Verdict::Discard;
        match step {
            Step::Abort | Step::Quit => return None,
            Step::Rcpt(at) if answer.passes() => self.draft.add_recipient(nth(&letter.recipients, at)),
            _ if answer.passes() => {}
            Step::Unknown if !answer.closes_smtp_session() => {}
            Step::RejectedRcpt(_) if !decides => {}
            Step::Rcpt(at) if !decides => {
                let reply = reply_to(answer).unwrap_or_default();
                let recipient = nth(&letter.recipients, at);
                self.refused.push(Refused { recipient, reply });
            }
            _ if verdict == Verdict::Discard => return Some(Ending::Discarded),
            _ => return Some(Ending::Refused),
        }
        let next = step.next(letter);
        match next {
            _ if letter.is_over_before(next.kind()) && !letter.is_over_before(step.kind()) => {
                Some(Ending::Aborted)
            }
            Step::Data if self.draft.recipients().next().is_none() => Some(Ending::Undeliverable),
            Step::Abort if letter.content_until().is_some() => Some(Ending::Aborted),
            Step::Abort => Some(Ending::Accepted),
            _ => None,
        }
    }

    /// Gives the chain the command of this step.
    fn begin(&mut self) -> Result<(), Failure> {
        let (letter, arguments) = (self.letter, TextList::EMPTY);
        self.set_recipient_macros(matches!(self.step, Step::RejectedRcpt(_)));
        let command = match self.step {
            Step::Start | Step::Negotiate => Command::Negotiate(letter.offer.map_or(Offer::FULL, |it| it.0)),
            Step::Connect => Command::Connect { host: text(&letter.client.host), peer: letter.client.peer() },
            Step::Helo => Command::Helo { name: text(&letter.helo) },
            Step::Unknown => {
                Command::Unknown { line: letter.unknown.as_deref().map(text).unwrap_or_default() }
            }
            Step::Mail => Command::MailFrom { address: text(&letter.from), arguments },
            Step::Rcpt(at) => Command::RcptTo { address: nth(&letter.recipients, at), arguments },
            Step::RejectedRcpt(at) => {
                let command = Command::RcptTo { address: nth(&letter.rejected, at), arguments };
                return Ok(self.chain.send_rejected(command)?);
            }
            Step::Data => Command::Data,
            Step::Content => {
                let message = core::mem::replace(&mut self.draft, letter.draft(self.bytes));
                match letter.content_until() {
                    Some(last) => self.chain.send_message_until(message, last)?,
                    None => self.chain.send_message(message)?,
                }
                return Ok(());
            }
            Step::Abort => Command::Abort,
            Step::NewConnection => Command::QuitNewConnection,
            Step::Quit => Command::Quit,
        };
        Ok(self.chain.send(command)?)
    }

    /// Takes what was read from a filter.
    pub(crate) fn receive(&mut self, filter: usize, mut input: &[u8]) -> Result<(), Failure> {
        if input.is_empty() {
            let is_agreed = self.chain.session(filter).is_some_and(|session| session.negotiated().is_some());
            return Err(if is_agreed { Failure::Closed } else { Failure::Refused });
        }
        let at = &mut self.at;
        Ok(self.chain.receive_with(filter, &mut input, |event| {
            if let Event::Verdict { command, scope, closes_smtp_session, .. } = event {
                if *closes_smtp_session || matches!(scope, Scope::Message | Scope::Connection) {
                    *at = Some(*command);
                }
            }
        })?)
    }

    /// Goes on without a filter, if the options allow it.
    ///
    /// # Errors
    /// The failure, with the command that is unanswered.
    pub(crate) fn fail(&mut self, filter: usize, failure: Failure) -> Result<(), Failure> {
        let turn = self.chain.session(filter).map_or(mta::Turn::Closed, MtaSession::turn);
        let failure = failure.on_turn(turn);
        if self.letter.failure_action().is_none() {
            return Err(failure);
        }
        let (program, number) = (env!("CARGO_BIN_NAME"), filter.saturating_add(1));
        let _ = stderr().write_all(format!("{program}: filter {number} failed: {failure}\n").as_bytes());
        self.chain.fail(filter);
        Ok(())
    }

    /// Shows the outcome of a message, and drops it.
    fn end(&mut self, ending: Ending, answer: &ChainAnswer) -> Result<(), Failure> {
        let draft = core::mem::replace(&mut self.draft, self.letter.draft(self.bytes));
        let message = self.chain.take_message().unwrap_or(draft);
        let output = self.letter.output.as_deref().filter(|_| ending == Ending::Accepted);
        if let Some(path) = output {
            let written = fs::write(path, message.to_bytes());
            written.map_err(|error| Failure::File(path.display().to_string(), error))?;
        }
        let is_by_filter = ending.is_by_verdict() && answer.reason == AnswerReason::Verdict;
        let at = self.at.take().filter(|_| is_by_filter);
        (self.show)(&Outcome {
            ending,
            at: at.or((ending == Ending::Accepted).then_some(CommandKind::EndOfMessage)),
            reason: answer.reason,
            by: answer.filter.filter(|_| ending.is_by_verdict()),
            reply: reply_to(answer).filter(|_| ending.is_by_verdict()),
            refused: &self.refused,
            message: &message,
            chain: &self.chain,
            filters: self.filters,
            is_in_file: output.is_some(),
        });
        self.refused.clear();
        let ends_session = matches!(self.step, Step::Negotiate | Step::Connect | Step::Helo);
        let ends_session =
            ending.is_by_verdict() && (ends_session && !answer.passes() || answer.closes_smtp_session());
        self.left = if ends_session { 0 } else { self.left.saturating_sub(1) };
        Ok(())
    }

    fn after_message(&self) -> Step {
        match self.left {
            0 => Step::Quit,
            _ if self.letter.quit_nc && self.chain.can_reuse() => Step::NewConnection,
            _ => Step::Helo.next(self.letter),
        }
    }

    /// Sets the macros of a recipient that the MTA itself refused, or those of others again.
    fn set_recipient_macros(&mut self, is_rejected: bool) {
        let is_given = |name: &str| self.letter.macros().any(|(given, _)| given == name);
        for (name, value) in REJECTED.into_iter().filter(|(name, _)| !is_given(name)) {
            match (is_rejected, name) {
                (true, _) => self.chain.macros_mut().set(text(name), text(value)),
                (false, "{rcpt_mailer}") => self.chain.macros_mut().set(text(name), text("smtp")),
                (false, _) => self.chain.macros_mut().remove(name),
            }
        }
    }
}

impl Step {
    /// The step after this one, if the filters let it pass.
    fn next(self, letter: &Letter) -> Self {
        match self {
            Self::Start => Self::Negotiate,
            Self::Negotiate | Self::NewConnection => Self::Connect,
            Self::Connect => Self::Helo,
            Self::Helo if letter.unknown.is_some() => Self::Unknown,
            Self::Helo | Self::Unknown => Self::Mail,
            Self::Mail => Self::Rcpt(0),
            Self::Rcpt(at) if at.saturating_add(1) < letter.recipients.len() => {
                Self::Rcpt(at.saturating_add(1))
            }
            Self::Rcpt(_) if !letter.rejected.is_empty() => Self::RejectedRcpt(0),
            Self::RejectedRcpt(at) if at.saturating_add(1) < letter.rejected.len() => {
                Self::RejectedRcpt(at.saturating_add(1))
            }
            Self::Rcpt(_) | Self::RejectedRcpt(_) => Self::Data,
            Self::Data => Self::Content,
            Self::Content | Self::Abort | Self::Quit => Self::Abort,
        }
    }

    /// The first command of this step, unless it ends something.
    const fn kind(self) -> Option<CommandKind> {
        Some(match self {
            Self::Connect => CommandKind::Connect,
            Self::Helo => CommandKind::Helo,
            Self::Unknown => CommandKind::Unknown,
            Self::Mail => CommandKind::MailFrom,
            Self::Rcpt(_) | Self::RejectedRcpt(_) => CommandKind::RcptTo,
            Self::Data => CommandKind::Data,
            Self::Content => CommandKind::Header,
            Self::Start | Self::Negotiate | Self::Abort | Self::NewConnection | Self::Quit => return None,
        })
    }
}

/// The text of that number.
fn nth(list: &[String], at: usize) -> Text<'_> {
    list.get(at).map(|found| text(found)).unwrap_or_default()
}

/// Text of an option, which never holds a NUL: the operating system's arguments end with one.
fn text(option: &str) -> Text<'_> {
    Text::new(option.as_bytes()).unwrap_or_default()
}
