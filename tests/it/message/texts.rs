//! What messages, edits and answers look like in a log.

use milter_proto::FilterSession;
use milter_proto::message::{AnswerReason, ApplyError, EditRules, Edits, IgnoreReason, Message};
use milter_proto::mta::EditStatus;
use milter_proto::wire::{Edit, LeadingSpace, Response};

use crate::support::text;

#[test]
fn what_came_of_an_edit_is_a_sentence() {
    let mut edits = Edits::new();
    let (name, value) = (text(b"Subject"), text(b"x"));
    for (edit, status) in [
        (Edit::AddHeader { name, value }, EditStatus::Negotiated),
        (Edit::ChangeHeader { index: 1, name, value }, EditStatus::Negotiated),
        (Edit::ChangeHeader { index: 1, name, value: text(b"") }, EditStatus::Negotiated),
        (Edit::ChangeHeader { index: 9, name, value: text(b"") }, EditStatus::Negotiated),
        (Edit::AddHeader { name, value }, EditStatus::Ignored),
        (Edit::AddHeader { name: text(b"Bcc"), value }, EditStatus::Negotiated),
        (Edit::ChangeFrom { address: text(b"<a@x>, <b@x>"), arguments: None }, EditStatus::Negotiated),
        (Edit::AddRcpt { address: text(b"<a@x>") }, EditStatus::Negotiated),
        (Edit::AddRcpt { address: text(b"<a@x>") }, EditStatus::Negotiated),
        (Edit::AddRcpt { address: text(b",") }, EditStatus::Negotiated),
        (Edit::AddRcpt { address: text(b"") }, EditStatus::Negotiated),
        (
            Edit::AddRcptWithArguments { address: text(b"<b@x>"), arguments: Some(text(b"X=1")) },
            EditStatus::Negotiated,
        ),
        (Edit::DeleteRcpt { address: text(b"<a@x>") }, EditStatus::Negotiated),
        (Edit::DeleteRcpt { address: text(b"<c@x>") }, EditStatus::Negotiated),
        (Edit::ReplaceBody { chunk: b"x" }, EditStatus::Negotiated),
        (Edit::Quarantine { reason: text(b"x") }, EditStatus::Negotiated),
    ] {
        edits.push(edit, status).unwrap();
    }
    let mut message = Message::parse(b"Subject: y\r\n\r\n");
    let outcomes = edits.apply(&mut message, EditRules::SENDMAIL, LeadingSpace::Stripped).unwrap();
    let texts: Vec<_> = outcomes.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "a header was added",
            "a header was changed",
            "a header was deleted",
            "ignored: there is no header of that name and number",
            "ignored: the session ignores this edit",
            "a header was added, but Sendmail does not send this header to other hosts",
            "the sender was changed, but only the first of several addresses counts",
            "a recipient was added",
            "ignored: there is such a recipient already",
            "ignored: there is no address in the text",
            "ignored: the header name or the address is empty",
            "ignored: some of the ESMTP arguments do not count",
            "a recipient was deleted",
            "ignored: there is no such recipient",
            "the body was replaced",
            "the message is held",
        ]
    );
    for (outcome, text) in outcomes.iter().zip(&texts) {
        if let (Some(reason), None) = (outcome.ignored, outcome.effect) {
            assert_eq!(*text, format!("ignored: {reason}"));
        } else if let (Some(effect), None) = (outcome.effect, outcome.ignored) {
            assert_eq!(*text, effect.to_string());
        }
    }
    assert_eq!(IgnoreReason::NotDelivered.to_string(), "Sendmail does not send this header to other hosts");
}

#[test]
fn the_reason_of_an_answer_is_a_sentence() {
    let misuse = FilterSession::new().send(Response::Progress).unwrap_err();
    for (reason, expected) in [
        (AnswerReason::Verdict, "the verdict of the filter".to_owned()),
        (AnswerReason::Failure, "the filter has failed".to_owned()),
        (
            AnswerReason::Edits(ApplyError::BodyInterrupted { edit: 2 }),
            "the filter sent another chunk of a new body after other edits (edit 2), where Postfix expects all chunks in a row"
                .to_owned(),
        ),
        (AnswerReason::NotSendable(misuse), format!("the message cannot be sent to the filter: {misuse}")),
    ] {
        assert_eq!(reason.to_string(), expected);
    }
}
