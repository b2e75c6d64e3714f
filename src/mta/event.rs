//! What the MTA's side tells its caller.

use crate::order::CommandKind;
use crate::wire::{Answer, DecodeError, Edit, Frame, OutgoingFrame, ReplyCode, Verdict};

/// Whose turn it is, seen from the MTA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Turn {
    /// The MTA's turn: send the next command.
    Send,
    /// The filter's turn: write what is buffered, then read. The reply to this command is outstanding.
    Receive(CommandKind),
    /// Nobody's turn: write what is buffered, then close.
    Closed,
}

/// What to do with a command that was given to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an MTA that overlooked one of these would bypass its filter")]
#[must_use = "a frame that is not written leaves the filter waiting"]
pub enum Sent<'m> {
    /// Write this frame: the command, or an ABORT in its place if the filter declined the command and it ends a message.
    Frame(OutgoingFrame<'m>),
    /// Do not write the command: act on `answer` as if the filter had given it.
    Skipped {
        /// The reason it is skipped.
        reason: SkipReason,
        /// The verdict to act on: CONTINUE, or the one that decided the message or the connection. The caller has to keep
        /// the text of a reply, for example in a `VerdictBuf`, as long as [`MtaSession::decided`] returns a verdict;
        /// [`VerdictKind::with_text_of`] puts both together.
        ///
        /// [`MtaSession::decided`]: crate::MtaSession::decided
        answer: VerdictKind,
    },
    /// Write this frame, which is an ABORT. Then send MAIL and the accepted recipients again, each with its macros, and
    /// finally the command itself, with its macros. If the filter now refuses MAIL or a recipient, send ABORT and refuse
    /// the command.
    ///
    /// This happens when the filter accepted DATA, another filter or the MTA refused it, and the SMTP client continues
    /// with RCPT or DATA. libmilter would not reply to that. SPEC_NOTES ORD-36.
    ResendEnvelope(OutgoingFrame<'m>),
}

/// Why a command must not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// The filter declined it.
    Declined,
    /// The negotiated version does not have it.
    Version,
    /// The filter answered SKIP to an earlier command of this kind.
    Skipped,
    /// The filter has already decided the message.
    MessageDecided,
    /// The filter has already decided the connection.
    ConnectionDecided,
    /// The filter did not request recipients that the MTA refused.
    NotWanted,
    /// UNKNOWN at this stage would make a filter on libmilter forget the message in progress.
    ForgetsMessage,
}

/// A verdict without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerdictKind {
    /// CONTINUE.
    #[doc(alias = "SMFIR_CONTINUE")]
    #[doc(alias = "SMFIS_CONTINUE")]
    Continue,
    /// ACCEPT.
    #[doc(alias = "SMFIR_ACCEPT")]
    #[doc(alias = "SMFIS_ACCEPT")]
    Accept,
    /// REJECT.
    #[doc(alias = "SMFIR_REJECT")]
    #[doc(alias = "SMFIS_REJECT")]
    Reject,
    /// TEMPFAIL.
    #[doc(alias = "SMFIR_TEMPFAIL")]
    #[doc(alias = "SMFIS_TEMPFAIL")]
    Tempfail,
    /// DISCARD.
    #[doc(alias = "SMFIR_DISCARD")]
    #[doc(alias = "SMFIS_DISCARD")]
    Discard,
    /// SKIP.
    #[doc(alias = "SMFIR_SKIP")]
    #[doc(alias = "SMFIS_SKIP")]
    Skip,
    /// REPLYCODE, with this code.
    #[doc(alias = "SMFIR_REPLYCODE")]
    Reply(ReplyCode),
    /// SHUTDOWN.
    #[doc(alias = "SMFIR_SHUTDOWN")]
    Shutdown,
    /// CONN_FAIL.
    #[doc(alias = "SMFIR_CONN_FAIL")]
    ConnectionFail,
}

impl VerdictKind {
    /// The kind of a verdict.
    #[must_use]
    pub fn from_verdict(verdict: &Verdict<'_>) -> Self {
        match verdict {
            Verdict::Continue => Self::Continue,
            Verdict::Accept => Self::Accept,
            Verdict::Reject => Self::Reject,
            Verdict::Tempfail => Self::Tempfail,
            Verdict::Discard => Self::Discard,
            Verdict::Skip => Self::Skip,
            Verdict::Reply(reply) => Self::Reply(reply.code()),
            Verdict::Shutdown => Self::Shutdown,
            Verdict::ConnectionFail => Self::ConnectionFail,
        }
    }

    /// The verdict of this kind, with the text of `kept` if that is a reply with the same code.
    ///
    /// Use it for [`Sent::Skipped`]: `kept` is the last verdict with [`Scope::Message`] or [`Scope::Connection`]. Without a
    /// fitting text, the result has the same effect: SHUTDOWN for a reply of 421 or 521, otherwise REJECT or TEMPFAIL.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::mta::VerdictKind;
    /// use milter_proto::wire::{ReplyText, Verdict};
    ///
    /// let kept = Verdict::Reply(ReplyText::parse(b"554 5.7.1 no")?);
    /// let skipped = VerdictKind::from_verdict(&kept);
    /// assert_eq!(skipped.with_text_of(kept), kept);
    /// assert_eq!(skipped.with_text_of(Verdict::Continue), Verdict::Reject);
    /// assert_eq!(VerdictKind::Continue.with_text_of(kept), Verdict::Continue);
    /// # Ok::<(), milter_proto::wire::ReplyError>(())
    /// ```
    #[must_use]
    pub fn with_text_of(self, kept: Verdict<'_>) -> Verdict<'_> {
        match self {
            Self::Continue => Verdict::Continue,
            Self::Accept => Verdict::Accept,
            Self::Reject => Verdict::Reject,
            Self::Tempfail => Verdict::Tempfail,
            Self::Discard => Verdict::Discard,
            Self::Skip => Verdict::Skip,
            Self::Reply(_) if self == Self::from_verdict(&kept) => kept,
            Self::Reply(code) => without_text(code),
            Self::Shutdown => Verdict::Shutdown,
            Self::ConnectionFail => Verdict::ConnectionFail,
        }
    }

    /// Whether the command or the message goes on, as far as this filter is concerned: CONTINUE, ACCEPT and SKIP. See
    /// [`Verdict::lets_pass`].
    #[must_use]
    pub const fn lets_pass(self) -> bool {
        matches!(self, Self::Continue | Self::Accept | Self::Skip)
    }

    /// Whether the SMTP session ends with this verdict, whatever its scope: 421, 521 and SHUTDOWN.
    ///
    /// # Source
    /// SPEC_NOTES SCP-11.
    #[must_use]
    pub const fn closes_smtp_session(self) -> bool {
        match self {
            Self::Shutdown => true,
            Self::Reply(code) => code.closes_smtp_session(),
            _ => false,
        }
    }
}

/// The verdict with the effect of a reply, if its text is not known.
const fn without_text(code: ReplyCode) -> Verdict<'static> {
    match code.class() {
        _ if code.closes_smtp_session() => Verdict::Shutdown,
        5 => Verdict::Reject,
        _ => Verdict::Tempfail,
    }
}

/// A response from the filter, and its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event<'f> {
    /// The negotiation is over; [`MtaSession::negotiated`](crate::MtaSession::negotiated) has the result.
    Negotiated {
        /// The answer, with the macro lists.
        answer: Answer<'f>,
    },
    /// A change to the message. It counts only if the verdict accepts the message.
    Edit {
        /// The change.
        edit: Edit<'f>,
        /// Whether it counts.
        status: EditStatus,
        /// How the payload deviates from the well-formed one, if it does.
        deviation: Option<DecodeError>,
    },
    /// A malformed edit, which the policy ignores.
    MalformedEdit {
        /// The frame.
        frame: Frame<'f>,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The filter needs more time: the wait starts again.
    #[doc(alias = "SMFIR_PROGRESS")]
    Progress,
    /// The verdict on a command.
    Verdict {
        /// The verdict.
        verdict: Verdict<'f>,
        /// What it applies to.
        scope: Scope,
        /// The command that it answers.
        command: CommandKind,
        /// Whether the SMTP session ends, whatever the scope: for 421, 521 and SHUTDOWN the MTA replies to its client and
        /// closes that connection.
        closes_smtp_session: bool,
        /// How the payload deviates from the well-formed one, if it does.
        deviation: Option<DecodeError>,
    },
}

/// Whether an edit counts.
///
/// # Source
/// SPEC_NOTES EDT-2 to EDT-4, EDT-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EditStatus {
    /// It counts if the message is accepted.
    Negotiated,
    /// It was not negotiated, but it counts if the message is accepted, as in Sendmail and Postfix.
    NotNegotiated,
    /// It does not count, and turns an acceptance of the message into a temporary refusal.
    RejectsMessage,
    /// It is ignored because of [`MtaSession::ignore_edits`](crate::MtaSession::ignore_edits).
    Ignored,
}

/// What a verdict applies to.
///
/// # Source
/// SPEC_NOTES SCP-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Scope {
    /// Nothing: the verdict is not defined for the command, or the MTA had already refused the recipient. Continue.
    Nothing,
    /// This command alone.
    Command,
    /// This recipient alone.
    Recipient,
    /// The message.
    Message,
    /// The connection, until it ends.
    Connection,
}

/// How a connection ended for the MTA.
///
/// # Source
/// SPEC_NOTES END-5, EDT-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Ending {
    /// QUIT was sent, or the filter had decided the whole connection.
    pub clean: bool,
    /// The filter left without replying to this command. libmilter refuses an offer by not replying to OPTNEG.
    pub owed: Option<CommandKind>,
    /// Edits of a message came, but no verdict: none of them count.
    pub edits_incomplete: bool,
    /// A new body was incomplete: an MTA that continues without the filter must not use it.
    pub body_incomplete: bool,
    /// The stream ended in the middle of a frame.
    pub in_frame: bool,
}

#[cfg(feature = "alloc")]
mod owned {
    use core::fmt;

    use super::Event;
    use crate::wire::{Answer, Edit, Frame, Response, ResponseBuf, Text, Verdict};

    /// An [`Event`] that owns its content: to store it, to queue it, or to handle it on another thread.
    ///
    /// [`as_event`](Self::as_event) returns the same event. An MTA can keep the edits of a message in this form until the
    /// verdict.
    ///
    /// # Memory
    /// 96 bytes on 64-bit targets, and on the heap the payload of the response, as in a [`ResponseBuf`]. How many edits a
    /// filter can make is limited by [`Limits::max_edits`](crate::Limits::max_edits), except for chunks of a new body.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::MtaSession;
    /// use milter_proto::mta::{Event, EventBuf};
    /// use milter_proto::wire::{Command, Frame, Offer, Text, Verdict};
    ///
    /// let mut session = MtaSession::new();
    /// # let _ = session.send(Command::Negotiate(Offer::FULL))?;
    /// # session.receive(Frame::new(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\x01"))?; // no CONNECT
    /// let name = Text::new(b"mx.example")?;
    /// let _ = session.send(Command::Helo { name })?;
    /// let kept = {
    ///     let reply = b"450 4.7.1 later\0".to_vec();
    ///     EventBuf::from(session.receive(Frame::new(b'y', &reply))?)
    /// };
    /// assert!(matches!(kept.as_event(), Event::Verdict { verdict: Verdict::Reply(_), .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, PartialEq, Eq, Hash)]
    pub struct EventBuf {
        /// The event with placeholders for what it borrowed.
        facts: Event<'static>,
        /// What it borrowed.
        content: ResponseBuf,
    }

    impl EventBuf {
        /// Returns the stored event. Each call decodes it again.
        #[must_use]
        pub fn as_event(&self) -> Event<'_> {
            with_content(&self.facts, self.content.as_response())
        }
    }

    impl From<Event<'_>> for EventBuf {
        fn from(event: Event<'_>) -> Self {
            Self {
                facts: with_content(&event, Response::Progress),
                content: ResponseBuf::from(content_of(&event)),
            }
        }
    }

    /// What an event borrows, as a response.
    const fn content_of<'f>(event: &Event<'f>) -> Response<'f> {
        match *event {
            Event::Negotiated { answer } => Response::Negotiate(answer),
            Event::Edit { edit, .. } => Response::Edit(edit),
            Event::MalformedEdit { frame, .. } => Response::Other(frame),
            Event::Progress => Response::Progress,
            Event::Verdict { verdict, .. } => Response::Verdict(verdict),
        }
    }

    /// The same event with this content, or with a placeholder if the content is of another kind.
    const fn with_content<'r>(event: &Event<'_>, content: Response<'r>) -> Event<'r> {
        match *event {
            Event::Negotiated { answer: Answer { version, actions, steps, .. } } => {
                let placeholder = Answer::new(version, actions, steps);
                Event::Negotiated {
                    answer: if let Response::Negotiate(answer) = content { answer } else { placeholder },
                }
            }
            Event::Edit { edit: _, status, deviation } => {
                let placeholder = Edit::Quarantine { reason: Text::EMPTY };
                let edit = if let Response::Edit(edit) = content { edit } else { placeholder };
                Event::Edit { edit, status, deviation }
            }
            Event::MalformedEdit { frame, error } => {
                let placeholder = Frame::new(frame.code(), &[]);
                let frame = if let Response::Other(frame) = content { frame } else { placeholder };
                Event::MalformedEdit { frame, error }
            }
            Event::Progress => Event::Progress,
            Event::Verdict { verdict: _, scope, command, closes_smtp_session, deviation } => {
                let verdict =
                    if let Response::Verdict(verdict) = content { verdict } else { Verdict::Tempfail };
                Event::Verdict { verdict, scope, command, closes_smtp_session, deviation }
            }
        }
    }

    impl From<&Event<'_>> for EventBuf {
        fn from(event: &Event<'_>) -> Self {
            Self::from(*event)
        }
    }

    impl<'a> From<&'a EventBuf> for Event<'a> {
        fn from(event: &'a EventBuf) -> Self {
            event.as_event()
        }
    }

    impl fmt::Debug for EventBuf {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.as_event().fmt(f)
        }
    }
}

#[cfg(feature = "alloc")]
pub use owned::EventBuf;
