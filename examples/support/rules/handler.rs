//! One connection of a filter: handles events, and decides what to send.

use core::fmt;

use milter_proto::macros::MacroStore;
use milter_proto::negotiation::Negotiated;
use milter_proto::order::{CommandKind, Stage};
use milter_proto::wire::{Command, DataSize, Response, Steps, Verdict, code_name};
use milter_proto::{FilterSession, Misuse, filter};

use super::{Next, Rules};
use crate::support::callbacks::{self, Callbacks};
use crate::support::tap::Tap;

/// The state of one connection besides its session.
pub(crate) struct Handler<'r> {
    rules: &'r Rules,
    connection: u64,
    macros: MacroStore<Vec<u8>>,
    is_in_message: bool,
    /// The header for which this message will be quarantined.
    quarantine_header: Option<&'r str>,
    /// The responses and pauses before the verdict.
    before_verdict: Option<Box<dyn Iterator<Item = Next<'r>> + Send + 'r>>,
    verdict: Verdict<'r>,
    /// The verdict on a chunk that came in one frame with the end of the message, and has no reply of its own.
    last_chunk_verdict: Verdict<'r>,
    callbacks: Option<Callbacks<'r>>,
}

impl<'r> Handler<'r> {
    pub(crate) fn new(rules: &'r Rules, connection: u64) -> Self {
        let options = &rules.options;
        Self {
            rules,
            connection,
            macros: MacroStore::new(Vec::new()),
            is_in_message: false,
            quarantine_header: None,
            before_verdict: None,
            verdict: Verdict::Continue,
            last_chunk_verdict: Verdict::Continue,
            callbacks: options.events.then(|| Callbacks::new(connection, &options.show_macros)),
        }
    }

    /// Handles a command, and decides on the replies to it.
    pub(crate) fn on_event(&mut self, event: &filter::Event<'_>, session: &FilterSession) {
        if !event.in_order {
            let answered = if event.is_ignored() { "ignored" } else { "handled like any other" };
            let name = code_name(event.command.code()).unwrap_or("an unknown command");
            self.log(&format_args!("{name} is out of order, and {answered}"));
        }
        if event.aborts_message {
            self.quarantine_header = None;
            self.show_callback("abort", &[]);
        }
        if matches!(event.command, Command::QuitNewConnection) && !event.is_ignored() {
            self.show_callback("close", &[]);
        }
        // After QUIT, `close` can still show macros. Macros that do not fit are left out; no MTA sends that many.
        if !matches!(event.command, Command::Quit) {
            let _ = self.macros.observe(event);
        }
        (self.before_verdict, self.verdict) = (None, Verdict::Continue);
        let last_chunk_verdict = core::mem::replace(&mut self.last_chunk_verdict, Verdict::Continue);
        // A command that was declined may be sent anyway; it passes.
        let kind = CommandKind::from_command(&event.command);
        if event.is_ignored() || kind.is_none_or(|kind| !self.rules.subscribes_to(kind)) {
            return;
        }
        if self.callbacks.is_some() {
            if let Some((name, arguments)) = callbacks::of(&event.command) {
                self.show_callback(name, &arguments);
            }
        }
        if let Command::Header { name, .. } = event.command {
            self.quarantine_header = self.quarantine_header.or(self.rules.quarantine_for(name));
        }
        if let filter::Turn::Reply(owed) = session.turn() {
            self.verdict = self.rules.verdict(owed, &event.command);
            if owed == CommandKind::EndOfMessage {
                self.before_verdict = Some(Box::new(self.at_the_end(session)));
            }
            // As in libmilter, it replaces the edits and the verdict at the end. After the last chunk SKIP has no effect.
            if !matches!(last_chunk_verdict, Verdict::Continue | Verdict::Skip) {
                (self.before_verdict, self.verdict) = (None, last_chunk_verdict);
            }
        } else if event.is_last_chunk() && self.answers_chunks(session) {
            self.last_chunk_verdict = self.rules.verdict(CommandKind::Body, &event.command);
        }
    }

    /// Whether chunks of a body get a reply.
    fn answers_chunks(&self, session: &FilterSession) -> bool {
        session.negotiated().is_none_or(|negotiated| !negotiated.steps.contains(Steps::NO_REPLY_BODY))
    }

    /// Called when all replies to an event were sent, with the stage that follows.
    pub(crate) fn after_replies(&mut self, stage: Stage) {
        // Under the libmilter policy, UNKNOWN in a message leads to another stage, but does not end the message.
        if stage != Stage::Unknown {
            self.is_in_message = stage.is_in_message();
        }
        if !self.is_in_message {
            self.quarantine_header = None;
        }
    }

    /// Whether a message is in progress.
    pub(crate) const fn is_in_message(&self) -> bool {
        self.is_in_message
    }

    fn show_callback(&self, name: &str, arguments: &[String]) {
        if let Some(callbacks) = &self.callbacks {
            callbacks.show(name, arguments, &self.macros);
        }
    }

    fn at_the_end(&mut self, session: &FilterSession) -> impl Iterator<Item = Next<'r>> + Send + use<'r> {
        let size = session.negotiated().map_or(DataSize::Kib64, Negotiated::data_size);
        self.rules.at_the_end(session.leading_space(), size, self.quarantine_header.take())
    }

    /// The next thing to do while a reply is outstanding.
    pub(crate) fn next(&mut self) -> Next<'r> {
        self.before_verdict.as_mut().and_then(Iterator::next).unwrap_or_else(|| {
            // Frees the edits, because the next command may not come for a while.
            self.before_verdict = None;
            Next::Send(Response::Verdict(core::mem::replace(&mut self.verdict, Verdict::Continue)))
        })
    }

    /// Leaves out a response that may not be sent, because it was not negotiated or does not answer the command. The next
    /// verdict is then CONTINUE; after a refusal it is TEMPFAIL first.
    ///
    /// # Errors
    /// The misuse, if not even CONTINUE may be sent.
    pub(crate) fn leave_out(&mut self, response: Response<'r>, misuse: Misuse) -> Result<(), Misuse> {
        match response {
            Response::Verdict(Verdict::Continue) => return Err(misuse),
            Response::Verdict(verdict) if !verdict.lets_pass() && verdict != Verdict::Tempfail => {
                self.verdict = Verdict::Tempfail;
            }
            _ => {}
        }
        Tap::note(self.connection, &format_args!("not sent: {misuse}"));
        Ok(())
    }

    /// Frees the memory that macros do not use.
    pub(crate) fn release(&mut self) {
        self.macros.release();
    }

    /// Logs that the MTA closed the connection without QUIT.
    pub(crate) fn note_end_without_quit(&self, pending: usize) {
        let place = match (pending, self.is_in_message) {
            (1.., _) => ", inside a frame",
            (0, true) => ", inside a message",
            (0, false) => "",
        };
        self.log(&format_args!("the MTA closed the connection without QUIT{place}"));
    }

    /// Adds a line to the log of frames, if there is one.
    fn log(&self, text: &dyn fmt::Display) {
        if self.rules.options.logs.shows() {
            Tap::note(self.connection, text);
        }
    }

    /// Shows the callbacks for the end of the connection.
    pub(crate) fn end(&self, ending: &filter::Ending) {
        if ending.in_message {
            self.show_callback("abort", &[]);
        }
        self.show_callback("close", &[]);
    }
}
