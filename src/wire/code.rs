//! The code bytes of both directions, and their names.

use core::fmt;

/// The direction of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a stream has two directions")]
pub enum Direction {
    /// From the MTA to the filter: a command.
    ToFilter,
    /// From the filter to the MTA: a response.
    ToMta,
}

/// Makes the constants of both directions, and the rows of [`CODES`], of one row for each code: what it is, its name, its
/// byte, and how its payload is laid out.
macro_rules! codes {
    (
        commands { $($(#[$command_doc:meta])* $command:ident = $command_byte:literal, $command_layout:ident;)* }
        responses { $($(#[$response_doc:meta])* $response:ident = $response_byte:literal, $response_layout:ident;)* }
    ) => {
        /// The code bytes of commands: `SMFIC_*` in libmilter/mfdef.h.
        pub mod command {
            $($(#[$command_doc])* pub const $command: u8 = $command_byte;)*
        }

        /// The code bytes of responses: `SMFIR_*` in libmilter/mfdef.h.
        pub mod response {
            pub use super::command::OPTNEG;

            $($(#[$response_doc])* pub const $response: u8 = $response_byte;)*
        }

        /// One row for each code byte.
        pub(crate) const CODES: [Row; [$($command_byte,)* $($response_byte),*].len()] = [
            $(Row::new($command_byte, Direction::ToFilter, stringify!($command), Layout::$command_layout),)*
            $(Row::new($response_byte, Direction::ToMta, stringify!($response), Layout::$response_layout),)*
        ];
    };
}

codes! {
    commands {
        /// The message is abandoned; the connection goes on. No reply.
        #[doc(alias = "SMFIC_ABORT")]
        ABORT = b'A', Bare;
        /// A piece of the body.
        #[doc(alias = "SMFIC_BODY")]
        BODY = b'B', Raw;
        /// The client's name and address.
        #[doc(alias = "SMFIC_CONNECT")]
        CONNECT = b'C', Connect;
        /// Macros for the command that follows. No reply.
        #[doc(alias = "SMFIC_MACRO")]
        MACRO = b'D', StageTexts;
        /// End of the body, and of the message.
        #[doc(alias = "SMFIC_BODYEOB")]
        BODYEOB = b'E', Raw;
        /// The argument of HELO or EHLO.
        #[doc(alias = "SMFIC_HELO")]
        HELO = b'H', Texts;
        /// The SMTP session ends, and another one follows on the same connection. No reply.
        #[doc(alias = "SMFIC_QUIT_NC")]
        QUIT_NC = b'K', Bare;
        /// One header.
        #[doc(alias = "SMFIC_HEADER")]
        HEADER = b'L', Texts;
        /// The sender.
        #[doc(alias = "SMFIC_MAIL")]
        MAIL = b'M', Texts;
        /// End of the headers.
        #[doc(alias = "SMFIC_EOH")]
        EOH = b'N', Bare;
        /// The MTA's offer; the filter's answer has the same code.
        #[doc(alias = "SMFIC_OPTNEG")]
        OPTNEG = b'O', Optneg;
        /// End of the connection. No reply.
        #[doc(alias = "SMFIC_QUIT")]
        QUIT = b'Q', Bare;
        /// One recipient.
        #[doc(alias = "SMFIC_RCPT")]
        RCPT = b'R', Texts;
        /// The SMTP command DATA. Since version 4.
        #[doc(alias = "SMFIC_DATA")]
        DATA = b'T', Bare;
        /// An SMTP command that the MTA does not know. Since version 3.
        #[doc(alias = "SMFIC_UNKNOWN")]
        UNKNOWN = b'U', Texts;
    }
    responses {
        /// Add a recipient.
        #[doc(alias = "SMFIR_ADDRCPT")]
        ADDRCPT = b'+', Texts;
        /// Remove a recipient.
        #[doc(alias = "SMFIR_DELRCPT")]
        DELRCPT = b'-', Texts;
        /// Add a recipient with ESMTP arguments.
        #[doc(alias = "SMFIR_ADDRCPT_PAR")]
        ADDRCPT_PAR = b'2', Texts;
        /// Answer 421 and close. Postfix honours it; Sendmail does not know it (RSP-18).
        #[doc(alias = "SMFIR_SHUTDOWN")]
        SHUTDOWN = b'4', Bare;
        /// Accept the message, or the connection.
        #[doc(alias = "SMFIR_ACCEPT")]
        ACCEPT = b'a', Bare;
        /// Replace the body.
        #[doc(alias = "SMFIR_REPLBODY")]
        REPLBODY = b'b', Raw;
        /// Continue.
        #[doc(alias = "SMFIR_CONTINUE")]
        CONTINUE = b'c', Bare;
        /// Accept the message and throw it away.
        #[doc(alias = "SMFIR_DISCARD")]
        DISCARD = b'd', Bare;
        /// Change the sender.
        #[doc(alias = "SMFIR_CHGFROM")]
        CHGFROM = b'e', Texts;
        /// Cause a connection failure. Reserved; neither Sendmail nor Postfix honours it.
        #[doc(alias = "SMFIR_CONN_FAIL")]
        CONN_FAIL = b'f', Bare;
        /// Add a header.
        #[doc(alias = "SMFIR_ADDHEADER")]
        ADDHEADER = b'h', Texts;
        /// Insert a header at a position.
        #[doc(alias = "SMFIR_INSHEADER")]
        INSHEADER = b'i', IndexTexts;
        /// Set a macro list. Reserved; macro lists are sent in the answer to OPTNEG.
        #[doc(alias = "SMFIR_SETSYMLIST")]
        SETSYMLIST = b'l', Raw;
        /// Change or delete a header.
        #[doc(alias = "SMFIR_CHGHEADER")]
        CHGHEADER = b'm', IndexTexts;
        /// Not finished yet: wait longer.
        #[doc(alias = "SMFIR_PROGRESS")]
        PROGRESS = b'p', Bare;
        /// Accept the message and hold it.
        #[doc(alias = "SMFIR_QUARANTINE")]
        QUARANTINE = b'q', Texts;
        /// Refuse with a 5xx reply of the MTA's choice.
        #[doc(alias = "SMFIR_REJECT")]
        REJECT = b'r', Bare;
        /// Send no more commands of this kind.
        #[doc(alias = "SMFIR_SKIP")]
        SKIP = b's', Bare;
        /// Refuse with a 4xx reply of the MTA's choice.
        #[doc(alias = "SMFIR_TEMPFAIL")]
        TEMPFAIL = b't', Bare;
        /// Refuse with this SMTP reply.
        #[doc(alias = "SMFIR_REPLYCODE")]
        REPLYCODE = b'y', Texts;
    }
}

/// How a payload is laid out: the column that printing and reading a transcript share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// No payload.
    Bare,
    /// Bytes as they are; none at all is written as nothing.
    Raw,
    /// NUL-terminated texts.
    Texts,
    /// A word, then NUL-terminated texts.
    IndexTexts,
    /// A stage byte, then NUL-terminated texts.
    StageTexts,
    /// Text, family byte, port, text; or text and family byte.
    Connect,
    /// Three words, then a word and a text any number of times.
    Optneg,
}

/// What is known about a code byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) code: u8,
    /// `None`: both.
    pub(crate) direction: Option<Direction>,
    pub(crate) name: &'static str,
    pub(crate) layout: Layout,
}

impl Row {
    const fn new(code: u8, direction: Direction, name: &'static str, layout: Layout) -> Self {
        // OPTNEG is the only code of both directions.
        let direction = if code == command::OPTNEG { None } else { Some(direction) };
        Self { code, direction, name, layout }
    }
}

/// The name of a code byte without its prefix, such as `MAIL` or `CONTINUE`; `None` if the code is unknown.
///
/// No byte has two meanings. Only `O` occurs in both directions, and it is OPTNEG in both.
#[must_use]
pub fn name(code: u8) -> Option<&'static str> {
    CODES.iter().find(|row| row.code == code).map(|row| row.name)
}

/// The command that macros are sent for: the first byte of a MACRO payload.
///
/// libmilter uses seven stages. Postfix also sends macros for HEADER, BODY and UNKNOWN, so a stage can hold any byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacroStage(u8);

impl MacroStage {
    /// Before CONNECT.
    pub const CONNECT: Self = Self(command::CONNECT);
    /// Before HELO.
    pub const HELO: Self = Self(command::HELO);
    /// Before MAIL.
    pub const MAIL: Self = Self(command::MAIL);
    /// Before RCPT.
    pub const RCPT: Self = Self(command::RCPT);
    /// Before DATA.
    pub const DATA: Self = Self(command::DATA);
    /// Before the end of the headers.
    pub const END_OF_HEADERS: Self = Self(command::EOH);
    /// Before the end of the message.
    pub const END_OF_MESSAGE: Self = Self(command::BODYEOB);

    /// The stage of any command byte.
    #[must_use]
    pub const fn new(command: u8) -> Self {
        Self(command)
    }

    /// The command byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Whether libmilter keeps macros of this stage. It ignores all others.
    ///
    /// # Source
    /// `st_macros` in libmilter/engine.c. SPEC_NOTES MAC-3.
    #[must_use]
    pub const fn is_kept(self) -> bool {
        matches!(self.0, b'C' | b'H' | b'M' | b'R' | b'T' | b'N' | b'E')
    }
}

impl fmt::Debug for MacroStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#04x}", self.0),
        }
    }
}
