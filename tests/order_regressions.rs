//! What other libraries got wrong about order and negotiation, by the number of a list of 25.
//!
//! Not here, because they are of the wire: 1 to 6, 11, 15 to 17, 19, 22, 23.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the case that it means")]

#[path = "support/sides.rs"]
mod sides;

use milter_proto::filter::{Options, Support};
use milter_proto::macros::MacroStore;
use milter_proto::mta::{Scope, SkipReason};
use milter_proto::order::{CommandKind, Rule, Stage};
use milter_proto::wire::{
    Actions, Answer, Command, DataSize, Frame, ListStage, MacroLists, MacroStage, Offer, Response, Steps,
    Tolerance, Verdict, Version,
};
use milter_proto::{FilterSession, MtaSession, filter, mta};
use sides::{Filter, Mta, how, payload_of, text};

/// Offers in bytes what a filter is to answer, and gives its answer in bytes.
fn negotiate(words: [u32; 3], wishes: &Options<'_>) -> Option<Vec<u8>> {
    let payload: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    let mut session = FilterSession::with_policy(filter::Policy::LIBMILTER);
    session.receive(Frame::new(b'O', &payload)).expect("twelve bytes");
    let outgoing = session.negotiate(wishes).ok()?.frame;
    Some(outgoing.segments().flatten().copied().collect())
}

fn words(bytes: &[u8]) -> [u32; 3] {
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    [word(5), word(9), word(13)]
}

// 7. Versions 0, 1, 2, 3, 4, 5, 6, 7 and 2^31.
#[test]
fn a_version_is_answered_with_6_at_most_and_never_with_its_own_constant() {
    for (offered, expected) in [
        (0, None),
        (1, None),
        (2, Some(2)),
        (3, Some(3)),
        (4, Some(4)),
        (5, Some(5)),
        (6, Some(6)),
        (7, Some(6)),
        (0x8000_0000, None),
    ] {
        let answer = negotiate([offered, 0x1ff, 0x1f_ffff], &Options::all_commands());
        assert_eq!(answer.map(|bytes| words(&bytes)[0]), expected, "offer {offered}");
    }
}

// 8. Zero masks.
#[test]
fn masks_of_zero_are_those_of_version_1() {
    let wishes = Options::new([CommandKind::EndOfHeaders]).request(Actions::ALL);
    assert_eq!(words(&negotiate([6, 0, 0], &wishes).unwrap()), [6, 0x0f, 0x3f]);
    assert_eq!(words(&negotiate([6, 0x3f, 0], &wishes).unwrap()), [6, 0x3f, 0x3f]);
    assert_eq!(words(&negotiate([6, 0, 0x33f], &wishes).unwrap()), [6, 0x0f, 0x33f]);
    // miltr-client and go-milter's client offer no steps, and take what comes of it.
    let mut mta = Mta(MtaSession::with_policy(mta::Policy::STRICT));
    mta.say(Command::Negotiate(Offer::new(Version::V6, Actions::ALL, Steps::EMPTY))).unwrap();
    assert_eq!(mta.rule(b'O', b"\0\0\0\x06\0\0\0\x11\0\0\0\x02"), None);
    assert_eq!(mta.go("CHMRTLNBE"), "CMRTLNBE");
}

// 9. NO_DATA and NO_UNKNOWN.
#[test]
fn an_old_mta_is_not_asked_to_leave_out_what_it_never_sends() {
    use CommandKind::{Data, Unknown};
    let wishes = Options::new(CommandKind::ALL.into_iter().filter(|kind| !matches!(kind, Data | Unknown)));
    for (version, steps, answered) in
        [(2, 0x7f, 0), (3, 0x17f, 0x100), (4, 0x37f, 0x300), (6, 0x1f_ffff, 0x300)]
    {
        assert_eq!(words(&negotiate([version, 0, steps], &wishes).unwrap()), [version, 0, answered]);
    }
}

// 10. A reply that cannot be left out.
#[test]
fn continue_stands_in_for_no_reply_and_nothing_else_does() {
    let mut filter = Filter(FilterSession::with_policy(filter::Policy::LIBMILTER));
    filter.hear(Command::Negotiate(Offer::new(Version::V6, Actions::ALL, Steps::V4))).unwrap();
    let wishes = Options::all_commands().no_reply_to([CommandKind::Header]);
    assert!(filter.0.negotiate(&wishes).is_ok());
    filter.go("CHMRT");
    filter.gets(b'L').unwrap();
    assert_eq!(filter.0.turn(), filter::Turn::Reply(CommandKind::Header), "the MTA waits");
    for verdict in [Verdict::Accept, Verdict::Reject, Verdict::Tempfail, Verdict::Discard, Verdict::Skip] {
        assert_eq!(filter.says(verdict), Err(Rule::ReplyNotAllowed));
    }
    assert_eq!(filter.says(Verdict::Continue), Ok(()));
    assert_eq!(filter.go("LNBE"), "LNBE");

    let mut offered = Filter::with(filter::Policy::LIBMILTER, Steps::NO_REPLY_HEADER);
    assert_eq!(offered.go("CHMRTLLNBE"), "CHMRTNBE", "no reply is no reply");
}

// 12. Larger payloads: of this connection, and never more than was offered.
#[test]
fn larger_payloads_are_of_one_connection_and_within_its_offer() {
    let wishes = Options::all_commands()
        .data_size(DataSize::Kib256, Support::Optional)
        .data_size(DataSize::Mib1, Support::Optional);
    for (offered, size) in
        [(0x1f_ffff, DataSize::Kib64), (0x1000_0000, DataSize::Kib256), (0x2000_0000, DataSize::Mib1)]
    {
        let answer = negotiate([6, 0x1ff, offered], &wishes).unwrap();
        assert_eq!(Steps::from_bits(words(&answer)[2]).data_size(), size);
        // A second connection of the same program is not concerned.
        let other = negotiate([6, 0x1ff, 0x1f_ffff], &wishes).unwrap();
        assert_eq!(Steps::from_bits(words(&other)[2]).data_size(), DataSize::Kib64);
    }
    let body = vec![b'x'; 262_143];
    let mut filter = Filter::offered(
        filter::Policy::STRICT,
        Offer::new(Version::V6, Actions::ALL, Steps::ALL | Steps::DATA_SIZE_256K),
        Answer::new(Version::V6, Actions::ALL, Steps::DATA_SIZE_256K),
    );
    filter.go("CHMRTLNB");
    filter.gets(b'E').unwrap();
    let chunk = milter_proto::wire::Edit::ReplaceBody { chunk: &body };
    assert_eq!(filter.says(chunk), Ok(()));
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CHMRTLNB");
    filter.gets(b'E').unwrap();
    assert_eq!(filter.says(chunk), Err(Rule::TooLong));
}

// 13. The tail of an answer.
#[test]
fn the_macro_lists_of_an_answer_are_read_to_their_end_or_refused() {
    let head: &[u8] = b"\0\0\0\x06\0\0\0\0\0\0\0\0";
    let rows: [(&[u8], [bool; 3], Option<&str>); 6] = [
        (b"", [true; 3], None),
        (b"\0\0\0\x02i\0", [true; 3], Some("i")),
        (b"\0\0\0\x02i\0\0\0\0\x02{j}\0", [true; 3], Some("{j}")),
        (b"\0\0\0\x02i\0\0\0\0\x07x\0", [false, true, true], Some("i")),
        (b"\0\0\0\x02i", [false; 3], None),
        (b"\0\0\0\x02i\0\0\0", [false, true, false], Some("i")),
    ];
    for (tail, taken, mail) in rows {
        for (policy, taken) in
            [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX].into_iter().zip(taken)
        {
            let payload = [head, tail].concat();
            let mut mta = Mta(MtaSession::with_policy(policy));
            mta.send(b'O').unwrap();
            match mta.0.receive(Frame::new(b'O', &payload)) {
                Ok(mta::Event::Negotiated { answer }) => {
                    assert!(taken, "{policy:?} {}", tail.escape_ascii());
                    let list = answer.macro_lists.get(ListStage::MAIL);
                    assert_eq!(list, mail.map(|mail| text(mail.as_bytes())));
                }
                other => assert!(!taken, "{policy:?} {}: {other:?}", tail.escape_ascii()),
            }
        }
    }
    assert!(MacroLists::EMPTY.iter().next().is_none());
}

// 14. BODYEOB with a payload.
#[test]
fn the_last_piece_of_a_body_is_an_event_and_the_end_another_with_one_reply() {
    for steps in [Steps::EMPTY, Steps::NO_REPLY_BODY] {
        let mut filter = Filter::with(filter::Policy::LIBMILTER, steps);
        filter.go("CHMRTLN");
        let mut assembler = milter_proto::wire::Assembler::new([0; 64]);
        let mut input = &b"\0\0\0\x05Elast\0\0\0\x01A"[..];
        let body = filter.0.next_event(&mut assembler, &mut input).unwrap().unwrap();
        assert_eq!(body.command, Command::Body { chunk: b"last" });
        assert_eq!(filter.0.turn(), filter::Turn::Receive, "nothing is owed for the chunk");
        let end = filter.0.next_event(&mut assembler, &mut input).unwrap().unwrap();
        assert_eq!(end.command, Command::EndOfMessage { chunk: b"" });
        assert_eq!(filter.says(Verdict::Reject), Ok(()));
        assert_eq!(filter.0.turn(), filter::Turn::Receive, "one reply, and no second one");
        let abort = filter.0.next_event(&mut assembler, &mut input).unwrap().unwrap();
        assert_eq!(abort.command, Command::Abort);
    }
}

// 18, as far as order is concerned: when macros are forgotten.
#[test]
fn macros_come_at_any_time_and_move_nothing() {
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::EMPTY);
        let mut store = MacroStore::new([0; 256]);
        for code in *b"CHMRTLNB" {
            let stage = filter.0.stage();
            for payload in [&b"Mi\0Q1\0"[..], b"L", b"B", b"U", b"A", b"Z", b"Ei\0a\0i\0b\0"] {
                let event = filter.0.receive(Frame::new(b'D', payload)).unwrap();
                assert_eq!(
                    ((event.in_order, event.aborts_message), filter.0.stage()),
                    ((true, false), stage)
                );
                assert_eq!(filter.0.turn(), filter::Turn::Receive);
                store.observe(&filter::Event::new(event.command)).unwrap();
            }
            filter.go(core::str::from_utf8(&[code]).unwrap());
        }
        assert_eq!(store.get("i"), Some(text(b"a")), "the first of two equal names");
        assert!(store.stage(MacroStage::new(b'L')).list().is_empty());
        let odd = Frame::new(b'D', b"Mi\0Q1\0j\0");
        assert_eq!(Command::parse_as(odd, policy.tolerance()).is_ok(), policy == filter::Policy::LIBMILTER);
        assert!(Command::parse_as(odd, Tolerance::STRICT).is_err());
    }
    assert_eq!(
        Filter(FilterSession::with_policy(filter::Policy::STRICT)).rule(b'D', b"C"),
        Some(Rule::Order),
        "before OPTNEG"
    );
    assert_eq!(Filter(FilterSession::with_policy(filter::Policy::LIBMILTER)).rule(b'D', b"C"), None);
}

// 20. QUIT_NC.
#[test]
fn quit_nc_begins_a_new_client_on_the_same_agreement() {
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::NO_HELO);
        filter.go("CMRTLNBEK");
        assert_eq!(filter.0.turn(), filter::Turn::Receive, "there is no reply to it");
        assert!(filter.0.negotiated().unwrap().steps.contains(Steps::NO_HELO));
        assert_eq!(filter.go("CMRTLNBE"), "CMRTLNBE");
    }
    // Where libmilter ignores it, a strict filter need not: outside a message it is harmless.
    for (before, libmilter) in [("C", (false, false)), ("CH", (false, false)), ("CHU", (true, false))] {
        let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
        filter.go(before);
        assert_eq!(how(filter.gets(b'K').unwrap()), libmilter, "after {before}");
        let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
        filter.go(before);
        filter.go("KCHM");
    }
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CHM");
    assert_eq!(filter.rule(b'K', b""), Some(Rule::Order));
}

// 21. ABORT wherever it may come.
#[test]
fn abort_at_every_stage_gets_no_reply_and_lets_the_next_message_through() {
    for before in ["", "C", "CH", "CHM", "CHMR", "CHMRT", "CHMRTL", "CHMRTLN", "CHMRTLNB", "CHMRTLNBE"] {
        for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
            // Before CONNECT it would send libmilter back to HELO, and CONNECT would be ignored.
            if before.is_empty() && policy == filter::Policy::STRICT {
                continue;
            }
            let mut filter = Filter::with(policy, Steps::EMPTY);
            filter.go(before);
            assert_eq!(filter.go("AA"), "", "after {before}");
            assert_eq!(filter.go("MRTLNBE"), "MRTLNBE", "after {before}, then ABORT");
        }
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
        mta.go(before);
        if before.is_empty() {
            assert_eq!(mta.send(b'A'), Err(Rule::Order));
            continue;
        }
        assert_eq!(mta.go("AA"), "AA");
        assert_eq!(mta.0.turn(), mta::Turn::Send);
    }
    for pending in *b"CHMRTLNBE" {
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
        mta.go("CHMRTLNBE".split(char::from(pending)).next().unwrap());
        mta.send(pending).unwrap();
        assert_eq!(mta.send(b'A'), Err(Rule::ReplyOwed), "behind {}", char::from(pending));
    }
}

/// What each policy makes of ACCEPT, PROGRESS, CONN_FAIL, SHUTDOWN and SKIP in reply to a command:
/// `c` about the connection, `m` the message, `1` this command, `0` nothing, `w` wait on, `-` refused.
#[rustfmt::skip]
const ODD_REPLIES: [(u8, &str, &str, &str); 10] = [
    //     STRICT   SENDMAIL POSTFIX
    (b'C', "c----", "c---1", "cw-c1"),
    (b'H', "c----", "c---1", "cw-c1"),
    (b'M', "m----", "m---1", "mw-c1"),
    (b'R', "m----", "m---1", "mw-c1"),
    (b'T', "m----", "m---1", "mw-c1"),
    (b'L', "m----", "m---1", "mw-c1"),
    (b'N', "m----", "m---1", "mw-c1"),
    (b'B', "m---1", "m---1", "mw-c1"),
    (b'E', "mw---", "mw---", "mw-cm"),
    (b'U', "0----", "0---1", "0w-c1"),
];

// 24. `a`, `p`, `f`, `4` and `s` in every state.
#[test]
fn odd_replies_mean_the_same_at_every_command_as_in_the_table() {
    for (command, strict, sendmail, postfix) in ODD_REPLIES {
        let columns = [
            (mta::Policy::STRICT, strict),
            (mta::Policy::SENDMAIL, sendmail),
            (mta::Policy::POSTFIX, postfix),
        ];
        for (policy, expected) in columns {
            let seen: String = b"apf4s"
                .iter()
                .map(|reply| {
                    let mut mta = Mta::with(policy, Steps::SKIP);
                    mta.go(if command == b'U' {
                        "CH"
                    } else {
                        "CHMRTLNBE".split(char::from(command)).next().unwrap()
                    });
                    mta.send(command).unwrap();
                    match mta.0.receive(Frame::new(*reply, b"")) {
                        Ok(mta::Event::Progress) => 'w',
                        Ok(mta::Event::Verdict { scope: Scope::Connection, .. }) => 'c',
                        Ok(mta::Event::Verdict { scope: Scope::Message, .. }) => 'm',
                        Ok(mta::Event::Verdict { scope: Scope::Command, .. }) => '1',
                        Ok(mta::Event::Verdict { scope: Scope::Nothing, .. }) => '0',
                        Err(_) => '-',
                        other => panic!("{other:?}"),
                    }
                })
                .collect();
            assert_eq!(seen, expected, "{} {policy:?}", char::from(command));
        }
    }
}

// 24, on the filter's side: it sends none of them where it means nothing, CONN_FAIL and SHUTDOWN never.
#[test]
fn a_strict_filter_says_odd_things_where_they_mean_something() {
    for (command, strict, ..) in ODD_REPLIES {
        let responses: [Response<'_>; 5] = [
            Verdict::Accept.into(),
            Response::Progress,
            Verdict::ConnectionFail.into(),
            Verdict::Shutdown.into(),
            Verdict::Skip.into(),
        ];
        for (response, cell) in responses.iter().zip(strict.chars()) {
            let mut filter = Filter::with(filter::Policy::STRICT, Steps::SKIP);
            filter.go(if command == b'U' {
                "CH"
            } else {
                "CHMRTLNBE".split(char::from(command)).next().unwrap()
            });
            filter.gets(command).unwrap();
            assert_eq!(filter.says(*response).is_ok(), !matches!(cell, '-' | '0'), "{response:?}");
        }
    }
}

// 25. ACCEPT, and then more.
#[test]
fn what_follows_accept_is_not_sent_and_gets_no_answer() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    mta.go("CHMRTL");
    assert_eq!(mta.hears(b'N', b'a'), Scope::Message);
    assert_eq!(mta.send(b'B'), Ok(Some(SkipReason::MessageDecided)));
    assert_eq!(mta.send(b'E'), Ok(Some(SkipReason::MessageDecided)));
    assert_eq!(mta.go("AMRTLNBE"), "AMRTLNBE");

    // libmilter is silent: an MTA that waits, waits for ever.
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("CHMRTL");
    filter.gets(b'N').unwrap();
    filter.says(Verdict::Accept).unwrap();
    for code in *b"BE" {
        assert_eq!(how(filter.gets(code).unwrap()), (false, false));
        assert_eq!(filter.0.turn(), filter::Turn::Receive);
    }
    assert_eq!(filter.0.stage(), Stage::Greeted);
    assert_eq!(filter.go("MRTLNBE"), "MRTLNBE");
    // ACCEPT to CONNECT: libmilter goes on with the connection, the MTA does not.
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.gets(b'C').unwrap();
    filter.says(Verdict::Accept).unwrap();
    assert_eq!(filter.go("HM"), "HM");
    assert!(payload_of(&Verdict::Accept.into()).is_empty());
}
