//! A blocking client that asks filters about messages: an example of a library that is built on `milter-proto`.
//!
//! [`Client`] has the connections to the filters of an MTA, and a method for each step of an SMTP session.
//! `examples/library_mta.rs` sends a message through them.
//!
//! Each method returns the answer of all filters. What a filter declined, or has decided before, is not sent: the caller
//! need not know. A filter sees the message as the filters before it have edited it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use milter_proto::message::{
    Chain, ChainAnswer, ChainFilter, ChainStep, EditRules, EnvelopeAddress, Message, with_crlf,
};
use milter_proto::wire::{Command, Offer, Peer, Text, TextList};
use milter_proto::{Timeouts, Wait};

/// Any error: of a connection, or a mistake of a filter. The client is of no use any more.
pub type Error = Box<dyn core::error::Error + Send + Sync>;

/// The answer of the filters to a step.
pub type Answer = Result<ChainAnswer, Error>;

/// The answer of the filters to a message, and the message as it is to be delivered if they let it pass.
pub type Outcome = Result<(ChainAnswer, Option<Message<'static>>), Error>;

/// The filters of an MTA, for one SMTP client at a time.
#[derive(Debug)]
pub struct Client {
    chain: Chain<'static>,
    links: Vec<Link>,
    buffer: Vec<u8>,
    sender: EnvelopeAddress,
    /// Those that all filters have let pass.
    recipients: Vec<EnvelopeAddress>,
}

impl Client {
    /// Negotiates with the filters at the other end of these connections, which are asked in this order.
    ///
    /// # Errors
    /// As every step: see [`Error`].
    pub fn new(streams: impl IntoIterator<Item = TcpStream>) -> Result<Self, Error> {
        let links = streams.into_iter().map(Link::new).collect::<Result<Vec<_>, _>>()?;
        let mut chain = Chain::new(EditRules::POSTFIX);
        chain.extend(links.iter().map(|_| ChainFilter::POSTFIX));
        let (sender, recipients) = (EnvelopeAddress::new(Text::EMPTY), Vec::new());
        let mut client = Self { chain, links, buffer: vec![0; 16_384], sender, recipients };
        client.ask(Command::Negotiate(Offer::FULL)).map(|_| client)
    }

    /// Sets the value of a macro, before the step that it belongs to.
    ///
    /// # Errors
    /// [`Error`]: there is a NUL in the name or the value.
    pub fn set_macro(&mut self, name: &str, value: &str) -> Result<(), Error> {
        self.chain.macros_mut().set(Text::try_from(name)?, Text::try_from(value)?);
        Ok(())
    }

    /// What is known about the filters: what was negotiated with each, and the edits that it has asked for.
    pub const fn chain(&self) -> &Chain<'static> {
        &self.chain
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
        let address = Text::try_from(address)?;
        self.sender = EnvelopeAddress::new(address).with_arguments(arguments);
        self.recipients.clear();
        self.ask(Command::MailFrom { address, arguments })
    }

    /// A recipient, in angle brackets.
    ///
    /// # Errors
    /// [`Error`].
    pub fn rcpt(&mut self, address: &str, arguments: TextList<'_>) -> Answer {
        let address = Text::try_from(address)?;
        let answer = self.ask(Command::RcptTo { address, arguments })?;
        if answer.passes() {
            self.recipients.push(EnvelopeAddress::new(address).with_arguments(arguments));
        }
        Ok(answer)
    }

    /// DATA.
    ///
    /// # Errors
    /// [`Error`].
    pub fn data(&mut self) -> Answer {
        self.ask(Command::Data)
    }

    /// The message: headers and body, with LF or CRLF as line ends.
    ///
    /// # Errors
    /// [`Error`].
    pub fn message(&mut self, bytes: &[u8]) -> Outcome {
        let mut message = Message::parse(with_crlf(bytes).into_owned());
        message.set_sender(self.sender.clone());
        self.recipients.drain(..).for_each(|recipient| message.add_recipient(recipient));
        self.chain.send_message(message)?;
        let answer = self.run()?;
        Ok((answer, self.chain.take_message()))
    }

    /// The SMTP client or the MTA has given the message up.
    ///
    /// # Errors
    /// [`Error`].
    pub fn abort(&mut self) -> Result<(), Error> {
        self.ask(Command::Abort).map(drop)
    }

    /// Makes the connections ready for another SMTP client, whose first step is [`connect`](Self::connect). `false`: they
    /// cannot be used again.
    pub fn reuse(&mut self) -> bool {
        let is_quiet = self.links.iter_mut().all(Link::is_quiet);
        is_quiet && self.chain.can_reuse() && self.ask(Command::QuitNewConnection).is_ok()
    }

    /// Ends the connections. A filter that has left already misses nothing.
    pub fn quit(mut self) {
        let _ = self.ask(Command::Quit);
    }

    fn ask(&mut self, command: Command<'_>) -> Answer {
        self.chain.send(command)?;
        self.run()
    }

    /// Does what the chain says, until it has the answer.
    fn run(&mut self) -> Answer {
        loop {
            match self.chain.next_step() {
                ChainStep::Done(answer) => {
                    self.links.iter_mut().try_for_each(Link::flush)?;
                    return Ok(answer);
                }
                ChainStep::Write { filter, frame } => {
                    frame.append_to(&mut link(&mut self.links, filter)?.out)
                }
                ChainStep::Read { filter, wait } => {
                    let mut input = link(&mut self.links, filter)?.read(wait, &mut self.buffer)?;
                    self.chain.receive(filter, &mut input)?;
                }
                ChainStep::Close { filter } => link(&mut self.links, filter)?.close()?,
            }
        }
    }
}

/// The connection to a filter. There is one for each filter of the chain.
fn link(links: &mut [Link], filter: usize) -> Result<&mut Link, Error> {
    links.get_mut(filter).ok_or_else(|| "there is no such filter".into())
}

/// A connection, and what is to be written to it.
#[derive(Debug)]
struct Link {
    stream: TcpStream,
    out: Vec<u8>,
}

impl Link {
    fn new(stream: TcpStream) -> Result<Self, Error> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Timeouts::POSTFIX.of(Wait::Write)))?;
        Ok(Self { stream, out: Vec::new() })
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(self.stream.write_all(core::mem::take(&mut self.out).as_slice())?)
    }

    fn read<'b>(&mut self, wait: Wait, buffer: &'b mut [u8]) -> Result<&'b [u8], Error> {
        self.flush()?;
        self.stream.set_read_timeout(Some(Timeouts::POSTFIX.of(wait)))?;
        let count = loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err("the filter closed the connection".into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                count => break count?,
            }
        };
        Ok(buffer.get(..count).unwrap_or_default())
    }

    fn close(&mut self) -> Result<(), Error> {
        self.flush()?;
        Ok(self.stream.shutdown(Shutdown::Both)?)
    }

    /// Whether the connection is open, and nothing has arrived that nobody waits for.
    fn is_quiet(&mut self) -> bool {
        let read = self.stream.set_nonblocking(true).and_then(|()| self.stream.read(&mut [0]));
        let is_empty = read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        is_empty && self.stream.set_nonblocking(false).is_ok()
    }
}
