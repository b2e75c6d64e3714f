//! Runs many scenarios, one after the other or several at once.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;

use milter_proto::conformance::{Scenario, Verdict};

use crate::bench::{Bench, Played};
use crate::results::Row;
use crate::signals::{self, Signal};

/// What is told while scenarios are run.
pub(crate) trait Watcher: Sync {
    /// A scenario begins.
    fn begins(&self, id: &str);
    /// A scenario has its result.
    fn ends(&self, row: &Row<'_>);
}

/// The state that the threads share.
#[derive(Debug)]
struct Shared<'s> {
    next: AtomicUsize,
    rows: Mutex<Vec<Option<Row<'s>>>>,
    /// Places of the scenarios that are being run, and of the one that ended last.
    running: Mutex<Vec<usize>>,
    last: Mutex<Option<usize>>,
    stopped: Mutex<Option<Stopped>>,
    /// The program has died at least once.
    has_died: AtomicBool,
}

/// Why a run ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The program under test died or hangs.
    Program(String),
    Signal(Signal),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(why) => f.write_str(why),
            Self::Signal(signal) => write!(f, "stopped by {signal}"),
        }
    }
}

/// Runs all scenarios. The second result says why it stopped early, if it did: what has not been run by then is skipped.
pub(crate) fn run<'s>(
    scenarios: &[&'s Scenario],
    bench: &dyn Bench,
    jobs: usize,
    watcher: &dyn Watcher,
) -> (Vec<Row<'s>>, Option<Stopped>) {
    let shared = Shared {
        next: AtomicUsize::new(0),
        rows: Mutex::new(vec![None; scenarios.len()]),
        running: Mutex::new(Vec::new()),
        last: Mutex::new(None),
        stopped: Mutex::new(None),
        has_died: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| work(scenarios, bench, &shared, jobs > 1, watcher));
        }
    });
    if jobs > 1 {
        run_again_alone(scenarios, bench, &shared, watcher);
    }
    let stopped = shared.stopped.into_inner().unwrap_or_default();
    let rows = shared.rows.into_inner().unwrap_or_default();
    let why = match &stopped {
        Some(Stopped::Signal(signal)) => format!("the run was stopped by {signal}"),
        _ => format!("the {} could not be tested any more", bench.noun()),
    };
    let rows = rows.into_iter().zip(scenarios);
    (rows.map(|(row, scenario)| row.unwrap_or_else(|| Row::not_run(scenario, &why))).collect(), stopped)
}

/// One thread: takes scenario after scenario.
fn work<'s>(
    scenarios: &[&'s Scenario],
    bench: &dyn Bench,
    shared: &Shared<'s>,
    is_parallel: bool,
    watcher: &dyn Watcher,
) {
    loop {
        let place = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(scenario) = scenarios.get(place) else { return };
        if shared.is_stopped() {
            return;
        }
        let Some(row) = one(place, scenario, scenarios, bench, shared, watcher) else { return };
        // Neighbours disturb each other if the filter dies or is slow: what is not as it should be is run again alone.
        if !(is_parallel && is_doubtful(&row)) {
            watcher.ends(&row);
        }
        shared.keep(place, row);
    }
}

/// Runs again, one after the other, what may have failed because of other connections. A program that died took the others
/// with it, and they may have passed for that reason: then everything is run again.
fn run_again_alone<'s>(
    scenarios: &[&'s Scenario],
    bench: &dyn Bench,
    shared: &Shared<'s>,
    watcher: &dyn Watcher,
) {
    let has_died = shared.has_died.load(Ordering::Relaxed);
    for (place, scenario) in scenarios.iter().enumerate() {
        let was_doubtful = shared
            .rows
            .lock()
            .is_ok_and(|rows| rows.get(place).and_then(Option::as_ref).is_some_and(is_doubtful));
        if !was_doubtful && !has_died {
            continue;
        }
        if !shared.is_stopped() {
            if let Some(row) = one(place, scenario, scenarios, bench, shared, watcher) {
                shared.keep(place, row);
            }
        }
        if let Ok(rows) = shared.rows.lock() {
            // What was told already is told again only if it has changed.
            let row = rows.get(place).and_then(Option::as_ref);
            row.into_iter().filter(|row| was_doubtful || is_doubtful(row)).for_each(|row| watcher.ends(row));
        }
    }
}

/// Whether a result may come from another connection.
fn is_doubtful(row: &Row<'_>) -> bool {
    matches!(row.verdict, Verdict::Fail | Verdict::NonStrict)
}

/// Runs one scenario. `None`: the filter could not be reached, and no scenario can be run any more.
fn one<'s>(
    place: usize,
    scenario: &'s Scenario,
    scenarios: &[&'s Scenario],
    bench: &dyn Bench,
    shared: &Shared<'s>,
    watcher: &dyn Watcher,
) -> Option<Row<'s>> {
    watcher.begins(&scenario.id);
    shared.begin(place);
    let Played { row, unreachable, has_timed_out, has_died } = bench.play(scenario);
    if let Some(signal) = signals::caught() {
        shared.stop(Stopped::Signal(signal));
        return None;
    }
    if has_died {
        shared.has_died.store(true, Ordering::Relaxed);
    }
    if let Some(why) = unreachable {
        let suspects = shared.suspects(place, scenarios);
        let noun = bench.noun();
        shared.stop(Stopped::Program(format!("the {noun} cannot be reached any more ({why}); {suspects}")));
        return None;
    }
    shared.end(place);
    if has_timed_out && row.verdict != Verdict::Pass {
        if let Err(why) = bench.probe() {
            let (noun, id) = (bench.noun(), &scenario.id);
            let why = format!("the {noun} does not answer any more ({why}); the last scenario was {id}");
            // A signal may have ended the probe.
            shared.stop(signals::caught().map_or(Stopped::Program(why), Stopped::Signal));
        }
    }
    Some(row)
}

impl<'s> Shared<'s> {
    fn begin(&self, place: usize) {
        if let Ok(mut running) = self.running.lock() {
            running.push(place);
        }
    }

    fn end(&self, place: usize) {
        if let Ok(mut running) = self.running.lock() {
            running.retain(|other| *other != place);
        }
        if let Ok(mut last) = self.last.lock() {
            *last = Some(place);
        }
    }

    fn keep(&self, place: usize, row: Row<'s>) {
        if let Ok(mut rows) = self.rows.lock() {
            if let Some(slot) = rows.get_mut(place) {
                *slot = Some(row);
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.lock().is_ok_and(|why| why.is_some())
    }

    /// The first reason counts.
    fn stop(&self, why: Stopped) {
        if let Ok(mut stopped) = self.stopped.lock() {
            stopped.get_or_insert(why);
        }
    }

    /// The scenarios after which the filter could not be reached: the last one that ended, and those that run beside it.
    fn suspects(&self, place: usize, scenarios: &[&Scenario]) -> String {
        let mut places: Vec<usize> = self.last.lock().ok().and_then(|last| *last).into_iter().collect();
        if let Ok(running) = self.running.lock() {
            places.extend(running.iter().copied().filter(|other| *other != place));
        }
        let ids: Vec<_> =
            places.iter().filter_map(|place| scenarios.get(*place)).map(|it| it.id.as_str()).collect();
        match ids.as_slice() {
            [] => "no scenario was run".to_owned(),
            [id] => format!("the last scenario was {id}"),
            ids => format!("the last scenarios were {}", ids.join(", ")),
        }
    }
}
