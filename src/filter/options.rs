//! The filter's side of the negotiation: what it asks for, and what it answers.

use crate::negotiation::{Negotiated, Negotiation, NegotiationError, check_offer, implied_by, newest};
use crate::order::CommandKind;
use crate::wire::{Actions, Answer, DataSize, MacroLists, Offer, Steps};

/// Whether a filter uses an option, and whether it needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between these")]
pub enum Support {
    /// Not used.
    #[default]
    Off,
    /// Used if the MTA offers it.
    Optional,
    /// The filter cannot work without it.
    Required,
}

/// The options that a filter requests in the negotiation: commands, edits, macros and protocol extensions.
///
/// # Examples
/// ```
/// use milter_proto::filter::{Options, Support};
/// use milter_proto::order::CommandKind;
/// use milter_proto::wire::{Actions, Offer, Steps};
///
/// let options = Options::new([CommandKind::Header, CommandKind::EndOfHeaders])
///     .require(Actions::ADD_HEADERS)
///     .no_reply_to([CommandKind::Header])
///     .leading_space(Support::Optional);
/// let negotiation = options.answer(Offer::FULL)?;
/// assert!(negotiation.answer.steps.contains(Steps::NO_CONNECT | Steps::NO_REPLY_HEADER));
/// # Ok::<(), milter_proto::negotiation::NegotiationError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "smfiDesc")]
pub struct Options<'a> {
    /// The steps that have to be granted; the no-reply bits among them can be emulated.
    required: Steps,
    /// The steps that are taken if they are offered.
    requested: Steps,
    required_actions: Actions,
    requested_actions: Actions,
    macro_lists: MacroLists<'a>,
}

impl<'a> Options<'a> {
    /// Subscribes to these commands and declines all others that can be declined (`SMFIP_NO*`).
    ///
    /// A filter that declines MAIL should still accept the macros of MAIL: with Sendmail they are then the only sign that
    /// a message was abandoned and another one begins (SPEC_NOTES ORD-38).
    #[must_use]
    #[doc(alias = "smfi_register")]
    pub fn new(commands: impl IntoIterator<Item = CommandKind>) -> Self {
        let step = |kind: CommandKind| kind.decline_step().unwrap_or_default();
        let every = CommandKind::ALL.into_iter().fold(Steps::EMPTY, |steps, kind| steps.union(step(kind)));
        Self {
            required: commands.into_iter().fold(every, |steps, kind| steps.difference(step(kind))),
            requested: Steps::EMPTY,
            required_actions: Actions::EMPTY,
            requested_actions: Actions::EMPTY,
            macro_lists: MacroLists::EMPTY,
        }
    }

    /// Subscribes to every command.
    #[must_use]
    pub fn all_commands() -> Self {
        Self::new(CommandKind::ALL)
    }

    /// Requires exactly these actions and steps, for bindings whose interface has two masks.
    ///
    /// A step that is not offered is emulated if [`answer`](Self::answer) allows that, and is an error otherwise. If both
    /// data sizes are given, the larger one is requested.
    #[must_use]
    #[doc(alias = "xxfi_flags")]
    pub const fn from_actions_and_steps(actions: Actions, steps: Steps) -> Self {
        Self {
            required: steps,
            requested: Steps::EMPTY,
            required_actions: actions,
            requested_actions: Actions::EMPTY,
            macro_lists: MacroLists::EMPTY,
        }
    }

    /// Requires these actions: the negotiation fails without them.
    #[must_use]
    #[doc(alias = "xxfi_flags")]
    pub const fn require(self, actions: Actions) -> Self {
        Self { required_actions: self.required_actions.union(actions), ..self }
    }

    /// Requests these actions: they are used if the MTA offers them.
    #[must_use]
    #[doc(alias = "xxfi_flags")]
    pub const fn request(self, actions: Actions) -> Self {
        Self { requested_actions: self.requested_actions.union(actions), ..self }
    }

    /// Promises to answer only CONTINUE to these commands, so that no reply has to be sent (`SMFIP_NR_*`).
    #[must_use]
    #[doc(alias = "SMFIS_NOREPLY")]
    pub fn no_reply_to(self, commands: impl IntoIterator<Item = CommandKind>) -> Self {
        let bit = |kind: CommandKind| kind.no_reply_step().unwrap_or_default();
        Self {
            required: commands.into_iter().fold(self.required, |steps, kind| steps.union(bit(kind))),
            ..self
        }
    }

    /// Requests permission to answer SKIP (`SMFIP_SKIP`).
    #[must_use]
    #[doc(alias = "SMFIP_SKIP")]
    pub const fn skip(self, support: Support) -> Self {
        self.step(Steps::SKIP, support)
    }

    /// Requests recipients that the MTA itself refused (`SMFIP_RCPT_REJ`). Their macro `{rcpt_mailer}` is `error`.
    ///
    /// Do not answer [`Verdict::Discard`](crate::wire::Verdict::Discard) to one of them: Postfix forgets it, asks nothing
    /// more about the message, and delivers it to the other recipients. See SPEC_NOTES.md, SCP-10.
    #[must_use]
    #[doc(alias = "SMFIP_RCPT_REJ")]
    pub const fn rejected_recipients(self, support: Support) -> Self {
        self.step(Steps::REJECTED_RCPT, support)
    }

    /// Requests header values with the space after the colon (`SMFIP_HDR_LEADSPC`).
    #[must_use]
    #[doc(alias = "SMFIP_HDR_LEADSPC")]
    pub const fn leading_space(self, support: Support) -> Self {
        self.step(Steps::LEADING_SPACE, support)
    }

    /// Requests payloads of up to this size. `Optional` accepts a smaller size, `Required` does not.
    #[must_use]
    #[doc(alias = "SMFIP_MDS_256K")]
    #[doc(alias = "SMFIP_MDS_1M")]
    pub const fn data_size(self, size: DataSize, support: Support) -> Self {
        match (size, support) {
            (DataSize::Kib64, _) => self,
            (DataSize::Kib256, _) => self.step(Steps::DATA_SIZE_256K, support),
            (DataSize::Mib1, Support::Required) => self.step(Steps::DATA_SIZE_1M, support),
            (DataSize::Mib1, _) => self.step(Steps::DATA_SIZE_256K.union(Steps::DATA_SIZE_1M), support),
        }
    }

    /// Requests these macros in place of the MTA's defaults.
    #[must_use]
    #[doc(alias = "smfi_setsymlist")]
    #[doc(alias = "SMFIF_SETSYMLIST")]
    pub const fn macro_lists(self, macro_lists: MacroLists<'a>) -> Self {
        Self { macro_lists, ..self }
    }

    /// The actions without which the negotiation fails.
    #[must_use]
    pub const fn required_actions(&self) -> Actions {
        self.required_actions
    }

    /// The actions that are used if the MTA offers them.
    #[must_use]
    pub const fn requested_actions(&self) -> Actions {
        self.requested_actions
    }

    /// The steps that are required. [`answer`](Self::answer) can emulate some of them.
    #[must_use]
    pub const fn required_steps(&self) -> Steps {
        self.required
    }

    /// The steps that are used if the MTA offers them.
    #[must_use]
    pub const fn requested_steps(&self) -> Steps {
        self.requested
    }

    /// The macros that are requested.
    #[must_use]
    pub const fn requested_macros(&self) -> MacroLists<'a> {
        self.macro_lists
    }

    const fn step(self, step: Steps, support: Support) -> Self {
        match support {
            Support::Off => self,
            Support::Optional => Self { requested: self.requested.union(step), ..self },
            Support::Required => Self { required: self.required.union(step), ..self },
        }
    }

    /// Answers an offer in the same way as libmilter.
    ///
    /// A version from 7 to 2^31 - 1 is answered with 6. Zero masks mean version 1. No-reply bits that are not offered are
    /// emulated, and so are NO_DATA and NO_UNKNOWN; anything else that is required but not offered is an error.
    ///
    /// # Errors
    /// [`NegotiationError`]: close the connection without an answer, as libmilter does.
    ///
    /// # Source
    /// `st_optionneg` in libmilter/engine.c. SPEC_NOTES NEG-16 to NEG-21.
    pub fn answer(&self, offer: Offer) -> Result<Negotiation<'a>, NegotiationError> {
        self.answer_with(offer, Steps::NO_REPLY.union(Steps::NO_DATA).union(Steps::NO_UNKNOWN))
    }

    /// The answer of a filter that accepts whatever comes: every command that is declined in vain is emulated, too.
    pub(super) fn answer_robustly(&self, offer: Offer) -> Result<Negotiation<'a>, NegotiationError> {
        self.answer_with(offer, Steps::NO_REPLY.union(Steps::NO_COMMAND))
    }

    fn answer_with(&self, offer: Offer, can_emulate: Steps) -> Result<Negotiation<'a>, NegotiationError> {
        check_offer(&offer)?;
        let offer = offer.with_v1_defaults();
        let version = newest(offer.version);

        let missing = self.required_actions.difference(offer.actions);
        if !missing.is_empty() {
            return Err(NegotiationError::Actions { missing, offered: offer.actions });
        }
        let wanted_actions = self.required_actions.union(self.requested_actions);
        let actions = wanted_actions.intersection(offer.actions);

        let missing = self.required.difference(offer.steps);
        let emulated = missing.intersection(can_emulate).difference(implied_by(version));
        let missing = missing.difference(can_emulate);
        if !missing.is_empty() {
            return Err(NegotiationError::Steps { missing, offered: offer.steps });
        }
        let wanted = self.required.union(self.requested);
        let steps = wanted.intersection(offer.steps);
        // One data size is answered: the larger one.
        let smaller = if steps.contains(Steps::DATA_SIZE_1M) { Steps::DATA_SIZE_256K } else { Steps::EMPTY };
        let (wanted, steps) = (wanted.difference(smaller), steps.difference(smaller));

        let answer = Answer::new(version, actions, steps).with_macro_lists(self.macro_lists);
        Ok(Negotiation {
            offer,
            answer,
            negotiated: Negotiated { version, actions, steps, emulated },
            stripped: wanted.difference(steps).difference(emulated),
            stripped_actions: wanted_actions.difference(actions),
        })
    }
}
