//! What the filter examples do, as their command line says it: rules for verdicts, edits at the end of
//! a message, and what to negotiate.

mod changes;
mod handler;
mod options;
mod values;

use core::fmt;
use core::time::Duration;

use milter_proto::Limits;
use milter_proto::filter::Support;
use milter_proto::negotiation::Negotiated;
use milter_proto::order::CommandKind;
use milter_proto::wire::{
    Actions, Command, DataSize, Edit, LeadingSpace, MacroListsBuf, Response, Text, Verdict,
};
use milter_proto::{Timeouts, filter};

use super::tap::Tap;

pub(crate) use handler::Handler;
pub(crate) use options::{HELP, Options};
pub(crate) use values::{BadValue, Seconds, header_name, name_of, stage_to_abort};

/// The message of a filter that was told to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopping(pub(crate) Duration);

impl fmt::Display for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f32();
        write!(
            f,
            "stopping: messages in progress have {seconds} s to end, and another signal ends them at once"
        )
    }
}

/// The rules of a filter: the same for all its connections.
#[derive(Debug)]
pub(crate) struct Rules {
    options: Options,
    macro_lists: MacroListsBuf,
}

/// The next thing to do while a reply is outstanding.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next<'r> {
    Say(Response<'r>),
    /// Flush the output, then wait.
    Pause(Duration),
}

impl<'r> Next<'r> {
    const fn edit(edit: Edit<'r>) -> Self {
        Self::Say(Response::Edit(edit))
    }
}

impl Rules {
    pub(crate) fn new(options: Options) -> Self {
        let mut macro_lists = MacroListsBuf::new();
        for list in &options.macros {
            macro_lists.push(list.stage, text(&list.names));
        }
        Self { options, macro_lists }
    }

    pub(crate) const fn policy(&self) -> filter::Policy {
        self.options.policy.policy()
    }

    /// How much an MTA may send at once, which depends on what was agreed.
    ///
    /// libmilter closes on more, and so does this filter: no MTA sends it.
    pub(crate) fn limits(agreed: Option<&Negotiated>) -> Limits {
        let size = agreed.map_or(DataSize::Kib64, Negotiated::data_size);
        Limits::DEFAULT.with_max_receive_payload(size.bytes())
    }

    /// How long a peer may be silent, and how long it may take nothing.
    pub(crate) fn timeouts(&self) -> Timeouts {
        Seconds::or_usual(self.options.timeout, Timeouts::LIBMILTER)
    }

    /// The logs of a connection, if there are to be any: what is read, and what is written.
    pub(crate) fn taps(&self, connection: u64) -> [Option<Tap>; 2] {
        self.options.logs.taps(connection)
    }

    /// What to negotiate.
    pub(crate) fn wishes(&self) -> filter::Options<'_> {
        let options = &self.options;
        let wishes = match &options.only {
            Some(only) => filter::Options::new(only.0.iter().copied()),
            None => filter::Options::all_commands(),
        };
        let if_wanted = |is_wanted| if is_wanted { Support::Optional } else { Support::Off };
        let no_reply = options.no_reply.iter().flat_map(|kinds| kinds.0.iter().copied());
        wishes
            .require(self.actions())
            .no_reply_to(no_reply)
            .skip(if_wanted(options.skip))
            .rejected_recipients(if_wanted(options.rejected_rcpt))
            .leading_space(if_wanted(options.leading_space))
            .data_size(options.data_size.size(), Support::Optional)
            .macro_lists(self.macro_lists.as_lists())
    }

    /// The actions that the edits need, and those that were asked for besides.
    fn actions(&self) -> Actions {
        let steps = self.options.changes.steps(LeadingSpace::Stripped, DataSize::Kib64);
        let needed = steps.fold(Actions::EMPTY, |actions, step| match step {
            Next::Say(Response::Edit(edit)) => actions | edit.action(),
            _ => actions,
        });
        let holds = !self.options.quarantine_if.is_empty();
        let quarantine = if holds { Actions::QUARANTINE } else { Actions::EMPTY };
        self.options.may.iter().fold(needed | quarantine, |actions, more| actions | more.0)
    }

    /// Whether the filter asked for a command, or has to be told of it in any case.
    fn wants(&self, kind: CommandKind) -> bool {
        let only = self.options.only.as_ref();
        kind.decline_step().is_none() || only.is_none_or(|only| only.0.contains(&kind))
    }

    /// The verdict on a command: that of the first rule that fits.
    fn verdict(&self, kind: CommandKind, command: &Command<'_>) -> Verdict<'_> {
        if let Some(rule) = self.options.at.iter().find(|rule| rule.fits(kind, command)) {
            return rule.say.verdict();
        }
        let is_refused = kind == CommandKind::RcptTo
            && self.options.reject_rcpt.iter().any(|pattern| pattern.fits(command));
        if is_refused { Verdict::Reject } else { Verdict::Continue }
    }

    /// The option by which messages with a header of that name are held.
    fn quarantine_for(&self, name: Text<'_>) -> Option<&str> {
        let mut names = self.options.quarantine_if.iter();
        names.find(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name.as_bytes())).map(String::as_str)
    }

    /// The responses and pauses at the end of a message, before the verdict.
    fn at_the_end<'r>(
        &'r self,
        space: LeadingSpace,
        size: DataSize,
        held_for: Option<&'r str>,
    ) -> impl Iterator<Item = Next<'r>> + Send + use<'r> {
        let quarantine = held_for.map(|header| Next::edit(Edit::Quarantine { reason: text(header) }));
        self.options.changes.steps(space, size).chain(quarantine)
    }
}

/// Text of an option, which never holds a NUL: the operating system's arguments end with one.
fn text(option: &str) -> Text<'_> {
    Text::new(option.as_bytes()).unwrap_or_default()
}
