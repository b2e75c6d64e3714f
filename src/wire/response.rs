//! Responses: what a filter sends to an MTA.

use nom::combinator::{map, opt};

use super::bits::{Actions, Steps, Version};
use super::code::response;
use super::decode::{Decoded, Decoder};
use super::edit::Edit;
use super::error::{DecodeError, Fault, Field, ReplyFault};
use super::frame::Frame;
use super::macro_lists::MacroLists;
use super::negotiate::Answer;
use super::outgoing::{OutgoingFrame, Pieces};
use super::parse::{text, word};
use super::reply::ReplyText;
use super::scan::find_nul;
use super::text::Text;
use super::tolerance::{Deviation, Tolerance};
use crate::debug::debug_variants;

/// A response, from the filter to the MTA.
///
/// # Examples
/// ```
/// use milter_proto::wire::{Edit, Frame, Response};
///
/// let frame = Frame::new(b'm', b"\0\0\0\x01Subject\0new\0");
/// let Response::Edit(edit) = Response::parse(frame)? else { panic!() };
/// assert!(matches!(edit, Edit::ChangeHeader { index: 1, name, .. } if name == "Subject"));
/// assert_eq!(Response::from(edit).encode(), frame.encode());
/// # Ok::<(), milter_proto::wire::DecodeError>(())
/// ```
///
/// # Source
/// libmilter/smfi.c and libmilter/engine.c write them, sendmail/milter.c and Postfix
/// src/milter/milter8.c read them. SPEC_NOTES RSP-1 to RSP-21.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Response<'a> {
    /// The answer to OPTNEG: what the filter requests.
    #[doc(alias = "SMFIC_OPTNEG")]
    #[doc(alias = "xxfi_negotiate")]
    Negotiate(Answer<'a>),
    /// A change to the message; sent only after the end of the message, before the verdict.
    Edit(Edit<'a>),
    /// The decision; it ends the reply.
    Verdict(Verdict<'a>),
    /// The filter needs more time; sent only before the verdict on the end of the message.
    #[doc(alias = "SMFIR_PROGRESS")]
    #[doc(alias = "smfi_progress")]
    Progress,
    /// SETSYMLIST as a frame of its own. Reserved: its payload is not defined, and no MTA honours it.
    #[doc(alias = "SMFIR_SETSYMLIST")]
    MacroList {
        /// The bytes, as they are.
        payload: &'a [u8],
    },
    /// A frame whose code is not a response. Sendmail and Postfix stop using a filter that sends it.
    Other(Frame<'a>),
}

debug_variants! {
    Response<'_>
    units { Progress }
    tuples { Negotiate, Edit, Verdict, Other }
    structs { MacroList { payload } }
}

/// A filter's decision on the command, the recipient, the message or the connection.
///
/// # Examples
/// A reply is a verdict, and is sent like any other:
/// ```
/// # #[cfg(feature = "alloc")] {
/// use milter_proto::wire::{ReplyBuf, Response, Verdict};
///
/// let reply = ReplyBuf::new("451".parse()?, Some("4.7.1".parse()?), ["try again later"])?;
/// assert_eq!(Verdict::from(reply.as_reply()), Verdict::Reply(reply.as_reply()));
/// assert_eq!(Response::from(reply.as_reply()).code(), b'y');
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict<'a> {
    /// Continue.
    #[doc(alias = "SMFIR_CONTINUE")]
    #[doc(alias = "SMFIS_CONTINUE")]
    Continue,
    /// Accept the message without asking this filter again; for CONNECT and HELO, accept the whole connection.
    #[doc(alias = "SMFIR_ACCEPT")]
    #[doc(alias = "SMFIS_ACCEPT")]
    Accept,
    /// Refuse permanently, with a reply of the MTA's choice.
    #[doc(alias = "SMFIR_REJECT")]
    #[doc(alias = "SMFIS_REJECT")]
    Reject,
    /// Refuse temporarily, with a reply of the MTA's choice.
    #[doc(alias = "SMFIR_TEMPFAIL")]
    #[doc(alias = "SMFIS_TEMPFAIL")]
    Tempfail,
    /// Tell the client that the message is accepted, but throw it away.
    #[doc(alias = "SMFIR_DISCARD")]
    #[doc(alias = "SMFIS_DISCARD")]
    Discard,
    /// Send no more commands of this kind for this message.
    #[doc(alias = "SMFIR_SKIP")]
    #[doc(alias = "SMFIS_SKIP")]
    Skip,
    /// Refuse with this SMTP reply.
    #[doc(alias = "SMFIR_REPLYCODE")]
    #[doc(alias = "smfi_setreply")]
    #[doc(alias = "smfi_setmlreply")]
    Reply(ReplyText<'a>),
    /// Answer 421 and close. Postfix honours it; Sendmail does not know it.
    #[doc(alias = "SMFIR_SHUTDOWN")]
    Shutdown,
    /// Close without an answer. Reserved: neither Sendmail nor Postfix honours it.
    #[doc(alias = "SMFIR_CONN_FAIL")]
    ConnectionFail,
}

impl<'a> Response<'a> {
    /// Decodes a well-formed frame.
    ///
    /// # Errors
    /// [`DecodeError`], with the code, the field and the offset where the payload is malformed. A code that is not a
    /// response is not an error, but [`Other`](Self::Other).
    #[inline]
    pub fn parse(frame: Frame<'a>) -> Result<Self, DecodeError> {
        Self::decode(&mut Decoder::new(frame, Tolerance::STRICT), frame)
    }

    /// Decodes a frame, and accepts the deviations that `tolerance` allows, as real receivers do.
    ///
    /// # Errors
    /// The [`DecodeError`] of [`parse`](Self::parse), if `tolerance` does not allow the deviation.
    pub fn parse_as(frame: Frame<'a>, tolerance: Tolerance) -> Result<Decoded<'a, Self>, DecodeError> {
        let mut decoder = Decoder::new(frame, tolerance);
        let value = Self::decode(&mut decoder, frame)?;
        Ok(Decoded { value, deviation: decoder.deviation(), frame })
    }

    #[inline]
    fn decode(decoder: &mut Decoder<'a>, frame: Frame<'a>) -> Result<Self, DecodeError> {
        let payload = frame.payload();
        let verdict = match frame.code() {
            response::CONTINUE => Verdict::Continue,
            response::ACCEPT => Verdict::Accept,
            response::REJECT => Verdict::Reject,
            response::TEMPFAIL => Verdict::Tempfail,
            response::DISCARD => Verdict::Discard,
            response::SKIP => Verdict::Skip,
            response::SHUTDOWN => Verdict::Shutdown,
            response::CONN_FAIL => Verdict::ConnectionFail,
            response::PROGRESS => {
                return decoder.end(payload, Deviation::VerdictSurplus).map(|()| Self::Progress);
            }
            response::REPLYCODE => return reply(decoder, payload).map(Self::Verdict),
            response::OPTNEG => return answer(decoder, payload).map(Self::Negotiate),
            response::SETSYMLIST => return Ok(Self::MacroList { payload }),
            _ => return edit(decoder, frame).map(|edit| edit.map_or(Self::Other(frame), Self::Edit)),
        };
        decoder.end(payload, Deviation::VerdictSurplus).map(|()| Self::Verdict(verdict))
    }

    /// The code byte of the response.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Negotiate(_) => response::OPTNEG,
            Self::Edit(edit) => edit.code(),
            Self::Verdict(verdict) => verdict.code(),
            Self::Progress => response::PROGRESS,
            Self::MacroList { .. } => response::SETSYMLIST,
            Self::Other(frame) => frame.code(),
        }
    }

    /// Encodes the response. The frame borrows long fields from it.
    #[inline]
    pub fn encode(&self) -> OutgoingFrame<'a> {
        // Nearly all responses are one byte long, so these few instructions belong to the caller.
        match self {
            Self::Verdict(verdict) if !matches!(verdict, Verdict::Reply(_)) => {
                OutgoingFrame::bare(verdict.code())
            }
            Self::Negotiate(_)
            | Self::Edit(_)
            | Self::Verdict(_)
            | Self::Progress
            | Self::MacroList { .. }
            | Self::Other(_) => self.encode_fields(),
        }
    }

    fn encode_fields(&self) -> OutgoingFrame<'a> {
        let out = Pieces::new(self.code());
        match *self {
            Self::Negotiate(Answer { version, actions, steps, macro_lists }) => out
                .fixed(&version.number().to_be_bytes())
                .fixed(&actions.bits().to_be_bytes())
                .fixed(&steps.bits().to_be_bytes())
                .raw(macro_lists.as_bytes()),
            Self::Edit(edit) => match edit {
                Edit::AddHeader { name, value } => out.text(name, &[]).last_text(value),
                Edit::InsertHeader { index, name, value } | Edit::ChangeHeader { index, name, value } => {
                    out.fixed(&index.to_be_bytes()).text(name, &[]).last_text(value)
                }
                Edit::ChangeFrom { address, arguments }
                | Edit::AddRcptWithArguments { address, arguments } => match arguments {
                    Some(arguments) => out.text(address, &[]).last_text(arguments),
                    None => out.last_text(address),
                },
                Edit::AddRcpt { address } | Edit::DeleteRcpt { address } => out.last_text(address),
                Edit::ReplaceBody { chunk } => out.raw(chunk),
                Edit::Quarantine { reason } => out.last_text(reason),
            },
            Self::Verdict(Verdict::Reply(reply)) => out.last_text(reply.as_text()),
            Self::Verdict(_) | Self::Progress => out.seal(),
            Self::MacroList { payload } => out.raw(payload),
            Self::Other(frame) => frame.encode(),
        }
    }
}

impl<'a> Verdict<'a> {
    /// The code byte of the verdict.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Continue => response::CONTINUE,
            Self::Accept => response::ACCEPT,
            Self::Reject => response::REJECT,
            Self::Tempfail => response::TEMPFAIL,
            Self::Discard => response::DISCARD,
            Self::Skip => response::SKIP,
            Self::Reply(_) => response::REPLYCODE,
            Self::Shutdown => response::SHUTDOWN,
            Self::ConnectionFail => response::CONN_FAIL,
        }
    }

    /// Whether the command or the message goes on, as far as this filter is concerned: CONTINUE, ACCEPT and SKIP.
    ///
    /// With any other verdict an MTA refuses what the verdict is about, or throws it away (DISCARD). A verdict with
    /// [`Scope::Nothing`](crate::mta::Scope::Nothing) has no effect, whichever it is.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{ReplyText, Verdict};
    ///
    /// assert!([Verdict::Continue, Verdict::Accept, Verdict::Skip].iter().all(Verdict::lets_pass));
    /// assert!(!Verdict::Discard.lets_pass());
    /// assert!(!Verdict::from(ReplyText::parse(b"450 4.7.1 later")?).lets_pass());
    /// # Ok::<(), milter_proto::wire::ReplyError>(())
    /// ```
    #[must_use]
    pub const fn lets_pass(&self) -> bool {
        matches!(self, Self::Continue | Self::Accept | Self::Skip)
    }

    /// The reply for the SMTP client, if this verdict refuses what it is about.
    ///
    /// It is the filter's own, or that of Postfix: `550 5.7.1 Command rejected` for REJECT, `451 4.7.1 Service unavailable -
    /// try again later` for TEMPFAIL, and `421 4.7.0 Server closing connection` for SHUTDOWN. Sendmail has the same text for
    /// REJECT, and `451 4.3.2 Please try again later` for TEMPFAIL. For other verdicts there is `None`: the client is told of a
    /// success, also after DISCARD.
    ///
    /// [`ReplyText::unescaped`] gives the bytes to send. The greeting of an SMTP server is 554 or 421 after a refusal of
    /// CONNECT.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{ReplyText, Verdict};
    ///
    /// let own = Verdict::from(ReplyText::parse(b"554 5.7.1 100%% spam")?);
    /// assert_eq!(own.smtp_reply().unwrap().unescaped().to_string(), "554 5.7.1 100% spam");
    /// let reject = Verdict::Reject.smtp_reply().unwrap();
    /// assert_eq!(reject.unescaped().to_string(), "550 5.7.1 Command rejected");
    /// assert_eq!(Verdict::Discard.smtp_reply(), None);
    /// # Ok::<(), milter_proto::wire::ReplyError>(())
    /// ```
    ///
    /// # Source
    /// `milter8_event` in Postfix src/milter/milter8.c, `check_milter_reply` in src/smtpd/smtpd.c; sendmail/srvrsmtp.c.
    #[must_use]
    pub const fn smtp_reply(self) -> Option<ReplyText<'a>> {
        let text: &[u8] = match self {
            Self::Reply(reply) => return Some(reply),
            Self::Reject => b"550 5.7.1 Command rejected",
            Self::Tempfail => b"451 4.7.1 Service unavailable - try again later",
            Self::Shutdown => b"421 4.7.0 Server closing connection",
            Self::Continue | Self::Accept | Self::Discard | Self::Skip | Self::ConnectionFail => return None,
        };
        Some(ReplyText::known(text))
    }

    /// Whether the SMTP session ends with this verdict, whatever it is about: 421, 521 and SHUTDOWN.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{ReplyText, Verdict};
    ///
    /// assert!(Verdict::Reply(ReplyText::parse(b"421 4.3.2 closing")?).closes_smtp_session());
    /// assert!(!Verdict::Reject.closes_smtp_session());
    /// # Ok::<(), milter_proto::wire::ReplyError>(())
    /// ```
    ///
    /// # Source
    /// SPEC_NOTES SCP-11.
    #[must_use]
    pub fn closes_smtp_session(&self) -> bool {
        if let Self::Reply(reply) = self {
            reply.closes_smtp_session()
        } else {
            matches!(self, Self::Shutdown)
        }
    }
}

impl<'a> From<Answer<'a>> for Response<'a> {
    fn from(answer: Answer<'a>) -> Self {
        Self::Negotiate(answer)
    }
}

impl<'a> From<Edit<'a>> for Response<'a> {
    fn from(edit: Edit<'a>) -> Self {
        Self::Edit(edit)
    }
}

impl<'a> From<Verdict<'a>> for Response<'a> {
    fn from(verdict: Verdict<'a>) -> Self {
        Self::Verdict(verdict)
    }
}

impl<'a> From<ReplyText<'a>> for Verdict<'a> {
    fn from(reply: ReplyText<'a>) -> Self {
        Self::Reply(reply)
    }
}

impl<'a> From<ReplyText<'a>> for Response<'a> {
    fn from(reply: ReplyText<'a>) -> Self {
        Self::Verdict(Verdict::Reply(reply))
    }
}

fn answer<'a>(decoder: &mut Decoder<'a>, payload: &'a [u8]) -> Result<Answer<'a>, DecodeError> {
    let words = (word(Field::Version), word(Field::Actions), word(Field::Steps));
    let (lists, (version, actions, steps)) = decoder.run(words, payload)?;
    let answer = Answer::new(Version::new(version), Actions::from_bits(actions), Steps::from_bits(steps));
    Ok(answer.with_macro_lists(MacroLists::decode(decoder, lists)?))
}

/// An edit, or `None` if the code is not one of an edit.
fn edit<'a>(decoder: &mut Decoder<'a>, frame: Frame<'a>) -> Result<Option<Edit<'a>>, DecodeError> {
    let payload = frame.payload();
    let header = || (text(Field::Name), text(Field::Value));
    let address = || text(Field::Address);
    let parameters = || (address(), opt(text(Field::Arguments)));
    let (rest, edit) = match frame.code() {
        response::ADDHEADER => {
            decoder.run(map(header(), |(name, value)| Edit::AddHeader { name, value }), payload)?
        }
        response::INSHEADER => {
            let insert = |(index, (name, value))| Edit::InsertHeader { index, name, value };
            decoder.run(map((word(Field::Index), header()), insert), payload)?
        }
        response::CHGHEADER => {
            let change = |(index, (name, value))| Edit::ChangeHeader { index, name, value };
            decoder.run(map((word(Field::Index), header()), change), payload)?
        }
        response::CHGFROM => {
            let change = |(address, arguments)| Edit::ChangeFrom { address, arguments };
            decoder.run(map(parameters(), change), payload)?
        }
        response::ADDRCPT_PAR => {
            let add = |(address, arguments)| Edit::AddRcptWithArguments { address, arguments };
            decoder.run(map(parameters(), add), payload)?
        }
        response::ADDRCPT => decoder.run(map(address(), |address| Edit::AddRcpt { address }), payload)?,
        response::DELRCPT => decoder.run(map(address(), |address| Edit::DeleteRcpt { address }), payload)?,
        response::REPLBODY => return Ok(Some(Edit::ReplaceBody { chunk: payload })),
        response::QUARANTINE => return quarantine(decoder, payload).map(Some),
        _ => return Ok(None),
    };
    if let Some((field, offset)) = edit.empty_key() {
        decoder.tolerate(Deviation::EmptyEdit, payload.len().saturating_sub(offset), field, Fault::Empty)?;
    }
    // Sendmail drops what follows the last NUL of these two, and ignores all others with a surplus.
    let is_tail =
        matches!(frame.code(), response::CHGFROM | response::ADDRCPT_PAR) && find_nul(rest).is_none();
    decoder.end(rest, if is_tail { Deviation::EditTail } else { Deviation::EditSurplus })?;
    Ok(Some(edit))
}

fn quarantine<'a>(decoder: &mut Decoder<'a>, payload: &'a [u8]) -> Result<Edit<'a>, DecodeError> {
    let Some(end) = find_nul(payload) else {
        decoder.tolerate(Deviation::ReasonEnd, payload.len(), Field::Reason, Fault::Unterminated)?;
        return Ok(Edit::Quarantine { reason: Text::known(payload) });
    };
    let (reason, tail) = payload.split_at_checked(end).unwrap_or((payload, &[]));
    decoder.end(tail.get(1..).unwrap_or_default(), Deviation::ReasonEnd)?;
    Ok(Edit::Quarantine { reason: Text::known(reason) })
}

fn reply<'a>(decoder: &mut Decoder<'a>, payload: &'a [u8]) -> Result<Verdict<'a>, DecodeError> {
    let bytes = match find_nul(payload) {
        Some(end) => {
            let (bytes, tail) = payload.split_at_checked(end).unwrap_or((payload, &[]));
            match tail {
                [_] => bytes,
                // A NUL inside would cut the reply for one receiver and not for the other.
                _ => return Err(decoder.error(tail.len(), Field::Reply, Fault::Reply(ReplyFault::Control))),
            }
        }
        None => {
            decoder.tolerate(
                Deviation::ReplyUnterminated,
                payload.len(),
                Field::Reply,
                Fault::Unterminated,
            )?;
            payload
        }
    };
    ReplyText::scan(bytes, &mut |fault, offset| {
        let left = payload.len().saturating_sub(offset);
        match fault.deviation() {
            Some(deviation) => decoder.tolerate(deviation, left, Field::Reply, Fault::Reply(fault)),
            None => Err(decoder.error(left, Field::Reply, Fault::Reply(fault))),
        }
    })
    .map(Verdict::Reply)
}
