//! The edits of one filter, until its verdict.

use alloc::vec::Vec;

use crate::mta::EditStatus;
use crate::wire::{Edit, EditBuf, Response};

/// The edits that a filter asked for at the end of a message, in the order in which they came.
///
/// They count only if the verdict accepts the message: [`apply`](Self::apply) applies all of them then, or none.
///
/// # Memory
/// No more than [`with_max_bytes`](Self::with_max_bytes) allows, where an edit counts with its frame and 128 bytes.
///
/// # Examples
/// ```
/// use milter_proto::message::{EditRules, Edits, Message};
/// use milter_proto::mta::EditStatus;
/// use milter_proto::wire::{Edit, LeadingSpace};
///
/// let mut message = Message::parse(b"Subject: one\r\nSubject: two\r\n\r\nHello\r\n");
/// let mut edits = Edits::new();
/// edits.push(Edit::delete_header(1, "Subject")?, EditStatus::Negotiated)?;
/// edits.push(Edit::add_header("X-Seen", "yes")?, EditStatus::Negotiated)?;
/// edits.apply(&mut message, EditRules::POSTFIX, LeadingSpace::Stripped)?;
/// assert_eq!(message.to_bytes(), b"Subject: two\r\nX-Seen: yes\r\n\r\nHello\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edits {
    edits: Vec<(EditBuf, EditStatus)>,
    bytes: usize,
    max_bytes: usize,
    /// One did not fit: the others would be a part only.
    is_overrun: bool,
}

/// A filter asked for more edits than the MTA can keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[error("the edits of the filter for one message need more than {max_bytes} bytes, the limit of the MTA")]
pub struct EditsTooLong {
    /// The limit, in bytes.
    pub max_bytes: usize,
}

/// Bytes to count for an edit besides its frame: it may become a header or a recipient.
const EACH: usize = 128;

impl Edits {
    /// No edits, and room for 64 MiB of them.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_max_bytes(64 * 1024 * 1024)
    }

    /// No edits, and room for this many bytes of them. An edit counts with its frame and 128 bytes.
    ///
    /// [`Limits::max_edits`](crate::Limits::max_edits) limits how many edits a session accepts, but neither their bytes nor
    /// the chunks of a new body.
    #[must_use]
    pub const fn with_max_bytes(max_bytes: usize) -> Self {
        Self { edits: Vec::new(), bytes: 0, max_bytes, is_overrun: false }
    }

    /// Adds an edit of an [`mta::Event::Edit`](crate::mta::Event::Edit).
    ///
    /// # Errors
    /// [`EditsTooLong`]: neither this edit nor a later one is kept, and [`apply`](Self::apply) will refuse the message. The
    /// caller may read on until the verdict, or close the connection.
    pub fn push(&mut self, edit: Edit<'_>, status: EditStatus) -> Result<(), EditsTooLong> {
        let len = Response::Edit(edit).encode().len().saturating_add(EACH);
        let bytes = self.bytes.saturating_add(len);
        self.is_overrun |= bytes > self.max_bytes;
        self.check_overrun()?;
        self.bytes = bytes;
        self.edits.push((edit.into(), status));
        Ok(())
    }

    /// The edits in order, and whether each counts.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Edit<'_>, EditStatus)> {
        self.edits.iter().map(|(edit, status)| (edit.as_edit(), *status))
    }

    /// How many edits there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edits.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Forgets the edits, and frees their memory: for the next message.
    pub fn clear(&mut self) {
        self.edits = Vec::new();
        self.bytes = 0;
        self.is_overrun = false;
    }

    /// Fails if an edit did not fit.
    pub(super) const fn check_overrun(&self) -> Result<(), EditsTooLong> {
        if self.is_overrun { Err(EditsTooLong { max_bytes: self.max_bytes }) } else { Ok(()) }
    }
}

/// Adds edits. If one does not fit, neither it nor a later one is kept, and [`apply`](Edits::apply) refuses the message, as
/// after a [`push`](Edits::push) that failed.
impl<'e> Extend<(Edit<'e>, EditStatus)> for Edits {
    fn extend<I: IntoIterator<Item = (Edit<'e>, EditStatus)>>(&mut self, edits: I) {
        for (edit, status) in edits {
            if self.push(edit, status).is_err() {
                break;
            }
        }
    }
}

/// Edits in their order, with room for 64 MiB, as in [`Edits::new`].
impl<'e> FromIterator<(Edit<'e>, EditStatus)> for Edits {
    fn from_iter<I: IntoIterator<Item = (Edit<'e>, EditStatus)>>(edits: I) -> Self {
        let mut collected = Self::new();
        collected.extend(edits);
        collected
    }
}

impl Default for Edits {
    fn default() -> Self {
        Self::new()
    }
}
