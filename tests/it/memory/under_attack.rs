//! What a peer that never stops can make a session and everything beside it hold: never more than the
//! table in the documentation of `Limits` says.

use allocation_counter::{AllocationInfo, measure};
use milter_proto::filter::Options;
use milter_proto::macros::MacroStore;
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{
    Actions, Answer, Assembler, Buffer, Command, Direction, Frame, Offer, Peer, Response, Steps, TextList,
    Verdict, Version,
};
use milter_proto::{FilterSession, Limits, Monitor, MtaSession, ReceiveError, filter, mta};

use crate::support::memory::{STORE, macro_frames, within};
use crate::support::{bytes_of, text, wire};

/// What opens a connection, and what then comes again and again, in other sizes each time.
struct Attack {
    name: &'static str,
    opening: Vec<u8>,
    again: Vec<u8>,
}

fn command_bytes(commands: &[Command<'_>]) -> Vec<u8> {
    commands.iter().flat_map(|command| bytes_of(&command.encode())).collect()
}

/// What an MTA could send for ever. Every frame is as large as the limit, or as small as can be.
fn attacks_on_a_filter(limit: usize) -> Vec<Attack> {
    let (address, arguments) = (text(b"<a@b.c>"), TextList::EMPTY);
    let connect = [
        Command::Negotiate(Offer::FULL),
        Command::Connect { host: text(b"mx.example"), peer: Peer::Unknown },
    ];
    let recipient = [Command::MailFrom { address, arguments }, Command::RcptTo { address, arguments }];
    let headers = [&connect[..], &recipient, &[Command::Data]].concat();
    let body = [&headers[..], &[Command::EndOfHeaders]].concat();
    let message = [&recipient[..], &[Command::EndOfHeaders, Command::EndOfMessage { chunk: b"" }]].concat();
    let long = vec![b'n'; limit - 4];
    let attack =
        |name, opening: &[Command<'_>], again| Attack { name, opening: command_bytes(opening), again };
    let arguments = [&b"<r@b.c>\0"[..], &b"x\0".repeat((limit - 8).div_euclid(2))].concat();
    vec![
        attack("macros", &connect, macro_frames(limit)),
        attack("macros before anything", &[], macro_frames(limit)),
        attack("header names", &headers, wire(b'L', &[&long[..], b"\0v\0"].concat())),
        attack("header values", &headers, wire(b'L', &[b"n\0", &long[..], b"\0"].concat())),
        attack("small headers", &headers, wire(b'L', b"n\0v\0").repeat(100)),
        attack("arguments", &[&connect[..], &recipient].concat(), wire(b'R', &arguments)),
        attack("chunks", &body, wire(b'B', &long)),
        attack("small chunks", &body, wire(b'B', b"x").repeat(100)),
        attack(
            "ends of messages with a chunk",
            &connect,
            [command_bytes(&recipient), wire(b'N', b""), wire(b'E', &long)].concat(),
        ),
        attack("messages", &connect, command_bytes(&message)),
        attack("offers", &connect, wire(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff").repeat(50)),
        attack("commands out of order", &connect, command_bytes(&[Command::Data, Command::Abort]).repeat(50)),
        attack("unknown SMTP commands", &connect, wire(b'U', &[&long[..], b"\0"].concat())),
        attack("codes that nobody knows", &connect, wire(b'\xff', &long)),
    ]
}

/// Some rounds of an attack, in pieces that end somewhere else each time.
fn rounds(attack: &Attack, mut take: impl FnMut(&[u8]) -> Option<()>) {
    let rounds = 1_500_000_usize.div_ceil(attack.again.len()).min(500);
    if take(&attack.opening).is_none() {
        return;
    }
    for round in 0..rounds {
        for piece in attack.again.chunks(4099 + 997 * (round % 50)) {
            if take(piece).is_none() {
                return;
            }
        }
    }
}

/// The least and the most that a limit may be here: all attacks need some room.
const RECEIVE: [u32; 2] = [65_535, 131_072];

/// Memory that a filter takes while it is attacked, and the events that it gets.
fn attacked_filter<S: Buffer, M: Buffer>(
    attack: &Attack,
    mut session: FilterSession,
    assembler: &mut Assembler<S>,
    store: &mut MacroStore<M>,
) -> (AllocationInfo, usize) {
    let mut events = 0;
    let taken = measure(|| {
        rounds(attack, |piece| {
            let mut input = piece;
            // After a fault it is fed all the same.
            while let Ok(Some(event)) = session.next_event(assembler, &mut input) {
                events += 1;
                _ = store.observe(&filter::Event::new(event.command));
                if session.turn() == filter::Turn::Reply(CommandKind::Negotiate) {
                    _ = session.negotiate(&Options::all_commands()).unwrap();
                } else if let filter::Turn::Reply(_) = session.turn() {
                    _ = session.send(Verdict::Continue).unwrap();
                }
            }
            Some(())
        });
    });
    (taken, events)
}

#[test]
fn a_filter_that_is_attacked_holds_a_frame_and_its_macros() {
    for (policy, receive) in [
        (filter::Policy::LIBMILTER, RECEIVE[0]),
        (filter::Policy::LIBMILTER, RECEIVE[1]),
        (filter::Policy::STRICT, RECEIVE[0]),
    ] {
        let limits = Limits::DEFAULT.with_max_receive_payload(receive);
        let receive = usize::try_from(receive).unwrap();
        for attack in attacks_on_a_filter(receive) {
            let session = FilterSession::with_limits(policy, limits);
            let mut assembler = Assembler::with_limits(Vec::new(), limits);
            let mut store = MacroStore::new(Vec::new());
            let (taken, events) = attacked_filter(&attack, session, &mut assembler, &mut store);
            within(taken, receive + STORE, attack.name);
            let ends_soon = policy == filter::Policy::STRICT || attack.again[4] == b'\xff';
            assert!(events > 10 || ends_soon, "{} is an attack", attack.name);
        }
    }
}

#[test]
fn a_filter_that_is_attacked_in_memory_of_the_caller_takes_no_other() {
    let (mut frame, mut macros) = ([0; 8192], [0; 8192]);
    let limits = Limits::DEFAULT.with_max_receive_payload(RECEIVE[0]);
    for limit in [8192, 65_535] {
        for attack in attacks_on_a_filter(limit) {
            let session = FilterSession::with_limits(filter::Policy::LIBMILTER, limits);
            let mut assembler = Assembler::with_limits(&mut frame[..], limits);
            let mut store = MacroStore::new(&mut macros[..]);
            let (taken, _) = attacked_filter(&attack, session, &mut assembler, &mut store);
            assert_eq!(taken, AllocationInfo::default(), "{}", attack.name);
        }
    }
}

/// What a filter could send for ever, after the end of a message or (`O`) in the place of an answer.
fn attacks_on_an_mta(limit: usize) -> Vec<(u8, &'static str, Vec<u8>, Rule)> {
    let long = vec![b'n'; limit - 9];
    let header = |code, index: &[u8]| wire(code, &[index, &long, b"\0v\0"].concat());
    let lists =
        [&b"\0\0\0\x06\0\0\x01\xff\0\0\0\0"[..], &b"\0\0\0\x02i\0".repeat((limit - 12).div_euclid(6))]
            .concat();
    let replies = b"550-5.7.1 no\r\n".repeat(limit.div_euclid(14) - 1);
    vec![
        (b'E', "edits", wire(b'h', b"X\0y\0"), Rule::TooManyEdits),
        (b'E', "edits with long names", header(b'h', b""), Rule::TooManyEdits),
        (b'E', "changes of headers", header(b'm', b"\xff\xff\xff\xff"), Rule::TooManyEdits),
        (b'E', "recipients", wire(b'+', &[&long[..], b"\0"].concat()), Rule::TooManyEdits),
        (b'E', "quarantines", wire(b'q', &[&long[..], b"\0"].concat()), Rule::TooManyEdits),
        (b'E', "progress", wire(b'p', b""), Rule::TooMuchProgress),
        (b'M', "progress before the end", wire(b'p', b""), Rule::TooMuchProgress),
        (
            b'E',
            "replies of many lines",
            wire(b'y', &[&replies, &b"550 5.7.1 no\0"[..]].concat()),
            Rule::NotOwed,
        ),
        (b'O', "macro lists", wire(b'O', &lists), Rule::NotOwed),
        (b'O', "no answer", wire(b'p', b""), Rule::Negotiation),
    ]
}

#[test]
fn an_mta_that_is_attacked_holds_a_frame_and_counts_what_comes() {
    let limits =
        Limits::DEFAULT.with_max_receive_payload(RECEIVE[1]).with_max_edits(10).with_max_progress(300);
    let receive = usize::try_from(RECEIVE[1]).unwrap();
    for (at, name, again, end) in attacks_on_an_mta(receive) {
        let mut session = mta_at(at, limits);
        let mut assembler = Assembler::with_limits(Vec::new(), limits);
        let attack = Attack { name, opening: Vec::new(), again };
        let mut fault = None;
        let mut reactions = 0;
        let taken = measure(|| {
            rounds(&attack, |piece| {
                let mut input = piece;
                loop {
                    match session.next_event(&mut assembler, &mut input) {
                        Ok(Some(_)) => reactions += 1,
                        Ok(None) => return Some(()),
                        Err(error) => {
                            fault = Some(error);
                            return None;
                        }
                    }
                }
            });
        });
        within(taken, receive, name);
        let rule = match fault {
            Some(ReceiveError::Peer(violation)) => violation.rule,
            // The same, where a piece ends within the frame.
            Some(ReceiveError::StrayBytes(_)) => Rule::NotOwed,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(rule, end, "{name}");
        let allowed = match end {
            Rule::TooManyEdits => 10,
            Rule::TooMuchProgress => 300,
            Rule::NotOwed => 1,
            _ => 0,
        };
        assert_eq!(reactions, allowed, "{name}");
    }
}

// What replaces a body is of any length: whoever keeps it has to bound it.
#[test]
fn an_mta_that_gets_an_endless_body_holds_a_frame() {
    let limits = Limits::DEFAULT.with_max_receive_payload(RECEIVE[0]).with_max_edits(0);
    let receive = usize::try_from(RECEIVE[0]).unwrap();
    for chunk in [&vec![b'x'; receive][..], b"x"] {
        let mut session = mta_at(b'E', limits);
        let mut assembler = Assembler::with_limits(Vec::new(), limits);
        let attack = Attack { name: "a body", opening: Vec::new(), again: wire(b'b', chunk) };
        let taken = measure(|| {
            rounds(&attack, |piece| {
                let mut input = piece;
                while session.next_event(&mut assembler, &mut input).unwrap().is_some() {}
                Some(())
            });
        });
        within(taken, receive, attack.name);
    }
}

/// A session in which the reply to that command is owed.
fn mta_at(code: u8, limits: Limits) -> MtaSession {
    let (address, arguments) = (text(b"<a@b.c>"), TextList::EMPTY);
    let mut session = MtaSession::with_limits(mta::Policy::POSTFIX, limits);
    for command in [
        Command::Negotiate(Offer::FULL),
        Command::Connect { host: text(b"mx.example"), peer: Peer::Unknown },
        Command::MailFrom { address, arguments },
        Command::RcptTo { address, arguments },
        Command::Data,
        Command::EndOfHeaders,
        Command::EndOfMessage { chunk: b"" },
    ] {
        let own = command.code();
        _ = session.send(command).unwrap();
        if own == code {
            return session;
        }
        let reply = match own {
            b'O' => Response::Negotiate(Answer::new(Version::V6, Actions::ALL, Steps::EMPTY)),
            _ => Verdict::Continue.into(),
        };
        let frame = bytes_of(&reply.encode());
        session.receive(Frame::new(frame[4], &frame[5..])).unwrap();
    }
    panic!("no command {code}");
}

#[test]
fn a_monitor_that_is_attacked_from_both_sides_holds_a_frame_of_each() {
    let receive = usize::try_from(RECEIVE[0]).unwrap();
    let limits = Limits::DEFAULT.with_max_receive_payload(RECEIVE[0]);
    let mut answers: Vec<u8> =
        attacks_on_an_mta(receive).into_iter().flat_map(|(_, _, again, _)| again).collect();
    answers.extend(wire(b'b', &vec![b'x'; receive]));
    for attack in attacks_on_a_filter(receive) {
        let mut monitor = Monitor::new();
        let [mut commands, mut responses] = [(); 2].map(|()| Assembler::with_limits(Vec::new(), limits));
        let mut answers = answers.chunks(5003).cycle();
        let taken = measure(|| {
            rounds(&attack, |piece| {
                let (mut input, mut answer) = (piece, answers.next().unwrap());
                while monitor.next_event(Direction::ToFilter, &mut commands, &mut input).unwrap().is_some() {}
                while monitor.next_event(Direction::ToMta, &mut responses, &mut answer).unwrap().is_some() {}
                Some(())
            });
        });
        within(taken, 2 * receive, attack.name);
    }
}
