//! The replies of an MTA, and of a sink: lines of SMTP.

use std::io::{BufRead, BufReader, Read};

/// The longest line that is read, and the most lines of a reply.
const MOST: u64 = 65_536;

/// Reads lines from a connection.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    source: BufReader<R>,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source: BufReader::new(source) }
    }

    /// The next line with its line end; `None` at the end of the stream.
    pub(crate) fn next_line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        match (&mut self.source).take(MOST).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line),
        }
    }

    /// The next reply: all lines, with LF between them. What is malformed is a reply of one line.
    pub(crate) fn next_reply(&mut self) -> Option<String> {
        let mut lines: Vec<String> = Vec::new();
        loop {
            let Some(line) = self.next_line() else {
                return (!lines.is_empty()).then(|| lines.join("\n"));
            };
            let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            let has_more = line.as_bytes().get(3) == Some(&b'-');
            lines.push(line);
            if !has_more || lines.len() > 1000 {
                return Some(lines.join("\n"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn a_reply_has_all_its_lines() {
        let mut lines = Lines::new(&b"250-one\r\n250-two\r\n250 three\r\n550 no\r\n421-cut"[..]);
        assert_eq!(lines.next_reply().as_deref(), Some("250-one\n250-two\n250 three"));
        assert_eq!(lines.next_reply().as_deref(), Some("550 no"));
        assert_eq!(lines.next_reply().as_deref(), Some("421-cut"));
        assert_eq!(lines.next_reply(), None);
    }
}
