//! SMTP replies that a filter sends, and what each MTA policy accepts of them.

use milter_proto::mta::Scope;
use milter_proto::order::Rule;
use milter_proto::wire::{Frame, ReplyCode, ReplyText, Response, Steps, Verdict};
use milter_proto::{ReceiveError, filter, mta};

use crate::support::bytes_of;
use crate::support::sides::{Filter, Mta, POLICIES};

// libmilter keeps a reply text until the next refusal, which may concern another message.
#[test]
fn a_reply_text_is_used_once_and_at_once() {
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CHM");
    let reply = ReplyText::parse(b"550 5.7.1 no").unwrap();
    for (verdict, bytes) in
        [(Verdict::Reply(reply), &b"\0\0\0\x0ey550 5.7.1 no\0"[..]), (Verdict::Reject, b"\0\0\0\x01r")]
    {
        filter.gets(b'R').unwrap();
        let sent = filter.0.send(verdict).unwrap();
        assert_eq!(bytes_of(&sent), bytes);
    }
}

// libmilter drops a 4xx text with REJECT, and a 5xx text with TEMPFAIL.
#[test]
fn a_reply_text_is_a_verdict_of_its_own_and_never_dropped() {
    for number in [450, 550] {
        let mut storage = [0; 32];
        let code = ReplyCode::new(number).unwrap();
        let reply = ReplyText::write(code, None, [b"no"], &mut storage).unwrap();
        let sent = Response::from(Verdict::Reply(reply)).encode();
        assert_eq!(sent.segments().flatten().copied().nth(4), Some(b'y'));
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
        mta.go("CHM");
        mta.send(b'R').unwrap();
        let mut payload = Vec::new();
        let reaction = mta.takes(&Verdict::Reply(reply).into(), &mut payload);
        assert!(matches!(
            reaction,
            mta::Event::Verdict { verdict: Verdict::Reply(_), scope: Scope::Recipient, .. }
        ));
    }
}

// A malformed 4xx text becomes a 5xx one in Sendmail, and here only where an MTA judges as Sendmail does.
#[test]
fn a_malformed_temporary_refusal_becomes_a_permanent_one_for_sendmail_alone() {
    assert!(ReplyText::parse(b"451 100% no").is_err(), "it cannot be made");
    let mail = |policy| {
        let mut mta = Mta::with(policy, Steps::EMPTY);
        mta.go("CH");
        mta.send(b'M').unwrap();
        mta
    };
    assert_eq!(mail(mta::Policy::STRICT).rule(b'y', b"451 100% no\0"), Some(Rule::MalformedPayload));
    for text in [&b"451 100% no\0"[..], b"250 ok\0", b"550 5.7.1 1% 2%% 3%%%\0", b"550 a\0b\0", b"550 no"] {
        let event = mail(mta::Policy::SENDMAIL).0.receive(Frame::new(b'y', text));
        let Ok(mta::Event::Verdict { verdict, scope, deviation, .. }) = event else { panic!("{event:?}") };
        assert_eq!((verdict, scope), (Verdict::Reject, Scope::Message));
        assert!(deviation.is_some());
    }
}

// The filter doubles `%`, and the MTA undoes it.
#[test]
fn percent_signs_are_doubled_by_the_filter_and_undone_by_the_mta() {
    let mut storage = [0; 64];
    let reply =
        ReplyText::write(ReplyCode::new(550).unwrap(), None, [&b"all 100% spam"[..]], &mut storage).unwrap();
    assert_eq!(reply.as_text(), "550 all 100%% spam");
    assert_eq!(reply.unescaped().to_string(), "550 all 100% spam");
}

// What a filter's reply may look like before a client sees it.
#[test]
fn a_reply_text_is_checked_before_it_reaches_a_client() {
    let rows: [(&[u8], &str); 11] = [
        (b"550 5.7.1 no\0", "STRICT SENDMAIL POSTFIX"),
        (b"451 later\0", "STRICT SENDMAIL POSTFIX"),
        (b"550-5.7.1 a\r\n550 5.7.1 b\0", "STRICT SENDMAIL POSTFIX"),
        (b"550 all 100%% no\0", "STRICT SENDMAIL POSTFIX"),
        (b"550 5.7.1 no", "rejected POSTFIX"),
        (b"550 4.7.1 no\0", "SENDMAIL"),
        (b"550 all 100% no\0", "rejected POSTFIX"),
        (b"551 a\r\n250 ok\0", "rejected"),
        (b"550 a\nb\0", "rejected"),
        (b"250 ok\0", "rejected"),
        (b"550 a\0b\0", "rejected"),
    ];
    for (payload, expected) in rows {
        let mut taken = Vec::new();
        for (policy, name) in POLICIES.iter().zip(["STRICT", "SENDMAIL", "POSTFIX"]) {
            let mut mta = Mta::with(*policy, Steps::EMPTY);
            mta.go("CH");
            mta.send(b'M').unwrap();
            match mta.0.receive(Frame::new(b'y', payload)) {
                Ok(mta::Event::Verdict { verdict: Verdict::Reply(_), .. }) => taken.push(name),
                // Sendmail sends a text of its own.
                Ok(mta::Event::Verdict { verdict: Verdict::Reject, .. }) => taken.push("rejected"),
                Err(ReceiveError::Peer(violation)) => assert_eq!(violation.rule, Rule::MalformedPayload),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(taken.join(" "), expected, "{}", payload.escape_ascii());
    }
    let reply = ReplyText::parse(b"550 all 100%% no").unwrap();
    assert_eq!(reply.unescaped().to_string(), "550 all 100% no");
}

// Postfix gives up on a verdict with a payload, Sendmail ignores it.
#[test]
fn bytes_behind_a_verdict_are_a_matter_of_policy() {
    for (policy, expected) in [
        (mta::Policy::STRICT, Some(Rule::MalformedPayload)),
        (mta::Policy::POSTFIX, Some(Rule::MalformedPayload)),
        (mta::Policy::SENDMAIL, None),
    ] {
        for verdict in *b"cartd" {
            let mut mta = Mta::with(policy, Steps::EMPTY);
            mta.go("CH");
            mta.send(b'M').unwrap();
            assert_eq!(mta.rule(verdict, b"x"), expected, "{policy:?} {}", char::from(verdict));
        }
    }
}
