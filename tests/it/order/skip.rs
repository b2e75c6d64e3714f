//! SKIP: what is left out, and for how long.

use milter_proto::mta::{Scope, SkipReason};
use milter_proto::order::Rule;
use milter_proto::wire::{Command, Frame, MacroStage, Steps, Verdict};
use milter_proto::{filter, mta};

use crate::support::sides::{Filter, Mta, POLICIES, macros, strict};

// SKIP is remembered for its kind of command only.
#[test]
fn skip_ends_one_kind_of_command_for_one_message() {
    for policy in POLICIES {
        let mut mta = Mta::with(policy, Steps::SKIP);
        mta.go("CHMRTLN");
        assert_eq!(mta.hears(b'B', b's'), Scope::Command);
        assert_eq!(mta.send(b'B'), Ok(Some(SkipReason::Skipped)), "{policy:?}");
        assert_eq!(mta.go("E"), "E");
        assert_eq!(mta.go("MRTLNBE"), "MRTLNBE", "the next message");
    }
    let mut mta = Mta::with(mta::Policy::POSTFIX, Steps::EMPTY);
    mta.go("CHMRT");
    assert_eq!(mta.hears(b'L', b's'), Scope::Command, "not agreed: taken all the same");
    assert_eq!(mta.go("LLNBE"), "NBE");
    let mut mta = strict();
    mta.go("CHMRTLN");
    mta.send(b'B').unwrap();
    assert_eq!(mta.rule(b's', b""), Some(Rule::SkipNotNegotiated));
}

// SKIP before the body puts a filter aside for the rest of a connection with Sendmail.
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

#[test]
fn skip_to_a_recipient_holds_until_another_command_is_written() {
    // libmilter would forget the message at this UNKNOWN: it is passed by, and ends nothing.
    let mut mta = Mta::with(mta::Policy::POSTFIX, Steps::NO_DATA);
    mta.go("CHM");
    mta.hears(b'R', b's');
    assert_eq!(mta.go("RUR"), "");

    let mut mta = Mta::with(mta::Policy::POSTFIX, Steps::EMPTY);
    mta.go("CHM");
    mta.hears(b'R', b's');
    assert_eq!(mta.clone().go("RR"), "");
    assert_eq!(mta.go("RUR"), "UR");
}

#[test]
fn a_filter_that_sendmail_has_silenced_is_not_sent_macros() {
    let mut mta = Mta::with(mta::Policy::SENDMAIL, Steps::EMPTY);
    mta.go("CHM");
    mta.hears(b'R', b's');
    for stage in [MacroStage::RCPT, MacroStage::MAIL, MacroStage::DATA] {
        assert_eq!(mta.say(macros(stage)), Ok(Some(SkipReason::Skipped)), "{stage:?}");
    }
}

#[test]
fn skip_drops_the_last_chunk_of_its_own_message_only() {
    for policy in [filter::Policy::DEFAULT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::SKIP);
        filter.go("CHMRTLN");
        filter.gets(b'B').unwrap();
        filter.says(Verdict::Skip).unwrap();
        let end = filter.0.receive(Frame::new(b'E', b"tail")).unwrap();
        let is_dropped = policy == filter::Policy::DEFAULT;
        assert_eq!(matches!(end.command, Command::EndOfMessage { chunk: [] }), is_dropped, "{end:?}");
        assert_eq!(filter.0.rest_of_frame().is_none(), is_dropped);
        filter.says(Verdict::Continue).unwrap();
        filter.go("MRTLNB");
        let chunk = filter.0.receive(Frame::new(b'E', b"tail")).unwrap();
        assert!(matches!(chunk.command, Command::Body { chunk: b"tail" }), "{chunk:?}");
    }
}
