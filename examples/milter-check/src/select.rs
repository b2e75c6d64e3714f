//! Which scenarios are run.

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use milter_proto::conformance::{Level, Role, Scenario, ScenarioError, filter_scenarios, mta_scenarios};

use crate::cli::Common;
use crate::near::meant;
use crate::program::{Stop, named};
use crate::rules;

/// The scenarios of this program for a role.
pub(crate) fn built_in(role: Role) -> Result<Vec<Scenario>, ScenarioError> {
    match role {
        Role::Filter => filter_scenarios(),
        Role::Mta => mta_scenarios(),
    }
}

/// All scenarios of a role from which the user may choose: those of the given files, or else those of this program.
pub(crate) fn read(common: &Common, role: Role) -> Result<Vec<Scenario>, Stop> {
    if common.scenarios.is_empty() {
        return Ok(built_in(role)?);
    }
    let mut all: Vec<Scenario> = Vec::new();
    for path in &common.scenarios {
        let fail = |text: String| Stop::Usage(format!("{}: {text}", path.display()));
        let text = fs::read_to_string(path).map_err(named(path))?;
        let found = Scenario::read_all(&text).map_err(|error| fail(error.to_string()))?;
        let of_role: Vec<_> = found.into_iter().filter(|it| it.role == role).collect();
        if of_role.is_empty() {
            let word = if role == Role::Filter { "filter" } else { "mta" };
            return Err(fail(format!("it has no scenario whose id begins with {word}/")));
        }
        for it in &of_role {
            if let Some(rule) = it.rules.iter().find(|rule| rules::rule(rule).is_none()) {
                return Err(fail(format!(
                    "{}: no rule has the id {rule}{}",
                    it.id,
                    meant(rule, rules::ids())
                )));
            }
            if all.iter().any(|other| other.id == it.id) {
                return Err(fail(format!("an earlier file has a scenario with the id {}, too", it.id)));
            }
        }
        all.extend(of_role);
    }
    Ok(all)
}

/// Those of the level and of the ids that are wanted.
pub(crate) fn choose<'s>(scenarios: &'s [Scenario], common: &Common) -> Result<Vec<&'s Scenario>, Stop> {
    let level = Level::from(common.level);
    for prefix in &common.only {
        if !scenarios.iter().any(|it| has_prefix(it, prefix)) {
            let near = meant(prefix, scenarios.iter().map(|it| it.id.as_str()));
            return Err(Stop::Usage(format!(
                "no scenario has an id that begins with {prefix}{near}{}--list shows all",
                if near.is_empty() { "; " } else { " " }
            )));
        }
    }
    let is_wanted = |it: &&Scenario| {
        let is_named = common.only.is_empty() || common.only.iter().any(|prefix| has_prefix(it, prefix));
        it.level >= level && is_named
    };
    let chosen: Vec<_> = scenarios.iter().filter(is_wanted).collect();
    if chosen.is_empty() {
        return Err(Stop::Usage(format!(
            "no scenario is left to run: none of those that --only names has the level {level} or a higher one"
        )));
    }
    Ok(chosen)
}

/// Whether the id begins with this, with or without its role.
fn has_prefix(scenario: &Scenario, prefix: &str) -> bool {
    let without_role = scenario.id.split_once('/').map_or("", |(_, rest)| rest);
    scenario.id.starts_with(prefix) || without_role.starts_with(prefix)
}

/// Shows id, level, rules and title of each.
pub(crate) fn list(scenarios: &[&Scenario]) -> Result<ExitCode, Stop> {
    let mut out = String::new();
    let width = scenarios.iter().map(|it| it.id.len()).max().unwrap_or(0);
    for it in scenarios {
        let rules = it.rules.join(",");
        out.push_str(&format!("{:<width$}  {:<6}  {rules:<16}  {}\n", it.id, it.level, it.title));
    }
    // The reader may have seen enough.
    match io::stdout().write_all(out.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
