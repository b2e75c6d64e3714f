//! The fields of a frame as the crate's parser finds them, to compare with what has been read without it.

use milter_proto::wire::{
    Command, Direction, Edit, Frame, MacroLists, Peer, Response, Text, TextList, Verdict,
};

use super::layout::{Part, Value};

/// Whether the code is one of this direction.
pub(crate) fn is_known(direction: Direction, frame: Frame<'_>) -> bool {
    match direction {
        Direction::ToFilter => !matches!(Command::parse(frame), Ok(Command::Other(_))),
        Direction::ToMta => !matches!(Response::parse(frame), Ok(Response::Other(_))),
    }
}

/// The fields that the crate's parser finds; `None` if the frame is malformed, or its code unknown.
pub(crate) fn parsed(direction: Direction, frame: Frame<'_>) -> Option<Vec<Part<'_>>> {
    if !is_known(direction, frame) {
        return None;
    }
    match direction {
        Direction::ToFilter => Command::parse(frame).ok().map(command_parts),
        Direction::ToMta => Response::parse(frame).ok().map(response_parts),
    }
}

fn command_parts(command: Command<'_>) -> Vec<Part<'_>> {
    let mut parts = Parts::default();
    match command {
        Command::Negotiate(offer) => {
            parts.number("version", offer.version.number());
            parts.number("actions", offer.actions.bits());
            parts.number("steps", offer.steps.bits());
        }
        Command::Macros(macros) => {
            parts.push("stage", Value::U8(macros.stage().byte()));
            for (name, value) in macros.iter() {
                parts.text("name", name);
                parts.text("value", value);
            }
        }
        Command::Connect { host, peer } => {
            parts.text("host", host);
            match peer {
                Peer::Unknown => parts.push("family", Value::U8(b'U')),
                Peer::Unix { port, path } => parts.peer(b'L', port, path),
                Peer::Inet { port, address } => parts.peer(b'4', port, address),
                Peer::Inet6 { port, address } => parts.peer(b'6', port, address),
                _ => panic!("another kind of address"),
            }
        }
        Command::Helo { name } => parts.text("name", name),
        Command::MailFrom { address, arguments } | Command::RcptTo { address, arguments } => {
            parts.text("address", address);
            parts.texts("arguments", arguments);
        }
        Command::Header { name, value } => {
            parts.text("name", name);
            parts.text("value", value);
        }
        Command::Body { chunk } | Command::EndOfMessage { chunk } => parts.push("chunk", Value::Bytes(chunk)),
        Command::Unknown { line } => parts.text("line", line),
        _ => {}
    }
    parts.0
}

fn response_parts(response: Response<'_>) -> Vec<Part<'_>> {
    let mut parts = Parts::default();
    match response {
        Response::Negotiate(answer) => {
            parts.number("version", answer.version.number());
            parts.number("actions", answer.actions.bits());
            parts.number("steps", answer.steps.bits());
            parts.lists(answer.macro_lists);
        }
        Response::Edit(edit) => parts.edit(edit),
        Response::Verdict(Verdict::Reply(reply)) => parts.text("reply", reply.as_text()),
        Response::MacroList { payload } => parts.push("payload", Value::Bytes(payload)),
        _ => {}
    }
    parts.0
}

#[derive(Default)]
struct Parts<'a>(Vec<Part<'a>>);

impl<'a> Parts<'a> {
    fn push(&mut self, name: &'static str, value: Value<'a>) {
        self.0.push(Part { name, value });
    }

    fn number(&mut self, name: &'static str, number: u32) {
        self.push(name, Value::U32(number));
    }

    fn text(&mut self, name: &'static str, text: Text<'a>) {
        self.push(name, Value::Text(text.as_bytes()));
    }

    fn texts(&mut self, name: &'static str, texts: TextList<'a>) {
        texts.iter().for_each(|text| self.text(name, text));
    }

    fn peer(&mut self, family: u8, port: u16, address: Text<'a>) {
        self.push("family", Value::U8(family));
        self.push("port", Value::U16(port));
        self.text("address", address);
    }

    fn lists(&mut self, lists: MacroLists<'a>) {
        for (stage, names) in lists.iter() {
            self.number("stage", stage.number());
            self.text("names", names);
        }
    }

    fn edit(&mut self, edit: Edit<'a>) {
        match edit {
            Edit::AddHeader { name, value } => {
                self.text("name", name);
                self.text("value", value);
            }
            Edit::InsertHeader { index, name, value } | Edit::ChangeHeader { index, name, value } => {
                self.number("index", index);
                self.text("name", name);
                self.text("value", value);
            }
            Edit::ChangeFrom { address, arguments } | Edit::AddRcptWithArguments { address, arguments } => {
                self.text("address", address);
                arguments.into_iter().for_each(|arguments| self.text("arguments", arguments));
            }
            Edit::AddRcpt { address } | Edit::DeleteRcpt { address } => self.text("address", address),
            Edit::ReplaceBody { chunk } => self.push("chunk", Value::Bytes(chunk)),
            Edit::Quarantine { reason } => self.text("reason", reason),
            _ => panic!("another kind of edit"),
        }
    }
}
