//! Memory of a session that waits between two messages.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::Effort;
use crate::mta::Mta;
use crate::process::Process;
use crate::servers::SERVERS;
use crate::workload::Workload;

/// Longer than any server here keeps a buffer for one that says nothing.
const REST: Duration = Duration::from_millis(2500);

/// What sessions take that wait.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// KiB of resident memory for each.
    pub memory: f64,
    /// Milliseconds of processor time that all of them take in a second.
    pub cpu: f64,
}

/// KiB for each idle session of every server but those that parse nothing.
///
/// # Errors
/// If a server fails.
pub fn run(folder: &Path, effort: Effort) -> io::Result<Vec<(&'static str, f64)>> {
    let parsing = SERVERS.iter().filter(|server| server.parses);
    let rows = parsing.map(|server| {
        let process = server.start(Workload::Typical, folder)?;
        let idle = of(&process, effort.pick(1000, 100))?;
        Ok((server.name, idle.memory))
    });
    rows.collect()
}

/// Lets sessions pass one typical message each, and then wait.
///
/// # Errors
/// If the server fails.
pub fn of(process: &Process, sessions: usize) -> io::Result<Idle> {
    let commands = Workload::Typical.script().commands;
    // What one session leaves behind is of the server, not of the sessions.
    for _ in 0..20 {
        Mta::connect(&process.path, &commands)?.play()?;
    }
    let before = process.size("VmRSS")?;
    let mut open = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let mut mta = Mta::connect(&process.path, &commands)?;
        mta.play_to(commands.len() - 1)?;
        open.push(mta);
    }
    thread::sleep(REST);
    let cpu = process.cpu()?;
    thread::sleep(Duration::from_secs(1));
    let cpu = (process.cpu()? - cpu).as_secs_f64() * 1e3;
    let grown = process.size("VmRSS")?.saturating_sub(before);
    Ok(Idle { memory: to_f64(grown) / to_f64(sessions as u64), cpu })
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts here are far below 2^52")]
fn to_f64(count: u64) -> f64 {
    count as f64
}
