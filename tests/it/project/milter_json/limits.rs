//! Limits, timeouts, and the ids of rules.

use core::time::Duration;

use milter_proto::order::Rule;
use milter_proto::wire::{
    Actions, Command, DataSize, Deviation, Direction, EnhancedCode, Offer, Peer, ReplyCode, ReplyText, Steps,
    Text, Tolerance, Version,
};
use milter_proto::{Limits, Monitor, Timeouts, Wait};

use super::json::{Json, object};
use crate::support::source::{self, sentence};
use crate::support::{bytes_of, whole};

/// Whose limit it is.
const PROTOCOL: &str = "protocol";
const CRATE: &str = "milter-proto";

pub(super) fn limits() -> Json {
    let size = |number: usize| u32::try_from(number).unwrap();
    let ends = |numbers: Vec<u16>| (u32::from(numbers[0]), u32::from(*numbers.last().unwrap()));
    let payload = DataSize::default().bytes();
    let own = Limits::DEFAULT;
    let codes = (0..=999).filter(|code| ReplyCode::new(*code).is_some()).collect();
    let numbers = (0..=2000).filter(|number| EnhancedCode::new(5, *number, *number).is_some()).collect();
    let rows = [
        (
            "payload",
            "bytes",
            (0, payload),
            PROTOCOL,
            "FRM-7",
            "Payload of a frame, unless a larger data size was negotiated.",
        ),
        ("body_chunk", "bytes", (1, payload), PROTOCOL, "BDY-2", "BODY, whatever data size was negotiated."),
        (
            "offered_version",
            "number",
            offered_versions(),
            PROTOCOL,
            "NEG-16",
            "Version of an offer that a filter accepts.",
        ),
        ("unix_path", "bytes", unix_paths(), PROTOCOL, "ORD-18", "Address of CONNECT with family L."),
        ("reply_code", "number", ends(codes), PROTOCOL, "RPL-2", "Code of a REPLYCODE."),
        ("reply_lines", "lines", (1, size(ReplyText::MAX_LINES)), PROTOCOL, "RPL-6", "Lines of a REPLYCODE."),
        (
            "reply_line_text",
            "bytes",
            (0, size(ReplyText::MAX_LINE_LEN)),
            PROTOCOL,
            "RPL-7",
            "Text of a line of a REPLYCODE, without the codes, with each % doubled.",
        ),
        (
            "enhanced_code_number",
            "number",
            ends(numbers),
            PROTOCOL,
            "RPL-5",
            "Subject and detail of an enhanced status code.",
        ),
        (
            "received_payload",
            "bytes",
            (0, own.max_receive_payload()),
            CRATE,
            "FRM-5",
            "Payload of a frame that is received.",
        ),
        (
            "edits_of_a_message",
            "frames",
            (0, own.max_edits().into()),
            CRATE,
            "ORD-21",
            "Edits of one message, without REPLBODY.",
        ),
        (
            "progress_of_a_command",
            "frames",
            (0, own.max_progress().into()),
            CRATE,
            "ORD-22",
            "PROGRESS before one verdict.",
        ),
    ];
    let of = |(name, unit, (minimum, maximum), of, rule, description)| {
        object! {
            name: name,
            unit: unit,
            minimum: minimum,
            maximum: maximum,
            of: of,
            rule: rule,
            description: description,
        }
    };
    rows.map(|row: (&str, &str, (u32, u32), &str, &str, &str)| of(row)).to_vec().into()
}

/// The first and the last version that a filter accepts. The number is signed in libmilter.
fn offered_versions() -> (u32, u32) {
    let is_accepted = |number| Offer::new(Version::new(number), Actions::ALL, Steps::ALL).is_acceptable();
    let first = (0..10).find(|number| is_accepted(*number)).unwrap();
    let last = u32::MAX >> 1;
    assert!(is_accepted(last) && !is_accepted(last + 1));
    (first, last)
}

/// The shortest and the longest path of a socket that no side objects to.
fn unix_paths() -> (u32, u32) {
    let is_path = |size: &u32| {
        let path = vec![b'x'; usize::try_from(*size).unwrap()];
        let peer = Peer::Unix { port: 0, path: Text::new(&path).unwrap() };
        let bytes = bytes_of(&Command::Connect { host: Text::EMPTY, peer }.encode());
        let observation = Monitor::new().observe(Direction::ToFilter, whole(&bytes));
        !observation.violations().any(|rule| rule == Rule::InvalidAddress)
    };
    let sizes: Vec<u32> = (0..=1000).filter(is_path).collect();
    assert!(sizes.len() < 1000, "there is a limit");
    (sizes[0], *sizes.last().unwrap())
}

pub(super) fn waits() -> Json {
    let items = source::items("timeouts.rs", "pub enum Wait {");
    let of = |wait: Wait| {
        let name = format!("{wait:?}");
        object! { name: name.clone(), description: source::named(&items, &name).text.replace("Timeouts::", "") }
    };
    Wait::ALL.map(of).to_vec().into()
}

pub(super) fn timeouts() -> Json {
    let items = source::items("timeouts.rs", "impl Timeouts {");
    let programs = [
        ("SENDMAIL", "Sendmail", Timeouts::SENDMAIL, false),
        ("POSTFIX", "Postfix", Timeouts::POSTFIX, false),
        ("LIBMILTER", "libmilter", Timeouts::LIBMILTER, true),
    ];
    let of = |(name, program, timeouts, is_filter): (&str, &str, Timeouts, bool)| {
        // What a program does not wait for is the crate's choice.
        let is_own = |wait: &Wait| match wait {
            Wait::Command => is_filter,
            Wait::Write => true,
            _ => !is_filter,
        };
        let wait = |wait: Wait| object! { wait: format!("{wait:?}"), seconds: timeouts.of(wait).as_secs() };
        let total = timeouts.end_of_message_total.filter(|_| !is_filter);
        object! {
            program: program,
            durations: Wait::ALL.into_iter().filter(is_own).map(wait).collect::<Vec<_>>(),
            end_of_message_total: total.map(|total: Duration| total.as_secs()),
            description: source::named(&items, name).text.clone(),
        }
    };
    programs.map(of).to_vec().into()
}

/// The rules that a frame can break.
pub(super) fn rules() -> Json {
    let of = |item: &source::Item| {
        let (id, text) = item.text.split_once(": ").unwrap();
        object! { id: id, name: item.name.clone(), description: sentence(text) }
    };
    source::items("order/rules.rs", "pub enum Rule {").iter().map(of).collect::<Vec<_>>().into()
}

/// Payloads that are not well formed, and who accepts them.
pub(super) fn deviations() -> Json {
    let items = source::items("wire/tolerance.rs", "deviations! {");
    let receivers = [
        ("libmilter", Tolerance::LIBMILTER),
        ("Sendmail", Tolerance::SENDMAIL),
        ("Postfix", Tolerance::POSTFIX),
    ];
    let of = |deviation: Deviation| {
        let name = format!("{deviation:?}");
        let item = source::named(&items, &name);
        let (id, text) = item.text.split_once(": ").unwrap();
        assert_eq!(id, deviation.rule());
        let accepted = receivers.iter().filter(|(_, tolerance)| tolerance.allows(deviation));
        object! {
            id: id,
            name: name.clone(),
            accepted_by: accepted.map(|(name, _)| *name).collect::<Vec<_>>(),
            description: sentence(text),
        }
    };
    Deviation::ALL.map(of).to_vec().into()
}
