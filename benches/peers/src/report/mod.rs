//! What comes of the measurements: tables, a Markdown file, and plots.

mod canvas;
mod machine;
mod plots;
mod sections;
mod size;
mod table;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

pub use machine::Machine;
pub use sections::{big_body, codecs, goals, idle, scale, servers, syscalls};
pub use size::size;
pub use table::Table;

use plots::Plot;

/// A part of the report.
pub struct Section {
    title: &'static str,
    text: String,
    tables: Vec<Table>,
    plot: Option<(&'static str, Plot)>,
}

impl Section {
    /// The section as Markdown. Plots are named relative to the root of the repository.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("## {}\n\n{}\n", self.title, self.text);
        if let Some((name, plot)) = &self.plot {
            let _ = writeln!(out, "\n![{}](benches/peers/plots/{name}.svg)", plot.title());
        }
        for table in &self.tables {
            let _ = write!(out, "\n{}", table.to_markdown());
        }
        out
    }
}

/// Writes PERFORMANCE.md and its plots.
///
/// # Errors
/// If a file cannot be written.
pub fn write(root: &Path, machine: &Machine, command: &str, sections: &[Section]) -> io::Result<()> {
    let folder = root.join("benches/peers/plots");
    fs::create_dir_all(&folder)?;
    for (name, plot) in sections.iter().filter_map(|section| section.plot.as_ref()) {
        fs::write(folder.join(format!("{name}.svg")), plot.to_svg()?)?;
    }
    let mut page = format!(
        "# Performance\n\n\
         How milter-proto compares with other implementations of the Milter protocol. This page is written by\n\
         `{command}`; [benches/peers](benches/peers/README.md) says what is measured and how. What a change may\n\
         cost is guarded by instruction budgets: their table is in [benches/README.md](benches/README.md).\n\n\
         {}",
        machine.to_markdown()
    );
    for section in sections {
        let _ = write!(page, "\n{}", section.to_markdown());
    }
    fs::write(root.join("PERFORMANCE.md"), page)
}
