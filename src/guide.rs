//! Wrapping it in your runtime: the loop around a session, step by step.
//!
//! The crate decides and the caller does: it says what a byte means and what may be said, and the caller
//! reads, writes, waits and gives up. This page derives that caller for a filter, then says what is
//! different for an MTA, in tasks, and without an allocator. The examples `filter_blocking`,
//! `filter_tokio`, `filter_smol`, `filter_embedded`, `mta_blocking` and `mta_tokio` are whole programs made from it.
//!
//! # Four values
//!
//! A connection consists of a [`FilterSession`] (the order), an [`Assembler`] (the frame that a read has
//! cut), what was read, and what is to be written. They are separate on purpose: an event borrows from
//! the assembler or from what was read, never from the session, so that it can be answered while it
//! lives, and answers may borrow from it in turn.
//!
//! # One read, one turn
//!
//! Give the session everything that a read gave, and gather everything that is to be said to it:
//!
//! ```
//! use milter_proto::{FilterSession, filter};
//! use milter_proto::filter::Options;
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Assembler, Command, Verdict};
//! # use std::error::Error;
//!
//! fn answer(
//!     session: &mut FilterSession,
//!     assembler: &mut Assembler<Vec<u8>>,
//!     mut input: &[u8],
//!     out: &mut Vec<u8>,
//! ) -> Result<(), Box<dyn Error>> {
//!     while let Some(event) = session.next_event(assembler, &mut input)? {
//!         match session.turn() {
//!             filter::Turn::Reply(CommandKind::Negotiate) => {
//!                 session.negotiate(&Options::all_commands())?.frame.append_to(out);
//!             }
//!             filter::Turn::Reply(_) => {
//!                 let verdict = match event.command {
//!                     Command::MailFrom { address, .. } if address == "<spam@example.com>" => Verdict::Reject,
//!                     _ => Verdict::Continue,
//!                 };
//!                 session.send(verdict)?.append_to(out);
//!             }
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let mut session = FilterSession::new();
//! let mut assembler = Assembler::new(Vec::new());
//! let mut out = Vec::new();
//! // A whole frame, and the first bytes of the next one.
//! let input = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x06Hmx";
//! answer(&mut session, &mut assembler, input, &mut out)?;
//! assert_eq!((out.len(), assembler.pending()), (17, 7));
//! answer(&mut session, &mut assembler, b".a\0", &mut out)?;
//! assert!(out.ends_with(b"\0\0\0\x01c"));
//! # Ok::<(), Box<dyn Error>>(())
//! ```
//!
//! * Ask [`turn`](FilterSession::turn) whether a reply is outstanding, and to which command. It depends on what was
//!   negotiated, on the policy, and on what came before, so a table of the caller cannot know it.
//! * Handle a command that is out of order ([`filter::Event::in_order`](crate::filter::Event::in_order)) like any other.
//!   An SMTP client can make its MTA send it, and an answer of CONTINUE without a look at it would let its message pass.
//! * A chunk of the body that came in one frame with the end of the message has no reply of its own
//!   ([`filter::Event::is_last_chunk`](crate::filter::Event::is_last_chunk)). Keep the verdict on it, and send it in reply to
//!   the end, which is the next event.
//! * `Ok(None)` means that nothing whole is left, and that `input` is empty now. The rest of a frame that was
//!   cut is in the assembler, so the buffer that was read into can be given back, or read into again.
//! * An event is valid until the next call. What is needed for longer has to be copied: a
//!   [`MacroStore`] does that for macros, an [`EventBuf`](#to-another-task-or-thread) for anything.
//! * While a reply is outstanding, `next_event` takes nothing from `input` and returns
//!   [`ReceiveError::ReplyOwed`]. A filter that decides elsewhere keeps `input`, and continues when it
//!   knows.
//!
//! # The loop around it
//!
//! ```
//! use std::io::{ErrorKind, Read, Write};
//! use milter_proto::{FilterSession, filter};
//! use milter_proto::wire::Assembler;
//! # use std::error::Error;
//! # use milter_proto::filter::Options;
//! # use milter_proto::order::CommandKind;
//! # use milter_proto::wire::Verdict;
//! # fn answer(
//! #     session: &mut FilterSession,
//! #     assembler: &mut Assembler<Vec<u8>>,
//! #     mut input: &[u8],
//! #     out: &mut Vec<u8>,
//! # ) -> Result<(), Box<dyn Error>> {
//! #     while let Some(event) = session.next_event(assembler, &mut input)? {
//! #         match session.turn() {
//! #             filter::Turn::Reply(CommandKind::Negotiate) => {
//! #                 session.negotiate(&Options::all_commands())?.frame.append_to(out);
//! #             }
//! #             filter::Turn::Reply(_) => session.send(Verdict::Continue)?.append_to(out),
//! #             _ => {}
//! #         }
//! #     }
//! #     Ok(())
//! # }
//! # /// Gives one piece a read, and keeps each write.
//! # struct Peer { reads: Vec<&'static [u8]>, writes: Vec<Vec<u8>> }
//! # impl Read for Peer {
//! #     fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
//! #         let piece = if self.reads.is_empty() { &[][..] } else { self.reads.remove(0) };
//! #         buffer[..piece.len()].copy_from_slice(piece);
//! #         Ok(piece.len())
//! #     }
//! # }
//! # impl Write for Peer {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
//! #         self.writes.push(bytes.to_vec());
//! #         Ok(bytes.len())
//! #     }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//!
//! fn serve(stream: &mut (impl Read + Write)) -> (filter::Ending, Result<(), Box<dyn Error>>) {
//!     let mut session = FilterSession::new();
//!     let mut assembler = Assembler::new(Vec::new());
//!     let mut buffer = vec![0; 65_540]; // the largest frame of most sessions, in one read
//!     let mut out = Vec::new();
//!     let mut turn = || {
//!         while session.turn() != filter::Turn::Closed {
//!             let count = match stream.read(&mut buffer) {
//!                 Ok(0) => break,
//!                 Ok(count) => count,
//!                 Err(error) if error.kind() == ErrorKind::Interrupted => continue,
//!                 Err(error) => return Err(error.into()),
//!             };
//!             let result = answer(&mut session, &mut assembler, &buffer[..count], &mut out);
//!             stream.write_all(&out)?; // before the error is looked at
//!             out.clear();
//!             result?;
//!         }
//!         Ok(())
//!     };
//!     let result = turn();
//!     (session.disconnect(assembler.pending()), result)
//! }
//!
//! // OPTNEG; HELO and MAIL at once; then the MTA leaves.
//! let offer = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
//! let both = b"\0\0\0\x03Ha\0\0\0\0\x07M<a@b>\0";
//! let mut peer = Peer { reads: vec![offer, both], writes: Vec::new() };
//! let (ending, result) = serve(&mut peer);
//! assert!(result.is_ok() && ending.in_message && !ending.clean);
//! // One write a turn, with everything in it.
//! assert_eq!(peer.writes.len(), 2);
//! assert_eq!(peer.writes[1], b"\0\0\0\x01c\0\0\0\x01c");
//! ```
//!
//! **A whole turn in one write.** Never write a frame by its parts, or an edit and its verdict one after
//! the other: with Nagle's algorithm on, the second small write waits until the peer has acknowledged the
//! first, and the peer, which has nothing to say before it has seen all of it, delays that by 40 ms. Gather
//! the turn, and set `TCP_NODELAY`, since each write is complete.
//!
//! **Flush before handling an error.** Earlier frames of the same read may already have been answered. Write those
//! answers first: the MTA waits for them.
//!
//! **The end.** A connection ends with QUIT ([`filter::Turn::Closed`]), with the end of the stream, with an error or
//! with a timeout. In each case call [`disconnect`](FilterSession::disconnect) once, with
//! [`Assembler::pending`]: it says whether a message was in progress, which is then over as if ABORT
//! had come, whether the stream stopped inside a frame, and whether the MTA left without a reply. Anything after
//! QUIT is ignored.
//!
//! **Several messages.** Nothing is to be done between messages. The session clears what belongs to a
//! message when it ends; the application clears its own part after its verdict on a message, and when
//! [`Event::aborts_message`](crate::filter::Event::aborts_message) says that the message in progress ended without one.
//! Both together happen exactly once per message. A filter that declines MAIL should keep asking for its macros: with
//! Sendmail they are the only sign that a message was abandoned.
//!
//! # Time
//!
//! There is no clock in the crate. [`FilterSession::wait`] and [`MtaSession::wait`] name the wait that runs,
//! and a [`Timeouts`] says how long it may take; [`Wait::Write`] is for writes. A timeout belongs to one read
//! and not to a frame, and each read that gives something starts the next one. On an MTA the end of a message
//! may have a total besides, which nothing restarts.
//!
//! ```
//! use milter_proto::{FilterSession, Timeouts, Wait, filter};
//!
//! let session = FilterSession::new();
//! assert_eq!(session.wait(), Some(Wait::Command));
//! assert_eq!(Timeouts::LIBMILTER.of(Wait::Command).as_secs(), 7210);
//! ```
//!
//! # Limits
//!
//! A length is refused from its four bytes, before anything is kept, and only bytes that have come take
//! memory. The default admits 1 MiB, which is what can be negotiated; a filter that did not ask for more than 64 KiB
//! takes libmilter's bound, and raises it when it knows what was agreed:
//!
//! ```
//! use milter_proto::Limits;
//! use milter_proto::wire::{Assembler, DataSize};
//!
//! let limits = Limits::DEFAULT.with_max_receive_payload(DataSize::Kib64.bytes());
//! let mut assembler = Assembler::with_limits(Vec::new(), limits);
//! let mut input: &[u8] = b"GET / HTTP/1.1\r\n";
//! assert!(assembler.next_frame(&mut input).is_err());
//! // After the negotiation: `agreed.data_size()`.
//! assembler.set_limits(limits.with_max_receive_payload(DataSize::Mib1.bytes()));
//! ```
//!
//! The number of connections is the caller's to bound, and so is what the application keeps of a message.
//!
//! # Idle connections
//!
//! MTAs keep connections open for minutes between messages. Such a connection needs its session (64 bytes at
//! most), its macros, and no buffer: read into one that is lent when there is something to read, and call
//! [`Assembler::release`] and [`MacroStore::release`](crate::macros::MacroStore::release) before a wait between
//! messages. They keep what was begun, so they can be called at any time.
//!
//! ```
//! # use milter_proto::wire::Assembler;
//! let mut assembler = Assembler::new(Vec::new());
//! assembler.next_frame(&mut &b"\0\0\0\x03H"[..])?;
//! assembler.release();
//! assert_eq!(assembler.pending(), 5);
//! # Ok::<(), milter_proto::wire::FrameError>(())
//! ```
//!
//! # Large frames
//!
//! A body chunk is 64 KiB. Gathering copies it; where that counts, write what was gathered and the
//! pieces of the frame with one vectored write, from where they lie:
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use std::io::{IoSlice, Write};
//! use milter_proto::wire::{Edit, OutgoingFrame, Response};
//! # let mut stream = Vec::new();
//!
//! let (mut out, body) = (b"\0\0\0\x01p".to_vec(), vec![b'x'; 65_535]);
//! let frame = Response::from(Edit::ReplaceBody { chunk: &body }).encode();
//!
//! let mut slots = [IoSlice::new(&[]); OutgoingFrame::MAX_SEGMENTS];
//! let mut pieces = vec![IoSlice::new(&out)];
//! pieces.extend_from_slice(frame.io_slices(&mut slots));
//! let mut rest = &mut pieces[..];
//! while !rest.is_empty() {
//!     let count = stream.write_vectored(rest)?;
//!     IoSlice::advance_slices(&mut rest, count);
//! }
//! out.clear();
//! assert_eq!(stream.len(), 5 + 65_540);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Such a write need not wait for the end of the turn: it is larger than what Nagle's algorithm holds back.
//!
//! # Stopping
//!
//! A server that is told to stop accepts nothing more, ends what is idle, and lets messages that are in
//! progress end, for a time that the operator chooses. An MTA takes a connection that closes between
//! messages for what it is; one that closes within a message costs the client a delay.
//! [`Stage::is_in_message`] tells the two apart:
//!
//! ```
//! use milter_proto::{FilterSession, filter};
//! use milter_proto::filter::Options;
//! use milter_proto::wire::{Assembler, Verdict};
//! # use std::error::Error;
//!
//! let mut session = FilterSession::new();
//! let mut assembler = Assembler::new(Vec::new());
//! let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x07M<a@b>\0\0\0\0\x01A";
//! session.next_event(&mut assembler, &mut input)?;
//! let _ = session.negotiate(&Options::all_commands())?;
//! assert!(!session.stage().is_in_message()); // may be ended here,
//! session.next_event(&mut assembler, &mut input)?;
//! let _ = session.send(Verdict::Continue)?;
//! assert!(session.stage().is_in_message()); // not here,
//! session.next_event(&mut assembler, &mut input)?;
//! assert!(!session.stage().is_in_message()); // and here again
//! # Ok::<(), Box<dyn Error>>(())
//! ```
//!
//! # In tasks
//!
//! Calls of this crate never wait, so a task can be dropped only where the caller's own code waits:
//!
//! * **While it waits for something to read**: nothing is lost if the wait and the read are two steps, and the
//!   read happens in the poll that returns its bytes. That is also what lets a silent connection hold no
//!   buffer. A read that takes a buffer along while it waits holds one for each connection.
//! * **While it writes**: how much went out is unknown once the write was dropped, and the connection is lost.
//!   Give writes a timeout of their own, in place of dropping the whole turn.
//! * **While the application decides**: nothing is lost, since the session still says which reply is owed. The
//!   event is lost if it was not copied ([`EventBuf`](#to-another-task-or-thread)).
//!
//! Whatever is dropped, session and assembler are plain values, and `disconnect` on them says how far it
//! had come: call it in a `Drop`, and a task that was cut off tidies up as one that ended.
//!
//! ```
//! use core::future::{Future, poll_fn};
//! use core::pin::pin;
//! use core::task::{Context, Poll, Waker, ready};
//! # use std::cell::RefCell;
//! # #[derive(Default)]
//! # struct Socket(RefCell<Vec<u8>>);
//! # impl Socket {
//! #     fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
//! #         if self.0.borrow().is_empty() { Poll::Pending } else { Poll::Ready(()) }
//! #     }
//! #     fn try_read(&self, buffer: &mut [u8]) -> usize {
//! #         let bytes = self.0.take();
//! #         buffer[..bytes.len()].copy_from_slice(&bytes);
//! #         bytes.len()
//! #     }
//! # }
//!
//! async fn read(socket: &Socket) -> Vec<u8> {
//!     poll_fn(|cx| {
//!         ready!(socket.poll_readable(cx));
//!         let mut buffer = vec![0; 65_540]; // of a pool, and not before this line
//!         let count = socket.try_read(&mut buffer);
//!         buffer.truncate(count);
//!         Poll::Ready(buffer)
//!     })
//!     .await
//! }
//!
//! let (socket, mut cx) = (Socket::default(), Context::from_waker(Waker::noop()));
//! {
//!     let read = pin!(read(&socket));
//!     assert!(read.poll(&mut cx).is_pending());
//! } // dropped, for a timeout say
//! socket.0.borrow_mut().extend(b"\0\0\0\x01Q");
//! assert_eq!(pin!(read(&socket)).poll(&mut cx), Poll::Ready(b"\0\0\0\x01Q".to_vec()));
//! ```
//!
//! Session, assembler, events and frames are `Send` and `Sync`, as far as their storage is. Where the runtime can choose,
//! prefer the read that knows that a short read has emptied the socket: otherwise each turn costs a read that finds
//! nothing.
//!
//! # To another task or thread
//!
//! An event borrows, so it cannot be handed to another task as it is. `filter::EventBuf` and `mta::EventBuf` copy it, and
//! `as_event` gives the same event back. The answer returns as a `VerdictBuf` or an `EditBuf`, which
//! [`FilterSession::send`] accepts like the value itself. The session stays with the task that reads and writes.
//!
//! ```
//! use std::{sync::mpsc, thread};
//! use milter_proto::filter::{EventBuf, Turn};
//! use milter_proto::wire::{Command, Verdict, VerdictBuf};
//! # use milter_proto::{FilterSession, filter::Options, wire::Assembler};
//! # let (mut session, mut assembler, mut out) = (FilterSession::new(), Assembler::new(Vec::new()), Vec::new());
//! # let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x07M<a@b>\0";
//! # session.next_event(&mut assembler, &mut input)?;
//! # let _ = session.negotiate(&Options::all_commands())?;
//!
//! let (events, queue) = mpsc::channel::<EventBuf>();
//! let (verdicts, answers) = mpsc::channel::<VerdictBuf>();
//! let worker = thread::spawn(move || {
//!     for event in queue {
//!         let is_spam = matches!(event.as_event().command, Command::MailFrom { address, .. } if address == "<a@b>");
//!         verdicts.send(if is_spam { Verdict::Reject } else { Verdict::Continue }.into()).unwrap();
//!     }
//! });
//! while let Some(event) = session.next_event(&mut assembler, &mut input)? {
//!     if let Turn::Reply(_) = session.turn() {
//!         events.send(event.into())?; // while the worker decides, this task may serve other connections
//!         session.send(&answers.recv()?)?.append_to(&mut out);
//!     }
//! }
//! assert_eq!(out, b"\0\0\0\x01r");
//! # drop(events);
//! # worker.join().unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The MTA's side
//!
//! The mirror: give every command to [`MtaSession::send`], gather the frames that it returns, and when a reply is
//! outstanding, write them and read. A command that is [`Sent::Skipped`] is answered by the verdict that comes with it.
//! After [`Sent::ResendEnvelope`] write the frame, and send MAIL and the recipients again before the command.
//!
//! ```
//! use std::io::{Read, Write};
//! use milter_proto::{MtaSession, mta};
//! use milter_proto::mta::Sent;
//! use milter_proto::wire::{Assembler, Command, Offer, Text};
//! # use std::error::Error;
//!
//! fn ask(stream: &mut (impl Read + Write), commands: &[Command<'_>]) -> Result<usize, Box<dyn Error>> {
//!     let mut session = MtaSession::with_policy(mta::Policy::POSTFIX);
//!     let mut assembler = Assembler::new(Vec::new());
//!     let (mut buffer, mut out, mut verdicts) = (vec![0; 65_540], Vec::new(), 0);
//!     for &command in commands {
//!         match session.send(command)? {
//!             Sent::Frame(frame) => frame.append_to(&mut out),
//!             Sent::Skipped { .. } => {} // act on its answer
//!             Sent::ResendEnvelope(_) => return Err("send MAIL and RCPT again".into()),
//!         }
//!         while let mta::Turn::Receive(owed) = session.turn() {
//!             stream.write_all(&out)?;
//!             out.clear();
//!             let count = stream.read(&mut buffer)?; // for at most `session.wait()`
//!             if count == 0 {
//!                 return Err(format!("the filter left {owed} unanswered").into());
//!             }
//!             let mut input = &buffer[..count];
//!             while let Some(event) = session.next_event(&mut assembler, &mut input)? {
//!                 verdicts += usize::from(matches!(event, mta::Event::Verdict { .. }));
//!             }
//!         }
//!     }
//!     stream.write_all(&out)?; // QUIT has no reply
//!     let ending = session.disconnect(assembler.pending());
//!     assert!(ending.clean);
//!     Ok(verdicts)
//! }
//! # struct Filter(Vec<&'static [u8]>, Vec<u8>);
//! # impl Read for Filter {
//! #     fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
//! #         let piece = self.0.remove(0);
//! #         buffer[..piece.len()].copy_from_slice(piece);
//! #         Ok(piece.len())
//! #     }
//! # }
//! # impl Write for Filter {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { self.1.write(bytes) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//!
//! # let answer = b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\x01";
//! # let mut stream = Filter(vec![answer, b"\0\0\0", b"\x01c"], Vec::new());
//! let helo = Command::Helo { name: Text::new(b"mx.example")? };
//! let connect = Command::Connect { host: Text::new(b"a")?, peer: milter_proto::wire::Peer::Unknown };
//! // The filter asked for no CONNECT.
//! let commands = [Command::Negotiate(Offer::FULL), connect, helo, Command::Quit];
//! assert_eq!(ask(&mut stream, &commands)?, 1);
//! # Ok::<(), Box<dyn Error>>(())
//! ```
//!
//! Commands without a reply may wait for the next one that has one ([`MtaSession::should_flush`]). Edits count when the
//! verdict accepts the message, and not before: [`mta::Ending`] says whether a filter left between the two.
//!
//! # What a peer's texts may become
//!
//! A [`Text`] is bytes of a stranger: CR, LF and control bytes are among them, and no character set is promised.
//!
//! * For a log: `Debug`, or a line of a [`transcript`](crate::transcript). Both are one line of printable ASCII.
//! * For an SMTP client: [`ReplyText::unescaped`], which is one reply with one code whatever the filter wrote, or the
//!   [`lines`](ReplyText::lines), whose texts display without any byte that is no printable ASCII.
//! * For a message: [`LeadingSpace::decode_pieces`], or with an allocator `decode_value`, which makes one header of a
//!   value. Header names, addresses and ESMTP arguments of an edit are for the MTA to check, as those of a client are.
//! * For a reply of a filter: [`ReplyText::write`] refuses what is not printable ASCII, and `escape_ascii` makes it so.
//!   For a client that asked for SMTPUTF8, [`ReplyText::write_utf8`] refuses control characters only.
//!
//! # Without an allocator
//!
//! Storage is the caller's then: an array or slice for the assembler, which bounds frames by its size, and one to
//! write into. A frame that does not fit says how much room it needs; write what is there, and try again.
//!
//! ```
//! use milter_proto::wire::{Assembler, Frame, Response, Verdict};
//!
//! let mut storage = [0; 4096];
//! let mut assembler = Assembler::new(&mut storage[..]);
//! assert_eq!(assembler.next_frame(&mut &b"\0\0\0\x02Q!"[..])?, Some(Frame::new(b'Q', b"!")));
//!
//! let mut out = [0; 8];
//! let frame = Response::from(Verdict::Continue).encode();
//! let used = frame.write_to(&mut out)?;
//! let full = frame.write_to(&mut out[used..]).unwrap_err();
//! assert_eq!((full.needed, full.available), (5, 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![expect(unused_imports, reason = "the page names them")]

use crate::macros::MacroStore;
use crate::mta::Sent;
use crate::order::Stage;
use crate::wire::{Assembler, LeadingSpace, ReplyText, Text};
use crate::{FilterSession, MtaSession, ReceiveError, Timeouts, Wait, filter, mta};
