//! Where MTAs differ in what an edit means.

/// What edits mean: the rules of an MTA.
///
/// | rule | [`POSTFIX`](Self::POSTFIX) | [`SENDMAIL`](Self::SENDMAIL) | SPEC_NOTES |
/// | --- | --- | --- | --- |
/// | ADDHEADER | below all headers | above the first header of that name; else below all | EDT-14 |
/// | INSHEADER counts | the headers that are written | also those of its configuration that are not written, and deleted ones | EDT-15 |
/// | CHGHEADER to a name in another case | writes the new name | keeps the old one | EDT-16 |
/// | a deleted header | is gone: later ones move up | keeps its number for this filter | EDT-17 |
/// | a line of a value without a blank in front | gets a TAB | gets a space | HDR-8 |
/// | ADDRCPT, DELRCPT | the first address of a list | all addresses of a list | EDT-21, EDT-22 |
/// | ADDRCPT of a recipient that is there | adds it again, but no more than once | ignores it | EDT-21 |
/// | arguments of CHGFROM | RET and ENVID | all; without them the old ones stay | EDT-19 |
/// | chunks of a new body with other edits between them | refuses the message for now | accepts them | EDT-5 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EditRules {
    /// A deleted header keeps its place in the list, and headers of the configuration have places there.
    pub(super) has_slots: bool,
    /// ADDHEADER goes above the first header of that name.
    pub(super) adds_above_namesake: bool,
    /// A changed header keeps the spelling of its name.
    pub(super) keeps_spelling: bool,
    /// What is put in front of a line of a value that has no blank.
    pub(super) fold: u8,
    /// ADDRCPT and DELRCPT take all addresses of a list.
    pub(super) takes_lists: bool,
    /// ADDRCPT ignores a recipient that is there already.
    pub(super) ignores_known: bool,
    /// The arguments of CHGFROM that count. `None`: all.
    pub(super) sender_arguments: Option<&'static [&'static str]>,
    /// The arguments of ADDRCPT_PAR that count. `None`: all.
    pub(super) recipient_arguments: Option<&'static [&'static str]>,
    /// Chunks of a new body must come in a row.
    pub(super) body_in_a_row: bool,
    /// An empty header name or address makes Sendmail ignore the edit.
    pub(super) ignores_empty: bool,
}

impl EditRules {
    /// Postfix 3.7 to 3.12.
    pub const POSTFIX: Self = Self {
        has_slots: false,
        adds_above_namesake: false,
        keeps_spelling: false,
        fold: b'\t',
        takes_lists: false,
        ignores_known: false,
        sender_arguments: Some(&["RET", "ENVID"]),
        recipient_arguments: Some(&["NOTIFY", "ORCPT"]),
        body_in_a_row: true,
        ignores_empty: false,
    };

    /// Sendmail 8.17, with the headers of its usual configuration.
    pub const SENDMAIL: Self = Self {
        has_slots: true,
        adds_above_namesake: true,
        keeps_spelling: true,
        fold: b' ',
        takes_lists: true,
        ignores_known: true,
        sender_arguments: None,
        recipient_arguments: None,
        body_in_a_row: false,
        ignores_empty: true,
    };
}

/// The headers of Sendmail's usual configuration, in order. Its own Received stands below the first one.
///
/// # Source
/// sendmail/cf/m4/proto.m4.
pub(super) const SENDMAIL_HEADERS: [(&[u8], Slot); 8] = [
    (b"Return-Path:", Slot::Withheld),
    (b"Resent-Date:", Slot::IfResent),
    (b"Date:", Slot::Written),
    (b"Resent-From:", Slot::IfResent),
    (b"From:", Slot::Written),
    (b"Full-Name:", Slot::Withheld),
    (b"Resent-Message-Id:", Slot::IfResent),
    (b"Message-Id:", Slot::Written),
];

/// Whether a header of the configuration is delivered by SMTP once it has a value.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    Written,
    /// Only in a message that was sent again, which has other Resent headers.
    IfResent,
    /// SMTP mailers do not have the flag that it needs.
    Withheld,
}
