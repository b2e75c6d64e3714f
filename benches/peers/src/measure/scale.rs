//! Many sessions at the same time: on the example filters, on libmilter and its stand-in, and on servers that parse nothing.

use std::io;
use std::path::Path;

use super::idle::{self, Idle};
use super::{Effort, median};
use crate::mta::Mta;
use crate::process::Process;
use crate::servers::SERVERS;
use crate::workload::Workload;

/// Sessions that are played for a figure, at least.
const PLAYED: usize = 500;

/// One row.
pub struct Scale {
    /// The server.
    pub server: &'static str,
    /// Sessions at the same time.
    pub sessions: usize,
    /// Microseconds of processor time for each session, while all of them talk.
    pub cpu: f64,
    /// What they take while all of them wait, if the server parses what it reads.
    pub idle: Option<Idle>,
}

/// Numbers of sessions.
pub fn steps(effort: Effort) -> &'static [usize] {
    effort.pick(&[1, 10, 100, 400, 1000, 5000], &[1, 100, 400])
}

/// Measures the servers of milter-proto, those with the same I/O for what the system takes, and libmilter.
///
/// # Errors
/// If one fails.
pub fn run(folder: &Path, effort: Effort) -> io::Result<Vec<Scale>> {
    let mut rows = Vec::new();
    for server in SERVERS.iter().filter(|server| server.most_sessions > 0) {
        for &sessions in steps(effort).iter().filter(|&&sessions| sessions <= server.most_sessions) {
            let process = server.start(Workload::Typical, folder)?;
            let cpu = active(&process, sessions, effort)?;
            // Another process: this one has the memory of all those that talked.
            let waiting = || idle::of(&server.start(Workload::Typical, folder)?, sessions);
            let idle = server.parses.then(waiting).transpose()?;
            rows.push(Scale { server: server.name, sessions, cpu, idle });
        }
    }
    Ok(rows)
}

/// Plays sessions in step: all of them say the same command before any reads its reply.
fn active(process: &Process, sessions: usize, effort: Effort) -> io::Result<f64> {
    let commands = Workload::Typical.script().commands;
    let round = || -> io::Result<f64> {
        let times = PLAYED.div_ceil(sessions);
        let start = process.cpu()?;
        for _ in 0..times {
            let open = (0..sessions).map(|_| Mta::connect(&process.path, &commands));
            let mut open = open.collect::<io::Result<Vec<_>>>()?;
            loop {
                let mut is_over = true;
                for mta in &mut open {
                    is_over &= !mta.talk(commands.len())?;
                }
                if is_over {
                    break;
                }
                open.iter_mut().try_for_each(Mta::listen)?;
            }
            open.into_iter().try_for_each(Mta::finish)?;
        }
        let played = u32::try_from(times * sessions).map_err(io::Error::other)?;
        Ok((process.cpu()? - start).as_secs_f64() * 1e6 / f64::from(played))
    };
    round()?;
    let rounds = (0..effort.pick(5, 1)).map(|_| round()).collect::<io::Result<Vec<_>>>()?;
    Ok(median(rounds))
}
