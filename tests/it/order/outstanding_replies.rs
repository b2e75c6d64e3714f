//! Replies that are outstanding: one at most, given once, and nothing is sent before it.

use milter_proto::filter::Options;
use milter_proto::mta::{Scope, SkipReason};
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{Actions, Assembler, Command, Offer, Steps, Verdict, Version};
use milter_proto::{FilterSession, ReceiveError, filter, mta};

use crate::support::sides;
use crate::support::sides::{Filter, Mta, POLICIES, strict};

// libmilter answers nothing to a command that follows a refused one in the same write.
#[test]
fn nothing_follows_a_command_before_its_reply() {
    let mut mta = strict();
    mta.go("CH");
    assert_eq!(mta.send(b'M'), Ok(None));
    assert_eq!(mta.send(b'R'), Err(Rule::ReplyOwed));
    assert_eq!(mta.send(b'A'), Err(Rule::ReplyOwed));
    assert_eq!(mta.scope(b'r'), Scope::Message);
    assert_eq!(mta.send(b'R'), Ok(Some(SkipReason::MessageDecided)));
    assert_eq!(mta.send(b'T'), Ok(Some(SkipReason::MessageDecided)));

    let quiet = Steps::NO_REPLY_MAIL | Steps::NO_REPLY_RCPT;
    let mut mta = Mta::with(mta::Policy::STRICT, quiet);
    mta.go("CH");
    assert_eq!([mta.send(b'M'), mta.send(b'R'), mta.send(b'T')], [Ok(None); 3]);
}

// A reply that nobody waits for would answer the next command, and every later one.
#[test]
fn a_reply_that_nobody_waits_for_ends_the_connection() {
    for policy in POLICIES {
        let mut idle = Mta::with(policy, Steps::EMPTY);
        idle.go("CH");
        let mut after_no_reply = Mta::with(policy, Steps::NO_REPLY_MAIL);
        after_no_reply.go("CHM");
        let mut after_message = Mta::with(policy, Steps::EMPTY);
        after_message.go("CHMRTLNBE");
        for mut mta in [idle, after_no_reply, after_message] {
            assert_eq!(mta.rule(b'c', b""), Some(Rule::NotOwed));
            assert_eq!(mta.0.turn(), mta::Turn::Closed);
            assert_eq!(mta.send(b'M'), Err(Rule::Closed));
        }
        let mut gone = Mta::with(policy, Steps::EMPTY);
        gone.go("CHQ");
        let late = gone.0.receive(sides::everyday(b'A'));
        assert!(matches!(late, Err(ReceiveError::Closed)), "no violation after QUIT: {late:?}");
    }
}

// ORD-3. The rest of such a frame would come after the next command, and look like its reply.
#[test]
fn the_first_bytes_of_a_reply_that_nobody_waits_for_end_the_connection() {
    let reply = b"\0\0\0\x10y550 5.7.1 gone\0";
    for policy in POLICIES {
        for after in ["", "CH", "CHMRTLNBE"] {
            for len in 0..reply.len() {
                let mut mta = Mta::with(policy, Steps::EMPTY);
                mta.go(after);
                let mut assembler = Assembler::new([0; 64]);
                let mut input = &reply[..len];
                // Both ask in their own way, and `has_event` agrees with what follows.
                let has_event = mta.0.has_event(&mut assembler, &mut input);
                let event = mta.0.next_event(&mut assembler, &mut input);
                assert_eq!(has_event, len > 0, "{len} bytes after {after}");
                match u32::try_from(len).unwrap() {
                    0 => assert_eq!(event, Ok(None)),
                    stray => {
                        assert_eq!(event, Err(ReceiveError::StrayBytes(stray)));
                        assert_eq!(mta.0.turn(), mta::Turn::Closed);
                        assert_eq!(mta.send(b'M'), Err(Rule::Closed));
                        let again = mta.0.receive(sides::everyday(b'A'));
                        assert_eq!(again, Err(ReceiveError::StrayBytes(stray)));
                    }
                }
            }
        }
        // After the reply itself, in one read.
        let mut mta = Mta::with(policy, Steps::EMPTY);
        mta.go("CH");
        mta.send(b'M').unwrap();
        let mut assembler = Assembler::new([0; 64]);
        let mut input = &b"\0\0\0\x01c\0\0"[..];
        assert!(mta.0.next_event(&mut assembler, &mut input).unwrap().is_some());
        assert_eq!(mta.0.next_event(&mut assembler, &mut input), Err(ReceiveError::StrayBytes(2)));
        // A whole frame is named, and a length that is none is an error of the stream.
        let error_of = |bytes: &[u8]| {
            let mut mta = Mta::with(policy, Steps::EMPTY);
            mta.go("CH");
            let (mut assembler, mut input) = (Assembler::new([0; 64]), bytes);
            assert!(mta.0.has_event(&mut assembler, &mut input));
            mta.0.next_event(&mut assembler, &mut input).unwrap_err()
        };
        assert!(matches!(error_of(reply), ReceiveError::Peer(violation) if violation.rule == Rule::NotOwed));
        assert!(matches!(error_of(b"\0\0\0\0"), ReceiveError::Stream(_)));
        // While a reply is outstanding its first bytes are no error, and after QUIT nothing is.
        let mut mta = Mta::with(policy, Steps::EMPTY);
        mta.go("CH");
        mta.send(b'M').unwrap();
        let mut assembler = Assembler::new([0; 64]);
        assert!(!mta.0.has_event(&mut assembler, &mut &reply[..2]));
        assert_eq!(mta.0.next_event(&mut assembler, &mut &reply[2..7]), Ok(None));
        assert!(mta.0.next_event(&mut assembler, &mut &reply[7..]).unwrap().is_some());
        let mut gone = Mta::with(policy, Steps::EMPTY);
        gone.go("CHQ");
        assert_eq!(gone.0.next_event(&mut Assembler::new([0; 64]), &mut &reply[..2]), Ok(None));
    }
}

// Some filters answer twice: no reply is outstanding at the second answer.
#[test]
fn a_double_reply_is_noticed_at_the_second_one() {
    let mut mta = strict();
    mta.go("CHMRTLNB");
    assert_eq!(mta.send(b'E'), Ok(None));
    assert_eq!(mta.scope(b'y'), Scope::Message);
    assert_eq!(mta.rule(b'r', b""), Some(Rule::NotOwed));

    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("CHMRTLNB");
    filter.gets(b'E').unwrap();
    assert_eq!(filter.says(Verdict::Reject), Ok(()));
    assert_eq!(filter.says(Verdict::Reject), Err(Rule::NotOwed));
}

// Replies carry no number: one command at a time is the only safe design.
#[test]
fn one_command_at_most_waits_for_its_reply() {
    let mut mta = strict();
    mta.go("CH");
    mta.send(b'M').unwrap();
    for code in *b"DCHMRTLNBEUAQK" {
        assert_eq!(mta.send(code), Err(Rule::ReplyOwed), "{}", char::from(code));
    }
    assert_eq!(mta.0.turn(), mta::Turn::Receive(CommandKind::MailFrom));
}

// libmilter sends nothing for a return value that it does not know. A session here wants an answer first.
#[test]
fn silence_is_noticed_before_the_next_command_is_taken() {
    let mut filter = Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY);
    filter.go("C");
    filter.gets(b'H').unwrap();
    let mut assembler = Assembler::new([0; 64]);
    let mut input = &b"\0\0\0\x07M<a@b>\0"[..];
    let refused = filter.0.next_event(&mut assembler, &mut input).unwrap_err();
    assert_eq!(refused, ReceiveError::ReplyOwed(CommandKind::Helo));
    assert_eq!(input.len(), 11, "nothing was taken");
    assert_eq!(filter.says(Verdict::Continue), Ok(()));
    assert!(filter.0.next_event(&mut assembler, &mut input).unwrap().is_some());
}

// The MTA did not offer the step, so the filter answers CONTINUE in its place.
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
