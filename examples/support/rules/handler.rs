//! One connection of a filter: what it is told, and what it has to say.

use milter_proto::session::{CommandKind, Ending, Event, FilterSession, FilterTurn, MacroStore, Passage};
use milter_proto::wire::{Command, DataSize, LeadingSpace, Response, Verdict};

use super::Rules;
use crate::support::callbacks::{self, Callbacks};
use crate::support::tap::Tap;

/// What one connection has to remember beside its session.
pub(crate) struct Handler<'r> {
    rules: &'r Rules,
    connection: u64,
    macros: MacroStore<Vec<u8>>,
    /// The header for which this message is held.
    held_for: Option<String>,
    /// What is to be said, the verdict last.
    replies: Option<Box<dyn Iterator<Item = Response<'r>> + Send + 'r>>,
    callbacks: Option<Callbacks<'r>>,
}

impl<'r> Handler<'r> {
    pub(crate) fn new(rules: &'r Rules, connection: u64) -> Self {
        let options = &rules.options;
        Self {
            rules,
            connection,
            macros: MacroStore::new(Vec::new()),
            held_for: None,
            replies: None,
            callbacks: options.events.then(|| Callbacks::new(connection, &options.show_macros)),
        }
    }

    /// Looks at a command, and makes up its mind about it.
    pub(crate) fn hear(&mut self, event: &Event<'_>, session: &FilterSession) {
        let is_aborted = matches!(event.passage, Passage::AfterAbort | Passage::IgnoredAfterAbort);
        if is_aborted || (event.command == Command::Abort && event.passage.is_taken()) {
            self.held_for = None;
            self.tell("abort", &[]);
        }
        if event.command == Command::QuitNewConnection && event.passage.is_taken() {
            self.tell("close", &[]);
        }
        // Macros that have no room are left out: no real list comes near that much.
        let _ = self.macros.observe(&event.command);
        self.replies = None;
        // A command that nobody asked for may come all the same, and passes.
        let kind = CommandKind::of(&event.command);
        if !event.passage.is_taken() || kind.is_none_or(|kind| !self.rules.wants(kind)) {
            return;
        }
        if let Some((name, arguments)) = callbacks::of(&event.command) {
            self.tell(name, &arguments);
        }
        if let Command::Header { name, .. } = event.command {
            self.held_for = self.held_for.take().or(self.rules.quarantine_for(name).map(str::to_owned));
        }
        if let FilterTurn::Reply(owed) = session.turn() {
            let verdict = Response::Verdict(self.rules.verdict(owed, &subject(&event.command)));
            let before = (owed == CommandKind::EndOfMessage).then(|| self.at_the_end(session));
            self.replies = Some(Box::new(before.into_iter().flatten().chain([verdict])));
        }
    }

    fn tell(&self, name: &str, arguments: &[String]) {
        if let Some(callbacks) = &self.callbacks {
            callbacks.show(name, arguments, &self.macros);
        }
    }

    fn at_the_end(&mut self, session: &FilterSession) -> impl Iterator<Item = Response<'r>> + Send + use<'r> {
        let agreed = session.agreed();
        let space = agreed.map_or(LeadingSpace::Mta, |agreed| LeadingSpace::of(agreed.steps));
        let size = agreed.map_or(DataSize::K64, |agreed| agreed.data_size());
        self.rules.at_the_end(space, size, self.held_for.take().as_deref())
    }

    /// What is to be said next; `None` once nothing is owed.
    ///
    /// A rule that asks for what was not negotiated, or what is no answer here, is passed over.
    pub(crate) fn say(&mut self, session: &FilterSession) -> Option<Response<'r>> {
        while let FilterTurn::Reply(_) = session.turn() {
            let Some(response) = self.replies.as_mut().and_then(Iterator::next) else {
                return Some(Response::Verdict(Verdict::Continue));
            };
            match session.check(&response) {
                Ok(()) => return Some(response),
                Err(misuse) => Tap::note(self.connection, &format_args!("not said: {misuse}")),
            }
        }
        // They are large, and the next command may be long in coming.
        self.replies = None;
        None
    }

    /// The connection is over.
    pub(crate) fn end(&self, ending: &Ending) {
        if ending.in_message {
            self.tell("abort", &[]);
        }
        self.tell("close", &[]);
    }
}

/// The text of a command that patterns are held against.
fn subject(command: &Command<'_>) -> Vec<u8> {
    match *command {
        Command::Connect { host, peer } => {
            [host.as_bytes(), b" ", callbacks::address(&peer).as_bytes()].concat()
        }
        Command::Helo { name } => name.as_bytes().to_vec(),
        Command::MailFrom { address, .. } | Command::RcptTo { address, .. } => address.as_bytes().to_vec(),
        Command::Header { name, value } => [name.as_bytes(), b": ", value.as_bytes()].concat(),
        Command::Body { chunk } => chunk.to_vec(),
        Command::Unknown { line } => line.as_bytes().to_vec(),
        _ => Vec::new(),
    }
}
