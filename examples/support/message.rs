//! A message, taken apart into what Milter sends of it.

use std::fs;
use std::path::Path;

use milter_proto::wire::LeadingSpace;

use super::failure::Failure;

const BUNDLED: &[u8] = b"From: Alice Example <alice@sender.example>\r\n\
To: bob@rcpt.example\r\n\
Subject: a message\r\n which is folded\r\n\
Date: Sun, 01 Nov 2026 12:00:00 +0000\r\n\
Message-ID: <1@sender.example>\r\n\
\r\n\
Hello Bob,\r\n\
\r\n\
100 % of this message is bundled.\r\n";

/// Headers, and a body with CRLF as line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Vec<u8>,
}

/// A header as it stands in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) name: Vec<u8>,
    /// What stands behind the colon, leading space included, with LF for folds.
    pub(crate) value: Vec<u8>,
}

impl Message {
    /// Reads a message from a file, or takes the bundled one.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::parse(BUNDLED)) };
        fs::read(path)
            .map(|bytes| Self::parse(&bytes))
            .map_err(|error| Failure::File(path.display().to_string(), error))
    }

    /// Takes a message apart: whatever is no header ends the headers, as both MTAs have it.
    fn parse(bytes: &[u8]) -> Self {
        let mut headers: Vec<Header> = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let end =
                rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at.saturating_add(1));
            let (line, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            match (text, headers.last_mut()) {
                ([], _) => {
                    rest = tail;
                    break;
                }
                ([b' ' | b'\t', ..], Some(header)) => {
                    header.value.push(b'\n');
                    header.value.extend_from_slice(text);
                }
                _ => match Header::parse(text) {
                    Some(header) => headers.push(header),
                    None => break,
                },
            }
            rest = tail;
        }
        Self { headers, body: with_crlf(rest) }
    }
}

impl Header {
    fn parse(line: &[u8]) -> Option<Self> {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = name.trim_ascii_end();
        let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        let value = LeadingSpace::Preserved.encode_value(value.get(1..)?).into_owned();
        is_name.then_some(Self { name: name.to_vec(), value })
    }
}

/// Lines with CRLF at their ends, whatever they had.
pub(crate) fn with_crlf(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) if !text.ends_with(b"\r") => {
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
            _ => out.extend_from_slice(line),
        }
    }
    out
}
