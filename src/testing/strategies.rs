//! Strategies for proptest.
//!
//! Owned values are generated directly, also by `any::<T>()`. Borrowed values are generated as bytes in wire form, from
//! which they can be made without an error:
//!
//! | value | strategy | how to make it |
//! | --- | --- | --- |
//! | `Text` | [`text`], [`key`] | `Text::new(&bytes)` |
//! | `TextList` | [`text_list`] | `TextList::new(&bytes)` |
//! | `Macros` | [`macros`] | `Macros::new(stage, TextList::new(&bytes)?)` |
//! | `MacroLists` | [`macro_lists`] | `MacroLists::new(&bytes)` |
//! | `ReplyText` | [`reply_text`] | `ReplyText::parse(&bytes)` |
//! | `Command`, `Peer` | [`command`], [`connect`] | `Command::parse(frame.as_frame())` |
//! | `Response`, `Answer`, `Edit`, `Verdict` | [`response`], [`answer`], [`edit`], [`verdict`] | `Response::parse(frame.as_frame())` |
//!
//! Everything shrinks: to fewer bytes, to the first of several kinds, and to smaller numbers.
//!
//! # Examples
//! ```
//! use milter_proto::testing::strategies::{command, nearly_command};
//! use milter_proto::wire::Command;
//! use proptest::prelude::*;
//!
//! proptest!(|(frame in command())| {
//!     let command = Command::parse(frame.as_frame())?;
//!     prop_assert_eq!(command.encode(), frame.as_frame().encode());
//! });
//! proptest!(|(frame in nearly_command())| {
//!     // Legal or not: a server must live through it.
//!     if let Err(error) = Command::parse(frame.as_frame()) {
//!         prop_assert_eq!(error.code(), frame.as_frame().code());
//!     }
//! });
//! ```

use alloc::vec;
use alloc::vec::Vec;

use proptest::arbitrary::{Arbitrary, any};
use proptest::collection::vec;
use proptest::option;
use proptest::prop_oneof;
use proptest::sample::{Index, select};
use proptest::strategy::{BoxedStrategy, Just, Strategy};

use super::{Misbehaviour, Session};
use crate::Limits;
use crate::transcript::Entry;
use crate::wire::{
    Actions, Answer, Command, DataSize, Deviation, Direction, Edit, EnhancedCode, FrameBuf, LeadingSpace,
    ListStage, MacroLists, MacroListsBuf, MacroStage, Macros, Offer, Peer, ReplyBuf, ReplyCode, Response,
    Steps, TextListBuf, Tolerance, Verdict, Version, codes,
};

mod parts;
mod sessions;

pub use parts::{
    actions, data_size, deviation, direction, enhanced_code, key, leading_space, limits, list_stage,
    macro_lists, macro_lists_buf, macro_stage, macros, offer, reply_buf, reply_code, reply_text, steps, text,
    text_list, text_list_buf, tolerance, version,
};
use parts::{as_list, as_text, bytes, chunk, vec_of};
pub use sessions::{misbehaviour, nearly_session, session};

/// Gives every owned value its strategy as the canonical one.
macro_rules! canonical {
    ($($value:ident: $strategy:ident;)*) => {$(
        impl Arbitrary for $value {
            type Parameters = ();
            type Strategy = BoxedStrategy<Self>;

            fn arbitrary_with((): ()) -> BoxedStrategy<Self> {
                $strategy().boxed()
            }
        }
    )*};
}

canonical! {
    Actions: actions;
    DataSize: data_size;
    Deviation: deviation;
    Direction: direction;
    EnhancedCode: enhanced_code;
    Entry: entry;
    FrameBuf: frame;
    LeadingSpace: leading_space;
    Limits: limits;
    ListStage: list_stage;
    MacroListsBuf: macro_lists_buf;
    MacroStage: macro_stage;
    Offer: offer;
    Misbehaviour: misbehaviour;
    ReplyBuf: reply_buf;
    ReplyCode: reply_code;
    Session: session;
    Steps: steps;
    TextListBuf: text_list_buf;
    Tolerance: tolerance;
    Version: version;
}

/// A well-formed command of any kind.
pub fn command() -> impl Strategy<Value = FrameBuf> {
    let envelope = || (text(), text_list());
    prop_oneof![
        select(vec_of(&[
            Command::Data,
            Command::EndOfHeaders,
            Command::Abort,
            Command::Quit,
            Command::QuitNewConnection,
        ]))
        .prop_map(|command| of_command(&command)),
        offer().prop_map(|offer| of_command(&Command::Negotiate(offer))),
        macros().prop_map(|(stage, list)| {
            let macros = Macros::new(stage, as_list(&list));
            of_command(&macros.map_or(Command::Data, Command::Macros))
        }),
        connect(),
        text().prop_map(|name| of_command(&Command::Helo { name: as_text(&name) })),
        envelope().prop_map(|(address, arguments)| of_command(&Command::MailFrom {
            address: as_text(&address),
            arguments: as_list(&arguments),
        })),
        envelope().prop_map(|(address, arguments)| of_command(&Command::RcptTo {
            address: as_text(&address),
            arguments: as_list(&arguments),
        })),
        (key(), text()).prop_map(|(name, value)| of_command(&Command::Header {
            name: as_text(&name),
            value: as_text(&value),
        })),
        chunk().prop_map(|chunk| of_command(&Command::Body { chunk: &chunk })),
        prop_oneof![3 => Just(Vec::new()), 1 => chunk()]
            .prop_map(|chunk| of_command(&Command::EndOfMessage { chunk: &chunk })),
        text().prop_map(|line| of_command(&Command::Unknown { line: as_text(&line) })),
        frame().prop_filter("a code that is no command", |frame| {
            matches!(Command::parse(frame.as_frame()), Ok(Command::Other(_)))
        }),
    ]
}

/// A CONNECT, with a peer of any family.
pub fn connect() -> impl Strategy<Value = FrameBuf> {
    let address = prop_oneof![
        3 => select(vec_of(&["192.0.2.1", "2001:db8::1", "IPv6:2001:db8::1", "/run/mail.sock", ""]))
            .prop_map(|address| address.as_bytes().to_vec()),
        1 => text(),
    ];
    (text(), select(vec_of(b"UL46")), any::<u16>(), address).prop_map(|(host, family, port, address)| {
        let address = as_text(&address);
        let peer = match family {
            b'L' => Peer::Unix { port, path: address },
            b'4' => Peer::Inet { port, address },
            b'6' => Peer::Inet6 { port, address },
            _ => Peer::Unknown,
        };
        of_command(&Command::Connect { host: as_text(&host), peer })
    })
}

/// A well-formed response of any kind.
pub fn response() -> impl Strategy<Value = FrameBuf> {
    prop_oneof![
        4 => verdict(),
        1 => Just(()).prop_map(|()| of_response(&Response::Progress)),
        4 => edit(),
        2 => answer(),
        1 => bytes().prop_map(|payload| of_response(&Response::MacroList { payload: &payload })),
        1 => frame().prop_filter("a code that is no response", |frame| {
            matches!(Response::parse(frame.as_frame()), Ok(Response::Other(_)))
        }),
    ]
}

/// A filter's OPTNEG, with and without macro lists.
pub fn answer() -> impl Strategy<Value = FrameBuf> {
    (offer(), macro_lists()).prop_map(|(Offer { version, actions, steps }, lists)| {
        let lists = MacroLists::new(&lists).unwrap_or_default();
        of_response(&Answer::new(version, actions, steps).with_macro_lists(lists).into())
    })
}

/// A well-formed edit of any kind.
pub fn edit() -> impl Strategy<Value = FrameBuf> {
    let header = || (any::<u32>(), key(), text());
    let address = || (key(), option::of(text()));
    prop_oneof![
        header().prop_map(|(_, name, value)| {
            of_edit(Edit::AddHeader { name: as_text(&name), value: as_text(&value) })
        }),
        header().prop_map(|(index, name, value)| {
            of_edit(Edit::InsertHeader { index, name: as_text(&name), value: as_text(&value) })
        }),
        header().prop_map(|(index, name, value)| {
            of_edit(Edit::ChangeHeader { index, name: as_text(&name), value: as_text(&value) })
        }),
        address().prop_map(|(address, arguments)| {
            let arguments = arguments.as_deref().map(as_text);
            of_edit(Edit::ChangeFrom { address: as_text(&address), arguments })
        }),
        address().prop_map(|(address, arguments)| {
            let arguments = arguments.as_deref().map(as_text);
            of_edit(Edit::AddRcptWithArguments { address: as_text(&address), arguments })
        }),
        key().prop_map(|address| of_edit(Edit::AddRcpt { address: as_text(&address) })),
        key().prop_map(|address| of_edit(Edit::DeleteRcpt { address: as_text(&address) })),
        bytes().prop_map(|chunk| of_edit(Edit::ReplaceBody { chunk: &chunk })),
        text().prop_map(|reason| of_edit(Edit::Quarantine { reason: as_text(&reason) })),
    ]
}

/// A well-formed verdict of any kind.
pub fn verdict() -> impl Strategy<Value = FrameBuf> {
    let plain = select(vec_of(&[
        Verdict::Continue,
        Verdict::Accept,
        Verdict::Reject,
        Verdict::Tempfail,
        Verdict::Discard,
        Verdict::Skip,
        Verdict::Shutdown,
        Verdict::ConnectionFail,
    ]));
    prop_oneof![
        2 => plain.prop_map(|verdict| of_response(&verdict.into())),
        1 => reply_text().prop_map(|mut text| {
            text.push(0);
            FrameBuf::new(codes::response::REPLYCODE, text)
        }),
    ]
}

/// A command with one byte changed, or cut short, or with bytes appended. It may still be legal.
pub fn nearly_command() -> impl Strategy<Value = FrameBuf> {
    nearly(command())
}

/// A response with one byte changed, or cut short, or with bytes appended. It may still be legal.
pub fn nearly_response() -> impl Strategy<Value = FrameBuf> {
    nearly(response())
}

#[derive(Clone, Debug)]
enum Damage {
    Cut(Index),
    Extend(Vec<u8>),
    Change(Index, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        vec(any::<u8>(), 1..6).prop_map(Damage::Extend),
        (any::<Index>(), 1_u8..=255).prop_map(|(at, by)| Damage::Change(at, by)),
    ]
}

fn nearly(frame: impl Strategy<Value = FrameBuf>) -> impl Strategy<Value = FrameBuf> {
    (frame, damage()).prop_map(|(frame, damage)| damage.apply(&frame))
}

impl Damage {
    fn apply(self, frame: &FrameBuf) -> FrameBuf {
        let mut code = frame.as_frame().code();
        let mut payload = frame.as_frame().payload().to_vec();
        match self {
            Self::Cut(at) if !payload.is_empty() => payload.truncate(at.index(payload.len())),
            Self::Cut(_) => payload.push(0),
            Self::Extend(tail) => payload.extend(tail),
            Self::Change(at, by) => {
                let at = at.index(payload.len().saturating_add(1));
                let byte = payload.get_mut(at).unwrap_or(&mut code);
                *byte = byte.wrapping_add(by);
            }
        }
        FrameBuf::new(code, payload)
    }
}

/// A frame of any code and any bytes, usually neither a command nor a response.
pub fn frame() -> impl Strategy<Value = FrameBuf> {
    (any::<u8>(), bytes()).prop_map(|(code, payload)| FrameBuf::new(code, payload))
}

/// Frames of both directions, and the stream that they form, cut into pieces anywhere.
///
/// # Examples
/// ```
/// use milter_proto::testing::strategies::stream;
/// use milter_proto::wire::Assembler;
/// use proptest::prelude::*;
///
/// proptest!(|((frames, pieces) in stream())| {
///     let mut assembler = Assembler::new(Vec::new());
///     let mut expected = frames.iter();
///     for piece in &pieces {
///         let mut input = &piece[..];
///         while let Some(frame) = assembler.next_frame(&mut input)? {
///             prop_assert_eq!(Some(frame), expected.next().map(|frame| frame.as_frame()));
///         }
///     }
///     prop_assert_eq!((expected.next(), assembler.pending()), (None, 0));
/// });
/// ```
pub fn stream() -> impl Strategy<Value = (Vec<FrameBuf>, Vec<Vec<u8>>)> {
    let frames = vec(prop_oneof![command(), response(), frame()], 0..8);
    let lengths = vec(prop_oneof![1_usize..8, 1_usize..300], 0..40);
    (frames, lengths).prop_map(|(frames, lengths)| {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.as_frame().encode().append_to(&mut bytes));
        let mut rest = bytes.as_slice();
        let mut pieces = Vec::new();
        for length in lengths {
            let Some((piece, tail)) = rest.split_at_checked(length) else { break };
            pieces.push(piece.to_vec());
            rest = tail;
        }
        pieces.push(rest.to_vec());
        (frames, pieces)
    })
}

/// A frame of either direction as an entry of a transcript, usually well-formed.
pub fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        2 => command().prop_map(|frame| Entry::new(Direction::ToFilter, frame)),
        2 => response().prop_map(|frame| Entry::new(Direction::ToMta, frame)),
        1 => (direction(), frame()).prop_map(|(direction, frame)| Entry::new(direction, frame)),
    ]
}

fn of_command(command: &Command<'_>) -> FrameBuf {
    command.encode().to_frame()
}

fn of_edit(edit: Edit<'_>) -> FrameBuf {
    of_response(&edit.into())
}

fn of_response(response: &Response<'_>) -> FrameBuf {
    response.encode().to_frame()
}
