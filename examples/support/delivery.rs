//! What becomes of a message: envelope, headers and body, after the edits of a filter.

use core::fmt;
use std::borrow::Cow;

use milter_proto::wire::{Edit, LeadingSpace};

use super::message::{Header, Message};
use super::printable::printable;

/// A message on its way, as the MTA has it.
#[derive(Clone, Debug)]
pub(crate) struct Delivery<'m> {
    pub(crate) from: Vec<u8>,
    pub(crate) recipients: Vec<Vec<u8>>,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Cow<'m, [u8]>,
    /// Chunks of a new body have come.
    is_replaced: bool,
    pub(crate) quarantine: Option<Vec<u8>>,
    edits: usize,
}

impl<'m> Delivery<'m> {
    pub(crate) fn new(message: &'m Message, from: &str, recipients: &[String]) -> Self {
        Self {
            from: from.as_bytes().to_vec(),
            recipients: recipients.iter().map(|address| address.as_bytes().to_vec()).collect(),
            headers: message.headers.clone(),
            body: Cow::Borrowed(&message.body),
            is_replaced: false,
            quarantine: None,
            edits: 0,
        }
    }

    /// Forgets a recipient that was refused.
    pub(crate) fn refuse(&mut self, recipient: &[u8]) {
        self.recipients.retain(|address| address != recipient);
    }

    /// Applies an edit as Postfix does, for a message to which the MTA has added no header of its own.
    pub(crate) fn apply(&mut self, edit: &Edit<'_>, space: LeadingSpace) {
        self.edits = self.edits.saturating_add(1);
        let header = |name: &[u8], value: &[u8]| Header {
            name: name.to_vec(),
            value: [space.before(), value].concat(),
        };
        match *edit {
            Edit::AddHeader { name, value } => self.headers.push(header(name.as_bytes(), value.as_bytes())),
            Edit::InsertHeader { index, name, value } => {
                let at = usize::try_from(index).unwrap_or(usize::MAX).min(self.headers.len());
                self.headers.insert(at, header(name.as_bytes(), value.as_bytes()));
            }
            Edit::ChangeHeader { index, name, value } => {
                let new = header(name.as_bytes(), value.as_bytes());
                let is_named = |header: &Header| header.name.eq_ignore_ascii_case(name.as_bytes());
                let nth = usize::try_from(index.max(1)).unwrap_or(usize::MAX).saturating_sub(1);
                let found = self.headers.iter().enumerate().filter(|(_, header)| is_named(header)).nth(nth);
                match (found.map(|(at, _)| at), value.is_empty()) {
                    (Some(at), true) => drop(self.headers.remove(at)),
                    (Some(at), false) => {
                        self.headers.iter_mut().skip(at).take(1).for_each(|old| *old = new.clone())
                    }
                    (None, true) => {}
                    (None, false) => self.headers.push(new),
                }
            }
            Edit::ChangeFrom { address, .. } => self.from = address.as_bytes().to_vec(),
            Edit::AddRcpt { address } | Edit::AddRcptWithArguments { address, .. } => {
                self.recipients.push(address.as_bytes().to_vec());
            }
            Edit::DeleteRcpt { address } => self.refuse(address.as_bytes()),
            Edit::ReplaceBody { chunk } => {
                if !core::mem::replace(&mut self.is_replaced, true) {
                    self.body = Cow::default();
                }
                self.body.to_mut().extend_from_slice(chunk);
            }
            Edit::Quarantine { reason } => self.quarantine = Some(reason.as_bytes().to_vec()),
            _ => {}
        }
    }
}

/// The envelope, and the message as it would be delivered, in [`printable`] lines. A long body is cut.
impl fmt::Display for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 2000;
        writeln!(f, "# edits: {}; to be delivered:", self.edits)?;
        writeln!(f, "# from {}", self.from.escape_ascii())?;
        for recipient in &self.recipients {
            writeln!(f, "# to {}", recipient.escape_ascii())?;
        }
        if let Some(reason) = &self.quarantine {
            writeln!(f, "# to be held: {}", reason.escape_ascii())?;
        }
        for header in &self.headers {
            let value = LeadingSpace::Preserved.decode_value(&header.value);
            write!(f, "\n{}:", header.name.escape_ascii())?;
            lines(f, &value)?;
        }
        writeln!(f, "\n")?;
        let shown = self.body.get(..SHOWN).unwrap_or(&self.body);
        lines(f, shown)?;
        match self.body.len().saturating_sub(shown.len()) {
            0 => Ok(()),
            more => write!(f, "... and {more} bytes more"),
        }
    }
}

fn lines(f: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => writeln!(f, "{}", printable(line))?,
            None => write!(f, "{}", printable(line))?,
        }
    }
    Ok(())
}
