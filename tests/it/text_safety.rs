//! What the library shows of a peer's bytes is one line of printable ASCII, whatever they are.

use core::cell::RefCell;
use core::fmt::{Debug, Display};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use milter_proto::filter::{Options, Support};
use milter_proto::macros::{MacroDefaults, MacroRequests, MacroStore, MacroValues};
use milter_proto::message::{
    AnswerReason, ApplyError, Chain, ChainFilter, ChainStep, EditRules, Edits, EnvelopeAddress,
    FailureAction, Header,
};
use milter_proto::monitor::Message;
use milter_proto::mta::Sent;
use milter_proto::negotiation::Negotiated;
use milter_proto::order::{steps, transitions, verdicts};
use milter_proto::transcript::{Entry, Line, ReadFault};
use milter_proto::wire::{
    Actions, Answer, Assembler, Chunks, Command, CommandBuf, DataSize, DecodeError, Direction, Edit, EditBuf,
    EnhancedCode, Frame, FrameBuf, LeadingSpace, ListStage, MacroLists, MacroListsBuf, MacroStage, Macros,
    MacrosBuf, Offer, Peer, ReplyBuf, ReplyCode, ReplyText, Response, ResponseBuf, Steps, Text, TextList,
    TextListBuf, Tolerance, Verdict, VerdictBuf, Version,
};
use milter_proto::{FilterSession, Limits, Monitor, MtaSession, ReceiveError, Timeouts, Wait, filter, mta};

use crate::support::hostile;

use Direction::{ToFilter, ToMta};

/// The public types that were shown.
#[derive(Default)]
struct Shown(RefCell<BTreeSet<&'static str>>);

impl Shown {
    /// Shows a value for a log, in one line and in several.
    #[track_caller]
    fn debug<T: Debug>(&self, value: T) {
        self.0
            .borrow_mut()
            .insert(core::any::type_name::<T>().split('<').next().unwrap().rsplit("::").next().unwrap());
        let line = format!("{value:?}");
        is_one_line(&line);
        assert!(!has_list_of_numbers(&line), "{line}");
        // The only line ends are those of the layout. What is long takes a while, and shows no more.
        if line.len() < 1000 {
            is_one_line(&format!("{value:#?}").replace('\n', ""));
        }
    }

    /// Shows a value for people, too.
    #[track_caller]
    fn both<T: Debug + Display>(&self, value: T) {
        is_one_line(&value.to_string());
        self.debug(value);
    }
}

#[track_caller]
fn is_one_line(shown: &str) {
    assert!(shown.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{}", shown.escape_debug());
}

/// Whether bytes are shown as numbers: two or more in a row.
fn has_list_of_numbers(shown: &str) -> bool {
    let is_number = |item: &&str| item.parse::<u8>().is_ok();
    let mut lists = shown.split('[');
    lists.any(|list| {
        // Most are none: quickly.
        list.starts_with(|first: char| first.is_ascii_digit())
            && list.split(", ").take(2).filter(is_number).count() == 2
    })
}

/// Frames of every known code, and of some that are none, with hostile bytes in every place.
fn frames() -> impl Iterator<Item = (u8, Vec<u8>)> {
    const CODES: &[u8] = b"OCHMRTNLBEUADQKcartdsfyhime+-2bqplZ\0\n\r\x1b\x7f\x80\xff";
    let shapes = |hostile: &[u8]| {
        let text = [hostile, b"\0"].concat();
        [
            hostile.to_vec(),
            text.clone(),
            [&text[..], &text].concat(),
            [b"\0\0\0\x01", &text[..], &text].concat(),
            [b"M", &text[..], &text].concat(),
            [hostile, b"\0U"].concat(),
            [hostile, b"\x004\0\x19", &text].concat(),
            [b"550 ", &text[..]].concat(),
            [b"550-", hostile, b"\r\n550 5.7.1 ", &text].concat(),
            [b"\0\0\0\x06\0\0\0\0\0\0\0\0", hostile].concat(),
            [b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x03", &text[..]].concat(),
        ]
    };
    // Escapes are made byte by byte: what is safe in one text is safe in another.
    let texts: [Vec<u8>; 4] = [
        hostile::texts_without_nul().flatten().collect(),
        b"a\0\r\n250 ok\0".to_vec(),
        b"\n[9] < ACCEPT".to_vec(),
        b"\x1b[2J\xc2\x85".to_vec(),
    ];
    let every = texts.into_iter().flat_map(move |hostile| shapes(&hostile));
    every.flat_map(|payload| CODES.iter().map(move |&code| (code, payload.clone())))
}

#[test]
fn every_frame_is_one_line_of_a_transcript() {
    for (code, payload) in frames() {
        let frame = Frame::new(code, &payload);
        for direction in [ToFilter, ToMta] {
            let line = Line::new(direction, frame);
            for line in [line, line.hiding_content()] {
                is_one_line(&line.to_string());
            }
            assert_eq!(line.to_string().parse(), Ok(Entry::new(direction, frame.into())));
        }
    }
}

#[test]
fn every_value_and_every_error_is_shown_in_one_line() {
    let shown = Shown::default();
    for (code, payload) in frames() {
        let frame = Frame::new(code, &payload);
        shown.debug(frame);
        shown.debug(FrameBuf::from(frame));
        shown.debug(frame.encode());
        for direction in [ToFilter, ToMta] {
            shown.both(Line::new(direction, frame));
            shown.both(Entry::new(direction, frame.into()));
            let sighting = Monitor::new().observe(direction, frame);
            shown.debug(sighting.message);
            shown.debug(sighting);
            sighting.violations().for_each(|rule| shown.both(rule));
        }
        commands(&shown, frame);
        responses(&shown, frame);
        of_a_filter(&shown, frame);
        of_an_mta(&shown, frame);
    }
    texts(&shown);
    streams(&shown);
    values_without_text(&shown);
    chain(&shown);
    let public = public_types();
    println!("{} types, {} frames in each direction", public.len(), frames().count());
    let missing: Vec<_> = public.iter().filter(|name| !shown.0.borrow().contains(name.as_str())).collect();
    assert!(public.len() > 80, "{public:?}");
    assert!(missing.is_empty(), "what do these show of a peer's bytes? {missing:?}");
}

fn commands(shown: &Shown, frame: Frame<'_>) {
    let decoded = Command::parse_as(frame, Tolerance::LENIENT);
    Command::parse(frame).map_or_else(|error| shown.both(error), |command| shown.debug(command));
    let Ok(decoded) = decoded else { return };
    shown.debug(decoded);
    shown.debug(CommandBuf::from(decoded.value));
    decoded.deviation.into_iter().for_each(|error| fault(shown, error));
    match decoded.value {
        Command::Macros(macros) => {
            shown.debug(macros);
            shown.debug(MacrosBuf::from(macros));
            shown.debug(macros.stage());
            let mut store = MacroStore::new(Vec::new());
            store.observe(&filter::Event::new(decoded.value)).unwrap();
            shown.debug(store);
        }
        Command::Connect { peer, .. } => shown.debug(peer),
        Command::MailFrom { address, arguments } => {
            shown.debug(address);
            shown.debug(arguments);
            shown.debug(arguments.iter());
        }
        Command::Negotiate(offer) => shown.debug(offer),
        _ => {}
    }
}

fn responses(shown: &Shown, frame: Frame<'_>) {
    let decoded = Response::parse_as(frame, Tolerance::LENIENT);
    Response::parse(frame).map_or_else(|error| shown.both(error), |response| shown.debug(response));
    let Ok(decoded) = decoded else { return };
    shown.debug(ResponseBuf::from(decoded.value));
    decoded.deviation.into_iter().for_each(|error| fault(shown, error));
    match decoded.value {
        Response::Edit(edit) => {
            shown.debug(edit);
            shown.debug(EditBuf::from(edit));
            shown.debug(edit.action());
        }
        Response::Verdict(verdict) => {
            shown.debug(verdict);
            shown.debug(VerdictBuf::from(verdict));
            let Verdict::Reply(reply) = verdict else { return };
            shown.debug(reply);
            shown.both(reply.unescaped());
            shown.both(reply.code());
            for line in reply.lines() {
                shown.debug(line);
                is_one_line(&line.text().to_string());
                line.enhanced().into_iter().for_each(|status| shown.both(status));
            }
        }
        Response::Negotiate(answer) => {
            shown.debug(answer);
            shown.debug(answer.macro_lists);
            shown.debug(MacroRequests::new(answer.macro_lists));
            shown.debug(Options::all_commands().macro_lists(answer.macro_lists));
            let decision = mta::accept(Offer::FULL, answer, &mta::Policy::POSTFIX);
            decision.map_or_else(|refusal| shown.both(refusal), |decision| shown.both(decision));
            answer.macro_lists.iter().for_each(|(stage, _)| shown.debug(stage));
        }
        _ => {}
    }
}

fn fault(shown: &Shown, error: DecodeError) {
    shown.both(error.field());
    shown.both(error.fault());
    error.deviation().into_iter().for_each(|deviation| shown.debug(deviation));
    shown.both(error);
}

/// A filter that gets this after a negotiation.
fn of_a_filter(shown: &Shown, frame: Frame<'_>) {
    let mut session = FilterSession::with_policy(filter::Policy::LIBMILTER);
    let offer = Command::Negotiate(Offer::FULL).encode().segments().flatten().copied().collect::<Vec<_>>();
    session.receive(Frame::new(offer[4], &offer[5..])).unwrap();
    shown.debug(session.negotiate(&Options::all_commands()).unwrap());
    shown.both(session.negotiate(&Options::all_commands()).unwrap_err());
    match session.receive(frame) {
        Ok(event) => {
            shown.debug(filter::EventBuf::from(event));
            shown.debug::<filter::Event<'_>>(event);
        }
        Err(error) => received(shown, error),
    }
    shown.debug(session.turn());
    let text = frame.payload().split_last().map(|(_, text)| text).unwrap_or_default();
    let reply = ReplyText::parse_as(text, Tolerance::LENIENT);
    for verdict in reply.map(Verdict::Reply).into_iter().chain([Verdict::Shutdown]) {
        session
            .clone()
            .send_nearest(verdict)
            .map_or_else(|misuse| shown.both(misuse), |sent| shown.debug(sent));
    }
    if let Err(misuse) = session.send(Response::Other(frame)) {
        shown.both(misuse.context);
        shown.both(misuse);
    }
    shown.debug(session.disconnect(3));
    shown.debug(session);
}

/// An MTA that is told this at the end of a message.
fn of_an_mta(shown: &Shown, frame: Frame<'_>) {
    let mut session = MtaSession::with_policy(mta::Policy::POSTFIX);
    let _ = session.send(Command::Negotiate(Offer::FULL)).unwrap();
    let answer = Answer::new(Version::V6, Actions::ALL, Steps::from_bits(0x0f));
    let answer = Response::from(answer).encode().segments().flatten().copied().collect::<Vec<_>>();
    session.receive(Frame::new(answer[4], &answer[5..])).unwrap();
    shown.debug(session.negotiated().copied().unwrap());
    let text = Text::new(frame.payload()).unwrap_or_default();
    let helo = session.send(Command::Helo { name: text }).unwrap();
    let Sent::Skipped { reason, answer } = helo else { panic!("{helo:?}") };
    shown.debug(reason);
    shown.debug(answer);
    shown.debug(helo);
    let _ = session.send(Command::MailFrom { address: text, arguments: TextList::EMPTY }).unwrap();
    let _ = session.send(Command::RcptTo { address: text, arguments: TextList::EMPTY }).unwrap();
    for command in [Command::Data, Command::EndOfHeaders] {
        let _ = session.send(command).unwrap();
        session.receive(Frame::new(b'c', b"")).unwrap();
    }
    let end = session.send(Command::EndOfMessage { chunk: &[] }).unwrap();
    shown.debug(end);
    match session.receive(frame) {
        Ok(reaction) => {
            shown.debug(mta::EventBuf::from(reaction));
            shown.debug(reaction);
            match reaction {
                mta::Event::Edit { status, .. } => shown.debug(status),
                mta::Event::Verdict { scope, .. } => shown.debug(scope),
                _ => {}
            }
        }
        Err(error) => received(shown, error),
    }
    shown.debug(session.turn());
    shown.debug(session.disconnect(3));
    shown.debug(session);
}

fn received(shown: &Shown, error: ReceiveError) {
    shown.both(error);
    let ReceiveError::Peer(violation) = error else { return };
    violation.detail.into_iter().for_each(|detail| shown.both(detail));
    shown.both(violation);
}

/// What is made of texts, and the errors of what cannot be.
fn texts(shown: &Shown) {
    let code = ReplyCode::new(550).unwrap();
    for hostile in hostile::texts() {
        Text::new(&hostile).map_or_else(|error| shown.both(error), |text| shown.debug(text));
        TextList::new(&hostile).map_or_else(|error| shown.both(error), |list| shown.debug(list));
        let _ = ReplyText::parse(&hostile).map_err(|error| {
            shown.both(error.fault);
            shown.both(error);
        });
        let mut storage = [0; 2048];
        let _ = ReplyText::write(code, None, [&hostile], &mut storage).map_err(|error| shown.both(error));
        let _ = ReplyBuf::new(code, EnhancedCode::new(5, 7, 1), [b"%"]).map(|reply| shown.debug(reply));
        shown.debug(Chunks::new(&hostile, DataSize::Kib64));
        let parsed = String::from_utf8_lossy(&hostile).parse::<Entry>();
        let error = parsed.expect_err("no transcript");
        shown.both::<ReadFault>(error.fault);
        shown.both(error);
        shown.both(Edit::quarantine(&[&hostile[..], b"\0"].concat()).unwrap_err());
        let utf8 = String::from_utf8_lossy(&hostile);
        utf8.parse::<ReplyCode>().map_or_else(|error| shown.both(error), |code| shown.both(code));
        utf8.parse::<EnhancedCode>().map_or_else(|error| shown.both(error), |code| shown.both(code));
        let _ = ReplyBuf::new_utf8(code, None, [&utf8]).map(|reply| shown.debug(reply));
        let Ok(text) = Text::new(&hostile) else { continue };
        shown.debug(Peer::Unix { port: 0, path: text });
        shown.debug([text, text].into_iter().collect::<TextListBuf>());
        shown.debug([(text, text)].into_iter().collect::<MacroValues>());
        message(shown, text);
        let mut lists = MacroListsBuf::new();
        lists.push(ListStage::RCPT, text);
        shown.debug(lists.as_lists());
        shown.debug(lists);
        let odd = [&hostile[..], b"\0"].concat();
        shown.both(Macros::new(MacroStage::new(hostile[0]), TextList::new(&odd).unwrap()).unwrap_err());
        shown.both(MacroLists::write([(ListStage::RCPT, text)], &mut []).unwrap_err());
        let list = [&hostile[..], b"\0\0"].concat();
        let macros = Macros::new(MacroStage::MAIL, TextList::new(&list).unwrap()).unwrap();
        shown
            .both(MacroStore::new([0; 0]).observe(&filter::Event::new(Command::Macros(macros))).unwrap_err());
    }
}

/// What cannot be cut.
fn streams(shown: &Shown) {
    for hostile in hostile::texts() {
        let mut assembler = Assembler::with_limits(Vec::new(), Limits::DEFAULT.with_max_receive_payload(64));
        for bytes in [&b"\0\0\0\x20M"[..], &hostile, &[0; 64]] {
            let mut input = bytes;
            if let Err(error) = assembler.next_frame(&mut input) {
                shown.both(error);
                shown.both(ReceiveError::from(error));
            }
            // It shows how much it holds.
            is_one_line(&format!("{assembler:?}"));
        }
        shown.debug(assembler);
    }
    let frame = Frame::new(b'H', b"x\0").encode();
    shown.both(frame.within(Limits::DEFAULT.with_max_send_payload(1)).unwrap_err());
    let http = Assembler::new(Vec::new()).next_frame(&mut &b"GET / HTTP/1.1"[..]).unwrap_err();
    if let milter_proto::wire::FrameError::TooLong { looks_like, .. } = http {
        shown.debug(looks_like.unwrap());
    }
}

/// A chain of one filter, which fails.
fn chain(shown: &Shown) {
    let mut chain = Chain::new(EditRules::POSTFIX);
    shown.debug(ChainFilter::new());
    shown.debug(FailureAction::Tempfail);
    let misuse = FilterSession::new().send(Response::Progress).unwrap_err();
    for reason in [AnswerReason::Verdict, AnswerReason::Failure, AnswerReason::NotSendable(misuse)] {
        shown.both(reason);
    }
    chain.add(ChainFilter::new());
    shown.both(chain.send(Command::EndOfHeaders).unwrap_err());
    chain.send(Command::Negotiate(Offer::FULL)).unwrap();
    loop {
        let step = chain.next_step();
        shown.debug(&step);
        match step {
            ChainStep::Done(answer) => break shown.debug(answer),
            ChainStep::Read { filter, .. } => {
                shown.both(chain.receive(filter, &mut &b"\xffGET\x1b\n"[..]).unwrap_err());
            }
            ChainStep::Write { .. } | ChainStep::Close { .. } => {}
        }
    }
    shown.debug(chain.next_step());
    shown.debug(chain);
}

/// Messages, and what edits with this text do to them.
fn message(shown: &Shown, text: Text<'_>) {
    let mut message = milter_proto::message::Message::parse(text.as_bytes());
    message.add_trace(Header::new(text.as_bytes(), text.as_bytes()));
    message.add_recipient(EnvelopeAddress::new(text).with_arguments([text]));
    let mut edits = Edits::with_max_bytes(100_000);
    for edit in [
        Edit::AddHeader { name: text, value: text },
        Edit::ChangeFrom { address: text, arguments: Some(text) },
        Edit::AddRcptWithArguments { address: text, arguments: Some(text) },
        Edit::ReplaceBody { chunk: text.as_bytes() },
        Edit::Quarantine { reason: text },
    ] {
        let _ = edits.push(edit, mta::EditStatus::Negotiated);
    }
    for rules in [EditRules::POSTFIX, EditRules::SENDMAIL] {
        shown.debug(rules);
        for outcome in edits.apply(&mut message, rules, LeadingSpace::Stripped).unwrap() {
            shown.both(outcome);
            outcome.effect.into_iter().for_each(|effect| shown.both(effect));
            outcome.ignored.into_iter().for_each(|reason| shown.both(reason));
        }
    }
    message.headers().for_each(|header| {
        shown.debug(header.clone());
        shown.debug(header.origin());
    });
    shown.debug(message.sender().clone());
    shown.debug(message.commands(&Negotiated::NOTHING));
    shown.debug(message);
    let error = Edits::with_max_bytes(0).push(Edit::Quarantine { reason: text }, mta::EditStatus::Negotiated);
    shown.both(error.unwrap_err());
    let error = ApplyError::from(error.unwrap_err());
    shown.both(error);
    shown.both(AnswerReason::Edits(error));
    shown.debug(edits);
}

/// What holds no text of anybody, to complete the list.
fn values_without_text(shown: &Shown) {
    shown.both(Version::V6);
    shown.debug(Steps::ALL);
    shown.debug(DataSize::Kib64);
    shown.debug(LeadingSpace::Stripped);
    shown.debug(Limits::DEFAULT);
    shown.debug(Tolerance::LENIENT);
    shown.debug(mta::Policy::POSTFIX);
    shown.debug(filter::Policy::DEFAULT.receiving());
    shown.debug(filter::Policy::DEFAULT.sending());
    shown.debug(Timeouts::POSTFIX);
    shown.debug(MacroDefaults::POSTFIX);
    shown.debug(Wait::Command);
    shown.debug(Monitor::new());
    shown.debug(ToMta);
    shown.debug(Support::Off);
    let decision = Options::all_commands().skip(Support::Required).answer(Offer::FULL).unwrap();
    shown.debug(decision.step(Steps::SKIP).unwrap());
    shown.debug(Message::Command(Command::Quit));
    for transition in transitions() {
        shown.debug(transition);
        shown.debug(transition.stage);
        shown.both(transition.command);
        transition.libmilter.into_iter().for_each(|accepted| shown.debug(accepted));
    }
    verdicts().for_each(|(_, _, effect)| shown.debug(effect));
    steps().for_each(|(_, switch)| shown.debug(switch));
}

#[test]
#[cfg(any(feature = "arbitrary", feature = "proptest"))]
fn sessions_and_their_scenarios_are_shown_in_printable_lines() {
    use milter_proto::testing::{Misbehaviour, Session};

    let shown = Shown::default();
    for hostile in hostile::texts() {
        let frame = FrameBuf::new(b'H', hostile.clone());
        for how in [
            Misbehaviour::Omit,
            Misbehaviour::Repeat,
            Misbehaviour::Insert(frame.clone()),
            Misbehaviour::Replace(frame.clone()),
            Misbehaviour::Bytes(hostile.clone()),
            Misbehaviour::CutShort(3),
            Misbehaviour::Disconnect,
        ] {
            let session = Session::new([frame.clone()]).misbehaving(0, how.clone());
            session.to_scenario("hostile").lines().for_each(is_one_line);
            shown.debug(session);
            shown.debug(how);
        }
    }
    assert_eq!(shown.0.into_inner(), BTreeSet::from(["Misbehaviour", "Session"]));
}

/// The names of the public types: those that the source declares without being in a private place.
fn public_types() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in [
        "src",
        "src/wire",
        "src/order",
        "src/filter",
        "src/mta",
        "src/macros",
        "src/transcript",
        "src/message",
        "src/message/chain",
    ] {
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            let words = text.lines().filter_map(|line| {
                let line = line.trim_start();
                line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))
            });
            let name = |words: &str| words.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned();
            names.extend(words.map(name).filter(|name| !name.is_empty()));
        }
    }
    names
}
