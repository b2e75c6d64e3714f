//! What the SMTP client has to get, and whether it did.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::fault::ScenarioFault;
use super::super::tokens::quoted;
use super::profile::{FailureAction, Profile};

/// A command of the SMTP client, as far as a reply to it can be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Place {
    Connect,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    /// The content of a message: everything after DATA.
    Content,
    /// Any other command.
    Other,
}

impl Place {
    const NAMES: [(&'static str, Self); 6] = [
        ("CONNECT", Self::Connect),
        ("EHLO", Self::Ehlo),
        ("MAIL", Self::Mail),
        ("RCPT", Self::Rcpt),
        ("DATA", Self::Data),
        ("CONTENT", Self::Content),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, place)| place)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Connect => "the connection",
            Self::Ehlo => "EHLO",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Content => "the content",
            Self::Other => "the command",
        }
    }

    /// Whether this reply lets the client go on.
    pub(super) fn is_passed_by(self, reply: &str) -> bool {
        reply.starts_with(if self == Self::Data { '3' } else { '2' })
    }
}

/// The last thing that the client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) place: Place,
    /// `None`: the MTA has closed the SMTP connection.
    pub(super) reply: Option<String>,
}

impl Got {
    pub(super) fn describe(&self) -> String {
        let reply = self
            .reply
            .as_ref()
            .map_or("the SMTP connection was closed".to_owned(), |reply| format!("{reply:?}"));
        format!("{reply} at {}", self.place.name())
    }

    fn starts_with(&self, code: &str) -> bool {
        self.reply.as_ref().is_some_and(|reply| reply.starts_with(code))
    }

    /// The failure action that this is.
    pub(super) fn as_failure(&self) -> FailureAction {
        match self.reply.as_deref().map(str::as_bytes) {
            None | Some([b'4', b'2', b'1', ..]) => FailureAction::Shutdown,
            Some([b'4', ..]) => FailureAction::Tempfail,
            Some([b'5', ..]) => FailureAction::Reject,
            Some(_) => FailureAction::Pass,
        }
    }
}

/// What passes, and what passes as non-strict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Expected {
    pub(super) text: String,
    strict: Vec<Hope>,
    lenient: Vec<Hope>,
}

/// How well something fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Strict,
    Lenient,
    No,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hope {
    place: Option<Place>,
    what: What,
    has: Vec<String>,
    lacks: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// The first digits of the code: one or three.
    Code(String),
    Close,
    Failure,
    Any,
}

impl Expected {
    /// Reads `A | B ~ C`.
    pub(super) fn read(text: &str) -> Result<Self, ScenarioFault> {
        let (strict, lenient) =
            text.split_once(" ~ ").map_or((text, None), |(strict, rest)| (strict, Some(rest)));
        let hopes =
            |text: &str| text.split(" | ").map(|hope| Hope::read(hope.trim())).collect::<Result<Vec<_>, _>>();
        let lenient = lenient.map(hopes).transpose()?.unwrap_or_default();
        Ok(Self { text: text.to_owned(), strict: hopes(strict)?, lenient })
    }

    pub(super) fn fit(&self, got: &Got, profile: &Profile) -> Fit {
        let fits = |hopes: &[Hope]| hopes.iter().any(|hope| hope.fits(got, profile));
        match (fits(&self.strict), fits(&self.lenient)) {
            (true, _) => Fit::Strict,
            (false, true) => Fit::Lenient,
            (false, false) => Fit::No,
        }
    }

    /// Whether the failure action shows here.
    pub(super) fn shows_failure(&self) -> bool {
        self.strict.iter().any(|hope| hope.what == What::Failure)
    }
}

impl Hope {
    fn read(text: &str) -> Result<Self, ScenarioFault> {
        let fault = || ScenarioFault::Argument(text.to_owned());
        // Texts may have blanks: cut them off first.
        let (head, mut rest) = text.split_at(text.find('"').map_or(text.len(), |at| {
            text.get(..at).unwrap_or_default().trim_end().rfind(' ').unwrap_or_default()
        }));
        let mut words: Vec<_> = head.split_whitespace().collect();
        let place = words.first().and_then(|word| Place::named(word));
        if place.is_some() {
            words.remove(0);
        }
        let [word] = words.as_slice() else { return Err(fault()) };
        let what = match *word {
            "close" => What::Close,
            "failure" => What::Failure,
            "any" => What::Any,
            code if matches!(code.len(), 1 | 3) && code.bytes().all(|byte| byte.is_ascii_digit()) => {
                What::Code(code.to_owned())
            }
            _ => return Err(fault()),
        };
        let (mut has, mut lacks) = (Vec::new(), Vec::new());
        while !rest.trim().is_empty() {
            let (word, tail) = rest.trim().split_once(' ').ok_or_else(fault)?;
            let end = tail.get(1..).and_then(|tail| tail.find('"')).ok_or_else(fault)?.saturating_add(2);
            let (item, tail) = tail.split_at_checked(end).ok_or_else(fault)?;
            let item = String::from_utf8(quoted(item)?).map_err(|_| fault())?;
            match word {
                "has" => has.push(item),
                "lacks" => lacks.push(item),
                _ => return Err(fault()),
            }
            rest = tail;
        }
        Ok(Self { place, what, has, lacks })
    }

    fn fits(&self, got: &Got, profile: &Profile) -> bool {
        let is_what = match &self.what {
            What::Code(code) => got.starts_with(code),
            What::Close => got.reply.is_none(),
            What::Any => true,
            What::Failure => match profile.failure {
                FailureAction::Unknown => true,
                FailureAction::Pass => got.reply.is_some() && got.as_failure() == FailureAction::Pass,
                FailureAction::Tempfail => got.starts_with("4"),
                FailureAction::Reject => got.starts_with("5") || got.starts_with("4"),
                FailureAction::Shutdown => got.as_failure() == FailureAction::Shutdown,
            },
        };
        let text = got.reply.as_deref().unwrap_or_default();
        is_what
            && self.place.is_none_or(|place| place == got.place)
            && self.has.iter().all(|part| text.contains(part.as_str()))
            && !self.lacks.iter().any(|part| text.contains(part.as_str()))
    }
}
