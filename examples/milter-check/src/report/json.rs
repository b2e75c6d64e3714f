//! The report for programs.

use super::view::View;
use crate::results::Results;
use crate::transcript::Extent;

pub(super) fn report(results: &Results<'_>) -> super::Result<String> {
    let mut text = serde_json::to_string_pretty(&View::new(results, Extent::Whole))?;
    text.push('\n');
    Ok(text)
}
