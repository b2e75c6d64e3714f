//! The command line of the MTA examples.

use core::num::NonZeroU64;
use core::str::FromStr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use milter_proto::mta;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Offer, Peer, Steps, Text, Version};
use milter_proto::{Timeouts, filter};

use super::step::Step;
use crate::support::rules::{BadValue, Seconds, stage_to_abort};
use crate::support::spec::Spec;
use crate::support::tap::{Logs, Tap};

/// The client's session.
#[derive(Clone, Debug, Args)]
pub(crate) struct Letter {
    /// The message: headers, a blank line, the body; without it, one that is built in
    #[arg(long, value_name = "FILE")]
    pub(crate) message: Option<PathBuf>,
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
    pub(super) macros: Vec<Macro>,
    /// Offer less than everything: numbers, decimal or with 0x
    #[arg(long, value_name = "VERSION[,ACTIONS,STEPS]")]
    pub(super) offer: Option<Offered>,
}

impl Letter {
    /// Whether messages are aborted before that step.
    pub(super) fn is_over_before(&self, step: Step) -> bool {
        let [last, this] = [self.abort_after, step.kind()].map(|kind| kind.and_then(Step::place));
        last.zip(this).is_some_and(|(last, this)| last < this)
    }
}

/// Only `--filter` is required: without other options, it is asked about one plain message.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Ask this filter: inet:PORT@HOST, inet6:PORT@HOST or unix:PATH. Without @HOST, on loopback
    #[arg(long, value_name = "SPEC")]
    pub(crate) filter: Spec,
    #[command(flatten)]
    pub(crate) letter: Letter,
    /// Connections at the same time
    #[arg(long, value_name = "N", default_value = "1")]
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

    /// The logs of a connection, if there are to be any: what is written, and what is read.
    pub(crate) fn taps(&self, connection: u64) -> [Option<Tap>; 2] {
        self.logs.taps(connection)
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
