//! The tables of all constants.

use core::fmt::Write;

use milter_proto::wire::{Command, DataSize, Direction, ListStage, Peer, Response, Steps, Text, Verdict};

use crate::project::documents::with_links;

use super::source::{self, Item};
use super::{bytes_of, examples};
use crate::support::layout::{MESSAGES, Message};
use crate::support::whole;

pub(super) fn print() -> String {
    let mut text = String::new();
    commands(&mut text);
    responses(&mut text);
    bits(
        &mut text,
        "Actions",
        "The bits of the field `actions` of OPTNEG, `SMFIF_`, and what they permit.",
        source::actions(),
    );
    bits(&mut text, "Steps", "The bits of the field `steps` of OPTNEG: `SMFIP_`.", source::steps());
    macro_stages(&mut text);
    families(&mut text);
    data_sizes(&mut text);
    with_links(&text)
}

fn commands(text: &mut String) {
    let items = source::items("wire/code.rs", "    commands {", "SMFIC_");
    let rows = messages(Direction::ToFilter, &items).map(|(message, item)| {
        let version = message.min_version().expect("it is a command").to_string();
        vec![
            letter(message.code),
            byte(message.code),
            format!("`{}`", item.c_names[0]),
            version,
            item.doc.clone(),
        ]
    });
    let intro = "From the MTA to the filter: `SMFIC_`. The version is the first one that has the command.";
    table(text, "Commands", intro, &["code", "byte", "name", "version", "meaning"], rows);
}

fn responses(text: &mut String) {
    let mut items = source::items("wire/code.rs", "    responses {", "SMFIR_");
    let mut optneg = source::items("wire/code.rs", "    commands {", "SMFIC_");
    optneg.retain(|item| item.name == "OPTNEG");
    items.append(&mut optneg);
    let rows = messages(Direction::ToMta, &items).map(|(message, item)| {
        let is_optneg = item.name == "OPTNEG";
        let meaning = if is_optneg { "The filter's answer to the offer." } else { &item.doc };
        let name = format!("`{}`", item.c_names[0]);
        vec![letter(message.code), byte(message.code), name, bit(message), meaning.to_owned()]
    });
    let intro = "From the filter to the MTA: `SMFIR_`. The bit, if there is one, has to be negotiated.";
    table(text, "Responses", intro, &["code", "byte", "name", "bit", "meaning"], rows);
}

fn bits(text: &mut String, title: &str, intro: &str, bits: &[(u32, Item)]) {
    let rows = bits.iter().map(|(bit, item)| vec![format!("`{bit:#010x}`"), names(item), item.doc.clone()]);
    table(text, title, intro, &["bit", "name", "meaning"], rows);
}

fn macro_stages(text: &mut String) {
    let items = source::items("wire/macro_lists.rs", "impl ListStage {", "SMFIM_");
    assert_eq!(items.len(), ListStage::ALL.len());
    let rows = ListStage::ALL.into_iter().map(|(list, stage)| {
        let item = items.iter().find(|item| constant(&item.name) == list).expect("an item for each stage");
        let stage_name = format!("{stage:?}");
        vec![list.number().to_string(), names(item), letter(stage.byte()), stage_name]
    });
    let intro = "The numbers of the macro lists in the filter's OPTNEG, `SMFIM_`, and the byte that MACRO has in its field \
                 `stage` for the same command.";
    table(text, "Macro stages", intro, &["number", "name", "stage", "command"], rows);
}

/// The stage of a name. `stages_have_their_names` sees that these are all.
fn constant(name: &str) -> ListStage {
    match name {
        "CONNECT" => ListStage::CONNECT,
        "HELO" => ListStage::HELO,
        "MAIL" => ListStage::MAIL,
        "RCPT" => ListStage::RCPT,
        "DATA" => ListStage::DATA,
        "END_OF_MESSAGE" => ListStage::END_OF_MESSAGE,
        "END_OF_HEADERS" => ListStage::END_OF_HEADERS,
        _ => panic!("another stage: {name}"),
    }
}

fn families(text: &mut String) {
    let items = source::items("wire/command.rs", "pub enum Peer<'a> {", "SMFIA_");
    let peer = |name: &str| match name {
        "Unknown" => Peer::Unknown,
        "Unix" => Peer::Unix { port: 0, path: Text::EMPTY },
        "Inet" => Peer::Inet { port: 0, address: Text::EMPTY },
        "Inet6" => Peer::Inet6 { port: 0, address: Text::EMPTY },
        _ => panic!("another family: {name}"),
    };
    let rows = items.iter().map(|item| {
        let connect = Command::Connect { host: Text::EMPTY, peer: peer(&item.name) };
        let bytes = crate::support::bytes_of(&connect.encode());
        let family = whole(&bytes).payload()[1];
        let meaning = item.doc.split_once(": ").map_or(item.doc.as_str(), |(_, meaning)| meaning);
        vec![letter(family), byte(family), names(item), meaning.trim_end_matches('.').to_owned()]
    });
    let intro = "The field `family` of CONNECT: `SMFIA_`.";
    table(text, "Address families", intro, &["family", "byte", "name", "meaning"], rows);
}

fn data_sizes(text: &mut String) {
    let items = source::items("wire/bits.rs", "pub enum DataSize {", "MILTER_MDS_");
    let rows = [Steps::EMPTY, Steps::DATA_SIZE_256K, Steps::DATA_SIZE_1M].map(|step| {
        let size = step.data_size();
        let item = items.iter().find(|item| item.name == format!("{size:?}")).expect("an item for each size");
        let step = source::steps().iter().find(|(bit, _)| *bit == step.bits());
        vec![step.map_or("none".to_owned(), |(_, step)| names(step)), names(item), thousands(size.bytes())]
    });
    assert_eq!(items.len(), rows.len());
    let intro = "The largest payload, by the step in the filter's OPTNEG.";
    table(text, "Data sizes", intro, &["step", "name", "bytes of payload"], rows.into_iter());
}

/// The messages of a direction, each with its item.
fn messages(direction: Direction, items: &[Item]) -> impl Iterator<Item = (&'static Message, &Item)> {
    let count = MESSAGES.iter().filter(|message| message.direction == direction).count();
    assert_eq!(items.len(), count, "an item for each message");
    MESSAGES.iter().filter(move |message| message.direction == direction).map(|message| {
        let item = items.iter().find(|item| item.name == message.name());
        let item = item.unwrap_or_else(|| panic!("no item {}", message.name()));
        assert_eq!(item.c_names[0], message.c_name());
        (message, item)
    })
}

/// The bit that has to be negotiated for a response; empty if there is none.
fn bit(message: &Message) -> String {
    let bytes = bytes_of(examples::of(message).1.as_frame());
    let (bits, wanted) = match Response::parse(whole(&bytes)) {
        Ok(Response::Edit(edit)) => (source::actions(), edit.action().bits()),
        Ok(Response::Verdict(Verdict::Skip)) => (source::steps(), Steps::SKIP.bits()),
        _ => return String::new(),
    };
    let item = bits.iter().find(|(bit, _)| *bit == wanted);
    format!("`{}`", item.expect("the bit has a name").1.c_names[0])
}

/// A number with a comma between the thousands.
fn thousands(number: u32) -> String {
    let digits = number.to_string();
    let groups: Vec<_> =
        digits.as_bytes().rchunks(3).rev().map(|group| group.escape_ascii().to_string()).collect();
    groups.join(",")
}

fn letter(code: u8) -> String {
    format!("`{}`", char::from(code))
}

fn byte(code: u8) -> String {
    format!("{code:#04x}")
}

/// All names of an item.
fn names(item: &Item) -> String {
    item.c_names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn table(
    text: &mut String,
    title: &str,
    intro: &str,
    head: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) {
    if !text.is_empty() {
        text.push('\n');
    }
    let rule = head.iter().map(|_| "---").collect::<Vec<_>>().join(" | ");
    writeln!(text, "### {title}\n\n{intro}\n\n| {} |\n| {rule} |", head.join(" | ")).unwrap();
    for cells in rows {
        assert!(cells.iter().all(|cell| !cell.contains(['|', '\n', '['])), "{cells:?}");
        writeln!(text, "| {} |", cells.join(" | ").replace("|  |", "| |")).unwrap();
    }
}

#[test]
fn every_size_is_in_the_table() {
    let sizes = [DataSize::Kib64, DataSize::Kib256, DataSize::Mib1];
    let text = print();
    assert!(sizes.iter().all(|size| text.contains(&format!("| {} |", thousands(size.bytes())))));
}
