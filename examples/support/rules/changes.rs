//! Edits, pauses and PROGRESS at the end of a message, in the order of the command line.

use core::iter::{once, repeat_n};
use core::time::Duration;
use std::fs;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use milter_proto::message::with_crlf;
use milter_proto::wire::{DataSize, Edit, LeadingSpace, Response, Text};

use super::values::{BadValue, Envelope, Header, Place, Seconds};
use super::{Next, text};

/// The edits and pauses at the end of each message, before the verdict.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes(Vec<Entry>);

/// One option.
#[derive(Clone, Debug)]
enum Entry {
    AddHeader(Header),
    InsertHeader(Header),
    ChangeHeader(Header),
    DeleteHeader(Place),
    Sender(Envelope),
    AddRcpt(Envelope),
    AddRcptWithArguments(Envelope),
    DeleteRcpt(String),
    Body(Vec<u8>),
    Quarantine(String),
    Progress(usize),
    Pause(Duration),
}

/// An option: its name, the form of its value, its help, and the function that reads the value.
struct Row(&'static str, &'static str, &'static str, fn(&str) -> Result<Entry, BadValue>);

const HEADING: &str = "At the end of each message, in the order in which they are given";
const OPTIONS: [Row; 12] = [
    Row("add-header", "NAME=VALUE", "Add a header", |text| Header::parse_new(text).map(Entry::AddHeader)),
    Row(
        "insert-header",
        "INDEX:NAME=VALUE",
        "Insert a header above the one at that place, counted from 0 over all headers",
        |text| text.parse().map(Entry::InsertHeader),
    ),
    Row(
        "change-header",
        "INDEX:NAME=VALUE",
        "Change a header, counted from 1 over those of its name",
        |text| text.parse().map(Entry::ChangeHeader),
    ),
    Row("delete-header", "INDEX:NAME", "Delete a header, counted as in --change-header", |text| {
        text.parse().map(Entry::DeleteHeader)
    }),
    Row("change-sender", "ADDRESS [ARGUMENTS]", "Change the sender", |text| {
        Ok(Entry::Sender(Envelope::parse(text)))
    }),
    Row("add-rcpt", "ADDRESS [ARGUMENTS]", "Add a recipient", |text| {
        Ok(Entry::AddRcpt(Envelope::parse(text)))
    }),
    Row(
        "add-rcpt-args",
        "ADDRESS [ARGUMENTS]",
        "Add a recipient with ADDRCPT_PAR, even without arguments",
        |text| Ok(Entry::AddRcptWithArguments(Envelope::parse(text))),
    ),
    Row("delete-rcpt", "ADDRESS", "Remove a recipient", |text| Ok(Entry::DeleteRcpt(text.to_owned()))),
    Row(
        "replace-body",
        "FILE",
        "Replace the body with the contents of a file, with CRLF as line ends; a second file is appended to the first",
        |path| fs::read(path).map(|body| Entry::Body(with_crlf(&body).into_owned())).map_err(BadValue::File),
    ),
    Row("quarantine", "REASON", "Quarantine the message", |text| Ok(Entry::Quarantine(text.to_owned()))),
    Row("progress", "N", "Send PROGRESS that many times", |text| {
        text.parse().map(Entry::Progress).map_err(|_| BadValue::Form("N, a number"))
    }),
    Row("pause", "SECONDS", "Send the output so far, then wait", |text| {
        text.parse().map(|Seconds(time)| Entry::Pause(time))
    }),
];

impl Args for Changes {
    fn augment_args(command: Command) -> Command {
        OPTIONS.iter().fold(command, |command, &Row(name, value, help, read)| {
            let arg = Arg::new(name).long(name).value_name(value).help(help).help_heading(HEADING);
            command.arg(arg.action(ArgAction::Append).value_parser(read))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Changes {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = OPTIONS.iter().flat_map(|row| {
            let places = matches.indices_of(row.0).into_iter().flatten();
            places.zip(matches.get_many::<Entry>(row.0).into_iter().flatten().cloned())
        });
        let mut given: Vec<_> = given.collect();
        given.sort_by_key(|&(place, _)| place);
        Ok(Self(given.into_iter().map(|(_, change)| change).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Changes {
    /// The responses and pauses, in order. Header values keep the space after the colon if that was negotiated, and
    /// bodies are sent in chunks of this size.
    pub(super) fn steps(
        &self,
        space: LeadingSpace,
        size: DataSize,
    ) -> impl Iterator<Item = Next<'_>> + Send + use<'_> {
        self.0.iter().flat_map(move |change| change.steps(space, size))
    }
}

impl Header {
    /// The value in the form that was negotiated.
    fn value(&self, space: LeadingSpace) -> Text<'_> {
        Text::new(space.to_wire(self.value.as_bytes())).unwrap_or_default()
    }
}

impl Entry {
    fn steps(&self, space: LeadingSpace, size: DataSize) -> Box<dyn Iterator<Item = Next<'_>> + Send + '_> {
        let edit = |edit| -> Box<dyn Iterator<Item = Next<'_>> + Send> { Box::new(once(Next::edit(edit))) };
        match self {
            Self::AddHeader(header) => {
                edit(Edit::AddHeader { name: text(&header.name), value: header.value(space) })
            }
            Self::InsertHeader(header) => edit(Edit::InsertHeader {
                index: header.index,
                name: text(&header.name),
                value: header.value(space),
            }),
            Self::ChangeHeader(header) => edit(Edit::ChangeHeader {
                index: header.index,
                name: text(&header.name),
                value: header.value(space),
            }),
            Self::DeleteHeader(Place { index, name }) => {
                edit(Edit::ChangeHeader { index: *index, name: text(name), value: Text::EMPTY })
            }
            Self::Sender(Envelope { address, arguments }) => {
                edit(Edit::ChangeFrom { address: text(address), arguments: arguments.as_deref().map(text) })
            }
            Self::AddRcpt(Envelope { address, arguments: None }) => {
                edit(Edit::AddRcpt { address: text(address) })
            }
            Self::AddRcpt(Envelope { address, arguments })
            | Self::AddRcptWithArguments(Envelope { address, arguments }) => {
                edit(Edit::AddRcptWithArguments {
                    address: text(address),
                    arguments: arguments.as_deref().map(text),
                })
            }
            Self::DeleteRcpt(address) => edit(Edit::DeleteRcpt { address: text(address) }),
            Self::Quarantine(reason) => edit(Edit::Quarantine { reason: text(reason) }),
            Self::Body(body) => Box::new(Edit::replace_body(body, size).map(Next::edit)),
            Self::Progress(count) => Box::new(repeat_n(Next::Send(Response::Progress), *count)),
            Self::Pause(time) => Box::new(once(Next::Pause(*time))),
        }
    }
}
