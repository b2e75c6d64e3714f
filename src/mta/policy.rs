//! How an MTA judges the filter.

use crate::order::Rule;
use crate::order::rules::JUDGED;
use crate::wire::{Edit, Tolerance};

/// How an MTA treats a filter's replies, where Sendmail and Postfix differ.
///
/// What the MTA may send is the same under every policy: only commands in strict order, and none that make filters on
/// libmilter stall.
///
/// | | [`STRICT`](Self::STRICT) | [`SENDMAIL`](Self::SENDMAIL) | [`POSTFIX`](Self::POSTFIX) |
/// | --- | --- | --- | --- |
/// | payloads | [`Tolerance::STRICT`] | [`Tolerance::SENDMAIL`] | [`Tolerance::POSTFIX`] |
/// | malformed edits | refused | ignored | refused |
/// | edits with an empty name or address | refused | ignored | recipients ignored, CHGHEADER refused |
/// | malformed REPLYCODE | refused | taken for REJECT | refused, but for a stray `%` |
/// | PROGRESS | end of message | end of message | anywhere |
/// | SKIP | to BODY, if negotiated | anywhere but at the end of message | anywhere |
/// | edits that were not negotiated | refused | honoured, except for the body | honoured |
/// | other frames between body chunks | refused | allowed | refused |
/// | header names that are not names | refused | honoured | honoured |
/// | QUARANTINE before the end | refused | refused | honoured |
/// | DISCARD to CONNECT | no effect | filtering is off | no effect |
/// | SHUTDOWN | refused | refused | honoured |
/// | steps that were not offered | refused | refused | honoured |
///
/// A refused response ends the session; an MTA that then accepts the mail fails open. Start from
/// [`DEFAULT`](Self::DEFAULT): most filters are tested with Postfix.
///
/// A filter's policy is another type and cannot be used here:
///
/// ```compile_fail,E0308
/// milter_proto::FilterSession::with_policy(milter_proto::mta::Policy::STRICT);
/// ```
/// ```compile_fail,E0308
/// milter_proto::MtaSession::with_policy(milter_proto::filter::Policy::STRICT);
/// ```
///
/// # Source
/// SPEC_NOTES POL-1 to POL-10, POL-14, POL-15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Strict,
    Sendmail,
    Postfix,
}

impl Policy {
    /// The same as [`POSTFIX`](Self::POSTFIX). A new MTA should start from it: most filters are tested with Postfix.
    /// [`MtaSession::new`](crate::MtaSession::new) uses it.
    pub const DEFAULT: Self = Self::POSTFIX;
    /// Only what every MTA understands: for tests and tools that judge a filter.
    pub const STRICT: Self = Self(Kind::Strict);
    /// Judges a filter like Sendmail 8.17.
    pub const SENDMAIL: Self = Self(Kind::Sendmail);
    /// Judges a filter like Postfix 3.7.
    pub const POSTFIX: Self = Self(Kind::Postfix);

    /// Which payloads are accepted.
    #[must_use]
    pub const fn tolerance(&self) -> Tolerance {
        match self.0 {
            Kind::Strict => Tolerance::STRICT,
            Kind::Sendmail => Tolerance::SENDMAIL,
            Kind::Postfix => Tolerance::POSTFIX,
        }
    }

    /// What payloads are read, before the rules of order judge some of them.
    pub(super) const fn reads(&self) -> Tolerance {
        self.tolerance().union(JUDGED)
    }

    /// Whether a response is accepted although it breaks a rule.
    #[inline]
    pub(super) fn tolerates(&self, rule: Rule, edit: Option<&Edit<'_>>) -> bool {
        let is_lenient = self.0 != Kind::Strict;
        match rule {
            // The receiver decides what SKIP and SHUTDOWN do.
            Rule::SkipNotNegotiated | Rule::InvalidVerdict | Rule::UndefinedVerdict => true,
            Rule::Progress => self.0 == Kind::Postfix,
            Rule::EditTooEarly => self.0 == Kind::Postfix && matches!(edit, Some(Edit::Quarantine { .. })),
            Rule::EditNotNegotiated | Rule::InvalidHeaderName => is_lenient,
            Rule::BodyInterrupted => self.0 == Kind::Sendmail,
            Rule::EmptyName => {
                let is_kept = matches!(
                    edit,
                    Some(Edit::ChangeFrom { .. } | Edit::AddHeader { .. } | Edit::InsertHeader { .. })
                );
                is_kept && self.0 == Kind::Postfix
            }
            _ => false,
        }
    }

    /// Whether SKIP may answer something else than a BODY for which it was negotiated.
    pub(super) const fn accepts_skip(&self, ends_message: bool) -> bool {
        match self.0 {
            Kind::Strict => false,
            Kind::Postfix => true,
            Kind::Sendmail => !ends_message,
        }
    }

    /// Whether malformed edits are ignored, and malformed reply texts replaced.
    pub(super) const fn ignores_malformed(&self) -> bool {
        matches!(self.0, Kind::Sendmail)
    }

    /// Whether an edit with an empty name or address is ignored: TOL-19.
    pub(super) fn ignores_empty(&self, edit: &Edit<'_>) -> bool {
        match self.0 {
            Kind::Strict => false,
            Kind::Sendmail => true,
            Kind::Postfix => matches!(
                edit,
                Edit::AddRcpt { .. } | Edit::AddRcptWithArguments { .. } | Edit::DeleteRcpt { .. }
            ),
        }
    }

    /// Whether a body that was not negotiated to be changed turns acceptance into a temporary refusal.
    pub(super) const fn rejects_surplus_body(&self) -> bool {
        matches!(self.0, Kind::Sendmail)
    }

    /// Whether SHUTDOWN is a response.
    pub(super) const fn accepts_shutdown(&self) -> bool {
        matches!(self.0, Kind::Postfix)
    }

    /// Whether DISCARD to CONNECT turns filtering off for the connection.
    pub(super) const fn stops_on_discard_to_connect(&self) -> bool {
        matches!(self.0, Kind::Sendmail)
    }

    /// Whether steps may be answered that were not offered.
    pub(super) const fn honours_surplus_steps(&self) -> bool {
        matches!(self.0, Kind::Postfix)
    }

    /// Whether SKIP to anything before the content silences the filter for the connection.
    pub(super) const fn parks_on_skip(&self) -> bool {
        matches!(self.0, Kind::Sendmail)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
