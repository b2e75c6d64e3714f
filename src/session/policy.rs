//! Whose judgement applies where real programs differ.

use super::conversation::Law;
use crate::wire::Tolerance;

/// How strictly a peer is judged: a named set of decisions, not a guess.
///
/// | | [`STRICT`](Self::STRICT) | [`LIBMILTER`](Self::LIBMILTER) | [`SENDMAIL`](Self::SENDMAIL) | [`POSTFIX`](Self::POSTFIX) |
/// | --- | --- | --- | --- | --- |
/// | for | both roles | the filter | the MTA | the MTA |
/// | payloads | clean | [`Tolerance::LIBMILTER`] | [`Tolerance::SENDMAIL`] | [`Tolerance::POSTFIX`] |
/// | order of commands | refused | libmilter's engine | refused | refused |
/// | PROGRESS | end of message | anywhere | end of message | anywhere |
/// | SKIP | to BODY, if agreed | anywhere | anywhere but at the end of message | anywhere |
/// | edits that were not agreed | refused | refused | obeyed, but for the body | obeyed |
/// | edits between body chunks | allowed | allowed | allowed | refused |
/// | QUARANTINE before the end | refused | refused | refused | obeyed |
/// | SHUTDOWN | refused | refused | refused | obeyed |
/// | steps that were not offered | refused | refused | refused | obeyed |
///
/// # Source
/// SPEC_NOTES POL-1 to POL-10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Strict,
    Libmilter,
    Sendmail,
    Postfix,
}

impl Policy {
    /// Only what every implementation understands. One rule is left to the filter itself: Postfix refuses other
    /// frames between the chunks of a new body (POL-7).
    pub const STRICT: Self = Self(Kind::Strict);
    /// As a filter on libmilter 8.17: out of order is ignored, almost any reply is let through.
    pub const LIBMILTER: Self = Self(Kind::Libmilter);
    /// As Sendmail 8.17 judges a filter.
    pub const SENDMAIL: Self = Self(Kind::Sendmail);
    /// As Postfix 3.7 judges a filter.
    pub const POSTFIX: Self = Self(Kind::Postfix);

    /// What payloads are accepted.
    #[must_use]
    pub const fn tolerance(&self) -> Tolerance {
        match self.0 {
            Kind::Strict => Tolerance::STRICT,
            Kind::Libmilter => Tolerance::LIBMILTER,
            Kind::Sendmail => Tolerance::SENDMAIL,
            Kind::Postfix => Tolerance::POSTFIX,
        }
    }

    pub(super) const fn law(&self) -> Law {
        match self.0 {
            Kind::Libmilter => Law::Libmilter,
            Kind::Strict | Kind::Sendmail | Kind::Postfix => Law::Strict,
        }
    }

    /// Whether PROGRESS may come before the end of the message.
    pub(super) const fn takes_progress_anywhere(&self) -> bool {
        matches!(self.0, Kind::Libmilter | Kind::Postfix)
    }

    /// Whether SKIP may answer something else than an agreed BODY.
    pub(super) const fn takes_skip(&self, ends_message: bool) -> bool {
        match self.0 {
            Kind::Strict => false,
            Kind::Libmilter | Kind::Postfix => true,
            Kind::Sendmail => !ends_message,
        }
    }

    /// Whether edits count that were not agreed.
    pub(super) const fn takes_surplus_edits(&self) -> bool {
        matches!(self.0, Kind::Sendmail | Kind::Postfix)
    }

    /// Whether a body that was not agreed to be changed spoils the message.
    pub(super) const fn spoils_surplus_body(&self) -> bool {
        matches!(self.0, Kind::Sendmail)
    }

    /// Whether a replacement of the body has to come in one piece.
    pub(super) const fn wants_body_in_a_row(&self) -> bool {
        matches!(self.0, Kind::Postfix)
    }

    /// Whether QUARANTINE may come before the end of the message.
    pub(super) const fn takes_quarantine_anywhere(&self) -> bool {
        matches!(self.0, Kind::Postfix)
    }

    /// Whether SHUTDOWN is a response.
    pub(super) const fn takes_shutdown(&self) -> bool {
        matches!(self.0, Kind::Postfix)
    }

    /// Whether steps may be answered that were not offered.
    pub(super) const fn takes_surplus_steps(&self) -> bool {
        matches!(self.0, Kind::Postfix)
    }

    /// Whether SKIP to anything before the body silences the filter for the connection.
    pub(super) const fn parks_on_skip(&self) -> bool {
        matches!(self.0, Kind::Sendmail)
    }

    /// Whether replies are let through that mean nothing or cannot be agreed: libmilter checks none.
    pub(super) const fn sends_anything(&self) -> bool {
        matches!(self.0, Kind::Libmilter)
    }
}
