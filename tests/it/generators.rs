//! Generated values can be sent, and every kind of them occurs.

use core::fmt::Debug;
use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use milter_proto::Limits;
use milter_proto::testing::{Misbehaviour, Session, strategies};
use milter_proto::transcript::Entry;
use milter_proto::wire::codes::{command, response};
use milter_proto::wire::{
    Actions, Answer, Command, DataSize, Decoded, Deviation, Direction, Edit, EnhancedCode, Frame, FrameBuf,
    LeadingSpace, ListStage, MacroLists, MacroListsBuf, MacroStage, Macros, Offer, Peer, ReplyBuf, ReplyCode,
    ReplyText, Response, Steps, Text, TextList, TextListBuf, Tolerance, Verdict, Version,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use proptest::{prop_assert, prop_assert_eq, proptest};

const COMMANDS: [u8; 15] = [
    command::ABORT,
    command::BODY,
    command::CONNECT,
    command::MACRO,
    command::BODYEOB,
    command::HELO,
    command::QUIT_NC,
    command::HEADER,
    command::MAIL,
    command::EOH,
    command::OPTNEG,
    command::QUIT,
    command::RCPT,
    command::DATA,
    command::UNKNOWN,
];

const RESPONSES: [u8; 21] = [
    response::OPTNEG,
    response::ADDRCPT,
    response::DELRCPT,
    response::ADDRCPT_PAR,
    response::SHUTDOWN,
    response::ACCEPT,
    response::REPLBODY,
    response::CONTINUE,
    response::DISCARD,
    response::CHGFROM,
    response::CONN_FAIL,
    response::ADDHEADER,
    response::INSHEADER,
    response::SETSYMLIST,
    response::CHGHEADER,
    response::PROGRESS,
    response::QUARANTINE,
    response::REJECT,
    response::SKIP,
    response::TEMPFAIL,
    response::REPLYCODE,
];

#[test]
fn arbitrary_commands_parse_back_and_every_kind_occurs() {
    let mut codes = BTreeSet::new();
    for bytes in inputs(4000) {
        let value = Command::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        let frame = sent(&value.encode().segments().collect::<Vec<_>>().concat());
        assert_eq!(Command::parse(frame.as_frame()), Ok(value));
        codes.insert(kind(value.code(), &COMMANDS));
    }
    assert_eq!(codes, every(&COMMANDS));
}

#[test]
fn arbitrary_responses_parse_back_and_every_kind_occurs() {
    let mut codes = BTreeSet::new();
    for bytes in inputs(4000) {
        let value = Response::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        let frame = sent(&value.encode().segments().collect::<Vec<_>>().concat());
        assert_eq!(Response::parse(frame.as_frame()), Ok(value));
        codes.insert(kind(value.code(), &RESPONSES));
    }
    assert_eq!(codes, every(&RESPONSES));
}

#[test]
fn arbitrary_makes_every_value_even_from_nothing() {
    fn makes<T: for<'a> Arbitrary<'a> + Debug>(bytes: &[u8]) {
        let value = T::arbitrary(&mut Unstructured::new(bytes)).map(|value| format!("{value:?}"));
        assert!(value.is_ok(), "{value:?} from {bytes:?}");
    }
    fn borrows<'a, T: Arbitrary<'a> + Debug>(bytes: &'a [u8]) {
        let value = T::arbitrary(&mut Unstructured::new(bytes));
        assert!(value.is_ok(), "{value:?} from {bytes:?}");
    }
    for bytes in inputs(300) {
        makes::<Actions>(&bytes);
        makes::<DataSize>(&bytes);
        makes::<Deviation>(&bytes);
        makes::<Direction>(&bytes);
        makes::<EnhancedCode>(&bytes);
        makes::<Entry>(&bytes);
        makes::<FrameBuf>(&bytes);
        makes::<LeadingSpace>(&bytes);
        makes::<Limits>(&bytes);
        makes::<ListStage>(&bytes);
        makes::<MacroListsBuf>(&bytes);
        makes::<MacroStage>(&bytes);
        makes::<Offer>(&bytes);
        makes::<ReplyBuf>(&bytes);
        makes::<Misbehaviour>(&bytes);
        makes::<ReplyCode>(&bytes);
        makes::<Session>(&bytes);
        makes::<Steps>(&bytes);
        makes::<TextListBuf>(&bytes);
        makes::<Tolerance>(&bytes);
        makes::<Version>(&bytes);
        borrows::<Answer<'_>>(&bytes);
        borrows::<Command<'_>>(&bytes);
        borrows::<Edit<'_>>(&bytes);
        borrows::<Frame<'_>>(&bytes);
        borrows::<MacroLists<'_>>(&bytes);
        borrows::<Macros<'_>>(&bytes);
        borrows::<Peer<'_>>(&bytes);
        borrows::<ReplyText<'_>>(&bytes);
        borrows::<Response<'_>>(&bytes);
        borrows::<Text<'_>>(&bytes);
        borrows::<TextList<'_>>(&bytes);
        borrows::<Verdict<'_>>(&bytes);
    }
}

#[test]
fn arbitrary_reply_lines_fit_even_if_each_byte_counts_twice() {
    for bytes in (1000..6000).step_by(97).map(|len| vec![b'%'; len]) {
        assert!(ReplyBuf::arbitrary(&mut Unstructured::new(&bytes)).is_ok(), "{} bytes", bytes.len());
    }
}

#[test]
fn an_arbitrary_tolerance_from_nothing_is_strict() {
    assert_eq!(Tolerance::arbitrary(&mut Unstructured::new(b"")), Ok(Tolerance::STRICT));
}

#[test]
fn arbitrary_bits_and_versions_include_unknown_ones() {
    let offers = inputs(100).filter_map(|bytes| Offer::arbitrary(&mut Unstructured::new(&bytes)).ok());
    let offers = offers.collect::<Vec<_>>();
    assert!(offers.iter().any(|offer| !Actions::ALL.contains(offer.actions)));
    assert!(offers.iter().any(|offer| !Steps::ALL.contains(offer.steps)));
    assert!(offers.iter().any(|offer| offer.version > Version::CURRENT));
}

#[test]
fn arbitrary_values_are_many_and_of_every_kind() {
    fn shown<T: for<'a> Arbitrary<'a> + Debug>() -> BTreeSet<String> {
        let values = inputs(300).filter_map(|bytes| T::arbitrary(&mut Unstructured::new(&bytes)).ok());
        values.map(|value| format!("{value:?}")).collect()
    }
    assert_eq!(shown::<DataSize>().len(), 3);
    for many in [shown::<Limits>(), shown::<TextListBuf>(), shown::<MacroListsBuf>(), shown::<Tolerance>()] {
        assert!(many.len() > 20, "{many:?}");
    }
    let tolerances =
        inputs(300).filter_map(|bytes| Tolerance::arbitrary(&mut Unstructured::new(&bytes)).ok());
    let tolerances: Vec<_> = tolerances.collect();
    for what in Deviation::ALL {
        let share = tolerances.iter().filter(|tolerance| tolerance.allows(what)).count();
        assert!((75..225).contains(&share), "{what:?} {share}");
    }
    let (mut families, mut others, mut texts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for bytes in inputs(3000) {
        if let Ok(peer) = Peer::arbitrary(&mut Unstructured::new(&bytes)) {
            families.insert(format!("{peer:?}").split(' ').next().map(str::to_owned));
        }
        if let Ok(Command::Other(frame)) = Command::arbitrary(&mut Unstructured::new(&bytes)) {
            others.insert(("command", frame.code() == b'Z'));
        }
        if let Ok(Response::Other(frame)) = Response::arbitrary(&mut Unstructured::new(&bytes)) {
            others.insert(("response", frame.code() == b'Z'));
        }
        texts.extend(Text::arbitrary(&mut Unstructured::new(&bytes)).map(|text| text.as_bytes().len()));
    }
    assert_eq!((families.len(), others.len()), (4, 4), "{families:?} {others:?}");
    assert!(texts.len() > 20, "{texts:?}");
}

#[test]
fn arbitrary_borrows_what_is_valid_in_the_input() {
    // `&[u8]` takes its length from the end of the fuzzer's bytes.
    let reply = ReplyText::arbitrary(&mut Unstructured::new(b"550 5.7.1 no\x0c")).unwrap();
    assert_eq!(reply.as_text(), "550 5.7.1 no");
    let lists = MacroLists::arbitrary(&mut Unstructured::new(b"\0\0\0\x03i\0\0\0\0\x09j\0\x0c")).unwrap();
    assert_eq!(lists.as_bytes(), b"\0\0\0\x03i\0");
    let lists = MacroLists::arbitrary(&mut Unstructured::new(b"\0\0\0\x03i\0\0\0\0\x02j\x0b")).unwrap();
    assert_eq!(lists.as_bytes(), b"\0\0\0\x03i\0");
    let list = TextList::arbitrary(&mut Unstructured::new(b"a\0b\0c\x05")).unwrap();
    assert_eq!(list.as_bytes(), b"a\0b\0");
    let macros = Macros::arbitrary(&mut Unstructured::new(b"Mi\0Q\0odd\0\x08")).unwrap();
    assert_eq!((macros.stage(), macros.list().as_bytes()), (MacroStage::MAIL, &b"i\0Q\0"[..]));
    let rest = Text::arbitrary_take_rest(Unstructured::new(b"a text\0and more")).unwrap();
    assert_eq!(rest, "a text");
}

#[test]
fn generated_commands_parse_back_and_every_kind_occurs() {
    let mut codes = BTreeSet::new();
    for frame in samples(strategies::command(), 2000) {
        let value = Command::parse(frame.as_frame()).unwrap();
        assert_eq!(value.encode(), frame.as_frame().encode());
        codes.insert(kind(value.code(), &COMMANDS));
    }
    assert_eq!(codes, every(&COMMANDS));
}

#[test]
fn generated_commands_have_macros_and_arguments() {
    let mut filled = BTreeSet::new();
    for frame in samples(strategies::command(), 2000) {
        let command = Command::parse(frame.as_frame()).unwrap();
        if matches!(command, Command::Macros(macros) if !macros.list().as_bytes().is_empty()) {
            filled.insert("MACRO");
        }
        if matches!(command, Command::MailFrom { arguments, .. } if !arguments.as_bytes().is_empty()) {
            filled.insert("MAIL");
        }
        if matches!(command, Command::RcptTo { arguments, .. } if !arguments.as_bytes().is_empty()) {
            filled.insert("RCPT");
        }
    }
    assert_eq!(filled, BTreeSet::from(["MACRO", "MAIL", "RCPT"]));
}

#[test]
fn generated_responses_parse_back_and_every_kind_occurs() {
    let mut codes = BTreeSet::new();
    for frame in samples(strategies::response(), 2000) {
        let value = Response::parse(frame.as_frame()).unwrap();
        assert_eq!(value.encode(), frame.as_frame().encode());
        codes.insert(kind(value.code(), &RESPONSES));
    }
    assert_eq!(codes, every(&RESPONSES));
}

#[test]
fn generated_peers_are_of_every_family() {
    let families = samples(strategies::connect(), 500).map(|frame| match Command::parse(frame.as_frame()) {
        Ok(Command::Connect { peer: Peer::Unknown, .. }) => b'U',
        Ok(Command::Connect { peer: Peer::Unix { .. }, .. }) => b'L',
        Ok(Command::Connect { peer: Peer::Inet { .. }, .. }) => b'4',
        Ok(Command::Connect { peer: Peer::Inet6 { .. }, .. }) => b'6',
        other => panic!("{other:?}"),
    });
    assert_eq!(families.collect::<BTreeSet<_>>(), BTreeSet::from(*b"UL46"));
}

#[test]
fn generated_sessions_are_legal_and_have_every_command() {
    let (mut codes, mut versions, mut messages, mut cuts) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), 0);
    for session in samples(strategies::session(), 150) {
        assert_eq!((session.broken_rule(), &session.fault), (None, &None), "{session:?}");
        codes.extend(session.commands.iter().map(|frame| frame.as_frame().code()));
        versions.insert(session.commands[0].as_frame().payload()[3]);
        let is_end = |frame: &&FrameBuf| frame.as_frame().code() == command::BODYEOB;
        messages.insert(session.commands.iter().filter(is_end).count());
        cuts += usize::from(session.cut > 0);
    }
    // QUIT is not among the commands of a session.
    assert_eq!(codes, COMMANDS.into_iter().filter(|&code| code != command::QUIT).collect());
    assert_eq!(versions, BTreeSet::from([2, 3, 4, 6]));
    assert!(messages.is_superset(&BTreeSet::from([0, 1, 2, 3])), "{messages:?}");
    assert!((15..80).contains(&cuts), "{cuts}");
}

#[test]
fn generated_sessions_shrink_to_little() {
    let mut runner = TestRunner::deterministic();
    let offer = Command::Negotiate(Offer::FULL).encode().to_frame();
    for _ in 0..5 {
        let mut tree = strategies::session().new_tree(&mut runner).unwrap();
        while tree.simplify() {}
        assert_eq!(tree.current(), Session::new([offer.clone()]));
        let mut tree = strategies::nearly_session().new_tree(&mut runner).unwrap();
        while tree.simplify() {}
        assert_eq!(tree.current(), Session::new([offer.clone()]));
    }
}

#[test]
fn every_misbehaviour_is_generated() {
    let name = |how: &Misbehaviour| format!("{how:?}").split('(').next().map(str::to_owned);
    let faults = samples(strategies::nearly_session(), 150).filter_map(|session| session.fault);
    let kinds: BTreeSet<_> = faults.map(|(_, how)| name(&how)).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    let kinds = inputs(400).filter_map(|bytes| Misbehaviour::arbitrary(&mut Unstructured::new(&bytes)).ok());
    let kinds: BTreeSet<_> = kinds.map(|how| name(&how)).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}

#[test]
fn arbitrary_sessions_are_legal_up_to_their_fault_and_have_every_command() {
    let (mut codes, mut faults, mut longest) = (BTreeSet::new(), 0, 0);
    // Each command needs some bytes.
    for bytes in inputs(300).map(|bytes| bytes.repeat(20)) {
        let session = Session::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        faults += usize::from(session.fault.is_some());
        let legal = Session::new(session.commands);
        assert_eq!(legal.broken_rule(), None, "{legal:?}");
        codes.extend(legal.commands.iter().map(|frame| frame.as_frame().code()));
        longest = longest.max(legal.commands.len());
    }
    assert_eq!(codes, COMMANDS.into_iter().filter(|&code| code != command::QUIT).collect());
    assert!((60..240).contains(&faults) && longest > 20, "{faults} {longest}");
}

proptest! {
    #[test]
    fn generated_bytes_are_the_values_that_they_stand_for(
        text in strategies::text(),
        key in strategies::key(),
        list in strategies::text_list(),
        (stage, pairs) in strategies::macros(),
        lists in strategies::macro_lists(),
        reply in strategies::reply_text(),
    ) {
        prop_assert_eq!(Text::new(&text)?.as_bytes(), &text);
        prop_assert_eq!(Text::new(&key)?.is_empty(), false);
        prop_assert_eq!(TextList::new(&list)?.as_bytes(), &list);
        prop_assert_eq!(Macros::new(stage, TextList::new(&pairs)?)?.list().as_bytes(), &pairs);
        prop_assert_eq!(MacroLists::new(&lists)?.as_bytes(), &lists);
        prop_assert_eq!(ReplyText::parse(&reply)?.as_text().as_bytes(), &reply);
    }

    #[test]
    fn owned_values_have_a_canonical_strategy(
        reply: ReplyBuf,
        texts: TextListBuf,
        lists: MacroListsBuf,
        entry: Entry,
        faulty: (Session, Misbehaviour),
        code: ReplyCode,
        status: EnhancedCode,
        others: (Offer, ListStage, Limits, FrameBuf, Deviation, DataSize, LeadingSpace, MacroStage, Tolerance),
    ) {
        prop_assert_eq!(ReplyText::parse(reply.as_reply().as_text().as_bytes()), Ok(reply.as_reply()));
        prop_assert_eq!(texts.as_list().iter().collect::<TextListBuf>(), texts);
        prop_assert_eq!(MacroLists::new(lists.as_lists().as_bytes()), Ok(lists.as_lists()));
        prop_assert_eq!(entry.to_string().parse::<Entry>(), Ok(entry));
        prop_assert_eq!(ReplyCode::new(code.number()), Some(code));
        prop_assert_eq!(EnhancedCode::new(status.class(), status.subject(), status.detail()), Some(status));
        prop_assert!(others.1.macro_stage().is_some());
        let (session, how) = faulty;
        prop_assert_eq!(session.broken_rule(), None);
        prop_assert_eq!(session.clone().misbehaving(0, how.clone()).fault, Some((0, how)));
    }
}

#[test]
fn generated_edits_answers_and_verdicts_are_what_they_are_called() {
    let is = |frame: &FrameBuf, what: fn(&Response<'_>) -> bool| {
        assert!(Response::parse(frame.as_frame()).is_ok_and(|value| what(&value)), "{frame:?}");
    };
    samples(strategies::edit(), 200).for_each(|frame| is(&frame, |value| matches!(value, Response::Edit(_))));
    samples(strategies::answer(), 200)
        .for_each(|frame| is(&frame, |value| matches!(value, Response::Negotiate(_))));
    samples(strategies::verdict(), 200)
        .for_each(|frame| is(&frame, |value| matches!(value, Response::Verdict(_))));
    let entries = samples(strategies::entry(), 200).collect::<Vec<_>>();
    assert!(entries.iter().any(|entry| entry.direction == Direction::ToFilter));
    assert!(entries.iter().any(|entry| entry.direction == Direction::ToMta));
}

#[test]
fn nearly_legal_frames_are_mostly_but_not_always_refused() {
    for tolerance in [Tolerance::STRICT, Tolerance::LENIENT] {
        let commands = samples(strategies::nearly_command(), 1000)
            .filter(|frame| Command::parse_as(frame.as_frame(), tolerance).is_ok());
        assert!((100..900).contains(&commands.count()));
    }
    let responses = samples(strategies::nearly_response(), 1000)
        .filter(|frame| Response::parse(frame.as_frame()).is_err());
    assert!((100..900).contains(&responses.count()));
}

#[test]
fn a_generated_stream_is_its_frames_in_pieces() {
    let (mut most_frames, mut most_pieces) = (0, 0);
    for (frames, pieces) in samples(strategies::stream(), 200) {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.as_frame().encode().append_to(&mut bytes));
        assert_eq!(pieces.concat(), bytes);
        most_frames = most_frames.max(frames.len());
        most_pieces = most_pieces.max(pieces.len());
    }
    assert!(most_frames > 3 && most_pieces > 10, "{most_frames} {most_pieces}");
}

#[test]
fn generated_commands_shrink_to_little() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..50 {
        let mut tree = strategies::command().new_tree(&mut runner).unwrap();
        while tree.simplify() {}
        let frame = tree.current();
        let Ok(Decoded { value, .. }) = Command::parse_as(frame.as_frame(), Tolerance::STRICT) else {
            panic!("{frame:?} is no command");
        };
        assert_eq!(value, Command::Data);
    }
}

/// Pseudo-random bytes of growing length, the same at every run.
fn inputs(count: u32) -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count).map(move |index| {
        let len = index % 300;
        let byte = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        };
        (0..len).map(byte).collect()
    })
}

fn samples<S: Strategy>(strategy: S, count: usize) -> impl Iterator<Item = S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(move |_| strategy.new_tree(&mut runner).unwrap().current())
}

/// The frame that these bytes are on the wire, and nothing behind it.
fn sent(bytes: &[u8]) -> FrameBuf {
    let Ok(Some((frame, []))) = Frame::split(bytes, Limits::DEFAULT) else { panic!("no frame: {bytes:?}") };
    frame.into()
}

/// A code that is known, or 0 for all others.
fn kind(code: u8, known: &[u8]) -> u8 {
    if known.contains(&code) { code } else { 0 }
}

fn every(known: &[u8]) -> BTreeSet<u8> {
    known.iter().copied().chain([0]).collect()
}
