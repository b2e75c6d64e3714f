//! Shows captured milter sessions as annotated conversations, or checks that every frame of them is
//! understood and comes back as the bytes that it was.
//!
//! ```text
//! cargo run --example dump                        # a session that is built in
//! cargo run --example dump -- FILE…               # captures
//! cargo run --example dump -- --raw mta STREAM    # what an MTA sent, as bytes
//! cargo run --example dump -- --check DIRECTORY   # every capture under it
//! ```
//!
//! The filter and MTA examples write captures with `--record DIRECTORY`.

#[path = "../support/capture.rs"]
mod capture;
#[path = "dump/check.rs"]
mod check;
#[path = "dump/explain.rs"]
mod explain;
#[path = "dump/layout.rs"]
mod layout;
#[path = "../support/printable.rs"]
mod printable;
#[path = "dump/show.rs"]
mod show;
#[path = "dump/source.rs"]
mod source;

use core::fmt;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use capture::Side;
use check::{Report, Totals};
use printable::printable;
use show::Options;
use source::{Fault, Input, Source};

/// Shows milter sessions as annotated conversations.
#[derive(Debug, Parser)]
#[command(name = "dump", version)]
struct Arguments {
    /// Only check that every frame is understood and re-encoded as it was; a line for each file
    #[arg(long)]
    check: bool,
    /// Show sizes in the place of addresses, header values, bodies and other private content
    #[arg(long)]
    hide: bool,
    /// Show long texts whole, and every frame on one line
    #[arg(long)]
    full: bool,
    /// Read the raw bytes that this side sent, not captures
    #[arg(long, value_name = "SIDE", requires = "files", value_parser = side())]
    raw: Option<Side>,
    /// Captures (JSON Lines, as the filter and MTA examples write them with --record), directories of *.jsonl, or
    /// `-` for standard input; without any, a session that is built in
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Reads the name of a side.
fn side() -> impl TypedValueParser<Value = Side> {
    PossibleValuesParser::new(["mta", "filter"])
        .map(|name| if name == "mta" { Side::Mta } else { Side::Filter })
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut dump = Dump {
        // The stream drops colours itself where nobody would see them.
        out: BufWriter::new(anstream::stdout().lock()),
        options: Options { hide: arguments.hide, full: arguments.full },
        raw: arguments.raw,
        totals: Totals::default(),
        is_first: true,
        has_failed: false,
    };
    let result = dump.files(&arguments);
    match result.and_then(|()| dump.out.flush()) {
        Ok(()) if dump.has_failed || !dump.totals.is_clean() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough. A check that was not finished has found nothing out.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !arguments.check => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            complain(&"cannot write", &error);
            ExitCode::FAILURE
        }
    }
}

/// The state of a run.
struct Dump<W> {
    out: W,
    options: Options,
    raw: Option<Side>,
    totals: Totals,
    is_first: bool,
    has_failed: bool,
}

impl<W: Write> Dump<W> {
    /// Does all files. An error is one of the output.
    fn files(&mut self, arguments: &Arguments) -> io::Result<()> {
        if arguments.files.is_empty() {
            self.input(&Input::Embedded, arguments.check)?;
        }
        for argument in &arguments.files {
            match Input::of_argument(argument) {
                Ok(inputs) if inputs.is_empty() => self.fail(&argument.display(), &"no *.jsonl is in it")?,
                Ok(inputs) => inputs.iter().try_for_each(|input| self.input(input, arguments.check))?,
                Err(error) => self.fail(&argument.display(), &error)?,
            }
        }
        if arguments.check { writeln!(self.out, "{}", self.totals) } else { Ok(()) }
    }

    fn input(&mut self, input: &Input, is_check: bool) -> io::Result<()> {
        let opened = Source::open(input, self.raw);
        let result = match opened {
            Err(fault) => Err(fault),
            Ok(mut source) if is_check => self.check(input, &mut source)?,
            Ok(mut source) => self.show(input, &mut source),
        };
        match result {
            Ok(()) => Ok(()),
            Err(Fault::Write(error)) => Err(error),
            Err(fault) => self.fail(input, &fault),
        }
    }

    fn check(&mut self, input: &Input, source: &mut Source) -> io::Result<Result<(), Fault>> {
        let (report, result) = Report::of(source);
        self.totals.add(&report, result.is_ok());
        let end = if result.is_ok() { "" } else { ", and then it breaks off" };
        writeln!(self.out, "{}: {report}{end}", printable(input.to_string().as_bytes()))?;
        for detail in report.details() {
            writeln!(self.out, "    {detail}")?;
        }
        Ok(result)
    }

    fn show(&mut self, input: &Input, source: &mut Source) -> Result<(), Fault> {
        if !self.is_first {
            writeln!(self.out).map_err(Fault::Write)?;
        }
        self.is_first = false;
        writeln!(self.out, "# {}", printable(input.to_string().as_bytes())).map_err(Fault::Write)?;
        show::show(&mut self.out, source, self.options)
    }

    /// Reports a file that is not done to its end, behind what was shown of it.
    fn fail(&mut self, input: &dyn fmt::Display, fault: &dyn fmt::Display) -> io::Result<()> {
        self.has_failed = true;
        self.out.flush()?;
        complain(input, fault);
        Ok(())
    }
}

/// Writes to standard error, which may be closed too.
fn complain(input: &dyn fmt::Display, fault: &dyn fmt::Display) {
    let line = format!("dump: {input}: {fault}");
    let _ = writeln!(io::stderr(), "{}", printable(line.as_bytes()));
}
