//! What the program does: reads what it is given, runs scenarios, and writes reports.

use core::time::Duration;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use anstream::{eprintln, println};
use clap::{CommandFactory, Parser, error::ErrorKind};
use milter_proto::conformance::{Level, Role, Scenario, filter_scenarios, mta_scenarios};

use crate::baseline::{Baseline, Change};
use crate::bench::{Bench, Limits, MtaTimeouts};
use crate::cli::{Arguments, Command, Common, Format};
use crate::filter::{self, FilterBench};
use crate::fuzz;
use crate::mta::hub::{Client, Hub};
use crate::mta::{self, MtaBench};
use crate::report::{self, progress::Progress};
use crate::results::Results;
use crate::schedule;
use crate::spec::Spec;

/// How many connections are open at once, if the filter serves several.
const JOBS: usize = 8;
/// How long to wait for what must come, and how long if a human is the SMTP client.
const TIMEOUT: Duration = Duration::from_secs(10);
const BY_HAND: Duration = Duration::from_secs(300);

/// What is wrong.
#[derive(Debug)]
pub(crate) enum Stop {
    /// What the user gave: 2.
    Usage(String),
    /// The program under test: 3.
    Program(String),
}

impl<E: core::error::Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Usage(error.to_string())
    }
}

pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Filter { spec, jobs, common } => filter(spec.as_ref(), *jobs, common),
        Command::Fuzz(fuzz) => fuzz::main(fuzz),
        Command::Mta { listen, smtp, sink, common } => {
            mta(listen.as_ref(), smtp.as_deref(), sink.as_deref(), common)
        }
    };
    match result {
        Ok(status) => status,
        Err(Stop::Usage(text)) => {
            eprintln!("milter-check: {text}");
            ExitCode::from(2)
        }
        Err(Stop::Program(text)) => {
            eprintln!("milter-check: {text}");
            ExitCode::from(3)
        }
    }
}

/// Tests a filter.
fn filter(spec: Option<&Spec>, jobs: Option<u16>, common: &Common) -> Result<ExitCode, Stop> {
    let order = Order::new(common, Role::Filter)?;
    let (false, Some(spec)) = (common.list, spec) else { return list(&order.chosen()?) };
    let profile = filter::profile::read(common.profile.as_deref())?;
    let limits = limits(common, TIMEOUT, None);
    let mut bench = FilterBench { spec, profile, limits };
    let (started, begun) = (SystemTime::now(), Instant::now());
    let facts = filter::first::session(&bench)
        .map_err(|it| Stop::Program(format!("{spec}: {}{}", it.why, indented(&it.transcript()))))?;
    bench.profile.reply_to_quit = filter::first::reply_to_quit(&bench, &facts);
    let refusal = facts.refusal().map(|verdict| {
        format!(
            "the filter answers the default message with {verdict}, and many scenarios need a message that passes: \
             describe one with --profile"
        )
    });
    let jobs = match jobs {
        Some(jobs) => usize::from(jobs),
        None if order.chosen()?.len() > 1 && filter::first::serves_several(spec, limits) => JOBS,
        None => 1,
    };
    let about =
        About { target: spec.to_string(), facts: facts.to_string(), warning: refusal, started, begun };
    order.run(&bench, jobs, about)
}

/// Tests an MTA.
fn mta(
    listen: Option<&Spec>,
    smtp: Option<&str>,
    sink: Option<&str>,
    common: &Common,
) -> Result<ExitCode, Stop> {
    let order = Order::new(common, Role::Mta)?;
    let (false, Some(spec)) = (common.list, listen) else { return list(&order.chosen()?) };
    let (profile, timeouts) = mta::profile::read(common.profile.as_deref(), sink.is_some())?;
    let timeout = if smtp.is_some() { TIMEOUT } else { BY_HAND };
    let limits = limits(common, timeout, timeouts);
    let client = smtp.map_or_else(|| Client::Manual, |address| Client::Smtp(address.to_owned()));
    let listener = spec.listen().map_err(|error| Stop::Usage(format!("{spec}: {error}")))?;
    let spec = listener.spec();
    eprintln!("milter-check: listens for Milter connections on {spec}");
    let hub = Hub::new(listener, client, sink, limits)
        .map_err(|error| Stop::Usage(format!("{}: {error}", sink.unwrap_or_default())))?;
    let mut bench = MtaBench { hub: Mutex::new(hub), profile };
    let (started, begun) = (SystemTime::now(), Instant::now());
    let target = smtp.unwrap_or("by hand").to_owned();
    let facts = mta::first::session(&mut bench)
        .map_err(|(why, transcript)| Stop::Program(format!("{target}: {why}{}", indented(&transcript))))?;
    let about = About { target, facts: facts.to_string(), warning: None, started, begun };
    order.run(&bench, 1, about)
}

fn limits(common: &Common, timeout: Duration, mta: Option<MtaTimeouts>) -> Limits {
    Limits { timeout: common.timeout.unwrap_or(timeout), quiet: common.quiet_time, mta }
}

/// What the user wants to have done.
struct Order<'c> {
    common: &'c Common,
    outputs: Vec<(Format, Option<PathBuf>)>,
    scenarios: Vec<Scenario>,
    baseline: Option<Baseline>,
}

/// What is known about the program under test before the scenarios.
struct About {
    target: String,
    facts: String,
    warning: Option<String>,
    started: SystemTime,
    begun: Instant,
}

impl<'c> Order<'c> {
    /// Reads all that is given, so that a mistake shows before anything is run.
    fn new(common: &'c Common, role: Role) -> Result<Self, Stop> {
        let read = |path: &PathBuf| Baseline::read(path).map_err(named(path));
        let order = Self {
            common,
            outputs: outputs(common),
            scenarios: scenarios(common, role)?,
            baseline: common.baseline.as_ref().map(read).transpose()?,
        };
        order.chosen()?;
        Ok(order)
    }

    fn chosen(&self) -> Result<Vec<&Scenario>, Stop> {
        choose(&self.scenarios, self.common)
    }

    /// Runs the scenarios, and reports.
    fn run(&self, bench: &dyn Bench, jobs: usize, about: About) -> Result<ExitCode, Stop> {
        let is_human = self.outputs.iter().any(|(format, file)| *format == Format::Human && file.is_none());
        if is_human {
            println!("{}: {}", about.target, about.facts);
        }
        if let Some(warning) = about.warning {
            eprintln!("milter-check: {warning}");
        }
        let chosen = self.chosen()?;
        let progress = Progress::new(chosen.len(), is_human, self.common.verbose);
        let (rows, stopped) = schedule::run(&chosen, bench, jobs, &progress);
        progress.finish();
        let mut results = Results {
            name: self.common.name.clone(),
            target: about.target,
            role: bench.role(),
            facts: about.facts,
            stopped,
            started: about.started,
            time: about.begun.elapsed(),
            rows,
        };
        finish(&mut results, &self.outputs, self.baseline.as_ref(), self.common)
    }
}

/// Writes the reports, and finds the exit status.
fn finish(
    results: &mut Results<'_>,
    outputs: &[(Format, Option<PathBuf>)],
    baseline: Option<&Baseline>,
    common: &Common,
) -> Result<ExitCode, Stop> {
    if let Some(baseline) = baseline {
        baseline.compare(results);
    }
    for (format, file) in outputs {
        let text =
            report::make(*format, results, common.all).map_err(|error| Stop::Usage(error.to_string()))?;
        match file {
            Some(path) => {
                fs::write(path, plain(*format, &text)).map_err(named(path))?;
            }
            None => write!(anstream::stdout(), "{text}")
                .map_err(|error| Stop::Usage(format!("cannot write to standard output: {error}")))?,
        }
    }
    if let Some(folder) = &common.keep_transcripts {
        report::keep_transcripts(folder, results).map_err(named(folder))?;
    }
    if let Some(path) = &common.write_baseline {
        Baseline::write(path, results, baseline).map_err(named(path))?;
    }
    if let Some(why) = &results.stopped {
        return Err(Stop::Program(format!("{}: {why}", results.target)));
    }
    let is_changed =
        |row: &crate::results::Row<'_>| matches!(row.change, Some(Change::NewFailure | Change::NewPass));
    let is_bad = match baseline {
        Some(_) => results.rows.iter().any(is_changed),
        None => results.failed(Level::Must) > 0,
    };
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The text for a file: without colours.
fn plain(format: Format, text: &str) -> String {
    if format == Format::Human { anstream::adapter::strip_str(text).to_string() } else { text.to_owned() }
}

/// Names the file that an error is about.
pub(crate) fn named(path: &Path) -> impl FnOnce(io::Error) -> Stop {
    let path = path.display().to_string();
    move |error| Stop::Usage(format!("{path}: {error}"))
}

/// The reports that are wanted. Without any file for it, the report for humans goes to standard output.
fn outputs(common: &Common) -> Vec<(Format, Option<PathBuf>)> {
    let mut outputs: Vec<_> = common.format.iter().map(|it| (it.format, it.file.clone())).collect();
    if let Some(file) = &common.output {
        let mut without: Vec<_> = outputs.iter_mut().filter(|(_, file)| file.is_none()).collect();
        match without.as_mut_slice() {
            [(_, place)] => *place = Some(file.clone()),
            _ => usage("--output needs one --format without a file; use --format FORMAT=FILE for several"),
        }
    }
    let to_stdout = outputs.iter().filter(|(_, file)| file.is_none()).count();
    if to_stdout > 1 {
        usage("only one report can go to standard output; use --format FORMAT=FILE for the others");
    }
    if to_stdout == 0 {
        outputs.push((Format::Human, None));
    }
    outputs
}

/// Complains about the arguments, and ends the process with status 2.
fn usage(text: &str) -> ! {
    Arguments::command().error(ErrorKind::ArgumentConflict, text).exit()
}

/// The scenarios of the role, or those of the user's files.
fn scenarios(common: &Common, role: Role) -> Result<Vec<Scenario>, Stop> {
    let mut all = Vec::new();
    for path in &common.scenarios {
        let text = fs::read_to_string(path).map_err(named(path))?;
        let found =
            Scenario::read_all(&text).map_err(|error| Stop::Usage(format!("{}: {error}", path.display())))?;
        all.extend(found);
    }
    if common.scenarios.is_empty() {
        all = if role == Role::Filter { filter_scenarios()? } else { mta_scenarios()? };
    }
    all.retain(|scenario| scenario.role == role);
    Ok(all)
}

/// Those of the level and of the ids that are wanted.
fn choose<'s>(scenarios: &'s [Scenario], common: &Common) -> Result<Vec<&'s Scenario>, Stop> {
    let level = Level::from(common.level);
    for prefix in &common.only {
        if !scenarios.iter().any(|it| has_prefix(it, prefix)) {
            return Err(Stop::Usage(format!("no scenario has an id that begins with {prefix}; see --list")));
        }
    }
    let is_wanted = |it: &&Scenario| {
        let is_named = common.only.is_empty() || common.only.iter().any(|prefix| has_prefix(it, prefix));
        it.level >= level && is_named
    };
    let chosen: Vec<_> = scenarios.iter().filter(is_wanted).collect();
    if chosen.is_empty() {
        return Err(Stop::Usage("no scenario is left to run".to_owned()));
    }
    Ok(chosen)
}

/// Whether the id begins with this, with or without its role.
fn has_prefix(scenario: &Scenario, prefix: &str) -> bool {
    let without_role = scenario.id.split_once('/').map_or("", |(_, rest)| rest);
    scenario.id.starts_with(prefix) || without_role.starts_with(prefix)
}

fn list(scenarios: &[&Scenario]) -> Result<ExitCode, Stop> {
    let mut out = String::new();
    let width = scenarios.iter().map(|it| it.id.len()).max().unwrap_or(0);
    for it in scenarios {
        out.push_str(&format!(
            "{:<width$}  {:<6}  {:<16}  {}\n",
            it.id,
            it.level,
            it.rules.join(","),
            it.title
        ));
    }
    // The reader may have seen enough.
    match io::stdout().write_all(out.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("\n    {line}")).collect()
}
