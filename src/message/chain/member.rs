//! One filter of a chain.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::filter::{ChainFilter, FailureAction, FilterError};
use crate::macros::{MacroDefaults, MacroRequests, MacroValues};
use crate::message::commands::{Cursor, Form, Step};
use crate::message::content::Message;
use crate::message::edits::Edits;
use crate::message::outcome::EditOutcome;
use crate::mta::{Event, Scope, Sent, Turn, VerdictKind};
use crate::negotiation::Negotiated;
use crate::order::CommandKind;
use crate::wire::{
    Assembler, Command, CommandBuf, LeadingSpace, MacroListsBuf, MacroStage, OutgoingFrame, Text, Verdict,
    VerdictBuf,
};
use crate::{MtaSession, Wait};

/// A filter, and how far it has come with its task.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) session: MtaSession,
    assembler: Assembler<Vec<u8>>,
    defaults: MacroDefaults,
    on_failure: FailureAction,
    lists: MacroListsBuf,
    pub(super) edits: Edits,
    /// What came of the edits, once they were applied.
    pub(super) outcomes: Vec<EditOutcome>,
    /// What is still to be sent.
    script: VecDeque<Item>,
    /// The message, if that is to be sent.
    cursor: Option<Cursor>,
    /// The last commands of the message that are sent, if not all of them are.
    last: Option<CommandKind>,
    /// What was sent last.
    current: Current,
    /// MAIL and the recipients that the filter has let pass.
    envelope: Vec<CommandBuf>,
    /// The verdict of the filter on its task, if it objects.
    objection: Option<VerdictBuf>,
    /// The last verdict that decided a message or the connection.
    settled: VerdictBuf,
    state: State,
}

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

/// A command to send.
#[derive(Clone, Debug)]
struct Item {
    command: CommandBuf,
    /// It is a recipient that the MTA itself refused.
    is_rejected: bool,
}

/// What was sent last.
#[derive(Clone, Debug)]
enum Current {
    Nothing,
    Command(CommandBuf),
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
    Done(Option<VerdictBuf>),
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
            script: VecDeque::new(),
            cursor: None,
            last: None,
            current: Current::Nothing,
            envelope: Vec::new(),
            objection: None,
            settled: Verdict::Continue.into(),
            state: State::Working,
        }
    }

    pub(super) const fn is_working(&self) -> bool {
        matches!(self.state, State::Working)
    }

    /// Begins with a command.
    pub(super) fn begin(&mut self, command: &CommandBuf, is_rejected: bool, values: &MacroValues) {
        self.rest();
        if matches!(command.as_command(), Command::MailFrom { .. }) {
            self.envelope.clear();
        }
        self.push(command, is_rejected, values);
    }

    /// Begins with the message, up to the commands of that kind.
    pub(super) fn begin_message(&mut self, last: Option<CommandKind>) {
        self.rest();
        self.forget_edits();
        self.last = last;
        self.cursor = Some(Cursor::new(Step::Header(0)));
    }

    /// Forgets the edits of the last message.
    pub(super) fn forget_edits(&mut self) {
        self.edits.clear();
        self.outcomes.clear();
    }

    /// Has nothing to do.
    pub(super) fn rest(&mut self) {
        self.script.clear();
        self.cursor = None;
        self.objection = None;
        self.current = Current::Nothing;
    }

    /// Adds a command to the script, with its macros before it.
    fn push(&mut self, command: &CommandBuf, is_rejected: bool, values: &MacroValues) {
        let stage = MacroStage::new(command.as_command().code());
        let lookup = |name: Text<'_>| {
            values.get(name).or_else(|| match (name.as_bytes(), command.as_command()) {
                (b"{mail_addr}", Command::MailFrom { address, .. })
                | (b"{rcpt_addr}", Command::RcptTo { address, .. }) => mailbox(address),
                _ => None,
            })
        };
        let requests = MacroRequests::new(self.lists.as_lists());
        if let Some(macros) = requests.macros(stage, self.defaults.names(stage), lookup) {
            let command = Command::Macros(macros.as_macros()).into();
            self.script.push_back(Item { command, is_rejected: false });
        }
        self.script.push_back(Item { command: command.clone(), is_rejected });
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
            let command = item.command.as_command();
            let sent = if item.is_rejected {
                self.session.send_rejected(command)
            } else {
                self.session.send(command)
            };
            let sent = sent.map(|sent| Plan::of(&sent));
            self.current = Current::Command(item.command.clone());
            return Some(match sent {
                Ok(Plan::Write) => true,
                Ok(Plan::Resend) => {
                    self.resend(&item.command, values);
                    true
                }
                Ok(Plan::WriteAbort) => {
                    self.current = Current::Abort;
                    true
                }
                Ok(Plan::Skip(answer)) => {
                    self.skip(answer);
                    self.note_passed(&item.command, item.is_rejected);
                    false
                }
                Err(_) => {
                    self.fail();
                    false
                }
            });
        }
        let (Some(cursor), Some(message)) = (&mut self.cursor, message) else { return None };
        let negotiated = self.session.negotiated().copied().unwrap_or(Negotiated::NOTHING);
        let requests = MacroRequests::new(self.lists.as_lists());
        let form = Form::new(&negotiated).with_macros(requests, self.defaults, values);
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
            Ok(Plan::WriteAbort | Plan::Resend) | Err(_) => {
                self.fail();
                false
            }
        })
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
            _ => self.objection = Some(self.settled.clone()),
        }
    }

    /// Sends the envelope again, and the command after it.
    fn resend(&mut self, command: &CommandBuf, values: &MacroValues) {
        self.script.clear();
        for earlier in core::mem::take(&mut self.envelope) {
            self.push(&earlier, false, values);
        }
        self.push(command, false, values);
        self.current = Current::Abort;
    }

    /// Keeps MAIL and recipients that the filter has let pass.
    fn note_passed(&mut self, command: &CommandBuf, is_rejected: bool) {
        let is_kept = matches!(command.as_command(), Command::MailFrom { .. } | Command::RcptTo { .. });
        if is_kept && !is_rejected && self.objection.is_none() {
            self.envelope.push(command.clone());
        }
    }

    /// The frame to write.
    pub(super) fn frame<'c>(&'c self, message: Option<&'c Message<'_>>) -> Option<OutgoingFrame<'c>> {
        match &self.current {
            Current::Nothing => None,
            Current::Abort => Some(Command::Abort.encode()),
            Current::Command(command) => Some(command.as_command().encode()),
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
                    let passes = matches!(verdict, Verdict::Continue | Verdict::Accept | Verdict::Skip);
                    if closes_smtp_session || scope != Scope::Nothing && !passes {
                        self.objection = Some(verdict.into());
                    } else if let Current::Command(command) = &self.current {
                        let command = command.clone();
                        self.note_passed(&command, scope == Scope::Nothing);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives the filter up.
    pub(super) fn fail(&mut self) {
        if !self.is_working() {
            return;
        }
        let ending = self.session.disconnect(self.assembler.pending());
        self.rest();
        self.forget_edits();
        self.state = State::Failing;
        if ending.body_incomplete && self.failure().is_none() {
            self.objection = Some(Verdict::Tempfail.into());
        }
    }

    /// The verdict in the place of a filter that failed, if it objects.
    fn failure(&self) -> Option<VerdictBuf> {
        match self.on_failure {
            FailureAction::Accept | FailureAction::Quarantine => None,
            FailureAction::Reject => Some(Verdict::Reject.into()),
            FailureAction::Tempfail => Some(Verdict::Tempfail.into()),
            FailureAction::Shutdown => Some(Verdict::Shutdown.into()),
        }
    }

    /// Whether the message is to be held, because this filter failed.
    pub(super) const fn quarantines(&self) -> bool {
        matches!((self.state, self.on_failure), (State::Failing | State::Failed, FailureAction::Quarantine))
    }

    pub(super) fn leading_space(&self) -> LeadingSpace {
        self.session.negotiated().map_or(LeadingSpace::Stripped, Negotiated::leading_space)
    }
}

/// What the session says about a command, without the frame.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Write,
    WriteAbort,
    Skip(VerdictKind),
    Resend,
}

impl Plan {
    fn of(sent: &Sent<'_>) -> Self {
        match sent {
            Sent::Frame(frame) if *frame == Command::Abort.encode() => Self::WriteAbort,
            Sent::Frame(_) => Self::Write,
            Sent::Skipped { answer, .. } => Self::Skip(*answer),
            Sent::ResendEnvelope(_) => Self::Resend,
        }
    }
}

/// An address without its angle brackets.
fn mailbox(address: Text<'_>) -> Option<Text<'_>> {
    let bytes = address.as_bytes();
    Text::new(bytes.strip_prefix(b"<").and_then(|inner| inner.strip_suffix(b">")).unwrap_or(bytes)).ok()
}
