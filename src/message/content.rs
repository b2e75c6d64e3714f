//! A message: envelope, headers and body.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use super::envelope::EnvelopeAddress;
use super::header::{Header, Origin, split_first, without_line_end};
use super::list::{insert, keep_last, lines};
use crate::debug::Bytes;
use crate::wire::Text;

/// A message as an MTA has it: the envelope, the headers in order, and the body.
///
/// It borrows the bytes that it was parsed from, or keeps them if it was given a vector. What no edit changes comes out byte
/// for byte. The body is only copied by [`into_owned`](Self::into_owned), and where an edit replaces it.
///
/// # Examples
/// ```
/// use milter_proto::message::Message;
/// use milter_proto::wire::Text;
///
/// let bytes = b"From: a@example.org\r\nSubject : two\r\n lines\r\n\r\nHello\r\n";
/// let mut message = Message::parse(bytes);
/// message.set_sender(Text::new(b"<a@example.org>")?);
/// message.add_recipient(Text::new(b"<b@example.org>")?);
///
/// let names: Vec<_> = message.headers().map(|header| header.name()).collect();
/// assert_eq!(names, [&b"From"[..], b"Subject"]);
/// assert_eq!((message.body(), message.to_bytes()), (&b"Hello\r\n"[..], bytes.to_vec()));
/// # Ok::<(), milter_proto::wire::NulInText>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Message<'m> {
    pub(super) sender: EnvelopeAddress,
    pub(super) recipients: Vec<Recipient>,
    pub(super) headers: Vec<Header<'m>>,
    /// The line between headers and body: a line end, or nothing.
    separator: Cow<'m, [u8]>,
    pub(super) body: Cow<'m, [u8]>,
    pub(super) quarantine: Option<Vec<u8>>,
    /// The headers of Sendmail's configuration have their places among the headers, and the client's message had Resent
    /// headers or not. `None`: no edits were applied as Sendmail does.
    pub(super) is_resent: Option<bool>,
    /// The Received header of the MTA itself, if an edit has deleted or replaced it: Postfix still knows it by its text.
    pub(super) lost_trace: Option<Header<'m>>,
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sender, recipients, headers, separator, body, quarantine, is_resent, lost_trace } = self;
        f.debug_struct("Message")
            .field("sender", sender)
            .field("recipients", recipients)
            .field("headers", headers)
            .field("separator", &Bytes(separator))
            .field("body", &Bytes(body))
            .field("quarantine", &quarantine.as_deref().map(Bytes))
            .field("is_resent", is_resent)
            .field("lost_trace", lost_trace)
            .finish()
    }
}

/// A recipient and what edits did to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Recipient {
    pub(super) address: EnvelopeAddress,
    /// An edit added it.
    pub(super) is_added: bool,
    /// An edit deleted it. The MTA may still remember it.
    pub(super) is_deleted: bool,
}

impl<'m> Message<'m> {
    /// Takes a message apart, from the null sender to nobody.
    ///
    /// Headers end at an empty line, which belongs to neither headers nor body, or before a line that is no header. Lines
    /// end with LF or CRLF.
    ///
    /// Filters get the body as it is, and expect CRLF. If the message comes from a file with LF, use
    /// [`with_crlf`] first.
    ///
    /// The message borrows a slice. It owns a vector, and is a `Message<'static>` then: the headers are copied, and the body
    /// stays in the memory of the vector.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::message::{Message, with_crlf};
    ///
    /// let file = b"Subject: one\n\nHello\n".to_vec();
    /// let message = Message::parse(with_crlf(&file));
    /// assert_eq!(message.body(), b"Hello\r\n");
    /// let kept: Message<'static> = Message::parse(file);
    /// assert_eq!(kept.body(), b"Hello\n");
    /// ```
    #[must_use]
    pub fn parse(bytes: impl Into<Cow<'m, [u8]>>) -> Self {
        match bytes.into() {
            Cow::Borrowed(bytes) => Self::borrow(bytes),
            Cow::Owned(bytes) => Message::keep(bytes),
        }
    }

    fn borrow(bytes: &'m [u8]) -> Self {
        let mut headers = Vec::new();
        let mut rest = bytes;
        while let Some((header, tail)) = split_first(rest) {
            headers.push(Header::from_bytes(Cow::Borrowed(header)));
            rest = tail;
        }
        let separator_len = match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => 0,
        };
        let (separator, body) = rest.split_at_checked(separator_len).unwrap_or((&[], rest));
        Self {
            sender: EnvelopeAddress::new(Text::from_c_str(c"<>")),
            recipients: Vec::new(),
            headers,
            separator: Cow::Borrowed(separator),
            body: Cow::Borrowed(body),
            quarantine: None,
            is_resent: None,
            lost_trace: None,
        }
    }

    /// The sender.
    #[must_use]
    pub const fn sender(&self) -> &EnvelopeAddress {
        &self.sender
    }

    /// Sets the sender.
    pub fn set_sender(&mut self, sender: impl Into<EnvelopeAddress>) {
        self.sender = sender.into();
    }

    /// The recipients. Empty if filters deleted all of them: both MTAs accept such a message, and deliver it to nobody.
    pub fn recipients(&self) -> impl Iterator<Item = &EnvelopeAddress> {
        self.recipients.iter().filter(|recipient| !recipient.is_deleted).map(|recipient| &recipient.address)
    }

    /// Adds a recipient.
    pub fn add_recipient(&mut self, recipient: impl Into<EnvelopeAddress>) {
        let address = recipient.into();
        self.recipients.push(Recipient { address, is_added: false, is_deleted: false });
    }

    /// Removes all recipients.
    pub fn clear_recipients(&mut self) {
        self.recipients.clear();
    }

    /// The headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = &Header<'m>> {
        self.headers.iter().filter(|header| header.is_written())
    }

    /// Adds a header below the others. Filters see it. An edit of a filter adds its headers elsewhere in some MTAs: see
    /// [`EditRules`](super::EditRules).
    pub fn add_header(&mut self, header: Header<'m>) {
        let line_end = self.line_end();
        if let Some(last) = self.headers.last_mut() {
            last.terminate(line_end);
        }
        self.headers.push(header.with_origin(Origin::Message));
    }

    /// Adds a header that the MTA itself adds above all others: its Received. Filters do not see it.
    pub fn add_trace(&mut self, header: Header<'m>) {
        insert(&mut self.headers, 0, header.with_origin(Origin::Trace));
    }

    /// Adds a header that the MTA itself adds because the message has none of that name, such as Date. Filters do not see
    /// it. This is how Sendmail does it, and in its order: Date, From, Message-Id. In Postfix such a header is a part of the
    /// message: see [`add_header`](Self::add_header).
    pub fn add_default(&mut self, header: Header<'m>) {
        let place = self.headers.iter().take_while(|header| header.origin() != Origin::Message).count();
        insert(&mut self.headers, place, header.with_origin(Origin::Default));
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The reason for quarantine, if a filter asked for it.
    #[must_use]
    pub fn quarantine(&self) -> Option<&[u8]> {
        self.quarantine.as_deref()
    }

    /// The bytes of headers and body, in pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let headers = self.headers().map(Header::as_bytes);
        headers.chain([&*self.separator, self.body()]).filter(|piece| !piece.is_empty())
    }

    /// The bytes of headers and body: the joined [`pieces`](Self::pieces).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let len = self.pieces().fold(0, |len: usize, piece| len.saturating_add(piece.len()));
        let mut bytes = Vec::with_capacity(len);
        self.pieces().for_each(|piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// Copies what the message borrows, and nothing else.
    #[must_use]
    pub fn into_owned(self) -> Message<'static> {
        Message {
            sender: self.sender,
            recipients: self.recipients,
            headers: self.headers.into_iter().map(Header::into_owned).collect(),
            separator: Cow::Owned(self.separator.into_owned()),
            body: Cow::Owned(self.body.into_owned()),
            quarantine: self.quarantine,
            is_resent: self.is_resent,
            lost_trace: self.lost_trace.map(Header::into_owned),
        }
    }

    /// Completes what edits rely on: the line end of the last header, and the empty line if there is a body, or will be one.
    pub(super) fn complete(&mut self, line_end: &[u8], needs_separator: bool) {
        if let Some(last) = self.headers.last_mut() {
            last.terminate(line_end);
        }
        if self.separator.is_empty() && (needs_separator || !self.body.is_empty()) {
            self.separator = Cow::Owned(line_end.to_vec());
        }
    }

    /// The line end of the message, as its first line has it.
    pub(super) fn line_end(&self) -> &'static [u8] {
        let line = self.headers.first().map_or(&*self.separator, Header::as_bytes);
        if is_bare(line) { b"\n" } else { b"\r\n" }
    }
}

impl Message<'static> {
    /// Takes a message apart that stands in a vector.
    fn keep(bytes: Vec<u8>) -> Self {
        let parsed = Message::borrow(&bytes);
        let body_len = parsed.body.len();
        let front = Message { body: Cow::Borrowed(&[]), ..parsed }.into_owned();
        Self { body: Cow::Owned(keep_last(bytes, body_len)), ..front }
    }
}

/// A message with CRLF as its line ends, as SMTP and Milter have it: each LF without a CR before it becomes CRLF.
///
/// Copies nothing if there is no such LF, and otherwise once.
#[must_use]
pub fn with_crlf(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bare = lines(bytes).fold(0_usize, |count, line| count.saturating_add(is_bare(line).into()));
    if bare == 0 {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len().saturating_add(bare));
    for line in lines(bytes) {
        if is_bare(line) {
            out.extend_from_slice(without_line_end(line));
            out.extend_from_slice(b"\r\n");
        } else {
            out.extend_from_slice(line);
        }
    }
    Cow::Owned(out)
}

/// Whether a line ends with LF alone.
fn is_bare(line: &[u8]) -> bool {
    line.ends_with(b"\n") && !line.ends_with(b"\r\n")
}
