//! What the filter examples do, as their command line says it: rules for verdicts, edits at the end of
//! a message, and what to negotiate.

mod handler;
mod options;
mod values;

use std::fs;

use milter_proto::Limits;
use milter_proto::filter::Support;
use milter_proto::negotiation::Negotiated;
use milter_proto::order::CommandKind;
use milter_proto::wire::{
    Actions, Chunks, Command, DataSize, Edit, LeadingSpace, MacroListsBuf, Response, Text, Verdict,
};
use milter_proto::{Timeouts, filter};

use super::failure::Failure;
use super::message::with_crlf;
use super::tap::{Tap, taps};
use values::{Envelope, Header};

pub(crate) use handler::Handler;
pub(crate) use options::Options;
pub(crate) use values::{BadValue, Seconds, name_of, stage};

/// The rules of a filter: the same for all its connections.
#[derive(Debug)]
pub(crate) struct Rules {
    options: Options,
    new_body: Option<Vec<u8>>,
    macro_lists: MacroListsBuf,
}

impl Rules {
    /// Reads what the options name.
    pub(crate) fn new(options: Options) -> Result<Self, Failure> {
        let read = |path: &std::path::PathBuf| {
            let body = fs::read(path).map_err(|error| Failure::File(path.display().to_string(), error))?;
            Ok::<_, Failure>(with_crlf(&body))
        };
        let new_body = options.replace_body.as_ref().map(read).transpose()?;
        let mut macro_lists = MacroListsBuf::new();
        for list in &options.macros {
            macro_lists.push(list.stage, text(&list.names));
        }
        Ok(Self { options, new_body, macro_lists })
    }

    pub(crate) const fn policy(&self) -> filter::Policy {
        self.options.policy.policy()
    }

    /// How much an MTA may send at once, which depends on what was agreed.
    ///
    /// libmilter closes on more, and so does this filter: no MTA sends it.
    pub(crate) fn limits(agreed: Option<&Negotiated>) -> Limits {
        let size = agreed.map_or(DataSize::K64, Negotiated::data_size);
        Limits::DEFAULT.with_receive(size.bytes())
    }

    /// How long a peer may be silent, and how long it may take nothing.
    pub(crate) fn timeouts(&self) -> Timeouts {
        let mut timeouts = Timeouts::LIBMILTER;
        if let Some(seconds) = self.options.timeout {
            (timeouts.command, timeouts.write) = (seconds.0, seconds.0);
        }
        timeouts
    }

    /// The logs of a connection, if there are to be any: what is read, and what is written.
    pub(crate) fn taps(&self, connection: u64) -> [Option<Tap>; 2] {
        taps(connection, self.options.log, self.options.log_content)
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
        let edits = self.edits(LeadingSpace::Mta, DataSize::K64);
        let needed = edits.fold(Actions::EMPTY, |actions, edit| actions | edit.action());
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

    /// What is said at the end of a message, before the verdict.
    fn at_the_end<'r>(
        &'r self,
        space: LeadingSpace,
        size: DataSize,
        held_for: Option<&'r str>,
    ) -> impl Iterator<Item = Response<'r>> + use<'r> {
        let progress = core::iter::repeat_n(Response::Progress, self.options.progress);
        let quarantine = held_for.map(|header| Edit::Quarantine { reason: text(header) });
        progress.chain(self.edits(space, size).chain(quarantine).map(Response::Edit))
    }

    fn edits(&self, space: LeadingSpace, size: DataSize) -> impl Iterator<Item = Edit<'_>> + use<'_> {
        let options = &self.options;
        // A value stands behind the colon with a space, which travels only if that was agreed.
        let add = options.add_header.iter().map(move |header| {
            let Header { name, value, .. } = header;
            Edit::AddHeader { name: text(name), value: behind_colon(value, space) }
        });
        let insert = options.insert_header.iter().map(move |header| {
            let Header { index, name, value } = header;
            Edit::InsertHeader { index: *index, name: text(name), value: behind_colon(value, space) }
        });
        let change = options.change_header.iter().map(move |header| {
            let Header { index, name, value } = header;
            Edit::ChangeHeader { index: *index, name: text(name), value: behind_colon(value, space) }
        });
        let delete = options.delete_header.iter().map(|place| Edit::ChangeHeader {
            index: place.index,
            name: text(&place.name),
            value: Text::EMPTY,
        });
        let sender = options.change_sender.iter().map(|Envelope { address, arguments }| Edit::ChangeFrom {
            address: text(address),
            arguments: arguments.as_deref().map(text),
        });
        let add_rcpt = options.add_rcpt.iter().map(|Envelope { address, arguments }| match arguments {
            Some(arguments) => {
                Edit::AddRcptWithArguments { address: text(address), arguments: Some(text(arguments)) }
            }
            None => Edit::AddRcpt { address: text(address) },
        });
        let delete_rcpt =
            options.delete_rcpt.iter().map(|address| Edit::DeleteRcpt { address: text(address) });
        let body = self.new_body.iter().flat_map(move |body| {
            // An empty body is one empty chunk.
            let empty = body.is_empty().then_some(&[][..]);
            empty.into_iter().chain(Chunks::new(body, size)).map(|chunk| Edit::ReplaceBody { chunk })
        });
        let quarantine = options.quarantine.iter().map(|reason| Edit::Quarantine { reason: text(reason) });
        add.chain(insert)
            .chain(change)
            .chain(delete)
            .chain(sender)
            .chain(add_rcpt)
            .chain(delete_rcpt)
            .chain(body)
            .chain(quarantine)
    }
}

/// A value as it travels. Options keep it with the space behind the colon.
fn behind_colon(value: &str, space: LeadingSpace) -> Text<'_> {
    Text::new(space.to_wire(value.as_bytes())).unwrap_or_default()
}

/// Text of an option, which never holds a NUL: the operating system's arguments end with one.
fn text(option: &str) -> Text<'_> {
    Text::new(option.as_bytes()).unwrap_or_default()
}
