//! What only the source of the crate holds of its tables: the names in libmilter, and the descriptions.

use std::sync::OnceLock;

use milter_proto::wire::{Actions, Steps};

use crate::support::source;

/// An item of a table: a constant or a variant.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) name: String,
    /// Its names in libmilter, of the prefix that was asked for.
    pub(super) c_names: Vec<String>,
    /// Its description.
    pub(super) doc: String,
}

/// The items after a line of the source that have a name with the prefix.
pub(super) fn items(file: &str, begin: &str, prefix: &str) -> Vec<Item> {
    let of = |item: source::Item| {
        let c_names: Vec<_> = item.aliases.into_iter().filter(|name| name.starts_with(prefix)).collect();
        (!c_names.is_empty()).then_some(Item { name: item.name, c_names, doc: item.doc })
    };
    source::items(file, begin).into_iter().filter_map(of).collect()
}

/// The bits of [`Actions`], and what is known of each.
pub(super) fn actions() -> &'static [(u32, Item)] {
    static ACTIONS: OnceLock<Vec<(u32, Item)>> = OnceLock::new();
    ACTIONS.get_or_init(|| {
        let bits = Actions::NAMES.iter().map(|(bit, name)| (bit.bits(), *name));
        named(bits, &items("wire/bits.rs", "    Actions {", "SMFIF_"))
    })
}

/// The bits of [`Steps`], and what is known of each.
pub(super) fn steps() -> &'static [(u32, Item)] {
    static STEPS: OnceLock<Vec<(u32, Item)>> = OnceLock::new();
    STEPS.get_or_init(|| {
        let bits = Steps::NAMES.iter().map(|(bit, name)| (bit.bits(), *name));
        named(bits, &items("wire/bits.rs", "    Steps {", "SMFI"))
    })
}

/// Each value with the item of its name.
fn named<'n>(values: impl Iterator<Item = (u32, &'n str)>, items: &[Item]) -> Vec<(u32, Item)> {
    let find =
        |name: &str| items.iter().find(|item| item.name == name).unwrap_or_else(|| panic!("no {name}"));
    values.map(|(value, name)| (value, find(name).clone())).collect()
}
