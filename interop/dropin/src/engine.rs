//! From commands to callbacks, and from their return values to replies.
//!
//! `FilterSession` knows the order and who has to speak. This is what is left for a library in libmilter's shape.

use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use milter_proto::FilterSession;
use milter_proto::filter::{Event, Options, Turn};
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Assembler, Command, Offer, ReplyText, Steps, Tolerance, Verdict};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use crate::context::{Context, State};
use crate::ffi::{SocketName, Status};
use crate::law::Law;
use crate::library;
use crate::log::{self, Urgency};

/// Bits for MTA and library alone, which no filter may ask for.
const INTERNAL: u32 = 0x7000_0000;

/// Bytes that are read at a time.
const BUFFER: usize = 64 * 1024;

/// Threads that wait for the next command of a connection. A thread costs memory, and many connections keep few of them busy.
const MOST_WAITING: usize = 2;

/// What a thread needs to serve connections, one after the other.
#[derive(Debug)]
pub(crate) struct Room {
    buffer: Vec<u8>,
    /// The texts of a callback. Programs may write into them.
    scratch: Vec<u8>,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; BUFFER], scratch: Vec::new() }
    }
}

/// What is to become of a connection that was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait until there is something to read.
    Wait,
    Close,
}

impl Context {
    /// Handles all that has come, and what comes shortly after.
    pub(crate) fn serve(&self, room: &mut Room) -> Next {
        let Room { buffer, scratch } = room;
        let mut assembler = self.assembler.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match self.read(buffer) {
                Ok(count @ 1..) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    if self.take(&mut assembler, bytes, scratch).is_break() {
                        break;
                    }
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    assembler.release();
                    self.state().macros.release();
                    return Next::Wait;
                }
                Ok(_) | Err(_) => break,
            }
            if library::is_aborting() {
                break;
            }
        }
        self.end(assembler.pending());
        Next::Close
    }

    /// Reads once. If only a few threads wait for the next command of an MTA, this one does, too, for some milliseconds.
    fn read(&self, buffer: &mut [u8]) -> nix::Result<usize> {
        static WAITING: AtomicUsize = AtomicUsize::new(0);
        let waiting = WAITING.fetch_add(1, Ordering::Relaxed);
        let flags = if waiting < MOST_WAITING { MsgFlags::empty() } else { MsgFlags::MSG_DONTWAIT };
        let count = recv(self.socket.as_raw_fd(), buffer, flags);
        WAITING.fetch_sub(1, Ordering::Relaxed);
        count
    }

    /// Ends the conversation: the callbacks for a message in progress, and for the end.
    fn end(&self, pending: usize) {
        let mut state = self.state();
        let ending = state.session.disconnect(pending);
        // libmilter makes no callback for a message whose end was being handled.
        let in_message = match ending.owed {
            Some(CommandKind::EndOfMessage) if self.law == Law::Libmilter => false,
            _ => ending.in_message || state.is_cut_off,
        };
        drop(state);
        self.trace(2, format_args!("the conversation is over: {ending:?}"));
        if in_message {
            self.filter.on_abort(self.handle);
        }
        self.filter.on_close(self.handle);
        if self.private() != 0 {
            log::write(Urgency::Warning, &self.filter.name, format_args!("private data was not freed"));
        }
    }

    /// Handles the commands in some bytes.
    fn take(
        &self,
        assembler: &mut Assembler<Vec<u8>>,
        bytes: &[u8],
        scratch: &mut Vec<u8>,
    ) -> ControlFlow<()> {
        let mut bytes = bytes;
        loop {
            // A callback may change them for the next command.
            assembler.set_limits(library::limits());
            let mut state = self.state();
            let event = match state.session.next_event(assembler, &mut bytes) {
                Ok(Some(event)) => event,
                Ok(None) if state.session.turn() == Turn::Closed => return ControlFlow::Break(()),
                Ok(None) => return ControlFlow::Continue(()),
                Err(error) => {
                    self.trace(2, format_args!("{error}"));
                    return ControlFlow::Break(());
                }
            };
            drop(state);
            self.trace(5, format_args!("{:?}, in order: {}", event.command, event.in_order));
            self.handle(&event, scratch)?;
            if library::is_aborting() {
                return ControlFlow::Break(());
            }
        }
    }

    fn handle(&self, event: &Event<'_>, scratch: &mut Vec<u8>) -> ControlFlow<()> {
        let filter = &self.filter;
        // The callbacks for what ends still see its macros.
        if event.aborts_message {
            // An edit here would be one of the message that comes next.
            self.state().refuses_edits = true;
            filter.on_abort(self.handle);
            self.state().refuses_edits = false;
        }
        match event.command {
            // `end` makes the callback.
            Command::Quit => return ControlFlow::Continue(()),
            Command::QuitNewConnection if !event.is_ignored() => filter.on_close(self.handle),
            _ => {}
        }
        self.state().observe(event);
        if event.is_ignored() {
            return ControlFlow::Continue(());
        }
        let status = match event.command {
            Command::Negotiate(offer) => return self.negotiate(offer),
            Command::Connect { host, peer } => {
                let Some(name) = SocketName::of(&peer) else { return self.refuse_address(event) };
                filter.on_connect(self.handle, terminated(scratch, [host.as_bytes()]), name)
            }
            Command::Helo { name } => filter.on_helo(self.handle, terminated(scratch, [name.as_bytes()])),
            Command::MailFrom { address, arguments } => {
                let texts = [address].into_iter().chain(arguments.iter()).map(|text| text.as_bytes());
                filter.on_mail(self.handle, terminated(scratch, texts))
            }
            Command::RcptTo { address, arguments } => {
                let texts = [address].into_iter().chain(arguments.iter()).map(|text| text.as_bytes());
                filter.on_rcpt(self.handle, terminated(scratch, texts))
            }
            Command::Data => filter.on_data(self.handle),
            Command::Header { name, value } => {
                filter.on_header(self.handle, terminated(scratch, [name.as_bytes(), value.as_bytes()]))
            }
            Command::EndOfHeaders => filter.on_end_of_headers(self.handle),
            Command::Body { chunk } if event.is_last_chunk() => self.last_chunk(chunk, scratch),
            Command::Body { chunk } => filter.on_body(self.handle, copied(scratch, chunk)),
            Command::EndOfMessage { .. } => filter.on_end_of_message(self.handle),
            Command::Unknown { line } => {
                filter.on_unknown(self.handle, terminated(scratch, [line.as_bytes()]))
            }
            _ => return ControlFlow::Continue(()),
        };
        self.reply(status)
    }

    /// Handles a chunk that came together with the end of the message: only the end is answered.
    ///
    /// A verdict of the body callback other than CONTINUE and SKIP is the answer, and the filter is not told of the end.
    fn last_chunk(&self, chunk: &[u8], scratch: &mut Vec<u8>) -> Status {
        {
            let mut state = self.state();
            if let Some(end) = state.session.rest_of_frame() {
                state.observe(&end);
            }
        }
        match self.filter.on_body(self.handle, copied(scratch, chunk)) {
            Status::CONTINUE | Status::SKIP => self.filter.on_end_of_message(self.handle),
            status => status,
        }
    }

    /// libmilter closes the connection on a client's address that it cannot read.
    fn refuse_address(&self, event: &Event<'_>) -> ControlFlow<()> {
        if !self.filter.wants_connect() {
            return self.reply(Status::CONTINUE);
        }
        let name = &self.filter.name;
        log::write(Urgency::Error, name, format_args!("no address of this family: {:?}", event.command));
        if self.law == Law::Robust {
            return self.reply(self.filter.on_connect(self.handle, &mut [0], SocketName::Unknown));
        }
        ControlFlow::Break(())
    }

    /// Sends the reply for what a callback returned.
    fn reply(&self, status: Status) -> ControlFlow<()> {
        // What libmilter's engine uses inside, a program can return, too.
        if status == Status::ABORT {
            return ControlFlow::Break(());
        }
        let mut state = self.state();
        let State { session, reply, negotiation, is_cut_off, .. } = &mut *state;
        let outstanding = match session.turn() {
            Turn::Reply(kind) => kind,
            Turn::Closed => return ControlFlow::Break(()),
            _ => return ControlFlow::Continue(()),
        };
        // Unless the reply is written.
        *is_cut_off = session.stage().is_in_message();
        // The filter promised not to reply, and the MTA does not know about it.
        let emulated = session.negotiated().map(|negotiated| negotiated.emulated).unwrap_or_default();
        let is_emulated = outstanding.no_reply_step().is_some_and(|step| emulated.contains(step));
        let kept = |class: u8| reply.as_deref().filter(|text| text.first() == Some(&class));
        let text = |class| kept(class).and_then(|text| ReplyText::parse_as(text, Tolerance::LENIENT).ok());
        let verdict = match status {
            Status::CONTINUE => Verdict::Continue,
            Status::ACCEPT => Verdict::Accept,
            Status::DISCARD => Verdict::Discard,
            Status::SKIP => Verdict::Skip,
            Status::REJECT => text(b'5').map_or(Verdict::Reject, Verdict::Reply),
            Status::TEMPFAIL => text(b'4').map_or(Verdict::Tempfail, Verdict::Reply),
            Status::NOREPLY | Status::OPTIONS if is_emulated => Verdict::Continue,
            Status::OPTIONS if self.law == Law::Libmilter => {
                let is_written = self.write_all(&mut [std::io::IoSlice::new(negotiation)]);
                let _ = session.withhold();
                *is_cut_off &= !is_written;
                return go_on_if(is_written);
            }
            _ if self.law == Law::Libmilter => {
                // Nothing is sent, and the MTA waits.
                let is_silent = session.withhold().is_ok() || self.send_nearest(session, Verdict::Continue);
                *is_cut_off &= !is_silent;
                return go_on_if(is_silent);
            }
            Status::NOREPLY => Verdict::Continue,
            _ => Verdict::Tempfail,
        };
        let is_written = self.send_nearest(session, verdict);
        *is_cut_off &= !is_written;
        if matches!(verdict, Verdict::Reply(_)) {
            *reply = None;
        }
        go_on_if(is_written)
    }

    /// Sends a verdict, or the nearest one where the filter promised not to reply.
    fn send_nearest(&self, session: &mut FilterSession, verdict: Verdict<'_>) -> bool {
        session.set_limits(library::limits());
        let Ok(sent) = session.send_nearest(verdict) else { return false };
        if let Some(misuse) = sent.misuse {
            log::write(Urgency::Error, &self.filter.name, format_args!("not sent: {misuse}"));
        }
        self.write(&sent.frame)
    }

    /// Asks the filter what it wants, and answers the offer.
    fn negotiate(&self, offer: Offer) -> ControlFlow<()> {
        if !offer.is_acceptable() {
            return ControlFlow::Break(());
        }
        let offer = offer.with_v1_defaults();
        let declined = self.filter.declined();
        let skip = offer.steps.intersection(Steps::SKIP);
        let offered = (offer.actions, offer.steps.difference(Steps::from_bits(INTERNAL)));
        let wanted = match self.filter.on_negotiate(self.handle, offered, declined.union(skip)) {
            None => (self.filter.flags, declined),
            Some((Status::ALL_OPTIONS, ..)) => (offer.actions, declined.union(skip)),
            Some((Status::CONTINUE, actions, steps)) => (actions, steps),
            Some((status, ..)) => {
                log::write(
                    Urgency::Error,
                    &self.filter.name,
                    format_args!("negotiate returned {}", status.0),
                );
                return ControlFlow::Break(());
            }
        };
        self.answer(wanted.0, wanted.1)
    }

    fn answer(&self, actions: Actions, steps: Steps) -> ControlFlow<()> {
        let mut state = self.state();
        let lists = state.requested_macros();
        let options = Options::from_actions_and_steps(actions, steps).macro_lists(lists.as_lists());
        let is_internal = !steps.intersection(Steps::from_bits(INTERNAL)).is_empty();
        let error = match state.session.negotiate(&options) {
            Ok(_) if is_internal => "a filter may not set the bits of the data size".to_owned(),
            Ok(sent) => {
                let mut frame = Vec::new();
                sent.frame.append_to(&mut frame);
                let is_written = self.write_all(&mut [std::io::IoSlice::new(&frame)]);
                self.trace(3, format_args!("negotiated: {:?}", sent.negotiation.negotiated));
                state.negotiation = frame;
                return go_on_if(is_written);
            }
            Err(error) => error.to_string(),
        };
        drop(state);
        log::write(Urgency::Error, &self.filter.name, format_args!("{error}"));
        ControlFlow::Break(())
    }

    /// Writes a line if `smfi_setdbg` asked for more than `level`.
    fn trace(&self, level: i32, line: std::fmt::Arguments<'_>) {
        if self.debug > level {
            log::trace(format_args!("[{}] {line}", self.handle.0));
        }
    }
}

impl State {
    /// Keeps macros, and forgets those that are over.
    fn observe(&mut self, event: &Event<'_>) {
        // Macros that do not fit are left out. No MTA sends that many.
        let _ = self.macros.observe(event);
        if let Some(answers) = self.answers.as_mut().filter(|_| !event.is_ignored()) {
            answers.observe(event);
        }
    }
}

fn go_on_if(is_good: bool) -> ControlFlow<()> {
    if is_good { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Copies texts, each with its NUL.
fn terminated<'t>(scratch: &mut Vec<u8>, texts: impl IntoIterator<Item = &'t [u8]>) -> &mut Vec<u8> {
    scratch.clear();
    for text in texts {
        scratch.extend_from_slice(text);
        scratch.push(0);
    }
    scratch
}

/// Copies a chunk.
fn copied<'s>(scratch: &'s mut Vec<u8>, chunk: &[u8]) -> &'s mut Vec<u8> {
    scratch.clear();
    scratch.extend_from_slice(chunk);
    scratch
}
