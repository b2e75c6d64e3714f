//! Fine points of the order: each is one condition in the code, and nothing else would notice its loss.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the case that it means")]

use milter_proto::macros::MacroStore;
use milter_proto::mta::{EditStatus, Sent, SkipReason};
use milter_proto::order::CommandKind;
use milter_proto::wire::{
    Actions, Answer, Command, Direction, Edit, Frame, MacroStage, Macros, Steps, Verdict, Version,
};
use milter_proto::{FilterSession, Monitor, MtaSession, filter, mta};

#[path = "support/sides.rs"]
mod sides;
use sides::{Filter, Mta, command, everyday, macros};

#[test]
fn nothing_is_agreed_before_optneg_is_answered() {
    let mut mta = Mta(MtaSession::with_policy(mta::Policy::STRICT));
    let mut filter = Filter(FilterSession::with_policy(filter::Policy::STRICT));
    let mut monitor = Monitor::new();
    assert_eq!(monitor, Monitor::default());
    assert_eq!((mta.0.negotiated(), filter.0.negotiated(), monitor.negotiated()), (None, None, None));
    assert_eq!(mta.send(b'O'), Ok(None));
    assert!(filter.gets(b'O').is_ok());
    monitor.observe(Direction::ToFilter, everyday(b'O'));
    assert_eq!((mta.0.negotiated(), filter.0.negotiated(), monitor.negotiated()), (None, None, None));
    assert_eq!(filter.says(Answer::new(Version::V6, Actions::EMPTY, Steps::EMPTY)), Ok(()));
    assert!(filter.0.negotiated().is_some());
}

#[test]
fn a_filter_is_told_that_the_stream_ended_inside_a_frame() {
    for (pending, in_frame) in [(0, false), (1, true), (4096, true)] {
        let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
        assert_eq!(filter.0.disconnect(pending).in_frame, in_frame, "{pending}");
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
        assert_eq!(mta.0.disconnect(pending).in_frame, in_frame, "{pending}");
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
fn macros_and_what_is_passed_by_do_not_keep_a_connection_from_being_used_again() {
    for between in ["D", "H", "DHD"] {
        let mut mta = Mta::with(mta::Policy::STRICT, Steps::NO_HELO);
        mta.go("CMRTLNBE");
        mta.go(between);
        assert_eq!(mta.send(b'K'), Ok(None), "{between}");
    }
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
fn postfix_obeys_a_new_body_that_was_not_agreed() {
    let nothing = Answer::new(Version::V6, Actions::EMPTY, Steps::EMPTY);
    for (policy, status, heard) in [
        (mta::Policy::POSTFIX, EditStatus::NotNegotiated, Verdict::Continue),
        (mta::Policy::SENDMAIL, EditStatus::RejectsMessage, Verdict::Tempfail),
    ] {
        let mut mta = Mta::answered(MtaSession::with_policy(policy), nothing);
        mta.go("CHMRTLNB");
        assert_eq!(mta.send(b'E'), Ok(None));
        let mut payload = Vec::new();
        let body = mta.takes(&Edit::ReplaceBody { chunk: b"new\r\n" }.into(), &mut payload);
        assert!(matches!(body, mta::Event::Edit { status: seen, .. } if seen == status), "{body:?}");
        let end = mta.takes(&Verdict::Continue.into(), &mut payload);
        assert!(matches!(end, mta::Event::Verdict { verdict, .. } if verdict == heard), "{end:?}");
    }
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

#[test]
fn an_mta_wants_quit_alone_once_the_connection_is_decided_and_no_rest_of_a_decided_message() {
    let wanted = |mta: &Mta| {
        let kinds = CommandKind::ALL.into_iter().filter(|kind| mta.0.wants(*kind));
        kinds.map(|kind| char::from(kind.code())).collect::<String>()
    };
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    assert_eq!(wanted(&mta), "DCQ", "what is in order, and nothing else");
    mta.go("CHM");
    let mut decided = mta.clone();
    decided.hears(b'R', b'a');
    assert_eq!(wanted(&decided), "DHMUAQ");
    let mut over = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    over.hears(b'C', b'r');
    assert_eq!(wanted(&over), "Q");
}

#[test]
fn a_kind_of_command_shows_its_name_on_the_wire() {
    for (kind, name) in [(CommandKind::MailFrom, "MAIL"), (CommandKind::EndOfHeaders, "EOH")] {
        assert_eq!((format!("{kind}"), format!("{kind:?}")), (name.into(), name.into()));
    }
}
