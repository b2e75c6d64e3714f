//! Transcripts: any frame becomes a line and the same frame again, and any text is read without harm.

use milter_proto::transcript::{Entry, Line};
use milter_proto::wire::{Direction, FrameBuf};

/// The bytes are taken as a frame of either direction (a code and a payload), and as a line.
pub fn transcript(data: &[u8]) {
    if let Some((&code, payload)) = data.split_first() {
        for direction in [Direction::ToFilter, Direction::ToMta] {
            of_frame(Entry::new(direction, FrameBuf::new(code, payload.to_vec())));
        }
    }
    of_line(&String::from_utf8_lossy(data));
}

fn of_frame(entry: Entry) {
    let line = entry.to_string();
    assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
    assert_eq!(line.parse().as_ref(), Ok(&entry), "{line}");
    let hidden = Line::new(entry.direction, entry.frame.as_frame()).hiding_content().to_string();
    assert!(hidden.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{hidden}");
}

fn of_line(line: &str) {
    match line.parse::<Entry>() {
        Ok(entry) => of_frame(entry),
        Err(error) => {
            assert!((1..=line.len() + 1).contains(&error.column), "column {} of {line:?}", error.column);
            assert!(error.to_string().is_ascii());
        }
    }
}
