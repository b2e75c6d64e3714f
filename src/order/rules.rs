//! What may be sent, whoever sends it: the judgements that filter, MTA and monitor share.
//!
//! A side asks before it sends, a monitor asks about everything, and a receiver asks about what it does not
//! tolerate. Each passes the rules that it tolerates; the judgement itself is here only.

use thiserror::Error;

use super::table::{CommandKind, Effect, effect};
use crate::negotiation::Negotiated;
use crate::wire::{Command, Deviation, Edit, Peer, Response, Steps, Text, Tolerance, Verdict};

/// A rule of the protocol that a frame broke, or would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Rule {
    /// ORD-1: a command that cannot follow at this stage.
    #[error("it cannot follow at this stage")]
    Order,
    /// ORD-2: a command while a reply is outstanding.
    #[error("a reply is outstanding")]
    ReplyOwed,
    /// ORD-3: a response while no reply is outstanding.
    #[error("no reply is outstanding")]
    NotOwed,
    /// ORD-4: a command that the filter declined.
    #[error("the filter declined it (SMFIP_NO*)")]
    Declined,
    /// ORD-5: a verdict that is not a reply to this command.
    #[error(
        "MTAs do not accept it from a filter here; expected CONTINUE, ACCEPT, REJECT, TEMPFAIL or a reply"
    )]
    InvalidVerdict,
    /// ORD-6: a verdict that is not defined for this command. MTAs differ, and some misbehave.
    #[error(
        "it is not defined for this command, and some MTAs misbehave; send CONTINUE, REJECT, TEMPFAIL or a reply"
    )]
    UndefinedVerdict,
    /// ORD-7: SKIP that was not negotiated, or in reply to anything but BODY.
    #[error(
        "SKIP may only answer BODY, and only if it was negotiated; send CONTINUE, or ask for SKIP in OPTNEG"
    )]
    SkipNotNegotiated,
    /// ORD-8: PROGRESS before the end of the message.
    #[error("PROGRESS may only come between BODYEOB and its verdict")]
    Progress,
    /// ORD-9: an edit before the end of the message.
    #[error("an edit may only come between BODYEOB and its verdict")]
    EditTooEarly,
    /// ORD-10: an edit whose action was not negotiated.
    #[error("its action was not negotiated; require or request it in OPTNEG")]
    EditNotNegotiated,
    /// ORD-11: a chunk of a new body after another frame, which Postfix refuses.
    #[error("another frame came between the chunks of the new body; send all chunks in a row")]
    BodyInterrupted,
    /// ORD-12: OPTNEG answered by another response, or another command answered by OPTNEG.
    #[error("only OPTNEG answers OPTNEG, and it answers nothing else")]
    Negotiation,
    /// ORD-13: a code that does not exist in this direction.
    #[error("this direction has no such code")]
    UnknownCode,
    /// ORD-14: a body chunk after SKIP.
    #[error("the filter answered SKIP to this body")]
    BodyAfterSkip,
    /// ORD-15: anything after QUIT, or after the connection broke.
    #[error("the connection is closed")]
    Closed,
    /// ORD-16: BODY without bytes. libmilter closes the connection.
    #[error("BODY is empty, and libmilter would close the connection; expected at least one byte")]
    EmptyBody,
    /// ORD-17: BODYEOB with bytes. libmilter may answer twice.
    #[error("BODYEOB has bytes, to which libmilter may reply twice; expected them in BODY")]
    BodyAtEnd,
    /// ORD-18: CONNECT with text that is not an address of its family, or with a unix path of more than 107 bytes.
    /// libmilter closes the connection.
    #[error("the address does not belong to its family; expected one that does, or family U")]
    InvalidAddress,
    /// ORD-19: an empty header name, or an empty address in an edit.
    #[error("the header name or address is empty; expected one, or <> for the null sender")]
    EmptyName,
    /// ORD-20: a payload over the limit.
    #[error("the payload is over the limit")]
    TooLong,
    /// ORD-21: more edits for one message than the limit.
    #[error("too many edits for one message")]
    TooManyEdits,
    /// ORD-22: more PROGRESS for one command than the limit.
    #[error("too many PROGRESS frames for one command")]
    TooMuchProgress,
    /// ORD-23: QUIT_NC that does not directly follow a message that ended with CONTINUE. libmilter does not reply
    /// to what follows.
    #[error("QUIT_NC may only follow a message that ended with CONTINUE, from version 6 on; send QUIT")]
    QuitNcNotAllowed,
    /// ORD-24: a verdict other than CONTINUE where the filter promised not to reply.
    #[error("the filter promised not to reply to this command; only CONTINUE may be sent")]
    ReplyNotAllowed,
    /// ORD-25: an offer or an answer that makes the negotiation fail.
    #[error("it makes the negotiation fail")]
    NegotiationFailed,
    /// ORD-26: a payload that does not have the form of its code.
    #[error("the payload is malformed")]
    MalformedPayload,
    /// ORD-37: an edit with a header name that is not one.
    #[error(
        "the header name has a colon, a blank, a control or a non-ASCII byte; expected printable ASCII without them"
    )]
    InvalidHeaderName,
    /// ORD-40: a command other than RCPT or its macros, sent as a recipient that the MTA refused.
    #[error("only RCPT and its macros belong to a recipient that the MTA refused")]
    NotRecipient,
}

impl Rule {
    /// The rule's id in SPEC_NOTES.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Order => "ORD-1",
            Self::ReplyOwed => "ORD-2",
            Self::NotOwed => "ORD-3",
            Self::Declined => "ORD-4",
            Self::InvalidVerdict => "ORD-5",
            Self::UndefinedVerdict => "ORD-6",
            Self::SkipNotNegotiated => "ORD-7",
            Self::Progress => "ORD-8",
            Self::EditTooEarly => "ORD-9",
            Self::EditNotNegotiated => "ORD-10",
            Self::BodyInterrupted => "ORD-11",
            Self::Negotiation => "ORD-12",
            Self::UnknownCode => "ORD-13",
            Self::BodyAfterSkip => "ORD-14",
            Self::Closed => "ORD-15",
            Self::EmptyBody => "ORD-16",
            Self::BodyAtEnd => "ORD-17",
            Self::InvalidAddress => "ORD-18",
            Self::EmptyName => "ORD-19",
            Self::TooLong => "ORD-20",
            Self::TooManyEdits => "ORD-21",
            Self::TooMuchProgress => "ORD-22",
            Self::QuitNcNotAllowed => "ORD-23",
            Self::ReplyNotAllowed => "ORD-24",
            Self::NegotiationFailed => "ORD-25",
            Self::MalformedPayload => "ORD-26",
            Self::InvalidHeaderName => "ORD-37",
            Self::NotRecipient => "ORD-40",
        }
    }
}

/// The deviations that have a rule of their own here, so that every side names the same one.
pub(crate) const JUDGED: Tolerance =
    Tolerance::STRICT.with(Deviation::EmptyHeaderName).with(Deviation::EmptyBody).with(Deviation::EmptyEdit);

/// What is wrong with the content of a command, whatever the stage: libmilter closes on it, or misbehaves.
#[inline]
pub(crate) fn command(command: &Command<'_>) -> Option<Rule> {
    match command {
        Command::Body { chunk: [] } => Some(Rule::EmptyBody),
        Command::EndOfMessage { chunk: [_, ..] } => Some(Rule::BodyAtEnd),
        Command::Header { name, .. } if name.is_empty() => Some(Rule::EmptyName),
        Command::Connect { peer, .. } if !is_address(peer) => Some(Rule::InvalidAddress),
        _ => None,
    }
}

/// Whether the text of an address belongs to its family.
fn is_address(peer: &Peer<'_>) -> bool {
    match peer {
        Peer::Inet { .. } | Peer::Inet6 { .. } => peer.ip().is_some(),
        // sun_path has room for 107 bytes and a NUL.
        Peer::Unix { path, .. } => path.len() <= 107,
        _ => true,
    }
}

/// How far the replacement of a body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Replacement {
    None,
    /// The last frame was a chunk.
    Open,
    /// Other frames followed the last chunk.
    Interrupted,
}

/// What is known when a response is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'a> {
    /// The command that is answered.
    pub(crate) owed: CommandKind,
    pub(crate) negotiated: &'a Negotiated,
    pub(crate) replacement: Replacement,
}

impl Reply<'_> {
    /// The first rule that a response breaks and that is not tolerated.
    ///
    /// Answers to OPTNEG are judged by the negotiation.
    #[inline]
    pub(crate) fn judge(
        &self,
        response: &Response<'_>,
        tolerates: impl Fn(Rule) -> bool + Copy,
    ) -> Result<(), Rule> {
        // A short cut: every command may be answered with it, and nearly all replies are that.
        if matches!(response, Response::Verdict(Verdict::Continue)) && self.owed != CommandKind::Negotiate {
            return Ok(());
        }
        self.judge_rare(response, tolerates)
    }

    #[inline(never)]
    fn judge_rare(
        &self,
        response: &Response<'_>,
        tolerates: impl Fn(Rule) -> bool + Copy,
    ) -> Result<(), Rule> {
        let broken = match response {
            Response::Negotiate(_) => (self.owed != CommandKind::Negotiate).then_some(Rule::Negotiation),
            _ if self.owed == CommandKind::Negotiate => Some(Rule::Negotiation),
            Response::Verdict(verdict) => {
                self.verdict_rules(verdict).into_iter().flatten().find(|&rule| !tolerates(rule))
            }
            Response::Edit(edit) => {
                self.edit_rules(edit).into_iter().flatten().find(|&rule| !tolerates(rule))
            }
            Response::Progress => {
                let is_early = self.owed != CommandKind::EndOfMessage;
                (is_early && !tolerates(Rule::Progress)).then_some(Rule::Progress)
            }
            Response::MacroList { .. } | Response::Other(_) => Some(Rule::UnknownCode),
        };
        broken.map_or(Ok(()), Err)
    }

    /// The rules that a verdict breaks.
    #[inline]
    fn verdict_rules(&self, verdict: &Verdict<'_>) -> [Option<Rule>; 2] {
        let promised = !self.negotiated.emulated.is_empty()
            && *verdict != Verdict::Continue
            && self.owed.row().is_emulated(self.negotiated.emulated);
        let undefined = match (effect(self.owed, verdict), verdict) {
            (Effect::SkipBody, _) if self.negotiated.steps.contains(Steps::SKIP) => None,
            (_, Verdict::Skip) => Some(Rule::SkipNotNegotiated),
            // Postfix honours SHUTDOWN, but no filter is to send it.
            (_, Verdict::Shutdown) | (Effect::Invalid, _) => Some(Rule::InvalidVerdict),
            (Effect::NoEffect, _) => Some(Rule::UndefinedVerdict),
            _ => None,
        };
        [promised.then_some(Rule::ReplyNotAllowed), undefined]
    }

    /// The rules that an edit breaks.
    #[inline]
    fn edit_rules(&self, edit: &Edit<'_>) -> [Option<Rule>; 4] {
        let is_early = self.owed != CommandKind::EndOfMessage;
        let is_surplus = !self.negotiated.actions.contains(edit.action());
        let is_interrupted =
            matches!(edit, Edit::ReplaceBody { .. }) && self.replacement == Replacement::Interrupted;
        [
            is_early.then_some(Rule::EditTooEarly),
            is_surplus.then_some(Rule::EditNotNegotiated),
            is_interrupted.then_some(Rule::BodyInterrupted),
            name_rule(edit),
        ]
    }
}

/// What is wrong with the key of an edit: a header name or an address.
fn name_rule(edit: &Edit<'_>) -> Option<Rule> {
    if edit.has_empty_key() {
        return Some(Rule::EmptyName);
    }
    let is_misnamed = edit.header_name().is_some_and(|name| !is_header_name(name));
    is_misnamed.then_some(Rule::InvalidHeaderName)
}

/// Whether a text is a header name: printable ASCII without a colon (`ftext` of RFC 5322, section 3.6.8).
fn is_header_name(name: Text<'_>) -> bool {
    // Without a way out, so that many bytes are looked at in one go.
    name.as_bytes().iter().fold(true, |is_name, &byte| is_name & byte.is_ascii_graphic() & (byte != b':'))
}
