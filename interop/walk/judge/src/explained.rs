//! The table of what is known: where an MTA breaks the strict law, and why.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::finding::Finding;

/// One row. What is not given fits everything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    /// How the name and version of the MTA begin.
    mta: String,
    kind: String,
    rule: Option<String>,
    command: Option<String>,
    #[serde(default)]
    stages: Vec<String>,
    condition: Option<String>,
    /// Why it is not ours to change, and where that can be read.
    reason: String,
    source: String,
}

/// The whole table.
#[derive(Debug, Default)]
pub(crate) struct Explained(Vec<Row>);

impl Explained {
    /// Reads a file of rows, each of which has to say why and where.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let rows: Vec<Row> = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        for row in &rows {
            ensure!(!row.reason.is_empty() && !row.source.is_empty(), "row {} does not say why", row.name);
        }
        Ok(Self(rows))
    }

    /// The name of the row that explains a finding.
    pub(crate) fn name_for(&self, finding: &Finding) -> Option<&str> {
        let fits = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|text| text == found);
        let row = self.0.iter().find(|row| {
            finding.mta.starts_with(&row.mta)
                && row.kind == finding.kind.name()
                && fits(&row.rule, &finding.rule)
                && fits(&row.command, &finding.command)
                && fits(&row.condition, &finding.condition)
                && (row.stages.is_empty() || row.stages.contains(&finding.stage))
        });
        row.map(|row| row.name.as_str())
    }
}
