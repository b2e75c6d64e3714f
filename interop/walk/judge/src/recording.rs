//! A recorded session: JSON Lines, as tests/captures/README.md describes them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use milter_proto::Limits;
use milter_proto::wire::{Assembler, Direction, FrameBuf};
use serde::Deserialize;

/// Larger frames than any MTA was offered: what is over the limit is for the sessions to judge.
const LIMITS: Limits = Limits::DEFAULT.with_max_receive_payload(2 << 20);

/// The first line.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Header {
    /// Name and version of the MTA.
    pub(crate) mta: String,
}

/// Who sent a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Mta,
    Filter,
}

impl Side {
    pub(crate) const fn direction(self) -> Direction {
        match self {
            Self::Mta => Direction::ToFilter,
            Self::Filter => Direction::ToMta,
        }
    }
}

/// Every other line: bytes that one side sent, or the end of what it sends.
#[derive(Debug, Deserialize)]
struct Line {
    dir: Side,
    hex: Option<String>,
}

/// A session that was recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    /// The frames of both sides, in the order in which they passed.
    pub(crate) frames: Vec<(Side, FrameBuf)>,
}

impl Recording {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut lines = text.lines();
        let first = lines.next().with_context(|| format!("{} is empty", path.display()))?;
        let header = serde_json::from_str(first).with_context(|| path.display().to_string())?;
        let mut assemblers = [(); 2].map(|()| Assembler::with_limits(Vec::new(), LIMITS));
        let [mta, filter] = &mut assemblers;
        let mut frames = Vec::new();
        for line in lines {
            let line: Line = serde_json::from_str(line).with_context(|| path.display().to_string())?;
            let bytes = hex::decode(line.hex.unwrap_or_default())?;
            let assembler = if line.dir == Side::Mta { &mut *mta } else { &mut *filter };
            let mut input = bytes.as_slice();
            while let Some(frame) = assembler.next_frame(&mut input)? {
                frames.push((line.dir, FrameBuf::from(frame)));
            }
        }
        Ok(Self { path: path.to_owned(), header, frames })
    }

    /// Whether there is a MAIL in it, or MACRO for MAIL.
    pub(crate) fn shows_mail(&self) -> bool {
        self.frames.iter().any(|(side, frame)| {
            let frame = frame.as_frame();
            *side == Side::Mta
                && (frame.code() == b'M' || frame.code() == b'D' && frame.payload().starts_with(b"M"))
        })
    }

    /// The session as a line of codes: `T<c` is DATA and the answer CONTINUE. MACRO is left out, and so is all but
    /// the first of many in a row. `!` stands before the frame of that index.
    pub(crate) fn codes(&self, marked: Option<usize>) -> String {
        let mut words: Vec<String> = Vec::new();
        for (index, (side, frame)) in self.frames.iter().enumerate() {
            let code = char::from(frame.as_frame().code());
            let mark = if marked == Some(index) { "!" } else { "" };
            match (side, words.last_mut()) {
                (Side::Filter, Some(word)) => word.push_str(&format!("<{mark}{code}")),
                (Side::Mta, _) if code == 'D' && mark.is_empty() => {}
                _ => words.push(format!("{mark}{code}")),
            }
        }
        let mut shortened: Vec<String> = Vec::new();
        for word in words {
            match shortened.last_mut() {
                Some(last) if last.trim_end_matches('…') == word => {
                    if !last.ends_with('…') {
                        last.push('…');
                    }
                }
                _ => shortened.push(word),
            }
        }
        shortened.join(" ")
    }
}

/// The recordings in a folder and below it, or the one of that name.
pub(crate) fn find(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        if !path.exists() {
            bail!("{} does not exist", path.display());
        }
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(find(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
