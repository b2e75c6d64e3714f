//! The law of order: every transition of a conversation, without a role.
//!
//! Three tables say everything: [`CommandKind`] what a command leads to and what switches it off,
//! [`next`] which command may follow at which stage, [`effects`] what a verdict on a command does.
//! [`Conversation`] applies them, once for both sides.

use super::error::{Place, Rule};
use super::negotiation::Agreed;
use super::stage::{CommandKind, Kinds, Row, Stage};
use crate::debug::debug_fields;
use crate::wire::{Offer, Steps, Verdict};

/// Whose reading of the order applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Law {
    /// What every implementation understands.
    Strict,
    /// What libmilter's engine does, to the letter.
    Libmilter,
}

/// The commands that may follow at a stage, apart from the stages that may be passed over.
///
/// `next_states` in libmilter/engine.c, and beside it what is safe with every peer. MACRO changes no
/// stage. SPEC_NOTES ORD-27 to ORD-31.
#[inline]
const fn next(law: Law, stage: Stage) -> Kinds {
    use CommandKind::{
        Abort, Body, Connect, Data, EndOfHeaders, EndOfMessage, Header, Helo, Macros, MailFrom, Negotiate,
        Quit, QuitNewConnection, RcptTo, Unknown,
    };
    /// Macros and the end of the connection may come anywhere, once it has begun.
    const fn row(strict: &[CommandKind], libmilter: &[CommandKind]) -> (Kinds, Kinds) {
        let always = Kinds::of(&[Macros, Quit]);
        (Kinds::of(strict).and(always), Kinds::of(libmilter).and(always))
    }
    let (strict, libmilter) = match stage {
        Stage::Start => const { (Kinds::of(&[Negotiate, Quit]), Kinds::of(&[Negotiate, Macros, Quit])) },
        // ABORT here would send libmilter back to HELO, and CONNECT would be ignored.
        Stage::Negotiated => const { row(&[Connect], &[Connect, Unknown]) },
        Stage::Connected | Stage::Greeted => {
            const { row(&[Helo, MailFrom, Unknown, Abort, QuitNewConnection], &[Helo, MailFrom, Unknown]) }
        }
        Stage::Mail => const { row(&[RcptTo, Helo, Unknown, Abort], &[RcptTo, Abort, Unknown]) },
        Stage::Recipients => {
            const {
                row(
                    &[RcptTo, Data, Helo, Unknown, Abort],
                    &[RcptTo, Data, Header, EndOfHeaders, Body, EndOfMessage, Abort, Unknown],
                )
            }
        }
        Stage::Data | Stage::Headers => {
            const { row(&[Header, EndOfHeaders, Abort], &[Header, EndOfHeaders, Abort]) }
        }
        Stage::EndOfHeaders | Stage::Body => {
            const { row(&[Body, EndOfMessage, Abort], &[Body, EndOfMessage, Abort]) }
        }
        Stage::EndOfMessage => const { row(&[], &[MailFrom, QuitNewConnection, Unknown]) },
        Stage::Unknown => {
            const { row(&[], &[Helo, MailFrom, RcptTo, Data, Body, Abort, Unknown, QuitNewConnection]) }
        }
        Stage::Reconnecting => const { row(&[], &[Connect, Unknown]) },
        Stage::Aborted | Stage::Decided => const { row(&[], &[]) },
        Stage::Closed => const { (Kinds::of(&[]), Kinds::of(&[])) },
    };
    match law {
        Law::Strict => strict,
        Law::Libmilter => libmilter,
    }
}

/// The commands that end a message which is in progress.
const ENDS_MESSAGE: Kinds = Kinds::of(&[CommandKind::Helo, CommandKind::Quit]);

/// The commands that may follow at a stage, whatever was negotiated and whatever came before.
const fn usual(law: Law, stage: Stage) -> Kinds {
    next(law, stage).without(ENDS_MESSAGE)
}

/// What a verdict does, beyond answering the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// The conversation goes on.
    GoesOn,
    /// The SMTP command is refused; nothing else changes.
    RefusesCommand,
    /// This recipient is refused; the message goes on.
    RefusesRecipient,
    /// DATA is refused; the envelope stays, and recipients or DATA may follow.
    RefusesData,
    /// The message is over: accepted, refused or discarded.
    EndsMessage,
    /// The connection is over: accepted or refused as a whole.
    EndsConnection,
    /// No more commands of this kind for this message.
    Skips,
    /// It means nothing here. An MTA goes on; a filter must not say it.
    MeansNothing,
    /// It is no answer to this command.
    IsNoAnswer,
}

/// The verdicts, in the order of the columns of [`effects`]. `Reply` stands where `Reject` does.
pub(super) const COLUMNS: [Verdict<'static>; 8] = [
    Verdict::Continue,
    Verdict::Accept,
    Verdict::Reject,
    Verdict::Tempfail,
    Verdict::Discard,
    Verdict::Skip,
    Verdict::Shutdown,
    Verdict::ConnectionFail,
];

/// What each verdict does to a command that has one.
///
/// SPEC_NOTES SCP-1 to SCP-9. The cells that mean nothing are those in which MTAs differ: DISCARD to
/// CONNECT switches all filtering off in Sendmail, and ACCEPT or DISCARD to UNKNOWN crashes Postfix.
pub(super) const fn effects(command: CommandKind) -> Option<[Effect; 8]> {
    use Effect::{
        EndsConnection as Connection, EndsMessage as Message, GoesOn as On, IsNoAnswer as No,
        MeansNothing as Nothing, RefusesCommand as Command, RefusesData as Envelope,
        RefusesRecipient as Recipient, Skips,
    };
    Some(match command {
        // CONTINUE, ACCEPT, REJECT, TEMPFAIL, DISCARD, SKIP, SHUTDOWN, CONN_FAIL
        CommandKind::Connect | CommandKind::Helo => {
            [On, Connection, Connection, Connection, Nothing, No, Connection, No]
        }
        CommandKind::MailFrom | CommandKind::Header | CommandKind::EndOfHeaders => {
            [On, Message, Message, Message, Message, No, Connection, No]
        }
        CommandKind::RcptTo => [On, Message, Recipient, Recipient, Message, No, Connection, No],
        CommandKind::Data => [On, Message, Envelope, Envelope, Message, No, Connection, No],
        CommandKind::Body => [On, Message, Message, Message, Message, Skips, Connection, No],
        CommandKind::EndOfMessage => [Message, Message, Message, Message, Message, No, Connection, No],
        CommandKind::Unknown => [On, Nothing, Command, Command, Nothing, No, Connection, No],
        CommandKind::Negotiate
        | CommandKind::Macros
        | CommandKind::Abort
        | CommandKind::Quit
        | CommandKind::QuitNewConnection => return None,
    })
}

/// What a verdict on a command does, by the table.
pub(super) const fn effect(command: CommandKind, verdict: &Verdict<'_>) -> Effect {
    let Some([on, accept, reject, tempfail, discard, skip, shutdown, fail]) = effects(command) else {
        return Effect::IsNoAnswer;
    };
    match verdict {
        Verdict::Continue => on,
        Verdict::Accept => accept,
        Verdict::Reject | Verdict::Reply(_) => reject,
        Verdict::Tempfail => tempfail,
        Verdict::Discard => discard,
        Verdict::Skip => skip,
        Verdict::Shutdown => shutdown,
        Verdict::ConnectionFail => fail,
    }
}

/// How a command passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Passage {
    /// In its order.
    InOrder,
    /// In its order, but the message that was in progress is over: do what ABORT asks for, first.
    AfterAbort,
    /// Out of order, and ignored as libmilter does: there is no reply to it.
    Ignored,
    /// As `Ignored`, and the message that was in progress is over.
    IgnoredAfterAbort,
}

impl Passage {
    /// Whether the command is taken, rather than ignored.
    #[must_use]
    pub const fn is_taken(self) -> bool {
        matches!(self, Self::InOrder | Self::AfterAbort)
    }
}

/// The state of one connection, the same on both sides of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Conversation {
    /// While the answer to OPTNEG is owed, the offer stands here.
    pub(super) agreed: Agreed,
    stage: Stage,
    /// The commands that pass in order here with nothing else to be looked at: nearly all that come.
    usual: Kinds,
    /// The command that has no verdict yet.
    pub(super) owed: Option<CommandKind>,
    /// SKIP was the answer to a chunk of this body.
    body_skipped: bool,
    law: Law,
}

debug_fields!(Conversation { agreed, stage, usual, owed, body_skipped, law });

impl Conversation {
    pub(super) const fn new(law: Law) -> Self {
        let (stage, usual) = (Stage::Start, usual(law, Stage::Start));
        Self { agreed: Agreed::NOTHING, stage, usual, owed: None, body_skipped: false, law }
    }

    /// How far the conversation has come.
    #[inline]
    pub(super) const fn stage(&self) -> Stage {
        self.stage
    }

    /// Goes to a stage. SKIP holds as long as the body does.
    #[inline]
    pub(super) fn enter(&mut self, stage: Stage) {
        if self.stage != stage || self.body_skipped {
            self.stage = stage;
            self.usual = usual(self.law, stage);
            self.body_skipped = false;
        }
    }

    /// Takes a command that is on the wire, or that was switched off and is only passed by.
    #[inline]
    pub(super) fn command(&mut self, kind: CommandKind) -> Result<Passage, Rule> {
        // One look at the table serves all three questions: may it follow, where to, and is there a reply.
        let row = kind.row();
        if !self.usual.contains(row) {
            return self.unusual_command(kind);
        }
        self.take(kind, row);
        Ok(Passage::InOrder)
    }

    /// Takes a command that ends a message, follows past a stage, or is out of order.
    #[inline(never)]
    fn unusual_command(&mut self, kind: CommandKind) -> Result<Passage, Rule> {
        let passage = self.unusual_passage(kind)?;
        if passage.is_taken() {
            self.take(kind, kind.row());
        } else {
            self.enter(Stage::Greeted);
        }
        Ok(passage)
    }

    /// Takes a command that is in order.
    #[inline]
    fn take(&mut self, kind: CommandKind, row: &Row) {
        if kind == CommandKind::Macros {
            return;
        }
        self.enter(match self.law {
            Law::Strict => self.strict_target(kind),
            Law::Libmilter => row.target,
        });
        if row.is_replied(self.agreed.steps) {
            self.owed = Some(kind);
        }
    }

    /// How a command would pass.
    pub(super) fn passage(&self, kind: CommandKind) -> Result<Passage, Rule> {
        if self.usual.contains(kind.row()) { Ok(Passage::InOrder) } else { self.unusual_passage(kind) }
    }

    /// How a command would pass that ends a message, skips a stage, or is out of order.
    fn unusual_passage(&self, kind: CommandKind) -> Result<Passage, Rule> {
        if self.body_skipped && kind == CommandKind::Body {
            return Err(Rule::Skipped);
        }
        let in_message = self.stage.is_in_message();
        if self.reaches(self.stage, kind) {
            return Ok(if ENDS_MESSAGE.contains(kind.row()) && in_message {
                Passage::AfterAbort
            } else {
                Passage::InOrder
            });
        }
        match (self.stage, self.law) {
            (Stage::Closed, _) => return Err(Rule::Closed),
            (_, Law::Strict) => return Err(Rule::Order),
            (_, Law::Libmilter) => {}
        }
        Ok(match (self.reaches(Stage::Greeted, kind), in_message) {
            (true, false) => Passage::InOrder,
            (true, true) => Passage::AfterAbort,
            (false, false) => Passage::Ignored,
            (false, true) => Passage::IgnoredAfterAbort,
        })
    }

    /// Whether a command may follow at `stage`, itself or past stages that may be left out.
    ///
    /// `trans_ok` in libmilter/engine.c: SPEC_NOTES ORD-29.
    fn reaches(&self, stage: Stage, kind: CommandKind) -> bool {
        let mut stage = stage;
        loop {
            if next(self.law, stage).contains(kind.row()) {
                return true;
            }
            match stage.passed_over() {
                Some((following, off)) if self.is_optional(following, off) => stage = following,
                _ => return false,
            }
        }
    }

    fn is_optional(&self, stage: Stage, off: Steps) -> bool {
        // A client need not say HELO, and a message need not have headers.
        let always = self.law == Law::Strict && matches!(stage, Stage::Greeted | Stage::Headers);
        always || self.agreed.effective_steps().contains(off)
    }

    /// The stage that a command leads to under the strict law.
    const fn strict_target(&self, kind: CommandKind) -> Stage {
        match kind {
            CommandKind::Macros | CommandKind::Unknown => self.stage,
            CommandKind::Abort => self.stage.without_message(),
            CommandKind::QuitNewConnection => Stage::Negotiated,
            _ => kind.target(),
        }
    }

    /// Whether a command gets a reply on this connection.
    #[inline]
    pub(super) fn is_replied(&self, kind: CommandKind) -> bool {
        kind.row().is_replied(self.agreed.steps)
    }

    /// Takes step again with a command that came out of order.
    pub(super) fn resume(&mut self, kind: CommandKind) {
        self.enter(self.strict_target(kind));
        self.owed = self.is_replied(kind).then_some(kind);
    }

    /// What was agreed on; `None` before OPTNEG was answered.
    pub(super) fn agreed(&self) -> Option<&Agreed> {
        let is_open = self.stage == Stage::Start || self.owed == Some(CommandKind::Negotiate);
        (!is_open).then_some(&self.agreed)
    }

    /// Takes a verdict with the effect that the table gives it.
    #[inline]
    pub(super) fn answer(&mut self, verdict: &Verdict<'_>) {
        let effect = match (self.law, self.owed) {
            (Law::Strict, Some(command)) => effect(command, verdict),
            _ => Effect::GoesOn,
        };
        self.verdict(effect, verdict);
    }

    /// Takes a verdict on the command that is owed one.
    #[inline]
    pub(super) fn verdict(&mut self, effect: Effect, verdict: &Verdict<'_>) {
        let Some(command) = self.owed.take() else { return };
        match self.law {
            Law::Strict => match effect {
                Effect::EndsMessage => self.enter(Stage::Greeted),
                Effect::EndsConnection => self.enter(Stage::Decided),
                Effect::RefusesData => self.enter(Stage::Recipients),
                Effect::Skips => self.skip_body(),
                _ => {}
            },
            Law::Libmilter => {
                let is_lenient = matches!(command, CommandKind::RcptTo | CommandKind::Unknown);
                match verdict {
                    Verdict::Accept => self.enter(Stage::Greeted),
                    Verdict::Reject | Verdict::Tempfail | Verdict::Discard | Verdict::Reply(_)
                        if !is_lenient =>
                    {
                        self.enter(Stage::Greeted);
                    }
                    _ => {}
                }
            }
        }
    }

    /// No more chunks of this body.
    fn skip_body(&mut self) {
        self.body_skipped = true;
        self.usual = self.usual.without(Kinds::of(&[CommandKind::Body]));
    }

    /// Keeps an offer while its answer is owed, in the place of what will be agreed on.
    pub(super) const fn note_offer(&mut self, offer: Offer) {
        let Offer { version, actions, steps } = offer;
        self.agreed = Agreed { version, actions, steps, emulated: Steps::EMPTY };
    }

    /// The offer whose answer is owed.
    pub(super) const fn offer(&self) -> Offer {
        let Agreed { version, actions, steps, .. } = self.agreed;
        Offer::new(version, actions, steps)
    }

    /// Where the conversation stands, for what there is to say about a frame.
    pub(super) const fn place(&self, code: u8) -> Place {
        Place { code, stage: self.stage, owed: self.owed }
    }

    /// Takes the answer to OPTNEG.
    pub(super) const fn negotiated(&mut self, agreed: Agreed) {
        self.agreed = agreed;
        self.owed = None;
    }
}
