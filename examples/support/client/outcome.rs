//! What came of a message, for people and as JSON.

use core::fmt;
use std::io::{self, BufWriter, Write, stdout};

use milter_proto::message::{AnswerReason, Chain, ChainAnswer, EditOutcome, Message};
use milter_proto::mta::EditStatus;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Edit, LeadingSpace, Text};

use crate::support::printable::printable;
use crate::support::rules::name_of;
use crate::support::spec::Spec;

/// How a message came through.
pub(crate) struct Outcome<'c> {
    pub(super) ending: Ending,
    /// The command whose verdict decided.
    pub(super) at: Option<CommandKind>,
    /// Why the answer of the chain is what it is.
    pub(super) reason: AnswerReason,
    /// The filter that refused or discarded the message.
    pub(super) by: Option<usize>,
    /// The reply to the SMTP client, if the message is refused.
    pub(super) reply: Option<Vec<u8>>,
    pub(super) refused: &'c [Refused<'c>],
    pub(super) message: &'c Message<'c>,
    pub(super) chain: &'c Chain<'c>,
    pub(super) filters: &'c [Spec],
    /// The message is in a file, and only its envelope is shown to people.
    pub(super) is_in_file: bool,
}

/// A recipient that was refused, and the reply to the SMTP client.
pub(super) struct Refused<'c> {
    pub(super) recipient: Text<'c>,
    pub(super) reply: Vec<u8>,
}

/// An edit, whether it counts, and what came of it.
struct Seen<'c> {
    edit: Edit<'c>,
    status: EditStatus,
    outcome: Option<EditOutcome>,
    /// The filter, if there are several.
    filter: Option<usize>,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Accepted,
    Refused,
    /// All recipients were refused.
    Undeliverable,
    Discarded,
    /// The client gave it up.
    Aborted,
}

impl Ending {
    /// Whether a verdict on the message decided.
    pub(super) const fn is_by_verdict(self) -> bool {
        matches!(self, Self::Accepted | Self::Refused | Self::Discarded)
    }
}

impl Outcome<'_> {
    /// Prints it, for people or as one line of JSON. A reader that has gone is no error.
    pub(crate) fn show(&self, as_json: bool) {
        let mut out = BufWriter::new(stdout().lock());
        let written = if as_json { self.write_json(&mut out) } else { writeln!(out, "{self}") };
        let _ = written.and_then(|()| out.flush());
    }

    /// The edits of all filters.
    fn edits(&self) -> impl Iterator<Item = Seen<'_>> {
        let count = self.filters.len();
        (0..count).flat_map(move |number| {
            let filter = (count > 1).then_some(number);
            let seen = move |(edit, status, outcome)| Seen { edit, status, outcome, filter };
            self.chain.edits(number).map(seen)
        })
    }

    /// Writes one line of ASCII without building it in memory. A byte of a text becomes the character with its number.
    fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let outcome = match self.ending {
            Ending::Accepted => "accepted",
            Ending::Refused | Ending::Undeliverable => "refused",
            Ending::Discarded => "discarded",
            Ending::Aborted => "aborted",
        };
        let message = self.message;
        write!(out, "{{\"outcome\":\"{outcome}\",\"at\":")?;
        write_string(out, self.at.and_then(name_of).map(str::as_bytes))?;
        if let (Some(by), 2..) = (self.by, self.filters.len()) {
            write!(out, ",\"by\":{}", by.saturating_add(1))?;
        }
        for (name, text) in [
            ("reply", self.reply.as_deref()),
            ("from", Some(message.sender().address().as_bytes())),
            ("quarantine", message.quarantine()),
        ] {
            write!(out, ",\"{name}\":")?;
            write_string(out, text)?;
        }
        out.write_all(b",\"recipients\":[")?;
        write_list(out, message.recipients(), |out, to| write_string(out, Some(to.address().as_bytes())))?;
        out.write_all(b"],\"refused\":[")?;
        write_list(out, self.refused, |out, Refused { recipient, reply }| {
            out.write_all(b"{\"recipient\":")?;
            write_string(out, Some(recipient.as_bytes()))?;
            out.write_all(b",\"reply\":")?;
            write_string(out, Some(reply))?;
            out.write_all(b"}")
        })?;
        out.write_all(b"],\"edits\":[")?;
        write_list(out, self.edits(), |out, seen| write_edit(out, &seen))?;
        out.write_all(b"],\"headers\":[")?;
        write_list(out, message.headers(), |out, header| {
            let value = LeadingSpace::Preserved.encode_value(header.value());
            out.write_all(b"[")?;
            write_list(out, [header.name(), &value], |out, text| write_string(out, Some(text)))?;
            out.write_all(b"]")
        })?;
        out.write_all(b"],\"body\":")?;
        write_string(out, Some(message.body()))?;
        writeln!(out, ",\"body_len\":{}}}", message.body().len())
    }

    /// The envelope and the message as they would be delivered, in [`printable`] lines. A long body is cut.
    fn write_message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 2000;
        let message = self.message;
        let is_done = |seen: &Seen<'_>| seen.outcome.is_some_and(|outcome| outcome.effect.is_some());
        writeln!(f, "# edits: {}; to be delivered:", self.edits().filter(is_done).count())?;
        for seen in self.edits() {
            if let Some(reason) = seen.outcome.and_then(|outcome| outcome.ignored) {
                let kind = Parts::new(&seen.edit).kind;
                writeln!(f, "# ignored{}: {kind} ({reason:?})", By(seen.filter))?;
            }
        }
        write!(f, "# from {}", message.sender().address().as_bytes().escape_ascii())?;
        for recipient in message.recipients() {
            write!(f, "\n# to {}", recipient.address().as_bytes().escape_ascii())?;
        }
        if let Some(reason) = message.quarantine() {
            write!(f, "\n# to be held: {}", reason.escape_ascii())?;
        }
        if self.is_in_file {
            return Ok(());
        }
        writeln!(f)?;
        for header in message.headers() {
            f.write_str("\n")?;
            if !header.name().is_empty() {
                write!(f, "{}:", header.name().escape_ascii())?;
            }
            lines(f, header.value())?;
        }
        writeln!(f, "\n")?;
        let body = message.body();
        let shown = body.get(..SHOWN).unwrap_or(body);
        lines(f, shown)?;
        match body.len().saturating_sub(shown.len()) {
            0 => Ok(()),
            more => write!(f, "... and {more} bytes more"),
        }
    }
}

/// The reply to the SMTP client, and the message as it would be delivered.
impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Refused { recipient, reply } in self.refused {
            let recipient = recipient.as_bytes().escape_ascii();
            writeln!(f, "# the recipient {recipient} is refused: {}", printable(reply))?;
        }
        let by = By(self.by.filter(|_| self.filters.len() > 1));
        let reply = self.reply.as_deref().map(printable).unwrap_or_default();
        match self.ending {
            Ending::Accepted => self.write_message(f),
            Ending::Discarded => write!(f, "# accepted from the client, and thrown away{by}"),
            Ending::Aborted => f.write_str("# given up by the client"),
            Ending::Undeliverable => f.write_str("# refused: no recipient is left"),
            Ending::Refused => match (self.reason, self.at) {
                (AnswerReason::Failure, _) => write!(f, "# refused, because a filter failed{by}: {reply}"),
                (AnswerReason::Edits(error), _) => write!(f, "# refused, because {error}{by}: {reply}"),
                (AnswerReason::NotSendable(error), _) => write!(f, "# refused, because {error}{by}: {reply}"),
                (_, Some(at)) => write!(f, "# refused at {at}{by}: {reply}"),
                (_, None) => write!(f, "# refused{by}: {reply}"),
            },
        }
    }
}

/// The filter that did something, if there are several.
struct By(Option<usize>);

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |filter| write!(f, " (filter {})", filter.saturating_add(1)))
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

/// The reply to the SMTP client where a verdict refuses.
pub(super) fn reply_to(answer: &ChainAnswer) -> Option<Vec<u8>> {
    answer.smtp_reply().map(|reply| reply.unescaped().bytes().collect())
}

/// Writes an edit, with the number of its filter if there are several.
fn write_edit(out: &mut impl Write, seen: &Seen<'_>) -> io::Result<()> {
    let Parts { kind, index, texts } = Parts::new(&seen.edit);
    write!(out, "{{\"kind\":\"{kind}\"")?;
    if let Some(index) = index {
        write!(out, ",\"index\":{index}")?;
    }
    for (name, text) in texts.into_iter().flatten() {
        write!(out, ",\"{name}\":")?;
        write_string(out, Some(text.as_bytes()))?;
    }
    if let Edit::ReplaceBody { chunk } = seen.edit {
        write!(out, ",\"len\":{}", chunk.len())?;
    }
    if seen.status != EditStatus::Negotiated {
        write!(out, ",\"status\":\"{:?}\"", seen.status)?;
    }
    if let Some(reason) = seen.outcome.and_then(|outcome| outcome.ignored) {
        write!(out, ",\"ignored\":\"{reason:?}\"")?;
    }
    if let Some(filter) = seen.filter {
        write!(out, ",\"filter\":{}", filter.saturating_add(1))?;
    }
    out.write_all(b"}")
}

/// The name, the index and the texts of an edit.
struct Parts<'e> {
    kind: &'static str,
    index: Option<u32>,
    texts: [Option<(&'static str, Text<'e>)>; 2],
}

impl<'e> Parts<'e> {
    fn new(edit: &Edit<'e>) -> Self {
        let (kind, index, texts) = match *edit {
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
            Edit::AddRcptWithArguments { address, arguments } => (
                "add-rcpt-args",
                None,
                [Some(("address", address)), arguments.map(|text| ("arguments", text))],
            ),
            Edit::DeleteRcpt { address } => ("delete-rcpt", None, [Some(("address", address)), None]),
            Edit::ReplaceBody { .. } => ("replace-body", None, [None, None]),
            Edit::Quarantine { reason } => ("quarantine", None, [Some(("reason", reason)), None]),
            _ => ("unknown", None, [None, None]),
        };
        Self { kind, index, texts }
    }
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
