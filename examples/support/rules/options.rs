//! The command line of the filter examples.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use milter_proto::filter;
use milter_proto::wire::DataSize;

use super::values::{ActionSet, At, Envelope, Header, Kinds, MacroList, Pattern, Place, Seconds};
use crate::support::spec::Spec;

/// Everything is optional but the place to listen at: without rules, every message passes as it is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Wait there for MTAs: inet:PORT@HOST, inet6:PORT@HOST or unix:PATH
    #[arg(long, value_name = "SPEC")]
    pub(crate) listen: Spec,

    /// Answer a command so: connect, helo, mail, rcpt, data, header, eoh, body, eom or unknown, perhaps a
    /// pattern with * and ?, and continue, accept, reject, tempfail, discard, skip or an SMTP reply
    #[arg(long, value_name = "STAGE[/PATTERN]=VERDICT")]
    pub(super) at: Vec<At>,
    /// Refuse recipients that match
    #[arg(long, value_name = "PATTERN")]
    pub(super) reject_rcpt: Vec<Pattern>,

    /// Add a header
    #[arg(long, value_name = "NAME=VALUE", value_parser = Header::parse_new)]
    pub(super) add_header: Vec<Header>,
    /// Insert a header above the one at that place, counted from 0 over all headers
    #[arg(long, value_name = "INDEX:NAME=VALUE")]
    pub(super) insert_header: Vec<Header>,
    /// Change a header, counted from 1 over those of its name
    #[arg(long, value_name = "INDEX:NAME=VALUE")]
    pub(super) change_header: Vec<Header>,
    /// Delete a header, counted as in --change-header
    #[arg(long, value_name = "INDEX:NAME")]
    pub(super) delete_header: Vec<Place>,
    /// Change the sender
    #[arg(long, value_name = "ADDRESS [ARGUMENTS]")]
    pub(super) change_sender: Option<Envelope>,
    /// Add a recipient
    #[arg(long, value_name = "ADDRESS [ARGUMENTS]")]
    pub(super) add_rcpt: Vec<Envelope>,
    /// Take a recipient away
    #[arg(long, value_name = "ADDRESS")]
    pub(super) delete_rcpt: Vec<String>,
    /// Replace the body by that of a file, with CRLF as line ends
    #[arg(long, value_name = "FILE")]
    pub(super) replace_body: Option<PathBuf>,
    /// Have the message held
    #[arg(long, value_name = "REASON")]
    pub(super) quarantine: Option<String>,
    /// Have messages held that have this header
    #[arg(long, value_name = "HEADER")]
    pub(super) quarantine_if: Vec<String>,
    /// Give that many signs of life before the edits
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) progress: usize,

    /// Ask for these commands only: stages as in --at, with commas between them
    #[arg(long, value_name = "STAGES")]
    pub(super) only: Option<Kinds>,
    /// Offer to give no reply to these commands
    #[arg(long, value_name = "STAGES")]
    pub(super) no_reply: Option<Kinds>,
    /// Ask for leave to answer skip
    #[arg(long)]
    pub(super) skip: bool,
    /// Ask for the recipients that the MTA itself refuses
    #[arg(long)]
    pub(super) rejected_rcpt: bool,
    /// Ask for header values with the space behind the colon
    #[arg(long)]
    pub(super) leading_space: bool,
    /// Ask for larger frames
    #[arg(long, value_name = "SIZE", default_value = "64k")]
    pub(super) data_size: Size,
    /// Ask for actions beyond those that the edits need: add-headers, change-headers, change-body,
    /// add-rcpt, delete-rcpt, quarantine, change-from, add-rcpt-args
    #[arg(long, value_name = "ACTIONS")]
    pub(super) may: Option<ActionSet>,
    /// Ask for these macros at connect, helo, mail, rcpt, data, eoh or eom, with blanks between them
    #[arg(long, value_name = "STAGE=NAMES")]
    pub(super) macros: Vec<MacroList>,

    /// How strictly to judge MTAs
    #[arg(long, value_name = "POLICY", default_value = "robust")]
    pub(super) policy: Judgement,
    /// Give an MTA up that says or takes nothing for that time; libmilter waits for 7210 s
    #[arg(long, value_name = "SECONDS")]
    pub(super) timeout: Option<Seconds>,
    /// Connections at the same time; more of them wait
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) connections: usize,
    /// When told to stop, let messages in progress have that long to end
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub(crate) grace: Seconds,

    /// Show every frame on standard error, with sizes in the place of content
    #[arg(long)]
    pub(super) log: bool,
    /// Show every frame with its content
    #[arg(long)]
    pub(super) log_content: bool,
    /// Show on standard output what the filter is told: the number of the connection, and a command
    #[arg(long)]
    pub(super) events: bool,
    /// With --events: show these macros at each command, if they have a value
    #[arg(long, value_name = "NAMES", requires = "events", value_delimiter = ' ')]
    pub(super) show_macros: Vec<String>,
}

/// The policies that fit a filter.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Judgement {
    /// Answer every command, in order or not
    Robust,
    /// Refuse what a well-behaved MTA does not send
    Strict,
    /// Do as libmilter does, which leaves some commands without a reply
    Libmilter,
}

impl Judgement {
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
            Self::K64 => DataSize::K64,
            Self::K256 => DataSize::K256,
            Self::M1 => DataSize::M1,
        }
    }
}
