//! The profile: what the user tells about the program under test.

use std::collections::BTreeMap;
use std::path::Path;

use milter_proto::conformance::filter;
use serde::Deserialize;

use crate::toml_file::{self, BadProfile, bracketed};

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    client: Client,
    message: Message,
    messages: BTreeMap<String, Message>,
}

/// The SMTP client.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Client {
    host: Option<String>,
    address: Option<core::net::Ipv4Addr>,
    helo: Option<String>,
}

/// A message. What is not given is as in the default message.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Message {
    sender: Option<String>,
    recipients: Option<Vec<String>>,
    headers: Option<Vec<String>>,
    add_headers: Vec<String>,
    body: Option<String>,
}

/// Reads the profile of a filter.
pub(crate) fn read(path: Option<&Path>) -> Result<filter::Profile, BadProfile> {
    let mut profile = filter::Profile::default();
    let Some(path) = path else { return Ok(profile) };
    let file: File = toml_file::read(path)?;
    let fields = [(file.client.host, &mut profile.host), (file.client.helo, &mut profile.helo)];
    for (value, place) in fields {
        if let Some(value) = value {
            *place = clean(path, value)?;
        }
    }
    if let Some(address) = file.client.address {
        profile.address = address.to_string();
    }
    file.message.apply(path, &mut profile.message)?;
    for (name, changes) in file.messages {
        let mut message = profile.message.clone();
        changes.apply(path, &mut message)?;
        profile.messages.insert(name, message);
    }
    Ok(profile)
}

impl Message {
    fn apply(self, path: &Path, message: &mut filter::ProfileMessage) -> Result<(), BadProfile> {
        if let Some(sender) = self.sender {
            message.sender = clean(path, bracketed(sender))?;
        }
        if let Some(recipients) = self.recipients {
            let recipients = recipients.into_iter().map(|it| clean(path, bracketed(it)));
            message.recipients = recipients.collect::<Result<_, _>>()?;
        }
        if let Some(headers) = self.headers {
            message.headers = headers.into_iter().map(|it| header(path, it)).collect::<Result<_, _>>()?;
        }
        for line in self.add_headers {
            message.headers.push(header(path, line)?);
        }
        if let Some(body) = self.body {
            message.body = body.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes();
        }
        Ok(())
    }
}

fn header(path: &Path, line: String) -> Result<(String, String), BadProfile> {
    let line = clean(path, line)?;
    match line.split_once(':') {
        Some((name, value)) if !name.is_empty() && !name.contains([' ', '\t', '\n']) => {
            Ok((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()))
        }
        _ => Err(BadProfile::Header(path.into(), line)),
    }
}

fn clean(path: &Path, text: String) -> Result<String, BadProfile> {
    if text.contains('\0') { Err(BadProfile::Nul(path.into(), text)) } else { Ok(text) }
}
