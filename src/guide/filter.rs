//! A filter for production: what every filter has to take care of.
//!
//! The [tutorial](super::tutorial) has the loop. This page lists what the loop of a real filter does besides.
//!
//! # Answer every command, in order or not
//!
//! An SMTP client chooses the order of its commands, and the MTA passes that order on. A filter that closes the connection
//! or stays silent is dropped for the rest of the SMTP session, and many MTAs then deliver the mail unfiltered. So:
//!
//! * Use the default policy ([`Policy::DEFAULT`]). It accepts commands in any order.
//! * Let [`turn`](FilterSession::turn) decide whether a reply is outstanding.
//! * Handle a command that is out of order ([`Event::in_order`]) like any other. Do not answer CONTINUE without looking at
//!   it: a recipient that you would have refused would be accepted.
//!
//! # Replace a verdict that may not be sent
//!
//! What may be sent depends on the command and on the negotiation: DISCARD does not answer CONNECT, and SKIP has to be
//! negotiated. [`send`](FilterSession::send) then returns a [`Misuse`](crate::Misuse) that says what to send instead, and the
//! MTA still waits. Where somebody else chooses the verdict, such as the user of a library or a file of rules, call
//! [`send_nearest`](FilterSession::send_nearest). It replaces a verdict that may not be sent, a refusal by TEMPFAIL wherever
//! possible, and reports why.
//!
//! # Drop the state of a message when it ends
//!
//! A message ends by your verdict, or by an event with [`Event::aborts_message`]: ABORT, but also HELO, MAIL, QUIT and
//! others, for which some MTAs send no ABORT. The two together occur exactly once for each message;
//! [step 7 of the tutorial](super::tutorial#step-7-the-state-of-a-message) shows both. Between messages nothing else is to be
//! done. The session and the [`MacroStore`] clear their own parts.
//!
//! At the end of a connection, whether by QUIT, end of stream, error or timeout, call
//! [`disconnect`](FilterSession::disconnect) once. It tells whether a message was in progress, which is then over.
//!
//! # Flush before you handle an error
//!
//! One read may contain several commands. If the third one fails, the replies to the first two are already in your write
//! buffer, and the MTA waits for them. Write the buffer first, and then return the error:
//!
//! ```
//! use std::io::Write;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::{FilterSession, wire::Assembler};
//!
//! # let mut stream = Vec::new();
//! # let (mut session, mut assembler, mut out) = (FilterSession::new(), Assembler::new(Vec::new()), Vec::new());
//! # // OPTNEG, and then a frame of no bytes, which cannot be.
//! # let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\0";
//! # let mut answer = |out: &mut Vec<u8>| -> Result<(), Box<dyn core::error::Error>> {
//! #     while let Some(_) = session.next_event(&mut assembler, &mut input)? {
//! #         session.negotiate(&Options::all_commands())?.frame.append_to(out);
//! #     }
//! #     Ok(())
//! # };
//! let result = answer(&mut out); // the events of one read
//! stream.write_all(&out)?;
//! out.clear();
//! if let Err(error) = result {
//!     eprintln!("filter: {error}");
//! }
//! # assert_eq!(stream.len(), 17);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # One write for each turn
//!
//! Collect all frames, and write them when the session has no more events. Do not write an edit and its verdict separately:
//! with Nagle's algorithm the second small write waits for the peer's acknowledgement, which the peer delays by up to 40 ms.
//! Set `TCP_NODELAY`, since each write is complete.
//!
//! # A slow end of message: flush early
//!
//! There is one exception to the rule above. While a filter scans a message, the MTA's timer runs; each frame that arrives
//! restarts it. PROGRESS exists for that purpose, and edits have the same effect. So when the verdict takes longer than a
//! moment, **write at once** the edits that are ready, and then PROGRESS at regular intervals. A frame that waits in the write
//! buffer restarts nothing. Sendmail waits 10 s for each frame and 300 s for the whole end of message by default, Postfix
//! 300 s for each frame ([`Timeouts`]): every 5 s is often enough for both.
//!
//! ```
//! use std::io::Write;
//! use std::sync::mpsc::{Receiver, RecvTimeoutError};
//! use std::time::Duration;
//!
//! use milter_proto::FilterSession;
//! use milter_proto::wire::{Response, Verdict};
//!
//! type Error = Box<dyn core::error::Error>;
//!
//! /// Ends the message with the verdict of a scanner that runs on another thread.
//! fn end_message(
//!     session: &mut FilterSession,
//!     stream: &mut impl Write,
//!     out: &mut Vec<u8>, // the edits that are ready
//!     scanner: &Receiver<bool>,
//!     interval: Duration, // 5 s
//! ) -> Result<(), Error> {
//!     let is_clean = loop {
//!         match scanner.recv_timeout(interval) {
//!             Ok(is_clean) => break is_clean,
//!             Err(RecvTimeoutError::Timeout) => {
//!                 session.send(Response::Progress)?.append_to(out);
//!                 stream.write_all(out)?;
//!                 out.clear();
//!             }
//!             Err(RecvTimeoutError::Disconnected) => return Err("the scanner failed".into()),
//!         }
//!     };
//!     let verdict = if is_clean { Verdict::Continue } else { Verdict::Reject };
//!     session.send(verdict)?.append_to(out);
//!     Ok(())
//! }
//! # use milter_proto::wire::{Actions, Assembler, Edit};
//! # use milter_proto::filter::Options;
//! # let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x01E";
//! # let (mut session, mut assembler) = (FilterSession::new(), Assembler::new(Vec::new()));
//! # let (mut stream, mut out) = (Vec::new(), Vec::new());
//! # session.next_event(&mut assembler, &mut input)?;
//! # let _ = session.negotiate(&Options::new([]).require(Actions::ADD_HEADERS))?;
//! # session.next_event(&mut assembler, &mut input)?;
//! # session.send(Edit::add_header("X-Seen", "yes")?)?.append_to(&mut out);
//! # let (sender, scanner) = std::sync::mpsc::channel();
//! # let slow = std::thread::spawn(move || {
//! #     std::thread::sleep(Duration::from_millis(50));
//! #     sender.send(true)
//! # });
//! # end_message(&mut session, &mut stream, &mut out, &scanner, Duration::from_millis(1))?;
//! # assert!(stream.starts_with(b"\0\0\0\x0chX-Seen\0yes\0\0\0\0\x01p") && out == b"\0\0\0\x01c");
//! # slow.join().unwrap()?;
//! # Ok::<(), Error>(())
//! ```
//!
//! PROGRESS is allowed only in reply to the end of the message. Decide quickly on everything else: a verdict that arrives too
//! late does not count.
//!
//! Send all chunks of a new body in a row, without PROGRESS or another edit between them. For Postfix the new body ends at the
//! first other frame. If a chunk follows later, Postfix stops using the filter, and refuses the message for now; Sendmail
//! accepts it (SPEC_NOTES EDT-5). By default [`send`](FilterSession::send) refuses such a chunk. So if the new body comes from a
//! slow source, read all of it before you send the first chunk, and send PROGRESS meanwhile.
//!
//! # Timeouts
//!
//! The crate has no clock. [`FilterSession::wait`] names the current wait, and a [`Timeouts`] says how long it may take;
//! [`Wait::Write`] is for writes. A timeout applies to one read, not to one frame: every read that returns something starts
//! the next.
//!
//! ```
//! use milter_proto::{FilterSession, Timeouts, Wait};
//!
//! let session = FilterSession::new();
//! assert_eq!(session.wait(), Some(Wait::Command));
//! assert_eq!(Timeouts::LIBMILTER.of(Wait::Command).as_secs(), 7210);
//! ```
//!
//! # Limits
//!
//! A frame that is too long is refused as soon as its length is known, and memory grows only with the bytes that arrive. The
//! default limit is 1 MiB, the largest size that can be negotiated. A filter that does not ask for more than 64 KiB may use
//! libmilter's limit:
//!
//! ```
//! use milter_proto::Limits;
//! use milter_proto::wire::{Assembler, DataSize};
//!
//! let limits = Limits::DEFAULT.with_max_receive_payload(DataSize::Kib64.bytes());
//! let mut assembler = Assembler::with_limits(Vec::new(), limits);
//! let mut input: &[u8] = b"GET / HTTP/1.1\r\n";
//! assert!(assembler.next_frame(&mut input).is_err());
//! ```
//!
//! The number of connections, and what you keep of a message, are yours to limit.
//!
//! # Idle connections
//!
//! MTAs keep connections open for minutes between messages. An idle connection needs its session, its macros, and no
//! buffer: lend it a read buffer when there is something to read, and call [`Assembler::release`] and
//! [`MacroStore::release`] before you wait. Both keep unfinished data, so they can be called at any time.
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
//! A chunk of a new body has up to 64 KiB, and appending it to the write buffer copies it. Where that matters, write the
//! buffer and the parts of the frame with one vectored write:
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
//! # Stopping
//!
//! A server that is asked to stop should accept no more connections, close those that are between messages, and let
//! messages in progress finish, up to a time limit. If it closes within a message, the MTA delays or fails that message.
//! [`Stage::is_in_message`](crate::order::Stage::is_in_message) tells the difference. Ask once all events of a read are answered:
//!
//! ```
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::wire::{Assembler, Verdict};
//!
//! fn may_stop(session: &FilterSession) -> bool {
//!     session.turn() == Turn::Receive && !session.stage().is_in_message()
//! }
//!
//! let (mut session, mut assembler) = (FilterSession::new(), Assembler::new(Vec::new()));
//! # let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x07M<a@b>\0\0\0\0\x01A";
//! session.next_event(&mut assembler, &mut input)?; // OPTNEG
//! assert!(!may_stop(&session));
//! let _ = session.negotiate(&Options::all_commands())?;
//! assert!(may_stop(&session));
//! session.next_event(&mut assembler, &mut input)?; // MAIL
//! let _ = session.send(Verdict::Continue)?;
//! assert!(!may_stop(&session));
//! session.next_event(&mut assembler, &mut input)?; // ABORT
//! assert!(may_stop(&session));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Traps
//!
//! * **Addresses and header names come as the client wrote them.** Compare them without brackets and case
//!   ([step 4 of the tutorial](super::tutorial#step-4-a-verdict)).
//! * **Declining MAIL hides where a message begins.** Keep asking for the macros of MAIL: from Sendmail they are then the only
//!   sign that a message was abandoned. Do not request an empty list of them.
//! * **Declining MAIL and RCPT hides even more.** A filter that sees only DATA and the content should start anew at every DATA.
//! * **Recipients that the MTA refused** ([`Options::rejected_recipients`]): do not answer DISCARD to one of them. Postfix
//!   forgets that DISCARD, asks nothing more about the message, and delivers it to the other recipients.
//! * **`BODYEOB` may have a last chunk.** The session turns it into two events, a chunk and the end. No reply is owed to the
//!   chunk ([`Event::is_last_chunk`]): keep your verdict on it, and send it in reply to the end.
//! * **Header values** have no space after the colon unless [`Options::leading_space`] was negotiated, and edits must follow
//!   the same rule ([`LeadingSpace`]).
//! * **An edit counts only if the message is accepted**, by this filter and by all others.
//!
//! # Text from a peer
//!
//! A [`Text`] is bytes from a stranger. It may contain CR, LF and control bytes, and need not be UTF-8.
//!
//! * For a log, use `Debug`, or a line of a [`transcript`](crate::transcript). Both are one line of printable ASCII.
//! * For a reply, [`ReplyText::write`] refuses anything but printable ASCII; `escape_ascii` makes any text printable. For a
//!   client that asked for SMTPUTF8, [`ReplyText::write_utf8`] refuses control characters only.
//! * For a header, query, path or shell command, check it as you would check any user input.
#![expect(unused_imports, reason = "the page links to them")]

use crate::filter::{Event, Options, Policy};
use crate::macros::MacroStore;
use crate::wire::{Assembler, LeadingSpace, ReplyText, Text};
use crate::{FilterSession, Timeouts, Wait};
