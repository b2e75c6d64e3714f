//! docs/milter.json: the protocol as data for other languages, made from the tables of the crate.
//!
//! `UPDATE_MILTER_JSON=1 cargo test --test it project::milter_json` writes it. docs/MILTER_JSON.md describes it.

mod bits;
mod document;
mod json;
mod limits;
mod messages;
mod order;

use std::fs;
use std::path::PathBuf;

use json::{Json, object};

/// Counted up when a key changes its meaning or goes away.
const FORMAT: u32 = 1;

#[test]
fn the_committed_file_is_not_stale() {
    let made = whole().pretty();
    let path = root().join("docs/milter.json");
    if std::env::var_os("UPDATE_MILTER_JSON").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap();
    let command = "UPDATE_MILTER_JSON=1 cargo test --test it project::milter_json";
    assert!(committed == made, "docs/milter.json is stale: run {command}");
}

#[test]
fn stages_are_passed_over_as_the_file_says() {
    order::check_passages();
}

fn whole() -> Json {
    object! {
        format: FORMAT,
        protocol: "Milter",
        documentation: "docs/MILTER_JSON.md",
        license: env!("CARGO_PKG_LICENSE"),
        frame: messages::frame(),
        types: messages::types(),
        commands: messages::commands(),
        responses: messages::responses(),
        families: messages::families(),
        versions: bits::versions(),
        actions: bits::actions(),
        steps: bits::steps(),
        data_sizes: bits::data_sizes(),
        macro_stages: bits::macro_stages(),
        macro_defaults: bits::macro_defaults(),
        stages: order::stages(),
        laws: order::laws(),
        effects: order::effects(),
        verdict_effects: order::verdict_effects(),
        waits: limits::waits(),
        timeouts: limits::timeouts(),
        limits: limits::limits(),
        rules: limits::rules(),
        deviations: limits::deviations(),
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
