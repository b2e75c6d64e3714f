//! Versions before 6, and offers without bits.

use milter_proto::filter::{Options, Support};
use milter_proto::mta::{EditStatus, SkipReason};
use milter_proto::negotiation::NegotiationError;
use milter_proto::order::{CommandKind, Stage};
use milter_proto::wire::{Actions, Answer, Command, Edit, Offer, Steps, Version};
use milter_proto::{FilterSession, MtaSession, filter, mta};

use crate::support::offers::{negotiate, words};
use crate::support::pair::{GO_ON, MAIL, Pair};
use crate::support::sides::{Filter, Mta};
use crate::support::text;

// Zeros in an offer are the bits of version 1.
#[test]
fn an_offer_of_zeros_offers_what_version_1_had() {
    let offer = Offer::new(Version::V6, Actions::EMPTY, Steps::EMPTY);
    let decision = Options::new([]).require(Actions::V1).answer(offer).map(|decision| decision.answer);
    assert!(
        matches!(decision, Err(NegotiationError::Steps { missing, .. }) if missing == Steps::NO_END_OF_HEADERS)
    );
    let wishes = Options::new([CommandKind::EndOfHeaders]).require(Actions::V1);
    let decision = wishes.answer(offer).unwrap();
    assert_eq!((decision.answer.actions, decision.answer.steps), (Actions::V1, Steps::V1));
}

// Some filters close on a command that their version does not have.
#[test]
fn a_command_that_is_too_new_is_passed_by_and_the_stage_goes_on() {
    for (version, unknown, data) in [
        (2, Some(SkipReason::Version), Some(SkipReason::Version)),
        (3, None, Some(SkipReason::Version)),
        (4, None, None),
    ] {
        let answer = Answer::new(Version::new(version), Actions::EMPTY, Steps::EMPTY);
        let mut mta = Mta::answered(MtaSession::with_policy(mta::Policy::STRICT), answer);
        mta.go("CH");
        assert_eq!(mta.send(b'U'), Ok(unknown), "version {version}");
        if unknown.is_none() {
            mta.scope(b'c');
        }
        mta.go("MR");
        assert_eq!(mta.send(b'T'), Ok(data), "version {version}");
        assert_eq!(mta.0.stage(), Stage::Data);
        if data.is_none() {
            mta.scope(b'c');
        }
        assert_eq!(mta.go("LNBE"), "LNBE");
    }
}

// A filter of version 6 meets MTAs of version 2.
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

// Bits decide, not versions: Postfix offers the actions of version 6 with version 2.
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

// Versions 0, 1, 2, 3, 4, 5, 6, 7 and 2^31.
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

// An offer whose actions or steps are zero.
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

// Before version 4 there is no DATA, and before version 3 no UNKNOWN: NO_DATA and NO_UNKNOWN are not asked for.
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

#[test]
fn an_offer_of_nothing_means_the_bits_of_version_1_on_both_sides() {
    let offer = Offer::new(Version::V6, Actions::EMPTY, Steps::EMPTY);
    let mut pair = Pair {
        mta: MtaSession::with_policy(mta::Policy::STRICT),
        filter: FilterSession::with_policy(filter::Policy::STRICT),
    };
    let answer = Answer::new(Version::V6, Actions::V1, Steps::V1);
    assert_eq!(pair.says(Command::Negotiate(offer), answer.into()), Some(b'O'));
    assert_eq!(pair.mta.negotiated(), pair.filter.negotiated());
    assert_eq!(pair.says(MAIL, GO_ON), None, "MAIL is switched off");
}
