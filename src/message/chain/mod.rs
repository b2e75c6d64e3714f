//! Several filters in a row.

mod answer;
mod filter;
mod inspect;
mod item;
mod member;

use alloc::vec::Vec;

use super::content::Message;
use super::rules::EditRules;
use crate::debug::debug_fields;
use crate::macros::MacroValues;
use crate::order::{CommandKind, Rule};
use crate::wire::{Command, CommandBuf, Verdict};
use answer::Objection;
use item::is_of_message;
use member::{Member, Progress};

pub use answer::{AnswerReason, ChainAnswer, ChainError, ChainStep};
pub use filter::{ChainFilter, FailureAction, FilterError};

/// The filters of an MTA, asked one after the other about each step of an SMTP session. It does no I/O.
///
/// Give it each command of the session with [`send`](Self::send), and the message with [`send_message`](Self::send_message).
/// After each, do what [`next_step`](Self::next_step) says until it returns the answer.
///
/// * A command goes to the filters in their order. The first that refuses it, or that discards the message, decides; the
///   filters after it are not asked.
/// * ACCEPT and SKIP take this filter out of the message, or the connection, but no other.
/// * The whole message goes to the first filter, then to the second with the edits of the first. MAIL and the recipients are
///   the original ones for all.
/// * Where a message ends early, the filters that know of it get an ABORT.
/// * A filter that fails is handled as its [`ChainFilter`] says, and is not asked again. Its action is its answer from then on.
/// * A filter that refuses CONNECT or HELO answers all that follows with that.
///
/// A chain serves one SMTP session, or several in turn after QUIT_NC; after QUIT, make another. It does not check the order of
/// SMTP commands, beyond what the filters' sessions need: that is the server's task. If messages come and go, it is a
/// `Chain<'static>`; give [`Message::parse`] a vector for it, and the body is not copied.
///
/// # Memory
/// For each filter: its session, an assembler with the payload of one frame, its macro lists, the commands of the envelope,
/// and its edits until the next message (see [`Edits`](super::Edits)). A filter that failed holds none of the latter four. The
/// message grows by what edits add to it: up to about four times the bytes of the edits. Its body is not copied, unless a
/// filter replaces it.
///
/// # Examples
/// A filter that adds a header, without a socket:
/// ```
/// use milter_proto::message::{Chain, ChainFilter, ChainStep, EditRules, Message};
/// use milter_proto::wire::{Command, Offer, Text};
///
/// let mut chain = Chain::new(EditRules::POSTFIX);
/// chain.add(ChainFilter::new());
/// // What the filter will send: it declines all commands but BODYEOB.
/// let answers = [
///     &b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x01\0\0\x03\x7f"[..],
///     b"\0\0\0\x0chX-Seen\0yes\0\0\0\0\x01c",
/// ];
/// let mut answers = answers.into_iter();
/// let mut answer = |chain: &mut Chain<'_>| loop {
///     match chain.next_step() {
///         ChainStep::Write { .. } => {} // write the frame to this filter
///         ChainStep::Read { filter, .. } => chain.receive(filter, &mut answers.next().unwrap()).unwrap(),
///         ChainStep::Close { .. } => panic!("the filter failed"),
///         ChainStep::Done(answer) => break answer.passes(),
///     }
/// };
/// chain.send(Command::Negotiate(Offer::FULL))?;
/// assert!(answer(&mut chain));
/// let mut message = Message::parse(b"Subject: one\r\n\r\nHello\r\n");
/// message.add_recipient(Text::new(b"<b@example.org>")?);
/// chain.send(Command::Data)?;
/// assert!(answer(&mut chain));
/// chain.send_message(message)?;
/// assert!(answer(&mut chain));
/// assert_eq!(chain.take_message().unwrap().to_bytes(), b"Subject: one\r\nX-Seen: yes\r\n\r\nHello\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Where Postfix and Sendmail differ, it does what suits every filter: connections are negotiated before the first CONNECT, a
/// filter gets an ABORT only for a message that it knows, and QUARANTINE does not keep the other filters from refusing. Of a
/// filter that failed, no edit counts, and a message that cannot be sent to a filter is refused for now.
///
/// # Source
/// SPEC_NOTES CHN-1 to CHN-28.
pub struct Chain<'m> {
    rules: EditRules,
    macros: MacroValues,
    members: Vec<Member>,
    message: Option<Message<'m>>,
    task: Task,
    /// The filter that works on the task.
    at: usize,
    /// Whether it has begun.
    has_begun: bool,
    /// The answer, once the task is done.
    answer: ChainAnswer,
    /// A filter discards the message: nobody is asked about the rest of it.
    discards: Option<ChainAnswer>,
}

debug_fields!(Chain<'_> { rules, macros, members, message, task, at, has_begun, answer, discards });

/// What the chain is doing.
#[derive(Clone, Debug)]
enum Task {
    Idle,
    /// Asks about a command until a filter objects. `true`: a recipient that the MTA refused.
    Ask(CommandBuf, bool),
    /// Sends the message, until a filter objects: all of it, or the first filter's commands up to those of that kind.
    Message(Option<CommandKind>),
    /// Tells those in a message that it is over, and then asks about a command that another message or SMTP session begins
    /// with, if there is one.
    Abort(Option<CommandBuf>),
    /// Tells all of QUIT or QUIT_NC.
    Tell(CommandBuf),
}

impl<'m> Chain<'m> {
    /// A chain without filters: it lets everything pass.
    #[must_use]
    pub fn new(rules: EditRules) -> Self {
        Self {
            rules,
            macros: MacroValues::new(),
            members: Vec::new(),
            message: None,
            task: Task::Idle,
            at: 0,
            has_begun: false,
            answer: ChainAnswer::pass(),
            discards: None,
        }
    }

    /// Adds a filter after the others, before the first command. Returns its number, from 0.
    pub fn add(&mut self, filter: ChainFilter) -> usize {
        self.members.push(Member::new(filter));
        self.members.len().saturating_sub(1)
    }

    /// The macros to send to filters that ask for them. If `{mail_addr}` and `{rcpt_addr}` have no value, the address of the
    /// command is sent.
    pub const fn macros_mut(&mut self) -> &mut MacroValues {
        &mut self.macros
    }

    /// Begins with a command: NEGOTIATE first, which goes to all filters, then CONNECT, HELO, MAIL, RCPT, DATA, UNKNOWN, and
    /// ABORT, QUIT or QUIT_NC.
    ///
    /// Send ABORT when the SMTP client gives a message up. HELO and MAIL in a message are preceded by an ABORT, and where a
    /// filter refuses MAIL or the message, the chain sends it, too. Do not send DATA if no recipient was accepted.
    ///
    /// QUIT may come at any time, also before [`ChainStep::Done`]: a connection on which a reply is outstanding is closed
    /// without it.
    ///
    /// # Errors
    /// [`ChainError`]: nothing was sent.
    pub fn send(&mut self, command: Command<'_>) -> Result<(), ChainError> {
        self.send_as(command, false)
    }

    /// Begins with a RCPT that the MTA itself refused: only filters that requested such recipients see it, and their verdict
    /// does not count.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_rejected(&mut self, recipient: Command<'_>) -> Result<(), ChainError> {
        self.send_as(recipient, true)
    }

    /// Begins with the message, after DATA. Take it back with [`take_message`](Self::take_message).
    ///
    /// Its sender and recipients are those that were accepted: edits of the envelope change them. Filters get header values of
    /// up to 60,000 bytes, and without NUL; the message keeps all of them.
    ///
    /// # Errors
    /// As [`send`](Self::send); the message is dropped.
    pub fn send_message(&mut self, message: Message<'m>) -> Result<(), ChainError> {
        self.send_part(message, None)
    }

    fn send_part(&mut self, message: Message<'m>, last: Option<CommandKind>) -> Result<(), ChainError> {
        self.check(&Command::EndOfHeaders, false).map_err(|error| match error {
            ChainError::Misuse { filter, error } if error.rule == Rule::Order => {
                ChainError::NoData { filter }
            }
            error => error,
        })?;
        match self.discards.take() {
            Some(answer) => {
                self.message = None;
                self.finish_message(answer);
            }
            None => {
                self.message = Some(message);
                self.begin(Task::Message(last));
            }
        }
        Ok(())
    }

    /// The message with the edits of the filters, once all of them have let it pass. `None` if one refused or discarded it,
    /// before [`ChainStep::Done`], after the next command, and once it was taken.
    pub fn take_message(&mut self) -> Option<Message<'m>> {
        if matches!(self.task, Task::Idle) { self.message.take() } else { None }
    }

    /// Whether QUIT_NC can be sent now, and the connections be used for another SMTP session: see
    /// [`MtaSession::can_reuse`](crate::MtaSession::can_reuse). Filters that have failed do not come back.
    #[must_use]
    pub fn can_reuse(&self) -> bool {
        self.check(&Command::QuitNewConnection, false).is_ok()
    }

    fn send_as(&mut self, command: Command<'_>, is_rejected: bool) -> Result<(), ChainError> {
        if let Some(
            kind @ (CommandKind::Macros
            | CommandKind::Header
            | CommandKind::Body
            | CommandKind::EndOfMessage
            | CommandKind::EndOfHeaders),
        ) = CommandKind::from_command(&command)
        {
            return Err(ChainError::SentByChain(kind));
        }
        self.check(&command, is_rejected)?;
        self.message = None;
        if matches!(
            command,
            Command::Helo { .. }
                | Command::MailFrom { .. }
                | Command::Abort
                | Command::Quit
                | Command::QuitNewConnection
        ) {
            self.discards = None;
        }
        if matches!(command, Command::MailFrom { .. }) {
            self.members.iter_mut().for_each(Member::forget_edits);
        }
        match (&self.discards, command) {
            (Some(answer), _) if is_of_message(&command) => self.answer = answer.clone(),
            (_, Command::Abort) => self.begin(Task::Abort(None)),
            (_, Command::Helo { .. } | Command::MailFrom { .. }) if self.is_in_message() => {
                self.begin(Task::Abort(Some(command.into())));
            }
            (_, Command::Quit | Command::QuitNewConnection) => self.begin(Task::Tell(command.into())),
            _ => self.begin(Task::Ask(command.into(), is_rejected)),
        }
        Ok(())
    }

    /// Whether the command may be sent now to every filter that it will reach.
    fn check(&self, command: &Command<'_>, is_rejected: bool) -> Result<(), ChainError> {
        if *command == Command::Quit {
            return Ok(());
        }
        if !matches!(self.task, Task::Idle) {
            return Err(ChainError::NotDone);
        }
        // ABORT reaches those that are in a message.
        if *command == Command::Abort || self.discards.is_some() && is_of_message(command) {
            return Ok(());
        }
        for (filter, member) in (0..self.members.len()).zip(&self.members) {
            member.check(command, is_rejected).map_err(|error| ChainError::Misuse { filter, error })?;
            if stops_at_objection(command) && member.will_object(command) {
                break;
            }
        }
        Ok(())
    }

    /// Whether a filter knows of a message that is not over.
    fn is_in_message(&self) -> bool {
        self.members.iter().any(Member::is_in_message)
    }

    fn begin(&mut self, task: Task) {
        self.task = task;
        self.at = 0;
        self.has_begun = false;
        self.answer = ChainAnswer::pass();
    }

    /// What to do next. Call it until it returns [`ChainStep::Done`]; a further call returns that again.
    pub fn next_step(&mut self) -> ChainStep<'_> {
        loop {
            let filter = self.at;
            let Some(member) = self.members.get_mut(filter) else {
                match self.finish() {
                    true => return ChainStep::Done(self.answer.clone()),
                    false => continue,
                }
            };
            let progress = match &self.task {
                Task::Idle => return ChainStep::Done(self.answer.clone()),
                _ if self.has_begun => member.advance(self.message.as_ref(), &self.macros),
                task => {
                    task.begin(member, &self.macros);
                    self.has_begun = true;
                    continue;
                }
            };
            match progress {
                Progress::Write => break,
                Progress::Read(wait) => return ChainStep::Read { filter, wait },
                Progress::Close => return ChainStep::Close { filter },
                Progress::Done(objection) => self.finish_filter(objection),
            }
        }
        let filter = self.at;
        let frame = self.members.get(filter).and_then(|member| member.frame(self.message.as_ref()));
        // There is one: the filter has just said so.
        ChainStep::Write { filter, frame: frame.unwrap_or(Command::Abort.encode()) }
    }

    /// Goes on to the next filter, or ends the task.
    fn finish_filter(&mut self, objection: Option<Objection>) {
        let filter = self.at;
        self.at = filter.saturating_add(1);
        self.has_begun = false;
        let (objection, stops) = match &self.task {
            Task::Message(None) => (objection.or_else(|| self.apply_edits(filter)), true),
            Task::Message(Some(_)) => {
                // The others would get the message after the first.
                self.at = self.members.len();
                (objection, true)
            }
            Task::Ask(command, _) => (objection, stops_at_objection(&command.as_command())),
            Task::Idle | Task::Abort(_) | Task::Tell(_) => return,
        };
        if let (Some(Objection { verdict, reason }), true) = (objection, self.answer.passes()) {
            self.answer = ChainAnswer { verdict, filter: Some(filter), reason };
            if stops {
                self.at = self.members.len();
            }
        }
    }

    /// Applies the edits of a filter that has let the message pass. Returns an objection if that is not possible.
    fn apply_edits(&mut self, filter: usize) -> Option<Objection> {
        let (member, message) = (self.members.get_mut(filter)?, self.message.as_mut()?);
        if member.quarantines() {
            message.quarantine = Some(b"a filter failed".to_vec());
        }
        member.has_old_edits = true;
        match member.edits.apply(message, self.rules, member.session.leading_space()) {
            Ok(outcomes) => {
                member.outcomes = outcomes;
                None
            }
            Err(error) => Some(Objection::new(Verdict::Tempfail, AnswerReason::Edits(error))),
        }
    }

    /// Ends the task after the last filter. `false`: another one follows.
    fn finish(&mut self) -> bool {
        let task = match core::mem::replace(&mut self.task, Task::Idle) {
            Task::Abort(Some(command)) => {
                self.begin(Task::Ask(command, false));
                return false;
            }
            task => task,
        };
        let Some(filter) = self.answer.filter else { return true };
        let ends_message = match &task {
            Task::Message(_) => {
                // Nobody can deliver it by mistake.
                self.message = None;
                true
            }
            Task::Ask(..) if self.answer.verdict.as_verdict() == Verdict::Discard => {
                self.discards = Some(self.answer.clone());
                false
            }
            Task::Ask(command, _) => {
                if matches!(command.as_command(), Command::RcptTo { .. }) {
                    let before = self.members.get_mut(..filter).unwrap_or_default();
                    before.iter_mut().for_each(Member::forget_recipient);
                }
                matches!(command.as_command(), Command::MailFrom { .. })
            }
            Task::Idle | Task::Abort(_) | Task::Tell(_) => false,
        };
        if ends_message {
            self.finish_message(self.answer.clone());
        }
        !ends_message
    }

    /// Ends a message that is not delivered.
    fn finish_message(&mut self, answer: ChainAnswer) {
        self.begin(Task::Abort(None));
        self.answer = answer;
    }

    /// Takes bytes that a filter sent: what was read after [`ChainStep::Read`].
    ///
    /// A filter may also send what nobody waits for. If you can read without waiting, give what there is to this function
    /// before a command: see [`MtaSession::next_event`](crate::MtaSession::next_event).
    ///
    /// # Errors
    /// [`FilterError`]: the filter has failed, as if [`fail`](Self::fail) was called.
    pub fn receive(&mut self, filter: usize, input: &mut &[u8]) -> Result<(), FilterError> {
        self.receive_with(filter, input, |_| {})
    }

    /// Stops using a filter: the connection cannot be made, it is closed or broken, or the filter takes too long.
    pub fn fail(&mut self, filter: usize) {
        if let Some(member) = self.members.get_mut(filter) {
            member.fail();
        }
    }
}

/// Adds filters after the others, in their order.
impl Extend<ChainFilter> for Chain<'_> {
    fn extend<I: IntoIterator<Item = ChainFilter>>(&mut self, filters: I) {
        self.members.extend(filters.into_iter().map(Member::new));
    }
}

impl Task {
    /// Gives the task to a filter.
    fn begin(&self, member: &mut Member, macros: &MacroValues) {
        match self {
            Self::Ask(command, is_rejected) => member.begin(command, *is_rejected, macros),
            Self::Message(last) => member.begin_message(*last),
            Self::Tell(command) => member.begin(command, false, macros),
            Self::Abort(_) => member.begin_abort(macros),
            Self::Idle => member.rest(),
        }
    }
}

/// Whether the filters after the one that objects are not asked. All are negotiated with, and told that the session is over.
const fn stops_at_objection(command: &Command<'_>) -> bool {
    !matches!(command, Command::Negotiate(_) | Command::Quit | Command::QuitNewConnection)
}
