//! The negotiation (OPTNEG): its result, the outcome of every bit, and its errors.
//!
//! [`filter::Options::answer`](crate::filter::Options::answer) and [`mta::accept`](crate::mta::accept) negotiate without a
//! session.

use core::fmt;

use thiserror::Error;

use crate::wire::{Actions, Answer, DataSize, LeadingSpace, Offer, Steps, Version};

/// The result of a negotiation, which applies until the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Negotiated {
    /// The protocol version.
    pub version: Version,
    /// The edits that the filter may make.
    pub actions: Actions,
    /// The steps that apply on the wire.
    pub steps: Steps,
    /// Steps that the filter requested and the MTA did not offer: the MTA sends those commands and waits for those replies
    /// anyway, and only CONTINUE may be sent.
    pub emulated: Steps,
}

impl Negotiated {
    /// The state before OPTNEG, or without it: no actions, no steps.
    pub const NOTHING: Self = Self {
        version: Version::CURRENT,
        actions: Actions::EMPTY,
        steps: Steps::EMPTY,
        emulated: Steps::EMPTY,
    };

    /// The steps that an old version implies.
    pub(crate) const IMPLIED: Steps = Steps::NO_DATA.union(Steps::NO_UNKNOWN);

    /// The result of an answer, with nothing emulated.
    pub(crate) const fn from_answer(answer: &Answer<'_>) -> Self {
        let Answer { version, actions, steps, .. } = *answer;
        Self { version, actions, steps, emulated: Steps::EMPTY }
    }

    /// The largest payload that may be sent.
    #[must_use]
    pub const fn data_size(&self) -> DataSize {
        self.steps.data_size()
    }

    /// Whether header values include the space after the colon, in both directions.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::filter::{Options, Support};
    /// use milter_proto::wire::{LeadingSpace, Offer};
    ///
    /// let options = Options::all_commands();
    /// assert_eq!(options.answer(Offer::FULL)?.negotiated.leading_space(), LeadingSpace::Stripped);
    /// let options = options.leading_space(Support::Required);
    /// assert_eq!(options.answer(Offer::FULL)?.negotiated.leading_space(), LeadingSpace::Preserved);
    /// # Ok::<(), milter_proto::negotiation::NegotiationError>(())
    /// ```
    #[must_use]
    pub const fn leading_space(&self) -> LeadingSpace {
        LeadingSpace::of(self.steps)
    }

    /// The steps, plus those that decline commands which the version does not have.
    #[must_use]
    #[inline]
    pub fn effective_steps(&self) -> Steps {
        self.steps.union(implied_by(self.version))
    }
}

/// The steps that decline what a version does not have.
#[inline]
pub(crate) fn implied_by(version: Version) -> Steps {
    let mut steps = Steps::EMPTY;
    if version < Version::V4 {
        steps = steps.union(Steps::NO_DATA);
    }
    if version < Version::V3 {
        steps = steps.union(Steps::NO_UNKNOWN);
    }
    steps
}

/// The outcome of the negotiation for one bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BitOutcome {
    /// Requested and offered.
    Granted,
    /// Requested, not offered, and left out: the filter can do without it, or the version implies it.
    Stripped,
    /// Requested and not offered: the MTA sends the command or waits for the reply anyway, and only CONTINUE may be sent.
    Emulated,
    /// Not offered, but in the answer, and honoured by the MTA.
    Surplus,
    /// Implied by the version.
    Implied,
}

/// A successful negotiation, bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Negotiation<'a> {
    /// What the MTA offered, with the defaults of version 1 in place of zeros.
    pub offer: Offer,
    /// What the filter answers.
    pub answer: Answer<'a>,
    /// The result.
    pub negotiated: Negotiated,
    /// Steps that were requested, not offered, and left out.
    pub stripped: Steps,
    /// Actions that were requested, not offered, and left out.
    pub stripped_actions: Actions,
}

impl Negotiation<'_> {
    /// The outcome for a step; `None` if it was not requested and the version does not imply it.
    #[must_use]
    pub fn step(&self, step: Steps) -> Option<BitOutcome> {
        if self.answer.steps.contains(step) {
            let is_offered = self.offer.steps.contains(step);
            Some(if is_offered { BitOutcome::Granted } else { BitOutcome::Surplus })
        } else if self.negotiated.emulated.contains(step) {
            Some(BitOutcome::Emulated)
        } else if self.stripped.contains(step) {
            Some(BitOutcome::Stripped)
        } else {
            self.negotiated.effective_steps().contains(step).then_some(BitOutcome::Implied)
        }
    }

    /// The outcome for an action; `None` if it was not requested.
    #[must_use]
    pub const fn action(&self, action: Actions) -> Option<BitOutcome> {
        if self.answer.actions.contains(action) {
            Some(BitOutcome::Granted)
        } else if self.stripped_actions.contains(action) {
            Some(BitOutcome::Stripped)
        } else {
            None
        }
    }
}

/// One line: the version, then each bit that was requested, answered, or implied by the version.
impl fmt::Display for Negotiation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} of {}", self.negotiated.version, self.offer.version)?;
        for &(bit, name) in Actions::NAMES {
            if let Some(outcome) = self.action(bit) {
                write!(f, ", {name}: {outcome:?}")?;
            }
        }
        for &(bit, name) in Steps::NAMES {
            if let Some(outcome) = self.step(bit) {
                write!(f, ", {name}: {outcome:?}")?;
            }
        }
        Ok(())
    }
}

/// A negotiation that failed: close the connection without sending another frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// The MTA's version is below 2, or at least 2^31, which libmilter reads as negative. NEG-16.
    #[error("the MTA offers version {offered}; expected 2 to 2147483647")]
    TooOld {
        /// The offered version.
        offered: Version,
    },
    /// The filter's version does not exist, or is newer than the offered one. NEG-22.
    #[error("the filter answers version {answered} to an offer of {offered}; expected 2 to {}", newest(*.offered))]
    WrongVersion {
        /// The offered version.
        offered: Version,
        /// The answered version.
        answered: Version,
    },
    /// The filter requires or answers actions that the MTA did not offer. NEG-18, NEG-23.
    #[error("the filter requires actions {missing:?}; the MTA offered only {offered:?}")]
    Actions {
        /// Those actions.
        missing: Actions,
        /// The actions that the MTA offered.
        offered: Actions,
    },
    /// The filter requires or answers steps that the MTA did not offer. NEG-19, NEG-24.
    #[error("the filter requires steps {missing:?}; the MTA offered only {offered:?}")]
    Steps {
        /// Those steps.
        missing: Steps,
        /// The steps that the MTA offered.
        offered: Steps,
    },
}

/// The newest version that may be answered to an offer.
pub(crate) fn newest(offered: Version) -> Version {
    offered.min(Version::CURRENT)
}

/// Whether an offer can be answered at all. It is the same for all three sides.
pub(crate) fn check_offer(offer: &Offer) -> Result<(), NegotiationError> {
    if offer.is_acceptable() { Ok(()) } else { Err(NegotiationError::TooOld { offered: offer.version }) }
}

/// Whether an answer can be agreed to. It is the same for all three sides; Postfix also honours surplus steps.
pub(crate) fn check_answer(
    offer: &Offer,
    answer: &Answer<'_>,
    honours_surplus_steps: bool,
) -> Result<(), NegotiationError> {
    check_offer(offer)?;
    let offer = offer.with_v1_defaults();
    if !(Version::V2..=newest(offer.version)).contains(&answer.version) {
        return Err(NegotiationError::WrongVersion { offered: offer.version, answered: answer.version });
    }
    let missing = answer.actions.difference(offer.actions);
    if !missing.is_empty() {
        return Err(NegotiationError::Actions { missing, offered: offer.actions });
    }
    let missing = answer.steps.difference(offer.steps);
    if !missing.is_empty() && !honours_surplus_steps {
        return Err(NegotiationError::Steps { missing, offered: offer.steps });
    }
    Ok(())
}
