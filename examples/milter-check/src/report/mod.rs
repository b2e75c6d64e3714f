//! Reports.

mod groups;
mod html;
pub(crate) mod human;
mod json;
mod junit;
pub(crate) mod progress;
mod tap;
mod view;

use core::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use crate::cli::Format;
use crate::results::Results;
use crate::transcript::{self, Extent};

/// A report that could not be made.
pub(crate) type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Makes a report. `is_all`: the one for humans shows every failure whole.
pub(crate) fn make(format: Format, results: &Results<'_>, is_all: bool) -> Result<String> {
    Ok(match format {
        Format::Human => format!("{}{}", human::opening(results), human::report(results, is_all)),
        Format::Tap => tap::report(results),
        Format::Json => json::report(results)?,
        Format::Junit => junit::report(results)?,
        Format::Html => html::report(results)?,
    })
}

/// Writes the transcript of each scenario into a file: `filter/framing/x` into `filter.framing.x.txt`.
pub(crate) fn keep_transcripts(folder: &Path, results: &Results<'_>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for row in &results.rows {
        let mut text = format!("{}# {}", row.scenario, row.verdict.name());
        if let Some(it) = &row.mismatch {
            let _ = write!(text, "\n# expected: {}\n# got: {}", it.expected, it.got);
        }
        if let Some(why) = &row.why {
            let _ = write!(text, ": {why}");
        }
        text.push_str("\n\n");
        text.push_str(&transcript::text(&transcript::lines(row.scenario, &row.record, Extent::Whole)));
        fs::write(folder.join(format!("{}.txt", row.scenario.id.replace('/', "."))), text)?;
    }
    Ok(())
}
