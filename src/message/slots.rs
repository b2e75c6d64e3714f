//! The list of headers while the edits of one filter are applied to it.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::header::{Header, Origin, name_len, without_line_end};
use super::list::{concat, insert, remove, with_places};
use super::outcome::{EditOutcome, Effect, IgnoreReason};
use super::rules::{Rules, SENDMAIL_HEADERS, is_resent, is_withheld_by_sendmail};
use crate::wire::LeadingSpace;

/// The headers of a message, and how edits change them.
pub(super) struct HeaderList<'a, 'm> {
    pub(super) headers: &'a mut Vec<Header<'m>>,
    pub(super) rules: &'a Rules,
    pub(super) space: LeadingSpace,
    pub(super) line_end: &'static [u8],
    /// Whether the client's message had Resent headers. `None`: the list has no places for the headers of Sendmail's
    /// configuration yet.
    pub(super) is_resent: Option<bool>,
    /// The MTA's own Received, if an edit has deleted or replaced it.
    pub(super) lost_trace: &'a mut Option<Header<'m>>,
}

impl HeaderList<'_, '_> {
    /// Prepares the list for the edits of the next filter.
    pub(super) fn prepare(&mut self) {
        if !self.rules.has_slots {
            return;
        }
        // What an earlier filter deleted has no number any more, but keeps its place.
        self.headers.iter_mut().filter(|header| header.is_absent).for_each(Header::make_default);
        if self.is_resent.is_none() {
            self.is_resent = Some(self.headers.iter().any(|header| is_resent(header.name())));
            self.add_slots();
        }
    }

    /// Adds the headers of Sendmail's configuration: one above all others, the rest below its own Received.
    fn add_slots(&mut self) {
        let is_given = |header: &Header<'_>| header.origin() == Origin::Default;
        let (mut given, others): (Vec<_>, Vec<_>) = self.headers.drain(..).partition(is_given);
        let mut slots = SENDMAIL_HEADERS.iter().map(|name| {
            let absent = Header::absent(name);
            let found = given.iter().position(|header| header.is_named(absent.name()));
            match found {
                Some(at) if at < given.len() => given.swap_remove(at),
                _ => absent,
            }
        });
        let mut others = others.into_iter().peekable();
        self.headers.extend(slots.next());
        while let Some(header) = others.next_if(|header| header.origin() == Origin::Trace) {
            self.headers.push(header);
        }
        self.headers.extend(slots);
        self.headers.append(&mut given);
        self.headers.extend(others);
    }

    /// ADDHEADER.
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) -> EditOutcome {
        if self.rules.has_slots {
            let is_default =
                |header: &Header<'_>| header.origin() == Origin::Default && header.is_named(name);
            if let Some(place) = self.headers.iter().position(is_default) {
                return self.set(place, name, value, Effect::HeaderAdded);
            }
        }
        let mut headers = self.headers.iter();
        let namesake = headers.position(|header| self.rules.adds_above_namesake && header.is_named(name));
        self.put(namesake.unwrap_or(usize::MAX), name, value)
    }

    /// INSHEADER.
    pub(super) fn insert(&mut self, index: u32, name: &[u8], value: &[u8]) -> EditOutcome {
        // In Sendmail the header goes below the entry of that number, and the first entry is never written.
        let place = self.number(index).saturating_add(self.rules.has_slots.into());
        self.put(if place < self.readable() { place } else { usize::MAX }, name, value)
    }

    /// CHGHEADER.
    pub(super) fn change(&mut self, index: u32, name: &[u8], value: &[u8]) -> EditOutcome {
        // Sendmail counts down from the index, and the lowest number is the highest after that.
        let is_lowest = self.rules.has_slots && index == 0x8000_0000;
        let number = if is_lowest { usize::MAX } else { self.number(index) };
        match (self.find(number, name), value) {
            (None, []) => IgnoreReason::NoSuchHeader.into(),
            (None, _) => self.add(name, value),
            (Some(place), []) => self.delete(place),
            (Some(place), _) => self.set(place, name, value, Effect::HeaderChanged),
        }
    }

    /// The place of the header with that name and number. In Sendmail a header of its configuration is taken if there is
    /// no other.
    fn find(&self, number: usize, name: &[u8]) -> Option<usize> {
        let own = if self.rules.has_slots { None } else { self.own() };
        let headers = with_places(self.headers.iter()).take(self.readable());
        let mut namesakes = headers.filter(|(place, header)| header.is_named(name) && Some(*place) != own);
        if !self.rules.has_slots {
            return namesakes.nth(number.saturating_sub(1)).map(|(place, _)| place);
        }
        let of = |origin| namesakes.clone().filter(move |(_, header)| header.origin() == origin);
        let found = of(Origin::Message).nth(number.saturating_sub(1));
        found.or_else(|| of(Origin::Default).next_back()).map(|(place, _)| place)
    }

    /// The place of the MTA's own Received, which is not counted. Postfix knows it by its text alone, also after an edit has
    /// deleted it, and takes the first Received for it whose first line is the front of that text.
    fn own(&self) -> Option<usize> {
        let trace = || self.headers.iter().find(|header| header.origin() == Origin::Trace);
        let own = self.lost_trace.as_ref().or_else(trace)?;
        let is_own = |header: &Header<'_>| {
            header.is_named(own.name()) && without_line_end(own.as_bytes()).starts_with(header.first_line())
        };
        self.headers.iter().position(is_own)
    }

    fn delete(&mut self, place: usize) -> EditOutcome {
        match self.headers.get_mut(place) {
            Some(header) if self.rules.has_slots => header.is_absent = true,
            Some(header) => {
                if header.origin() == Origin::Trace {
                    keep_trace(self.lost_trace, header.clone());
                }
                remove(self.headers, place);
            }
            None => {}
        }
        Effect::HeaderDeleted.into()
    }

    /// Gives the header at a place a value.
    fn set(&mut self, place: usize, name: &[u8], value: &[u8], effect: Effect) -> EditOutcome {
        let Some(header) = self.headers.get_mut(place) else { return IgnoreReason::NoSuchHeader.into() };
        let effect = if header.is_absent { Effect::HeaderAdded } else { effect };
        let kept = self.rules.keeps_spelling.then(|| header.name().to_vec());
        let name = kept.as_deref().unwrap_or(name);
        let new = encode(self.rules, self.space, self.line_end, name, value);
        let old = core::mem::replace(header, new);
        keep_trace(self.lost_trace, old);
        self.outcome(place, effect)
    }

    /// Puts a new header at a place, or below all others.
    fn put(&mut self, place: usize, name: &[u8], value: &[u8]) -> EditOutcome {
        let header = encode(self.rules, self.space, self.line_end, name, value);
        let place = place.min(self.headers.len());
        let above = self.headers.get_mut(place.wrapping_sub(1)).filter(|_| !self.rules.has_slots);
        if let (Some(above), true) = (above, header.continues()) {
            // In Postfix there is but the text: these are further lines of the header above.
            above.extend(header.as_bytes());
            return Effect::HeaderAdded.into();
        }
        insert(self.headers, place, header);
        self.outcome(place, Effect::HeaderAdded)
    }

    /// What came of a new value. Sendmail does not send every header on.
    fn outcome(&mut self, place: usize, effect: Effect) -> EditOutcome {
        let Some(header) = self.headers.get_mut(place) else { return effect.into() };
        let is_resent = self.is_resent == Some(true);
        header.is_withheld = self.rules.has_slots && is_withheld_by_sendmail(header.name(), is_resent);
        let ignored = header.is_withheld.then_some(IgnoreReason::HeaderNotSent);
        EditOutcome { effect: Some(effect), ignored }
    }

    /// How many headers at the top can be found: Postfix does not look below a line that is no header.
    fn readable(&self) -> usize {
        self.headers.iter().take_while(|header| header.has_name()).count()
    }

    /// An index as a number. Sendmail reads it signed, and a negative one is as 0.
    fn number(&self, index: u32) -> usize {
        let is_negative = self.rules.has_slots && index > 0x7fff_ffff;
        usize::try_from(if is_negative { 0 } else { index }).unwrap_or(usize::MAX)
    }
}

/// Keeps a header that an edit takes away, if it is the MTA's own Received.
fn keep_trace<'m>(lost_trace: &mut Option<Header<'m>>, header: Header<'m>) {
    if header.origin() == Origin::Trace && lost_trace.is_none() {
        *lost_trace = Some(header);
    }
}

/// A header from the name and value of an edit.
fn encode(rules: &Rules, space: LeadingSpace, line_end: &[u8], name: &[u8], value: &[u8]) -> Header<'static> {
    let name = name.get(..rules.max_name).unwrap_or(name);
    let text = concat(&[name, b":", space.before(), value]);
    let mut bytes = Vec::with_capacity(text.len().saturating_add(line_end.len()));
    let mut lines = text.split(|&byte| byte == b'\n').peekable();
    while let Some(mut line) = lines.next() {
        loop {
            let needs_blank = !bytes.is_empty() && !matches!(line, [b' ' | b'\t', ..]);
            if needs_blank {
                bytes.push(rules.fold);
            }
            let max = rules.max_line.saturating_sub(needs_blank.into());
            bytes.extend_from_slice(line.get(..max).unwrap_or(line));
            bytes.extend_from_slice(line_end);
            // Sendmail continues after the byte that was next, but drops the rest of the last line.
            match line.get(max.saturating_add(1)..) {
                Some(rest) if line.len() > max && lines.peek().is_some() => line = rest,
                _ => break,
            }
        }
    }
    // Sendmail keeps the name apart. Postfix reads it again from the line.
    let name_len = if rules.keeps_spelling { name.len() } else { name_len(&bytes) };
    Header::from_parts(Cow::Owned(bytes), name_len)
}
