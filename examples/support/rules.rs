//! The rules of the filter examples, from their command line: verdicts, edits at the end of a message, and what to negotiate.

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

/// The message of a filter that received a signal to stop.
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
    Send(Response<'r>),
    /// Flush the output, then wait.
    Pause(Duration),
}

impl<'r> Next<'r> {
    const fn edit(edit: Edit<'r>) -> Self {
        Self::Send(Response::Edit(edit))
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

    /// The limit on received frames, which depends on the negotiation.
    ///
    /// Like libmilter, the filter closes the connection on a longer frame. No MTA sends one.
    pub(crate) fn limits(negotiated: Option<&Negotiated>) -> Limits {
        let size = negotiated.map_or(DataSize::Kib64, Negotiated::data_size);
        Limits::DEFAULT.with_max_receive_payload(size.bytes())
    }

    /// How long a peer may send nothing, and accept nothing.
    pub(crate) fn timeouts(&self) -> Timeouts {
        Seconds::or_usual(self.options.timeout, Timeouts::LIBMILTER)
    }

    /// The logs of a connection, if there are any: of reads, and of writes.
    pub(crate) fn taps(&self, connection: u64) -> [Option<Tap>; 2] {
        self.options.logs.taps(connection)
    }

    /// The options to negotiate.
    pub(crate) fn filter_options(&self) -> filter::Options<'_> {
        let options = &self.options;
        let base = match &options.only {
            Some(only) => filter::Options::new(only.0.iter().copied()),
            None => filter::Options::all_commands(),
        };
        let optional = |is_requested| if is_requested { Support::Optional } else { Support::Off };
        let no_reply = options.no_reply.iter().flat_map(|kinds| kinds.0.iter().copied());
        base.require(self.actions())
            .no_reply_to(no_reply)
            .skip(optional(options.skip))
            .rejected_recipients(optional(options.rejected_rcpt))
            .leading_space(optional(options.leading_space))
            .data_size(options.data_size.size(), Support::Optional)
            .macro_lists(self.macro_lists.as_lists())
    }

    /// The actions that the edits need, and those of `--may`.
    fn actions(&self) -> Actions {
        let steps = self.options.changes.steps(LeadingSpace::Stripped, DataSize::Kib64);
        let needed = steps.fold(Actions::EMPTY, |actions, step| match step {
            Next::Send(Response::Edit(edit)) => actions | edit.action(),
            _ => actions,
        });
        let has_quarantine = !self.options.quarantine_if.is_empty();
        let quarantine = if has_quarantine { Actions::QUARANTINE } else { Actions::EMPTY };
        self.options.may.iter().fold(needed | quarantine, |actions, more| actions | more.0)
    }

    /// Whether the filter subscribes to a command, or the command cannot be declined.
    fn subscribes_to(&self, kind: CommandKind) -> bool {
        let only = self.options.only.as_ref();
        kind.decline_step().is_none() || only.is_none_or(|only| only.0.contains(&kind))
    }

    /// The verdict on a command: that of the first rule that matches.
    fn verdict(&self, kind: CommandKind, command: &Command<'_>) -> Verdict<'_> {
        if let Some(rule) = self.options.at.iter().find(|rule| rule.matches(kind, command)) {
            return rule.verdict.get();
        }
        let is_refused = kind == CommandKind::RcptTo
            && self.options.reject_rcpt.iter().any(|pattern| pattern.matches(command));
        if is_refused { Verdict::Reject } else { Verdict::Continue }
    }

    /// The value of `--quarantine-if` that matches a header, if there is one.
    fn quarantine_for(&self, name: Text<'_>) -> Option<&str> {
        let mut names = self.options.quarantine_if.iter();
        names.find(|header| header.as_bytes().eq_ignore_ascii_case(name.as_bytes())).map(String::as_str)
    }

    /// The responses and pauses at the end of a message, before the verdict.
    fn at_the_end<'r>(
        &'r self,
        space: LeadingSpace,
        size: DataSize,
        quarantine_header: Option<&'r str>,
    ) -> impl Iterator<Item = Next<'r>> + Send + use<'r> {
        let quarantine =
            quarantine_header.map(|header| Next::edit(Edit::Quarantine { reason: text(header) }));
        self.options.changes.steps(space, size).chain(quarantine)
    }
}

/// The text of an option. It cannot contain a NUL, because arguments of a program end with one.
fn text(option: &str) -> Text<'_> {
    Text::new(option.as_bytes()).unwrap_or_default()
}
