//! milter-proto: the loops that the budgets guard.

use milter_proto_benches::codec::{self, Reader};

use super::{Case, Codec, Task};

pub(super) struct Ours {
    reader: Reader,
    out: Vec<u8>,
}

impl Default for Ours {
    fn default() -> Self {
        Self { reader: Reader::new(Vec::new()), out: Vec::new() }
    }
}

impl Codec for Ours {
    fn run(&mut self, case: &Case) -> Option<usize> {
        Some(match case.task {
            Task::DecodeCommands => codec::decode_commands(&mut self.reader, &case.segments),
            Task::DecodeResponses => codec::decode_responses(&mut self.reader, &case.segments),
            Task::EncodeCommands => {
                self.out.clear();
                codec::encode_commands(&case.commands, &mut self.out);
                assert_eq!(self.out.len(), case.bytes(), "the whole stream");
                case.commands.len()
            }
            Task::EncodeResponses => {
                self.out.clear();
                codec::encode_responses(&case.responses, &mut self.out);
                assert_eq!(self.out.len(), case.bytes(), "the whole stream");
                case.responses.len()
            }
        })
    }
}
