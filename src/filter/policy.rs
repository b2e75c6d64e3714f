//! How a filter judges the MTA, and what the filter may send.

use crate::order::Rule;
use crate::order::rules::JUDGED;
use crate::order::table::Law;
use crate::wire::Tolerance;

/// How a filter treats the MTA's commands and restricts its own replies.
///
/// What is accepted and what may be sent are chosen separately.
///
/// | | [`DEFAULT`](Self::DEFAULT) | [`STRICT`](Self::STRICT) | [`LIBMILTER`](Self::LIBMILTER) |
/// | --- | --- | --- | --- |
/// | for | every filter | tests and tools that judge an MTA | bug-compatible replacements of libmilter |
/// | receiving | [`Receiving::Robust`] | [`Receiving::Strict`] | [`Receiving::Libmilter`] |
/// | sending | [`Sending::Strict`] | [`Sending::Strict`] | [`Sending::Libmilter`] |
/// | payloads | [`Tolerance::LENIENT`] | [`Tolerance::STRICT`] | [`Tolerance::LIBMILTER`] |
///
/// # Examples
/// ```
/// use milter_proto::filter::{Policy, Receiving, Sending};
/// use milter_proto::wire::Tolerance;
///
/// assert_eq!(Policy::default(), Policy::DEFAULT);
/// assert_eq!(Policy::new(Receiving::Robust, Sending::Strict), Policy::DEFAULT);
/// assert_eq!(Policy::DEFAULT.with_tolerance(Tolerance::STRICT).tolerance(), Tolerance::STRICT);
/// ```
///
/// # Source
/// SPEC_NOTES POL-1, POL-2, POL-11 to POL-13.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    receiving: Receiving,
    sending: Sending,
    tolerance: Tolerance,
}

/// How a filter treats commands that come out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Receiving {
    /// Accepts every command at every stage, marks those that are out of order, and expects a reply to each command that
    /// has one. Nothing that an SMTP client makes an MTA send ends or stalls the connection.
    Robust,
    /// Ends the connection on anything that a well-behaved MTA would not send.
    Strict,
    /// Ignores what libmilter's engine ignores, without a reply. A remote SMTP client can make such a filter stall.
    Libmilter,
}

/// What a filter may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sending {
    /// Only what every MTA understands.
    Strict,
    /// Everything that libmilter sends: any verdict but SHUTDOWN and CONN_FAIL, PROGRESS at any time, any header name,
    /// other frames between the chunks of a new body, and payloads over the negotiated size if
    /// [`Limits::with_max_send_payload`](crate::Limits::with_max_send_payload) allows them.
    Libmilter,
}

impl Policy {
    /// Accepts everything, sends only what is safe. [`FilterSession::new`](crate::FilterSession::new) uses it.
    pub const DEFAULT: Self = Self::new(Receiving::Robust, Sending::Strict);
    /// Accepts and sends only what is well-formed and in order: for tests and tools.
    pub const STRICT: Self = Self::new(Receiving::Strict, Sending::Strict);
    /// Does what a filter on libmilter 8.17 does, in both directions.
    pub const LIBMILTER: Self = Self::new(Receiving::Libmilter, Sending::Libmilter);

    /// Combines `receiving` and `sending`, with the tolerance for payloads that fits `receiving`.
    #[must_use]
    pub const fn new(receiving: Receiving, sending: Sending) -> Self {
        let tolerance = match receiving {
            Receiving::Robust => Tolerance::LENIENT,
            Receiving::Strict => Tolerance::STRICT,
            Receiving::Libmilter => Tolerance::LIBMILTER,
        };
        Self { receiving, sending, tolerance }
    }

    /// The same policy with another tolerance for payloads.
    #[must_use]
    pub const fn with_tolerance(self, tolerance: Tolerance) -> Self {
        Self { tolerance, ..self }
    }

    /// How commands that come out of order are treated.
    #[must_use]
    pub const fn receiving(self) -> Receiving {
        self.receiving
    }

    /// What may be sent.
    #[must_use]
    pub const fn sending(self) -> Sending {
        self.sending
    }

    /// Which payloads are accepted.
    #[must_use]
    pub const fn tolerance(self) -> Tolerance {
        self.tolerance
    }

    pub(super) const fn law(self) -> Law {
        match self.receiving {
            Receiving::Robust => Law::Robust,
            Receiving::Strict => Law::Strict,
            Receiving::Libmilter => Law::Libmilter,
        }
    }

    /// What payloads are read, before the rules of order judge some of them.
    #[inline]
    pub(super) const fn reads(self) -> Tolerance {
        match self.receiving {
            Receiving::Robust => self.tolerance,
            Receiving::Strict | Receiving::Libmilter => self.tolerance.union(JUDGED),
        }
    }

    /// Whether a command with such content is refused: libmilter itself looks at empty chunks only.
    pub(super) const fn refuses_content(self, rule: Rule) -> bool {
        match self.receiving {
            Receiving::Robust => false,
            Receiving::Strict => true,
            Receiving::Libmilter => matches!(rule, Rule::EmptyBody),
        }
    }

    /// Whether a response may be sent although it breaks a rule.
    #[inline]
    pub(super) const fn sends(self, rule: Rule) -> bool {
        match self.sending {
            Sending::Strict => false,
            Sending::Libmilter => matches!(
                rule,
                Rule::Progress
                    | Rule::ReplyOwed
                    | Rule::SkipNotNegotiated
                    | Rule::UndefinedVerdict
                    | Rule::BodyInterrupted
                    | Rule::InvalidHeaderName
            ),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
