//! The byte layout of every message, as one table: what SPEC_NOTES.md prints, and what other languages can read.
//!
//! Codes, names and versions are those of the crate. The fields are written down here, apart from the parser:
//! `captures::layout` decodes frames with this table alone, and compares the result with the parser's.

use milter_proto::order::CommandKind;
use milter_proto::wire::codes::{command, response};
use milter_proto::wire::{Direction, Version, code_name};

/// A message of the protocol.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) direction: Direction,
    pub(crate) code: u8,
    /// What the payload consists of, in this order and without anything in between or after it.
    pub(crate) fields: &'static [Field],
}

/// A field of a payload.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
    /// What the field means and may hold, in words.
    pub(crate) constraint: &'static str,
}

/// How a field is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One byte.
    U8,
    /// Two bytes, big-endian.
    U16,
    /// Four bytes, big-endian.
    U32,
    /// Any number of bytes other than NUL, then a NUL.
    Text,
    /// Any number of texts, up to the end of the payload.
    Texts,
    /// Any number of pairs of texts, name and value, up to the end of the payload.
    Pairs,
    /// Any number of pairs of a `u32`, the stage, and a text, the names, up to the end of the payload.
    MacroLists,
    /// Bytes as they are, up to the end of the payload.
    Bytes,
}

/// When a field is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Always,
    /// Unless the payload ends before it.
    Optional,
    /// Unless the `u8` before it, the address family, is `U`.
    UnlessFamilyU,
}

/// A piece of a payload: a number, a text, or bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// The name of the field. The parts of [`Kind::Pairs`] are `name` and `value`, those of [`Kind::MacroLists`] `stage`
    /// and `names`.
    pub(crate) name: &'static str,
    pub(crate) value: Value<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    U8(u8),
    U16(u16),
    U32(u32),
    /// Without its NUL.
    Text(&'a [u8]),
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The value as it stands in the payload.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::U8(number) => number.to_be_bytes().to_vec(),
            Self::U16(number) => number.to_be_bytes().to_vec(),
            Self::U32(number) => number.to_be_bytes().to_vec(),
            Self::Text(text) => [text, b"\0"].concat(),
            Self::Bytes(bytes) => bytes.to_vec(),
        }
    }
}

impl Kind {
    /// The type, as SPEC_NOTES.md names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::Text => "text",
            Self::Texts => "texts",
            Self::Pairs => "pairs of texts",
            Self::MacroLists => "macro lists",
            Self::Bytes => "bytes",
        }
    }
}

impl Presence {
    /// A note in front of the constraint; empty if the field is always there.
    pub(crate) const fn note(self) -> &'static str {
        match self {
            Self::Always => "",
            Self::Optional => "optional",
            Self::UnlessFamilyU => "absent for family `U`",
        }
    }
}

impl Message {
    /// Finds a message by its code.
    pub(crate) fn find(direction: Direction, code: u8) -> Option<&'static Self> {
        MESSAGES.iter().find(|message| message.direction == direction && message.code == code)
    }

    /// The name without its prefix, such as `MAIL`.
    pub(crate) fn name(&self) -> &'static str {
        code_name(self.code).expect("the table holds codes of the crate")
    }

    /// The name in libmilter/mfdef.h. There is one for OPTNEG, whichever side sends it.
    pub(crate) fn c_name(&self) -> String {
        let is_command = self.direction == Direction::ToFilter || self.code == command::OPTNEG;
        format!("{}{}", if is_command { "SMFIC_" } else { "SMFIR_" }, self.name())
    }

    /// The first version that has the command. The version does not matter to responses.
    pub(crate) fn min_version(&self) -> Option<Version> {
        let is_command = self.direction == Direction::ToFilter;
        is_command.then(|| CommandKind::from_code(self.code).expect("it is a command").min_version())
    }

    /// Divides a payload into its parts; `None` if it does not have this layout.
    pub(crate) fn decode<'a>(&self, payload: &'a [u8]) -> Option<Vec<Part<'a>>> {
        let mut rest = payload;
        let mut parts: Vec<Part<'a>> = Vec::new();
        for field in self.fields {
            let is_absent = match field.presence {
                Presence::Always => false,
                Presence::Optional => rest.is_empty(),
                Presence::UnlessFamilyU => parts.iter().any(|part| part.value == Value::U8(b'U')),
            };
            if is_absent {
                continue;
            }
            let mut push = |name, value| parts.push(Part { name, value });
            match field.kind {
                Kind::U8 => push(field.name, Value::U8(u8::from_be_bytes(number(&mut rest)?))),
                Kind::U16 => push(field.name, Value::U16(u16::from_be_bytes(number(&mut rest)?))),
                Kind::U32 => push(field.name, Value::U32(u32::from_be_bytes(number(&mut rest)?))),
                Kind::Text => push(field.name, Value::Text(text(&mut rest)?)),
                Kind::Texts => {
                    while !rest.is_empty() {
                        push(field.name, Value::Text(text(&mut rest)?));
                    }
                }
                Kind::Pairs => {
                    while !rest.is_empty() {
                        push("name", Value::Text(text(&mut rest)?));
                        push("value", Value::Text(text(&mut rest)?));
                    }
                }
                Kind::MacroLists => {
                    while !rest.is_empty() {
                        push("stage", Value::U32(u32::from_be_bytes(number(&mut rest)?)));
                        push("names", Value::Text(text(&mut rest)?));
                    }
                }
                Kind::Bytes => push(field.name, Value::Bytes(core::mem::take(&mut rest))),
            }
        }
        rest.is_empty().then_some(parts)
    }
}

fn number<const SIZE: usize>(rest: &mut &[u8]) -> Option<[u8; SIZE]> {
    let (number, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*number)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|&byte| byte == 0)?;
    let (text, tail) = (&rest[..end], &rest[end + 1..]);
    *rest = tail;
    Some(text)
}

const fn field(name: &'static str, kind: Kind, constraint: &'static str) -> Field {
    Field { name, kind, presence: Presence::Always, constraint }
}

const fn to_filter(code: u8, fields: &'static [Field]) -> Message {
    Message { direction: Direction::ToFilter, code, fields }
}

const fn to_mta(code: u8, fields: &'static [Field]) -> Message {
    Message { direction: Direction::ToMta, code, fields }
}

const HEADER_NAME: Field = field("name", Kind::Text, "at least one byte");
const HEADER_VALUE: Field =
    field("value", Kind::Text, "perhaps empty; the lines of a folded value are separated by LF");
const RECIPIENT: Field = field("address", Kind::Text, "at least one byte; brackets are optional");
const ARGUMENTS: Field = Field {
    presence: Presence::Optional,
    ..field("arguments", Kind::Text, "all ESMTP arguments, separated by blanks")
};
const CHUNK: &str = "at most 65,535 bytes, unless a larger data size was negotiated; line ends are CRLF";

/// Every message: the commands, then the responses, each in the order of a session as far as there is one.
pub(crate) const MESSAGES: [Message; 36] = [
    to_filter(
        command::OPTNEG,
        &[
            field("version", Kind::U32, "the highest version of the MTA; 2 or more"),
            field("actions", Kind::U32, "`SMFIF_` bits: the edits that the filter may request"),
            field("steps", Kind::U32, "`SMFIP_` bits: the protocol options that the filter may request"),
        ],
    ),
    to_filter(
        command::MACRO,
        &[
            field("stage", Kind::U8, "the code of the command that the macros belong to"),
            field("macros", Kind::Pairs, "name and value of each macro; perhaps none"),
        ],
    ),
    to_filter(
        command::CONNECT,
        &[
            field("host", Kind::Text, "the verified host name of the client, or its address in brackets"),
            field("family", Kind::U8, "`4` IPv4, `6` IPv6, `L` unix-domain socket, `U` unknown"),
            Field {
                presence: Presence::UnlessFamilyU,
                ..field("port", Kind::U16, "the client's port; 0 for family `L`")
            },
            Field {
                presence: Presence::UnlessFamilyU,
                ..field(
                    "address",
                    Kind::Text,
                    "the IP address as text; for family `L` the path, perhaps empty",
                )
            },
        ],
    ),
    to_filter(
        command::HELO,
        &[field("name", Kind::Text, "the argument of HELO or EHLO, up to its first blank")],
    ),
    to_filter(
        command::MAIL,
        &[
            field("address", Kind::Text, "the sender as the client wrote it; `<>` is the null sender"),
            field("arguments", Kind::Texts, "one text for each ESMTP argument; perhaps none"),
        ],
    ),
    to_filter(
        command::RCPT,
        &[
            field("address", Kind::Text, "the recipient as the client wrote it"),
            field("arguments", Kind::Texts, "one text for each ESMTP argument; perhaps none"),
        ],
    ),
    to_filter(command::DATA, &[]),
    to_filter(command::HEADER, &[HEADER_NAME, HEADER_VALUE]),
    to_filter(command::EOH, &[]),
    to_filter(
        command::BODY,
        &[field(
            "chunk",
            Kind::Bytes,
            "at least one byte; at most 65,535, unless a larger data size was negotiated; line ends are CRLF",
        )],
    ),
    to_filter(
        command::BODYEOB,
        &[field(
            "chunk",
            Kind::Bytes,
            "empty from Sendmail and Postfix; otherwise the last chunk of the body",
        )],
    ),
    to_filter(
        command::UNKNOWN,
        &[field("line", Kind::Text, "the SMTP command without its line end; perhaps empty")],
    ),
    to_filter(command::ABORT, &[]),
    to_filter(command::QUIT, &[]),
    to_filter(command::QUIT_NC, &[]),
    to_mta(
        response::OPTNEG,
        &[
            field("version", Kind::U32, "the version that applies; at most that of the offer"),
            field("actions", Kind::U32, "`SMFIF_` bits: the edits that the filter may make"),
            field("steps", Kind::U32, "`SMFIP_` bits: the protocol options that apply"),
            field(
                "macro lists",
                Kind::MacroLists,
                "stage (`SMFIM_`, 0 to 6), and the names of macros, separated by blanks; perhaps none",
            ),
        ],
    ),
    to_mta(response::CONTINUE, &[]),
    to_mta(response::ACCEPT, &[]),
    to_mta(response::REJECT, &[]),
    to_mta(response::TEMPFAIL, &[]),
    to_mta(response::DISCARD, &[]),
    to_mta(response::SKIP, &[]),
    to_mta(
        response::REPLYCODE,
        &[field("reply", Kind::Text, "one SMTP reply, 4xx or 5xx; its lines are separated by CRLF")],
    ),
    to_mta(response::SHUTDOWN, &[]),
    to_mta(response::CONN_FAIL, &[]),
    to_mta(response::PROGRESS, &[]),
    to_mta(response::ADDHEADER, &[HEADER_NAME, HEADER_VALUE]),
    to_mta(
        response::INSHEADER,
        &[
            field("index", Kind::U32, "0 to 2,147,483,647: the number of headers above the new one"),
            HEADER_NAME,
            HEADER_VALUE,
        ],
    ),
    to_mta(
        response::CHGHEADER,
        &[
            field(
                "index",
                Kind::U32,
                "0 to 2,147,483,647: counts the headers of this name from 1; 0 means 1",
            ),
            HEADER_NAME,
            field("value", Kind::Text, "empty to delete the header; otherwise as in ADDHEADER"),
        ],
    ),
    to_mta(
        response::CHGFROM,
        &[field("address", Kind::Text, "the new sender; `<>` is the null sender"), ARGUMENTS],
    ),
    to_mta(response::ADDRCPT, &[RECIPIENT]),
    to_mta(response::ADDRCPT_PAR, &[RECIPIENT, ARGUMENTS]),
    to_mta(response::DELRCPT, &[RECIPIENT]),
    to_mta(response::REPLBODY, &[field("chunk", Kind::Bytes, CHUNK)]),
    to_mta(response::QUARANTINE, &[field("reason", Kind::Text, "for the operator; it should not be empty")]),
    to_mta(response::SETSYMLIST, &[field("payload", Kind::Bytes, "not defined; the message is reserved")]),
];
