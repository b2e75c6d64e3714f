//! The filter's side under [`Policy::LIBMILTER`], against libmilter's engine told a second time.
//!
//! The model below is written from libmilter/engine.c as it is described in SPEC_NOTES, with its numbers,
//! masks and flags, and shares nothing with the crate but the frames. Random sequences of commands, of
//! which most can follow, random answers and random negotiations: what is taken, ignored, aborted and
//! closed, what is written, and the state that follows have to be the same.
//!
//! Where the crate differs on purpose, the model does what the crate does:
//!
//! * `no-reply-verdict`: a verdict where no reply is given counts as CONTINUE. In libmilter it is not
//!   written, but moves the engine, which then ignores the rest of the message.
//! * `bodyeob-once`: BODYEOB with a chunk is a chunk and an end, answered once. libmilter answers the chunk
//!   and, unless that answer was CONTINUE, answers it again.
//! * `edits-end-with-the-verdict`: libmilter lets edits pass until the next command.
//! * `eof-at-the-end`: a connection that ends while BODYEOB is answered ends a message. libmilter does
//!   not call that an abort.
//! * `skips-per-connection`: what one connection negotiated does not loosen the order of the next one.
//! * `unknown-by-agreement`: UNKNOWN counts as switched off where that was agreed on and where the version
//!   does not have it. In libmilter it counts so where the filter wished for that, granted or not; it
//!   decides what may follow ABORT.
//!
//! Payloads that cannot be read are left out here, as is the negotiation of larger ones.

#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, clippy::std_instead_of_alloc, reason = "a test has std")]

use milter_proto::session::{
    CommandKind, FilterSession, FilterTurn, Passage, Policy, ReceiveError, Stage, Want, Wishes,
};
use milter_proto::wire::{Actions, Edit, Frame, Response, Text, Verdict};
use proptest::prelude::*;

// States, by libmilter's numbers.
const INIT: u8 = 0;
const CONN: u8 = 2;
const HELO: u8 = 3;
const MAIL: u8 = 4;
const BODY: u8 = 9;
const ENDM: u8 = 10;
const QUIT: u8 = 11;
const UNKN: u8 = 13;

/// For each state its successors, one bit each, and the step that lets it be skipped.
#[rustfmt::skip]
const STATES: [(u16, u32, Stage); 15] = {
    const fn next(states: &[u8]) -> u16 {
        let (mut mask, mut at) = (0, 0);
        while at < states.len() {
            mask |= 1 << states[at];
            at += 1;
        }
        mask
    }
    [
        (next(&[1]),                            0,     Stage::Start),
        (next(&[2, 13]),                        0,     Stage::Negotiated),
        (next(&[3, 4, 13]),                     0x001, Stage::Connected),
        (next(&[3, 4, 13]),                     0x002, Stage::Greeted),
        (next(&[5, 12, 13]),                    0x004, Stage::Mail),
        (next(&[5, 6, 7, 8, 9, 10, 12, 13]),    0x008, Stage::Recipients),
        (next(&[7, 8, 12]),                     0x200, Stage::Data),
        (next(&[7, 8, 12]),                     0x020, Stage::Headers),
        (next(&[9, 10, 12]),                    0x040, Stage::EndOfHeaders),
        (next(&[9, 10, 12]),                    0x010, Stage::Body),
        (next(&[4, 11, 14, 13]),                0,     Stage::EndOfMessage),
        (next(&[]),                             0,     Stage::Closed),
        (next(&[]),                             0,     Stage::Aborted),
        (next(&[3, 4, 5, 6, 9, 12, 13, 11, 14]), 0x100, Stage::Unknown),
        (next(&[2, 13]),                        0,     Stage::Reconnecting),
    ]
};

/// A command: its payload here, the state that it leads to, the step that switches its reply off, the kind.
#[rustfmt::skip]
const COMMANDS: [(u8, &[u8], u8, u32, CommandKind); 17] = [
    (b'O', b"",                                    1,    0,        CommandKind::Negotiate),
    (b'D', b"M{i}\0Q1\0",                          INIT, 0,        CommandKind::Macros),
    (b'C', b"mx.example\x004\0\x19192.0.2.1\0",    CONN, 0x01000,  CommandKind::Connect),
    (b'H', b"mx.example\0",                        HELO, 0x02000,  CommandKind::Helo),
    (b'M', b"<a@b.c>\0SIZE=10\0",                  MAIL, 0x04000,  CommandKind::MailFrom),
    (b'R', b"<d@e.f>\0",                           5,    0x08000,  CommandKind::RcptTo),
    (b'T', b"",                                    6,    0x10000,  CommandKind::Data),
    (b'L', b"Subject\0hello\0",                    7,    0x00080,  CommandKind::Header),
    (b'N', b"",                                    8,    0x40000,  CommandKind::EndOfHeaders),
    (b'B', b"line\r\n",                            BODY, 0x80000,  CommandKind::Body),
    (b'E', b"",                                    ENDM, 0,        CommandKind::EndOfMessage),
    (b'E', b"line\r\n",                            ENDM, 0,        CommandKind::EndOfMessage),
    (b'U', b"FROB\0",                              UNKN, 0x20000,  CommandKind::Unknown),
    (b'A', b"",                                    12,   0,        CommandKind::Abort),
    (b'K', b"",                                    14,   0,        CommandKind::QuitNewConnection),
    (b'Q', b"",                                    QUIT, 0,        CommandKind::Quit),
    (b'Z', b"",                                    QUIT, 0,        CommandKind::Quit),
];

/// Verdicts, with the result that a callback gives for it.
const VERDICTS: [(Verdict<'static>, u8); 6] = [
    (Verdict::Continue, b'c'),
    (Verdict::Accept, b'a'),
    (Verdict::Reject, b'r'),
    (Verdict::Tempfail, b't'),
    (Verdict::Discard, b'd'),
    (Verdict::Skip, b's'),
];

/// libmilter's engine, for one connection.
struct Engine {
    state: u8,
    /// The steps that were asked for, with those that the MTA does not know.
    effective: u32,
    /// The steps that were offered.
    offered: u32,
    actions: u32,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// The handler is called, behind the abort callback or not.
    Taken { aborts: bool },
    /// Nothing is called but the abort callback, and nothing is written.
    Ignored { aborts: bool },
    /// The connection is closed.
    Fails,
}

impl Engine {
    fn new() -> Self {
        Self { state: INIT, effective: 0, offered: 0, actions: 0 }
    }

    fn trans_ok(&self, from: u8, to: u8) -> bool {
        let mut state = usize::from(from);
        loop {
            if STATES[state].0 & 1 << to != 0 {
                return true;
            }
            state += 1;
            let can_skip = STATES.get(state).is_some_and(|row| row.1 != 0 && self.effective & row.1 != 0);
            if !can_skip {
                return false;
            }
        }
    }

    fn in_tx(&self) -> bool {
        (MAIL..=BODY).contains(&self.state)
    }

    fn command(&mut self, code: u8) -> Fate {
        let Some(row) = COMMANDS.iter().find(|row| row.0 == code && code != b'Z') else { return Fate::Fails };
        if code == b'D' {
            return Fate::Taken { aborts: false };
        }
        let mut aborts = false;
        if !self.trans_ok(self.state, row.2) {
            aborts = self.in_tx();
            self.state = HELO;
            if !self.trans_ok(HELO, row.2) && code != b'Q' {
                return Fate::Ignored { aborts };
            }
        }
        self.state = row.2;
        Fate::Taken { aborts }
    }

    /// What is written for the result of a handler; the state follows it.
    fn result(&mut self, code: u8, result: u8) -> Option<u8> {
        let row = COMMANDS.iter().find(|row| row.0 == code).unwrap();
        if row.3 & self.effective != 0 {
            // `no-reply-verdict`
            return (row.3 & self.offered == 0).then_some(b'c');
        }
        match result {
            b'a' => self.state = HELO,
            b'r' | b'd' | b't' if !matches!(code, b'R' | b'U') => self.state = HELO,
            _ => {}
        }
        Some(result)
    }

    /// The answer to OPTNEG: version, actions and steps. `None`: the connection is closed.
    fn negotiate(&mut self, offer: [u32; 3], wish: &Wish) -> Option<[u32; 3]> {
        let [version, mut actions, mut steps] = offer;
        if !(2..0x8000_0000).contains(&version) {
            return None;
        }
        if actions == 0 {
            actions = 0x0f;
        }
        if steps == 0 {
            steps = 0x3f;
        }
        steps &= !0x7000_0000;
        let wanted_actions = wish.actions | wish.preferred_actions & actions;
        let wanted = wish.steps | wish.preferred & steps;
        let mut answered = wanted;
        if answered & !steps != 0 {
            answered &= !(0x000f_f080 & !steps);
        }
        if wanted_actions & !actions != 0 {
            return None;
        }
        for old in [0x200, 0x100] {
            if answered & old & !steps != 0 {
                answered &= !old;
            }
        }
        if answered & !steps != 0 {
            return None;
        }
        (self.effective, self.offered, self.actions) = (wanted, steps, wanted_actions);
        // `unknown-by-agreement`
        self.effective &= !(0x100 & !steps);
        self.effective |= if version < 3 { 0x100 } else { 0 };
        Some([version.min(6), wanted_actions, answered])
    }
}

/// What the filter wishes for, as masks.
#[derive(Clone, Debug)]
struct Wish {
    steps: u32,
    preferred: u32,
    actions: u32,
    preferred_actions: u32,
}

impl Wish {
    /// The same for the crate.
    fn wishes(&self) -> Wishes<'static> {
        let is_sent =
            |row: &&(u8, &[u8], u8, u32, CommandKind)| self.steps & STATES[usize::from(row.2)].1 == 0;
        let is_mute = |row: &&(u8, &[u8], u8, u32, CommandKind)| self.steps & row.3 != 0;
        let kind = |row: &(u8, &[u8], u8, u32, CommandKind)| row.4;
        let want = |bit| match () {
            () if self.steps & bit != 0 => Want::Required,
            () if self.preferred & bit != 0 => Want::IfOffered,
            () => Want::No,
        };
        Wishes::new(COMMANDS.iter().filter(is_sent).map(kind))
            .without_reply(COMMANDS.iter().filter(is_mute).map(kind))
            .skip(want(0x400))
            .rejected_recipients(want(0x800))
            .leading_space(want(0x10_0000))
            .may(Actions::from_bits(self.actions))
            .may_if_offered(Actions::from_bits(self.preferred_actions))
    }
}

/// A step of a script: which command, which verdict, which edit before it.
type Move = (u8, u8, u8);

fn any_wish() -> impl Strategy<Value = Wish> {
    // Steps that are wished for without being offered close the connection, mostly: they are rare.
    let rare = |bits: u32| prop_oneof![9 => Just(0), 1 => any::<u32>().prop_map(move |b| b & bits)];
    let off = any::<[u32; 2]>().prop_map(|[one, other]| one & other & 0x37f);
    let mute = any::<[u32; 2]>().prop_map(|[one, other]| one & other & 0x000f_f080);
    let (preferred, actions) = (any::<u32>(), any::<u32>());
    (off, mute, rare(0x10_0c00), preferred, actions, rare(0x1ff)).prop_map(
        |(off, mute, required, preferred, preferred_actions, actions)| Wish {
            steps: off | mute | required,
            preferred: preferred & 0x10_0c00 & !required,
            actions,
            preferred_actions: preferred_actions & 0x1ff,
        },
    )
}

fn any_offer() -> impl Strategy<Value = [u32; 3]> {
    let version = prop_oneof![12 => 2_u32..=6, 2 => 0_u32..9, 1 => any::<u32>()];
    let actions = prop_oneof![6 => Just(0x1ff), 1 => Just(0), 1 => any::<u32>()];
    let steps = prop_oneof![
        6 => Just(0x001f_ffff),
        2 => prop_oneof![Just(0x3f), Just(0x7f), Just(0x17f), Just(0x37f), Just(0)],
        2 => any::<u32>().prop_map(|noise| 0x37f | noise),
        1 => any::<u32>(),
    ];
    (version, actions, steps).prop_map(|(version, actions, steps)| [version, actions, steps])
}

/// The command that a number stands for: mostly one that can follow.
fn pick(engine: &Engine, number: u8) -> (u8, &'static [u8]) {
    let row = |row: &(u8, &'static [u8], u8, u32, CommandKind)| (row.0, row.1);
    if number < 200 {
        let is_next = |row: &&(u8, &[u8], u8, u32, CommandKind)| {
            engine.trans_ok(engine.state, row.2) && !matches!(row.0, b'Q' | b'Z')
        };
        let next: Vec<_> = COMMANDS.iter().filter(is_next).collect();
        if !next.is_empty() {
            return row(next[usize::from(number) % next.len()]);
        }
    }
    row(&COMMANDS[usize::from(number) % COMMANDS.len()])
}

fn passage_of(fate: Fate) -> Option<Passage> {
    match fate {
        Fate::Taken { aborts: false } => Some(Passage::InOrder),
        Fate::Taken { aborts: true } => Some(Passage::AfterAbort),
        Fate::Ignored { aborts: false } => Some(Passage::Ignored),
        Fate::Ignored { aborts: true } => Some(Passage::IgnoredAfterAbort),
        Fate::Fails => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_filter_does_what_libmilter_does(
        offer in any_offer(),
        wish in any_wish(),
        script in prop::collection::vec(any::<Move>(), 0..48),
        opens in prop::bool::weighted(0.97),
    ) {
        let mut engine = Engine::new();
        let mut session = FilterSession::new(Policy::LIBMILTER);
        let opening = opens.then_some((0, 0, 0));
        for step in opening.into_iter().chain(script) {
            let (code, payload) = if opens && engine.state == INIT { (b'O', &b""[..]) } else { pick(&engine, step.0) };
            let offered: Vec<u8> = offer.iter().flat_map(|word| word.to_be_bytes()).collect();
            let payload = if code == b'O' { &offered[..] } else { payload };
            let fate = engine.command(code);
            if !run_step(&mut engine, &mut session, fate, Frame::new(code, payload), offer, &wish, step)? {
                break;
            }
        }
    }
}

/// One frame and what is answered. `false`: the connection is over.
fn run_step(
    engine: &mut Engine,
    session: &mut FilterSession,
    fate: Fate,
    frame: Frame<'_>,
    offer: [u32; 3],
    wish: &Wish,
    (_, verdict, edit): Move,
) -> Result<bool, TestCaseError> {
    let event = session.receive(frame);
    let Some(passage) = passage_of(fate) else {
        prop_assert!(matches!(event, Err(ReceiveError::Peer(_))), "{:?}", event);
        prop_assert_eq!(session.turn(), FilterTurn::Closed);
        return Ok(false);
    };
    let event = event.map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(event.passage, passage, "{:?}", frame);
    // `bodyeob-once`
    let is_cut = matches!(fate, Fate::Taken { .. }) && frame.code() == b'E' && !frame.payload().is_empty();
    prop_assert_eq!(session.rest_of_frame().is_some(), is_cut);
    if frame.code() == b'Q' {
        prop_assert_eq!(session.turn(), FilterTurn::Closed);
        return Ok(false);
    }
    let mut out = Vec::new();
    let mut expected = Vec::new();
    if frame.code() == b'O' && matches!(fate, Fate::Taken { .. }) {
        let answer = engine.negotiate(offer, wish);
        let negotiated = session.negotiate(&wish.wishes()).expect("the answer is owed");
        prop_assert_eq!(negotiated.is_ok(), answer.is_some(), "{:?}", negotiated);
        let (Ok((_, outgoing)), Some(answer)) = (negotiated, answer) else { return Ok(false) };
        outgoing.append_to(&mut out);
        expected.extend(b"\0\0\0\x0dO");
        expected.extend(answer.iter().flat_map(|word| word.to_be_bytes()));
    } else if let (Fate::Taken { .. }, Some(result)) = (fate, has_result(frame.code())) {
        // Half of them are CONTINUE, so that messages come to their end.
        let (verdict, code) = VERDICTS[usize::from(verdict).saturating_sub(128) % VERDICTS.len()];
        if frame.code() == b'E' {
            edits(engine, session, edit)?;
        }
        let row = COMMANDS.iter().find(|row| row.0 == frame.code()).unwrap();
        let is_mute = row.3 & engine.effective != 0;
        let written = engine.result(frame.code(), code);
        prop_assert_eq!(matches!(session.turn(), FilterTurn::Reply(_)), written.is_some(), "{:?}", result);
        if is_mute && code != b'c' {
            prop_assert!(session.check(&verdict.into()).is_err(), "`no-reply-verdict`");
        }
        if let Some(written) = written {
            let verdict = if is_mute { Verdict::Continue } else { verdict };
            session
                .send(verdict)
                .map_err(|error| TestCaseError::fail(error.to_string()))?
                .append_to(&mut out);
            expected.extend([0, 0, 0, 1, written]);
        }
    }
    prop_assert_eq!(out, expected);
    prop_assert_eq!(session.turn(), FilterTurn::Receive);
    prop_assert_eq!(session.stage(), STATES[usize::from(engine.state)].2);
    prop_assert_eq!(session.clone().disconnect(0).in_message, engine.in_tx());
    Ok(true)
}

/// An edit passes if its action was agreed on; PROGRESS passes always.
fn edits(engine: &Engine, session: &mut FilterSession, number: u8) -> Result<(), TestCaseError> {
    let (name, value) = (Text::new(b"X-Seen").unwrap(), Text::new(b"yes").unwrap());
    let edits: [(Response<'_>, u32); 5] = [
        (Edit::AddHeader { name, value }.into(), 0x01),
        (Edit::ReplaceBody { chunk: b"new\r\n" }.into(), 0x02),
        (Edit::AddRcpt { address: name }.into(), 0x04),
        (Edit::Quarantine { reason: value }.into(), 0x20),
        (Response::Progress, 0),
    ];
    let (edit, action) = edits[usize::from(number) % edits.len()];
    prop_assert_eq!(session.send(edit).is_ok(), action & engine.actions == action, "{:?}", edit);
    Ok(())
}

/// Whether a handler has a result that is answered.
fn has_result(code: u8) -> Option<u8> {
    b"CHMRTLNBEU".contains(&code).then_some(code)
}
