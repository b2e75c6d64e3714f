//! Which macros Sendmail and Postfix send to a filter that does not ask for others.

use crate::debug::debug_fields;
use crate::wire::{MacroStage, Text};

/// The macros that an MTA sends by default, by stage.
///
/// # Examples
/// ```
/// use milter_proto::macros::MacroDefaults;
/// use milter_proto::wire::MacroStage;
///
/// assert_eq!(MacroDefaults::POSTFIX.names(MacroStage::RCPT), "i {rcpt_addr} {rcpt_host} {rcpt_mailer}");
/// assert_eq!(MacroDefaults::SENDMAIL.names(MacroStage::END_OF_MESSAGE), "{msg_id}");
/// assert_eq!(MacroDefaults::SENDMAIL.names(MacroStage::DATA), "");
/// ```
///
/// # Source
/// Sendmail cf/m4/cfhead.m4; Postfix src/global/mail_params.h. SPEC_NOTES MAC-16.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacroDefaults {
    connect: Text<'static>,
    helo: Text<'static>,
    mail: Text<'static>,
    rcpt: Text<'static>,
    data: Text<'static>,
    end_of_headers: Text<'static>,
    end_of_message: Text<'static>,
}

debug_fields!(MacroDefaults { connect, helo, mail, rcpt, data, end_of_headers, end_of_message });

/// The macros of HELO are the same for both MTAs.
const HELO: Text<'static> =
    Text::from_c_str(c"{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}");

impl MacroDefaults {
    /// No macros.
    pub const NONE: Self = Self {
        connect: Text::EMPTY,
        helo: Text::EMPTY,
        mail: Text::EMPTY,
        rcpt: Text::EMPTY,
        data: Text::EMPTY,
        end_of_headers: Text::EMPTY,
        end_of_message: Text::EMPTY,
    };

    /// Sendmail 8.17.
    pub const SENDMAIL: Self = Self {
        connect: Text::from_c_str(c"j _ {daemon_name} {if_name} {if_addr}"),
        helo: HELO,
        mail: Text::from_c_str(
            c"i {auth_type} {auth_authen} {auth_ssf} {auth_author} {mail_mailer} {mail_host} {mail_addr}",
        ),
        rcpt: Text::from_c_str(c"{rcpt_mailer} {rcpt_host} {rcpt_addr}"),
        data: Text::EMPTY,
        end_of_headers: Text::EMPTY,
        end_of_message: Text::from_c_str(c"{msg_id}"),
    };

    /// Postfix 3.5 and later.
    pub const POSTFIX: Self = Self {
        connect: Text::from_c_str(c"j {daemon_name} {daemon_addr} v _"),
        helo: HELO,
        mail: Text::from_c_str(
            c"i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
        ),
        rcpt: Text::from_c_str(c"i {rcpt_addr} {rcpt_host} {rcpt_mailer}"),
        data: Text::from_c_str(c"i"),
        end_of_headers: Text::from_c_str(c"i"),
        end_of_message: Text::from_c_str(c"i"),
    };

    /// Postfix 3.2 to 3.4.
    pub const POSTFIX_3_2: Self =
        Self { connect: Text::from_c_str(c"j {daemon_name} {daemon_addr} v"), ..Self::POSTFIX };

    /// Postfix up to 3.1.
    pub const POSTFIX_3_1: Self = Self { connect: Text::from_c_str(c"j {daemon_name} v"), ..Self::POSTFIX };

    /// The names for a stage, separated by blanks. Empty if there are none, or if libmilter ignores macros of the stage.
    #[must_use]
    pub const fn names(self, stage: MacroStage) -> Text<'static> {
        match stage {
            MacroStage::CONNECT => self.connect,
            MacroStage::HELO => self.helo,
            MacroStage::MAIL => self.mail,
            MacroStage::RCPT => self.rcpt,
            MacroStage::DATA => self.data,
            MacroStage::END_OF_HEADERS => self.end_of_headers,
            MacroStage::END_OF_MESSAGE => self.end_of_message,
            _ => Text::EMPTY,
        }
    }
}
