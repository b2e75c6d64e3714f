//! The ESMTP arguments of CHGFROM and ADDRCPT_PAR that an MTA honours.

use alloc::vec::Vec;
use core::ffi::CStr;

use crate::wire::{Text, TextList, TextListBuf};

/// A keyword, and what becomes of an argument with this value, if the MTA accepts it.
pub(super) type Known = (&'static str, for<'t> fn(Text<'t>, &'t [u8]) -> Option<Text<'t>>);

/// How an MTA reads the arguments of one edit.
pub(super) struct Reading {
    /// The keywords that it knows.
    pub(super) known: &'static [Known],
    /// Whether an argument counts in the place of an earlier one with the same keyword.
    pub(super) replaces: for<'t> fn(Text<'t>) -> bool,
    /// Whether it accepts this keyword and value, but complains, and reads no further: told whether the keyword is repeated.
    pub(super) ends_with: fn(&[u8], &[u8], bool) -> bool,
    /// The first that it does not know, or does not accept, ends the list.
    pub(super) ends_at_unknown: bool,
}

/// CHGFROM in Postfix.
pub(super) const POSTFIX_SENDER: Reading = Reading {
    known: &[("RET", known_ret), ("ENVID", envid)],
    replaces: |_| true,
    ends_with: |_, _, _| false,
    ends_at_unknown: false,
};
/// ADDRCPT_PAR in Postfix.
pub(super) const POSTFIX_RECIPIENT: Reading = Reading {
    known: &[("NOTIFY", notify), ("ORCPT", orcpt)],
    replaces: |_| false,
    ends_with: |_, _, _| false,
    ends_at_unknown: false,
};
/// CHGFROM in Sendmail: `mail_esmtp_args` in sendmail/srvrsmtp.c. SPEC_NOTES EDT-21.
pub(super) const SENDMAIL_SENDER: Reading = Reading {
    known: &[
        ("RET", any_ret),
        ("ENVID", any),
        ("SIZE", any),
        ("BODY", any),
        ("AUTH", any),
        ("SMTPUTF8", any),
        ("BY", any),
    ],
    replaces: |earlier| !earlier.as_bytes().eq_ignore_ascii_case(b"RET=HDRS"),
    ends_with: |name, value, is_repeated| {
        if name.eq_ignore_ascii_case(b"RET") {
            is_repeated || !is_ret(value)
        } else {
            name.eq_ignore_ascii_case(b"ENVID") && (is_repeated || !is_xtext(value))
        }
    },
    ends_at_unknown: true,
};
/// ADDRCPT_PAR in Sendmail.
pub(super) const SENDMAIL_RECIPIENT: Reading = Reading {
    known: &[("NOTIFY", notify), ("ORCPT", orcpt)],
    replaces: |_| true,
    ends_with: |_, _, _| false,
    ends_at_unknown: true,
};

/// The arguments in the text of an edit.
pub(super) struct Arguments<'t> {
    /// Those that count, one for each keyword.
    pub(super) counted: Vec<Text<'t>>,
    /// Whether there are others.
    pub(super) has_ignored: bool,
    /// Whether the MTA stopped reading at one of them.
    pub(super) is_cut: bool,
}

impl<'t> Arguments<'t> {
    /// Reads the arguments of an edit.
    pub(super) fn read(text: Option<Text<'t>>, reading: &Reading) -> Self {
        let mut found = Self { counted: Vec::new(), has_ignored: false, is_cut: false };
        let words = text.map_or(&[][..], Text::as_bytes).split(u8::is_ascii_whitespace);
        let mut words = words.filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            let (name, value) = split(word);
            let value = value.unwrap_or_default();
            let mut known =
                reading.known.iter().filter(|known| name.eq_ignore_ascii_case(known.0.as_bytes()));
            let accepted = known.find_map(|known| known.1(Text::new(word).ok()?, value));
            let Some(argument) = accepted else {
                found.has_ignored = true;
                found.is_cut = reading.ends_at_unknown;
                if found.is_cut {
                    break;
                }
                continue;
            };
            let earlier = found.counted.iter_mut().find(|counted| has_name(**counted, name));
            let is_last = (reading.ends_with)(name, value, earlier.is_some());
            match earlier {
                None => found.counted.push(argument),
                Some(earlier) if (reading.replaces)(*earlier) => *earlier = argument,
                Some(_) => found.has_ignored = true,
            }
            if is_last {
                found.has_ignored |= words.next().is_some();
                break;
            }
        }
        found
    }

    /// Whether there is one with the keyword of this argument.
    pub(super) fn replace(&self, argument: Text<'_>) -> bool {
        self.counted.iter().any(|counted| has_name(*counted, split(argument.as_bytes()).0))
    }
}

/// The arguments of a recipient that Sendmail brings back: the old ones, with the events of NOTIFY of both. No NOTIFY is
/// FAILURE and DELAY, and NEVER is none.
///
/// # Source
/// `recipient` in sendmail/recipient.c. SPEC_NOTES EDT-22.
pub(super) fn revived(old: TextList<'_>, new: &[Text<'_>]) -> TextListBuf {
    const EVENTS: [&CStr; 3] = [c"SUCCESS", c"FAILURE", c"DELAY"];
    let is_notify = |argument: &Text<'_>| has_name(*argument, b"NOTIFY");
    let notify = [old.iter().find(is_notify), new.iter().copied().find(is_notify)];
    let mut merged: TextListBuf = old.iter().filter(|argument| !is_notify(argument)).collect();
    if notify == [None, None] {
        return merged;
    }
    let asks = |argument: Option<Text<'_>>, event: &CStr| match argument {
        None => event != c"SUCCESS",
        Some(argument) => {
            let value = split(argument.as_bytes()).1.unwrap_or_default();
            value.split(|&byte| byte == b',').any(|asked| asked.eq_ignore_ascii_case(event.to_bytes()))
        }
    };
    let mut text = b"NOTIFY=".to_vec();
    for event in EVENTS.iter().filter(|event| notify.iter().any(|argument| asks(*argument, event))) {
        if !text.ends_with(b"=") {
            text.push(b',');
        }
        text.extend_from_slice(event.to_bytes());
    }
    if text.ends_with(b"=") {
        text.extend_from_slice(b"NEVER");
    }
    merged.extend(Text::new(&text));
    merged
}

/// Whether an argument has this keyword.
fn has_name(argument: Text<'_>, name: &[u8]) -> bool {
    split(argument.as_bytes()).0.eq_ignore_ascii_case(name)
}

/// An argument as keyword and value.
fn split(argument: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = argument.splitn(2, |&byte| byte == b'=');
    (parts.next().unwrap_or_default(), parts.next())
}

fn any<'t>(argument: Text<'t>, _: &'t [u8]) -> Option<Text<'t>> {
    Some(argument)
}

/// FULL or HDRS.
fn known_ret<'t>(argument: Text<'t>, value: &'t [u8]) -> Option<Text<'t>> {
    is_ret(value).then_some(argument)
}

fn is_ret(value: &[u8]) -> bool {
    [&b"FULL"[..], b"HDRS"].iter().any(|known| value.eq_ignore_ascii_case(known))
}

/// HDRS, and anything else for FULL.
fn any_ret<'t>(argument: Text<'t>, value: &'t [u8]) -> Option<Text<'t>> {
    Some(if value.eq_ignore_ascii_case(b"HDRS") { argument } else { Text::from_c_str(c"RET=FULL") })
}

fn envid<'t>(argument: Text<'t>, value: &'t [u8]) -> Option<Text<'t>> {
    is_xtext(value).then_some(argument)
}

fn notify<'t>(argument: Text<'t>, value: &'t [u8]) -> Option<Text<'t>> {
    let is_event = |event: &[u8]| {
        [&b"SUCCESS"[..], b"FAILURE", b"DELAY"].iter().any(|known| event.eq_ignore_ascii_case(known))
    };
    let is_known = value.eq_ignore_ascii_case(b"NEVER") || value.split(|&byte| byte == b',').all(is_event);
    is_known.then_some(argument)
}

/// An address type, and an address in xtext.
fn orcpt<'t>(argument: Text<'t>, value: &'t [u8]) -> Option<Text<'t>> {
    let mut parts = value.splitn(2, |&byte| byte == b';');
    let is_typed = parts.next().is_some_and(|kind| !kind.is_empty());
    (is_typed && parts.next().is_some_and(is_xtext)).then_some(argument)
}

/// Printable bytes, where `+` begins two hexadecimal digits (RFC 3461, section 4).
fn is_xtext(value: &[u8]) -> bool {
    let mut rest = value;
    loop {
        rest = match rest {
            [] => return !value.is_empty(),
            [b'+', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => tail,
            [b'+' | b'=', ..] => return false,
            [byte, tail @ ..] if byte.is_ascii_graphic() => tail,
            _ => return false,
        };
    }
}
