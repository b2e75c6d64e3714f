//! The edge cases of the MTA's side, continued: from 17 on.
//!
//! Case 32, several filters, is not of one connection: each filter has a
//! session of its own, and who is asked first, and who is told of another one's refusal, is the MTA's to say.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the case that it means")]

#[path = "support/sides.rs"]
mod sides;

use milter_proto::Limits;
use milter_proto::Monitor;
use milter_proto::mta::{EditStatus, Scope, Sent, SkipReason};
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{
    Assembler, Command, Direction, Edit, Frame, FrameError, LeadingSpace, Peer, ReplyText, Steps, Text,
    TextList, Verdict,
};
use milter_proto::{MtaSession, ReceiveError, filter, mta};
use sides::{Filter, Mta, how, text};

const POLICIES: [mta::Policy; 3] = [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX];

fn strict() -> Mta {
    Mta::with(mta::Policy::STRICT, Steps::EMPTY)
}

// 17. libmilter answers the next CONNECT only after an end of message with CONTINUE.
#[test]
fn a_connection_is_used_again_only_behind_a_message_that_went_on() {
    let mut mta = strict();
    mta.go("CHMRTLNBE");
    let agreed = mta.0.negotiated().copied();
    assert_eq!(mta.send(b'K'), Ok(None));
    assert_eq!(mta.0.negotiated().copied(), agreed, "no new OPTNEG");
    assert_eq!(mta.send(b'O'), Err(Rule::Order));
    assert_eq!(mta.go("CHMRTLNBE"), "CHMRTLNBE");

    for (before, verdict) in [
        ("C", None),
        ("CH", None),
        ("CHM", None),
        ("CHMRTLNBEA", None),
        ("CHMRTLNBEH", None),
        ("CHMRTLNB", Some(b'a')),
    ] {
        let mut mta = strict();
        mta.go(before);
        if let Some(verdict) = verdict {
            mta.hears(b'E', verdict);
        }
        assert_eq!(mta.send(b'K'), Err(Rule::QuitNcNotAllowed), "after {before}");
    }
}

// 18. After STARTTLS the client greets again: ABORT first, if a message is open.
#[test]
fn helo_may_come_again_and_ends_a_message() {
    let mut mta = strict();
    assert_eq!(mta.go("CHHMRAHMRTLNBEHMR"), "CHHMRAHMRTLNBEHMR");
    let mut mta = strict();
    assert_eq!(mta.go("CHMRHMRTLNBE"), "CHMRHMRTLNBE", "HELO aborts by itself");
    let mut mta = strict();
    mta.go("CHMRT");
    assert_eq!(mta.send(b'H'), Ok(None), "a client can greet after DATA that somebody else refused");
    let mut mta = strict();
    mta.go("CHMRTL");
    assert_eq!(mta.send(b'H'), Err(Rule::Order), "within the content a client cannot greet");
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::EMPTY);
        filter.go("CHMR");
        assert_eq!(how(filter.gets(b'H').unwrap()), (true, true));
    }
}

// 19. libmilter closes on a family and a text that do not fit.
#[test]
fn connect_says_nothing_that_is_no_address() {
    let v4 = |address: &'static str| Peer::Inet { port: 25, address: Text::try_from(address).unwrap() };
    let v6 = |address: &'static str| Peer::Inet6 { port: 25, address: Text::try_from(address).unwrap() };
    let rows = [
        (v4("192.0.2.1"), Ok(())),
        (v4("unknown"), Err(Rule::InvalidAddress)),
        (v4("IPv6:::ffff:192.0.2.1"), Err(Rule::InvalidAddress)),
        (v4(""), Err(Rule::InvalidAddress)),
        (v6("2001:db8::1"), Ok(())),
        (v6("IPv6:2001:db8:0:0:0:0:0:1"), Ok(())),
        (v6("192.0.2.1"), Err(Rule::InvalidAddress)),
        (Peer::Unix { port: 0, path: text(b"/run/client") }, Ok(())),
        (Peer::Unix { port: 0, path: Text::EMPTY }, Ok(())),
        (Peer::Unix { port: 0, path: text(&[b'x'; 107]) }, Ok(())),
        (Peer::Unix { port: 0, path: text(&[b'x'; 108]) }, Err(Rule::InvalidAddress)),
        (Peer::Unknown, Ok(())),
    ];
    for (peer, expected) in rows {
        let connect = Command::Connect { host: text(b"mx.example"), peer };
        let mut session = strict().0;
        let Ok(Sent::Frame(sent)) = session.send(connect) else { panic!("{peer:?}") };
        let bytes: Vec<u8> = sent.segments().flatten().copied().collect();
        let mut monitor = Monitor::new();
        monitor.observe(Direction::ToFilter, Frame::new(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0"));
        monitor.observe(Direction::ToMta, Frame::new(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0"));
        let judged: Vec<u8> = connect.encode().segments().flatten().copied().collect();
        let judged = Frame::new(connect.code(), &judged[5..]);
        let broken = monitor.clone().observe(Direction::ToFilter, judged).violations().next();
        assert_eq!(broken, expected.err(), "{peer:?}");
        // What is sent is an address, or none.
        assert_eq!(
            monitor.observe(Direction::ToFilter, Frame::new(b'C', &bytes[5..])).violations().count(),
            0
        );
    }
}

// 20. A NUL cannot get into a text, and an empty header name not into a session.
#[test]
fn texts_hold_no_nul_and_a_header_has_a_name() {
    assert!(Text::new(b"a\0b").is_err());
    let mut mta = strict();
    mta.go("CH");
    let bounce = Command::MailFrom { address: Text::EMPTY, arguments: TextList::EMPTY };
    assert_eq!(mta.say(bounce), Ok(None), "an empty address is one");
    mta.scope(b'c');
    mta.go("RT");
    let nameless = Command::Header { name: Text::EMPTY, value: text(b"x") };
    assert_eq!(mta.say(nameless), Err(Rule::EmptyName));
}

// 21. libmilter closes on more than 65,535 bytes, in any frame.
#[test]
fn a_header_that_is_too_long_is_refused_with_its_name_and_both_nuls() {
    let value = vec![b'x'; 65_535];
    for (len, expected) in [(65_532, Ok(None)), (65_533, Err(Rule::TooLong))] {
        let mut mta = strict();
        mta.go("CHMRT");
        let header = Command::Header { name: text(b"X"), value: text(&value[..len]) };
        assert_eq!(mta.say(header), expected, "{len}");
    }
    let mut larger =
        Mta(MtaSession::with_limits(mta::Policy::STRICT, Limits::DEFAULT.with_max_send_payload(1000)));
    larger.send(b'O').unwrap();
    larger.rule(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0");
    larger.go("CHMRT");
    for (len, expected) in [(997, Ok(None)), (998, Err(Rule::TooLong))] {
        let header = Command::Header { name: text(b"X"), value: text(&value[..len]) };
        assert_eq!(larger.clone().say(header), expected, "a smaller limit holds: {len}");
    }
}

// 22. The space behind the colon, in both directions.
#[test]
fn one_leading_space_is_the_mtas_unless_it_was_agreed_otherwise() {
    for (steps, to_filter, before) in
        [(Steps::EMPTY, &b" x"[..], &b" "[..]), (Steps::LEADING_SPACE, b"  x", b"")]
    {
        let mta = Mta::with(mta::Policy::STRICT, steps);
        let rule = LeadingSpace::of(mta.0.negotiated().unwrap().steps);
        assert_eq!((rule.to_wire(b"  x"), rule.before()), (to_filter, before));
        assert_eq!(rule.to_wire(b"\tx"), b"\tx", "a tab stays");
    }
}

// 23. What a filter's reply may look like before a client sees it.
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

// 24. Postfix gives up on a verdict with a payload, Sendmail reads over it.
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

// 25. Refused from the four bytes of the length.
#[test]
fn a_frame_of_no_length_or_too_long_ends_the_connection_at_once() {
    for (bytes, is_too_long) in [(&b"\0\0\0\0c"[..], false), (b"\xff\xff\xff\xff", true)] {
        let mut mta = strict();
        mta.send(b'C').unwrap();
        let mut assembler = Assembler::new(Vec::new());
        let mut input = bytes;
        let error = mta.0.next_event(&mut assembler, &mut input).unwrap_err();
        match error {
            ReceiveError::Stream(FrameError::TooLong { .. }) => assert!(is_too_long),
            ReceiveError::Stream(_) => assert!(!is_too_long),
            other => panic!("{other}"),
        }
        let again = mta.0.next_event(&mut assembler, &mut &b"\0\0\0\x01c"[..]).unwrap_err();
        assert_eq!(again, error);
    }
}

// 26. However a stream is cut, the same reactions come of it.
#[test]
fn single_bytes_and_whole_rows_of_frames_give_the_same_reactions() {
    let stream = b"\0\0\0\x0bhX-Seen\0yes\0\0\0\0\x01p\0\0\0\x05qwhy\0\0\0\0\x01c";
    let stream = [b"\0\0\0\x0ch", &stream[5..]].concat();
    let mut seen = Vec::new();
    for size in [1, 2, 3, 5, 7, stream.len()] {
        let mut mta = strict();
        mta.go("CHMRTLNB");
        mta.send(b'E').unwrap();
        let mut assembler = Assembler::new(Vec::new());
        let mut reactions = Vec::new();
        for piece in stream.chunks(size) {
            let mut input = piece;
            while let Some(reaction) = mta.0.next_event(&mut assembler, &mut input).unwrap() {
                reactions.push(format!("{reaction:?}"));
            }
        }
        assert_eq!(reactions.len(), 4);
        seen.push((reactions, mta.0.turn(), assembler.pending()));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

// 27. QUARANTINE is no verdict: the verdict decides.
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

// 28. No wait runs while nothing is owed, so none can end.
#[test]
fn no_timer_runs_while_no_reply_is_owed() {
    let mut mta = strict();
    for code in *b"CHMRTLNBE" {
        assert_eq!(mta.0.wait(), None, "before {}", char::from(code));
        mta.send(code).unwrap();
        assert!(mta.0.wait().is_some(), "after {}", char::from(code));
        mta.scope(b'c');
    }
    mta.go("MA");
    assert_eq!(mta.0.wait(), None, "ABORT has no reply");
}

// 29. Postfix panics at the next MAIL.
#[test]
fn a_verdict_about_a_message_means_nothing_where_there_is_none() {
    for policy in POLICIES {
        for verdict in *b"ad" {
            let mut mta = Mta::with(policy, Steps::EMPTY);
            mta.go("CH");
            assert_eq!(mta.hears(b'U', verdict), Scope::Nothing);
            assert_eq!(mta.go("MRTLNBE"), "MRTLNBE");
        }
        let mut mta = Mta::with(policy, Steps::EMPTY);
        mta.go("CH");
        assert_eq!(mta.hears(b'U', b'r'), Scope::Command);
        assert_eq!(mta.go("MR"), "MR");
    }
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CH");
    filter.gets(b'U').unwrap();
    assert_eq!(filter.says(Verdict::Accept), Err(Rule::UndefinedVerdict), "ours does not say it");
}

// 30. Refused once, refused until the client is gone.
#[test]
fn a_verdict_about_the_connection_holds_until_it_ends() {
    for (at, before) in [(b'C', ""), (b'H', "C")] {
        for verdict in *b"arty" {
            let mut mta = strict();
            mta.go(before);
            assert_eq!(mta.hears(at, verdict), Scope::Connection);
            for code in *b"DHMRTLNBEUAK" {
                let expected = if code == b'K' {
                    Err(Rule::QuitNcNotAllowed)
                } else {
                    Ok(Some(SkipReason::ConnectionDecided))
                };
                assert_eq!(mta.send(code), expected, "{}", char::from(code));
            }
            assert!(mta.0.clone().disconnect(0).clean, "it may be closed at once");
            assert_eq!(mta.send(b'Q'), Ok(None), "or with QUIT");
        }
    }
}

// 31. A latch that survived its message made Postfix pass mail by the filter.
#[test]
fn what_a_verdict_switched_off_is_on_again_at_every_boundary() {
    for boundary in ["AM", "M", "HM"] {
        for verdict in *b"artd" {
            for at in *b"MRTLNB" {
                let mut mta = strict();
                mta.go("CHMRTLNB".split(char::from(at)).next().unwrap());
                let scope = mta.hears(at, verdict);
                if scope == Scope::Recipient || (at == b'T' && scope == Scope::Message) {
                    mta.go("A");
                }
                assert_eq!(mta.go(boundary), boundary);
                assert_eq!(mta.go("RTLNBE"), "RTLNBE", "{verdict} at {at}, then {boundary}");
            }
        }
    }
}
