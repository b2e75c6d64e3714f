//! What an MTA is told: which verdict answers a command that is not sent, when the envelope has to be sent again, when
//! the SMTP session ends, and when the connection can be used again.

use milter_proto::mta::{Event, Scope, Sent, SkipReason, VerdictKind};
use milter_proto::order::{CommandKind, Rule, Stage};
use milter_proto::wire::{
    Actions, Answer, Command, Frame, MacroStage, Offer, ReplyText, Response, Steps, Verdict, Version,
};
use milter_proto::{Limits, MtaSession, ReceiveError, mta};

use crate::support::reply;
use crate::support::sides::{Mta, command, macros};

fn strict(steps: Steps) -> Mta {
    Mta::with(mta::Policy::STRICT, steps)
}

/// The bytes of a frame that is to be written.
fn code_of(sent: &Sent<'_>) -> Option<u8> {
    match sent {
        Sent::Frame(frame) | Sent::ResendEnvelope(frame) => frame.segments().flatten().nth(4).copied(),
        Sent::Skipped { .. } => None,
    }
}

#[test]
fn data_that_somebody_else_refused_sends_the_envelope_again() {
    for again in *b"RT" {
        let mut mta = strict(Steps::EMPTY);
        mta.go("CHMRT");
        let sent = mta.0.send(command(again)).unwrap();
        assert!(matches!(sent, Sent::ResendEnvelope(_)), "{sent:?}");
        assert_eq!(code_of(&sent), Some(b'A'));
        assert_eq!(mta.0.stage(), Stage::Greeted);
        assert_eq!(mta.go("MRRTLNBE"), "MRRTLNBE", "then the message goes its way");
    }
}

#[test]
fn what_an_smtp_client_can_do_after_data_is_never_a_misuse() {
    // After the DATA of this filter: what is written, or why nothing is.
    let rows: [(u8, Result<u8, SkipReason>); 6] = [
        (b'U', Err(SkipReason::ForgetsMessage)),
        (b'H', Ok(b'H')),
        (b'M', Ok(b'M')),
        (b'A', Ok(b'A')),
        (b'Q', Ok(b'Q')),
        (b'R', Ok(b'A')),
    ];
    for (code, expected) in rows {
        let mut mta = strict(Steps::EMPTY);
        mta.go("CHMRT");
        let sent = mta.0.send(command(code)).unwrap();
        match expected {
            Ok(written) => assert_eq!(code_of(&sent), Some(written), "{sent:?}"),
            Err(reason) => {
                assert_eq!(sent, Sent::Skipped { reason, answer: VerdictKind::Continue });
            }
        }
    }
    // Where HELO was declined, ABORT says that the message is over.
    let mut mta = strict(Steps::NO_HELO);
    mta.go("CMRT");
    assert_eq!(code_of(&mta.0.send(command(b'H')).unwrap()), Some(b'A'));
}

#[test]
fn a_declined_data_or_recipient_does_not_hide_that_data_was_sent() {
    // The filter has not seen DATA: nothing is to be sent again.
    let mut mta = strict(Steps::NO_DATA);
    mta.go("CHMR");
    assert!(matches!(mta.0.send(Command::Data), Ok(Sent::Skipped { reason: SkipReason::Declined, .. })));
    assert_eq!(code_of(&mta.0.send(command(b'R')).unwrap()), Some(b'R'));
    // The filter has seen DATA, but sees no recipients.
    let mut mta = strict(Steps::NO_RCPT);
    mta.go("CHMT");
    assert!(matches!(mta.0.send(command(b'R')), Ok(Sent::Skipped { reason: SkipReason::Declined, .. })));
    assert!(matches!(mta.0.send(Command::Data), Ok(Sent::ResendEnvelope(_))));
}

#[test]
fn what_is_not_sent_is_answered_by_the_verdict_that_settled_it() {
    let answer = |mta: &mut Mta, code: u8| match mta.0.send(command(code)).unwrap() {
        Sent::Skipped { answer, .. } => answer,
        other => panic!("{other:?}"),
    };
    let mut mta = strict(Steps::EMPTY);
    assert_eq!(mta.0.decided(), None);
    mta.go("CHM");
    mta.hears(b'R', b'd');
    assert_eq!(mta.0.decided(), Some(VerdictKind::Discard));
    assert_eq!([b'R', b'T', b'L', b'E'].map(|code| answer(&mut mta, code)), [VerdictKind::Discard; 4]);
    mta.go("M");
    assert_eq!(mta.0.decided(), None, "the next message has no verdict");
    // DATA that the filter refused stays refused, however often the client tries.
    mta.go("R");
    mta.send(b'T').unwrap();
    mta.0.receive(Frame::new(b'y', b"554 5.7.1 no\0")).unwrap();
    for again in *b"TRTRRT" {
        let VerdictKind::Reply(code) = answer(&mut mta, again) else { panic!() };
        assert_eq!(code.number(), 554);
    }
    // A connection that was settled.
    let mut mta = strict(Steps::EMPTY);
    mta.hears(b'C', b'r');
    assert_eq!(b"HMRTE".map(|code| answer(&mut mta, code)), [VerdictKind::Reject; 5]);
    assert!(matches!(mta.0.send(Command::Quit), Ok(Sent::Frame(_))));
    // What was declined is answered with CONTINUE.
    assert_eq!(answer(&mut strict(Steps::NO_CONNECT), b'C'), VerdictKind::Continue);
    // Sendmail goes on without the filter after DISCARD to CONNECT.
    let mut mta = Mta::with(mta::Policy::SENDMAIL, Steps::EMPTY);
    mta.hears(b'C', b'd');
    assert_eq!(answer(&mut mta, b'M'), VerdictKind::Accept);
}

#[test]
fn the_answer_to_a_skipped_command_is_a_verdict_with_the_text_that_the_caller_kept() {
    let (no, later) = (Verdict::Reply(reply(b"554 5.7.1 no")), Verdict::Reply(reply(b"450 4.7.1 later")));
    let closing = Verdict::Reply(reply(b"421 4.3.2 closing"));
    let gone = Verdict::Reply(reply(b"521 5.3.2 gone"));
    let plain = [
        Verdict::Continue,
        Verdict::Accept,
        Verdict::Reject,
        Verdict::Tempfail,
        Verdict::Discard,
        Verdict::Skip,
        Verdict::Shutdown,
        Verdict::ConnectionFail,
    ];
    let replies = [(no, Verdict::Reject), (later, Verdict::Tempfail), (closing, Verdict::Shutdown)];
    for kept in plain.into_iter().chain([no, later, closing, gone]) {
        for verdict in plain {
            assert_eq!(VerdictKind::from_verdict(&verdict).with_text_of(kept), verdict);
        }
        for (verdict, without_text) in replies.into_iter().chain([(gone, Verdict::Shutdown)]) {
            let kind = VerdictKind::from_verdict(&verdict);
            let expected = if kept == verdict { verdict } else { without_text };
            assert_eq!(kind.with_text_of(kept), expected, "{verdict:?} with {kept:?}");
            assert_eq!(expected.lets_pass(), kind.lets_pass());
            assert_eq!(expected.closes_smtp_session(), kind.closes_smtp_session());
        }
    }
    // As an MTA uses it.
    let mut mta = strict(Steps::EMPTY);
    mta.go("CH");
    mta.send(b'M').unwrap();
    let event = mta.0.receive(Frame::new(b'y', b"554 5.7.1 no\0")).unwrap();
    let Event::Verdict { verdict: kept, scope: Scope::Message, .. } = event else { panic!("{event:?}") };
    let Ok(Sent::Skipped { answer, .. }) = mta.0.send(command(b'R')) else { panic!() };
    assert_eq!(answer.with_text_of(kept), no);
}

#[test]
fn a_command_goes_on_after_continue_accept_and_skip_only() {
    let rows: [(u8, bool); 9] = [
        (b'c', true),
        (b'a', true),
        (b's', true),
        (b'r', false),
        (b't', false),
        (b'd', false),
        (b'y', false),
        (b'4', false),
        (b'f', false),
    ];
    for (code, expected) in rows {
        let payload: &[u8] = if code == b'y' { b"450 4.7.1 later\0" } else { b"" };
        let response = Response::parse(Frame::new(code, payload)).unwrap();
        let Response::Verdict(verdict) = response else { panic!("{response:?}") };
        let kind = VerdictKind::from_verdict(&verdict);
        assert_eq!([verdict.lets_pass(), kind.lets_pass()], [expected; 2], "{verdict:?}");
    }
}

#[test]
fn replies_421_and_521_end_the_smtp_session() {
    let rows: [(&[u8], bool); 5] = [
        (b"421 4.3.2 closing\0", true),
        (b"521 5.3.2 closing\0", true),
        (b"450 4.2.0 later\0", false),
        (b"554 5.7.1 no\0", false),
        (b"551 5.7.1 no\0", false),
    ];
    for (text, expected) in rows {
        for before in ["", "C", "CH", "CHM", "CHMR", "CHMRTLN"] {
            let code = b"CHMRTLE"[before.len().min(6)];
            let mut mta = strict(Steps::EMPTY);
            mta.go(before);
            mta.send(code).unwrap();
            let event = mta.0.receive(Frame::new(b'y', text)).unwrap();
            let Event::Verdict { closes_smtp_session, .. } = event else { panic!("{event:?}") };
            assert_eq!(closes_smtp_session, expected, "{} to {}", text.escape_ascii(), char::from(code));
        }
    }
    let mut mta = Mta::with(mta::Policy::POSTFIX, Steps::EMPTY);
    mta.go("CH");
    mta.send(b'M').unwrap();
    let event = mta.0.receive(Frame::new(b'4', b"")).unwrap();
    assert!(matches!(event, Event::Verdict { closes_smtp_session: true, .. }), "SHUTDOWN");
}

#[test]
fn sendmail_ignores_a_malformed_edit_and_goes_on() {
    let malformed: [(u8, &[u8]); 3] = [(b'e', b"<>\0A\0B\0x"), (b'm', b"\0\0\0\x01X\0"), (b'h', b"X\0")];
    for (code, payload) in malformed {
        let at_the_end = |policy| {
            let mut mta = Mta::with(policy, Steps::EMPTY);
            mta.go("CHMRTLN");
            mta.send(b'E').unwrap();
            mta
        };
        let mut mta = at_the_end(mta::Policy::SENDMAIL);
        match mta.0.receive(Frame::new(code, payload)).unwrap() {
            Event::MalformedEdit { frame, .. } => assert_eq!(frame, Frame::new(code, payload)),
            // Bytes after the last NUL are ignored alone.
            Event::Edit { deviation, .. } => assert!(deviation.is_some()),
            other => panic!("{other:?}"),
        }
        assert_eq!(mta.0.receive(Frame::new(b'c', b"")).map(drop), Ok(()));
        for policy in [mta::Policy::STRICT, mta::Policy::POSTFIX] {
            assert_eq!(at_the_end(policy).rule(code, payload), Some(Rule::MalformedPayload));
        }
    }
    // They count as edits: no filter sends them for ever.
    let answer = Answer::new(Version::V6, Actions::ALL, Steps::EMPTY);
    let limits = Limits::DEFAULT.with_max_edits(2);
    let mut mta = Mta::answered(MtaSession::with_limits(mta::Policy::SENDMAIL, limits), answer);
    mta.go("CHMRTLN");
    mta.send(b'E').unwrap();
    assert_eq!([mta.rule(b'h', b"X\0"), mta.rule(b'h', b"X\0")], [None; 2]);
    assert_eq!(mta.rule(b'h', b"X\0"), Some(Rule::MalformedPayload));
}

#[test]
fn a_pool_may_reuse_a_connection_after_a_message_that_went_on_alone() {
    let mut mta = strict(Steps::EMPTY);
    assert!(!mta.0.can_reuse());
    mta.go("CHMRTLNE");
    assert!(mta.0.can_reuse());
    assert_eq!(mta.send(b'K'), Ok(None));
    assert!(!mta.0.can_reuse());
    mta.go("CHMRTLN");
    mta.hears(b'E', b'a');
    assert!(!mta.0.can_reuse(), "libmilter would not reply to what follows");
    assert_eq!(mta.send(b'K'), Err(Rule::QuitNcNotAllowed));
    let answer = Answer::new(Version::V4, Actions::ALL, Steps::EMPTY);
    let mut mta = Mta::answered(MtaSession::with_policy(mta::Policy::STRICT), answer);
    mta.go("CHMRTLNE");
    assert!(!mta.0.can_reuse(), "version 4 has no QUIT_NC");
}

// SCP-8
#[test]
fn whatever_answers_the_end_of_a_message_ends_it() {
    let mut mta = Mta::with(mta::Policy::POSTFIX, Steps::EMPTY);
    mta.go("CHMRTLNBE");
    let ended = mta.0.stage();
    mta.go("MRTLNB");
    mta.hears(b'E', b's');
    assert_eq!(mta.0.stage(), ended);
}

#[test]
fn an_mta_wants_what_writes_a_frame() {
    let mut mta = strict(Steps::NO_HELO);
    mta.go("CM");
    assert!(mta.0.wants(CommandKind::Helo), "it writes ABORT");
    assert_eq!(code_of(&mta.0.send(command(b'H')).unwrap()), Some(b'A'));
    assert!(!mta.0.wants(CommandKind::Helo), "there is no message to end");
    assert!(!mta.0.wants(CommandKind::Data), "it would be a misuse");
}

#[test]
fn offers_that_no_filter_accepts_are_not_sent() {
    for version in [0, 1, 0x8000_0000, u32::MAX] {
        let offer = Offer::new(Version::new(version), Actions::ALL, Steps::ALL);
        let misuse = MtaSession::new().send(Command::Negotiate(offer)).unwrap_err();
        assert_eq!(misuse.rule, Rule::NegotiationFailed);
    }
    // An answer to an offer of 1 MiB that was not answered yet is no longer than any other frame.
    let offer = Offer::new(Version::V6, Actions::ALL, Steps::ALL.union(Steps::DATA_SIZE_1M));
    let mut filter = milter_proto::FilterSession::new();
    let payload: Vec<u8> = Command::Negotiate(offer).encode().segments().flatten().copied().collect();
    filter.receive(Frame::new(b'O', &payload[5..])).unwrap();
    let long = [&b"\0\0\0\0"[..], &[b'x'; 100_000], b"\0"].concat();
    let lists = milter_proto::wire::MacroLists::new(&long).unwrap();
    let answer = Answer::new(Version::V6, Actions::EMPTY, Steps::EMPTY).with_macro_lists(lists);
    assert_eq!(filter.send(answer).unwrap_err().rule, Rule::TooLong);
}

#[test]
fn only_a_recipient_and_its_macros_can_be_sent_as_refused() {
    let mut mta = strict(Steps::REJECTED_RCPT);
    mta.go("CHM");
    for code in *b"CHMTLNBEUAQK" {
        let before = mta.0.clone();
        assert_eq!(mta.0.send_rejected(command(code)).unwrap_err().rule, Rule::NotRecipient);
        assert_eq!(mta.0, before);
    }
    assert_eq!(mta.0.send_rejected(macros(MacroStage::MAIL)).unwrap_err().rule, Rule::NotRecipient);
    assert!(matches!(mta.0.send_rejected(macros(MacroStage::RCPT)), Ok(Sent::Frame(_))));
    assert!(matches!(mta.0.send_rejected(command(b'R')), Ok(Sent::Frame(_))));
}

#[test]
fn the_end_of_a_connection_is_told_once() {
    let mut mta = strict(Steps::EMPTY);
    mta.go("CHMRTLN");
    mta.send(b'E').unwrap();
    let first = mta.0.disconnect(3);
    assert_eq!((first.clean, first.owed, first.in_frame), (false, Some(CommandKind::EndOfMessage), true));
    let second = mta.0.disconnect(0);
    assert_eq!((second.clean, second.owed, second.in_frame), (false, None, false));
    assert_eq!(mta.0.receive(Frame::new(b'c', b"")), Err(ReceiveError::Closed));
}

#[test]
fn a_stream_that_cannot_be_divided_ends_the_session() {
    let mut mta = strict(Steps::EMPTY);
    mta.send(b'C').unwrap();
    let mut assembler = milter_proto::wire::Assembler::new([0; 64]);
    let error = mta.0.next_event(&mut assembler, &mut &b"\0\0\0\0"[..]).unwrap_err();
    assert!(matches!(error, ReceiveError::Stream(_)));
    assert_eq!(mta.0.turn(), mta::Turn::Closed);
    assert_eq!(mta.0.receive(Frame::new(b'c', b"")), Err(error));
    assert_eq!(mta.send(b'H'), Err(Rule::Closed));
}

#[test]
fn a_message_that_a_declined_command_ends_is_aborted_although_its_macros_came_first() {
    for (steps, stage, code) in
        [(Steps::NO_MAIL, MacroStage::MAIL, b'M'), (Steps::NO_HELO, MacroStage::HELO, b'H')]
    {
        let mut mta = strict(steps);
        mta.go(if steps == Steps::NO_MAIL { "CH" } else { "C" });
        assert!(mta.0.send(command(b'M')).is_ok());
        if let mta::Turn::Receive(_) = mta.0.turn() {
            mta.0.receive(Frame::new(b'c', b"")).unwrap();
        }
        mta.go("R");
        assert_eq!(code_of(&mta.0.send(macros(stage)).unwrap()), Some(b'D'));
        let sent = mta.0.send(command(code)).unwrap();
        assert_eq!(code_of(&sent), Some(b'A'), "the filter is told that the message is over: {sent:?}");
    }
}

#[test]
fn a_message_that_a_skipped_mail_ends_is_aborted() {
    let mut mta = Mta::with(mta::Policy::POSTFIX, Steps::EMPTY);
    mta.go("CH");
    mta.hears(b'M', b's');
    assert_eq!(code_of(&mta.0.send(command(b'M')).unwrap()), Some(b'A'));
}

#[test]
fn a_connection_that_can_be_reused_takes_quit_nc() {
    let mut mta = strict(Steps::NO_MAIL);
    mta.go("CHRTLNE");
    assert!(mta.0.can_reuse());
    // A MAIL that is not sent begins a message anyway.
    assert!(matches!(mta.0.send(command(b'M')), Ok(Sent::Skipped { .. })));
    assert!(!mta.0.can_reuse());
    assert_eq!(mta.send(b'K'), Err(Rule::QuitNcNotAllowed));
}

#[test]
fn an_edit_with_an_empty_name_or_address_is_treated_as_each_mta_does() {
    // What Sendmail and Postfix make of it: ignored, honoured, or the end of the session.
    let rows: [(u8, &[u8], [char; 3]); 7] = [
        (b'+', b"\0", ['!', '-', '-']),
        (b'2', b"\0", ['!', '-', '-']),
        (b'-', b"\0", ['!', '-', '-']),
        (b'e', b"\0", ['!', '-', '+']),
        (b'h', b"\0v\0", ['!', '-', '+']),
        (b'i', b"\0\0\0\0\0v\0", ['!', '-', '+']),
        (b'm', b"\0\0\0\x01\0v\0", ['!', '-', '!']),
    ];
    for (code, payload, expected) in rows {
        let policies = [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX];
        for (policy, expected) in policies.into_iter().zip(expected) {
            let mut mta = Mta::with(policy, Steps::EMPTY);
            mta.go("CHMRTLN");
            mta.send(b'E').unwrap();
            let seen = match mta.0.receive(Frame::new(code, payload)) {
                Ok(Event::Edit { .. }) => '+',
                Ok(Event::MalformedEdit { .. }) => '-',
                Err(ReceiveError::Peer(violation)) if violation.rule == Rule::EmptyName => '!',
                other => panic!("{other:?}"),
            };
            assert_eq!(seen, expected, "{policy:?}: {}", char::from(code));
        }
    }
}

#[test]
fn a_refusal_has_a_reply_for_the_smtp_client() {
    let own = ReplyText::parse(b"552 5.3.4 100%% too much").unwrap();
    let rows = [
        (Verdict::Reject, Some("550 5.7.1 Command rejected")),
        (Verdict::Tempfail, Some("451 4.7.1 Service unavailable - try again later")),
        (Verdict::Shutdown, Some("421 4.7.0 Server closing connection")),
        (Verdict::Reply(own), Some("552 5.3.4 100% too much")),
        (Verdict::Continue, None),
        (Verdict::Accept, None),
        (Verdict::Discard, None),
        (Verdict::Skip, None),
        (Verdict::ConnectionFail, None),
    ];
    for (verdict, expected) in rows {
        let reply = verdict.smtp_reply();
        let shown = reply.map(|reply| reply.unescaped().to_string());
        assert_eq!(shown.as_deref(), expected, "{verdict:?}");
        // It is a reply that a filter could have sent, with the same effect.
        let Some(reply) = reply else { continue };
        assert_eq!(ReplyText::parse(reply.as_text().as_bytes()), Ok(reply));
        assert_eq!(reply.closes_smtp_session(), verdict.closes_smtp_session());
        assert!(reply.lines().all(|line| line.enhanced().is_some()));
    }
}
