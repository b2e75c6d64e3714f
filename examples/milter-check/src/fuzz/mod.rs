//! `milter-check fuzz`: plays generated sessions, and looks for what they break.

mod found;
mod play;
mod program;
mod report;
mod search;
mod shrink;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use milter_proto::conformance::filter_scenarios;

use crate::bench::Limits;
use crate::cli::seconds;
use crate::filter::profile;
use crate::outputs::{apart, writable};
use crate::program::{Stop, named};
use crate::report::progress::Bar;
use crate::signals;
use crate::spec::Spec;
use crate::transcript::count;
use play::Remote;
use program::Program;
use search::{Plan, Target};

/// The role of the program under test.
#[derive(Debug, Subcommand)]
pub(crate) enum Fuzz {
    /// Play generated sessions of a mail server to a running filter
    #[command(after_long_help = FILTER)]
    Filter(Filter),
}

const FILTER: &str = "\
A third of the sessions are legal; in the others the mail server does one thing wrong: a command out of order, a malformed
frame, bytes that are no frame, a connection that ends early. A finding is a filter that dies or hangs, that does not
reply where a reply is owed, that replies twice, or that replies with something that the command does not admit. Where the
mail server has broken a rule, the filter may close the connection; if it does not reply, that is only noted.

The same seed gives the same sessions. A finding is played again in shorter forms, and shown as a transcript and as a
scenario, which `milter-check filter SPEC --scenarios FILE` runs.";

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Where the filter listens: inet:PORT@HOST, inet6:PORT@HOST or unix:PATH
    #[arg(value_name = "SPEC")]
    spec: Spec,
    /// The seed of all sessions. Without it, one is chosen and shown
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many sessions to play
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    sessions: u32,
    /// Play only the session of this number
    #[arg(long, value_name = "N", requires = "seed", conflicts_with = "sessions")]
    session: Option<u32>,
    /// How long to wait for what must come
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds, allow_negative_numbers = true)]
    timeout: Duration,
    /// How long to wait to find out that nothing comes
    #[arg(long, value_name = "SECONDS", default_value = "0.1", value_parser = seconds, allow_negative_numbers = true)]
    quiet_time: Duration,
    /// A shell command that runs the filter in the foreground. It is started first, and again when it dies or hangs
    #[arg(long, value_name = "COMMAND")]
    start: Option<String>,
    /// A message and a client that the filter lets pass (TOML; see the README)
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Write the scenarios of the findings into this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only ASCII in the texts of commands: for filters that are known to fail at anything else
    #[arg(long)]
    ascii: bool,
    /// Silence counts as a finding even where the mail server has broken a rule, and so does every unusual reply
    #[arg(long)]
    strict: bool,
    /// The most sessions to play in order to make one finding shorter
    #[arg(long, value_name = "N", default_value_t = 500)]
    shrink_steps: u32,
    /// The longest time to spend on making one finding shorter
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds, allow_negative_numbers = true)]
    shrink_time: Duration,
    /// Stop after so many different findings
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    findings: u16,
}

pub(crate) fn main(fuzz: &Fuzz) -> Result<ExitCode, Stop> {
    let Fuzz::Filter(arguments) = fuzz;
    filter(arguments)
}

fn filter(arguments: &Filter) -> Result<ExitCode, Stop> {
    let spec = &arguments.spec;
    let profile = profile::read(arguments.profile.as_deref(), &filter_scenarios()?)?;
    if let Some(path) = arguments.output.as_deref() {
        apart(&[path], arguments.profile.as_deref().into_iter())?;
        writable(path).map_err(named(path))?;
    }
    let limits = Limits { timeout: arguments.timeout, quiet: arguments.quiet_time, mta: None };
    let plan = Plan {
        seed: arguments.seed.unwrap_or_else(any_seed),
        first: arguments.session.unwrap_or(0),
        count: if arguments.session.is_some() { 1 } else { arguments.sessions },
        is_ascii: arguments.ascii,
        is_strict: arguments.strict,
        most_steps: arguments.shrink_steps,
        most_time: arguments.shrink_time,
        most_findings: arguments.findings.into(),
    };
    let _ = writeln!(anstream::stdout(), "{spec}: seed {}", plan.seed);
    let stopped = |why: String| Stop::Program(format!("{spec}: {why}"));
    let program = arguments.start.as_deref().map(|command| Program::start(command, spec)).transpose();
    let program = program.map_err(|error| stopped(error.to_string()))?;
    let mut remote = Remote { spec, limits, is_in_hurry: false, program };
    let mut target = Target { peer: &mut remote, profile: &profile };
    let bar = Bar::new(plan.count, "session");
    let results = search::search(&mut target, &plan, &mut |results| {
        let findings = count(results.findings.len(), "finding");
        bar.step(&findings);
        bar.show(findings);
    });
    bar.finish();
    let results = results.map_err(stopped)?;
    write!(anstream::stdout(), "{}", report::text(&results, &plan, spec))?;
    if let Some(path) = &arguments.output {
        fs::write(path, report::scenarios(&results)).map_err(named(path))?;
    }
    if let Some(signal) = signals::caught() {
        let played = count(results.played, "session");
        return Err(Stop::Signal(signal, format!("{spec}: {played} played, and stopped by {signal}")));
    }
    match &results.stopped {
        Some(why) if results.findings.is_empty() => Err(stopped(why.clone())),
        _ if results.findings.is_empty() => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::FAILURE),
    }
}

/// A seed from the clock.
fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) ^ now.as_secs()
}
