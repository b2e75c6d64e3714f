//! The report as one page of HTML, which needs nothing else.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use milter_proto::conformance::Level;
use minijinja::{Environment, Error, Output, Value, context};

use super::view::{RuleView, View};
use crate::results::Results;
use crate::transcript::Extent;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn report(results: &Results<'_>) -> super::Result<String> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_formatter(|out, _, value| escape(out, value));
    environment.add_template("page.html", PAGE)?;
    let view = View::new(results, Extent::Short);
    let mut ids: Vec<&str> =
        results.rows.iter().flat_map(|row| &row.scenario.rules).map(String::as_str).collect();
    ids.sort_unstable();
    ids.dedup();
    let entries: BTreeMap<_, _> = view.scenarios.iter().map(|entry| (&entry.id, entry)).collect();
    let rules: BTreeMap<_, _> = ids.into_iter().filter_map(|id| Some((id, RuleView::new(id)?))).collect();
    Ok(environment.get_template("page.html")?.render(context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        headline => results.headline(),
        is_bad => results.failed(Level::Must) > 0 || results.stopped.is_some(),
        entries => entries,
        view => view,
        rules => rules,
    })?)
}

/// Writes a value, escaped for texts and attributes in quotes unless it is HTML already.
fn escape(out: &mut Output<'_>, value: &Value) -> Result<(), Error> {
    let text = value.to_string();
    if value.is_safe() {
        return Ok(out.write_str(&text)?);
    }
    for c in text.chars() {
        match c {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '"' => out.write_str("&quot;")?,
            _ => out.write_char(c)?,
        }
    }
    Ok(())
}
