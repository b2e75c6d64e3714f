//! The traps that await an implementer, by the number of a list, one test each: 1 to 18. The others are in more_traps.rs.
//!
//! Each was seen in libmilter, Sendmail or both. The ids are those of SPEC_NOTES.md.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the case that it means")]

#[path = "support/sides.rs"]
mod sides;

use milter_proto::Limits;
use milter_proto::filter::{Options, Support};
use milter_proto::macros::{MacroRequests, MacroStore};
use milter_proto::mta::{EditStatus, Scope};
use milter_proto::negotiation::NegotiationError;
use milter_proto::order::{CommandKind, Rule, Stage};
use milter_proto::wire::{
    Actions, Answer, Command, Edit, Frame, FrameError, ListStage, MacroLists, MacroStage, Offer, Response,
    Steps, Verdict, Version,
};
use milter_proto::{FilterSession, MtaSession, Timeouts, filter, mta};
use sides::{Filter, Mta, how, text};

// 1. A MACRO of the stage byte only is everyday traffic, and its command may never follow.
#[test]
fn macros_may_be_none_and_their_command_may_not_follow() {
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::NO_HELO);
        filter.go("C");
        assert_eq!(filter.rule(b'D', b"H"), None);
        assert_eq!(filter.0.turn(), filter::Turn::Receive, "MACRO has no reply");
        assert_eq!(filter.go("DMDR"), "MR");
    }
    let mut store = MacroStore::new([0; 64]);
    store.observe(&filter::Event::new(Command::parse(Frame::new(b'D', b"H")).unwrap())).unwrap();
    assert!(store.stage(MacroStage::HELO).list().is_empty());
}

// 2. EOH comes before BODYEOB as a stage, and behind it as the number of a list.
#[test]
fn the_end_of_the_headers_is_list_6_but_the_earlier_stage() {
    assert_eq!(ListStage::END_OF_MESSAGE.number(), 5);
    assert_eq!(ListStage::END_OF_HEADERS.number(), 6);
    let mut store = MacroStore::new([0; 64]);
    for payload in [&b"Nx\0headers\0"[..], b"Ex\0message\0"] {
        store.observe(&filter::Event::new(Command::parse(Frame::new(b'D', payload)).unwrap())).unwrap();
    }
    assert_eq!(store.get("x"), Some(text(b"message")), "the later stage counts");
}

// 3. Sendmail looks at the list of EOH where it means that of BODYEOB. Ours does not.
#[test]
fn the_lists_of_both_ends_do_not_depend_on_each_other() {
    let lists = MacroLists::new(b"\0\0\0\x05{msg_id}\0").unwrap();
    let schedule = MacroRequests::new(lists);
    assert_eq!(schedule.names(MacroStage::END_OF_MESSAGE), Some(text(b"{msg_id}")));
    assert_eq!(schedule.names(MacroStage::END_OF_HEADERS), None);
    let lists = MacroLists::new(b"\0\0\0\x06i\0").unwrap();
    assert_eq!(MacroRequests::new(lists).names(MacroStage::END_OF_MESSAGE), None);
}

// 4. An empty list asks for nothing; no list asks for the MTA's choice.
#[test]
fn an_empty_macro_list_is_not_an_absent_one() {
    let schedule = MacroRequests::new(MacroLists::new(b"\0\0\0\x02\0").unwrap());
    let mut storage = [0; 64];
    let mut macros = |stage| {
        let macros = schedule.write_macros(stage, b"i", |_| Some(text(b"Q1")), &mut storage).unwrap();
        macros.is_some()
    };
    assert!(!macros(MacroStage::MAIL));
    assert!(macros(MacroStage::RCPT));
}

// 5. The length counts the code byte, a limit does not.
#[test]
fn a_length_of_one_more_than_the_limit_is_legal() {
    let limits = Limits::DEFAULT.with_max_receive_payload(3);
    assert!(Frame::split(b"\0\0\0\x04Babc", limits).unwrap().is_some());
    assert!(matches!(Frame::split(b"\0\0\0\x05Babcd", limits), Err(FrameError::TooLong { .. })));
}

// 6. Nine commands must not be empty. A HELO that says nothing is one NUL.
#[test]
fn empty_payloads_end_a_session_where_libmilter_ends_it() {
    // Where they can come: what libmilter ignores, it does not read.
    let rows = [
        (b'C', ""),
        (b'H', "C"),
        (b'M', "C"),
        (b'R', "CM"),
        (b'L', "CMRT"),
        (b'B', "CMRTN"),
        (b'U', "C"),
        (b'D', ""),
    ];
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        for (code, before) in rows {
            let mut filter = Filter::with(policy, Steps::EMPTY);
            filter.go(before);
            let rule = if code == b'B' { Rule::EmptyBody } else { Rule::MalformedPayload };
            assert_eq!(filter.rule(code, b""), Some(rule), "{}", char::from(code));
            assert_eq!(filter.0.turn(), filter::Turn::Closed);
        }
        assert_eq!(Filter(FilterSession::with_policy(policy)).rule(b'O', b""), Some(Rule::MalformedPayload));
    }
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("C");
    assert_eq!(filter.rule(b'H', b"\0"), None);
}

// 7. libmilter answers twice to a refused BODYEOB with bytes. Ours gives a chunk and an end: one answer.
#[test]
fn bytes_in_the_end_of_the_message_are_answered_once() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    mta.go("CHMRTLN");
    assert_eq!(mta.say(Command::EndOfMessage { chunk: b"x" }), Err(Rule::BodyAtEnd));
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("CHMRTLN");
    assert_eq!(filter.0.receive(Frame::new(b'E', b"x")).unwrap().command, Command::Body { chunk: b"x" });
    assert_eq!(filter.says(Verdict::Reject), Err(Rule::NotOwed), "the end is still to be taken");
    assert!(filter.0.rest_of_frame().is_some());
    assert_eq!(filter.says(Verdict::Reject), Ok(()));
    assert_eq!(filter.says(Verdict::Reject), Err(Rule::NotOwed));
}

// 8. After a refusal or ACCEPT libmilter is where HELO leads to: ABORT and QUIT_NC are ignored there.
#[test]
fn behind_a_message_that_was_refused_abort_and_quit_nc_mean_nothing_to_libmilter() {
    for verdict in [Verdict::Accept, Verdict::Reject, Verdict::Tempfail, Verdict::Discard] {
        let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
        filter.go("CHMRTLNB");
        filter.gets(b'E').unwrap();
        assert_eq!(filter.says(verdict), Ok(()));
        assert_eq!(filter.0.stage(), Stage::Greeted);
        for code in *b"AK" {
            assert_eq!(how(filter.gets(code).unwrap()), (false, false));
        }
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
        mta.go("CHMRTLNB");
        mta.hears(b'E', verdict.code());
        assert_eq!(mta.send(b'K'), Err(Rule::QuitNcNotAllowed), "so the MTA's side does not send it");
    }
}

// 9. libmilter swallows what is out of order, after an implied abort.
#[test]
fn out_of_order_is_ignored_without_a_reply_or_ends_the_connection() {
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("CHM");
    assert_eq!(how(filter.gets(b'T').unwrap()), (false, true));
    assert_eq!(filter.0.turn(), filter::Turn::Receive, "no reply is owed");
    assert_eq!(how(filter.gets(b'R').unwrap()), (false, false));
    assert_eq!(filter.go("MR"), "MR");
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CHM");
    assert_eq!(filter.rule(b'T', b""), Some(Rule::Order));
}

// 10. What comes before OPTNEG makes libmilter ignore OPTNEG.
#[test]
fn without_optneg_first_there_is_no_negotiation() {
    let mut filter = Filter(FilterSession::with_policy(filter::Policy::LIBMILTER));
    assert_eq!(filter.go("H"), "H");
    assert_eq!(how(filter.gets(b'O').unwrap()), (false, false));
    assert_eq!(filter.0.turn(), filter::Turn::Receive);
    assert_eq!(filter.0.negotiated(), None);
    assert_eq!(
        Filter(FilterSession::with_policy(filter::Policy::STRICT)).rule(b'H', b"x\0"),
        Some(Rule::Order)
    );
    assert_eq!(Mta(MtaSession::with_policy(mta::Policy::STRICT)).send(b'H'), Err(Rule::Order));
}

// 11. Without EOH, and with no header in the message, libmilter loses the body.
#[test]
fn a_message_without_headers_is_no_message_to_libmilter_without_eoh() {
    let steps = Steps::NO_END_OF_HEADERS;
    let mut filter = Filter::with(filter::Policy::LIBMILTER, steps);
    filter.go("CHMRT");
    assert_eq!(how(filter.gets(b'B').unwrap()), (false, true));
    let mut filter = Filter::with(filter::Policy::LIBMILTER, steps | Steps::NO_HEADERS);
    filter.go("CHMRT");
    assert_eq!(how(filter.gets(b'B').unwrap()), (true, false));
    let mut filter = Filter::with(filter::Policy::STRICT, steps);
    assert_eq!(filter.go("CHMRTBE"), "CHMRTBE", "ours reads what both MTAs send");
}

// 12. DISCARD to CONNECT switches all filtering off in Sendmail, DISCARD to UNKNOWN drops the next mail.
#[test]
fn discard_means_nothing_outside_a_message() {
    for (before, at) in [("", b'C'), ("C", b'H'), ("CH", b'U')] {
        let mut mta = Mta::with(mta::Policy::SENDMAIL, Steps::EMPTY);
        mta.go(before);
        let scope = if at == b'C' { Scope::Connection } else { Scope::Nothing };
        assert_eq!(mta.hears(at, b'd'), scope);
        let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
        filter.go(before);
        filter.gets(at).unwrap();
        assert_eq!(filter.says(Verdict::Discard), Err(Rule::UndefinedVerdict));
    }
}

// 13. SKIP before the body puts a filter aside for the rest of a connection with Sendmail.
#[test]
fn skip_outside_the_body_silences_a_filter_of_sendmail_for_good() {
    let mut mta = Mta::with(mta::Policy::SENDMAIL, Steps::EMPTY);
    mta.go("CHM");
    mta.hears(b'R', b's');
    assert_eq!(mta.go("RTLNBEMRTLNBEH"), "");
    assert_eq!(mta.send(b'Q'), Ok(None));
    for (before, at, rest) in [("CHMRT", b'L', "LNE"), ("CHMRTL", b'N', "E")] {
        let mut mta = Mta::with(mta::Policy::SENDMAIL, Steps::EMPTY);
        mta.go(before);
        mta.hears(at, b's');
        assert_eq!(mta.go(if at == b'L' { "LNBBE" } else { "BBE" }), rest, "the body alone is left out");
        assert_eq!(mta.go("MRTLNBE"), "MRTLNBE");
    }
    let mut mta = Mta::with(mta::Policy::POSTFIX, Steps::EMPTY);
    mta.go("CHM");
    mta.hears(b'R', b's');
    assert_eq!(mta.go("RTLNBEMR"), "TLNBEMR", "Postfix passes by the rest of its kind");
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::SKIP);
    mta.go("CHM");
    mta.send(b'R').unwrap();
    assert_eq!(mta.rule(b's', b""), Some(Rule::SkipNotNegotiated));
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::SKIP);
    filter.go("CHM");
    filter.gets(b'R').unwrap();
    assert_eq!(filter.says(Verdict::Skip), Err(Rule::SkipNotNegotiated));
}

// 14. PROGRESS before the end is fatal in Sendmail, and stretches no total.
#[test]
fn progress_is_for_the_end_of_the_message_and_stretches_no_total() {
    for (policy, early) in [(mta::Policy::SENDMAIL, Some(Rule::Progress)), (mta::Policy::POSTFIX, None)] {
        let mut mta = Mta::with(policy, Steps::EMPTY);
        mta.go("CHMRTLN");
        mta.send(b'B').unwrap();
        assert_eq!(mta.rule(b'p', b""), early);
    }
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CHMRTLN");
    filter.gets(b'B').unwrap();
    assert_eq!(filter.says(Response::Progress), Err(Rule::Progress));
    for at in ["C", "CH", "CHM", "CHMR", "CHMRTLN", "CHMRTLNBE"] {
        let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
        let (last, before) = at.as_bytes().split_last().unwrap();
        filter.go(core::str::from_utf8(before).unwrap());
        assert_eq!(filter.says(Response::Progress), Err(Rule::NotOwed));
        filter.gets(*last).unwrap();
        assert_eq!(filter.says(Response::Progress), Ok(()), "libmilter looks at nothing: {at}");
        assert_eq!(filter.says(Verdict::Continue), Ok(()), "it answers nothing");
    }
    assert!(Timeouts::SENDMAIL.end_of_message_total.is_some());
    assert_eq!(Timeouts::POSTFIX.end_of_message_total, None);
}

// 15. Of the action bits Sendmail obeys one, the body's; libmilter refuses on its own side.
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

// 16. An answer is a subset of the offer; three things alone are left out by themselves.
#[test]
fn only_no_reply_no_data_and_no_unknown_give_way_by_themselves() {
    let old = Offer::new(Version::V6, Actions::ALL, Steps::V2);
    let every = [CommandKind::Connect, CommandKind::Header];
    for give_way in [
        Options::all_commands().no_reply_to(every),
        Options::new(CommandKind::ALL.into_iter().filter(|kind| *kind != CommandKind::Data)),
        Options::new(CommandKind::ALL.into_iter().filter(|kind| *kind != CommandKind::Unknown)),
    ] {
        let decision = give_way.answer(old).unwrap();
        assert!(old.steps.contains(decision.answer.steps));
    }
    for insist in [
        Options::all_commands().skip(Support::Required),
        Options::all_commands().leading_space(Support::Required),
        Options::all_commands().rejected_recipients(Support::Required),
    ] {
        assert!(matches!(insist.answer(old), Err(NegotiationError::Steps { .. })));
    }
}

// 17. Zeros in an offer are the bits of version 1.
#[test]
fn an_offer_of_zeros_offers_what_version_1_had() {
    let offer = Offer::new(Version::V6, Actions::EMPTY, Steps::EMPTY);
    let decision = Options::new([]).require(Actions::V1).answer(offer).map(|decision| decision.answer);
    assert!(
        matches!(decision, Err(NegotiationError::Steps { missing }) if missing == Steps::NO_END_OF_HEADERS)
    );
    let wishes = Options::new([CommandKind::EndOfHeaders]).require(Actions::V1);
    let decision = wishes.answer(offer).unwrap();
    assert_eq!((decision.answer.actions, decision.answer.steps), (Actions::V1, Steps::V1));
}

// 18. Without MAIL, or a reply to it, Sendmail sends no ABORT before the data: MAIL follows MAIL.
#[test]
fn mail_may_follow_mail_without_an_abort() {
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::NO_REPLY_MAIL);
    filter.go("CHMR");
    let again = filter.gets(b'M').unwrap();
    assert_eq!((again.in_order, again.aborts_message), (true, true), "the message before is over");
    assert_eq!(filter.go("RTLNBE"), "RTLNBE");
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::NO_REPLY_MAIL);
    assert_eq!(mta.go("CHMRAMR"), "CHMRAMR", "ours does send ABORT");
}
