//! What both sides say in the targets: tables that a byte chooses from.

use milter_proto::filter::{Options, Support};
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Command, Frame, Response, Tolerance};
use milter_proto::{Limits, filter, mta};

pub(crate) const FILTER_POLICIES: [filter::Policy; 3] =
    [filter::Policy::STRICT, filter::Policy::DEFAULT, filter::Policy::LIBMILTER];

pub(crate) const MTA_POLICIES: [mta::Policy; 3] =
    [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX];

/// Subscribes to some commands, to some of them without a reply, and asks for whatever else is offered.
pub(crate) fn options(choice: u8) -> Options<'static> {
    let chosen = |salt: u8| {
        let mask = u32::from(choice ^ salt).wrapping_mul(0x9e37_79b9) >> 16;
        CommandKind::ALL
            .into_iter()
            .enumerate()
            .filter(move |(at, _)| mask >> at & 1 == 0)
            .map(|(_, kind)| kind)
    };
    Options::new(chosen(0))
        .no_reply_to(chosen(0x55))
        .skip(Support::Optional)
        .leading_space(Support::Optional)
        .rejected_recipients(Support::Optional)
        .request(Actions::ALL)
}

pub(crate) fn only_frame(wire: &[u8]) -> Frame<'_> {
    match Frame::split(wire, Limits::DEFAULT) {
        Ok(Some((frame, []))) => frame,
        other => panic!("one frame was sent, not {other:?}"),
    }
}

/// The bytes that a script stands for: a number under 0x80 is a command of the table, any other one a code, and the
/// length of its payload, which follows, is in the next byte.
pub(crate) fn stream_of(script: &[u8]) -> Vec<u8> {
    let (mut rest, mut stream) = (script, Vec::new());
    while let Some((&choice, tail)) = rest.split_first() {
        rest = tail;
        let (code, payload) = if choice < 0x80 {
            let Said(code, payload) = COMMANDS[usize::from(choice) % COMMANDS.len()];
            (code, payload)
        } else {
            let (&len, tail) = rest.split_first().unwrap_or((&0, &[]));
            let (payload, tail) = tail.split_at(tail.len().min(usize::from(len)));
            rest = tail;
            (0x40 | choice & 0x1f, payload)
        };
        Frame::new(code, payload).encode().append_to(&mut stream);
    }
    stream
}

/// Chooses an element, whatever the byte.
pub(crate) fn pick<T: Parse + Copy>(table: &[T], choice: u8) -> T::Value
where
    T::Value: Clone,
{
    table[usize::from(choice) % table.len()].value()
}

/// An element of a table: itself, or a frame in its written form.
pub(crate) trait Parse {
    type Value;
    fn value(&self) -> Self::Value;
}

impl Parse for mta::Policy {
    type Value = Self;
    fn value(&self) -> Self {
        *self
    }
}

impl Parse for filter::Policy {
    type Value = Self;
    fn value(&self) -> Self {
        *self
    }
}

/// A command in its written form: code and payload.
#[derive(Clone, Copy)]
pub(crate) struct Said(u8, &'static [u8]);

impl Parse for Said {
    type Value = Command<'static>;
    fn value(&self) -> Command<'static> {
        Command::parse_as(Frame::new(self.0, self.1), Tolerance::LENIENT).expect("it is written so").value
    }
}

/// A response in its written form.
#[derive(Clone, Copy)]
pub(crate) struct Answered(u8, &'static [u8]);

impl Parse for Answered {
    type Value = Response<'static>;
    fn value(&self) -> Response<'static> {
        Response::parse_as(Frame::new(self.0, self.1), Tolerance::LENIENT).expect("it is written so").value
    }
}

pub(crate) const COMMANDS: [Said; 27] = [
    Said(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"),
    Said(b'O', b"\0\0\0\x02\0\0\0\x3f\0\0\0\x7f"),
    Said(b'O', b"\0\0\0\x03\0\0\0\0\0\0\0\0"),
    Said(b'D', b"C"),
    Said(b'D', b"Mi\0Q\0"),
    Said(b'D', b"R"),
    Said(b'D', b"Ei\0Q\0"),
    Said(b'C', b"localhost\x004\0\x19127.0.0.1\0"),
    Said(b'C', b"localhost\x004\0\x19unknown\0"),
    Said(b'C', b"h\0U"),
    Said(b'H', b"mx\0"),
    Said(b'M', b"<a@b>\0"),
    Said(b'M', b"\0SIZE=1\0"),
    Said(b'R', b"<c@d>\0"),
    Said(b'T', b""),
    Said(b'L', b"Subject\0x\0"),
    Said(b'L', b"X\0\0"),
    Said(b'N', b""),
    Said(b'B', b"line\r\n"),
    Said(b'B', b""),
    Said(b'E', b""),
    Said(b'E', b"last"),
    Said(b'U', b"FROB\0"),
    Said(b'A', b""),
    Said(b'Q', b""),
    Said(b'K', b""),
    Said(b'Z', b""),
];

pub(crate) const RESPONSES: [Answered; 28] = [
    Answered(b'c', b""),
    Answered(b'a', b""),
    Answered(b'r', b""),
    Answered(b't', b""),
    Answered(b'd', b""),
    Answered(b's', b""),
    Answered(b'y', b"550 5.7.1 no\0"),
    Answered(b'y', b"451-4.7.1 not\r\n451 4.7.1 now\0"),
    Answered(b'4', b""),
    Answered(b'f', b""),
    Answered(b'p', b""),
    Answered(b'h', b"X\0y\0"),
    Answered(b'i', b"\0\0\0\0X\0y\0"),
    Answered(b'm', b"\0\0\0\x01X\0\0"),
    Answered(b'e', b"<>\0"),
    Answered(b'+', b"<e@f>\0"),
    Answered(b'2', b"<e@f>\0NOTIFY=NEVER\0"),
    Answered(b'-', b"<c@d>\0"),
    Answered(b'b', b"new\r\n"),
    Answered(b'b', b""),
    Answered(b'q', b"why\0"),
    Answered(b'l', b""),
    Answered(b'O', b"\0\0\0\x06\0\0\x01\xff\0\0\x04\0"),
    Answered(b'O', b"\0\0\0\x06\0\0\0\0\0\x0f\xf0\x80"),
    Answered(b'O', b"\0\0\0\x06\0\0\0\x01\0\0\x03\x7f"),
    Answered(b'O', b"\0\0\0\x02\0\0\0\0\0\0\0\0"),
    Answered(b'h', b"\0y\0"),
    Answered(b'Z', b""),
];
