//! What is negotiated: versions, bits, data sizes, and macros.

use milter_proto::macros::MacroDefaults;
use milter_proto::negotiation::Negotiated;
use milter_proto::order::{CommandKind, StepEffect, steps as step_effects};
use milter_proto::wire::{Actions, DataSize, ListStage, MacroStage, Offer, Steps, Version, code_name};

use super::json::{Json, object};
use crate::support::alphabet;
use crate::support::source;

/// The masks of each version, if libmilter or Postfix has one.
const MASKS: [(u32, Option<Actions>, Option<Steps>); 6] = [
    (1, Some(Actions::V1), Some(Steps::V1)),
    (2, Some(Actions::V2), Some(Steps::V2)),
    (3, None, Some(Steps::V3)),
    (4, None, Some(Steps::V4)),
    (5, None, None),
    (6, Some(Actions::ALL), Some(Steps::ALL)),
];

pub(super) fn versions() -> Json {
    let items = source::items("wire/bits.rs", "impl Version {");
    let of = |(number, actions, steps): (u32, Option<Actions>, Option<Steps>)| {
        let version = Version::new(number);
        let is_used = Offer::new(version, Actions::ALL, Steps::ALL).is_acceptable();
        let mut negotiated = Negotiated::NOTHING;
        negotiated.version = version;
        object! {
            number: number,
            is_accepted: is_used,
            actions: actions.map(Actions::bits),
            steps: steps.map(Steps::bits),
            implied_steps: names(negotiated.effective_steps()),
            description: is_used.then(|| source::named(&items, &format!("V{number}")).text.clone()),
        }
    };
    MASKS.map(of).to_vec().into()
}

pub(super) fn actions() -> Json {
    let items = source::items("wire/bits.rs", "    Actions {");
    let of = |(bit, name): &(Actions, &str)| {
        let item = source::named(&items, name);
        let edits = alphabet::edits();
        let edits =
            edits.iter().filter(|edit| edit.action() == *bit).map(|edit| code_name(edit.code()).unwrap());
        object! {
            name: *name,
            constant: item.alias("SMFIF_"),
            value: bit.bits(),
            hex: hex(bit.bits()),
            since: action_since(*bit),
            edits: edits.collect::<Vec<_>>(),
            description: item.text.clone(),
        }
    };
    Actions::NAMES.iter().map(of).collect::<Vec<_>>().into()
}

pub(super) fn steps() -> Json {
    let items = source::items("wire/bits.rs", "    Steps {");
    let of = |(bit, name): &(Steps, &str)| {
        let item = source::named(&items, name);
        let mut effects = step_effects().filter(|(step, _)| step == bit).map(|(_, effect)| effect);
        let (declines, drops_reply_of) = match effects.next() {
            Some(StepEffect::Declines(kind)) => (Some(kind), None),
            Some(StepEffect::DropsReply(kind)) => (None, Some(kind)),
            Some(other) => panic!("{other:?} has no key"),
            None => (None, None),
        };
        object! {
            name: *name,
            constant: item.alias("SMFIP_"),
            value: bit.bits(),
            hex: hex(bit.bits()),
            since: step_since(*bit),
            declines: declines.map(|kind: CommandKind| kind.to_string()),
            drops_reply_of: drops_reply_of.map(|kind: CommandKind| kind.to_string()),
            description: item.text.clone(),
        }
    };
    Steps::NAMES.iter().map(of).collect::<Vec<_>>().into()
}

pub(super) fn data_sizes() -> Json {
    let items = source::items("wire/bits.rs", "pub enum DataSize {");
    let sizes = [("Kib64", Steps::EMPTY), ("Kib256", Steps::DATA_SIZE_256K), ("Mib1", Steps::DATA_SIZE_1M)];
    let of = |(name, step): (&str, Steps)| {
        let size: DataSize = step.data_size();
        object! {
            constant: source::named(&items, name).alias("MILTER_MDS_"),
            step: names(step).pop(),
            bytes: size.bytes(),
        }
    };
    sizes.map(of).to_vec().into()
}

/// The stages of MACRO and of the macro lists.
pub(super) fn macro_stages() -> Json {
    let items = source::items("wire/macro_lists.rs", "impl ListStage {");
    let of = |(list, stage): (ListStage, MacroStage)| {
        let code = stage.byte();
        let item = items.iter().find(|item| item.text == format!("For {}.", words(stage))).unwrap();
        object! {
            command: code_name(code),
            code: code,
            char: char::from(code).to_string(),
            list: list.number(),
            list_constant: item.alias("SMFIM_"),
        }
    };
    ListStage::ALL.map(of).to_vec().into()
}

/// A stage in the words of the documentation.
fn words(stage: MacroStage) -> &'static str {
    match stage {
        MacroStage::END_OF_HEADERS => "the end of the headers",
        MacroStage::END_OF_MESSAGE => "the end of the message",
        stage => code_name(stage.byte()).unwrap(),
    }
}

/// The macros that MTAs send to a filter that requests none.
pub(super) fn macro_defaults() -> Json {
    let items = source::items("macros/defaults.rs", "impl MacroDefaults {");
    let sets = [
        ("SENDMAIL", MacroDefaults::SENDMAIL),
        ("POSTFIX", MacroDefaults::POSTFIX),
        ("POSTFIX_3_2", MacroDefaults::POSTFIX_3_2),
        ("POSTFIX_3_1", MacroDefaults::POSTFIX_3_1),
    ];
    let of = |(name, defaults): (&str, MacroDefaults)| {
        let stage = |(_, stage): (ListStage, MacroStage)| {
            let names = String::from_utf8(defaults.names(stage).as_bytes().to_vec()).unwrap();
            object! {
                stage: code_name(stage.byte()),
                names: names.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            }
        };
        object! {
            mta: source::named(&items, name).text.trim_end_matches('.'),
            lists: ListStage::ALL.map(stage).to_vec(),
        }
    };
    sets.map(of).to_vec().into()
}

/// The first version of which a bit is a part: 2 also stands for what version 1 had.
pub(super) fn action_since(bit: Actions) -> Option<u32> {
    let mut masks = MASKS.iter().filter_map(|(number, actions, _)| Some((*number, (*actions)?)));
    masks.find(|(_, mask)| mask.contains(bit)).map(|(number, _)| number.max(2))
}

/// As [`action_since`].
pub(super) fn step_since(bit: Steps) -> Option<u32> {
    let mut masks = MASKS.iter().filter_map(|(number, _, steps)| Some((*number, (*steps)?)));
    masks.find(|(_, mask)| mask.contains(bit)).map(|(number, _)| number.max(2))
}

pub(super) fn action_name(bit: Actions) -> String {
    format!("{bit:?}")
}

pub(super) fn step_name(bit: Steps) -> String {
    format!("{bit:?}")
}

fn names(steps: Steps) -> Vec<&'static str> {
    Steps::NAMES.iter().filter(|(bit, _)| steps.contains(*bit)).map(|(_, name)| *name).collect()
}

fn hex(bits: u32) -> String {
    format!("{bits:#010x}")
}
