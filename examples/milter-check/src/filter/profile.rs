//! The profile: what the user tells about the program under test.

use std::collections::BTreeMap;
use std::path::Path;

use milter_proto::conformance::{Scenario, filter};
use serde::Deserialize;

use crate::near::meant;
use crate::toml_file::{self, BadProfile, Fault, bracketed};

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

/// Reads the profile of a filter. Its messages must be among those that scenarios send.
pub(crate) fn read(path: Option<&Path>, scenarios: &[Scenario]) -> Result<filter::Profile, BadProfile> {
    toml_file::read(path, |file: File| {
        let mut profile = filter::Profile::default();
        let address = file.client.address.map(|address| address.to_string());
        toml_file::replace([
            (file.client.host, &mut profile.host),
            (address, &mut profile.address),
            (file.client.helo, &mut profile.helo),
        ]);
        file.message.apply(&mut profile.message)?;
        for (name, changes) in file.messages {
            let names = names_of_messages(scenarios);
            if !names.contains(&name.as_str()) {
                let meant = meant(&name, names);
                return Err(Fault::Message { name, meant });
            }
            let mut message = profile.message.clone();
            changes.apply(&mut message)?;
            profile.messages.insert(name, message);
        }
        match profile.unusable_text().map(str::to_owned) {
            Some(text) => Err(Fault::Text { text, why: "contains NUL, which the protocol cannot carry" }),
            None => Ok(profile),
        }
    })
}

/// The names in all steps such as `message edit`.
fn names_of_messages(scenarios: &[Scenario]) -> Vec<&str> {
    let steps = scenarios.iter().flat_map(|scenario| &scenario.steps);
    steps.filter_map(|step| step.text.strip_prefix("message ")).map(str::trim).collect()
}

impl Message {
    fn apply(self, message: &mut filter::ProfileMessage) -> Result<(), Fault> {
        toml_file::replace([(self.sender.map(bracketed), &mut message.sender)]);
        if let Some(recipients) = self.recipients {
            message.recipients = recipients.into_iter().map(bracketed).collect();
        }
        if message.recipients.is_empty() {
            return Err(Fault::NoRecipient);
        }
        if let Some(headers) = self.headers {
            message.headers = headers.into_iter().map(header).collect::<Result<_, _>>()?;
        }
        for line in self.add_headers {
            message.headers.push(header(line)?);
        }
        if let Some(body) = self.body {
            message.body = body.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes();
        }
        Ok(())
    }
}

fn header(line: String) -> Result<(String, String), Fault> {
    match line.split_once(':') {
        Some((name, value)) if !name.is_empty() && !name.contains([' ', '\t', '\n']) => {
            Ok((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()))
        }
        _ => Err(Fault::Header(line)),
    }
}
