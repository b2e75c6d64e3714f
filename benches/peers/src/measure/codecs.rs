//! Codecs in memory: times, instructions and allocations.

use std::collections::HashMap;
use std::env;
use std::hint::black_box;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Effort;
use crate::codecs::{Case, Codec, Subject, cases};

/// What one codec took for one case.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Nanoseconds a frame: the least of all rounds.
    pub ns: f64,
    /// Time, as a ratio to ours.
    pub ratio: f64,
    /// Instructions a frame.
    pub ir: Option<f64>,
    /// Allocations for the whole stream.
    pub allocations: Option<u64>,
}

/// One case, and what each codec took for it.
pub struct Row {
    /// The case.
    pub case: &'static str,
    /// Frames in it.
    pub frames: usize,
    /// In the order of [`Subject::ALL`]; none where a codec cannot.
    pub figures: Vec<Option<Figure>>,
}

/// Measures every case.
///
/// # Errors
/// If one of the programs that help fails.
pub fn run(effort: Effort) -> io::Result<Vec<Row>> {
    let allocations = allocations()?;
    let mut rows = Vec::new();
    for (name, case) in cases() {
        let case = case();
        let mut figures = times(&case, effort);
        for (figure, subject) in figures.iter_mut().zip(Subject::ALL) {
            let Some(figure) = figure else { continue };
            figure.allocations = allocations.get(&format!("{name} {subject}")).copied();
            if effort == Effort::Full || matches!(name, "decode commands W1" | "decode commands W4") {
                figure.ir = Some(instructions(name, subject, case.frames())?);
            }
        }
        rows.push(Row { case: name, frames: case.frames(), figures });
    }
    Ok(rows)
}

fn times(case: &Case, effort: Effort) -> Vec<Option<Figure>> {
    let (rounds, turn) = effort.pick((15, Duration::from_millis(10)), (5, Duration::from_millis(3)));
    let mut codecs = Subject::ALL.map(Subject::codec);
    let mut times: Vec<Option<Vec<f64>>> = Vec::new();
    let mut runs = Vec::new();
    for codec in &mut codecs {
        // The first run has to make buffers.
        let can = codec.run(case).is_some_and(|frames| {
            assert_eq!(frames, case.frames(), "every frame");
            true
        });
        times.push(can.then(Vec::new));
        let start = Instant::now();
        codec.run(case);
        let once = start.elapsed().as_secs_f64().max(1e-9);
        runs.push((turn.as_secs_f64() / once).clamp(1.0, 1e6).round());
    }
    for _ in 0..rounds {
        for ((codec, times), runs) in codecs.iter_mut().zip(&mut times).zip(&runs) {
            if let Some(times) = times {
                times.push(time(codec.as_mut(), case, *runs));
            }
        }
    }
    // What else runs on the machine can only make a round longer.
    let least = |times: &Vec<f64>| times.iter().copied().fold(f64::INFINITY, f64::min);
    let ours = Subject::ALL.iter().zip(&times).find(|(subject, _)| **subject == Subject::Ours);
    let ours = ours.and_then(|(_, times)| times.as_ref()).map_or(f64::NAN, least);
    let figure = |times: Vec<f64>| {
        let ns = least(&times);
        Figure { ns, ratio: ns / ours, ir: None, allocations: None }
    };
    times.into_iter().map(|times| times.map(figure)).collect()
}

/// Nanoseconds a frame.
#[expect(clippy::cast_precision_loss, reason = "counts of frames are small")]
fn time(codec: &mut dyn Codec, case: &Case, runs: f64) -> f64 {
    let start = Instant::now();
    let mut left = runs;
    while left > 0.0 {
        black_box(codec.run(black_box(case)));
        left -= 1.0;
    }
    start.elapsed().as_secs_f64() * 1e9 / (runs * case.frames() as f64)
}

/// Instructions a frame: two runs of different length under callgrind, and their difference.
#[expect(clippy::cast_precision_loss, reason = "counts of frames are small")]
fn instructions(case: &str, subject: Subject, frames: usize) -> io::Result<f64> {
    let (short, long) = (2, 6);
    let more = collected(case, subject, long)? - collected(case, subject, short)?;
    Ok(more / (f64::from(long - short) * frames as f64))
}

fn collected(case: &str, subject: Subject, runs: u32) -> io::Result<f64> {
    let program = env::current_exe()?.with_file_name("codecs");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    command.args([case, &subject.to_string(), &runs.to_string()]);
    let said = String::from_utf8_lossy(&command.output()?.stderr).into_owned();
    let count = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.ok_or_else(|| io::Error::other(format!("valgrind: {said}")))
}

/// Allocations of every case and codec, by their names.
fn allocations() -> io::Result<HashMap<String, u64>> {
    let output = Command::new(env::current_exe()?.with_file_name("allocations")).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = said.lines().filter_map(|line| {
        let (name, count) = line.split_once('\t')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    Ok(rows.collect())
}
