//! The law of order, written down once.
//!
//! Everything that affects a transition is in this file: the stages, one row per command, what may follow at
//! each stage under each law, and what each verdict does. It is the same for both roles.
//! [`state`](super::state) applies it, and adds the three rules that need a memory of their own: SKIP, the macros
//! of a declined command, and QUIT_NC. [`rules`](super::rules) says what may be sent at all. Nothing else in the crate
//! decides about order.

use core::fmt;

use crate::timeouts::Wait;
use crate::wire::codes::command;
use crate::wire::{Command, Steps, Verdict, Version, code_name};

/// The law by which the order of commands is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Law {
    /// What a well-behaved MTA may send. Anything else is refused.
    Strict,
    /// The strict order, but anything else is accepted too, marked as out of order, and answered.
    Robust,
    /// What libmilter's engine does, to the letter.
    Libmilter,
}

/// The state of a connection, usually named after the last accepted command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before OPTNEG.
    Start,
    /// After OPTNEG, or after QUIT_NC.
    Negotiated,
    /// After CONNECT.
    Connected,
    /// After HELO, or after the end of any message.
    Greeted,
    /// After MAIL.
    Mail,
    /// After RCPT, accepted or refused, or after refused DATA.
    Recipients,
    /// After DATA.
    Data,
    /// After at least one HEADER.
    Headers,
    /// After EOH.
    EndOfHeaders,
    /// After at least one BODY.
    Body,
    /// After BODYEOB, before its verdict.
    EndOfMessage,
    /// After QUIT, the end of the stream, or a violation.
    Closed,
    /// After ABORT, in libmilter's engine only.
    Aborted,
    /// After UNKNOWN, in libmilter's engine only.
    Unknown,
    /// After QUIT_NC, in libmilter's engine only.
    Reconnecting,
    /// After a verdict on CONNECT or HELO that settled the whole connection, or after SHUTDOWN.
    Decided,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 16] = [
        Self::Start,
        Self::Negotiated,
        Self::Connected,
        Self::Greeted,
        Self::Mail,
        Self::Recipients,
        Self::Data,
        Self::Headers,
        Self::EndOfHeaders,
        Self::Body,
        Self::EndOfMessage,
        Self::Closed,
        Self::Aborted,
        Self::Unknown,
        Self::Reconnecting,
        Self::Decided,
    ];

    /// Whether a message is in progress: from MAIL to the last BODY.
    #[must_use]
    pub const fn is_in_message(self) -> bool {
        matches!(
            self,
            Self::Mail | Self::Recipients | Self::Data | Self::Headers | Self::EndOfHeaders | Self::Body
        )
    }

    /// The stage of a new connection.
    pub(crate) const FIRST: Self = Self::Start;
    /// The stage after a message, however it ended. libmilter's engine is also here after a command that it ignores.
    pub(crate) const AFTER_MESSAGE: Self = Self::Greeted;

    /// Whether nothing is accepted any more.
    pub(crate) const fn is_closed(self) -> bool {
        matches!(self, Self::Closed)
    }

    /// Whether SKIP to the body still holds: up to the verdict on the message.
    pub(crate) const fn keeps_skip(self) -> bool {
        matches!(self, Self::Body | Self::EndOfMessage)
    }

    /// Whether a command that ends a message needs a closer look here.
    pub(crate) const fn may_end_message(self) -> bool {
        // After UNKNOWN libmilter's engine knows of no message, and still calls the abort callback for ABORT.
        self.is_in_message() || matches!(self, Self::Unknown)
    }

    /// Whether a law has this stage.
    pub(crate) const fn is_of(self, law: Law) -> bool {
        match law {
            Law::Strict | Law::Robust => !matches!(self, Self::Aborted | Self::Unknown | Self::Reconnecting),
            Law::Libmilter => !matches!(self, Self::Decided),
        }
    }

    /// The stage that comes next, and the step that allows it to be left out. SPEC_NOTES ORD-29.
    pub(crate) const fn optional_next(self) -> Option<(Self, Steps)> {
        Some(match self {
            Self::Negotiated => (Self::Connected, Steps::NO_CONNECT),
            Self::Connected => (Self::Greeted, Steps::NO_HELO),
            Self::Greeted => (Self::Mail, Steps::NO_MAIL),
            Self::Mail => (Self::Recipients, Steps::NO_RCPT),
            Self::Recipients => (Self::Data, Steps::NO_DATA),
            Self::Data => (Self::Headers, Steps::NO_HEADERS),
            Self::Headers => (Self::EndOfHeaders, Steps::NO_END_OF_HEADERS),
            Self::EndOfHeaders => (Self::Body, Steps::NO_BODY),
            Self::Aborted => (Self::Unknown, Steps::NO_UNKNOWN),
            Self::Start
            | Self::Body
            | Self::EndOfMessage
            | Self::Closed
            | Self::Unknown
            | Self::Reconnecting
            | Self::Decided => return None,
        })
    }

    /// Whether the next stage may be left out whatever was negotiated: a client need not send HELO, and a
    /// message need not have headers. libmilter's engine does not know that.
    pub(crate) const fn is_next_always_optional(self, law: Law) -> bool {
        !matches!(law, Law::Libmilter) && matches!(self, Self::Connected | Self::Data)
    }
}

/// One row of the table of commands.
pub(crate) struct Row {
    pub(crate) code: u8,
    min_version: Version,
    /// Empty: it cannot be declined.
    decline_step: Steps,
    /// Empty: its reply cannot be dropped.
    no_reply_step: Steps,
    /// `None`: it has no reply.
    wait: Option<Wait>,
    /// Where the command leads under the strict and the robust law. `None`: nowhere, but ABORT ends a message.
    pub(crate) target: Option<Stage>,
    pub(crate) libmilter_target: Stage,
}

impl Row {
    /// Whether the command gets a reply on a connection with these steps.
    #[inline]
    pub(crate) const fn is_replied(&self, steps: Steps) -> bool {
        self.wait.is_some() && steps.intersection(self.no_reply_step).is_empty()
    }

    /// Whether these steps decline the command.
    #[inline]
    pub(crate) const fn is_declined(&self, steps: Steps) -> bool {
        !steps.intersection(self.decline_step).is_empty()
    }

    /// Whether the filter promised not to reply to the command, by one of these emulated steps.
    pub(crate) const fn is_emulated(&self, emulated: Steps) -> bool {
        !emulated.intersection(self.no_reply_step.union(self.decline_step)).is_empty()
    }
}

/// Makes [`CommandKind`] and everything that is listed by command.
macro_rules! commands {
    ($count:literal; $($(#[$doc:meta])* $kind:ident: $code:ident $version:ident $decline:ident $no_reply:ident
        $wait:expr, $target:expr, $libmilter:ident;)*) => {
        /// The kind of a command, without its content.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum CommandKind {
            $($(#[$doc])* $kind,)*
        }

        impl CommandKind {
            /// Every kind.
            pub const ALL: [Self; $count] = [$(Self::$kind,)*];

            /// The kind of a code byte; `None` if it is not a command.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $(command::$code => Some(Self::$kind),)*
                    _ => None,
                }
            }

            /// The row of the table. SPEC_NOTES ORD-27, ORD-28, ORD-34, TIM-1.
            #[inline]
            pub(crate) const fn row(self) -> &'static Row {
                // References to constants: the compiler makes one table of them, and no code for each row.
                match self {
                    $(Self::$kind => const {
                        &Row {
                            code: command::$code,
                            min_version: Version::$version,
                            decline_step: Steps::$decline,
                            no_reply_step: Steps::$no_reply,
                            wait: $wait,
                            target: $target,
                            libmilter_target: Stage::$libmilter,
                        }
                    },)*
                }
            }
        }
    };
}

commands! { 15;
//  kind: code, min version, step that declines it, step that drops its reply, wait, target, target in libmilter
    /// OPTNEG.
    #[doc(alias = "SMFIC_OPTNEG")] #[doc(alias = "xxfi_negotiate")]
    Negotiate: OPTNEG V2 EMPTY EMPTY Some(Wait::Negotiation), Some(Stage::Negotiated), Negotiated;
    /// MACRO.
    #[doc(alias = "SMFIC_MACRO")]
    Macros: MACRO V2 EMPTY EMPTY None, None, Start;
    /// CONNECT.
    #[doc(alias = "SMFIC_CONNECT")] #[doc(alias = "xxfi_connect")]
    Connect: CONNECT V2 NO_CONNECT NO_REPLY_CONNECT Some(Wait::Reply), Some(Stage::Connected), Connected;
    /// HELO.
    #[doc(alias = "SMFIC_HELO")] #[doc(alias = "xxfi_helo")]
    Helo: HELO V2 NO_HELO NO_REPLY_HELO Some(Wait::Reply), Some(Stage::Greeted), Greeted;
    /// MAIL.
    #[doc(alias = "SMFIC_MAIL")] #[doc(alias = "xxfi_envfrom")]
    MailFrom: MAIL V2 NO_MAIL NO_REPLY_MAIL Some(Wait::Reply), Some(Stage::Mail), Mail;
    /// RCPT.
    #[doc(alias = "SMFIC_RCPT")] #[doc(alias = "xxfi_envrcpt")]
    RcptTo: RCPT V2 NO_RCPT NO_REPLY_RCPT Some(Wait::Reply), Some(Stage::Recipients), Recipients;
    /// DATA.
    #[doc(alias = "SMFIC_DATA")] #[doc(alias = "xxfi_data")]
    Data: DATA V4 NO_DATA NO_REPLY_DATA Some(Wait::Reply), Some(Stage::Data), Data;
    /// HEADER.
    #[doc(alias = "SMFIC_HEADER")] #[doc(alias = "xxfi_header")]
    Header: HEADER V2 NO_HEADERS NO_REPLY_HEADER Some(Wait::Content), Some(Stage::Headers), Headers;
    /// EOH.
    #[doc(alias = "SMFIC_EOH")] #[doc(alias = "xxfi_eoh")]
    EndOfHeaders: EOH V2 NO_END_OF_HEADERS NO_REPLY_END_OF_HEADERS Some(Wait::Content),
        Some(Stage::EndOfHeaders), EndOfHeaders;
    /// BODY.
    #[doc(alias = "SMFIC_BODY")] #[doc(alias = "xxfi_body")]
    Body: BODY V2 NO_BODY NO_REPLY_BODY Some(Wait::Content), Some(Stage::Body), Body;
    /// BODYEOB.
    #[doc(alias = "SMFIC_BODYEOB")] #[doc(alias = "xxfi_eom")]
    EndOfMessage: BODYEOB V2 EMPTY EMPTY Some(Wait::EndOfMessage), Some(Stage::EndOfMessage), EndOfMessage;
    /// UNKNOWN.
    #[doc(alias = "SMFIC_UNKNOWN")] #[doc(alias = "xxfi_unknown")]
    Unknown: UNKNOWN V3 NO_UNKNOWN NO_REPLY_UNKNOWN Some(Wait::Reply), None, Unknown;
    /// ABORT.
    #[doc(alias = "SMFIC_ABORT")] #[doc(alias = "xxfi_abort")]
    Abort: ABORT V2 EMPTY EMPTY None, None, Aborted;
    /// QUIT.
    #[doc(alias = "SMFIC_QUIT")] #[doc(alias = "xxfi_close")]
    Quit: QUIT V2 EMPTY EMPTY None, Some(Stage::Closed), Closed;
    /// QUIT_NC.
    #[doc(alias = "SMFIC_QUIT_NC")] #[doc(alias = "xxfi_close")]
    QuitNewConnection: QUIT_NC V6 EMPTY EMPTY None, Some(Stage::Negotiated), Reconnecting;
}

/// The commands that end a message which is in progress, as ABORT does. SPEC_NOTES ORD-32.
pub(crate) const ENDS_MESSAGE: Kinds = {
    use CommandKind::{Abort, Connect, Helo, MailFrom, Negotiate, Quit, QuitNewConnection};
    Kinds::of(&[Negotiate, Connect, Helo, MailFrom, Abort, Quit, QuitNewConnection])
};

/// The commands that may follow at a stage, apart from those that follow past an optional stage.
///
/// The strict column is what the robust law calls in order. The other one is `next_states` in
/// libmilter/engine.c. SPEC_NOTES ORD-27 to ORD-31.
#[inline]
pub(crate) const fn next(law: Law, stage: Stage) -> Kinds {
    use CommandKind::{
        Abort, Body, Connect, Data, EndOfHeaders, EndOfMessage, Header, Helo, Macros, MailFrom, Negotiate,
        Quit, QuitNewConnection, RcptTo, Unknown,
    };
    /// Macros and the end of the connection may come anywhere, once it has begun.
    const fn row(strict: &[CommandKind], libmilter: &[CommandKind]) -> (Kinds, Kinds) {
        let always = Kinds::of(&[Macros, Quit]);
        (Kinds::of(strict).and(always), Kinds::of(libmilter).and(always))
    }
    let (strict, libmilter) = match stage {
        Stage::Start => const { (Kinds::of(&[Negotiate, Quit]), Kinds::of(&[Negotiate, Macros, Quit])) },
        // ABORT here would send libmilter back to HELO, and CONNECT would be ignored.
        Stage::Negotiated => const { row(&[Connect], &[Connect, Unknown]) },
        Stage::Connected | Stage::Greeted => {
            const { row(&[Helo, MailFrom, Unknown, Abort, QuitNewConnection], &[Helo, MailFrom, Unknown]) }
        }
        Stage::Mail => const { row(&[RcptTo, Helo, MailFrom, Unknown, Abort], &[RcptTo, Abort, Unknown]) },
        Stage::Recipients => {
            const {
                row(
                    &[RcptTo, Data, Helo, MailFrom, Unknown, Abort],
                    &[RcptTo, Data, Header, EndOfHeaders, Body, EndOfMessage, Abort, Unknown],
                )
            }
        }
        // Until the first header, somebody else may refuse DATA: the SMTP client then goes on with the envelope.
        Stage::Data => {
            const {
                row(
                    &[Header, EndOfHeaders, RcptTo, Data, Helo, MailFrom, Unknown, Abort],
                    &[Header, EndOfHeaders, Abort],
                )
            }
        }
        Stage::Headers => const { row(&[Header, EndOfHeaders, Abort], &[Header, EndOfHeaders, Abort]) },
        Stage::EndOfHeaders | Stage::Body => {
            const { row(&[Body, EndOfMessage, Abort], &[Body, EndOfMessage, Abort]) }
        }
        Stage::EndOfMessage => const { row(&[], &[MailFrom, QuitNewConnection, Unknown]) },
        Stage::Unknown => {
            const { row(&[], &[Helo, MailFrom, RcptTo, Data, Body, Abort, Unknown, QuitNewConnection]) }
        }
        Stage::Reconnecting => const { row(&[], &[Connect, Unknown]) },
        Stage::Aborted => const { row(&[], &[]) },
        // milter-manager sends ABORT there.
        Stage::Decided => const { row(&[Abort], &[]) },
        Stage::Closed => const { (Kinds::of(&[]), Kinds::of(&[])) },
    };
    match law {
        Law::Strict | Law::Robust => strict,
        Law::Libmilter => libmilter,
    }
}

/// What a verdict does, apart from answering the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// The session continues.
    Continue,
    /// The SMTP command is refused; nothing else changes.
    RejectCommand,
    /// This recipient is refused; the message continues.
    RejectRecipient,
    /// DATA is refused; the envelope stays, and RCPT or DATA may follow.
    RejectData,
    /// The message is over: accepted, refused or discarded.
    EndMessage,
    /// The connection is settled: accepted or refused as a whole.
    EndConnection,
    /// No more BODY for this message.
    SkipBody,
    /// Not defined for this command. MTAs differ, and some misbehave.
    NoEffect,
    /// Not a reply to this command.
    Invalid,
}

/// The verdicts, in the order of the columns of [`effects`]. `Reply` has the column of `Reject`.
pub(crate) const VERDICTS: [Verdict<'static>; 8] = [
    Verdict::Continue,
    Verdict::Accept,
    Verdict::Reject,
    Verdict::Tempfail,
    Verdict::Discard,
    Verdict::Skip,
    Verdict::Shutdown,
    Verdict::ConnectionFail,
];

/// What each verdict does to a command that gets one.
///
/// SPEC_NOTES SCP-1 to SCP-9. `NoEffect` marks the cells in which MTAs differ: DISCARD to CONNECT turns all
/// filtering off in Sendmail, and ACCEPT or DISCARD to UNKNOWN crashes Postfix.
pub(crate) const fn effects(command: CommandKind) -> Option<[Effect; 8]> {
    use Effect::{
        Continue as Go, EndConnection as Conn, EndMessage as Msg, Invalid as No, NoEffect as Undef,
        RejectCommand as Cmd, RejectData as Data, RejectRecipient as Rcpt, SkipBody,
    };
    Some(match command {
        // CONTINUE, ACCEPT, REJECT, TEMPFAIL, DISCARD, SKIP, SHUTDOWN, CONN_FAIL
        CommandKind::Connect | CommandKind::Helo => [Go, Conn, Conn, Conn, Undef, No, Conn, No],
        CommandKind::MailFrom | CommandKind::Header | CommandKind::EndOfHeaders => {
            [Go, Msg, Msg, Msg, Msg, No, Conn, No]
        }
        CommandKind::RcptTo => [Go, Msg, Rcpt, Rcpt, Msg, No, Conn, No],
        CommandKind::Data => [Go, Msg, Data, Data, Msg, No, Conn, No],
        CommandKind::Body => [Go, Msg, Msg, Msg, Msg, SkipBody, Conn, No],
        CommandKind::EndOfMessage => [Msg, Msg, Msg, Msg, Msg, No, Conn, No],
        CommandKind::Unknown => [Go, Undef, Cmd, Cmd, Undef, No, Conn, No],
        CommandKind::Negotiate
        | CommandKind::Macros
        | CommandKind::Abort
        | CommandKind::Quit
        | CommandKind::QuitNewConnection => return None,
    })
}

/// What a verdict on a command does.
pub(crate) const fn effect(command: CommandKind, verdict: &Verdict<'_>) -> Effect {
    let Some([proceed, accept, reject, tempfail, discard, skip, shutdown, fail]) = effects(command) else {
        return Effect::Invalid;
    };
    match verdict {
        Verdict::Continue => proceed,
        Verdict::Accept => accept,
        Verdict::Reject | Verdict::Reply(_) => reject,
        Verdict::Tempfail => tempfail,
        Verdict::Discard => discard,
        Verdict::Skip => skip,
        Verdict::Shutdown => shutdown,
        Verdict::ConnectionFail => fail,
    }
}

/// The stage after a verdict with this effect; `None`: it stays. The strict and the robust law.
///
/// Whatever answers the end of a message ends it.
pub(crate) const fn stage_after(command: CommandKind, effect: Effect) -> Option<Stage> {
    match effect {
        Effect::EndMessage => Some(Stage::AFTER_MESSAGE),
        Effect::EndConnection => Some(Stage::Decided),
        Effect::RejectData => Some(Stage::Recipients),
        _ if matches!(command, CommandKind::EndOfMessage) => Some(Stage::AFTER_MESSAGE),
        _ => None,
    }
}

/// The stage after a verdict in libmilter's engine; `None`: it stays. SPEC_NOTES ORD-33.
pub(crate) const fn libmilter_stage_after(command: CommandKind, verdict: &Verdict<'_>) -> Option<Stage> {
    let is_refusal =
        matches!(verdict, Verdict::Reject | Verdict::Tempfail | Verdict::Discard | Verdict::Reply(_));
    let stays = matches!(command, CommandKind::RcptTo | CommandKind::Unknown);
    if matches!(verdict, Verdict::Accept) || is_refusal && !stays { Some(Stage::AFTER_MESSAGE) } else { None }
}

impl CommandKind {
    /// The kind of a command. `None`: not a command that the protocol has.
    #[must_use]
    pub const fn from_command(command: &Command<'_>) -> Option<Self> {
        match command {
            Command::Other(_) => None,
            known => Self::from_code(known.code()),
        }
    }

    /// The code byte.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.row().code
    }

    /// The step by which a filter declines the command.
    #[must_use]
    pub const fn decline_step(self) -> Option<Steps> {
        let step = self.row().decline_step;
        if step.is_empty() { None } else { Some(step) }
    }

    /// The step by which a filter drops the reply to the command.
    #[must_use]
    pub const fn no_reply_step(self) -> Option<Steps> {
        let step = self.row().no_reply_step;
        if step.is_empty() { None } else { Some(step) }
    }

    /// Whether the command gets a reply, unless that was negotiated away.
    #[must_use]
    pub const fn has_reply(self) -> bool {
        self.row().wait.is_some()
    }

    /// The class of the wait for its reply; `None` if it has none. [`Timeouts`](crate::Timeouts) has the durations.
    #[must_use]
    pub const fn wait(self) -> Option<Wait> {
        self.row().wait
    }

    /// The first version that has the command; [`Version::V2`] for all older ones, too.
    #[must_use]
    pub const fn min_version(self) -> Version {
        self.row().min_version
    }

    /// Whether the command belongs to a message: it is not sent once the message is decided.
    pub(crate) const fn is_of_message(self) -> bool {
        matches!(
            self,
            Self::RcptTo | Self::Data | Self::Header | Self::EndOfHeaders | Self::Body | Self::EndOfMessage
        )
    }

    /// Whether the command ends a message that is in progress, as ABORT does.
    pub(crate) const fn ends_message(self) -> bool {
        ENDS_MESSAGE.contains(self.row())
    }
}

/// A set of kinds: a bit for each code. The codes are letters, which their last five bits tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kinds(u32);

impl Kinds {
    pub(crate) const fn of(kinds: &[CommandKind]) -> Self {
        let mut set = Self(0);
        let mut rest = kinds;
        while let Some((kind, tail)) = rest.split_first() {
            set.0 |= 1 << (kind.code() & 31);
            rest = tail;
        }
        set
    }

    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(crate) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    #[inline]
    pub(crate) const fn contains(self, row: &Row) -> bool {
        self.0 & (1 << (row.code & 31)) != 0
    }
}

/// The name as in `SMFIC_*`.
impl fmt::Debug for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name as in `SMFIC_*`.
impl fmt::Display for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(code_name(self.code()).unwrap_or_default())
    }
}
