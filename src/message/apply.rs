//! Applies the edits of a filter to a message.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::address::{addresses, argument};
use super::arguments::{Arguments, revived};
use super::content::{Message, Recipient};
use super::edits::Edits;
use super::envelope::EnvelopeAddress;
use super::list::{concat, lines};
use super::outcome::{ApplyError, EditOutcome, Effect, IgnoreReason};
use super::rules::{EditRules, Rules};
use super::slots::HeaderList;
use crate::mta::EditStatus;
use crate::wire::{Edit, LeadingSpace, Text};

/// Recipients that the edits of a filter may add and delete. Sendmail reads lists, and compares each of their addresses with
/// every recipient.
const MAX_ADDRESSES: usize = 10_000;

impl Edits {
    /// Applies the edits of one filter to a message: call it when the verdict accepts the message. Returns what came of each
    /// edit, in order.
    ///
    /// `space` is what was negotiated with the filter: see
    /// [`Negotiated::leading_space`](crate::negotiation::Negotiated::leading_space).
    ///
    /// Each edit of a header looks through the headers once, each recipient that is added or deleted through the recipients.
    /// A new body is copied once.
    ///
    /// # Errors
    /// [`ApplyError`]: the message is unchanged.
    pub fn apply(
        &self,
        message: &mut Message<'_>,
        rules: EditRules,
        space: LeadingSpace,
    ) -> Result<Vec<EditOutcome>, ApplyError> {
        let rules = rules.table();
        self.check(rules)?;
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let line_end = message.line_end();
        let has_new_body = self.iter().any(|(edit, _)| matches!(edit, Edit::ReplaceBody { .. }));
        message.complete(line_end, rules.ends_headers || has_new_body);
        let Message { headers, lost_trace, is_resent, .. } = message;
        let mut headers = HeaderList { headers, rules, space, line_end, is_resent: *is_resent, lost_trace };
        headers.prepare();
        message.is_resent = headers.is_resent;
        let mut outcomes = Vec::with_capacity(self.len());
        let mut body: Option<Vec<u8>> = None;
        for (edit, status) in self.iter() {
            let outcome = if status == EditStatus::Ignored {
                IgnoreReason::EditsIgnored.into()
            } else if rules.ignores_empty && edit.has_empty_key() {
                IgnoreReason::EmptyNameOrAddress.into()
            } else {
                match edit {
                    Edit::AddHeader { name, value } => headers.add(name.as_bytes(), value.as_bytes()),
                    Edit::InsertHeader { index, name, value } => {
                        headers.insert(index, name.as_bytes(), value.as_bytes())
                    }
                    Edit::ChangeHeader { index, name, value } => {
                        headers.change(index, name.as_bytes(), value.as_bytes())
                    }
                    Edit::ChangeFrom { address, arguments } => {
                        change_sender(&mut message.sender, rules, address, arguments)
                    }
                    Edit::AddRcpt { address } => {
                        let found = addresses(address.as_bytes());
                        let taken = if rules.takes_lists { found.len() } else { 1 };
                        add_recipients(&mut message.recipients, rules, found, taken, None)
                    }
                    Edit::AddRcptWithArguments { address, arguments } => {
                        let found = match rules.reads_argument {
                            true => argument(address.as_bytes()).into_iter().collect(),
                            false => addresses(address.as_bytes()),
                        };
                        add_recipients(&mut message.recipients, rules, found, 1, arguments)
                    }
                    Edit::DeleteRcpt { address } => delete_recipient(&mut message.recipients, rules, address),
                    Edit::ReplaceBody { chunk } => {
                        let body = body.get_or_insert_default();
                        // Sendmail keeps a CR for the LF of the next chunk, but not beyond an empty chunk.
                        if chunk.is_empty() && rules.has_slots && body.ends_with(b"\r") {
                            body.push(b'\r');
                        }
                        body.extend_from_slice(chunk);
                        Effect::BodyReplaced.into()
                    }
                    Edit::Quarantine { reason } => {
                        message.quarantine = Some(reason.as_bytes().to_vec());
                        Effect::Quarantined.into()
                    }
                }
            };
            outcomes.push(outcome);
        }
        if let Some(body) = body {
            message.body = Cow::Owned(with_line_ends(&body, line_end));
        }
        Ok(outcomes)
    }

    /// Finds what makes the MTA refuse the edits.
    fn check(&self, rules: &Rules) -> Result<(), ApplyError> {
        self.check_overrun()?;
        let mut last_chunk = None;
        let mut addresses = 0_usize;
        for (at, (edit, status)) in (0..self.len()).zip(self.iter()) {
            match edit {
                _ if status == EditStatus::Ignored => {}
                _ if status == EditStatus::RejectsMessage => {
                    return Err(ApplyError::BodyNotNegotiated { edit: at });
                }
                Edit::ChangeHeader { name, .. } if name.is_empty() && !rules.ignores_empty => {
                    return Err(ApplyError::EmptyName { edit: at });
                }
                Edit::AddRcpt { address } | Edit::DeleteRcpt { address } => {
                    addresses = addresses.saturating_add(1).saturating_add(commas(address));
                    if addresses > MAX_ADDRESSES {
                        return Err(ApplyError::TooManyRecipients { max: MAX_ADDRESSES });
                    }
                }
                Edit::ReplaceBody { .. } => {
                    let is_apart = last_chunk.is_some_and(|last: usize| last.saturating_add(1) < at);
                    if is_apart && rules.body_in_a_row {
                        return Err(ApplyError::BodyInterrupted { edit: at });
                    }
                    last_chunk = Some(at);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// How many commas a list of addresses has.
fn commas(list: Text<'_>) -> usize {
    list.as_bytes().iter().fold(0, |count: usize, &byte| count.saturating_add((byte == b',').into()))
}

/// CHGFROM.
fn change_sender(
    sender: &mut EnvelopeAddress,
    rules: &Rules,
    address: Text<'_>,
    arguments: Option<Text<'_>>,
) -> EditOutcome {
    let found = addresses(address.as_bytes());
    let address = bracketed(found.first().map_or(&[], Vec::as_slice));
    let new = Arguments::read(arguments, &rules.sender_arguments);
    let kept = sender
        .arguments()
        .iter()
        .filter(|old| if rules.resets_arguments { arguments.is_none() } else { !new.replace(*old) });
    *sender = EnvelopeAddress::from_bytes(address).with_arguments(kept.chain(new.counted.iter().copied()));
    let ignored = match found.len() {
        2.. => Some(IgnoreReason::FurtherAddresses),
        _ => new.has_ignored.then_some(IgnoreReason::UnsupportedArguments),
    };
    EditOutcome { effect: Some(Effect::SenderChanged), ignored }
}

/// ADDRCPT, and ADDRCPT_PAR: of the addresses that were found, the MTA takes the first so many.
fn add_recipients(
    recipients: &mut Vec<Recipient>,
    rules: &Rules,
    mut found: Vec<Vec<u8>>,
    taken: usize,
    arguments: Option<Text<'_>>,
) -> EditOutcome {
    found.retain(|mailbox| !mailbox.is_empty());
    let new = Arguments::read(arguments, &rules.recipient_arguments);
    if new.is_cut {
        return IgnoreReason::UnsupportedArguments.into();
    }
    let mut outcome = EditOutcome { effect: None, ignored: None };
    for mailbox in found.iter().take(taken) {
        let address =
            EnvelopeAddress::from_bytes(bracketed(mailbox)).with_arguments(new.counted.iter().copied());
        let known = recipients.iter_mut().find(|known| is_same(known, &address, rules));
        match known {
            Some(known) if known.is_deleted => {
                known.is_deleted = false;
                let arguments = revived(known.address.arguments(), &new.counted);
                known.address.set_arguments(arguments);
            }
            Some(_) => {
                outcome.ignored = Some(IgnoreReason::DuplicateRecipient);
                continue;
            }
            None => recipients.push(Recipient { address, is_added: true, is_deleted: false }),
        }
        outcome.effect = Some(Effect::RecipientAdded);
    }
    outcome.ignored = match (found.len(), outcome.ignored) {
        (0, _) => Some(IgnoreReason::NoAddress),
        (len, None) if len > taken => Some(IgnoreReason::FurtherAddresses),
        (_, None) if new.has_ignored => Some(IgnoreReason::UnsupportedArguments),
        (_, ignored) => ignored,
    };
    outcome
}

/// Whether a recipient is one that the MTA does not add again.
fn is_same(known: &Recipient, new: &EnvelopeAddress, rules: &Rules) -> bool {
    if rules.ignores_known {
        known.address.mailbox() == new.mailbox()
    } else {
        known.is_added
            && !known.is_deleted
            && known.address.mailbox().eq_ignore_ascii_case(new.mailbox())
            && known.address.arguments() == new.arguments()
    }
}

/// DELRCPT.
fn delete_recipient(recipients: &mut [Recipient], rules: &Rules, address: Text<'_>) -> EditOutcome {
    let found = addresses(address.as_bytes());
    let taken = if rules.takes_lists { found.len() } else { 1 };
    let mut outcome = EditOutcome::from(IgnoreReason::NoSuchRecipient);
    for mailbox in found.iter().take(taken) {
        let is_equal = |recipient: &&mut Recipient| {
            !recipient.is_deleted && recipient.address.mailbox() == mailbox.as_slice()
        };
        for recipient in recipients.iter_mut().filter(is_equal) {
            recipient.is_deleted = true;
            outcome = Effect::RecipientDeleted.into();
            if rules.takes_lists {
                break; // Sendmail deletes one for each address
            }
        }
    }
    if outcome.effect.is_some() && found.len() > taken {
        outcome.ignored = Some(IgnoreReason::FurtherAddresses);
    }
    outcome
}

/// An address in angle brackets.
fn bracketed(mailbox: &[u8]) -> Vec<u8> {
    concat(&[b"<", mailbox, b">"])
}

/// A new body, in lines with this line end, the last line included.
fn with_line_ends(body: &[u8], line_end: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len().saturating_add(line_end.len()));
    for line in lines(body) {
        let text = match line {
            [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text,
            text => text,
        };
        out.extend_from_slice(text);
        out.extend_from_slice(line_end);
    }
    out
}
