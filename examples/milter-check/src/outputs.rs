//! Where reports go.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{CommandFactory, error::ErrorKind};

use crate::cli::{Arguments, Common, Format};
use crate::program::{Stop, named};
use crate::report::{self, human};
use crate::results::Results;

/// The reports that are wanted. One without a file goes to standard output.
#[derive(Debug)]
pub(crate) struct Outputs<'c> {
    common: &'c Common,
    reports: Vec<(Format, Option<PathBuf>)>,
}

impl<'c> Outputs<'c> {
    /// Without any other report for it, the one for humans goes to standard output.
    pub(crate) fn new(common: &'c Common) -> Self {
        let mut reports: Vec<_> = common.format.iter().map(|it| (it.format, it.file.clone())).collect();
        if let Some(file) = &common.output {
            let mut without: Vec<_> = reports.iter_mut().filter(|(_, file)| file.is_none()).collect();
            match without.as_mut_slice() {
                [(_, place)] => *place = Some(file.clone()),
                _ => {
                    usage("--output needs one --format without a file; use --format FORMAT=FILE for several")
                }
            }
        }
        let to_stdout = reports.iter().filter(|(_, file)| file.is_none()).count();
        if to_stdout > 1 {
            usage("only one report can go to standard output; use --format FORMAT=FILE for the others");
        }
        if to_stdout == 0 {
            reports.push((Format::Human, None));
        }
        Self { common, reports }
    }

    /// Whether standard output is for humans.
    pub(crate) fn is_human(&self) -> bool {
        self.reports.contains(&(Format::Human, None))
    }

    /// Makes sure that everything can be written, before a run that may take minutes.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        let common = self.common;
        let files = self.reports.iter().filter_map(|(_, file)| file.as_ref()).chain(&common.write_baseline);
        let written: Vec<&Path> = files.map(PathBuf::as_path).collect();
        // The baseline that is read may also be the one that is written.
        let is_other = |path: &&PathBuf| {
            common.write_baseline.as_ref().is_none_or(|written| place(written) != place(path))
        };
        let baseline = common.baseline.iter().filter(is_other);
        let read = common.profile.iter().chain(&common.scenarios).chain(baseline);
        apart(&written, read.map(PathBuf::as_path))?;
        for path in written {
            writable(path).map_err(named(path))?;
        }
        if let Some(folder) = &common.keep_transcripts {
            writable_folder(folder).map_err(named(folder))?;
        }
        Ok(())
    }

    /// Writes all reports. What cannot be written does not keep the others from being written. Returns what went wrong.
    pub(crate) fn write(&self, results: &Results<'_>) -> Vec<String> {
        let (mut errors, is_all) = (Vec::new(), self.common.all);
        for (format, file) in &self.reports {
            let done = match (format, file) {
                (_, Some(path)) => report::make(*format, results, is_all)
                    .and_then(|text| Ok(fs::write(path, plain(*format, &text))?)),
                // The heading is there already.
                (Format::Human, None) => to_stdout(&human::report(results, is_all)),
                (_, None) => report::make(*format, results, is_all).and_then(|text| to_stdout(&text)),
            };
            let place =
                file.as_ref().map_or_else(|| "standard output".to_owned(), |it| it.display().to_string());
            errors.extend(done.err().map(|error| format!("{place}: {error}")));
        }
        if let Some(folder) = &self.common.keep_transcripts {
            let done = report::keep_transcripts(folder, results);
            errors.extend(done.err().map(|error| format!("{}: {error}", folder.display())));
        }
        errors
    }
}

fn to_stdout(text: &str) -> report::Result<()> {
    Ok(write!(anstream::stdout(), "{text}")?)
}

/// The text for a file: without colours.
fn plain(format: Format, text: &str) -> String {
    if format == Format::Human { anstream::adapter::strip_str(text).to_string() } else { text.to_owned() }
}

/// Complains about the arguments, and ends the process with status 2.
fn usage(text: &str) -> ! {
    Arguments::command().error(ErrorKind::ArgumentConflict, text).exit()
}

/// Makes sure that no file is written twice, or written after it was read as something else.
pub(crate) fn apart<'p>(written: &[&'p Path], read: impl Iterator<Item = &'p Path>) -> Result<(), Stop> {
    let is_file = |path: &Path| fs::metadata(path).map_or(true, |found| found.is_file());
    let mut seen: Vec<PathBuf> = read.map(place).collect();
    for path in written.iter().filter(|path| is_file(path)) {
        let place = place(path);
        if seen.contains(&place) {
            return Err(Stop::Usage(format!(
                "{}: this file is given for two different things",
                path.display()
            )));
        }
        seen.push(place);
    }
    Ok(())
}

/// A path that is the same for the same file, whether it exists or not.
fn place(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match (fs::canonicalize(folder), path.file_name()) {
            (Ok(folder), Some(name)) => folder.join(name),
            _ => path.into(),
        }
    })
}

/// Makes sure that a file can be written. One that is there keeps its content, and one that is not there is not made.
pub(crate) fn writable(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if found.is_file() => OpenOptions::new().append(true).open(path).map(drop),
        // To open a pipe may wait for its reader.
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
            // The path may be that of a symbolic link, which stays.
            fs::canonicalize(path).and_then(fs::remove_file)
        }
        Err(error) => Err(error),
    }
}

/// Makes sure that files can be written into a folder. It is made if it is not there.
fn writable_folder(folder: &Path) -> io::Result<()> {
    if folder.exists() && !folder.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    fs::create_dir_all(folder)?;
    writable(&folder.join(".milter-check"))
}
