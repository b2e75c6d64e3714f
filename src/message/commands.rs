//! A message as the commands that an MTA sends.

use alloc::vec::Vec;

use super::content::Message;
use super::header::Header;
use crate::macros::{MacroDefaults, MacroRequests, MacroValues};
use crate::negotiation::Negotiated;
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
    /// [`Commands::with_macros`].
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
        Self { form: Form { macros: Some((requests, defaults, values)), ..self.form }, ..self }
    }

    /// The next command, or `None` after BODYEOB.
    pub fn next_command(&mut self) -> Option<Command<'_>> {
        self.cursor.next_command(self.message, &self.form)
    }
}

/// How a message is sent to a filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<'a> {
    space: LeadingSpace,
    size: DataSize,
    macros: Option<(MacroRequests<'a>, MacroDefaults, &'a MacroValues)>,
}

impl<'a> Form<'a> {
    pub(super) const fn new(negotiated: &Negotiated) -> Self {
        Self { space: negotiated.leading_space(), size: negotiated.data_size(), macros: None }
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
                b"{mail_addr}" => Text::new(message.sender().mailbox()).ok(),
                b"{rcpt_addr}" => Text::new(recipient?).ok(),
                _ => None,
            })
        })
    }
}

/// The position in the commands of a message.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    step: Step,
    /// The macros of this step were sent, or there are none.
    is_announced: bool,
    /// The value of a header in the form in which it is sent.
    value: Vec<u8>,
    macros: Option<MacrosBuf>,
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
        Self { step, is_announced: false, value: Vec::new(), macros: None }
    }

    pub(super) fn next_command<'c>(
        &'c mut self,
        message: &'c Message<'_>,
        form: &Form<'_>,
    ) -> Option<Command<'c>> {
        self.step = self.step.or_next(message);
        let recipient = match self.step {
            Step::Rcpt(at) => message.recipients.get(at).map(|recipient| &recipient.address),
            _ => None,
        };
        if !core::mem::replace(&mut self.is_announced, true) {
            let stage = self.step.macro_stage();
            let mailbox = recipient.map(|recipient| recipient.mailbox());
            self.macros = stage.and_then(|stage| form.macros(stage, message, mailbox));
            if self.macros.is_some() {
                return self.macros.as_ref().map(|macros| Command::Macros(macros.as_macros()));
            }
        }
        let step = self.step;
        self.is_announced = false;
        self.step = step.next();
        Some(match step {
            Step::Mail => Command::MailFrom {
                address: message.sender().address(),
                arguments: message.sender().arguments(),
            },
            Step::Rcpt(_) => {
                let recipient = recipient?;
                Command::RcptTo { address: recipient.address(), arguments: recipient.arguments() }
            }
            Step::Data => Command::Data,
            Step::Header(at) => self.header(message.headers.get(at)?, form.space)?,
            Step::EndOfHeaders => Command::EndOfHeaders,
            Step::Body(at) => {
                let rest = message.body().get(at..)?;
                let size = usize::try_from(form.size.bytes()).unwrap_or(usize::MAX);
                let chunk = rest.get(..size).unwrap_or(rest);
                self.step = Step::Body(at.saturating_add(chunk.len()));
                Command::Body { chunk }
            }
            Step::EndOfMessage => Command::EndOfMessage { chunk: &[] },
            Step::Done => return None,
        })
    }

    /// The command of a header.
    fn header<'c>(&'c mut self, header: &'c Header<'_>, space: LeadingSpace) -> Option<Command<'c>> {
        let name = Text::new(header.name()).ok()?;
        self.value.clear();
        space.encode_pieces(header.value()).for_each(|piece| self.value.extend_from_slice(piece));
        self.value.truncate(MAX_HEADER.saturating_sub(name.len()));
        Some(Command::Header { name, value: Text::new(&self.value).ok()? })
    }
}

impl Step {
    /// This step, or the first one after it that the message has.
    fn or_next(self, message: &Message<'_>) -> Self {
        match self {
            Self::Rcpt(at) => {
                let recipients = message.recipients.iter().enumerate().skip(at);
                let mut kept = recipients.filter(|(_, recipient)| !recipient.is_deleted);
                kept.next().map_or(Self::Data, |(at, _)| Self::Rcpt(at))
            }
            Self::Header(at) => {
                let headers = message.headers.iter().enumerate().skip(at);
                let mut shown = headers.filter(|(_, header)| header.is_visible());
                shown.next().map_or(Self::EndOfHeaders, |(at, _)| Self::Header(at))
            }
            Self::Body(at) if at >= message.body().len() => Self::EndOfMessage,
            step => step,
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Mail => Self::Rcpt(0),
            Self::Rcpt(at) => Self::Rcpt(at.saturating_add(1)),
            Self::Data => Self::Header(0),
            Self::Header(at) => Self::Header(at.saturating_add(1)),
            Self::EndOfHeaders => Self::Body(0),
            // The caller knows how much of the body was sent.
            Self::Body(at) => Self::Body(at),
            Self::EndOfMessage | Self::Done => Self::Done,
        }
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
