//! What the filter's session receives.

use super::event::{Event, Flags, Turn};
use crate::FilterSession;
use crate::error::{ReceiveError, ViolationDetail};
use crate::order::state::Passage;
use crate::order::table::Law;
use crate::order::{CommandKind, Rule, Stage, rules};
use crate::wire::{Assembler, Buffer, Command, DecodeError, Frame};

impl FilterSession {
    /// Takes the next command from the front of `input`.
    ///
    /// `Ok(None)` means that `input` is empty: read more, or close if [`turn`](Self::turn) is [`Turn::Closed`].
    /// Anything after QUIT is ignored. The event borrows from `assembler` or from `input`, never from the session,
    /// so you can answer it while you still use it.
    ///
    /// # Errors
    /// [`ReceiveError::ReplyOwed`] if a reply is outstanding; nothing was taken from `input`. After any other error the
    /// connection is broken, and every later call returns the same error. Flush the output before handling the error:
    /// earlier frames of the same read may already have been answered.
    #[inline]
    pub fn next_event<'s, 'i: 's, B: Buffer>(
        &mut self,
        assembler: &'s mut Assembler<B>,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'s>>, ReceiveError> {
        if !self.is_reading() {
            return self.next_without_reading(input);
        }
        match assembler.next_frame(input) {
            Ok(Some(frame)) => self.take(frame),
            Ok(None) => Ok(None),
            Err(error) => Err(self.break_off(ReceiveError::of_stream(error))),
        }
    }

    /// Whether [`next_event`](Self::next_event) would return an event or an error for this `input`.
    ///
    /// `false` means that more has to be read, or that the connection is over: see [`turn`](Self::turn). `input` is empty
    /// then, and the first part of a frame is in the assembler. Give `next_event` the same `input`, as it was left here. The
    /// result borrows nothing, so a function that reads in a loop can return the event after the loop:
    ///
    /// ```
    /// use std::io::{self, Read};
    ///
    /// use milter_proto::FilterSession;
    /// use milter_proto::filter::{Event, Turn};
    /// use milter_proto::wire::Assembler;
    ///
    /// struct Connection<S> {
    ///     session: FilterSession,
    ///     assembler: Assembler<Vec<u8>>,
    ///     stream: S,
    ///     buffer: Vec<u8>,
    ///     /// The part of `buffer` that the session has not used yet.
    ///     unread: std::ops::Range<usize>,
    /// }
    ///
    /// impl<S: Read> Connection<S> {
    ///     fn next(&mut self) -> io::Result<Option<Event<'_>>> {
    ///         loop {
    ///             let mut input = &self.buffer[self.unread.clone()];
    ///             let has_event = self.session.has_event(&mut self.assembler, &mut input);
    ///             self.unread.start = self.unread.end - input.len();
    ///             if has_event {
    ///                 break;
    ///             }
    ///             // After QUIT a peer may send anything, without end.
    ///             if self.session.turn() == Turn::Closed {
    ///                 return Ok(None);
    ///             }
    ///             self.unread = 0..self.stream.read(&mut self.buffer)?;
    ///             if self.unread.is_empty() {
    ///                 return Ok(None);
    ///             }
    ///         }
    ///         let mut input = &self.buffer[self.unread.clone()];
    ///         let event = self.session.next_event(&mut self.assembler, &mut input).map_err(io::Error::other)?;
    ///         self.unread.start = self.unread.end - input.len();
    ///         Ok(event)
    ///     }
    /// }
    /// # let session = FilterSession::new();
    /// # let stream = b"\0\0\0\x01Q".chain(io::repeat(0));
    /// # let (assembler, buffer, unread) = (Assembler::new(Vec::new()), vec![0; 64], 0..0);
    /// # let mut connection = Connection { session, assembler, stream, buffer, unread };
    /// # assert!(connection.next()?.is_some());
    /// # assert!(connection.next()?.is_none());
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn has_event<B: Buffer>(&self, assembler: &mut Assembler<B>, input: &mut &[u8]) -> bool {
        if self.flags.end_follows {
            return true;
        }
        if self.turn() == Turn::Receive {
            // An error of the stream is for `next_event` to return.
            return assembler.fill(input).unwrap_or(true);
        }
        if self.flags.has_quit {
            *input = &[];
        }
        !self.flags.has_quit
    }

    /// Takes a frame that the caller has cut from the stream.
    ///
    /// After the event of a body chunk, ask [`rest_of_frame`](Self::rest_of_frame) for a second event of the same frame.
    ///
    /// # Errors
    /// The errors of [`next_event`](Self::next_event), and [`ReceiveError::RestOfFrame`] if that second event was not taken.
    pub fn receive<'f>(&mut self, frame: Frame<'f>) -> Result<Event<'f>, ReceiveError> {
        if self.flags.end_follows {
            return Err(ReceiveError::RestOfFrame);
        }
        self.ready()?;
        self.take(frame)
    }

    /// Whether the next thing to do is to read a frame.
    #[inline]
    fn is_reading(&self) -> bool {
        self.conversation.owed.is_none() && self.conversation.stage() != Stage::Closed
    }

    /// The next event that needs no more input.
    #[cold]
    #[inline(never)]
    fn next_without_reading(&mut self, input: &mut &[u8]) -> Result<Option<Event<'static>>, ReceiveError> {
        if let Some(end) = self.rest_of_frame() {
            return Ok(Some(end));
        }
        if !self.flags.has_quit {
            return Err(self.not_ready());
        }
        // As libmilter does: SPEC_NOTES END-4.
        *input = &[];
        Ok(None)
    }

    /// Takes a frame, and returns what its callers return, so that they need not move the event.
    ///
    /// Nearly every frame is a command in order that changes only the stage. Everything else is left to
    /// [`take_rare`](Self::take_rare), out of the way of the optimiser.
    #[inline]
    fn take<'f, E: From<Event<'f>>>(&mut self, frame: Frame<'f>) -> Result<E, ReceiveError> {
        let mut event = Event::new(Command::Quit);
        match event.command.read(frame, self.policy.tolerance()) {
            Ok(deviation) => event.deviation = deviation,
            Err(error) => return self.take_unreadable(frame, error).map(E::from),
        }
        let kind = CommandKind::from_code(frame.code());
        let is_plain = self.conversation.law() == Law::Robust
            && !self.flags.message_ended
            && match event.command {
                Command::Macros(macros) => self.conversation.is_plain(macros.stage()),
                _ => kind.is_some_and(|kind| self.conversation.accept_plain(kind)),
            };
        if is_plain {
            return Ok(event.into());
        }
        match kind {
            Some(kind) => self.take_rare(kind, event).map(E::from),
            None => Err(self.fail(frame.code(), Rule::UnknownCode, None)),
        }
    }

    /// Takes a command that has more to it than its stage, or may be refused.
    #[inline(never)]
    fn take_rare<'f>(&mut self, kind: CommandKind, event: Event<'f>) -> Result<Event<'f>, ReceiveError> {
        let mut event = event;
        if let Some(rule) = self.objection(kind, &event.command) {
            return Err(self.fail(kind.code(), rule, None));
        }
        let passage = match event.command {
            Command::Macros(macros) => {
                self.flags.message_ended |= self.conversation.begins_transaction(macros.stage());
                self.conversation.macros(macros.stage())
            }
            _ => self.conversation.command(kind),
        };
        match passage {
            Ok(passage) => self.mark(&mut event, passage),
            Err(rule) => return Err(self.fail(kind.code(), rule, None)),
        }
        if !event.is_ignored() {
            self.take_special(&mut event);
        }
        if core::mem::take(&mut self.flags.message_ended) {
            event.flags = event.flags.with(Flags::MESSAGE_ENDED);
        }
        Ok(event)
    }

    /// Remembers what a command changes besides the stage.
    fn take_special(&mut self, event: &mut Event<'_>) {
        match event.command {
            Command::Negotiate(offer) => self.conversation.note_offer(offer),
            Command::Quit => self.flags.has_quit = true,
            Command::EndOfMessage { chunk: chunk @ [_, ..] } => {
                let is_unwanted =
                    self.conversation.is_body_skipped() || self.conversation.has_declined(CommandKind::Body);
                if is_unwanted {
                    event.command = Command::EndOfMessage { chunk: &[] };
                } else {
                    self.flags.end_follows = true;
                    self.flags.end_in_order = event.in_order;
                    event.command = Command::Body { chunk };
                    event.flags = event.flags.with(Flags::LAST_CHUNK);
                }
            }
            _ => {}
        }
    }

    /// Puts down on an event how the command was accepted.
    #[inline]
    fn mark(&self, event: &mut Event<'_>, passage: Passage) {
        event.in_order = passage.in_order;
        event.aborts_message = passage.aborts_message;
        if !passage.in_order && self.conversation.law() == Law::Libmilter {
            event.flags = event.flags.with(Flags::IGNORED);
        }
        if passage.aborts_message {
            event.flags = event.flags.with(Flags::MESSAGE_ENDED);
        }
    }

    /// Takes a command whose payload cannot be read: an engine that ignores it never looks at the payload.
    #[cold]
    #[inline(never)]
    fn take_unreadable<'f>(
        &mut self,
        frame: Frame<'f>,
        error: DecodeError,
    ) -> Result<Event<'f>, ReceiveError> {
        let code = frame.code();
        let ignored = CommandKind::from_code(code).filter(|&kind| self.ignores(kind));
        match ignored.map(|kind| self.conversation.command(kind)) {
            Some(Ok(passage)) => {
                let mut event = Event { deviation: Some(error), ..Event::new(Command::Other(frame)) };
                self.mark(&mut event, passage);
                Ok(event)
            }
            _ => Err(self.fail(code, Rule::MalformedPayload, Some(ViolationDetail::Payload(error)))),
        }
    }

    /// What the policy has against the content of a command.
    fn objection(&self, kind: CommandKind, command: &Command<'_>) -> Option<Rule> {
        rules::command(command).filter(|&rule| self.policy.refuses_content(rule) && !self.ignores(kind))
    }

    /// Whether libmilter's engine would ignore a command.
    fn ignores(&self, kind: CommandKind) -> bool {
        self.conversation.law() == Law::Libmilter
            && self.conversation.passage(kind).is_ok_and(|passage| !passage.in_order)
    }

    /// Returns the end of the message, if it came in the same frame as the body chunk of the last event.
    #[inline]
    pub fn rest_of_frame(&mut self) -> Option<Event<'static>> {
        if !self.flags.end_follows {
            return None;
        }
        self.flags.end_follows = false;
        let end = Event::new(Command::EndOfMessage { chunk: &[] });
        Some(Event { in_order: self.flags.end_in_order, ..end })
    }
}
