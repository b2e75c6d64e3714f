//! Measures everything, prints the tables, and writes PERFORMANCE.md if it is to. `run` builds what it needs.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use milter_proto_peers::measure::{Effort, big_body, codecs, idle, scale, servers, size, syscalls};
use milter_proto_peers::process::pin;
use milter_proto_peers::report::{self, Machine, Section};
use milter_proto_peers::workload::Workload;

/// Measures milter-proto beside other implementations.
#[derive(Debug, Parser)]
#[command(name = "benches/peers/run")]
struct Arguments {
    /// Only see whether everything runs: some minutes less, and rough figures
    #[arg(long)]
    quick: bool,
    /// Write PERFORMANCE.md and its plots
    #[arg(long, conflicts_with = "only")]
    write: bool,
    /// Only these parts: codecs, servers, syscalls, idle, scale, big-body, size
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let effort = if arguments.quick { Effort::Quick } else { Effort::Full };
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let machine = Machine::of_today();
    // Everything that is started from now on stays on this processor, too.
    pin()?;

    let mut sections = Vec::new();
    let mut show = |section: Section| {
        println!("\n{}", section.to_markdown());
        sections.push(section);
    };
    let wants = |part: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == part);
    let timed = Timed::new();

    let (mut comparisons, mut calls, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    if wants("servers") {
        for workload in Workload::ALL {
            comparisons.push(servers::run(workload, folder, effort)?);
        }
        show(report::servers(&comparisons));
        timed.note("servers");
    }
    if wants("syscalls") {
        for workload in syscalls::COUNTED {
            calls.extend(syscalls::run(workload, folder, effort)?);
        }
        show(report::syscalls(&calls));
        timed.note("syscalls");
    }
    if wants("idle") {
        memory = idle::run(folder, effort)?;
        show(report::idle(&memory));
        timed.note("idle");
    }
    if wants("scale") {
        show(report::scale(&scale::run(folder, effort)?));
        timed.note("scale");
    }
    if wants("big-body") {
        show(report::big_body(&big_body::run(folder, effort)?));
        timed.note("big-body");
    }
    if wants("codecs") {
        show(report::codecs(&codecs::run(effort)?));
        timed.note("codecs");
    }
    if wants("size") {
        show(report::size(&size::run(folder)?));
        timed.note("size");
    }
    if arguments.only.is_empty() {
        show(report::goals(&comparisons, &calls, &memory));
        sections.rotate_right(1);
    }
    if arguments.write {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let command =
            if arguments.quick { "benches/peers/run --quick --write" } else { "benches/peers/run --write" };
        report::write(&root, &machine, command, &sections)?;
    }
    Ok(())
}

/// Says how long the parts took.
struct Timed(std::cell::Cell<Instant>);

impl Timed {
    fn new() -> Self {
        Self(Instant::now().into())
    }

    fn note(&self, part: &str) {
        eprintln!("# {part}: {:.0} s", self.0.replace(Instant::now()).elapsed().as_secs_f64());
    }
}
