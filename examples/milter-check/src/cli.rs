//! The command line.

use core::str::FromStr;
use core::time::Duration;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use milter_proto::conformance::Level;

use crate::fuzz::Fuzz;
use crate::spec::Spec;

/// Tests filters and mail servers that speak the Milter protocol.
#[derive(Debug, Parser)]
#[command(name = "milter-check", version, after_long_help = STATUS)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const STATUS: &str = "\
Exit status:
  0  no scenario of level must failed; with --baseline: the failures are those of the baseline
  1  a scenario of level must failed; with --baseline: one fails that did not, or passes that failed
  2  an argument, the profile, the baseline or a file of scenarios is wrong, or a report cannot be written
  3  the program under test cannot be reached, does not answer, or died
  130, 143  the run was stopped by SIGINT (Ctrl-C) or SIGTERM";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play generated sessions, and look for what they break
    #[command(subcommand)]
    Fuzz(Fuzz),
    /// Play the mail server for a running filter
    Filter {
        /// Where the filter listens: inet:PORT@HOST, inet6:PORT@HOST or unix:PATH
        #[arg(value_name = "SPEC", required_unless_present = "list")]
        spec: Option<Spec>,
        /// How many connections to have open at once. Without it: one, or several if the filter serves them at once
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
        jobs: Option<u16>,
        #[command(flatten)]
        common: Common,
    },
    /// Play the filters for a mail server, and send it mail
    Mta {
        /// Where to listen for the mail server's Milter connections: inet:PORT@HOST, inet6:PORT@HOST or unix:PATH
        #[arg(long, value_name = "SPEC", required_unless_present = "list")]
        listen: Option<Spec>,
        /// Where the mail server accepts mail. Without it, you are told what to send, and type the replies
        #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
        smtp: Option<String>,
        /// Accept here what the mail server delivers, to check edits
        #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
        sink: Option<String>,
        #[command(flatten)]
        common: Common,
    },
}

/// What both roles have.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Only scenarios whose id begins with this; may be repeated. The role may be left out: framing/
    #[arg(long, value_name = "ID-PREFIX")]
    pub(crate) only: Vec<String>,
    /// Only scenarios of this level or a higher one
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) level: LevelName,
    /// List id, level, rules and title of the scenarios, and run none
    #[arg(long)]
    pub(crate) list: bool,
    /// How long to wait for what must come [default: 10; for mail that is sent by hand, 300]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Option<Duration>,
    /// How long to wait to find out that nothing comes
    #[arg(long, value_name = "SECONDS", default_value = "0.3", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) quiet_time: Duration,
    /// A report, on standard output or in a file; may be repeated
    #[arg(long, value_name = "FORMAT[=FILE]")]
    pub(crate) format: Vec<FormatArgument>,
    /// The file of the report that is given without one
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write the transcript of every scenario into a file of this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keep_transcripts: Option<PathBuf>,
    /// A file of known failures
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write the failures of this run as a baseline
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// What the program under test does with which message (TOML; see the README)
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// Run the scenarios of this file instead of those of the program; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) scenarios: Vec<PathBuf>,
    /// The name of the program under test, for reports
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Show a line for every scenario
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Show every failure whole, not only the first of those that fail alike
    #[arg(long)]
    pub(crate) all: bool,
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds, such as 0.5".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).ok();
    duration
        .filter(|it| (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(it))
        .ok_or_else(|| "expected seconds between 0.001 and 86400".to_owned())
}

/// The address of an SMTP server, as `ToSocketAddrs` reads it.
fn host_and_port(text: &str) -> Result<String, String> {
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let is_host = |host: &str| {
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        !host.is_empty() && !host.contains(['@', '/']) && (is_bracketed || !host.contains(':'))
    };
    if text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && is_port(port)) {
        return Ok(text.to_owned());
    }
    let meant = match text.parse() {
        Ok(Spec::Inet { port, host }) if !host.is_empty() => format!("; did you mean {host}:{port}?"),
        Ok(Spec::Inet6 { port, host }) if !host.is_empty() => format!("; did you mean [{host}]:{port}?"),
        _ => String::new(),
    };
    Err(format!("expected HOST:PORT, such as 127.0.0.1:25 or [::1]:25{meant}"))
}

/// A level by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelName {
    Must,
    Should,
    Info,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Must => Self::Must,
            LevelName::Should => Self::Should,
            LevelName::Info => Self::Info,
        }
    }
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Tap,
    Json,
    Junit,
    Html,
}

/// A format, and perhaps a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormatArgument {
    pub(crate) format: Format,
    pub(crate) file: Option<PathBuf>,
}

impl FromStr for FormatArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
        if file == Some("") {
            return Err("the file after = has no name".to_owned());
        }
        let format = Format::from_str(name, false)
            .map_err(|_| "expected human, tap, json, junit or html, and perhaps =FILE".to_owned())?;
        Ok(Self { format, file: file.map(PathBuf::from) })
    }
}
