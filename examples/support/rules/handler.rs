//! One connection of a filter: what it is told, and what it has to say.

use core::fmt;

use milter_proto::macros::MacroStore;
use milter_proto::order::{CommandKind, Stage};
use milter_proto::wire::{Command, DataSize, LeadingSpace, Response, Steps, Verdict, code_name};
use milter_proto::{FilterSession, Misuse, filter};

use super::{Next, Rules};
use crate::support::callbacks::{self, Callbacks};
use crate::support::tap::Tap;

/// What one connection has to remember beside its session.
pub(crate) struct Handler<'r> {
    rules: &'r Rules,
    connection: u64,
    macros: MacroStore<Vec<u8>>,
    is_in_message: bool,
    /// The header for which this message is held.
    held_for: Option<&'r str>,
    /// The responses and pauses before the verdict.
    before: Option<Box<dyn Iterator<Item = Next<'r>> + Send + 'r>>,
    verdict: Verdict<'r>,
    /// The verdict on a chunk that came in one frame with the end of the message, and has no reply of its own.
    of_last_chunk: Verdict<'r>,
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
            held_for: None,
            before: None,
            verdict: Verdict::Continue,
            of_last_chunk: Verdict::Continue,
            callbacks: options.events.then(|| Callbacks::new(connection, &options.show_macros)),
        }
    }

    /// Looks at a command, and makes up its mind about it.
    pub(crate) fn hear(&mut self, event: &filter::Event<'_>, session: &FilterSession) {
        if !event.in_order {
            let answered = if event.is_ignored() { "ignored" } else { "handled like any other" };
            let name = code_name(event.command.code()).unwrap_or("an unknown command");
            self.log(&format_args!("{name} is out of order, and {answered}"));
        }
        if event.aborts_message {
            self.held_for = None;
            self.tell("abort", &[]);
        }
        if matches!(event.command, Command::QuitNewConnection) && !event.is_ignored() {
            self.tell("close", &[]);
        }
        // At the end of the connection macros can still be asked for.
        // Macros that have no room are left out: no real list comes near that much.
        if !matches!(event.command, Command::Quit) {
            let _ = self.macros.observe(event);
        }
        (self.before, self.verdict) = (None, Verdict::Continue);
        let of_last_chunk = core::mem::replace(&mut self.of_last_chunk, Verdict::Continue);
        // A command that nobody asked for may come all the same, and passes.
        let kind = CommandKind::from_command(&event.command);
        if event.is_ignored() || kind.is_none_or(|kind| !self.rules.wants(kind)) {
            return;
        }
        if self.callbacks.is_some() {
            if let Some((name, arguments)) = callbacks::of(&event.command) {
                self.tell(name, &arguments);
            }
        }
        if let Command::Header { name, .. } = event.command {
            self.held_for = self.held_for.or(self.rules.quarantine_for(name));
        }
        if let filter::Turn::Reply(owed) = session.turn() {
            self.verdict = self.rules.verdict(owed, &event.command);
            if owed == CommandKind::EndOfMessage {
                self.before = Some(Box::new(self.at_the_end(session)));
            }
            // As with libmilter, it stands in the place of all that is said at the end. SKIP has nothing left to skip.
            if !matches!(of_last_chunk, Verdict::Continue | Verdict::Skip) {
                (self.before, self.verdict) = (None, of_last_chunk);
            }
        } else if event.is_last_chunk() && self.answers_chunks(session) {
            self.of_last_chunk = self.rules.verdict(CommandKind::Body, &event.command);
        }
    }

    /// Whether chunks of a body get a reply.
    fn answers_chunks(&self, session: &FilterSession) -> bool {
        session.negotiated().is_none_or(|agreed| !agreed.steps.contains(Steps::NO_REPLY_BODY))
    }

    /// Everything owed was said, and the connection is at that stage now.
    pub(crate) fn settle(&mut self, stage: Stage) {
        // An UNKNOWN that libmilter takes inside of a message does not end it.
        if stage != Stage::Unknown {
            self.is_in_message = stage.is_in_message();
        }
        if !self.is_in_message {
            self.held_for = None;
        }
    }

    /// Whether a message is in progress.
    pub(crate) const fn is_in_message(&self) -> bool {
        self.is_in_message
    }

    fn tell(&self, name: &str, arguments: &[String]) {
        if let Some(callbacks) = &self.callbacks {
            callbacks.show(name, arguments, &self.macros);
        }
    }

    fn at_the_end(&mut self, session: &FilterSession) -> impl Iterator<Item = Next<'r>> + Send + use<'r> {
        let agreed = session.negotiated();
        let space = agreed.map_or(LeadingSpace::Stripped, |agreed| LeadingSpace::of(agreed.steps));
        let size = agreed.map_or(DataSize::Kib64, |agreed| agreed.data_size());
        self.rules.at_the_end(space, size, self.held_for.take())
    }

    /// The next thing to do while a reply is outstanding.
    pub(crate) fn next(&mut self) -> Next<'r> {
        self.before.as_mut().and_then(Iterator::next).unwrap_or_else(|| {
            // They are large, and the next command may be long in coming.
            self.before = None;
            Next::Say(Response::Verdict(core::mem::replace(&mut self.verdict, Verdict::Continue)))
        })
    }

    /// A rule that asks for what was not negotiated, or what is no answer here, is passed over.
    ///
    /// # Errors
    /// The misuse, if there is nothing else to say.
    pub(crate) fn pass_over(&self, response: Response<'r>, misuse: Misuse) -> Result<(), Misuse> {
        if response == Response::Verdict(Verdict::Continue) {
            return Err(misuse);
        }
        Tap::note(self.connection, &format_args!("not said: {misuse}"));
        Ok(())
    }

    /// Gives back the memory that macros do not use.
    pub(crate) fn release(&mut self) {
        self.macros.release();
    }

    /// The MTA closed the connection, and the session had not seen QUIT.
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

    /// The connection is over.
    pub(crate) fn end(&self, ending: &filter::Ending) {
        if ending.in_message {
            self.tell("abort", &[]);
        }
        self.tell("close", &[]);
    }
}
