//! What ends a message or begins the next one: ABORT, HELO, MAIL, QUIT.

use milter_proto::macros::MacroStore;
use milter_proto::mta::{Scope, Sent, SkipReason};
use milter_proto::order::Rule;
use milter_proto::wire::{Command, Direction, MacroStage, Steps, Verdict, Version};
use milter_proto::{Monitor, filter, mta};

use crate::support::pair::{GO_ON, HELO, MAIL, Pair, RCPT};
use crate::support::sides::{Filter, Mta, command, everyday, how, macros, strict};

#[test]
fn a_mail_that_is_switched_off_ends_what_was_decided_about_the_message_before() {
    let mut pair = Pair::agreed(Version::V6, Steps::NO_MAIL.union(Steps::SKIP));
    pair.says(MAIL, GO_ON);
    assert_eq!(pair.says(RCPT, Verdict::Accept.into()), Some(b'R'));
    assert!(matches!(
        pair.mta.clone().send(RCPT),
        Ok(Sent::Skipped { reason: SkipReason::MessageDecided, .. })
    ));
    assert!(matches!(pair.mta.send(MAIL), Ok(Sent::Skipped { reason: SkipReason::Declined, .. })));
    assert_eq!(pair.says(RCPT, GO_ON), Some(b'R'), "the next message is shown to the filter");
}

#[test]
fn helo_in_a_message_goes_out_as_abort_where_it_is_switched_off() {
    for (steps, code) in [(Steps::EMPTY, b'H'), (Steps::NO_HELO, b'A')] {
        let mut pair = Pair::agreed(Version::V6, steps);
        pair.says(MAIL, GO_ON);
        assert_eq!(pair.says(HELO, GO_ON), Some(code), "the message is over, and the filter hears of it");
        assert_eq!(pair.says(MAIL, GO_ON), Some(b'M'));
    }
}

#[test]
fn helo_after_refused_data_goes_out_as_abort_and_ends_the_refusal() {
    let mut pair = Pair::agreed(Version::V6, Steps::NO_HELO.union(Steps::NO_MAIL));
    for command in [MAIL, RCPT] {
        pair.says(command, GO_ON);
    }
    pair.says(Command::Data, Verdict::Reject.into());
    assert_eq!(pair.says(HELO, GO_ON), Some(b'A'));
    assert_eq!(pair.says(MAIL, GO_ON), None);
    assert_eq!(pair.says(RCPT, GO_ON), Some(b'R'));
}

// If every recipient is refused, the SMTP client cannot send DATA.
#[test]
fn a_message_without_recipients_is_aborted() {
    let mut mta = strict();
    mta.go("CHM");
    assert_eq!([mta.hears(b'R', b'r'), mta.hears(b'R', b'y')], [Scope::Recipient; 2]);
    assert_eq!(mta.go("AMR"), "AMR");

    let mut mta = Mta::with(mta::Policy::STRICT, Steps::REJECTED_RCPT);
    mta.go("CHM");
    assert!(matches!(mta.0.send_rejected(command(b'R')), Ok(Sent::Frame(_))));
    assert_eq!(mta.scope(b'r'), Scope::Nothing, "the MTA had refused already");
    assert_eq!(mta.go("AMR"), "AMR");

    let mut mta = strict();
    mta.go("CHM");
    let sent = mta.0.send_rejected(command(b'R')).unwrap();
    assert!(matches!(sent, Sent::Skipped { reason: SkipReason::NotWanted, .. }));
    assert_eq!(mta.send(b'T'), Err(Rule::Order), "there is no recipient");
}

// After STARTTLS the client greets again: ABORT first, if a message is open.
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

// Without MAIL, or a reply to it, Sendmail sends no ABORT before the data: MAIL follows MAIL.
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

// ABORT gets no reply and ends no connection. Unlike libmilter, the store here forgets the message's macros.
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

// ABORT at every stage.
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

#[test]
fn the_monitor_tells_which_frame_ends_a_message() {
    let mut monitor = Monitor::new();
    let mut hear = |direction, code| monitor.observe(direction, everyday(code)).aborts_message;
    hear(Direction::ToFilter, b'O');
    hear(Direction::ToMta, b'O');
    for (code, ends_message) in [
        (b'C', false),
        (b'H', false),
        (b'M', false),
        (b'H', true),
        (b'M', false),
        (b'A', true),
        (b'A', false),
        (b'M', false),
        (b'M', true),
    ] {
        assert_eq!(hear(Direction::ToFilter, code), ends_message, "{}", char::from(code));
        hear(Direction::ToMta, b'c');
    }
    assert!(hear(Direction::ToFilter, b'Q'), "QUIT in a message");
}
