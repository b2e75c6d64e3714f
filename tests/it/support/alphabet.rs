//! Every command and every response, with contents that stand for all others of their kind.

use milter_proto::wire::{
    Command, Edit, Frame, MacroStage, Macros, Offer, Peer, ReplyText, Response, Steps, Text, TextList,
    Verdict, Version,
};

use super::text;

pub(crate) const VERSIONS: [Version; 5] = [Version::V2, Version::V3, Version::V4, Version::V5, Version::V6];

/// What is offered where nothing else is said: every bit that may be answered.
pub(crate) const OFFERED: Steps = Steps::ALL.union(Steps::DATA_SIZE_256K).union(Steps::DATA_SIZE_1M);

/// A command, and whether it is a recipient that the MTA itself refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) command: Command<'static>,
    pub(crate) is_rejected: bool,
}

impl From<Command<'static>> for Said {
    fn from(command: Command<'static>) -> Self {
        Self { command, is_rejected: false }
    }
}

/// The commands that a session may be made of, without OPTNEG.
pub(crate) fn plain_commands() -> Vec<Said> {
    let (address, arguments) =
        (text(b"<a@b.c>"), TextList::new(b"SIZE=10\0").expect("a test list ends with NUL"));
    let recipient = Command::RcptTo { address, arguments: TextList::EMPTY };
    let mut all: Vec<Said> = [
        Command::Connect {
            host: text(b"mx.example"),
            peer: Peer::Inet { port: 25, address: text(b"192.0.2.1") },
        },
        Command::Helo { name: text(b"mx.example") },
        Command::MailFrom { address, arguments },
        recipient,
        Command::Data,
        Command::Header { name: text(b"Subject"), value: text(b" hello") },
        Command::EndOfHeaders,
        Command::Body { chunk: b"line\r\n" },
        Command::EndOfMessage { chunk: b"" },
        Command::Unknown { line: text(b"XYZZY") },
        Command::Abort,
        Command::Quit,
        Command::QuitNewConnection,
    ]
    .map(Said::from)
    .into();
    all.push(Said { command: recipient, is_rejected: true });
    all
}

/// MACRO for every stage, for a command that has no slot and for a byte that is no command.
pub(crate) fn macro_commands() -> Vec<Said> {
    b"CHMRTNEU\x01"
        .map(|code| {
            let list = TextList::new(b"{i}\0Q1\0").expect("a test list ends with NUL");
            let macros = Macros::new(MacroStage::new(code), list).expect("names and values");
            Said::from(Command::Macros(macros))
        })
        .into()
}

/// Commands that the strict law refuses wherever they stand.
pub(crate) fn bad_commands() -> Vec<Said> {
    let connect = |peer| Command::Connect { host: text(b"mx.example"), peer };
    [
        Command::Body { chunk: b"" },
        Command::EndOfMessage { chunk: b"line\r\n" },
        Command::Header { name: Text::EMPTY, value: text(b"hello") },
        connect(Peer::Inet { port: 25, address: text(b"300.0.2.1") }),
        connect(Peer::Unix { port: 0, path: text(&[b'x'; 108]) }),
        Command::Body { chunk: &[b'x'; 1_048_576] },
        Command::Other(Frame::new(b'Z', b"")),
    ]
    .map(Said::from)
    .into()
}

pub(crate) fn negotiation(offer: Offer) -> Said {
    Command::Negotiate(offer).into()
}

/// Every verdict.
pub(crate) fn verdicts() -> [Verdict<'static>; 9] {
    [
        Verdict::Continue,
        Verdict::Accept,
        Verdict::Reject,
        Verdict::Tempfail,
        Verdict::Discard,
        Verdict::Skip,
        Verdict::Reply(ReplyText::parse(b"451 4.7.1 later").expect("a test reply is well formed")),
        Verdict::Shutdown,
        Verdict::ConnectionFail,
    ]
}

/// Every edit.
pub(crate) fn edits() -> [Edit<'static>; 9] {
    let (name, value, address) = (text(b"X-Seen"), text(b"yes"), text(b"<d@e.f>"));
    let arguments = Some(text(b"NOTIFY=NEVER"));
    [
        Edit::AddHeader { name, value },
        Edit::InsertHeader { index: 0, name, value },
        Edit::ChangeHeader { index: 1, name, value: Text::EMPTY },
        Edit::ChangeFrom { address, arguments: None },
        Edit::AddRcpt { address },
        Edit::AddRcptWithArguments { address, arguments },
        Edit::DeleteRcpt { address },
        Edit::ReplaceBody { chunk: b"new\r\n" },
        Edit::Quarantine { reason: text(b"odd") },
    ]
}

/// Every response but the answer to OPTNEG.
pub(crate) fn responses() -> Vec<Response<'static>> {
    let verdicts = verdicts().map(Response::from);
    let edits = edits().map(Response::from);
    let rest = [
        Response::Progress,
        Response::MacroList { payload: b"" },
        Response::Other(Frame::new(b'Z', b"")),
        // No address is taken that is empty, and no payload that is too long.
        Response::from(Edit::AddRcpt { address: Text::EMPTY }),
        Response::from(Edit::ReplaceBody { chunk: &[b'x'; 1_048_576] }),
    ];
    verdicts.into_iter().chain(edits).chain(rest).collect()
}

/// Each bit of a set, alone.
pub(crate) fn bits(steps: Steps) -> impl Iterator<Item = Steps> {
    Steps::NAMES.iter().map(|row| row.0).filter(move |bit| steps.contains(*bit))
}
