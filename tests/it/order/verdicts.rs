//! What a verdict is about, and what may follow it: SCP-1 to SCP-9 of SPEC_NOTES.md.

use milter_proto::mta::{EditStatus, Scope, Sent, SkipReason};
use milter_proto::order::{Rule, Stage};
use milter_proto::wire::{Edit, Frame, Steps, Verdict};
use milter_proto::{filter, mta};

use crate::support::sides::{Filter, Mta, POLICIES, command, edit, how, payload_of, strict};

/// For each command, with what comes before it, what these verdicts are about: `c` the connection, `m` the
/// message, `r` the recipient, `1` the command, `0` nothing.
#[rustfmt::skip]
const SCOPES: [(u8, &str, &str); 10] = [
    //                  c a r t y d
    (b'C', "",         "1cccc0"),
    (b'H', "C",        "1cccc0"),
    (b'M', "CH",       "1mmmmm"),
    (b'R', "CHM",      "1mrrrm"),
    (b'T', "CHMR",     "1mmmmm"),
    (b'L', "CHMRT",    "1mmmmm"),
    (b'N', "CHMRTL",   "1mmmmm"),
    (b'B', "CHMRTLN",  "1mmmmm"),
    (b'E', "CHMRTLNB", "mmmmmm"),
    (b'U', "CH",       "101110"),
];

#[test]
fn every_verdict_has_the_scope_of_the_table_whatever_the_policy() {
    for (code, before, cells) in SCOPES {
        for (verdict, cell) in b"cartyd".iter().zip(cells.chars()) {
            let expected = match cell {
                'c' => Scope::Connection,
                'm' => Scope::Message,
                'r' => Scope::Recipient,
                '1' => Scope::Command,
                _ => Scope::Nothing,
            };
            for policy in POLICIES {
                let mut mta = Mta::with(policy, Steps::EMPTY);
                mta.go(before);
                let scope = mta.hears(code, *verdict);
                // It turns filtering off.
                let is_off = policy == mta::Policy::SENDMAIL && (code, *verdict) == (b'C', b'd');
                let expected = if is_off { Scope::Connection } else { expected };
                assert_eq!(scope, expected, "{policy:?}: {} to {}", char::from(*verdict), char::from(code));
            }
        }
    }
}

#[test]
fn what_follows_a_verdict_is_written_exactly_as_far_as_its_scope_allows() {
    for (code, before, _) in SCOPES {
        for verdict in *b"cartyd" {
            let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
            mta.go(before);
            let scope = mta.hears(code, verdict);
            let rest = "CHMRTLNBE".split(char::from(code)).nth(1).unwrap_or("MRTLNBE");
            let is_data_refused =
                code == b'T' && scope == Scope::Message && matches!(verdict, b'r' | b't' | b'y');
            let written = match scope {
                Scope::Message | Scope::Connection => "",
                _ => rest,
            };
            let shown = format!("{} to {}", char::from(verdict), char::from(code));
            if !is_data_refused {
                assert_eq!(mta.go(rest), written, "{shown}");
            }
            let next = if scope == Scope::Connection { "" } else { "AMRTLNBE" };
            assert_eq!(mta.go("AMRTLNBE"), next, "{shown}, then the next message");
        }
    }
}

#[test]
fn a_refused_recipient_leaves_the_message_as_it_is() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    mta.go("CHM");
    for verdict in *b"rtycrc" {
        mta.hears(b'R', verdict);
        assert_eq!(mta.0.stage(), Stage::Recipients);
    }
    assert_eq!(mta.go("TLNBE"), "TLNBE");
}

#[test]
fn refused_data_stays_refused_until_the_message_ends() {
    // libmilter answers neither RCPT nor DATA then, though SMTP allows both. The verdict still holds.
    for verdict in *b"rty" {
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
        mta.go("CHMR");
        assert_eq!(mta.hears(b'T', verdict), Scope::Message);
        for code in *b"RTRT" {
            assert_eq!(mta.send(code), Ok(Some(SkipReason::MessageDecided)), "{}", char::from(code));
        }
        assert_eq!(mta.go("AMRTLNBE"), "AMRTLNBE");
    }
    // A strict filter takes them, from MTAs that send them.
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CHMR");
    filter.gets(b'T').unwrap();
    assert_eq!(filter.says(Verdict::Reject), Ok(()));
    assert_eq!(filter.go("RTLNBE"), "RTLNBE");
}

#[test]
fn a_recipient_that_the_mta_refused_can_be_accepted_or_discarded_with_the_message_only() {
    for (verdict, expected) in [
        (b'c', Scope::Command),
        (b'r', Scope::Nothing),
        (b't', Scope::Nothing),
        (b'y', Scope::Nothing),
        (b'a', Scope::Message),
        (b'd', Scope::Message),
    ] {
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::REJECTED_RCPT);
        mta.go("CHM");
        assert!(matches!(mta.0.send_rejected(command(b'R')), Ok(Sent::Frame(_))));
        assert_eq!(mta.scope(verdict), expected, "{}", char::from(verdict));
        if expected != Scope::Message {
            assert_eq!(mta.hears(b'R', b'r'), Scope::Recipient, "one that exists is another matter");
        }
    }
}

#[test]
fn continue_and_accept_are_the_same_at_the_end_but_for_what_may_follow() {
    for (verdict, reuse) in [(b'c', true), (b'a', false), (b'r', false), (b'd', false)] {
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
        mta.go("CHMRTLNB");
        assert_eq!(mta.hears(b'E', verdict), Scope::Message);
        assert_eq!(mta.clone().send(b'K').is_ok(), reuse);
        assert_eq!(mta.go("MRTLNBE"), "MRTLNBE");
    }
}

#[test]
fn sendmail_refuses_for_now_what_was_accepted_with_a_body_that_was_not_agreed() {
    let nothing = milter_proto::wire::Answer::new(
        milter_proto::wire::Version::V6,
        milter_proto::wire::Actions::EMPTY,
        Steps::EMPTY,
    );
    for (verdict, heard) in [
        (b'c', Verdict::Tempfail),
        (b'a', Verdict::Tempfail),
        (b'r', Verdict::Reject),
        (b'd', Verdict::Discard),
    ] {
        let mut mta = Mta::answered(milter_proto::MtaSession::with_policy(mta::Policy::SENDMAIL), nothing);
        mta.go("CHMRTLNB");
        mta.send(b'E').unwrap();
        let mut payload = Vec::new();
        let body = mta.takes(&Edit::ReplaceBody { chunk: b"x" }.into(), &mut payload);
        assert!(matches!(body, mta::Event::Edit { status: EditStatus::RejectsMessage, .. }));
        let surplus = mta.takes(&edit().into(), &mut payload);
        assert!(matches!(surplus, mta::Event::Edit { status: EditStatus::NotNegotiated, .. }));
        let reaction = mta.0.receive(Frame::new(verdict, b"")).unwrap();
        assert!(matches!(reaction, mta::Event::Verdict { verdict, .. } if verdict == heard), "{reaction:?}");
        mta.go("MRTLNB");
        mta.send(b'E').unwrap();
        let reaction = mta.0.receive(Frame::new(b'c', b"")).unwrap();
        assert!(
            matches!(reaction, mta::Event::Verdict { verdict: Verdict::Continue, .. }),
            "the next is another"
        );
    }
}

// libmilter does not answer what follows ACCEPT.
#[test]
fn nothing_of_an_accepted_message_is_written() {
    for at in *b"MRTLNB" {
        let mut mta = strict();
        let codes = "CHMRTLNB";
        mta.go(codes.split(char::from(at)).next().unwrap());
        assert_eq!(mta.hears(at, b'a'), Scope::Message);
        assert_eq!(mta.go("RTLNBE"), "", "after ACCEPT to {}", char::from(at));
        assert_eq!(mta.go("MRTLNBE"), "MRTLNBE", "the next message");
    }
}

// Postfix panics at the next MAIL.
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

// A refusal of the connection lasts until the client is gone.
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

// A flag that outlived its message once made Postfix bypass the filter.
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

// In reply to RCPT only refusals concern the recipient alone.
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

// After ACCEPT to EOH.
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
