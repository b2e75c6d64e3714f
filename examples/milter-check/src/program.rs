//! What the program does: reads what it is given, runs scenarios, and writes reports.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use anstream::{eprintln, println};
use clap::{CommandFactory, Parser, error::ErrorKind};
use milter_proto::conformance::{Level, Role, Scenario, filter_scenarios};

use crate::baseline::{Baseline, Change};
use crate::cli::{Arguments, Command, Common, Format};
use crate::link::Limits;
use crate::report::{self, progress::Progress};
use crate::results::Results;
use crate::schedule::{self, Target};
use crate::spec::Spec;
use crate::{first, fuzz, profile};

/// How many connections are open at once, if the filter serves several.
const JOBS: usize = 8;

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

fn filter(spec: Option<&Spec>, jobs: Option<u16>, common: &Common) -> Result<ExitCode, Stop> {
    let outputs = outputs(common);
    let scenarios = scenarios(common, Role::Filter)?;
    let chosen = choose(&scenarios, common)?;
    let (false, Some(spec)) = (common.list, spec) else { return list(&chosen) };
    let profile = profile::filter(common.profile.as_deref())?;
    let baseline =
        common.baseline.as_deref().map(|path| Baseline::read(path).map_err(named(path))).transpose()?;
    let limits = Limits { timeout: common.timeout, quiet: common.quiet_time };
    let (started, begun) = (SystemTime::now(), Instant::now());
    let facts = first::session(&profile, spec, limits)
        .map_err(|it| Stop::Program(format!("{spec}: {}{}", it.why, indented(&it.transcript()))))?;
    let is_human = outputs.iter().any(|(format, file)| *format == Format::Human && file.is_none());
    if is_human {
        println!("{spec}: {facts}");
    }
    if let Some(verdict) = facts.refusal() {
        eprintln!(
            "milter-check: the filter answers the default message with {verdict}; many scenarios need a message that \
             passes: describe one with --profile"
        );
    }
    let jobs = match jobs {
        Some(jobs) => usize::from(jobs),
        None if chosen.len() > 1 && first::serves_several(spec, limits) => JOBS,
        None => 1,
    };
    let progress = Progress::new(chosen.len(), is_human, common.verbose);
    let target = Target { spec, profile: &profile, limits };
    let (rows, stopped) = schedule::run(&chosen, &target, jobs, &progress);
    progress.finish();
    let mut results = Results {
        name: common.name.clone(),
        target: spec.to_string(),
        role: "filter",
        facts: facts.to_string(),
        stopped,
        started,
        time: begun.elapsed(),
        rows,
    };
    finish(&mut results, &outputs, baseline.as_ref(), common)
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
        let text = report::make(*format, results).map_err(|error| Stop::Usage(error.to_string()))?;
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
        all = filter_scenarios()?;
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
