//! Edits: the changes to a message that a filter asks for.

use super::bits::Actions;
use super::code::response;
use super::error::Field;
use super::text::Text;

/// A change to the message, the envelope, or what becomes of it.
///
/// Nothing acknowledges an edit, and nothing of it counts until the verdict accepts the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Edit<'a> {
    /// Adds a header: with Postfix behind the last one, with Sendmail before the first of that name, or
    /// behind the last one if there is none.
    #[doc(alias = "SMFIR_ADDHEADER")]
    AddHeader {
        /// The name; not empty.
        name: Text<'a>,
        /// The value, with LF before the blank of a fold. Whether it brings its own leading space:
        /// [`LeadingSpace`](super::LeadingSpace).
        value: Text<'a>,
    },
    /// Inserts a header at a position.
    #[doc(alias = "SMFIR_INSHEADER")]
    InsertHeader {
        /// 0 is above all headers, the MTA's own included; a number over their count appends.
        index: u32,
        /// The name; not empty.
        name: Text<'a>,
        /// The value, as in `AddHeader`.
        value: Text<'a>,
    },
    /// Changes the value of a header, or deletes it.
    #[doc(alias = "SMFIR_CHGHEADER")]
    ChangeHeader {
        /// Counts the headers of that name from 1. 0 counts as 1.
        index: u32,
        /// The name; not empty; case does not matter.
        name: Text<'a>,
        /// The value, as in `AddHeader`; empty to delete.
        value: Text<'a>,
    },
    /// Changes the sender.
    #[doc(alias = "SMFIR_CHGFROM")]
    ChangeFrom {
        /// The address; `<>` for none; not empty.
        address: Text<'a>,
        /// ESMTP arguments with blanks between them. No arguments and empty arguments differ on the wire.
        arguments: Option<Text<'a>>,
    },
    /// Adds a recipient. Sendmail reads the text as a list of addresses.
    #[doc(alias = "SMFIR_ADDRCPT")]
    AddRcpt {
        /// The address; not empty.
        address: Text<'a>,
    },
    /// Adds a recipient, with ESMTP arguments if there are any.
    #[doc(alias = "SMFIR_ADDRCPT_PAR")]
    AddRcptWithArguments {
        /// The address; not empty.
        address: Text<'a>,
        /// As in `ChangeFrom`.
        arguments: Option<Text<'a>>,
    },
    /// Removes a recipient. Nothing happens if there is none like it.
    #[doc(alias = "SMFIR_DELRCPT")]
    DeleteRcpt {
        /// The address; not empty.
        address: Text<'a>,
    },
    /// Replaces the body: the first such chunk by itself, later ones add to it.
    #[doc(alias = "SMFIR_REPLBODY")]
    ReplaceBody {
        /// Up to 65,535 bytes, or what was negotiated, with CRLF as line ends. A CRLF may be cut in two; an empty
        /// first chunk empties the body.
        chunk: &'a [u8],
    },
    /// Holds the message if it is accepted.
    #[doc(alias = "SMFIR_QUARANTINE")]
    Quarantine {
        /// What to tell the operator.
        reason: Text<'a>,
    },
}

impl Edit<'_> {
    /// The code byte of the edit.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::AddHeader { .. } => response::ADDHEADER,
            Self::InsertHeader { .. } => response::INSHEADER,
            Self::ChangeHeader { .. } => response::CHGHEADER,
            Self::ChangeFrom { .. } => response::CHGFROM,
            Self::AddRcpt { .. } => response::ADDRCPT,
            Self::AddRcptWithArguments { .. } => response::ADDRCPT_PAR,
            Self::DeleteRcpt { .. } => response::DELRCPT,
            Self::ReplaceBody { .. } => response::REPLBODY,
            Self::Quarantine { .. } => response::QUARANTINE,
        }
    }

    /// The action bit that has to be negotiated for the edit.
    #[must_use]
    pub const fn action(&self) -> Actions {
        match self {
            Self::AddHeader { .. } | Self::InsertHeader { .. } => Actions::ADD_HEADERS,
            Self::ChangeHeader { .. } => Actions::CHANGE_HEADERS,
            Self::ChangeFrom { .. } => Actions::CHANGE_FROM,
            Self::AddRcpt { .. } => Actions::ADD_RCPT,
            Self::AddRcptWithArguments { .. } => Actions::ADD_RCPT_WITH_ARGUMENTS,
            Self::DeleteRcpt { .. } => Actions::DELETE_RCPT,
            Self::ReplaceBody { .. } => Actions::CHANGE_BODY,
            Self::Quarantine { .. } => Actions::QUARANTINE,
        }
    }

    /// Whether the header name or the address is empty. Sendmail ignores such an edit; Postfix ignores it, obeys or
    /// closes, depending on the edit (TOL-19).
    #[must_use]
    pub fn has_empty_key(&self) -> bool {
        self.empty_key().is_some()
    }

    /// The header name, of an edit that has one.
    pub(crate) const fn header_name(&self) -> Option<Text<'_>> {
        match self {
            Self::AddHeader { name, .. }
            | Self::InsertHeader { name, .. }
            | Self::ChangeHeader { name, .. } => Some(*name),
            Self::ChangeFrom { .. }
            | Self::AddRcpt { .. }
            | Self::AddRcptWithArguments { .. }
            | Self::DeleteRcpt { .. }
            | Self::ReplaceBody { .. }
            | Self::Quarantine { .. } => None,
        }
    }

    /// The field of the header name or address, and its offset in the payload, if it is empty.
    pub(super) fn empty_key(&self) -> Option<(Field, usize)> {
        let (key, field, offset) = match self {
            Self::AddHeader { name, .. } => (name, Field::Name, 0),
            Self::InsertHeader { name, .. } | Self::ChangeHeader { name, .. } => (name, Field::Name, 4),
            Self::ChangeFrom { address, .. }
            | Self::AddRcptWithArguments { address, .. }
            | Self::AddRcpt { address }
            | Self::DeleteRcpt { address } => (address, Field::Address, 0),
            Self::ReplaceBody { .. } | Self::Quarantine { .. } => return None,
        };
        key.is_empty().then_some((field, offset))
    }
}
