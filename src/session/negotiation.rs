//! OPTNEG as two pure functions, [`answer`] for the filter and [`accept`] for the MTA, with a record of
//! what became of every bit.

use core::fmt;

use thiserror::Error;

use super::policy::Policy;
use super::stage::CommandKind;
use crate::wire::{Actions, Answer, DataSize, MacroLists, Offer, Steps, Version};

/// What both sides agreed on: in force from OPTNEG to the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Agreed {
    /// The version that is spoken.
    pub version: Version,
    /// The edits that the filter may make.
    pub actions: Actions,
    /// The steps that apply on the wire.
    pub steps: Steps,
    /// The no-reply bits that the filter wished for and the MTA did not offer: CONTINUE is sent all the
    /// same, and nothing else may be.
    pub emulated: Steps,
}

impl Agreed {
    /// Before OPTNEG, or without it.
    pub const NOTHING: Self = Self {
        version: Version::CURRENT,
        actions: Actions::EMPTY,
        steps: Steps::EMPTY,
        emulated: Steps::EMPTY,
    };

    /// What an answer says, with nothing emulated.
    pub(super) const fn of(answer: &Answer<'_>) -> Self {
        let Answer { version, actions, steps, .. } = *answer;
        Self { version, actions, steps, emulated: Steps::EMPTY }
    }

    /// The largest payload.
    #[must_use]
    pub const fn data_size(&self) -> DataSize {
        self.steps.data_size()
    }

    /// The steps, with those commands switched off that the version does not have.
    #[must_use]
    pub fn effective_steps(&self) -> Steps {
        let mut steps = self.steps;
        if self.version < Version::V4 {
            steps = steps.union(Steps::NO_DATA);
        }
        if self.version < Version::V3 {
            steps = steps.union(Steps::NO_UNKNOWN);
        }
        steps
    }
}

/// How much a filter wants something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between these")]
pub enum Want {
    /// Not at all.
    #[default]
    No,
    /// If the MTA offers it.
    IfOffered,
    /// Without it the filter cannot work.
    Required,
}

/// What a filter wants, said positively: the commands it wants to see, not the ones to be left out.
///
/// # Examples
/// ```
/// use milter_proto::session::{CommandKind, Want, Wishes, answer};
/// use milter_proto::wire::{Actions, Offer, Steps};
///
/// let wishes = Wishes::new([CommandKind::Header, CommandKind::EndOfHeaders])
///     .may(Actions::ADD_HEADERS)
///     .without_reply([CommandKind::Header])
///     .leading_space(Want::IfOffered);
/// let decision = answer(Offer::FULL, &wishes)?;
/// assert!(decision.answer.steps.contains(Steps::NO_CONNECT | Steps::NO_REPLY_HEADER));
/// # Ok::<(), milter_proto::session::Refusal>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wishes<'a> {
    /// The steps that have to be granted; the no-reply bits among them can be emulated.
    required: Steps,
    /// The steps to be taken if they are offered.
    preferred: Steps,
    required_actions: Actions,
    preferred_actions: Actions,
    macro_lists: MacroLists<'a>,
}

impl<'a> Wishes<'a> {
    /// Wants these commands, and no other that can be switched off.
    #[must_use]
    pub fn new(commands: impl IntoIterator<Item = CommandKind>) -> Self {
        let off = |kind: CommandKind| kind.off().unwrap_or_default();
        let every = CommandKind::ALL.into_iter().fold(Steps::EMPTY, |steps, kind| steps.union(off(kind)));
        Self {
            required: commands.into_iter().fold(every, |steps, kind| steps.difference(off(kind))),
            preferred: Steps::EMPTY,
            required_actions: Actions::EMPTY,
            preferred_actions: Actions::EMPTY,
            macro_lists: MacroLists::EMPTY,
        }
    }

    /// Wants every command.
    #[must_use]
    pub fn everything() -> Self {
        Self::new(CommandKind::ALL)
    }

    /// Needs these actions.
    #[must_use]
    pub const fn may(self, actions: Actions) -> Self {
        Self { required_actions: self.required_actions.union(actions), ..self }
    }

    /// Takes these actions if they are offered.
    #[must_use]
    pub const fn may_if_offered(self, actions: Actions) -> Self {
        Self { preferred_actions: self.preferred_actions.union(actions), ..self }
    }

    /// Answers these commands with CONTINUE always, and would rather not answer them at all.
    #[must_use]
    pub fn without_reply(self, commands: impl IntoIterator<Item = CommandKind>) -> Self {
        let bit = |kind: CommandKind| kind.no_reply().unwrap_or_default();
        Self {
            required: commands.into_iter().fold(self.required, |steps, kind| steps.union(bit(kind))),
            ..self
        }
    }

    /// Wants to answer SKIP.
    #[must_use]
    pub const fn skip(self, want: Want) -> Self {
        self.step(Steps::SKIP, want)
    }

    /// Wants the recipients that the MTA itself refused.
    #[must_use]
    pub const fn rejected_recipients(self, want: Want) -> Self {
        self.step(Steps::REJECTED_RCPT, want)
    }

    /// Wants header values with the space behind the colon.
    #[must_use]
    pub const fn leading_space(self, want: Want) -> Self {
        self.step(Steps::LEADING_SPACE, want)
    }

    /// Wants payloads of up to that size. `IfOffered` takes the smaller one, too, `Required` does not.
    #[must_use]
    pub const fn data_size(self, size: DataSize, want: Want) -> Self {
        match (size, want) {
            (DataSize::K64, _) => self,
            (DataSize::K256, _) => self.step(Steps::DATA_SIZE_256K, want),
            (DataSize::M1, Want::Required) => self.step(Steps::DATA_SIZE_1M, want),
            (DataSize::M1, _) => self.step(Steps::DATA_SIZE_256K.union(Steps::DATA_SIZE_1M), want),
        }
    }

    /// Wants these macros.
    #[must_use]
    pub const fn macro_lists(self, macro_lists: MacroLists<'a>) -> Self {
        Self { macro_lists, ..self }
    }

    const fn step(self, step: Steps, want: Want) -> Self {
        match want {
            Want::No => self,
            Want::IfOffered => Self { preferred: self.preferred.union(step), ..self },
            Want::Required => Self { required: self.required.union(step), ..self },
        }
    }
}

/// What became of one bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// Wished and offered.
    Granted,
    /// Wished, not offered, and left out: the filter can do without, or an old MTA cannot send it.
    Stripped,
    /// Wished, not offered, and made up for on this side.
    Emulated,
    /// Not offered, but in the answer, and kept to.
    Surplus,
    /// Implied by the version.
    Implied,
}

/// A negotiation that came to an agreement, bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Decision<'a> {
    /// What the MTA offered, with zeros read as version 1.
    pub offer: Offer,
    /// What the filter answers.
    pub answer: Answer<'a>,
    /// What is in force.
    pub agreed: Agreed,
    /// Steps that were wished for, not offered, and left out.
    pub stripped: Steps,
    /// Actions that were wished for, not offered, and left out.
    pub stripped_actions: Actions,
}

impl Decision<'_> {
    /// What became of a step; `None` if nobody asked for it and no version implies it.
    #[must_use]
    pub fn step(&self, step: Steps) -> Option<Fate> {
        let answered = self.answer.steps.contains(step);
        match () {
            () if answered && self.offer.steps.contains(step) => Some(Fate::Granted),
            () if answered => Some(Fate::Surplus),
            () if self.agreed.emulated.contains(step) => Some(Fate::Emulated),
            () if self.stripped.contains(step) => Some(Fate::Stripped),
            () if self.agreed.effective_steps().contains(step) => Some(Fate::Implied),
            () => None,
        }
    }

    /// What became of an action; `None` if nobody asked for it.
    #[must_use]
    pub const fn action(&self, action: Actions) -> Option<Fate> {
        if self.answer.actions.contains(action) {
            Some(Fate::Granted)
        } else if self.stripped_actions.contains(action) {
            Some(Fate::Stripped)
        } else {
            None
        }
    }
}

/// One line for each bit that was asked for, answered, or implied by the version.
impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} of {}", self.agreed.version, self.offer.version)?;
        for &(bit, name) in Actions::NAMES {
            if let Some(fate) = self.action(bit) {
                write!(f, "\n{name}: {fate:?}")?;
            }
        }
        for &(bit, name) in Steps::NAMES {
            if let Some(fate) = self.step(bit) {
                write!(f, "\n{name}: {fate:?}")?;
            }
        }
        Ok(())
    }
}

/// A negotiation that failed: the connection is to be closed, without another frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The MTA's version is under 2, or 2^31 or more, which libmilter reads as negative. NEG-16.
    #[error("the MTA offers version {offered}; 2 is the oldest that is spoken")]
    TooOld {
        /// The offered version.
        offered: Version,
    },
    /// The filter's version is not between 2 and the offered one. NEG-22.
    #[error("the filter answers version {answered} to an offer of {offered}")]
    WrongVersion {
        /// The offered version.
        offered: Version,
        /// The answered version.
        answered: Version,
    },
    /// Actions are required or answered that were not offered. NEG-18, NEG-23.
    #[error("not offered: {missing:?}")]
    Actions {
        /// Those actions.
        missing: Actions,
    },
    /// Steps are required or answered that were not offered. NEG-19, NEG-24.
    #[error("not offered: {missing:?}")]
    Steps {
        /// Those steps.
        missing: Steps,
    },
}

/// The filter's side: what to answer to an offer.
///
/// The algorithm is libmilter's: a version of 7 to 2^31 - 1 is answered with 6; zero masks mean version 1;
/// NO_DATA and NO_UNKNOWN are stripped for an MTA that does not know them; no-reply bits that are
/// not offered are emulated; anything else that is required and not offered refuses.
///
/// # Errors
/// [`Refusal`]: close without an answer, as libmilter does.
///
/// # Source
/// `st_optionneg` in libmilter/engine.c. SPEC_NOTES NEG-16 to NEG-21.
pub fn answer<'a>(offer: Offer, wishes: &Wishes<'a>) -> Result<Decision<'a>, Refusal> {
    if !(Version::V2..=Version::new(0x7fff_ffff)).contains(&offer.version) {
        return Err(Refusal::TooOld { offered: offer.version });
    }
    let offer = offer.reading_zeros();
    let version = offer.version.min(Version::CURRENT);

    let missing = wishes.required_actions.difference(offer.actions);
    if !missing.is_empty() {
        return Err(Refusal::Actions { missing });
    }
    let wanted_actions = wishes.required_actions.union(wishes.preferred_actions);
    let actions = wanted_actions.intersection(offer.actions);

    let missing = wishes.required.difference(offer.steps);
    let emulated = missing.intersection(Steps::NO_REPLY);
    let unknown_to_old = missing.intersection(Steps::NO_DATA.union(Steps::NO_UNKNOWN));
    let missing = missing.difference(emulated).difference(unknown_to_old);
    if !missing.is_empty() {
        return Err(Refusal::Steps { missing });
    }
    let wanted = wishes.required.union(wishes.preferred);
    let steps = wanted.intersection(offer.steps);
    // One data size is answered: the larger one.
    let smaller = if steps.contains(Steps::DATA_SIZE_1M) { Steps::DATA_SIZE_256K } else { Steps::EMPTY };
    let (wanted, steps) = (wanted.difference(smaller), steps.difference(smaller));

    let answer = Answer::new(version, actions, steps).with_macro_lists(wishes.macro_lists);
    Ok(Decision {
        offer,
        answer,
        agreed: Agreed { version, actions, steps, emulated },
        stripped: wanted.difference(steps).difference(emulated),
        stripped_actions: wanted_actions.difference(actions),
    })
}

/// The MTA's side: what an answer comes to.
///
/// Zero masks mean version 1 here, too: that is how filters read them. A mask that holds anything else
/// is what it says.
///
/// A no-reply or leading-space bit that was not offered is honoured or refused, never masked away: to
/// drop it in silence would leave the MTA waiting for replies that do not come.
///
/// # Errors
/// [`Refusal`]: close without QUIT, as both MTAs do.
///
/// # Source
/// `milter_negotiate` in sendmail/milter.c, `milter8_connect` in Postfix src/milter/milter8.c.
/// SPEC_NOTES NEG-22 to NEG-26.
pub fn accept<'a>(offer: Offer, answer: Answer<'a>, policy: &Policy) -> Result<Decision<'a>, Refusal> {
    let offer = offer.reading_zeros();
    if !(Version::V2..=offer.version).contains(&answer.version) {
        return Err(Refusal::WrongVersion { offered: offer.version, answered: answer.version });
    }
    let missing = answer.actions.difference(offer.actions);
    if !missing.is_empty() {
        return Err(Refusal::Actions { missing });
    }
    let missing = answer.steps.difference(offer.steps);
    if !missing.is_empty() && !policy.takes_surplus_steps() {
        return Err(Refusal::Steps { missing });
    }
    Ok(Decision {
        offer,
        answer,
        agreed: Agreed::of(&answer),
        stripped: Steps::EMPTY,
        stripped_actions: Actions::EMPTY,
    })
}
