//! Edits of a message: which are accepted, and how their numbers and actions are read.

use milter_proto::mta::{EditStatus, Scope};
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{Actions, Answer, Edit, Frame, MacroLists, Offer, Steps, Verdict, Version};
use milter_proto::{MtaSession, filter, mta};

use crate::support::sides::{Filter, Mta, strict};
use crate::support::{sides, text};

// If the client vanishes while edits arrive, the MTA can close, or ignore them; it cannot send ABORT.
#[test]
fn edits_can_be_read_over_and_abort_must_not_come_between_them() {
    let mut mta = strict();
    mta.go("CHMRTLNB");
    mta.send(b'E').unwrap();
    let mut payload = Vec::new();
    let first = mta.takes(&sides::edit().into(), &mut payload);
    assert!(matches!(first, mta::Event::Edit { status: EditStatus::Negotiated, .. }));
    assert_eq!(mta.send(b'A'), Err(Rule::ReplyOwed));
    mta.0.ignore_edits();
    let second = mta.takes(&sides::edit().into(), &mut payload);
    assert!(matches!(second, mta::Event::Edit { status: EditStatus::Ignored, .. }));
    assert_eq!(mta.scope(b'c'), Scope::Message);
    assert_eq!(mta.go("MRTLNB"), "MRTLNB");
    mta.send(b'E').unwrap();
    let next = mta.takes(&sides::edit().into(), &mut payload);
    assert!(matches!(next, mta::Event::Edit { status: EditStatus::Negotiated, .. }), "draining is over");
    let ending = mta.0.disconnect(0);
    assert!(ending.edits_incomplete && !ending.body_incomplete && !ending.clean);
}

// QUARANTINE is no verdict: the verdict decides.
#[test]
fn a_verdict_still_follows_quarantine_and_decides() {
    for (verdict, accepted) in [(b'r', false), (b'c', true), (b'a', true)] {
        let mut mta = strict();
        mta.go("CHMRTLNB");
        mta.send(b'E').unwrap();
        let mut payload = Vec::new();
        let hold = mta.takes(&Edit::Quarantine { reason: text(b"why") }.into(), &mut payload);
        assert!(matches!(hold, mta::Event::Edit { status: EditStatus::Negotiated, .. }));
        assert_eq!(mta.0.turn(), mta::Turn::Receive(CommandKind::EndOfMessage));
        let reaction = mta.0.receive(milter_proto::wire::Frame::new(verdict, b"")).unwrap();
        let mta::Event::Verdict { verdict, scope: Scope::Message, .. } = reaction else {
            panic!("{reaction:?}")
        };
        assert_eq!(matches!(verdict, Verdict::Continue | Verdict::Accept), accepted);
    }
}

// Sendmail honours one action bit, that of the body; libmilter refuses the edit on its own side.
#[test]
fn action_bits_bind_the_filter_and_of_sendmail_only_the_body() {
    for surplus in sides::edits() {
        let mut mta = Mta::answered(
            MtaSession::with_policy(mta::Policy::SENDMAIL),
            Answer::new(Version::V6, Actions::EMPTY, Steps::EMPTY),
        );
        mta.go("CHMRTLNB");
        mta.send(b'E').unwrap();
        let is_body = matches!(surplus, Edit::ReplaceBody { .. });
        let expected = if is_body { EditStatus::RejectsMessage } else { EditStatus::NotNegotiated };
        let mut payload = Vec::new();
        let taken = mta.takes(&surplus.into(), &mut payload);
        assert!(matches!(taken, mta::Event::Edit { status, .. } if status == expected), "{surplus:?}");
        let reaction = mta.0.receive(Frame::new(b'a', b"")).unwrap();
        let verdict = if is_body { Verdict::Tempfail } else { Verdict::Accept };
        assert!(matches!(reaction, mta::Event::Verdict { verdict: said, .. } if said == verdict));

        let nothing = Answer::new(Version::V6, Actions::EMPTY, Steps::EMPTY);
        let mut filter = Filter::offered(filter::Policy::LIBMILTER, Offer::FULL, nothing);
        filter.go("CHMRTLNB");
        filter.gets(b'E').unwrap();
        assert_eq!(filter.says(surplus), Err(Rule::EditNotNegotiated));
    }
    let lists = MacroLists::new(b"\0\0\0\0j\0").unwrap();
    let without_bit = Answer::new(Version::V6, Actions::EMPTY, Steps::EMPTY).with_macro_lists(lists);
    Mta::answered(MtaSession::with_policy(mta::Policy::STRICT), without_bit);
}

// CHGHEADER counts from 1 within a name, INSHEADER from 0 over all: the numbers pass as they are.
#[test]
fn header_indexes_pass_through_both_sides_unchanged() {
    let (name, value) = (text(b"X"), text(b"y"));
    for index in [0, 1, 9_999, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        for edit in [Edit::InsertHeader { index, name, value }, Edit::ChangeHeader { index, name, value }] {
            let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
            filter.go("CHMRTLNB");
            filter.gets(b'E').unwrap();
            let sent = filter.0.send(edit).unwrap();
            let bytes: Vec<u8> = sent.segments().flatten().copied().collect();
            let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
            mta.go("CHMRTLNB");
            mta.send(b'E').unwrap();
            let reaction = mta.0.receive(Frame::new(bytes[4], &bytes[5..])).unwrap();
            assert!(matches!(reaction, mta::Event::Edit { edit: taken, .. } if taken == edit));
        }
    }
}

// Deleting a header does not renumber the others: what is deleted twice is the same header twice.
#[test]
fn a_session_does_not_renumber_headers_behind_a_deletion() {
    let mut mta = Mta::with(mta::Policy::SENDMAIL, Steps::EMPTY);
    mta.go("CHMRTLNB");
    mta.send(b'E').unwrap();
    for index in [1, 2, 1] {
        let delete = Edit::ChangeHeader { index, name: text(b"X"), value: text(b"") };
        let mut payload = Vec::new();
        let reaction = mta.takes(&delete.into(), &mut payload);
        assert!(
            matches!(reaction, mta::Event::Edit { edit: Edit::ChangeHeader { index: taken, .. }, .. } if taken == index)
        );
    }
}

#[test]
fn postfix_obeys_a_new_body_that_was_not_agreed() {
    let nothing = Answer::new(Version::V6, Actions::EMPTY, Steps::EMPTY);
    for (policy, status, heard) in [
        (mta::Policy::POSTFIX, EditStatus::NotNegotiated, Verdict::Continue),
        (mta::Policy::SENDMAIL, EditStatus::RejectsMessage, Verdict::Tempfail),
    ] {
        let mut mta = Mta::answered(MtaSession::with_policy(policy), nothing);
        mta.go("CHMRTLNB");
        assert_eq!(mta.send(b'E'), Ok(None));
        let mut payload = Vec::new();
        let body = mta.takes(&Edit::ReplaceBody { chunk: b"new\r\n" }.into(), &mut payload);
        assert!(matches!(body, mta::Event::Edit { status: seen, .. } if seen == status), "{body:?}");
        let end = mta.takes(&Verdict::Continue.into(), &mut payload);
        assert!(matches!(end, mta::Event::Verdict { verdict, .. } if verdict == heard), "{end:?}");
    }
}
