//! The profile of an MTA.

use core::time::Duration;
use std::path::Path;

use milter_proto::conformance::mta::{FailureAction, Profile};
use serde::Deserialize;

use crate::bench::MtaTimeouts;
use crate::toml_file::{self, BadProfile, bracketed};

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    helo: Option<String>,
    sender: Option<String>,
    recipients: Option<[String; 2]>,
    refused: Option<String>,
    failure: Failure,
    timeouts: Option<Timeouts>,
}

/// How long the MTA waits for a filter, in seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Timeouts {
    command: u32,
    content: u32,
    end_of_message: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Failure {
    #[default]
    Unknown,
    Pass,
    Tempfail,
    Reject,
    Shutdown,
}

/// Reads the profile, and how long the MTA waits for a filter. If that is given, slow scenarios are run.
pub(crate) fn read(
    path: Option<&Path>,
    has_sink: bool,
) -> Result<(Profile, Option<MtaTimeouts>), BadProfile> {
    let file: File = path.map(toml_file::read).transpose()?.unwrap_or_default();
    let path = path.unwrap_or(Path::new(""));
    let mut profile = Profile::default().with_sink(has_sink).with_slow(file.timeouts.is_some());
    if let Some(helo) = file.helo {
        profile.helo = clean(path, helo)?;
    }
    if let Some(sender) = file.sender {
        profile.sender = clean(path, bracketed(sender))?;
    }
    if let Some([recipient, other]) = file.recipients {
        profile = profile.with_recipients(clean(path, bracketed(recipient))?, clean(path, bracketed(other))?);
    }
    if let Some(refused) = file.refused {
        profile = profile.with_refused(clean(path, bracketed(refused))?);
    }
    profile = profile.with_failure(match file.failure {
        Failure::Unknown => FailureAction::Unknown,
        Failure::Pass => FailureAction::Pass,
        Failure::Tempfail => FailureAction::Tempfail,
        Failure::Reject => FailureAction::Reject,
        Failure::Shutdown => FailureAction::Shutdown,
    });
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let timeouts = file.timeouts.map(|it| MtaTimeouts {
        command: seconds(it.command),
        content: seconds(it.content),
        end_of_message: seconds(it.end_of_message.unwrap_or(it.content)),
    });
    Ok((profile, timeouts))
}

/// Only printable ASCII without quotes and backslashes fits into every step.
fn clean(path: &Path, text: String) -> Result<String, BadProfile> {
    let is_fine = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if !text.is_empty() && text.bytes().all(is_fine) {
        Ok(text)
    } else {
        Err(BadProfile::Text(path.into(), text))
    }
}
