//! libmilter's engine told a second time, for comparison with a filter under `Policy::LIBMILTER`.
//!
//! It is written from libmilter/engine.c as it is described in SPEC_NOTES, with its numbers, masks and
//! flags, and shares nothing with the crate but names. `filter::libmilter` and the fuzz target
//! `libmilter` hold the session against it.
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

use milter_proto::filter::{Options, Support};
use milter_proto::order::{CommandKind, Stage};
use milter_proto::wire::{Actions, Verdict};

// States, by libmilter's numbers.
pub(crate) const INIT: u8 = 0;
const CONN: u8 = 2;
const HELO: u8 = 3;
const MAIL: u8 = 4;
const BODY: u8 = 9;
const ENDM: u8 = 10;
const QUIT: u8 = 11;
const UNKN: u8 = 13;

/// For each state its successors, one bit each, and the step that lets it be skipped.
#[rustfmt::skip]
pub(crate) const STATES: [(u16, u32, Stage); 15] = {
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
pub(crate) type Row = (u8, &'static [u8], u8, u32, CommandKind);

/// Every command, BODYEOB in both its forms, and a code that is none.
#[rustfmt::skip]
pub(crate) const COMMANDS: [Row; 17] = [
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
pub(crate) const VERDICTS: [(Verdict<'static>, u8); 6] = [
    (Verdict::Continue, b'c'),
    (Verdict::Accept, b'a'),
    (Verdict::Reject, b'r'),
    (Verdict::Tempfail, b't'),
    (Verdict::Discard, b'd'),
    (Verdict::Skip, b's'),
];

/// libmilter's engine, for one connection.
pub(crate) struct Engine {
    pub(crate) state: u8,
    /// The steps that were asked for, with those that the MTA does not know.
    pub(crate) effective: u32,
    /// The steps that were offered.
    offered: u32,
    /// Commands that were declined in vain: they have no callback, and get CONTINUE.
    declined_in_vain: u32,
    pub(crate) actions: u32,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    /// The handler is called, behind the abort callback or not.
    Taken { aborts: bool },
    /// Nothing is called but the abort callback, and nothing is written.
    Ignored { aborts: bool },
    /// The connection is closed.
    Fails,
}

impl Fate {
    /// The same for the crate: whether it is in order and whether it aborts the message. `None`: the connection
    /// is closed.
    pub(crate) fn passage(self, code: u8) -> Option<(bool, bool)> {
        match self {
            // The abort callback is what ABORT calls, too.
            Self::Taken { .. } if code == b'A' => Some((true, true)),
            Self::Taken { aborts: false } => Some((true, false)),
            Self::Taken { aborts: true } => Some((true, true)),
            Self::Ignored { aborts: false } => Some((false, false)),
            Self::Ignored { aborts: true } => Some((false, true)),
            Self::Fails => None,
        }
    }
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self { state: INIT, effective: 0, offered: 0, declined_in_vain: 0, actions: 0 }
    }

    pub(crate) fn trans_ok(&self, from: u8, to: u8) -> bool {
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

    pub(crate) fn in_tx(&self) -> bool {
        (MAIL..=BODY).contains(&self.state)
    }

    /// The command that a number stands for: mostly one that can follow.
    pub(crate) fn pick(&self, number: u8) -> &'static Row {
        if number < 200 {
            let can_follow = |row: &&Row| self.trans_ok(self.state, row.2) && !matches!(row.0, b'Q' | b'Z');
            let next: Vec<_> = COMMANDS.iter().filter(can_follow).collect();
            if !next.is_empty() {
                return next[usize::from(number) % next.len()];
            }
        }
        &COMMANDS[usize::from(number) % COMMANDS.len()]
    }

    pub(crate) fn command(&mut self, code: u8) -> Fate {
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

    /// Whether a command has no reply of a callback.
    pub(crate) fn is_mute(&self, code: u8) -> bool {
        COMMANDS.iter().any(|row| {
            row.0 == code
                && (row.3 & self.effective != 0 || STATES[usize::from(row.2)].1 & self.declined_in_vain != 0)
        })
    }

    /// What is written for the result of a handler; the state follows it.
    pub(crate) fn result(&mut self, code: u8, result: u8) -> Option<u8> {
        let row = COMMANDS.iter().find(|row| row.0 == code).unwrap();
        if row.3 & self.effective != 0 {
            // `no-reply-verdict`
            return (row.3 & self.offered == 0).then_some(b'c');
        }
        if self.is_mute(code) {
            return Some(b'c');
        }
        match result {
            b'a' => self.state = HELO,
            b'r' | b'y' | b'd' | b't' if !matches!(code, b'R' | b'U') => self.state = HELO,
            _ => {}
        }
        Some(result)
    }

    /// The answer to OPTNEG: version, actions and steps. `None`: the connection is closed.
    pub(crate) fn negotiate(&mut self, offer: [u32; 3], wish: &Wish) -> Option<[u32; 3]> {
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
        let implied = if version < 3 {
            0x300
        } else if version < 4 {
            0x200
        } else {
            0
        };
        self.declined_in_vain = wanted & 0x300 & !steps & !implied;
        self.effective |= if version < 3 { 0x100 } else { 0 };
        Some([version.min(6), wanted_actions, answered])
    }
}

/// What the filter wishes for, as masks.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) steps: u32,
    pub(crate) preferred: u32,
    pub(crate) actions: u32,
    pub(crate) preferred_actions: u32,
}

impl Wish {
    /// The same for the crate.
    pub(crate) fn wishes(&self) -> Options<'static> {
        let is_sent = |row: &&Row| self.steps & STATES[usize::from(row.2)].1 == 0;
        let is_mute = |row: &&Row| self.steps & row.3 != 0;
        let kind = |row: &Row| row.4;
        let want = |bit| match (self.steps & bit, self.preferred & bit) {
            (0, 0) => Support::Off,
            (0, _) => Support::Optional,
            _ => Support::Required,
        };
        Options::new(COMMANDS.iter().filter(is_sent).map(kind))
            .no_reply_to(COMMANDS.iter().filter(is_mute).map(kind))
            .skip(want(0x400))
            .rejected_recipients(want(0x800))
            .leading_space(want(0x10_0000))
            .require(Actions::from_bits(self.actions))
            .request(Actions::from_bits(self.preferred_actions))
    }
}
