//! UNKNOWN: where it can be sent.

use milter_proto::mta::SkipReason;
use milter_proto::order::Rule;
use milter_proto::wire::{Command, Steps, Text, Version};

use crate::support::pair::{GO_ON, MAIL, Pair, RCPT};
use crate::support::sides::strict;

// UNKNOWN before CONNECT, or within the data, makes libmilter silent.
#[test]
fn unknown_comes_after_connect_and_not_within_the_data() {
    let mut mta = strict();
    assert_eq!(mta.send(b'U'), Err(Rule::Order));
    for (before, allowed) in [
        ("C", true),
        ("CH", true),
        ("CHM", true),
        ("CHMR", true),
        // A client can send it after DATA that somebody else refused; libmilter would forget the message.
        ("CHMRT", true),
        ("CHMRTL", false),
        ("CHMRTLN", false),
        ("CHMRTLNB", false),
        ("CHMRTLNBE", true),
    ] {
        let mut mta = strict();
        mta.go(before);
        let stage = mta.0.stage();
        let sent = mta.send(b'U');
        assert_eq!(sent.is_ok(), allowed, "after {before}");
        let is_skipped = sent == Ok(Some(SkipReason::ForgetsMessage));
        assert_eq!(is_skipped, before == "CHMRT", "after {before}");
        assert_eq!(mta.0.stage(), stage, "it leads nowhere");
    }
}

#[test]
fn unknown_in_a_message_is_not_sent_where_data_does_not_follow() {
    for (version, steps, code) in [
        (Version::V6, Steps::EMPTY, Some(b'U')),
        (Version::V6, Steps::NO_DATA, None),
        (Version::V3, Steps::EMPTY, None),
    ] {
        let unknown = Command::Unknown { line: Text::EMPTY };
        let mut pair = Pair::agreed(version, steps);
        assert_eq!(pair.says(unknown, GO_ON), Some(b'U'), "outside a message");
        for command in [MAIL, RCPT] {
            pair.says(command, GO_ON);
        }
        assert_eq!(pair.says(unknown, GO_ON), code, "version {version} with {steps:?}");
        pair.says(Command::Data, GO_ON);
        assert_eq!(pair.says(Command::EndOfHeaders, GO_ON), Some(b'N'));
    }
}
