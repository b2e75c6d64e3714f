//! One filter of a chain.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::answer::{AnswerReason, Objection};
use super::filter::{ChainFilter, FailureAction, FilterError};
use super::item::{Item, Plan, is_of_message, mailbox};
use crate::debug::debug_fields;
use crate::macros::{MacroDefaults, MacroRequests, MacroValues};
use crate::message::commands::{Cursor, Form, Step};
use crate::message::content::Message;
use crate::message::edits::Edits;
use crate::message::outcome::EditOutcome;
use crate::mta::{Event, Scope, Turn, VerdictKind};
use crate::negotiation::Negotiated;
use crate::order::{CommandKind, Stage};
use crate::wire::{
    Assembler, Command, CommandBuf, MacroListsBuf, MacroStage, OutgoingFrame, Steps, Text, Verdict,
    VerdictBuf,
};
use crate::{Misuse, MtaSession, Wait};

/// A filter, and how far it has come with its task.
pub(super) struct Member {
    pub(super) session: MtaSession,
    assembler: Assembler<Vec<u8>>,
    defaults: MacroDefaults,
    on_failure: FailureAction,
    lists: MacroListsBuf,
    pub(super) edits: Edits,
    /// What came of the edits, once they were applied.
    pub(super) outcomes: Vec<EditOutcome>,
    /// They are those of a message that is over.
    pub(super) has_old_edits: bool,
    /// What is still to be sent.
    script: VecDeque<Item>,
    /// The message, if that is to be sent.
    cursor: Option<Cursor>,
    /// The last commands of the message that are sent, if not all of them are.
    last: Option<CommandKind>,
    /// What was sent last.
    current: Current,
    /// MAIL and the recipients that the filter has let pass.
    envelope: Vec<Item>,
    /// What the filter has against its task.
    objection: Option<Objection>,
    /// The last verdict that decided a message or the connection.
    settled: VerdictBuf,
    /// Sent again, the filter refused a part of the envelope that it had accepted: it does not know the whole message.
    lost_message: Option<Objection>,
    state: State,
}

debug_fields!(Member {
    session,
    assembler,
    defaults,
    on_failure,
    lists,
    edits,
    outcomes,
    has_old_edits,
    script,
    cursor,
    last,
    current,
    envelope,
    objection,
    settled,
    lost_message,
    state
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Working,
    /// It failed, and its connection has to be closed.
    Failing,
    Failed,
    /// QUIT was sent, and the connection has to be closed.
    Leaving,
    Left,
}

/// What was sent last.
#[derive(Clone, Debug)]
enum Current {
    Nothing,
    Command(Item),
    /// What the cursor stands on.
    Message,
    /// An ABORT in the place of a command.
    Abort,
}

/// What a filter needs next.
#[derive(Debug)]
pub(super) enum Progress {
    Write,
    Read(Wait),
    Close,
    /// It is done with its task, and objects with this verdict if it does.
    Done(Option<Objection>),
}

impl Member {
    pub(super) fn new(filter: ChainFilter) -> Self {
        Self {
            session: filter.session,
            assembler: Assembler::new(Vec::new()),
            defaults: filter.defaults,
            on_failure: filter.on_failure,
            lists: MacroListsBuf::new(),
            edits: Edits::with_max_bytes(filter.max_edit_bytes),
            outcomes: Vec::new(),
            has_old_edits: false,
            script: VecDeque::new(),
            cursor: None,
            last: None,
            current: Current::Nothing,
            envelope: Vec::new(),
            objection: None,
            settled: Verdict::Continue.into(),
            lost_message: None,
            state: State::Working,
        }
    }

    /// Whether a command may be sent now, if it is to be sent at all.
    pub(super) fn check(&self, command: &Command<'_>, is_rejected: bool) -> Result<(), Misuse> {
        if self.has_failed() || self.lost_message.is_some() && is_of_message(command) {
            Ok(())
        } else if is_rejected {
            self.session.clone().send_rejected(*command).map(drop)
        } else {
            self.session.check(command)
        }
    }

    /// Whether the filter is known to object to a command without being asked.
    pub(super) fn will_object(&self, command: &Command<'_>) -> bool {
        if self.has_failed() {
            return self.failure().is_some();
        }
        let is_settled = self.session.stage() == Stage::Decided || is_of_message(command);
        let refuses = self.session.decided().is_some_and(|verdict| verdict != VerdictKind::Accept);
        is_settled && refuses || is_of_message(command) && self.lost_message.is_some()
    }

    /// Begins with a command.
    pub(super) fn begin(&mut self, command: &CommandBuf, is_rejected: bool, values: &MacroValues) {
        self.rest();
        // Only QUIT can come now. It would be taken for the next command, whatever the reply is.
        if matches!(self.session.turn(), Turn::Receive(_)) && self.state == State::Working {
            self.state = State::Leaving;
        }
        match command.as_command() {
            Command::MailFrom { .. } | Command::Quit | Command::QuitNewConnection => self.forget_message(),
            command if is_of_message(&command) => self.go_on(),
            _ => {}
        }
        if self.objection.is_none() {
            self.push(Item { command: command.clone(), is_rejected }, values);
        }
    }

    /// Begins with the message, up to the commands of that kind.
    pub(super) fn begin_message(&mut self, last: Option<CommandKind>) {
        self.rest();
        self.go_on();
        self.last = last;
        self.cursor = self.objection.is_none().then(|| Cursor::new(Step::Header(0)));
    }

    /// Begins with ABORT, if the filter knows of a message.
    pub(super) fn begin_abort(&mut self, values: &MacroValues) {
        self.rest();
        self.forget_message();
        self.has_old_edits = true;
        if self.is_in_message() {
            self.push(Item { command: Command::Abort.into(), is_rejected: false }, values);
        }
    }

    /// Whether the filter knows of a message that is not over.
    pub(super) fn is_in_message(&self) -> bool {
        self.session.stage().is_in_message()
    }

    /// Goes on with a message.
    fn go_on(&mut self) {
        self.objection = self.lost_message.clone();
        if self.has_old_edits {
            self.forget_edits();
        }
    }

    fn forget_message(&mut self) {
        self.envelope.clear();
        self.lost_message = None;
    }

    /// Forgets the edits of the last message.
    pub(super) fn forget_edits(&mut self) {
        self.edits.clear();
        self.outcomes = Vec::new();
        self.has_old_edits = false;
    }

    /// Has nothing to do.
    pub(super) fn rest(&mut self) {
        self.script.clear();
        self.cursor = None;
        self.objection = None;
        self.current = Current::Nothing;
    }

    /// Adds a command to the script, with its macros before it.
    fn push(&mut self, item: Item, values: &MacroValues) {
        let command = item.command.as_command();
        let stage = MacroStage::new(command.code());
        let lookup = |name: Text<'_>| {
            values.get(name).or_else(|| match (name.as_bytes(), command) {
                (b"{mail_addr}", Command::MailFrom { address, .. })
                | (b"{rcpt_addr}", Command::RcptTo { address, .. }) => mailbox(address),
                _ => None,
            })
        };
        let is_wanted = !item.is_rejected
            || self.session.negotiated().is_some_and(|it| it.steps.contains(Steps::REJECTED_RCPT));
        let requests = MacroRequests::new(self.lists.as_lists());
        let macros = requests.macros(stage, self.defaults.names(stage), lookup).filter(|_| is_wanted);
        if let Some(macros) = macros {
            let command = Command::Macros(macros.as_macros()).into();
            self.script.push_back(Item { command, is_rejected: item.is_rejected });
        }
        self.script.push_back(item);
    }

    /// Does what can be done without I/O.
    pub(super) fn advance(&mut self, message: Option<&Message<'_>>, values: &MacroValues) -> Progress {
        loop {
            match self.state {
                State::Failing => {
                    self.state = State::Failed;
                    return Progress::Close;
                }
                State::Leaving => {
                    self.state = State::Left;
                    return Progress::Close;
                }
                State::Failed => return Progress::Done(self.objection.take().or_else(|| self.failure())),
                State::Left => return Progress::Done(None),
                State::Working => {}
            }
            match (self.session.turn(), self.session.wait()) {
                (Turn::Receive(_), Some(wait)) => return Progress::Read(wait),
                (Turn::Closed, _) => {
                    self.state = State::Leaving;
                    continue;
                }
                _ => {}
            }
            if self.objection.is_some() {
                return Progress::Done(self.objection.take());
            }
            match self.send_next(message, values) {
                Some(true) => return Progress::Write,
                Some(false) => {}
                None => return Progress::Done(None),
            }
        }
    }

    /// Sends the next command. Whether there is a frame to write; `None` if there is no command.
    fn send_next(&mut self, message: Option<&Message<'_>>, values: &MacroValues) -> Option<bool> {
        if let Some(item) = self.script.pop_front() {
            return Some(self.send_item(item, values));
        }
        let (Some(cursor), Some(message)) = (&mut self.cursor, message) else { return None };
        let negotiated = self.session.negotiated().copied().unwrap_or(Negotiated::NOTHING);
        let requests = MacroRequests::new(self.lists.as_lists());
        let sender = self.envelope.first().and_then(|item| match item.command.as_command() {
            Command::MailFrom { address, .. } => mailbox(address),
            _ => None,
        });
        let form = Form::new(&negotiated).with_macros(requests, self.defaults, values).with_sender(sender);
        if !cursor.advance(message, &form) || self.last.is_some_and(|last| cursor.is_after(last)) {
            return None;
        }
        let sent = self.session.send(cursor.command(message, &form)?).map(|sent| Plan::of(&sent));
        self.current = Current::Message;
        Some(match sent {
            Ok(Plan::Write) => true,
            Ok(Plan::Skip(answer)) => {
                self.skip(answer);
                false
            }
            // Neither is due within the content.
            Ok(Plan::WriteAbort | Plan::Resend) => {
                self.fail();
                false
            }
            Err(misuse) => self.give_up(misuse),
        })
    }

    /// Sends a command of the script. Whether there is a frame to write.
    fn send_item(&mut self, item: Item, values: &MacroValues) -> bool {
        let command = item.command.as_command();
        let sent =
            if item.is_rejected { self.session.send_rejected(command) } else { self.session.send(command) };
        let plan = match sent.map(|sent| Plan::of(&sent)) {
            Ok(plan) => plan,
            Err(misuse) => return self.give_up(misuse),
        };
        match plan {
            Plan::Write => {
                let has_reply = matches!(self.session.turn(), Turn::Receive(_));
                if !has_reply {
                    self.note_passed(&item);
                }
                self.current = Current::Command(item);
                true
            }
            Plan::WriteAbort => {
                self.note_passed(&item);
                self.current = Current::Abort;
                true
            }
            Plan::Resend => {
                self.resend(item, values);
                true
            }
            Plan::Skip(answer) => {
                self.skip(answer);
                self.note_passed(&item);
                false
            }
        }
    }

    /// Objects, since what the filter has to see cannot be sent. It is not its fault, and without it nothing may pass.
    fn give_up(&mut self, misuse: Misuse) -> bool {
        self.rest();
        self.objection = Some(Objection::new(Verdict::Tempfail, AnswerReason::NotSendable(misuse)));
        false
    }

    /// Takes the answer to a command that is not sent.
    fn skip(&mut self, answer: VerdictKind) {
        match answer {
            VerdictKind::Continue | VerdictKind::Skip => {}
            // This filter has let the message pass: nothing more is sent of it.
            VerdictKind::Accept => {
                self.script.clear();
                self.cursor = None;
            }
            _ => self.objection = Some(Objection::new(self.settled.as_verdict(), AnswerReason::Verdict)),
        }
    }

    /// Sends the envelope again, and the command after it.
    fn resend(&mut self, item: Item, values: &MacroValues) {
        self.script.clear();
        for earlier in core::mem::take(&mut self.envelope) {
            self.push(earlier, values);
        }
        self.push(item, values);
        self.current = Current::Abort;
    }

    /// Keeps MAIL and recipients that the filter has let pass.
    fn note_passed(&mut self, item: &Item) {
        if matches!(item.command.as_command(), Command::MailFrom { .. } | Command::RcptTo { .. }) {
            self.envelope.push(item.clone());
        }
    }

    /// Forgets the recipient that the filter has let pass last: another filter refused it.
    pub(super) fn forget_recipient(&mut self) {
        let last = self.envelope.last().map(|item| item.command.as_command());
        if matches!(last, Some(Command::RcptTo { .. })) {
            self.envelope.pop();
        }
    }

    /// The frame to write.
    pub(super) fn frame<'c>(&'c self, message: Option<&'c Message<'_>>) -> Option<OutgoingFrame<'c>> {
        match &self.current {
            Current::Nothing => None,
            Current::Abort => Some(Command::Abort.encode()),
            Current::Command(item) => Some(item.command.as_command().encode()),
            Current::Message => {
                let negotiated = self.session.negotiated().copied().unwrap_or(Negotiated::NOTHING);
                Some(self.cursor.as_ref()?.command(message?, &Form::new(&negotiated))?.encode())
            }
        }
    }

    /// Takes bytes of the filter.
    pub(super) fn receive(
        &mut self,
        input: &mut &[u8],
        on_event: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(), FilterError> {
        while let Some(event) = self.session.next_event(&mut self.assembler, input)? {
            on_event(&event);
            match event {
                Event::Negotiated { answer } => self.lists = answer.macro_lists.into(),
                Event::Edit { edit, status, .. } => self.edits.push(edit, status)?,
                Event::Verdict { verdict, scope, closes_smtp_session, .. } => {
                    if matches!(scope, Scope::Message | Scope::Connection) {
                        self.settled = verdict.into();
                    }
                    let passes = match verdict {
                        Verdict::Continue | Verdict::Accept | Verdict::Skip => true,
                        // Sendmail filters nothing then: here it is the verdict of one filter.
                        Verdict::Discard if scope == Scope::Connection => true,
                        _ => scope == Scope::Nothing,
                    };
                    if closes_smtp_session || !passes {
                        self.objection = Some(Objection::new(verdict, AnswerReason::Verdict));
                        if !self.script.is_empty() {
                            self.lost_message = self.objection.clone();
                        }
                    } else if let Current::Command(item) =
                        core::mem::replace(&mut self.current, Current::Nothing)
                    {
                        self.note_passed(&item);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives the filter up.
    pub(super) fn fail(&mut self) {
        if !matches!(self.state, State::Working) {
            return;
        }
        let ending = self.session.disconnect(self.assembler.pending());
        // It is not asked any more.
        self.assembler = Assembler::new(Vec::new());
        self.lists = MacroListsBuf::new();
        self.envelope = Vec::new();
        self.rest();
        self.forget_edits();
        self.lost_message = None;
        self.state = State::Failing;
        if ending.body_incomplete && self.failure().is_none() {
            self.objection = Some(Objection::new(Verdict::Tempfail, AnswerReason::Failure));
        }
    }

    pub(super) const fn has_failed(&self) -> bool {
        matches!(self.state, State::Failing | State::Failed)
    }

    /// What is done in the place of a filter that failed, if it objects.
    fn failure(&self) -> Option<Objection> {
        let verdict = match self.on_failure {
            FailureAction::Accept | FailureAction::Quarantine => return None,
            FailureAction::Reject => Verdict::Reject,
            FailureAction::Tempfail => Verdict::Tempfail,
            FailureAction::Shutdown => Verdict::Shutdown,
        };
        Some(Objection::new(verdict, AnswerReason::Failure))
    }

    /// Whether the message is to be held, because this filter failed.
    pub(super) const fn quarantines(&self) -> bool {
        self.has_failed() && matches!(self.on_failure, FailureAction::Quarantine)
    }
}
