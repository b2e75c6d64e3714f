//! Streams that were recorded: the MTA's side of every capture.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use crate::stream::{End, Stream};

/// A line of a capture, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Record {
    dir: Option<String>,
    hex: Option<String>,
}

/// Reads every capture under a folder: its name, and what the MTA wrote, in the pieces that were read.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Vec<(String, Stream)>> {
    let mut streams = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            streams.extend(read(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            let stream = read_one(&path).with_context(|| path.display().to_string())?;
            streams.push((path.display().to_string(), stream));
        }
    }
    streams.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(streams)
}

fn read_one(path: &Path) -> anyhow::Result<Stream> {
    let text = fs::read_to_string(path)?;
    let mut stream = Stream { bytes: Vec::new(), cuts: Vec::new(), end: End::Half };
    for line in text.lines() {
        let record: Record = serde_json::from_str(line)?;
        if let (Some("mta"), Some(hex)) = (record.dir.as_deref(), record.hex) {
            let bytes = hex::decode(hex)?;
            stream.cuts.push(bytes.len());
            stream.bytes.extend(bytes);
        }
    }
    Ok(stream)
}
