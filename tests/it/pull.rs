//! The pull style: a value that owns session, assembler, read buffer and stream has a method that returns the next event.

use core::future::{Future, poll_fn};
use core::ops::Range;
use core::pin::pin;
use core::task::{Context, Poll, Waker, ready};
use std::io::{self, Read};

use milter_proto::filter::{Event, Options, Turn};
use milter_proto::order::CommandKind;
use milter_proto::wire::{Answer, Assembler, Command, Frame, FrameError, Offer, Response, Steps, Verdict};
use milter_proto::{FilterSession, MtaSession, ReceiveError, mta};

/// A whole connection: its message ends with a frame that has bytes, and something stands behind QUIT.
const STREAM: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x06Ca.b\0U\0\0\0\x05Hc.d\0\
\0\0\0\x0dDMi\0Q1\0{x}\0y\0\0\0\0\x06M<a@>\0\0\0\0\x06R<b@>\0\0\0\0\x01T\0\0\0\x0fLSubject\0hello\0\0\0\0\x01N\
\0\0\0\x09Bline one\0\0\0\x09Eline two\0\0\0\x01Qgarbage";

/// A stream that gives so many bytes at each read.
struct Cut {
    bytes: &'static [u8],
    size: usize,
}

impl Read for Cut {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(buffer.len());
        self.bytes.read(&mut buffer[..size])
    }
}

struct Connection {
    session: FilterSession,
    assembler: Assembler<Vec<u8>>,
    stream: Cut,
    /// Whether the next poll of the stream has to wait.
    waits: bool,
    buffer: Vec<u8>,
    unread: Range<usize>,
}

impl Connection {
    fn new(size: usize) -> Self {
        Self {
            session: FilterSession::new(),
            assembler: Assembler::new(Vec::new()),
            stream: Cut { bytes: STREAM, size },
            waits: false,
            buffer: vec![0; 512],
            unread: 0..0,
        }
    }

    fn has_event(&mut self) -> bool {
        let mut input = &self.buffer[self.unread.clone()];
        let has_event = self.session.has_event(&mut self.assembler, &mut input);
        self.unread.start = self.unread.end - input.len();
        has_event
    }

    fn event(&mut self) -> Result<Option<Event<'_>>, ReceiveError> {
        let mut input = &self.buffer[self.unread.clone()];
        let event = self.session.next_event(&mut self.assembler, &mut input);
        self.unread.start = self.unread.end - input.len();
        event
    }

    fn next(&mut self) -> Result<Option<Event<'_>>, ReceiveError> {
        while !self.has_event() {
            self.unread = 0..self.stream.read(&mut self.buffer).unwrap();
            if self.unread.is_empty() {
                return Ok(None);
            }
        }
        self.event()
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        self.waits = !self.waits;
        if self.waits {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.stream.read(&mut self.buffer).unwrap())
    }

    async fn next_async(&mut self) -> Result<Option<Event<'_>>, ReceiveError> {
        while !self.has_event() {
            self.unread = 0..poll_fn(|context| self.poll_read(context)).await;
            if self.unread.is_empty() {
                return Ok(None);
            }
        }
        self.event()
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Event<'_>>, ReceiveError>> {
        while !self.has_event() {
            self.unread = 0..ready!(self.poll_read(context));
            if self.unread.is_empty() {
                return Poll::Ready(Ok(None));
            }
        }
        Poll::Ready(self.event())
    }
}

/// Gives the reply that is owed.
fn answer(session: &mut FilterSession) {
    match session.turn() {
        Turn::Reply(CommandKind::Negotiate) => drop(session.negotiate(&Options::all_commands()).unwrap()),
        Turn::Reply(_) => drop(session.send(Verdict::Continue).unwrap()),
        Turn::Receive | Turn::Closed | _ => {}
    }
}

fn show(event: Result<Option<Event<'_>>, ReceiveError>) -> Option<String> {
    event.unwrap().map(|event| format!("{event:?}"))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

/// The events of the stream, which comes in reads of so many bytes.
fn pulled(size: usize, next: impl Fn(&mut Connection) -> Option<String>) -> Vec<String> {
    let (mut connection, mut events) = (Connection::new(size), Vec::new());
    while let Some(event) = next(&mut connection) {
        events.push(event);
        answer(&mut connection.session);
    }
    assert_eq!(connection.stream.bytes, b"", "the events end with the stream");
    assert!(connection.session.disconnect(connection.assembler.pending()).clean);
    events
}

#[test]
fn every_way_to_pull_gives_the_same_events_whatever_the_reads() {
    let (mut session, mut assembler) = (FilterSession::new(), Assembler::new(Vec::new()));
    let (mut input, mut pushed) = (STREAM, Vec::new());
    while let Some(event) = session.next_event(&mut assembler, &mut input).unwrap() {
        pushed.push(format!("{event:?}"));
        answer(&mut session);
    }
    assert_eq!(pushed.len(), 13, "BODYEOB with bytes is two events: {pushed:#?}");

    for size in 1..=STREAM.len() {
        assert_eq!(pulled(size, |it| show(it.next())), pushed, "blocking, reads of {size}");
        assert_eq!(pulled(size, |it| show(block_on(it.next_async()))), pushed, "async, reads of {size}");
        let poll = |it: &mut Connection| {
            loop {
                if let Poll::Ready(event) = it.poll_next(&mut Context::from_waker(Waker::noop())) {
                    return show(event);
                }
            }
        };
        assert_eq!(pulled(size, poll), pushed, "poll, reads of {size}");
    }
}

#[test]
fn a_frame_that_lies_whole_in_the_read_buffer_stays_there() {
    let mut connection = Connection::new(STREAM.len());
    let buffer = connection.buffer.as_ptr_range();
    while let Some(event) = connection.next().unwrap() {
        if let Command::Header { value, .. } = event.command {
            assert!(buffer.contains(&value.as_bytes().as_ptr()), "the value was copied");
            return;
        }
        answer(&mut connection.session);
    }
    panic!("the stream has a header");
}

#[test]
fn filling_takes_a_cut_frame_once_and_leaves_a_whole_one() {
    let mut assembler = Assembler::new([0; 16]);
    let mut input: &[u8] = b"\0\0\0\x05Habc";
    assert_eq!((assembler.fill(&mut input), input.len(), assembler.pending()), (Ok(false), 0, 8));
    let mut input: &[u8] = b"\0\0\0\0\x01Q";
    for _ in 0..2 {
        assert_eq!((assembler.fill(&mut input), input.len()), (Ok(true), 5));
        assert_eq!((assembler.pending(), assembler.missing()), (9, 0));
    }
    assembler.release();
    assert_eq!(assembler.next_frame(&mut input), Ok(Some(Frame::new(b'H', b"abc\0"))));
    assert_eq!((input.len(), assembler.pending(), assembler.fill(&mut input)), (5, 0, Ok(true)));
    assert_eq!(assembler.next_frame(&mut input), Ok(Some(Frame::new(b'Q', b""))));
    assert_eq!(assembler.fill(&mut input), Ok(false));
    // A frame that was filled and not taken is forgotten with the stream.
    for byte in b"\0\0\0\x01Q" {
        let _ = assembler.fill(&mut &[*byte][..]);
    }
    assembler.reset();
    assert_eq!(assembler.next_frame(&mut &b""[..]), Ok(None));
}

#[test]
fn an_error_is_an_event_to_come_and_ends_the_session() {
    let zero: &[u8] = b"\0\0\0\0";
    let (mut assembler, mut input) = (Assembler::new(Vec::new()), zero);
    assert_eq!(assembler.fill(&mut input), Err(FrameError::Empty));

    let (mut session, mut assembler) = (FilterSession::new(), Assembler::new(Vec::new()));
    for mut input in [zero, b"", b"\0\0\0\x01Q"] {
        assert!(session.has_event(&mut assembler, &mut input));
        session.next_event(&mut assembler, &mut input).unwrap_err();
    }
    let (mut session, mut assembler) = (MtaSession::new(), Assembler::new(Vec::new()));
    session.send(Command::Negotiate(Offer::FULL)).map(drop).unwrap();
    for mut input in [zero, b""] {
        assert!(session.has_event(&mut assembler, &mut input));
        session.next_event(&mut assembler, &mut input).unwrap_err();
    }
}

#[test]
fn a_reply_that_is_owed_is_told_before_more_is_read() {
    let (mut session, mut assembler) = (FilterSession::new(), Assembler::new(Vec::new()));
    let mut input = STREAM;
    session.next_event(&mut assembler, &mut input).unwrap();
    let rest = input;
    assert!(session.has_event(&mut assembler, &mut input));
    assert_eq!(
        session.next_event(&mut assembler, &mut input),
        Err(ReceiveError::ReplyOwed(CommandKind::Negotiate))
    );
    assert_eq!(input, rest, "nothing is taken before the reply");
}

#[test]
fn an_mta_pulls_its_responses() {
    let (mut session, mut assembler) = (MtaSession::new(), Assembler::new(Vec::new()));
    let Ok(mta::Sent::Frame(_)) = session.send(Command::Negotiate(Offer::FULL)) else { panic!() };
    let mut answered = Vec::new();
    let answer = Answer::new(Offer::FULL.version, Offer::FULL.actions, Steps::EMPTY);
    Response::Negotiate(answer).encode().append_to(&mut answered);
    let (last, before) = answered.split_last().unwrap();
    let mut input = before;
    assert!(!session.has_event(&mut assembler, &mut input));
    let mut input: &[u8] = &[*last];
    assert!(session.has_event(&mut assembler, &mut input));
    let event = session.next_event(&mut assembler, &mut input).unwrap();
    assert!(matches!(event, Some(mta::Event::Negotiated { .. })), "{event:?}");
    assert!(!session.has_event(&mut assembler, &mut input));

    let Ok(mta::Sent::Frame(_)) = session.send(Command::Quit) else { panic!() };
    let mut input: &[u8] = b"\0\0\0\x01c";
    assert!(!session.has_event(&mut assembler, &mut input));
    assert_eq!(input, b"", "what comes behind QUIT is dropped");
}
