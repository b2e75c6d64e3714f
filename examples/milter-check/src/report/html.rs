//! The report as one page of HTML, which needs nothing else.

use std::collections::BTreeMap;

use milter_proto::conformance::Level;
use minijinja::{Environment, Value, context};

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
    // The name tells that values are escaped for HTML.
    environment.add_template("page.html", PAGE)?;
    let view = View::new(results, Extent::Short);
    let mut ids: Vec<&str> =
        results.rows.iter().flat_map(|row| &row.scenario.rules).map(String::as_str).collect();
    ids.sort_unstable();
    ids.dedup();
    let rules: BTreeMap<_, _> = ids.into_iter().filter_map(|id| Some((id, RuleView::new(id)?))).collect();
    Ok(environment.get_template("page.html")?.render(context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        headline => results.headline(),
        is_bad => results.failed(Level::Must) > 0,
        view => view,
        rules => rules,
    })?)
}
