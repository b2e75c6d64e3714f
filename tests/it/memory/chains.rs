//! A chain of filters: what it holds for a message is what the filters may send, and never a copy of the body.

use allocation_counter::measure;
use milter_proto::Limits;
use milter_proto::message::{Chain, ChainAnswer, ChainFilter, ChainStep, EditRules, FailureAction, Message};
use milter_proto::wire::{Command, Offer, Peer, TextList};

use crate::support::memory::within;
use crate::support::{text, wire};

const FILTERS: usize = 3;

/// Bytes of the body: far more than anything else takes.
const BODY: usize = 8 * 1024 * 1024;

/// Bytes of edits that each filter may send for one message.
const EDITS: usize = 200_000;

/// Bytes that a filter takes besides edits and frames that were cut, at most.
const SMALL: usize = 16 * 1024;

fn message_bytes() -> Vec<u8> {
    let mut bytes = "X-Header: a value\r\n".repeat(100).into_bytes();
    bytes.extend_from_slice(b"\r\n");
    bytes.resize(bytes.len() + BODY, b'x');
    bytes
}

fn chain<'m>(on_failure: FailureAction) -> Chain<'m> {
    let filter = ChainFilter::POSTFIX.with_max_edit_bytes(EDITS).with_failure_action(on_failure);
    let mut chain = Chain::new(EditRules::POSTFIX);
    chain.extend((0..FILTERS).map(|_| filter.clone()));
    chain
}

/// What the filters send: a reply to a command of that code.
type Replies<'r> = &'r dyn Fn(usize, u8) -> &'r [u8];

/// Does what the chain says. A filter that is asked for more sends the same again.
fn run(chain: &mut Chain<'_>, replies: Replies<'_>) -> ChainAnswer {
    let mut last = 0;
    loop {
        match chain.next_step() {
            ChainStep::Done(answer) => return answer,
            ChainStep::Close { .. } => {}
            ChainStep::Write { frame, .. } => last = frame.segments().flatten().copied().nth(4).unwrap(),
            ChainStep::Read { filter, .. } => {
                // An error is a filter that failed.
                let _ = chain.receive(filter, &mut replies(filter, last));
            }
        }
    }
}

/// One message of a session. Returns what is delivered.
fn deliver<'m>(
    chain: &mut Chain<'m>,
    bytes: &'m [u8],
    replies: Replies<'_>,
) -> (ChainAnswer, Option<Message<'m>>) {
    let (address, arguments) = (text(b"<a@x>"), TextList::EMPTY);
    for command in
        [Command::MailFrom { address, arguments }, Command::RcptTo { address, arguments }, Command::Data]
    {
        chain.send(command).unwrap();
        assert!(run(chain, replies).passes());
    }
    let mut message = Message::parse(bytes);
    message.add_recipient(address);
    chain.send_message(message).unwrap();
    let answer = run(chain, replies);
    (answer, chain.take_message())
}

/// The beginning of a session.
fn greet(chain: &mut Chain<'_>, replies: Replies<'_>) {
    for command in [
        Command::Negotiate(Offer::FULL),
        Command::Connect { host: text(b"x"), peer: Peer::Unknown },
        Command::Helo { name: text(b"x") },
    ] {
        chain.send(command).unwrap();
        assert!(run(chain, replies).passes());
    }
}

/// Plays a session of some messages, in which the filters answer the offer and the end of a message with this. Returns the
/// chain, the answer to the last message, and what is delivered of it.
fn play<'m>(
    bytes: &'m [u8],
    messages: usize,
    on_failure: FailureAction,
    offered: &[u8],
    ends: &[Vec<u8>],
) -> (Chain<'m>, ChainAnswer, Option<Message<'m>>) {
    let replies = |filter: usize, code: u8| match code {
        b'O' => offered,
        b'E' => &ends[filter],
        _ => b"\0\0\0\x01c",
    };
    let mut chain = chain(on_failure);
    greet(&mut chain, &replies);
    for _ in 1..messages {
        deliver(&mut chain, bytes, &replies);
    }
    let (answer, message) = deliver(&mut chain, bytes, &replies);
    (chain, answer, message)
}

/// Version 6, every edit, and a reply to each command.
fn usual_answer() -> Vec<u8> {
    wire(b'O', b"\0\0\0\x06\0\0\x01\xff\0\0\0\0")
}

fn with_continue(mut edits: Vec<u8>) -> Vec<u8> {
    edits.extend(wire(b'c', b""));
    edits
}

fn is_lent(message: &Message<'_>, bytes: &[u8]) -> bool {
    let (whole, body) = (bytes.as_ptr_range(), message.body().as_ptr_range());
    whole.start <= body.start && body.end <= whole.end && message.body().len() == BODY
}

#[test]
fn a_walk_through_all_filters_copies_no_body_and_keeps_nothing_of_earlier_messages() {
    let (bytes, answer) = (message_bytes(), usual_answer());
    let edits = [wire(b'h', b"X-Seen\0yes\0"), wire(b'm', b"\0\0\0\x02X-Header\0\0"), wire(b'+', b"<c@x>\0")];
    let ends = vec![with_continue(edits.concat()); FILTERS];
    for messages in [1, 20] {
        let mut played = None;
        let taken =
            measure(|| played = Some(play(&bytes, messages, FailureAction::Tempfail, &answer, &ends)));
        within(taken, FILTERS * SMALL, "a walk");
        let (_, answer, message) = played.unwrap();
        let message = message.unwrap();
        assert!(answer.passes() && is_lent(&message, &bytes));
        assert_eq!((message.headers().count(), message.recipients().count()), (100, 2));
    }
}

#[test]
fn a_new_body_is_held_once_for_each_filter_that_sends_one() {
    let (bytes, answer) = (message_bytes(), usual_answer());
    let end = with_continue(wire(b'b', &[b'n'; 60_000]).repeat(3));
    let (mut played, ends) = (None, vec![end; FILTERS]);
    let taken = measure(|| played = Some(play(&bytes, 5, FailureAction::Tempfail, &answer, &ends)));
    // The edits of each filter until the next message, and the body that the last one has sent.
    within(taken, (FILTERS + 1) * EDITS, "new bodies");
    assert_eq!(played.unwrap().2.unwrap().body().len(), 180_002);
}

#[test]
fn filters_that_edit_without_end_take_what_they_may_and_fail() {
    let (bytes, answer) = (message_bytes(), usual_answer());
    let long = [b"X\0".as_slice(), &[b'v'; 50_000], b"\0"].concat();
    for (what, edit) in [
        ("smallest edits", wire(b'-', b"<>\0")),
        ("headers", wire(b'h', b"a\0\0")),
        ("long headers", wire(b'h', &long)),
        ("empty chunks", wire(b'b', b"")),
        ("chunks", wire(b'b', &[b'\n'; 65_535])),
        ("quarantine", wire(b'q', b"why\0")),
    ] {
        let ends = vec![edit.repeat(100); FILTERS];
        let mut played = None;
        let taken = measure(|| played = Some(play(&bytes, 1, FailureAction::Accept, &answer, &ends)));
        let (chain, answer, message) = played.unwrap();
        within(taken, EDITS + FILTERS * SMALL, what);
        // A new body that came in part is not delivered, so that the filters after it are not asked.
        let is_chunk = edit[4] == b'b';
        let failed = (0..FILTERS).filter(|&filter| chain.has_failed(filter)).count();
        assert_eq!(failed, if is_chunk { 1 } else { FILTERS }, "{what}");
        assert!((0..FILTERS).all(|filter| chain.edits(filter).count() == 0), "{what}");
        match message {
            Some(message) => assert!(answer.passes() && is_lent(&message, &bytes), "{what}"),
            None => assert!(!answer.passes() && is_chunk, "{what}"),
        }
    }
}

#[test]
fn filters_that_edit_as_much_as_they_may_take_a_few_times_their_bytes() {
    let (bytes, answer) = (message_bytes(), usual_answer());
    for (what, edit) in [
        ("headers", wire(b'h', b"a\0\0")),
        ("inserted headers", wire(b'i', b"\0\0\0\0a\0\0")),
        ("recipients", wire(b'+', b"<b@x>\0")),
        ("chunks of line ends", wire(b'b', &[b'\n'; 1000])),
    ] {
        // An edit counts with its frame and 128 bytes.
        let count = EDITS.div_euclid(edit.len() + 128);
        let ends = vec![with_continue(edit.repeat(count)); FILTERS];
        let mut played = None;
        let taken = measure(|| played = Some(play(&bytes, 2, FailureAction::Tempfail, &answer, &ends)));
        let (chain, answer, message) = played.unwrap();
        assert!(answer.passes() && message.is_some(), "{what}");
        assert!((0..FILTERS).all(|filter| chain.edits(filter).count() == count), "{what}");
        // Those that are kept, and what they have made of the message.
        within(taken, FILTERS * 4 * EDITS, what);
    }
}

#[test]
fn frames_that_are_cut_and_macro_lists_are_limited_for_each_filter() {
    let bytes = message_bytes();
    let limit = Limits::DEFAULT.max_receive_payload();
    let size = usize::try_from(limit).unwrap();
    // The largest frame, of which the end never comes: it is given in pieces.
    let head = [&(limit + 1).to_be_bytes()[..], b"h"].concat();
    let piece = vec![b'x'; 4096];
    let mut kept = None;
    let taken = measure(|| {
        let mut chain = chain(FailureAction::Accept);
        let answer = usual_answer();
        greet(&mut chain, &|_, code| if code == b'O' { &answer } else { b"\0\0\0\x01c" });
        let (address, arguments) = (text(b"<a@x>"), TextList::EMPTY);
        for command in [Command::MailFrom { address, arguments }, Command::RcptTo { address, arguments }] {
            chain.send(command).unwrap();
            let mut last = 0;
            loop {
                match chain.next_step() {
                    ChainStep::Done(_) => break,
                    ChainStep::Write { frame, .. } => {
                        last = frame.segments().flatten().copied().nth(4).unwrap()
                    }
                    ChainStep::Close { .. } => {}
                    ChainStep::Read { filter, .. } if last == b'M' => {
                        chain.receive(filter, &mut &b"\0\0\0\x01c"[..]).unwrap();
                    }
                    ChainStep::Read { filter, .. } => {
                        chain.receive(filter, &mut &head[..]).unwrap();
                        for _ in 1..size.div_euclid(piece.len()) {
                            chain.receive(filter, &mut &piece[..]).unwrap();
                        }
                        chain.fail(filter);
                    }
                }
            }
        }
        kept = Some(chain);
    });
    // One after the other failed, and holds nothing any more.
    assert!((0..FILTERS).all(|filter| kept.as_ref().unwrap().has_failed(filter)));
    assert!(taken.bytes_current <= i64::try_from(FILTERS * SMALL).unwrap(), "{taken:?}");
    assert!(taken.bytes_max <= u64::try_from(2 * size + FILTERS * SMALL).unwrap(), "{taken:?}");

    // Macro lists as long as a frame.
    let lists =
        [&b"\0\0\0\x06\0\0\x01\xff\0\0\0\0\0\0\0\0"[..], &b"i ".repeat(size.div_euclid(2) - 20), b"\0"];
    let (answer, ends) = (wire(b'O', &lists.concat()), vec![with_continue(Vec::new()); FILTERS]);
    let mut played = None;
    let taken = measure(|| played = Some(play(&bytes, 3, FailureAction::Tempfail, &answer, &ends)));
    within(taken, FILTERS * (size + SMALL), "macro lists");
    let (mut chain, answer, _) = played.unwrap();
    assert!(answer.passes() && !chain.has_failed(0));
    let freed = measure(|| (0..FILTERS).for_each(|filter| chain.fail(filter)));
    assert!(-freed.bytes_current >= i64::try_from(FILTERS * (size - SMALL)).unwrap(), "{freed:?}");
}
