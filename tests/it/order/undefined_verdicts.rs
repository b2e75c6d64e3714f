//! Verdicts, PROGRESS and SKIP where they are not defined, or where MTAs differ.

use milter_proto::mta::Scope;
use milter_proto::order::Rule;
use milter_proto::wire::{Frame, Response, Steps, Verdict};
use milter_proto::{filter, mta};

use crate::support::sides::{Filter, Mta};

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

// ACCEPT, PROGRESS, CONN_FAIL, SHUTDOWN and SKIP in reply to every command.
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

// The filter sends none of them where it is not defined, and CONN_FAIL and SHUTDOWN nowhere.
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

// DISCARD to CONNECT switches all filtering off in Sendmail, DISCARD to UNKNOWN drops the next mail.
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
