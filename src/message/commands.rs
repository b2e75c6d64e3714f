//! A message as the commands that an MTA sends.

use alloc::vec::Vec;
use core::fmt;

use super::content::Message;
use super::header::Header;
use super::list::with_places;
use crate::debug::Bytes;
use crate::macros::{MacroDefaults, MacroRequests, MacroValues};
use crate::negotiation::Negotiated;
use crate::order::CommandKind;
use crate::wire::{Command, DataSize, LeadingSpace, MacroStage, MacrosBuf, Text};

/// Bytes of a header, name and value, that are sent to a filter. Postfix cuts longer ones, too.
const MAX_HEADER: usize = 60_000;

/// The commands of one message, from MAIL to BODYEOB, in the form that was negotiated with a filter.
///
/// Give each to [`MtaSession::send`](crate::MtaSession::send), which knows those that this filter does not want. The body is
/// not copied. Once a verdict decides the message, drop the rest of the commands.
///
/// # Examples
/// ```
/// use milter_proto::MtaSession;
/// use milter_proto::message::Message;
/// use milter_proto::negotiation::Negotiated;
/// use milter_proto::order::CommandKind;
/// use milter_proto::wire::Text;
///
/// let mut message = Message::parse(b"Subject: one\r\n\r\nHello\r\n");
/// message.add_recipient(Text::new(b"<b@example.org>")?);
/// let mut commands = message.commands(&Negotiated::NOTHING);
/// let mut kinds = Vec::new();
/// while let Some(command) = commands.next_command() {
///     kinds.extend(CommandKind::from_command(&command));
/// }
/// use CommandKind::{Body, Data, EndOfHeaders, EndOfMessage, Header, MailFrom, RcptTo};
/// assert_eq!(kinds, [MailFrom, RcptTo, Data, Header, EndOfHeaders, Body, EndOfMessage]);
/// # Ok::<(), milter_proto::wire::NulInText>(())
/// ```
#[derive(Clone, Debug)]
pub struct Commands<'m> {
    message: &'m Message<'m>,
    form: Form<'m>,
    cursor: Cursor,
}

impl<'m> Message<'m> {
    /// The commands of this message, for a filter with which this was negotiated. They have no macros: see
    /// [`Commands::with_macros`]. The message needs a recipient, since no session sends DATA without one.
    #[must_use]
    pub fn commands(&'m self, negotiated: &Negotiated) -> Commands<'m> {
        Commands { message: self, form: Form::new(negotiated), cursor: Cursor::new(Step::Mail) }
    }
}

impl<'m> Commands<'m> {
    /// The same commands, with the macros before each that the filter requested, or those of the MTA's defaults. If
    /// `{mail_addr}` and `{rcpt_addr}` have no value, the addresses of the message are sent.
    #[must_use]
    pub fn with_macros(
        self,
        requests: MacroRequests<'m>,
        defaults: MacroDefaults,
        values: &'m MacroValues,
    ) -> Self {
        Self { form: self.form.with_macros(requests, defaults, values), ..self }
    }

    /// The next command, or `None` after BODYEOB.
    pub fn next_command(&mut self) -> Option<Command<'_>> {
        self.cursor.advance(self.message, &self.form);
        self.cursor.command(self.message, &self.form)
    }
}

/// How a message is sent to a filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<'a> {
    space: LeadingSpace,
    size: DataSize,
    macros: Option<(MacroRequests<'a>, MacroDefaults, &'a MacroValues)>,
    /// The sender that MAIL had, if another filter may have changed it.
    sender: Option<Text<'a>>,
}

impl<'a> Form<'a> {
    pub(super) const fn new(negotiated: &Negotiated) -> Self {
        Self { space: negotiated.leading_space(), size: negotiated.data_size(), macros: None, sender: None }
    }

    /// The same form, with macros.
    pub(super) const fn with_macros(
        self,
        requests: MacroRequests<'a>,
        defaults: MacroDefaults,
        values: &'a MacroValues,
    ) -> Self {
        Self { macros: Some((requests, defaults, values)), ..self }
    }

    /// The same form, where the sender in macros is this one.
    pub(super) const fn with_sender(self, sender: Option<Text<'a>>) -> Self {
        Self { sender, ..self }
    }

    fn chunk_len(&self) -> usize {
        usize::try_from(self.size.bytes()).unwrap_or(usize::MAX)
    }

    /// The macros to send before a command of this stage.
    fn macros(
        &self,
        stage: MacroStage,
        message: &Message<'_>,
        recipient: Option<&[u8]>,
    ) -> Option<MacrosBuf> {
        let (requests, defaults, values) = self.macros?;
        requests.macros(stage, defaults.names(stage), |name| {
            values.get(name).or_else(|| match name.as_bytes() {
                b"{mail_addr}" => self.sender.or_else(|| Text::new(message.sender().mailbox()).ok()),
                b"{rcpt_addr}" => Text::new(recipient?).ok(),
                _ => None,
            })
        })
    }
}

/// The position in the commands of a message.
#[derive(Clone)]
pub(super) struct Cursor {
    /// The step of the current command, or of the next one.
    step: Step,
    current: Current,
    /// The value of a header in the form in which it is sent.
    value: Vec<u8>,
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, current, value } = self;
        f.debug_struct("Cursor")
            .field("step", step)
            .field("current", current)
            .field("value", &Bytes(value))
            .finish()
    }
}

/// What the cursor stands on.
#[derive(Clone, Debug)]
enum Current {
    /// Nothing yet: before the macros of the step.
    Nothing,
    Macros(MacrosBuf),
    Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Mail,
    /// The recipient of that number.
    Rcpt(usize),
    Data,
    /// The header of that number.
    Header(usize),
    EndOfHeaders,
    /// The body from this byte.
    Body(usize),
    EndOfMessage,
    Done,
}

impl Cursor {
    pub(super) const fn new(step: Step) -> Self {
        Self { step, current: Current::Nothing, value: Vec::new() }
    }

    /// Goes to the next command. `false`: there is none.
    pub(super) fn advance(&mut self, message: &Message<'_>, form: &Form<'_>) -> bool {
        if matches!(self.current, Current::Command) {
            self.step = self.step.next(form);
        }
        let is_new = !matches!(self.current, Current::Macros(_));
        self.step = self.step.or_later(message);
        let macros = self.step.macro_stage().filter(|_| is_new).and_then(|stage| {
            let recipient = self.step.recipient().and_then(|at| message.recipients.get(at));
            form.macros(stage, message, recipient.map(|recipient| recipient.address.mailbox()))
        });
        self.current = macros.map_or(Current::Command, Current::Macros);
        if let (Step::Header(at), Current::Command) = (self.step, &self.current) {
            let value = message.headers.get(at).map(Header::value).unwrap_or_default();
            self.value.clear();
            form.space.encode_pieces(value).for_each(|piece| self.value.extend_from_slice(piece));
        }
        self.step != Step::Done
    }

    /// Whether the cursor is beyond the commands of that kind. True for those before the content.
    pub(super) const fn is_after(&self, kind: CommandKind) -> bool {
        match (kind, self.step) {
            (CommandKind::Header, step) => !matches!(step, Step::Header(_)),
            (CommandKind::EndOfHeaders, step) => !matches!(step, Step::Header(_) | Step::EndOfHeaders),
            (CommandKind::Body, step) => matches!(step, Step::EndOfMessage | Step::Done),
            (CommandKind::EndOfMessage, step) => matches!(step, Step::Done),
            _ => true,
        }
    }

    /// The command to which the cursor has come.
    pub(super) fn command<'c>(&'c self, message: &'c Message<'_>, form: &Form<'_>) -> Option<Command<'c>> {
        if let Current::Macros(macros) = &self.current {
            return Some(Command::Macros(macros.as_macros()));
        }
        Some(match self.step {
            Step::Mail => Command::MailFrom {
                address: message.sender().address(),
                arguments: message.sender().arguments(),
            },
            Step::Rcpt(at) => {
                let recipient = &message.recipients.get(at)?.address;
                Command::RcptTo { address: recipient.address(), arguments: recipient.arguments() }
            }
            Step::Data => Command::Data,
            Step::Header(at) => {
                let name = message.headers.get(at)?.name();
                let value = self.value.get(..MAX_HEADER.saturating_sub(name.len())).unwrap_or(&self.value);
                Command::Header { name: Text::new(name).ok()?, value: Text::new(value).ok()? }
            }
            Step::EndOfHeaders => Command::EndOfHeaders,
            Step::Body(at) => {
                let rest = message.body().get(at..)?;
                Command::Body { chunk: rest.get(..form.chunk_len()).unwrap_or(rest) }
            }
            Step::EndOfMessage => Command::EndOfMessage { chunk: &[] },
            Step::Done => return None,
        })
    }
}

impl Step {
    /// This step, or the first one after it that the message has.
    fn or_later(self, message: &Message<'_>) -> Self {
        match self {
            Self::Rcpt(at) => {
                let recipients = with_places(message.recipients.iter()).skip(at);
                let mut kept = recipients.filter(|(_, recipient)| !recipient.is_deleted);
                kept.next().map_or(Self::Data, |(at, _)| Self::Rcpt(at))
            }
            Self::Header(at) => {
                let headers = with_places(message.headers.iter()).skip(at);
                // An edit can make a line that is no header: no session sends it.
                let mut shown = headers.filter(|(_, header)| header.is_visible() && header.has_name());
                shown.next().map_or(Self::EndOfHeaders, |(at, _)| Self::Header(at))
            }
            Self::Body(at) if at >= message.body().len() => Self::EndOfMessage,
            step => step,
        }
    }

    /// The step after this one.
    fn next(self, form: &Form<'_>) -> Self {
        match self {
            Self::Mail => Self::Rcpt(0),
            Self::Rcpt(at) => Self::Rcpt(at.saturating_add(1)),
            Self::Data => Self::Header(0),
            Self::Header(at) => Self::Header(at.saturating_add(1)),
            Self::EndOfHeaders => Self::Body(0),
            Self::Body(at) => Self::Body(at.saturating_add(form.chunk_len())),
            Self::EndOfMessage | Self::Done => Self::Done,
        }
    }

    /// The number of the recipient, if this is one.
    const fn recipient(self) -> Option<usize> {
        if let Self::Rcpt(at) = self { Some(at) } else { None }
    }

    /// The stage of the macros that go before the command.
    const fn macro_stage(self) -> Option<MacroStage> {
        Some(match self {
            Self::Mail => MacroStage::MAIL,
            Self::Rcpt(_) => MacroStage::RCPT,
            Self::Data => MacroStage::DATA,
            Self::EndOfHeaders => MacroStage::END_OF_HEADERS,
            Self::EndOfMessage => MacroStage::END_OF_MESSAGE,
            Self::Header(_) | Self::Body(_) | Self::Done => return None,
        })
    }
}
