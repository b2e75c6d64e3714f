//! The filter's side against libmilter, told a second time: the engine of `tests/it/support/libmilter.rs`, and
//! here what its callbacks would be given.
//!
//! Where the crate differs on purpose the expectation does, too; beside what the engine lists:
//!
//! * HELO without its NUL ends the connection (DEV-3, DEV-49). libmilter leaves it without a reply.
//! * The address of CONNECT is text of any kind (CMD-3). libmilter closes on what is no address.
//! * Of an odd number of texts in MACRO the last one is dropped (TOL-6).
//! * A command that cannot be read is never seen (DEV-50). libmilter aborts the message after it.

#[path = "../../tests/it/support/libmilter.rs"]
mod engine;

use engine::{COMMANDS, Engine, Fate, INIT, STATES, VERDICTS, Wish};
use milter_proto::wire::{Command, Frame, Peer, ReplyText, Response, Verdict};
use milter_proto::{FilterSession, ReceiveError, filter};

/// The first bytes say what the filter wishes for. Then two bytes each make a step: a command that can
/// follow, or any code and a payload of the next bytes; and the answer.
pub fn libmilter(data: &[u8]) {
    let Some((&[a, b, c, d, e, f, g, h], mut script)) = data.split_first_chunk() else { return };
    let (steps, actions) = (u32::from_be_bytes([0, a, b, c]), u32::from(u16::from_be_bytes([e, f])));
    let required = steps & 0x10_0c00;
    let wish = Wish {
        steps: steps & 0x1f_ffff & !0x10_0c00 | if d & 0x80 == 0 { 0 } else { required },
        preferred: if d & 0x80 == 0 { required } else { 0 },
        actions: if d & 0x40 == 0 { 0 } else { actions & 0x1ff },
        preferred_actions: u32::from(u16::from_be_bytes([g, h])) & 0x1ff,
    };
    let mut pair =
        Pair { engine: Engine::new(), session: FilterSession::with_policy(filter::Policy::LIBMILTER), wish };
    while let Some((&[choice, answer], rest)) = script.split_first_chunk() {
        let (code, payload);
        (code, payload, script) = if choice < 0x80 {
            // Twice the number: up to 100 it stands for what can follow.
            let row = if choice < 0x60 && pair.engine.state == INIT {
                &COMMANDS[0]
            } else {
                pair.engine.pick(choice * 2)
            };
            let payload = if row.0 == b'O' { OFFERS[usize::from(answer) % OFFERS.len()] } else { row.1 };
            (row.0, payload, rest)
        } else {
            let (&len, rest) = rest.split_first().unwrap_or((&0, &[]));
            let (payload, rest) = rest.split_at(rest.len().min(usize::from(len)));
            (0x40 | choice & 0x1f, payload, rest)
        };
        if !pair.step(Frame::new(code, payload), answer) {
            return;
        }
    }
}

struct Pair {
    engine: Engine,
    session: FilterSession,
    wish: Wish,
}

impl Pair {
    /// One frame and what is answered to it; `false` if the connection is over.
    fn step(&mut self, frame: Frame<'_>, answer: u8) -> bool {
        let Self { engine, session, .. } = self;
        let (was_in_message, fate) = (engine.in_tx(), engine.command(frame.code()));
        let read = read(frame);
        let is_taken = matches!(fate, Fate::Taken { .. });
        let event = session.receive(frame);
        let passage = fate.passage(frame.code()).filter(|_| read.is_some() || !is_taken);
        let Some(passage) = passage else {
            let Err(ReceiveError::Peer(violation)) = event else {
                panic!("{event:?} of {frame:?}, not a failure")
            };
            assert_eq!(session.turn(), filter::Turn::Closed, "{violation}");
            assert_eq!(session.disconnect(0).in_message, was_in_message, "{violation}");
            return false;
        };
        let event = event.unwrap_or_else(|error| panic!("{frame:?}: {error}"));
        assert_eq!((event.in_order, event.aborts_message), passage, "{frame:?}");
        // `bodyeob-once`
        let has_body = engine.effective & 0x010 == 0;
        let is_cut = is_taken && frame.code() == b'E' && !frame.payload().is_empty() && has_body;
        match read {
            Some(_) if is_cut => assert_eq!(event.command, Command::Body { chunk: frame.payload() }),
            Some(_) if is_taken && frame.code() == b'E' => {
                assert_eq!(event.command, Command::EndOfMessage { chunk: &[] });
            }
            Some(fields) => {
                assert_eq!(fields_of(&event.command), fields);
                assert_eq!(event.deviation.is_none(), is_clean(frame, &fields), "{frame:?}");
            }
            // An empty chunk is read, and judged only where it is accepted.
            None if frame.code() == b'B' => assert_eq!(event.command, Command::Body { chunk: &[] }),
            None => assert_eq!(event.command, Command::Other(frame)),
        }
        let end = session.rest_of_frame().map(|event| event.command);
        assert_eq!(end, is_cut.then_some(Command::EndOfMessage { chunk: &[] }));
        if frame.code() == b'Q' {
            assert_eq!(session.turn(), filter::Turn::Closed);
            assert!(session.disconnect(0).clean);
            return false;
        }
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        if is_taken && frame.code() == b'O' {
            if !self.negotiate(frame, &mut out, &mut expected) {
                return false;
            }
        } else if is_taken && b"CHMRTLNBEU".contains(&frame.code()) {
            self.answer(frame.code(), answer, &mut out, &mut expected);
        }
        assert_eq!(out, expected, "to {frame:?}");
        let Self { engine, session, .. } = self;
        assert_eq!(session.turn(), filter::Turn::Receive);
        assert_eq!(session.stage(), STATES[usize::from(engine.state)].2);
        assert_eq!(session.clone().disconnect(0).in_message, engine.in_tx());
        true
    }

    fn negotiate(&mut self, frame: Frame<'_>, out: &mut Vec<u8>, expected: &mut Vec<u8>) -> bool {
        let word = |at: usize| u32::from_be_bytes(*frame.payload()[at..].first_chunk().unwrap());
        let answer = self.engine.negotiate([word(0), word(4), word(8)], &self.wish);
        let negotiated = self.session.negotiate(&self.wish.wishes());
        assert_eq!(negotiated.is_ok(), answer.is_some(), "{negotiated:?}");
        let (Ok(sent), Some(answer)) = (negotiated, answer) else { return false };
        sent.frame.append_to(out);
        expected.extend(b"\0\0\0\x0dO");
        expected.extend(answer.iter().flat_map(|word| word.to_be_bytes()));
        true
    }

    /// An edit, progress, and a verdict.
    fn answer(&mut self, code: u8, answer: u8, out: &mut Vec<u8>, expected: &mut Vec<u8>) {
        let Self { engine, session, .. } = self;
        let is_mute = engine.is_mute(code);
        let choice = usize::from(answer);
        // Half of the verdicts are CONTINUE, so that messages come to their end.
        let texts: [&[u8]; 2] = [b"550 5.7.1 no", b"451-4.7.1 not\r\n451 4.7.1 now"];
        let (verdict, result, text) = match choice % 16 {
            row @ 0..6 => (VERDICTS[row].0, VERDICTS[row].1, &[][..]),
            row @ (6 | 7) => {
                (Verdict::Reply(ReplyText::parse(texts[row - 6]).unwrap()), b'y', texts[row - 6])
            }
            _ => (Verdict::Continue, b'c', &[][..]),
        };
        let written = engine.result(code, result);
        assert_eq!(matches!(session.turn(), filter::Turn::Reply(_)), written.is_some());
        if written.is_some() {
            let (payload, action) = EDITS[choice / 16 % EDITS.len()];
            let edit = Response::parse(Frame::new(payload[0], &payload[1..])).unwrap();
            let may_edit = code == b'E' && action & engine.actions == action || action == 0;
            if let Ok(outgoing) = session.send(edit) {
                outgoing.append_to(out);
            }
            if may_edit {
                append(payload[0], &payload[1..], expected);
            }
        }
        if is_mute && result != b'c' {
            assert!(session.check(&verdict.into()).is_err(), "`no-reply-verdict`");
        }
        if let Some(written) = written {
            let verdict = if is_mute { Verdict::Continue } else { verdict };
            session.send(verdict).unwrap_or_else(|misuse| panic!("{misuse}")).append_to(out);
            let payload = if written == b'y' { [text, b"\0"].concat() } else { Vec::new() };
            append(written, &payload, expected);
        }
    }
}

fn append(code: u8, payload: &[u8], wire: &mut Vec<u8>) {
    wire.extend(u32::try_from(payload.len() + 1).unwrap().to_be_bytes());
    wire.push(code);
    wire.extend(payload);
}

/// What libmilter's callback is given, text by text. `None`: the session ends.
fn read(frame: Frame<'_>) -> Option<Vec<&[u8]>> {
    let payload = frame.payload();
    let is_closed = payload.ends_with(b"\0");
    match frame.code() {
        b'A' | b'K' | b'N' | b'Q' | b'T' => Some(Vec::new()),
        b'E' => Some(vec![payload]),
        b'O' => payload.get(..12).map(|offer| vec![offer]),
        b'B' => (!payload.is_empty()).then_some(vec![payload]),
        b'U' => (!payload.is_empty()).then(|| vec![until_nul(payload)]),
        b'H' => is_closed.then(|| vec![until_nul(payload)]),
        b'M' | b'R' => Some(texts(payload)).filter(|texts| !texts.is_empty()),
        b'D' => {
            let mut fields = texts(payload.get(1..)?);
            fields.truncate(fields.len() & !1);
            fields.insert(0, &payload[..1]);
            Some(fields)
        }
        b'L' => {
            let end = 1 + payload.get(1..)?.iter().position(|&byte| byte == 0)?;
            let value = &payload[end + 1..];
            (is_closed && !value.is_empty()).then(|| vec![until_nul(payload), until_nul(value)])
        }
        b'C' => {
            let host = until_nul(payload);
            let rest = payload.get(host.len() + 1..)?;
            match rest {
                [b'U', ..] => Some(vec![host, &rest[..1]]),
                [b'4' | b'6' | b'L', _, _, address @ ..] if !address.is_empty() && is_closed => {
                    Some(vec![host, &rest[..1], &rest[1..3], until_nul(address)])
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `dec_argv`: what stands before each NUL.
fn texts(bytes: &[u8]) -> Vec<&[u8]> {
    let mut texts = bytes.split(|&byte| byte == 0).collect::<Vec<_>>();
    texts.pop();
    texts
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Whether a payload is nothing but these fields.
fn is_clean(frame: Frame<'_>, fields: &[&[u8]]) -> bool {
    let closed =
        |fields: &[&[u8]]| fields.iter().flat_map(|field| [field, &b"\0"[..]].concat()).collect::<Vec<_>>();
    let clean = match (frame.code(), fields) {
        (b'D', [stage, texts @ ..]) => [*stage, &closed(texts)].concat(),
        (b'C', [host, family]) => [host, &b"\0"[..], family].concat(),
        (b'C', [host, family, port, address]) => {
            [&closed(&[host]), *family, port, &closed(&[address])].concat()
        }
        (b'A' | b'B' | b'E' | b'K' | b'N' | b'O' | b'Q' | b'T', _) => fields.concat(),
        _ => closed(fields),
    };
    frame.payload() == clean
}

/// The same of a command as the crate has read it.
fn fields_of(command: &Command<'_>) -> Vec<Vec<u8>> {
    let peer_of = |peer: &Peer<'_>| match *peer {
        Peer::Unknown => vec![vec![b'U']],
        Peer::Unix { port, path } => vec![vec![b'L'], port.to_be_bytes().to_vec(), path.as_bytes().to_vec()],
        Peer::Inet { port, address } => {
            vec![vec![b'4'], port.to_be_bytes().to_vec(), address.as_bytes().to_vec()]
        }
        Peer::Inet6 { port, address } => {
            vec![vec![b'6'], port.to_be_bytes().to_vec(), address.as_bytes().to_vec()]
        }
        _ => panic!("another family: {peer:?}"),
    };
    let fields: Vec<&[u8]> = match command {
        Command::Negotiate(offer) => {
            let words = [offer.version.number(), offer.actions.bits(), offer.steps.bits()];
            return vec![words.map(u32::to_be_bytes).concat()];
        }
        Command::Connect { host, peer } => {
            return [vec![host.as_bytes().to_vec()], peer_of(peer)].concat();
        }
        Command::Macros(macros) => {
            let mut fields = vec![vec![macros.stage().byte()]];
            fields.extend(
                macros.iter().flat_map(|(name, value)| [name, value].map(|text| text.as_bytes().to_vec())),
            );
            return fields;
        }
        Command::MailFrom { address, arguments } | Command::RcptTo { address, arguments } => {
            core::iter::once(*address).chain(arguments.iter()).map(|text| text.as_bytes()).collect()
        }
        Command::Helo { name: text } | Command::Unknown { line: text } => vec![text.as_bytes()],
        Command::Header { name, value } => vec![name.as_bytes(), value.as_bytes()],
        Command::Body { chunk } | Command::EndOfMessage { chunk } => vec![chunk],
        Command::Data
        | Command::EndOfHeaders
        | Command::Abort
        | Command::Quit
        | Command::QuitNewConnection => vec![],
        _ => panic!("{command:?} can be read"),
    };
    fields.into_iter().map(<[u8]>::to_vec).collect()
}

/// As Sendmail, Postfix, old MTAs and none offer.
const OFFERS: [&[u8]; 7] = [
    b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff",
    b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff",
    b"\0\0\0\x02\0\0\0\x3f\0\0\0\x7f",
    b"\0\0\0\x03\0\0\0\x3f\0\0\x01\x7f",
    b"\0\0\0\x04\0\0\0\x3f\0\0\x03\x7f",
    b"\0\0\0\x02\0\0\0\0\0\0\0\0",
    b"\0\0\0\x01\0\0\0\0\0\0\0\0",
];

/// Edits and progress: code, payload, and the action that they need.
const EDITS: [(&[u8], u32); 10] = [
    (b"hX\0y\0", 0x01),
    (b"i\0\0\0\x01X\0y\0", 0x01),
    (b"bnew\r\n", 0x02),
    (b"+<e@f>\0", 0x04),
    (b"-<e@f>\0", 0x08),
    (b"m\0\0\0\x01X\0\0", 0x10),
    (b"qwhy\0", 0x20),
    (b"e<>\0", 0x40),
    (b"2<e@f>\0NOTIFY=NEVER\0", 0x80),
    (b"p", 0),
];
