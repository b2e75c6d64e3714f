//! What departs from the clean form, who reads it all the same, and what nobody reads.

use milter_proto::wire::{Command, DecodeError, Decoded, Deviation, Direction, Frame, Response, Tolerance};

use crate::support::{bytes_of, wire};

use Deviation::*;
use Direction::{ToFilter, ToMta};

const POLICIES: [(&str, Tolerance); 5] = [
    ("STRICT", Tolerance::STRICT),
    ("LIBMILTER", Tolerance::LIBMILTER),
    ("SENDMAIL", Tolerance::SENDMAIL),
    ("POSTFIX", Tolerance::POSTFIX),
    ("LENIENT", Tolerance::LENIENT),
];

/// What `parse_as` gives, of either direction: the value as `Debug` shows it.
struct Outcome {
    value: String,
    deviation: Option<DecodeError>,
    bytes: Vec<u8>,
}

fn parse_as(direction: Direction, frame: Frame<'_>, tolerance: Tolerance) -> Result<Outcome, DecodeError> {
    fn outcome<T: core::fmt::Debug>(decoded: &Decoded<'_, T>) -> Outcome {
        let bytes = bytes_of(&decoded.encode());
        Outcome { value: format!("{:?}", decoded.value), deviation: decoded.deviation, bytes }
    }
    match direction {
        ToFilter => Command::parse_as(frame, tolerance).as_ref().map(outcome).map_err(|error| *error),
        ToMta => Response::parse_as(frame, tolerance).as_ref().map(outcome).map_err(|error| *error),
    }
}

/// One departure: a frame, the error that it is strictly, and who reads it as what.
struct Row {
    what: Deviation,
    direction: Direction,
    code: u8,
    payload: Vec<u8>,
    error: &'static str,
    accepted_by: &'static [&'static str],
    value: String,
}

fn row(
    what: Deviation,
    (direction, code): (Direction, u8),
    payload: impl AsRef<[u8]>,
    error: &'static str,
    accepted_by: &'static [&'static str],
    value: impl Into<String>,
) -> Row {
    let payload = payload.as_ref().to_vec();
    Row { what, direction, code, payload, error, accepted_by, value: value.into() }
}

const FILTER: &[&str] = &["LIBMILTER", "LENIENT"];
const SENDMAIL: &[&str] = &["SENDMAIL", "LENIENT"];
const POSTFIX: &[&str] = &["POSTFIX", "LENIENT"];
const BOTH: &[&str] = &["SENDMAIL", "POSTFIX", "LENIENT"];
const NOBODY: &[&str] = &["LENIENT"];

const OFFER_13: &[u8] = b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0";
const STAGE_7: &[u8] = b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x01h\0\0\0\0\x07x\0\0\0\0\x02m\0";
const LISTS_4: &[u8] = b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x01h\0\0\0\0\x02";

/// A reply of that many lines.
fn lines(count: usize) -> String {
    format!("{}550 x", "550-x\r\n".repeat(count - 1))
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let too_many = lines(33);
    let too_long = format!("550 {}", "x".repeat(981));
    vec![
        row(OfferSurplus, (ToFilter, b'O'), OFFER_13, "OPTNEG: payload at offset 12 has surplus bytes", FILTER,
            "Negotiate(Offer { version: V6, actions: ADD_HEADERS | CHANGE_BODY | ADD_RCPT | DELETE_RCPT | CHANGE_HEADERS | QUARANTINE | CHANGE_FROM | ADD_RCPT_WITH_ARGUMENTS | MACRO_LISTS, steps: NO_CONNECT | NO_HELO | NO_MAIL | NO_RCPT | NO_BODY | NO_HEADERS | NO_END_OF_HEADERS | NO_REPLY_HEADER | NO_UNKNOWN | NO_DATA | SKIP | REJECTED_RCPT | NO_REPLY_CONNECT | NO_REPLY_HELO | NO_REPLY_MAIL | NO_REPLY_RCPT | NO_REPLY_DATA | NO_REPLY_UNKNOWN | NO_REPLY_END_OF_HEADERS | NO_REPLY_BODY | LEADING_SPACE })"),
        row(CommandSurplus, (ToFilter, b'H'), b"c\0x\0", "HELO: payload at offset 2 has surplus bytes", FILTER, r#"Helo { name: "c" }"#),
        row(CommandSurplus, (ToFilter, b'C'), b"h\x004\0\x191.2.3.4\0x\0", "CONNECT: payload at offset 13 has surplus bytes", FILTER, r#"Connect { host: "h", peer: Inet { port: 25, address: "1.2.3.4" } }"#),
        row(CommandSurplus, (ToFilter, b'C'), b"h\0U\0", "CONNECT: payload at offset 3 has surplus bytes", FILTER, r#"Connect { host: "h", peer: Unknown }"#),
        row(CommandSurplus, (ToFilter, b'L'), b"A\0b\0c\0", "HEADER: payload at offset 4 has surplus bytes", FILTER, r#"Header { name: "A", value: "b" }"#),
        row(CommandSurplus, (ToFilter, b'U'), b"NOOP\0x", "UNKNOWN: payload at offset 5 has surplus bytes", FILTER, r#"Unknown { line: "NOOP" }"#),
        row(CommandSurplus, (ToFilter, b'T'), b"x", "DATA: payload at offset 0 has surplus bytes", FILTER, "Data"),
        row(CommandSurplus, (ToFilter, b'N'), b"x", "EOH: payload at offset 0 has surplus bytes", FILTER, "EndOfHeaders"),
        row(CommandSurplus, (ToFilter, b'A'), b"x", "ABORT: payload at offset 0 has surplus bytes", FILTER, "Abort"),
        row(CommandSurplus, (ToFilter, b'Q'), b"\0", "QUIT: payload at offset 0 has surplus bytes", FILTER, "Quit"),
        row(CommandSurplus, (ToFilter, b'K'), b"x", "QUIT_NC: payload at offset 0 has surplus bytes", FILTER, "QuitNewConnection"),
        row(ArgumentTail, (ToFilter, b'M'), b"<a>\0SIZE=1", "MAIL: payload at offset 4 has surplus bytes", FILTER, r#"MailFrom { address: "<a>", arguments: [] }"#),
        row(ArgumentTail, (ToFilter, b'R'), b"<r>\0A\0B", "RCPT: payload at offset 6 has surplus bytes", FILTER, r#"RcptTo { address: "<r>", arguments: ["A"] }"#),
        row(ArgumentTail, (ToFilter, b'D'), b"Mi\0Q\0j", "MACRO: payload at offset 5 has surplus bytes", FILTER, r#"Macros(MAIL {"i": "Q"})"#),
        row(LineUnterminated, (ToFilter, b'U'), b"NOOP", "UNKNOWN: line at offset 0 has no final NUL", FILTER, r#"Unknown { line: "NOOP" }"#),
        row(EmptyHeaderName, (ToFilter, b'L'), b"\0v\0x\0", "HEADER: name at offset 0 is empty", FILTER, r#"Header { name: "", value: "x" }"#),
        row(EmptyHeaderName, (ToFilter, b'L'), b"\0\0x\0", "HEADER: name at offset 0 is empty", FILTER, r#"Header { name: "", value: "x" }"#),
        row(UnpairedMacro, (ToFilter, b'D'), b"Mi\0Q\0{x}\0", "MACRO: macros at offset 5 end with a name that has no value", FILTER, r#"Macros(MAIL {"i": "Q"})"#),
        row(UnpairedMacro, (ToFilter, b'D'), b"M\0", "MACRO: macros at offset 1 end with a name that has no value", FILTER, "Macros(MAIL {})"),
        row(EmptyBody, (ToFilter, b'B'), b"", "BODY: chunk at offset 0 is empty", NOBODY, "Body { chunk: b\"\" }"),
        row(VerdictSurplus, (ToMta, b'c'), b"x", "CONTINUE: payload at offset 0 has surplus bytes", SENDMAIL, "Verdict(Continue)"),
        row(VerdictSurplus, (ToMta, b'a'), b"\0", "ACCEPT: payload at offset 0 has surplus bytes", SENDMAIL, "Verdict(Accept)"),
        row(VerdictSurplus, (ToMta, b'p'), b"x", "PROGRESS: payload at offset 0 has surplus bytes", SENDMAIL, "Progress"),
        row(EditTail, (ToMta, b'e'), b"<a>\0x", "CHGFROM: payload at offset 4 has surplus bytes", SENDMAIL, r#"Edit(ChangeFrom { address: "<a>", arguments: None })"#),
        row(EditTail, (ToMta, b'2'), b"<r>\0A\0x", "ADDRCPT_PAR: payload at offset 6 has surplus bytes", SENDMAIL, r#"Edit(AddRcptWithArguments { address: "<r>", arguments: Some("A") })"#),
        row(ReasonEnd, (ToMta, b'q'), b"why", "QUARANTINE: reason at offset 0 has no final NUL", BOTH, r#"Edit(Quarantine { reason: "why" })"#),
        row(ReasonEnd, (ToMta, b'q'), b"why\0x\0", "QUARANTINE: payload at offset 4 has surplus bytes", BOTH, r#"Edit(Quarantine { reason: "why" })"#),
        row(ReasonEnd, (ToMta, b'q'), b"", "QUARANTINE: reason at offset 0 has no final NUL", BOTH, r#"Edit(Quarantine { reason: "" })"#),
        row(MacroListEnd, (ToMta, b'O'), LISTS_4, "OPTNEG: payload at offset 18 has surplus bytes", SENDMAIL,
            r#"Negotiate(Answer { version: V6, actions: 0x0, steps: 0x0, macro_lists: {HELO: "h"} })"#),
        // The same frame for two MTAs: Sendmail stops reading, Postfix keeps what it does not know.
        row(MacroListEnd, (ToMta, b'O'), STAGE_7, "OPTNEG: stage of a macro list at offset 18 has an unknown value", SENDMAIL,
            r#"Negotiate(Answer { version: V6, actions: 0x0, steps: 0x0, macro_lists: {HELO: "h"} })"#),
        row(MacroListStage, (ToMta, b'O'), STAGE_7, "OPTNEG: stage of a macro list at offset 18 has an unknown value", &["POSTFIX"],
            r#"Negotiate(Answer { version: V6, actions: 0x0, steps: 0x0, macro_lists: {HELO: "h", 7: "x", MAIL: "m"} })"#),
        row(ReplyUnterminated, (ToMta, b'y'), b"550 x", "REPLYCODE: reply at offset 0 has no final NUL", POSTFIX, r#"Verdict(Reply("550 x"))"#),
        row(ReplyClass, (ToMta, b'y'), b"550 4.7.1 x\0", "REPLYCODE: reply at offset 4 begins its text with a digit of another class than its code", SENDMAIL, r#"Verdict(Reply("550 4.7.1 x"))"#),
        row(ReplyClass, (ToMta, b'y'), b"451-4.7.1 x\r\n451 250 ok\0", "REPLYCODE: reply at offset 17 begins its text with a digit of another class than its code", SENDMAIL, r#"Verdict(Reply("451-4.7.1 x\r\n451 250 ok"))"#),
        row(ReplyBare, (ToMta, b'y'), b"550\0", "REPLYCODE: reply at offset 3 is a code without a separator", SENDMAIL, r#"Verdict(Reply("550"))"#),
        row(ReplySize, (ToMta, b'y'), format!("{too_many}\0"), "REPLYCODE: reply at offset 224 has more than 32 lines", BOTH, format!("Verdict(Reply(\"{}\"))", too_many.escape_default())),
        row(ReplySize, (ToMta, b'y'), format!("{too_long}\0"), "REPLYCODE: reply at offset 4 has a line of more than 980 bytes", BOTH, format!("Verdict(Reply(\"{too_long}\"))")),
        row(ReplyPercent, (ToMta, b'y'), b"550 a % b\0", "REPLYCODE: reply at offset 6 has a single % where two stand for one", POSTFIX, r#"Verdict(Reply("550 a % b"))"#),
        row(ReplyPercent, (ToMta, b'y'), b"550 %%%\0", "REPLYCODE: reply at offset 6 has a single % where two stand for one", POSTFIX, r#"Verdict(Reply("550 %%%"))"#),
        row(ReplyLineEnd, (ToMta, b'y'), b"550 x\r\n\0", "REPLYCODE: reply at offset 5 ends with a line end", POSTFIX, r#"Verdict(Reply("550 x"))"#),
        row(ReplyUnprintable, (ToMta, b'y'), b"550-a\r\n550 \x1b[2J\0", "REPLYCODE: reply at offset 11 has a control character other than a tab inside a line", BOTH, r#"Verdict(Reply("550-a\r\n550 \x1b[2J"))"#),
        row(EmptyEdit, (ToMta, b'h'), b"\0v\0", "ADDHEADER: name at offset 0 is empty", NOBODY, r#"Edit(AddHeader { name: "", value: "v" })"#),
        row(EmptyEdit, (ToMta, b'i'), b"\0\0\0\x01\0v\0", "INSHEADER: name at offset 4 is empty", NOBODY, r#"Edit(InsertHeader { index: 1, name: "", value: "v" })"#),
        row(EmptyEdit, (ToMta, b'm'), b"\0\0\0\x01\0v\0", "CHGHEADER: name at offset 4 is empty", NOBODY, r#"Edit(ChangeHeader { index: 1, name: "", value: "v" })"#),
        row(EmptyEdit, (ToMta, b'+'), b"\0", "ADDRCPT: address at offset 0 is empty", NOBODY, r#"Edit(AddRcpt { address: "" })"#),
        row(EmptyEdit, (ToMta, b'-'), b"\0", "DELRCPT: address at offset 0 is empty", NOBODY, r#"Edit(DeleteRcpt { address: "" })"#),
        row(EmptyEdit, (ToMta, b'2'), b"\0A\0", "ADDRCPT_PAR: address at offset 0 is empty", NOBODY, r#"Edit(AddRcptWithArguments { address: "", arguments: Some("A") })"#),
        row(EmptyEdit, (ToMta, b'e'), b"\0", "CHGFROM: address at offset 0 is empty", NOBODY, r#"Edit(ChangeFrom { address: "", arguments: None })"#),
        row(EditSurplus, (ToMta, b'+'), b"<r>\0x\0", "ADDRCPT: payload at offset 4 has surplus bytes", NOBODY, r#"Edit(AddRcpt { address: "<r>" })"#),
        row(EditSurplus, (ToMta, b'-'), b"<r>\0x", "DELRCPT: payload at offset 4 has surplus bytes", NOBODY, r#"Edit(DeleteRcpt { address: "<r>" })"#),
        row(EditSurplus, (ToMta, b'h'), b"A\0b\0c\0", "ADDHEADER: payload at offset 4 has surplus bytes", NOBODY, r#"Edit(AddHeader { name: "A", value: "b" })"#),
        row(EditSurplus, (ToMta, b'i'), b"\0\0\0\0A\0b\0c", "INSHEADER: payload at offset 8 has surplus bytes", NOBODY, r#"Edit(InsertHeader { index: 0, name: "A", value: "b" })"#),
        row(EditSurplus, (ToMta, b'e'), b"<a>\0b\0c\0", "CHGFROM: payload at offset 6 has surplus bytes", NOBODY, r#"Edit(ChangeFrom { address: "<a>", arguments: Some("b") })"#),
    ]
}

// TOL-1 to TOL-21.
#[test]
fn a_deviation_is_refused_strictly_with_its_code_field_and_offset() {
    for Row { what, direction, code, payload, error, .. } in rows() {
        let frame = Frame::new(code, &payload);
        let refused = match direction {
            ToFilter => Command::parse(frame).map(drop),
            ToMta => Response::parse(frame).map(drop),
        };
        let refused = refused.expect_err(error);
        assert_eq!(refused.to_string(), error);
        assert_eq!(refused.code(), code);
        // A stage that does not exist ends the lists or is kept: the error can name one of the two.
        let named = if what == MacroListStage { MacroListEnd } else { what };
        assert_eq!(refused.deviation(), Some(named), "{error}");
    }
}

// TOL-1 to TOL-21.
#[test]
fn a_deviation_is_accepted_by_those_receivers_that_read_it() {
    for Row { what, direction, code, payload, error, accepted_by, .. } in rows() {
        for (policy, tolerance) in POLICIES {
            let outcome = parse_as(direction, Frame::new(code, &payload), tolerance);
            let deviation = outcome.ok().and_then(|outcome| outcome.deviation);
            let is_accepted = deviation.and_then(DecodeError::deviation) == Some(what);
            assert_eq!(is_accepted, accepted_by.contains(&policy), "{policy}: {error}");
        }
    }
}

// TOL-1 to TOL-21.
#[test]
fn a_tolerated_frame_has_a_value_a_report_and_its_own_bytes() {
    for Row { what, direction, code, payload, error, value, .. } in rows() {
        let tolerance = Tolerance::STRICT.with(what);
        let outcome = parse_as(direction, Frame::new(code, &payload), tolerance).expect(error);
        assert_eq!(outcome.value, value, "{error}");
        assert_eq!(outcome.deviation.expect(error).to_string(), error);
        assert_eq!(outcome.bytes, wire(code, &payload), "{error}");
    }
}

// TOL-1 to TOL-21.
#[test]
fn every_deviation_has_a_row_a_rule_and_a_switch_of_its_own() {
    let rows = rows();
    for (number, what) in (1..).zip(Deviation::ALL) {
        assert_eq!(what.rule(), format!("TOL-{number}"));
        assert!(rows.iter().any(|row| row.what == what), "{what:?}");
        assert!(!Tolerance::STRICT.allows(what));
        assert!(Tolerance::LENIENT.allows(what));
        let (only, all_but) = (Tolerance::STRICT.with(what), Tolerance::LENIENT.without(what));
        // Twice is no more than once.
        assert_eq!((only.with(what), all_but.without(what)), (only, all_but));
        for other in Deviation::ALL {
            assert_eq!(only.allows(other), other == what);
            assert_eq!(all_but.allows(other), other != what);
        }
    }
}

#[test]
fn the_first_of_two_deviations_is_reported() {
    let frame = Frame::new(b'y', b"550 4.7.1 5% off");
    let decoded = Response::parse_as(frame, Tolerance::LENIENT).unwrap();
    assert_eq!(decoded.deviation.unwrap().deviation(), Some(ReplyUnterminated));
    let only_two = Tolerance::STRICT.with(ReplyUnterminated).with(ReplyClass);
    assert_eq!(Response::parse_as(frame, only_two).unwrap_err().deviation(), Some(ReplyPercent));
}

#[test]
fn what_is_clean_is_read_by_all_without_a_report() {
    let clean: [(Direction, u8, &[u8]); 5] = [
        (ToFilter, b'M', b"<a>\0SIZE=1\0"),
        (ToFilter, b'D', b"Mi\0Q\0"),
        (ToMta, b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x01h\0"),
        (ToMta, b'y', b"550-5.7.1 100%%\r\n550 5.7.1 b\0"),
        (ToMta, b'e', b"<a>\0\0"),
    ];
    for (direction, code, payload) in clean {
        for (policy, tolerance) in POLICIES {
            let outcome = parse_as(direction, Frame::new(code, payload), tolerance).expect(policy);
            assert_eq!(outcome.deviation, None, "{policy}");
        }
    }
}
