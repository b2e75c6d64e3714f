//! Async tasks, worker threads, and separate tasks for reading and writing.
//!
//! Nothing in the crate waits, blocks or starts anything. Session, assembler, events and frames are `Send` and `Sync` if their
//! storage is, so a connection can live in any task of any runtime. The examples `filter_tokio`, `filter_smol` and
//! `mta_tokio` are complete.
//!
//! # One task for each connection
//!
//! The [loop of the tutorial](super::tutorial#step-2-the-loop) with `.await` after `read` and `write_all` is an async filter.
//! For a library, [the pull style](super::tutorial#another-style-pull) with `async fn next` works in the same way.
//!
//! # When a task is dropped
//!
//! A task can be dropped only where your own code awaits:
//!
//! * **While it waits for input.** Nothing is lost if the wait and the read are separate steps, and the read happens in the
//!   poll that returns its bytes. A silent connection then needs no buffer, either.
//! * **While it writes.** It is unknown how much was written, so the connection is lost. Give writes a timeout of their
//!   own instead of dropping the whole task.
//! * **While the application decides.** Nothing is lost: the session still says which reply is outstanding. The event is lost
//!   unless it was copied (`filter::EventBuf`).
//!
//! Call `disconnect` in a `Drop` implementation, and a task that was dropped cleans up like one that ended.
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
//!         let mut buffer = vec![0; 65_540]; // from a pool, and not before this line
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
//! } // dropped, for example by a timeout
//! socket.0.borrow_mut().extend(b"\0\0\0\x01Q");
//! assert_eq!(pin!(read(&socket)).poll(&mut cx), Poll::Ready(b"\0\0\0\x01Q".to_vec()));
//! ```
//!
//! # Events for another task or thread
//!
//! An event borrows, so it cannot be stored or sent to another task. `filter::EventBuf` and `mta::EventBuf` copy it, and
//! `as_event` returns the same event. The answer comes back as a `VerdictBuf` or an `EditBuf`, which
//! [`FilterSession::send`] accepts like the value itself. The session stays with the task that reads and writes.
//!
//! ```
//! use std::sync::mpsc;
//! use std::thread;
//!
//! use milter_proto::filter::{EventBuf, Turn};
//! use milter_proto::wire::{Command, Text, Verdict, VerdictBuf};
//! # use milter_proto::{FilterSession, filter::Options, wire::Assembler};
//! # let (mut session, mut assembler, mut out) = (FilterSession::new(), Assembler::new(Vec::new()), Vec::new());
//! # let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x14M<Spam@Example.com>\0";
//! # session.next_event(&mut assembler, &mut input)?;
//! # let _ = session.negotiate(&Options::all_commands())?;
//!
//! fn is_spammer(address: Text<'_>) -> bool {
//!     // The client chooses brackets and case.
//!     let is = |text: &str| text.trim_matches(['<', '>']).eq_ignore_ascii_case("spam@example.com");
//!     address.to_str().is_ok_and(is)
//! }
//!
//! let (events, queue) = mpsc::channel::<EventBuf>();
//! let (verdicts, answers) = mpsc::channel::<VerdictBuf>();
//! let worker = thread::spawn(move || {
//!     for event in queue {
//!         let verdict = match event.as_event().command {
//!             Command::MailFrom { address, .. } if is_spammer(address) => Verdict::Reject,
//!             _ => Verdict::Continue,
//!         };
//!         if verdicts.send(verdict.into()).is_err() {
//!             break;
//!         }
//!     }
//! });
//! while let Some(event) = session.next_event(&mut assembler, &mut input)? {
//!     if let Turn::Reply(_) = session.turn() {
//!         events.send(event.into())?; // an async task would serve other connections meanwhile
//!         session.send(&answers.recv()?)?.append_to(&mut out);
//!     }
//! }
//! assert_eq!(out, b"\0\0\0\x01r");
//! # drop(events);
//! # worker.join().unwrap();
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Separate tasks for reading and writing
//!
//! The reader needs only the [`Assembler`]: it cuts the stream into frames and queues them as `FrameBuf`. The writer needs
//! only bytes. Between them, one task owns the session, and gives it each frame with
//! [`receive`](FilterSession::receive). The queue of frames must be bounded, so that a peer cannot fill the memory.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
//! use std::thread;
//!
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Assembler, FrameBuf, Verdict};
//!
//! type Error = Box<dyn core::error::Error + Send + Sync>;
//!
//! fn read_frames(mut stream: impl Read, frames: &SyncSender<FrameBuf>) -> Result<(), Error> {
//!     let (mut assembler, mut buffer) = (Assembler::new(Vec::new()), vec![0; 65_536]);
//!     loop {
//!         let count = stream.read(&mut buffer)?;
//!         if count == 0 {
//!             return Ok(());
//!         }
//!         let mut input = &buffer[..count];
//!         while let Some(frame) = assembler.next_frame(&mut input)? {
//!             frames.send(FrameBuf::from(frame))?;
//!         }
//!     }
//! }
//!
//! fn converse(frames: Receiver<FrameBuf>, writes: SyncSender<Vec<u8>>) -> Result<(), Error> {
//!     let mut session = FilterSession::new();
//!     for frame in frames {
//!         let mut event = Some(session.receive(frame.as_frame())?);
//!         while let Some(current) = event {
//!             println!("{:?}", current.command);
//!             let mut out = Vec::new();
//!             match session.turn() {
//!                 Turn::Reply(CommandKind::Negotiate) => {
//!                     session.negotiate(&Options::all_commands())?.frame.append_to(&mut out);
//!                 }
//!                 Turn::Reply(_) => session.send(Verdict::Continue)?.append_to(&mut out),
//!                 Turn::Closed => return Ok(()),
//!                 _ => {}
//!             }
//!             if !out.is_empty() {
//!                 writes.send(out)?;
//!             }
//!             event = session.rest_of_frame(); // the end of a message, after its last chunk
//!         }
//!     }
//!     Ok(())
//! }
//! #
//! # let sends: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x07M<a@b>\0\0\0\0\x03Ehi\0\0\0\x01Q";
//! # let mut sink = Vec::new();
//!
//! let (frames, read) = sync_channel(16);
//! let (writes, written) = sync_channel::<Vec<u8>>(16);
//! thread::scope(|scope| {
//!     scope.spawn(move || read_frames(sends, &frames));
//!     let sink = &mut sink;
//!     scope.spawn(move || written.iter().try_for_each(|bytes| sink.write_all(&bytes)));
//!     converse(read, writes) // drops both ends: the writer stops once all is written, the reader at its next frame
//! })?;
//! assert!(sink.ends_with(b"\0\0\0\x01c\0\0\0\x01c"));
//! # Ok::<(), Error>(())
//! ```
//!
//! With sockets, shut down the reading side when `converse` returns: the reader may be waiting for a read.
//!
//! For several filters of one SMTP session, an MTA uses one session each; they share nothing. In what order the filters
//! are asked, and what the others get when one of them refuses, discards or fails, is up to the MTA: CHN-1 to CHN-27 of
//! SPEC_NOTES.md say what Postfix and Sendmail do.
#![expect(unused_imports, reason = "the page links to them")]

use crate::FilterSession;
use crate::wire::Assembler;
