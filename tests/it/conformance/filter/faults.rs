//! The faults of broken filters, one for each family of bugs.

use milter_proto::order::Stage;
use milter_proto::wire::{Actions, Steps};

use super::program::{Seen, Wish};

/// One fault.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    /// How it negotiates.
    pub(super) wish: Wish,
    /// The frames that it concerns.
    pub(super) on: fn(&Seen<'_>) -> bool,
    /// What the filter does at them.
    pub(super) does: Does,
    pub(super) special: Special,
    /// Changes the answer to an offer: the payloads of both.
    pub(super) answers: Option<fn(&[u8], &mut Vec<u8>)>,
    /// Changes the edits of a message: frames without their lengths.
    pub(super) edits: Option<fn(&mut Vec<Vec<u8>>, &Seen<'_>)>,
}

/// What a filter does at a frame. Frames are without their lengths.
#[derive(Clone, Copy)]
pub(super) enum Does {
    Nothing,
    /// Closes the connection without a reply.
    Close,
    /// Replies, and closes the connection.
    Goes,
    /// The whole process ends.
    Die,
    /// Does not reply.
    Silent,
    /// Does not reply, to this frame and to all later ones.
    Hang,
    /// Replies twice.
    Twice,
    Instead(&'static [u8]),
    Before(&'static [u8]),
    After(&'static [u8]),
}

/// Faults of other parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    None,
    DiesOnZeroLength,
    SkipsZeroLength,
    SignedLength,
    /// Reads the lower 16 bits alone.
    MaskedLength,
    NoLimit,
    /// The largest length.
    Limit(usize),
    DiesOnHugeLength,
    LosesCutFrames,
    OneFramePerRead,
    GoesOnAfterErrors,
    ReversesReplies,
    /// Writes a frame as soon as it is connected.
    Greets,
    StaysAfterQuit,
    IgnoresTheEnd,
    IgnoresTheEndInAFrame,
    DiesAtTheEnd,
    DiesAtTheEndInAFrame,
    DiesWhenTheMtaLeaves,
    DiesWhenTheMtaLeavesAMessage,
    DiesWhenTheMtaLeavesAFrame,
    /// Accepts only so many connections.
    LeaksConnections(usize),
    KeepsMacros,
    LastOfEqualNames,
    MergesLists,
    EmptyListsKeepMacros,
    BracesMatter,
    NoMacros,
    /// Sends the edit of this code whatever was negotiated.
    EditsAnyway(u8),
    /// Sends the edits of earlier messages again.
    EditsPileUp,
}

impl Fault {
    pub(super) const NONE: Self = Self {
        name: "none",
        wish: Wish::Everything,
        on: |_| false,
        does: Does::Nothing,
        special: Special::None,
        answers: None,
        edits: None,
    };

    const fn at(name: &'static str, does: Does, on: fn(&Seen<'_>) -> bool) -> Self {
        Self { name, on, does, ..Self::NONE }
    }

    /// Whether it does nothing but what it does at certain frames.
    pub(super) fn is_of_frames(&self) -> bool {
        self.special == Special::None && self.answers.is_none() && self.edits.is_none()
    }

    const fn wishing(self, wish: Wish) -> Self {
        Self { wish, ..self }
    }

    const fn special(name: &'static str, special: Special) -> Self {
        Self { name, special, ..Self::NONE }
    }

    const fn answers(name: &'static str, answers: fn(&[u8], &mut Vec<u8>)) -> Self {
        Self { name, answers: Some(answers), ..Self::NONE }
    }

    const fn edits(name: &'static str, edits: fn(&mut Vec<Vec<u8>>, &Seen<'_>)) -> Self {
        Self { name, edits: Some(edits), ..Self::NONE }
    }
}

/// The number in a payload.
fn word(payload: &[u8], number: usize) -> u32 {
    payload.get(number * 4..number * 4 + 4).map_or(0, |word| u32::from_be_bytes(word.try_into().unwrap()))
}

fn set(payload: &mut [u8], number: usize, value: u32) {
    payload[number * 4..number * 4 + 4].copy_from_slice(&value.to_be_bytes());
}

fn is_utf8(seen: &Seen<'_>) -> bool {
    core::str::from_utf8(seen.payload).is_ok()
}

/// Whether the payload is one of bytes that are no text.
fn is_binary(seen: &Seen<'_>) -> bool {
    seen.is(b'O') || seen.is(b'B') || seen.is(b'E') || seen.is(b'C')
}

fn texts(seen: &Seen<'_>) -> Vec<Vec<u8>> {
    let mut texts: Vec<_> = seen.payload.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    texts.pop();
    texts
}

/// The texts of MACRO.
fn macros(seen: &Seen<'_>) -> Vec<Vec<u8>> {
    let inner = Seen { payload: seen.payload.get(1..).unwrap_or_default(), ..*seen };
    texts(&inner)
}

fn ends_with_nul(seen: &Seen<'_>) -> bool {
    seen.payload.last() == Some(&0)
}

const CONTINUE: &[u8] = b"c";

/// Every fault.
pub(super) const FAULTS: &[Fault] = &[
    // Framing.
    Fault::special("dies on a length of 0", Special::DiesOnZeroLength),
    Fault::special("ignores a length of 0", Special::SkipsZeroLength),
    Fault::special("reads lengths as signed numbers", Special::SignedLength),
    Fault::special("reads 16 bits of a length", Special::MaskedLength),
    Fault::special("has no limit on frames", Special::NoLimit),
    Fault::special("has a limit of 65,000 bytes", Special::Limit(65_000)),
    Fault::special("has a limit of 1,024 bytes", Special::Limit(1_024)),
    Fault::special("dies on a huge length", Special::DiesOnHugeLength),
    Fault::special("loses frames that are cut", Special::LosesCutFrames),
    Fault::special("takes one frame of each read", Special::OneFramePerRead),
    Fault::special("goes on after errors", Special::GoesOnAfterErrors),
    Fault::at("ignores unknown commands", Does::Instead(CONTINUE), |seen| {
        !b"ODCHMRTLNBEUAQK".contains(&seen.code)
    }),
    Fault::at("dies on unknown commands", Does::Die, |seen| !b"ODCHMRTLNBEUAQK".contains(&seen.code)),
    Fault::at("hangs when a frame is over 65,535 bytes", Does::Hang, |seen| seen.payload.len() > 65_535),
    Fault::at("dies when a frame is over 65,535 bytes", Does::Die, |seen| seen.payload.len() > 65_535),
    Fault::at("closes on bytes after the last field", Does::Close, |seen| {
        seen.has(b"rest") && !seen.is(b'Q') && !seen.is(b'Z')
    }),
    Fault::special("stays after QUIT", Special::StaysAfterQuit),
    Fault::special("ignores the end of the stream", Special::IgnoresTheEnd),
    Fault::special("ignores the end of the stream in a frame", Special::IgnoresTheEndInAFrame),
    Fault::special("dies at the end of the stream", Special::DiesAtTheEnd),
    Fault::special("dies at the end of the stream in a frame", Special::DiesAtTheEndInAFrame),
    Fault::special("dies when the MTA leaves", Special::DiesWhenTheMtaLeaves),
    Fault::special("dies when the MTA leaves a message", Special::DiesWhenTheMtaLeavesAMessage),
    Fault::special("dies when the MTA leaves a frame", Special::DiesWhenTheMtaLeavesAFrame),
    Fault::special("has room for 3 connections", Special::LeaksConnections(3)),
    // Negotiation.
    Fault::special("sends a frame as soon as it is connected", Special::Greets),
    Fault::at("answers OPTNEG with CONTINUE", Does::Instead(CONTINUE), |seen| seen.is(b'O')),
    Fault::at("does not answer OPTNEG", Does::Silent, |seen| seen.is(b'O')),
    Fault::at("needs an offer of twelve bytes", Does::Close, |seen| {
        seen.is(b'O') && seen.payload.len() != 12
    }),
    Fault::at("reads a short offer", Does::Instead(b"O\0\0\0\x06\0\0\0\0\0\0\0\0"), |seen| {
        seen.is(b'O') && seen.payload.len() < 12
    }),
    Fault::at("refuses versions under 6", Does::Close, |seen| seen.is(b'O') && word(seen.payload, 0) < 6),
    Fault::at("refuses versions over 6", Does::Close, |seen| seen.is(b'O') && word(seen.payload, 0) > 6),
    Fault::at("dies on versions over 6", Does::Die, |seen| seen.is(b'O') && word(seen.payload, 0) > 6),
    Fault::at("accepts versions 0 and 1", Does::Instead(b"O\0\0\0\x01\0\0\0\0\0\0\0\0"), |seen| {
        seen.is(b'O') && word(seen.payload, 0) < 2
    }),
    Fault::answers("answers version 6 always", |_, answer| set(answer, 0, 6)),
    Fault::at("answers version 2 always", Does::Instead(b"O\0\0\0\x02\0\0\0\0\0\0\0\0"), |seen| {
        seen.is(b'O')
    }),
    Fault::answers("echoes the version", |offer, answer| set(answer, 0, word(offer, 0))),
    Fault::at("echoes negative versions", Does::Instead(b"O\xff\xff\xff\xff\0\0\0\0\0\0\0\0"), |seen| {
        seen.is(b'O') && word(seen.payload, 0) == u32::MAX
    }),
    Fault::at("echoes the smallest version", Does::Instead(b"O\x80\0\0\0\0\0\0\0\0\0\0\0"), |seen| {
        seen.is(b'O') && word(seen.payload, 0) == 0x8000_0000
    }),
    Fault::answers("answers all actions", |_, answer| set(answer, 1, 0x1ff)),
    Fault::answers("answers steps that were not offered", |offer, answer| {
        let steps = if word(offer, 2) == 0 { 0x3f } else { word(offer, 2) };
        let all = word(answer, 2) | (0x0800 & !steps);
        set(answer, 2, all);
    }),
    Fault::answers("answers a data size", |_, answer| {
        let steps = word(answer, 2);
        set(answer, 2, steps | 0x2000_0000);
    }),
    Fault::at("refuses unknown actions", Does::Close, |seen| seen.is(b'O') && word(seen.payload, 1) > 0x1ff),
    Fault::at("refuses unknown steps", Does::Close, |seen| {
        seen.is(b'O') && word(seen.payload, 2) > 0x1f_ffff
    }),
    Fault::answers("asks for 51 macros", |_, answer| {
        answer.extend([0, 0, 0, 2]);
        answer.extend(b"{a} ".repeat(51));
        answer.push(0);
    }),
    Fault::answers("sends empty macro lists", |_, answer| answer.extend(b"\0\0\0\x02\0")),
    Fault::answers("asks for a macro without braces", |_, answer| answer.extend(b"\0\0\0\x02auth_type\0")),
    Fault::answers("sends macro lists in disorder", |_, answer| answer.extend(b"\0\0\0\x06i\0\0\0\0\x05i\0")),
    Fault::at("dies on a second OPTNEG", Does::Die, |seen| seen.is(b'O') && seen.is_negotiated),
    Fault::at("answers a second OPTNEG with CONTINUE", Does::Instead(CONTINUE), |seen| {
        seen.is(b'O') && seen.is_negotiated
    }),
    Fault::at("dies without OPTNEG", Does::Die, |seen| !seen.is(b'O') && !seen.is_negotiated),
    Fault::at("does not emulate NO_REPLY_HEADER", Does::Silent, |seen| {
        seen.is(b'L') && !seen.steps.contains(Steps::NO_REPLY_HEADER)
    }),
    // The next two hang where their step is not offered; together they cover every offer of one step.
    Fault::at("needs the offer of SKIP", Does::Silent, |seen| {
        seen.is(b'B') && !seen.steps.contains(Steps::SKIP)
    }),
    Fault::at("does not reply where SKIP is offered", Does::Silent, |seen| {
        seen.is(b'B') && seen.steps.contains(Steps::SKIP)
    }),
    // Order.
    Fault::at("hangs after a command out of order", Does::Hang, |seen| {
        !seen.is_in_order && seen.is_negotiated
    }),
    Fault::at("dies at a command out of order", Does::Die, |seen| !seen.is_in_order && seen.is_negotiated),
    Fault::at("replies twice to a command out of order", Does::Twice, |seen| {
        !seen.is_in_order && seen.is_negotiated
    }),
    Fault::at(
        "answers a command out of order with OPTNEG",
        Does::Instead(b"O\0\0\0\x06\0\0\0\0\0\0\0\0"),
        |seen| !seen.is_in_order && seen.is_negotiated,
    ),
    Fault::at("does not answer what it declined", Does::Silent, |seen| {
        let steps = [
            (b'C', Steps::NO_CONNECT),
            (b'H', Steps::NO_HELO),
            (b'M', Steps::NO_MAIL),
            (b'R', Steps::NO_RCPT),
        ];
        let more = [(b'T', Steps::NO_DATA), (b'L', Steps::NO_HEADERS), (b'N', Steps::NO_END_OF_HEADERS)];
        let last = [(b'B', Steps::NO_BODY), (b'U', Steps::NO_UNKNOWN)];
        let mut all = steps.iter().chain(&more).chain(&last);
        all.any(|(code, step)| seen.is(*code) && seen.steps.contains(*step))
    })
    .wishing(Wish::Nothing),
    Fault::at("closes on macros of what it declined", Does::Close, |seen| {
        seen.is(b'D') && seen.payload.first() == Some(&b'M') && seen.steps.contains(Steps::NO_MAIL)
    })
    .wishing(Wish::Nothing),
    Fault::at("closes at MAIL in a message", Does::Close, |seen| {
        seen.is(b'M') && seen.stage >= Stage::Mail && seen.stage < Stage::Closed
    }),
    Fault::at("closes at HELO in a message", Does::Close, |seen| {
        seen.is(b'H') && seen.stage >= Stage::Mail && seen.stage < Stage::Closed
    }),
    Fault::at("closes at a second HELO", Does::Close, |seen| seen.is(b'H') && seen.count > 1),
    Fault::at("closes at MAIL without HELO", Does::Close, |seen| {
        seen.is(b'M') && seen.stage == Stage::Connected
    }),
    Fault::at("dies at RCPT after DATA", Does::Die, |seen| seen.is(b'R') && seen.stage == Stage::Data),
    Fault::at("dies at DATA after DATA", Does::Die, |seen| seen.is(b'T') && seen.stage == Stage::Data),
    Fault::at("dies at HEADER after UNKNOWN", Does::Die, |seen| seen.is(b'L') && seen.last == b'U'),
    Fault::at("closes at UNKNOWN in a message", Does::Close, |seen| {
        seen.is(b'U') && seen.stage >= Stage::Mail && seen.stage < Stage::Closed
    }),
    // Replies.
    Fault::at("does not reply to CONNECT", Does::Silent, |seen| seen.is(b'C')),
    Fault::at("does not reply to HELO", Does::Silent, |seen| seen.is(b'H')),
    Fault::at("does not reply to MAIL", Does::Silent, |seen| seen.is(b'M')),
    Fault::at("does not reply to RCPT", Does::Silent, |seen| seen.is(b'R')),
    Fault::at("does not reply to DATA", Does::Silent, |seen| seen.is(b'T')),
    Fault::at("does not reply to HEADER", Does::Silent, |seen| seen.is(b'L')),
    Fault::at("does not reply to EOH", Does::Silent, |seen| seen.is(b'N')),
    Fault::at("does not reply to BODY", Does::Silent, |seen| seen.is(b'B')),
    Fault::at("does not reply to BODYEOB", Does::Silent, |seen| seen.is(b'E')),
    Fault::at("does not reply to UNKNOWN", Does::Silent, |seen| seen.is(b'U')),
    Fault::at("replies twice to HELO", Does::Twice, |seen| seen.is(b'H')),
    Fault::at("replies twice to RCPT", Does::Twice, |seen| seen.is(b'R')),
    Fault::at("replies twice to BODYEOB with a payload", Does::After(CONTINUE), |seen| {
        seen.is(b'E') && !seen.payload.is_empty()
    }),
    Fault::at("does not reply to BODYEOB with a payload", Does::Silent, |seen| {
        seen.is(b'E') && !seen.payload.is_empty()
    }),
    Fault::at("does not reply to BODYEOB with a payload that it declined", Does::Silent, |seen| {
        seen.is(b'E') && !seen.payload.is_empty()
    })
    .wishing(Wish::Nothing),
    Fault::at("replies to ABORT", Does::After(CONTINUE), |seen| seen.is(b'A')),
    Fault::at("replies to MACRO", Does::After(CONTINUE), |seen| seen.is(b'D')),
    Fault::at("replies to QUIT", Does::After(CONTINUE), |seen| seen.is(b'Q')),
    Fault::at("replies to QUIT_NC", Does::After(CONTINUE), |seen| seen.is(b'K')),
    Fault::at("replies although no reply was negotiated", Does::After(CONTINUE), |seen| {
        let steps =
            [(b'C', Steps::NO_REPLY_CONNECT), (b'H', Steps::NO_REPLY_HELO), (b'M', Steps::NO_REPLY_MAIL)];
        let more =
            [(b'R', Steps::NO_REPLY_RCPT), (b'T', Steps::NO_REPLY_DATA), (b'L', Steps::NO_REPLY_HEADER)];
        let last = [(b'N', Steps::NO_REPLY_END_OF_HEADERS), (b'B', Steps::NO_REPLY_BODY)];
        let unknown = [(b'U', Steps::NO_REPLY_UNKNOWN)];
        let mut all = steps.iter().chain(&more).chain(&last).chain(&unknown);
        all.any(|(code, step)| seen.is(*code) && seen.steps.contains(*step))
    })
    .wishing(Wish::NoReplies),
    Fault::special("replies in reverse order", Special::ReversesReplies),
    Fault::at("answers the first command of a read alone", Does::Silent, |seen| {
        seen.before > 0 && seen.last != b'D' && !seen.is(b'D')
    }),
    Fault::at("adds a reply to BODYEOB", Does::After(CONTINUE), |seen| seen.is(b'E')),
    Fault::at("answers UNKNOWN with ACCEPT", Does::Instead(b"a"), |seen| seen.is(b'U')),
    Fault::at("answers UNKNOWN with DISCARD", Does::Instead(b"d"), |seen| seen.is(b'U')),
    Fault::at("answers HELO with DISCARD", Does::Instead(b"d"), |seen| seen.is(b'H')),
    Fault::at("answers HEADER with SKIP", Does::Instead(b"s"), |seen| seen.is(b'L')),
    Fault::at("answers BODY with SKIP that was not negotiated", Does::Instead(b"s"), |seen| {
        seen.is(b'B') && !seen.steps.contains(Steps::SKIP)
    }),
    Fault::at("hangs at BODY after SKIP", Does::Hang, |seen| {
        seen.is(b'B') && seen.last == b'B' && seen.steps.contains(Steps::SKIP)
    })
    .wishing(Wish::Skip),
    Fault::at("hangs at BODYEOB after BODY", Does::Hang, |seen| seen.is(b'E') && seen.last == b'B')
        .wishing(Wish::Skip),
    Fault::at("sends PROGRESS early", Does::Before(b"p"), |seen| seen.is(b'B')),
    Fault::at("sends an edit at MAIL", Does::Before(b"hX-Early\0yes\0"), |seen| seen.is(b'M')),
    Fault::at("sends SHUTDOWN", Does::Instead(b"4"), |seen| seen.is(b'T')),
    Fault::at("sends a verdict with a payload", Does::Instead(b"ctext"), |seen| seen.is(b'N')),
    Fault::at("closes after a verdict", Does::Goes, |seen| seen.is(b'E')),
    Fault::at("discards a recipient that the MTA refused", Does::Instead(b"d"), |seen| seen.has(b"<nobody@"))
        .wishing(Wish::Skip),
    // Reply texts.
    Fault::at("refuses with a code of 2", Does::Instead(b"y250 2.0.0 fine\0"), |seen| seen.has(b"<refused@")),
    Fault::at("refuses with two digits", Does::Instead(b"y55 no\0"), |seen| seen.has(b"<refused@")),
    Fault::at("refuses with text alone", Does::Instead(b"yno\0"), |seen| seen.has(b"<refused@")),
    Fault::at("refuses with another class", Does::Instead(b"y550 4.7.1 no\0"), |seen| seen.has(b"<refused@")),
    Fault::at("refuses with a line end", Does::Instead(b"y550 5.7.1 no\r\n\0"), |seen| {
        seen.has(b"<refused@")
    }),
    Fault::at("refuses with LF", Does::Instead(b"y550-5.7.1 no\n550 5.7.1 no\0"), |seen| {
        seen.has(b"<refused@")
    }),
    Fault::at("refuses with a single %", Does::Instead(b"y550 5.7.1 100% no\0"), |seen| {
        seen.has(b"<refused@")
    }),
    Fault::at("refuses without NUL", Does::Instead(b"y550 5.7.1 no"), |seen| seen.has(b"<refused@")),
    Fault::at("refuses with two codes", Does::Instead(b"y550-5.7.1 a\r\n554 5.7.1 b\0"), |seen| {
        seen.has(b"<refused@")
    }),
    Fault::at("refuses without an end", Does::Instead(b"y550-5.7.1 no\0"), |seen| seen.has(b"<refused@")),
    Fault::at("refuses with a control byte", Does::Instead(b"y550 5.7.1 a\x07b\0"), |seen| {
        seen.has(b"<refused@")
    }),
    Fault::at("refuses with another digit", Does::Instead(b"y550 4 no\0"), |seen| seen.has(b"<refused@")),
    Fault::at("hangs after a refusal", Does::Hang, |seen| seen.is(b'M') && seen.last == b'R'),
    // Macros.
    Fault::at("closes on macros of other stages", Does::Close, |seen| {
        seen.is(b'D') && !seen.payload.first().is_some_and(|stage| b"CHMRTNE".contains(stage))
    }),
    Fault::at("closes on macros without a pair", Does::Close, |seen| {
        seen.is(b'D') && seen.payload.len() == 1
    }),
    Fault::at("dies on macros without a stage", Does::Die, |seen| seen.is(b'D') && seen.payload.is_empty()),
    Fault::at("closes on an odd number of texts", Does::Close, |seen| {
        seen.is(b'D') && (macros(seen).len() % 2 == 1 || seen.payload.len() > 1 && !ends_with_nul(seen))
    }),
    Fault::at("closes on macros that are not UTF-8", Does::Close, |seen| {
        seen.is(b'D') && core::str::from_utf8(seen.payload.get(1..).unwrap_or_default()).is_err()
    }),
    Fault::at("closes on empty texts in macros", Does::Close, |seen| {
        seen.is(b'D') && macros(seen).iter().any(Vec::is_empty)
    }),
    Fault::at("closes on odd names of macros", Does::Close, |seen| {
        let is_odd =
            |name: &Vec<u8>| (name.len() > 1) != name.starts_with(b"{") || name == b"{i}" || name == b"{}";
        seen.is(b'D') && macros(seen).chunks(2).any(|pair| pair.first().is_some_and(is_odd))
    }),
    Fault::at("closes on odd values of macros", Does::Close, |seen| {
        seen.is(b'D') && (seen.has(b"%n") || seen.has(b"\r\n"))
    }),
    Fault::at("closes on equal names of macros", Does::Close, |seen| {
        let names: Vec<_> = macros(seen).chunks(2).filter_map(|pair| pair.first().cloned()).collect();
        let bare =
            |name: &Vec<u8>| name.iter().filter(|byte| !b"{}".contains(byte)).copied().collect::<Vec<_>>();
        let mut bares: Vec<_> = names.iter().map(bare).collect();
        bares.sort();
        bares.dedup();
        seen.is(b'D') && bares.len() < names.len()
    }),
    Fault::at("closes on several lists in a row", Does::Close, |seen| seen.is(b'D') && seen.last == b'D'),
    Fault::at("closes on macros over 16 KiB", Does::Close, |seen| {
        seen.is(b'D') && seen.payload.len() > 16_384
    }),
    Fault::at("closes on macros before CONNECT", Does::Die, |seen| seen.is(b'D') && !seen.is_negotiated),
    Fault::at("hangs after macros of another stage than the command", Does::Hang, |seen| {
        seen.last == b'D' && seen.is(b'A')
    }),
    Fault::special("keeps macros of all messages", Special::KeepsMacros),
    Fault::special("takes the last of equal names", Special::LastOfEqualNames),
    Fault::special("adds lists of a stage together", Special::MergesLists),
    Fault::special("keeps macros at an empty list", Special::EmptyListsKeepMacros),
    Fault::special("tells i from {i}", Special::BracesMatter),
    Fault::special("has no macros", Special::NoMacros),
    // Edits.
    Fault::special("sends ADDHEADER that was not negotiated", Special::EditsAnyway(b'h')),
    Fault::special("sends REPLBODY that was not negotiated", Special::EditsAnyway(b'b')),
    Fault::special("sends ADDRCPT that was not negotiated", Special::EditsAnyway(b'+')),
    Fault::special("sends DELRCPT that was not negotiated", Special::EditsAnyway(b'-')),
    Fault::special("sends CHGHEADER that was not negotiated", Special::EditsAnyway(b'm')),
    Fault::special("sends QUARANTINE that was not negotiated", Special::EditsAnyway(b'q')),
    Fault::special("sends CHGFROM that was not negotiated", Special::EditsAnyway(b'e')),
    Fault::special("sends ADDRCPT_PAR that was not negotiated", Special::EditsAnyway(b'2')),
    Fault::special("sends the edits of earlier messages again", Special::EditsPileUp),
    Fault::edits("sends other frames between the pieces of a body", |edits, _| {
        let body = edits.iter().position(|edit| edit.starts_with(b"b"));
        if let Some(body) = body {
            edits.insert(body + 1, b"p".to_vec());
        }
    }),
    Fault::edits("sends a piece of a body over the limit", |edits, seen| {
        if seen.actions.contains(Actions::CHANGE_BODY) {
            edits.retain(|edit| !edit.starts_with(b"b"));
            edits.push([b"b".as_slice(), &vec![b'x'; 65_536]].concat());
        }
    }),
    Fault::edits("sends a header without a name", |edits, _| edits.push(b"h\0value\0".to_vec())),
    Fault::edits("sends a recipient without an address", |edits, _| edits.push(b"+\0".to_vec())),
    Fault::edits("sends a header with CR LF", |edits, _| edits.push(b"hX-A\0a\r\n b\0".to_vec())),
    Fault::edits("sends a header with a line of its own", |edits, _| {
        edits.push(b"hX-A\0a\nX-B: c\0".to_vec())
    }),
    Fault::edits("sends a header name with a colon", |edits, _| edits.push(b"hX-A:\0a\0".to_vec())),
    Fault::edits("sends two recipients in one", |edits, _| {
        edits.push(b"+a@example.net, b@example.net\0".to_vec())
    }),
    Fault::edits("sends a reason without NUL", |edits, _| edits.push(b"qreason".to_vec())),
    Fault::edits("sends an edit in every second message", |edits, seen| {
        if seen.messages % 2 == 1 {
            edits.clear();
        }
    }),
    Fault::at("hangs after edits", Does::Hang, |seen| seen.is(b'M') && seen.messages > 0),
    // Texts.
    Fault::at("closes on texts that are not UTF-8", Does::Close, |seen| {
        !is_binary(seen) && !seen.is(b'D') && !is_utf8(seen)
    }),
    Fault::at("closes on a host that is not UTF-8", Does::Close, |seen| {
        seen.is(b'C') && core::str::from_utf8(seen.payload.split(|byte| *byte == 0).next().unwrap()).is_err()
    }),
    Fault::at("closes on texts that are not ASCII", Does::Close, |seen| {
        !seen.is(b'O') && !seen.is(b'D') && !seen.is(b'B') && !seen.payload.is_ascii()
    }),
    Fault::at("closes on a chunk that is not UTF-8", Does::Close, |seen| seen.is(b'B') && !is_utf8(seen)),
    Fault::at("dies on %", Does::Die, |seen| seen.has(b"%n") && !seen.is(b'D')),
    Fault::at("closes on a CR in a text", Does::Close, |seen| {
        !is_binary(seen) && !seen.is(b'D') && seen.has(b"\r")
    }),
    Fault::at("closes on a LF in a text", Does::Close, |seen| {
        !is_binary(seen) && !seen.is(b'D') && seen.has(b"\n")
    }),
    Fault::at("closes on empty texts", Does::Close, |seen| {
        !is_binary(seen) && !seen.is(b'D') && texts(seen).iter().any(Vec::is_empty)
    }),
    Fault::at("closes on an empty sender", Does::Close, |seen| {
        seen.is(b'M') && (seen.payload.starts_with(b"<>") || seen.payload.starts_with(b"\0"))
    }),
    Fault::at("closes on addresses without brackets", Does::Close, |seen| {
        (seen.is(b'M') || seen.is(b'R')) && !(seen.payload.starts_with(b"<") && seen.has(b">\0"))
    }),
    Fault::at("closes on addresses in quotes", Does::Close, |seen| !is_binary(seen) && seen.has(b"<\"")),
    Fault::at("closes on a=b=c", Does::Close, |seen| {
        let count = |text: &Vec<u8>| text.iter().filter(|byte| **byte == b'=').count();
        (seen.is(b'M') || seen.is(b'R')) && texts(seen).iter().skip(1).any(|text| count(text) > 1)
    }),
    Fault::at("closes on an argument without =", Does::Close, |seen| {
        (seen.is(b'M') || seen.is(b'R')) && texts(seen).iter().skip(1).any(|text| !text.contains(&b'='))
    }),
    Fault::at("closes on an argument with a blank or without a name", Does::Close, |seen| {
        let is_odd = |text: &Vec<u8>| text.contains(&b' ') || text.starts_with(b"=");
        seen.is(b'M') && texts(seen).iter().any(is_odd)
    }),
    Fault::at("closes on more than one argument", Does::Close, |seen| {
        (seen.is(b'M') || seen.is(b'R')) && texts(seen).len() > 2
    }),
    Fault::at("dies on a missing NUL", Does::Die, |seen| {
        b"CHMRLU".contains(&seen.code) && !seen.payload.is_empty() && !ends_with_nul(seen)
    }),
    Fault::at("dies on an empty payload", Does::Die, |seen| {
        b"CHMRLU".contains(&seen.code) && seen.payload.is_empty()
    }),
    Fault::at("dies on a header of one text", Does::Die, |seen| seen.is(b'L') && texts(seen).len() < 2),
    Fault::at("closes on IPv6:", Does::Close, |seen| seen.is(b'C') && seen.has(b"IPv6:")),
    Fault::at("closes on IPv6", Does::Close, |seen| seen.is(b'C') && seen.has(b"\x006")),
    Fault::at("closes on a unix-domain client", Does::Close, |seen| seen.is(b'C') && seen.has(b"\0L")),
    Fault::at("closes on family U", Does::Close, |seen| seen.is(b'C') && seen.has(b"\0U")),
    Fault::at("dies on an unknown family", Does::Die, |seen| {
        let family = seen.payload.split(|byte| *byte == 0).nth(1).and_then(|rest| rest.first());
        seen.is(b'C') && seen.has(b"\0") && !family.is_some_and(|family| b"46LU".contains(family))
    }),
    Fault::at("closes on port 0", Does::Close, |seen| seen.is(b'C') && seen.has(b"4\0\0")),
    Fault::at("closes on an odd host", Does::Close, |seen| {
        seen.is(b'C')
            && (seen.payload.starts_with(b"\0")
                || seen.payload.starts_with(b"[")
                || seen.payload.starts_with(b"unknown"))
    }),
    Fault::at("hangs at an address that it cannot read", Does::Hang, |seen| {
        let odd = [
            b"4\x09\xddunknown".as_slice(),
            b"4\x09\xdd\0",
            b"6\x09\xdd\0",
            b"6\x09\xdd192",
            b"%eth0",
            b"/aaaaaaa",
        ];
        seen.is(b'C') && odd.iter().any(|odd| seen.has(odd))
    }),
    Fault::at("closes on a blank in HELO", Does::Close, |seen| seen.is(b'H') && seen.has(b" ")),
    Fault::at("closes on a long name in HELO", Does::Close, |seen| seen.is(b'H') && seen.payload.len() > 255),
    Fault::at("closes on an address in HELO", Does::Close, |seen| seen.is(b'H') && seen.has(b"[")),
    Fault::at("closes on odd headers", Does::Close, |seen| {
        let odd = [b"X(;".as_slice(), b"<<a@>", b"boundary=\0", b"=?utf-8?q?=C3", b"\0  text"];
        seen.is(b'L') && odd.iter().any(|odd| seen.has(odd))
    }),
    Fault::at("closes on a word that it does not know", Does::Close, |seen| {
        seen.is(b'U') && (seen.payload == b"TURN\0" || seen.has(b"HTTP"))
    }),
    // Bodies.
    Fault::at("closes on a message without a body", Does::Close, |seen| seen.is(b'E') && seen.last == b'N'),
    Fault::at("closes on a message without headers", Does::Close, |seen| seen.is(b'N') && seen.last == b'T'),
    Fault::at("hangs at an empty BODY", Does::Hang, |seen| seen.is(b'B') && seen.payload.is_empty()),
    Fault::at("closes on a NUL in a body", Does::Close, |seen| seen.is(b'B') && seen.has(b"\0")),
    Fault::at("closes on a lone CR or LF in a body", Does::Close, |seen| {
        let lone = |pair: &[u8]| (pair[0] == b'\r') != (pair[1] == b'\n');
        seen.is(b'B') && (seen.payload.windows(2).any(lone) || seen.payload == b"\r" || seen.payload == b"\n")
    }),
    Fault::at("closes on a chunk without a line end", Does::Close, |seen| {
        seen.is(b'B') && !seen.payload.ends_with(b"\n")
    }),
    Fault::at("closes on a line with a dot", Does::Close, |seen| {
        seen.is(b'B') && seen.payload.starts_with(b".")
    }),
    Fault::at("closes on a second chunk", Does::Close, |seen| seen.is(b'B') && seen.last == b'B'),
    // Messages and ends.
    Fault::at("closes on a second message", Does::Close, |seen| seen.is(b'M') && seen.messages > 0),
    Fault::at("closes on a sixth recipient", Does::Close, |seen| seen.is(b'R') && seen.count > 6),
    Fault::at("closes on a 200th header", Does::Close, |seen| seen.is(b'L') && seen.count > 199),
    Fault::at("closes on ABORT", Does::Close, |seen| seen.is(b'A')),
    Fault::at("closes on ABORT outside a message", Does::Close, |seen| {
        seen.is(b'A') && seen.stage <= Stage::Greeted
    }),
    Fault::at("dies on ABORT before CONNECT", Does::Die, |seen| {
        seen.is(b'A') && seen.stage == Stage::Negotiated
    }),
    Fault::at("hangs after ABORT in a message", Does::Hang, |seen| {
        seen.is(b'A') && seen.stage > Stage::Greeted
    }),
    Fault::at("closes on QUIT_NC", Does::Close, |seen| seen.is(b'K')),
    Fault::at("dies on QUIT_NC", Does::Die, |seen| seen.is(b'K')),
    Fault::at("dies on QUIT", Does::Die, |seen| seen.is(b'Q')),
];
