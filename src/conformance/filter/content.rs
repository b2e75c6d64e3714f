//! Judges what responses contain, beyond what makes them well-formed.

use alloc::format;
use alloc::string::String;

use super::super::outcome::Breach;
use crate::negotiation::NegotiationError;
use crate::wire::{Answer, Edit, Frame, Offer, Response, Steps, Text};

/// The most names of macros that a filter may ask for at one stage.
const MAX_NAMES: usize = 50;

/// The rule that a response breaks.
pub(super) fn judge(response: &Response<'_>, frame: Frame<'_>, steps: Steps) -> Option<Breach> {
    let limit = steps.data_size().bytes();
    let len = frame.payload().len();
    if usize::try_from(limit).is_ok_and(|limit| len > limit) {
        return Some(Breach::new("FRM-7", format!("its payload has {len} bytes, the limit is {limit}")));
    }
    match response {
        Response::Edit(
            Edit::AddHeader { value, .. }
            | Edit::InsertHeader { value, .. }
            | Edit::ChangeHeader { value, .. },
        ) => judge_value(*value),
        Response::Edit(Edit::AddRcpt { address } | Edit::AddRcptWithArguments { address, .. })
            if is_list(address.as_bytes()) =>
        {
            Some(Breach::new("RSP-6", "it has several addresses"))
        }
        _ => None,
    }
}

fn judge_value(value: Text<'_>) -> Option<Breach> {
    let mut next = value.as_bytes().iter().skip(1).map(Some).chain([None]);
    for byte in value.as_bytes() {
        let next = next.next().flatten();
        if *byte == b'\n' && !matches!(next, Some(b' ' | b'\t')) {
            return Some(Breach::new("HDR-8", "in the value no blank follows a LF"));
        }
        if *byte == b'\r' && next == Some(&b'\n') {
            return Some(Breach::new("HDR-5", "the value has CR LF, where a fold is LF"));
        }
    }
    None
}

/// Whether a text has several addresses: a comma that is not in quotes, and no route.
fn is_list(text: &[u8]) -> bool {
    let (mut is_quoted, mut commas, mut ats) = (false, false, 0_usize);
    for byte in text {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => commas = true,
            b':' if !is_quoted => return false,
            b'@' if !is_quoted => ats = ats.saturating_add(1),
            _ => {}
        }
    }
    commas && ats > 1
}

/// What is wrong with an answer to OPTNEG that MTAs do not refuse, although a rule with MUST is broken.
pub(super) fn judge_answer(offer: Offer, answer: &Answer<'_>) -> Option<Breach> {
    let sizes = Steps::DATA_SIZE_256K | Steps::DATA_SIZE_1M;
    if !answer.steps.intersection(sizes).difference(offer.steps).is_empty() {
        return Some(Breach::new("NEG-20", "it has a data size that was not offered"));
    }
    let many = answer.macro_lists.iter().find(|(_, names)| names_in(*names) > MAX_NAMES);
    many.map(|(stage, names)| {
        Breach::new("NEG-11", format!("{} names of macros for {stage:?}", names_in(names)))
    })
}

/// An answer that MTAs refuse.
pub(super) fn refused(error: &NegotiationError) -> Breach {
    let rule = match error {
        NegotiationError::TooOld { .. } => "NEG-16",
        NegotiationError::WrongVersion { .. } => "NEG-7",
        NegotiationError::Actions { .. } => "NEG-18",
        NegotiationError::Steps { .. } => "NEG-19",
    };
    Breach::new(rule, format!("{error}"))
}

fn names_of(list: Text<'_>) -> impl Iterator<Item = &[u8]> {
    list.as_bytes().split(|byte| b", \t\r\n".contains(byte)).filter(|name| !name.is_empty())
}

fn names_in(list: Text<'_>) -> usize {
    names_of(list).count()
}

/// What is unusual about macro lists.
pub(super) fn judge_lists(answer: &Answer<'_>) -> Option<Breach> {
    let mut last = None;
    for (stage, names) in answer.macro_lists.iter() {
        if last.is_some_and(|last| last >= stage) {
            return Some(Breach::new("NEG-10", "macro lists that are not in order, or of one stage twice"));
        }
        let is_bare = |name: &[u8]| name.len() > 1 && !(name.starts_with(b"{") && name.ends_with(b"}"));
        if let Some(name) = names_of(names).find(|name| is_bare(name)) {
            return Some(Breach::new(
                "MAC-18",
                format!("the name \"{}\" without braces", name.escape_ascii()),
            ));
        }
        if names_in(names) == 0 {
            return Some(Breach::new("NEG-11", format!("an empty macro list for {stage:?}")));
        }
        last = Some(stage);
    }
    None
}

/// What an answer has that is not in an offer.
pub(super) fn surplus(most: Offer, answer: &Answer<'_>) -> Option<String> {
    let (actions, steps) = (answer.actions.difference(most.actions), answer.steps.difference(most.steps));
    if answer.version > most.version {
        return Some(format!("version {}", answer.version));
    }
    if !actions.is_empty() {
        return Some(format!("{actions:?}"));
    }
    (!steps.is_empty()).then(|| format!("{steps:?}"))
}
