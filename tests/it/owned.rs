//! Owned forms: what is stored comes back equal, whatever it is, and on another thread too.

use core::fmt::Debug;
use core::hash::Hash;
use std::collections::HashSet;
use std::sync::mpsc;
use std::thread;

use crate::support::recorded::capture::Side;
use crate::support::sides::everyday;
use crate::support::{list, reply, strategies, text};
use allocation_counter::measure;
use milter_proto::filter::{Options, Receiving, Sending};
use milter_proto::macros::MacroStore;
use milter_proto::mta::{EditStatus, Scope};
use milter_proto::order::CommandKind;
use milter_proto::wire::{
    Actions, Command, CommandBuf, Deviation, Edit, EditBuf, Frame, FrameBuf, ListStage, MacroLists,
    MacroListsBuf, MacroStage, Macros, MacrosBuf, Offer, ReplyBuf, ReplyText, Response, ResponseBuf,
    TextListBuf, Tolerance, Verdict, VerdictBuf,
};
use milter_proto::{FilterSession, MtaSession, filter, mta};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Frames with every deviation, in both directions, frames with empty fields, and frames of unknown codes.
const ODD: &[(u8, &[u8])] = &[
    (b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xffsurplus"),
    (b'H', b"mx.example\0surplus\0"),
    (b'T', b"surplus"),
    (b'C', b"mx.example\0Usurplus"),
    (b'M', b"<a@b.c>\0SIZE=10\0tail"),
    (b'R', b"<a@b.c>\0\0tail"),
    (b'D', b"Mi\0Q1\0tail"),
    (b'D', b"Mi\0Q1\0{unpaired}\0"),
    (b'D', b"M{unpaired}\0tail"),
    (b'D', b"\0\0\0"),
    (b'U', b"no end"),
    (b'U', b"\0"),
    (b'L', b"\0n\0v\0"),
    (b'L', b"\0\0\0"),
    (b'L', b"\0n\0v\0surplus\0"),
    (b'B', b""),
    (b'E', b"last piece"),
    (b'E', b""),
    (b'Z', b"no command"),
    (b'\0', b"\0"),
    (b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x03i j\0\0\0\0\x09k\0\0\0\0\x05\0"),
    (b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x03i j\0\0\0\0\x07\0"),
    (b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x03i j\0end"),
    (b'c', b"surplus"),
    (b'p', b"surplus"),
    (b'e', b"<a@b.c>\0\0tail"),
    (b'2', b"<a@b.c>\0tail"),
    (b'2', b"<a@b.c>\0\0"),
    (b'q', b"no end"),
    (b'q', b"why\0surplus"),
    (b'l', b"any\0thing"),
    (b'y', b"550 5.7.1 no end"),
    (b'y', b"550 4.7.1 another class\0"),
    (b'y', b"550\0"),
    (b'y', b"550 50% spam\0"),
    (b'y', b"550-5.7.1 one\r\n550 5.7.1 two\r\n\0"),
    (b'y', b"550-5.7.1 one\r\n550 5.7.1 \x07 two\r\n\0"),
    (b'h', b"\0v\0"),
    (b'm', b"\0\0\0\x01\0\0"),
    (b'i', b"\0\0\0\x01\0v\0surplus"),
    (b'+', b"\0"),
    (b'-', b"<a@b.c>\0surplus\0"),
    (b'b', b""),
];

/// [`ODD`], and a reply with a line that is too long.
fn odd_frames() -> Vec<FrameBuf> {
    let long = [b"550 ", &[b'x'; 981][..], b"\0"].concat();
    let frames = ODD.iter().map(|&(code, payload)| Frame::new(code, payload).into());
    frames.chain([FrameBuf::new(b'y', long)]).collect()
}

/// The named tolerances, each deviation alone, and all deviations but one.
fn tolerances() -> Vec<Tolerance> {
    let named = [
        Tolerance::STRICT,
        Tolerance::LIBMILTER,
        Tolerance::SENDMAIL,
        Tolerance::POSTFIX,
        Tolerance::LENIENT,
    ];
    let alone = Deviation::ALL.map(|deviation| Tolerance::STRICT.with(deviation));
    let without = Deviation::ALL.map(|deviation| Tolerance::LENIENT.without(deviation));
    named.into_iter().chain(alone).chain(without).collect()
}

/// Decodes a frame as a command and as a response, and stores both. Returns the deviations that were tolerated.
fn store(frame: Frame<'_>, tolerance: Tolerance) -> Vec<Deviation> {
    let mut deviations = Vec::new();
    if let Ok(decoded) = Command::parse_as(frame, tolerance) {
        store_command(decoded.value);
        for (in_order, aborts_message) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut event = filter::Event::new(decoded.value);
            event.deviation = decoded.deviation;
            event.in_order = in_order;
            event.aborts_message = aborts_message;
            same_filter_event(&filter::EventBuf::from(event), &event);
        }
        deviations.extend(decoded.deviation.and_then(|error| error.deviation()));
    }
    if let Ok(decoded) = Response::parse_as(frame, tolerance) {
        store_response(decoded.value);
        let deviation = decoded.deviation;
        match decoded.value {
            Response::Negotiate(answer) => store_mta_event(mta::Event::Negotiated { answer }),
            Response::Edit(edit) => {
                let status = EditStatus::RejectsMessage;
                store_mta_event(mta::Event::Edit { edit, status, deviation });
            }
            Response::Verdict(verdict) => {
                let (scope, command) = (Scope::Recipient, CommandKind::RcptTo);
                let closes_smtp_session = frame.payload().len() % 2 == 0;
                let event = mta::Event::Verdict { verdict, scope, command, closes_smtp_session, deviation };
                store_mta_event(event);
            }
            _ => {}
        }
        deviations.extend(deviation.and_then(|error| error.deviation()));
    }
    deviations
}

fn store_command(command: Command<'_>) {
    let kept = CommandBuf::from(&command);
    assert_eq!(kept.as_command(), command);
    assert_eq!(Command::from(&kept), command);
    assert_eq!(format!("{kept:?}"), format!("{command:?}"));
    assert_eq!(CommandBuf::from(kept.as_command()), kept);
    if let Command::Macros(macros) = command {
        let kept = MacrosBuf::from(macros);
        assert_eq!((kept.as_macros(), format!("{kept:?}")), (macros, format!("{macros:?}")));
        assert_eq!(TextListBuf::from(macros.list()).as_list(), macros.list());
    }
}

fn store_response(response: Response<'_>) {
    let kept = ResponseBuf::from(&response);
    assert_eq!(kept.as_response(), response);
    assert_eq!(Response::from(&kept), response);
    assert_eq!(format!("{kept:?}"), format!("{response:?}"));
    assert_eq!(ResponseBuf::from(kept.as_response()), kept);
    match response {
        Response::Edit(edit) => {
            let kept = EditBuf::from(edit);
            assert_eq!((kept.as_edit(), format!("{kept:?}")), (edit, format!("{edit:?}")));
            assert_eq!((Response::from(&kept), ResponseBuf::from(edit)), (response, (&response).into()));
        }
        Response::Verdict(verdict) => {
            let kept = VerdictBuf::from(verdict);
            assert_eq!((kept.as_verdict(), format!("{kept:?}")), (verdict, format!("{verdict:?}")));
            assert_eq!((Response::from(&kept), ResponseBuf::from(verdict)), (response, (&response).into()));
            if let Verdict::Reply(reply) = verdict {
                assert_eq!(ReplyBuf::from(reply).as_reply(), reply);
            }
        }
        Response::Negotiate(answer) => {
            let lists = MacroListsBuf::from(answer.macro_lists);
            assert_eq!(lists.as_lists(), answer.macro_lists);
        }
        _ => {}
    }
}

fn store_mta_event(event: mta::Event<'_>) {
    same_mta_event(&mta::EventBuf::from(event), &event);
}

// `Debug` shows what is private, too.
fn same_filter_event(kept: &filter::EventBuf, event: &filter::Event<'_>) {
    assert_eq!(kept.as_event(), *event);
    assert_eq!(format!("{kept:?}"), format!("{event:?}"));
    assert_eq!(filter::EventBuf::from(&kept.as_event()), *kept);
}

fn same_mta_event(kept: &mta::EventBuf, event: &mta::Event<'_>) {
    assert_eq!(kept.as_event(), *event);
    assert_eq!(format!("{kept:?}"), format!("{event:?}"));
    assert_eq!(mta::EventBuf::from(&kept.as_event()), *kept);
}

/// Sends items to another thread, and returns what it received.
fn through_a_thread<T: Clone + Send + 'static>(items: &[T]) -> Vec<T> {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || receiver.into_iter().collect());
    items.iter().for_each(|item| sender.send(item.clone()).unwrap());
    drop(sender);
    worker.join().unwrap()
}

#[test]
fn every_deviation_comes_back_under_every_tolerance_that_accepts_it() {
    let mut seen = HashSet::new();
    for frame in odd_frames() {
        for tolerance in tolerances() {
            seen.extend(store(frame.as_frame(), tolerance));
        }
    }
    let missing: Vec<_> = Deviation::ALL.into_iter().filter(|deviation| !seen.contains(deviation)).collect();
    assert_eq!(missing, [], "the table has no frame with these");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_decoded_comes_back_equal(
        (code, payload) in strategies::frame(),
        tolerance in strategies::tolerance(),
    ) {
        for tolerance in tolerances().into_iter().chain([tolerance]) {
            store(Frame::new(code, &payload), tolerance);
        }
    }

    #[test]
    fn a_frame_comes_back_as_itself_whatever_its_code_means((code, payload) in strategies::frame()) {
        let frame = Frame::new(code, &payload);
        store_command(Command::Other(frame));
        store_response(Response::Other(frame));
        store_response(Response::MacroList { payload: &payload });
        prop_assert_eq!(frame.encode().to_frame(), FrameBuf::from(frame));
    }
}

// A program can make these, too.
#[test]
fn values_that_no_frame_means_come_back_equal() {
    let name = text(b"name");
    for command in [
        Command::Header { name: text(b""), value: text(b"") },
        Command::Header { name: text(b""), value: text(b"value") },
        Command::Body { chunk: b"" },
        Command::MailFrom { address: text(b""), arguments: list(b"") },
        Command::MailFrom { address: text(b""), arguments: list(b"\0\0") },
        Command::Other(Frame::new(b'Q', b"")),
        Command::Other(Frame::new(b'L', b"\0value\0")),
    ] {
        store_command(command);
    }
    for edit in crate::support::sides::edits() {
        store_response(edit.into());
    }
    for response in [
        Edit::ChangeFrom { address: text(b""), arguments: None }.into(),
        Edit::ChangeFrom { address: text(b""), arguments: Some(text(b"")) }.into(),
        Edit::AddHeader { name: text(b""), value: text(b"") }.into(),
        Edit::AddRcptWithArguments { address: name, arguments: Some(text(b"")) }.into(),
        Response::Other(Frame::new(b'c', b"")),
        Response::Other(Frame::new(b'y', b"550 no\0")),
    ] {
        store_response(response);
    }
}

// All tests above compare with `==`. This one shows that no field is left out of it.
#[test]
fn owned_forms_are_equal_exactly_when_the_values_are() {
    let name = text(b"a");
    let commands = [
        Command::Helo { name },
        Command::Other(Frame::new(b'H', b"a\0")),
        Command::Unknown { line: name },
        Command::Body { chunk: b"" },
        Command::EndOfMessage { chunk: b"" },
        Command::Header { name: text(b""), value: name },
        Command::Header { name, value: text(b"") },
        Command::Macros(Macros::none(MacroStage::HELO)),
        Command::Macros(Macros::none(MacroStage::MAIL)),
    ];
    differ(&commands.map(CommandBuf::from), &commands);
    let responses = [
        Response::Verdict(Verdict::Continue),
        Response::Other(Frame::new(b'c', b"")),
        Response::MacroList { payload: b"" },
        Response::Progress,
        Edit::ChangeFrom { address: name, arguments: None }.into(),
        Edit::ChangeFrom { address: name, arguments: Some(text(b"")) }.into(),
    ];
    differ(&responses.map(ResponseBuf::from), &responses);
    let event = filter::Event::new(Command::Data);
    let [mut late, mut last] = [event; 2];
    (late.in_order, last.aborts_message) = (false, true);
    let mut odd = event;
    odd.deviation = Command::parse_as(Frame::new(b'T', b"!"), Tolerance::LIBMILTER).unwrap().deviation;
    let events = [event, late, last, odd];
    differ(&events.map(filter::EventBuf::from), &events);
    let of = |scope, command| mta::Event::Verdict {
        verdict: Verdict::Continue,
        scope,
        command,
        closes_smtp_session: false,
        deviation: None,
    };
    let [edit, other] = [EditStatus::Negotiated, EditStatus::Ignored].map(|status| {
        let edit = Edit::AddRcpt { address: name };
        mta::Event::Edit { edit, status, deviation: None }
    });
    let events = [
        of(Scope::Command, CommandKind::Data),
        of(Scope::Message, CommandKind::Data),
        of(Scope::Command, CommandKind::Helo),
        edit,
        other,
        mta::Event::Progress,
    ];
    differ(&events.map(mta::EventBuf::from), &events);
}

fn differ<B: Eq + Hash + Debug, V: PartialEq + Debug>(kept: &[B], values: &[V]) {
    for (kept_one, one) in kept.iter().zip(values) {
        for (kept_other, other) in kept.iter().zip(values) {
            assert_eq!(kept_one == kept_other, one == other, "{one:?} and {other:?}");
        }
    }
    assert_eq!(kept.iter().collect::<HashSet<_>>().len(), values.len());
}

#[test]
fn lists_and_replies_are_copied() {
    let lists = MacroLists::new(b"\0\0\0\x03{rcpt_addr} i\0\0\0\0\x05\0").unwrap();
    let mut kept = MacroListsBuf::from(lists);
    assert_eq!((kept.as_lists(), format!("{kept:?}")), (lists, format!("{lists:?}")));
    kept.push(ListStage::MAIL, text(b"i"));
    assert_eq!(kept.as_lists().get(ListStage::MAIL), Some(text(b"i")));

    let mut kept = TextListBuf::from(list(b"a\0\0b\0"));
    assert_eq!((kept.as_list(), format!("{kept:?}").as_str()), (list(b"a\0\0b\0"), r#"["a", "", "b"]"#));
    kept.push(text(b"c"));
    assert_eq!(kept.as_list().as_bytes(), b"a\0\0b\0c\0");

    let refusal = reply(b"550-5.7.1 100%%\r\n550 5.7.1 no");
    let kept = ReplyBuf::from(refusal);
    assert_eq!((kept.as_reply(), format!("{kept:?}")), (refusal, format!("{refusal:?}")));
}

#[test]
fn an_encoded_frame_is_copied_whole() {
    for &(code, payload) in ODD {
        let frame = Frame::new(code, payload);
        assert_eq!(frame.encode().to_frame().as_frame(), frame);
    }
    let all = b"OCDHMRTLNBEUAQK".map(crate::support::sides::command);
    for command in all {
        let bytes = crate::support::bytes_of(&command.encode());
        let frame = command.encode().to_frame();
        assert_eq!(crate::support::bytes_of(&frame.as_frame().encode()), bytes, "{command:?}");
    }
}

#[test]
fn a_stored_edit_and_a_stored_verdict_are_sent_like_the_values() {
    let mut session = negotiated(filter::Policy::DEFAULT);
    for code in *b"MRTNE" {
        session.receive(everyday(code)).unwrap();
        if code != b'E' {
            let verdict = VerdictBuf::from(Verdict::Continue);
            assert_eq!(crate::support::bytes_of(&session.send(&verdict).unwrap()), b"\0\0\0\x01c");
        }
    }
    for edit in crate::support::sides::edits() {
        let (kept, mut other) = (EditBuf::from(edit), session.clone());
        assert_eq!(session.send(&kept), other.send(edit), "{edit:?}");
        assert_eq!(session, other);
    }
    let refusal = Verdict::Reply(reply(b"550 5.7.1 no"));
    let (kept, mut other) = (ResponseBuf::from(refusal), session.clone());
    assert_eq!(session.send(&kept), other.send(refusal));
    assert_eq!(session, other);
}

#[test]
fn owned_forms_can_be_sent_and_shared_and_outlive_what_they_were_made_of() {
    fn is_free<T: Send + Sync + Clone + 'static>() {}
    is_free::<CommandBuf>();
    is_free::<ResponseBuf>();
    is_free::<EditBuf>();
    is_free::<VerdictBuf>();
    is_free::<MacrosBuf>();
    is_free::<filter::EventBuf>();
    is_free::<mta::EventBuf>();
}

// The figures of the "Memory" sections.
#[test]
fn an_owned_form_holds_the_payload_and_no_more() {
    #[cfg(target_pointer_width = "64")]
    {
        assert_eq!(size_of::<CommandBuf>(), 40);
        assert_eq!(size_of::<ResponseBuf>(), 40);
        assert_eq!(size_of::<filter::EventBuf>(), 56);
        assert_eq!(size_of::<mta::EventBuf>(), 96);
    }
    let long = vec![b'x'; 65_535];
    for len in [0, 1, 100, 65_535] {
        let chunk = &long[..len];
        let (name, value) = (text(b"name"), text(chunk));
        let macros = [b"i\0", chunk, b"\0"].concat();
        let macros = Macros::new(MacroStage::MAIL, list(&macros)).unwrap();
        let (status, deviation) = (EditStatus::Negotiated, None);
        let edit = Edit::AddHeader { name, value };
        holds(len, || CommandBuf::from(Command::Body { chunk }));
        holds(len + 6, || CommandBuf::from(Command::Header { name, value }));
        holds(len + 6, || EditBuf::from(edit));
        holds(len + 10, || ResponseBuf::from(Edit::InsertHeader { index: 1, name, value }));
        holds(len + 4, || MacrosBuf::from(macros));
        holds(len + 4, || filter::EventBuf::from(filter::Event::new(Command::Macros(macros))));
        holds(len + 6, || mta::EventBuf::from(mta::Event::Edit { edit, status, deviation }));
        holds(len + 3, || TextListBuf::from(macros.list()));
        let text = [b"550 ", &chunk[..len.min(980)]].concat();
        let reply = ReplyText::parse(&text).unwrap();
        holds(text.len(), || ReplyBuf::from(reply));
        holds(text.len() + 1, || VerdictBuf::from(Verdict::Reply(reply)));
    }
    holds(0, || VerdictBuf::from(Verdict::Continue));
}

/// Checks that making a value allocates once, and exactly so many bytes.
fn holds<T>(bytes: usize, make: impl FnOnce() -> T) {
    let mut made = None;
    let taken = measure(|| made = Some(make()));
    let bytes = u64::try_from(bytes).unwrap();
    assert_eq!((taken.bytes_max, taken.bytes_total), (bytes, bytes));
    assert!(taken.count_total <= 1);
}

/// Every combination of what may be received and read, most of which have no name.
fn filter_policies() -> Vec<filter::Policy> {
    let laws = [Receiving::Robust, Receiving::Strict, Receiving::Libmilter];
    let tolerances = [Tolerance::STRICT, Tolerance::LIBMILTER, Tolerance::LENIENT];
    let pairs = laws.into_iter().flat_map(|law| tolerances.map(|tolerance| (law, tolerance)));
    pairs
        .map(|(law, tolerance)| filter::Policy::new(law, Sending::Libmilter).with_tolerance(tolerance))
        .collect()
}

/// A session that has agreed on every action.
fn negotiated(policy: filter::Policy) -> FilterSession {
    let mut session = FilterSession::with_policy(policy);
    session.receive(everyday(b'O')).unwrap();
    _ = session.negotiate(&Options::all_commands().request(Actions::ALL)).unwrap();
    session
}

/// Gives frames to a filter's session, sends the verdicts in turn, and starts a new session after an error. Returns all
/// events.
fn filter_events<'f>(
    policy: filter::Policy,
    frames: impl IntoIterator<Item = Frame<'f>>,
    verdicts: &[Verdict<'_>],
) -> Vec<filter::Event<'f>> {
    let mut session = negotiated(policy);
    let mut verdicts = verdicts.iter().cycle();
    let mut events = Vec::new();
    for frame in frames {
        let Ok(event) = session.receive(frame) else {
            session = negotiated(policy);
            continue;
        };
        events.push(event);
        events.extend(session.rest_of_frame());
        match session.turn() {
            filter::Turn::Reply(CommandKind::Negotiate) => {
                let is_refused = session.negotiate(&Options::all_commands()).is_err();
                if is_refused {
                    session = negotiated(policy);
                }
            }
            filter::Turn::Reply(_) => {
                let verdict = verdicts.next().copied().unwrap_or(Verdict::Continue);
                if session.send(verdict).is_err() {
                    _ = session.send(Verdict::Continue).unwrap();
                }
            }
            filter::Turn::Closed => session = negotiated(policy),
            _ => {}
        }
    }
    events
}

/// Moves events through a thread and compares each. Two stores of macros see the one and the other, and agree.
fn compare_filter_events(events: &[filter::Event<'_>]) {
    let kept: Vec<_> = events.iter().map(filter::EventBuf::from).collect();
    let kept = through_a_thread(&kept);
    assert_eq!(kept.len(), events.len());
    let mut stores = [MacroStore::new(Vec::new()), MacroStore::new(Vec::new())];
    for (kept, event) in kept.iter().zip(events) {
        same_filter_event(kept, event);
        assert_eq!(kept.as_event().is_ignored(), event.is_ignored());
        assert_eq!(stores[0].observe(&kept.as_event()), stores[1].observe(event));
        let [kept, other] =
            stores.each_ref().map(|store| b"CHMRTNE".map(|code| store.stage(MacroStage::new(code))));
        assert_eq!(kept, other, "after {event:?}");
    }
}

#[test]
fn events_of_a_filter_survive_a_queue_in_the_order_of_a_message_and_in_any_other() {
    let odd = odd_frames();
    let mut facts = HashSet::new();
    for policy in filter_policies() {
        for order in ["DCHDMDRDTDLNBE", "DMMRDRTRDMUA", "EDEMEBDHDRLNKOC", "DMRTNBEDMQ"] {
            // Between two commands come the next two of the odd frames.
            let mut odd = odd.iter().map(FrameBuf::as_frame).cycle();
            let frames: Vec<_> = (0..odd.clone().take(ODD.len()).count())
                .flat_map(|_| order.bytes())
                .flat_map(|code| [Some(everyday(code)), odd.next(), odd.next()].into_iter().flatten())
                .collect();
            for verdicts in [&[Verdict::Continue][..], &mixed_verdicts()] {
                let events = filter_events(policy, frames.iter().copied(), verdicts);
                compare_filter_events(&events);
                facts.extend(events.iter().flat_map(facts_of));
            }
        }
    }
    let mut facts: Vec<_> = facts.into_iter().collect();
    facts.sort_unstable();
    assert_eq!(
        facts,
        [
            "aborts a message",
            "deviates",
            "empty body",
            "empty name",
            "end with bytes",
            "ignored",
            "known code as other",
            "out of order"
        ]
    );
}

/// What is special about an event.
fn facts_of(event: &filter::Event<'_>) -> Vec<&'static str> {
    let command = event.command;
    let is_known = CommandKind::from_code(command.code()).is_some();
    let facts = [
        (!event.in_order, "out of order"),
        (event.aborts_message, "aborts a message"),
        (event.is_ignored(), "ignored"),
        (event.deviation.is_some(), "deviates"),
        (matches!(command, Command::Other(_)) && is_known, "known code as other"),
        (matches!(command, Command::Body { chunk: [] }), "empty body"),
        (matches!(command, Command::Header { name, .. } if name.is_empty()), "empty name"),
        (matches!(command, Command::Body { chunk } if chunk == b"last piece"), "end with bytes"),
    ];
    facts.into_iter().filter(|fact| fact.0).map(|fact| fact.1).collect()
}

/// Verdicts that end commands, messages and connections.
fn mixed_verdicts() -> [Verdict<'static>; 7] {
    [
        Verdict::Continue,
        Verdict::Continue,
        Verdict::Tempfail,
        Verdict::Continue,
        Verdict::Reply(reply(b"450 4.7.1 later")),
        Verdict::Discard,
        Verdict::Accept,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn events_of_a_filter_survive_a_queue_whatever_comes(
        frames in vec(prop_oneof![
            4 => select(&b"DCHMRTLNBEUAK"[..]).prop_map(|code| FrameBuf::from(everyday(code))),
            1 => select(odd_frames()),
            1 => strategies::frame().prop_map(|(code, payload)| FrameBuf::new(code, payload)),
        ], 1..60),
        policy in select(filter_policies()),
        start in 0..7_usize,
    ) {
        let mut verdicts = mixed_verdicts();
        verdicts.rotate_left(start);
        compare_filter_events(&filter_events(policy, frames.iter().map(FrameBuf::as_frame), &verdicts));
    }
}

// The filter's own verdict ended the message, and only a private flag of the next event says so.
#[test]
fn a_private_fact_is_not_lost() {
    let mut session = negotiated(filter::Policy::DEFAULT);
    let mut events = Vec::new();
    for code in *b"DMRU" {
        events.push(session.receive(everyday(code)).unwrap());
        if code != b'D' {
            _ = session.send(if code == b'R' { Verdict::Discard } else { Verdict::Continue }).unwrap();
        }
    }
    let public = events.iter().map(|event| {
        let mut copy = filter::Event::new(event.command);
        (copy.in_order, copy.aborts_message, copy.deviation) =
            (event.in_order, event.aborts_message, event.deviation);
        copy
    });
    let kept = events.iter().map(filter::EventBuf::from).collect::<Vec<_>>();
    let value = |events: &[filter::Event<'_>]| {
        let mut store = MacroStore::new(Vec::new());
        events.iter().for_each(|event| store.observe(event).unwrap());
        store.get("i").is_some()
    };
    assert!(!value(&events), "the macros of a message that is over are forgotten");
    assert!(!value(&kept.iter().map(filter::EventBuf::as_event).collect::<Vec<_>>()));
    assert!(value(&public.collect::<Vec<_>>()), "the public fields alone do not say it");
}

/// Sessions of an MTA, each of which waits for the reply to another command.
fn waiting(policy: mta::Policy) -> Vec<MtaSession> {
    let mut session = MtaSession::with_policy(policy);
    assert!(session.send(Command::Negotiate(Offer::FULL)).is_ok());
    let mut all = vec![session];
    let steps = milter_proto::wire::Steps::SKIP;
    for actions in [Actions::ALL, Actions::EMPTY] {
        let mut session = MtaSession::with_policy(policy);
        assert!(session.send(Command::Negotiate(Offer::FULL)).is_ok());
        let answer = milter_proto::wire::Answer::new(milter_proto::wire::Version::V6, actions, steps);
        let frame = Response::from(answer).encode().to_frame();
        session.receive(frame.as_frame()).unwrap();
        for code in *b"CHMRTLNBE" {
            _ = session.send(crate::support::sides::command(code)).unwrap();
            all.push(session.clone());
            if code == b'E' {
                session.ignore_edits();
                all.push(session);
                break;
            }
            session.receive(Frame::new(b'c', b"")).unwrap();
        }
    }
    all
}

const MTA_POLICIES: [mta::Policy; 3] = [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX];

/// Gives frames to a copy of an MTA's session until it refuses one. Returns all events.
fn mta_events<'f>(session: &MtaSession, frames: impl IntoIterator<Item = Frame<'f>>) -> Vec<mta::Event<'f>> {
    let mut session = session.clone();
    frames.into_iter().map_while(|frame| session.receive(frame).ok()).collect()
}

fn compare_mta_events(events: &[mta::Event<'_>]) {
    let kept: Vec<_> = events.iter().map(mta::EventBuf::from).collect();
    let kept = through_a_thread(&kept);
    assert_eq!(kept.len(), events.len());
    kept.iter().zip(events).for_each(|(kept, event)| same_mta_event(kept, event));
}

#[test]
fn events_of_an_mta_survive_a_queue_whatever_the_filter_sends_and_when() {
    let clean = crate::support::sides::edits().map(|edit| Response::from(edit).encode().to_frame());
    let verdicts: [(u8, &[u8]); 9] = [
        (b'c', b""),
        (b'a', b""),
        (b'r', b""),
        (b't', b""),
        (b'd', b""),
        (b's', b""),
        (b'4', b""),
        (b'y', b"421 4.7.1 closing\0"),
        (b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x03i\0"),
    ];
    let verdicts = verdicts.map(|(code, payload)| FrameBuf::from(Frame::new(code, payload)));
    let frames: Vec<_> = odd_frames().into_iter().chain(clean).chain(verdicts).collect();
    let mut facts = HashSet::new();
    for session in MTA_POLICIES.into_iter().flat_map(waiting) {
        let mut events = Vec::new();
        for frame in &frames {
            events.extend(mta_events(&session, [frame.as_frame()]));
            // After a body that was not negotiated, Sendmail turns ACCEPT into TEMPFAIL.
            events.extend(mta_events(&session, [Frame::new(b'b', b"new"), frame.as_frame()]));
        }
        compare_mta_events(&events);
        for event in events {
            facts.insert(match event {
                mta::Event::Negotiated { .. } => "negotiated".to_owned(),
                mta::Event::Edit { status, deviation, .. } => format!("{status:?} {}", deviation.is_some()),
                mta::Event::MalformedEdit { .. } => "malformed".to_owned(),
                mta::Event::Progress => "progress".to_owned(),
                mta::Event::Verdict { scope, closes_smtp_session, deviation, .. } => {
                    format!("{scope:?} {closes_smtp_session} {}", deviation.is_some())
                }
                _ => "new".to_owned(),
            });
        }
    }
    let mut facts: Vec<_> = facts.into_iter().collect();
    facts.sort_unstable();
    assert_eq!(
        facts,
        [
            "Command false false",
            "Command false true",
            "Connection false false",
            "Connection false true",
            "Connection true false",
            "Ignored false",
            "Ignored true",
            "Message false false",
            "Message false true",
            "Message true false",
            "Negotiated false",
            "Negotiated true",
            "NotNegotiated false",
            "NotNegotiated true",
            "Nothing false false",
            "Recipient false false",
            "Recipient false true",
            "Recipient true false",
            "RejectsMessage false",
            "malformed",
            "negotiated",
            "progress"
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn events_of_an_mta_survive_a_queue_whatever_comes(
        frames in vec(strategies::frame().prop_map(|(code, payload)| FrameBuf::new(code, payload)), 1..20),
    ) {
        for session in MTA_POLICIES.into_iter().flat_map(waiting) {
            let one_by_one = frames.iter().flat_map(|frame| mta_events(&session, [frame.as_frame()]));
            compare_mta_events(&one_by_one.collect::<Vec<_>>());
            compare_mta_events(&mta_events(&session, frames.iter().map(FrameBuf::as_frame)));
        }
    }
}

#[test]
fn every_event_of_the_captured_sessions_comes_back_equal_at_their_end() {
    let (mut of_filters, mut of_mtas) = (0, 0);
    for session in crate::support::recorded::sessions() {
        let commands = session.frames(Side::Mta).0;
        let responses = session.frames(Side::Filter).0;
        let told: Vec<_> =
            responses.iter().filter_map(|frame| Response::parse(frame.as_frame()).ok()).collect();
        for policy in [filter::Policy::DEFAULT, filter::Policy::LIBMILTER, filter::Policy::STRICT] {
            let events = play_filter(policy, &commands, &told);
            of_filters += events.len();
            compare_filter_events(&events);
        }
        for policy in MTA_POLICIES {
            let events = play_mta(policy, &commands, &responses);
            of_mtas += events.len();
            compare_mta_events(&events);
        }
    }
    println!("{of_filters} events of filters, {of_mtas} of MTAs");
    assert!(of_filters > 10_000 && of_mtas > 5_000, "{of_filters} events of filters, {of_mtas} of MTAs");
}

/// The filter's side of a recorded session, told to answer as the recorded filter did, as far as that works.
fn play_filter<'f>(
    policy: filter::Policy,
    commands: &'f [FrameBuf],
    told: &[Response<'_>],
) -> Vec<filter::Event<'f>> {
    let mut session = FilterSession::with_policy(policy);
    let mut told = told.iter();
    let mut events = Vec::new();
    for frame in commands {
        let Ok(event) = session.receive(frame.as_frame()) else { break };
        events.push(event);
        events.extend(session.rest_of_frame());
        while let filter::Turn::Reply(owed) = session.turn() {
            let sent = told.next().is_some_and(|&response| session.send(response).is_ok());
            if !sent && owed == CommandKind::Negotiate {
                return events;
            }
            if !sent {
                _ = session.send(Verdict::Continue).unwrap();
            }
        }
    }
    events
}

/// The MTA's side of a recorded session, told to send what the recorded MTA sent, as far as that works.
fn play_mta<'f>(
    policy: mta::Policy,
    commands: &[FrameBuf],
    responses: &'f [FrameBuf],
) -> Vec<mta::Event<'f>> {
    let mut session = MtaSession::with_policy(policy);
    let mut responses = responses.iter();
    let mut events = Vec::new();
    for frame in commands {
        let command = Command::parse(frame.as_frame()).unwrap();
        if session.send(command).is_err() {
            break;
        }
        while let mta::Turn::Receive(_) = session.turn() {
            let Some(response) = responses.next() else { return events };
            let Ok(event) = session.receive(response.as_frame()) else { return events };
            events.push(event);
        }
    }
    events
}
