//! What the MTA delivers.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::Delivery;
use super::super::fault::ScenarioFault;
use super::super::tokens::{quoted, word};
use super::profile::Profile;

/// What is looked for in all that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Feature {
    Has(Vec<u8>),
    Lacks(Vec<u8>),
    From(String),
    To(String),
    NotTo(String),
}

impl Feature {
    pub(super) fn read(text: &str) -> Result<Self, ScenarioFault> {
        let (name, rest) = word(text.trim());
        Ok(match name {
            "has" => Self::Has(quoted(rest)?),
            "lacks" => Self::Lacks(quoted(rest)?),
            "from" => Self::From(rest.to_owned()),
            "to" => Self::To(rest.to_owned()),
            "not-to" => Self::NotTo(rest.to_owned()),
            _ => return Err(ScenarioFault::Argument(text.to_owned())),
        })
    }

    /// Whether it shows in what was delivered.
    fn is_in(&self, all: &[Delivered], profile: &Profile) -> bool {
        let contains = |text: &[u8]| {
            let filled = profile.fill(&String::from_utf8_lossy(text)).into_bytes();
            all.iter().any(|it| it.content.windows(filled.len().max(1)).any(|part| part == filled))
        };
        let goes_to = |address: &str| {
            let address = profile.fill(address);
            all.iter().any(|it| it.recipients.contains(&address))
        };
        match self {
            Self::Has(text) => contains(text),
            Self::Lacks(text) => !contains(text),
            Self::From(address) => {
                let address = profile.fill(address);
                all.iter().all(|it| it.sender == address)
            }
            Self::To(address) => goes_to(address),
            Self::NotTo(address) => !goes_to(address),
        }
    }

    /// Whether a later delivery can still make it true.
    pub(super) const fn can_wait(&self) -> bool {
        matches!(self, Self::Has(_) | Self::To(_))
    }
}

/// All that was delivered so far.
#[derive(Debug, Default)]
pub(super) struct Deliveries(Vec<Delivered>);

#[derive(Debug)]
struct Delivered {
    sender: String,
    recipients: Vec<String>,
    content: Vec<u8>,
}

impl Deliveries {
    pub(super) fn push(&mut self, delivery: Delivery<'_>) {
        self.0.push(Delivered {
            sender: delivery.sender.to_owned(),
            recipients: delivery.recipients.iter().map(|&recipient| recipient.to_owned()).collect(),
            content: delivery.content.to_vec(),
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was delivered, unless it has all of these features.
    pub(super) fn fault(&self, features: &[Feature], profile: &Profile) -> Option<String> {
        if features.iter().all(|feature| feature.is_in(&self.0, profile)) {
            return None;
        }
        let all = self.0.iter().map(|it| {
            let content = it.content.get(..it.content.len().min(2000)).unwrap_or_default();
            format!("from {} to {}: \"{}\"", it.sender, it.recipients.join(", "), content.escape_ascii())
        });
        let all = all.collect::<Vec<_>>().join("; ");
        Some(if all.is_empty() { "nothing was delivered".to_owned() } else { all })
    }
}
