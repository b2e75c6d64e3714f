//! The filter's session: its state.

use super::event::{Ending, Turn};
use super::policy::Policy;
use crate::Limits;
use crate::error::{Misuse, ReceiveError, Violation, ViolationDetail};
use crate::negotiation::Negotiated;
use crate::order::state::Conversation;
use crate::order::{CommandKind, Rule, Stage};
use crate::timeouts::Wait;
use crate::wire::{Actions, LeadingSpace, Steps};

/// The filter's side of one connection: receives commands, sends replies, and keeps the order.
///
/// # Memory
/// At most 64 bytes and no heap memory, whatever the peer sends.
///
/// # Examples
/// ```
/// use milter_proto::FilterSession;
/// use milter_proto::filter::{Options, Turn};
/// use milter_proto::order::CommandKind;
/// use milter_proto::wire::{Actions, Assembler, Edit, Verdict};
///
/// let options = Options::new([CommandKind::MailFrom]).require(Actions::ADD_HEADERS);
/// let mut session = FilterSession::new();
/// let mut assembler = Assembler::new(Vec::new());
/// let mut out = Vec::new();
///
/// let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x07M<a@b>\0";
/// while let Some(event) = session.next_event(&mut assembler, &mut input)? {
///     println!("{:?}", event.command);
///     match session.turn() {
///         Turn::Reply(CommandKind::Negotiate) => session.negotiate(&options)?.frame.append_to(&mut out),
///         Turn::Reply(CommandKind::EndOfMessage) => {
///             session.send(Edit::add_header("X-Seen", "yes")?)?.append_to(&mut out);
///             session.send(Verdict::Continue)?.append_to(&mut out);
///         }
///         Turn::Reply(_) => session.send(Verdict::Continue)?.append_to(&mut out),
///         _ => {}
///     }
/// }
/// assert_eq!(out, b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x01\0\0\x03\x7b\0\0\0\x01c");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "SMFICTX")]
pub struct FilterSession {
    pub(super) conversation: Conversation,
    pub(super) policy: Policy,
    pub(super) max_send: u32,
    pub(super) flags: Bits,
    pub(super) broken: Option<ReceiveError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bits {
    /// A BODYEOB came with bytes, and was given out as a chunk: its end is still to be given out.
    pub(super) end_follows: bool,
    /// Whether that BODYEOB came in order.
    pub(super) end_in_order: bool,
    /// A message ended since the last event.
    pub(super) message_ended: bool,
    pub(super) has_quit: bool,
    /// The stage that was left when the connection closed.
    last_stage: Stage,
}

impl FilterSession {
    /// Starts a connection with [`Policy::DEFAULT`].
    #[must_use]
    pub const fn new() -> Self {
        Self::with_policy(Policy::DEFAULT)
    }

    /// Starts a connection.
    #[must_use]
    pub const fn with_policy(policy: Policy) -> Self {
        Self::with_limits(policy, Limits::DEFAULT)
    }

    /// Starts a connection with another limit on what is sent.
    #[must_use]
    pub const fn with_limits(policy: Policy, limits: Limits) -> Self {
        Self {
            conversation: Conversation::new(policy.law()),
            // The rules of order judge some of what is read.
            policy: policy.with_tolerance(policy.reads()),
            max_send: limits.session_send(),
            flags: Bits {
                end_follows: false,
                end_in_order: true,
                message_ended: false,
                has_quit: false,
                last_stage: Stage::Start,
            },
            broken: None,
        }
    }

    /// Replaces the limit on what is sent from now on.
    ///
    /// What is received is limited by [`Assembler::set_limits`](crate::wire::Assembler::set_limits).
    #[doc(alias = "smfi_setmaxdatasize")]
    pub const fn set_limits(&mut self, limits: Limits) {
        self.max_send = limits.session_send();
    }

    /// Returns the same session with steps that apply before OPTNEG.
    ///
    /// libmilter treats commands without a callback as declined, even if the MTA never sends OPTNEG. Only bug-compatible
    /// filters need this.
    ///
    /// # Source
    /// `fix_stm` in libmilter/engine.c. SPEC_NOTES ORD-39.
    #[must_use]
    pub const fn with_initial_steps(self, steps: Steps) -> Self {
        Self { conversation: self.conversation.with_initial_steps(steps), ..self }
    }

    /// Ends the session, and returns what was unfinished. Call it once, however the connection ended.
    ///
    /// `pending` is [`Assembler::pending`](crate::wire::Assembler::pending). A second call reports that nothing was in progress.
    #[doc(alias = "xxfi_close")]
    pub fn disconnect(&mut self, pending: usize) -> Ending {
        self.close();
        let owed = self.conversation.owed.take();
        let stage = core::mem::replace(&mut self.flags.last_stage, Stage::Closed);
        Ending {
            clean: self.flags.has_quit,
            in_message: stage.is_in_message() || owed == Some(CommandKind::EndOfMessage),
            in_frame: pending > 0,
            owed,
        }
    }

    /// Returns whose turn it is.
    #[must_use]
    #[inline]
    pub fn turn(&self) -> Turn {
        match self.conversation.owed {
            Some(_) if self.flags.end_follows => Turn::Receive,
            // Nothing is owed on a connection that is closed.
            Some(owed) => Turn::Reply(owed),
            None if self.conversation.stage() == Stage::Closed => Turn::Closed,
            None => Turn::Receive,
        }
    }

    /// The state of the connection.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.conversation.stage()
    }

    /// The result of the negotiation; `None` before OPTNEG was answered.
    #[must_use]
    pub const fn negotiated(&self) -> Option<&Negotiated> {
        self.conversation.settled()
    }

    /// Whether header values include the space after the colon, in both directions.
    ///
    /// They do not before OPTNEG was answered, or without it.
    #[must_use]
    #[doc(alias = "SMFIP_HDR_LEADSPC")]
    pub const fn leading_space(&self) -> LeadingSpace {
        self.conversation.leading_space()
    }

    /// Whether edits that need these actions may be sent now: the end of the message is being answered, and the actions
    /// were negotiated.
    #[must_use]
    pub fn may_edit(&self, actions: Actions) -> bool {
        self.turn() == Turn::Reply(CommandKind::EndOfMessage)
            && self.conversation.agreed().actions.contains(actions)
    }

    /// The class of the current wait: [`Wait::Command`], or `None` while the filter has to send.
    #[must_use]
    pub fn wait(&self) -> Option<Wait> {
        (self.turn() == Turn::Receive).then_some(Wait::Command)
    }

    #[inline]
    pub(super) fn ready(&self) -> Result<(), ReceiveError> {
        if self.turn() == Turn::Receive { Ok(()) } else { Err(self.not_ready()) }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn not_ready(&self) -> ReceiveError {
        match self.turn() {
            Turn::Reply(owed) => ReceiveError::ReplyOwed(owed),
            Turn::Receive | Turn::Closed => self.broken.unwrap_or(ReceiveError::Closed),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn misuse(&self, code: u8, rule: Rule) -> Misuse {
        Misuse { rule, context: self.conversation.context(code) }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn fail(&mut self, code: u8, rule: Rule, detail: Option<ViolationDetail>) -> ReceiveError {
        let violation = Violation { rule, context: self.conversation.context(code), detail };
        self.break_off(violation.into())
    }

    /// Ends the session with an error, which every later call returns.
    #[cold]
    #[inline(never)]
    pub(super) fn break_off(&mut self, error: ReceiveError) -> ReceiveError {
        self.broken = Some(error);
        self.close();
        error
    }

    fn close(&mut self) {
        let stage = self.conversation.close();
        if stage != Stage::Closed {
            self.flags.last_stage = stage;
        }
        self.flags.end_follows = false;
    }
}

impl Default for FilterSession {
    fn default() -> Self {
        Self::new()
    }
}
