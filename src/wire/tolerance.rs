//! Deviations from the well-formed payload, and who accepts them.

/// Makes [`Deviation`] of one row for each: what it is, its name, and the number of its rule.
macro_rules! deviations {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// A deviation from the well-formed payload that some receiver accepts.
        ///
        /// Each is a rule of SPEC_NOTES ([`rule`](Self::rule)).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Deviation {
            $($(#[$doc])* $name,)*
        }

        impl Deviation {
            /// Every deviation, in the order of the rules.
            pub const ALL: [Self; [$($number),*].len()] = [$(Self::$name),*];

            /// The rule's id in SPEC_NOTES.
            #[must_use]
            pub const fn rule(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("TOL-", $number),)*
                }
            }

            const fn bit(self) -> u32 {
                match self {
                    $(Self::$name => 1 << ($number - 1),)*
                }
            }
        }
    };
}

deviations! {
    /// TOL-1: an MTA's OPTNEG of more than 12 bytes. The rest is ignored.
    OfferSurplus = 1,
    /// TOL-2: bytes after the last field of another command, or any payload of a command that has none.
    CommandSurplus = 2,
    /// TOL-3: bytes after the last NUL of MAIL, RCPT or MACRO. They are dropped.
    ArgumentTail = 3,
    /// TOL-4: UNKNOWN without its NUL. The line is the whole payload.
    LineUnterminated = 4,
    /// TOL-5: a header payload that begins with NUL. The name is empty, and the value begins after the *second* NUL.
    EmptyHeaderName = 5,
    /// TOL-6: an odd number of texts in MACRO. The last name is dropped.
    UnpairedMacro = 6,
    /// TOL-7: BODY without payload. libmilter closes the connection; indymilter-test sends it.
    EmptyBody = 7,
    /// TOL-8: a payload of a verdict or PROGRESS that should have none. It is ignored.
    VerdictSurplus = 8,
    /// TOL-9: bytes after the last NUL of CHGFROM or ADDRCPT_PAR. They are dropped.
    EditTail = 9,
    /// TOL-10: a QUARANTINE reason without its NUL, or with bytes after it.
    ReasonEnd = 10,
    /// TOL-11: macro lists end at a stage that does not exist, or at fewer than five bytes.
    MacroListEnd = 11,
    /// TOL-12: a macro list for a stage that does not exist. It is kept, but has no meaning, unless `MacroListEnd` is
    /// accepted too.
    MacroListStage = 12,
    /// TOL-13: REPLYCODE without its NUL.
    ReplyUnterminated = 13,
    /// TOL-14: an enhanced status code, or a leading digit, of another class than the reply code.
    ReplyClass = 14,
    /// TOL-15: REPLYCODE of three digits and nothing else.
    ReplyBare = 15,
    /// TOL-16: REPLYCODE of more than 32 lines, or with a line of more than 980 bytes.
    ReplySize = 16,
    /// TOL-17: REPLYCODE with a single `%`. It is dropped.
    ReplyPercent = 17,
    /// TOL-18: REPLYCODE with a line end after its last line.
    ReplyLineEnd = 18,
    /// TOL-19: an edit with an empty header name or an empty address. Sendmail ignores it; Postfix ignores it, honours it
    /// or closes the connection, depending on the edit.
    EmptyEdit = 19,
    /// TOL-20: bytes after the last field of another edit. Sendmail ignores the edit, Postfix closes the connection.
    EditSurplus = 20,
    /// TOL-21: REPLYCODE with a control byte other than a tab.
    ///
    /// [`UnescapedReply`](super::UnescapedReply) drops it.
    ReplyUnprintable = 21,
}

/// A set of deviations that a receiver accepts.
///
/// Real receivers accept more than the well-formed payload, but not all the same deviations. A tolerated deviation is still
/// reported, in [`Decoded::deviation`](super::Decoded::deviation).
///
/// # Examples
/// ```
/// use milter_proto::wire::{Command, Frame, Tolerance};
///
/// let frame = Frame::new(b'L', b"A\0b\0third\0");
/// assert!(Command::parse(frame).is_err());
/// let header = Command::parse_as(frame, Tolerance::LIBMILTER)?;
/// assert_eq!(header.deviation.map(|what| what.offset()), Some(4));
/// assert_eq!(header.encode(), frame.encode());
/// # Ok::<(), milter_proto::wire::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tolerance(u32);

impl Tolerance {
    /// Accepts only well-formed payloads.
    pub const STRICT: Self = Self(0);
    /// Accepts what libmilter 8.17 accepts from an MTA.
    pub const LIBMILTER: Self = Self::STRICT
        .with(Deviation::OfferSurplus)
        .with(Deviation::CommandSurplus)
        .with(Deviation::ArgumentTail)
        .with(Deviation::LineUnterminated)
        .with(Deviation::EmptyHeaderName)
        .with(Deviation::UnpairedMacro);
    /// Accepts what Sendmail 8.17 accepts from a filter.
    pub const SENDMAIL: Self = Self::STRICT
        .with(Deviation::VerdictSurplus)
        .with(Deviation::EditTail)
        .with(Deviation::ReasonEnd)
        .with(Deviation::MacroListEnd)
        .with(Deviation::ReplyClass)
        .with(Deviation::ReplyBare)
        .with(Deviation::ReplySize)
        .with(Deviation::ReplyUnprintable);
    /// Accepts what Postfix 3.7 accepts from a filter.
    pub const POSTFIX: Self = Self::STRICT
        .with(Deviation::ReasonEnd)
        .with(Deviation::MacroListStage)
        .with(Deviation::ReplyUnterminated)
        .with(Deviation::ReplySize)
        .with(Deviation::ReplyPercent)
        .with(Deviation::ReplyLineEnd)
        .with(Deviation::ReplyUnprintable);
    /// Accepts every deviation of either side.
    pub const LENIENT: Self = Self((1 << 21) - 1);

    /// Returns the same tolerance, plus `deviation`.
    #[must_use]
    pub const fn with(self, deviation: Deviation) -> Self {
        Self(self.0 | deviation.bit())
    }

    /// Returns the same tolerance, without `deviation`.
    #[must_use]
    pub const fn without(self, deviation: Deviation) -> Self {
        Self(self.0 & !deviation.bit())
    }

    /// Both tolerances together.
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `deviation` is accepted.
    #[must_use]
    #[inline]
    pub const fn allows(self, deviation: Deviation) -> bool {
        self.0 & deviation.bit() != 0
    }
}
