//! Without an allocator: all memory is lent by the caller.
//!
//! With `default-features = false` the crate needs `core` only. What grows in a `Vec` elsewhere lies in an array or a slice
//! then. The example `filter_embedded` is a complete filter over `embedded-io`.
//!
//! # How much memory
//!
//! | what | bytes |
//! | --- | --- |
//! | [`FilterSession`] | 64 at most |
//! | [`Assembler`] | 64 at most, and storage for the largest frame that you accept |
//! | [`MacroStore`] | 64 at most, and storage for the macros that you ask for |
//! | read buffer | any size; larger ones need fewer reads |
//! | write buffer | the largest frame that you send; larger ones need fewer writes |
//!
//! The storage of the assembler limits the frames: a frame that does not fit ends the connection with an error as soon as its
//! length is known. Commands of the envelope rarely have more than 1,000 bytes, but a body chunk has up to 65,535. So decline
//! BODY, and if possible headers, unless there is memory for them.
//!
//! # A filter in four buffers
//!
//! ```
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Options, Turn};
//! use milter_proto::macros::MacroStore;
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Assembler, BufferTooSmall, Command, OutgoingFrame, Text, Verdict};
//!
//! /// Your transport: a serial line, a network stack, a queue.
//! trait Transport {
//!     fn read(&mut self, buffer: &mut [u8]) -> usize;
//!     fn write_all(&mut self, bytes: &[u8]);
//! }
//!
//! /// Collects frames, and writes them when the buffer is full.
//! struct Output<'b> {
//!     buffer: &'b mut [u8],
//!     used: usize,
//! }
//!
//! impl Output<'_> {
//!     fn push(&mut self, frame: &OutgoingFrame<'_>, transport: &mut impl Transport) -> Result<(), BufferTooSmall> {
//!         if frame.len() > self.buffer.len() - self.used {
//!             self.flush(transport);
//!         }
//!         self.used += frame.write_to(&mut self.buffer[self.used..])?;
//!         Ok(())
//!     }
//!
//!     fn flush(&mut self, transport: &mut impl Transport) {
//!         transport.write_all(&self.buffer[..self.used]);
//!         self.used = 0;
//!     }
//! }
//!
//! /// The client chooses brackets and case.
//! fn is_nobody(address: Text<'_>) -> bool {
//!     let is = |text: &str| text.trim_matches(['<', '>']).eq_ignore_ascii_case("nobody@example.org");
//!     address.to_str().is_ok_and(is)
//! }
//!
//! type Error = Box<dyn core::error::Error>; // in your program, an enum
//!
//! struct Connection<'b> {
//!     session: FilterSession,
//!     assembler: Assembler<&'b mut [u8]>,
//!     macros: MacroStore<&'b mut [u8]>,
//!     out: Output<'b>,
//! }
//!
//! impl Connection<'_> {
//!     /// Answers the commands of one read.
//!     fn answer(&mut self, mut input: &[u8], transport: &mut impl Transport) -> Result<(), Error> {
//!         let options = Options::new([CommandKind::RcptTo]);
//!         while let Some(event) = self.session.next_event(&mut self.assembler, &mut input)? {
//!             let _ = self.macros.observe(&event); // without room, those macros are missing
//!             let verdict = match event.command {
//!                 Command::RcptTo { address, .. } if is_nobody(address) => Verdict::Reject,
//!                 _ => Verdict::Continue,
//!             };
//!             match self.session.turn() {
//!                 Turn::Reply(CommandKind::Negotiate) => {
//!                     self.out.push(&self.session.negotiate(&options)?.frame, transport)?;
//!                 }
//!                 Turn::Reply(_) => self.out.push(&self.session.send(verdict)?, transport)?,
//!                 _ => {}
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! fn serve(transport: &mut impl Transport) -> Result<(), Error> {
//!     let (mut cut, mut read, mut write, mut kept) = ([0; 2048], [0; 512], [0; 256], [0; 512]);
//!     let mut connection = Connection {
//!         session: FilterSession::new(),
//!         assembler: Assembler::new(&mut cut),
//!         macros: MacroStore::new(&mut kept),
//!         out: Output { buffer: &mut write, used: 0 },
//!     };
//!     while connection.session.turn() != Turn::Closed {
//!         let count = transport.read(&mut read);
//!         if count == 0 {
//!             break;
//!         }
//!         let result = connection.answer(&read[..count], transport);
//!         connection.out.flush(transport); // before an error is handled
//!         result?;
//!     }
//!     Ok(())
//! }
//! # struct Line(&'static [u8], Vec<u8>);
//! # impl Transport for Line {
//! #     fn read(&mut self, buffer: &mut [u8]) -> usize { std::io::Read::read(&mut self.0, buffer).unwrap() }
//! #     fn write_all(&mut self, bytes: &[u8]) { self.1.extend_from_slice(bytes) }
//! # }
//! # let sends = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x14Rnobody@EXAMPLE.org\0\0\0\0\x01Q";
//! # let mut line = Line(sends, Vec::new());
//! # serve(&mut line)?;
//! # assert!(line.1.ends_with(b"\0\0\0\x01r"));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Building values
//!
//! Whatever has a list inside is written into a buffer of yours, and borrows from it: [`ReplyText::write`],
//! [`TextList::write`], [`MacroLists::write`], and for an MTA [`MacroRequests::write_macros`]. [`BufferTooSmall`] says how many
//! bytes are needed.
//!
//! ```
//! use milter_proto::wire::{Assembler, EnhancedCode, Frame, ReplyCode, ReplyText, Response, Verdict};
//!
//! let mut storage = [0; 128];
//! let code = ReplyCode::new(550).ok_or("not a code")?;
//! let enhanced = EnhancedCode::new(5, 7, 1).ok_or("not a code")?;
//! let reply = ReplyText::write(code, Some(enhanced), ["no thanks", "see example.org"], &mut storage)?;
//!
//! let mut out = [0; 8];
//! let full = Response::from(Verdict::Reply(reply)).encode().write_to(&mut out).unwrap_err();
//! assert_eq!((full.needed, full.available), (52, 8));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![expect(unused_imports, reason = "the page links to them")]

use crate::FilterSession;
use crate::macros::{MacroRequests, MacroStore};
use crate::wire::{Assembler, BufferTooSmall, MacroLists, ReplyText, TextList};
