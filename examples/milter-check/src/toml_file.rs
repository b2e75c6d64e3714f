//! Profiles, which are files of TOML: what both roles do with them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::de::DeserializeOwned;
use thiserror::Error;

/// A profile that cannot be used.
#[derive(Debug, Error)]
#[error("{}: {fault}", .path.display())]
pub(crate) struct BadProfile {
    path: PathBuf,
    fault: Fault,
}

/// What is wrong with a profile.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error(transparent)]
    Syntax(#[from] Box<toml::de::Error>),
    #[error("{0:?} is no header: expected \"Name: value\"")]
    Header(String),
    #[error("the message needs at least one recipient")]
    NoRecipient,
    #[error("{text:?} {why}")]
    Text { text: String, why: &'static str },
    #[error("no scenario sends a message that is called {name}{meant}")]
    Message { name: String, meant: String },
    #[error("a timeout must be at least one second")]
    Timeout,
}

/// Reads a profile with a function that makes one of the content of the file. Without a file, its content is empty.
pub(crate) fn read<F: Default + DeserializeOwned, P>(
    path: Option<&Path>,
    make: impl FnOnce(F) -> Result<P, Fault>,
) -> Result<P, BadProfile> {
    let file = path.map_or_else(|| Ok(F::default()), content);
    file.and_then(make).map_err(|fault| BadProfile { path: path.unwrap_or(Path::new("")).into(), fault })
}

fn content<F: DeserializeOwned>(path: &Path) -> Result<F, Fault> {
    toml::from_str(&fs::read_to_string(path)?).map_err(|error| Box::new(error).into())
}

/// Replaces the texts for which the file has others.
pub(crate) fn replace<'p>(texts: impl IntoIterator<Item = (Option<String>, &'p mut String)>) {
    for (text, place) in texts {
        if let Some(text) = text {
            *place = text;
        }
    }
}

/// An address in angle brackets, whether it had them or not.
pub(crate) fn bracketed(address: String) -> String {
    if address.starts_with('<') { address } else { format!("<{address}>") }
}
