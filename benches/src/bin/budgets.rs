//! Prints the table of budgets from gungraun's JSON on standard input. Fails if one is broken.

use std::collections::HashMap;
use std::io;
use std::process::ExitCode;

use milter_proto_benches::budgets::{BUDGETS, RATIOS};
use serde_json::Value;

fn main() -> ExitCode {
    let counts = counts();
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
    ExitCode::from(broken)
}

/// The instructions of every case, by its name.
fn counts() -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for line in io::stdin().lines() {
        let summary: Value = serde_json::from_str(&line.expect("text")).expect("JSON");
        let [function, id] = ["function_name", "id"].map(|key| summary[key].as_str().expect(key));
        let ir = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
        counts.insert(format!("{function}.{id}"), ir.as_u64().expect("a count of instructions"));
    }
    counts
}
