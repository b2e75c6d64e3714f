//! Judges recorded milter sessions: by the monitor, and by the filter session under every policy.
//!
//! Each finding is a line of JSON on standard output; the last line holds figures. The status is 1 if a finding is not
//! in the table of what is known.

#![expect(clippy::arithmetic_side_effects, reason = "it counts what it reads")]
#![expect(clippy::std_instead_of_alloc, reason = "a program has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named needs no judgement")]

mod explained;
mod finding;
mod judgement;
mod marks;
mod recording;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;

use explained::Explained;
use recording::{Recording, find};

/// Judges recorded milter sessions.
#[derive(Debug, Parser)]
struct Arguments {
    /// The table of what is known
    #[arg(long, value_name = "FILE")]
    explained: Option<PathBuf>,
    /// Recordings, and folders of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

/// The last line.
#[derive(Debug, Default, Serialize)]
struct Figures {
    recordings: usize,
    frames: usize,
    findings: usize,
    unexplained: usize,
    /// How often each row of the table was needed.
    rows: BTreeMap<String, usize>,
    /// Commands out of order, all of which the default policy accepts.
    out_of_order: u32,
    /// Connections that the strict policy closes, replies that libmilter does not give, connections that it closes.
    strict_closed: u32,
    libmilter_silent: u32,
    libmilter_closed: u32,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let explained = arguments.explained.as_deref().map(Explained::read).transpose()?.unwrap_or_default();
    let mut out = BufWriter::new(stdout().lock());
    let mut figures = Figures::default();
    for path in &arguments.paths {
        for path in find(path)? {
            let recording = Recording::read(&path)?;
            let judgement = judgement::judge(&recording);
            figures.recordings += 1;
            figures.frames += recording.frames.len();
            figures.out_of_order += judgement.out_of_order;
            figures.strict_closed += judgement.strict_closed;
            figures.libmilter_silent += judgement.libmilter_silent;
            figures.libmilter_closed += judgement.libmilter_closed;
            for mut finding in judgement.findings {
                finding.explained = explained.name_for(&finding).map(str::to_owned);
                figures.findings += 1;
                match &finding.explained {
                    Some(name) => *figures.rows.entry(name.clone()).or_default() += 1,
                    None => figures.unexplained += 1,
                }
                serde_json::to_writer(&mut out, &finding)?;
                writeln!(out)?;
            }
        }
    }
    serde_json::to_writer(&mut out, &figures)?;
    writeln!(out)?;
    out.flush()?;
    Ok(if figures.unexplained == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
