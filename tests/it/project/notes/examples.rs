//! The frame that stands for each message: which one, and where it was captured.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use milter_proto::wire::codes::{command, response};
use milter_proto::wire::{Direction, Frame, FrameBuf};

use super::frame;
use crate::support::layout::{MESSAGES, Message};
use crate::support::parsed::parsed;
use crate::support::recorded::{Session, captures};

/// A captured frame: its code, the capture, and how many of this code come before it.
type Example = (u8, &'static str, usize);

/// Short and typical ones, from both MTAs and many filters.
const COMMANDS: [Example; 15] = [
    (command::OPTNEG, "sendmail/few-actions", 0),
    (command::MACRO, "sendmail/few-actions", 2),
    (command::CONNECT, "postfix/few-actions", 0),
    (command::HELO, "postfix/watch-rehelo", 0),
    (command::MAIL, "sendmail/dkimpy-8bit", 0),
    (command::RCPT, "postfix/watch-8bit", 0),
    (command::DATA, "postfix/few-actions", 0),
    (command::HEADER, "postfix/few-actions", 2),
    (command::EOH, "sendmail/few-actions", 0),
    (command::BODY, "sendmail/clamav-plain", 0),
    (command::BODYEOB, "sendmail/clamav-plain", 0),
    (command::UNKNOWN, "walks/postfix312-unknown-at-data-5", 1),
    (command::ABORT, "postfix/few-actions", 0),
    (command::QUIT, "sendmail/clamav-plain", 0),
    (command::QUIT_NC, "py_mta/py_mta-amavisd", 0),
];

const RESPONSES: [Example; 18] = [
    (response::OPTNEG, "postfix/indymilter-multi_rcpt", 0),
    (response::CONTINUE, "sendmail/opendkim-sign-plain", 0),
    (response::ACCEPT, "postfix/clamav-plain", 0),
    (response::REJECT, "sendmail/libmilterpy-multi_rcpt", 0),
    (response::TEMPFAIL, "lua-ip6/lua-ip6-kilter", 0),
    (response::DISCARD, "postfix/unknown-discard", 0),
    (response::SKIP, "sendmail/pymilter-plain", 0),
    (response::REPLYCODE, "postfix/indymilter-multi_rcpt", 0),
    (response::PROGRESS, "postfix/progress", 0),
    (response::ADDHEADER, "sendmail/clamav-plain", 1),
    (response::INSHEADER, "sendmail/miltr-plain", 0),
    (response::CHGHEADER, "postfix/go-plain", 0),
    (response::CHGFROM, "sendmail/pymilter-plain", 0),
    (response::ADDRCPT, "postfix/kilter-plain", 0),
    (response::ADDRCPT_PAR, "sendmail/pymilter-plain", 0),
    (response::DELRCPT, "sendmail/indymilter-plain", 0),
    (response::REPLBODY, "postfix/kilter-plain", 0),
    (response::QUARANTINE, "postfix/rspamd-quarantine-gtube", 0),
];

/// Heading of a frame that no capture has.
const MADE: &str = "no capture has one; made from the layout";

#[test]
fn every_message_has_one_example_unless_no_capture_has_it() {
    let mut codes: Vec<_> = COMMANDS.map(|row| (Direction::ToFilter, row.0)).to_vec();
    codes.extend(RESPONSES.map(|row| (Direction::ToMta, row.0)));
    for message in &MESSAGES {
        let count = codes.iter().filter(|code| **code == (message.direction, message.code)).count();
        // `captures::layout` sees that no capture has these three.
        let is_captured =
            ![response::SHUTDOWN, response::CONN_FAIL, response::SETSYMLIST].contains(&message.code);
        assert_eq!(count, usize::from(is_captured), "{}", message.name());
    }
    assert!(codes.iter().all(|(direction, code)| Message::find(*direction, *code).is_some()));
}

pub(super) fn print(message: &Message) -> String {
    let (heading, frame) = of(message);
    frame::print(heading, message.direction, frame.as_frame())
}

/// The frame of a message, and where it comes from.
pub(super) fn of(message: &Message) -> &'static (String, FrameBuf) {
    static ALL: OnceLock<BTreeMap<(bool, u8), (String, FrameBuf)>> = OnceLock::new();
    let key = |message: &Message| (message.direction == Direction::ToMta, message.code);
    let all = ALL.get_or_init(|| MESSAGES.iter().map(|message| (key(message), find(message))).collect());
    &all[&key(message)]
}

fn find(message: &Message) -> (String, FrameBuf) {
    let examples = match message.direction {
        Direction::ToFilter => &COMMANDS[..],
        Direction::ToMta => &RESPONSES[..],
    };
    let Some((_, name, place)) = examples.iter().find(|row| row.0 == message.code) else {
        let frame = Frame::new(message.code, &[]);
        assert!(parsed(message.direction, frame).is_some(), "{} without payload", message.name());
        return (MADE.to_owned(), FrameBuf::from(frame));
    };
    let session = Session::read(&captures().join(format!("{name}.jsonl")));
    let side = super::session::side(message.direction);
    let frames = session.frames(side).0.into_iter();
    let frame = frames.filter(|frame| frame.as_frame().code() == message.code).nth(*place);
    let sender = match message.direction {
        Direction::ToFilter => &session.header.mta,
        Direction::ToMta => &session.header.filter,
    };
    let heading = format!("sent by {}, capture {name}", program(sender));
    (heading, frame.unwrap_or_else(|| panic!("{name} has no {}", message.name())))
}

/// The name of a program as one writes it, and its version without that of the package.
pub(super) fn program(name: &str) -> String {
    let words: Vec<_> = name
        .split(' ')
        .map(|word| match word {
            "postfix" => "Postfix".to_owned(),
            "sendmail" => "Sendmail".to_owned(),
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => {
                let version = version(word.trim_end_matches(')'));
                let bracket = if word.ends_with(')') { ")" } else { "" };
                format!("{version}{bracket}")
            }
            _ => word.to_owned(),
        })
        .collect();
    words.join(" ")
}

/// A version without that of the package; the date of a snapshot belongs to it.
fn version(word: &str) -> &str {
    match word.split_once('-') {
        Some((_, date)) if date.len() == 8 => word,
        _ => word.split(['-', '+', '~']).next().unwrap_or(word),
    }
}
