//! miltr-common. Frames are cut as the codecs of miltr-server and miltr-client do, which are private.

use std::hint::black_box;

use bytes::{Buf, BufMut, BytesMut};
use milter_proto::wire::{Command, Edit, Peer, Response, Verdict};
use miltr_common::actions::{Abort, Action, Continue, Discard, Quit, Tempfail};
use miltr_common::commands::{
    Body, Connect, Data, EndOfBody, EndOfHeader, Family, Header, Helo, Mail, Recipient,
};
use miltr_common::decoding::{ClientCommand, ServerCommand};
use miltr_common::encoding::{ClientMessage, ServerMessage, Writable};
use miltr_common::modifications::ModificationAction;
use miltr_common::modifications::headers::{AddHeader, ChangeHeader};
use miltr_common::optneg::{Capability, OptNeg, Protocol};

use super::{Case, Codec, Task};

#[derive(Default)]
pub(super) struct Miltr {
    buffer: BytesMut,
}

impl Codec for Miltr {
    fn run(&mut self, case: &Case) -> Option<usize> {
        Some(match case.task {
            Task::DecodeCommands => self.decode(&case.segments, |frame| {
                black_box(ClientCommand::parse(frame).expect("a command"));
            }),
            Task::DecodeResponses => self.decode(&case.segments, |frame| {
                black_box(ServerCommand::parse(frame).expect("a response"));
            }),
            Task::EncodeCommands => {
                self.buffer.clear();
                case.commands.iter().for_each(|command| encode(&client_message(command), &mut self.buffer));
                black_box(&self.buffer);
                case.commands.len()
            }
            Task::EncodeResponses => {
                self.buffer.clear();
                case.responses
                    .iter()
                    .for_each(|response| encode(&server_message(response), &mut self.buffer));
                black_box(&self.buffer);
                case.responses.len()
            }
        })
    }
}

impl Miltr {
    fn decode(&mut self, segments: &[&[u8]], parse: impl Fn(BytesMut)) -> usize {
        let mut count = 0;
        for segment in segments {
            self.buffer.extend_from_slice(segment);
            while let Some(frame) = cut(&mut self.buffer) {
                parse(frame);
                count += 1;
            }
        }
        count
    }
}

fn cut(buffer: &mut BytesMut) -> Option<BytesMut> {
    let length = u32::from_be_bytes(*buffer.first_chunk()?) as usize;
    if buffer.len() < 4 + length {
        buffer.reserve(4 + length - buffer.len());
        return None;
    }
    let mut frame = buffer.split_to(4 + length);
    frame.advance(4);
    Some(frame)
}

fn encode(message: &impl Writable, buffer: &mut BytesMut) {
    let length = 1 + message.len();
    buffer.reserve(4 + length);
    buffer.put_u32(u32::try_from(length).expect("a length"));
    buffer.put_u8(message.code());
    message.write(buffer);
}

/// What an MTA would hand over. ESMTP arguments cannot be given.
fn client_message(command: &Command<'_>) -> ClientMessage {
    match *command {
        Command::Negotiate(offer) => {
            ClientMessage::Optneg(optneg(offer.version.number(), offer.actions.bits(), offer.steps.bits()))
        }
        Command::Connect { host, peer: Peer::Inet { port, address } } => ClientMessage::Command(
            Connect::new(host.as_bytes(), Family::Inet, Some(port), address.as_bytes()).into(),
        ),
        Command::Helo { name } => ClientMessage::Command(Helo::from(name.as_bytes()).into()),
        Command::MailFrom { address, .. } => ClientMessage::Command(Mail::from(address.as_bytes()).into()),
        Command::RcptTo { address, .. } => ClientMessage::Command(Recipient::from(address.as_bytes()).into()),
        Command::Data => ClientMessage::Command(Data.into()),
        Command::Header { name, value } => {
            ClientMessage::Command(Header::new(name.as_bytes(), value.as_bytes()).into())
        }
        Command::EndOfHeaders => ClientMessage::Command(EndOfHeader.into()),
        Command::Body { chunk } => ClientMessage::Command(Body::from(chunk).into()),
        Command::EndOfMessage { .. } => ClientMessage::Command(EndOfBody.into()),
        Command::Abort => ClientMessage::Action(Abort.into()),
        Command::Quit => ClientMessage::Action(Quit.into()),
        _ => panic!("the workloads have no {command:?}"),
    }
}

fn server_message(response: &Response<'_>) -> ServerMessage {
    let action = |action: Action| ServerMessage::Action(action);
    match *response {
        Response::Negotiate(answer) => {
            ServerMessage::Optneg(optneg(answer.version.number(), answer.actions.bits(), answer.steps.bits()))
        }
        Response::Verdict(Verdict::Continue) => action(Continue.into()),
        Response::Verdict(Verdict::Tempfail) => action(Tempfail.into()),
        Response::Verdict(Verdict::Discard) => action(Discard.into()),
        Response::Edit(edit) => ServerMessage::ModificationAction(modification(&edit)),
        _ => panic!("the workloads have no {response:?}"),
    }
}

fn modification(edit: &Edit<'_>) -> ModificationAction {
    match *edit {
        Edit::AddHeader { name, value } => AddHeader::new(name.as_bytes(), value.as_bytes()).into(),
        Edit::ChangeHeader { index, name, value } => {
            ChangeHeader::new(index, name.as_bytes(), value.as_bytes()).into()
        }
        _ => panic!("the workloads have no {edit:?}"),
    }
}

fn optneg(version: u32, actions: u32, steps: u32) -> OptNeg {
    OptNeg {
        version,
        capabilities: Capability::from_bits_truncate(actions),
        protocol: Protocol::from_bits_truncate(steps),
        ..OptNeg::default()
    }
}
