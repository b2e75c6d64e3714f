//! What a run asks its caller to do, and what it is told.

use alloc::string::String;
use alloc::vec::Vec;

use crate::Wait;

/// What the caller has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Open a new connection to the filter under test, and close the old one if there is one. Then give
    /// [`Input::Connected`] or [`Input::ConnectFailed`]. Filters only.
    Connect,
    /// Write these bytes at once, in one piece. Then give [`Input::Done`], even if the peer has closed the connection.
    Send(Vec<u8>),
    /// Read once from the Milter connection, and for an MTA under test also from its SMTP connection. Then give what came:
    /// [`Input::Received`], [`Input::Closed`], [`Input::Accepted`], [`Input::SmtpReply`], [`Input::SmtpClosed`],
    /// [`Input::Delivered`], or [`Input::TimedOut`] if nothing came for so long.
    Receive(Patience),
    /// Close the direction in which the run sends, or the whole connection if that is not possible. Then give
    /// [`Input::Done`].
    Shutdown,
    /// Close the Milter connection. Then give [`Input::Done`].
    Close,
    /// Let the SMTP client do this with the MTA under test. Then give [`Input::Done`]. The reply is an input of a later
    /// [`Receive`](Self::Receive). MTAs only.
    Client(ClientAction),
    /// The run is over: [`outcome`](super::FilterRun::outcome) has its result. Close all connections.
    Finish,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Patience {
    /// For something that the peer has to send: seconds. The class says what a real program would wait for.
    Long(Wait),
    /// To find out that nothing comes: some tenths of a second.
    Short,
    /// For the MTA under test to give the filter up: longer than its own timeout of this class. Only in scenarios with the
    /// step `slow`.
    Timeout(Wait),
    /// Two thirds of the time that the MTA under test waits in this class: nothing comes meanwhile. Sendmail measures in whole
    /// seconds, so that more could be too late (SPEC_NOTES TIM-4). Only in scenarios with the step `slow`.
    Almost(Wait),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input<'a> {
    /// Nothing yet: the first input of every run.
    Start,
    /// What the action asked for is done.
    Done,
    /// The connection is open.
    Connected,
    /// No connection could be opened, for this reason.
    ConnectFailed(&'a str),
    /// The MTA under test has opened a Milter connection. If an earlier one was open, the MTA has closed it.
    Accepted,
    /// These bytes came on the Milter connection.
    Received(&'a [u8]),
    /// The peer has closed the Milter connection, or reset it.
    Closed,
    /// This reply of the MTA under test came on the SMTP connection: code and text, all lines, without the last line end.
    SmtpReply(&'a str),
    /// The MTA under test has closed the SMTP connection.
    SmtpClosed,
    /// The MTA under test has delivered this message. Comes at any time, if the caller knows of deliveries.
    Delivered(Delivery<'a>),
    /// Nothing came for as long as the action said.
    TimedOut,
}

/// A message that an MTA under test has delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery<'a> {
    /// The sender, with angle brackets.
    pub sender: &'a str,
    /// The recipients, with angle brackets. An MTA may deliver to each of them by itself.
    pub recipients: &'a [&'a str],
    /// Headers and body, with CR LF, without doubled dots.
    pub content: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// Makes a delivery.
    #[must_use]
    pub const fn new(sender: &'a str, recipients: &'a [&'a str], content: &'a [u8]) -> Self {
        Self { sender, recipients, content }
    }
}

/// What the SMTP client of an MTA under test does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAction {
    /// Opens an SMTP connection, and closes the old one if there is one, of which nothing more is told. The greeting is a
    /// reply like any other: an MTA asks its filters before it greets.
    Connect,
    /// Sends one line, to which CR LF is added. It may be any line: `MAIL FROM:<a@example.com> SIZE=100`.
    Line(String),
    /// Sends the content of a message after DATA: bytes with CR LF, dots already doubled, and the end of the data included.
    Content(Vec<u8>),
    /// Closes the SMTP connection without QUIT.
    Disconnect,
}
