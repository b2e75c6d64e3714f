//! Edits: the changes to a message that a filter asks for.

use super::bits::{Actions, DataSize};
use super::body::Chunks;
use super::code::response;
use super::error::{Field, NulInEdit};
use super::text::Text;
use crate::debug::debug_variants;

/// A change to the message or the envelope, or a quarantine.
///
/// The MTA does not acknowledge edits, and applies them only if the verdict accepts the message.
///
/// The functions make an edit from strings or bytes. They refuse a NUL, which no edit can contain. The session checks the
/// other rules, for example about header names, when it sends the edit.
///
/// # Examples
/// ```
/// use milter_proto::wire::{Edit, Text};
///
/// let value = String::from("by mx.example");
/// let edit = Edit::add_header("X-Seen", &value)?;
/// const NAME: Text<'static> = Text::from_c_str(c"X-Seen");
/// assert!(matches!(edit, Edit::AddHeader { name: NAME, value } if value == "by mx.example"));
/// # Ok::<(), milter_proto::wire::NulInEdit>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Edit<'a> {
    /// Adds a header. Postfix adds it after the last header; Sendmail before the first header of this name, or after the
    /// last header if there is none.
    #[doc(alias = "SMFIR_ADDHEADER")]
    #[doc(alias = "smfi_addheader")]
    AddHeader {
        /// The name; not empty.
        name: Text<'a>,
        /// The value, with LF before the blank of a fold. [`LeadingSpace`](super::LeadingSpace) tells whether it includes
        /// the space after the colon.
        value: Text<'a>,
    },
    /// Inserts a header at a position.
    #[doc(alias = "SMFIR_INSHEADER")]
    #[doc(alias = "smfi_insheader")]
    InsertHeader {
        /// 0 is above all headers, including those of the MTA; a number over their count appends.
        index: u32,
        /// The name; not empty.
        name: Text<'a>,
        /// The value, as in `AddHeader`.
        value: Text<'a>,
    },
    /// Changes the value of a header, or deletes it.
    #[doc(alias = "SMFIR_CHGHEADER")]
    #[doc(alias = "smfi_chgheader")]
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
    #[doc(alias = "smfi_chgfrom")]
    ChangeFrom {
        /// The address; `<>` for none; not empty.
        address: Text<'a>,
        /// ESMTP arguments, separated by blanks. No arguments and empty arguments differ on the wire.
        arguments: Option<Text<'a>>,
    },
    /// Adds a recipient. Sendmail reads the text as a list of addresses.
    #[doc(alias = "SMFIR_ADDRCPT")]
    #[doc(alias = "smfi_addrcpt")]
    AddRcpt {
        /// The address; not empty.
        address: Text<'a>,
    },
    /// Adds a recipient, with ESMTP arguments if there are any.
    #[doc(alias = "SMFIR_ADDRCPT_PAR")]
    #[doc(alias = "smfi_addrcpt_par")]
    AddRcptWithArguments {
        /// The address; not empty.
        address: Text<'a>,
        /// As in `ChangeFrom`.
        arguments: Option<Text<'a>>,
    },
    /// Removes a recipient. Nothing happens if there is no such recipient.
    #[doc(alias = "SMFIR_DELRCPT")]
    #[doc(alias = "smfi_delrcpt")]
    DeleteRcpt {
        /// The address; not empty.
        address: Text<'a>,
    },
    /// Replaces the body. The first chunk replaces the old body, later chunks are appended.
    #[doc(alias = "SMFIR_REPLBODY")]
    #[doc(alias = "smfi_replacebody")]
    ReplaceBody {
        /// Up to 65,535 bytes, or as many as were negotiated, with CRLF as line ends. A CRLF may be cut in two. An empty
        /// first chunk makes the body empty.
        chunk: &'a [u8],
    },
    /// Quarantines the message if it is accepted.
    #[doc(alias = "SMFIR_QUARANTINE")]
    #[doc(alias = "smfi_quarantine")]
    Quarantine {
        /// The reason, for the operator.
        reason: Text<'a>,
    },
}

debug_variants! {
    Edit<'_>
    units {}
    tuples {}
    structs {
        AddHeader { name, value },
        InsertHeader { index, name, value },
        ChangeHeader { index, name, value },
        ChangeFrom { address, arguments },
        AddRcpt { address },
        AddRcptWithArguments { address, arguments },
        DeleteRcpt { address },
        ReplaceBody { chunk },
        Quarantine { reason }
    }
}

/// Edits from strings and bytes.
impl<'a> Edit<'a> {
    /// Adds a header. The value has LF before the blank of a fold, and includes the space after the colon only if that was
    /// negotiated: [`LeadingSpace`](super::LeadingSpace).
    ///
    /// # Errors
    /// [`NulInEdit`], for the name or the value.
    #[doc(alias = "smfi_addheader")]
    #[doc(alias = "SMFIR_ADDHEADER")]
    pub fn add_header(
        name: &'a (impl AsRef<[u8]> + ?Sized),
        value: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Result<Self, NulInEdit> {
        Ok(Self::AddHeader {
            name: text(Field::Name, name.as_ref())?,
            value: text(Field::Value, value.as_ref())?,
        })
    }

    /// Inserts a header at a position: 0 is above all headers. For the value see [`add_header`](Self::add_header).
    ///
    /// # Errors
    /// [`NulInEdit`], for the name or the value.
    #[doc(alias = "smfi_insheader")]
    #[doc(alias = "SMFIR_INSHEADER")]
    pub fn insert_header(
        index: u32,
        name: &'a (impl AsRef<[u8]> + ?Sized),
        value: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Result<Self, NulInEdit> {
        let (name, value) = (text(Field::Name, name.as_ref())?, text(Field::Value, value.as_ref())?);
        Ok(Self::InsertHeader { index, name, value })
    }

    /// Changes the value of a header: `index` 1 is the first header of this name. If there is no such header, MTAs add one.
    /// An empty value [deletes](Self::delete_header) the header.
    ///
    /// # Errors
    /// [`NulInEdit`], for the name or the value.
    #[doc(alias = "smfi_chgheader")]
    #[doc(alias = "SMFIR_CHGHEADER")]
    pub fn change_header(
        index: u32,
        name: &'a (impl AsRef<[u8]> + ?Sized),
        value: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Result<Self, NulInEdit> {
        let (name, value) = (text(Field::Name, name.as_ref())?, text(Field::Value, value.as_ref())?);
        Ok(Self::ChangeHeader { index, name, value })
    }

    /// Deletes a header: `index` 1 is the first header of this name. Nothing happens if there is no such header.
    ///
    /// To delete several headers of one name, begin with the last: after a deletion Postfix renumbers the later ones,
    /// Sendmail does not.
    ///
    /// # Errors
    /// [`NulInEdit`], for the name.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::Edit;
    ///
    /// assert_eq!(Edit::delete_header(1, "X-Spam")?, Edit::change_header(1, "X-Spam", "")?);
    /// # Ok::<(), milter_proto::wire::NulInEdit>(())
    /// ```
    #[doc(alias = "smfi_chgheader")]
    #[doc(alias = "SMFIR_CHGHEADER")]
    pub fn delete_header(index: u32, name: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<Self, NulInEdit> {
        Ok(Self::ChangeHeader { index, name: text(Field::Name, name.as_ref())?, value: Text::EMPTY })
    }

    /// Changes the sender. `<>` is the null sender.
    ///
    /// # Errors
    /// [`NulInEdit`], for the address.
    #[doc(alias = "smfi_chgfrom")]
    #[doc(alias = "SMFIR_CHGFROM")]
    pub fn change_from(address: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<Self, NulInEdit> {
        Ok(Self::ChangeFrom { address: text(Field::Address, address.as_ref())?, arguments: None })
    }

    /// Changes the sender, with ESMTP arguments, separated by blanks.
    ///
    /// # Errors
    /// [`NulInEdit`], for the address or the arguments.
    #[doc(alias = "smfi_chgfrom")]
    #[doc(alias = "SMFIR_CHGFROM")]
    pub fn change_from_with_arguments(
        address: &'a (impl AsRef<[u8]> + ?Sized),
        arguments: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Result<Self, NulInEdit> {
        let address = text(Field::Address, address.as_ref())?;
        let arguments = Some(text(Field::Arguments, arguments.as_ref())?);
        Ok(Self::ChangeFrom { address, arguments })
    }

    /// Adds a recipient. Sendmail reads the text as a list of addresses, so check a text that comes from a peer.
    ///
    /// # Errors
    /// [`NulInEdit`], for the address.
    #[doc(alias = "smfi_addrcpt")]
    #[doc(alias = "SMFIR_ADDRCPT")]
    pub fn add_recipient(address: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<Self, NulInEdit> {
        Ok(Self::AddRcpt { address: text(Field::Address, address.as_ref())? })
    }

    /// Adds a recipient, with ESMTP arguments, separated by blanks.
    ///
    /// # Errors
    /// [`NulInEdit`], for the address or the arguments.
    #[doc(alias = "smfi_addrcpt_par")]
    #[doc(alias = "SMFIR_ADDRCPT_PAR")]
    pub fn add_recipient_with_arguments(
        address: &'a (impl AsRef<[u8]> + ?Sized),
        arguments: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Result<Self, NulInEdit> {
        let address = text(Field::Address, address.as_ref())?;
        let arguments = Some(text(Field::Arguments, arguments.as_ref())?);
        Ok(Self::AddRcptWithArguments { address, arguments })
    }

    /// Removes a recipient. Spell the address as the client did. Nothing happens if there is no such recipient.
    ///
    /// # Errors
    /// [`NulInEdit`], for the address.
    #[doc(alias = "smfi_delrcpt")]
    #[doc(alias = "SMFIR_DELRCPT")]
    pub fn delete_recipient(address: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<Self, NulInEdit> {
        Ok(Self::DeleteRcpt { address: text(Field::Address, address.as_ref())? })
    }

    /// Replaces the body: one edit for each chunk, and one empty chunk for an empty body. Send all of them in a row, without
    /// other frames in between. Line ends are CRLF.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{DataSize, Edit};
    ///
    /// let mut edits = Edit::replace_body(b"new\r\n", DataSize::Kib64);
    /// assert_eq!(edits.next(), Some(Edit::ReplaceBody { chunk: b"new\r\n" }));
    /// assert_eq!(edits.next(), None);
    /// ```
    #[doc(alias = "smfi_replacebody")]
    #[doc(alias = "SMFIR_REPLBODY")]
    pub fn replace_body(
        body: &'a (impl AsRef<[u8]> + ?Sized),
        size: DataSize,
    ) -> impl ExactSizeIterator<Item = Self> + Clone {
        Chunks::replacement(body.as_ref(), size).map(|chunk| Self::ReplaceBody { chunk })
    }

    /// Quarantines the message if it is accepted. libmilter refuses an empty reason; Postfix keeps 100 bytes of it.
    ///
    /// # Errors
    /// [`NulInEdit`], for the reason.
    #[doc(alias = "smfi_quarantine")]
    #[doc(alias = "SMFIR_QUARANTINE")]
    pub fn quarantine(reason: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<Self, NulInEdit> {
        Ok(Self::Quarantine { reason: text(Field::Reason, reason.as_ref())? })
    }
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

    /// Whether the header name or the address is empty. Sendmail ignores such an edit; Postfix ignores it, honours it or
    /// closes the connection, depending on the edit (TOL-19).
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

fn text(field: Field, bytes: &[u8]) -> Result<Text<'_>, NulInEdit> {
    Text::new(bytes).map_err(|error| NulInEdit { field, offset: error.offset })
}
