//! The traps that await an implementer, by the number of a list, one test each: 19 to 36.
//!
//! Each was seen in libmilter, Sendmail or both. The ids are those of SPEC_NOTES.md.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the case that it means")]

#[path = "support/sides.rs"]
mod sides;

use milter_proto::filter::{Options, Support};
use milter_proto::macros::MacroStore;
use milter_proto::mta::{EditStatus, Scope, Sent};
use milter_proto::order::{CommandKind, Rule, Stage};
use milter_proto::wire::{
    Actions, Answer, Assembler, Chunks, Command, DataSize, Edit, Frame, LeadingSpace, MacroStage, Offer,
    Peer, ReplyCode, ReplyText, Response, Steps, Verdict, Version, folds_to_wire,
};
use milter_proto::{FilterSession, MtaSession, ReceiveError, filter, mta};
use sides::{Filter, Mta, command, how, macros, text};

// 19. QUIT and the end of the stream abort a message that is open.
#[test]
fn quit_or_the_end_of_the_stream_in_a_message_is_an_abort_too() {
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::EMPTY);
        filter.go("CHMR");
        assert!(filter.0.stage().is_in_message(), "before QUIT is taken");
        assert!(filter.0.clone().disconnect(0).in_message);
        filter.gets(b'Q').unwrap();
        assert!(filter.0.disconnect(0).clean);
    }
    for (before, passage) in [("CHMR", (true, true)), ("CHMRTLNBE", (true, false))] {
        let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
        filter.go(before);
        assert_eq!(how(filter.gets(b'Q').unwrap()), passage);
    }
}

// 20. ABORT gets no reply and ends no connection. Unlike libmilter, ours forgets the message's macros.
#[test]
fn abort_ends_the_message_alone() {
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    assert_eq!(filter.go("CHMRAMRTLNBE"), "CHMRMRTLNBE");
    let mut store = MacroStore::new([0; 64]);
    for command in [macros(MacroStage::MAIL), command(b'M'), Command::Abort] {
        store.observe(&filter::Event::new(command)).unwrap();
    }
    assert_eq!(store.get("i"), None);
}

// 21. A reply text that libmilter stored waits for the next refusal, of another message perhaps.
#[test]
fn a_reply_text_is_used_once_and_at_once() {
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CHM");
    let reply = ReplyText::parse(b"550 5.7.1 no").unwrap();
    for (verdict, bytes) in
        [(Verdict::Reply(reply), &b"\0\0\0\x0ey550 5.7.1 no\0"[..]), (Verdict::Reject, b"\0\0\0\x01r")]
    {
        filter.gets(b'R').unwrap();
        let mut out = Vec::new();
        filter.0.send(verdict).unwrap().append_to(&mut out);
        assert_eq!(out, bytes);
    }
}

// 22. libmilter drops a 4xx text with REJECT, and a 5xx text with TEMPFAIL.
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

// 23. A malformed 4xx text becomes a 5xx one in Sendmail, and here only where an MTA judges as Sendmail does.
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

// 24. Exactly one side doubles `%`, exactly one undoes it.
#[test]
fn percent_signs_are_doubled_by_the_filter_and_undone_by_the_mta() {
    let mut storage = [0; 64];
    let reply =
        ReplyText::write(ReplyCode::new(550).unwrap(), None, [&b"all 100% spam"[..]], &mut storage).unwrap();
    assert_eq!(reply.as_text(), "550 all 100%% spam");
    assert_eq!(reply.unescaped().to_string(), "550 all 100% spam");
}

// 25. CHGHEADER counts from 1 within a name, INSHEADER from 0 over all: the numbers pass as they are.
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

// 26. Deleting a header does not renumber the others: what is deleted twice is the same header twice.
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

// 27. Sendmail writes `IPv6:` and all eight groups, Postfix neither; mapped addresses are IPv4.
#[test]
fn an_address_of_version_6_is_read_with_prefix_and_without() {
    let expected = "2001:db8::1".parse().ok();
    for address in [&b"IPv6:2001:db8:0:0:0:0:0:1"[..], b"ipv6:2001:db8::1", b"2001:db8::1"] {
        assert_eq!(Peer::Inet6 { port: 25, address: text(address) }.ip(), expected);
    }
    assert_eq!(Peer::Inet6 { port: 25, address: text(b"192.0.2.1") }.ip(), None);
}

// 28. libmilter reads oddities that were addresses once. Ours gives the text, and no address.
#[test]
fn an_odd_address_is_text_to_a_filter_and_not_sent_by_an_mta() {
    for odd in [&b"127.1"[..], b"0x7f000001", b"1.2.3.4 x"] {
        let peer = Peer::Inet { port: 25, address: text(odd) };
        assert_eq!(peer.ip(), None);
        let connect = Command::Connect { host: text(b"h"), peer };
        let sent = Mta::with(mta::Policy::STRICT, Steps::EMPTY).0.send(connect);
        let unknown = Command::Connect { host: text(b"h"), peer: Peer::Unknown };
        assert_eq!(sent, Ok(Sent::Frame(unknown.encode())));
        let payload = b"h\x004\0\x19127.1 x\0";
        let strict = Filter::with(filter::Policy::STRICT, Steps::EMPTY).rule(b'C', payload);
        assert_eq!(strict, Some(Rule::InvalidAddress));
        assert!(Filter::with(filter::Policy::DEFAULT, Steps::EMPTY).hear(connect).is_ok());
        assert!(Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY).hear(connect).is_ok());
    }
}

// 29. A unix socket has a port and perhaps no path; only `U` ends at its byte.
#[test]
fn a_unix_client_has_a_port_and_an_unknown_one_has_not() {
    let unix = Command::parse(Frame::new(b'C', b"h\0L\0\0\0")).unwrap();
    assert_eq!(unix, Command::Connect { host: text(b"h"), peer: Peer::Unix { port: 0, path: text(b"") } });
    assert!(Command::parse(Frame::new(b'C', b"h\0L\0")).is_err(), "no port");
    assert!(Command::parse(Frame::new(b'C', b"h\0U")).is_ok());
    assert!(Command::parse(Frame::new(b'C', b"h\0U\0\0\0")).is_err());
}

// 30. Folds are LF, line ends of the body CRLF; a CRLF may be cut in two, and a body may hold NUL.
#[test]
fn folds_are_lf_and_bodies_are_any_bytes_cut_anywhere() {
    assert_eq!(folds_to_wire(b"one\r\n\ttwo").collect::<Vec<_>>().concat(), b"one\n\ttwo");
    let mut body = vec![b'x'; 65_534];
    body.extend_from_slice(b"\r\n\0\r");
    let chunks: Vec<_> = Chunks::new(&body, DataSize::Kib64).collect();
    assert!(chunks[0].ends_with(b"\r") && chunks[1] == b"\n\0\r");
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::NO_REPLY_BODY);
    mta.go("CHMRTLN");
    for chunk in chunks {
        assert_eq!(mta.say(Command::Body { chunk }), Ok(None));
    }
}

// 31. Leading space concerns both directions.
#[test]
fn leading_space_is_one_rule_for_both_directions() {
    for (steps, rule) in
        [(Steps::EMPTY, LeadingSpace::Stripped), (Steps::LEADING_SPACE, LeadingSpace::Preserved)]
    {
        let mta = Mta::with(mta::Policy::STRICT, steps);
        let filter = Filter::with(filter::Policy::STRICT, steps);
        for agreed in [mta.0.negotiated(), filter.0.negotiated()] {
            assert_eq!(LeadingSpace::of(agreed.unwrap().steps), rule);
        }
    }
}

// 32. At RCPT only refusals are about the recipient.
#[test]
fn accept_and_discard_to_rcpt_are_about_the_message() {
    for (verdict, scope) in [
        (b'a', Scope::Message),
        (b'd', Scope::Message),
        (b'r', Scope::Recipient),
        (b't', Scope::Recipient),
        (b'y', Scope::Recipient),
    ] {
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
        mta.go("CHM");
        assert_eq!(mta.hears(b'R', verdict), scope, "{}", char::from(verdict));
    }
}

// 33. A callback's value that libmilter does not know is silence. Ours insists on an answer.
#[test]
fn silence_is_noticed_before_the_next_command_is_taken() {
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("C");
    filter.gets(b'H').unwrap();
    let mut assembler = Assembler::new([0; 64]);
    let mut input = &b"\0\0\0\x07M<a@b>\0"[..];
    let refused = filter.0.next_event(&mut assembler, &mut input).unwrap_err();
    assert_eq!(refused, ReceiveError::ReplyOwed(CommandKind::Helo));
    assert_eq!(input.len(), 11, "nothing was taken");
    assert_eq!(filter.says(Verdict::Continue), Ok(()));
    assert!(filter.0.next_event(&mut assembler, &mut input).unwrap().is_some());
}

// 34. libmilter may call close without connect, or twice, and abort for a MAIL that nobody saw.
#[test]
fn the_end_is_told_once_and_aborts_only_what_was_seen() {
    let mut unopened = Filter(FilterSession::with_policy(filter::Policy::LIBMILTER));
    let ending = unopened.0.disconnect(0);
    assert!(!ending.in_message && !ending.clean && !ending.in_frame);
    let mut malformed = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    malformed.go("CH");
    assert_eq!(malformed.rule(b'M', b"<a@b>"), Some(Rule::MalformedPayload));
    assert!(!malformed.0.disconnect(0).in_message, "MAIL was never given out");
    let mut reused = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    reused.go("CHMRTLNBEK");
    assert_eq!(reused.0.stage(), Stage::Reconnecting);
    assert!(!reused.0.disconnect(0).in_message);
}

// 35. A filter of version 6 meets MTAs of version 2.
#[test]
fn an_mta_of_version_2_leaves_out_data_and_unknown_and_everything_newer() {
    let offer = Offer::new(Version::V2, Actions::V2, Steps::V2);
    let wishes = Options::all_commands()
        .request(Actions::ALL)
        .skip(Support::Optional)
        .leading_space(Support::Optional)
        .rejected_recipients(Support::Optional);
    let decision = wishes.answer(offer).unwrap();
    assert_eq!(decision.answer.version, Version::V2);
    assert_eq!((decision.answer.actions, decision.answer.steps), (Actions::V2, Steps::EMPTY));
    let effective = decision.negotiated.effective_steps();
    assert!(effective.contains(Steps::NO_DATA | Steps::NO_UNKNOWN));
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter(FilterSession::with_policy(policy));
        filter.hear(Command::Negotiate(offer)).unwrap();
        assert!(filter.0.negotiate(&wishes).is_ok());
        assert_eq!(filter.go("CHMRLNBEMRLNE"), "CHMRLNBEMRLNE");
    }
}

// 36. Bits decide, not versions: Postfix offers the actions of version 6 with version 2.
#[test]
fn what_a_filter_may_say_is_decided_by_bits_and_not_by_the_version() {
    let offer = Offer::new(Version::V2, Actions::ALL, Steps::V2);
    let agreed = Answer::new(Version::V2, Actions::ALL, Steps::EMPTY);
    let mut filter = Filter::offered(filter::Policy::STRICT, offer, agreed);
    filter.go("CHMRLNB");
    filter.gets(b'E').unwrap();
    let change = Edit::ChangeFrom { address: text(b"<>"), arguments: None };
    assert_eq!(filter.says(change), Ok(()));
    let mut mta = Mta::answered(MtaSession::with_policy(mta::Policy::STRICT), agreed);
    mta.go("CHMRLNB");
    mta.send(b'E').unwrap();
    let mut payload = Vec::new();
    let reaction = mta.takes(&change.into(), &mut payload);
    assert!(matches!(reaction, mta::Event::Edit { status: EditStatus::Negotiated, .. }));
}
