//! The envelope: sender and recipients with their ESMTP arguments.

use alloc::vec::Vec;
use core::fmt;

use crate::wire::{Text, TextList, TextListBuf};

/// The sender or a recipient of a message, with ESMTP arguments.
///
/// # Examples
/// ```
/// use milter_proto::message::EnvelopeAddress;
/// use milter_proto::wire::Text;
///
/// let sender = EnvelopeAddress::new(Text::new(b"<a@example.org>")?).with_arguments([Text::new(b"SIZE=10")?]);
/// assert_eq!((sender.address(), sender.mailbox()), (Text::new(b"<a@example.org>")?, &b"a@example.org"[..]));
/// # Ok::<(), milter_proto::wire::NulInText>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EnvelopeAddress {
    address: Vec<u8>,
    arguments: TextListBuf,
}

impl EnvelopeAddress {
    /// An address as the SMTP client sent it, angle brackets included.
    #[must_use]
    pub fn new(address: Text<'_>) -> Self {
        Self { address: address.as_bytes().to_vec(), arguments: TextListBuf::new() }
    }

    /// An address from bytes without NUL.
    pub(super) fn from_bytes(address: Vec<u8>) -> Self {
        Self { address, arguments: TextListBuf::new() }
    }

    pub(super) fn set_arguments(&mut self, arguments: TextListBuf) {
        self.arguments = arguments;
    }

    /// The same address with these ESMTP arguments, such as `SIZE=10`.
    #[must_use]
    pub fn with_arguments<'t>(self, arguments: impl IntoIterator<Item = Text<'t>>) -> Self {
        Self { arguments: arguments.into_iter().collect(), ..self }
    }

    /// The address, as it was given.
    #[must_use]
    pub fn address(&self) -> Text<'_> {
        // It was a text, or was cut from one.
        Text::new(&self.address).unwrap_or_default()
    }

    /// The address without angle brackets. Empty for the null sender.
    #[must_use]
    pub fn mailbox(&self) -> &[u8] {
        without_brackets(&self.address)
    }

    /// The ESMTP arguments.
    #[must_use]
    pub fn arguments(&self) -> TextList<'_> {
        self.arguments.as_list()
    }
}

impl fmt::Debug for EnvelopeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnvelopeAddress({:?}, {:?})", self.address(), self.arguments())
    }
}

impl From<Text<'_>> for EnvelopeAddress {
    fn from(address: Text<'_>) -> Self {
        Self::new(address)
    }
}

/// An address without its angle brackets.
pub(super) fn without_brackets(address: &[u8]) -> &[u8] {
    match address {
        [b'<', inner @ .., b'>'] => inner,
        _ => address,
    }
}
