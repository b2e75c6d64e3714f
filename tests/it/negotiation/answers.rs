//! OPTNEG as two functions: what a filter answers, what an MTA makes of it, and the record of both.
//!
//! The rules are NEG-15 to NEG-27 of SPEC_NOTES.md.

use milter_proto::filter::{Options, Support};
use milter_proto::macros::MacroRequests;
use milter_proto::negotiation::{BitOutcome, NegotiationError};
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{
    Actions, Answer, Command, DataSize, Direction, Frame, MacroLists, MacroStage, Offer, Response, Steps,
    Verdict, Version,
};
use milter_proto::{FilterSession, Monitor, MtaSession, filter, mta};

use crate::support::sides::{Filter, Mta, everyday, numbers};
use crate::support::{sides, text};

fn offer(version: u32, actions: u32, steps: u32) -> Offer {
    Offer::new(Version::new(version), Actions::from_bits(actions), Steps::from_bits(steps))
}

fn reply(version: u32, actions: u32, steps: u32) -> Answer<'static> {
    Answer::new(Version::new(version), Actions::from_bits(actions), Steps::from_bits(steps))
}

fn all_but(left_out: &[CommandKind]) -> Options<'static> {
    Options::new(CommandKind::ALL.into_iter().filter(|kind| !left_out.contains(kind)))
}

/// What a filter answers: version, actions, steps, and the steps that it emulates.
fn answered(offer: Offer, wishes: &Options<'_>) -> Result<(u32, u32, u32, u32), NegotiationError> {
    let decision = wishes.answer(offer)?;
    let Answer { version, actions, steps, .. } = decision.answer;
    assert_eq!(numbers(&decision.negotiated), (version.number(), actions.bits(), steps.bits()));
    let offered = decision.offer;
    assert!(offered.actions.contains(actions) && offered.steps.contains(steps), "never more than offered");
    assert!(version <= offered.version);
    Ok((version.number(), actions.bits(), steps.bits(), decision.negotiated.emulated.bits()))
}

#[test]
fn a_filter_answers_at_most_version_6_and_refuses_what_is_under_2() {
    for (offered, expected) in [
        (0, None),
        (1, None),
        (2, Some(2)),
        (3, Some(3)),
        (4, Some(4)),
        (5, Some(5)),
        (6, Some(6)),
        (7, Some(6)),
        (0x7fff_ffff, Some(6)),
        // libmilter's words are signed.
        (0x8000_0000, None),
        (0xffff_ffff, None),
    ] {
        let offer = offer(offered, 0x1ff, 0x1f_ffff);
        match (answered(offer, &Options::all_commands()), expected) {
            (Ok((version, ..)), Some(expected)) => assert_eq!(version, expected, "offer {offered}"),
            (Err(NegotiationError::TooOld { offered: named }), None) => assert_eq!(named.number(), offered),
            (other, _) => panic!("offer {offered}: {other:?}"),
        }
    }
}

#[test]
fn the_answers_of_libmilter_are_given_to_the_same_offers() {
    use CommandKind::{Body, Connect, Data, Header, Helo, Unknown};
    const FULL: (u32, u32, u32) = (6, 0x1ff, 0x1f_ffff);
    let every = || Options::all_commands().require(Actions::ALL).skip(Support::Optional);
    let old = all_but(&[Data, Unknown]);
    let quiet = Options::all_commands().no_reply_to([Header, Body]);
    // What is offered, what is wished for, and what st_optionneg of libmilter comes to.
    let rows = [
        // Test vectors: every callback, and without CONNECT, HELO and BODY.
        (FULL, every(), (6, 0x1ff, 0x400, 0)),
        (
            FULL,
            all_but(&[Connect, Helo, Body]).require(Actions::ALL).skip(Support::Optional),
            (6, 0x1ff, 0x413, 0),
        ),
        // Zeros mean version 1, each word by itself.
        ((6, 0, 0), Options::all_commands().require(Actions::V1), (6, 0x0f, 0, 0)),
        ((6, 0, 0), all_but(&[Helo]), (6, 0, 0x02, 0)),
        ((6, 0x3f, 0), all_but(&[Helo]).require(Actions::V2), (6, 0x3f, 0x02, 0)),
        ((6, 0, 0x7f), all_but(&[CommandKind::EndOfHeaders]), (6, 0, 0x40, 0)),
        // NO_DATA and NO_UNKNOWN are left out for MTAs that do not know them.
        (FULL, old, (6, 0, 0x300, 0)),
        ((4, 0x1ff, 0x37f), old, (4, 0, 0x300, 0)),
        ((3, 0x1ff, 0x17f), old, (3, 0, 0x100, 0)),
        ((2, 0x1ff, 0x7f), old, (2, 0, 0, 0)),
        // Replies that cannot be left out are made up for.
        (FULL, quiet, (6, 0, 0x8_0080, 0)),
        ((6, 0x1ff, 0x37f), quiet, (6, 0, 0, 0x8_0080)),
        ((6, 0x1ff, 0x3ff), quiet, (6, 0, 0x80, 0x8_0000)),
        ((2, 0, 0), quiet, (2, 0, 0, 0x8_0080)),
        // What is taken if it is offered.
        ((6, 0x1ff, 0x37f), Options::all_commands().skip(Support::Optional), (6, 0, 0, 0)),
        (FULL, Options::all_commands().leading_space(Support::Optional), (6, 0, 0x10_0000, 0)),
        (FULL, Options::all_commands().rejected_recipients(Support::Required), (6, 0, 0x800, 0)),
        ((6, 0x57, 0x7f), Options::all_commands().request(Actions::ALL), (6, 0x57, 0, 0)),
        (FULL, Options::all_commands().skip(Support::Off).leading_space(Support::Off), (6, 0, 0, 0)),
        // Bits that have no name are neither asked for nor in the way.
        ((9, 0xffff_ffff, 0xffff_ffff), Options::new([]), (6, 0, 0x37f, 0)),
    ];
    for ((version, actions, steps), wishes, expected) in rows {
        let offer = offer(version, actions, steps);
        assert_eq!(answered(offer, &wishes), Ok(expected), "{offer:?} {wishes:?}");
    }
}

/// The error for an offer: a whole text, or that of the actions or steps that are missing.
fn refused(offer: Offer, missing: &str) -> String {
    let offer = offer.with_v1_defaults();
    let offered = match missing.split_once(' ') {
        Some(("actions", _)) => format!("{:?}", offer.actions),
        Some(("steps", _)) => format!("{:?}", offer.steps),
        _ => return missing.to_owned(),
    };
    format!("the filter requires {missing}; the MTA offered only {offered}")
}

#[test]
fn what_a_filter_needs_and_is_not_offered_is_refused_by_name() {
    use CommandKind::{Connect, Data, EndOfHeaders, Helo};
    let v1 = |wishes: Options<'static>| (offer(6, 0, 0), wishes);
    let v2 = |wishes: Options<'static>| (offer(2, 0x3f, 0x7f), wishes);
    let few = |wishes: Options<'static>| (offer(6, 0x57, 0x1), wishes);
    let everything = Options::all_commands;

    let rows = [
        (v1(everything().require(Actions::QUARANTINE)), "actions QUARANTINE"),
        (
            v2(everything().require(Actions::ALL)),
            "actions CHANGE_FROM | ADD_RCPT_WITH_ARGUMENTS | MACRO_LISTS",
        ),
        (few(everything().require(Actions::ADD_HEADERS | Actions::DELETE_RCPT)), "actions DELETE_RCPT"),
        (v1(all_but(&[EndOfHeaders])), "steps NO_END_OF_HEADERS"),
        (few(all_but(&[Connect, Helo, Data])), "steps NO_HELO"),
        (v2(everything().skip(Support::Required)), "steps SKIP"),
        (v2(everything().leading_space(Support::Required)), "steps LEADING_SPACE"),
        (v2(everything().rejected_recipients(Support::Required)), "steps REJECTED_RCPT"),
        (v2(everything().data_size(DataSize::Mib1, Support::Required)), "steps DATA_SIZE_1M"),
        ((offer(1, 0xf, 0x3f), everything()), "the MTA offers version 1; expected 2 to 2147483647"),
    ];
    for ((offer, wishes), expected) in rows {
        let refusal = wishes.answer(offer).unwrap_err();
        assert_eq!(refusal.to_string(), refused(offer, expected));

        // The session says the same, and has nothing to send: the caller closes.
        let mut filter = Filter(FilterSession::with_policy(filter::Policy::LIBMILTER));
        filter.hear(Command::Negotiate(offer)).unwrap();
        assert_eq!(filter.0.negotiate(&wishes).unwrap_err(), milter_proto::NegotiateError::Failed(refusal));
        assert_eq!(filter.0.turn(), filter::Turn::Reply(CommandKind::Negotiate));
    }
}

#[test]
fn payloads_are_never_larger_than_both_sides_said() {
    const BOTH: u32 = 0x3000_0000;
    let up_to = |size| Options::all_commands().data_size(size, Support::Optional);
    let best = up_to(DataSize::Kib256).data_size(DataSize::Mib1, Support::Optional);
    let large = Options::all_commands().data_size(DataSize::Mib1, Support::Required);
    let missing = NegotiationError::Steps { missing: Steps::DATA_SIZE_1M, offered: Steps::DATA_SIZE_256K };
    assert_eq!(large.answer(offer(6, 0x1ff, 0x1000_0000)).unwrap_err(), missing);
    for (offered, wishes, expected) in [
        (0x1f_ffff, up_to(DataSize::Mib1), DataSize::Kib64),
        (0x1f_ffff, best, DataSize::Kib64),
        (0x1000_0000, up_to(DataSize::Kib64), DataSize::Kib64),
        (0x1000_0000, up_to(DataSize::Kib256), DataSize::Kib256),
        (0x1000_0000, up_to(DataSize::Mib1), DataSize::Kib256),
        (0x1000_0000, best, DataSize::Kib256),
        (0x2000_0000, up_to(DataSize::Kib256), DataSize::Kib64),
        (0x2000_0000, best, DataSize::Mib1),
        (BOTH, up_to(DataSize::Kib256), DataSize::Kib256),
        (BOTH, best, DataSize::Mib1),
    ] {
        let offer = offer(6, 0x1ff, offered);
        let decision = wishes.answer(offer).unwrap();
        assert_eq!(decision.negotiated.data_size(), expected, "{offered:#x} {wishes:?}");
        let accepted = mta::accept(offer, decision.answer, &mta::Policy::STRICT).unwrap();
        assert_eq!(accepted.negotiated.data_size(), expected, "the same on the other side");
    }
    // It is a matter of this connection, and not of the process as in libmilter.
    let body = vec![b'x'; 70_000];
    let chunk = Command::Body { chunk: &body };
    let large = reply(6, 0, 0x1000_0000);
    let mut with = Mta(milter_proto::MtaSession::with_policy(mta::Policy::STRICT));
    with.say(Command::Negotiate(offer(6, 0, 0x1000_0000))).unwrap();
    let payload = sides::payload_of(&Response::from(large));
    with.0.receive(Frame::new(b'O', &payload)).unwrap();
    let mut without = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    for (mta, expected) in [(&mut with, Ok(None)), (&mut without, Err(Rule::TooLong))] {
        mta.go("CHMRTLN");
        assert_eq!(mta.say(chunk), expected);
    }
}

#[test]
fn macro_lists_that_are_empty_and_lists_that_are_absent_stay_apart() {
    let lists = MacroLists::new(b"\0\0\0\0j\0\0\0\0\x03{rcpt_addr} {rcpt_host}\0\0\0\0\x05\0").unwrap();
    let wishes = Options::all_commands().require(Actions::ALL).skip(Support::Optional).macro_lists(lists);
    for offer in [Offer::FULL, offer(6, 0xff, 0x400)] {
        // libmilter writes its lists whether or not the bit for them was offered.
        let wishes = if offer == Offer::FULL { wishes } else { Options::all_commands().macro_lists(lists) };
        let decision = wishes.answer(offer).unwrap();
        let payload = sides::payload_of(&decision.answer.into());
        assert_eq!(&payload[12..], lists.as_bytes());
        let Response::Negotiate(read) = Response::parse(Frame::new(b'O', &payload)).unwrap() else {
            panic!()
        };
        let accepted = mta::accept(offer, read, &mta::Policy::STRICT).unwrap();
        let schedule = MacroRequests::new(accepted.answer.macro_lists);
        assert_eq!(schedule.names(MacroStage::CONNECT), Some(text(b"j")));
        assert_eq!(schedule.names(MacroStage::RCPT), Some(text(b"{rcpt_addr} {rcpt_host}")));
        assert_eq!(schedule.names(MacroStage::END_OF_MESSAGE), Some(text(b"")), "none wanted");
        assert_eq!(schedule.names(MacroStage::MAIL), None, "the MTA's choice");
    }
}

#[test]
fn an_mta_accepts_versions_from_2_to_its_own() {
    for offered in 2..=6 {
        for answered in [0, 1, 2, 3, 4, 5, 6, 7, 0x0100_0001, 0x8000_0000, 0xffff_ffff] {
            for policy in [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX] {
                let decision = mta::accept(offer(offered, 0x1ff, 0x1f_ffff), reply(answered, 0, 0), &policy);
                if (2..=offered).contains(&answered) {
                    assert_eq!(decision.unwrap().negotiated.version.number(), answered);
                } else {
                    let version = Version::new(answered);
                    let refused = format!(
                        "the filter answers version {version} to an offer of {offered}; expected 2 to {offered}"
                    );
                    assert_eq!(decision.unwrap_err().to_string(), refused);
                }
            }
        }
    }
}

#[test]
fn an_mta_takes_no_action_that_it_did_not_offer_and_steps_by_policy() {
    const ALL: [mta::Policy; 3] = [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX];
    let rows: [((u32, u32), (u32, u32), [Result<(), &str>; 3]); 8] = [
        ((0x1ff, 0x1f_ffff), (0x1ff, 0x1f_ffff), [Ok(()); 3]),
        ((0x1ff, 0x1f_ffff), (0, 0), [Ok(()); 3]),
        ((0x57, 0x7f), (0x58, 0), [Err("actions DELETE_RCPT"); 3]),
        ((0x1ff, 0x7f), (0x200, 0), [Err("actions 0x200"); 3]),
        ((0x1ff, 0x7f), (0, 0x80), [Err("steps NO_REPLY_HEADER"), Err("steps NO_REPLY_HEADER"), Ok(())]),
        ((0x1ff, 0x7f), (0, 0x10_0000), [Err("steps LEADING_SPACE"), Err("steps LEADING_SPACE"), Ok(())]),
        ((0, 0), (0x0f, 0x3f), [Ok(()); 3]),
        ((0, 0), (0x10, 0), [Err("actions CHANGE_HEADERS"); 3]),
    ];
    for ((actions, steps), (taken, done), expected) in rows {
        for (policy, expected) in ALL.iter().zip(expected) {
            let decision = mta::accept(offer(6, actions, steps), reply(6, taken, done), policy);
            let agreed =
                decision.map(|decision| numbers(&decision.negotiated)).map_err(|refusal| refusal.to_string());
            let wanted = expected.map(|()| (6, taken, done));
            let wanted = wanted.map_err(|missing| refused(offer(6, actions, steps), missing));
            assert_eq!(agreed, wanted, "{policy:?}: {taken:#x} {done:#x} to {actions:#x} {steps:#x}");
        }
    }
}

#[test]
fn a_surplus_no_reply_step_is_kept_to_and_never_dropped() {
    let mut mta = Mta(milter_proto::MtaSession::with_policy(mta::Policy::POSTFIX));
    mta.say(Command::Negotiate(offer(6, 0x57, 0))).unwrap();
    assert_eq!(mta.rule(b'O', b"\0\0\0\x06\0\0\0\x57\0\x0f\xf0\x80"), None);
    for code in *b"CHMRTLNB" {
        assert_eq!((mta.send(code), mta.0.should_flush()), (Ok(None), false), "{}", char::from(code));
    }
    assert_eq!((mta.send(b'E'), mta.0.should_flush()), (Ok(None), true));
}

#[test]
fn an_old_version_implies_that_data_and_unknown_are_not_sent() {
    for (version, implied) in [(2, 0x300), (3, 0x200), (4, 0), (5, 0), (6, 0)] {
        let decision = mta::accept(Offer::FULL, reply(version, 0x1f, 0), &mta::Policy::STRICT).unwrap();
        assert_eq!(decision.negotiated.steps, Steps::EMPTY, "what is on the wire stays as it is");
        assert_eq!(decision.negotiated.effective_steps().bits(), implied, "version {version}");
        for (step, bit) in [(Steps::NO_UNKNOWN, 0x100), (Steps::NO_DATA, 0x200)] {
            assert_eq!(decision.step(step), (implied & bit != 0).then_some(BitOutcome::Implied));
        }
    }
}

#[test]
fn a_decision_says_what_became_of_every_bit() {
    let wishes = all_but(&[CommandKind::Helo, CommandKind::Data])
        .require(Actions::ADD_HEADERS)
        .request(Actions::CHANGE_FROM)
        .no_reply_to([CommandKind::Header])
        .skip(Support::Optional);
    let decision = wishes.answer(offer(3, 0x3f, 0x17f)).unwrap();
    for (step, fate) in [
        (Steps::NO_HELO, Some(BitOutcome::Granted)),
        (Steps::NO_DATA, Some(BitOutcome::Stripped)),
        (Steps::NO_REPLY_HEADER, Some(BitOutcome::Emulated)),
        (Steps::SKIP, Some(BitOutcome::Stripped)),
        (Steps::NO_CONNECT, None),
        (Steps::LEADING_SPACE, None),
    ] {
        assert_eq!(decision.step(step), fate, "{step:?}");
    }
    assert_eq!(
        (decision.stripped, decision.negotiated.emulated),
        (Steps::NO_DATA | Steps::SKIP, Steps::NO_REPLY_HEADER)
    );
    for (action, fate) in [
        (Actions::ADD_HEADERS, Some(BitOutcome::Granted)),
        (Actions::CHANGE_FROM, Some(BitOutcome::Stripped)),
        (Actions::CHANGE_BODY, None),
    ] {
        assert_eq!(decision.action(action), fate, "{action:?}");
    }
    let shown = "version 3 of 3, ADD_HEADERS: Granted, CHANGE_FROM: Stripped, NO_HELO: Granted, \
                 NO_REPLY_HEADER: Emulated, NO_DATA: Stripped, SKIP: Stripped";
    assert_eq!(decision.to_string(), shown);

    let surplus = mta::accept(offer(6, 0x57, 0), reply(2, 0x1, 0x82), &mta::Policy::POSTFIX).unwrap();
    let shown = "version 2 of 6, ADD_HEADERS: Granted, NO_HELO: Granted, NO_REPLY_HEADER: Surplus, \
                 NO_UNKNOWN: Implied, NO_DATA: Implied";
    assert_eq!(surplus.to_string(), shown);
}

#[test]
fn an_answer_of_ones_own_is_held_to_the_offer_too() {
    for (answer, expected) in [
        (reply(6, 0x57, 0x3f), Ok(())),
        (reply(2, 0, 0), Ok(())),
        (reply(1, 0, 0), Err(Rule::NegotiationFailed)),
        (reply(7, 0, 0), Err(Rule::NegotiationFailed)),
        (reply(6, 0x8, 0), Err(Rule::NegotiationFailed)),
        (reply(6, 0, 0x80), Err(Rule::NegotiationFailed)),
    ] {
        let mut filter = Filter(FilterSession::with_policy(filter::Policy::LIBMILTER));
        filter.hear(Command::Negotiate(offer(7, 0x57, 0))).unwrap();
        assert_eq!(filter.says(answer), expected, "{answer:?}");
    }
    let mut filter = Filter(FilterSession::with_policy(filter::Policy::LIBMILTER));
    filter.gets(b'O').unwrap();
    assert_eq!(filter.says(Verdict::Continue), Err(Rule::Negotiation));
}

// An answer is a subset of the offer; only three wishes are dropped without an error.
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

#[test]
fn nothing_is_agreed_before_optneg_is_answered() {
    let mut mta = Mta(MtaSession::with_policy(mta::Policy::STRICT));
    let mut filter = Filter(FilterSession::with_policy(filter::Policy::STRICT));
    let mut monitor = Monitor::new();
    assert_eq!(monitor, Monitor::default());
    assert_eq!((mta.0.negotiated(), filter.0.negotiated(), monitor.negotiated()), (None, None, None));
    assert_eq!(mta.send(b'O'), Ok(None));
    assert!(filter.gets(b'O').is_ok());
    monitor.observe(Direction::ToFilter, everyday(b'O'));
    assert_eq!((mta.0.negotiated(), filter.0.negotiated(), monitor.negotiated()), (None, None, None));
    assert_eq!(filter.says(Answer::new(Version::V6, Actions::EMPTY, Steps::EMPTY)), Ok(()));
    assert!(filter.0.negotiated().is_some());
}
