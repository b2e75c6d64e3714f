//! What the walk over all states has found, each in its shortest form.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the case that it means")]

use milter_proto::mta::{Sent, SkipReason};
use milter_proto::order::Rule;
use milter_proto::wire::{
    Actions, Answer, Command, Frame, Offer, Response, Steps, Text, TextList, Verdict, Version,
};
use milter_proto::{FilterSession, MtaSession, filter, mta};

const HELO: Command<'static> = Command::Helo { name: Text::EMPTY };
const MAIL: Command<'static> = Command::MailFrom { address: Text::EMPTY, arguments: TextList::EMPTY };
const RCPT: Command<'static> = Command::RcptTo { address: Text::EMPTY, arguments: TextList::EMPTY };

/// Both sides, of which the filter has every reply at hand.
struct Pair {
    mta: MtaSession,
    filter: FilterSession,
}

impl Pair {
    fn agreed(version: Version, steps: Steps) -> Self {
        let (mta, filter) = (
            MtaSession::with_policy(mta::Policy::STRICT),
            FilterSession::with_policy(filter::Policy::STRICT),
        );
        let mut pair = Self { mta, filter };
        let offer = Command::Negotiate(Offer::new(version, Actions::ALL, Steps::ALL));
        pair.says(offer, Response::Negotiate(Answer::new(version, Actions::ALL, steps)));
        pair.says(Command::Connect { host: Text::EMPTY, peer: milter_proto::wire::Peer::Unknown }, GO_ON);
        pair
    }

    /// Gives the code that was written, and the filter's answer to it, if it owes one.
    fn says(&mut self, command: Command<'_>, answer: Response<'_>) -> Option<u8> {
        let sent = self.mta.send(command).expect("it is in order");
        let Sent::Frame(frame) = sent else { return None };
        let bytes: Vec<u8> = frame.segments().flatten().copied().collect();
        let frame = Frame::new(bytes[4], &bytes[Frame::HEAD_LEN..]);
        self.filter.receive(frame).expect("the filter takes it");
        if matches!(self.mta.turn(), mta::Turn::Receive(_)) {
            let reply = self.filter.send(answer).expect("the filter may say so");
            let bytes: Vec<u8> = reply.segments().flatten().copied().collect();
            let frame = Frame::new(bytes[4], &bytes[Frame::HEAD_LEN..]);
            self.mta.receive(frame).expect("the MTA takes it");
        }
        Some(frame.code())
    }
}

const GO_ON: Response<'static> = Response::Verdict(Verdict::Continue);

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

#[test]
fn an_offer_of_nothing_means_the_bits_of_version_1_on_both_sides() {
    let offer = Offer::new(Version::V6, Actions::EMPTY, Steps::EMPTY);
    let mut pair = Pair {
        mta: MtaSession::with_policy(mta::Policy::STRICT),
        filter: FilterSession::with_policy(filter::Policy::STRICT),
    };
    let answer = Answer::new(Version::V6, Actions::V1, Steps::V1);
    assert_eq!(pair.says(Command::Negotiate(offer), answer.into()), Some(b'O'));
    assert_eq!(pair.mta.negotiated(), pair.filter.negotiated());
    assert_eq!(pair.says(MAIL, GO_ON), None, "MAIL is switched off");
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
