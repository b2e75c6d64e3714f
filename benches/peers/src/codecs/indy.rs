//! indymilter. Its reader and writer are asynchronous; a stream in memory never keeps them waiting.

use std::ffi::CString;
use std::future::Future;
use std::hint::black_box;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use indymilter::message::command::{
    Command as Message, ConnInfoPayload, EnvAddrPayload, HeaderPayload, HeloPayload, OptNegPayload,
};
use indymilter::message::reply::Reply;
use indymilter::message::{self};
use indymilter::{Actions, ProtoOpts, SocketInfo};
use milter_proto::wire::{Command, Edit, Peer, Response, Text, TextList, Verdict};
use tokio::io::{AsyncRead, BufReader, ReadBuf};

use super::{Case, Codec, Task};

#[derive(Default)]
pub(super) struct Indymilter {
    out: Vec<u8>,
}

impl Codec for Indymilter {
    fn run(&mut self, case: &Case) -> Option<usize> {
        let segments = || Segments { rest: &case.segments, current: &[] };
        // As its connections do.
        let mut reader = BufReader::new(segments());
        self.out.clear();
        let out = &mut self.out;
        Some(match case.task {
            Task::DecodeCommands => now(async {
                for _ in &case.commands {
                    let message = message::read(&mut reader).await.expect("a frame");
                    black_box(Message::parse_command(message).expect("a command"));
                }
                case.commands.len()
            }),
            Task::DecodeResponses => now(async {
                for _ in &case.responses {
                    let message = message::read(&mut reader).await.expect("a frame");
                    black_box(Reply::parse_reply(message).expect("a response"));
                }
                case.responses.len()
            }),
            Task::EncodeCommands => now(async {
                for command in &case.commands {
                    message::write(out, to_message(command).into_message()).await.expect("room");
                }
                assert_eq!(out.len(), case.bytes(), "the whole stream");
                case.commands.len()
            }),
            Task::EncodeResponses => now(async {
                for response in &case.responses {
                    message::write(out, to_reply(response).into_message()).await.expect("room");
                }
                assert_eq!(out.len(), case.bytes(), "the whole stream");
                case.responses.len()
            }),
        })
    }
}

/// The value of a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("memory does not keep anybody waiting"),
    }
}

/// Gives each segment in a read of its own.
struct Segments<'c> {
    rest: &'c [&'static [u8]],
    current: &'static [u8],
}

impl AsyncRead for Segments<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.current.is_empty()
            && let Some((first, rest)) = self.rest.split_first()
        {
            (self.current, self.rest) = (first, rest);
        }
        let (now, later) = self.current.split_at(self.current.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.current = later;
        Poll::Ready(Ok(()))
    }
}

/// What an MTA would hand over. Body chunks are lent, as one that keeps its message in `Bytes` can.
fn to_message(command: &Command<'static>) -> Message {
    match *command {
        Command::Negotiate(offer) => Message::OptNeg(OptNegPayload {
            version: offer.version.number(),
            actions: Actions::from_bits_retain(offer.actions.bits()),
            opts: ProtoOpts::from_bits_retain(offer.steps.bits()),
        }),
        Command::Connect { host, peer: Peer::Inet { port, address } } => {
            let address = std::str::from_utf8(address.as_bytes()).ok().and_then(|text| text.parse().ok());
            let socket_info =
                SocketInfo::Inet((address.map(std::net::IpAddr::V4).expect("an address"), port).into());
            Message::ConnInfo(ConnInfoPayload { hostname: owned(host), socket_info })
        }
        Command::Helo { name } => Message::Helo(HeloPayload { hostname: owned(name) }),
        Command::MailFrom { address, arguments } => Message::Mail(words(address, arguments)),
        Command::RcptTo { address, arguments } => Message::Rcpt(words(address, arguments)),
        Command::Data => Message::Data,
        Command::Header { name, value } => {
            Message::Header(HeaderPayload { name: owned(name), value: owned(value) })
        }
        Command::EndOfHeaders => Message::Eoh,
        Command::Body { chunk } => Message::BodyChunk(Bytes::from_static(chunk)),
        Command::EndOfMessage { .. } => Message::BodyEnd(Bytes::new()),
        Command::Abort => Message::Abort,
        Command::Quit => Message::Quit,
        _ => panic!("the workloads have no {command:?}"),
    }
}

fn to_reply(response: &Response<'_>) -> Reply {
    match *response {
        Response::Negotiate(answer) => Reply::OptNeg {
            version: answer.version.number(),
            actions: Actions::from_bits_retain(answer.actions.bits()),
            opts: ProtoOpts::from_bits_retain(answer.steps.bits()),
            macros: Default::default(),
        },
        Response::Verdict(Verdict::Continue) => Reply::Continue,
        Response::Verdict(Verdict::Tempfail) => Reply::Tempfail,
        Response::Verdict(Verdict::Discard) => Reply::Discard,
        Response::Edit(Edit::AddHeader { name, value }) => {
            Reply::AddHeader { name: owned(name), value: owned(value) }
        }
        Response::Edit(Edit::ChangeHeader { index, name, value }) => {
            let index = index.try_into().expect("a small index");
            Reply::ChangeHeader { index, name: owned(name), value: owned(value) }
        }
        _ => panic!("the workloads have no {response:?}"),
    }
}

fn words(address: Text<'_>, arguments: TextList<'_>) -> EnvAddrPayload {
    EnvAddrPayload { args: [address].into_iter().chain(arguments.iter()).map(owned).collect() }
}

fn owned(text: Text<'_>) -> CString {
    CString::new(text.as_bytes()).expect("no NUL")
}
