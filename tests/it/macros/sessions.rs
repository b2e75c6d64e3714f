//! MACRO in a session: when it comes, and when its macros are forgotten.

use milter_proto::macros::{MacroRequests, MacroStore};
use milter_proto::mta::{Scope, Sent, SkipReason};
use milter_proto::order::Rule;
use milter_proto::wire::{
    Actions, Answer, Command, Frame, ListStage, MacroLists, MacroStage, Macros, Steps, Tolerance, Verdict,
    Version,
};
use milter_proto::{FilterSession, MtaSession, filter, mta};

use crate::support::sides::{Filter, Mta, command, macros, strict};
use crate::support::text;

// Macros are of C, H, M, R, T, N and E; they come for commands that are switched off, too.
#[test]
fn macros_come_for_what_is_switched_off_but_not_for_what_cannot_come() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::NO_MAIL);
    mta.go("CH");
    assert_eq!(mta.say(macros(MacroStage::MAIL)), Ok(None));
    assert_eq!(mta.send(b'M'), Ok(Some(SkipReason::Declined)));

    let old = Answer::new(Version::V3, Actions::EMPTY, Steps::EMPTY);
    let mut mta = Mta::answered(MtaSession::with_policy(mta::Policy::STRICT), old);
    mta.go("CHMR");
    assert_eq!(mta.say(macros(MacroStage::DATA)), Ok(Some(SkipReason::Version)));

    let mut mta = strict();
    mta.go("CH");
    assert_eq!(mta.hears(b'M', b'a'), Scope::Message);
    assert_eq!(mta.say(macros(MacroStage::RCPT)), Ok(Some(SkipReason::MessageDecided)));
    assert_eq!(mta.say(macros(MacroStage::MAIL)), Ok(None), "for the next message");

    let schedule = MacroRequests::new(MacroLists::EMPTY);
    let none = schedule.write_macros(MacroStage::HELO, b"{tls_version}", |_| None, &mut []);
    assert_eq!(none, Ok(None), "no macro has a value: no frame");
    assert!(!"LBUA".bytes().any(|code| MacroStage::new(code).is_kept()));
    assert!("CHMRTNE".bytes().all(|code| MacroStage::new(code).is_kept()));
}

// A MACRO of the stage byte only is everyday traffic, and its command may never follow.
#[test]
fn macros_may_be_none_and_their_command_may_not_follow() {
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::NO_HELO);
        filter.go("C");
        assert_eq!(filter.rule(b'D', b"H"), None);
        assert_eq!(filter.0.turn(), filter::Turn::Receive, "MACRO has no reply");
        assert_eq!(filter.go("DMDR"), "MR");
    }
    let mut store = MacroStore::new([0; 64]);
    store.observe(&filter::Event::new(Command::parse(Frame::new(b'D', b"H")).unwrap())).unwrap();
    assert!(store.stage(MacroStage::HELO).list().is_empty());
}

// EOH is an earlier stage than BODYEOB, but its list has the higher number.
#[test]
fn the_end_of_the_headers_is_list_6_but_the_earlier_stage() {
    assert_eq!(ListStage::END_OF_MESSAGE.number(), 5);
    assert_eq!(ListStage::END_OF_HEADERS.number(), 6);
    let mut store = MacroStore::new([0; 64]);
    for payload in [&b"Nx\0headers\0"[..], b"Ex\0message\0"] {
        store.observe(&filter::Event::new(Command::parse(Frame::new(b'D', payload)).unwrap())).unwrap();
    }
    assert_eq!(store.get("x"), Some(text(b"message")), "the later stage counts");
}

#[test]
fn macros_are_written_whether_or_not_refused_recipients_are_wanted() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    mta.go("CHMR");
    let refused = mta.0.clone().send_rejected(command(b'R'));
    assert!(matches!(refused, Ok(Sent::Skipped { reason: SkipReason::NotWanted, .. })));
    assert!(matches!(mta.0.send_rejected(macros(MacroStage::RCPT)), Ok(Sent::Frame(_))));
    let none = Command::Macros(Macros::none(MacroStage::RCPT)).encode();
    assert_eq!(none, Frame::new(b'D', b"R").encode());
}

#[test]
fn a_header_behind_a_message_forgets_that_messages_macros() {
    for code in [b'L', b'B', b'M', b'N'] {
        let mut store = MacroStore::new([0; 64]);
        for seen in [macros(MacroStage::MAIL), command(b'M'), command(b'E')] {
            store.observe(&filter::Event::new(seen)).unwrap();
        }
        assert!(store.get("i").is_some(), "they last to the verdict");
        store.observe(&filter::Event::new(command(code))).unwrap();
        assert_eq!(store.get("i"), None, "{}", char::from(code));
    }
}

// MACRO may come at any time, for any stage, and does not change the state.
#[test]
fn macros_come_at_any_time_and_move_nothing() {
    for policy in [filter::Policy::STRICT, filter::Policy::LIBMILTER] {
        let mut filter = Filter::with(policy, Steps::EMPTY);
        let mut store = MacroStore::new([0; 256]);
        for code in *b"CHMRTLNB" {
            let stage = filter.0.stage();
            for payload in [&b"Mi\0Q1\0"[..], b"L", b"B", b"U", b"A", b"Z", b"Ei\0a\0i\0b\0"] {
                let event = filter.0.receive(Frame::new(b'D', payload)).unwrap();
                assert_eq!(
                    ((event.in_order, event.aborts_message), filter.0.stage()),
                    ((true, false), stage)
                );
                assert_eq!(filter.0.turn(), filter::Turn::Receive);
                store.observe(&filter::Event::new(event.command)).unwrap();
            }
            filter.go(core::str::from_utf8(&[code]).unwrap());
        }
        assert_eq!(store.get("i"), Some(text(b"a")), "the first of two equal names");
        assert!(store.stage(MacroStage::new(b'L')).list().is_empty());
        let odd = Frame::new(b'D', b"Mi\0Q1\0j\0");
        assert_eq!(Command::parse_as(odd, policy.tolerance()).is_ok(), policy == filter::Policy::LIBMILTER);
        assert!(Command::parse_as(odd, Tolerance::STRICT).is_err());
    }
    assert_eq!(
        Filter(FilterSession::with_policy(filter::Policy::STRICT)).rule(b'D', b"C"),
        Some(Rule::Order),
        "before OPTNEG"
    );
    assert_eq!(Filter(FilterSession::with_policy(filter::Policy::LIBMILTER)).rule(b'D', b"C"), None);
}

#[test]
fn macros_sent_for_a_message_that_replaces_another_one_are_kept() {
    let mut session = FilterSession::new();
    let mut store = MacroStore::new([0; 64]);
    let frames: [(u8, &[u8]); 6] = [
        (b'D', b"Mi\0Q1\0"),
        (b'M', b"<a@b.c>\0"),
        (b'R', b"<r@b.c>\0"),
        (b'D', b"Mi\0Q2\0"),
        (b'M', b"<a@b.c>\0"),
        (b'R', b"<r@b.c>\0"),
    ];
    for (code, payload) in frames {
        let event = session.receive(Frame::new(code, payload)).unwrap();
        store.observe(&event).unwrap();
        if session.turn() != filter::Turn::Receive {
            let _ = session.send(Verdict::Continue).unwrap();
        }
    }
    assert_eq!(store.get("i"), Some(text(b"Q2")), "they were sent before their MAIL");
}

// MAC-10
#[test]
fn macros_of_a_message_that_a_verdict_ended_are_gone_with_the_next_event_whatever_it_is() {
    let next: [(u8, &[u8]); 5] =
        [(b'U', b"FROB\0"), (b'H', b"c.d\0"), (b'D', b"H"), (b'L', b"A\0b\0"), (b'M', b"<a@b.c>\0")];
    for (code, payload) in next {
        let mut filter = Filter::with(filter::Policy::DEFAULT, Steps::EMPTY);
        let mut store = MacroStore::new([0; 64]);
        for (code, verdict) in [
            (b'C', Some(Verdict::Continue)),
            (b'M', Some(Verdict::Continue)),
            (b'D', None),
            (b'R', Some(Verdict::Continue)),
            (b'T', Some(Verdict::Continue)),
            (b'L', Some(Verdict::Reject)),
        ] {
            let event = match code {
                b'D' => filter.0.receive(Frame::new(b'D', b"Rr\0v\0")),
                _ => filter.gets(code),
            };
            let event = event.unwrap();
            store.observe(&event).unwrap();
            if let Some(verdict) = verdict {
                assert_eq!(store.get("r").is_some(), matches!(code, b'R' | b'T' | b'L'));
                filter.says(verdict).unwrap();
            }
        }
        store.observe(&filter.0.receive(Frame::new(code, payload)).unwrap()).unwrap();
        assert_eq!(store.get("r"), None, "{}", char::from(code));
    }
}

// MAC-17
#[test]
fn macros_of_a_declined_mail_end_those_of_the_recipients_before() {
    let mut filter = Filter::with(filter::Policy::DEFAULT, Steps::NO_MAIL);
    let mut store = MacroStore::new([0; 64]);
    let frames: [(&[u8], bool); 4] =
        [(b"DMi\0Q1\0", false), (b"DRr\0v\0", true), (b"R<a@b.c>\0", true), (b"DMi\0Q2\0", false)];
    for (frame, has_recipient) in frames {
        let event = filter.0.receive(Frame::new(frame[0], &frame[1..])).unwrap();
        store.observe(&event).unwrap();
        assert_eq!(store.get("r").is_some(), has_recipient, "{:?}", event.command);
        if filter.0.turn() != filter::Turn::Receive {
            filter.says(Verdict::Continue).unwrap();
        }
    }
    assert_eq!(store.get("i"), Some(text(b"Q2")));
}
