//! Generated sessions as scenarios, against filters in memory.

use core::cell::RefCell;
use core::ops::ControlFlow;

use milter_proto::conformance::filter::Profile;
use milter_proto::conformance::{FilterRun, Outcome, Scenario, Verdict};
use milter_proto::filter::{Options, Policy, Turn};
use milter_proto::order::{CommandKind, Rule};
use milter_proto::testing::strategies::{nearly_session, session};
use milter_proto::testing::{Misbehaviour, Session};
use milter_proto::wire::{self, Assembler, Command, Direction, FrameBuf, Offer};
use milter_proto::{FilterSession, Monitor};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// A filter: its policy and options, and its verdicts; CONTINUE for all other commands.
struct Filter {
    policy: Policy,
    options: Options<'static>,
    verdicts: Vec<(CommandKind, wire::Verdict<'static>)>,
    /// What a monitor has against the MTA.
    broken: RefCell<Vec<(FrameBuf, Rule)>>,
}

impl Filter {
    fn new(policy: Policy, options: Options<'static>) -> Self {
        Self { policy, options, verdicts: Vec::new(), broken: RefCell::default() }
    }

    fn answering(mut self, kind: CommandKind, verdict: wire::Verdict<'static>) -> Self {
        self.verdicts.push((kind, verdict));
        self
    }

    fn connection(&self) -> impl FnMut(&[u8], &mut Vec<u8>) -> ControlFlow<()> + '_ {
        let mut session = FilterSession::with_policy(self.policy);
        let (mut assembler, mut monitor) = (Assembler::new(Vec::new()), Monitor::new());
        move |mut input, out| {
            if input.is_empty() {
                return ControlFlow::Break(());
            }
            loop {
                let frame: FrameBuf = match assembler.next_frame(&mut input) {
                    Ok(Some(frame)) => frame.into(),
                    Ok(None) => return ControlFlow::Continue(()),
                    Err(_) => return ControlFlow::Break(()),
                };
                let seen = monitor.observe(Direction::ToFilter, frame.as_frame());
                self.broken.borrow_mut().extend(seen.violations().map(|rule| (frame.clone(), rule)));
                if session.receive(frame.as_frame()).is_err() {
                    return ControlFlow::Break(());
                }
                // A chunk at the end of a message comes as an event of its own.
                session.rest_of_frame();
                let reply = match session.turn() {
                    Turn::Reply(CommandKind::Negotiate) => match session.negotiate(&self.options) {
                        Ok(answer) => answer.frame.to_frame(),
                        Err(_) => return ControlFlow::Break(()),
                    },
                    Turn::Reply(owed) => {
                        let verdict = self.verdicts.iter().find(|(kind, _)| *kind == owed);
                        session.send(verdict.map_or(wire::Verdict::Continue, |it| it.1)).unwrap().to_frame()
                    }
                    Turn::Closed => return ControlFlow::Break(()),
                    _ => continue,
                };
                monitor.observe(Direction::ToMta, reply.as_frame());
                reply.as_frame().encode().append_to(out);
            }
        }
    }

    fn run(&self, text: &str) -> Outcome {
        let scenarios = Scenario::read_all(text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
        assert_eq!(scenarios[0].to_string(), text);
        FilterRun::new(&scenarios[0], &Profile::default()).in_memory(|| self.connection())
    }
}

fn filters() -> Vec<(&'static str, Filter)> {
    use CommandKind::{
        Body, Connect, Data, EndOfHeaders, EndOfMessage, Header, Helo, MailFrom, RcptTo, Unknown,
    };
    use wire::Verdict::{Accept, Discard, Reject, Tempfail};
    let all = Options::all_commands;
    let robust = || Filter::new(Policy::DEFAULT, all());
    vec![
        ("robust", robust()),
        ("strict", Filter::new(Policy::STRICT, all())),
        ("libmilter", Filter::new(Policy::LIBMILTER, all())),
        ("few commands", Filter::new(Policy::LIBMILTER, Options::new([Connect, RcptTo, Header]))),
        ("no commands", Filter::new(Policy::DEFAULT, Options::new([]))),
        ("no replies", Filter::new(Policy::LIBMILTER, all().no_reply_to([MailFrom, Header, Body, Unknown]))),
        ("refuses clients", robust().answering(Connect, Reject)),
        ("refuses HELO", robust().answering(Helo, Tempfail)),
        ("accepts senders", robust().answering(MailFrom, Accept)),
        ("refuses recipients", robust().answering(RcptTo, Reject)),
        ("refuses DATA", Filter::new(Policy::LIBMILTER, all()).answering(Data, Tempfail)),
        ("discards", robust().answering(EndOfHeaders, Discard)),
        ("accepts bodies", Filter::new(Policy::LIBMILTER, all()).answering(Body, Accept)),
        ("refuses messages", robust().answering(EndOfMessage, Reject)),
        ("refuses UNKNOWN", Filter::new(Policy::LIBMILTER, all()).answering(Unknown, Reject)),
    ]
}

fn samples(strategy: impl Strategy<Value = Session>, count: usize) -> impl Iterator<Item = Session> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(move |_| strategy.new_tree(&mut runner).unwrap().current())
}

#[test]
fn legal_sessions_break_no_rule_whatever_a_sound_filter_does() {
    let texts: Vec<_> = samples(session(), 40).map(|session| session.to_scenario("legal")).collect();
    for (name, filter) in filters() {
        for text in &texts {
            let outcome = filter.run(text);
            assert_eq!(outcome.verdict, Verdict::Pass, "{name}: {outcome:?} in\n{text}");
            let broken = filter.broken.take();
            assert!(broken.is_empty(), "{name}: {broken:?} in\n{text}");
        }
    }
}

#[test]
fn no_session_with_a_fault_fails_a_sound_filter() {
    let mut silent = 0;
    let texts: Vec<_> = samples(nearly_session(), 80).map(|session| session.to_scenario("faulty")).collect();
    for (name, filter) in filters() {
        for text in &texts {
            let outcome = filter.run(text);
            assert_ne!(outcome.verdict, Verdict::Fail, "{name}: {outcome:?} in\n{text}");
            silent += usize::from(outcome.verdict == Verdict::NonStrict);
            if name == "robust" {
                assert_eq!(outcome.verdict, Verdict::Pass, "{name}: {outcome:?} in\n{text}");
            }
        }
    }
    assert!(silent > 50, "{silent}");
}

#[test]
fn sessions_are_legal_up_to_their_fault() {
    let mut broken = 0;
    for session in samples(nearly_session(), 150) {
        let legal = Session::new(session.commands.iter().cloned());
        assert_eq!(legal.broken_rule(), None);
        let Some((at, how)) = &session.fault else {
            assert_eq!(session.broken_rule(), None);
            continue;
        };
        let (whole, front) =
            (session.to_bytes(), Session::new(session.commands.iter().take(*at).cloned()).to_bytes());
        assert!(whole.starts_with(&front), "{session:?}");
        assert!(session.commands.len() <= at + 4, "{session:?}");
        if *how == Misbehaviour::Disconnect {
            assert_eq!(whole, front);
        }
        broken += usize::from(session.broken_rule().is_some());
    }
    assert!((50..145).contains(&broken), "{broken}");
}

#[test]
fn a_fault_is_what_its_name_says() {
    let offer = Command::Negotiate(Offer::FULL).encode().to_frame();
    let helo = FrameBuf::new(b'H', b"a\0".to_vec());
    let data = FrameBuf::new(b'T', Vec::new());
    let session = Session::new([offer.clone(), helo.clone()]);
    let bytes_of = |frames: &[&FrameBuf]| Session::new(frames.iter().map(|&it| it.clone())).to_bytes();
    for (how, expected) in [
        (Misbehaviour::Omit, bytes_of(&[&offer])),
        (Misbehaviour::Repeat, bytes_of(&[&offer, &helo, &helo])),
        (Misbehaviour::Insert(data.clone()), bytes_of(&[&offer, &data, &helo])),
        (Misbehaviour::Replace(data.clone()), bytes_of(&[&offer, &data])),
        (Misbehaviour::Bytes(b"\0\0".to_vec()), [&bytes_of(&[&offer])[..], b"\0\0"].concat()),
        (Misbehaviour::CutShort(5), [&bytes_of(&[&offer])[..], b"\0\0\0\x03H"].concat()),
        (Misbehaviour::CutShort(99), [&bytes_of(&[&offer])[..], b"\0\0\0\x03Ha"].concat()),
        (Misbehaviour::Disconnect, bytes_of(&[&offer])),
    ] {
        assert_eq!(session.clone().misbehaving(1, how.clone()).to_bytes(), expected, "{how:?}");
    }
}

#[test]
fn a_scenario_shows_the_session_step_by_step() {
    let frames = [Command::Negotiate(Offer::FULL), Command::Abort].map(|it| it.encode().to_frame());
    let session = Session::new(frames)
        .in_pieces_of(3)
        .misbehaving(1, Misbehaviour::Insert(FrameBuf::new(b'T', Vec::new())));
    let expected = "\
[filter/fuzz/data] must ORD-1
The filter lives on if frame 2 of a session comes after a frame that does not belong there
cut 3
>? OPTNEG 6 0x1ff 0x1fffff
< OPTNEG
>! DATA
< reply | close ~ silence
< silence | close
>? ABORT
recover
";
    assert_eq!(session.to_scenario("data"), expected);
    let legal = Session::new([FrameBuf::new(b'O', b"\0\0\0\x02\0\0\0\0\0\0\0\0".to_vec())]);
    assert!(legal.to_scenario("old").ends_with("\n>? OPTNEG 2 0x0 0x0\n< OPTNEG | close\n"));
    assert!(Session::new([]).to_scenario("empty").ends_with("\nalive\n"));
}

#[test]
fn a_command_in_order_is_sent_only_where_it_is() {
    let text = |steps: &str| format!("[filter/mine/steps] must ORD-4\nA command is left out\n{steps}");
    let greeted =
        "reach greeted\n>? MAIL \"<a@b.c>\"\n< reply\n>? RCPT \"<a@b.c>\"\n< reply\n>? DATA\n< reply\n";
    let sent = |filter: &Filter| {
        let outcome = filter.run(&text(greeted));
        (outcome.verdict, filter.broken.take().len())
    };
    for (name, filter) in
        filters().into_iter().filter(|(name, _)| !name.contains("client") && !name.contains("HELO"))
    {
        assert_eq!(sent(&filter), (Verdict::Pass, 0), "{name}");
    }
    // HEADER cannot follow here: the filter does not get it.
    let robust = &filters()[0].1;
    assert_eq!(robust.run(&text("reach greeted\n>? HEADER \"a\" \"b\"\n< reply\n")).verdict, Verdict::Pass);
    assert_eq!(robust.broken.take(), []);
    assert_eq!(robust.run(&text("reach greeted\n>! HEADER \"a\" \"b\"\n< reply\n")).verdict, Verdict::Pass);
    assert_eq!(robust.broken.take().len(), 1);
}
