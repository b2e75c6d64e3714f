//! Real traffic: every frame of tests/captures, cut in every way, understood and encoded again.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use milter_proto::Limits;
use milter_proto::transcript::{Entry, Line};
use milter_proto::wire::{Assembler, Buffer, Command, Direction, FrameBuf, Response, code_name};

use crate::support::recorded::capture::Side;
use crate::support::recorded::sessions;

/// Every frame that the captures hold: direction and code.
///
/// Not among them are SHUTDOWN, CONN_FAIL and SETSYMLIST, which no filter sends.
const CODES: [(Direction, &[u8]); 2] =
    [(Direction::ToFilter, b"ABCDEHKLMNOQRTU"), (Direction::ToMta, b"+-2Oabcdehimpqrsty")];

const MTAS: [&str; 6] = [
    "go-milter client 0.3.3-2",
    "miltertest (PyPI) 1.0.0",
    "miltertest 2.11.0~beta2-8+deb12u1",
    "miltr-client 0.1.3",
    "postfix 3.7.11",
    "sendmail 8.17.1.9",
];

const FILTERS: [&str; 17] = [
    "Sendmail::PMilter 1.00-1.2",
    "amavisd-milter 1.7.2-1 (with a stub for amavisd)",
    "clamav-milter 1.4.6+dfsg-0+deb12u1",
    "dkimpy-milter 1.2.3-1",
    "go-milter 0.3.3-2",
    "indymilter 0.3.0",
    "kilter.service 0.3.1",
    "labfilter (libmilter 8.17.1.9-2+deb12u2)",
    "miltr-server 0.2.0",
    "opendkim 2.11.0~beta2-8+deb12u1",
    "opendmarc 1.4.2-2+b1",
    "purepythonmilter 0.0.1",
    "pymilter 1.0.5-1+b3",
    "pyspf-milter 3.0.4-2",
    "python-libmilter 2.0.0",
    "rspamd 3.4-1",
    "spamass-milter 0.4.0-2",
];

/// Pairs of an MTA and a filter that were recorded.
const PAIRS: usize = 76;

/// Random cuttings of each stream.
const CUTTINGS: usize = 8;

#[test]
fn every_cutting_gives_the_same_frames() {
    let mut random = Random::new();
    let mut memory = vec![0; 70_000];
    for session in sessions() {
        for side in Side::BOTH {
            let path = session.path.display();
            let (stream, expected) = (session.stream(side), session.frames(side));
            let whole = assembled(Vec::new(), [stream.as_slice()]);
            assert_eq!(whole, expected, "{path}: {side}, whole");
            assert_eq!(assembled(Vec::new(), stream.chunks(1)), expected, "{path}: {side}, bytes");
            let captured = assembled(Vec::new(), session.pieces(side));
            assert_eq!(captured, expected, "{path}: {side}, as captured");
            for _ in 0..CUTTINGS {
                let pieces = random.pieces(&stream);
                let cut = assembled(memory.as_mut_slice(), pieces);
                assert_eq!(cut, expected, "{path}: {side}, cut at random");
            }
        }
    }
}

#[test]
fn every_frame_is_clean_and_comes_back_byte_for_byte() {
    for session in sessions() {
        for side in Side::BOTH {
            let path = session.path.display();
            let (frames, unfinished) = session.frames(side);
            let mut again = Vec::new();
            for frame in &frames {
                let frame = frame.as_frame();
                match side.direction() {
                    Direction::ToFilter => {
                        let command = Command::parse(frame).unwrap_or_else(|error| panic!("{path}: {error}"));
                        assert!(!matches!(command, Command::Other(_)), "{path}: {frame:?}");
                        assert_eq!(command.code(), frame.code(), "{path}");
                        assert!(command.encode().within(Limits::DEFAULT).is_ok(), "{path}");
                        command.encode().append_to(&mut again);
                    }
                    Direction::ToMta => {
                        let response =
                            Response::parse(frame).unwrap_or_else(|error| panic!("{path}: {error}"));
                        assert!(!matches!(response, Response::Other(_)), "{path}: {frame:?}");
                        assert_eq!(response.code(), frame.code(), "{path}");
                        assert!(response.encode().within(Limits::DEFAULT).is_ok(), "{path}");
                        response.encode().append_to(&mut again);
                    }
                }
            }
            let stream = session.stream(side);
            let whole = &stream[..stream.len().saturating_sub(unfinished)];
            assert!(again == whole, "{path}: {side}: encoding gives another stream");
        }
    }
}

#[test]
fn every_frame_survives_its_line_in_a_transcript() {
    for session in sessions() {
        for side in Side::BOTH {
            for frame in session.frames(side).0 {
                let path = session.path.display();
                let line = Line::new(side.direction(), frame.as_frame()).to_string();
                assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{path}: {line}");
                assert!(!line.contains(" FRAME "), "{path}: {line}");
                let entry: Entry = line.parse().unwrap_or_else(|error| panic!("{path}: {error}: {line}"));
                assert_eq!(entry, Entry::new(side.direction(), frame), "{path}: {line}");
            }
        }
    }
}

#[test]
fn every_kind_of_frame_occurs_and_no_other() {
    let codes = |side: Side| -> BTreeSet<u8> {
        let frames = sessions().flat_map(move |session| session.frames(side).0);
        frames.map(|frame| frame.as_frame().code()).collect()
    };
    let names = |codes: BTreeSet<u8>| codes.into_iter().map(code_name).collect::<Vec<_>>();
    for (side, (direction, expected)) in Side::BOTH.into_iter().zip(CODES) {
        assert_eq!(side.direction(), direction);
        assert_eq!(names(codes(side)), names(expected.iter().copied().collect()), "{side}");
    }
}

#[test]
fn every_program_occurs_and_every_pair() {
    let polite =
        sessions().filter(|session| !session.path.components().any(|part| part.as_os_str() == "walks"));
    let pairs: BTreeSet<_> = polite.map(|session| (session.header.mta, session.header.filter)).collect();
    let mtas: BTreeSet<_> = pairs.iter().map(|(mta, _)| mta.as_str()).collect();
    let filters: BTreeSet<_> = pairs.iter().map(|(_, filter)| filter.as_str()).collect();
    assert!(mtas.into_iter().eq(MTAS));
    assert!(filters.into_iter().eq(FILTERS));
    assert_eq!(pairs.len(), PAIRS);
}

/// What an assembler makes of a stream in pieces: frames, and bytes held back at the end.
fn assembled<'a>(storage: impl Buffer, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<FrameBuf>, usize) {
    let mut assembler = Assembler::new(storage);
    let mut frames = Vec::new();
    for mut piece in pieces {
        while let Some(frame) = assembler.next_frame(&mut piece).unwrap_or_else(|error| panic!("{error}")) {
            frames.push(FrameBuf::from(frame));
        }
        assert_eq!(piece, b"");
    }
    (frames, assembler.pending())
}

/// A small generator (xorshift64). Its seed is printed, and can be given as `SEED`.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = match std::env::var("SEED") {
            Ok(seed) => seed.parse().unwrap_or_else(|error| panic!("SEED is no number: {error}")),
            Err(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::from(now.subsec_nanos()) << 32 | now.as_secs() & 0xffff_ffff
            }
        };
        println!("SEED={seed}");
        Self(seed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Cuts a stream: mostly into pieces of a few bytes, at times into long ones.
    fn pieces<'a>(&mut self, stream: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        let mut rest = stream;
        while !rest.is_empty() {
            let bits = self.next() & 0xf;
            let mask = (1_u64 << bits).saturating_sub(1);
            let len = usize::try_from(self.next() & mask).unwrap_or(0).min(rest.len());
            let (piece, tail) = rest.split_at(len);
            pieces.push(piece);
            rest = tail;
        }
        pieces
    }
}
