//! The command line of the filter examples.

use core::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use milter_proto::filter;
use milter_proto::wire::DataSize;

use super::changes::Changes;
use super::values::{ActionSet, At, Kinds, MacroList, Pattern, Seconds, header_name};
use crate::support::spec::Spec;
use crate::support::tap::Logs;

/// The last part of `--help`.
pub(crate) const HELP: &str = r#"Patterns:
  * matches any text, ? matches one character, and case does not matter. A pattern must match the whole text: the
  client's name, a space and FAMILY:PORT:ADDRESS (connect), the name (helo), the address in its brackets (mail, rcpt),
  NAME: VALUE (header), the chunk (body), or the line (unknown). The first --at that matches applies.

Replies:
  A code from 400 to 599, optionally an enhanced code of the same class, and a text: 550 5.7.1 go away.
  The verdict `panic` makes the handler panic, which shows how the program treats such a connection.

Escapes in replies and header values:
  \n is a line end (in a reply it starts another line; in a header it folds, and a space or \t must follow), \t is a tab,
  \\ is a backslash.

Edits:
  They are sent in the order of their options, whatever their kind: --delete-rcpt X --add-rcpt X deletes X, then adds it.
  MTAs apply them in that order.

Header values:
  A space separates the colon and the value. NAME:=VALUE leaves it out, if --leading-space was negotiated.

Examples:
  --at 'rcpt/*@example.org>=550 5.7.1 no\nask the postmaster' --at 'header/Subject: *buy*=reject'
  --delete-rcpt '<a@example.org>' --add-rcpt '<b@example.org>' --change-header '1:Subject=[spam] hello'
  --progress 1 --pause 10 --add-header X-Slow=yes
  --record captures, and then: cargo run --example dump -- captures"#;

/// Only `--listen` is required: without rules, every message passes unchanged.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Listen for MTAs there: inet:PORT@HOST, inet6:PORT@HOST or unix:PATH. Without @HOST, on loopback only
    #[arg(long, value_name = "SPEC")]
    pub(crate) listen: Spec,

    /// Answer a command with a verdict: connect, helo, mail, rcpt, data, header, eoh, body, eom or unknown, optionally
    /// a pattern, and continue, accept, reject, tempfail, discard, skip or an SMTP reply
    #[arg(long, value_name = "STAGE[/PATTERN]=VERDICT")]
    pub(super) at: Vec<At>,
    /// Refuse recipients that match
    #[arg(long, value_name = "PATTERN")]
    pub(super) reject_rcpt: Vec<Pattern>,

    #[command(flatten)]
    pub(super) changes: Changes,
    /// Quarantine messages that have this header
    #[arg(long, value_name = "HEADER", value_parser = header_name)]
    pub(super) quarantine_if: Vec<String>,

    /// Subscribe to these commands only: stages as in --at, separated by commas
    #[arg(long, value_name = "STAGES")]
    pub(super) only: Option<Kinds>,
    /// Promise not to reply to these commands
    #[arg(long, value_name = "STAGES")]
    pub(super) no_reply: Option<Kinds>,
    /// Ask for permission to answer skip
    #[arg(long)]
    pub(super) skip: bool,
    /// Ask for the recipients that the MTA itself rejects
    #[arg(long)]
    pub(super) rejected_rcpt: bool,
    /// Ask for header values with the space after the colon
    #[arg(long)]
    pub(super) leading_space: bool,
    /// Ask for larger frames
    #[arg(long, value_name = "SIZE", default_value = "64k")]
    pub(super) data_size: Size,
    /// Ask for actions besides those that the edits need: add-headers, change-headers, change-body,
    /// add-rcpt, delete-rcpt, quarantine, change-from, add-rcpt-args
    #[arg(long, value_name = "ACTIONS")]
    pub(super) may: Option<ActionSet>,
    /// Ask for these macros at connect, helo, mail, rcpt, data, eoh or eom, separated by spaces
    #[arg(long, value_name = "STAGE=NAMES")]
    pub(super) macros: Vec<MacroList>,

    /// How strictly to judge MTAs
    #[arg(long, value_name = "POLICY", default_value = "robust")]
    pub(super) policy: PolicyName,
    /// Close a connection that sends or accepts nothing for that time; libmilter waits for 7210 s
    #[arg(long, value_name = "SECONDS", value_parser = Seconds::timeout)]
    pub(super) timeout: Option<Seconds>,
    /// Connections at the same time; more of them wait
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(crate) connections: NonZeroUsize,
    /// After SIGTERM or SIGINT, give messages in progress that long to end; a second signal ends them at once
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub(crate) grace: Seconds,

    #[command(flatten)]
    pub(super) logs: Logs,
    /// Show on standard output each command, after the number of the connection
    #[arg(long)]
    pub(super) events: bool,
    /// With --events: show these macros at each command, if they have a value
    #[arg(long, value_name = "NAMES", requires = "events", value_delimiter = ' ')]
    pub(super) show_macros: Vec<String>,
}

/// The policies for a filter.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PolicyName {
    /// Answer every command, in order or not
    Robust,
    /// Refuse what a well-behaved MTA does not send
    Strict,
    /// Do as libmilter does, which leaves some commands without a reply
    Libmilter,
}

impl PolicyName {
    pub(super) const fn policy(self) -> filter::Policy {
        match self {
            Self::Robust => filter::Policy::DEFAULT,
            Self::Strict => filter::Policy::STRICT,
            Self::Libmilter => filter::Policy::LIBMILTER,
        }
    }
}

/// The sizes of frames.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Size {
    #[value(name = "64k")]
    K64,
    #[value(name = "256k")]
    K256,
    #[value(name = "1m")]
    M1,
}

impl Size {
    pub(super) const fn size(self) -> DataSize {
        match self {
            Self::K64 => DataSize::Kib64,
            Self::K256 => DataSize::Kib256,
            Self::M1 => DataSize::Mib1,
        }
    }
}
