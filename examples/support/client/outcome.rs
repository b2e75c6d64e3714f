//! What came of a message, for people and as JSON.

use core::fmt;
use std::io::{self, BufWriter, Write, stdout};

use milter_proto::mta::EditStatus;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Assembler, Edit, Response, Text, Tolerance, Verdict};

use crate::support::delivery::Delivery;
use crate::support::failure::Failure;
use crate::support::printable::printable;
use crate::support::rules::name_of;

/// Bytes that the edits of a message may take: a filter is not to decide how much memory an MTA needs.
const MOST: usize = 64 * 1024 * 1024;
/// Bytes to count for an edit besides its frame: it may become a header of the message.
const EACH: usize = 512;

/// How a message came through.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<'m> {
    pub(super) ending: Ending,
    /// The command whose verdict decided.
    pub(super) at: Option<CommandKind>,
    /// What the client is told, if the message is refused.
    pub(super) reply: Option<Vec<u8>>,
    /// Recipients that were refused, and what the client was told.
    pub(super) refused: Vec<(Vec<u8>, Vec<u8>)>,
    /// The edits, as frames in a row.
    edits: Vec<u8>,
    statuses: Vec<EditStatus>,
    pub(super) delivery: Delivery<'m>,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Accepted,
    Refused,
    Discarded,
    /// The client gave it up.
    Aborted,
}

impl<'m> Outcome<'m> {
    pub(super) fn new(delivery: Delivery<'m>) -> Self {
        let (at, reply, refused, edits, statuses) = (None, None, Vec::new(), Vec::new(), Vec::new());
        Self { ending: Ending::Aborted, at, reply, refused, edits, statuses, delivery }
    }

    /// # Errors
    /// [`Failure::Edits`]: it is one too many.
    pub(super) fn note(&mut self, edit: &Edit<'_>, status: EditStatus) -> Result<(), Failure> {
        let frame = Response::Edit(*edit).encode();
        let taken =
            self.statuses.len().saturating_add(1).saturating_mul(EACH).saturating_add(self.edits.len());
        if taken.saturating_add(frame.len()) > MOST {
            return Err(Failure::Edits(MOST));
        }
        frame.append_to(&mut self.edits);
        self.statuses.push(status);
        Ok(())
    }

    /// Prints it, for people or as one line of JSON. A reader that has gone is no error.
    pub(crate) fn show(&self, as_json: bool) {
        let mut out = BufWriter::new(stdout().lock());
        let written = if as_json { self.write_json(&mut out) } else { writeln!(out, "{self}") };
        let _ = written.and_then(|()| out.flush());
    }

    /// Writes one line of ASCII without building it in memory. A byte of a text becomes the character with its number.
    fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let outcome = match self.ending {
            Ending::Accepted => "accepted",
            Ending::Refused => "refused",
            Ending::Discarded => "discarded",
            Ending::Aborted => "aborted",
        };
        let delivery = &self.delivery;
        write!(out, "{{\"outcome\":\"{outcome}\",\"at\":")?;
        write_string(out, self.at.and_then(name_of).map(str::as_bytes))?;
        for (name, text) in [
            ("reply", self.reply.as_deref()),
            ("from", Some(&*delivery.from)),
            ("quarantine", delivery.quarantine.as_deref()),
        ] {
            write!(out, ",\"{name}\":")?;
            write_string(out, text)?;
        }
        out.write_all(b",\"recipients\":[")?;
        write_list(out, &delivery.recipients, |out, recipient| write_string(out, Some(recipient)))?;
        out.write_all(b"],\"refused\":[")?;
        write_list(out, &self.refused, |out, (recipient, reply)| {
            out.write_all(b"{\"recipient\":")?;
            write_string(out, Some(recipient))?;
            out.write_all(b",\"reply\":")?;
            write_string(out, Some(reply))?;
            out.write_all(b"}")
        })?;
        out.write_all(b"],\"edits\":[")?;
        self.write_edits(out)?;
        out.write_all(b"],\"headers\":[")?;
        write_list(out, &delivery.headers, |out, header| {
            out.write_all(b"[")?;
            write_list(out, [&header.name, &header.value], |out, text| write_string(out, Some(text)))?;
            out.write_all(b"]")
        })?;
        out.write_all(b"],\"body\":")?;
        write_string(out, Some(&delivery.body))?;
        writeln!(out, ",\"body_len\":{}}}", delivery.body.len())
    }

    fn write_edits(&self, out: &mut impl Write) -> io::Result<()> {
        let mut assembler = Assembler::new(Vec::new());
        let mut frames = &*self.edits;
        for (at, status) in self.statuses.iter().enumerate() {
            // They were read once, so that they can be read again.
            let Ok(Some(frame)) = assembler.next_frame(&mut frames) else { break };
            if at > 0 {
                out.write_all(b",")?;
            }
            match Response::parse_as(frame, Tolerance::LENIENT).map(|decoded| decoded.value) {
                Ok(Response::Edit(edit)) => write_edit(out, &edit, *status)?,
                _ => out.write_all(b"null")?,
            }
        }
        Ok(())
    }
}

/// What the client is told, and the message as it would be delivered.
impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (recipient, reply) in &self.refused {
            writeln!(f, "# the recipient {} is refused: {}", recipient.escape_ascii(), printable(reply))?;
        }
        match (self.ending, &self.reply, self.at) {
            (Ending::Accepted, ..) => self.delivery.fmt(f),
            (Ending::Discarded, ..) => f.write_str("# accepted from the client, and thrown away"),
            (Ending::Aborted, ..) => f.write_str("# given up by the client"),
            (Ending::Refused, Some(reply), Some(at)) => {
                write!(f, "# refused at {at}: {}", printable(reply))
            }
            (Ending::Refused, ..) => f.write_str("# refused: no recipient is left"),
        }
    }
}

/// What the client is told where a verdict refuses.
pub(super) fn reply_to(verdict: &Verdict<'_>) -> Option<Vec<u8>> {
    let fixed: &[u8] = match verdict {
        Verdict::Reject => b"550 5.7.1 Command rejected",
        Verdict::Tempfail => b"451 4.7.1 Service unavailable - try again later",
        Verdict::Reply(reply) => return Some(reply.unescaped().bytes().collect()),
        Verdict::Shutdown => b"421 4.7.0 Service closing",
        _ => return None,
    };
    Some(fixed.to_vec())
}

fn write_edit(out: &mut impl Write, edit: &Edit<'_>, status: EditStatus) -> io::Result<()> {
    let (kind, index, texts): (_, _, [Option<(&str, Text<'_>)>; 2]) = match *edit {
        Edit::AddHeader { name, value } => {
            ("add-header", None, [Some(("name", name)), Some(("value", value))])
        }
        Edit::InsertHeader { index, name, value } => {
            ("insert-header", Some(index), [Some(("name", name)), Some(("value", value))])
        }
        Edit::ChangeHeader { index, name, value } => {
            ("change-header", Some(index), [Some(("name", name)), Some(("value", value))])
        }
        Edit::ChangeFrom { address, arguments } => {
            ("change-from", None, [Some(("address", address)), arguments.map(|text| ("arguments", text))])
        }
        Edit::AddRcpt { address } => ("add-rcpt", None, [Some(("address", address)), None]),
        Edit::AddRcptWithArguments { address, arguments } => {
            ("add-rcpt-args", None, [Some(("address", address)), arguments.map(|text| ("arguments", text))])
        }
        Edit::DeleteRcpt { address } => ("delete-rcpt", None, [Some(("address", address)), None]),
        Edit::ReplaceBody { .. } => ("replace-body", None, [None, None]),
        Edit::Quarantine { reason } => ("quarantine", None, [Some(("reason", reason)), None]),
        _ => ("unknown", None, [None, None]),
    };
    write!(out, "{{\"kind\":\"{kind}\"")?;
    if let Some(index) = index {
        write!(out, ",\"index\":{index}")?;
    }
    for (name, text) in texts.into_iter().flatten() {
        write!(out, ",\"{name}\":")?;
        write_string(out, Some(text.as_bytes()))?;
    }
    if let Edit::ReplaceBody { chunk } = edit {
        write!(out, ",\"len\":{}", chunk.len())?;
    }
    if status != EditStatus::Negotiated {
        write!(out, ",\"status\":\"{status:?}\"")?;
    }
    out.write_all(b"}")
}

/// Writes the items of a list, with commas between them.
fn write_list<W: Write, T>(
    out: &mut W,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut W, T) -> io::Result<()>,
) -> io::Result<()> {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        write(out, item)?;
    }
    Ok(())
}

/// Writes a JSON string: each byte as the character with its number, escaped unless it is visible ASCII.
fn write_string(out: &mut impl Write, text: Option<&[u8]>) -> io::Result<()> {
    let Some(text) = text else { return out.write_all(b"null") };
    out.write_all(b"\"")?;
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.write_all(&[b'\\', byte])?,
            b' '..=b'~' => out.write_all(&[byte])?,
            _ => write!(out, "\\u{byte:04x}")?,
        }
    }
    out.write_all(b"\"")
}
