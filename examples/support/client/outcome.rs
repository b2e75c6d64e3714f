//! What came of a message, for people and as JSON.

use core::fmt::{self, Write as _};

use milter_proto::mta::EditStatus;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Edit, Response, Text, Verdict};
use serde_json::{Value, json};

use crate::support::delivery::Delivery;
use crate::support::failure::Failure;
use crate::support::printable::printable;
use crate::support::rules::name_of;

/// Bytes that the edits of a message may take: a filter is not to decide how much memory an MTA needs.
const MOST: usize = 64 * 1024 * 1024;
/// Bytes that an edit takes besides its frame, whatever is in it.
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
    pub(super) edits: Vec<Value>,
    /// What they take.
    edited: usize,
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
        let (at, reply, refused, edits) = (None, None, Vec::new(), Vec::new());
        Self { ending: Ending::Aborted, at, reply, refused, edits, edited: 0, delivery }
    }

    /// # Errors
    /// [`Failure::Edits`]: it is one too many.
    pub(super) fn note(&mut self, edit: &Edit<'_>, status: EditStatus) -> Result<(), Failure> {
        self.edited = self.edited.saturating_add(Response::Edit(*edit).encode().len()).saturating_add(EACH);
        if self.edited > MOST {
            return Err(Failure::Edits(MOST));
        }
        let mut value = edit_to_json(edit);
        if let Some(value) = value.as_object_mut().filter(|_| status != EditStatus::Negotiated) {
            value.insert("status".to_owned(), format!("{status:?}").into());
        }
        self.edits.push(value);
        Ok(())
    }

    /// One line of ASCII. Texts are bytes: each stands there as the character of its number.
    pub(crate) fn to_json(&self) -> String {
        let outcome = match self.ending {
            Ending::Accepted => "accepted",
            Ending::Refused => "refused",
            Ending::Discarded => "discarded",
            Ending::Aborted => "aborted",
        };
        let delivery = &self.delivery;
        let refused = self.refused.iter();
        let headers = delivery.headers.iter();
        let json = json!({
            "outcome": outcome,
            "at": self.at.and_then(name_of),
            "reply": self.reply.as_deref().map(latin),
            "from": latin(&delivery.from),
            "recipients": delivery.recipients.iter().map(|rcpt| latin(rcpt)).collect::<Vec<_>>(),
            "refused": refused
                .map(|(rcpt, reply)| json!({ "recipient": latin(rcpt), "reply": latin(reply) }))
                .collect::<Vec<_>>(),
            "edits": self.edits,
            "quarantine": delivery.quarantine.as_deref().map(latin),
            "headers": headers.map(|header| [latin(&header.name), latin(&header.value)]).collect::<Vec<_>>(),
            "body": latin(&delivery.body),
            "body_len": delivery.body.len(),
        });
        in_ascii(&json)
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
        Verdict::Reply(reply) => return Some(reply.plain().bytes().collect()),
        Verdict::Shutdown => b"421 4.7.0 Service closing",
        _ => return None,
    };
    Some(fixed.to_vec())
}

fn edit_to_json(edit: &Edit<'_>) -> Value {
    let text = |text: Text<'_>| latin(text.as_bytes());
    let header = |kind: &str, index: Option<u32>, name, value| json!({ "kind": kind, "index": index, "name": text(name), "value": text(value) });
    match *edit {
        Edit::AddHeader { name, value } => header("add-header", None, name, value),
        Edit::InsertHeader { index, name, value } => header("insert-header", Some(index), name, value),
        Edit::ChangeHeader { index, name, value } => header("change-header", Some(index), name, value),
        Edit::ChangeFrom { address, arguments } => {
            json!({ "kind": "change-from", "address": text(address), "arguments": arguments.map(text) })
        }
        Edit::AddRcpt { address } => json!({ "kind": "add-rcpt", "address": text(address) }),
        Edit::AddRcptWithArguments { address, arguments } => {
            json!({ "kind": "add-rcpt-args", "address": text(address), "arguments": arguments.map(text) })
        }
        Edit::DeleteRcpt { address } => json!({ "kind": "delete-rcpt", "address": text(address) }),
        Edit::ReplaceBody { chunk } => json!({ "kind": "replace-body", "len": chunk.len() }),
        Edit::Quarantine { reason } => json!({ "kind": "quarantine", "reason": text(reason) }),
        _ => json!({ "kind": "unknown" }),
    }
}

/// JSON with everything escaped that is no printable ASCII: beyond it there are only strings.
fn in_ascii(json: &Value) -> String {
    let mut out = String::new();
    for character in json.to_string().chars() {
        match character {
            ' '..='~' => out.push(character),
            _ => character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(out, "\\u{unit:04x}")),
        }
    }
    out
}

/// Bytes as the characters of their numbers, from which they can be had again.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
