//! The example `filter_embedded`, with a filter that refuses a recipient and adds a header.

use milter_proto::filter::Options;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Command, Edit, Response, Text, Verdict};

use crate::adapter::{Buffers, Filter, serve};
use crate::{BROKEN, Device, Memory, READ};

static CUT: Memory<2048> = Memory::new([0; 2048]);
static WRITE: Memory<1024> = Memory::new([0; 1024]);

/// Serves the connection. 0: the MTA has said QUIT.
pub fn filter(device: &mut Device) -> i32 {
    let (Some(cut), Some(read), Some(write)) = (CUT.try_take(), READ.try_take(), WRITE.try_take()) else {
        return BROKEN;
    };
    match serve(device, &Recipient(b"<bob@rcpt.example>"), Buffers { cut, read, write }) {
        Ok(ending) if ending.clean => 0,
        _ => BROKEN,
    }
}

struct Recipient(&'static [u8]);

impl Filter for Recipient {
    /// All but the body: a chunk of it may be larger than the memory here.
    fn options(&self) -> Options<'_> {
        let commands = [
            CommandKind::Connect,
            CommandKind::Helo,
            CommandKind::MailFrom,
            CommandKind::RcptTo,
            CommandKind::Header,
            CommandKind::EndOfHeaders,
        ];
        Options::new(commands).require(Actions::ADD_HEADERS)
    }

    fn reply(&self, command: &Command<'_>, sent: usize) -> Response<'_> {
        let text = |text| Text::new(text).unwrap_or_default();
        match (command, sent) {
            (Command::RcptTo { address, .. }, _) if address.as_bytes() == self.0 => Verdict::Reject.into(),
            (Command::EndOfMessage { .. }, 0) => {
                Edit::AddHeader { name: text(b"X-Seen"), value: text(b"yes") }.into()
            }
            _ => Verdict::Continue.into(),
        }
    }
}
