//! An MTA's session: what it writes, what it buffers, and which commands it wants.

use milter_proto::mta::{Scope, Sent};
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Answer, Assembler, Command, FrameError, Offer, Response, Steps, Version};
use milter_proto::{MtaSession, ReceiveError, mta};

use crate::support::alphabet::{OFFERED, Said, bits, plain_commands};
use crate::support::sides::{Mta, strict};
use crate::support::{bytes_of, whole};

#[test]
fn an_mta_wants_quit_alone_once_the_connection_is_decided_and_no_rest_of_a_decided_message() {
    let wanted = |mta: &Mta| {
        let kinds = CommandKind::ALL.into_iter().filter(|kind| mta.0.wants(*kind));
        kinds.map(|kind| char::from(kind.code())).collect::<String>()
    };
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    assert_eq!(wanted(&mta), "DCQ", "what is in order, and nothing else");
    mta.go("CHM");
    let mut decided = mta.clone();
    decided.hears(b'R', b'a');
    assert_eq!(wanted(&decided), "DHMUAQ");
    let mut over = Mta::with(mta::Policy::STRICT, Steps::EMPTY);
    over.hears(b'C', b'r');
    assert_eq!(wanted(&over), "Q");
}

// Postfix once lost what was buffered. ABORT may wait as well: both MTAs leave it in the buffer.
#[test]
fn what_is_buffered_goes_out_with_the_next_command_that_has_a_reply() {
    let mut mta = Mta::with(mta::Policy::STRICT, Steps::NO_REPLY_MAIL | Steps::NO_REPLY_RCPT);
    mta.go("CH");
    for code in *b"DMRRA" {
        assert_eq!((mta.send(code), mta.0.should_flush()), (Ok(None), false), "{}", char::from(code));
    }
    mta.go("MR");
    assert_eq!((mta.send(b'T'), mta.0.should_flush()), (Ok(None), true));
    assert_eq!(mta.scope(b'c'), Scope::Command);
    assert!(!mta.0.should_flush());
    assert_eq!((mta.send(b'Q'), mta.0.should_flush()), (Ok(None), true));
}

// The four bytes of the length are enough to refuse it.
#[test]
fn a_frame_of_no_length_or_too_long_ends_the_connection_at_once() {
    for (bytes, is_too_long) in [(&b"\0\0\0\0c"[..], false), (b"\xff\xff\xff\xff", true)] {
        let mut mta = strict();
        mta.send(b'C').unwrap();
        let mut assembler = Assembler::new([0; 64]);
        let mut input = bytes;
        let error = mta.0.next_event(&mut assembler, &mut input).unwrap_err();
        match error {
            ReceiveError::Stream(FrameError::TooLong { .. }) => assert!(is_too_long),
            ReceiveError::Stream(_) => assert!(!is_too_long),
            other => panic!("{other}"),
        }
        let again = mta.0.next_event(&mut assembler, &mut &b"\0\0\0\x01c"[..]).unwrap_err();
        assert_eq!(again, error);
    }
}

// The way a stream is cut does not change the events.
#[test]
fn single_bytes_and_whole_rows_of_frames_give_the_same_reactions() {
    let stream = b"\0\0\0\x0bhX-Seen\0yes\0\0\0\0\x01p\0\0\0\x05qwhy\0\0\0\0\x01c";
    let stream = [b"\0\0\0\x0ch", &stream[5..]].concat();
    let mut seen = Vec::new();
    for size in [1, 2, 3, 5, 7, stream.len()] {
        let mut mta = strict();
        mta.go("CHMRTLNB");
        mta.send(b'E').unwrap();
        let mut assembler = Assembler::new([0; 64]);
        let mut reactions = Vec::new();
        for piece in stream.chunks(size) {
            let mut input = piece;
            while let Some(reaction) = mta.0.next_event(&mut assembler, &mut input).unwrap() {
                reactions.push(format!("{reaction:?}"));
            }
        }
        assert_eq!(reactions.len(), 4);
        seen.push((reactions, mta.0.turn(), assembler.pending()));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

#[test]
fn a_command_is_wanted_exactly_when_it_would_be_sent() {
    let offer = Offer::new(Version::V6, Actions::ALL, OFFERED);
    for steps in bits(OFFERED) {
        let mut mta = MtaSession::with_policy(mta::Policy::STRICT);
        let _ = mta.send(Command::Negotiate(offer)).expect("it is the first");
        let answer = Response::Negotiate(Answer::new(Version::V6, Actions::ALL, steps));
        mta.receive(whole(&bytes_of(&answer.encode()))).expect("it is offered");
        for Said { command, .. } in plain_commands().into_iter().filter(|said| !said.is_rejected) {
            let kind = CommandKind::from_command(&command).expect("it is one");
            if let Ok(sent) = mta.clone().send(command) {
                assert_eq!(mta.wants(kind), matches!(sent, Sent::Frame(_)), "{command:?} with {steps:?}");
            }
        }
    }
}
