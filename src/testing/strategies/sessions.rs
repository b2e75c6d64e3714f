//! Strategies for whole sessions.

use alloc::vec::Vec;

use proptest::arbitrary::any;
use proptest::collection::vec;
use proptest::option;
use proptest::prop_oneof;
use proptest::sample::{Index, select, subsequence};
use proptest::strategy::{Just, Strategy};

use super::super::{Misbehaviour, Session};
use super::parts::{as_list, as_text, chunk, key, text, text_list, vec_of};
use super::{command, frame, nearly, of_command};
use crate::wire::{
    Actions, Command, FrameBuf, MacroStage, Macros, Offer, Peer, Steps, TextListBuf, Version, codes,
};

/// The session of a well-behaved MTA: a negotiation, a connection, and up to three messages.
///
/// It shrinks to OPTNEG and nothing else: to fewer messages, fewer and simpler commands, no macros, and no cuts. Every command
/// is in order if the filter answers CONTINUE to all others. It leaves out what libmilter does not answer although it is in
/// order: UNKNOWN in a message, and messages without headers.
///
/// # Examples
/// ```
/// use milter_proto::testing::strategies::session;
/// use proptest::prelude::*;
///
/// proptest!(|(session in session())| {
///     prop_assert_eq!(session.broken_rule(), None);
/// });
/// ```
pub fn session() -> impl Strategy<Value = Session> {
    let cut = prop_oneof![6 => Just(0_usize), 1 => 1_usize..8, 1 => 8_usize..100];
    (full_or_less(), option::weighted(0.95, connection()), cut).prop_map(|(offer, connection, cut)| {
        let negotiate = of_command(&Command::Negotiate(offer));
        // The version may not have all commands.
        Session::in_order([negotiate].into_iter().chain(connection.unwrap_or_default())).in_pieces_of(cut)
    })
}

/// A session with a fault, and at most three commands after it. It may still be legal.
///
/// It shrinks to a session without a fault, and to a simpler fault.
pub fn nearly_session() -> impl Strategy<Value = Session> {
    let fault = option::weighted(0.98, (any::<Index>(), how(), 0_usize..4));
    (session(), fault).prop_map(|(mut session, fault)| {
        let Some((at, how, rest)) = fault else { return session };
        let at = at.index(session.commands.len().saturating_add(1));
        session.commands.truncate(at.saturating_add(1).saturating_add(rest));
        let how = match how {
            How::This(how) => how,
            How::Damage(damage) => match session.commands.get(at) {
                Some(command) => Misbehaviour::Replace(damage.apply(command)),
                None => Misbehaviour::Repeat,
            },
        };
        session.misbehaving(at, how)
    })
}

/// What an MTA does wrong: a frame out of order, a malformed one, bytes that are no frame, or the end of the connection.
pub fn misbehaviour() -> impl Strategy<Value = Misbehaviour> {
    prop_oneof![
        2 => Just(Misbehaviour::Omit),
        2 => Just(Misbehaviour::Repeat),
        6 => command().prop_map(Misbehaviour::Insert),
        2 => nearly(command()).prop_map(Misbehaviour::Insert),
        1 => frame().prop_map(Misbehaviour::Insert),
        1 => odd_macros().prop_map(Misbehaviour::Insert),
        1 => chunk().prop_map(|chunk| Misbehaviour::Insert(of_command(&Command::EndOfMessage { chunk: &chunk }))),
        2 => garbage().prop_map(Misbehaviour::Bytes),
        2 => (0_usize..40).prop_map(Misbehaviour::CutShort),
        1 => Just(Misbehaviour::Disconnect),
    ]
}

/// A fault, or damage to the command at its place.
#[derive(Clone, Debug)]
enum How {
    This(Misbehaviour),
    Damage(super::Damage),
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        4 => misbehaviour().prop_map(How::This),
        1 => super::damage().prop_map(How::Damage),
    ]
}

/// Bytes that are no frame: a length of zero or one that is too large, another protocol, or anything.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    const OTHERS: [&[u8]; 6] = [
        b"\0\0\0\0",
        b"\0\0\0\0\0\0\0\x01A",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xffD",
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ];
    prop_oneof![
        3 => select(vec_of(&OTHERS)).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..40),
    ]
}

/// MACRO with an odd number of texts, or whose last text has no NUL.
fn odd_macros() -> impl Strategy<Value = FrameBuf> {
    let last = prop_oneof![Just(&b"{odd}\0"[..]), Just(&b"i"[..]), Just(&b"\0"[..])];
    (select(vec_of(b"CHMRTNE")), macro_pairs(), last).prop_map(|(stage, pairs, last)| {
        let list: TextListBuf =
            pairs.iter().flat_map(|(name, value)| [as_text(name), as_text(value)]).collect();
        let payload = [&[stage][..], list.as_list().as_bytes(), last].concat();
        FrameBuf::new(codes::command::MACRO, payload)
    })
}

/// What Sendmail and Postfix offer, or less.
fn full_or_less() -> impl Strategy<Value = Offer> {
    let actions = subsequence(Actions::NAMES, 0..=Actions::NAMES.len());
    let less = (select(vec_of(&[6_u32, 2, 3, 4])), actions, any::<bool>());
    prop_oneof![
        4 => Just(Offer::FULL),
        1 => less.prop_map(|(version, actions, has_steps)| {
            let (all, steps) = match version {
                2 => (Actions::V2, Steps::V2),
                3 => (Actions::V2, Steps::V3),
                4 => (Actions::V2, Steps::V4),
                _ => (Actions::ALL, Steps::ALL),
            };
            let actions = actions.into_iter().fold(Actions::EMPTY, |set, bit| set | bit.0);
            let steps = if has_steps { steps } else { Steps::EMPTY };
            Offer::new(Version::new(version), actions.intersection(all), steps)
        }),
    ]
}

/// All commands of a connection after OPTNEG.
fn connection() -> impl Strategy<Value = Vec<FrameBuf>> {
    let parts =
        (greeting(), vec(interlude(), 0..3), vec(message(), 0..4), option::weighted(0.05, greeting()));
    parts.prop_map(|(greeting, interludes, messages, again)| {
        let mut commands = greeting;
        commands.extend(interludes.into_iter().flatten());
        let has_message = messages.last().is_some_and(|last| last.is_whole);
        commands.extend(messages.into_iter().flat_map(|message| message.commands));
        if let Some(greeting) = again.filter(|_| has_message) {
            // The same connection serves another client.
            commands.push(of_command(&Command::QuitNewConnection));
            commands.extend(greeting);
        }
        commands
    })
}

/// CONNECT and perhaps HELO.
fn greeting() -> impl Strategy<Value = Vec<FrameBuf>> {
    let connect = (text(), peer()).prop_map(|(host, (family, port, address))| {
        let address = as_text(address.as_bytes());
        let peer = match family {
            b'4' => Peer::Inet { port, address },
            b'6' => Peer::Inet6 { port, address },
            b'L' => Peer::Unix { port, path: address },
            _ => Peer::Unknown,
        };
        of_command(&Command::Connect { host: as_text(&host), peer })
    });
    (with_macros(b'C', connect), option::weighted(0.9, with_macros(b'H', helo())))
        .prop_map(|(connect, helo)| connect.into_iter().chain(helo.unwrap_or_default()).collect())
}

/// A family, a port, and an address of the family.
fn peer() -> impl Strategy<Value = (u8, u16, &'static str)> {
    let address = select(vec_of(&[
        (b'4', "192.0.2.1"),
        (b'4', "127.0.0.1"),
        (b'6', "2001:db8::1"),
        (b'6', "IPv6:::1"),
        (b'L', "/run/mail.sock"),
        (b'U', ""),
    ]));
    (address, any::<u16>()).prop_map(|((family, address), port)| (family, port, address))
}

fn helo() -> impl Strategy<Value = FrameBuf> {
    text().prop_map(|name| of_command(&Command::Helo { name: as_text(&name) }))
}

/// What may come between messages.
fn interlude() -> impl Strategy<Value = Vec<FrameBuf>> {
    prop_oneof![
        with_macros(b'H', helo()),
        with_macros(b'U', text().prop_map(|line| of_command(&Command::Unknown { line: as_text(&line) }))),
        Just(()).prop_map(|()| Vec::from([of_command(&Command::Abort)])),
    ]
}

/// The commands of a message.
#[derive(Clone, Debug)]
struct Message {
    commands: Vec<FrameBuf>,
    /// It has its end, and nothing comes after it.
    is_whole: bool,
}

/// A whole message, or one that ends with ABORT anywhere; perhaps something between it and the next one.
fn message() -> impl Strategy<Value = Message> {
    let envelope =
        || prop_oneof![3 => select(vec_of(&["<a@b.c>", "<>"])).prop_map(|it| it.into()), 1 => text()];
    let mail = (envelope(), text_list()).prop_map(|(address, arguments)| {
        of_command(&Command::MailFrom { address: as_text(&address), arguments: as_list(&arguments) })
    });
    let rcpt = (envelope(), text_list()).prop_map(|(address, arguments)| {
        of_command(&Command::RcptTo { address: as_text(&address), arguments: as_list(&arguments) })
    });
    let header = (key(), text()).prop_map(|(name, value)| {
        of_command(&Command::Header { name: as_text(&name), value: as_text(&value) })
    });
    let plain = |command: Command<'static>| Just(()).prop_map(move |()| of_command(&command));
    let body = prop_oneof![
        30 => chunk(),
        1 => (1_usize..65_536).prop_map(|len| core::iter::repeat_n(b'x', len).collect()),
    ];
    let body = body.prop_map(|chunk| of_command(&Command::Body { chunk: &chunk }));
    let parts = (
        with_macros(b'M', mail),
        vec(with_macros(b'R', rcpt), 1..4),
        with_macros(b'T', plain(Command::Data)),
        vec(header, 1..6),
        with_macros(b'N', plain(Command::EndOfHeaders)),
        vec(body, 0..4),
        with_macros(b'E', plain(Command::EndOfMessage { chunk: &[] })),
    );
    let abort = option::weighted(0.15, any::<Index>());
    (parts, abort, option::weighted(0.2, interlude())).prop_map(|(parts, abort, after)| {
        let (mail, recipients, data, headers, eoh, body, end) = parts;
        let mut commands = mail;
        commands.extend(recipients.into_iter().flatten());
        commands.extend(data.into_iter().chain(headers).chain(eoh).chain(body).chain(end));
        if let Some(at) = abort {
            // Macros whose command does not come any more do no harm.
            commands.truncate(at.index(commands.len()).max(1));
            commands.push(of_command(&Command::Abort));
        }
        let is_whole = abort.is_none() && after.is_none();
        commands.extend(after.unwrap_or_default());
        Message { commands, is_whole }
    })
}

/// A command, perhaps with its macros.
fn with_macros(stage: u8, command: impl Strategy<Value = FrameBuf>) -> impl Strategy<Value = Vec<FrameBuf>> {
    (option::weighted(0.4, macro_pairs()), command).prop_map(move |(pairs, command)| {
        let macros = pairs.map(|pairs| {
            let list: TextListBuf =
                pairs.iter().flat_map(|(name, value)| [as_text(name), as_text(value)]).collect();
            let macros = Macros::new(MacroStage::new(stage), list.as_list());
            of_command(&macros.map_or(Command::Data, Command::Macros))
        });
        macros.into_iter().chain([command]).collect()
    })
}

/// Names and values.
fn macro_pairs() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    const NAMES: [&str; 8] =
        ["i", "j", "_", "{daemon_name}", "{mail_addr}", "{rcpt_addr}", "{auth_authen}", "{tls_version}"];
    let name = prop_oneof![
        6 => select(vec_of(&NAMES)).prop_map(|name| name.as_bytes().to_vec()),
        1 => text(),
    ];
    vec((name, text()), 0..4)
}
