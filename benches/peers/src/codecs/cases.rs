//! What codecs have to work through.

use milter_proto::wire::{Command, Response, Verdict};
use milter_proto_benches::workloads::{
    bare_commands, bare_responses, commands_to_bytes, large_body, many_headers, random_segments,
    responses_to_bytes, typical,
};

/// One row of the tables.
pub struct Case {
    /// What is done.
    pub task: Task,
    /// The workload.
    pub workload: &'static str,
    /// The stream, cut as reads would give it. To encode, it is what comes of it.
    pub segments: Vec<&'static [u8]>,
    /// The commands of the stream, if it is one of commands.
    pub commands: Vec<Command<'static>>,
    /// The responses of the stream, if it is one of responses.
    pub responses: Vec<Response<'static>>,
}

/// What is done with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A filter reads.
    DecodeCommands,
    /// An MTA reads.
    DecodeResponses,
    /// An MTA writes.
    EncodeCommands,
    /// A filter writes.
    EncodeResponses,
}

/// How a stream is cut into reads.
#[derive(Clone, Copy)]
enum Cut {
    /// Not at all.
    Whole,
    /// Behind each frame, as an MTA in lock-step sends it.
    Frames,
    /// Into single bytes.
    Bytes,
    /// Into segments of 1 to 1500 bytes.
    Random,
}

/// All of them, made when they are asked for: their texts stay in memory.
pub fn cases() -> Vec<(&'static str, fn() -> Case)> {
    vec![
        ("decode commands W1", || decode(typical().commands, "W1", Cut::Whole)),
        ("decode commands W2", || decode(large_body().commands, "W2", Cut::Frames)),
        ("decode commands W3nr", || decode(many_headers(false).commands, "W3nr", Cut::Whole)),
        ("decode commands W4", || decode(bare_commands(10_000), "W4", Cut::Whole)),
        ("decode commands W5byte", || decode(typical().commands, "W5byte", Cut::Bytes)),
        ("decode commands W5rand", || decode(typical().commands, "W5rand", Cut::Random)),
        ("decode responses W1", || responses(Task::DecodeResponses, typical().responses, "W1")),
        ("decode responses W4", || responses(Task::DecodeResponses, bare_responses(10_000), "W4")),
        ("encode commands W1", || encode(typical().commands, "W1")),
        ("encode commands W2", || encode(large_body().commands, "W2")),
        ("encode commands W3nr", || encode(many_headers(false).commands, "W3nr")),
        ("encode responses W1", || responses(Task::EncodeResponses, typical().responses, "W1")),
        ("encode responses W4", || responses(Task::EncodeResponses, bare_responses(10_000), "W4")),
    ]
}

impl Case {
    /// Frames in it.
    pub fn frames(&self) -> usize {
        self.commands.len() + self.responses.len()
    }

    /// Bytes in it.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.len()).sum()
    }
}

fn decode(commands: Vec<Command<'static>>, workload: &'static str, cut: Cut) -> Case {
    let lens = commands.iter().map(|command| command.encode().len()).collect::<Vec<_>>();
    let stream = commands_to_bytes(&commands).leak();
    let segments = cut.apply(stream, &lens);
    Case { task: Task::DecodeCommands, workload, segments, commands, responses: Vec::new() }
}

/// miltr-common has no encoder for macros, so they are left out for all.
fn encode(mut commands: Vec<Command<'static>>, workload: &'static str) -> Case {
    commands.retain(|command| !matches!(command, Command::Macros(_)));
    Case { task: Task::EncodeCommands, ..decode(commands, workload, Cut::Frames) }
}

/// miltr-common knows neither ACCEPT nor PROGRESS, so others stand in their places for all.
fn responses(task: Task, mut responses: Vec<Response<'static>>, workload: &'static str) -> Case {
    for response in &mut responses {
        match response {
            Response::Verdict(verdict @ Verdict::Accept) => *verdict = Verdict::Continue,
            Response::Progress => *response = Response::Verdict(Verdict::Discard),
            _ => {}
        }
    }
    let segments = vec![&*responses_to_bytes(&responses).leak()];
    Case { task, workload, segments, commands: Vec::new(), responses }
}

impl Cut {
    fn apply(self, stream: &'static [u8], frames: &[usize]) -> Vec<&'static [u8]> {
        match self {
            Self::Whole => vec![stream],
            Self::Bytes => stream.chunks(1).collect(),
            Self::Random => random_segments(stream),
            Self::Frames => {
                let mut rest = stream;
                let mut cut = |len: &usize| {
                    let (frame, behind) = rest.split_at(*len);
                    rest = behind;
                    frame
                };
                frames.iter().map(&mut cut).collect()
            }
        }
    }
}
