//! Whole servers: processor time and wall time of sessions, as ratios to servers that parse nothing.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use milter_proto::wire::Command;

use super::{Effort, median};
use crate::mta::Mta;
use crate::process::Process;
use crate::servers::{SERVERS, Server};
use crate::workload::Workload;

/// What one server took for one workload, round by round.
pub struct Figures {
    /// The server.
    pub server: &'static Server,
    /// Microseconds of processor time a session.
    cpu: Vec<f64>,
    /// Microseconds of wall time a session.
    wall: Vec<f64>,
}

/// All servers that can do a workload.
pub struct Comparison {
    /// The workload.
    pub workload: Workload,
    figures: Vec<Figures>,
}

/// Takes turns: each round lets each server answer for a while.
///
/// # Errors
/// If a server does not come up, or says something wrong.
pub fn run(workload: Workload, folder: &Path, effort: Effort) -> io::Result<Comparison> {
    let commands = workload.script().commands;
    let (rounds, turn) = effort.pick((45, Duration::from_millis(60)), (5, Duration::from_millis(40)));
    let mut running = Vec::new();
    for server in SERVERS.iter().filter(|server| server.can(workload)) {
        let process = server.start(workload, folder)?;
        let sessions = sessions_in(turn, &process.path, &commands).map_err(|error| named(server, &error))?;
        running.push((Figures { server, cpu: Vec::new(), wall: Vec::new() }, process, sessions));
    }
    for _ in 0..rounds {
        for (figures, process, sessions) in &mut running {
            let (cpu, wall) =
                play(process, *sessions, &commands).map_err(|error| named(figures.server, &error))?;
            figures.cpu.push(cpu);
            figures.wall.push(wall);
        }
    }
    Ok(Comparison { workload, figures: running.into_iter().map(|(figures, ..)| figures).collect() })
}

impl Comparison {
    /// Microseconds of processor time a session.
    pub fn cpu(&self, server: &str) -> Option<f64> {
        self.of(server).map(|figures| median(figures.cpu.iter().copied()))
    }

    /// Processor time, as a ratio to the server that parses nothing.
    pub fn cpu_ratio(&self, server: &str) -> Option<f64> {
        self.ratio(server, |figures| &figures.cpu)
    }

    /// Wall time, as a ratio to the server that parses nothing.
    pub fn wall_ratio(&self, server: &str) -> Option<f64> {
        self.ratio(server, |figures| &figures.wall)
    }

    fn ratio(&self, server: &str, of: fn(&Figures) -> &Vec<f64>) -> Option<f64> {
        let figures = self.of(server)?;
        let null = self.of(figures.server.null)?;
        Some(median(of(figures).iter().zip(of(null)).map(|(value, null)| value / null)))
    }

    fn of(&self, server: &str) -> Option<&Figures> {
        self.figures.iter().find(|figures| figures.server.name == server)
    }
}

/// Plays sessions one after the other, and says what one took: processor time of the server, and wall
/// time, both in microseconds.
///
/// # Errors
/// If the server says something wrong.
pub fn play(process: &Process, sessions: u32, commands: &[Command<'static>]) -> io::Result<(f64, f64)> {
    let (cpu, start) = (process.cpu()?, Instant::now());
    for _ in 0..sessions {
        Mta::connect(&process.path, commands)?.play()?;
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(sessions);
    Ok((each(process.cpu()? - cpu), each(start.elapsed())))
}

/// Warms a server up, and says how many sessions take about that long.
fn sessions_in(time: Duration, path: &Path, commands: &[Command<'static>]) -> io::Result<u32> {
    let (mut sessions, start) = (0, Instant::now());
    while start.elapsed() < time || sessions == 0 {
        Mta::connect(path, commands)?.play()?;
        sessions += 1;
    }
    Ok(sessions)
}

fn named(server: &Server, error: &io::Error) -> io::Error {
    io::Error::other(format!("{}: {error}", server.name))
}
