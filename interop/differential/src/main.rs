//! The filter example of milter-proto and a filter on the real libmilter, on the same streams.

mod corpus;
mod filter;
mod generate;
mod known;
mod observation;
mod pair;
mod report;
mod rules;
mod run;
mod stream;
mod tally;

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;

use known::rows;
use pair::{Ours, Programs};
use rules::{RULE_SETS, RuleSet};
use run::Outcome;
use tally::Tally;

/// Streams of a run, unless told otherwise.
const STREAMS: u32 = 22_000;
/// The seed, unless told otherwise: every row of the table is used with it.
const SEED: u64 = 20_260_101;

/// Sends the same streams to both filters, and shows where they differ.
#[derive(Debug, Parser)]
struct Arguments {
    /// The filter on libmilter
    #[arg(long, value_name = "PATH")]
    libmilter: PathBuf,
    /// The example filter_blocking
    #[arg(long, value_name = "PATH", required_unless_present = "dropin")]
    filter: Option<PathBuf>,
    /// A folder with a libmilter.so: the filter on libmilter uses it in place of the real one, and is compared with itself
    #[arg(long, value_name = "FOLDER", conflicts_with = "filter")]
    dropin: Option<PathBuf>,
    /// Captures to be replayed
    #[arg(long, value_name = "FOLDER")]
    captures: PathBuf,
    /// Streams to be generated
    #[arg(long, value_name = "N", default_value_t = STREAMS)]
    streams: u32,
    /// Seed of the generator
    #[arg(long, value_name = "S", default_value_t = SEED)]
    seed: u64,
    /// Rule sets at the same time
    #[arg(long, value_name = "N", default_value_t = 2)]
    jobs: usize,
    /// This rule set only
    #[arg(long, value_name = "NAME")]
    rules: Option<String>,
    /// Seconds that a filter may take for one connection
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    limit: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    println!("seed {}", arguments.seed);
    let folder = tempfile::Builder::new().prefix("milter-differential-").tempdir()?;
    fs::write(folder.path().join("body"), b"new body\r\n".repeat(7000))?;
    let programs = Programs {
        libmilter: arguments.libmilter.clone(),
        ours: match &arguments.dropin {
            Some(folder) => Ours::Dropin(folder.clone()),
            None => Ours::Example(arguments.filter.clone().unwrap_or_default()),
        },
        folder: folder.path().to_owned(),
        limit: Duration::from_secs(arguments.limit),
    };
    let corpus = corpus::read(&arguments.captures)?;
    let is_chosen = |rules: &&RuleSet| arguments.rules.as_deref().is_none_or(|name| name == rules.name);
    let chosen: Vec<&'static RuleSet> = RULE_SETS.iter().filter(is_chosen).collect();
    let cases = arguments.streams.div_ceil(u32::try_from(chosen.len().max(1))?);

    let started = Instant::now();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                while let Some(&rules) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = run::run(&programs, rules, &corpus, cases, arguments.seed);
                    let mut results = results.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    results.push((rules.name, result));
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let is_whole = arguments.rules.is_none() && arguments.streams >= STREAMS && arguments.seed == SEED;
    summary(results, started.elapsed(), arguments.seed, &programs.ours, is_whole)
}

/// Prints what there is to say, and what it comes to.
fn summary(
    results: Vec<(&'static str, Outcome)>,
    time: Duration,
    seed: u64,
    ours: &Ours,
    is_whole: bool,
) -> anyhow::Result<ExitCode> {
    let mut total = Tally::default();
    let mut differences = 0_usize;
    for (name, result) in results {
        let (tally, reports) = result.with_context(|| format!("rules {name}"))?;
        for report in &reports {
            println!("\nDIFFERENT, with seed {seed}: {report}");
        }
        differences = differences.saturating_add(reports.len());
        println!("{name}: {} streams, {} the same", tally.streams, tally.same);
        total.add(&tally);
    }
    println!(
        "\n{} streams in {:.1} s, {} the same; known differences:",
        total.streams,
        time.as_secs_f64(),
        total.same
    );
    let mut stale = 0_usize;
    for row in rows(ours) {
        let count = total.known.get(row.id).copied().unwrap_or_default();
        let note = match (count, is_whole) {
            (0, true) => "   STALE",
            (0, false) => "   not needed",
            _ => "",
        };
        stale = stale.saturating_add(usize::from(count == 0));
        println!("{count:7}  {}: {} ({}){note}", row.id, row.reason, row.source);
    }
    let seen = total.callbacks.iter().map(|(name, count)| format!("{count} {name}"));
    println!("callbacks: {}", seen.collect::<Vec<_>>().join(", "));
    if total.crashes > 0 {
        println!("libmilter's filter crashed and was started again {} times", total.crashes);
    }
    println!("{differences} differences");
    let is_good = differences == 0 && (stale == 0 || !is_whole);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
