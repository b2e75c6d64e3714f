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

/// The code bytes of commands: `SMFIC_*` in libmilter/mfdef.h.
pub mod command {
    /// The message is abandoned; the connection goes on. No reply.
    #[doc(alias = "SMFIC_ABORT")]
    pub const ABORT: u8 = b'A';
    /// A piece of the body.
    #[doc(alias = "SMFIC_BODY")]
    pub const BODY: u8 = b'B';
    /// The client's name and address.
    #[doc(alias = "SMFIC_CONNECT")]
    pub const CONNECT: u8 = b'C';
    /// Macros for the command that follows. No reply.
    #[doc(alias = "SMFIC_MACRO")]
    pub const MACRO: u8 = b'D';
    /// End of the body, and of the message.
    #[doc(alias = "SMFIC_BODYEOB")]
    pub const BODYEOB: u8 = b'E';
    /// The argument of HELO or EHLO.
    #[doc(alias = "SMFIC_HELO")]
    pub const HELO: u8 = b'H';
    /// The SMTP session ends, and another one follows on the same connection. No reply.
    #[doc(alias = "SMFIC_QUIT_NC")]
    pub const QUIT_NC: u8 = b'K';
    /// One header.
    #[doc(alias = "SMFIC_HEADER")]
    pub const HEADER: u8 = b'L';
    /// The sender.
    #[doc(alias = "SMFIC_MAIL")]
    pub const MAIL: u8 = b'M';
    /// End of the headers.
    #[doc(alias = "SMFIC_EOH")]
    pub const EOH: u8 = b'N';
    /// The MTA's offer; the filter's answer has the same code.
    #[doc(alias = "SMFIC_OPTNEG")]
    pub const OPTNEG: u8 = b'O';
    /// End of the connection. No reply.
    #[doc(alias = "SMFIC_QUIT")]
    pub const QUIT: u8 = b'Q';
    /// One recipient.
    #[doc(alias = "SMFIC_RCPT")]
    pub const RCPT: u8 = b'R';
    /// The SMTP command DATA. Since version 4.
    #[doc(alias = "SMFIC_DATA")]
    pub const DATA: u8 = b'T';
    /// An SMTP command that the MTA does not know. Since version 3.
    #[doc(alias = "SMFIC_UNKNOWN")]
    pub const UNKNOWN: u8 = b'U';
}

/// The code bytes of responses: `SMFIR_*` in libmilter/mfdef.h.
pub mod response {
    pub use super::command::OPTNEG;

    /// Add a recipient.
    #[doc(alias = "SMFIR_ADDRCPT")]
    pub const ADDRCPT: u8 = b'+';
    /// Remove a recipient.
    #[doc(alias = "SMFIR_DELRCPT")]
    pub const DELRCPT: u8 = b'-';
    /// Add a recipient with ESMTP arguments.
    #[doc(alias = "SMFIR_ADDRCPT_PAR")]
    pub const ADDRCPT_PAR: u8 = b'2';
    /// Answer 421 and close. Postfix honours it; Sendmail does not know it (RSP-18).
    #[doc(alias = "SMFIR_SHUTDOWN")]
    pub const SHUTDOWN: u8 = b'4';
    /// Accept the message, or the connection.
    #[doc(alias = "SMFIR_ACCEPT")]
    pub const ACCEPT: u8 = b'a';
    /// Replace the body.
    #[doc(alias = "SMFIR_REPLBODY")]
    pub const REPLBODY: u8 = b'b';
    /// Continue.
    #[doc(alias = "SMFIR_CONTINUE")]
    pub const CONTINUE: u8 = b'c';
    /// Accept the message and throw it away.
    #[doc(alias = "SMFIR_DISCARD")]
    pub const DISCARD: u8 = b'd';
    /// Change the sender.
    #[doc(alias = "SMFIR_CHGFROM")]
    pub const CHGFROM: u8 = b'e';
    /// Cause a connection failure. Reserved; neither Sendmail nor Postfix honours it.
    #[doc(alias = "SMFIR_CONN_FAIL")]
    pub const CONN_FAIL: u8 = b'f';
    /// Add a header.
    #[doc(alias = "SMFIR_ADDHEADER")]
    pub const ADDHEADER: u8 = b'h';
    /// Insert a header at a position.
    #[doc(alias = "SMFIR_INSHEADER")]
    pub const INSHEADER: u8 = b'i';
    /// Set a macro list. Reserved; macro lists are sent in the answer to OPTNEG.
    #[doc(alias = "SMFIR_SETSYMLIST")]
    pub const SETSYMLIST: u8 = b'l';
    /// Change or delete a header.
    #[doc(alias = "SMFIR_CHGHEADER")]
    pub const CHGHEADER: u8 = b'm';
    /// Not finished yet: wait longer.
    #[doc(alias = "SMFIR_PROGRESS")]
    pub const PROGRESS: u8 = b'p';
    /// Accept the message and hold it.
    #[doc(alias = "SMFIR_QUARANTINE")]
    pub const QUARANTINE: u8 = b'q';
    /// Refuse with a 5xx reply of the MTA's choice.
    #[doc(alias = "SMFIR_REJECT")]
    pub const REJECT: u8 = b'r';
    /// Send no more commands of this kind.
    #[doc(alias = "SMFIR_SKIP")]
    pub const SKIP: u8 = b's';
    /// Refuse with a 4xx reply of the MTA's choice.
    #[doc(alias = "SMFIR_TEMPFAIL")]
    pub const TEMPFAIL: u8 = b't';
    /// Refuse with this SMTP reply.
    #[doc(alias = "SMFIR_REPLYCODE")]
    pub const REPLYCODE: u8 = b'y';
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

/// One row for each code byte.
pub(crate) const CODES: [Row; 35] = {
    use Direction::{ToFilter, ToMta};
    use Layout::{Bare, Connect, IndexTexts, Optneg, Raw, StageTexts, Texts};
    const fn row(code: u8, direction: Option<Direction>, name: &'static str, layout: Layout) -> Row {
        Row { code, direction, name, layout }
    }
    [
        row(command::ABORT, Some(ToFilter), "ABORT", Bare),
        row(command::BODY, Some(ToFilter), "BODY", Raw),
        row(command::CONNECT, Some(ToFilter), "CONNECT", Connect),
        row(command::MACRO, Some(ToFilter), "MACRO", StageTexts),
        row(command::BODYEOB, Some(ToFilter), "BODYEOB", Raw),
        row(command::HELO, Some(ToFilter), "HELO", Texts),
        row(command::QUIT_NC, Some(ToFilter), "QUIT_NC", Bare),
        row(command::HEADER, Some(ToFilter), "HEADER", Texts),
        row(command::MAIL, Some(ToFilter), "MAIL", Texts),
        row(command::EOH, Some(ToFilter), "EOH", Bare),
        row(command::OPTNEG, None, "OPTNEG", Optneg),
        row(command::QUIT, Some(ToFilter), "QUIT", Bare),
        row(command::RCPT, Some(ToFilter), "RCPT", Texts),
        row(command::DATA, Some(ToFilter), "DATA", Bare),
        row(command::UNKNOWN, Some(ToFilter), "UNKNOWN", Texts),
        row(response::ADDRCPT, Some(ToMta), "ADDRCPT", Texts),
        row(response::DELRCPT, Some(ToMta), "DELRCPT", Texts),
        row(response::ADDRCPT_PAR, Some(ToMta), "ADDRCPT_PAR", Texts),
        row(response::SHUTDOWN, Some(ToMta), "SHUTDOWN", Bare),
        row(response::ACCEPT, Some(ToMta), "ACCEPT", Bare),
        row(response::REPLBODY, Some(ToMta), "REPLBODY", Raw),
        row(response::CONTINUE, Some(ToMta), "CONTINUE", Bare),
        row(response::DISCARD, Some(ToMta), "DISCARD", Bare),
        row(response::CHGFROM, Some(ToMta), "CHGFROM", Texts),
        row(response::CONN_FAIL, Some(ToMta), "CONN_FAIL", Bare),
        row(response::ADDHEADER, Some(ToMta), "ADDHEADER", Texts),
        row(response::INSHEADER, Some(ToMta), "INSHEADER", IndexTexts),
        row(response::SETSYMLIST, Some(ToMta), "SETSYMLIST", Raw),
        row(response::CHGHEADER, Some(ToMta), "CHGHEADER", IndexTexts),
        row(response::PROGRESS, Some(ToMta), "PROGRESS", Bare),
        row(response::QUARANTINE, Some(ToMta), "QUARANTINE", Texts),
        row(response::REJECT, Some(ToMta), "REJECT", Bare),
        row(response::SKIP, Some(ToMta), "SKIP", Bare),
        row(response::TEMPFAIL, Some(ToMta), "TEMPFAIL", Bare),
        row(response::REPLYCODE, Some(ToMta), "REPLYCODE", Texts),
    ]
};

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
