//! Random filters and random SMTP clients, rude ones too.

use std::collections::BTreeMap;

use milter_proto::MtaSession;
use milter_proto::macros::MacroDefaults;
use milter_proto::message::{
    Chain, ChainAnswer, ChainError, ChainFilter, EditRules, FailureAction, Header, Message,
};
use milter_proto::mta::{Event, Policy, Scope, Sent, Turn, VerdictKind};
use milter_proto::wire::{Assembler, Command, Offer, Steps, Verdict};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;

use super::filters::{Entry, Io, Part, Script};
use super::talk::{CONNECT, HELO, MAIL, rcpt};
use crate::support::{bytes_of, text};

/// What the SMTP client does, or the MTA on its own.
#[derive(Clone, Debug)]
enum Step {
    Ask(Kind),
    /// Sends a message with this body.
    Message(usize),
    /// The MTA gives a filter up.
    Fail(usize),
    /// A filter sends bytes, and the MTA reads them although it has asked nothing.
    Stray(usize, Vec<u8>),
    /// Does so many steps of a command, and then something else, or QUIT.
    Interrupted(Kind, usize, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Negotiate,
    Connect,
    Helo,
    Mail,
    Rcpt,
    Rejected,
    Data,
    Unknown,
    Abort,
    Quit,
    QuitNc,
    /// What the chain sends itself.
    Body,
}

impl Kind {
    fn command(self) -> Command<'static> {
        match self {
            Self::Negotiate => Command::Negotiate(Offer::FULL),
            Self::Connect => CONNECT,
            Self::Helo => HELO,
            Self::Mail => MAIL,
            Self::Rcpt | Self::Rejected => rcpt("<b@x>"),
            Self::Data => Command::Data,
            Self::Unknown => Command::Unknown { line: text(b"FOO") },
            Self::Abort => Command::Abort,
            Self::Quit => Command::Quit,
            Self::QuitNc => Command::QuitNewConnection,
            Self::Body => Command::Body { chunk: b"x" },
        }
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    use Kind::{Abort, Body, Connect, Data, Helo, Mail, Negotiate, Quit, QuitNc, Rcpt, Rejected, Unknown};
    prop_oneof![
        8 => select(vec![Mail, Rcpt, Data, Abort, Unknown, Rejected]),
        2 => select(vec![Helo, Quit, QuitNc, Negotiate, Connect, Body]),
    ]
}

/// A polite message, a part of it, or anything.
fn pieces() -> impl Strategy<Value = Vec<Step>> {
    use Kind::{Data, Mail, Rcpt, Rejected};
    let envelope = |kinds: &[Kind]| kinds.iter().copied().map(Step::Ask).collect::<Vec<_>>();
    let size = || select(vec![0_usize, 10, 70_000]);
    prop_oneof![
        4 => size().prop_map(move |size| [envelope(&[Mail, Rcpt, Data]), vec![Step::Message(size)]].concat()),
        2 => size().prop_map(move |size| {
            [envelope(&[Mail, Rejected, Rcpt, Rcpt, Data, Rcpt, Data]), vec![Step::Message(size)]].concat()
        }),
        4 => kinds().prop_map(|kind| vec![Step::Ask(kind)]),
        1 => size().prop_map(|size| vec![Step::Message(size)]),
        1 => (0..4_usize).prop_map(|filter| vec![Step::Fail(filter)]),
        1 => (0..4_usize, vec(any::<u8>(), 0..8)).prop_map(|(filter, bytes)| vec![Step::Stray(filter, bytes)]),
        1 => (kinds(), 1..6_usize, any::<bool>())
            .prop_map(|(kind, count, quits)| vec![Step::Interrupted(kind, count, quits)]),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let greeting = prop_oneof![
        9 => Just(vec![Kind::Negotiate, Kind::Connect, Kind::Helo]),
        1 => Just(vec![Kind::Negotiate, Kind::Connect]),
        1 => vec(kinds(), 0..3),
    ];
    (greeting, vec(pieces(), 0..8)).prop_map(|(greeting, pieces)| {
        greeting.into_iter().map(Step::Ask).chain(pieces.into_iter().flatten()).collect()
    })
}

fn verdicts() -> impl Strategy<Value = Vec<u8>> {
    select(vec![
        b"c".to_vec(),
        b"c".to_vec(),
        b"a".to_vec(),
        b"r".to_vec(),
        b"t".to_vec(),
        b"d".to_vec(),
        b"s".to_vec(),
        b"4".to_vec(),
        b"y550 5.7.1 no\0".to_vec(),
        b"y451 4.7.1 later\0".to_vec(),
        b"y421 4.3.2 closing\0".to_vec(),
        b"yno\0".to_vec(),
    ])
}

/// Edits that can be told apart when they are delivered: `X-0`, `X-1`, ...
fn edits() -> impl Strategy<Value = Vec<Part>> {
    (0..5_usize, select(vec![None, Some(b"bnew body\r\n".to_vec()), Some(b"qheld\0".to_vec())])).prop_map(
        |(count, other)| {
            let marks = (0..count).map(|number| format!("hX-{number}\0yes\0").into_bytes());
            marks.chain(other).map(Part::Frame).collect()
        },
    )
}

fn answers() -> impl Strategy<Value = Vec<Part>> {
    prop_oneof![
        6 => verdicts().prop_map(|verdict| vec![Part::Frame(verdict)]),
        3 => (edits(), verdicts()).prop_map(|(mut parts, verdict)| {
            parts.push(Part::Frame(verdict));
            parts
        }),
        1 => edits().prop_map(|mut parts| {
            parts.push(Part::Close);
            parts
        }),
        1 => vec(any::<u8>(), 0..12).prop_map(|bytes| vec![Part::Bytes(bytes)]),
        1 => vec(any::<u8>(), 0..12).prop_map(|bytes| vec![Part::Bytes(bytes), Part::Close]),
        1 => (verdicts(), verdicts()).prop_map(|(one, two)| vec![Part::Frame(one), Part::Frame(two)]),
        1 => verdicts().prop_map(|verdict| vec![Part::Frame(b"p".to_vec()), Part::Frame(verdict)]),
        1 => verdicts().prop_map(|verdict| vec![Part::Frame(verdict), Part::Close]),
        1 => Just(vec![Part::Silent]),
    ]
}

fn scripts() -> impl Strategy<Value = Script> {
    let commands = select(vec!["O", "C", "H", "M", "R", "T", "L", "N", "B", "E", "U"]);
    let named = (commands, 1..4_usize).prop_map(|(command, count)| {
        if count == 1 { command.to_owned() } else { format!("{command}{count}") }
    });
    let answers = btree_map(named, answers(), 0..4);
    let steps = prop_oneof![
        3 => Just(0),
        2 => any::<u32>().prop_map(|bits| bits & Steps::ALL.bits()),
        2 => (any::<u32>(), any::<u32>()).prop_map(|(one, two)| one & two & Steps::ALL.bits()),
        1 => Just(0x800),
    ];
    let lists = vec((0..7_u32, select(vec!["i", "{mail_addr} j", "{rcpt_addr}"])), 0..2);
    (answers, select(vec![6, 6, 6, 2, 3]), select(vec![0x1ff, 0x1ff, 0]), steps, lists).prop_map(
        |(answers, version, actions, steps, lists)| Script {
            answers,
            version,
            actions,
            steps,
            lists: lists.into_iter().map(|(stage, names)| (stage, names.to_owned())).collect(),
            listens_from: 1,
        },
    )
}

fn policies() -> impl Strategy<Value = Policy> {
    select(vec![Policy::POSTFIX, Policy::SENDMAIL, Policy::STRICT])
}

fn filters() -> impl Strategy<Value = (Script, ChainFilter)> {
    let actions = select(vec![
        FailureAction::Accept,
        FailureAction::Reject,
        FailureAction::Tempfail,
        FailureAction::Shutdown,
        FailureAction::Quarantine,
    ]);
    let macros = select(vec![MacroDefaults::NONE, MacroDefaults::POSTFIX]);
    let bytes = select(vec![300_usize, 100_000]);
    (scripts(), policies(), actions, macros, bytes).prop_map(|(script, policy, action, macros, bytes)| {
        let filter = ChainFilter::new()
            .with_session(MtaSession::with_policy(policy))
            .with_failure_action(action)
            .with_macro_defaults(macros)
            .with_max_edit_bytes(bytes);
        (script, filter)
    })
}

/// A chain, its filters, and what must hold after each task.
struct Walk {
    io: Io,
    chain: Chain<'static>,
    has_quit: bool,
}

impl Walk {
    fn new(filters: Vec<(Script, ChainFilter)>, rules: EditRules, read_size: usize) -> Self {
        let mut chain = Chain::new(rules);
        chain.macros_mut().set(text(b"i"), text(b"1"));
        let (scripts, filters): (Vec<_>, Vec<_>) = filters.into_iter().unzip();
        chain.extend(filters);
        let mut io = Io::new(scripts);
        io.read_size = read_size;
        io.begin_session();
        Self { io, chain, has_quit: false }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Ask(kind) => self.ask(*kind),
            Step::Message(size) => self.message(*size),
            Step::Fail(filter) => {
                self.chain.fail(*filter);
                self.note_failure(*filter);
            }
            Step::Stray(filter, bytes) => {
                if self.chain.receive(*filter, &mut bytes.as_slice()).is_err() {
                    self.note_failure(*filter);
                }
            }
            Step::Interrupted(kind, count, quits) => self.interrupted(*kind, *count, *quits),
        }
    }

    fn note_failure(&mut self, filter: usize) {
        if let Some(failed) = self.io.failed.get_mut(filter) {
            *failed |= !self.has_quit;
        }
    }

    fn send(&mut self, kind: Kind) -> Result<(), ChainError> {
        let command = kind.command();
        let sent = match kind {
            Kind::Rejected => self.chain.send_rejected(command),
            _ => self.chain.send(command),
        };
        if sent.is_ok() {
            self.has_quit |= kind == Kind::Quit;
            if matches!(kind, Kind::Mail | Kind::Abort | Kind::Helo | Kind::Connect | Kind::QuitNc) {
                self.io.filters.iter_mut().for_each(|filter| filter.refusal = None);
            }
        }
        sent
    }

    fn ask(&mut self, kind: Kind) {
        let begin = self.io.tape.len();
        if self.send(kind).is_err() {
            // Nothing was sent, and the next step is what it was.
            return assert!(kind != Kind::Quit && kind != Kind::Abort, "these may always come");
        }
        let answer = self.io.run(&mut self.chain);
        self.check(kind, begin, &answer);
        match kind {
            Kind::Abort => self.nobody_is_in_a_message(),
            Kind::Mail if !answer.passes() && answer.verdict.as_verdict() != Verdict::Discard => {
                self.nobody_is_in_a_message();
            }
            Kind::Quit => self.io.assert_left(),
            _ => {}
        }
    }

    /// Whether a filter that has not failed sent a verdict in this task that has to be the answer.
    fn check(&self, kind: Kind, begin: usize, answer: &ChainAnswer) {
        let tape = &self.io.tape[begin..];
        let refuses = |code: char, verdict: u8| match (code, verdict) {
            ('R', b'r' | b't') if kind == Kind::Rejected => false,
            ('C' | 'H' | 'M' | 'R' | 'T' | 'L' | 'N' | 'B' | 'E' | 'U', b'r' | b't') => true,
            ('M' | 'R' | 'T' | 'L' | 'N' | 'B' | 'E', b'd') => true,
            _ => false,
        };
        let first = tape.iter().find(|entry| {
            let is_usual =
                matches!(entry.answer.as_slice(), [Part::Frame(frame)] if refuses(entry.code, frame[0]));
            // Sent again, a recipient that the MTA refused looks like any other.
            let is_again =
                entry.code == 'R' && tape.iter().any(|it| it.filter == entry.filter && it.code == 'M');
            is_usual && !is_again && !self.io.failed[entry.filter] && !self.io.filters[entry.filter].is_odd
        });
        if let Some(first) = first {
            let decided = answer.filter.unwrap_or_else(|| panic!("{first:?} has to decide"));
            assert!(decided <= first.filter, "{first:?} decides, not {decided}");
        }
        // Those after the one that decides are not asked.
        if let (Some(decided), false) =
            (answer.filter, matches!(kind, Kind::Negotiate | Kind::Quit | Kind::QuitNc))
        {
            let later = tape.iter().find(|entry| entry.filter > decided && entry.code != 'A');
            assert!(later.is_none(), "{later:?} after filter {decided}");
        }
        // MAIL and HELO end the last message first.
        let is_first = |entry: &&Entry| entry.code == 'A' && matches!(kind, Kind::Mail | Kind::Helo);
        let (earlier, tape) = tape.split_at(tape.iter().take_while(is_first).count());
        assert!(earlier.is_sorted_by_key(|entry| entry.filter), "out of order: {earlier:?}");
        // In order; then those in a message are told that it is over.
        let mut filters = tape.iter().peekable();
        let mut last = 0;
        while let Some(entry) = filters.next_if(|entry| entry.filter >= last) {
            last = entry.filter;
        }
        let aborts: Vec<_> = filters.collect();
        assert!(aborts.iter().all(|entry| entry.code == 'A'), "out of order: {aborts:?}");
        assert!(aborts.is_sorted_by_key(|entry| entry.filter), "out of order: {aborts:?}");
    }

    fn nobody_is_in_a_message(&self) {
        assert_eq!(self.io.in_message(), Vec::<usize>::new(), "they were not told that the message is over");
    }

    fn message(&mut self, size: usize) {
        let begin = self.io.tape.len();
        let bytes = [b"A: b\r\n\r\n".as_slice(), &vec![b'x'; size]].concat();
        let mut message = Message::parse(&bytes).into_owned();
        message.set_sender(text(b"<a@x>"));
        message.add_recipient(text(b"<b@x>"));
        if self.chain.send_message(message).is_err() {
            return;
        }
        let answer = self.io.run(&mut self.chain);
        self.check(Kind::Body, begin, &answer);
        self.nobody_is_in_a_message();
        let message = self.chain.take_message();
        assert_eq!(message.is_some(), answer.passes(), "what is refused cannot be delivered");
        for (number, filter) in self.io.filters.iter_mut().enumerate() {
            let refusal = filter.refusal.take();
            assert!(
                !answer.passes() || refusal.is_none() || self.io.failed[number] || filter.is_odd,
                "filter {number} said {refusal:?}"
            );
        }
        let Some(message) = message else { return };
        // All edits of the filters that let it pass, and none of another.
        let mut expected = BTreeMap::new();
        for entry in self.io.tape[begin..].iter().filter(|entry| entry.code == 'E') {
            let is_before = answer.filter.is_none_or(|decided| entry.filter < decided);
            if is_before && !self.io.failed[entry.filter] {
                for part in &entry.answer {
                    let Part::Frame(frame) = part else { continue };
                    if let Some(name) = frame.strip_prefix(b"h") {
                        let name = name.split(|&byte| byte == 0).next().unwrap().to_vec();
                        *expected.entry(name).or_insert(0) += 1;
                    }
                }
            }
        }
        let mut found = BTreeMap::new();
        for header in message.headers().map(Header::name).filter(|name| name.starts_with(b"X-")) {
            *found.entry(header.to_vec()).or_insert(0) += 1;
        }
        if !self.io.filters.iter().any(|filter| filter.is_odd) {
            assert_eq!(found, expected, "{answer:?}");
        }
    }

    /// Begins with a command, and does not wait for the answer: only QUIT may follow.
    fn interrupted(&mut self, kind: Kind, count: usize, quits: bool) {
        let begin = self.io.tape.len();
        if self.send(kind).is_err() {
            return;
        }
        for _ in 0..count {
            if self.io.step(&mut self.chain).is_some() {
                return;
            }
        }
        for other in [Kind::Mail, Kind::Abort, Kind::Data, Kind::QuitNc] {
            assert_eq!(self.chain.send(other.command()), Err(ChainError::NotDone));
        }
        assert_eq!(self.chain.send_message(Message::parse(b"")), Err(ChainError::NotDone));
        if quits {
            self.io.may_close = true;
            self.ask(Kind::Quit);
        } else {
            let answer = self.io.run(&mut self.chain);
            self.check(kind, begin, &answer);
        }
    }
}

/// An MTA that uses a session by hand, with one filter.
struct ByHand {
    io: Io,
    session: MtaSession,
    assembler: Assembler<Vec<u8>>,
    has_failed: bool,
    envelope: Vec<Kind>,
    /// The filter refused a part of the envelope when it was sent again.
    lost: Option<VerdictKind>,
    /// The message is discarded, whatever becomes of the filter.
    is_discarded: bool,
}

impl ByHand {
    fn new(script: Script, policy: Policy) -> Self {
        let mut io = Io::new([script]);
        io.begin_session();
        Self {
            io,
            session: MtaSession::with_policy(policy),
            assembler: Assembler::new(Vec::new()),
            has_failed: false,
            envelope: Vec::new(),
            lost: None,
            is_discarded: false,
        }
    }

    /// The verdict to act on; `None` if the session does not allow the command.
    fn ask(&mut self, kind: Kind) -> Option<VerdictKind> {
        if self.is_discarded && matches!(kind, Kind::Rcpt | Kind::Rejected | Kind::Data) {
            return Some(VerdictKind::Discard);
        }
        let answer = self.ask_now(kind);
        self.is_discarded |= answer == Some(VerdictKind::Discard);
        self.is_discarded &= answer.is_none()
            || !matches!(kind, Kind::Abort | Kind::Helo | Kind::Quit | Kind::QuitNc)
                && (kind != Kind::Mail || answer == Some(VerdictKind::Discard));
        answer
    }

    fn ask_now(&mut self, kind: Kind) -> Option<VerdictKind> {
        let ends_session = matches!(kind, Kind::Quit | Kind::QuitNc);
        if self.has_failed {
            let passes = ends_session || kind == Kind::Abort;
            return Some(if passes { VerdictKind::Continue } else { VerdictKind::Tempfail });
        }
        let in_message = self.session.stage().is_in_message();
        if kind == Kind::Abort && !in_message || kind == Kind::Quit && self.session.turn() == Turn::Closed {
            return Some(VerdictKind::Continue);
        }
        if let (Some(lost), Kind::Rcpt | Kind::Rejected | Kind::Data) = (self.lost, kind) {
            return Some(lost);
        }
        if self.session.check(&kind.command()).is_err() {
            return None;
        }
        if in_message && matches!(kind, Kind::Helo | Kind::Mail) {
            self.envelope.clear();
            self.lost = None;
            self.send(Kind::Abort);
            if self.has_failed {
                return Some(VerdictKind::Tempfail);
            }
        }
        if ends_session || matches!(kind, Kind::Mail | Kind::Abort) {
            (self.envelope, self.lost) = (Vec::new(), None);
        }
        let answer = self.send(kind);
        if ends_session || kind == Kind::Abort {
            return Some(VerdictKind::Continue);
        }
        if kind == Kind::Mail && !answer.lets_pass() && self.session.stage().is_in_message() {
            self.send(Kind::Abort);
        }
        Some(if answer.lets_pass() { VerdictKind::Continue } else { answer })
    }

    /// Sends a command, and returns the verdict on it.
    fn send(&mut self, kind: Kind) -> VerdictKind {
        let command = kind.command();
        let sent = match kind {
            Kind::Rejected => self.session.send_rejected(command),
            _ => self.session.send(command),
        };
        // DATA once more, after an envelope that no recipient is left of.
        let Ok(sent) = sent else { return VerdictKind::Tempfail };
        let answer = match sent {
            Sent::Frame(frame) => self.exchange(&bytes_of(&frame)),
            Sent::Skipped { answer, .. } => answer,
            Sent::ResendEnvelope(abort) => {
                self.exchange(&bytes_of(&abort));
                if self.has_failed {
                    return VerdictKind::Tempfail;
                }
                for earlier in core::mem::take(&mut self.envelope) {
                    let answer = self.send(earlier);
                    if !answer.lets_pass() {
                        self.lost = Some(answer);
                        return answer;
                    }
                }
                return self.send(kind);
            }
        };
        if answer.lets_pass() && matches!(kind, Kind::Mail | Kind::Rcpt | Kind::Rejected) {
            self.envelope.push(kind);
        }
        answer
    }

    fn exchange(&mut self, bytes: &[u8]) -> VerdictKind {
        if !self.io.write(0, bytes) {
            return self.fail();
        }
        let mut verdict = VerdictKind::Continue;
        while self.session.wait().is_some() {
            let bytes = core::mem::take(&mut self.io.filters[0].out);
            let mut input = bytes.as_slice();
            if input.is_empty() {
                return self.fail();
            }
            loop {
                match self.session.next_event(&mut self.assembler, &mut input) {
                    Ok(Some(Event::Verdict { verdict: said, scope, closes_smtp_session, .. })) => {
                        let is_accept = scope == Scope::Connection && said == Verdict::Discard;
                        let counts = scope != Scope::Nothing && !is_accept || closes_smtp_session;
                        verdict =
                            if counts { VerdictKind::from_verdict(&said) } else { VerdictKind::Continue };
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return self.fail(),
                }
            }
        }
        verdict
    }

    fn fail(&mut self) -> VerdictKind {
        self.session.disconnect(0);
        (self.has_failed, self.io.failed[0]) = (true, true);
        VerdictKind::Tempfail
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nothing_that_filters_and_clients_do_breaks_a_chain(
        filters in vec(filters(), 0..4),
        steps in steps(),
        rules in select(vec![EditRules::POSTFIX, EditRules::SENDMAIL]),
        read_size in select(vec![1, 7, usize::MAX]),
    ) {
        let mut walk = Walk::new(filters, rules, read_size);
        for step in &steps {
            walk.step(step);
        }
        walk.ask(Kind::Quit);
    }

    #[test]
    fn a_chain_of_one_filter_answers_as_a_session(
        script in scripts(),
        policy in policies(),
        steps in steps(),
    ) {
        let filter = ChainFilter::new()
            .with_session(MtaSession::with_policy(policy))
            .with_macro_defaults(MacroDefaults::NONE);
        let script = Script { lists: Vec::new(), ..script };
        let mut walk = Walk::new(vec![(script.clone(), filter)], EditRules::POSTFIX, usize::MAX);
        let mut by_hand = ByHand::new(script, policy);
        for step in &steps {
            let kind = match step {
                Step::Ask(kind) if *kind != Kind::Body => *kind,
                _ => continue,
            };
            let Some(expected) = by_hand.ask(kind) else {
                assert!(walk.send(kind).is_err(), "{kind:?}");
                continue;
            };
            walk.send(kind).unwrap();
            let answer = walk.io.run(&mut walk.chain);
            let got = VerdictKind::from_verdict(&answer.verdict.as_verdict());
            assert_eq!((answer.passes(), got), (expected.lets_pass(), expected), "{kind:?}");
            assert_eq!(walk.io.story(0), by_hand.io.story(0), "{kind:?}");
        }
    }
}
