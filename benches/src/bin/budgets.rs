//! Prints the table of budgets from gungraun's JSON on standard input, and what has moved against the
//! stored figures. Fails if a budget is broken, or if a case takes over one per cent more than is stored.
//! Cases are also the bytes of code of the programs in `size`, which has to be built before.
//!
//! With `--store` the figures are stored instead, in the change that moves them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

use milter_proto_benches::budgets::{BUDGETS, LINEAR, RATIOS, TWICE, WORKERS};
use milter_proto_benches::elf::Program;
use serde_json::Value;

/// The instructions of every case by its name, and the bytes of every program.
type Counts = BTreeMap<String, u64>;

const STORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/figures.json");

fn main() -> ExitCode {
    let mut counts = counts();
    counts.extend(bytes());
    let mut broken = table(&counts) + linear(&counts);
    if env::args().nth(1).as_deref() == Some("--store") {
        let figures = serde_json::to_string_pretty(&counts).expect("JSON");
        fs::write(STORE, figures + "\n").expect("a place for the figures");
    } else {
        let stored = serde_json::from_str(&fs::read_to_string(STORE).expect("stored figures")).expect("JSON");
        broken += compare(&counts, &stored);
    }
    ExitCode::from(broken)
}

/// Prints what each budget has come to, and says how many are broken.
fn table(counts: &Counts) -> u8 {
    let mut broken = 0;
    let mut judge = |is_kept: bool| {
        broken += u8::from(!is_kept);
        if is_kept { "" } else { " BROKEN" }
    };
    println!("| goal | what | must | reach | Ir | |\n| --- | --- | --- | --- | --- | --- |");
    for budget in &BUDGETS {
        let total = counts[budget.case];
        let verdict = judge(total <= budget.units * budget.must);
        let each = total as f64 / budget.units as f64;
        let reach = if each <= budget.reach as f64 { "reached" } else { "" };
        let (goal, what, must) = (budget.goal, budget.what, budget.must);
        println!("| {goal} | {what} | {must} | {} | {each:.1} | {reach}{verdict} |", budget.reach);
    }
    for ratio in &RATIOS {
        let measured = counts[ratio.case] as f64 / counts[ratio.by] as f64;
        let verdict = judge(measured <= ratio.must);
        println!("| {} | {} | {} | | {measured:.4} |{verdict} |", ratio.goal, ratio.what, ratio.must);
    }
    broken
}

/// Prints by what the cost grows when there is twice as much to do, and says how often that is too much.
fn linear(counts: &Counts) -> u8 {
    let mut broken = 0;
    let mut left = counts.keys().filter(|case| case.ends_with("_1")).count();
    println!("\n| twice as many | {} |\n| --- |{}", WORKERS.join(" | "), " --- |".repeat(WORKERS.len()));
    for (what, id) in LINEAR {
        print!("| {what} |");
        for worker in WORKERS {
            let [once, twice] = [0, 1].map(|size| counts.get(&format!("{worker}.{id}_{size}")));
            let Some((&once, &twice)) = once.zip(twice) else {
                print!(" |");
                continue;
            };
            left -= 1;
            let ratio = twice as f64 / once as f64;
            let is_kept = ratio <= TWICE;
            broken += u8::from(!is_kept);
            print!(" {ratio:.3}{} |", if is_kept { "" } else { " BROKEN" });
        }
        println!();
    }
    if left > 0 {
        println!("{left} cases are in no row of that table: BROKEN");
        broken += 1;
    }
    broken
}

/// Names the cases that have moved by over one per cent, and says how many of them have got worse, or are
/// stored and were not measured or the other way round.
fn compare(counts: &Counts, stored: &Counts) -> u8 {
    let mut broken = 0;
    for (case, &count) in counts {
        let Some(&before) = stored.get(case) else {
            println!("{case}: {count}, and nothing is stored: BROKEN");
            broken += 1;
            continue;
        };
        if count * 100 > before * 101 {
            println!("{case}: {count}, stored are {before}: BROKEN");
            broken += 1;
        } else if count * 101 < before * 100 {
            println!("{case}: {count}, better than the {before} that are stored: run with --store");
        }
    }
    for case in stored.keys().filter(|case| !counts.contains_key(*case)) {
        println!("{case}: stored, and not measured: BROKEN");
        broken += 1;
    }
    broken
}

fn counts() -> Counts {
    let mut counts = Counts::new();
    for line in io::stdin().lines() {
        let summary: Value = serde_json::from_str(&line.expect("text")).expect("JSON");
        let [function, id] = ["function_name", "id"].map(|key| summary[key].as_str().expect(key));
        let ir = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
        counts.insert(format!("{function}.{id}"), ir.as_u64().expect("a count of instructions"));
    }
    counts
}

/// The code of the programs that `size/build` has built.
fn bytes() -> Counts {
    let folder = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/size/target").into(), PathBuf::from);
    let programs = ["filter", "mta"].map(|name| {
        let path = folder.join("x86_64-unknown-linux-gnu/release").join(name);
        (format!("size.{name}"), Program::read(&path).expect("a program of size/build").code)
    });
    programs.into()
}
