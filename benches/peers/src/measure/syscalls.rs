//! System calls a session: what strace counts, as the difference of two runs of different length.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use milter_proto::wire::Command as MilterCommand;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Effort;
use crate::mta::Mta;
use crate::process::Process;
use crate::servers::{SERVERS, Server};
use crate::workload::Workload;

/// Workloads that are counted; the others differ from these only in how often they go around.
pub const COUNTED: [Workload; 3] = [Workload::Typical, Workload::LargeBody, Workload::ManyHeadersNoReply];

/// Calls that one session takes, by name.
pub struct Calls {
    /// The server.
    pub server: &'static Server,
    /// The workload.
    pub workload: Workload,
    /// How often a session makes each call.
    pub each: BTreeMap<String, f64>,
}

impl Calls {
    /// All of them together.
    pub fn total(&self) -> f64 {
        self.each.values().sum()
    }
}

/// Counts for every server that can do a workload.
///
/// # Errors
/// If strace or a server fails.
pub fn run(workload: Workload, folder: &Path, effort: Effort) -> io::Result<Vec<Calls>> {
    let commands = workload.script().commands;
    let length = match workload {
        Workload::Typical => effort.pick(40, 10),
        _ => effort.pick(8, 2),
    };
    let mut calls = Vec::new();
    for server in SERVERS.iter().filter(|server| server.can(workload)) {
        let process = server.start(workload, folder)?;
        play(&process, 5, &commands)?;
        let short = count(&process, length, &commands, folder)?;
        let long = count(&process, 3 * length, &commands, folder)?;
        let each = long.into_iter().map(|(name, calls)| {
            let more = calls - short.get(&name).copied().unwrap_or_default();
            (name, more / f64::from(2 * length))
        });
        calls.push(Calls { server, workload, each: each.filter(|(_, calls)| *calls != 0.0).collect() });
    }
    Ok(calls)
}

fn play(process: &Process, sessions: u32, commands: &[MilterCommand<'static>]) -> io::Result<()> {
    (0..sessions).try_for_each(|_| Mta::connect(&process.path, commands)?.play())
}

/// All calls of a server while it answers sessions.
fn count(
    process: &Process,
    sessions: u32,
    commands: &[MilterCommand<'static>],
    folder: &Path,
) -> io::Result<BTreeMap<String, f64>> {
    let summary = folder.join("strace");
    let mut strace = attach(process, &summary)?;
    let played = play(process, sessions, commands);
    let pid = Pid::from_raw(strace.id().try_into().map_err(io::Error::other)?);
    kill(pid, Signal::SIGINT)?;
    strace.wait()?;
    played?;
    Ok(fs::read_to_string(&summary)?.lines().filter_map(row).collect())
}

/// Starts strace, and waits until it has taken hold of every thread.
///
/// What it says goes to a file: a pipe that nobody reads any more would end it.
fn attach(process: &Process, summary: &Path) -> io::Result<Child> {
    let said = summary.with_extension("said");
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-o"]).arg(summary).args(["-p", &process.id().to_string()]);
    let mut strace = command.stdin(Stdio::null()).stderr(File::create(&said)?).spawn()?;
    // One thread is named alone; of several, the line says how many they are.
    while !fs::read_to_string(&said)?.contains(" attached") {
        if strace.try_wait()?.is_some() {
            return Err(io::Error::other(format!("strace: {}", fs::read_to_string(&said)?)));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(strace)
}

/// A row of the summary: per cent, seconds, microseconds a call, calls, perhaps errors, the name.
fn row(line: &str) -> Option<(String, f64)> {
    let words = line.split_whitespace().collect::<Vec<_>>();
    let (name, calls) = (words.last()?, words.get(3)?.parse().ok()?);
    words[0].parse::<f64>().ok()?;
    (words.len() >= 5 && *name != "total").then(|| ((*name).to_owned(), calls))
}
