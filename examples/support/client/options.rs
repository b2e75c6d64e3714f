//! The command line of the MTA examples.

use core::num::NonZeroU64;
use core::str::FromStr;
use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use milter_proto::message::{EditRules, FailureAction, Header, Message, with_crlf};
use milter_proto::mta;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Offer, Peer, Steps, Text, Version};
use milter_proto::{Timeouts, filter};

use super::text;
use crate::support::failure::Failure;
use crate::support::rules::{BadValue, Seconds, stage_to_abort};
use crate::support::spec::Spec;
use crate::support::tap::{Logs, Tap};

/// The message that is built in.
const BUNDLED: &[u8] = b"From: Alice Example <alice@sender.example>\r\n\
To: bob@rcpt.example\r\n\
Subject: a message\r\n which is folded\r\n\
Date: Sun, 01 Nov 2026 12:00:00 +0000\r\n\
Message-ID: <1@sender.example>\r\n\
\r\n\
Hello Bob,\r\n\
\r\n\
100 % of this message is bundled.\r\n";

/// The client's session.
#[derive(Clone, Debug, Args)]
pub(crate) struct Letter {
    /// The message: headers, a blank line, the body; without it, one that is built in
    #[arg(long, value_name = "FILE")]
    message: Option<PathBuf>,
    /// Write the message to that file if it is accepted, as it would be delivered: headers and body, byte for byte
    #[arg(long, value_name = "FILE", conflicts_with = "messages")]
    pub(super) output: Option<PathBuf>,
    /// Apply the edits of the filters as this MTA does
    #[arg(long, value_name = "MTA", default_value = "postfix")]
    rules: Rules,
    /// Add a Received header with this value above the message, as MTAs do. Filters do not see it, but it has a place among
    /// the headers: without it, one that a filter inserts at 1 comes below the first header of the message
    #[arg(long, value_name = "VALUE")]
    received: Option<String>,
    /// Do this if a filter fails, and go on; without this option, the failure of a filter ends the connection
    #[arg(long, value_name = "ACTION")]
    on_failure: Option<OnFailure>,
    /// The sender
    #[arg(long, value_name = "ADDRESS", default_value = "<alice@sender.example>")]
    pub(super) from: String,
    /// A recipient; may be given again
    #[arg(long = "to", value_name = "ADDRESS", default_value = "<bob@rcpt.example>")]
    pub(super) recipients: Vec<String>,
    /// A recipient that the MTA itself has rejected; may be given again
    #[arg(long = "rejected-to", value_name = "ADDRESS")]
    pub(super) rejected: Vec<String>,
    /// The client's name in HELO
    #[arg(long, value_name = "NAME", default_value = "sender.example")]
    pub(super) helo: String,
    /// The client: a name, and an IP address, a path, or unknown
    #[arg(long, value_name = "HOST,ADDRESS[,PORT]", default_value = "localhost,127.0.0.1,40000")]
    pub(super) client: Origin,
    /// Ask about the message this many times on each connection
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) messages: usize,
    /// Between messages, end the client's session, and begin another one on the same connection
    #[arg(long)]
    pub(super) quit_nc: bool,
    /// Before MAIL, let the client send a command that the MTA does not know
    #[arg(long, value_name = "LINE")]
    pub(super) unknown: Option<String>,
    /// Abort every message after this stage: unknown, mail, rcpt, data, header, eoh or body; after helo, which is sent
    /// once, only the first
    #[arg(long, value_name = "STAGE", value_parser = stage_to_abort)]
    #[arg(requires_if("unknown", "unknown"))]
    abort_after: Option<CommandKind>,
    /// The value of a macro; may be given again
    #[arg(long = "macro", value_name = "NAME=VALUE")]
    macros: Vec<Macro>,
    /// Offer less than everything: numbers, decimal or with 0x
    #[arg(long, value_name = "VERSION[,ACTIONS,STEPS]")]
    pub(super) offer: Option<Offered>,
}

impl Letter {
    /// The bytes of the message, with CRLF as line ends.
    pub(crate) fn load(&self) -> Result<Vec<u8>, Failure> {
        let Some(path) = &self.message else { return Ok(BUNDLED.to_vec()) };
        let bytes = fs::read(path).map_err(|error| Failure::File(path.display().to_string(), error))?;
        Ok(with_crlf(&bytes).into_owned())
    }

    /// The message with its sender, for no recipient yet, and with the header that the MTA itself adds.
    pub(super) fn draft<'m>(&self, bytes: &'m [u8]) -> Message<'m> {
        let mut message = Message::parse(bytes);
        message.set_sender(text(&self.from));
        if let Some(value) = &self.received {
            message.add_trace(Header::new("Received", format!(" {value}")));
        }
        message
    }

    pub(super) const fn edit_rules(&self) -> EditRules {
        match self.rules {
            Rules::Postfix => EditRules::POSTFIX,
            Rules::Sendmail => EditRules::SENDMAIL,
        }
    }

    /// What to do if a filter fails. `None`: nothing goes on.
    pub(super) fn failure_action(&self) -> Option<FailureAction> {
        self.on_failure.map(|action| match action {
            OnFailure::Accept => FailureAction::Accept,
            OnFailure::Reject => FailureAction::Reject,
            OnFailure::Tempfail => FailureAction::Tempfail,
            OnFailure::Shutdown => FailureAction::Shutdown,
            OnFailure::Quarantine => FailureAction::Quarantine,
        })
    }

    /// The macros of the command line: names and values.
    pub(super) fn macros(&self) -> impl Iterator<Item = (&str, &str)> {
        self.macros.iter().map(|given| (&*given.name, &*given.value))
    }

    /// Whether messages are aborted before that command.
    pub(super) fn is_over_before(&self, kind: Option<CommandKind>) -> bool {
        let [last, this] = [self.abort_after, kind].map(|kind| kind.and_then(place));
        last.zip(this).is_some_and(|(last, this)| last < this)
    }

    /// The last commands of the content, if messages are aborted after them.
    pub(super) fn content_until(&self) -> Option<CommandKind> {
        self.abort_after.filter(|&kind| place(kind) >= place(CommandKind::Header))
    }
}

/// The position of a command in an SMTP session.
fn place(kind: CommandKind) -> Option<usize> {
    const ORDER: [CommandKind; 9] = [
        CommandKind::Connect,
        CommandKind::Helo,
        CommandKind::Unknown,
        CommandKind::MailFrom,
        CommandKind::RcptTo,
        CommandKind::Data,
        CommandKind::Header,
        CommandKind::EndOfHeaders,
        CommandKind::Body,
    ];
    ORDER.iter().position(|&other| other == kind)
}

/// Only `--filter` is required: without other options, it is asked about one plain message.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Ask this filter: inet:PORT@HOST, inet6:PORT@HOST or unix:PATH. Without @HOST, on loopback. May be given again: the
    /// filters are asked in this order, each about the message as the ones before it have changed it
    #[arg(long = "filter", value_name = "SPEC", required = true)]
    pub(crate) filters: Vec<Spec>,
    #[command(flatten)]
    pub(crate) letter: Letter,
    /// Connections at the same time
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "output")]
    pub(crate) connections: NonZeroU64,
    /// Judge the filter as this MTA does
    #[arg(long, value_name = "POLICY", default_value = "postfix")]
    policy: Judgement,
    /// Wait this long for each connection, write and reply, instead of as long as the MTA of the policy
    #[arg(long, value_name = "SECONDS", value_parser = Seconds::timeout)]
    timeout: Option<Seconds>,
    #[command(flatten)]
    logs: Logs,
    /// Show the outcome of each message as a line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Options {
    pub(crate) const fn policy(&self) -> mta::Policy {
        match self.policy {
            Judgement::Strict => mta::Policy::STRICT,
            Judgement::Postfix => mta::Policy::POSTFIX,
            Judgement::Sendmail => mta::Policy::SENDMAIL,
        }
    }

    /// The logs of the connection to a filter, if there are to be any: what is written, and what is read. With several
    /// filters, each connection has a number of its own.
    pub(crate) fn taps(&self, session: u64, filter: usize) -> [Option<Tap>; 2] {
        let [filter, filters] =
            [filter, self.filters.len()].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        self.logs
            .taps(session.saturating_sub(1).saturating_mul(filters).saturating_add(filter).saturating_add(1))
    }

    /// The filter of that number.
    pub(crate) fn filter(&self, number: usize) -> Result<&Spec, Failure> {
        self.filters.get(number).ok_or(Failure::NoFilter(number))
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        let usual = match self.policy {
            Judgement::Sendmail => Timeouts::SENDMAIL,
            Judgement::Strict | Judgement::Postfix => Timeouts::POSTFIX,
        };
        Seconds::or_usual(self.timeout, usual)
    }
}

/// The policies that fit an MTA.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Judgement {
    /// Refuse what not every implementation takes
    Strict,
    /// Take what Postfix takes, and wait as long as it does
    Postfix,
    /// Take what Sendmail takes, and wait as long as it does
    Sendmail,
}

/// Whose rules for edits.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rules {
    Postfix,
    Sendmail,
}

/// What to do if a filter fails.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnFailure {
    /// Go on without it
    Accept,
    /// Refuse the command or the message
    Reject,
    /// Refuse it for now
    Tempfail,
    /// Refuse it for now, and end the SMTP session
    Shutdown,
    /// Go on without it, and hold the message
    Quarantine,
}

/// Where the client comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) host: String,
    address: String,
    port: u16,
}

impl Origin {
    pub(super) fn peer(&self) -> Peer<'_> {
        let (port, address) = (self.port, Text::new(self.address.as_bytes()).unwrap_or_default());
        match self.address.as_str() {
            "unknown" => Peer::Unknown,
            path if path.starts_with('/') => Peer::Unix { port: 0, path: address },
            six if six.contains(':') => Peer::Inet6 { port, address },
            _ => Peer::Inet { port, address },
        }
    }
}

impl FromStr for Origin {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let form = || BadValue::Form("HOST,ADDRESS[,PORT]");
        let mut parts = text.split(',').map(str::to_owned);
        let (host, address) = parts.next().zip(parts.next()).ok_or_else(form)?;
        let port = parts.next().map_or(Ok(40_000), |port| port.parse()).map_err(|_| form())?;
        Ok(Self { host, address, port })
    }
}

/// A macro and its value.
#[derive(Clone, Debug)]
pub(super) struct Macro {
    /// As MTAs spell it: one character bare, longer ones in braces.
    pub(super) name: String,
    pub(super) value: String,
}

impl FromStr for Macro {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let (name, value) = text.split_once('=').ok_or(BadValue::Form("NAME=VALUE"))?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// What is offered to the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offered(pub(super) Offer);

impl FromStr for Offered {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let form = || BadValue::Form("VERSION or VERSION,ACTIONS,STEPS, as in 2,0x3f,0x7f");
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).map_err(|_| form()),
            None => text.parse().map_err(|_| form()),
        };
        let numbers = text.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
        let (version, actions, steps) = match *numbers {
            // As Postfix has it.
            [2] => (2, Actions::ALL, Steps::V2),
            [3] => (3, Actions::ALL, Steps::V3),
            [4] => (4, Actions::ALL, Steps::V4),
            [version] => (version, Actions::ALL, Steps::ALL),
            [version, actions, steps] => (version, Actions::from_bits(actions), Steps::from_bits(steps)),
            _ => return Err(form()),
        };
        Ok(Self(Offer::new(Version::new(version), actions, steps)))
    }
}
