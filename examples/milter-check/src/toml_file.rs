//! Files of TOML: profiles.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use thiserror::Error;

/// A profile that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum BadProfile {
    #[error("{0}: {1}")]
    Read(PathBuf, io::Error),
    #[error("{0}: {1}")]
    Syntax(PathBuf, Box<toml::de::Error>),
    #[error("{0}: {1:?} is no header: expected \"Name: value\"")]
    Header(PathBuf, String),
    #[error("{0}: {1:?} contains NUL, which the protocol cannot carry")]
    Nul(PathBuf, String),
    #[error("{0}: {1:?} must be printable ASCII without quotes and backslashes")]
    Text(PathBuf, String),
}

pub(crate) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, BadProfile> {
    let text = fs::read_to_string(path).map_err(|error| BadProfile::Read(path.into(), error))?;
    toml::from_str(&text).map_err(|error| BadProfile::Syntax(path.into(), Box::new(error)))
}

/// An address in angle brackets, whether it had them or not.
pub(crate) fn bracketed(address: String) -> String {
    if address.starts_with('<') { address } else { format!("<{address}>") }
}
