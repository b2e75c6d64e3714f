//! OPTNEG: what the MTA offers, and what the filter answers.

use super::bits::{Actions, Steps, Version};
use super::macro_lists::MacroLists;

/// The MTA's OPTNEG: what it supports.
///
/// Zero actions mean [`Actions::V1`], zero steps [`Steps::V1`]: SPEC_NOTES NEG-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Offer {
    /// The newest version that the MTA speaks.
    pub version: Version,
    /// The actions that a filter may request.
    pub actions: Actions,
    /// The steps that a filter may request.
    pub steps: Steps,
}

impl Offer {
    /// What Sendmail 8.17 and Postfix 3.7 offer.
    pub const FULL: Self = Self::new(Version::CURRENT, Actions::ALL, Steps::ALL);

    /// Makes an offer.
    #[must_use]
    pub const fn new(version: Version, actions: Actions, steps: Steps) -> Self {
        Self { version, actions, steps }
    }

    /// Whether a filter can answer this offer: its version is from 2 to 2,147,483,647.
    ///
    /// # Source
    /// `st_optionneg` in libmilter/engine.c, which reads a version of 2^31 and more as negative. SPEC_NOTES NEG-16.
    #[must_use]
    pub fn is_acceptable(&self) -> bool {
        (Version::V2..=Version::new(0x7fff_ffff)).contains(&self.version)
    }

    /// Returns the offer as filters understand it: zero actions and zero steps mean those of version 1.
    ///
    /// # Source
    /// `st_optionneg` in libmilter/engine.c. SPEC_NOTES NEG-6.
    #[must_use]
    pub const fn with_v1_defaults(self) -> Self {
        Self {
            actions: if self.actions.is_empty() { Actions::V1 } else { self.actions },
            steps: if self.steps.is_empty() { Steps::V1 } else { self.steps },
            ..self
        }
    }
}

/// The filter's OPTNEG: what it requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// The version to use; not newer than the offered one.
    pub version: Version,
    /// The actions that the filter may take.
    pub actions: Actions,
    /// The steps that apply.
    pub steps: Steps,
    /// The macros that the filter requests in place of the MTA's defaults.
    pub macro_lists: MacroLists<'a>,
}

impl<'a> Answer<'a> {
    /// Makes an answer without macro lists.
    #[must_use]
    pub const fn new(version: Version, actions: Actions, steps: Steps) -> Self {
        Self { version, actions, steps, macro_lists: MacroLists::EMPTY }
    }

    /// The same answer with macro lists.
    #[must_use]
    pub const fn with_macro_lists(self, macro_lists: MacroLists<'a>) -> Self {
        Self { macro_lists, ..self }
    }
}
