//! Where MTAs differ in what an edit means.

use super::arguments::{POSTFIX_RECIPIENT, POSTFIX_SENDER, Reading, SENDMAIL_RECIPIENT, SENDMAIL_SENDER};

/// What edits mean: the rules of an MTA.
///
/// | rule | [`POSTFIX`](Self::POSTFIX) | [`SENDMAIL`](Self::SENDMAIL) | SPEC_NOTES |
/// | --- | --- | --- | --- |
/// | ADDHEADER | below all headers | above the first header of that name; else below all | EDT-14 |
/// | INSHEADER counts | the headers that are there | also those of its configuration that are not written, and deleted ones | EDT-15 |
/// | CHGHEADER with the name in another case | writes the new name | keeps the old one | EDT-16 |
/// | a deleted header | is gone: later ones move up | keeps its number for this filter | EDT-17 |
/// | a line of a value without a blank in front | gets a TAB | gets a space | EDT-19 |
/// | a long line of a header | stays | is cut after 2,303 bytes, and the name after 200 | EDT-19 |
/// | arguments of CHGFROM | replace those of the same name | replace all | EDT-21 |
/// | ADDRCPT, DELRCPT | the first address of a list | all addresses of a list | EDT-22, EDT-23 |
/// | ADDRCPT_PAR | the first address of a list | up to `>` or the first blank, no list | EDT-22 |
/// | ADDRCPT of a recipient that is there | adds it once more | ignores it | EDT-22 |
/// | chunks of a new body with other edits between them | refuses the message for now | accepts them | EDT-5 |
///
/// Both were compared with the originals: what they delivered after 2,370 sequences of edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EditRules(Mta);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mta {
    Postfix,
    Sendmail,
}

/// The rules, one by one.
pub(super) struct Rules {
    /// A deleted header keeps its place in the list, and headers of the configuration have places there.
    pub(super) has_slots: bool,
    /// ADDHEADER goes above the first header of that name.
    pub(super) adds_above_namesake: bool,
    /// A changed header keeps the spelling of its name.
    pub(super) keeps_spelling: bool,
    /// What is put in front of a line of a value that has no blank.
    pub(super) fold: u8,
    /// Bytes of a header name and of a line of a header from an edit. What is over them is cut off.
    pub(super) max_name: usize,
    pub(super) max_line: usize,
    /// ADDRCPT and DELRCPT take all addresses of a list.
    pub(super) takes_lists: bool,
    /// ADDRCPT_PAR has one address, read like the argument of RCPT.
    pub(super) reads_argument: bool,
    /// ADDRCPT ignores a recipient that is there already.
    pub(super) ignores_known: bool,
    /// Arguments of CHGFROM replace all that the sender had.
    pub(super) resets_arguments: bool,
    /// How the arguments of CHGFROM are read.
    pub(super) sender_arguments: Reading,
    /// How the arguments of ADDRCPT_PAR are read. If one of them ends the list, the recipient is not added.
    pub(super) recipient_arguments: Reading,
    /// The headers end with an empty line even if there is no body.
    pub(super) ends_headers: bool,
    /// Chunks of a new body must come in a row.
    pub(super) body_in_a_row: bool,
    /// An empty header name or address makes Sendmail ignore the edit.
    pub(super) ignores_empty: bool,
}

impl EditRules {
    /// Postfix 3.7 to 3.12.
    pub const POSTFIX: Self = Self(Mta::Postfix);

    /// Sendmail 8.17, with the headers of its usual configuration.
    pub const SENDMAIL: Self = Self(Mta::Sendmail);

    pub(super) const fn table(self) -> &'static Rules {
        match self.0 {
            Mta::Postfix => &POSTFIX,
            Mta::Sendmail => &SENDMAIL,
        }
    }
}

const POSTFIX: Rules = Rules {
    has_slots: false,
    adds_above_namesake: false,
    keeps_spelling: false,
    fold: b'\t',
    max_name: usize::MAX,
    max_line: usize::MAX,
    takes_lists: false,
    reads_argument: false,
    ignores_known: false,
    resets_arguments: false,
    sender_arguments: POSTFIX_SENDER,
    recipient_arguments: POSTFIX_RECIPIENT,
    ends_headers: false,
    body_in_a_row: true,
    ignores_empty: false,
};

const SENDMAIL: Rules = Rules {
    has_slots: true,
    adds_above_namesake: true,
    keeps_spelling: true,
    fold: b' ',
    max_name: 200,
    max_line: 2303,
    takes_lists: true,
    reads_argument: true,
    ignores_known: true,
    resets_arguments: true,
    sender_arguments: SENDMAIL_SENDER,
    recipient_arguments: SENDMAIL_RECIPIENT,
    ends_headers: true,
    body_in_a_row: false,
    ignores_empty: true,
};

/// The headers of Sendmail's usual configuration, in order. Its own Received stands below the first one.
///
/// # Source
/// sendmail/cf/m4/proto.m4.
pub(super) const SENDMAIL_HEADERS: [&[u8]; 8] = [
    b"Return-Path:",
    b"Resent-Date:",
    b"Date:",
    b"Resent-From:",
    b"From:",
    b"Full-Name:",
    b"Resent-Message-Id:",
    b"Message-Id:",
];

/// Whether Sendmail does not send a header on by SMTP, although it has a value. Headers that tell that a message was sent
/// again need a message that was.
///
/// # Source
/// `HdrInfo` in sendmail/conf.c, `putheader` in sendmail/headers.c. SPEC_NOTES EDT-18.
pub(super) fn is_withheld_by_sendmail(name: &[u8], is_message_resent: bool) -> bool {
    const WITHHELD: [&[u8]; 5] = [b"Return-Path", b"Full-Name", b"Content-Length", b"Bcc", b"Resent-Bcc"];
    WITHHELD.iter().any(|withheld| name.eq_ignore_ascii_case(withheld))
        || is_resent(name) && !is_message_resent
}

/// Whether a header tells that the message was sent again.
pub(super) fn is_resent(name: &[u8]) -> bool {
    const RESENT: [&[u8]; 8] = [
        b"Resent-Date",
        b"Resent-From",
        b"Resent-Sender",
        b"Resent-Reply-To",
        b"Resent-To",
        b"Resent-Cc",
        b"Resent-Bcc",
        b"Resent-Message-Id",
    ];
    RESENT.iter().any(|resent| name.eq_ignore_ascii_case(resent))
}
