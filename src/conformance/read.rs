//! From text to scenarios.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::fault::{ScenarioError, ScenarioFault};
use super::scenario::{Level, Role, Scenario, Step, StepKind};
use super::tokens::word;

/// The lines of one scenario, before `each` is applied.
struct Draft<'t> {
    line: usize,
    head: &'t str,
    title: &'t str,
    each: Vec<(&'t str, Vec<&'t str>)>,
    steps: Vec<(usize, &'t str)>,
}

/// Reads several texts. An id may occur once in all of them.
pub(super) fn read_tables(tables: &[&str]) -> Result<Vec<Scenario>, ScenarioError> {
    let mut all = Vec::new();
    for table in tables {
        all.append(&mut read_all(table)?);
    }
    Ok(all)
}

impl Scenario {
    /// Reads scenarios in the notation of [`conformance`](super). `each` makes several of one.
    ///
    /// # Errors
    /// The first line that cannot be read, and why.
    pub fn read_all(text: &str) -> Result<Vec<Self>, ScenarioError> {
        read_all(text)
    }
}

fn read_all(text: &str) -> Result<Vec<Scenario>, ScenarioError> {
    let mut all: Vec<Scenario> = Vec::new();
    let mut draft: Option<Draft<'_>> = None;
    let lines = text.lines().map(str::trim).zip(1_usize..);
    for (line, number) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
        let fail = |fault| ScenarioError { line: number, fault };
        if line.starts_with('[') {
            finish(draft.take(), &mut all)?;
            draft = Some(Draft { line: number, head: line, title: "", each: Vec::new(), steps: Vec::new() });
            continue;
        }
        let Some(draft) = &mut draft else { return Err(fail(ScenarioFault::NoScenario)) };
        if draft.title.is_empty() {
            draft.title = line;
        } else if let Some(each) = line.strip_prefix("each ") {
            let (name, values) = each.split_once(": ").ok_or_else(|| fail(ScenarioFault::Each))?;
            if !draft.steps.is_empty() {
                return Err(fail(ScenarioFault::Each));
            }
            draft.each.push((name.trim(), values.split(" | ").map(str::trim).collect()));
        } else {
            draft.steps.push((number, line));
        }
    }
    finish(draft, &mut all)?;
    Ok(all)
}

/// Makes the scenarios of a draft: one for every combination of values.
fn finish(draft: Option<Draft<'_>>, all: &mut Vec<Scenario>) -> Result<(), ScenarioError> {
    let Some(draft) = draft else { return Ok(()) };
    let fail = |fault| ScenarioError { line: draft.line, fault };
    if draft.title.is_empty() || draft.steps.is_empty() {
        return Err(fail(ScenarioFault::Incomplete));
    }
    let mut choices = Vec::from([Vec::new()]);
    for (name, values) in &draft.each {
        let mut longer = Vec::new();
        for choice in &choices {
            for value in values {
                let mut choice: Vec<Choice<'_>> = choice.clone();
                choice.push(Choice::new(name, value));
                longer.push(choice);
            }
        }
        choices = longer;
    }
    for choice in choices {
        let scenario = scenario(&draft, &choice)?;
        if all.iter().any(|other| other.id == scenario.id) {
            return Err(fail(ScenarioFault::SameId(scenario.id)));
        }
        all.push(scenario);
    }
    Ok(())
}

/// One value of an `each`.
#[derive(Clone)]
struct Choice<'t> {
    /// In braces.
    place: String,
    /// For the id and, with blanks for the hyphens, the title.
    name: &'t str,
    /// For the steps.
    text: &'t str,
}

impl<'t> Choice<'t> {
    fn new(place: &str, value: &'t str) -> Self {
        let (name, text) = value.split_once(" = ").unwrap_or((value, value));
        Self { place: ["{", place, "}"].concat(), name: name.trim(), text: text.trim() }
    }
}

fn scenario(draft: &Draft<'_>, choice: &[Choice<'_>]) -> Result<Scenario, ScenarioError> {
    let named = |text: &str| choice.iter().fold(text.to_owned(), |text, it| text.replace(&it.place, it.name));
    let titled = |text: &str| {
        choice.iter().fold(text.to_owned(), |text, it| text.replace(&it.place, &it.name.replace('-', " ")))
    };
    let fail = |line, fault| ScenarioError { line, fault };
    let head = named(draft.head);
    let (id, role, level, rules) = head_of(&head).ok_or_else(|| fail(draft.line, ScenarioFault::Head))?;
    let steps = draft.steps.iter().map(|&(line, text)| {
        let text = choice.iter().fold(text.to_owned(), |text, it| text.replace(&it.place, it.text));
        let kind = match role {
            Role::Filter => super::filter::read(&text).map(StepKind::Filter),
            Role::Mta => super::mta::read(&text).map(StepKind::Mta),
        };
        kind.map(|kind| Step { text, kind }).map_err(|fault| fail(line, fault))
    });
    let steps = steps.collect::<Result<_, _>>()?;
    Ok(Scenario { id: id.to_owned(), title: titled(draft.title), rules, role, level, steps })
}

fn head_of(head: &str) -> Option<(&str, Role, Level, Vec<String>)> {
    let (id, rest) = head.strip_prefix('[')?.split_once(']')?;
    let mut parts = id.split('/');
    let role = match parts.next()? {
        "filter" => Role::Filter,
        "mta" => Role::Mta,
        _ => return None,
    };
    let is_named = parts.next().is_some_and(|chapter| !chapter.is_empty());
    let is_named = is_named && parts.next().is_some_and(|name| !name.is_empty()) && parts.next().is_none();
    let (level, rules) = word(rest.trim());
    let level = [Level::Must, Level::Should, Level::Info].into_iter().find(|it| it.name() == level)?;
    let rules: Vec<_> = rules.split(',').map(|rule| rule.trim().to_owned()).collect();
    (is_named && rules.iter().all(|rule| !rule.is_empty())).then_some((id, role, level, rules))
}
