//! The state of one connection, the same for both roles. Applies the [table](super::table).

use super::rules::{Replacement, Reply, Rule};
use super::table::{
    CommandKind, Effect, Kinds, Law, Row, Stage, effect, libmilter_stage_after, next, stage_after,
};
use crate::debug::debug_fields;
use crate::error::ErrorContext;
use crate::negotiation::Negotiated;
use crate::wire::{LeadingSpace, MacroStage, Offer, Response, Steps, Verdict};

/// The commands that change more than the stage, and MACRO, which changes nothing.
const HAS_MORE: Kinds = {
    use CommandKind::{EndOfMessage, Macros, Negotiate, Quit};
    Kinds::of(&[Negotiate, Macros, EndOfMessage, Quit])
};

/// How a command was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Whether it came in order. A command out of order is ignored by libmilter, and accepted by the robust law.
    pub(crate) in_order: bool,
    /// Whether it ended a message that was in progress.
    pub(crate) aborts_message: bool,
}

impl Passage {
    pub(crate) const IN_ORDER: Self = Self { in_order: true, aborts_message: false };
}

/// How far the negotiation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Progress {
    None,
    /// Until the answer, `agreed` holds the offer.
    Offered,
    Settled,
}

/// The state of one connection, the same on both sides of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Conversation {
    /// What was agreed on; the offer, while the answer to OPTNEG is outstanding.
    agreed: Negotiated,
    negotiation: Progress,
    stage: Stage,
    /// The commands that are accepted at this stage without another check: nearly all commands.
    usual: Kinds,
    /// The command whose reply is outstanding.
    pub(crate) owed: Option<CommandKind>,
    /// SKIP was the reply to a chunk of this body.
    body_skipped: bool,
    pub(crate) replacement: Replacement,
    /// The last message ended with CONTINUE, and nothing was sent since.
    may_reuse: bool,
    law: Law,
}

debug_fields!(Conversation {
    agreed,
    negotiation,
    stage,
    usual,
    owed,
    body_skipped,
    replacement,
    may_reuse,
    law
});

impl Conversation {
    pub(crate) const fn new(law: Law) -> Self {
        let stage = Stage::FIRST;
        Self {
            agreed: Negotiated::NOTHING,
            negotiation: Progress::None,
            stage,
            usual: usual(law, stage),
            owed: None,
            body_skipped: false,
            replacement: Replacement::None,
            may_reuse: false,
            law,
        }
    }

    /// The same conversation, with steps that hold before OPTNEG.
    pub(crate) const fn with_initial_steps(self, steps: Steps) -> Self {
        Self { agreed: Negotiated { steps, ..self.agreed }, ..self }
    }

    #[inline]
    pub(crate) const fn stage(&self) -> Stage {
        self.stage
    }

    #[inline]
    pub(crate) const fn law(&self) -> Law {
        self.law
    }

    /// What was agreed on, or what holds before that.
    #[inline]
    pub(crate) const fn agreed(&self) -> &Negotiated {
        &self.agreed
    }

    /// What was agreed on; `None` before OPTNEG was answered.
    pub(crate) const fn settled(&self) -> Option<&Negotiated> {
        if matches!(self.negotiation, Progress::Settled) { Some(&self.agreed) } else { None }
    }

    /// Whether header values include the space after the colon.
    pub(crate) const fn leading_space(&self) -> LeadingSpace {
        match self.settled() {
            Some(negotiated) => negotiated.leading_space(),
            None => LeadingSpace::Stripped,
        }
    }

    /// Whether SKIP was the reply to this body.
    pub(crate) const fn is_body_skipped(&self) -> bool {
        self.body_skipped
    }

    /// Goes to a stage.
    #[inline]
    pub(crate) fn enter(&mut self, stage: Stage) {
        if self.stage != stage {
            self.stage = stage;
            self.usual = usual(self.law, stage);
            self.body_skipped &= stage.keeps_skip();
        }
    }

    /// Accepts a command that changes only the stage, if it is in order and was not declined.
    #[inline]
    pub(crate) fn accept_plain(&mut self, kind: CommandKind) -> bool {
        let row = kind.row();
        let is_plain = self.usual.without(HAS_MORE).contains(row) && !self.is_declined(row);
        if is_plain {
            self.pass(kind, row);
        }
        is_plain
    }

    /// Whether macros change nothing here.
    #[inline]
    pub(crate) fn is_plain(&self, stage: MacroStage) -> bool {
        self.usual.contains(CommandKind::Macros.row()) && !self.begins_transaction(stage)
    }

    /// Accepts a command that was received.
    pub(crate) fn command(&mut self, kind: CommandKind) -> Result<Passage, Rule> {
        let row = kind.row();
        if !self.usual.contains(row) || self.is_declined(row) {
            return self.unusual_command(kind);
        }
        self.take(kind, row);
        Ok(Passage::IN_ORDER)
    }

    /// Accepts a command that will be sent, or that was declined and will be skipped.
    pub(crate) fn advance(&mut self, kind: CommandKind) -> Result<Passage, Rule> {
        if let Some(rule) = self.objection(kind) {
            return Err(rule);
        }
        let aborts_message = kind.ends_message() && self.stage.is_in_message();
        self.take(kind, kind.row());
        Ok(Passage { in_order: true, aborts_message })
    }

    /// Accepts MACRO.
    ///
    /// Where the filter declined the command that begins a transaction, its macros are the only sign of it:
    /// Sendmail sends no ABORT then. SPEC_NOTES ORD-38.
    #[inline]
    pub(crate) fn macros(&mut self, stage: MacroStage) -> Result<Passage, Rule> {
        let mut passage = Passage::IN_ORDER;
        if !self.usual.contains(CommandKind::Macros.row()) {
            passage = self.unusual_command(CommandKind::Macros)?;
        }
        if self.law != Law::Libmilter && self.stage.is_in_message() && self.begins_transaction(stage) {
            passage.aborts_message = true;
            self.enter(Stage::AFTER_MESSAGE);
        }
        Ok(passage)
    }

    /// Whether macros stand for a declined command that begins a transaction.
    #[inline]
    pub(crate) fn begins_transaction(&self, stage: MacroStage) -> bool {
        let kind = match stage {
            MacroStage::CONNECT => CommandKind::Connect,
            MacroStage::HELO => CommandKind::Helo,
            MacroStage::MAIL => CommandKind::MailFrom,
            _ => return false,
        };
        self.is_declined(kind.row())
    }

    /// Accepts a command that ends a message, follows past an optional stage, was declined, or is out of order.
    fn unusual_command(&mut self, kind: CommandKind) -> Result<Passage, Rule> {
        let passage = self.passage(kind)?;
        if passage.in_order || self.law == Law::Robust {
            self.take(kind, kind.row());
        } else {
            self.enter(Stage::AFTER_MESSAGE);
        }
        Ok(passage)
    }

    /// Accepts a command, whatever the order.
    fn take(&mut self, kind: CommandKind, row: &Row) {
        if kind != CommandKind::Macros {
            self.pass(kind, row);
        }
    }

    /// Accepts a command that is not MACRO, whatever the order.
    #[inline]
    fn pass(&mut self, kind: CommandKind, row: &Row) {
        self.may_reuse = false;
        if self.law == Law::Libmilter {
            self.enter(row.libmilter_target);
        } else if let Some(stage) = row.target {
            self.enter(stage);
        } else if kind == CommandKind::Abort && self.stage.is_in_message() {
            self.enter(Stage::AFTER_MESSAGE);
        }
        if row.is_replied(self.agreed.steps) {
            self.owed = Some(kind);
            self.replacement = Replacement::None;
        }
    }

    /// How a command that was received would be accepted.
    pub(crate) fn passage(&self, kind: CommandKind) -> Result<Passage, Rule> {
        if self.stage.is_closed() {
            return Err(Rule::Closed);
        }
        let in_message = self.stage.is_in_message();
        let aborts_message = in_message && kind.ends_message();
        match self.law {
            Law::Strict | Law::Robust => {
                let is_declined = self.is_declined(kind.row());
                let broken = self.objection(kind).or_else(|| is_declined.then_some(Rule::Declined));
                match broken {
                    Some(rule) if self.law == Law::Strict => Err(rule),
                    _ => Ok(Passage { in_order: broken.is_none(), aborts_message }),
                }
            }
            // `mi_engine`: SPEC_NOTES ORD-28.
            Law::Libmilter => {
                let is_direct = self.reaches(self.stage, kind);
                let in_order = is_direct || self.reaches(Stage::AFTER_MESSAGE, kind);
                // The engine calls the abort callback for ABORT, whether it knows of a message or not.
                let is_abort = in_order && kind == CommandKind::Abort;
                let aborts_message = is_abort || if is_direct { aborts_message } else { in_message };
                Ok(Passage { in_order, aborts_message })
            }
        }
    }

    /// The rule of the strict law that a command would break here, whether it was declined or not.
    pub(crate) fn objection(&self, kind: CommandKind) -> Option<Rule> {
        if self.body_skipped && kind == CommandKind::Body {
            Some(Rule::BodyAfterSkip)
        } else if self.reaches(self.stage, kind) {
            None
        } else if self.stage.is_closed() {
            Some(Rule::Closed)
        } else {
            Some(Rule::Order)
        }
    }

    /// Whether a command may follow at `stage`, directly or past stages that may be left out.
    ///
    /// `trans_ok` in libmilter/engine.c: SPEC_NOTES ORD-29.
    fn reaches(&self, stage: Stage, kind: CommandKind) -> bool {
        let steps = self.agreed.effective_steps().union(self.agreed.emulated);
        let mut stage = stage;
        loop {
            if next(self.law, stage).contains(kind.row()) {
                return true;
            }
            match stage.optional_next() {
                Some((following, step))
                    if stage.is_next_always_optional(self.law) || steps.contains(step) =>
                {
                    stage = following;
                }
                _ => return false,
            }
        }
    }

    /// Whether the filter declined a command, or the version does not have it.
    #[inline]
    fn is_declined(&self, row: &Row) -> bool {
        // A short cut: most commands are in every version.
        row.is_declined(self.agreed.steps.union(Negotiated::IMPLIED))
            && row.is_declined(self.agreed.effective_steps())
    }

    /// Whether the answer promised not to send this command.
    pub(crate) fn has_declined(&self, kind: CommandKind) -> bool {
        self.is_declined(kind.row())
    }

    /// Whether a response may be sent now. The error is the first rule that it breaks and that is not tolerated.
    #[inline]
    pub(crate) fn judge(
        &self,
        response: &Response<'_>,
        tolerates: impl Fn(Rule) -> bool + Copy,
    ) -> Result<(), Rule> {
        let owed = self.owed.ok_or(Rule::NotOwed)?;
        Reply { owed, negotiated: &self.agreed, replacement: self.replacement }.judge(response, tolerates)
    }

    /// Takes note of an edit or of PROGRESS.
    pub(crate) const fn note(&mut self, is_body_chunk: bool) {
        self.replacement = match self.replacement {
            _ if is_body_chunk => Replacement::Open,
            Replacement::None => Replacement::None,
            Replacement::Open | Replacement::Interrupted => Replacement::Interrupted,
        };
    }

    /// Takes CONTINUE, if it settles the reply that is owed and changes nothing else: to every command but OPTNEG and
    /// the end of the message.
    #[inline]
    pub(crate) fn continue_plainly(&mut self) -> bool {
        let is_plain = match self.owed {
            Some(command) => !matches!(command, CommandKind::Negotiate | CommandKind::EndOfMessage),
            None => false,
        };
        if is_plain {
            self.owed = None;
        }
        is_plain
    }

    /// Takes a verdict with the effect that the table gives it. Returns whether it ended a message.
    #[inline]
    pub(crate) fn answer(&mut self, verdict: &Verdict<'_>) -> bool {
        let Some(command) = self.owed else { return false };
        if *verdict == Verdict::Continue && self.continue_plainly() {
            return false;
        }
        self.verdict(effect(command, verdict), verdict)
    }

    /// Takes a verdict on the outstanding command. Returns whether it ended a message.
    #[inline]
    pub(crate) fn verdict(&mut self, effect: Effect, verdict: &Verdict<'_>) -> bool {
        let Some(command) = self.owed.take() else { return false };
        self.may_reuse = command == CommandKind::EndOfMessage && *verdict == Verdict::Continue;
        let target = match self.law {
            Law::Strict | Law::Robust => {
                if effect == Effect::SkipBody {
                    self.skip_body();
                }
                stage_after(command, effect)
            }
            Law::Libmilter => libmilter_stage_after(command, verdict),
        };
        let Some(target) = target else { return false };
        let ended = self.stage.is_in_message() || command == CommandKind::EndOfMessage;
        self.enter(target);
        ended && !target.is_in_message()
    }

    /// No more chunks of this body.
    fn skip_body(&mut self) {
        self.body_skipped = true;
        self.usual = self.usual.without(Kinds::of(&[CommandKind::Body]));
    }

    /// Whether an MTA may send QUIT_NC: libmilter does not reply to what follows it elsewhere. SPEC_NOTES ORD-23.
    pub(crate) fn can_reuse(&self) -> bool {
        self.may_reuse
            && self.agreed.version >= CommandKind::QuitNewConnection.min_version()
            && self.objection(CommandKind::QuitNewConnection).is_none()
    }

    /// Treats a command that is not sent as if it had been sent and answered with CONTINUE.
    pub(crate) fn pass_over(&mut self, may_reuse: bool) {
        self.answer(&Verdict::Continue);
        self.may_reuse = may_reuse;
    }

    /// Whether a message that ended with CONTINUE is the last thing that happened.
    pub(crate) const fn may_reuse(&self) -> bool {
        self.may_reuse
    }

    /// Keeps an offer while its answer is outstanding. It is stored in place of the result.
    pub(crate) const fn note_offer(&mut self, offer: Offer) {
        let Offer { version, actions, steps } = offer;
        self.agreed = Negotiated { version, actions, steps, emulated: Steps::EMPTY };
        self.negotiation = Progress::Offered;
    }

    /// The offer whose answer is outstanding.
    pub(crate) const fn offer(&self) -> Offer {
        let Negotiated { version, actions, steps, .. } = self.agreed;
        Offer::new(version, actions, steps)
    }

    /// The largest payload that may be sent, in bytes: an offer alone allows no more than 64 KiB.
    pub(crate) const fn max_payload(&self) -> u32 {
        match self.settled() {
            Some(agreed) => agreed.data_size().bytes(),
            None => Negotiated::NOTHING.data_size().bytes(),
        }
    }

    /// Takes the answer to OPTNEG.
    pub(crate) const fn settle(&mut self, agreed: Negotiated) {
        self.agreed = agreed;
        self.negotiation = Progress::Settled;
        self.owed = None;
    }

    /// Gives up an outstanding reply. An offer that was never answered declines nothing.
    pub(crate) fn forget_reply(&mut self) {
        if self.owed.take() == Some(CommandKind::Negotiate) {
            self.agreed = Negotiated::NOTHING;
            self.negotiation = Progress::None;
        }
    }

    /// Closes the connection, and returns the stage that it was at.
    pub(crate) fn close(&mut self) -> Stage {
        let stage = self.stage;
        self.enter(Stage::Closed);
        stage
    }

    /// Where the conversation stands, for an error about a frame.
    pub(crate) const fn context(&self, code: u8) -> ErrorContext {
        ErrorContext { code, stage: self.stage, owed: self.owed }
    }
}

/// The commands that may follow at a stage, whatever was negotiated and whatever came before.
const fn usual(law: Law, stage: Stage) -> Kinds {
    let next = next(law, stage);
    if stage.may_end_message() { next.without(super::table::ENDS_MESSAGE) } else { next }
}

#[cfg(test)]
mod tests {
    use super::Conversation;
    use crate::negotiation::Negotiated;
    use crate::order::CommandKind::{
        Connect, Data, EndOfHeaders, EndOfMessage, Helo, MailFrom, Negotiate, RcptTo,
    };
    use crate::order::table::Law;
    use crate::wire::{Verdict, Version};

    #[test]
    fn a_verdict_ends_a_message_only_where_there_is_one() {
        for (commands, verdict, ends) in [
            (&[Connect][..], Verdict::Reject, false),
            (&[Connect, Helo], Verdict::Accept, false),
            (&[Connect, Helo, MailFrom], Verdict::Reject, true),
            (&[Connect, Helo, MailFrom], Verdict::Continue, false),
            (&[Connect, Helo, MailFrom, RcptTo, Data], Verdict::Discard, true),
            (&[Connect, Helo, MailFrom, RcptTo, Data], Verdict::Reject, false),
            (&[Connect, Helo, MailFrom, RcptTo, Data, EndOfHeaders, EndOfMessage], Verdict::Continue, true),
            (&[Connect, Helo, MailFrom, RcptTo, Data, EndOfHeaders, EndOfMessage], Verdict::Reject, true),
            // SKIP is no reply to it, and some MTAs accept it all the same.
            (&[Connect, Helo, MailFrom, RcptTo, Data, EndOfHeaders, EndOfMessage], Verdict::Skip, true),
        ] {
            for law in [Law::Strict, Law::Robust] {
                let mut conversation = Conversation::new(law);
                assert!(conversation.command(Negotiate).is_ok());
                conversation.settle(Negotiated { version: Version::V6, ..Negotiated::NOTHING });
                let mut ended = false;
                for &command in commands {
                    assert!(conversation.command(command).is_ok());
                    let is_last = commands.last() == Some(&command);
                    ended = conversation.answer(if is_last { &verdict } else { &Verdict::Continue });
                }
                assert_eq!(ended, ends, "{commands:?}, {verdict:?}");
            }
        }
    }
}
