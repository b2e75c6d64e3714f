//! Versions, and the two sets of bits that are negotiated.

use core::fmt;
use core::ops::BitOr;

/// A version of the protocol.
///
/// It can hold any number. Versions 2, 3, 4 and 6 are in use. 1 is obsolete: libmilter and
/// Sendmail refuse it. libmilter answers a version over 6 with 6.
///
/// # Source
/// `SMFI_PROT_VERSION` in libmilter/mfdef.h. SPEC_NOTES NEG-1, NEG-7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u32);

impl Version {
    /// Adds CHGHEADER, QUARANTINE, and the step NO_END_OF_HEADERS.
    pub const V2: Self = Self(2);
    /// Adds UNKNOWN.
    pub const V3: Self = Self(3);
    /// Adds DATA.
    pub const V4: Self = Self(4);
    /// Adds nothing to the protocol.
    pub const V5: Self = Self(5);
    /// Since Sendmail 8.14: SKIP, the no-reply bits, leading space, CHGFROM, macro lists, QUIT_NC.
    pub const V6: Self = Self(6);
    /// The newest version.
    #[doc(alias = "SMFI_PROT_VERSION")]
    pub const CURRENT: Self = Self::V6;

    /// Makes a version from any number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V{}", self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes a set of 32 bits in which every named bit is a constant and unknown ones are kept.
macro_rules! bit_set {
    ($(#[$doc:meta])* $set:ident { $($(#[$bit_doc:meta])* $bit:ident = $value:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $set(u32);

        impl $set {
            $($(#[$bit_doc])* pub const $bit: Self = Self($value);)*

            /// No bit.
            pub const EMPTY: Self = Self(0);
            /// Every bit that has a name here, and that name.
            pub const NAMES: &[(Self, &str)] = &[$((Self::$bit, stringify!($bit))),*];

            /// Makes a set from any bits, including unknown ones.
            #[must_use]
            pub const fn from_bits(bits: u32) -> Self {
                Self(bits)
            }

            /// The bits on the wire.
            #[must_use]
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// Whether no bit is set.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether every bit of `other` is set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                other.0 & !self.0 == 0
            }

            /// The bits of either set.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The bits of both sets.
            #[must_use]
            pub const fn intersection(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// The bits that are not in `other`.
            #[must_use]
            pub const fn difference(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }

        impl BitOr for $set {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }

        /// The names of the bits, and the unnamed ones as a number.
        impl fmt::Debug for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut unnamed = *self;
                let mut separator = "";
                for &(bit, name) in Self::NAMES {
                    if self.contains(bit) {
                        write!(f, "{separator}{name}")?;
                        separator = " | ";
                        unnamed = unnamed.difference(bit);
                    }
                }
                if !unnamed.is_empty() || self.is_empty() {
                    write!(f, "{separator}{:#x}", unnamed.0)?;
                }
                Ok(())
            }
        }
    };
}

bit_set! {
    /// The edits that a filter may make at the end of a message: `SMFIF_*`.
    ///
    /// In an offer, a bit means that the MTA supports the edit; in an answer, that the filter may use it.
    ///
    /// # Source
    /// libmilter/mfapi.h. SPEC_NOTES NEG-2.
    Actions {
        /// ADDHEADER and INSHEADER.
        #[doc(alias = "SMFIF_ADDHDRS")]
        ADD_HEADERS = 0x0000_0001;
        /// REPLBODY.
        #[doc(alias = "SMFIF_CHGBODY")]
        #[doc(alias = "SMFIF_MODBODY")]
        CHANGE_BODY = 0x0000_0002;
        /// ADDRCPT.
        #[doc(alias = "SMFIF_ADDRCPT")]
        ADD_RCPT = 0x0000_0004;
        /// DELRCPT.
        #[doc(alias = "SMFIF_DELRCPT")]
        DELETE_RCPT = 0x0000_0008;
        /// CHGHEADER.
        #[doc(alias = "SMFIF_CHGHDRS")]
        CHANGE_HEADERS = 0x0000_0010;
        /// QUARANTINE.
        #[doc(alias = "SMFIF_QUARANTINE")]
        QUARANTINE = 0x0000_0020;
        /// CHGFROM.
        #[doc(alias = "SMFIF_CHGFROM")]
        CHANGE_FROM = 0x0000_0040;
        /// ADDRCPT_PAR.
        #[doc(alias = "SMFIF_ADDRCPT_PAR")]
        ADD_RCPT_WITH_ARGUMENTS = 0x0000_0080;
        /// Macro lists in the answer. They are also sent and read without this bit.
        #[doc(alias = "SMFIF_SETSYMLIST")]
        MACRO_LISTS = 0x0000_0100;
    }
}

impl Actions {
    /// The actions of version 1, which an offer of 0 means.
    #[doc(alias = "SMFI_V1_ACTS")]
    pub const V1: Self = Self(0x0f);
    /// The actions of version 2.
    #[doc(alias = "SMFI_V2_ACTS")]
    pub const V2: Self = Self(0x3f);
    /// Every action.
    #[doc(alias = "SMFI_CURR_ACTS")]
    pub const ALL: Self = Self(0x1ff);
}

bit_set! {
    /// Which commands and replies are left out, and other protocol options: `SMFIP_*`.
    ///
    /// In an offer, a bit means that the MTA supports the option; in an answer, that it applies.
    ///
    /// # Source
    /// libmilter/mfdef.h. SPEC_NOTES NEG-3.
    Steps {
        /// CONNECT is not sent.
        #[doc(alias = "SMFIP_NOCONNECT")]
        NO_CONNECT = 0x0000_0001;
        /// HELO is not sent.
        #[doc(alias = "SMFIP_NOHELO")]
        NO_HELO = 0x0000_0002;
        /// MAIL is not sent.
        #[doc(alias = "SMFIP_NOMAIL")]
        NO_MAIL = 0x0000_0004;
        /// RCPT is not sent.
        #[doc(alias = "SMFIP_NORCPT")]
        NO_RCPT = 0x0000_0008;
        /// BODY is not sent.
        #[doc(alias = "SMFIP_NOBODY")]
        NO_BODY = 0x0000_0010;
        /// HEADER is not sent.
        #[doc(alias = "SMFIP_NOHDRS")]
        NO_HEADERS = 0x0000_0020;
        /// EOH is not sent.
        #[doc(alias = "SMFIP_NOEOH")]
        NO_END_OF_HEADERS = 0x0000_0040;
        /// HEADER gets no reply.
        #[doc(alias = "SMFIP_NR_HDR")]
        #[doc(alias = "SMFIP_NOHREPL")]
        NO_REPLY_HEADER = 0x0000_0080;
        /// UNKNOWN is not sent.
        #[doc(alias = "SMFIP_NOUNKNOWN")]
        NO_UNKNOWN = 0x0000_0100;
        /// DATA is not sent.
        #[doc(alias = "SMFIP_NODATA")]
        NO_DATA = 0x0000_0200;
        /// The filter may answer SKIP.
        #[doc(alias = "SMFIP_SKIP")]
        SKIP = 0x0000_0400;
        /// Recipients that the MTA itself refused are sent too.
        #[doc(alias = "SMFIP_RCPT_REJ")]
        REJECTED_RCPT = 0x0000_0800;
        /// CONNECT gets no reply.
        #[doc(alias = "SMFIP_NR_CONN")]
        NO_REPLY_CONNECT = 0x0000_1000;
        /// HELO gets no reply.
        #[doc(alias = "SMFIP_NR_HELO")]
        NO_REPLY_HELO = 0x0000_2000;
        /// MAIL gets no reply.
        #[doc(alias = "SMFIP_NR_MAIL")]
        NO_REPLY_MAIL = 0x0000_4000;
        /// RCPT gets no reply.
        #[doc(alias = "SMFIP_NR_RCPT")]
        NO_REPLY_RCPT = 0x0000_8000;
        /// DATA gets no reply.
        #[doc(alias = "SMFIP_NR_DATA")]
        NO_REPLY_DATA = 0x0001_0000;
        /// UNKNOWN gets no reply.
        #[doc(alias = "SMFIP_NR_UNKN")]
        NO_REPLY_UNKNOWN = 0x0002_0000;
        /// EOH gets no reply.
        #[doc(alias = "SMFIP_NR_EOH")]
        NO_REPLY_END_OF_HEADERS = 0x0004_0000;
        /// BODY gets no reply.
        #[doc(alias = "SMFIP_NR_BODY")]
        NO_REPLY_BODY = 0x0008_0000;
        /// Header values include the space after the colon, in both directions.
        #[doc(alias = "SMFIP_HDR_LEADSPC")]
        LEADING_SPACE = 0x0010_0000;
        /// Payloads of up to 262,143 bytes.
        #[doc(alias = "SMFIP_MDS_256K")]
        DATA_SIZE_256K = 0x1000_0000;
        /// Payloads of up to 1,048,575 bytes.
        #[doc(alias = "SMFIP_MDS_1M")]
        DATA_SIZE_1M = 0x2000_0000;
        /// Reserved by Sendmail for internal use.
        #[doc(alias = "SMFI_INTERNAL")]
        RESERVED = 0x4000_0000;
        /// For tests within Sendmail; never on the wire.
        #[doc(alias = "SMFIP_TEST")]
        TEST = 0x8000_0000;
    }
}

impl Steps {
    /// The steps of version 1, which an offer of 0 means.
    #[doc(alias = "SMFI_V1_PROT")]
    pub const V1: Self = Self(0x3f);
    /// The steps of version 2.
    #[doc(alias = "SMFI_V2_PROT")]
    pub const V2: Self = Self(0x7f);
    /// The steps of version 3, as Postfix offers them.
    pub const V3: Self = Self(0x17f);
    /// The steps of version 4, as Postfix offers them.
    pub const V4: Self = Self(0x37f);
    /// Every step of version 6, without the data sizes.
    #[doc(alias = "SMFI_CURR_PROT")]
    pub const ALL: Self = Self(0x001f_ffff);
    /// The steps that drop replies (`SMFIP_NR_*`).
    pub const NO_REPLY: Self = Self(0x000f_f080);
    /// The steps that decline commands (`SMFIP_NO*`).
    pub const NO_COMMAND: Self = Self(0x0000_037f);

    /// The data size that these steps request. 1M takes precedence over 256K, as in Sendmail.
    #[must_use]
    pub const fn data_size(self) -> DataSize {
        if self.contains(Self::DATA_SIZE_1M) {
            DataSize::Mib1
        } else if self.contains(Self::DATA_SIZE_256K) {
            DataSize::Kib256
        } else {
            DataSize::Kib64
        }
    }
}

/// The largest payload that was negotiated.
///
/// Sendmail and Postfix send body chunks of at most 65,535 bytes, whatever was negotiated.
///
/// # Source
/// `MILTER_MDS_*` in libmilter/mfdef.h. SPEC_NOTES NEG-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "the two bits leave no room for another")]
pub enum DataSize {
    /// 65,535 bytes, without negotiation.
    #[default]
    #[doc(alias = "MILTER_MDS_64K")]
    Kib64,
    /// 262,143 bytes.
    #[doc(alias = "MILTER_MDS_256K")]
    Kib256,
    /// 1,048,575 bytes.
    #[doc(alias = "MILTER_MDS_1M")]
    Mib1,
}

impl DataSize {
    /// Bytes of payload.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Kib64 => 65_535,
            Self::Kib256 => 262_143,
            Self::Mib1 => 1_048_575,
        }
    }
}
