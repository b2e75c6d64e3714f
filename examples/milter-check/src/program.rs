//! What the program does: reads what it is given, runs scenarios, and writes reports.

use core::time::Duration;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use clap::Parser;
use milter_proto::conformance::{Level, Role, Scenario};

use crate::baseline::{Baseline, Change};
use crate::bench::{Bench, Limits, MtaTimeouts};
use crate::cli::{Arguments, Command, Common};
use crate::filter::{self, FilterBench};
use crate::fuzz;
use crate::mta::hub::{Client, Hub};
use crate::mta::{self, MtaBench};
use crate::outputs::Outputs;
use crate::report::{human, progress::Progress};
use crate::results::{Results, Row};
use crate::schedule::{self, Stopped};
use crate::select;
use crate::signals::{self, Signal};
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
    /// A signal: 130 or 143.
    Signal(Signal, String),
}

impl<E: core::error::Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Usage(error.to_string())
    }
}

pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = signals::catch().map_err(Stop::from).and_then(|()| match &arguments.command {
        Command::Filter { spec, jobs, common } => filter(spec.as_ref(), *jobs, common),
        Command::Fuzz(fuzz) => fuzz::main(fuzz),
        Command::Mta { listen, smtp, sink, common } => {
            mta(listen.as_ref(), smtp.as_deref(), sink.as_deref(), common)
        }
    });
    let (text, status) = match result {
        Ok(status) => return status,
        Err(Stop::Usage(text)) => (text, 2),
        Err(Stop::Program(text)) => (text, 3),
        Err(Stop::Signal(signal, text)) => (text, signal.exit_status()),
    };
    tell(&text);
    ExitCode::from(status)
}

/// Writes a line on standard error. If it is closed, nobody wants to know.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(anstream::stderr(), "milter-check: {text}");
}

/// Tests a filter.
fn filter(spec: Option<&Spec>, jobs: Option<u16>, common: &Common) -> Result<ExitCode, Stop> {
    let order = Order::new(common, Role::Filter)?;
    let (false, Some(spec)) = (common.list, spec) else { return select::list(&order.chosen()?) };
    let profile = filter::profile::read(common.profile.as_deref(), &order.known)?;
    let limits = limits(common, TIMEOUT, None);
    let mut bench = FilterBench { spec, profile, limits };
    order.outputs.check()?;
    let (started, begun) = (SystemTime::now(), Instant::now());
    let facts = filter::first::session(&bench);
    not_stopped()?;
    let facts =
        facts.map_err(|it| Stop::Program(format!("{spec}: {}{}", it.why, indented(&it.transcript()))))?;
    bench.profile.reply_to_quit = filter::first::reply_to_quit(&bench, &facts);
    let jobs = match jobs {
        Some(jobs) => usize::from(jobs),
        None if order.chosen()?.len() > 1 && filter::first::serves_several(spec, limits) => JOBS,
        None => 1,
    };
    let (target, warning) = (spec.to_string(), facts.warning());
    order.run(&bench, jobs, About { target, facts: facts.to_string(), warning, started, begun })
}

/// Tests an MTA.
fn mta(
    listen: Option<&Spec>,
    smtp: Option<&str>,
    sink: Option<&str>,
    common: &Common,
) -> Result<ExitCode, Stop> {
    let order = Order::new(common, Role::Mta)?;
    let (false, Some(spec)) = (common.list, listen) else { return select::list(&order.chosen()?) };
    let (profile, timeouts) = mta::profile::read(common.profile.as_deref(), sink.is_some())?;
    let timeout = if smtp.is_some() { TIMEOUT } else { BY_HAND };
    let limits = limits(common, timeout, timeouts);
    let client = smtp.map_or_else(|| Client::Manual, |address| Client::Smtp(address.to_owned()));
    order.outputs.check()?;
    let listener = spec.listen().map_err(|error| Stop::Usage(format!("{spec}: {error}")))?;
    let spec = listener.spec();
    tell(&format!("listens for Milter connections on {spec}"));
    let hub = Hub::new(listener, client, sink, limits)
        .map_err(|error| Stop::Usage(format!("{}: {error}", sink.unwrap_or_default())))?;
    let mut bench = MtaBench { hub: Mutex::new(hub), profile };
    let (started, begun) = (SystemTime::now(), Instant::now());
    let target = smtp.unwrap_or("by hand").to_owned();
    let facts = mta::first::session(&mut bench);
    not_stopped()?;
    let facts = facts
        .map_err(|(why, transcript)| Stop::Program(format!("{target}: {why}{}", indented(&transcript))))?;
    let warning = facts.warning();
    order.run(&bench, 1, About { target, facts: facts.to_string(), warning, started, begun })
}

/// Ends the run if a signal has come before the first scenario.
fn not_stopped() -> Result<(), Stop> {
    match signals::caught() {
        Some(signal) => Err(Stop::Signal(signal, format!("stopped by {signal} before the first scenario"))),
        None => Ok(()),
    }
}

fn limits(common: &Common, timeout: Duration, mta: Option<MtaTimeouts>) -> Limits {
    Limits { timeout: common.timeout.unwrap_or(timeout), quiet: common.quiet_time, mta }
}

/// What the user wants to have done.
struct Order<'c> {
    common: &'c Common,
    outputs: Outputs<'c>,
    scenarios: Vec<Scenario>,
    /// These scenarios, and those of this program: what baselines and profiles may be about.
    known: Vec<Scenario>,
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
        let scenarios = select::read(common, role)?;
        let known = [scenarios.clone(), select::built_in(role)?].concat();
        let baseline = common.baseline.as_deref().map(|path| baseline(path, &known)).transpose()?;
        let order = Self { common, outputs: Outputs::new(common), scenarios, known, baseline };
        order.chosen()?;
        Ok(order)
    }

    fn chosen(&self) -> Result<Vec<&Scenario>, Stop> {
        select::choose(&self.scenarios, self.common)
    }

    /// Runs the scenarios, and reports.
    fn run(&self, bench: &dyn Bench, jobs: usize, about: About) -> Result<ExitCode, Stop> {
        let is_human = self.outputs.is_human();
        let mut results = Results {
            name: self.common.name.clone(),
            target: about.target,
            role: bench.role(),
            facts: about.facts,
            warning: about.warning,
            stopped: None,
            started: about.started,
            time: Duration::ZERO,
            rows: Vec::new(),
        };
        if is_human {
            // Standard output may be closed: the report finds out.
            let _ = write!(anstream::stdout(), "{}", human::opening(&results));
        } else if let Some(warning) = &results.warning {
            tell(warning);
        }
        let chosen = self.chosen()?;
        let progress = Progress::new(chosen.len(), is_human, self.common.verbose);
        (results.rows, results.stopped) = schedule::run(&chosen, bench, jobs, &progress);
        progress.finish();
        results.time = about.begun.elapsed();
        self.finish(&mut results)
    }

    /// Writes the reports, and finds the exit status.
    fn finish(&self, results: &mut Results<'_>) -> Result<ExitCode, Stop> {
        let baseline = self.baseline.as_ref();
        if let Some(baseline) = baseline {
            baseline.compare(results);
        }
        let mut errors = self.outputs.write(results);
        if let Some(path) = &self.common.write_baseline {
            let place = path.display();
            if results.stopped.is_some() {
                errors.push(format!("{place}: no baseline is written, as not all scenarios ran"));
            } else if let Err(error) = Baseline::write(path, results, baseline) {
                errors.push(format!("{place}: {error}"));
            }
        }
        if let Some(stopped) = &results.stopped {
            let text = format!("{}: {}", results.target, results.stopped().unwrap_or_default());
            errors.insert(0, text);
            let text = errors.join("\nmilter-check: ");
            return Err(match stopped {
                Stopped::Program(_) => Stop::Program(text),
                Stopped::Signal(signal) => Stop::Signal(*signal, text),
            });
        }
        if !errors.is_empty() {
            return Err(Stop::Usage(errors.join("\nmilter-check: ")));
        }
        let is_changed = |row: &Row<'_>| matches!(row.change, Some(Change::NewFailure | Change::NewPass));
        let is_bad = match baseline {
            Some(_) => results.rows.iter().any(is_changed),
            None => results.failed(Level::Must) > 0,
        };
        Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Reads a baseline. Its ids must be those of scenarios.
fn baseline(path: &Path, known: &[Scenario]) -> Result<Baseline, Stop> {
    let baseline = Baseline::read(path).map_err(named(path))?;
    let ids: Vec<_> = known.iter().map(|it| it.id.as_str()).collect();
    match baseline.unknown(&ids) {
        None => Ok(baseline),
        Some(text) => Err(Stop::Usage(format!("{}: {text}", path.display()))),
    }
}

/// Names the file that an error is about.
pub(crate) fn named(path: &Path) -> impl FnOnce(io::Error) -> Stop {
    let path = path.display().to_string();
    move |error| Stop::Usage(format!("{path}: {error}"))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("\n    {line}")).collect()
}
