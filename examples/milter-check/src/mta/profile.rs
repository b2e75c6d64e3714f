//! The profile of an MTA.

use core::time::Duration;
use std::path::Path;

use milter_proto::conformance::mta::{FailureAction, Profile};
use serde::Deserialize;

use crate::bench::MtaTimeouts;
use crate::toml_file::{self, BadProfile, Fault, bracketed};

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
    toml_file::read(path, |file: File| {
        let mut profile = Profile::default().with_sink(has_sink).with_slow(file.timeouts.is_some());
        let [recipient, other] = file.recipients.map_or([None, None], |both| both.map(Some));
        toml_file::replace([
            (file.helo, &mut profile.helo),
            (file.sender.map(bracketed), &mut profile.sender),
            (recipient.map(bracketed), &mut profile.recipient),
            (other.map(bracketed), &mut profile.other),
        ]);
        profile.refused = file.refused.map(bracketed);
        profile.failure = file.failure.into();
        if let Some(text) = profile.unusable_text().map(str::to_owned) {
            return Err(Fault::Text { text, why: "must be printable ASCII without quotes and backslashes" });
        }
        Ok((profile, file.timeouts.map(Timeouts::limits).transpose()?))
    })
}

impl From<Failure> for FailureAction {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unknown => Self::Unknown,
            Failure::Pass => Self::Pass,
            Failure::Tempfail => Self::Tempfail,
            Failure::Reject => Self::Reject,
            Failure::Shutdown => Self::Shutdown,
        }
    }
}

impl Timeouts {
    fn limits(self) -> Result<MtaTimeouts, Fault> {
        let end_of_message = self.end_of_message.unwrap_or(self.content);
        if [self.command, self.content, end_of_message].contains(&0) {
            return Err(Fault::Timeout);
        }
        let [command, content, end_of_message] =
            [self.command, self.content, end_of_message].map(|it| Duration::from_secs(it.into()));
        Ok(MtaTimeouts { command, content, end_of_message })
    }
}
