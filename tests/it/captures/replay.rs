//! Real sessions, played again by both sides, and judged by the monitor.
//!
//! What a program said is given to one side of ours, what its peer said is what that side is told to
//! say: it has to agree to all of it, and to write the bytes that were recorded. What does not work is
//! named below with its reason, file by file, and is checked to be still as it is named.
//!
//! `MILTER_CAPTURES=DIRECTORY` names further captures, in folders as in tests/captures.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use milter_proto::mta::Sent;
use milter_proto::wire::{Assembler, Command, FrameBuf, Response, Tolerance};
use milter_proto::{FilterSession, Misuse, Monitor, MtaSession, ReceiveError, filter, mta};

use crate::support::recorded::capture::{Side, What};
use crate::support::recorded::{Session, sessions};

/// A session that one side of ours does not play, and why.
///
/// The rule is the one that stands against it; `silence`: the recorded filter owed an answer and gave none;
/// `surplus`: it said something that nobody had asked for; `suppressed`: the recorded MTA sent what was not
/// to be sent.
const NOT_PLAYED: &[(&str, Side, &str, &str)] = &[
    ("goclient/goclient-go", Side::Mta, "ORD-25", GO_ACTIONS),
    ("goclient/goclient-go", Side::Filter, "ORD-25", GO_ACTIONS),
    ("goclient/goclient-lab", Side::Mta, "ORD-1", NO_DATA),
    ("goclient/goclient-libmilterpy", Side::Mta, "ORD-1", NO_DATA),
    ("goclient/goclient-miltr", Side::Mta, "ORD-1", NO_DATA),
    ("goclient/goclient-purepy", Side::Mta, "ORD-25", PUREPY_ALL),
    ("goclient/goclient-purepy", Side::Filter, "ORD-25", PUREPY_ALL),
    ("goclient/goclient-pymilter", Side::Mta, "ORD-1", NO_DATA),
    ("goclient/goclient-rspamd", Side::Mta, "ORD-25", RSPAMD_STEPS),
    ("goclient/goclient-rspamd", Side::Filter, "ORD-25", RSPAMD_STEPS),
    ("lua-full/lua-full-go", Side::Mta, "suppressed", DATA_IN_V2),
    ("lua-full/lua-full-pymilter", Side::Mta, "suppressed", BODY_AFTER_SKIP),
    ("lua-ip6/lua-ip6-pmilter", Side::Mta, "surplus", ANSWERS_QUIT),
    ("lua-ip6/lua-ip6-pmilter", Side::Filter, "surplus", ANSWERS_QUIT),
    ("lua-two/lua-two-amavisd", Side::Mta, "suppressed", DATA_IN_V2),
    ("lua-two/lua-two-clamav", Side::Mta, "suppressed", DATA_IN_V2),
    ("lua-two/lua-two-go", Side::Mta, "ORD-25", GO_ACTIONS),
    ("lua-two/lua-two-go", Side::Filter, "ORD-25", GO_ACTIONS),
    ("lua-two/lua-two-indymilter", Side::Mta, "suppressed", DATA_IN_V2),
    ("lua-two/lua-two-indymilter", Side::Filter, "silence", LEFT),
    ("lua-two/lua-two-kilter", Side::Mta, "ORD-2", LEFT),
    ("lua-two/lua-two-kilter", Side::Filter, "silence", LEFT),
    ("lua-two/lua-two-lab", Side::Mta, "suppressed", DATA_IN_V2),
    ("lua-two/lua-two-opendkim", Side::Mta, "suppressed", DATA_IN_V2),
    ("lua-two/lua-two-pmilter", Side::Mta, "surplus", ANSWERS_QUIT),
    ("lua-two/lua-two-pmilter", Side::Filter, "surplus", ANSWERS_QUIT),
    ("lua-two/lua-two-purepy", Side::Mta, "ORD-2", LEFT),
    ("lua-two/lua-two-purepy", Side::Filter, "silence", LEFT),
    ("lua-two/lua-two-pymilter", Side::Mta, "suppressed", DATA_IN_V2),
    ("miltr_mta/miltr_mta-opendkim", Side::Mta, "suppressed", HELO_ANYWAY),
    ("miltr_mta/miltr_mta-pmilter", Side::Mta, "surplus", ANSWERS_QUIT),
    ("miltr_mta/miltr_mta-pmilter", Side::Filter, "surplus", ANSWERS_QUIT),
    ("miltr_mta/miltr_mta-purepy", Side::Mta, "ORD-25", PUREPY_ALL),
    ("miltr_mta/miltr_mta-purepy", Side::Filter, "ORD-25", PUREPY_ALL),
    ("postfix/pmilter-many_messages", Side::Mta, "surplus", ANSWERS_QUIT),
    ("postfix/pmilter-many_messages", Side::Filter, "surplus", ANSWERS_QUIT),
    ("postfix/pmilter-multi_rcpt", Side::Mta, "surplus", ANSWERS_QUIT),
    ("postfix/pmilter-multi_rcpt", Side::Filter, "surplus", ANSWERS_QUIT),
    ("postfix/proto-v3-unknown", Side::Mta, "suppressed", UNKNOWN_IN_V3),
    ("postfix/replbody-multi", Side::Mta, "ORD-11", BETWEEN),
    ("py_mta/py_mta-opendkim", Side::Mta, "suppressed", BODY_AFTER_ACCEPT),
    ("py_mta/py_mta-opendmarc", Side::Mta, "ORD-23", REUSE),
    ("py_mta/py_mta-pmilter", Side::Mta, "suppressed", DATA_IN_V2),
    ("py_mta/py_mta-rspamd", Side::Mta, "ORD-23", REUSE),
    ("sendmail/pmilter-many_messages", Side::Mta, "surplus", ANSWERS_QUIT),
    ("sendmail/pmilter-many_messages", Side::Filter, "surplus", ANSWERS_QUIT),
    ("sendmail/pmilter-plain", Side::Mta, "surplus", ANSWERS_QUIT),
    ("sendmail/pmilter-plain", Side::Filter, "surplus", ANSWERS_QUIT),
    ("sendmail/pmilter-unknown", Side::Mta, "surplus", ANSWERS_QUIT),
    ("sendmail/pmilter-unknown", Side::Filter, "surplus", ANSWERS_QUIT),
];

/// What the monitor has to say about the sessions, and why they are as they are.
const VIOLATIONS: &[(&str, &[&str], &str)] = &[
    ("goclient/goclient-go", &["ORD-25"], GO_ACTIONS),
    ("goclient/goclient-lab", &["ORD-1"], NO_DATA),
    ("goclient/goclient-libmilterpy", &["ORD-1"], NO_DATA),
    ("goclient/goclient-miltr", &["ORD-1"], NO_DATA),
    ("goclient/goclient-purepy", &["ORD-25"], PUREPY_ALL),
    ("goclient/goclient-pymilter", &["ORD-1", "ORD-7"], NO_DATA),
    ("goclient/goclient-rspamd", &["ORD-1", "ORD-25"], RSPAMD_STEPS),
    ("lua-full/lua-full-go", &["ORD-4"], DATA_IN_V2),
    ("lua-full/lua-full-pymilter", &["ORD-14"], BODY_AFTER_SKIP),
    ("lua-ip6/lua-ip6-pmilter", &["ORD-3"], ANSWERS_QUIT),
    ("lua-two/lua-two-amavisd", &["ORD-4"], DATA_IN_V2),
    ("lua-two/lua-two-clamav", &["ORD-4"], DATA_IN_V2),
    ("lua-two/lua-two-go", &["ORD-25", "ORD-4"], GO_ACTIONS),
    ("lua-two/lua-two-indymilter", &["ORD-2", "ORD-4", "ORD-7"], LEFT),
    ("lua-two/lua-two-kilter", &["ORD-2"], LEFT),
    ("lua-two/lua-two-lab", &["ORD-4"], DATA_IN_V2),
    ("lua-two/lua-two-opendkim", &["ORD-4"], DATA_IN_V2),
    ("lua-two/lua-two-pmilter", &["ORD-2", "ORD-3"], ANSWERS_QUIT),
    ("lua-two/lua-two-purepy", &["ORD-2"], LEFT),
    ("lua-two/lua-two-pymilter", &["ORD-4", "ORD-7"], DATA_IN_V2),
    ("miltr_mta/miltr_mta-opendkim", &["ORD-4"], HELO_ANYWAY),
    ("miltr_mta/miltr_mta-pmilter", &["ORD-3"], ANSWERS_QUIT),
    ("miltr_mta/miltr_mta-purepy", &["ORD-25"], PUREPY_ALL),
    ("miltr_mta/miltr_mta-pymilter", &["ORD-7"], SKIP_UNASKED),
    ("postfix/connect-discard", &["ORD-6"], TRIED),
    ("postfix/pmilter-many_messages", &["ORD-3"], ANSWERS_QUIT),
    ("postfix/pmilter-multi_rcpt", &["ORD-3"], ANSWERS_QUIT),
    ("postfix/skip-rcpt", &["ORD-7"], TRIED),
    ("postfix/unknown-accept", &["ORD-6"], TRIED),
    ("postfix/unknown-discard", &["ORD-6"], TRIED),
    ("postfix/replbody-multi", &["ORD-11"], BETWEEN),
    ("py_mta/py_mta-opendkim", &["ORD-1"], BODY_AFTER_ACCEPT),
    ("py_mta/py_mta-opendmarc", &["ORD-23"], REUSE),
    ("py_mta/py_mta-pmilter", &["ORD-2", "ORD-23", "ORD-3", "ORD-4"], DATA_IN_V2),
    ("py_mta/py_mta-rspamd", &["ORD-23"], REUSE),
    ("sendmail/connect-discard", &["ORD-6"], TRIED),
    ("sendmail/helo-discard", &["ORD-6"], TRIED),
    ("sendmail/pmilter-many_messages", &["ORD-3"], ANSWERS_QUIT),
    ("sendmail/pmilter-plain", &["ORD-3"], ANSWERS_QUIT),
    ("sendmail/pmilter-unknown", &["ORD-3"], ANSWERS_QUIT),
    ("sendmail/unknown-discard", &["ORD-6"], TRIED),
];

const GO_ACTIONS: &str = "go-milter answers actions that were not offered";
const PUREPY_ALL: &str = "purepythonmilter answers bits that were not offered";
const RSPAMD_STEPS: &str = "rspamd answers no-reply steps that were not offered";
const NO_DATA: &str = "the client of go-milter sends no DATA, though it was not switched off";
const DATA_IN_V2: &str = "a test client sends DATA in version 2";
const BODY_AFTER_SKIP: &str = "miltertest sends body after SKIP";
const SKIP_UNASKED: &str = "pymilter answers SKIP that was not agreed";
const ANSWERS_QUIT: &str = "PMilter answers QUIT, and the end of the stream";
const LEFT: &str = "the filter breaks off without the answer that it owes";
const HELO_ANYWAY: &str = "miltr-client sends HELO that was switched off";
const UNKNOWN_IN_V3: &str = "Postfix sends UNKNOWN in a message without DATA, and libmilter falls silent";
const BETWEEN: &str = "the filter puts a header between chunks of the body, and Postfix gives it up";
const BODY_AFTER_ACCEPT: &str = "the Python miltertest goes on after ACCEPT";
const REUSE: &str = "the Python miltertest says QUIT_NC after ACCEPT, on which libmilter falls silent";
const TRIED: &str = "the filter was told to answer so, to see what becomes of it";

/// Seed of the random cuttings.
const SEED: u64 = 0x6d69_6c74_6572;

#[test]
fn both_sides_play_every_captured_session_however_it_is_cut() {
    let mut random = Random(SEED);
    println!("seed {SEED:#x}");
    let mut faults = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for session in all_sessions() {
        let name = name_of(&session);
        for side in Side::BOTH {
            let results: Vec<_> = (0..3)
                .map(|way| {
                    let stream = session.stream(if side == Side::Mta { Side::Filter } else { Side::Mta });
                    let pieces = cut(&stream, way, &mut random);
                    match side {
                        Side::Filter => play_filter(&session, &pieces),
                        Side::Mta => play_mta(&session, &pieces),
                    }
                })
                .collect();
            assert!(results.iter().all(|result| *result == results[0]), "{name}, {side}: {results:?}");
            if let Err(fault) = results[0] {
                faults.insert((name.clone(), side.to_string()), fault);
            }
        }
        seen.insert(name);
    }
    println!("{} sessions, of which {} are not played by one side", seen.len(), faults.len());
    let expected = NOT_PLAYED.iter().filter(|row| seen.contains(row.0));
    let expected = expected.map(|row| ((row.0.to_owned(), row.1.to_string()), row.2)).collect();
    differ(&faults, &expected);
}

#[test]
fn the_monitor_finds_in_the_captures_what_is_known_of_them_and_nothing_else() {
    let mut random = Random(SEED);
    println!("seed {SEED:#x}");
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for session in all_sessions() {
        let name = name_of(&session);
        let results: Vec<_> = (0..3).map(|way| listen(&session, way, &mut random)).collect();
        assert!(results.iter().all(|result| *result == results[0]), "{name}: {results:?}");
        if !results[0].is_empty() {
            found.insert(name.clone(), results[0].iter().copied().collect::<Vec<_>>());
        }
        seen.insert(name);
    }
    println!("{} sessions, of which {} break a rule", seen.len(), found.len());
    let expected = VIOLATIONS.iter().filter(|row| seen.contains(row.0));
    differ(&found, &expected.map(|row| (row.0.to_owned(), row.1.to_vec())).collect());
}

/// Sees that two tables are the same, and shows every row that is in only one of them.
fn differ<K: Ord + core::fmt::Debug, V: PartialEq + core::fmt::Debug>(
    found: &BTreeMap<K, V>,
    expected: &BTreeMap<K, V>,
) {
    let new = found.iter().filter(|(key, value)| expected.get(key) != Some(value));
    let stale = expected.iter().filter(|(key, value)| found.get(key) != Some(value));
    let lines = new.map(|row| format!("not in the table: {row:?}"));
    let lines = lines.chain(stale.map(|row| format!("no longer so: {row:?}")));
    let lines: Vec<_> = lines.collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

/// The filter's side, told to say what the recorded filter said.
fn play_filter(session: &Session, pieces: &[&[u8]]) -> Result<(), &'static str> {
    let mut filter = FilterSession::with_policy(filter::Policy::LIBMILTER);
    let mut assembler = Assembler::new(Vec::new());
    let mut answers = frames(session, Side::Filter).into_iter();
    let mut out = Vec::new();
    let mut is_silent = false;
    for mut input in pieces.iter().copied() {
        while !is_silent && (filter.turn() == filter::Turn::Receive || !input.is_empty()) {
            if filter.next_event(&mut assembler, &mut input).map_err(rule)?.is_none() {
                break;
            }
            while let filter::Turn::Reply(_) = filter.turn() {
                let Some(answer) = answers.next() else {
                    is_silent = true;
                    break;
                };
                let response = Response::parse_as(answer.as_frame(), Tolerance::LENIENT).unwrap().value;
                filter.send(response).map_err(misuse)?.append_to(&mut out);
            }
        }
        if is_silent && !input.is_empty() {
            return Err("silence");
        }
    }
    if answers.next().is_some() {
        return Err("surplus");
    }
    if out == session.stream(Side::Filter) { Ok(()) } else { Err("bytes") }
}

/// The MTA's side, told to say what the recorded MTA said.
fn play_mta(session: &Session, pieces: &[&[u8]]) -> Result<(), &'static str> {
    let is_sendmail = session.header.mta.starts_with("sendmail");
    let mut mta =
        MtaSession::with_policy(if is_sendmail { mta::Policy::SENDMAIL } else { mta::Policy::POSTFIX });
    let mut assembler = Assembler::new(Vec::new());
    let mut pieces = pieces.iter().copied();
    let mut input = &[][..];
    let mut out = Vec::new();
    for command in frames(session, Side::Mta) {
        let command = Command::parse_as(command.as_frame(), Tolerance::LENIENT).unwrap().value;
        match mta.send(command).map_err(misuse)? {
            Sent::Frame(frame) => frame.append_to(&mut out),
            Sent::Skipped { .. } => return Err("suppressed"),
            Sent::ResendEnvelope(_) => return Err("resend"),
        }
        while let mta::Turn::Receive(_) = mta.turn() {
            if mta.next_event(&mut assembler, &mut input).map_err(rule)?.is_none() {
                let Some(next) = pieces.next() else { break };
                input = next;
            }
        }
    }
    let is_left = !input.is_empty() || pieces.next().is_some() || assembler.pending() > 0;
    if is_left {
        return Err("surplus");
    }
    if out == session.stream(Side::Mta) { Ok(()) } else { Err("bytes") }
}

/// The rules that the monitor finds broken.
fn listen(session: &Session, way: usize, random: &mut Random) -> BTreeSet<&'static str> {
    let mut monitor = Monitor::new();
    let mut assemblers = [Assembler::new(Vec::new()), Assembler::new(Vec::new())];
    let mut broken = BTreeSet::new();
    for record in &session.records {
        let What::Bytes(bytes) = &record.what else { continue };
        let assembler = &mut assemblers[usize::from(record.side == Side::Filter)];
        for mut input in cut(bytes, way, random) {
            let direction = record.side.direction();
            while let Some(sighting) = monitor.next_event(direction, assembler, &mut input).unwrap() {
                broken.extend(sighting.violations().map(|rule| rule.id()));
            }
        }
    }
    broken
}

fn frames(session: &Session, side: Side) -> Vec<FrameBuf> {
    session.frames(side).0
}

/// 0: whole, 1: byte by byte, 2: at random.
fn cut<'b>(bytes: &'b [u8], way: usize, random: &mut Random) -> Vec<&'b [u8]> {
    match way {
        0 => vec![bytes],
        1 => bytes.chunks(1).collect(),
        _ => {
            let mut rest = bytes;
            let mut pieces = Vec::new();
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(1 + random.below(rest.len().min(400)));
                pieces.push(piece);
                rest = tail;
            }
            pieces
        }
    }
}

fn rule(error: ReceiveError) -> &'static str {
    match error {
        ReceiveError::Peer(violation) => violation.rule.id(),
        ReceiveError::Closed => "closed",
        other => panic!("{other}"),
    }
}

fn misuse(misuse: Misuse) -> &'static str {
    misuse.rule.id()
}

/// Folder and name of a capture, without the ending.
fn name_of(session: &Session) -> String {
    let stem = session.path.with_extension("");
    let names: Vec<_> = stem.iter().rev().take(2).map(|name| name.to_str().unwrap()).collect();
    format!("{}/{}", names[1], names[0])
}

fn all_sessions() -> impl Iterator<Item = Session> {
    let folders = std::env::var_os("MILTER_CAPTURES").map(PathBuf::from);
    let list = |path: PathBuf| fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = folders.into_iter().flat_map(list).flat_map(list).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    // What impolite SMTP clients cause is played in tests/impolite_clients.rs.
    let polite = |session: &Session| !name_of(session).starts_with("walks/");
    sessions().filter(polite).chain(files.into_iter().map(|path| Session::read(&path)))
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % bound
    }
}
