//! What can come again and again, in any number: twice as much of it must cost twice as much, and no more.

use milter_proto::filter::Event;
use milter_proto::macros::MacroStore;
use milter_proto::message::{Edits, Message};
use milter_proto::mta::EditStatus;
use milter_proto::transcript::Entry;
use milter_proto::wire::{
    Actions, Answer, Command, Direction, Edit, MacroStage, Offer, Peer, Response, Steps, TextList, Verdict,
    Version,
};

use crate::workloads::{body, commands_to_bytes, header, macros, responses_to_bytes, text};

/// A command, and what is said to it.
type Turn = (Command<'static>, Vec<Response<'static>>);

/// A conversation in which something comes that many times.
pub type Talk = fn(usize) -> Vec<Turn>;

/// A conversation at two sizes, and the length of the pieces in which it comes.
pub type Case = (Talk, usize, usize);

/// A conversation, and one that is twice as long, in whole turns.
pub fn doubled(talk: Talk, times: usize) -> [Case; 2] {
    doubled_in_pieces(talk, times, usize::MAX)
}

/// A conversation, and one that is twice as long, in pieces of that many bytes.
pub fn doubled_in_pieces(talk: Talk, times: usize, piece: usize) -> [Case; 2] {
    [(talk, times, piece), (talk, 2 * times, piece)]
}

/// Whole messages in one connection.
pub fn messages(times: usize) -> Vec<Turn> {
    let message = [envelope(), end([])].concat();
    [connection(), vec![message; times].concat()].concat()
}

/// Headers of 60 bytes.
pub fn headers(times: usize) -> Vec<Turn> {
    again(header("X-Bench-Header", "a value of a header that has sixty bytes"), times)
}

/// Headers of nearly 64 KiB.
pub fn large_headers(times: usize) -> Vec<Turn> {
    again(header("X-Bench-Header", &"x".repeat(65_000)), times)
}

/// Macros of one stage, that replace each other.
pub fn macro_lists(times: usize) -> Vec<Turn> {
    again(macros(MacroStage::RCPT, &["{rcpt_addr}", "anna@example.org", "{rcpt_mailer}", "local"]), times)
}

/// Macros of an early stage in two lengths, before 60,000 bytes of a later one.
pub fn early_macros(times: usize) -> Vec<Turn> {
    let late = macros(MacroStage::END_OF_MESSAGE, &["x", &"x".repeat(60_000)]);
    let lists = [["j", "mx"], ["j", "mx.example.org"]].map(|pairs| macros(MacroStage::CONNECT, &pairs));
    let lists = [(late, vec![])].into_iter().chain(lists.map(|list| (list, vec![])).into_iter().cycle());
    [connection(), lists.take(times).collect(), envelope(), end([])].concat()
}

/// A chunk of a body, of so many bytes.
pub fn large_chunk(bytes: usize) -> Vec<Turn> {
    let chunk = replied(Command::Body { chunk: body(bytes) });
    [connection(), envelope(), vec![replied(Command::EndOfHeaders), chunk], end_of_body([])].concat()
}

/// A chunk of a new body, of so many bytes.
pub fn large_replacement(bytes: usize) -> Vec<Turn> {
    [connection(), envelope(), end([Response::Edit(Edit::ReplaceBody { chunk: body(bytes) })])].concat()
}

/// Chunks of a body.
pub fn chunks(times: usize) -> Vec<Turn> {
    let chunks = vec![replied(Command::Body { chunk: body(500) }); times];
    [connection(), envelope(), vec![replied(Command::EndOfHeaders)], chunks, end_of_body([])].concat()
}

/// Edits at the end of a message.
pub fn edits(times: usize) -> Vec<Turn> {
    let edit = Edit::AddHeader { name: text("X-Bench-Header"), value: text("yes") };
    [connection(), envelope(), end(vec![Response::Edit(edit); times])].concat()
}

/// Chunks of a new body.
pub fn replacements(times: usize) -> Vec<Turn> {
    let edit = Edit::ReplaceBody { chunk: body(500) };
    [connection(), envelope(), end(vec![Response::Edit(edit); times])].concat()
}

/// PROGRESS in the place of a verdict.
pub fn progress(times: usize) -> Vec<Turn> {
    [connection(), envelope(), end(vec![Response::Progress; times])].concat()
}

/// Offers out of order.
pub fn offers(times: usize) -> Vec<Turn> {
    [connection(), vec![negotiation(); times]].concat()
}

fn negotiation() -> Turn {
    let answer = Answer::new(Version::CURRENT, Actions::ALL, Steps::EMPTY);
    (Command::Negotiate(Offer::FULL), vec![Response::Negotiate(answer)])
}

fn connection() -> Vec<Turn> {
    vec![
        negotiation(),
        replied(Command::Connect { host: text("mx.example.org"), peer: Peer::Unknown }),
        replied(Command::Helo { name: text("mx.example.org") }),
    ]
}

fn envelope() -> Vec<Turn> {
    let (address, arguments) = (text("<anna@example.org>"), TextList::EMPTY);
    [Command::MailFrom { address, arguments }, Command::RcptTo { address, arguments }, Command::Data]
        .map(replied)
        .to_vec()
}

/// A command of a message's headers, so many times.
fn again(command: Command<'static>, times: usize) -> Vec<Turn> {
    [connection(), envelope(), vec![replied(command); times], end([])].concat()
}

fn end(said: impl IntoIterator<Item = Response<'static>>) -> Vec<Turn> {
    let mut turns = vec![replied(Command::EndOfHeaders)];
    turns.extend(end_of_body(said));
    turns
}

fn end_of_body(said: impl IntoIterator<Item = Response<'static>>) -> Vec<Turn> {
    let said = said.into_iter().chain([Response::Verdict(Verdict::Accept)]).collect();
    vec![(Command::EndOfMessage { chunk: b"" }, said)]
}

fn replied(command: Command<'static>) -> Turn {
    let is_replied = !matches!(command, Command::Macros(_));
    (command, if is_replied { vec![Verdict::Continue.into()] } else { vec![] })
}

/// The commands of a conversation.
pub fn commands(turns: &[Turn]) -> Vec<Command<'static>> {
    turns.iter().map(|turn| turn.0).collect()
}

/// The responses of a conversation.
pub fn responses(turns: &[Turn]) -> Vec<Response<'static>> {
    turns.iter().flat_map(|turn| turn.1.iter().copied()).collect()
}

/// Both sides of a conversation in pieces, in their order.
pub fn both_sides(turns: &[Turn], piece: usize) -> Vec<(Direction, &'static [u8])> {
    let mut pieces = Vec::new();
    for (command, said) in turns {
        let sides = [
            (Direction::ToFilter, commands_to_bytes(&[*command])),
            (Direction::ToMta, responses_to_bytes(said)),
        ];
        for (direction, bytes) in sides {
            pieces.extend(bytes.leak().chunks(piece).map(|bytes| (direction, bytes)));
        }
    }
    pieces
}

/// A store of macros that has so many of them.
///
/// # Panics
/// If 64 KiB are not enough.
pub fn macro_store(names: usize) -> MacroStore<Vec<u8>> {
    let mut store = MacroStore::new(Vec::new());
    let list = macros(MacroStage::MAIL, &["{name}", "value"].repeat(names));
    store.observe(&Event::new(list)).expect("room");
    store
}

/// A line with a text of so many bytes, half of them escaped.
pub fn long_line(bytes: usize) -> Vec<String> {
    vec![format!("> BODY \"{}\"", "x\\x00".repeat(bytes / 2))]
}

/// A line with so many macros.
pub fn line_of_macros(macros: usize) -> Vec<String> {
    vec![format!("> MACRO MAIL{}", " \"{mail_addr}\" \"carla@example.com\"".repeat(macros))]
}

/// So many lines.
pub fn lines(count: usize) -> Vec<String> {
    vec!["> HEADER \"Subject\" \"caf\\xe9\"".to_owned(); count]
}

/// A frame with so many names of macros and their values.
pub fn pairs(count: usize) -> Command<'static> {
    macros(MacroStage::MAIL, &["i", "4Xk2Pq6bTzz9sYd"].repeat(count))
}

/// A message with so many headers, of 60 bytes, and a body of 40 KiB.
pub fn message_bytes(headers: usize) -> &'static [u8] {
    let mut bytes = Vec::new();
    for number in 0..headers {
        let name = format!("X-Bench-{}", number % 10);
        bytes.extend_from_slice(
            format!("{name}: a value of a header that has some sixty bytes\r\n").as_bytes(),
        );
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body(40 * 1024));
    bytes.leak()
}

/// A message with so many headers, and so many edits in its upper half. They insert as many headers there as they delete.
///
/// # Panics
/// If the edits are too long.
pub fn edited_message((edits, headers): (usize, usize)) -> (Message<'static>, Edits) {
    let mut list = Edits::new();
    for number in 0..edits {
        let index = u32::try_from(number * 37 % (headers / 20)).expect("a number");
        let names = ["X-Bench-0", "X-Bench-1", "X-Bench-2", "X-Bench-3", "X-Bench-4", "X-Bench-5"];
        let (name, value) = (text(names[number % names.len()]), text("another value of a header"));
        let edit = match number % 10 {
            0 | 5 => Edit::InsertHeader { index: index * 10, name, value },
            1 | 6 => Edit::ChangeHeader { index, name, value: text("") },
            4 => Edit::AddHeader { name, value },
            _ => Edit::ChangeHeader { index, name, value },
        };
        list.push(edit, EditStatus::Negotiated).expect("room");
    }
    (Message::parse(message_bytes(headers)), list)
}

/// A frame with so many bytes of a header's value.
pub fn header_bytes(count: usize) -> Command<'static> {
    header("X-Bench-Header", &"x".repeat(count))
}

/// What a line says.
///
/// # Panics
/// If it says nothing.
pub fn entry(line: &str) -> Entry {
    line.parse().expect("a line of a transcript")
}
