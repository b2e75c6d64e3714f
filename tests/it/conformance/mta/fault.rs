//! The faults of broken MTAs. Most of them change frames on their way between a sound session and the wire.

use milter_proto::wire::{FrameBuf, Steps};

/// Makes the enum, and the list of its values.
macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident,)*) => {
        /// What is wrong with an MTA.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Fault {
            $($(#[$doc])* $fault,)*
        }

        impl Fault {
            pub(super) const ALL: &[Self] = &[$(Self::$fault,)*];
        }
    };
}

faults! {
    /// Nothing: the sound MTA.
    None,
    // The stream.
    WholeFramesOnly, OneFramePerRead, LimitsFramesTo64K,
    // Failures of the filter.
    HangsWhenFilterDies,
    HangsOnBadStream,
    HangsOnViolation, PassesOnFailure,
    QuitReplyIsAnError, KeepsFailedConnection, QuitsOnFailure, IgnoresUnknownCodes, UnknownCodeIsContinue,
    // The negotiation.
    OfferTooLong, OfferTwice, OffersLate, DoesNotWaitForAnswer, AcceptsHigherVersion, AcceptsSurplusActions,
    AnyFrameIsAnAnswer, RefusesActions, ChokesOnSurplus, PadsShortAnswers, IgnoresVersion, DropsDeclines, DropsNoReply, DropsLeadingSpace,
    // The order of commands.
    CommandWhileOwed, QuitWhileOwed, AbortWhileOwed, AbortBeforeConnect, NoAbort, NoQuit, NeverCloses,
    UnknownIsNotShown, UnknownEndsMessage, UnknownRefusesMessages, NoopIsUnknown, SecondHeloIsNotShown,
    NestedMailIsShown, ShowsRcptWithoutMail, ShowsDataWithoutRecipients, DataForEachChunk, ShowsRefusedRecipients,
    CountsRefusedRecipients, NoEndOfHeaders, NoConnect, EndsWhatTheClientDoesNot,
    // The contents of commands.
    ArgumentsGlued, NoArguments, NoNul, OddMacros, PayloadAtEnd, EmptyBody, EmptyHeaderName, BadAddress,
    HeadersTooLong, BodyTooLong, BodyCutShort, BodyWithLf, BodyWithSeparator, KeepsDots, SevenBits, KeepsSpace, TrimsSpaces, FoldsWithCrlf,
    UnfoldsHeaders, BlankInName, ShowsReceived, MergesHeaders, DropsEmptyHeaders, BracketsLost,
    HeloDoesNotEndMessage,
    // Macros.
    MacrosAfterCommand, MacrosTooEarly, OwnMacrosOnly, MacrosBare, NoMacrosIfDeclined, MacrosAfterVerdict, NoQueueId, FirstListCounts,
    SplitsListsAtBlanksOnly, DefaultsIfNoValue, ListForOneIsForAll, RefusesOddLists, OneRcptMacro,
    // Verdicts.
    IgnoresReject, IgnoresTempfail, IgnoresReply, IgnoresAccept, IgnoresDiscard, IgnoresSkip, RejectIsTemporary,
    TempfailIsPermanent, ReplyIsReject, ReplyIsTempfail, DiscardRefuses, AcceptRefuses, ProgressIsVerdict, ProgressRefuses, PayloadRefuses,
    KeepsVerdict, KeepsText, RcptRefusesMessage, KeepsRefusedRecipients, StaysAfter421, No421, BodyAfterSkip,
    AsksAfterVerdict,
    // Texts.
    KeepsPercents, FirstLineOnly, LastLineOnly, CutsLongReplies, OwnTexts, PassesMalformed, RefusesPlainTexts,
    // Edits.
    IgnoresEdits, AcceptsEarlyEdits, DeliversDiscarded, DeliversRefused, DeliversQuarantined, DeliversToNobody,
    FirstEditOnly, RefusesManyEdits, AddsSpace, LeavesSpaceOut, KeepsStrayLineEnds,
    DropsAddHeader, DropsInsertHeader, DropsChangeHeader, DropsChangeFrom, DropsAddRcpt, DropsAddRcptWithArguments,
    DropsDeleteRcpt, DropsBody, DropsEmptyBody, DropsEdits8Bit,
    EditsSurviveFailure, EditsSurviveMessage,
}

impl Fault {
    /// Whether the fault looks at the frames of the filter.
    pub(super) fn is_about_responses(self) -> bool {
        !matches!(
            self,
            Self::None
                | Self::HangsWhenFilterDies
                | Self::HangsOnBadStream
                | Self::HangsOnViolation
                | Self::PassesOnFailure
                | Self::WholeFramesOnly
        )
    }
}

/// Changes frames.
#[derive(Debug)]
pub(super) struct Frames {
    fault: Fault,
    /// The code of the last command that was sent.
    last: u8,
    body: Vec<FrameBuf>,
    skipped: bool,
    macros: Vec<FrameBuf>,
    edits: usize,
    steps: u32,
    kept: Vec<FrameBuf>,
    /// Of earlier messages.
    old: Vec<FrameBuf>,
    /// What is written at once, whatever the session does.
    pub(super) injected: Vec<FrameBuf>,
}

fn frame(code: u8, payload: &[u8]) -> FrameBuf {
    FrameBuf::new(code, payload.to_vec())
}

impl Frames {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            fault,
            last: 0,
            body: Vec::new(),
            skipped: false,
            macros: Vec::new(),
            edits: 0,
            steps: 0,
            kept: Vec::new(),
            old: Vec::new(),
            injected: Vec::new(),
        }
    }

    pub(super) fn end_message(&mut self) {
        self.edits = 0;
        if self.fault == Fault::EditsSurviveMessage {
            self.old.append(&mut self.kept);
        }
        self.body.clear();
        self.skipped = false;
    }

    /// What is written for a frame of the session.
    pub(super) fn outgoing(&mut self, sent: &FrameBuf) -> Vec<FrameBuf> {
        let (code, payload) = (sent.as_frame().code(), sent.as_frame().payload().to_vec());
        let mut out = self.changed(code, payload);
        if code != b'D' {
            self.last = code;
            if self.fault == Fault::MacrosAfterCommand {
                out.append(&mut self.macros);
            }
        }
        out
    }

    fn changed(&mut self, code: u8, mut payload: Vec<u8>) -> Vec<FrameBuf> {
        let same = [FrameBuf::new(code, payload.clone())];
        let ends_text = |payload: &[u8]| payload.last() == Some(&0);
        match (self.fault, code) {
            (Fault::OfferTooLong, b'O') => payload.extend(*b"\0\0"),
            (Fault::OfferTwice, b'O') => return vec![same[0].clone(), same[0].clone()],
            (Fault::OffersLate, b'O') => return vec![frame(b'C', b"client.example\0U"), same[0].clone()],
            (Fault::DoesNotWaitForAnswer, b'O') => return vec![same[0].clone(), frame(b'D', b"C")],
            (Fault::CommandWhileOwed, b'M' | b'H' | b'T' | b'E' | b'R' | b'L' | b'N' | b'B') => {
                return vec![same[0].clone(), frame(b'U', b"early\0")];
            }
            (Fault::QuitWhileOwed, b'M' | b'R' | b'T' | b'H' | b'E' | b'L' | b'N' | b'B') => {
                return vec![same[0].clone(), frame(b'Q', b"")];
            }
            (Fault::AbortWhileOwed, b'M' | b'R' | b'T' | b'H' | b'E' | b'L' | b'N' | b'B') => {
                return vec![same[0].clone(), frame(b'A', b"")];
            }
            (Fault::AbortBeforeConnect, b'C') => return vec![frame(b'A', b""), same[0].clone()],
            (Fault::NoEndOfHeaders, b'N') | (Fault::NoConnect, b'C') | (Fault::NoAbort, b'A') => {
                return Vec::new();
            }
            (Fault::ArgumentsGlued, b'M' | b'R') => {
                let end = payload.len().saturating_sub(1);
                payload[..end].iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
            }
            (Fault::NoArguments, b'M' | b'R') => {
                payload.truncate(payload.iter().position(|&byte| byte == 0).unwrap_or(0) + 1);
            }
            (Fault::BracketsLost, b'M' | b'R') => payload.retain(|byte| !b"<>".contains(byte)),
            (Fault::NoNul, b'H' | b'M' | b'R' | b'L' | b'U') if ends_text(&payload) => drop(payload.pop()),
            (Fault::OddMacros, b'D') => payload.extend(*b"odd\0"),
            (Fault::PayloadAtEnd, b'E') => payload.extend(*b"more\r\n"),
            (Fault::EmptyBody, b'E') if self.last == b'N' => return vec![frame(b'B', b""), same[0].clone()],
            (Fault::EmptyHeaderName, b'L') => {
                payload = payload.iter().copied().skip_while(|&byte| byte != 0).collect()
            }
            (Fault::BadAddress, b'C') => payload = b"client.example\x004\x04\x00nowhere\0".to_vec(),
            (Fault::HeadersTooLong, b'L') if payload.len() > 50_000 => {
                payload.splice(8..8, vec![b'x'; 20_000]).for_each(drop)
            }
            (Fault::BodyTooLong, b'B') if payload.len() > 60_000 => payload.push(b'x'),
            (Fault::BodyCutShort, b'B') => drop(payload.pop()),
            (Fault::BodyWithLf, b'B') => payload.retain(|&byte| byte != b'\r'),
            (Fault::BodyWithSeparator, b'B') if self.last == b'N' => {
                payload.splice(0..0, *b"\r\n").for_each(drop)
            }
            (Fault::SevenBits, b'B' | b'L') => payload.iter_mut().for_each(|byte| *byte &= 0x7f),
            _ => return self.headers(code, payload),
        }
        vec![FrameBuf::new(code, payload)]
    }

    fn headers(&mut self, code: u8, payload: Vec<u8>) -> Vec<FrameBuf> {
        let same = vec![FrameBuf::new(code, payload.clone())];
        let split = payload.iter().position(|&byte| byte == 0).unwrap_or(0);
        let (name, value) = payload.split_at(split);
        let value = value.strip_prefix(b"\0").unwrap_or(value);
        let value = value.strip_suffix(b"\0").unwrap_or(value);
        let header =
            |name: &[u8], value: &[u8]| vec![FrameBuf::new(b'L', [name, b"\0", value, b"\0"].concat())];
        match (self.fault, code) {
            (Fault::KeepsSpace, b'L') => header(name, &[b" ", value].concat()),
            (Fault::TrimsSpaces, b'L') => header(name, value.trim_ascii()),
            (Fault::FoldsWithCrlf, b'L') => {
                header(name, &value.split(|&byte| byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]))
            }
            (Fault::UnfoldsHeaders, b'L') => {
                header(name, &value.split(|&byte| byte == b'\n').collect::<Vec<_>>().concat())
            }
            (Fault::BlankInName, b'L') => header(&[name, b" "].concat(), value),
            (Fault::DropsEmptyHeaders, b'L') if value.is_empty() => Vec::new(),
            (Fault::ShowsReceived, b'L') if value == b"x" => header(b"Received", b"from memory"),
            (Fault::MergesHeaders, b'L')
                if self.kept.iter().any(|it| it.as_frame().payload().starts_with(name)) =>
            {
                Vec::new()
            }
            (Fault::MergesHeaders, b'L') => {
                self.kept.clone_from(&same);
                same
            }
            _ => self.rest(code, &payload, same),
        }
    }

    fn rest(&mut self, code: u8, payload: &[u8], same: Vec<FrameBuf>) -> Vec<FrameBuf> {
        let stage = payload.first().copied().unwrap_or(0);
        match (self.fault, code) {
            (Fault::MacrosAfterCommand, b'D') => {
                self.macros.extend(same);
                Vec::new()
            }
            (Fault::MacrosTooEarly, b'D') if stage == b'N' => [vec![frame(b'D', b"Ei\0Q1\0")], same].concat(),
            (Fault::OwnMacrosOnly, b'D') => {
                vec![FrameBuf::new(b'D', [&[stage][..], b"{daemon_name}\0own\0"].concat())]
            }
            (Fault::MacrosBare, b'D') => {
                vec![FrameBuf::new(
                    b'D',
                    payload.iter().copied().filter(|byte| !b"{}".contains(byte)).collect(),
                )]
            }
            (Fault::NoMacrosIfDeclined, b'D') if self.steps & 0x3f != 0 && b"CHMR".contains(&stage) => {
                Vec::new()
            }
            (Fault::NoQueueId, b'D') if matches!(stage, b'T' | b'N' | b'E') => Vec::new(),
            (Fault::OneRcptMacro, b'D') if stage == b'R' && self.last == b'R' => Vec::new(),
            (Fault::BodyAfterSkip, b'B') => {
                self.body = same.clone();
                same
            }
            (Fault::BodyAfterSkip, b'E') if self.skipped => [self.body.clone(), same].concat(),
            _ => same,
        }
    }

    /// What the session gets for a frame of the filter.
    pub(super) fn incoming(&mut self, response: &FrameBuf) -> Vec<FrameBuf> {
        let (code, mut payload) = (response.as_frame().code(), response.as_frame().payload().to_vec());
        if self.last == b'O' {
            return self.answer(code, payload);
        }
        let same = || vec![response.clone()];
        let one = |code: u8| vec![frame(code, b"")];
        self.edits += usize::from(b"himebq+-2".contains(&code));
        self.skipped |= code == b's';
        match (self.fault, code) {
            (Fault::IgnoresUnknownCodes, code) if !b"acrtdsyhime+2-bqp4O".contains(&code) => Vec::new(),
            (Fault::UnknownCodeIsContinue, code) if !b"acrtdsyhime+2-bqp4".contains(&code) => one(b'c'),
            (Fault::LimitsFramesTo64K, b'b') if payload.len() > 65_535 => one(b't'),
            (Fault::IgnoresReject, b'r') | (Fault::IgnoresTempfail, b't') | (Fault::IgnoresReply, b'y') => {
                one(b'c')
            }
            (Fault::IgnoresAccept, b'a') | (Fault::IgnoresDiscard, b'd') | (Fault::IgnoresSkip, b's') => {
                one(b'c')
            }
            (Fault::RejectIsTemporary, b'r') | (Fault::ReplyIsTempfail, b'y') => one(b't'),
            (Fault::TempfailIsPermanent, b't') | (Fault::ReplyIsReject, b'y') => one(b'r'),
            (Fault::DiscardRefuses, b'd') | (Fault::AcceptRefuses, b'a') | (Fault::ProgressRefuses, b'p') => {
                one(b'r')
            }
            (Fault::ProgressIsVerdict, b'p') => one(b'c'),
            (Fault::PayloadRefuses, b'c' | b'a') if !payload.is_empty() => one(b'r'),
            (Fault::PassesMalformed, b'y') if !is_reply(&payload) => one(b'c'),
            (Fault::RefusesPlainTexts, b'y') if payload.get(4).is_none_or(|byte| !byte.is_ascii_digit()) => {
                one(b't')
            }
            (Fault::AcceptsEarlyEdits, b'h' | b'i' | b'm' | b'e' | b'b' | b'q' | b'+' | b'-' | b'2')
                if self.last != b'E' =>
            {
                Vec::new()
            }
            (Fault::FirstEditOnly, b'h' | b'i' | b'm' | b'e' | b'b' | b'+' | b'-' | b'2')
                if self.edits > 1 =>
            {
                Vec::new()
            }
            (Fault::RefusesManyEdits, b'c' | b'a') if self.edits > 50 => one(b't'),
            (Fault::DropsAddHeader, b'h')
            | (Fault::DropsInsertHeader, b'i')
            | (Fault::DropsChangeHeader, b'm') => Vec::new(),
            (Fault::DropsChangeFrom, b'e')
            | (Fault::DropsAddRcpt, b'+')
            | (Fault::DropsAddRcptWithArguments, b'2') => Vec::new(),
            (Fault::DropsDeleteRcpt, b'-') | (Fault::DropsBody, b'b') => Vec::new(),
            (Fault::DropsEmptyBody, b'b') if payload.is_empty() => Vec::new(),
            (Fault::DropsEdits8Bit, b'b') => {
                payload.iter_mut().for_each(|byte| *byte &= 0x7f);
                vec![FrameBuf::new(code, payload)]
            }
            (Fault::AddsSpace | Fault::LeavesSpaceOut, b'h') => {
                let at = payload.iter().position(|&byte| byte == 0).map_or(0, |at| at + 1);
                if self.fault == Fault::AddsSpace {
                    payload.insert(at, b' ');
                } else if payload.get(at) == Some(&b' ') {
                    payload.remove(at);
                }
                vec![FrameBuf::new(code, payload)]
            }
            (Fault::EditsSurviveMessage, b'h' | b'+') => {
                self.kept.push(response.clone());
                same()
            }
            (Fault::EditsSurviveMessage, b'c' | b'a') if self.last == b'E' => {
                [self.old.clone(), same()].concat()
            }
            (Fault::MacrosAfterVerdict, b'a' | b'r') => {
                self.injected.push(frame(b'D', b"Ei\0Q1\0"));
                self.injected.push(frame(b'D', b"Mi\0Q1\0"));
                same()
            }
            (Fault::AsksAfterVerdict, b'a' | b'd' | b'r' | b't') => {
                self.injected.push(frame(b'B', b"more\r\n"));
                same()
            }
            _ => same(),
        }
    }

    /// What the session gets for an answer to OPTNEG.
    fn answer(&mut self, code: u8, mut payload: Vec<u8>) -> Vec<FrameBuf> {
        let word = |payload: &[u8], at: usize| {
            payload.get(at..at + 4).map_or(0, |word| u32::from_be_bytes(word.try_into().unwrap()))
        };
        let (version, actions, steps) = (word(&payload, 0), word(&payload, 4), word(&payload, 8));
        self.steps = steps;
        let mut set = |at: usize, value: u32| {
            if let Some(place) = payload.get_mut(at..at + 4) {
                place.copy_from_slice(&value.to_be_bytes());
            }
        };
        match self.fault {
            Fault::AcceptsHigherVersion if version > 6 => set(0, 6),
            Fault::AcceptsSurplusActions => set(4, actions & 0x1ff),
            Fault::IgnoresVersion if version < 6 && version > 1 => set(0, 6),
            Fault::DropsDeclines => set(8, steps & !Steps::NO_COMMAND.bits()),
            Fault::DropsNoReply => set(8, steps & !Steps::NO_REPLY.bits()),
            Fault::DropsLeadingSpace => set(8, steps & !Steps::LEADING_SPACE.bits()),
            Fault::PadsShortAnswers if payload.len() < 12 => {
                payload = b"\0\0\0\x06\0\0\0\0\0\0\0\0".to_vec();
            }
            Fault::AnyFrameIsAnAnswer if code != b'O' => {
                return vec![frame(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0")];
            }
            Fault::RefusesActions if actions != 0 => payload.truncate(11),
            Fault::ChokesOnSurplus
                if steps & !0x1f_ffff != 0 || payload.len() > 16 && word(&payload, 12) > 6 =>
            {
                return Vec::new();
            }
            Fault::RefusesOddLists if payload.len() > 12 => payload.truncate(11),
            Fault::FirstListCounts
            | Fault::ListForOneIsForAll
            | Fault::SplitsListsAtBlanksOnly
            | Fault::DefaultsIfNoValue => self.lists(&mut payload),
            _ => {}
        }
        vec![FrameBuf::new(code, payload)]
    }

    fn lists(&self, payload: &mut Vec<u8>) {
        let Some(lists) = payload.get(12..).map(<[u8]>::to_vec) else { return };
        match self.fault {
            Fault::FirstListCounts => {
                // Of two equal stages the second one goes.
                let first = lists.iter().skip(4).position(|&byte| byte == 0).map_or(lists.len(), |at| at + 5);
                if lists.get(first..first + 4).is_some_and(|stage| Some(stage) == lists.get(..4)) {
                    payload.truncate(12 + first);
                }
            }
            Fault::SplitsListsAtBlanksOnly => {
                let text = payload.iter_mut().skip(16).filter(|byte| b",\t\r\n".contains(byte));
                text.for_each(|byte| *byte = b'x');
            }
            Fault::DefaultsIfNoValue if lists.get(4..) == Some(b"{no_such_macro}\0") => payload.truncate(12),
            Fault::ListForOneIsForAll if lists.len() > 5 => {
                let first = lists.iter().skip(4).position(|&byte| byte == 0).map_or(lists.len(), |at| at + 5);
                for stage in 0..7_u32 {
                    payload.extend(stage.to_be_bytes());
                    payload.extend(&lists[4..first]);
                }
            }
            _ => {}
        }
    }
}

fn is_reply(payload: &[u8]) -> bool {
    let is_code = payload.get(..3).is_some_and(|code| code.iter().all(u8::is_ascii_digit));
    is_code && matches!(payload.first(), Some(b'4' | b'5')) && payload.last() == Some(&0)
}
