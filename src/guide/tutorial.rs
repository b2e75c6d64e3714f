//! Your first filter, from an empty file: socket, loop, options, verdict, edit, macros, state of a message.
//!
//! Each step adds to the one before it. The result is the example `minimal_filter`, plus macros.
//!
//! # Step 1: a socket
//!
//! The MTA connects to the filter, usually once for each SMTP session. A thread for each connection is the simplest
//! server:
//!
//! ```
//! use std::net::{TcpListener, TcpStream};
//! use std::thread;
//! use std::time::Duration;
//!
//! fn run(listener: &TcpListener) {
//!     loop {
//!         let connection = listener.accept().map(|(stream, _)| stream);
//!         if let Err(error) = connection.and_then(|stream| thread::Builder::new().spawn(|| serve(stream))) {
//!             eprintln!("filter: {error}"); // out of sockets or threads: wait until some are free
//!             thread::sleep(Duration::from_millis(100));
//!         }
//!     }
//! }
//!
//! fn serve(stream: TcpStream) {
//!     // Step 2.
//! }
//! # use std::io::Read;
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let mut client = TcpStream::connect(listener.local_addr()?)?;
//! # thread::spawn(move || run(&listener));
//! # assert_eq!(client.read(&mut [0; 8])?, 0, "the filter closes");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! This has no limit on its threads. Every SMTP session of the MTA may need one, so a real server limits its connections, as the
//! example `filter_blocking` does.
//!
//! # Step 2: the loop
//!
//! Read; give what was read to the session; write what is to be sent; repeat until the session is closed. A read may
//! return several frames, or a part of one. The [`Assembler`] keeps the part until the rest arrives.
//!
//! ```
//! use std::io::{self, Read, Write};
//!
//! use milter_proto::filter::Turn;
//! use milter_proto::wire::Assembler;
//! use milter_proto::FilterSession;
//!
//! type Error = Box<dyn core::error::Error>;
//!
//! fn serve(stream: &mut (impl Read + Write)) {
//!     let mut out = Vec::new();
//!     let result = converse(stream, &mut out);
//!     let written = stream.write_all(&out); // before an error is handled: earlier commands may have been answered
//!     if let Err(error) = result.and(written.map_err(Into::into)) {
//!         eprintln!("filter: {error}");
//!     }
//! }
//!
//! /// Answers the MTA until it ends the connection. The last replies are left in `out`.
//! fn converse(stream: &mut (impl Read + Write), out: &mut Vec<u8>) -> Result<(), Error> {
//!     let (mut session, mut assembler) = (FilterSession::new(), Assembler::new(Vec::new()));
//!     let mut buffer = vec![0; 65_536];
//!     while session.turn() != Turn::Closed {
//!         stream.write_all(out.drain(..).as_slice())?;
//!         let input = match stream.read(&mut buffer) {
//!             Ok(0) => return Err("the MTA closed the connection without QUIT".into()),
//!             Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
//!             count => &buffer[..count?],
//!         };
//!         answer(&mut session, &mut assembler, input, out)?;
//!     }
//!     Ok(())
//! }
//! # use milter_proto::{filter::Options, order::CommandKind, wire::Verdict};
//! # fn answer(session: &mut FilterSession, assembler: &mut Assembler<Vec<u8>>, mut input: &[u8], out: &mut Vec<u8>)
//! # -> Result<(), Error> {
//! #     while let Some(_) = session.next_event(assembler, &mut input)? {
//! #         match session.turn() {
//! #             Turn::Reply(CommandKind::Negotiate) => session.negotiate(&Options::all_commands())?.frame.append_to(out),
//! #             Turn::Reply(_) => session.send(Verdict::Continue)?.append_to(out),
//! #             _ => {}
//! #         }
//! #     }
//! #     Ok(())
//! # }
//! # /// Reads three bytes at a time, and keeps what is written.
//! # struct Mta { sends: &'static [u8], writes: Vec<Vec<u8>> }
//! # impl Read for Mta {
//! #     fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> { self.sends.read(&mut buffer[..3]) }
//! # }
//! # impl Write for Mta {
//! #     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> { self.writes.push(bytes.to_vec()); Ok(bytes.len()) }
//! #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
//! # }
//! #
//! # let sends = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x03Ha\0\0\0\0\x07M<a@b>\0\0\0\0\x01Q";
//! # let mut mta = Mta { sends, writes: Vec::new() };
//! # serve(&mut mta);
//! # mta.writes.retain(|bytes| !bytes.is_empty());
//! # assert_eq!((mta.writes.len(), mta.writes[0].len()), (3, 17));
//! # assert_eq!(mta.writes[1..], [b"\0\0\0\x01c", b"\0\0\0\x01c"]);
//! ```
//!
//! Everything that follows is about `answer`: the events of one read, and the replies to them. Its smallest form agrees to
//! everything and lets every message pass:
//!
//! ```
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Assembler, Verdict};
//!
//! # type Error = Box<dyn core::error::Error>;
//! fn answer(
//!     session: &mut FilterSession,
//!     assembler: &mut Assembler<Vec<u8>>,
//!     mut input: &[u8],
//!     out: &mut Vec<u8>,
//! ) -> Result<(), Error> {
//!     while let Some(event) = session.next_event(assembler, &mut input)? {
//!         println!("{:?}", event.command);
//!         match session.turn() {
//!             Turn::Reply(CommandKind::Negotiate) => {
//!                 session.negotiate(&Options::all_commands())?.frame.append_to(out);
//!             }
//!             Turn::Reply(_) => session.send(Verdict::Continue)?.append_to(out),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let (mut session, mut assembler, mut out) = (FilterSession::new(), Assembler::new(Vec::new()), Vec::new());
//! // OPTNEG, which offers everything, and the first bytes of HELO.
//! let input = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x06Hmx";
//! answer(&mut session, &mut assembler, input, &mut out)?;
//! assert_eq!((out.len(), assembler.pending()), (17, 7));
//! // The rest of HELO: the reply is CONTINUE.
//! answer(&mut session, &mut assembler, b".a\0", &mut out)?;
//! assert!(out.ends_with(b"\0\0\0\x01c"));
//! # Ok::<(), Error>(())
//! ```
//!
//! * [`next_event`](FilterSession::next_event) returns `None` when no whole frame is left in `input`. Then read again.
//! * [`turn`](FilterSession::turn) tells whether a reply is outstanding, and to which command. Always ask it: whether a
//!   command gets a reply depends on the negotiation and on earlier commands.
//! * [`send`](FilterSession::send) returns a frame, or a [`Misuse`] if the protocol does not allow that reply here.
//! * An event is valid until the next call of `next_event`. Copy what you need for longer.
//!
//! # Step 3: options
//!
//! A filter that needs only a few commands should not ask for the others. [`Options::new`] lists the commands to
//! subscribe to; the MTA does not send the rest. Edits need [`Actions`], which are negotiated too.
//!
//! ```
//! use milter_proto::filter::Options;
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Actions, Offer, Steps};
//!
//! let options = Options::new([CommandKind::MailFrom, CommandKind::RcptTo]).require(Actions::ADD_HEADERS);
//! // What the session will answer to an MTA that offers everything:
//! let answer = options.answer(Offer::FULL)?.answer;
//! assert!(answer.steps.contains(Steps::NO_CONNECT | Steps::NO_BODY));
//! assert!(!answer.steps.contains(Steps::NO_MAIL));
//! # Ok::<(), milter_proto::negotiation::NegotiationError>(())
//! ```
//!
//! [`require`](Options::require) fails the negotiation if the MTA does not offer the action. Use
//! [`request`](Options::request) for what the filter can do without. The end of the message (`BODYEOB`) always comes.
//!
//! # Step 4: a verdict
//!
//! Choose the verdict from the command, and send it where `answer` sent CONTINUE.
//!
//! **Compare addresses loosely.** The client chooses how an address is spelled, and MTAs pass it on as it came: with or
//! without angle brackets, in any case. A test for `"<nobody@example.org>"` misses `NOBODY@example.org`, and a spammer finds
//! that out. Strip the brackets and ignore the case:
//!
//! ```
//! use milter_proto::wire::{Command, ReplyText, Text, TextList, Verdict};
//!
//! fn is_nobody(address: Text<'_>) -> bool {
//!     let is = |text: &str| text.trim_matches(['<', '>']).eq_ignore_ascii_case("nobody@example.org");
//!     address.to_str().is_ok_and(is)
//! }
//!
//! fn verdict<'a>(command: &Command<'_>, refusal: ReplyText<'a>) -> Verdict<'a> {
//!     match command {
//!         Command::RcptTo { address, .. } if is_nobody(*address) => Verdict::Reply(refusal),
//!         _ => Verdict::Continue,
//!     }
//! }
//!
//! let refusal = ReplyText::parse(b"550 5.1.1 no such user")?;
//! for (address, is_refused) in [
//!     (c"<nobody@example.org>", true),
//!     (c"nobody@example.org", true),
//!     (c"<NoBody@Example.ORG>", true),
//!     (c"<somebody@example.org>", false),
//! ] {
//!     let command = Command::RcptTo { address: Text::from_c_str(address), arguments: TextList::EMPTY };
//!     assert_eq!(verdict(&command, refusal) != Verdict::Continue, is_refused, "{address:?}");
//! }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! What a verdict ends depends on the command: REJECT to RCPT refuses that recipient, REJECT to MAIL the message, and REJECT
//! to CONNECT the whole SMTP session. [`order`](crate::order) has the table.
//!
//! # Step 5: an edit
//!
//! Edits change the message. They are sent in reply to the end of the message, before the verdict.
//! [`may_edit`](FilterSession::may_edit) tells when: the end of the message is being answered, and the actions were negotiated.
//!
//! ```
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Actions, Assembler, Edit, Verdict};
//!
//! # let mut input: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x01E";
//! # let (mut session, mut assembler, mut out) = (FilterSession::new(), Assembler::new(Vec::new()), Vec::new());
//! let options = Options::new([]).require(Actions::ADD_HEADERS);
//! while let Some(_) = session.next_event(&mut assembler, &mut input)? {
//!     if session.may_edit(Actions::ADD_HEADERS) {
//!         session.send(Edit::add_header("X-Seen", "yes")?)?.append_to(&mut out);
//!     }
//!     match session.turn() {
//!         Turn::Reply(CommandKind::Negotiate) => session.negotiate(&options)?.frame.append_to(&mut out),
//!         Turn::Reply(_) => session.send(Verdict::Continue)?.append_to(&mut out),
//!         _ => {}
//!     }
//! }
//! assert!(out.ends_with(b"\0\0\0\x0chX-Seen\0yes\0\0\0\0\x01c"));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Step 6: macros
//!
//! Macros are facts that the MTA knows: the queue id `i`, the authenticated user `{auth_authen}`. They arrive in frames of
//! their own, before the command they belong to. A [`MacroStore`] keeps them, and forgets them when they expire. Give it
//! every event. What an MTA sends is configured there; [`Options::macro_lists`] asks for what you need.
//!
//! ```
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::macros::MacroStore;
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Assembler, Command, ListStage, MacroListsBuf, Text, Verdict};
//!
//! let mut lists = MacroListsBuf::new();
//! lists.push(ListStage::MAIL, Text::from_c_str(c"i {auth_authen}"));
//! let options = Options::new([CommandKind::MailFrom]).macro_lists(lists.as_lists());
//!
//! let mut macros = MacroStore::new(Vec::new());
//! let mut users = Vec::new();
//! # let input = [
//! #     b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff".as_slice(),
//! #     b"\0\0\0\x19DMi\0Q1\0{auth_authen}\0joe\0",
//! #     b"\0\0\0\x07M<a@b>\0",
//! # ].concat();
//! # let mut input = &input[..];
//! # let (mut session, mut assembler, mut out) = (FilterSession::new(), Assembler::new(Vec::new()), Vec::new());
//! while let Some(event) = session.next_event(&mut assembler, &mut input)? {
//!     if let Err(error) = macros.observe(&event) {
//!         eprintln!("filter: {error}"); // those macros are missing, and the connection goes on
//!     }
//!     if let Command::MailFrom { .. } = event.command {
//!         users.push(macros.get("{auth_authen}").map(|user| user.as_bytes().to_vec()));
//!     }
//!     match session.turn() {
//!         Turn::Reply(CommandKind::Negotiate) => session.negotiate(&options)?.frame.append_to(&mut out),
//!         Turn::Reply(_) => session.send(Verdict::Continue)?.append_to(&mut out),
//!         _ => {}
//!     }
//! }
//! assert_eq!(users, [Some(b"joe".to_vec())]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Step 7: the state of a message
//!
//! One connection carries several messages, and some of them are abandoned halfway. What you keep about a message must
//! not leak into the next one. A message is over in two cases, and exactly one of them occurs for each message:
//!
//! * Before you handle an event: it has [`aborts_message`](crate::filter::Event::aborts_message). The MTA abandoned the message.
//! * After you sent a verdict: the session is no longer in a message ([`Stage::is_in_message`]).
//!
//! ```
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Assembler, Command, Verdict};
//!
//! /// What this filter knows about the message in progress.
//! #[derive(Default)]
//! struct Message {
//!     sender: Vec<u8>,
//!     recipients: Vec<Vec<u8>>,
//! }
//!
//! # let input = [
//! #     b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff".as_slice(),
//! #     b"\0\0\0\x07M<a@b>\0\0\0\0\x07R<c@d>\0\0\0\0\x01A", // abandoned
//! #     b"\0\0\0\x07M<e@f>\0\0\0\0\x07R<g@h>\0\0\0\0\x01E",
//! # ].concat();
//! # let mut input = &input[..];
//! # let (mut session, mut assembler, mut out) = (FilterSession::new(), Assembler::new(Vec::new()), Vec::new());
//! # let options = Options::new([CommandKind::MailFrom, CommandKind::RcptTo]);
//! let mut message = Message::default();
//! let mut log = Vec::new();
//! while let Some(event) = session.next_event(&mut assembler, &mut input)? {
//!     if event.aborts_message {
//!         log.push(format!("{} recipients abandoned", message.recipients.len()));
//!         message = Message::default();
//!     }
//!     match event.command {
//!         Command::MailFrom { address, .. } => message.sender = address.as_bytes().to_vec(),
//!         Command::RcptTo { address, .. } => message.recipients.push(address.as_bytes().to_vec()),
//!         Command::EndOfMessage { .. } => log.push(format!("message from {}", message.sender.escape_ascii())),
//!         _ => {}
//!     }
//!     match session.turn() {
//!         Turn::Reply(CommandKind::Negotiate) => session.negotiate(&options)?.frame.append_to(&mut out),
//!         Turn::Reply(_) => {
//!             session.send(Verdict::Continue)?.append_to(&mut out);
//!             if !session.stage().is_in_message() {
//!                 message = Message::default();
//!             }
//!         }
//!         _ => {}
//!     }
//! }
//! assert_eq!(log, ["1 recipients abandoned", "message from <e@f>"]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Try it
//!
//! Run the example, tell Postfix where it listens, and send a message to `nobody@example.org`:
//!
//! ```sh
//! cargo run --example minimal_filter
//! sudo postconf smtpd_milters=inet:127.0.0.1:8892
//! ```
//!
//! # Another style: pull
//!
//! A library may prefer a method that returns the next event, blocking or async. [`FilterSession::has_event`] makes that
//! possible: it borrows nothing, so the loop that reads can end before the event is borrowed.
//!
//! ```
//! use std::io::{self, Read};
//! use std::ops::Range;
//!
//! use milter_proto::FilterSession;
//! use milter_proto::filter::Event;
//! use milter_proto::wire::Assembler;
//!
//! struct Connection<S> {
//!     session: FilterSession,
//!     assembler: Assembler<Vec<u8>>,
//!     stream: S,
//!     buffer: Vec<u8>,
//!     /// The part of `buffer` that the session has not used yet.
//!     unread: Range<usize>,
//! }
//!
//! impl<S: Read> Connection<S> {
//!     /// The next event; `None` at the end of the connection.
//!     fn next(&mut self) -> io::Result<Option<Event<'_>>> {
//!         while !self.has_event() {
//!             self.unread = 0..self.stream.read(&mut self.buffer)?; // or `.await`
//!             if self.unread.is_empty() {
//!                 return Ok(None);
//!             }
//!         }
//!         let mut input = &self.buffer[self.unread.clone()];
//!         let event = self.session.next_event(&mut self.assembler, &mut input).map_err(io::Error::other)?;
//!         self.unread.start = self.unread.end - input.len();
//!         Ok(event)
//!     }
//!
//!     fn has_event(&mut self) -> bool {
//!         let mut input = &self.buffer[self.unread.clone()];
//!         let has_event = self.session.has_event(&mut self.assembler, &mut input);
//!         self.unread.start = self.unread.end - input.len();
//!         has_event
//!     }
//! }
//! # let mut connection = Connection {
//! #     session: FilterSession::new(),
//! #     assembler: Assembler::new(Vec::new()),
//! #     stream: &b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x01Q"[..],
//! #     buffer: vec![0; 7],
//! #     unread: 0..0,
//! # };
//! # assert!(connection.next()?.is_some());
//! # let _ = connection.session.negotiate(&milter_proto::filter::Options::all_commands()).unwrap();
//! # assert!(connection.next()?.is_some() && connection.next()?.is_none());
//! # Ok::<(), io::Error>(())
//! ```
//!
//! Next: what a filter in production has to take care of, in [`filter`](super::filter).
#![expect(unused_imports, reason = "the page links to them")]

use crate::filter::Options;
use crate::macros::MacroStore;
use crate::order::Stage;
use crate::wire::{Actions, Assembler};
use crate::{FilterSession, Misuse};
