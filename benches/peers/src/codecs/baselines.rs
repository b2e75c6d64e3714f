//! What cannot be done with less: a copy, and finding the ends of frames.

use std::hint::black_box;

use milter_proto_benches::codec;

use super::{Case, Codec, Task};

/// Copies the stream, segment by segment.
#[derive(Default)]
pub(super) struct Copy {
    storage: Vec<u8>,
}

impl Codec for Copy {
    fn run(&mut self, case: &Case) -> Option<usize> {
        codec::copy(&case.segments, &mut self.storage);
        Some(case.frames())
    }
}

/// Reads lengths, and skips what they count.
#[derive(Default)]
pub(super) struct Frames {
    head: [u8; 4],
    /// Bytes of the head that are there.
    held: usize,
    /// Bytes of the frame that are still to come.
    missing: usize,
}

impl Codec for Frames {
    fn run(&mut self, case: &Case) -> Option<usize> {
        if matches!(case.task, Task::EncodeCommands | Task::EncodeResponses) {
            return None;
        }
        Some(case.segments.iter().map(|segment| self.skip(segment)).sum())
    }
}

impl Frames {
    /// Counts the frames that end in a segment.
    fn skip(&mut self, mut segment: &[u8]) -> usize {
        let mut count = 0;
        while !segment.is_empty() {
            if self.missing > 0 {
                let len = self.missing.min(segment.len());
                segment = &segment[len..];
                self.missing -= len;
                count += usize::from(self.missing == 0);
            } else if let (0, Some((head, rest))) = (self.held, segment.split_first_chunk()) {
                segment = rest;
                self.missing = black_box(u32::from_be_bytes(*head)) as usize;
            } else {
                self.head[self.held] = segment[0];
                segment = &segment[1..];
                self.held = (self.held + 1) % 4;
                if self.held == 0 {
                    self.missing = u32::from_be_bytes(self.head) as usize;
                }
            }
        }
        count
    }
}
