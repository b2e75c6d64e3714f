//! QUIT_NC: when a connection is used again, and what stays negotiated.

use milter_proto::order::{Rule, Stage};
use milter_proto::wire::{Command, Steps, Verdict, Version};
use milter_proto::{filter, mta};

use crate::support::pair::{GO_ON, MAIL, Pair, RCPT};
use crate::support::sides::{Filter, Mta, how, strict};

// libmilter answers the next CONNECT only after an end of message with CONTINUE.
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

// After a refusal or ACCEPT libmilter is where HELO leads to: ABORT and QUIT_NC are ignored there.
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

#[test]
fn macros_and_what_is_passed_by_do_not_keep_a_connection_from_being_used_again() {
    for between in ["D", "H", "DHD"] {
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::NO_HELO);
        mta.go("CMRTLNBE");
        mta.go(between);
        assert_eq!(mta.send(b'K'), Ok(None), "{between}");
    }
}

// The next client begins with CONNECT; what was negotiated stays.
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

#[test]
fn quit_nc_is_refused_where_the_version_does_not_have_it() {
    for (version, rule) in [(Version::V5, Some(Rule::QuitNcNotAllowed)), (Version::V6, None)] {
        let mut pair = Pair::agreed(version, Steps::EMPTY);
        for command in [MAIL, RCPT, Command::Data, Command::EndOfHeaders] {
            pair.says(command, GO_ON);
        }
        pair.says(Command::EndOfMessage { chunk: b"" }, GO_ON);
        let refused = pair.mta.check(&Command::QuitNewConnection).err();
        assert_eq!(refused.map(|misuse| misuse.rule), rule, "{version}");
    }
}
