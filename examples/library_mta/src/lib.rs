//! A blocking client that asks filters about messages: an example of a library that is built on `milter-proto`.
//!
//! [`Client`] is a connection to one filter, with a method for each step of an SMTP session. [`ask_each`] and [`send_content`] are
//! for several filters in a row. `examples/library_mta.rs` sends a message through them.
//!
//! Each method returns the verdict of the filter. A step that the filter declined, or that its verdict made unnecessary,
//! is not sent, but answered in the same way: the caller need not know.
#![expect(clippy::wildcard_enum_match_arm, reason = "commands and events that are not named need nothing")]

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use milter_proto::macros::{MacroDefaults, MacroRequests};
use milter_proto::mta::{Event, Scope, Sent, Turn};
use milter_proto::wire::{
    Assembler, Chunks, Command, CommandBuf, DataSize, EditBuf, LeadingSpace, MacroListsBuf, MacroStage,
    Offer, Peer, Text, TextList, VerdictBuf,
};
use milter_proto::{MtaSession, Timeouts, Wait};

/// Any error: of the connection, or a mistake of the filter. The connection is of no use any more.
pub type Error = Box<dyn core::error::Error + Send + Sync>;

/// The verdict on a step.
pub type Answer = Result<VerdictBuf, Error>;

/// The edits of a message, which are none unless it passes, and the verdict on it. Whether the header values of an edit bring
/// their own leading space depends on the filter.
pub type Outcome = Result<(Vec<(EditBuf, LeadingSpace)>, VerdictBuf), Error>;

/// Whether a verdict lets the message pass, as far as this filter is concerned.
pub fn passes(verdict: &VerdictBuf) -> bool {
    verdict.as_verdict().lets_pass()
}

/// A connection to a filter.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    session: MtaSession,
    assembler: Assembler<Vec<u8>>,
    buffer: Vec<u8>,
    out: Vec<u8>,
    /// The values of macros, by name: change them before the step that they belong to.
    pub macros: HashMap<String, String>,
    lists: MacroListsBuf,
    /// MAIL and the recipients that the filter has let pass.
    envelope: Vec<CommandBuf>,
    /// The last verdict that settled a message or the connection.
    settled: VerdictBuf,
    edits: Vec<(EditBuf, LeadingSpace)>,
}

impl Client {
    /// Negotiates with the filter at the other end of a connection.
    ///
    /// # Errors
    /// As every step: see [`Error`].
    pub fn new(stream: TcpStream) -> Result<Self, Error> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Timeouts::POSTFIX.of(Wait::Write)))?;
        let (session, assembler) = (MtaSession::new(), Assembler::new(Vec::new()));
        let (buffer, out, macros, settled) =
            (vec![0; 16_384], Vec::new(), HashMap::new(), VerdictBuf::CONTINUE);
        let (lists, envelope, edits) = (MacroListsBuf::new(), Vec::new(), Vec::new());
        let mut client =
            Self { stream, session, assembler, buffer, out, macros, lists, envelope, settled, edits };
        client.ask(Command::Negotiate(Offer::FULL)).map(|_| client)
    }

    /// An SMTP client has connected.
    ///
    /// # Errors
    /// [`Error`].
    pub fn connect(&mut self, host: &str, peer: Peer<'_>) -> Answer {
        self.ask(Command::Connect { host: Text::try_from(host)?, peer })
    }

    /// HELO or EHLO.
    ///
    /// # Errors
    /// [`Error`].
    pub fn helo(&mut self, name: &str) -> Answer {
        self.ask(Command::Helo { name: Text::try_from(name)? })
    }

    /// The sender, in angle brackets. Begins a message.
    ///
    /// # Errors
    /// [`Error`].
    pub fn mail(&mut self, address: &str, arguments: TextList<'_>) -> Answer {
        let command = Command::MailFrom { address: Text::try_from(address)?, arguments };
        self.envelope = vec![command.into()];
        self.edits.clear(); // a filter may have asked for quarantine early, in a message that was given up
        self.ask(command)
    }

    /// A recipient, in angle brackets.
    ///
    /// # Errors
    /// [`Error`].
    pub fn rcpt(&mut self, address: &str, arguments: TextList<'_>) -> Answer {
        let command = Command::RcptTo { address: Text::try_from(address)?, arguments };
        let verdict = self.ask(command)?;
        if passes(&verdict) {
            self.envelope.push(command.into());
        }
        Ok(verdict)
    }

    /// DATA.
    ///
    /// # Errors
    /// [`Error`].
    pub fn data(&mut self) -> Answer {
        self.ask(Command::Data)
    }

    /// A header: `value` is everything after the colon, with CRLF inside a folded one.
    ///
    /// # Errors
    /// [`Error`].
    pub fn header(&mut self, name: &str, value: &[u8]) -> Answer {
        let value = self.session.leading_space().encode_value(value);
        let value = Text::new(value.get(..60_000).unwrap_or(&value))?; // as Postfix cuts it
        self.ask(Command::Header { name: Text::try_from(name)?, value })
    }

    /// The end of the headers.
    ///
    /// # Errors
    /// [`Error`].
    pub fn end_of_headers(&mut self) -> Answer {
        self.ask(Command::EndOfHeaders)
    }

    /// A part of the body, of any length, with CRLF as line ends.
    ///
    /// # Errors
    /// [`Error`].
    pub fn body(&mut self, body: &[u8]) -> Answer {
        let mut chunks = Chunks::new(body, DataSize::Kib64);
        chunks.try_fold(VerdictBuf::CONTINUE, |_, chunk| self.ask(Command::Body { chunk }))
    }

    /// The end of the message.
    ///
    /// # Errors
    /// [`Error`].
    pub fn end_of_message(&mut self) -> Outcome {
        let verdict = self.ask(Command::EndOfMessage { chunk: b"" })?;
        let edits = core::mem::take(&mut self.edits);
        Ok((if passes(&verdict) { edits } else { Vec::new() }, verdict))
    }

    /// The SMTP client, the MTA or another filter has given the message up.
    ///
    /// # Errors
    /// [`Error`].
    pub fn abort(&mut self) -> Result<(), Error> {
        self.ask(Command::Abort)?;
        self.flush()
    }

    /// Makes the connection ready for another SMTP client, whose first step is [`connect`](Self::connect). `false`: this
    /// connection cannot be used again.
    pub fn reuse(&mut self) -> bool {
        self.session.can_reuse() && self.is_quiet() && self.ask(Command::QuitNewConnection).is_ok()
    }

    /// Whether the connection is open, and nothing has arrived that nobody waits for.
    fn is_quiet(&mut self) -> bool {
        let read = self.stream.set_nonblocking(true).and_then(|()| self.stream.read(&mut [0]));
        let is_empty = read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        is_empty && self.stream.set_nonblocking(false).is_ok()
    }

    /// Ends the connection. A filter that has left already misses nothing.
    pub fn quit(mut self) {
        let _ = self.ask(Command::Quit).and_then(|_| self.flush());
    }

    /// Sends a command with its macros, and returns the verdict on it.
    fn ask(&mut self, command: Command<'_>) -> Answer {
        let stage = MacroStage::new(command.code());
        let lookup = |name: Text<'_>| match (name.as_bytes(), &command) {
            (b"{mail_addr}", Command::MailFrom { address, .. })
            | (b"{rcpt_addr}", Command::RcptTo { address, .. }) => Text::new(bare(address.as_bytes())).ok(),
            (name, _) => Text::try_from(self.macros.get(core::str::from_utf8(name).ok()?)?.as_str()).ok(),
        };
        let requests = MacroRequests::new(self.lists.as_lists());
        if let Some(macros) = requests.macros(stage, MacroDefaults::POSTFIX.names(stage), lookup) {
            self.send(Command::Macros(macros.as_macros()))?;
        }
        self.send(command)
    }

    /// Sends a command, and waits for the verdict on it if there is to be one.
    fn send(&mut self, command: Command<'_>) -> Answer {
        match self.session.send(command)? {
            Sent::Frame(frame) => frame.append_to(&mut self.out),
            Sent::Skipped { answer, .. } => {
                return Ok(answer.with_text_of(self.settled.as_verdict()).into());
            }
            Sent::ResendEnvelope(abort) => {
                abort.append_to(&mut self.out);
                for earlier in self.envelope.clone() {
                    let verdict = self.ask(earlier.as_command())?;
                    if !passes(&verdict) {
                        self.abort()?;
                        return Ok(verdict);
                    }
                }
                return self.ask(command);
            }
        }
        let (mut answer, space) = (VerdictBuf::CONTINUE, self.session.leading_space());
        while let Turn::Receive(_) = self.session.turn() {
            self.flush()?;
            self.stream.set_read_timeout(self.session.wait().map(|wait| Timeouts::POSTFIX.of(wait)))?;
            let mut input = match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err("the filter closed the connection".into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                count => self.buffer.get(..count?).unwrap_or_default(),
            };
            while let Some(event) = self.session.next_event(&mut self.assembler, &mut input)? {
                match event {
                    Event::Negotiated { answer } => self.lists = answer.macro_lists.into(),
                    // The default policy is Postfix's, for which all edits count.
                    Event::Edit { edit, .. } => self.edits.push((edit.into(), space)),
                    Event::Verdict { verdict, scope: Scope::Message | Scope::Connection, .. } => {
                        (answer, self.settled) = (verdict.into(), verdict.into());
                    }
                    Event::Verdict { scope: Scope::Nothing, .. } => {}
                    Event::Verdict { verdict, .. } => answer = verdict.into(),
                    _ => {}
                }
            }
        }
        Ok(answer)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(self.stream.write_all(core::mem::take(&mut self.out).as_slice())?)
    }
}

/// An address without its angle brackets.
fn bare(address: &[u8]) -> &[u8] {
    address.strip_prefix(b"<").and_then(|address| address.strip_suffix(b">")).unwrap_or(address)
}

/// Asks filters in a row, until one of them does not let the command pass: its verdict counts.
///
/// # Errors
/// The first one of `ask`.
pub fn ask_each(filters: &mut [Client], ask: impl Fn(&mut Client) -> Answer) -> Answer {
    let is_last = |answer: &Answer| !answer.as_ref().is_ok_and(passes);
    filters.iter_mut().map(ask).find(is_last).unwrap_or_else(|| Ok(VerdictBuf::CONTINUE))
}

/// Sends the content of a message to filters in a row, as MTAs do, and returns all edits. The first verdict that does not
/// let the message pass counts: then there are no edits, and all filters are told that the message is over.
///
/// # Errors
/// [`Error`].
pub fn send_content(filters: &mut [Client], headers: &[(&str, &[u8])], body: &[u8]) -> Outcome {
    let mut edits = Vec::new();
    for filter in &mut *filters {
        for (name, value) in headers {
            filter.header(name, value)?;
        }
        filter.end_of_headers()?;
        filter.body(body)?;
        let (more, verdict) = filter.end_of_message()?;
        if !passes(&verdict) {
            filters.iter_mut().try_for_each(Client::abort)?;
            return Ok((Vec::new(), verdict));
        }
        edits.extend(more);
    }
    Ok((edits, VerdictBuf::CONTINUE))
}
