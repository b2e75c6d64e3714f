//! A mail server that asks filters: sending, skipped commands, edits, verdicts, reuse of connections.
//!
//! The example `minimal_mta` is a complete program in one file; `mta_blocking` and `mta_tokio` show what production needs. All
//! of them ask several filters and apply their edits with [`message::Chain`], which does what this page explains: read on if you
//! use sessions without it, or want to know what it does. `mta_blocking --filter SPEC --filter SPEC --message FILE --output FILE`
//! writes what would be delivered, by the `--rules` of Postfix or Sendmail.
//!
//! # From a file to a delivered message
//!
//! With the feature `alloc`, a [`message::Chain`] does nearly everything on this page, for one filter or for several in a row: it
//! knows who is asked next, skips what a filter does not want, sends macros, and applies edits as Postfix or Sendmail does. The
//! program does the I/O, and acts on the answers:
//!
//! ```
//! # #[cfg(feature = "alloc")] mod page {
//! # type Error = Box<dyn core::error::Error>;
//! use std::io::{Read, Write};
//!
//! use milter_proto::message::{Chain, ChainStep, Message, with_crlf};
//! use milter_proto::wire::{Command, Offer, Peer, Text, TextList};
//!
//! /// Asks filters about the message in a file, and returns it as it is to be delivered, with its envelope.
//! pub fn deliver<S: Read + Write>(mut chain: Chain<'static>, streams: &mut [S], file: &[u8]) -> Result<Message<'static>, Error> {
//!     let mut buffer = [0; 16_384];
//!     let mut ask = |chain: &mut Chain<'_>| loop {
//!         match chain.next_step() {
//!             ChainStep::Done(answer) => break answer.passes().then_some(()).ok_or("a filter objects"),
//!             ChainStep::Close { .. } => {} // close the connection to this filter
//!             ChainStep::Write { filter, frame } => {
//!                 let written = frame.segments().try_for_each(|piece| streams[filter].write_all(piece));
//!                 written.unwrap_or_else(|_| chain.fail(filter));
//!             }
//!             ChainStep::Read { filter, .. } => match streams[filter].read(&mut buffer) { // with the timeout of `wait`
//!                 Ok(count @ 1..) => drop(chain.receive(filter, &mut &buffer[..count])), // an error is for the log
//!                 _ => chain.fail(filter),
//!             },
//!         }
//!     };
//!     let [host, from, to] = [c"localhost", c"<a@example.org>", c"<b@example.org>"].map(Text::from_c_str);
//!     for command in [
//!         Command::Negotiate(Offer::FULL),
//!         Command::Connect { host, peer: Peer::Unknown },
//!         Command::MailFrom { address: from, arguments: TextList::EMPTY },
//!         Command::RcptTo { address: to, arguments: TextList::EMPTY },
//!         Command::Data,
//!     ] {
//!         chain.send(command)?;
//!         ask(&mut chain)?;
//!     }
//!     let mut message = Message::parse(with_crlf(file).into_owned());
//!     message.set_sender(from);
//!     message.add_recipient(to);
//!     chain.send_message(message)?;
//!     ask(&mut chain)?;
//!     Ok(chain.take_message().ok_or("there is no message")?)
//! }
//! # }
//! # #[cfg(feature = "alloc")] {
//! # use milter_proto::message::{Chain, ChainFilter, EditRules};
//! # struct Filter(std::collections::VecDeque<&'static [u8]>);
//! # impl std::io::Read for Filter {
//! #     fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
//! #         let piece = self.0.pop_front().unwrap_or_default();
//! #         buffer[..piece.len()].copy_from_slice(piece);
//! #         Ok(piece.len())
//! #     }
//! # }
//! # impl std::io::Write for Filter {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { Ok(bytes.len()) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # let filter = || {
//! #     let declines = &b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x01\0\0\x03\x7f"[..];
//! #     Filter([declines, b"\0\0\0\x0chX-Seen\0yes\0\0\0\0\x01c"].into_iter().collect())
//! # };
//! # let mut chain = Chain::new(EditRules::POSTFIX);
//! # chain.extend([ChainFilter::new(), ChainFilter::new()]);
//! # let delivered = page::deliver(chain, &mut [filter(), filter()], b"Subject: hi\n\nHello\n")?;
//! # assert_eq!(delivered.to_bytes(), b"Subject: hi\r\nX-Seen: yes\r\nX-Seen: yes\r\n\r\nHello\r\n");
//! # let mut chain = Chain::new(EditRules::POSTFIX);
//! # chain.add(ChainFilter::new());
//! # let error = page::deliver(chain, &mut [Filter(Default::default())], b"").unwrap_err(); // it has left
//! # assert_eq!(error.to_string(), "a filter objects");
//! # }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! In an SMTP server, each event is a call:
//!
//! | SMTP | chain | if a filter objects |
//! | --- | --- | --- |
//! | the client connects | `send` NEGOTIATE, then CONNECT | 554, or 421 |
//! | HELO, EHLO | `send`; a message in progress ends | refuse what follows: the chain gives the same answer |
//! | MAIL, RCPT | `send` | `smtp_reply` of the answer: the filter's own, or Postfix's text |
//! | RCPT that the server refuses itself | `send_rejected` | the server's own reply |
//! | DATA, if a recipient was accepted | `send` | `smtp_reply`; 354 otherwise |
//! | the final dot | `send_message`, with the accepted sender and recipients | `smtp_reply` |
//! | RSET, or the server gives the message up | `send` ABORT | |
//! | QUIT, or the connection ends | `send` QUIT | |
//!
//! DISCARD counts as an objection: answer the client as if nothing had happened, with 250 and 354, and go on: the chain
//! answers DISCARD to the rest of the message without asking. If the answer `closes_smtp_session`, reply 421, send QUIT to the
//! filters and close.
//!
//! If your MTA adds a Received header, give it to the message with [`Message::add_trace`]: filters do not see it, but the positions
//! of INSHEADER count it.
//!
//! The rest of the page is about the session with one filter, which a chain uses, and which works without an allocator.
//!
//! # The loop
//!
//! Give **every** command to [`MtaSession::send`], whatever was negotiated and whatever the filter answered before. The session
//! knows which ones must not be written. When a reply is outstanding, write everything and read:
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use milter_proto::MtaSession;
//! use milter_proto::mta::{Event, Sent, Turn, VerdictKind};
//! use milter_proto::wire::{Assembler, Command, Offer, Peer, Text};
//!
//! struct Client<S> {
//!     session: MtaSession,
//!     assembler: Assembler<Vec<u8>>,
//!     stream: S,
//!     buffer: Vec<u8>,
//!     out: Vec<u8>,
//! }
//!
//! impl<S: Read + Write> Client<S> {
//!     /// Sends a command, and returns the verdict on it.
//!     fn ask(&mut self, command: Command<'_>) -> Result<VerdictKind, Box<dyn core::error::Error>> {
//!         match self.session.send(command)? {
//!             Sent::Frame(frame) => frame.append_to(&mut self.out),
//!             Sent::Skipped { answer, .. } => return Ok(answer),
//!             Sent::ResendEnvelope(_) => return Err("see below".into()),
//!         }
//!         let mut answer = VerdictKind::Continue; // for commands without a reply
//!         while let Turn::Receive(owed) = self.session.turn() {
//!             self.stream.write_all(&self.out)?;
//!             self.out.clear();
//!             let count = self.stream.read(&mut self.buffer)?; // with the timeout of `session.wait()`
//!             if count == 0 {
//!                 return Err(format!("the filter closed the connection without a reply to {owed}").into());
//!             }
//!             let mut input = &self.buffer[..count];
//!             while let Some(event) = self.session.next_event(&mut self.assembler, &mut input)? {
//!                 if let Event::Verdict { verdict, .. } = event {
//!                     answer = VerdictKind::from_verdict(&verdict);
//!                 }
//!             }
//!         }
//!         Ok(answer)
//!     }
//! }
//! # struct Filter(Vec<&'static [u8]>);
//! # impl Read for Filter {
//! #     fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
//! #         let piece = self.0.remove(0);
//! #         buffer[..piece.len()].copy_from_slice(piece);
//! #         Ok(piece.len())
//! #     }
//! # }
//! # impl Write for Filter {
//! #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { Ok(bytes.len()) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//!
//! # let (session, assembler) = (MtaSession::new(), Assembler::new(Vec::new()));
//! # let stream = Filter(vec![b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\x01", b"\0\0\0", b"\x01r"]);
//! # let mut client = Client { session, assembler, stream, buffer: vec![0; 65_536], out: Vec::new() };
//! // This filter declines CONNECT, and refuses HELO.
//! client.ask(Command::Negotiate(Offer::FULL))?;
//! let host = Text::try_from("client.example")?;
//! assert_eq!(client.ask(Command::Connect { host, peer: Peer::Unknown })?, VerdictKind::Continue);
//! assert_eq!(client.ask(Command::Helo { name: host })?, VerdictKind::Reject);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! Commands without a reply may wait in the buffer for the next command that has one
//! ([`MtaSession::should_flush`]). Set `TCP_NODELAY`, since each write is complete.
//!
//! # Skipped commands
//!
//! [`Sent::Skipped`] means: do not write the command, and act on `answer` as if the filter had sent it. The
//! answer is CONTINUE for a command that the filter declined. For a message or connection that is decided already, it is the
//! earlier verdict: a filter that refused MAIL is not asked about RCPT, and RCPT has to be refused too. If that verdict is a reply
//! with a text, keep the text (`VerdictBuf`) as long as [`MtaSession::decided`] returns a verdict;
//! [`VerdictKind::with_text_of`] adds it to an `answer`.
//!
//! # Resending the envelope
//!
//! [`Sent::ResendEnvelope`] is rare: this filter accepted DATA, the MTA itself or another filter refused it, and the client goes
//! on with the same envelope. libmilter would not answer. Write the frame, which is an ABORT; send MAIL and the accepted
//! recipients again, each with its macros; and then send the command itself. If the filter now refuses one of them, send ABORT
//! and refuse the command.
//!
//! It does not happen after a DATA that this filter refused: RCPT and DATA are then skipped, with the same refusal as the answer.
//! So an MTA with a single filter gets it only if the MTA refuses DATA for reasons of its own, for example those of a proxy
//! (SPEC_NOTES SCP-12).
//!
//! # Verdicts and what they apply to
//!
//! An [`Event::Verdict`](crate::mta::Event::Verdict) has a [`Scope`]. Apply the verdict to that, and to nothing else:
//!
//! | scope | what the MTA does with REJECT, TEMPFAIL or a reply |
//! | --- | --- |
//! | [`Scope::Nothing`] | nothing: continue |
//! | [`Scope::Command`] | refuses this command |
//! | [`Scope::Recipient`] | refuses this recipient; the message goes on with the others |
//! | [`Scope::Message`] | refuses the message |
//! | [`Scope::Connection`] | refuses everything until the client leaves |
//!
//! ACCEPT stops asking this filter for the same scope, and DISCARD accepts the message and throws it away. If
//! `closes_smtp_session` is set (421, 521 or SHUTDOWN), reply to the client and close its connection, whatever the scope.
//! Send [`ReplyText::unescaped`] to the client: it is one SMTP reply, whatever the filter wrote.
//!
//! # Edits
//!
//! Edits come before the verdict on the end of the message, and count only if that verdict accepts it. Keep them
//! (`mta::EventBuf` or `EditBuf`) until then. [`EditStatus`] says whether an edit counts:
//!
//! ```
//! use milter_proto::MtaSession;
//! use milter_proto::mta::{EditStatus, Event};
//! use milter_proto::wire::{Command, EditBuf, Frame, Offer};
//!
//! # let mut session = MtaSession::new();
//! # let _ = session.send(Command::Negotiate(Offer::FULL))?;
//! # // Add headers; only the end of the message.
//! # session.receive(Frame::new(b'O', b"\0\0\0\x06\0\0\0\x01\0\0\x03\x7f"))?;
//! # for command in ["C", "H", "M", "R", "T"] {
//! #     let payload: &[u8] = match command { "C" => b"a\0U", "T" => b"", _ => b"a\0" };
//! #     let _ = session.send(Command::parse(Frame::new(command.as_bytes()[0], payload))?)?;
//! # }
//! let _ = session.send(Command::EndOfMessage { chunk: b"" })?;
//! let (mut edits, mut accepted) = (Vec::new(), Vec::new());
//! for frame in [Frame::new(b'h', b"X-Seen\0yes\0"), Frame::new(b'c', b"")] {
//!     match session.receive(frame)? {
//!         Event::Edit { edit, status: EditStatus::Negotiated | EditStatus::NotNegotiated, .. } => {
//!             edits.push(EditBuf::from(edit));
//!         }
//!         Event::Verdict { verdict, .. } if verdict.lets_pass() => accepted.append(&mut edits),
//!         Event::Verdict { .. } => edits.clear(),
//!         _ => {}
//!     }
//! }
//! assert_eq!(accepted.len(), 1);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! * What an edit does to the message is not the same in all MTAs: which header is number 2, where a new one goes.
//!   [`message::Edits`] applies them to a [`Message`] as Postfix or Sendmail does, and
//!   tells what it ignored. Check header names, addresses and ESMTP arguments as you check those of a client.
//! * Without an allocator: a header value becomes one header by [`LeadingSpace::decode_pieces`]. The first
//!   [`Edit::ReplaceBody`] of a message replaces the body, later ones append to it.
//! * Limit the size of what you keep: the session counts edits and PROGRESS ([`Limits`]), but neither their bytes nor the
//!   chunks of a body. `Edits` has a limit.
//! * After a local error call [`MtaSession::ignore_edits`]. The connection stays in sync.
//! * If the connection ends first, none of the edits count. [`Ending`] says whether there were any.
//!
//! # Several filters
//!
//! A [`message::Chain`] does it. By hand, use one session for each filter. Ask them one after another, at each command; send the content
//! to a filter after the verdict of the one before it, since it sees the headers and the body as changed by that one. The first
//! refusal is the answer to the client, DISCARD as well; ACCEPT is about one filter alone. When a message ends early, send ABORT
//! to those that know of it. SPEC_NOTES has the chapter "Several filters".
//!
//! # Macros
//!
//! Before each command send its macros, in the same write. [`MacroRequests`](crate::macros::MacroRequests) chooses them: those
//! that the filter asked for, or the defaults of Sendmail or Postfix ([`MacroDefaults`](crate::macros::MacroDefaults)).
//!
//! # Bytes that nobody waits for
//!
//! Replies have no number. If a filter replies twice, the second reply would be taken for the verdict on the next command, and
//! so on until the end. Read without waiting before each command, and give [`MtaSession::next_event`] what has arrived: while no
//! reply is outstanding, any byte breaks the session.
//!
//! # Timeouts
//!
//! [`MtaSession::wait`] names the current wait, and a [`Timeouts`] says how long it may take. Every read that returns
//! something starts it anew; only [`Timeouts::end_of_message_total`] limits the whole end of a message. When a wait is over,
//! close without QUIT: a late reply would answer another command.
//!
//! # When a filter fails
//!
//! An error of the session is not a verdict. It means that the filter, or this connection to it, is out of use. Whether mail then
//! passes, is deferred or is refused is for the operator to choose. Deferring is safe; accepting lets a client that can break the
//! filter bypass it.
//!
//! # Reuse
//!
//! A connection serves the messages of one SMTP session. From version 6 on it can serve another session after
//! `QUIT_NC`, for a pool of connections. Ask [`MtaSession::can_reuse`] before you send it:
//!
//! ```
//! use milter_proto::MtaSession;
//! use milter_proto::mta::Sent;
//! use milter_proto::wire::{Command, OutgoingFrame};
//!
//! /// Ends an SMTP session. Returns the frame to write, and whether the connection goes back into the pool.
//! fn finish(session: &mut MtaSession) -> Result<(Option<OutgoingFrame<'static>>, bool), milter_proto::Misuse> {
//!     let keep = session.can_reuse();
//!     let frame = match session.send(if keep { Command::QuitNewConnection } else { Command::Quit })? {
//!         Sent::Frame(frame) => Some(frame),
//!         _ => None,
//!     };
//!     Ok((frame, keep))
//! }
//! # use milter_proto::wire::{Frame, Offer};
//! # let mut session = MtaSession::new();
//! # let _ = session.send(Command::Negotiate(Offer::FULL)).unwrap();
//! # session.receive(Frame::new(b'O', b"\0\0\0\x06\0\0\0\0\0\0\x03\x7f")).unwrap();
//! assert!(matches!(finish(&mut session)?, (Some(_), false))); // no message yet
//! # Ok::<(), milter_proto::Misuse>(())
//! ```
//!
#![cfg_attr(feature = "alloc", doc = "[`message::Chain`]: crate::message::Chain")]
#![cfg_attr(feature = "alloc", doc = "[`message::Edits`]: crate::message::Edits")]
#![cfg_attr(feature = "alloc", doc = "[`Message`]: crate::message::Message")]
#![cfg_attr(feature = "alloc", doc = "[`Message::add_trace`]: crate::message::Message::add_trace")]
#![cfg_attr(not(feature = "alloc"), doc = "[`message::Chain`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`message::Edits`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`Message`]: crate#features")]
#![cfg_attr(not(feature = "alloc"), doc = "[`Message::add_trace`]: crate#features")]
#![expect(unused_imports, reason = "the page links to them")]

use crate::mta::{EditStatus, Ending, Scope, Sent, VerdictKind};
use crate::wire::{Edit, LeadingSpace, ReplyText};
use crate::{Limits, MtaSession, Timeouts};
